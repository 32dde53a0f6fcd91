"""How handlers are registered: what Gradio's front end makes of it cannot be seen in a single answer."""

from collections import Counter
from typing import Any

import gradio as gr
import pytest

from tests.fakes import FakeEngine
from tsft.store.workspace import open_workspace
from tsft.ui.context import PageContext
from tsft.ui.data.room import DataRoom
from tsft.ui.page import build_page


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The whole page, with the Data tab."""
    engine, workspace = FakeEngine(), open_workspace(tmp_path_factory.mktemp("events"))
    return build_page(PageContext(engine, presets=list, data=DataRoom(workspace, engine)))


def test_of_handlers_that_hear_the_same_change_only_one_is_deferred(blocks: Any) -> None:
    deferred = Counter(
        (component, event)
        for dependency in blocks.get_config_file()["dependencies"]
        if dependency["trigger_mode"] == "always_last"
        for component, event in dependency["targets"]
        if component is not None
    )
    assert len(deferred) > 50
    assert [(blocks.blocks[each].elem_id, event) for (each, event), count in deferred.items() if count > 1] == []


def test_no_number_has_bounds_of_which_gradio_complains_in_english(blocks: Any) -> None:
    """`Number.preprocess` raises "Value 0 is less than minimum value 1." before any handler can say it otherwise."""
    numbers = [each for each in blocks.blocks.values() if isinstance(each, gr.Number)]
    bounded = [each.elem_id for each in numbers if (each.minimum, each.maximum) != (None, None)]
    assert len(numbers) > 50
    assert bounded == []


def test_a_state_that_somebody_listens_to_is_written_by_queued_answers_only(blocks: Any) -> None:
    """Gradio 6.31 tells the browser of a changed state only where the answer came through the queue."""
    dependencies = blocks.get_config_file()["dependencies"]
    heard = {component for each in dependencies for component, event in each["targets"] if event == "change"}
    states = {number for number in heard if isinstance(blocks.blocks.get(number), gr.State)}
    silent = [(each["id"], set(each["outputs"]) & states) for each in dependencies if not each["queue"]]
    assert [(blocks.fns[number].fn, written) for number, written in silent if written] == []


def test_a_dataset_that_left_the_list_a_moment_ago_is_no_error_of_the_server(blocks: Any) -> None:
    """Two answers may cross: one takes a name from the list, the other was asked with it."""
    for wanted in ("preview-which", "ask-dataset"):
        control = next(each for each in blocks.blocks.values() if getattr(each, "elem_id", None) == wanted)
        control.choices = [("left", "left")]
        assert control.preprocess("gone") == "gone"


def test_a_page_in_another_language_labels_of_the_data_tab_what_is_in_view_only(blocks: Any) -> None:
    """Gradio labels a control that is not shown more slowly than one that is; most sections are never looked at."""
    ids = {each.elem_id: number for number, each in blocks.blocks.items() if getattr(each, "elem_id", None)}
    dependencies = blocks.get_config_file()["dependencies"]
    buttons = {number for name, number in ids.items() if name.startswith("data-relabel-")}
    labelled = {target for each in dependencies for target, _ in each["targets"]} & buttons
    assert len(buttons) == 6 and labelled == buttons
    loads = [each for each in dependencies if [ids["language"], "input"] in map(list, each["targets"])]
    loads += [each for each in dependencies if any(event == "load" for _, event in each["targets"])]
    inside = {ids[name] for name in ("check-start", "build-build", "synth-generate", "label-accept", "data-export")}
    assert loads and not any(inside & set(each["outputs"]) for each in loads)
