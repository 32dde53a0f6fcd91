"""A number that is too small is refused in the language of the page, by the section that asked for it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeEngine
from tests.test_ui_live import SOUND, request
from tsft.errors import UserError
from tsft.i18n import LANGUAGES, say_all
from tsft.store.workspace import open_workspace
from tsft.ui.bounds import refuse_too_small
from tsft.ui.context import PageContext, Preview, PreviewRow
from tsft.ui.data.room import DataRoom
from tsft.ui.page import Page
from tsft.ui.run_rows import RunRow


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    engine = FakeEngine()
    room = DataRoom(open_workspace(tmp_path_factory.mktemp("bounds")), engine)
    listed = [RunRow("r1", "7", "finished", result="/r1/adapter")]
    preview = Preview([PreviewRow(1, [], [])], 1, 0)
    context = PageContext(
        engine, load_preset=lambda name: SOUND, data=room, runs=lambda: listed, preview=lambda *_: preview
    )
    return Page(context)


def click(page: Page, button: str, *given: Any) -> Sequence[Any]:
    """What the last handler of the button's click answers."""
    number = next(each for each, block in page.blocks.blocks.items() if getattr(block, "elem_id", None) == button)
    *_, handler = [each.fn for each in page.blocks.fns.values() if (number, "click") in each.targets]
    return handler(*given)


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_numbers_that_are_too_small_are_told_in_every_language(language: str) -> None:
    with pytest.raises(UserError) as refused:
        refuse_too_small(
            language,
            ("page.data.label.first_row", 0, 1),
            ("page.data.label.most", -2.5, 1),
            ("page.data.label.last_row", None, 0),
            ("page.data.label.stride", 0, 0),
        )
    assert len(refused.value.problems) == 2
    told = say_all(language, refused.value)
    assert "-2.5" in told and "page." not in told


@pytest.mark.parametrize(("numbers", "told"), [((0, 0), "From row"), ((1, -1), "To row")])
def test_rows_are_counted_from_one(page: Page, numbers: tuple[int, int], told: str) -> None:
    answer = click(page, "label-add-rows", "demo", *numbers, "", "en", request())
    assert any(f"“{told}” must be at least" in str(each) for each in answer)
    assert page.context.data is not None and page.context.data.jobs.going("collect") is None


@pytest.mark.parametrize(
    ("numbers", "told"), [((2, 0, 200), "Window"), ((256, -1, 200), "Stride"), ((256, 0, 0), "At most")]
)
def test_windows_of_a_table_need_sound_numbers(
    page: Page, tmp_path: Path, numbers: tuple[int, int, int], told: str
) -> None:
    file = str(tmp_path / "table.csv")
    answer = click(page, "label-add-windows", file, ["a"], *numbers, "", "en", "line", "en", request())
    assert any(f"“{told}” must be at least" in str(each) for each in answer)


def test_a_cut_off_below_zero_is_refused(page: Page) -> None:
    answer = click(page, "check-start", "demo", "deep", [], "", -1, "en")
    assert any("“Cut-off in tokens” must be at least 0" in str(each) for each in answer)


def test_there_is_no_row_zero_to_ask_about(page: Page) -> None:
    assert "no usable row with this number" in click(page, "ask", "r1", "demo", 0, "en")[1]


@pytest.mark.parametrize("epochs", [None, 0, -2])
def test_more_epochs_are_more_than_none(page: Page, epochs: float | None) -> None:
    assert "a number above 0" in click(page, "run-extend", "r1", 20, epochs, "en", request())[0]
    assert page.context.engine.resumed == []
