"""How much of a conversation is sent, kept and taken, and which sentence says that it is too much."""

import json
import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest

from tests.chat_desks import RESULT, SAW, chat_context, look, talked
from tests.chat_fakes import ChatEngine
from tests.data_fakes import row, write_lines
from tsft.errors import UserError, message
from tsft.i18n import LANGUAGES, say_all, translate
from tsft.run.answers import AnswerOptions
from tsft.ui.chat import asking, sources
from tsft.ui.chat.attached_html import attached_html
from tsft.ui.chat.conversation import changed
from tsft.ui.chat.desk import asked_of
from tsft.ui.chat.layout import place_chat
from tsft.ui.chat.models import config_of
from tsft.ui.chat.talk import MOST_POINTS, MOST_SERIES, Attached, Explaining, Talks
from tsft.ui.chat.turns_html import DRAWN_POINTS, LEAST_DRAWN, points_each, turns_html, views_of
from tsft.ui.context import PageContext
from tsft.ui.words import Words


@pytest.fixture
def engine() -> Iterator[ChatEngine]:
    engine = ChatEngine()
    yield engine
    engine.free_model()


@pytest.fixture
def context(engine: ChatEngine, tmp_path: Path) -> PageContext:
    return chat_context(engine, tmp_path)


def noise_with_a_peak(seed: int) -> Attached:
    points = np.random.default_rng(seed).normal(size=MOST_POINTS)
    points[777] = 99.0
    return Attached(points, f"series {seed}")


def drawings(html: str) -> list[dict[str, Any]]:
    return [json.loads(unescape(each)) for each in re.findall(r'data-payload="([^"]*)"', html)]


# -- what is sent -----------------------------------------------------------------------------------------------------


def test_many_long_series_are_drawn_with_fewer_points_and_all_their_peaks(
    engine: ChatEngine, context: PageContext
) -> None:
    many = [noise_with_a_peak(seed) for seed in range(MOST_SERIES)]
    talk = talked(engine, context, "What?", series=many)
    for html in (turns_html(talk.turns, look()), attached_html(many, message("page.chat.no_model"), "en")):
        (drawing,) = drawings(html)
        assert len(drawing["series"]) == MOST_SERIES and len(html) < 2_500_000
        for each in drawing["series"]:
            assert len(each["y"]) <= LEAST_DRAWN + 2 and each["length"] == MOST_POINTS
            assert dict(zip(each["x"], each["y"], strict=True))[777] == 99.0


def test_the_points_are_shared_among_all_questions_of_a_conversation(engine: ChatEngine, context: PageContext) -> None:
    assert points_each(0) == points_each(1) == DRAWN_POINTS and points_each(10) == 5_000
    talk = talked(engine, context, "What?", series=[noise_with_a_peak(0)])
    assert len(drawings(turns_html(talk.turns, look()))[0]["series"][0]["y"]) == MOST_POINTS
    html = turns_html(talk.turns * 5, look())
    assert [len(each["series"][0]["y"]) <= DRAWN_POINTS // 5 + 2 for each in drawings(html)] == [True] * 5


def test_of_series_that_are_not_drawn_nothing_is_worked_out() -> None:
    unread: Any = [Attached(np.arange(4.0)), None]
    assert [each.number for each in views_of(unread, shown={1})] == [1]


# -- what is taken ----------------------------------------------------------------------------------------------------


def test_no_number_of_the_tab_is_judged_by_gradio(context: PageContext) -> None:
    """Gradio's own sentence is English in every language."""
    with gr.Blocks(analytics_enabled=False) as blocks:
        place_chat(Words())
    numbers = [each for each in blocks.blocks.values() if isinstance(each, gr.Number)]
    assert len(numbers) == 8
    assert [each.preprocess(-1) for each in numbers] == [-1] * 8 and numbers[0].preprocess(10**9) == 10**9


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_number_that_cannot_be_has_its_sentence(
    engine: ChatEngine, context: PageContext, tmp_path: Path, language: str
) -> None:
    room, table = context.data, tmp_path / "a.csv"
    assert room is not None
    table.write_text("x\n1\n2\n", encoding="utf-8")
    write_lines(room.workspace.datasets / "mine.jsonl", [row()])
    talk = talked(engine, context, "What?")
    tries: dict[str, Callable[[], Any]] = {
        "first": lambda: sources.from_table(str(table), ["x"], 0, 2),
        "last": lambda: sources.from_table(str(table), ["x"], 1, -1),
        "row": lambda: sources.from_row(room, "mine", 0),
        "seed": lambda: sources.from_generator("trend", -1, 64, language),
        "points": lambda: sources.from_generator("trend", 1, 0, language),
        "series": lambda: changed(talk, "noise", 10, -1),
        "tokens": lambda: asked_of(("", 0, 0, 1, 0, 1, None), None),
        "top k": lambda: asked_of(("", None, 0, 1, -1, 1, None), None),
    }
    for name, refused in tries.items():
        with pytest.raises(UserError) as error:
            refused()
        assert len(say_all(language, error.value)) > 5, name
    with pytest.raises(UserError) as error:
        asked_of(("", -3, 0, 1, -1, 1, None), None)
    both = say_all(language, error.value).split("\n")
    labels = [translate(language, f"page.chat.{name}") for name in ("tokens", "top_k")]
    assert [line.startswith(label) for line, label in zip(both, labels, strict=True)] == [True, True]


# -- what is kept -----------------------------------------------------------------------------------------------------


def test_a_conversation_keeps_so_many_changed_series_and_says_when_it_is_enough(
    engine: ChatEngine, context: PageContext
) -> None:
    talk = talked(engine, context, "What?", series=[SAW] * (MOST_SERIES // 2))
    config = config_of(context, RESULT)
    for kind in ("noise", "shift"):
        asking.ask_beside(engine, talk, config, AnswerOptions(), "", *changed(talk, kind, 10, 0))
        engine.finish()
        asking.follow(engine, talk)
    assert talk.changed_series == MOST_SERIES
    with pytest.raises(UserError) as refused:
        asking.ask_beside(engine, talk, config, AnswerOptions(), "", *changed(talk, "scale", 10, 1))
    assert refused.value.message.key == "page.chat.too_many_changed" and len(talk.turns[0].replies) == 3
    asking.ask_beside(engine, talk, config, AnswerOptions(), "")


def test_a_conversation_with_an_attribution_under_way_is_kept() -> None:
    talks = Talks(most=2)
    explaining = talks.of("explaining")
    explaining.explaining = Explaining(1, (0, 1), 1)
    for name in ("a", "b", "c"):
        talks.of(name)
    assert talks.of("explaining") is explaining
