"""The Chat tab in Chromium: a table's columns are asked about, the base beside, and the answer becomes a row."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tests.browser.conftest import Served
from tests.chat_fakes import ChatEngine
from tsft.store.workspace import open_workspace
from tsft.ui.context import PageContext, ResultChoice
from tsft.ui.data.room import DataRoom
from tsft.ui.launch import Address, launch
from tsft.ui.page import build_page

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
RESULT = "runs/a/adapter"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    workspace = open_workspace(tmp_path_factory.mktemp("chatted"))
    engine = ChatEngine()
    room = DataRoom(workspace, engine)
    results = [ResultChoice(RESULT, "pump <faults>", "adapter", 60, 1.25)]
    blocks = build_page(PageContext(engine, str(workspace.root), data=room, results=lambda: results))
    launched = launch(blocks, Address())
    yield Served(engine, launched.url, workspace)
    room.jobs.close()
    blocks.close(verbose=False)


@pytest.fixture
def engine(served: Served) -> Iterator[ChatEngine]:
    """Silent and free, nothing in the label room."""
    engine = served.engine
    assert isinstance(engine, ChatEngine)
    engine.free_model()
    engine.gate, engine.occupied, engine.word_seconds = None, "", 0.0
    (served.workspace.labels / "inbox.jsonl").unlink(missing_ok=True)
    yield engine
    engine.free_model()


def to_chat(page: Any) -> None:
    tab = page.locator("#tab-chat-button")
    page.wait_for_selector("#tabs > .tab-wrapper", state="visible")
    if not tab.is_visible():  # on a phone the last tabs are in a menu
        page.locator("#tabs > .tab-wrapper .overflow-menu > button").click()
        tab = page.locator("#tabs > .tab-wrapper .overflow-dropdown button").last
    tab.click()


def opened(open_page: Callable[..., Any], **options: Any) -> Any:
    page = open_page(**options)
    to_chat(page)
    page.wait_for_function("() => document.querySelector('#chat-model input')?.value")
    page.wait_for_selector("#chat-slot [data-slot]")
    return page


def attach_pasted(page: Any, numbers: str, name: str = "") -> None:
    before = page.locator("#chat-attached .chat-facts li").count()
    page.locator("#chat-source input[value=paste]").check()
    page.locator("#chat-paste textarea").fill(numbers)
    page.locator("#chat-name textarea, #chat-name input").first.fill(name)
    page.locator("#chat-attach-paste").click()
    page.wait_for_function(
        "wanted => document.querySelectorAll('#chat-attached .chat-facts li').length === wanted", arg=before + 1
    )


def ask(page: Any, question: str) -> None:
    page.locator("#chat-question textarea").fill(question)
    page.locator("#chat-ask").click()
    page.wait_for_function("() => !document.querySelector('#chat-question textarea').value")


def answered(page: Any, number: int = 1) -> Any:
    """Waits until so many answers are whole; gives the last."""
    page.wait_for_function(
        "wanted => document.querySelectorAll('#chat-turns .chat-reply[data-state=done]').length >= wanted", arg=number
    )
    return page.locator("#chat-turns .chat-reply").nth(number - 1)


def test_two_columns_are_asked_about_streamed_stopped_compared_and_saved_as_a_row(
    open_page: Callable[..., Any], served: Served, engine: ChatEngine, tmp_path: Any
) -> None:
    rows = "\n".join(f"{at},{np.sin(at / 5):.3f},{at % 7},ok" for at in range(120))
    (tmp_path / "pump.csv").write_text(f"t,pressure,flow,state\n{rows}\n", encoding="utf-8")
    page = opened(open_page)
    page.locator("#chat-file").locator("xpath=following-sibling::input|..//input[@type='file']").first.set_input_files(
        str(tmp_path / "pump.csv")
    )
    page.wait_for_selector("#chat-table .box")
    # Columns of numbers are offered, the text is not; the first one is chosen already.
    columns = page.locator("#chat-columns input")
    columns.click()
    offered = page.locator("#chat-columns [role=option], ul[role=listbox] [role=option]").all_inner_texts()
    assert [each.replace("✓", "").strip() for each in offered] == ["t", "pressure", "flow"]
    for name in ("t", "pressure", "flow"):
        page.locator("ul[role=listbox] [role=option]", has_text=name).first.click()
    page.keyboard.press("Escape")
    page.locator("#chat-last input").fill("100")
    page.locator("#chat-attach-table").click()
    page.wait_for_function("() => document.querySelectorAll('#chat-attached .chat-facts li').length === 2")
    assert "100 points" in page.locator("#chat-attached .chat-facts li").first.inner_text()
    assert page.locator("#chat-attached .series-panel[data-drawn]").count() == 2

    engine.gate = threading.Event()
    ask(page, "What happens?")
    writing = page.locator("#chat-turns .chat-writing")
    page.wait_for_function("() => document.querySelector('.chat-writing')?.textContent.includes('saw 2 series')")
    assert writing.inner_text().startswith(RESULT)
    page.locator("#chat-stop").click()
    page.wait_for_selector("#chat-turns .chat-reply[data-state=stopped]")
    assert "saw 2 series" in page.locator(".chat-answer").inner_text()

    engine.gate = None
    page.locator("#chat-again").click()
    own = answered(page)
    assert "points 10 to 20" in own.locator("mark.answer").first.inner_text()
    assert "ends at point 99" in own.locator(".chat-beyond").inner_text()
    own.locator("[data-do=base]").click()
    base = answered(page, 2)
    assert base.get_attribute("class") == "chat-reply base"
    first, second = own.bounding_box(), base.bounding_box()
    assert abs(first["y"] - second["y"]) < 5 and second["x"] > first["x"] + first["width"] - 5
    assert [name for name, *_ in _asked(engine)][-3:] == [RESULT, RESULT, ""]

    own.locator("[data-do=correct]").click()
    page.locator("#chat-correction textarea").fill("Pressure swings, flow is a saw.")
    page.locator("#chat-save").click()
    page.wait_for_selector("#chat-said .box")
    page.locator("#chat-open").click()
    page.wait_for_selector("#label-picture .series-panel[data-drawn]")
    assert page.locator("#label-answer textarea").input_value() == "Pressure swings, flow is a saw."
    assert page.locator("#label-picture .series-panel").count() == 2
    assert "What happens?" in page.locator("#label-question textarea").input_value()


def test_thumbs_on_a_phone_are_counted_replaced_and_made_a_dataset(
    open_page: Callable[..., Any], served: Served, engine: ChatEngine
) -> None:
    (served.workspace.chat / "verdicts.jsonl").unlink(missing_ok=True)
    page = opened(open_page, **PHONE)
    attach_pasted(page, "1 2 3 4 5 6 7 8 9", "load")
    ask(page, "Up or down?")
    own = answered(page)
    own.locator("[data-do=up]").tap()
    page.wait_for_selector("#chat-turns [data-do=up][aria-pressed=true]")
    own.locator("[data-do=down]").tap()
    page.wait_for_selector("#chat-turns [data-do=down][aria-pressed=true]")
    assert page.locator("#chat-turns [data-do=up][aria-pressed=true]").count() == 0
    page.locator("#chat-verdicts > button.label-wrap").tap()
    page.wait_for_function("document.querySelector('#chat-verdict-counts')?.innerText.includes('0 good, 1 bad')")
    page.locator("#chat-verdict-kind input").tap()
    page.get_by_role("option", name="single answers").tap()
    page.locator("#chat-verdict-make").tap()
    page.wait_for_function("document.querySelector('#chat-verdict-said')?.innerText.includes('The Data tab shows')")
    assert '"kto_tag":false' in (served.workspace.datasets / "chat-verdicts.jsonl").read_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]


def _asked(engine: ChatEngine) -> list[tuple[str, int]]:
    return [(config.model.continue_from, len(question.series)) for config, question, _ in engine.asked_of]


def test_a_reload_keeps_the_conversation_and_another_tab_has_its_own(
    open_page: Callable[..., Any], engine: ChatEngine
) -> None:
    page = opened(open_page)
    attach_pasted(page, "1 2 3 4 5 6 7 8 9", "<b>load</b>")
    ask(page, "Up?")
    answered(page)
    page.reload()
    page.wait_for_selector("html.tsft-ready", state="attached")
    to_chat(page)
    assert "<b>load</b>" in answered(page).locator("xpath=../..").inner_text()
    other = opened(open_page, context=page.context)
    assert other.locator("#chat-turns .chat-turn").count() == 0
    page.locator("#chat-clear").click()
    page.wait_for_selector("#chat-turns .chat-empty")


def test_the_last_question_is_edited_and_the_selected_part_explained(
    open_page: Callable[..., Any], engine: ChatEngine
) -> None:
    page = opened(open_page)
    attach_pasted(page, " ".join(str(each % 9) for each in range(40)))
    ask(page, "What is it?")
    answered(page)
    page.locator("#chat-edit").click()
    box = page.locator("#chat-question textarea")
    page.wait_for_function("() => document.querySelector('#chat-question textarea').value.includes('<ts><ts/>')")
    box.fill(box.input_value().replace("What is it?", "Is it a saw?"))
    page.locator("#chat-ask").click()
    page.wait_for_function("() => document.querySelector('.chat-turn .user')?.textContent.includes('Is it a saw?')")
    own = answered(page)
    assert page.locator(".chat-turn").count() == 1
    page.evaluate(
        """() => {
          const text = document.querySelector('.chat-answer').firstChild;
          getSelection().setBaseAndExtent(text, 5, text, 9);
        }"""
    )
    own.locator("[data-do=explain]").click()
    page.wait_for_selector(".chat-rests")
    assert engine.explained[-1][1] == (5, 9)
    assert page.locator(".chat-turn .heat").count() == 5
    assert page.locator("mark.explained").inner_text() == engine.explained[-1][0][5:9]


def test_a_series_is_drawn_by_hand_and_asked_about_changed(open_page: Callable[..., Any], engine: ChatEngine) -> None:
    page = opened(open_page)
    page.locator("#chat-source input[value=draw]").check()
    board = page.locator("#chat-draw canvas")
    board.scroll_into_view_if_needed()
    box = board.bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + box["height"] - 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 10, box["y"] + 5, steps=8)
    page.mouse.up()
    page.locator("#chat-draw [data-part=points]").fill("64")
    page.locator("#chat-attach-draw").click()
    page.wait_for_selector("#chat-attached .chat-facts li")
    ask(page, "Does it rise?")
    answered(page)
    points = engine.asked_of[-1][1].series[0]
    assert len(points) == 64 and np.all(np.diff(points) > 0) and points[0] < 10 and points[-1] > 90
    page.locator("#chat-change button.label-wrap").click()
    page.locator("#chat-change-ask").click()
    beside = answered(page, 2)
    assert beside.get_attribute("class") == "chat-reply changed"
    assert "noise, 20 %" in beside.locator(".chat-head").inner_text()
    assert beside.locator(".series-panel[data-drawn]").count() == 1
    assert not np.array_equal(engine.asked_of[-1][1].series[0], points)


def test_while_a_run_goes_on_the_person_says_what_becomes_of_a_question(
    open_page: Callable[..., Any], engine: ChatEngine
) -> None:
    engine.occupied = "train"
    page = opened(open_page)
    page.wait_for_selector("#chat-slot [data-slot=train]")
    page.locator("#chat-beside input[value=cpu]").check()
    page.wait_for_function("() => document.querySelector('#chat-slot').textContent.includes('CPU')")
    ask(page, "Hello?")
    answered(page)
    assert engine.asked_of[-1][2].beside == "cpu"
    engine.occupied = ""
    page.wait_for_selector("#chat-slot [data-slot=chat]")
    page.locator("#chat-free").click()
    page.wait_for_selector("#chat-slot [data-slot=free]")


@pytest.mark.parametrize("language", ["zh", "ru"])
def test_on_a_phone_nothing_is_wider_than_the_page(
    open_page: Callable[..., Any], served: Served, engine: ChatEngine, language: str
) -> None:
    page = opened(open_page, url=f"{served.url}/?lang={language}", **PHONE)
    page.wait_for_function("() => document.querySelector('#chat-ask')?.textContent.trim() !== 'Ask'")
    attach_pasted(page, " ".join(str(each) for each in range(30)))
    ask(page, "?" * 3 + "\n" + "w" * 200)
    answered(page)
    for source in ("table", "draw", "row", "generate"):
        page.locator(f"#chat-source input[value={source}]").check()
        wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, source
