"""What can be typed behind `tsft` and `tsft-webui`: the commands, their flags, and the settings as flags."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tsft import __version__
from tsft.chat_flags import add_chat
from tsft.config.check import check
from tsft.config.codec import from_flat
from tsft.config.run_config import RunConfig
from tsft.config.schema import Setting, section_names, setting_by_key, settings
from tsft.errors import Problem, UserError, message
from tsft.evaluation_flags import add_evaluate, add_predict
from tsft.i18n import LANGUAGES, translate
from tsft.model_flags import add_get, add_new
from tsft.preference_flags import add_prefer
from tsft.run.events import COMMANDS

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 7860
# Rows with a problem that `data check` shows of each dataset.
SHOWN_ROWS = 20
# Of `data synth`, in the order of its help.
SYNTH_FLAGS: tuple[tuple[str, type, str], ...] = (
    ("recipe", str, "FILE"),
    ("count", int, "N"),
    ("seed", int, "N"),
    ("split", str, "NAME"),
    ("tasks", str, "A,B=2"),
    ("languages", str, "en=1,zh=1"),
    ("styles", str, "A,B=2"),
    ("lengths", str, "64-256"),
    ("series", str, "1-3"),
    ("questions", str, "1-4"),
    ("domains", str, "A,B"),
    ("difficulty", str, "NAME"),
    ("none-share", float, "0-1"),
    ("context-share", float, "0-1"),
    ("missing-share", float, "0-1"),
    ("answers", str, "one|pairs|judged"),
    ("mix-with", str, "DATASET"),
    ("share", float, "0-1"),
    ("format", str, "jsonl|parquet"),
)
# Of `data build`: every entry of its recipe. What is not given comes from the recipe file, else from the table.
BUILD_FLAGS: tuple[tuple[str, str], ...] = (
    ("recipe", "FILE"),
    ("intervals", "FILE"),
    ("layout", "wide|long"),
    ("time", "COLUMN"),
    ("time-format", "FORM"),
    ("time-zone", "ZONE"),
    ("values", "A,B"),
    ("series", "COLUMN"),
    ("group", "COLUMN"),
    ("label", "COLUMN"),
    ("label-kind", "anomaly|class"),
    ("normal", "A,B"),
    ("names", "COLUMN=NAME"),
    ("units", "COLUMN=UNIT"),
    ("context", "JSON"),
    ("resample-seconds", "SECONDS"),
    ("resample-how", "NAME"),
    ("gaps", "NAME"),
    ("gap-points", "N"),
    ("window", "N"),
    ("stride", "N"),
    ("per-row", "N"),
    ("tasks", "A,B=2"),
    ("languages", "en=1,zh=1"),
    ("styles", "A,B=2"),
    ("questions", "N"),
    ("rows", "N"),
    ("none-share", "0-1"),
    ("balance", "yes|no"),
    ("split-by", "NAME"),
    ("validation", "0-1"),
    ("test", "0-1"),
    ("seed", "N"),
)
# Of `export`: flag, sign and default.
EXPORT_FLAGS: tuple[tuple[str, str, str | float], ...] = (
    ("as", "adapter|merged|hf|zip", "merged"),
    ("dtype", "auto|float32|bfloat16|float16", "auto"),
    ("shard-gb", "GB", 5.0),
    ("device", "cpu|cuda", "cpu"),
    ("to", "FOLDER", ""),
    ("hub", "OWNER/NAME", ""),
    ("card-language", "en|zh|ja|ko|ru", ""),
)
# Runs that `runs list` shows unless told.
SHOWN_RUNS = 200
_OWN_FLAGS = ("--help", "--version", "--workspace", "--lang", "--queue", "--sweep", "--name", "--print-command")


def command_parser(language: str, *, with_settings: bool = True) -> argparse.ArgumentParser:
    """The parser of `tsft`. `command` in what it returns names the command: "train", "runs list" …"""
    parser = argparse.ArgumentParser("tsft", description=translate(language, "cli.about"), allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"tsft {__version__}")
    shared = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    _add_shared(shared, language)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    train = _command(commands, "train", "train", language, shared)
    train.add_argument("config", nargs="?", default="", metavar="CONFIG", help=translate(language, "cli.help.config"))
    _add_waiting(train, language)
    train.add_argument(
        "--sweep",
        action="append",
        default=[],
        metavar="SETTING=VALUE,VALUE",
        help=translate(language, "cli.help.sweep"),
    )
    print_help = translate(language, "cli.help.print_command")
    train.add_argument("--print-command", action="store_true", help=print_help)
    train.epilog = settings_help(language) if with_settings else ""
    train.formatter_class = argparse.RawDescriptionHelpFormatter

    _add_runs(commands, language, shared)
    _add_queue(commands, language, shared)
    add_evaluate(_command(commands, "evaluate", "evaluate", language, shared), language)
    add_predict(_command(commands, "predict", "predict", language, shared), language)
    _add_export(_command(commands, "export", "export", language, shared), language)
    add_chat(_command(commands, "chat", "chat", language, shared), language)

    presets = _group(commands, "presets", language)
    _command(presets, "list", "presets list", language, shared)
    _command(presets, "show", "presets show", language, shared).add_argument("preset", metavar="NAME")
    _command(presets, "import", "presets import", language, shared).add_argument("file", metavar="FILE")
    _command(presets, "export", "presets export", language, shared).add_argument("preset", metavar="NAME")

    _command(commands, "settings", "settings", language, shared)
    add_data_commands(_group(commands, "data", language), language, shared)

    models = _group(commands, "models", language)
    _command(models, "list", "models list", language, shared)
    add_get(_command(models, "get", "models get", language, shared))
    add_new(_command(models, "new", "models new", language, shared), language)
    return parser


def add_data_commands(data: Any, language: str, shared: argparse.ArgumentParser) -> None:
    """The flags of `tsft data …`."""
    check = _command(data, "check", "data check", language, shared)
    check.add_argument("datasets", nargs="+", metavar="PATH_OR_NAME", help=translate(language, "cli.help.datasets"))
    check.add_argument("--rows", type=int, default=SHOWN_ROWS, metavar="N", help=translate(language, "cli.help.rows"))
    check.add_argument("--quick", action="store_true", help=translate(language, "cli.help.quick"))
    check.add_argument("--json", action="store_true", help=translate(language, "cli.help.report_json"))
    check.add_argument(
        "--waive", action="append", default=[], metavar="KIND", help=translate(language, "cli.help.waive")
    )
    fix = _command(data, "fix", "data fix", language, shared)
    fix.add_argument("dataset", metavar="PATH_OR_NAME", help=translate(language, "cli.help.fix_dataset"))
    fix.add_argument("--fix", action="append", default=[], metavar="KIND=FIX", help=translate(language, "cli.help.fix"))
    fix.add_argument("--name", default="", metavar="NAME", help=translate(language, "cli.help.as_name"))
    for each in (check, fix):
        each.add_argument(
            "--against", action="append", default=[], metavar="NAME", help=translate(language, "cli.help.against")
        )
        each.add_argument("--model", default="", metavar="NAME", help=translate(language, "cli.help.data_model"))
        each.add_argument(
            "--cutoff", type=int, default=0, metavar="TOKENS", help=translate(language, "cli.help.cutoff")
        )

    _command(data, "list", "data list", language, shared)
    bring = _command(data, "import", "data import", language, shared)
    bring.add_argument("paths", nargs="+", metavar="PATH", help=translate(language, "cli.help.import_paths"))
    take = _command(data, "export", "data export", language, shared)
    take.add_argument("dataset", metavar="PATH_OR_NAME", help=translate(language, "cli.help.fix_dataset"))
    for flag, default, sign in (("format", "jsonl", "jsonl|parquet"), ("to", "", "FOLDER"), ("hub", "", "OWNER/NAME")):
        text = translate(language, f"cli.help.data_export.{flag}")
        take.add_argument(f"--{flag}", default=default, metavar=sign, help=text)
    take.add_argument("--public", action="store_true", help=translate(language, "cli.help.data_export.public"))

    _add_synth(_command(data, "synth", "data synth", language, shared), language)
    _add_build(_command(data, "build", "data build", language, shared), language)
    add_prefer(_command(data, "prefer", "data prefer", language, shared), language)


def _add_synth(parser: argparse.ArgumentParser, language: str) -> None:
    """Flags without defaults: what is not given comes from the recipe file, else from the recipe's own defaults."""
    parser.add_argument("name", metavar="NAME", help=translate(language, "cli.help.synth.name"))
    for flag, kind, sign in SYNTH_FLAGS:
        text = translate(language, f"cli.help.synth.{flag.replace('-', '_')}")
        parser.add_argument(f"--{flag}", type=kind, default=None, metavar=sign, help=text)
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help=translate(language, "cli.help.synth.workers")
    )
    for flag in ("replace", "table"):
        parser.add_argument(f"--{flag}", action="store_true", help=translate(language, f"cli.help.synth.{flag}"))


def _add_build(parser: argparse.ArgumentParser, language: str) -> None:
    parser.add_argument("name", metavar="NAME", help=translate(language, "cli.help.build.name"))
    parser.add_argument("sources", nargs="*", metavar="TABLE", help=translate(language, "cli.help.build.sources"))
    for flag, sign in BUILD_FLAGS:
        text = translate(language, f"cli.help.build.{flag.replace('-', '_')}")
        parser.add_argument(f"--{flag}", default=None, metavar=sign, help=text)
    for flag in ("replace", "look"):
        parser.add_argument(f"--{flag}", action="store_true", help=translate(language, f"cli.help.build.{flag}"))


def webui_parser(language: str) -> argparse.ArgumentParser:
    """The parser of `tsft-webui`."""
    parser = argparse.ArgumentParser("tsft-webui", description=translate(language, "cli.about_webui"))
    _add_shared(parser, language)
    parser.add_argument("--version", action="version", version=f"tsft {__version__}")
    parser.add_argument("--host", default=DEFAULT_HOST, help=translate(language, "cli.help.host"))
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--root-path", default="", metavar="PATH", help=translate(language, "cli.help.root_path"))
    for flag in ("share", "no-auth", "check"):
        text = translate(language, f"cli.help.{flag.replace('-', '_')}")
        parser.add_argument(f"--{flag}", action="store_true", help=text)
    parser.add_argument("--auth", default="", metavar="FILE", help=translate(language, "cli.help.auth"))
    return parser


def split_settings(words: Sequence[str]) -> tuple[list[str], dict[str, str], list[Problem]]:
    """Take the settings (`--section.setting value` or `=value`) out of a command line.

    Returns the other words, the settings as text, and a problem for each without a value. A switch may stand alone.
    """
    rest: list[str] = []
    flat: dict[str, str] = {}
    problems: list[Problem] = []
    known = setting_by_key()
    queue = list(words)
    while queue:
        word = queue.pop(0)
        name, equals, value = word[2:].partition("=")
        if not word.startswith("--") or word == "--" or f"--{name}" in _OWN_FLAGS:
            rest.append(word)
            continue
        is_switch = name in known and known[name].kind is bool
        has_value = bool(queue) and not queue[0].startswith("--") and (not is_switch or _is_boolean(queue[0]))
        if not equals and has_value:
            value = queue.pop(0)
        elif not equals and is_switch:
            value = "true"
        elif not equals and name in known:
            problems.append(Problem(name, message("cli.no_value")))
            continue
        flat[name] = value
    return rest, flat, problems


def read_settings(
    base: RunConfig, flat: Mapping[str, str], found: Iterable[Problem] = ()
) -> tuple[RunConfig, list[Problem]]:
    """`base` with the flags put in, and everything wrong at once: unknown flags, wrong values, what does not fit."""
    problems = list(found)
    config = base
    for name, value in flat.items():
        try:
            config = from_flat({name: value}, config)
        except UserError as error:
            problems.extend(error.problems)
    refused = {problem.field for problem in problems}
    return config, problems + [problem for problem in check(config) if problem.field not in refused]


def settings_help(language: str) -> str:
    """Every setting as a flag, with its label and default, by section."""
    lines = [translate(language, "cli.help.settings")]
    for section in section_names():
        lines.append(f"\n{translate(language, f'section.{section}')}:")
        lines += [_setting_line(each, language) for each in settings() if each.section == section]
    return "\n".join(lines)


def shown_value(setting: Setting, value: Any) -> str:
    """A value as it is typed behind its flag."""
    if setting.is_list:
        return ",".join(str(each) for each in value)
    return str(value).lower() if setting.kind is bool else f"{value:g}" if setting.kind is float else str(value)


def _setting_line(setting: Setting, language: str) -> str:
    flag = f"--{setting.key}"
    default = shown_value(setting, setting.default)
    choices = f" {{{','.join(setting.facts.choices)}}}" if setting.facts.choices else ""
    return f"  {flag:<34} {translate(language, setting.label_key)}{choices} [{default}]"


def _add_runs(commands: Any, language: str, shared: argparse.ArgumentParser) -> None:
    runs = _group(commands, "runs", language)
    listed = _command(runs, "list", "runs list", language, shared)
    listed.add_argument("search", nargs="*", metavar="WORD", help=translate(language, "cli.help.search"))
    _command(runs, "show", "runs show", language, shared).add_argument("run", metavar="RUN")
    for name, text in (("status", "cli.help.status"), ("tag", "cli.help.tag")):
        listed.add_argument(f"--{name}", default="", metavar=name.upper(), help=translate(language, text))
    listed.add_argument("--sort", default="-created", metavar="COLUMN", help=translate(language, "cli.help.sort"))
    listed.add_argument(
        "--limit", type=int, default=SHOWN_RUNS, metavar="N", help=translate(language, "cli.help.limit")
    )
    resume = _command(runs, "resume", "runs resume", language, shared)
    extend = _command(runs, "extend", "runs extend", language, shared)
    for onward in (resume, extend):
        onward.add_argument("run", metavar="RUN")
        onward.add_argument("--step", type=int, default=0, metavar="N", help=translate(language, "cli.help.step"))
        count_help = translate(language, "cli.help.processes")
        onward.add_argument("--processes", type=int, default=0, metavar="N", help=count_help)
        _add_waiting(onward, language)
    extend.add_argument("epochs", type=_positive, metavar="EPOCHS")
    clone = _command(runs, "clone", "runs clone", language, shared)
    clone.add_argument("run", metavar="RUN")
    clone.add_argument("--name", default="", metavar="NAME", help=translate(language, "cli.help.name"))
    _add_waiting(clone, language)
    note = _command(runs, "note", "runs note", language, shared)
    note.add_argument("run", metavar="RUN")
    note.add_argument("words", nargs="*", metavar="TEXT")
    tag = _command(runs, "tag", "runs tag", language, shared)
    tag.add_argument("run", metavar="RUN")
    tag.add_argument("tags", nargs="+", metavar="TAG")
    tag.add_argument("--remove", action="store_true", help=translate(language, "cli.help.remove_tag"))
    for name in COMMANDS:
        asked = _command(runs, name.replace("_", "-"), f"runs {name}", language, shared)
        asked.add_argument("run", nargs="?", default="", metavar="RUN", help=translate(language, "cli.help.asked_run"))
        if name == "discard":
            asked.add_argument("--yes", action="store_true", help=translate(language, "cli.help.yes"))
    bundle = _command(runs, "bundle", "runs bundle", language, shared)
    bundle.add_argument("run", metavar="RUN")
    bundle.add_argument("file", nargs="?", default="", metavar="FILE", help=translate(language, "cli.help.bundle"))
    report = _command(runs, "report", "runs report", language, shared)
    report.add_argument("run", metavar="RUN")
    file_help = translate(language, "cli.help.report_file")
    report.add_argument("file", nargs="?", type=Path, metavar="FILE", help=file_help)
    rename = _command(runs, "rename", "runs rename", language, shared)
    rename.add_argument("run", metavar="RUN")
    rename.add_argument("name", metavar="NAME")
    delete = _command(runs, "delete", "runs delete", language, shared)
    delete.add_argument("run", metavar="RUN")
    delete.add_argument("--yes", action="store_true", help=translate(language, "cli.help.yes"))


def _add_queue(commands: Any, language: str, shared: argparse.ArgumentParser) -> None:
    queue = _group(commands, "queue", language)
    for word in ("list", "move", "remove", "hold", "go", "run"):
        parser_of = _command(queue, word, f"queue {word}", language, shared)
        if word in ("move", "remove"):
            parser_of.add_argument("run", metavar="RUN")
        if word == "move":
            parser_of.add_argument("position", type=int, metavar="POSITION")


def _add_export(parser: argparse.ArgumentParser, language: str) -> None:
    parser.add_argument("source", metavar="RUN_OR_PATH", help=translate(language, "cli.help.export.source"))
    for flag, sign, default in EXPORT_FLAGS:
        text = translate(language, f"cli.help.export.{flag.replace('-', '_')}")
        name = "form" if flag == "as" else flag.replace("-", "_")
        kind = type(default)
        parser.add_argument(f"--{flag}", dest=name, type=kind, default=default, metavar=sign, help=text)
    for flag in ("zip", "modelscope", "public"):
        parser.add_argument(f"--{flag}", action="store_true", help=translate(language, f"cli.help.export.{flag}"))


def _add_shared(parser: argparse.ArgumentParser, language: str) -> None:
    text = translate(language, "cli.help.workspace")
    parser.add_argument("--workspace", type=Path, default=None, metavar="FOLDER", help=text)
    parser.add_argument("--lang", choices=tuple(LANGUAGES), help=translate(language, "cli.help.lang"))


def _group(commands: Any, name: str, language: str) -> Any:
    text = translate(language, f"cli.command.{name}")
    group = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    return group.add_subparsers(required=True, metavar="COMMAND")


def _command(
    commands: Any, word: str, command: str, language: str, shared: argparse.ArgumentParser
) -> argparse.ArgumentParser:
    text = translate(language, f"cli.command.{command.replace(' ', '_')}")
    parser = commands.add_parser(word, help=text, description=text, parents=[shared], allow_abbrev=False)
    parser.set_defaults(command=command)
    return parser


def _add_waiting(parser: argparse.ArgumentParser, language: str) -> None:
    parser.add_argument("--queue", action="store_true", help=translate(language, "cli.help.queue"))


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError("> 0")
    return number


def _is_boolean(text: str) -> bool:
    return text.lower() in ("true", "false", "yes", "no", "on", "off", "1", "0")
