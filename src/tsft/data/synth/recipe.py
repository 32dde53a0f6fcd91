"""What is to be generated, as plain JSON: every row of the stream follows from the recipe and its number alone."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from tsft.data.synth.domains import DOMAIN
from tsft.data.tasks.catalog import SYNTH_TASKS
from tsft.data.tasks.words import LANGUAGES, STYLES
from tsft.errors import Message, Problem, message, raise_if_any

# A change of any row asks for the next number; it goes into every row's id.
GENERATOR_VERSION = 2
DIFFICULTIES = ("easy", "medium", "hard", "mixed", "curriculum")
SPLITS = ("train", "validation", "test")
ANSWERS = ("one", "pairs", "judged")
LEAST_POINTS, MOST_POINTS = 32, 4096
MOST_SERIES = 12
MOST_QUESTIONS = 8
MOST_ROWS = 10_000_000
# Entries that are two numbers, least and most.
PAIRS = ("lengths", "series", "questions")


@dataclass(frozen=True)
class SynthRecipe:
    """One dataset to generate.

    tasks, languages and styles are weights by name, {} for all alike; lengths and series are (least, most), both
    included; domains () for all. questions: how many are asked about the series of one row, (least, most); the last is
    the row's input, what comes before is its history. split gives another stream of the same seed. none_share is the
    share of "there is nothing" answers where more than yes or no can be said; context_share that of rows which open
    with a sentence; missing_share that of rows with points that were not measured, filled by straight lines, as the
    question then says. answers: "one" right one; "pairs" of it and one that is wrong in a single fact, as `chosen` and
    `rejected`; "judged", one of the two with its verdict as `kto_tag`. meta names the fact (`mistake`).
    """

    count: int = 1000
    seed: int = 7
    split: str = "train"
    tasks: Mapping[str, float] = field(default_factory=dict)
    languages: Mapping[str, float] = field(default_factory=dict)
    styles: Mapping[str, float] = field(default_factory=dict)
    lengths: tuple[int, int] = (64, 256)
    series: tuple[int, int] = (1, 3)
    questions: tuple[int, int] = (1, 1)
    domains: tuple[str, ...] = ()
    difficulty: str = "mixed"
    none_share: float = 0.25
    context_share: float = 0.3
    missing_share: float = 0.0
    answers: str = "one"
    version: int = GENERATOR_VERSION

    def to_json(self) -> dict[str, Any]:
        lists = {name: list(getattr(self, name)) for name in (*PAIRS, "domains")}
        return {**asdict(self), **lists}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "SynthRecipe":
        """Checked; UserError with everything that is wrong."""
        known = [each.name for each in fields(SynthRecipe)]
        unknown = [name for name in data if name not in known]
        raise_if_any(Problem(name, _unknown("data.synth.unknown_entry", name, known)) for name in unknown)
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
        }
        recipe = SynthRecipe(**given)
        raise_if_any(check_recipe(recipe))
        return recipe


def check_recipe(recipe: SynthRecipe) -> list[Problem]:
    """All that is wrong with a recipe, each under the name of its entry."""
    problems = [
        *_weight_problems("tasks", recipe.tasks, [each.key for each in SYNTH_TASKS]),
        *_weight_problems("languages", recipe.languages, LANGUAGES),
        *_weight_problems("styles", recipe.styles, STYLES),
        *_range_problems("lengths", recipe.lengths, LEAST_POINTS, MOST_POINTS),
        *_range_problems("series", recipe.series, 1, MOST_SERIES),
        *_range_problems("questions", recipe.questions, 1, MOST_QUESTIONS),
    ]
    if not _is_whole(recipe.count) or not 1 <= recipe.count <= MOST_ROWS:
        problems.append(Problem("count", message("data.synth.count", value=str(recipe.count), most=MOST_ROWS)))
    if not _is_whole(recipe.seed) or recipe.seed < 0:
        problems.append(Problem("seed", message("data.synth.seed", value=str(recipe.seed))))
    for name, value, choices in (
        ("difficulty", recipe.difficulty, DIFFICULTIES),
        ("split", recipe.split, SPLITS),
        ("answers", recipe.answers, ANSWERS),
        *(("domains", each, tuple(DOMAIN)) for each in recipe.domains),
    ):
        if value not in choices:
            problems.append(Problem(name, _unknown("data.synth.choice", str(value), choices)))
    for name in ("none_share", "context_share", "missing_share"):
        share = getattr(recipe, name)
        if not isinstance(share, (int, float)) or not 0 <= share <= 1:
            problems.append(Problem(name, message("data.synth.share", name=name, value=str(share))))
    if recipe.version != GENERATOR_VERSION:
        told = message("data.synth.version", value=str(recipe.version), here=GENERATOR_VERSION)
        problems.append(Problem("version", told))
    return problems


def shares(weights: Mapping[str, float], names: Iterable[str]) -> dict[str, float]:
    """The weights as shares that sum to 1; all names alike where none is given."""
    given = {name: float(weight) for name, weight in weights.items() if weight > 0} or dict.fromkeys(names, 1.0)
    total = sum(given.values())
    return {name: weight / total for name, weight in given.items()}


def _weight_problems(name: str, weights: Mapping[str, float], known: Iterable[str]) -> list[Problem]:
    choices = tuple(known)
    problems = [Problem(name, _unknown("data.synth.choice", each, choices)) for each in weights if each not in choices]
    bad = [value for value in weights.values() if not isinstance(value, (int, float)) or not 0 <= value < 1e6]
    if bad or (weights and not any(value > 0 for value in weights.values() if isinstance(value, (int, float)))):
        values = ", ".join(str(value) for value in weights.values())
        problems.append(Problem(name, message("data.synth.weights", name=name, values=values)))
    return problems


def _range_problems(name: str, value: Any, least: int, most: int) -> list[Problem]:
    is_pair = isinstance(value, tuple) and len(value) == 2 and all(_is_whole(each) for each in value)
    if is_pair and least <= value[0] <= value[1] <= most:
        return []
    return [Problem(name, message("data.synth.range", name=name, value=str(value), least=least, most=most))]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _unknown(key: str, name: str, known: Iterable[str]) -> Message:
    near = difflib.get_close_matches(name, list(known), n=1)
    return message(key, value=name, known=", ".join(known), near=near[0] if near else next(iter(known)))
