"""What the page says of a failed run is text, and its button starts the config with the proposed change."""

import pytest

from tests.engine_runs import small
from tests.test_ui_monitor import EVIL, tags
from tsft.config.check import check
from tsft.errors import message
from tsft.i18n import LANGUAGES
from tsft.run.events import FAILURES, Failed
from tsft.store.shown_rows import ShownRow
from tsft.ui.failure_box import failure_html
from tsft.ui.failure_desk import changed_config

CHANGE = (("schedule.batch_size", 1), ("schedule.gradient_accumulation", 2), ("of.a_newer_tsft", 3))


def failure(kind: str = "memory", **more: object) -> Failed:
    return Failed(1.0, kind, message("preset.exists", name=EVIL), None, EVIL, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", FAILURES)
def test_every_class_of_failure_is_named_and_offers_its_buttons(kind: str, language: str) -> None:
    shown = failure_html(failure(kind), "run <1>", (), "last line", language)
    assert f'data-failure="{kind}"' in shown and "last line" in shown
    assert shown.count('data-failed="run &lt;1&gt;"') == 2


def test_nothing_of_a_failure_is_taken_for_html() -> None:
    rows = [ShownRow(EVIL, (), ((1.0, None, 2.0),))]
    shown = failure_html(failure(rows=(EVIL,), settings=("optim.learning_rate",)), EVIL, rows, EVIL, "en")
    assert "alert(1)" in shown and "onerror" not in "".join(tags(shown)) and '<img src="x"' not in shown
    assert EVIL not in shown


def test_the_button_says_whether_a_change_comes_with_it(language: str = "en") -> None:
    assert "with this change" in failure_html(failure(change=CHANGE), "r", (), "", language)
    assert "with this change" not in failure_html(failure(change=CHANGE[2:]), "r", (), "", language)


@pytest.mark.parametrize(
    ("change", "batch_size", "accumulation"), [(CHANGE, 1, 2), ((), 4, 3), (CHANGE[:1], 1, 3), (CHANGE[2:], 4, 3)]
)
def test_starting_again_changes_what_was_proposed_and_nothing_else(
    change: tuple[tuple[str, int], ...], batch_size: int, accumulation: int
) -> None:
    config = small(schedule__batch_size=4, schedule__gradient_accumulation=3)
    changed = changed_config(config, failure(change=change))
    assert (changed.schedule.batch_size, changed.schedule.gradient_accumulation) == (batch_size, accumulation)
    assert check(changed) == [] and changed_config(config, None) == config


def test_a_list_that_is_proposed_stays_a_list() -> None:
    proposed = failure(change=(("data.leave_out", ("demo:2", "demo:3")),))
    assert changed_config(small(), proposed).data.leave_out == ("demo:2", "demo:3")
    assert "demo:2, demo:3" in failure_html(proposed, "r", (), "", "en")
