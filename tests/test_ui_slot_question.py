"""A Start that would end somebody's chat asks first; one that an evaluation or an export stands against may wait."""

from typing import Any

import pytest

from tests.fakes import FakeEngine
from tests.test_ui_live import SOUND, request, values_of
from tsft.config.schema import with_values
from tsft.errors import Problem, message
from tsft.i18n import LANGUAGES
from tsft.run.answers import Slot
from tsft.run.evaluation import EvaluationSettings
from tsft.run.export import ExportSettings
from tsft.ui.context import PageContext, ResultChoice
from tsft.ui.page import Page
from tsft.ui.slot_question import chat_that_ends, question_text

CHAT = Slot("chat", "r1/adapter", 2_500_000_000)
RESULT = ResultChoice("r1/adapter", "my run", "adapter", 20, 1.0)


@pytest.fixture(scope="module")
def made() -> Page:
    context = PageContext(FakeEngine(), presets=list, load_preset=lambda name: SOUND, results=lambda: [RESULT])
    return Page(context)


@pytest.fixture
def page(made: Page) -> Page:
    made.context.engine.reset()
    return made


def handler(page: Page, name: str, module: str, event: str = "click") -> Any:
    """What is wired to the control of that id."""
    number = next(each for each, block in page.blocks.blocks.items() if getattr(block, "elem_id", None) == name)
    wired = [each.fn for each in page.blocks.fns.values() if (number, event) in each.targets and each.fn is not None]
    return next(each for each in wired if each.__module__ == f"tsft.ui.{module}")


def start(page: Page) -> list[Any]:
    return page.handlers.start(request(), "en", "", *values_of(page, SOUND))


def keys(problems: Any) -> list[str]:
    return [each.message.key for each in problems]


@pytest.mark.parametrize("slot", [CHAT, Slot("loading", "builtin")])
def test_a_start_that_would_end_a_chat_starts_nothing_until_somebody_agrees(page: Page, slot: Slot) -> None:
    engine = page.context.engine
    engine.held = slot
    refusal, _, problems, _ = start(page)
    assert (refusal, keys(problems)) == ("", [f"page.frees.{slot.state}"])
    assert (engine.started, engine.held) == ([], slot)

    refusal, _, problems, _ = page.handlers.start_agreed(request(), "en", "", *values_of(page, SOUND))
    engine.join()
    assert (refusal, problems, engine.started, engine.held) == ("", [], [SOUND], Slot("free"))


@pytest.mark.parametrize("state", ["train", "evaluate", "export", "free"])
def test_only_a_chat_is_asked_about(state: str) -> None:
    engine = FakeEngine()
    engine.held = Slot(state, "m")
    assert chat_that_ends(engine) is None


def test_what_is_wrong_with_the_settings_is_told_before_anything_is_asked(page: Page) -> None:
    page.context.engine.held = CHAT
    values = values_of(page, SOUND)
    values[page.parts.form.keys.index("schedule.batch_size")] = 0
    assert keys(page.handlers.start(request(), "en", "", *values)[2]) == ["check.at_least"]
    refusing = Page(PageContext(FakeEngine(refuses=[Problem("", message("check.no_model"))])))
    refusing.context.engine.held = CHAT
    assert keys(start(refusing)[2]) == ["check.no_model"]


def test_the_page_shows_the_question_and_takes_it_back(page: Page) -> None:
    page.context.engine.held = CHAT
    problems = start(page)[2]
    number = page.parts.train.asking.text._id
    ask = next(each.fn for each in page.blocks.fns.values() if [number] == [e._id for e in each.outputs[1:]])
    shown, text = ask(problems, "en")
    assert shown["visible"] and "my run" in text and "2.5 GB" in text and "Start the run?" in text
    assert ask([], "en") == [{**shown, "visible": False}, ""]
    hidden, _, left = handler(page, "start-no", "slot_question")()
    assert (hidden["visible"], left) == (False, [])
    assert page.context.engine.held == CHAT


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_question_is_said_in_every_language(page: Page, language: str) -> None:
    for slot in (CHAT, Slot("loading", "builtin")):
        page.context.engine.held = slot
        ends = chat_that_ends(page.context.engine)
        assert ends is not None
        for does in ("start", "dry_run"):
            text = question_text(ends, does, page.context, language)
            assert "page." not in text and "{" not in text


def test_a_dry_run_asks_and_a_check_does_not(page: Page) -> None:
    engine, values = page.context.engine, values_of(page, SOUND)
    engine.held = CHAT
    assert handler(page, "check", "readiness")("en", *values)[1] == 1 and engine.held == CHAT
    _, _, problems, _ = handler(page, "dry-run", "readiness")("en", *values)
    assert keys(problems) == ["page.frees.chat"] and not engine.examined.is_trial
    assert handler(page, "dry-run-yes", "readiness")("en", *values)[1:3] == [2, []]
    assert engine.examined.is_trial and engine.held == Slot("free")


def test_a_dry_run_of_wrong_settings_is_refused_without_a_question(page: Page) -> None:
    page.context.engine.held = CHAT
    wrong = values_of(page, with_values(SOUND, {"schedule.batch_size": 0}))
    assert keys(handler(page, "dry-run", "readiness")("en", *wrong)[2]) == ["check.at_least"]


@pytest.mark.parametrize(("button", "given", "epochs"), [("resume", (), 0.0), ("run-extend", (2.0,), 2.0)])
def test_going_on_with_a_run_asks_too(page: Page, button: str, given: tuple[float, ...], epochs: float) -> None:
    engine = page.context.engine
    engine.held = CHAT
    _, shown, text, _, asked = handler(page, button, "run_actions_box")("r1", 20, *given, "en", request())
    assert shown["visible"] and "2.5 GB" in text and engine.resumed == []
    _, shown, _, _, left, _ = handler(page, "run-confirm", "run_actions_box")(asked, "r1", "en", request())
    assert (shown["visible"], left) == (False, {})
    assert (engine.resumed, engine.resumed_from) == (["r1"], [(20, epochs)])


@pytest.mark.parametrize("busy", ["evaluation.busy", "export.busy"])
def test_a_run_may_wait_for_an_evaluation_or_an_export(page: Page, busy: str) -> None:
    engine = page.context.engine
    if busy == "evaluation.busy":
        engine.begin_evaluation(EvaluationSettings(models=("m",), datasets=("d",)))
    else:
        engine.begin_export(ExportSettings("r1"))
    refusal, _, problems, _ = start(page)
    assert keys(problems) == [busy] and refusal
    number = page.parts.train.queue.text._id
    ask = next(
        each.fn for each in page.blocks.fns.values() if [e._id for e in each.outputs[1:2]] == [number] and each.fn
    )
    for language in LANGUAGES:
        shown, text, _ = ask(problems, language)
        assert shown["visible"] and text and "page." not in text

    _, shown, text, _, asked = handler(page, "resume", "run_actions_box")("r1", 20, "en", request())
    assert shown["visible"] and "queue" in text and asked["does"] == "queue"
    handler(page, "run-confirm", "run_actions_box")(asked, "r1", "en", request())
    assert [(each.run_id, each.step) for each in engine.waiting] == [("r1", 20)] and engine.resumed == []
