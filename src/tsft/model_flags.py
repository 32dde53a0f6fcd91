"""The flags of `tsft models get` and `tsft models new`."""

import argparse

from tsft.i18n import translate

# Every number of a new model's shape.
SHAPE_FLAGS = (
    "hidden-size",
    "layers",
    "heads",
    "key-value-heads",
    "feed-forward",
    "vocabulary",
    "patch-size",
    "max-points",
    "seed",
)


def add_get(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="NAME")
    parser.add_argument("--hub", choices=("huggingface", "modelscope"), default="huggingface")
    parser.add_argument("--revision", default="")


def add_new(parser: argparse.ArgumentParser, language: str) -> None:
    parser.add_argument("name", metavar="NAME", help=translate(language, "cli.help.new_model.name"))
    parser.add_argument(
        "--text", action="append", default=[], metavar="DATASET", help=translate(language, "cli.help.new_model.text")
    )
    for flag in SHAPE_FLAGS:
        text = translate(language, f"cli.help.new_model.{flag.replace('-', '_')}")
        parser.add_argument(f"--{flag}", type=int, default=None, metavar="N", help=text)
