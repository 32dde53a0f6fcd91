"""One row of the stream: from (recipe, number) alone to series, question, answer and label."""

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from tsft.data.builder.wordings import filled_sentence
from tsft.data.synth.curves import pick
from tsft.data.synth.domains import DOMAIN, DOMAINS
from tsft.data.synth.groups import GROUPS
from tsft.data.synth.recipe import DIFFICULTIES, GENERATOR_VERSION, SynthRecipe, shares
from tsft.data.synth.scenes import LEVELS, TARGETS, Setting, single
from tsft.data.tasks.catalog import SYNTH_TASKS, TASK
from tsft.data.tasks.mistakes import Mistake, mistaken
from tsft.data.tasks.row import Asked, ask, to_row
from tsft.data.tasks.subject import Interval, Subject
from tsft.data.tasks.words import LANGUAGES, STYLES

# Scenes thrown away before a row counts as impossible, which would be a fault of the generator.
ATTEMPTS = 2_000
# Tasks whose main answer is yes or no: half of them no.
EVEN = ("rule", "season", "event_at", "anomaly_near", "spike", "level_shift")
# Rows on the trend whose first and last value, which the model's prefix prints, point the wrong way.
MISLEADING_SHARE = 0.5
_GOLDEN = 0.6180339887498949


def synth_rows(recipe: SynthRecipe, start: int = 0, stop: int | None = None) -> Iterator[dict[str, Any]]:
    """The rows [start, stop) of a recipe, in order."""
    return (synth_row(recipe, index) for index in range(start, recipe.count if stop is None else stop))


def synth_row(recipe: SynthRecipe, index: int) -> dict[str, Any]:
    """Row `index`, made alone: id, input, output, timeseries and meta (JSON text with label, seed and series id)."""
    return synth_scene(recipe, index)[0]


def synth_scene(recipe: SynthRecipe, index: int) -> tuple[dict[str, Any], Subject]:
    """The same row, and what is known of its series: for whoever shows it."""
    generator = np.random.default_rng(np.random.SeedSequence([recipe.seed, zlib.crc32(recipe.split.encode()), index]))
    # Evenly spread over any stretch of rows, whatever its length: the golden ratio's multiples.
    task = _at_share((index * _GOLDEN) % 1.0, *_table(recipe, "tasks"))
    language = _at_share(float(generator.random()), *_table(recipe, "languages"))
    style = _at_share(float(generator.random()), *_table(recipe, "styles"))
    level = _level(recipe, index, generator)
    domain = pick(tuple(DOMAIN[each] for each in recipe.domains) or DOMAINS, generator)
    # The wanted answer is fixed before anything is drawn: what is thrown away cannot tilt the balance.
    wanted = _wanted(recipe, task, generator)
    target = pick(TARGETS[task], generator) if task in TARGETS else ""
    is_misleading = task == "trend" and generator.random() < MISLEADING_SHARE
    # Not drawn where it cannot be: recipes without gaps keep their stream.
    has_gaps = recipe.missing_share > 0 and generator.random() < recipe.missing_share
    for _ in range(ATTEMPTS):
        length = _length(recipe, generator)
        count = int(generator.integers(recipe.series[0], recipe.series[1] + 1))
        missing = _gaps(length, generator) if has_gaps else ()
        setting = Setting(task, wanted, length, count, language, domain, LEVELS[level], target, missing)
        subject = GROUPS.get(task, single)(setting, generator)
        asked = None if subject is None else ask(task, subject, generator, language, style, wanted)
        if subject is not None and asked is not None and not (is_misleading and asked.label["prefix_answerable"]):
            opening = domain.context[language] if generator.random() < recipe.context_share else ""
            told = (opening, filled_sentence(missing, language))
            context = (" " if language == "en" else "").join(each for each in told if each)
            dialogue = _dialogue(recipe, asked, subject, generator, language)
            # From a generator of its own: question and series are those of the recipe with one answer.
            mistake = None if recipe.answers == "one" else mistaken(dialogue[-1], generator.spawn(1)[0])
            if recipe.answers != "one" and mistake is None:
                continue
            row = _finished(recipe, index, subject, dialogue, generator, language, context, level, missing, mistake)
            return row, subject
    raise RuntimeError(f"no row of task {task} after {ATTEMPTS} scenes: {recipe}, row {index}")


def series_id(series: list[list[float]]) -> str:
    """The same for two rows exactly when their series are the same; what belongs together is split by it."""
    digest = hashlib.blake2b(digest_size=8)
    for points in series:
        digest.update(np.asarray(points, dtype=np.float64).tobytes())
        digest.update(b"/")
    return digest.hexdigest()


def _dialogue(
    recipe: SynthRecipe, planned: Asked, subject: Subject, generator: np.random.Generator, language: str
) -> list[Asked]:
    """The planned question among others that the same series can be asked, in random order, no task twice."""
    least, most = recipe.questions
    wished = least if least == most else int(generator.integers(least, most + 1))
    found = [planned]
    # A subject of few facts has few questions: their number is a wish and not a promise.
    for _ in range(4 * (wished - 1)):
        if len(found) == wished:
            break
        task = _at_share(float(generator.random()), *_table(recipe, "tasks"))
        if any(each.label["task"] == task for each in found):
            continue
        style = _at_share(float(generator.random()), *_table(recipe, "styles"))
        asked = ask(task, subject, generator, language, style, _wanted(recipe, task, generator))
        if asked is not None:
            found.append(asked)
    return found if len(found) == 1 else [found[place] for place in generator.permutation(len(found)).tolist()]


def _finished(
    recipe: SynthRecipe,
    index: int,
    subject: Subject,
    dialogue: Sequence[Asked],
    generator: np.random.Generator,
    language: str,
    context: str,
    level: str,
    missing: Sequence[Interval],
    mistake: Mistake | None,
) -> dict[str, Any]:
    seed = [recipe.seed, recipe.split, index]
    meta: dict[str, Any] = {"source": "synth", "seed": seed, "version": GENERATOR_VERSION, "difficulty": level}
    if missing:
        meta["missing"] = [list(each) for each in missing]
    meta |= {"series": _subject_id(subject)}
    answers = None if mistake is None else _judged_answers(recipe, dialogue[-1], mistake, generator.spawn(1)[0])
    if mistake is not None and answers is not None and answers.get("kto_tag") is not True:
        meta["mistake"] = {"field": mistake.field, "value": mistake.value}
    row = to_row(dialogue[0], subject, language, generator, context, meta, dialogue[1:], answers)
    return {"id": f"synth-{GENERATOR_VERSION}-{recipe.split}-{recipe.seed}-{index}", **row}


def _judged_answers(
    recipe: SynthRecipe, asked: Asked, mistake: Mistake, generator: np.random.Generator
) -> dict[str, Any]:
    """The columns of the answers: both, or every other time the right one and else the wrong one, with its verdict."""
    if recipe.answers == "pairs":
        return {"chosen": asked.answer, "rejected": mistake.answer}
    is_good = bool(generator.random() < 0.5)
    return {"output": asked.answer if is_good else mistake.answer, "kto_tag": is_good}


def _subject_id(subject: Subject) -> str:
    return series_id([each.values.tolist() for each in subject.series])


def _wanted(recipe: SynthRecipe, task: str, generator: np.random.Generator) -> str:
    draw = float(generator.random())
    if not TASK[task].can_be_none:
        return ""
    share = 0.5 if task in EVEN else 1 / 3 if task == "correlate" else 0.25 if task == "mcq" else recipe.none_share
    return "none" if draw < share else "some"


def _level(recipe: SynthRecipe, index: int, generator: np.random.Generator) -> str:
    draw = float(generator.random())
    if recipe.difficulty == "mixed":
        return DIFFICULTIES[int(3 * draw)]
    if recipe.difficulty == "curriculum":
        # From all easy to mostly hard: the draw is spread by half a level around the row's place.
        place = 3 * index / max(1, recipe.count) + (draw - 0.5)
        return DIFFICULTIES[int(np.clip(place, 0, 2.999))]
    return recipe.difficulty


def _length(recipe: SynthRecipe, generator: np.random.Generator) -> int:
    """Evenly over the octaves between least and most."""
    least, most = recipe.lengths
    return round(least * (most / least) ** float(generator.random()))


def _gaps(length: int, generator: np.random.Generator) -> tuple[Interval, ...]:
    """One or two stretches that were not measured, apart from each other and from both ends."""
    most = max(2, length // 24)
    found: list[Interval] = []
    for first, last in ((2, length // 2 - 2), (length // 2 + 2, length - 2))[: int(generator.integers(1, 3))]:
        width = int(generator.integers(2, most + 1))
        start = int(generator.integers(first, last - width))
        found.append((start, start + width))
    return tuple(found)


def _at_share(share: float, names: tuple[str, ...], ends: np.ndarray) -> str:
    return names[min(int(np.searchsorted(ends, share, side="right")), len(names) - 1)]


def _table(recipe: SynthRecipe, name: str) -> tuple[tuple[str, ...], np.ndarray]:
    known = {"tasks": tuple(each.key for each in SYNTH_TASKS), "languages": LANGUAGES, "styles": STYLES}[name]
    return _cumulated(tuple(shares(getattr(recipe, name), known).items()))


@lru_cache(maxsize=64)
def _cumulated(given: tuple[tuple[str, float], ...]) -> tuple[tuple[str, ...], np.ndarray]:
    return tuple(name for name, _ in given), np.cumsum([share for _, share in given])
