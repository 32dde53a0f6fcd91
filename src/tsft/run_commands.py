"""What the commands about runs and the queue do with the record. Asking and printing stay with `cli.py`."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from tsft.atomic import replacing
from tsft.config.run_config import RunConfig
from tsft.config.sweep import parse_values, sweep_configs
from tsft.engine.control import refuse_impossible
from tsft.errors import UserError, message
from tsft.i18n import translate
from tsft.run.state import ACTIVE
from tsft.store.commands import ask
from tsft.store.debug_bundle import bundle_name, debug_bundle
from tsft.store.record import Record
from tsft.store.runs import RunInfo, folder_bytes, run_config
from tsft.store.workspace import open_workspace
from tsft.terminal import number

COLUMNS = ("run", "name", "status", "step", "score", "answers", "model", "tags")


def listed(record: Record, options: argparse.Namespace, language: str) -> tuple[list[str], list[tuple[str, ...]]]:
    """Titles and rows of the runs that the words, the status and the tag leave."""
    titles = [translate(language, f"cli.column.{name}") for name in COLUMNS]
    runs = record.list_runs(
        " ".join(options.search), status=options.status, tag=options.tag, sort=options.sort, limit=options.limit
    )
    return titles, [_row(run, language) for run in runs]


def rename(options: argparse.Namespace, language: str) -> str:
    """Give the run another name; returns the sentence that says so."""
    record = Record(open_workspace(options.workspace))
    run = record.find(options.run)
    renamed = record.rename(run.id, options.name)
    return translate(language, "cli.renamed", old=run.name, name=renamed.name, run=run.id)


def describe(options: argparse.Namespace, language: str) -> str:
    """Write notes or tags; returns the sentence that says what stands there now."""
    record = Record(open_workspace(options.workspace))
    run = record.find(options.run)
    if options.command == "runs note":
        run = record.annotate(run.id, notes=" ".join(options.words))
        return translate(language, "cli.noted", name=run.name, notes=run.notes or "—")
    given = options.tags
    kept = [tag for tag in run.tags if tag not in given]
    run = record.annotate(run.id, tags=kept if options.remove else [*kept, *given])
    return translate(language, "cli.tagged", name=run.name, tags=", ".join(run.tags) or "—")


def bundle(options: argparse.Namespace, language: str) -> str:
    """Write the debug bundle of a run; returns the sentence that says where it is."""
    record = Record(open_workspace(options.workspace))
    run = record.find(options.run)
    path = Path(options.file or bundle_name(run)).absolute()
    with replacing(path) as temporary:
        temporary.write_bytes(debug_bundle(record.workspace, run))
    return translate(language, "cli.bundled", name=run.name, path=str(path))


def delete(options: argparse.Namespace, language: str, agrees: Callable[[str], bool]) -> tuple[bool, str]:
    """Delete the run if the person agrees; whether it is gone, and the sentence that says so.

    Unasked, a name that is only begun is refused: nobody could say that another run was meant.
    """
    record = Record(open_workspace(options.workspace))
    record.sweep()
    run = record.find(options.run)
    if options.yes and options.run not in (run.id, run.name):
        raise UserError(message("record.no_run", run=options.run))
    told = {"name": run.name, "run": run.id, "size": f"{folder_bytes(run.folder.path) / 1e6:,.1f} MB"}
    if not options.yes and not agrees(translate(language, "cli.delete_ask", **told)):
        return False, translate(language, "cli.not_deleted", name=run.name)
    record.delete(run.id)
    return True, translate(language, "cli.deleted", **told)


def give(options: argparse.Namespace, language: str, by: str, agrees: Callable[[str], bool]) -> tuple[bool, str]:
    """Ask the run in progress, or the one that is named, for the command that was typed.

    Whether it was asked, and the sentence that says so.
    """
    command, record = options.command.removeprefix("runs "), Record(open_workspace(options.workspace))
    run = record.active()
    if options.run:
        record.sweep()
        run = record.find(options.run)
    if run is None or run.status not in ACTIVE:
        return False, translate(language, "cli.nothing_runs")
    refuse_impossible(command, run_config(run.folder), run.name)
    question = translate(language, "cli.discard_ask", name=run.name, step=run.step)
    if command == "discard" and not options.yes and not agrees(question):
        return False, translate(language, "cli.not_discarded", name=run.name)
    ask(run.folder, command, by)
    if command == "stop":
        return True, translate(language, "cli.stop_asked", name=run.name)
    return True, translate(language, "cli.asked", name=run.name, what=translate(language, f"command.{command}"))


def queue(options: argparse.Namespace, language: str) -> list[str]:
    """List or change the queue; returns the lines that show it as it is then."""
    record = Record(open_workspace(options.workspace))
    record.sweep()
    if options.command == "queue move":
        record.queue.move(record.find(options.run).id, options.position)
    elif options.command == "queue remove":
        record.queue.remove(record.find(options.run).id)
    elif options.command in ("queue hold", "queue go"):
        record.queue.hold(options.command == "queue hold")
    return waiting_lines(record, language)


def waiting_lines(record: Record, language: str) -> list[str]:
    """The waiting runs in order, and what makes them start."""
    waiting = record.waiting()
    if not waiting:
        return [translate(language, "queue.empty")]
    lines = [f"{place}. {run.name} ({run.id})" for place, run in enumerate(waiting, 1)]
    return [*lines, translate(language, "queue.held" if record.queue.is_held else "cli.queue_starts")]


def sweep_of(config: RunConfig, told: Sequence[str]) -> tuple[list[RunConfig], str]:
    """The configs of `--sweep setting=value,value …` and the name of the sweep; the config itself without any."""
    if not told:
        return [config], ""
    values = {each.partition("=")[0].strip(): parse_values(each.partition("=")[2]) for each in told}
    return sweep_configs(config, values), ", ".join(values)


def lineage_lines(run: RunInfo, language: str) -> list[str]:
    """Where a run comes from, what is noted about it, and which code and data it used."""
    lines = []
    if run.parent:
        step = f" · {translate(language, 'page.runs.checkpoint_step', step=run.parent_step)}" if run.parent_step else ""
        lines.append(f"{translate(language, f'page.lineage.{run.origin}')} {run.parent}{step}")
    if run.tags:
        lines.append(", ".join(run.tags))
    if run.notes:
        lines.append(run.notes)
    if run.versions:
        lines.append(" · ".join(f"{name} {version}" for name, version in run.versions.items()))
    lines += [f"{used.name}: {used.rows:,} / {used.rows_read:,} · {used.content}" for used in run.data]
    return lines


def answer_lines(run: RunInfo, language: str) -> list[str]:
    """What the newest evaluation says of its answers; nothing before the first."""
    scores = run.scores
    if run.answer_score is None:
        return []
    bounds = [scores.get("low"), scores.get("high")]
    score = _percent(run.answer_score)
    if None not in bounds:
        score += f" ({100 * bounds[0]:.1f}–{100 * bounds[1]:.1f})"
    told = {"rows": scores.get("rows", 0), "datasets": ", ".join(scores.get("datasets", ()))}
    return [translate(language, "page.runs.answers_about", score=score, **told)]


def _row(run: RunInfo, language: str) -> tuple[str, ...]:
    status = translate(language, f"status.{run.status}")
    steps = f"{run.step}/{run.steps}"
    answers = "—" if run.answer_score is None else _percent(run.answer_score)
    return run.id, run.name, status, steps, number(run.score), answers, run.model, ", ".join(run.tags)


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
