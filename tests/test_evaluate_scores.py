"""Answers are read in both languages and all styles; wrong, unreadable and right ones are told apart."""

import pytest

from tsft.evaluate.baselines import text_only
from tsft.evaluate.parse import parse
from tsft.evaluate.scores import macro_f1, score, totals


def label(*fields, **more):
    return {"task": "t", "wording": "t", "fields": list(fields), "prefix_answerable": False, "is_none": False, **more}


YES = {"name": "spike", "word": "spike", "kind": "yes_no", "value": True}
YES_ZH = {**YES, "word": "尖峰"}
POINT = {"name": "point", "word": "point", "kind": "position", "value": 50, "tolerance": 4, "length": 200}
POINT_ZH = {**POINT, "word": "位置"}
TREND = {
    "name": "trend",
    "word": "trend",
    "kind": "class",
    "value": "up",
    "options": {"up": "upward", "down": "downward", "flat": "flat"},
}
TREND_ZH = {**TREND, "word": "趋势", "options": {"up": "上升", "down": "下降", "flat": "平稳"}}
NUMBER = {
    "name": "value", "word": "value", "kind": "number", "value": -12.5, "decimals": 1, "scale": 10.0, "tolerance": 2.0
}  # fmt: skip
STRETCHES = {
    "name": "anomalies",
    "word": "anomalies",
    "kind": "intervals",
    "value": [[10, 20], [40, 60]],
    "length": 100,
}
NAMES = {"name": "related", "word": "related", "kind": "names", "value": ["pump 1"], "options": ["pump 1", "pump 11"]}
NAME = {"name": "first", "word": "最先", "kind": "name", "value": None, "options": ["进水压力", "压力"]}
EVENTS = {
    "name": "events",
    "word": "events",
    "kind": "events",
    "value": [{"type": "upward spike", "start": 50, "size": 3.0}],
    "options": {"upward spike": "向上尖峰", "continuous upward spike": "连续向上尖峰", "shake": "抖动"},
    "tolerance": 4,
    "length": 200,
    "scale": 0.5,
}
LETTER = {"name": "answer", "word": "answer", "kind": "letter", "value": "B", "options": ["A", "B", "C", "D"]}
COUNT = {"name": "count", "word": "count", "kind": "count", "value": 3}


@pytest.mark.parametrize(
    ("text", "fields", "expected"),
    [
        ("yes", [YES], [True]),
        ("No, there is no spike.", [YES], [False]),
        ("Yes, there is no doubt", [YES], [True]),
        ("没有尖峰", [YES_ZH], [False]),
        ("不是", [YES_ZH], [False]),
        ("是的，存在尖峰。", [YES_ZH], [True]),
        ("spike: yes; point: 50", [YES, POINT], [True, 50]),
        ("尖峰：否；位置：无", [YES_ZH, POINT_ZH], [False, None]),
        ('{"spike": true, "point": 50}', [YES, POINT], [True, 50]),
        ('Here it is:\n```json\n{"spike": false, "point": null}\n```', [YES, POINT], [False, None]),
        ("<think>maybe no</think>yes", [YES], [True]),
        ("Yes, the spike is at point 50.", [YES, POINT], [True, 50]),
        ("The trend is upward.", [TREND], ["up"]),
        ("整体呈上涨趋势", [TREND_ZH], ["up"]),
        ("It keeps rising", [TREND], ["up"]),
        ("-12.5 kW", [NUMBER], [-12.5]),
        ("−12.5", [NUMBER], [-12.5]),
        ("value: 1,234.5 kW", [NUMBER], [1234.5]),
        ("none", [NUMBER], [None]),
        ("10-20, 40-60", [STRETCHES], [[[10, 20], [40, 60]]]),
        ("[[10, 20], [40, 60]]", [STRETCHES], [[[10, 20], [40, 60]]]),
        ("from 10 to 20 and from 40 to 60", [STRETCHES], [[[10, 20], [40, 60]]]),
        ("第 10 点到第 20 点", [STRETCHES], [[[10, 20]]]),
        ("none", [STRETCHES], [[]]),
        ("pump 11", [NAMES], [["pump 11"]]),
        ('{"related": ["pump 1", "pump 9"]}', [NAMES], [["pump 1", "pump 9"]]),
        ("进水压力", [NAME], ["进水压力"]),
        ("无", [NAME], [None]),
        ("The answer is B.", [LETTER], ["B"]),
        ("（B）", [LETTER], ["B"]),
        ("选 B", [LETTER], ["B"]),
        ("three", [COUNT], [3]),
        ("三次", [COUNT], [3]),
        ("never", [COUNT], [0]),
        ("Value: none. Its events: shake @5.", [NUMBER, EVENTS], [None, [{"type": "shake", "start": 5, "size": None}]]),
        ("shake @50 (3.1)", [EVENTS], [[{"type": "shake", "start": 50, "size": 3.1}]]),
        ("向上尖峰（第 50 点）", [EVENTS], [[{"type": "upward spike", "start": 50, "size": None}]]),
    ],
)  # fmt: skip
def test_answers_are_read(text, fields, expected):
    parsed = parse(text, label(*fields))
    assert not parsed.failed and list(parsed.values.values()) == expected


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", YES),
        ("perhaps", YES),
        ("upward or downward", TREND),
        ("upward? no, downward", TREND),
        ("I cannot tell", NUMBER),
        ("point 50.5", POINT),
        ("[[20, 10]]", STRETCHES),
        ("pump 7", NAMES),
        ("A or B", LETTER),
        ("upward spike somewhere", EVENTS),
        ('{"value": true}', NUMBER),
    ],
)
def test_what_cannot_be_read_is_a_failure_and_not_a_wrong_answer(text, field):
    judged = score(text, label(field))
    assert not judged.is_read and judged.value == 0 and parse(text, label(field)).failed == (field["name"],)


def test_a_position_is_judged_by_its_distance_wherever_it_is():
    for true, said, is_right in ((0, 3, True), (5, 10, False), (200, 205, False), (0, 0, True)):
        judged = score(str(said), label({**POINT, "value": true}))
        assert judged.is_right == is_right and judged.is_read


def test_events_without_a_known_size_are_judged_by_name_and_place():
    known = {**EVENTS, "value": [{"type": "shake", "start": 50}], "is_sized": False}
    for text, value in (
        ("shake @52", 1.0),
        ("shake @52 (9)", 1.0),
        ("shake @90", 0.0),
        ('{"events": [{"type": "shake", "start": 50}]}', 1.0),
    ):
        assert score(text, label(known)).value == value


def test_invented_events_cost_marks_and_an_empty_truth_is_scored():
    both = score("upward spike @50 (3.0), shake @90 (1.0)", label(EVENTS))
    assert 0.5 < both.value < 0.7 and not both.is_right
    empty = label({**EVENTS, "value": []}, is_none=True)
    assert score("none", empty).value == 1 and score("shake @90", empty).value == 0


def test_a_type_inside_another_is_not_that_type():
    assert score("continuous upward spike @50 (3.0)", label(EVENTS)).value == 0


def test_totals_keep_parse_failures_and_false_alarms_apart():
    none = label({**YES, "value": False}, is_none=True)
    rows = [(score(text, each), each) for text, each in (("yes", label(YES)), ("what", label(YES)), ("yes", none))]
    total = totals(rows)["t"]
    assert (total.count, total.parse_failures, total.false_alarms) == (3, pytest.approx(1 / 3), 1.0)


def test_macro_f1_counts_each_class_alike():
    assert macro_f1(["a", "a", "a", "b"], ["a", "a", "a", "a"]) == pytest.approx(3 / 7)


def test_the_text_only_baseline_is_the_most_frequent_answer():
    labels = [label({**TREND, "value": value}) for value in ("up", "up", "down")]
    found = text_only(labels)["t"]
    assert found.answer == '"up"' and found.share == found.score == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("text", "trend"),
    [
        ("Its trend is upward. Period: none. The noise is low. Its events are: upward spike @19 (-10.4).", TREND),
        ("其趋势是上升。周期：无。噪声情况为几乎无噪声。其事件为：向上尖峰 @19 (2.0)。", TREND_ZH),
    ],
)
def test_a_sentence_ends_what_is_said_of_a_field(text, trend):
    word = "period" if trend is TREND else "周期"
    period = {"name": "period", "word": word, "kind": "number", "value": None, "scale": 1, "tolerance": 1}
    assert parse(text, label(trend, period)).values == {"trend": "up", "period": None}


def test_free_text_is_scored_whole_against_its_reference():
    field = {"name": "answer", "word": "answer", "kind": "text", "value": "The pump stopped.\nAnswer: it overheated."}
    assert score("the pump stopped. answer: it overheated", label(field)).is_right
    part = score("The pump overheated", label(field))
    assert 0 < part.value < 1 and not part.is_right and part.is_read
    assert not score("  ", label(field)).is_read
