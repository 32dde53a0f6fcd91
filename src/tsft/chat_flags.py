"""The flags of `tsft chat`."""

import argparse

from tsft.i18n import translate
from tsft.run.answers import BESIDE

# Flag, sign, kind and default of the sampling settings; the same as in the Chat tab and at /v1.
SAMPLING_FLAGS: tuple[tuple[str, str, type, float | None], ...] = (
    ("max-new-tokens", "N", int, 512),
    ("temperature", "0-5", float, 0.0),
    ("top-p", "0-1", float, 1.0),
    ("top-k", "N", int, 0),
    ("repetition-penalty", "X", float, 1.0),
    ("seed", "N", int, None),
)


def add_chat(parser: argparse.ArgumentParser, language: str) -> None:
    """`tsft chat [RUN_OR_PATH|MODEL] …`."""
    text = translate(language, "cli.help.chat.source")
    parser.add_argument("source", nargs="?", default="", metavar="RUN_OR_PATH|MODEL", help=text)
    text = translate(language, "cli.help.chat.series")
    parser.add_argument("--series", action="append", default=[], metavar="FILE:COLUMN,COLUMN", help=text)
    for flag, sign in (("row", "DATASET:N"), ("prompt", "TEXT"), ("system", "TEXT")):
        text = translate(language, f"cli.help.chat.{flag}")
        parser.add_argument(f"--{flag}", default="", metavar=sign, help=text)
    for name, sign, kind, default in SAMPLING_FLAGS:
        text = translate(language, f"cli.help.chat.{name.replace('-', '_')}")
        parser.add_argument(f"--{name}", type=kind, default=default, metavar=sign, help=text)
    text = translate(language, "cli.help.chat.beside")
    parser.add_argument("--beside", choices=BESIDE, default=BESIDE[0], help=text)
