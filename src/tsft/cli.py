"""The commands `tsft` and `tsft-webui`: flags in, sentences and an exit code out.

Imports inside functions on purpose: `--help` answers without loading torch, gradio or the record.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tsft.config.codec import read_config
from tsft.config.run_config import RunConfig
from tsft.config.schema import setting_by_key
from tsft.errors import Problem, UserError, message
from tsft.flags import command_parser, read_settings, split_settings, webui_parser
from tsft.i18n import FALLBACK, best_language, say, translate

if TYPE_CHECKING:
    from tsft.engine.engine import Engine
    from tsft.run.state import RunState
    from tsft.store.runs import RunInfo
    from tsft.store.workspace import Workspace

FINISHED, FAILED, BAD_SETTINGS, BUSY, STOPPED = 0, 1, 2, 3, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """`tsft`: returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    language = _language(words)
    flat: dict[str, str] = {}
    problems: list[Problem] = []
    if _command_in(words) == "train":
        words, flat, problems = split_settings(words)
    options = command_parser(language, with_settings="-h" in words or "--help" in words).parse_args(words)
    if options.command == "train":
        return _guarded(language, lambda: _train(options, language, flat, problems))
    return _guarded(language, lambda: _COMMANDS[options.command](options, language))


def webui(arguments: Sequence[str] | None = None) -> int:
    """`tsft-webui`: returns the exit code when the server ends."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    language = _language(words)
    options = webui_parser(language).parse_args(words)
    return _guarded(language, lambda: _check(options, language) if options.check else _serve(options, language))


def _command_in(words: Sequence[str]) -> str:
    """The first word that is a command: only it decides how the others are read."""
    commands = {"train", *(name.split()[0] for name in _COMMANDS)}
    return next((word for word in words if word in commands), "")


def _train(options: argparse.Namespace, language: str, flat: dict[str, str], found: list[Problem]) -> int:
    from tsft.store.workspace import open_workspace

    workspace = open_workspace(options.workspace)
    base = _base_config(workspace, options.config)
    config, problems = read_settings(base, flat, found)
    if _print_problems(problems, language):
        return BAD_SETTINGS
    engine = _engine(workspace)
    if _print_problems(engine.check(config), language):
        return BAD_SETTINGS
    return _follow(engine, engine.start(config, by=_user()), workspace, language)


def _runs_list(options: argparse.Namespace, language: str) -> int:
    from tsft.store.record import Record
    from tsft.store.workspace import open_workspace
    from tsft.terminal import number, print_table

    record = Record(open_workspace(options.workspace))
    record.sweep()
    titles = [translate(language, f"cli.column.{name}") for name in ("run", "name", "status", "step", "loss", "model")]
    rows = [
        (
            run.id,
            run.name,
            translate(language, f"status.{run.status}"),
            f"{run.step}/{run.steps}",
            number(run.loss),
            run.model,
        )
        for run in record.list_runs(" ".join(options.search))
    ]
    print_table(titles, rows)
    for note in record.notes():
        _complain(say(language, note))
    return FINISHED


def _runs_show(options: argparse.Namespace, language: str) -> int:
    from tsft.run.board import replay
    from tsft.store.record import Record
    from tsft.store.runs import usable_checkpoints
    from tsft.store.workspace import open_workspace
    from tsft.terminal import describe

    record = Record(open_workspace(options.workspace))
    record.sweep()
    run = record.find(options.run)
    state = replay(run.folder.events)
    print(f"{run.name} ({run.id})")
    print(f"{translate(language, f'status.{run.status}')} · {run.step:,}/{run.steps:,} · {describe(state, language)}")
    print(run.folder.path)
    for note in state.notes:
        print(f"- {say(language, note.message)}")
    for each in usable_checkpoints(run.folder):
        print(translate(language, "cli.checkpoint", step=each.step, path=str(each.path)))
    _print_end(state, run, language)
    return FINISHED


def _runs_resume(options: argparse.Namespace, language: str) -> int:
    from tsft.store.record import Record
    from tsft.store.runs import run_config
    from tsft.store.workspace import open_workspace

    workspace = open_workspace(options.workspace)
    run = Record(workspace).find(options.run)
    engine = _engine(workspace)
    # The errors are told by `resume` itself, after what else may be in the way.
    _print_problems((each for each in engine.check(run_config(run.folder)) if each.is_warning), language)
    return _follow(engine, engine.resume(run.id, by=_user()), workspace, language)


def _runs_rename(options: argparse.Namespace, language: str) -> int:
    from tsft.run_commands import rename

    print(rename(options, language))
    return FINISHED


def _runs_delete(options: argparse.Namespace, language: str) -> int:
    from tsft.run_commands import delete

    is_gone, told = delete(options, language, lambda question: _agrees(question, language))
    print(told)
    return FINISHED if is_gone else FAILED


def _agrees(question: str, language: str) -> bool:
    """Whether the person says yes; no answer at all is a no."""
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        return False
    return answer.strip().casefold() in ("y", "yes", translate(language, "cli.yes").casefold())


def _runs_stop(options: argparse.Namespace, language: str) -> int:
    from tsft.store.commands import ask
    from tsft.store.record import Record
    from tsft.store.workspace import open_workspace

    run = Record(open_workspace(options.workspace)).active()
    if run is None:
        print(translate(language, "cli.nothing_runs"))
        return FAILED
    ask(run.folder, "stop", by=_user())
    print(translate(language, "cli.stop_asked", name=run.name))
    return FINISHED


def _data_check(options: argparse.Namespace, language: str) -> int:
    from tsft.data.preparation import check_dataset
    from tsft.store.workspace import open_workspace
    from tsft.terminal import progress_bar

    workspace = open_workspace(options.workspace)
    has_unusable_rows = False
    for name in options.datasets:
        progress, move = progress_bar(name, unit_bytes=True)
        try:
            with progress:
                report = check_dataset(name, workspace.dataset_folders(), workspace.cache, move)
        except UserError as error:
            _print_problems(error.problems, language)
            has_unusable_rows = True
            continue
        for sentence in report.messages():
            print(say(language, sentence))
        for problem in report.problems[: options.rows]:
            print(f"- {say(language, problem.message())}")
        has_unusable_rows |= report.dropped_rows > 0 or report.kept == 0
    return FAILED if has_unusable_rows else FINISHED


def _models_list(options: argparse.Namespace, language: str) -> int:
    from tsft.config.catalog import BASE_MODELS
    from tsft.store.models import is_here
    from tsft.store.workspace import open_workspace
    from tsft.terminal import print_table

    workspace = open_workspace(options.workspace)
    words = {True: translate(language, "cli.yes"), False: translate(language, "cli.no")}
    titles = [translate(language, f"cli.column.{name}") for name in ("model", "billions", "encoder", "here")]
    rows = []
    for each in BASE_MODELS:
        here = is_here(workspace, each.name)
        rows.append((each.name, f"{each.billions:g}", words[each.has_encoder], words[here]))
    print_table(titles, rows)
    return FINISHED


def _models_get(options: argparse.Namespace, language: str) -> int:
    from tsft.config.run_config import ModelSettings
    from tsft.engine.sources import model_folder
    from tsft.store.workspace import open_workspace
    from tsft.terminal import progress_bar

    settings = ModelSettings(name=options.model, hub=options.hub, revision=options.revision)
    progress, move = progress_bar(options.model, unit_bytes=True)
    with progress:
        path = model_folder(settings, open_workspace(options.workspace), move, lambda: False)
    print(translate(language, "cli.model_here", name=options.model, path=str(path)))
    return FINISHED


def _presets(options: argparse.Namespace, language: str) -> int:
    from tsft.preset_commands import run

    for line in run(options, language):
        print(line)
    return FINISHED


def _serve(options: argparse.Namespace, language: str) -> int:
    from tsft.app import serve
    from tsft.log import set_up

    set_up()
    serve(
        workspace=options.workspace,
        host=options.host,
        port=options.port,
        share=options.share,
        auth=options.auth,
        no_auth=options.no_auth,
        root_path=options.root_path,
        language=language,
    )
    return FINISHED


def _check(options: argparse.Namespace, language: str) -> int:
    from tsft.installation import Finding, examine

    is_sound = True

    def show(finding: Finding) -> None:
        nonlocal is_sound
        is_sound &= finding.is_good
        mark = translate(language, "cli.good" if finding.is_good else "cli.bad")
        print(f"{mark}  {say(language, finding.message)}", flush=True)

    for finding in examine(options.workspace, options.host, options.port):
        show(finding)
    try:
        from tsft.engine.device import device_name
    except ImportError as error:
        show(Finding(False, message("installation.device_unknown", why=str(error))))
    else:
        show(Finding(True, message("installation.device", device=device_name())))
    return FINISHED if is_sound else FAILED


def _engine(workspace: "Workspace") -> "Engine":
    """The engine, unless a run of another process is in the way; that is told before torch is loaded."""
    from tsft.store.record import Record, busy

    record = Record(workspace)
    record.sweep()
    active = record.active()
    if active is not None:
        raise busy(active)

    from tsft.engine.engine import Engine

    return Engine(workspace, record)


def _follow(engine: "Engine", run_id: str, workspace: "Workspace", language: str) -> int:
    from tsft.store.record import Record
    from tsft.terminal import follow

    state = follow(engine, run_id, language)
    _print_end(state, Record(workspace).get(run_id), language)
    return {"finished": FINISHED, "stopped": STOPPED}.get(state.status, FAILED)


def _print_end(state: "RunState", run: "RunInfo", language: str) -> None:
    """How a run ended, where its result lies and what to do with it."""
    if state.failure is not None:
        _complain(say(language, state.failure.message))
        if state.failure.advice is not None:
            _complain(say(language, state.failure.advice))
        _complain(translate(language, "cli.log_here", path=str(run.folder.log)))
    if state.finish is None:
        return
    told = say(language, state.finish.message)
    print(told)
    if state.finish.result:
        root = run.folder.path.parent.parent
        path = run.folder.path / state.finish.result
        if str(path) not in told:
            print(translate(language, "cli.result_here", path=str(path)))
        print(translate(language, "cli.result_use", workspace=str(root), name=path.relative_to(root).as_posix()))


def _base_config(workspace: "Workspace", name: str) -> RunConfig:
    from tsft.store.presets import load_preset, refuse_waiting

    if not name:
        return RunConfig()
    is_file = name.endswith(".json") or Path(name).is_file()
    if is_file:
        return read_config(Path(name))
    refuse_waiting(workspace, name)
    return load_preset(workspace, name)


def _guarded(language: str, act: Callable[[], int]) -> int:
    try:
        return act()
    except UserError as error:
        _print_problems(error.problems, language)
        return BUSY if error.message.key == "engine.busy" else BAD_SETTINGS
    except KeyboardInterrupt:
        return STOPPED


def _print_problems(problems: Iterable[Problem], language: str) -> bool:
    """Each on a line of its own, with its flag; returns whether one of them is an error."""
    has_error = False
    for problem in problems:
        text = say(language, problem.message)
        _complain(f"--{problem.field}: {text}" if problem.field in setting_by_key() else text)
        has_error |= not problem.is_warning
    return has_error


def _complain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _user() -> str:
    return os.environ.get("USER") or os.environ.get("USERNAME") or ""


def _language(words: Sequence[str]) -> str:
    """--lang, else the first of LC_ALL, LC_MESSAGES and LANG that is set, else English."""
    for place, word in enumerate(words):
        if word.startswith("--lang="):
            return word.partition("=")[2]
        if word == "--lang" and place + 1 < len(words):
            return words[place + 1]
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if os.environ.get(name):
            return best_language(os.environ[name].split(".")[0].replace("_", "-"))
    return FALLBACK


_COMMANDS: dict[str, Callable[[argparse.Namespace, str], int]] = {
    "runs list": _runs_list,
    "runs show": _runs_show,
    "runs resume": _runs_resume,
    "runs stop": _runs_stop,
    "runs rename": _runs_rename,
    "runs delete": _runs_delete,
    "data check": _data_check,
    "presets list": _presets,
    "presets show": _presets,
    "presets import": _presets,
    "presets export": _presets,
    "models list": _models_list,
    "models get": _models_get,
}
