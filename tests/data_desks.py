"""A section of the Data tab without a browser: its handlers are called with what its controls hold."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from tests.fakes import FakeEngine
from tsft.store.workspace import open_workspace
from tsft.ui.data.desk import DataDesk
from tsft.ui.data.jobs import Job
from tsft.ui.data.room import DataRoom
from tsft.ui.words import Words


def desk_of(tmp_path: Path, place: Callable[[Words], Any], make: Callable[..., Any]) -> Any:
    """The handlers of a section over a workspace of its own."""
    words, room = Words(), DataRoom(open_workspace(tmp_path / "workspace"), FakeEngine())
    with gr.Blocks():
        section = place(words)
        desk = DataDesk(room, gr.Textbox(), gr.Tabs(), {}, {}, gr.Dropdown([]), gr.State({}))
    return make(section, desk, lambda request: "ada")


class Sheet:
    """What the controls of a form hold, changed by hand and by the updates of handlers."""

    def __init__(self, desk: Any) -> None:
        self.form = desk.at.form
        self.held = {each: each.value for each in self.form.inputs}
        self.seen: dict[Any, Any] = {}

    def put(self, **values: Any) -> "Sheet":
        boxes = {name: box.feed for name, box in self.form.entries.items()}
        for name, value in values.items():
            self.held[{**self.form.controls, **boxes}[name]] = value
        return self

    def take(self, updates: dict[Any, Any]) -> "Sheet":
        """An answer of a handler, as the browser takes it."""
        for each, update in updates.items():
            is_update = isinstance(update, dict) and update.get("__type__") == "update"
            if is_update and "value" not in update:
                continue
            value = update["value"] if is_update else update
            self.seen[each] = value
            if each in self.held:
                self.held[each] = value
        return self

    def given(self) -> list[Any]:
        return [self.held[each] for each in self.form.inputs]

    def value(self, name: str) -> Any:
        return self.form.values(self.given())[name]


def finished(desk: Any, kind: str) -> Job:
    """The job of this kind that was begun last, once it has ended."""
    jobs = [each for each in desk.desk.room.jobs._jobs.values() if each.kind == kind]
    assert jobs[-1].ended.wait(60)
    return jobs[-1]
