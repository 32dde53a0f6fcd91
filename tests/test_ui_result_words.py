"""A result is called the same wherever it is offered."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes import FakeEngine
from tsft.i18n import LANGUAGES
from tsft.store.runs import Result
from tsft.ui.chat.models import model_choices, model_words
from tsft.ui.context import PageContext, ResultChoice
from tsft.ui.result_words import result_words
from tsft.ui.top_bar import result_choices

CHOICE = ResultChoice("runs/a/adapter", "pumps", "adapter", 60, 1.25)


def test_a_result_is_told_by_run_kind_step_and_loss() -> None:
    assert result_words(CHOICE, "en") == "pumps · adapter · step 60 · loss 1.25"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_tabs_and_the_top_bar_say_the_same_of_a_result(language: str) -> None:
    context = PageContext(FakeEngine(), results=lambda: [CHOICE])
    words = result_words(CHOICE, language)
    stored = Result(CHOICE.name, Path("a"), CHOICE.kind, "a", CHOICE.run_name, CHOICE.step, CHOICE.loss, 0.0)
    assert result_words(stored, language) == words
    assert (words, CHOICE.name) in model_choices(context, language)
    assert result_choices(context, language)[1:] == [(words, CHOICE.name)]
    assert model_words(CHOICE.name, [replace(CHOICE, name="other"), CHOICE], language) == words
