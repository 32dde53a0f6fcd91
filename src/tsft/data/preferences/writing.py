"""Preference rows as a dataset: pairs or judged answers, each looked at as training reads it before it is written."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import orjson

from tsft.atomic import replacing
from tsft.data.arrow_cache import Progress, ShouldStop, throttled
from tsft.data.content import content_hash
from tsft.data.doctor import check_record
from tsft.data.examples import RowRefused
from tsft.data.mapping import guess_mapping
from tsft.data.provenance import Parent, Provenance, Step, read_provenance, write_provenance
from tsft.data.registry import safe_name
from tsft.data.row_files import chatts_row
from tsft.errors import Message, UserError, message
from tsft.run.ports import Stopped

STEP = "prefer"


@dataclass(frozen=True)
class PreferenceRow:
    """A question with a pair (rejected is there), or with one judged answer (is_good is there).

    turns: up to the question, with the literal placeholders; series: float64[L] each; answer: the better one of a pair.
    """

    turns: Sequence[Mapping[str, str]]
    series: Sequence[np.ndarray]
    answer: str
    rejected: str | None = None
    is_good: bool | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Tally:
    """What became of everything that was looked at. looked_at: questions; pairs, good, bad: rows; left_out: by reason.

    unread: answers that the scorer could not read, of all questions. refused: what training would not read, by the
    key of the sentence; first: the first sentence of each.
    """

    looked_at: int = 0
    pairs: int = 0
    good: int = 0
    bad: int = 0
    unread: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    first: dict[str, Message] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return self.pairs + self.good + self.bad

    def messages(self) -> Iterator[Message]:
        """The counts as sentences: what there is, and what was left out and why."""
        if self.good or self.bad:
            yield message("preferences.judged", good=self.good, bad=self.bad, count=self.looked_at)
        else:
            yield message("preferences.pairs", pairs=self.pairs, count=self.looked_at)
        if self.unread:
            yield message("preferences.unread", count=self.unread)
        for reason, count in self.left_out.items():
            yield message(f"preferences.left_out.{reason}", count=count)
        for key, count in self.refused.items():
            yield message("preferences.refused", count=count, why=self.first[key].to_json())


@dataclass(frozen=True)
class Written:
    """A finished dataset of preference rows. notes: what else a person should know."""

    name: str
    path: Path
    tally: Tally
    notes: tuple[Message, ...] = ()

    def messages(self) -> Iterator[Message]:
        yield message("preferences.written", name=self.name, rows=self.tally.rows, path=str(self.path))
        yield from self.tally.messages()
        yield from self.notes


@dataclass(frozen=True)
class Origin:
    """The datasets that the rows were asked of, and how the rows were made, so that it can be done again."""

    parents: tuple[Parent, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


def write_preferences(
    rows: Iterable[PreferenceRow],
    tally: Tally,
    name: str,
    target: Path,
    cache: Path,
    origin: Origin,
    *,
    by: str = "",
    replaces: bool = False,
    total: int = 0,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Written:
    """Write the rows as NAME.jsonl into the folder `target`; `tally` counts along with whoever makes the rows.

    `progress(questions looked at, total)`. UserError where the name is taken or no row is left. Stopped and errors
    leave nothing behind.
    """
    stem = safe_name(name.strip().removesuffix(".jsonl"))
    if not name.strip():
        raise UserError(message("preferences.no_name"))
    path = target / f"{stem}.jsonl"
    _refuse_taken(path, replaces)
    target.mkdir(parents=True, exist_ok=True)
    report = throttled(progress)
    with replacing(path) as unfinished:
        with unfinished.open("wb") as file:
            for line in lines_of(rows, tally):
                if should_stop is not None and should_stop():
                    raise Stopped
                file.write(line + b"\n")
                report(tally.looked_at, total)
            report(total, total)
        if not tally.rows:
            raise nothing(tally)
    step = Step(STEP, dict(origin.options), rows_in=tally.looked_at, rows_out=tally.rows)
    provenance = Provenance(origin.parents, (step,), content_hash([path], cache), tally.rows, by=by)
    write_provenance(path, provenance)
    return Written(path.stem, path, tally)


class Kept(Protocol):
    """What people left behind: verdicts of the Chat, finished items of the label room."""

    @property
    def origin(self) -> str:
        """What it is, in the provenance."""
        ...

    def rows(self, kind: str, tally: Tally) -> Iterator[PreferenceRow]: ...


def write_kept(
    kept: Kept, kind: str, name: str, target: Path, cache: Path, *, by: str = "", replaces: bool = False
) -> Written:
    """A dataset of all of it. UserError where it gives no row, or the name is taken."""
    tally, origin = Tally(), Origin(options={"from": kept.origin, "as": kind})
    rows = kept.rows(kind, tally)
    written = write_preferences(rows, tally, name, target, cache, origin, by=by, replaces=replaces)
    return replace(written, notes=one_sided(tally))


def counted_rows(kept: Kept, kind: str) -> Tally:
    """What it would hold. UserError where it gives no row."""
    tally = Tally()
    count(kept.rows(kind, tally), tally)
    if not tally.rows:
        raise nothing(tally)
    return tally


def lines_of(rows: Iterable[PreferenceRow], tally: Tally) -> Iterator[bytes]:
    """Each row that training can read as a line of JSON without its end; the others are counted with their reason."""
    seen: set[bytes] = set()
    for row in rows:
        record = _record(row)
        mapping = guess_mapping(record)
        assert mapping is not None  # the columns are ours
        try:
            check_record(record, mapping)
        except RowRefused as refused:
            tally.refused[refused.reason.key] += 1
            tally.first.setdefault(refused.reason.key, refused.reason)
            continue
        digest = _digest(record)
        if digest in seen:
            tally.left_out["repeated"] += 1
            continue
        seen.add(digest)
        if row.rejected is not None:
            tally.pairs += 1
        elif row.is_good:
            tally.good += 1
        else:
            tally.bad += 1
        yield orjson.dumps(record)


def count(
    rows: Iterable[PreferenceRow],
    tally: Tally,
    total: int = 0,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Tally:
    """The same counts without writing anything."""
    report = throttled(progress)
    for _ in lines_of(rows, tally):
        if should_stop is not None and should_stop():
            raise Stopped
        report(tally.looked_at, total)
    report(total, total)
    return tally


def one_sided(tally: Tally) -> tuple[Message, ...]:
    """That all answers are of one kind, where they were judged."""
    is_one = tally.rows and not tally.pairs and not (tally.good and tally.bad)
    return (message("preferences.one_sided"),) if is_one else ()


def nothing(tally: Tally) -> UserError:
    """That no row is left, with every reason."""
    if not tally.looked_at and not tally.refused:
        return UserError(message("preferences.nothing"))
    _, *reasons = tally.messages()
    return UserError(message("preferences.none_left", count=tally.looked_at), *reasons)


def _refuse_taken(path: Path, replaces: bool) -> None:
    """Nothing is written over but what was made here: the rows that were asked may have the same name."""
    if not path.exists():
        return
    if not replaces:
        raise UserError(message("data.synth.exists", name=path.name))
    known = read_provenance(path)
    if known is None or not known.steps or known.steps[-1].do != STEP:
        raise UserError(message("preferences.not_ours", name=path.name))


def _record(row: PreferenceRow) -> dict[str, Any]:
    turns = [*row.turns, {"role": "assistant", "content": row.answer.strip()}]
    meta = json.dumps(dict(row.meta), ensure_ascii=False)
    rejected = row.rejected.strip() if row.rejected is not None else None
    return chatts_row(turns, row.series, meta, rejected, row.is_good)


def _digest(record: Mapping[str, Any]) -> bytes:
    """The same for two rows that teach the same."""
    told = {name: value for name, value in record.items() if name != "meta"}
    return hashlib.blake2b(orjson.dumps(told, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
