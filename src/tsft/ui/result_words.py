"""What a run left, in words: the same sentence wherever a result is offered or named."""

from typing import Protocol

from tsft.i18n import translate
from tsft.ui.readings import plain


class Told(Protocol):
    """What the sentence needs of a result, be it of the page's context or of the store."""

    @property
    def run_name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def step(self) -> int: ...
    @property
    def loss(self) -> float | None: ...


def result_words(result: Told, language: str) -> str:
    """By run, kind, step and loss."""
    kind = translate(language, f"page.result_kind.{result.kind}")
    values = {"run": result.run_name, "kind": kind, "step": result.step, "loss": plain(result.loss)}
    return translate(language, "page.continue.choice", **values)
