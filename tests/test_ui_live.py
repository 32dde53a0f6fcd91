"""The live view: made once for all pages, sent only where it changed."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.fakes import FakeEngine
from tsft.config.run_config import RunConfig
from tsft.config.schema import with_values
from tsft.errors import Problem, message
from tsft.i18n import say
from tsft.run.board import Board
from tsft.run.events import Progressed, RunStarted
from tsft.run.ports import Fetch
from tsft.ui.context import DatasetChoice, PageContext, RunRow
from tsft.ui.live import (
    FETCHED_SECONDS,
    IDLE_SECONDS,
    LONGEST_SECONDS,
    PAGE_SECONDS,
    RUNNING_SECONDS,
    SHARED_SECONDS,
    TICKS_PER_SECOND,
    Live,
)
from tsft.ui.page import Page
from tsft.ui.presets import controls_of
from tsft.ui.top_bar import offered

SOUND = with_values(RunConfig(), {"model.name": "builtin", "data.datasets": ("demo",)})


class BrokenEngine(FakeEngine):
    """One whose Start fails as no person could."""

    def start(self, config: RunConfig, by: str = "", parent: str = "") -> str:
        raise RuntimeError("the disk is upside down")


def is_skip(update: Any) -> bool:
    return isinstance(update, dict) and set(update) <= {"__type__"}


def request(page: str = "a", username: str | None = None) -> Any:
    return SimpleNamespace(session_hash=page, username=username)


@pytest.fixture
def page() -> Page:
    return Page(PageContext(FakeEngine(), presets=list, load_preset=lambda name: SOUND))


def running(page: Page) -> Board:
    board = Board()
    board.say(RunStarted(1.0, "r1", "first"))
    page.context.engine.board = board
    return board


def test_a_tick_sends_nothing_where_nothing_changed(page: Page) -> None:
    running(page)
    seen, *_ = page.handlers.tick({}, [], "", "en", "builtin", "huggingface", request())
    again = page.handlers.tick(seen, [], "", "en", "builtin", "huggingface", request())
    assert all(is_skip(each) for each in again)


def test_a_tick_sends_only_the_parts_that_changed(page: Page) -> None:
    board = running(page)
    seen, *_ = page.handlers.tick({}, [], "", "en", "builtin", "huggingface", request())
    board.say(Progressed(2.0, 5, 10, "rows"))
    _, timer, *rest = page.handlers.tick(seen, [], "", "en", "builtin", "huggingface", request())
    panel, announcement, _, log = rest[3:7]
    assert 'data-status="preparing"' in panel
    assert is_skip(timer) and is_skip(announcement) and is_skip(log)


def test_another_language_is_sent_whole(page: Page) -> None:
    running(page)
    seen, *_ = page.handlers.tick({}, [], "", "en", "builtin", "huggingface", request())
    updates = page.handlers.tick(seen, [], "", "zh", "builtin", "huggingface", request())
    assert "准备中" in updates[5]


def test_all_pages_share_one_drawing(page: Page) -> None:
    running(page)
    assert page.parts.live.view("en").chart is page.parts.live.view("en").chart


def test_pages_ask_less_often_when_they_are_many_or_nothing_runs() -> None:
    now = [0.0]
    live = Live(PageContext(FakeEngine()), clock=lambda: now[0])
    live.seen("a")
    assert (live.interval_seconds(True), live.interval_seconds(False)) == (RUNNING_SECONDS, IDLE_SECONDS)
    for each in "bc":
        live.seen(each)
    assert live.interval_seconds(True) == SHARED_SECONDS
    live.left("c")
    assert live.interval_seconds(True) == RUNNING_SECONDS
    now[0] = 60.0
    live.seen("a")
    assert live.interval_seconds(True) == RUNNING_SECONDS


def values_of(page: Page, config: RunConfig) -> list[Any]:
    return [update["value"] for update in page.parts.form.updates(config)]


def test_all_pages_together_ask_so_often_and_none_is_taken_for_closed() -> None:
    live = Live(PageContext(FakeEngine()), clock=lambda: 0.0)
    for number in range(40):
        live.seen(str(number))
    assert live.interval_seconds(True) == 40 / TICKS_PER_SECOND
    for number in range(40, 60):
        live.seen(str(number))
    assert live.interval_seconds(True) == LONGEST_SECONDS < PAGE_SECONDS


def test_start_begins_a_run_with_what_is_in_the_form(page: Page) -> None:
    engine = page.context.engine
    refusal, errors, problems, _ = page.handlers.start(request(), "en", "", *values_of(page, SOUND))
    engine.join()
    assert (refusal, problems) == ("", []) and engine.started == [SOUND]
    assert engine.board.state.status == "finished"


def test_what_nobody_expected_of_a_start_is_shown_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    page = Page(PageContext(BrokenEngine()))

    refusal, _, problems, _ = page.handlers.start(request(), "en", "", *values_of(page, SOUND))

    assert [each.message.key for each in problems] == ["page.start_failed"]
    assert "RuntimeError: the disk is upside down" in refusal
    assert any(record.exc_info for record in caplog.records)


def test_a_second_start_is_refused_with_the_name_of_the_first(page: Page) -> None:
    board = running(page)
    refusal, _, problems, _ = page.handlers.start(request(), "en", "", *values_of(page, SOUND))
    assert "first" in refusal and len(problems) == 1 and page.context.engine.board is board


def test_the_refusal_goes_when_the_run_in_the_way_has_ended(page: Page) -> None:
    running(page)
    _, _, problems, _ = page.handlers.start(request(), "en", "", *values_of(page, SOUND))
    seen, *_ = page.handlers.tick({}, problems, False, "en", "builtin", "huggingface", request())
    page.context.engine.board = None
    _, _, refusal, left, *_ = page.handlers.tick(seen, problems, False, "en", "builtin", "huggingface", request())
    assert (refusal, left) == ("", [])


def test_a_corrected_field_loses_its_sentence_the_others_keep_theirs(page: Page) -> None:
    values = values_of(page, SOUND)
    at = page.parts.form.keys.index
    values[at("optim.learning_rate")], values[at("schedule.batch_size")] = "abc", 0
    _, errors, problems, _ = page.handlers.start(request(), "en", "", *values)
    assert "set-optim-learning_rate" in errors and "set-schedule-batch_size" in errors
    before = dict(zip(page.parts.form.keys, values, strict=True))
    values[at("optim.learning_rate")] = "1e-4"
    refusal, errors, left, _ = page.handlers.edited("en", problems, before, *values)
    assert "set-optim-learning_rate" not in errors and "set-schedule-batch_size" in errors
    assert [each.field for each in left] == ["schedule.batch_size"] and "Batch size" in refusal


def test_a_fresh_page_holds_the_first_preset(page: Page) -> None:
    updates = page.handlers.load("en", None, "a")
    assert updates[page.parts.form.widget("model.name")]["value"] == "builtin"
    assert updates[page.parts.form.widget("data.datasets")]["value"] == ["demo"]


def test_every_output_of_a_load_has_its_update(page: Page) -> None:
    updates = page.handlers.load("ja", {"optim.learning_rate": "0.5"}, "a")
    assert updates[page.parts.form.widget("optim.learning_rate")]["value"] == "0.5"
    assert updates[page.parts.train.stop]["value"] == "停止" and updates[page.parts.train.stop]["interactive"] is False
    assert len(page.handlers.relabel("ko", [], "builtin", "huggingface", values_of(page, SOUND))) == len(
        page.parts.relabel_outputs
    )


def test_what_this_machine_cannot_do_is_marked_and_said_beside_its_field() -> None:
    engine = FakeEngine()
    page = Page(PageContext(engine, load_preset=lambda name: SOUND))
    seen, *_, known = page.handlers.tick({}, [], "", "en", "builtin", "huggingface", request())
    assert is_skip(known)
    engine.limited = {("optim.optimizer", "adamw_torch"): (why := message("preflight.package", package="adam"))}
    known = page.handlers.tick(seen, [], "", "en", "builtin", "huggingface", request())[-1]
    assert known == "en" and all(is_skip(each) for each in page.parts.form.marks(""))
    marked = dict(zip(page.parts.form.choosing(), page.parts.form.marks("en"), strict=True))["optim.optimizer"]
    assert ("AdamW · not on this machine", "adamw_torch") in marked["choices"]
    updates = page.handlers.load("zh", None, "a")
    assert say("zh", why) in updates[page.parts.train.errors] and updates[page.parts.knows_limits] == "zh"
    values = values_of(page, SOUND)
    _, beside, _, remembered = page.handlers.edited("en", [], None, *values)
    assert say("en", why) in beside
    assert is_skip(page.handlers.edited("en", [], remembered, *values)[1])


def test_an_interrupted_run_is_told_of_while_nothing_runs() -> None:
    listed = [RunRow("r1", "night run", "interrupted", step=20)]
    page = Page(PageContext(FakeEngine(), runs=lambda: listed, load_preset=lambda name: SOUND))
    updates = page.handlers.load("en", None, "a")
    assert "night run" in updates[page.parts.train.result] and "step 20" in updates[page.parts.train.result]


def test_what_the_machine_says_of_a_field_stays_until_that_field_changes() -> None:
    refuses = [Problem("data.datasets", message("check.no_dataset")), Problem("", message("check.no_model"))]
    page = Page(PageContext(FakeEngine(refuses=refuses), load_preset=lambda name: SOUND))
    values = values_of(page, SOUND)
    before = dict(zip(page.parts.form.keys, values, strict=True))
    _, _, problems, _ = page.handlers.start(request(), "en", "", *values)
    values[page.parts.form.keys.index("output.name")] = "other"
    assert page.handlers.edited("en", problems, before, *values)[2] == problems
    values[page.parts.form.keys.index("data.datasets")] = ["mine"]
    assert [each.field for each in page.handlers.edited("en", problems, before, *values)[2]] == [""]


def test_an_arrived_model_is_told_of_for_a_minute() -> None:
    now = [0.0]
    engine = FakeEngine()
    live = Live(PageContext(engine), clock=lambda: now[0])
    engine.fetch_model("smollm2-135m")
    engine.fetched("smollm2-135m")
    assert "smollm2-135m" in live.view("en").fetches
    now[0] = FETCHED_SECONDS - 1
    assert live.view("en").fetches
    now[0] = FETCHED_SECONDS
    assert live.view("en").fetches == ""


def test_a_model_is_offered_from_the_chosen_hub_until_that_hub_has_brought_it() -> None:
    context = PageContext(FakeEngine(), is_here=lambda name, hub: hub == "modelscope")
    done, failed = Fetch("ChatTS-8B", is_done=True), Fetch("ChatTS-8B", problem=message("check.no_model"))
    assert offered("ChatTS-8B", "modelscope", context, {}) == ""
    for fetches in ({}, {"ChatTS-8B": done}, {"ChatTS-8B": failed}):
        assert offered("ChatTS-8B", "huggingface", context, fetches) == "ChatTS-8B"
    assert offered("ChatTS-8B", "huggingface", context, {"ChatTS-8B": Fetch("ChatTS-8B")}) == ""


def test_a_typed_path_changes_path_name_and_fetch_button_together() -> None:
    page = Page(PageContext(FakeEngine(), is_here=lambda name, hub: False, load_preset=lambda name: SOUND))
    path, name, fetch = page.handlers.name_from_path(" /models/own ", "ChatTS-8B", "huggingface", "en")
    assert (path, name, fetch["visible"]) == ("/models/own", "/models/own", "hidden")
    assert all(is_skip(each) for each in page.handlers.name_from_path("", "ChatTS-8B", "huggingface", "en"))


def test_a_preset_with_a_data_folder_offers_what_lies_there() -> None:
    context = PageContext(FakeEngine(), datasets=lambda folder: [DatasetChoice(f"{folder}/mine", 3)])
    page = Page(context)
    form = page.parts.form
    updates = dict(zip(form.keys, controls_of(form, context, with_values(SOUND, {"data.folder": "/d"})), strict=True))
    for key in ("data.datasets", "data.validation_datasets"):
        assert updates[key]["choices"] == [("/d/mine (3)", "/d/mine")]
