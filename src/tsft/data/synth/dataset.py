"""Generated datasets on disk: written by one process or several, mixed with own rows, with recipe and provenance."""

import contextlib
import itertools
import json
import multiprocessing
import shlex
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import orjson

from tsft.atomic import replacing
from tsft.data.arrow_cache import Progress, ShouldStop, throttled
from tsft.data.content import content_hash
from tsft.data.examples import Example
from tsft.data.preparation import read_dataset
from tsft.data.provenance import Parent, Provenance, Step, write_provenance
from tsft.data.readers import ExampleRows
from tsft.data.recipe_files import read_recipe_file, write_recipe_file
from tsft.data.registry import find_dataset, safe_name
from tsft.data.row_files import FORMATS, chatts_row, write_lines
from tsft.data.synth.recipe import PAIRS, SynthRecipe
from tsft.data.synth.rows import synth_rows
from tsft.errors import Problem, UserError, message, raise_if_any
from tsft.run.ports import Stopped

# Rows a worker makes at a time: about a fifth of a second of work, and a few hundred kB to hand over.
_BLOCK_ROWS = 200


@dataclass(frozen=True)
class SynthJob:
    """All that makes one dataset: the recipe, and the own rows it is mixed with ("" for none).

    share: of the finished rows, those that are generated; every own row comes once, and the recipe's count follows
    from the two. format: "jsonl" or "parquet".
    """

    recipe: SynthRecipe = SynthRecipe()
    mix_with: str = ""
    share: float = 0.3
    format: str = "jsonl"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "recipe": self.recipe.to_json()}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "SynthJob":
        """Of a recipe file: a whole job, or a bare recipe. UserError with everything that is wrong."""
        if "recipe" not in data:
            return SynthJob(SynthRecipe.from_json(data))
        known = {each.name for each in fields(SynthJob)}
        unknown = [name for name in data if name not in known]
        raise_if_any(
            Problem(
                name, message("data.synth.unknown_entry", value=name, known=", ".join(sorted(known)), near="recipe")
            )
            for name in unknown
        )
        job = SynthJob(**{**data, "recipe": SynthRecipe.from_json(data["recipe"])})
        raise_if_any(check_job(job))
        return job


@dataclass(frozen=True)
class Written:
    """A finished dataset and how many of its rows were generated and how many are own."""

    name: str
    path: Path
    generated: int
    own: int


def check_job(job: SynthJob) -> list[Problem]:
    """What is wrong with the parts of a job beside its recipe."""
    problems = []
    if job.mix_with and not (isinstance(job.share, (int, float)) and 0 < job.share < 1):
        problems.append(Problem("share", message("data.synth.mix_share", value=str(job.share))))
    if job.format not in FORMATS:
        told = message("data.synth.choice", value=str(job.format), known=", ".join(FORMATS), near=FORMATS[0])
        problems.append(Problem("format", told))
    return problems


def read_job(path: Path) -> SynthJob:
    """A recipe file. UserError where it cannot be read or holds something that is not known."""
    return SynthJob.from_json(read_recipe_file(path))


def command(job: SynthJob, name: str) -> str:
    """The same job as a command line; what is at its default is left out."""
    words = ["tsft", "data", "synth", name]
    plain = SynthRecipe()
    for each in fields(SynthRecipe):
        value = getattr(job.recipe, each.name)
        if value == getattr(plain, each.name) or each.name == "version":
            continue
        words += [f"--{each.name.replace('_', '-')}", _flag_text(each.name, value)]
    if job.mix_with:
        words += ["--mix-with", job.mix_with, "--share", f"{job.share:g}"]
    if job.format != FORMATS[0]:
        words += ["--format", job.format]
    return shlex.join(words)


def write_dataset(
    job: SynthJob,
    name: str,
    folder: Path,
    cache: Path,
    *,
    folders: Sequence[Path] = (),
    workers: int = 1,
    replaces: bool = False,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
    by: str = "",
) -> Written:
    """Generate (and mix) into `folder` under a name. progress(rows done, rows in all); Stopped leaves nothing behind.

    `folders` are those in which `mix_with` is looked for. The rows do not depend on the number of workers.
    """
    path = folder / f"{safe_name(name)}.{job.format}"
    if path.exists() and not replaces:
        raise UserError(message("data.synth.exists", name=path.name))
    own, parents = _own_rows(job, folders, cache, should_stop)
    recipe = replace(job.recipe, count=_generated_count(len(own), job.share)) if own is not None else job.recipe
    total = recipe.count + (len(own) if own is not None else 0)
    generated = _generated(recipe, workers)
    rows = generated if own is None else _interleaved(own, generated, job.share, total)
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(generated), replacing(path) as unfinished:
        write_lines(_watched(rows, total, throttled(progress), should_stop), unfinished, job.format)
    finished = replace(job, recipe=recipe)
    write_recipe_file(path, finished.to_json())
    steps = [Step("synth", recipe.to_json(), rows_out=recipe.count)]
    if own is not None:
        steps.append(Step("mix", {"with": job.mix_with, "share": job.share}, rows_in=len(own), rows_out=total))
    provenance = Provenance(parents, tuple(steps), content_hash([path], cache), total, by=by)
    write_provenance(path, provenance)
    return Written(path.stem, path, recipe.count, total - recipe.count)


def _own_rows(
    job: SynthJob, folders: Sequence[Path], cache: Path, should_stop: ShouldStop | None
) -> tuple[ExampleRows | None, tuple[Parent, ...]]:
    if not job.mix_with:
        return None, ()
    dataset = find_dataset(job.mix_with, folders, cache)
    rows, _ = read_dataset(job.mix_with, folders, cache, should_stop=should_stop)
    if not len(rows):
        raise UserError(message("data.none_left", read=0))
    files = tuple(str(each) for each in dataset.files)
    return rows, (Parent(dataset.name, content_hash(dataset.files, cache), files, len(rows)),)


def _generated_count(own: int, share: float) -> int:
    """So many generated rows that they are this share of all."""
    return max(1, round(own * share / (1.0 - share)))


def _generated(recipe: SynthRecipe, workers: int) -> Generator[bytes, None, None]:
    """JSON lines in order. A generator, so that closing it ends the workers."""
    starts = range(0, recipe.count, _BLOCK_ROWS)
    if workers <= 1 or recipe.count <= _BLOCK_ROWS:
        for start in starts:
            yield from _block(recipe, start)
        return
    # Spawned, because the process that asks may hold threads, a page and a GPU.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context)
    try:
        # Not `map`: it would hand out all blocks of ten million rows at once.
        waiting = [pool.submit(_block, recipe, start) for start in itertools.islice(starts, 2 * workers)]
        for start in [*starts[2 * workers :], *[-1] * len(waiting)]:
            yield from waiting.pop(0).result()
            if start >= 0:
                waiting.append(pool.submit(_block, recipe, start))
    finally:
        pool.shutdown(cancel_futures=True)


def _block(recipe: SynthRecipe, start: int) -> list[bytes]:
    rows = synth_rows(recipe, start, min(start + _BLOCK_ROWS, recipe.count))
    return [orjson.dumps(row) for row in rows]


def _interleaved(own: ExampleRows, generated: Iterator[bytes], share: float, total: int) -> Iterator[bytes]:
    """Own and generated rows in their own orders, evenly mixed."""
    made = total - len(own)
    place = 0
    for index in range(total):
        if (index + 1) * made // total > index * made // total:
            yield next(generated)
        else:
            yield orjson.dumps(_own_row(own[place], place))
            place += 1


def _own_row(example: Example, index: int) -> dict[str, Any]:
    """A row in the shape of the generated ones; columns that it does not need are left out."""
    meta = json.dumps({"source": "own", "row": example.row})
    return {"id": f"own-{index}"} | chatts_row(example.turns, example.series, meta, example.rejected, example.is_good)


def _watched(rows: Iterator[bytes], total: int, report: Progress, should_stop: ShouldStop | None) -> Iterator[bytes]:
    for done, row in enumerate(rows, 1):
        if should_stop is not None and should_stop():
            raise Stopped
        yield row
        report(done, total)


def _flag_text(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{key}={weight:g}" for key, weight in value.items())
    if name in PAIRS:
        return f"{value[0]}-{value[1]}"
    if isinstance(value, tuple):
        return ",".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
