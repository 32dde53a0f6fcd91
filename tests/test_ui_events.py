"""How handlers are registered: what Gradio's front end makes of it cannot be seen in a single answer."""

from collections import Counter

from tests.fakes import FakeEngine
from tsft.ui.context import PageContext
from tsft.ui.page import build_page


def test_of_handlers_that_hear_the_same_change_only_one_is_deferred() -> None:
    blocks = build_page(PageContext(FakeEngine(), presets=list))
    deferred = Counter(
        (component, event)
        for dependency in blocks.get_config_file()["dependencies"]
        if dependency["trigger_mode"] == "always_last"
        for component, event in dependency["targets"]
        if component is not None
    )
    assert len(deferred) > 50
    assert [(blocks.blocks[each].elem_id, event) for (each, event), count in deferred.items() if count > 1] == []


def test_a_dataset_that_left_the_list_a_moment_ago_is_no_error_of_the_server() -> None:
    """Two answers may cross: one takes a name from the list, the other was asked with it."""
    blocks = build_page(PageContext(FakeEngine(), presets=list))
    for wanted in ("preview-which", "ask-dataset"):
        control = next(each for each in blocks.blocks.values() if getattr(each, "elem_id", None) == wanted)
        control.choices = [("left", "left")]
        assert control.preprocess("gone") == "gone"
