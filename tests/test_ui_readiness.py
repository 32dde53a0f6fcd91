"""The readiness card on the page: everything is said in five languages, and what people wrote stays text."""

from dataclasses import replace

import pytest

from tests.cards import GIB, READY
from tsft.errors import Problem, message
from tsft.i18n import LANGUAGES
from tsft.run.readiness import Examined, Trial
from tsft.ui.readiness import examined_html


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_card_is_whole_and_escaped_in_every_language(language: str) -> None:
    shown = examined_html(Examined(1, True, is_done=True, readiness=READY, trial=Trial(GIB, 4.0, 2)), language)

    assert "<b>mine" not in shown and "<i>data" not in shown and "&lt;b&gt;mine" in shown
    assert "page.ready." not in shown and "data.report." not in shown
    assert shown.count("<rect") == len(READY.bars) and 'class="cutoff"' in shown
    assert 'class="box good"' in shown and 'data-look="done"' in shown


def test_a_run_that_does_not_fit_names_the_change() -> None:
    change = Problem("schedule.batch_size", message("readiness.change.batch_size", value=1, accumulation=8, mib=900))
    tight = replace(READY, memory=replace(READY.memory, available_bytes=GIB), change=change)

    shown = examined_html(Examined(1, is_done=True, readiness=tight), "en")

    assert 'class="box bad"' in shown and "batch size of 1 and 8 accumulation steps" in shown


def test_a_look_under_way_says_what_it_does() -> None:
    shown = examined_html(Examined(1, phase="encoding", subject="<u>", done=5, total=10), "en")

    assert "50 %" in shown and "&lt;u&gt;" in shown and 'data-look="working"' in shown


def test_a_look_that_was_given_up_says_so() -> None:
    assert "given up" in examined_html(Examined(1, is_done=True), "en")


def test_a_far_cut_off_is_told_but_not_drawn() -> None:
    shown = examined_html(Examined(1, is_done=True, readiness=replace(READY, cutoff_length=4096)), "en")

    assert 'class="cutoff"' not in shown and "cut-off at 4,096" in shown
