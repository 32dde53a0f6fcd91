"""The flags of `tsft data prefer`."""

import argparse

from tsft.data.preferences.ranking import AGAINST, KINDS, Rule
from tsft.i18n import translate

_PLAIN = Rule()
# Flag, kind, sign and default of the numbers of the rule.
NUMBERS: tuple[tuple[str, type, str, float], ...] = (
    ("margin", float, "0-1", _PLAIN.margin),
    ("good", float, "0-1", _PLAIN.good),
    ("bad", float, "0-1", _PLAIN.bad),
    ("per-row", int, "N", _PLAIN.per_row),
)


def add_prefer(parser: argparse.ArgumentParser, language: str) -> None:
    """`tsft data prefer NAME --from EVALUATION …`, `--chat` or `--labels`."""

    def told(name: str) -> str:
        return translate(language, f"cli.help.prefer.{name}")

    parser.add_argument("name", metavar="NAME", help=told("name"))
    sources = parser.add_mutually_exclusive_group(required=True)
    sources.add_argument("--from", dest="evaluations", nargs="+", default=[], metavar="EVALUATION", help=told("from"))
    sources.add_argument("--chat", action="store_true", help=told("chat"))
    sources.add_argument("--labels", action="store_true", help=told("labels"))
    parser.add_argument("--as", dest="kind", choices=KINDS, default=_PLAIN.kind, help=told("as"))
    parser.add_argument("--against", choices=AGAINST, default=_PLAIN.against, help=told("against"))
    for flag, kind, sign, default in NUMBERS:
        text = told(flag.replace("-", "_"))
        parser.add_argument(f"--{flag}", type=kind, default=default, metavar=sign, help=text)
    parser.add_argument("--models", nargs="+", default=[], metavar="MODEL", help=told("models"))
    for flag in ("free-text", "replace", "look"):
        parser.add_argument(f"--{flag}", action="store_true", help=told(flag.replace("-", "_")))
