"""The flags of `tsft models get` and `tsft models new`."""

import argparse
from dataclasses import fields

from tsft.config.new_model import FreshModel
from tsft.i18n import translate


def add_get(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="NAME")
    parser.add_argument("--hub", choices=("huggingface", "modelscope"), default="huggingface")
    parser.add_argument("--revision", default="")


def add_new(parser: argparse.ArgumentParser, language: str) -> None:
    parser.add_argument("name", metavar="NAME", help=translate(language, "cli.help.new_model.name"))
    parser.add_argument(
        "--text", action="append", default=[], metavar="DATASET", help=translate(language, "cli.help.new_model.text")
    )
    for each in fields(FreshModel):
        text = translate(language, f"cli.help.new_model.{each.name}", default=str(each.default))
        parser.add_argument(f"--{each.name.replace('_', '-')}", type=int, default=None, metavar="N", help=text)
