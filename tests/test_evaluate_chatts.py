"""ChatTS's scoring is followed with its faults, each of which is named and put right beside."""

import json

import pytest

from tsft.errors import UserError
from tsft.evaluate.chatts import ChattsReport, chatts_report
from tsft.evaluate.chatts_corrected import corrected_marks, split_parts
from tsft.evaluate.chatts_original import ABILITIES, Lost, Marks, names, numbered_parts, original_marks
from tsft.evaluate.field_reports import Drawing
from tsft.i18n import LANGUAGES, say

DRAWING = Drawing(resamples=200)
SERIES = [[float(value % 40) for value in range(256)]]
INCREASE = {"type": "increase", "start": 10.0, "amplitude": 20.0}
STEADY = {"type": "keep steady", "start": 0.2, "amplitude": 0.0}
PERIODIC = {"type": "periodic fluctuation", "period": 20.0, "amplitude": 4.0}
NO_PERIOD = {"type": "no periodic fluctuation", "period": 0.0, "amplitude": 0.0}
NOISY = {"type": "noisy", "std": 0.5}
QUIET = {"type": "almost no noise", "std": 0.0}
SPIKE = {"type": "upward spike", "position": 100.0, "amplitude": 10.0}


def item(*pairs, cols=("a",)):
    return {
        "timeseries": SERIES,
        "question": "?",
        "answer": "",
        "cols": list(cols),
        "ability_types": [ability for ability, _ in pairs],
        "attributes": [attribute for _, attribute in pairs],
    }


def original(ability, attribute, text, **more):
    return original_marks(f"1. {text}", item((ability, attribute), **more))[0][1]


def fair(ability, attribute, text, **more):
    return corrected_marks(f"1. {text}", item((ability, attribute), **more))[0][1]


@pytest.mark.parametrize(
    ("ability", "attribute", "text", "expected"),
    [
        ("trend", INCREASE, "Increasing trend, starting at 12, change value 10", Marks((1,), (0.8, 0.5))),
        ("trend", INCREASE, "Decreasing, start 30, from left to right -20", Marks((0,), (0, 0))),
        ("trend", STEADY, "keep steady, start around 0.4", Marks((1,), (1,))),
        ("trend", STEADY, "keep steady, start around 0.6", Marks((1,), (0,))),
        ("season", PERIODIC, "periodic, each period lasts 15, amplitude 4", Marks((1,), (0.75, 1))),
        ("season", NO_PERIOD, "There is no periodic fluctuation", Marks((1,))),
        ("noise", NOISY, "noisy, the std is 0.25", Marks((1,), (0.5,))),
        ("noise", QUIET, "almost no noise", Marks((1,))),
        ("local", [SPIKE], "upward spike, position around point 90, amplitude 5", Marks((1,), (0.9, 0.5))),
        ("local", [SPIKE], "upward spike, position around point 165, amplitude 10", Marks((0,), (0, 0))),
        ("deductive", "Yes. Because", "yes, it does", Marks((), (), (1,))),
        ("deductive", "Because of it", "yes", Marks((), (), (0,), 1)),
        ("causal", "Pump failure, since", "The pump failure happened", Marks((), (), (1,))),
        ("MCQ2", "B) high", "I say b high", Marks((), (), (1,))),
    ],
)
def test_the_original_scores_by_hand(ability, attribute, text, expected):
    found = original(ability, attribute, text)
    assert found.categorical == pytest.approx(expected.categorical)
    assert found.numerical == pytest.approx(expected.numerical)
    assert (found.reason, found.unjudged) == (expected.reason, expected.unjudged)


def test_correlations_and_clusters_by_hand():
    pair = {"label": True, "pair": [["cpu", "upward spike"]], "explain": "load"}
    assert original("local-correlation-inductive", pair, "Yes. cpu, upward spike. Load", cols=["cpu"]).categorical == (
        1,
    )
    assert original("local-correlation-inductive", pair, "Yes. cpu, shake. Load", cols=["cpu"]).categorical == (0,)
    cluster = {"cols": ["cpu", "disk"], "explain": "load"}
    said = original("shape-cluster-inductive", cluster, "cpu, net. Load", cols=["cpu", "disk", "net"])
    assert said.categorical == (0.5,) and said.unjudged == 1
    local = {"cols": ["cpu"], "col_idx": [[0, "shake"]], "explain": "x"}
    assert original("local-cluster-inductive", local, "cpu, shake; net, shake. x", cols=["cpu", "net"]).categorical == (
        pytest.approx(2 / 3),
    )


@pytest.mark.parametrize(
    ("answer", "count", "expected"),
    [
        ("1. a\n2. b", 2, ["a", "b"]),
        ("1. a 2. b", 2, ["a ", "b"]),
        ("no number", 1, [""]),
        ("1.\n", 1, ["1."]),
        ("1. a", 3, ["a", "", ""]),
        ("it starts at 3.5", 1, ["5"]),
        ("1. a\n2. b\n3. c", 2, ["a", "b"]),
    ],
)
def test_answers_are_cut_as_the_original_cuts_them(answer, count, expected):
    assert numbered_parts(answer, count) == expected


@pytest.mark.parametrize(
    ("answer", "count", "expected"),
    [
        ("1. a\n2. b", 2, ["a", "b"]),
        ("2) b\n1) a", 2, ["a", "b"]),
        ("no number", 1, ["no number"]),
        ("it starts at\n3.5 there", 1, ["it starts at\n3.5 there"]),
        ("1. a\nmore of a\n2. b", 3, ["a\nmore of a", "b", ""]),
    ],
)
def test_answers_are_cut_by_the_numbers_at_the_start_of_lines(answer, count, expected):
    assert split_parts(answer, count) == expected


def test_invented_events_cost_where_they_did_not():
    text = "upward spike, position around point 100, amplitude 10; shake, position around point 20; shake, position 200"
    assert original("local", [SPIKE], text).categorical == (1,)
    assert fair("local", [SPIKE], text).groups["categorical"] == (pytest.approx(0.5),)
    assert fair("local", [SPIKE], text).invented == 2


def test_nothing_to_find_is_scored_where_it_was_not():
    assert original("local", [], "upward spike, position around point 9").categorical == ()
    assert fair("local", [], "upward spike, position around point 9").groups["categorical"] == (0,)
    assert fair("local", [], "There are no local fluctuations").groups["categorical"] == (1,)


def test_a_true_position_of_zero_has_a_score_where_the_item_was_lost():
    at_zero = {**SPIKE, "position": 0.0}
    with pytest.raises(Lost):
        original("local", [at_zero], "upward spike, position around point 2, amplitude 10")
    assert fair("local", [at_zero], "upward spike, position around point 2, amplitude 10").groups["positions"] == (1,)


@pytest.mark.parametrize(("true", "said"), [(5.0, 10.0), (200.0, 205.0)])
def test_the_same_distance_is_the_same_score_wherever_it_is(true, said):
    event = {**SPIKE, "position": true}
    text = f"upward spike, position around point {said}, amplitude 10"
    assert original("local", [event], text).numerical[0] == (0 if true == 5 else pytest.approx(0.975))
    assert fair("local", [event], text).groups["positions"] == (1,)


def test_a_type_inside_another_and_no_inside_a_sentence_mislead_only_the_original():
    text = "continuous upward spike, position around point 100, amplitude 10"
    assert original("local", [SPIKE], text).categorical == (1,)
    assert fair("local", [SPIKE], text).groups["categorical"] == (0,)
    text = "periodic with no clear noise, each period 20, amplitude 4"
    assert original("season", PERIODIC, text).categorical == (0,)
    assert fair("season", PERIODIC, text).groups["categorical"] == (1,)


def test_a_label_without_letters_is_found_in_every_answer_by_the_original():
    assert names("12.5", "anything") and fair("MCQ2", "12.5", "anything").groups["reason"] == (0,)
    assert fair("MCQ2", "12.5", "It is 12.5").groups["reason"] == (1,)


@pytest.mark.parametrize(("text", "expected"), [("B", 1), ("The answer is B", 1), ("a bad choice", 0), ("C, not B", 0)])
def test_a_letter_counts_as_a_letter(text, expected):
    assert fair("MCQ2", "B", text).groups["reason"] == (expected,)


def whole():
    items = [
        item(("trend", INCREASE), ("noise", QUIET)),
        item(("local", [SPIKE])),
        item(("local", [{**SPIKE, "position": 0.0}])),
        item(("deductive", "Yes. It is")),
        item(("season", PERIODIC)),
        item(("shape-correlation-inductive", {"label": True, "explain": "both rise with load"})),
    ]
    answers = [
        "1. Increasing, start 10, change value 20\n2. almost no noise",
        "1. upward spike, position around point 100, amplitude 10; shake, position around point 9, amplitude 1",
        "1. upward spike, position around point 1, amplitude 10",
        "1. ",
        "periodic, each period 20, amplitude 4",
        "1. Yes. Both rise with the load",
    ]
    return items, answers


def test_the_report_has_both_figures_and_names_each_defect_it_met():
    report = chatts_report(*whole(), DRAWING)
    assert (report.items, report.parts, report.lost) == (6, 7, 1)
    found = {each.key: each.count for each in report.defects}
    assert found == {
        "recall_only": 1,
        "nothing_unscored": 0,
        "lost_zero": 1,
        "lost_empty": 0,
        "relative_positions": 2,
        "substrings": 0,
        "no_judge": 1,
        "numbering": 1,
        "weights": 1,
    }
    by_name = {each.ability: each for each in report.abilities}
    assert by_name["local"].original["categorical"] == 1
    assert by_name["local"].corrected["categorical"].value == pytest.approx((2 / 3 + 1) / 2)
    assert by_name["season"].original["categorical"] == 0 and by_name["season"].corrected["categorical"].value == 1
    assert report.corrected["keywords"].value == pytest.approx(0.5) and "keywords" not in report.original


def test_an_empty_answer_to_a_question_of_reasoning_is_a_failure_and_not_absent():
    report = chatts_report([item(("causal", "Pump failure"))], [""], DRAWING)
    assert report.original == {} and {e.key: e.count for e in report.defects}["lost_empty"] == 1
    assert report.corrected["reason"].value == 0 and report.unread.value == 1


def test_right_answers_get_full_marks():
    items, _ = whole()
    answers = [
        "1. Increasing, start 10, change value 20\n2. almost no noise",
        "1. upward spike, position around point 100, amplitude 10",
        "1. upward spike, position around point 0, amplitude 10",
        "1. Yes. It is",
        "1. periodic, each period 20, amplitude 4",
        "1. Yes. Both rise with load",
    ]
    report = chatts_report(items, answers, DRAWING)
    assert all(each.value == pytest.approx(1) for each in report.corrected.values()) and report.unread.value == 0


@pytest.mark.parametrize("ability", ABILITIES)
@pytest.mark.parametrize("text", ["", "  ", "1.", "…", "1. ;;;", "\n\n2. x"])
def test_strange_answers_are_scored_or_named_lost(ability, text):
    attributes = {
        "trend": INCREASE,
        "season": PERIODIC,
        "noise": NOISY,
        "local": [SPIKE],
        "local-inductive": [{**SPIKE, "explain": "x"}],
        "shape-correlation-inductive": {"label": True, "explain": "x"},
        "local-correlation-inductive": {"label": True, "pair": [["a", "shake"]], "explain": "x"},
        "shape-cluster-inductive": {"cols": ["a"], "explain": "x"},
        "local-cluster-inductive": {"cols": ["a"], "col_idx": [[0, "shake"]], "explain": "x"},
        "deductive": "Yes. so",
        "causal": "pump",
        "MCQ2": "pump",
    }
    report = chatts_report([item((ability, attributes[ability]))], [text], DRAWING)
    assert report.unread.value in (0, 1) and all(0 <= each.value <= 1 for each in report.corrected.values())


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"ability_types": ["trend"], "attributes": []}, "evaluate.chatts.bad_item"),
        ({"ability_types": ["dance"], "attributes": [{}]}, "evaluate.chatts.unknown_ability"),
    ],
)
def test_a_set_that_is_none_is_refused_with_the_item(given, key):
    with pytest.raises(UserError) as caught:
        chatts_report([given], [""], DRAWING)
    assert caught.value.message.key == key and caught.value.message.values["item"] == 1


def test_the_report_survives_json():
    report = chatts_report(*whole(), DRAWING)
    assert ChattsReport.from_json(json.loads(json.dumps(report.to_json(), allow_nan=False))) == report


@pytest.mark.parametrize("language", LANGUAGES)
def test_defects_can_be_said(language):
    assert all("{" not in say(language, each.sentence) for each in chatts_report(*whole(), DRAWING).defects)
