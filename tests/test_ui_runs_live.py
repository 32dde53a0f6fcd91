"""The open Runs tab follows the runs: it is sent what is new, and nothing that a person may be typing in."""

import dataclasses
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from tests.engine_runs import small
from tests.fakes import FakeEngine
from tests.store_fakes import write_checkpoint
from tsft.errors import message
from tsft.run.events import Finished, PhaseChanged, RunStarted, StepLogged, to_line
from tsft.store.record import Record
from tsft.store.runs import RunInfo
from tsft.store.workspace import open_workspace
from tsft.ui.context import PageContext
from tsft.ui.run_rows import RunQuery
from tsft.ui.run_source import RunSource
from tsft.ui.runs_tab import NEWEST_FIRST, left, live_updates, place_runs_tab, refreshed
from tsft.ui.words import Words

# Where `refreshed` has what this session has seen: after notes, table, tags, the bar of three and the chosen run.
SEEN = 7
NAMES = ("seen", "table", "cells", "summary", "chart", "details", "log", "checkpoint")


class Tab:
    """An open tab over a real record; `tick` gives what it was sent, by name, skipped parts left out."""

    def __init__(self, root: Path) -> None:
        self.workspace = open_workspace(root)
        self.record = Record(self.workspace)
        actions = RunSource(self.workspace, self.record).actions()
        self.context = dataclasses.replace(PageContext(FakeEngine()), run_actions=actions)
        self.run = self.add("first")
        self.seen: dict[str, Any] = {}
        self.compared: list[str] = []

    def add(self, name: str) -> RunInfo:
        run = self.record.create_run(small(output__name=name))
        self.record.claim(run.id)
        self.say(run, RunStarted(1.0, run.id, name), PhaseChanged(1.0, "training"))
        self.record.update(run.id, status="running")
        return run

    def say(self, run: RunInfo, *events: Any) -> None:
        with run.folder.events.open("a", encoding="utf-8") as file:
            file.writelines(to_line(each) + "\n" for each in events)

    def log(self, step: int) -> None:
        self.say(self.run, StepLogged(1.0 + step, step, 0.1, 5.0 / step, 1e-4, 1.0))
        self.record.update(self.run.id, status="running", step=step, steps=9)

    def open(self) -> None:
        self.seen = refreshed(self.context, self.run.id, "en")[SEEN]

    def tick(self) -> dict[str, Any]:
        sent = live_updates(self.context, self.seen, self.compared, self.run.id, "en", (), RunQuery())
        named = dict(zip([*NAMES, *range(len(sent) - len(NAMES))], sent, strict=True))
        news = {name: each for name, each in named.items() if each != gr.skip()}
        self.seen = news.get("seen", self.seen)
        return news


@pytest.fixture
def tab(tmp_path: Path) -> Tab:
    made = Tab(tmp_path)
    made.open()
    return made


def test_nothing_is_sent_while_nothing_is_new(tab: Tab) -> None:
    assert tab.tick() == {}


def test_a_step_moves_the_row_and_the_curve_and_nothing_else(tab: Tab) -> None:
    tab.log(3)
    sent = tab.tick()
    assert set(sent) == {"seen", "cells", "summary", "chart"}
    assert "3 / 9" in sent["cells"] and tab.run.id in sent["cells"]
    assert tab.tick() == {}


def test_a_new_run_draws_the_table_anew(tab: Tab) -> None:
    tab.record.release(tab.run.id, status="stopped")
    tab.tick()
    tab.add("second")
    assert "second" in tab.tick()["table"]


def test_the_end_of_a_run_frees_its_buttons_and_keeps_the_chosen_checkpoint(tab: Tab) -> None:
    write_checkpoint(tab.run.folder, 4)
    tab.say(tab.run, Finished(9.0, "stopped", 4, "", message("run.stopped", step=4)))
    tab.record.release(tab.run.id, status="stopped", step=4)
    sent = tab.tick()
    assert "value" not in sent["checkpoint"] and [step for _, step in sent["checkpoint"]["choices"]] == [4]
    assert tab.tick() == {}


def test_a_comparison_follows_its_runs(tab: Tab) -> None:
    tab.compared = [tab.run.id]
    tab.log(2)
    assert any("data-payload" in str(each) for name, each in tab.tick().items() if isinstance(name, int))
    assert tab.tick() == {}


def test_leaving_a_search_that_was_not_changed_does_not_undo_what_was_clicked(tab: Tab) -> None:
    with gr.Blocks():
        placed = place_runs_tab(Words(), None)
    given = ("en", tab.run.id, (), "first", "", "", {**NEWEST_FIRST, "first": 15})
    assert {str(each) for each in left(tab.context, placed, "first", *given)} == {str(gr.skip())}
    sought, order, *sent = left(tab.context, placed, "", *given)
    assert (sought, order["first"]) == ("first", 0) and len(sent) == len(placed.outputs) and tab.run.id in sent[1]
