"""The element that series are drawn in: escaped, in one language, with gaps where there is no number."""

import html
import json
import re

import numpy as np
import pytest

from tsft.data.view import SeriesView
from tsft.i18n import LANGUAGES
from tsft.ui.data.series_html import POINTS, Mark, series_html


def view(points, number=1, name="load", unit="%", patch=4):
    values = np.asarray(points, dtype=np.float64)
    return SeriesView(number, name, unit, values, 0.0, 1.0, 1.0, 1.0, tuple(range(0, len(values), patch)))


def payload(text):
    return json.loads(html.unescape(re.search(r'data-payload="([^"]*)"', text)[1]))


def test_names_and_labels_of_the_data_cannot_leave_the_attribute():
    bad = '"><script>alert(1)</script>'
    text = series_html([view([1, 2], name=bad)], [Mark(1, 0, 1, bad)], "en")
    assert "<script>" not in text and text.count('"') == 6
    assert payload(text)["series"][0]["marks"][0]["label"] == bad


def test_what_is_no_number_becomes_a_gap():
    (series,) = payload(series_html([view([1.5, np.nan, np.inf, -2])], [], "en"))["series"]
    assert (series["y"], series["length"], series["patch"]) == ([1.5, None, None, -2.0], 4, 0)


def test_a_mark_is_drawn_on_its_series_or_on_all_of_them():
    marks = [Mark(1, 3, 5, "rise", "c3"), Mark(0, 2, 2, css="no such class")]
    first, second = payload(series_html([view(range(9)), view(range(9), 2)], marks, "en"))["series"]
    assert first["marks"][0] == {"first": 3, "last": 5, "label": "rise", "css": "c3"}
    assert [each["css"] for each in second["marks"]] == ["question"] and first["patch"] == 4
    assert "rise 3–5" in first["description"]


def test_of_a_long_series_the_extremes_and_the_gaps_are_kept():
    points = np.sin(np.arange(4.0 * POINTS))
    points[12_345], points[54_321], points[777] = 9.0, -9.0, np.nan
    (series,) = payload(series_html([view(points)], [], "en"))["series"]
    kept = dict(zip(series["x"], series["y"], strict=True))
    assert len(kept) <= 1.5 * POINTS + 2 and series["length"] == len(points)
    assert (kept[12_345], kept[54_321], kept[777]) == (9.0, -9.0, None)
    assert 0 in kept and len(points) - 1 in kept


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_of_a_drawing_keep_what_the_browser_fills_in(language):
    words = payload(series_html([view([1, 2])], [], language, brush=True, key="k", chosen=Mark(1, 0, 1)))["words"]
    assert "{index}" in words["point"] and "{first}" in words["chosen"] and "{last}" in words["chosen"]


def test_a_row_without_series_has_no_drawing():
    assert series_html([], [], "en") == ""
