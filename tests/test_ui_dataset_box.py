"""The look at the data: text as text, series as pictures."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from tsft.config.probe_rules import parse_pin
from tsft.i18n import LANGUAGES
from tsft.ui.context import Preview, PreviewRow
from tsft.ui.dataset_box import preview_html
from tsft.ui.pictures import drawn, extent


def row(content: str, *series: np.ndarray) -> PreviewRow:
    return PreviewRow(1, [{"role": "user", "content": content}, {"role": "assistant", "content": "ok"}], series)


def test_series_are_drawn_and_named_where_they_stand() -> None:
    shown = preview_html(Preview([row("a <ts><ts/> b <ts><ts/>", np.arange(50.0), np.ones(8))], 1), "en")
    assert shown.count("<img") == 1
    for told in ('alt="series 1: 50 points, 0 to 49; series 2', "<li>series 1: 50 points, 0 to 49</li>"):
        assert told in shown
    assert shown.count("series-chip") == 2


def test_text_of_the_data_is_never_html() -> None:
    shown = preview_html(Preview([row("<script>alert(1)</script> <ts><ts/>", np.ones(3))], 1), "en")
    assert "<script" not in shown


def test_a_row_with_series_can_be_pinned_as_a_probe_by_its_name() -> None:
    rows = [row("a <ts><ts/>", np.ones(3)), row("no series")]
    shown = preview_html(Preview(rows, 2), "en", 'my "set"')
    assert shown.count("data-pin=") == 1 and 'data-pin="my &quot;set&quot;:1"' in shown
    assert parse_pin('my "set":1') is not None
    assert "data-pin" not in preview_html(Preview(rows, 2), "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_empty_page_says_so(language: str) -> None:
    assert "<p>" in preview_html(Preview([], 0), language)


@pytest.mark.parametrize(
    "points",
    [
        np.array([]),
        np.array([1.0]),
        np.full(10, 3.0),
        np.full(4, np.nan),
        np.array([1.0, np.nan, 2.0, np.inf, 3.0]),
        np.arange(100_000.0),
        np.array([-1.7e308, 1.7e308]),
    ],
)
def test_any_series_can_be_drawn(points: np.ndarray) -> None:
    shown = drawn([points]).decode()
    assert re.search(r"\b(nan|inf)\b", shown.lower()) is None
    assert len(shown) < 30_000


def test_small_multiples_carry_their_lowest_and_highest_value_as_text() -> None:
    root = ElementTree.fromstring(drawn([np.array([2.0, 40.0]), np.full(3, -7.0)]))
    texts = ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["2", "40", "1", "-7", "2"]


def test_extent_passes_over_gaps() -> None:
    assert extent(np.array([np.nan, 2.0, -1.0])) == ("-1", "2")
