"""The commands `tsft` and `tsft-webui`: flags in, sentences and an exit code out.

Imports inside functions on purpose: `--help` answers without loading torch, gradio or the record.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from tsft.endings import BAD_SETTINGS, BUSY, FAILED, FINISHED, STOPPED, complain, print_end, print_problems, user
from tsft.errors import Problem, UserError, message
from tsft.flags import command_parser, split_settings, webui_parser
from tsft.i18n import FALLBACK, best_language, say, translate
from tsft.run.events import COMMANDS


def main(arguments: Sequence[str] | None = None) -> int:
    """`tsft`: returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    language = _language(words)
    flat: dict[str, str] = {}
    problems: list[Problem] = []
    if _takes_settings(words):
        words, flat, problems = split_settings(words)
    options = command_parser(language, with_settings="-h" in words or "--help" in words).parse_args(words)
    if options.command in ("train", "runs clone"):
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


def _takes_settings(words: Sequence[str]) -> bool:
    """Whether flags with a dot are settings: behind `train` and `runs clone`."""
    command = _command_in(words)
    if command != "runs":
        return command == "train"
    return words[words.index("runs") + 1 :][:1] == ["clone"]


def _train(options: argparse.Namespace, language: str, flat: dict[str, str], problems: list[Problem]) -> int:
    from tsft.training_commands import clone, train

    act = train if options.command == "train" else clone
    return act(options, language, flat, problems)


def _runs_list(options: argparse.Namespace, language: str) -> int:
    from tsft.run_commands import listed
    from tsft.store.record import Record
    from tsft.store.workspace import open_workspace
    from tsft.terminal import print_table

    record = Record(open_workspace(options.workspace))
    record.sweep()
    print_table(*listed(record, options, language))
    for note in record.notes():
        complain(say(language, note))
    return FINISHED


def _runs_show(options: argparse.Namespace, language: str) -> int:
    from tsft.run.board import replay
    from tsft.run_commands import answer_lines, lineage_lines
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
    for line in (*answer_lines(run, language), *lineage_lines(run, language)):
        print(line)
    for note in state.notes:
        print(f"- {say(language, note.message)}")
    for each in usable_checkpoints(run.folder):
        print(translate(language, "cli.checkpoint", step=each.step, path=str(each.path)))
    print_end(state, run, language)
    return FINISHED


def _runs_resume(options: argparse.Namespace, language: str) -> int:
    from tsft.training_commands import resume

    return resume(options, language)


def _queue_run(options: argparse.Namespace, language: str) -> int:
    from tsft.training_commands import run_queue

    return run_queue(options, language)


def _queue(options: argparse.Namespace, language: str) -> int:
    from tsft.run_commands import queue

    for line in queue(options, language):
        print(line)
    return FINISHED


def _runs_describe(options: argparse.Namespace, language: str) -> int:
    from tsft.run_commands import describe

    print(describe(options, language))
    return FINISHED


def _runs_bundle(options: argparse.Namespace, language: str) -> int:
    from tsft.run_commands import bundle

    print(bundle(options, language))
    return FINISHED


def _runs_rename(options: argparse.Namespace, language: str) -> int:
    from tsft.run_commands import rename

    print(rename(options, language))
    return FINISHED


def _runs_delete(options: argparse.Namespace, language: str) -> int:
    from tsft.run_commands import delete

    is_gone, told = delete(options, language, lambda question: _agrees(question, language))
    print(told)
    return FINISHED if is_gone else FAILED


def _runs_report(options: argparse.Namespace, language: str) -> int:
    from tsft.ui.report_file import write_report

    print(write_report(options.workspace, options.run, options.file, language))
    return FINISHED


def _agrees(question: str, language: str) -> bool:
    """Whether the person says yes; no answer at all is a no."""
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        return False
    return answer.strip().casefold() in ("y", "yes", translate(language, "cli.yes").casefold())


def _runs_ask(options: argparse.Namespace, language: str) -> int:
    from tsft.run_commands import give

    is_given, told = give(options, language, user(), lambda question: _agrees(question, language))
    print(told)
    return FINISHED if is_given else FAILED


def _data_check(options: argparse.Namespace, language: str) -> int:
    from tsft.data_commands import check

    def tell(error: UserError) -> None:
        print_problems(error.problems, language)

    return FINISHED if check(options, language, _reader_of, print, tell) else FAILED


def _data_fix(options: argparse.Namespace, language: str) -> int:
    from tsft.data_commands import fix

    path = fix(options, language, _reader_of, print, user())
    if path is not None:
        print(translate(language, "cli.copy_here", path=str(path)))
    return FINISHED


def _data_make(options: argparse.Namespace, language: str) -> int:
    """`data synth`, `data build` and `data prefer`."""
    if options.command == "data synth":
        from tsft.synth_commands import synth as make
    elif options.command == "data prefer":
        from tsft.preference_commands import prefer_rows as make
    else:
        from tsft.build_commands import build_rows as make
    make(options, language, print)
    return FINISHED


def _data_files(options: argparse.Namespace, language: str) -> int:
    """`data list`, `data import` and `data export`."""
    from tsft.dataset_commands import run_dataset_command

    run_dataset_command(options, language, print, user())
    return FINISHED


def _reader_of(model: str, workspace: Any) -> Any:
    """The processor of a model in the workspace."""
    from tsft.config.run_config import ModelSettings, RunConfig
    from tsft.engine.reading import processor_of

    return processor_of(RunConfig(model=ModelSettings(name=model)), workspace)


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


def _models_new(options: argparse.Namespace, language: str) -> int:
    from tsft.model_commands import new_model

    new_model(options, language, print)
    return FINISHED


def _export(options: argparse.Namespace, language: str) -> int:
    from tsft.export_commands import export

    return export(options, language)


def _evaluate(options: argparse.Namespace, language: str) -> int:
    from tsft.evaluation_commands import evaluate, predict

    return (evaluate if options.command == "evaluate" else predict)(options, language)


def _chat(options: argparse.Namespace, language: str) -> int:
    from tsft.chat_commands import chat

    return chat(options, language)


def _presets(options: argparse.Namespace, language: str) -> int:
    from tsft.preset_commands import run

    for line in run(options, language):
        print(line)
    return FINISHED


def _settings(options: argparse.Namespace, language: str) -> int:
    from tsft.settings_command import run

    print("\n".join(run(options, language)))
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


def _guarded(language: str, act: Callable[[], int]) -> int:
    try:
        return act()
    except UserError as error:
        print_problems(error.problems, language)
        if error.message.key != "engine.busy":
            return BAD_SETTINGS
        complain(translate(language, "cli.queue_hint"))
        return BUSY
    except KeyboardInterrupt:
        return STOPPED


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
    "runs extend": _runs_resume,
    "runs note": _runs_describe,
    "runs tag": _runs_describe,
    "runs bundle": _runs_bundle,
    **{f"runs {name}": _runs_ask for name in COMMANDS},
    "runs rename": _runs_rename,
    "runs delete": _runs_delete,
    "runs report": _runs_report,
    "data check": _data_check,
    "queue list": _queue,
    "queue move": _queue,
    "queue remove": _queue,
    "queue hold": _queue,
    "queue go": _queue,
    "queue run": _queue_run,
    "data fix": _data_fix,
    "data synth": _data_make,
    "data build": _data_make,
    "data prefer": _data_make,
    "data list": _data_files,
    "data import": _data_files,
    "data export": _data_files,
    "presets list": _presets,
    "presets show": _presets,
    "presets import": _presets,
    "presets export": _presets,
    "models list": _models_list,
    "models get": _models_get,
    "models new": _models_new,
    "export": _export,
    "evaluate": _evaluate,
    "predict": _evaluate,
    "chat": _chat,
    "settings": _settings,
}
