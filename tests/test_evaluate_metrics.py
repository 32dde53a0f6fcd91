"""Metrics of closed classes, numbers, lists, stretches and texts agree with values worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsft.evaluate import lists, stretches
from tsft.evaluate.attributes import attribute_matches
from tsft.evaluate.closed import Confusion, accuracy, class_name, confusion, macro_f1, one_hot
from tsft.evaluate.lists import Matches, match_events, match_names
from tsft.evaluate.quantities import is_close, relative_accuracy, symmetric_error
from tsft.evaluate.scores import score
from tsft.evaluate.statistics import bootstrap
from tsft.evaluate.texts import bleu_of, bleu_row, keyword_f1, keywords, rouge_l, tokens

EVENTS = {
    "name": "events",
    "word": "events",
    "kind": "events",
    "value": [{"type": "spike", "start": 50, "size": 4.0}, {"type": "shift", "start": 90, "size": -2.0}],
    "options": {"spike": "尖峰", "shift": "漂移", "shake": "抖动"},
    "tolerance": 4,
    "length": 200,
    "scale": 0.5,
}
TREND = {"name": "trend", "word": "trend", "kind": "class", "value": "up", "options": {"up": "upward", "flat": "flat"}}
CAPTION = {"task": "caption", "fields": [TREND, EVENTS]}


def test_a_confusion_matrix_by_hand_with_unread_answers_apart():
    found = confusion(["a", "a", "b", "b", "b", "c"], ["a", "b", "b", None, "d", None])
    assert found == Confusion(
        ("a", "b", "c", "d"), ((1, 1, 0, 0), (0, 1, 0, 1), (0, 0, 0, 0), (0, 0, 0, 0)), (0, 1, 1, 0)
    )
    assert found.support == (2, 3, 1, 0)
    assert accuracy(found) == pytest.approx(2 / 6)
    # a: 2 * 1 / (2 + 1), b: 2 * 1 / (3 + 2), c: 0; d occurs in no truth.
    assert macro_f1(found) == pytest.approx((2 / 3 + 2 / 5 + 0) / 3)


def test_nothing_to_compare_gives_no_accuracy():
    empty = confusion([], [])
    assert accuracy(empty) is None and macro_f1(empty) is None


@pytest.mark.parametrize(("value", "expected"), [(True, "yes"), (False, "no"), (None, "none"), ("up", "up")])
def test_a_value_of_a_closed_field_has_the_name_of_its_class(value, expected):
    assert class_name(value) == expected


@pytest.mark.parametrize(
    ("said", "true", "span", "expected"),
    [
        (110.0, 100.0, 0, 0.9),
        (90.0, 100.0, 0, 0.9),
        (250.0, 100.0, 0, 0),
        (0.05, 0.0, 2, 0.5),
        (0.05, 0.0, 0, 0),
        (0.0, 0.0, 0, 1),
        (-100.0, 100.0, 0, 0),
        (None, None, 0, 1),
        (None, 3.0, 0, 0),
        (3.0, None, 0, 0),
    ],
)
def test_relative_accuracy_by_hand(said, true, span, expected):
    assert relative_accuracy(said, true, span) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("said", "true", "span", "expected"),
    [(105.0, 100.0, 0, True), (105.1, 100.0, 0, False), (0.002, 0.0, 1, True), (0.003, 0.0, 1, False)],
)
def test_within_five_percent_by_hand(said, true, span, expected):
    assert is_close(said, true, span) is expected


@pytest.mark.parametrize(("said", "true", "expected"), [(110, 90, 0.2), (0, 0, 0), (1, -1, 0), (5, 0, 2)])
def test_symmetric_error_by_hand(said, true, expected):
    # Opposite signs of equal size are off by all: the mean size is of absolute values.
    assert symmetric_error(said, true) == pytest.approx(2.0 if (said, true) == (1, -1) else expected)


def test_events_are_matched_by_type_and_place_with_the_size_apart():
    said = [
        {"type": "spike", "start": 53, "size": 3.0},
        {"type": "shift", "start": 95, "size": -2.0},
        {"type": "shake", "start": 90, "size": None},
    ]
    found = match_events(said, EVENTS)
    assert found == Matches(1, 3, 2, (0.75,))
    sums = np.array([found.row()])
    assert (lists.precision(sums)[0], lists.recall(sums)[0], lists.f1(sums)[0]) == pytest.approx((1 / 3, 1 / 2, 2 / 5))
    assert lists.size_mean(sums)[0] == 0.75


def test_names_are_a_set_and_empty_lists_leave_the_rates_open():
    assert match_names(["a", "b", "b"], ["b", "c"]) == Matches(1, 2, 2)
    assert np.isnan(lists.f1(np.array([match_names([], []).row()]))[0])


def metric(name, *rows, **more):
    return stretches.metrics(**more)[name](np.sum(rows, axis=0, keepdims=True))[0]


def test_stretches_are_pooled_over_rows_as_worked_out_by_hand():
    # One of two events found late and half, one invented; a calm row with an alarm; an unread calm row.
    rows = [
        stretches.stretch_row([[15, 25], [60, 65]], [[10, 20], [80, 90]], 100),
        stretches.stretch_row([[5, 10]], [], 100),
        stretches.stretch_row([], [], 100),
        stretches.stretch_row(None, [], 100),
    ]
    assert metric("event_precision_10", *rows) == pytest.approx(1 / 3)
    assert metric("event_recall_10", *rows) == pytest.approx(1 / 2)
    assert metric("event_f1_10", *rows) == pytest.approx(2 / 5)
    assert metric("event_f1_50", *rows) == 0
    assert metric("point_f1", *rows) == pytest.approx(2 * 5 / (20 + 20))
    assert metric("composite_f1", *rows) == pytest.approx(2 * 0.25 * 0.5 / 0.75)
    assert metric("false_alarms_per_1000", *rows) == pytest.approx(1000 * 2 / 400)
    assert metric("detection_delay", *rows) == 5
    assert metric("quiet_share", *rows) == pytest.approx(1 / 2)
    assert metric("empty_share", *rows) == pytest.approx(1 / 4)
    assert metric("point_adjusted_f1", *rows, with_point_adjusted=True) == pytest.approx(2 * 10 / (25 + 20))


def test_point_adjusted_f1_is_there_only_when_it_is_asked_for_and_its_description_warns():
    assert "point_adjusted_f1" not in stretches.metrics()
    assert "flatters" in stretches.metrics.__doc__


def test_metrics_of_stretches_are_open_where_they_mean_nothing():
    calm = stretches.stretch_row([], [], 50)
    assert math.isnan(metric("affiliation_f1", calm)) and math.isnan(metric("detection_delay", calm))
    assert bootstrap(calm[None], ["a"], stretches.metrics()["detection_delay"], is_share=False) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The trend is upward, by 3.5 kW.", ["the", "trend", "is", "upward", "by", "3.5", "kw"]),
        ("整体上升，约 12 点。", ["整", "体", "上", "升", "约", "12", "点"]),
        ("１２％", ["12"]),
    ],
)
def test_tokens_of_both_languages(text, expected):
    assert tokens(text) == expected


def test_rouge_l_by_hand_in_both_languages():
    assert rouge_l("the cat sat here", "the cat on the mat sat").f1 == pytest.approx(2 * 3 / (4 + 6))
    assert rouge_l("趋势上升", "趋势为上升").recall == pytest.approx(4 / 5)
    assert (rouge_l("", "x").f1, rouge_l("", "").f1) == (0, 1)


def test_keywords_leave_out_what_carries_no_fact():
    assert keywords("The trend is not up at 12.5") == {"trend", "not", "up", "12.5"}
    assert keywords("趋势上升") == {"趋势", "势上", "上升"}
    assert keyword_f1("trend up", "the trend is down") == pytest.approx(0.5)


def test_bleu_of_chinese_is_not_all_or_nothing():
    rows = np.array([bleu_row("整体趋势为上升并且没有周期", "整体趋势为上升但没有周期")])
    assert 0.4 < bleu_of(rows)[0] < 0.9
    same = np.array([bleu_row("整体趋势为上升", "整体趋势为上升")])
    assert bleu_of(same)[0] == pytest.approx(1)


def test_attributes_of_a_description_by_hand():
    text = "The trend is flat. Events: spike @51 (4), shake @10 (1)"
    found = attribute_matches(score(text, CAPTION), CAPTION)
    # One of two events is said, one is invented, and the trend is wrong.
    assert (found.hits, found.said, found.true) == (1, 3, 3)


def test_a_rightly_empty_list_is_one_right_statement_and_an_unread_field_states_nothing():
    label = {"task": "caption", "fields": [TREND, {**EVENTS, "value": []}]}
    assert attribute_matches(score('{"trend": "up", "events": []}', label), label) == Matches(2, 2, 2)
    unread = attribute_matches(score("perhaps", CAPTION), CAPTION)
    assert (unread.hits, unread.said, unread.true) == (0, 0, 3)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["a", "b", "c", None])), min_size=1), st.randoms())
def test_the_order_of_rows_changes_no_closed_metric(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    one, other = (confusion([a for a, _ in each], [b for _, b in each]) for each in (pairs, shuffled))
    assert one == other
    rows = one_hot([a for a, _ in pairs], [b for _, b in pairs], one.classes)
    cells = np.array([[*row, missing] for row, missing in zip(one.counts, one.unread, strict=True)])
    assert (rows.sum(axis=0).reshape(len(one.classes), -1) == cells).all()


@given(st.text(alphabet="ab 上升。1", max_size=30))
def test_a_text_against_itself_gets_full_marks(text):
    assert rouge_l(text, text).f1 == 1 and keyword_f1(text, text) == 1


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0, 1e3), st.floats(0.1, 1e3))
def test_relative_accuracy_does_not_depend_on_the_unit(said, true, span, factor):
    one, other = relative_accuracy(said, true, span), relative_accuracy(said * factor, true * factor, span * factor)
    assert 0 <= one <= 1 and (abs(true) < 1e-3 or one == pytest.approx(other, abs=1e-6))
