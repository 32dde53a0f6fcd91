"""Real days to try on: Italy's hourly power demand, each labelled with its half of the year.

The questions are made here; the measurements are not ours and never shipped. They lie in the package `sktime` (UCR's
ItalyPowerDemand: 1,096 days of 24 values, scaled day by day), which is read as files and never imported: where it is
installed, else once from a download of pip's.
"""

import json
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tsft.atomic import write_text
from tsft.data.tasks.row import ask, to_row
from tsft.data.tasks.subject import NamedSeries, Subject
from tsft.errors import UserError, message
from tsft.wheels import NotFetched, fetch_wheel, installed_folders

POWER_NAME = "power_days"
POWER_ROWS = 1_096
POWER_POINTS = 24
PACKAGE = "sktime"
_SEED = 24
_FILES = ("ItalyPowerDemand_TRAIN.ts", "ItalyPowerDemand_TEST.ts")
_PLACE = "datasets/data/ItalyPowerDemand"
_NAMES = {"en": "power demand", "zh": "电力需求"}
# By the class in the file: October to March, April to September.
_CLASSES = {
    "en": {"1": "winter half-year", "2": "summer half-year"},
    "zh": {"1": "冬半年", "2": "夏半年"},
}
_CONTEXT = {
    "en": "The power demand of a country over one day, hour by hour.",
    "zh": "某国一天内逐小时的电力需求。",
}
# A package of 8 MB: what takes longer than this hangs.
_PATIENCE_SECONDS = 120
_ONE_AT_A_TIME = threading.Lock()


def power_file(cache: Path) -> Path:
    """Where the rows lie once they are made."""
    return cache / f"{POWER_NAME}-{_SEED}-{POWER_ROWS}.jsonl"


def materialise_power(cache: Path) -> Path:
    """The rows as a JSONL file in the cache folder, written at their first use. UserError where they cannot be had."""
    path = power_file(cache)
    with _ONE_AT_A_TIME:
        if not path.is_file():
            cache.mkdir(parents=True, exist_ok=True)
            write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in power_rows(_days())))
    return path


def power_rows(days: list[tuple[np.ndarray, str]]) -> Iterator[dict[str, object]]:
    """One row a day: which half of the year is it, in English and Chinese by turns. days: float64[24] and class."""
    generator = np.random.default_rng(_SEED)
    for index, (values, kind) in enumerate(days):
        language = ("en", "zh")[index % 2]
        words = _CLASSES[language]
        series = NamedSeries(_NAMES[language], values)
        subject = Subject((series,), label=words[kind], classes=tuple(words.values()), focus=0)
        asked = ask("classify", subject, generator, language, "short")
        assert asked is not None
        row = to_row(asked, subject, language, generator, _CONTEXT[language], {"source": PACKAGE})
        yield {"id": f"{POWER_NAME}-{index}", **row}


def read_days(text: str) -> list[tuple[np.ndarray, str]]:
    """The days of a `.ts` file: float64[24] and the class, in the file's order."""
    lines = text[text.index("@data") :].splitlines()[1:]
    parts = [line.rpartition(":") for line in lines if line.strip()]
    return [(np.array([float(each) for each in values.split(",")]), kind.strip()) for values, _, kind in parts]


def _days() -> list[tuple[np.ndarray, str]]:
    for place in installed_folders(PACKAGE):
        folder = place / _PLACE
        if all((folder / name).is_file() for name in _FILES):
            return [day for name in _FILES for day in read_days((folder / name).read_text(encoding="utf-8"))]
    with tempfile.TemporaryDirectory(prefix="tsft-") as working, zipfile.ZipFile(_fetched(Path(working))) as archive:
        texts = [archive.read(f"{PACKAGE}/{_PLACE}/{name}").decode("utf-8") for name in _FILES]
    return [day for text in texts for day in read_days(text)]


def _fetched(folder: Path) -> Path:
    """The package's wheel. UserError with pip's own reason."""
    try:
        return fetch_wheel(PACKAGE, folder, patience=_PATIENCE_SECONDS)
    except (NotFetched, OSError) as error:
        told = message("data.power.not_fetched", name=POWER_NAME, package=PACKAGE, reason=str(error))
        raise UserError(told) from error
