"""Built datasets: a look at what a recipe would give, some rows of it, and the files with recipe and provenance."""

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tsft.atomic import replacing
from tsft.data.arrow_cache import Progress, ShouldStop, throttled
from tsft.data.builder.recipe import BuildRecipe, check_recipe
from tsft.data.builder.rows import Plan, Tally, plan_of, rows_of
from tsft.data.builder.tracks import read_recordings
from tsft.data.builder.windows import UNUSUAL
from tsft.data.checks.findings import KINDS
from tsft.data.content import content_hash
from tsft.data.provenance import Parent, Provenance, Step, write_provenance
from tsft.data.recipe_files import write_recipe_file
from tsft.data.registry import safe_name
from tsft.errors import Message, UserError, message, raise_if_any
from tsft.run.ports import Stopped


@dataclass(frozen=True)
class Built:
    """A finished dataset. paths and rows by split; prefix_answerable and none: shares of all rows.

    left_out: rows that the doctor would not have passed, by the kind of finding; short: rows that no window gave.
    """

    paths: Mapping[str, Path]
    rows: Mapping[str, int]
    tasks: Mapping[str, int]
    none_share: float
    prefix_share: float
    left_out: Mapping[str, int]
    short: int
    recipe: BuildRecipe
    notes: tuple[Message, ...]

    def messages(self) -> Iterator[Message]:
        """What was built, as sentences."""
        yield from self.notes
        for split, path in self.paths.items():
            yield message("data.build.written", split=split, rows=self.rows[split], path=str(path))
        yield message("data.build.shares_of_rows", none=f"{self.none_share:.0%}", prefix=f"{self.prefix_share:.0%}")
        for kind, count in self.left_out.items():
            yield message("data.build.doctor_left_out", count=count, title=KINDS[kind].title.to_json())
        if self.short:
            yield message("data.build.short", count=self.short)


def survey(recipe: BuildRecipe, folder: Path | None = None) -> Plan:
    """Everything but the rows: the recipe with its guesses, windows by split, and which tasks can be asked or why not.

    UserError with all that is wrong with the recipe or the tables.
    """
    raise_if_any(check_recipe(recipe))
    plan = plan_of(read_recordings(recipe, folder))
    if not any(plan.windows.values()):
        longest = max(len(track) for track in plan.recordings.tracks)
        raise UserError(message("data.build.no_windows", window=plan.recipe.window, points=longest))
    return plan


def notes_of(plan: Plan) -> list[Message]:
    """What a person should know before building: about the tables, and about splits without something to find."""
    found = list(plan.recordings.notes)
    for split, windows in plan.windows.items():
        if not windows:
            found.append(message("data.build.empty_split", split=split))
    has_labels = any(offer.task.needs == "intervals" and offer.reason is None for offer in plan.offers)
    for split, windows in plan.windows.items():
        if has_labels and windows and not any(each.kind == UNUSUAL for each in windows):
            found.append(message("data.build.nothing_unusual", split=split))
    return found


def preview(plan: Plan, count: int = 20) -> list[dict[str, Any]]:
    """The first rows of each split in turn, as they will be written."""
    splits = [rows_of(plan, split, Tally(), most=count) for split in plan.windows]
    turns = itertools.chain.from_iterable(itertools.zip_longest(*splits))
    return list(itertools.islice((row for row in turns if row is not None), count))


def build(
    recipe: BuildRecipe,
    name: str,
    target: Path,
    cache: Path,
    *,
    folder: Path | None = None,
    replaces: bool = False,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
    by: str = "",
) -> Built:
    """Write one JSONL a split into `target`: NAME-train.jsonl and so on, or NAME.jsonl without a split.

    `progress(rows, rows in all)` comes at most four times a second. Stopped and errors leave nothing behind.
    """
    plan = survey(recipe, folder)
    stem = safe_name(name)
    counts = plan.counts()
    is_single = recipe.split_by == "none"
    paths = {split: target / f"{stem}{'' if is_single else f'-{split}'}.jsonl" for split, n in counts.items() if n}
    taken = [path.name for path in paths.values() if path.exists()]
    if taken and not replaces:
        raise UserError(message("data.synth.exists", name=taken[0]))
    target.mkdir(parents=True, exist_ok=True)
    tally = Tally()
    with contextlib.ExitStack() as all_or_none:
        unfinished = {split: all_or_none.enter_context(replacing(path)) for split, path in paths.items()}
        said = _write(plan, unfinished, tally, throttled(progress), should_stop)
    _describe(plan, paths, said, cache, by)
    made = max(1, sum(said.rows.values()))
    return Built(
        paths,
        dict(said.rows),
        dict(said.tasks),
        said.none / made,
        said.prefix / made,
        dict(tally.left_out),
        tally.short,
        plan.recipe,
        tuple(notes_of(plan)),
    )


class _Said:
    """Counts of what was written."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self.tasks: Counter[str] = Counter()
        self.none = self.prefix = 0

    def add(self, split: str, row: Mapping[str, Any]) -> None:
        meta = orjson.loads(row["meta"])
        self.rows[split] += 1
        self.tasks[meta["task"]] += 1
        self.none += bool(meta["is_none"])
        self.prefix += bool(meta["prefix_answerable"])


def _write(
    plan: Plan, files: Mapping[str, Path], tally: Tally, report: Progress, should_stop: ShouldStop | None
) -> _Said:
    said, total = _Said(), sum(plan.counts().values())
    for split, path in files.items():
        with path.open("wb") as file:
            for row in rows_of(plan, split, tally):
                if should_stop is not None and should_stop():
                    raise Stopped
                file.write(orjson.dumps(row) + b"\n")
                said.add(split, row)
                report(sum(said.rows.values()), total)
    report(total, total)
    return said


def _describe(plan: Plan, paths: Mapping[str, Path], said: _Said, cache: Path, by: str) -> None:
    """Recipe and provenance beside each file. The files of a table stay where they are; their content is noted."""
    recipe = plan.recipe
    told = recipe.to_json()
    sources = {track.source for track in plan.recordings.tracks}
    parents = tuple(Parent(source.name, content_hash([source], cache), (str(source),)) for source in sorted(sources))
    for split, path in paths.items():
        write_recipe_file(path, told)
        step = Step("build", {**told, "split": split}, rows_out=said.rows[split])
        provenance = Provenance(parents, (step,), content_hash([path], cache), said.rows[split], by=by)
        write_provenance(path, provenance)
