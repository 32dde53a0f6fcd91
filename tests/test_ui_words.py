"""Five languages on the page: every component has words in each, none is kept for the next visitor."""

from types import SimpleNamespace

import gradio as gr
import pytest

from tests.fakes import FakeEngine
from tsft.i18n import LANGUAGES
from tsft.ui.context import PageContext, PresetChoice, ResultChoice
from tsft.ui.page import Page
from tsft.ui.words import COOKIE, language_of

# Made of data or drawn by the page's script; their words are tested where they are made.
WORDLESS = (gr.HTML, gr.Timer, gr.State, gr.BrowserState, gr.Row, gr.Column, gr.Tabs)


@pytest.fixture(scope="module")
def page() -> Page:
    context = PageContext(
        FakeEngine(),
        presets=lambda: [PresetChoice("first_run", "preset.first_run.title"), PresetChoice("mine")],
        results=lambda: [ResultChoice("runs/a/adapter", "a", "adapter", 60, 1.25)],
    )
    return Page(context)


def shown_components(page: Page) -> list[object]:
    blocks = page.blocks.blocks.values()
    return [
        each
        for each in blocks
        if not isinstance(each, WORDLESS) and not type(each).__name__.startswith(("Form", "Api"))
    ]


def test_every_component_that_shows_words_is_registered(page: Page) -> None:
    known = {each._id for each in page.parts.words.components} | {page.parts.top.fetch._id}
    # What is never seen carries data between the page's script and the server.
    missing = [each for each in shown_components(page) if each._id not in known and each.visible is True]
    assert missing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_worded_property_is_empty(page: Page, language: str) -> None:
    for component, properties in page.parts.words.properties(language).items():
        for name, text in properties.items():
            assert text or isinstance(component, gr.HTML), (component, name)


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_labels_and_helps_differ_from_english(page: Page, language: str) -> None:
    english, other = page.parts.words.properties("en"), page.parts.words.properties(language)
    same = [
        text
        for component, properties in other.items()
        for name, text in properties.items()
        if text and isinstance(text, str) and text == english[component][name]
    ]
    assert set(same) <= {
        "LoRA",
        "DoRA",
        "LoRA alpha",
        "LoRA dropout",
        "Adam beta 1",
        "Adam beta 2",
        "GaLore",
        "APOLLO",
        "BAdam",
        "DPO",
        "SimPO",
        "ORPO",
        "CPO",
        "KTO",
        "GRPO",
        "RLOO",
        "PPO",
        "Top-k",
        "Top-p",
        "Beta",
    }


def test_relabelling_touches_no_value_of_the_form(page: Page) -> None:
    buttons = (gr.Button, gr.HTML)
    for component, properties in page.parts.words.properties("zh").items():
        assert "value" not in properties or isinstance(component, buttons), component


def test_building_in_one_language_leaves_the_others_alone(page: Page) -> None:
    before = page.parts.words.properties("en")[page.parts.train.start]
    page.parts.words.updates("zh")
    assert page.parts.words.properties("en")[page.parts.train.start] == before == {"value": "Start"}


@pytest.mark.parametrize(
    ("query", "cookie", "header", "wanted"),
    [
        ({}, {}, "", "en"),
        ({}, {}, "zh-TW,en;q=0.8", "zh"),
        ({}, {}, "fr-FR,ko;q=0.8", "ko"),
        ({}, {COOKIE: "ja"}, "zh-CN", "ja"),
        ({"lang": "ru"}, {COOKIE: "ja"}, "zh-CN", "ru"),
        ({"lang": "xx"}, {COOKIE: "<script>"}, "de", "en"),
    ],
)
def test_the_browser_says_the_language(query: dict, cookie: dict, header: str, wanted: str) -> None:
    request = SimpleNamespace(query_params=query, cookies=cookie, headers={"accept-language": header})
    assert language_of(request) == wanted
