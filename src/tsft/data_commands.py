"""The commands `tsft data …`: check a data set, waive warnings, write a fixed copy."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tsft.data.checks.diagnosis import Diagnosis, Look, diagnose
from tsft.data.checks.findings import ERROR, KINDS, WARNING
from tsft.data.fixes.derive import default_fixes, derive
from tsft.data.waivers import waive
from tsft.errors import UserError, message
from tsft.i18n import say
from tsft.store.workspace import Workspace, open_workspace
from tsft.terminal import progress_bar

# Gives the processor of a model by its name in this workspace; the engine has it.
ReaderOf = Callable[[str, Workspace], Any]
Tell = Callable[[str], None]


def check(
    options: argparse.Namespace, language: str, reader_of: ReaderOf, tell: Tell, complain: Callable[[UserError], None]
) -> bool:
    """Examine each data set and tell what was found; whether all can be trained on whole."""
    workspace = open_workspace(options.workspace)
    unknown = [kind for kind in options.waive if kind not in KINDS or KINDS[kind].level != WARNING]
    if unknown:
        kinds = ", ".join(kind.name for kind in KINDS.values() if kind.level == WARNING)
        raise UserError(*(message("data.doctor.not_waivable", kind=kind, kinds=kinds) for kind in unknown))
    look = _look(options, workspace, reader_of, is_deep=not options.quick)
    is_good = True
    for name in options.datasets:
        try:
            found = _diagnosed(name, look, workspace)
            for kind in options.waive:
                waive(workspace.datasets, found.report.content, kind, by="tsft data check")
            found = _diagnosed(name, look, workspace) if options.waive else found
        except UserError as error:
            complain(error)
            is_good = False
            continue
        _tell_report(found, options, language, tell)
        is_good &= not found.report.of_level(ERROR) and found.report.rows_good > 0
    return is_good


def fix(options: argparse.Namespace, language: str, reader_of: ReaderOf, tell: Tell, by: str) -> Path | None:
    """Write a fixed copy into the workspace and say what was done; its path, or None where there is nothing to fix."""
    workspace = open_workspace(options.workspace)
    look = _look(options, workspace, reader_of, is_deep=True)
    fixes = dict(each.partition("=")[::2] for each in options.fix)
    if not fixes:
        fixes = default_fixes(_diagnosed(options.dataset, look, workspace))
        if not fixes:
            tell(say(language, message("data.doctor.nothing_to_fix", dataset=options.dataset)))
            return None
    progress, move = progress_bar(options.dataset, unit_bytes=True)
    with progress:
        made = derive(
            options.dataset,
            workspace.dataset_folders(),
            workspace.cache,
            workspace.datasets,
            fixes,
            options.name,
            look,
            by=by,
            progress=move,
        )
    for sentence in _told(options.dataset, made.provenance.steps[-1]):
        tell(say(language, sentence))
    return made.path


def _look(options: argparse.Namespace, workspace: Workspace, reader_of: ReaderOf, is_deep: bool) -> Look:
    encoder = reader_of(options.model, workspace) if options.model else None
    return Look(is_deep, tuple(options.against), encoder, options.cutoff)


def _diagnosed(name: str, look: Look, workspace: Workspace) -> Diagnosis:
    progress, move = progress_bar(name, unit_bytes=True)
    with progress:
        return diagnose(name, workspace.dataset_folders(), workspace.cache, look, move)


def _tell_report(found: Diagnosis, options: argparse.Namespace, language: str, tell: Tell) -> None:
    report = found.report
    if options.json:
        tell(json.dumps(report.to_json(), ensure_ascii=False))
        return
    for sentence in report.messages():
        tell(say(language, sentence))
    shown = sorted(
        (each for finding in report.of_level(ERROR) for each in finding.examples),
        key=lambda each: (each.file, each.row),
    )
    for problem in shown[: options.rows]:
        tell(f"- {say(language, problem.message())}")


def _told(dataset: str, step: Any) -> Any:
    done = step.options
    yield message(
        "data.doctor.fixed", dataset=dataset, rows_in=step.rows_in, rows_out=step.rows_out, changed=step.changed
    )
    for kind in done["fixes"]:
        counts = {"changed": done["changed"].get(kind, 0), "left_out": done["left_out"].get(kind, 0)}
        yield message("data.doctor.fixed_kind", title=KINDS[kind].title.to_json(), **counts)
    if done["unreadable"]:
        yield message("data.doctor.unreadable", count=done["unreadable"])
