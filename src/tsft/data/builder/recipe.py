"""How a table becomes rows, as plain JSON: saved beside what was built, shown as a command, and run again."""

import difflib
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from tsft.data.builder.columns import ANOMALY, CLASS, LONG, WIDE
from tsft.data.recipe_files import read_recipe_file
from tsft.data.tasks.catalog import TASK
from tsft.data.tasks.words import LANGUAGES, STYLES
from tsft.errors import Message, Problem, message, raise_if_any

SPLITS = ("train", "validation", "test")
HOW = ("mean", "median", "minimum", "maximum", "last", "sum")
GAPS = ("interpolate", "mark", "split")
BY = ("time", "group", "none")
LEAST_POINTS, MOST_POINTS = 16, 4096
MOST_SERIES = 12
MOST_ROWS = 1_000_000
CHOICES: dict[str, tuple[str, ...]] = {
    "layout": ("", WIDE, LONG),
    "label_kind": ("", ANOMALY, CLASS),
    "resample_how": HOW,
    "gaps": GAPS,
    "split_by": BY,
}


@dataclass(frozen=True)
class BuildRecipe:
    """All that is chosen. An empty column or layout is guessed from the table.

    sources: table files; each is a group of its own. values: columns in the wide layout, the one value column in the
    long one; series: the long layout's column of names. normal: labels that mark nothing (() for the usual words).
    intervals: a file of labelled stretches. names and units by value column; a name may be a text, or one a language.
    resample_seconds 0 keeps the step of the table. gap_points: so many missing points in a row are filled (gaps
    "interpolate", "mark"), longer ones divide the recording; "split" fills none. stride 0 is the window's length.
    per_row: value columns together in one row, 0 for all. questions: about each window; rows: at most so many in all
    splits together, 0 for no limit. validation and test are shares of the time, or of the groups.
    """

    sources: tuple[str, ...] = ()
    layout: str = ""
    time: str = ""
    time_format: str = ""
    time_zone: str = "UTC"
    values: tuple[str, ...] = ()
    series: str = ""
    group: str = ""
    label: str = ""
    label_kind: str = ""
    normal: tuple[str, ...] = ()
    intervals: str = ""
    names: Mapping[str, Any] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    context: Mapping[str, str] = field(default_factory=dict)
    resample_seconds: float = 0.0
    resample_how: str = "mean"
    gaps: str = "interpolate"
    gap_points: int = 5
    window: int = 256
    stride: int = 0
    per_row: int = 0
    tasks: Mapping[str, float] = field(default_factory=dict)
    languages: Mapping[str, float] = field(default_factory=dict)
    styles: Mapping[str, float] = field(default_factory=dict)
    questions: float = 4.0
    rows: int = 0
    none_share: float = 0.25
    balance: bool = True
    split_by: str = "time"
    validation: float = 0.0
    test: float = 0.2
    seed: int = 7

    @property
    def step(self) -> int:
        """Points from one window to the next."""
        return self.stride or self.window

    def shares(self) -> dict[str, float]:
        """The splits with anything in them, in order of time."""
        if self.split_by == "none":
            return {"train": 1.0}
        found = {"train": 1.0 - self.validation - self.test, "validation": self.validation, "test": self.test}
        return {name: share for name, share in found.items() if share > 0}

    def to_json(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "BuildRecipe":
        """Checked; UserError with everything that is wrong."""
        known = [each.name for each in fields(BuildRecipe)]
        unknown = [name for name in data if name not in known]
        raise_if_any(Problem(name, _unknown("data.synth.unknown_entry", name, known)) for name in unknown)
        given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in data.items()}
        recipe = BuildRecipe(**given)
        raise_if_any(check_recipe(recipe))
        return recipe


def check_recipe(recipe: BuildRecipe) -> list[Problem]:
    """What is wrong with a recipe by itself, each under the name of its entry; the table is not looked at."""
    problems = [
        *_text_problems(recipe),
        *_weight_problems("tasks", recipe.tasks, TASK),
        *_weight_problems("languages", recipe.languages, LANGUAGES),
        *_weight_problems("styles", recipe.styles, STYLES),
        *_number_problems(recipe),
    ]
    for name, choices in CHOICES.items():
        if getattr(recipe, name) not in choices:
            known = [each for each in choices if each]
            problems.append(Problem(name, _unknown("data.synth.choice", str(getattr(recipe, name)), known)))
    if not recipe.sources:
        problems.append(Problem("sources", message("data.build.no_source")))
    is_share = all(_is_number(each) and 0 <= each < 1 for each in (recipe.validation, recipe.test))
    if not is_share or recipe.validation + recipe.test >= 1:
        told = message("data.build.shares", validation=str(recipe.validation), test=str(recipe.test))
        problems.append(Problem("test", told))
    return problems


def read_recipe(path: Path) -> BuildRecipe:
    """A recipe file. UserError where it cannot be read or holds something that is not known."""
    return BuildRecipe.from_json(read_recipe_file(path))


def command(recipe: BuildRecipe, name: str) -> str:
    """The same recipe as a command line; what is at its default is left out."""
    words = ["tsft", "data", "build", name, *recipe.sources]
    plain = BuildRecipe()
    for each in fields(BuildRecipe):
        value = getattr(recipe, each.name)
        if each.name != "sources" and value != getattr(plain, each.name):
            words += [f"--{each.name.replace('_', '-')}", _flag_text(value)]
    return shlex.join(words)


def _flag_text(value: Any) -> str:
    """As a flag takes it: JSON for what has names, which survives any sign in a column's name."""
    if isinstance(value, (Mapping, tuple)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _text_problems(recipe: BuildRecipe) -> Iterable[Problem]:
    for name in ("names", "units", "context"):
        value = getattr(recipe, name)
        if not isinstance(value, Mapping) or not all(_is_worded(each) for each in value.values()):
            yield Problem(name, message("data.build.texts", name=name))
    for name in ("sources", "values", "normal"):
        value = getattr(recipe, name)
        if not isinstance(value, tuple) or not all(isinstance(each, str) for each in value):
            yield Problem(name, message("data.build.list", name=name))


def _is_worded(value: Any) -> bool:
    """A text, or one for each of some languages."""
    if isinstance(value, Mapping):
        return set(value) <= set(LANGUAGES) and all(isinstance(each, str) for each in value.values())
    return isinstance(value, str)


def _number_problems(recipe: BuildRecipe) -> Iterable[Problem]:
    whole = {
        "window": (LEAST_POINTS, MOST_POINTS),
        "stride": (0, 10 * MOST_POINTS),
        "per_row": (0, MOST_SERIES),
        "gap_points": (0, MOST_POINTS),
        "rows": (0, MOST_ROWS),
        "seed": (0, 2**63),
    }
    for name, (least, most) in whole.items():
        value = getattr(recipe, name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            yield Problem(name, message("data.build.whole", name=name, value=str(value), least=least, most=most))
    for name, highest in (("none_share", 1.0), ("questions", 1000.0), ("resample_seconds", 1e10)):
        value = getattr(recipe, name)
        if not _is_number(value) or not 0 <= value <= highest or (name == "questions" and value == 0):
            yield Problem(name, message("data.build.number", name=name, value=str(value), most=highest))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _weight_problems(name: str, weights: Mapping[str, float], known: Iterable[str]) -> list[Problem]:
    choices = tuple(known)
    problems = [Problem(name, _unknown("data.synth.choice", each, choices)) for each in weights if each not in choices]
    bad = [value for value in weights.values() if not _is_number(value) or not 0 <= value < 1e6]
    if bad or (weights and not any(_is_number(value) and value > 0 for value in weights.values())):
        values = ", ".join(str(value) for value in weights.values())
        problems.append(Problem(name, message("data.synth.weights", name=name, values=values)))
    return problems


def _unknown(key: str, name: str, known: Sequence[str]) -> Message:
    near = difflib.get_close_matches(name, list(known), n=1)
    return message(key, value=name, known=", ".join(known), near=near[0] if near else next(iter(known)))
