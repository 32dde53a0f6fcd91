"""Times written in a table as seconds since 1970 in UTC: which form they have, and in which zone they were written."""

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pyarrow as pa
import pyarrow.compute as compute

from tsft.errors import UserError, message

ISO, SECONDS, MILLISECONDS = "iso", "unix", "unix_ms"
# Day first and month first read many of the same texts; the first form that reads more of them wins.
WRITTEN = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y",
    "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y",
    "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d-%m-%Y", "%Y%m%d%H%M%S", "%Y%m%d", "%Y.%m.%d %H:%M:%S", "%Y.%m.%d",
    "%d-%b-%Y %H:%M:%S", "%d %b %Y %H:%M:%S", "%d %b %Y", "%Y年%m月%d日 %H:%M:%S", "%Y年%m月%d日 %H:%M", "%Y年%m月%d日",
)  # fmt: skip
FORMATS = (ISO, SECONDS, MILLISECONDS, *WRITTEN)
# Of the cells that are looked at, so many must read as times.
READ_SHARE = 0.95
_SAMPLE = 500
# 1990 to 2100 as seconds: what lies outside is a measurement and no time.
_EPOCH = (631_152_000.0, 4_102_444_800.0)


def guess_format(texts: Sequence[str]) -> str:
    """The form of these times, one of `FORMATS`; "" where they are none."""
    filled = [text for text in texts if text]
    if not filled:
        return ""
    step = max(1, len(filled) // _SAMPLE)
    sample = filled[::step]
    best, most = "", READ_SHARE * len(sample)
    for form in FORMATS:
        read = int(np.isfinite(seconds_of(sample, form, "UTC")).sum())
        if read >= most and (not best or read > most):
            best, most = form, float(read)
    return best


def seconds_of(texts: Sequence[str], form: str, zone: str) -> np.ndarray:
    """float64[rows], seconds since 1970 in UTC, NaN where a text is no time. Times without a zone are of `zone`."""
    if form in (SECONDS, MILLISECONDS):
        values = np.array([_number(text) for text in texts], dtype=np.float64) / (1000 if form == MILLISECONDS else 1)
        values[~((values >= _EPOCH[0]) & (values <= _EPOCH[1]))] = np.nan
        return values
    if form == ISO:
        return _iso(texts, zone)
    naive = compute.strptime(pa.array(texts, pa.string()), format=form, unit="us", error_is_null=True)
    return _placed(naive, zone)


def check_zone(zone: str) -> None:
    """UserError where there is no such time zone."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UserError(message("data.build.time_zone", value=zone)) from None


def offset_seconds(zone: str, seconds: float) -> float:
    """How far the clocks of a zone are ahead of UTC at a moment."""
    offset = datetime.fromtimestamp(seconds, ZoneInfo(zone)).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0


def written(seconds: float) -> str:
    """A time as text, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _iso(texts: Sequence[str], zone: str) -> np.ndarray:
    naive: list[datetime | None] = []
    aware = np.full(len(texts), np.nan)
    for place, text in enumerate(texts):
        moment = _moment(text)
        if moment is not None and moment.tzinfo is not None:
            aware[place] = moment.timestamp()
            moment = None
        naive.append(moment)
    placed = _placed(pa.array(naive, pa.timestamp("us")), zone)
    return np.where(np.isnan(aware), placed, aware)


def _moment(text: str) -> datetime | None:
    # A bare number of eight digits is a date to `fromisoformat`, and a measurement to everybody else.
    if len(text) < 8 or not ("-" in text or ":" in text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _placed(naive: pa.Array, zone: str) -> np.ndarray:
    """Times of a zone in UTC; in the hour that comes twice the first is meant, in the one that is left out the next."""
    aware = compute.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="latest")
    micros = compute.cast(compute.cast(aware, pa.timestamp("us", "UTC")), pa.int64())
    return np.asarray(compute.fill_null(compute.cast(micros, pa.float64()), float("nan")).to_numpy(False)) / 1e6


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
