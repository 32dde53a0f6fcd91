"""What the output area says of a run, in HTML that is safe whatever the data holds."""

import html.parser
import re

import pytest

from tests.fakes import plain_script
from tsft.config.run_config import RunConfig
from tsft.errors import Problem, message
from tsft.i18n import LANGUAGES
from tsft.run.events import PHASES, Failed, Finished, Noted, PhaseChanged, Progressed, RunStarted
from tsft.run.ports import Fetch
from tsft.run.state import STATUSES, RunState, reduce
from tsft.ui import monitor
from tsft.ui.readings import duration, plain, size, speed

EVIL = "<img src=x onerror=alert(1)>"


def run_of(*events: object, name: str = "first run") -> RunState:
    state = reduce(RunState(), RunStarted(100.0, "r1", name))
    for event in events:
        state = reduce(state, event)
    return state


def tags(text: str) -> set[str]:
    found: set[str] = set()

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            found.add(tag)

    Reader().feed(text)
    return found


def test_text_from_people_models_and_data_is_never_html() -> None:
    state = run_of(
        PhaseChanged(101.0, "loading", EVIL),
        Noted(102.0, "warning", message("preset.exists", name=EVIL)),
        Failed(103.0, "bug", message("preset.exists", name=EVIL), message("preset.exists", name=EVIL), EVIL),
        name=EVIL,
    )
    shown = monitor.panel(state, "en") + monitor.log(state.notes, "en") + monitor.result(state, "en")
    shown += monitor.refusal([Problem("", message("preset.exists", name=EVIL))], {}, "en")
    shown += monitor.fetching({EVIL: Fetch(EVIL, 1, 2)}, "en") + monitor.said(EVIL)
    assert "img" not in tags(shown)
    assert "alert(1)" in shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_status_and_phase_has_words(language: str) -> None:
    for status in STATUSES:
        for phase in PHASES:
            state = run_of(PhaseChanged(101.0, phase))
            assert monitor.panel(RunState(**{**vars(state), "status": status}), language)


def test_a_run_that_trains_shows_step_speed_and_time_left() -> None:
    state = RunState()
    for _, event in enumerate(
        [RunStarted(0.0, "r", "n"), *plain_script(RunConfig(), steps=60, clock=iter(range(1000)).__next__)]
    ):
        state = reduce(state, event)
        if state.step == 20 and len(state.readings) > 2:
            break
    shown = monitor.panel(state, "en")
    assert "20 / 60" in shown
    assert re.search(r"s/step|steps/s", shown)
    assert 'role="progressbar"' in shown


def test_before_training_the_bar_shows_the_phase() -> None:
    state = run_of(PhaseChanged(101.0, "encoding", "demo"), Progressed(102.0, 30, 120, "rows"))
    shown = monitor.panel(state, "en")
    assert "30 / 120 rows" in shown and 'aria-valuenow="25"' in shown and "Encoding the data: demo" in shown


def test_the_end_says_what_happened_and_what_to_do_next() -> None:
    state = run_of(Finished(200.0, "finished", 60, "adapter", message("preset.exists", name="x")))
    shown = monitor.result(state, "en")
    assert "There is already a preset" in shown and "Continue from" in shown


def test_a_failure_folds_its_traceback_away() -> None:
    state = run_of(Failed(200.0, "bug", message("preset.exists", name="x"), None, "Traceback: line 1"))
    assert "<details><summary>" in monitor.result(state, "en")


def test_a_refusal_counts_and_leads_to_the_fields() -> None:
    problems = [Problem("optim.learning_rate", message("check.no_model")), Problem("", message("check.no_dataset"))]
    shown = monitor.refusal(problems, {"optim.learning_rate": "Learning rate"}, "en")
    assert "2 things" in shown and 'data-field="set-optim-learning_rate"' in shown


@pytest.mark.parametrize(("seconds", "text"), [(None, "–"), (7, "0:07"), (765, "12:45"), (10_930, "3:02:10")])
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(412, "412 B"), (3_100_000, "3.1 MB"), (16_400_000_000, "16.4 GB")])
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (1.23456, "1.235"), (1.2e-5, "1.20e-05"), (0.0, "0")])
def test_readings(value: float | None, text: str) -> None:
    assert plain(value) == text


def test_slow_steps_are_told_in_seconds() -> None:
    assert speed(0.5, "en") == "2.0 s/step" and speed(3.0, "en") == "3.0 steps/s"
