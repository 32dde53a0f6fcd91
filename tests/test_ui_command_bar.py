"""The buttons show what the run can be asked for now, and a question answered late never meets another run."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.fakes import FakeEngine
from tsft.i18n import LANGUAGES, translate
from tsft.run.board import Board
from tsft.run.events import COMMANDS, CommandGiven, CommandObeyed, Event, PhaseChanged, Progressed, RunStarted
from tsft.run.state import RunState, reduce
from tsft.ui.command_bar import BUTTONS, button_updates, shown_buttons, wire_command_bar
from tsft.ui.context import PageContext
from tsft.ui.monitor import pending_html
from tsft.ui.page import Page

STARTED = RunStarted(1.0, "r1", "first")
TRAINING = (STARTED, PhaseChanged(2.0, "training"), Progressed(3.0, 4, 10, "steps"))


def after(*events: Event) -> RunState:
    state = RunState()
    for event in events:
        state = reduce(state, event)
    return state


@pytest.mark.parametrize(
    ("events", "enabled"),
    [
        ((), []),
        ((STARTED,), ["pause", "discard"]),
        (TRAINING, ["pause", "checkpoint", "evaluate", "stop_after_epoch", "discard"]),
        (
            (*TRAINING, CommandGiven(4.0, "checkpoint", "Ada")),
            ["pause", "evaluate", "stop_after_epoch", "discard"],
        ),
        (
            (*TRAINING, CommandGiven(4.0, "pause", ""), PhaseChanged(5.0, "paused"), CommandObeyed(5.0, "pause")),
            ["continue", "checkpoint", "evaluate", "stop_after_epoch", "discard"],
        ),
        ((*TRAINING, CommandGiven(4.0, "stop", "")), []),
    ],
    ids=["idle", "preparing", "training", "pending", "paused", "stopping"],
)
def test_only_what_can_be_done_can_be_pressed(events: tuple[Event, ...], enabled: list[str]) -> None:
    assert [name for name, can in shown_buttons(after(*events)) if can] == enabled


def test_pause_and_continue_take_each_others_place() -> None:
    updates = dict(zip(BUTTONS, button_updates(shown_buttons(after(*TRAINING))), strict=True))
    assert updates["pause"]["visible"] and not updates["continue"]["visible"]


def test_what_is_pending_is_shown_with_who_asked_and_escaped() -> None:
    shown = pending_html(after(*TRAINING, CommandGiven(4.0, "evaluate", "<b>Ada</b>")), "en")
    assert "&lt;b&gt;Ada" in shown and "<b>" not in shown
    assert pending_html(after(*TRAINING), "en") == ""


def test_every_command_has_words_in_every_language() -> None:
    assert all(translate(language, f"command.{name}") for language in LANGUAGES for name in COMMANDS)


def test_a_run_is_discarded_only_when_it_is_the_one_that_was_asked_about() -> None:
    engine = FakeEngine()
    engine.board = Board()
    for event in TRAINING:
        engine.board.say(event)
    page = Page(PageContext(engine, presets=list))
    wired = [
        each.fn
        for each in page.blocks.fns.values()
        if getattr(each.fn, "__module__", "") == wire_command_bar.__module__
    ]
    asked: list[Any] = next(each for each in wired if each.__name__ == "ask")("en")
    assert asked[-1] == "r1" and "first" in asked[1]

    given: list[tuple[str, str]] = []
    engine.command = lambda command, by="", run_id="": given.append((command, run_id)) or True  # type: ignore[method-assign]
    confirm = [each for each in wired if each.__name__ == "give"][-1]
    confirm("en", asked[-1], SimpleNamespace(username="Ada"))
    assert given == [("discard", "r1")]
