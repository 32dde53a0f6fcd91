"""A report says what its predictions hold: scores with intervals, baselines, paired tests, controls and the verdict."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.evaluate_rows import generated, question
from tsft.evaluate.answers import written
from tsft.evaluate.baselines import fit_baselines
from tsft.evaluate.field_reports import Drawing
from tsft.evaluate.predictions import Prediction, span_of
from tsft.evaluate.report import Report
from tsft.evaluate.reporting import Controlled, answered_by, balanced, make_report
from tsft.evaluate.scores import score
from tsft.i18n import LANGUAGES, say

DRAWING = Drawing(resamples=300)
TASKS = {"trend": 1, "mcq": 1, "anomalies": 1, "value_at": 1, "events": 1, "caption": 1, "extreme": 1, "event_count": 1}


@cache
def rows():
    return tuple(generated(240, seed=4, tasks=TASKS))


def prediction(index, row, answer):
    series = [np.asarray(each) for each in row["timeseries"]]
    return Prediction(index, row["series"], row["label"], answer, row["output"], span_of(row["label"], series))


def gold():
    return [prediction(index, row, row["output"]) for index, row in enumerate(rows())]


def spoiled(share, seed=0, text="no idea at all"):
    """Right answers, but for a share of rows that cannot be read."""
    generator = np.random.default_rng(seed)
    return [replace(each, answer=text) if generator.random() < share else each for each in gold()]


@cache
def cheap():
    train = [question(each) for each in generated(200, seed=9, tasks=TASKS)]
    series = [[np.asarray(each) for each in row["timeseries"]] for row in rows()]
    return answered_by(fit_baselines(train), gold(), series)


@cache
def whole():
    majority = cheap()["majority"]
    blind = [Controlled("tuned", "blind", name, majority) for name in ("swapped", "constant", "without_series")]
    moved = [
        Controlled("tuned", "perturbed", "shifted", gold()[:150]),
        Controlled("tuned", "perturbed", "noisy", majority),
    ]
    models = {"base": spoiled(0.7), "tuned": gold()}
    return make_report(models, baselines=cheap(), controls=[*blind, *moved], drawing=DRAWING)


def test_right_answers_get_full_marks_in_every_task_field_and_metric():
    tuned = whole().model("tuned")
    assert tuned.everything.score.value == tuned.everything.right.value == pytest.approx(1)
    assert tuned.everything.unread.value == 0 and {each.task for each in tuned.tasks} == set(TASKS)
    errors = {
        "mean_absolute_error", "error_of_range", "smape", "mean_error_points", "false_alarms_per_1000",
        "detection_delay", "empty_share",
    }  # fmt: skip
    for task in tuned.tasks:
        for field in task.fields:
            for name, metric in field.metrics.items():
                if name != "empty_share":
                    assert metric.value == pytest.approx(float(name not in errors), abs=1e-9), (
                        task.task,
                        field.name,
                        name,
                    )
        assert all(each.value == pytest.approx(1) for each in task.texts.values())


def test_descriptions_are_scored_as_text_and_by_attributes():
    assert {"attribute_recall", "attribute_precision", "rouge_l", "bleu", "keyword_f1"} == set(
        whole().model("tuned").task("caption").texts
    )


def test_unread_answers_are_apart_by_task_and_language():
    base = whole().model("base")
    unread = np.mean([each.answer == "no idea at all" for each in spoiled(0.7)])
    assert base.everything.unread.value < unread + 1e-9
    task = base.task("trend")
    assert task.everything.unread.value == pytest.approx(1 - task.everything.score.value)
    assert set(task.by_language) == {"en", "zh"}
    assert sum(each.rows for each in task.by_language.values()) == task.everything.rows
    table = task.fields[0].confusion
    assert sum(table.unread) == pytest.approx(task.everything.unread.value * task.everything.rows)


def test_rows_that_the_prefix_answers_stand_apart():
    for task in whole().model("tuned").tasks:
        assert task.needs_series.rows + task.prefix_answerable.rows == task.everything.rows
    expected = sum(bool(row["label"]["prefix_answerable"]) for row in rows())
    assert whole().model("tuned").prefix_answerable.rows == expected > 0


def test_baselines_stand_beside_the_models_where_they_apply():
    found = {each.name: {task.task for task in each.tasks} for each in whole().models if each.is_baseline}
    assert found["three_sigma"] == {"anomalies"} and found["majority"] == set(TASKS)
    assert "trend" in found["nearest"] and "value_at" not in found["nearest"]


def test_every_score_has_an_interval_over_series():
    for model in whole().models:
        score = model.everything.score
        assert score.low <= score.value <= score.high and score.series_count > 20


def test_a_clear_improvement_is_called_one_and_shows_in_both_tests():
    pair = next(each for each in whole().comparisons if (each.first, each.second, each.task) == ("base", "tuned", ""))
    assert pair.score.is_clear and pair.score.high < 0 and pair.score.chance < 0.01
    assert pair.right.only_first == 0 and pair.right.chance < 1e-6
    sentence = whole().verdicts[0]
    assert sentence.key == "evaluate.verdict.better" and sentence.values["better"] == "tuned"
    assert whole().model("base").everything.score.is_apart_from(whole().model("tuned").everything.score)


def test_a_model_that_falls_to_the_majority_without_the_series_looks_at_them():
    keys = [each.key for each in whole().verdicts]
    assert "evaluate.verdict.looks_and_falls" in keys
    said = [(each.key, each.values["change"]["key"]) for each in whole().verdicts if "change" in each.values]
    assert said == [
        ("evaluate.verdict.follows", "evaluate.control.shifted"),
        ("evaluate.verdict.does_not_follow", "evaluate.control.noisy"),
    ]


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (0.0, 0.0, "does_not_look"),
        (0.3, 0.3, "does_not_look"),
        (0.0, 0.9, "looks"),
        (0.1, 0.5, "looks"),
    ],
)
def test_the_verdict_follows_from_the_drop(before, after, verdict):
    controls = [Controlled("m", "blind", "swapped", spoiled(after, seed=0))]
    report = make_report({"m": spoiled(before, seed=0)}, controls=controls, drawing=DRAWING)
    assert [each.key for each in report.verdicts] == [f"evaluate.verdict.{verdict}"]


def test_the_weakest_blind_control_decides():
    controls = [Controlled("m", "blind", "constant", spoiled(0.9)), Controlled("m", "blind", "swapped", gold())]
    report = make_report({"m": gold()}, controls=controls, drawing=DRAWING)
    assert report.verdicts[0].key == "evaluate.verdict.does_not_look"
    assert report.verdicts[0].values["control"]["key"] == "evaluate.control.swapped"


def test_few_rows_leave_it_open():
    controls = [Controlled("m", "blind", "swapped", spoiled(0.5)[:4])]
    assert make_report({"m": gold()[:4]}, controls=controls, drawing=DRAWING).verdicts[0].key in (
        "evaluate.verdict.unclear",
        "evaluate.verdict.looks",
    )
    one = [replace(each, series_key="same") for each in gold()[:6]]
    report = make_report({"m": one}, controls=[Controlled("m", "blind", "swapped", one)], drawing=DRAWING)
    assert report.verdicts[0].key == "evaluate.verdict.too_few" and report.model("m").everything.score.low is None


def lettered(row, value, answer, options):
    field = {"name": "answer", "word": "answer", "kind": "letter", "value": value, "options": ["A", "B", "C"]}
    label = {"task": "mcq", "wording": "s", "fields": [field], "parameters": {"options": options}}
    return Prediction(row, str(row), label, answer)


@pytest.mark.parametrize(("after", "verdict"), [("B", "order_does_not_matter"), ("A", "order_matters")])
def test_a_choice_is_the_same_when_its_content_is(after, verdict):
    before = [lettered(row, "A", "A", ["x", "y", "z"]) for row in range(20)]
    then = [lettered(row, "B", after, ["z", "x", "y"]) for row in range(20)]
    report = make_report({"m": before}, controls=[Controlled("m", "permuted", "options", then)], drawing=DRAWING)
    assert report.controls[0].same.value == (1 if after == "B" else 0)
    assert [each.key for each in report.verdicts] == [f"evaluate.verdict.{verdict}"]


@pytest.mark.parametrize(
    ("answer", "verdicts"),
    [
        ("no idea", ["does_not_look"]),  # nothing that it says can be read
        ("A", ["does_not_look", "order_does_not_matter"]),  # the same whatever is shown
    ],
)
def test_a_model_that_does_not_look_follows_nothing_and_a_silent_one_keeps_no_choice(answer, verdicts):
    answers = [lettered(row, "A", answer, ["x", "y", "z"]) for row in range(60)]
    kinds = {"swapped": "blind", "options": "permuted", "shifted": "perturbed"}
    controls = [Controlled("m", kind, name, answers) for name, kind in kinds.items()]
    report = make_report({"m": answers}, controls=controls, drawing=DRAWING)
    assert [each.key for each in report.verdicts] == [f"evaluate.verdict.{each}" for each in verdicts]


def test_a_model_no_better_than_the_majority_is_told():
    majority = cheap()["majority"]
    report = make_report({"m": majority}, baselines={"majority": majority}, drawing=DRAWING)
    assert [each.key for each in report.verdicts] == ["evaluate.verdict.not_above_majority"]


def test_tasks_count_alike_however_many_rows_they_have():
    lay_out, statistic = balanced(["a", "a", "a", "b"])
    assert statistic(lay_out([1, 1, 1, 0]).sum(axis=0, keepdims=True))[0] == pytest.approx(0.5)


def test_the_order_of_rows_changes_no_score():
    shuffled = [gold()[index] for index in np.random.default_rng(0).permutation(len(rows()))]
    report = make_report({"base": spoiled(0.7)}, drawing=DRAWING)
    mixed = make_report({"base": [spoiled(0.7)[each.row] for each in shuffled]}, drawing=DRAWING)
    for one, other in zip(report.model("base").tasks, mixed.model("base").tasks, strict=True):
        assert one.everything.score.value == pytest.approx(other.everything.score.value)
        assert [each.confusion for each in one.fields] == [each.confusion for each in other.fields]


def test_the_style_and_language_of_a_right_answer_change_no_score():
    written_out = [
        replace(each, answer=written({field["name"]: field["value"] for field in each.label["fields"]}))
        for each in gold()
    ]
    assert make_report({"m": written_out}, drawing=DRAWING).model("m").everything.right.value == pytest.approx(1)


WRONG = {
    "yes_no": lambda field: not field["value"],
    "class": lambda field: next(each for each in field["options"] if each != field["value"]),
    "letter": lambda field: next(each for each in field["options"] if each != field["value"]),
    "name": lambda field: next((each for each in field["options"] if each != field["value"]), None),
    "number": lambda field: None if field["value"] is not None else 3,
    "position": lambda field: (field["value"] or 0) + field["tolerance"] + 1,
    "count": lambda field: field["value"] + 1,
    "intervals": lambda field: [*field["value"], [field["length"] - 1, field["length"]]],
    "events": lambda field: field["value"][1:] or [{"type": "shake", "start": 3, "size": 1.0}],
    "names": lambda field: [each for each in field["options"] if each not in field["value"]] or [],
}


def test_any_wrong_field_costs_and_is_not_right():
    seen = set()
    for row in generated(300, seed=21):
        fields = row["label"]["fields"]
        values = {each["name"]: each["value"] for each in fields}
        for field in fields:
            found = score(written({**values, field["name"]: WRONG[field["kind"]](field)}), row["label"])
            assert found.is_read and found.value < 1 and not found.is_right, (field, found)
            seen.add(field["kind"])
    assert seen == set(WRONG)


def test_a_stopped_evaluation_is_compared_on_the_rows_that_both_answered():
    report = make_report({"base": gold()[:50], "tuned": gold()}, drawing=DRAWING)
    assert report.comparisons[0].rows == 50 and report.rows == 240


def test_nothing_answered_yet_is_a_report_without_scores():
    report = make_report({"m": []}, drawing=DRAWING)
    assert report.rows == 0 and report.model("m").everything.score is None


def test_a_report_survives_json():
    text = json.dumps(whole().to_json(), allow_nan=False)
    assert Report.from_json(json.loads(text)) == whole()


def test_a_prediction_survives_json():
    for each in gold()[:20]:
        assert Prediction.from_json(json.loads(json.dumps(each.to_json()))) == each


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_verdict_can_be_said(language):
    for each in whole().verdicts:
        assert "{" not in say(language, each)


def test_point_adjusted_scores_appear_on_request_only():
    hidden = make_report({"m": gold()}, drawing=DRAWING).model("m").task("anomalies").fields[0].metrics
    asked = make_report({"m": gold()}, drawing=replace(DRAWING, with_point_adjusted=True))
    assert "point_adjusted_f1" not in hidden
    assert "point_adjusted_f1" in asked.model("m").task("anomalies").fields[0].metrics
