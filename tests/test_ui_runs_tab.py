"""The Runs tab: a run's settings in words, whatever they are."""

import pytest

from tests.fakes import FakeEngine
from tsft.config.run_config import RunConfig
from tsft.config.schema import settings, with_values
from tsft.errors import message
from tsft.i18n import LANGUAGES
from tsft.ui.context import PageContext, RunRow
from tsft.ui.run_rows import RunPage, RunQuery
from tsft.ui.run_view import details_html
from tsft.ui.runs_tab import refreshed
from tsft.ui.runs_table import table_html

EVIL = "<img src=x onerror=alert(1)>"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_setting_and_choice_can_be_shown(language: str) -> None:
    row = RunRow("r1", "first", "finished")
    for each in settings():
        for choice in each.facts.choices:
            config = with_values(RunConfig(), {each.key: (choice,) if each.is_list else choice})
            assert details_html(row, config, [], language)


def test_names_from_people_are_text() -> None:
    row = RunRow(EVIL, EVIL, "failed", EVIL, (EVIL,), folder=EVIL, result=EVIL)
    shown = table_html(RunPage([row], 1), RunQuery(), "", (), "en") + details_html(row, RunConfig(), [], "en")
    assert "<img" not in shown and "alert(1)" in shown


def test_a_record_that_was_set_aside_is_told_of_above_the_runs() -> None:
    told = [message("record.set_aside", file="runs.sqlite.broken")]
    notes = refreshed(PageContext(FakeEngine(), record_notes=lambda: told), "", "en")[0]
    assert "runs.sqlite.broken" in notes and refreshed(PageContext(FakeEngine()), "", "en")[0] == ""
