"""The flags of `tsft evaluate` and `tsft predict`, made from `EvaluationSettings`, and the settings they ask for."""

import argparse
import dataclasses
from typing import Any

from tsft.i18n import translate
from tsft.run.evaluation import CHATTS, TASKS, EvaluationSettings

# What fields are called as flags where that is not their own name.
_NAMES = {
    "models": "RUN_OR_PATH",
    "datasets": "--data",
    "train_datasets": "--baseline-data",
    "measures_loss": "--no-loss",
    "writes_answers": "--no-answers",
    "baselines": "--no-baselines",
    "mode": "--chatts",
}
# Fields of several names, and switches by what they say.
_LISTS = {"datasets": "NAME", "train_datasets": "NAME", "controls": "NAME"}
_OFF_SWITCHES = ("measures_loss", "writes_answers", "baselines")
_ON_SWITCHES = ("with_base", "point_adjusted")
# Of a number or a word; those of `predict` are how a model is asked.
_ASKING: tuple[str, ...] = (
    "rows",
    "batch_size",
    "max_tokens",
    "max_new_tokens",
    "temperature",
    "top_p",
    "top_k",
    "repetition_penalty",
    "seed",
    "precision",
    "folder",
    "name",
)
_EVALUATING = ("control_rows",)
ALL_CONTROLS = "all"
_DEFAULTS = {each.name: each.default for each in dataclasses.fields(EvaluationSettings)}


def flag_of(field: str) -> str:
    """What a field of the settings is called on the command line."""
    return _NAMES.get(field) or f"--{field.replace('_', '-')}"


def add_evaluate(parser: argparse.ArgumentParser, language: str) -> None:
    parser.add_argument("models", nargs="*", metavar=flag_of("models"), help=_help("models", language))
    for field, sign in _LISTS.items():
        _add_list(parser, field, sign, language)
    for field in _ON_SWITCHES:
        parser.add_argument(flag_of(field), dest=field, action="store_true", help=_help(field, language))
    for field in _OFF_SWITCHES:
        parser.add_argument(flag_of(field), dest=field, action="store_false", help=_help(field, language))
    chatts = _help("mode", language)
    parser.add_argument(flag_of("mode"), dest="mode", action="store_const", const=CHATTS, default=TASKS, help=chatts)
    for field in (*_ASKING, *_EVALUATING):
        _add_value(parser, field, language)
    parser.add_argument("--resume", default="", metavar="ID", help=translate(language, "cli.help.evaluate.resume"))


def add_predict(parser: argparse.ArgumentParser, language: str) -> None:
    parser.add_argument("models", nargs=1, metavar=flag_of("models"), help=_help("models", language))
    _add_list(parser, "datasets", "NAME", language)
    parser.add_argument("--to", required=True, metavar="FILE", help=translate(language, "cli.help.predict.to"))
    for field in _ASKING:
        _add_value(parser, field, language)
    parser.set_defaults(measures_loss=False, baselines=False)


def settings_of(options: argparse.Namespace, known_controls: tuple[str, ...]) -> EvaluationSettings:
    """What the flags ask for; models stay as they were typed."""
    given: dict[str, Any] = {name: getattr(options, name) for name in _DEFAULTS if hasattr(options, name)}
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    if ALL_CONTROLS in values.get("controls", ()):
        values["controls"] = known_controls
    return EvaluationSettings(**values)


def _add_list(parser: argparse.ArgumentParser, field: str, sign: str, language: str) -> None:
    text = _help(field, language)
    parser.add_argument(flag_of(field), dest=field, nargs="+", action="extend", default=[], metavar=sign, help=text)


def _add_value(parser: argparse.ArgumentParser, field: str, language: str) -> None:
    default = _DEFAULTS[field]
    sign = {int: "N", float: "X", str: "TEXT"}[type(default)]
    text = f"{_help(field, language)} [{default}]" if default != "" else _help(field, language)
    parser.add_argument(flag_of(field), dest=field, type=type(default), default=default, metavar=sign, help=text)


def _help(field: str, language: str) -> str:
    name = flag_of(field).removeprefix("--").replace("-", "_") if field != "models" else "models"
    return translate(language, f"cli.help.evaluate.{name}")
