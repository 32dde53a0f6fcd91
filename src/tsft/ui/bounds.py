"""Bounds of numbers that people type, told in the page's language: what `gr.Number` itself says of them is English."""

from tsft.errors import UserError, message
from tsft.i18n import translate


def refuse_too_small(language: str, *numbers: tuple[str, float | None, int]) -> None:
    """Raise UserError with every number that is below its least value. Each: (key of its label, value, least).

    An empty box (None) passes.
    """
    problems = [
        message("check.option_at_least", name=translate(language, label), value=f"{value:g}", low=str(least))
        for label, value, least in numbers
        if value is not None and value < least
    ]
    if problems:
        raise UserError(*problems)
