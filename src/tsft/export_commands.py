"""`tsft export`: from flags to an export that is followed to its end, with what the self-test measured."""

import argparse

from tsft.endings import BAD_SETTINGS, BUSY, FAILED, FINISHED, STOPPED, complain, tell
from tsft.engine.engine import Engine
from tsft.errors import Problem, UserError, message
from tsft.i18n import say, translate
from tsft.run.export import ADAPTER, MERGED, Exported, ExportSettings
from tsft.store.record import Record
from tsft.store.runs import RunInfo, list_results
from tsft.store.workspace import Workspace, open_workspace
from tsft.terminal import follow_work, stopping

# What the settings are called as flags.
FLAGS = {
    "result": "RUN_OR_PATH",
    "form": "--as",
    "dtype": "--dtype",
    "shard_gb": "--shard-gb",
    "device": "--device",
    "folder": "--to",
    "name": "--to",
    "repository": "--hub",
    "hub": "--modelscope",
}


def export(options: argparse.Namespace, language: str) -> int:
    """Export and return the exit code. Ctrl-C stops between two files and leaves nothing."""
    workspace = open_workspace(options.workspace)
    record = Record(workspace)
    record.sweep()
    engine = Engine(workspace, record)
    try:
        engine.begin_export(settings_of(options, workspace, record, language))
    except UserError as error:
        _complain(error.problems, language)
        return BUSY if error.message.key in ("engine.busy", "export.busy") else BAD_SETTINGS
    try:
        with stopping(engine.stop_export):
            exported = follow_work(engine.exported, lambda now: _words(now, language))
    finally:
        engine.close()
    return _told(exported, language)


def settings_of(options: argparse.Namespace, workspace: Workspace, record: Record, language: str) -> ExportSettings:
    """What the flags ask for. Raises UserError when they name neither a run nor a folder."""
    is_zip = options.form == "zip"
    form = MERGED if is_zip else options.form
    return ExportSettings(
        result=result_of(options.source, form, workspace, record),
        form=form,
        dtype=options.dtype,
        shard_gb=options.shard_gb,
        device=options.device,
        folder=options.to,
        is_zipped=is_zip or options.zip,
        repository=options.hub,
        hub="modelscope" if options.modelscope else "huggingface",
        is_public=options.public,
        language=options.card_language or language,
    )


def result_of(source: str, form: str, workspace: Workspace, record: Record) -> str:
    """The name of what a run left: its result, else its newest checkpoint; a folder stays what it is.

    Of a run that is still in progress, an adapter comes from its newest checkpoint.
    """
    from_folder = next((path for path in (workspace.root / source,) if path.is_dir()), None)
    try:
        run: RunInfo | None = record.find(source)
    except UserError:
        run = None
    if run is None:
        return source
    if from_folder is not None and "/" in source:
        return source
    found = [each for each in list_results(workspace) if each.run_id == run.id]
    fitting = [each for each in found if form != ADAPTER or (each.path / "adapter_config.json").is_file()] or found
    if not fitting:
        raise UserError(Problem("result", message("export.nothing_left", name=run.name)))
    return fitting[0].name


def _words(exported: Exported, language: str) -> tuple[str, str]:
    return translate(language, f"export.phase.{exported.phase}"), ""


def _told(exported: Exported, language: str) -> int:
    """What came of it, in words; returns the exit code."""
    if exported.test is not None:
        for figure in exported.test.messages():
            tell(say(language, figure))
    if exported.path:
        size = f"{exported.size_bytes / 1e6:,.1f}"
        tell(translate(language, "export.done", path=exported.path, size=size))
        if exported.address:
            tell(translate(language, "export.pushed", address=exported.address))
        for note in exported.notes:
            tell(f"- {say(language, note)}")
    if exported.is_stopped:
        complain(translate(language, "export.stopped"))
        return STOPPED
    _complain(exported.problems, language)
    return FAILED if exported.problems else FINISHED


def _complain(problems: tuple[Problem, ...], language: str) -> None:
    for problem in problems:
        text = say(language, problem.message)
        complain(f"{FLAGS[problem.field]}: {text}" if problem.field in FLAGS else text)
