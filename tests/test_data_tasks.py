"""Every task's answer is computed as an independent hand would, is written readably, and is offered only with truth."""

import re
from string import Formatter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsft.data.tasks import fields, measures
from tsft.data.tasks.catalog import QUESTIONS, TASKS, find_task, offers
from tsft.data.tasks.event_types import EVENT_TYPES
from tsft.data.tasks.questions_short import QUESTIONS as SHORT_QUESTIONS
from tsft.data.tasks.row import ask, introduction, recompute, to_row
from tsft.data.tasks.subject import Attributes, Event, NamedSeries, NamedStretch, Relations, Subject
from tsft.data.tasks.words import FIELD_WORDS, INTRODUCTIONS, LANGUAGES, OPTIONS, STYLES
from tsft.errors import UserError
from tsft.evaluate.scores import score

CHATTS_NAMES = {
    "shake", "upward spike", "downward spike", "continuous upward spike", "continuous downward spike",
    "upward convex", "downward convex", "sudden increase", "sudden decrease",
    "rapid rise followed by slow decline", "slow rise followed by rapid decline",
    "rapid decline followed by slow rise", "slow decline followed by rapid rise",
    "decrease after upward spike", "increase after upward spike", "increase after downward spike",
    "decrease after downward spike", "wide upward spike", "wide downward spike",
}  # fmt: skip


def subject(events: bool = True, length: int = 256) -> Subject:
    """Three series with every kind of knowledge."""
    generator = np.random.default_rng(5)

    def one(name: str, level: float) -> NamedSeries:
        values = np.round(level + 10 * np.sin(np.arange(length) / 9) + generator.normal(size=length), 2)
        found = (Event("upward spike", 99, 102, 100, 30.0),) if events else ()
        values[100] += 30.0 if events else 0.0
        return NamedSeries(name, values, "kW", Attributes("up", 5.0, 57 if events else 0, 20.0, "quiet", 1.0, found))

    stretches = ((98, 103), (120, 150)) if events else ()
    relations = Relations((0, 1), 0 if events else None, 100)
    names = ("leak", "阀门卡死")
    named = tuple(NamedStretch(name, *stretch) for name, stretch in zip(names, stretches, strict=False))
    series = (one("load", 0), one("load 2", 50), one("进水压力", 3))
    return Subject(series, stretches, "idle", ("idle", "run"), named, (*names, "overload"), relations)


def asked(task, language="en", style="json", wanted="", about=None, seed=0):
    """A question, from the first of some seeds that fits."""
    for attempt in range(40):
        found = ask(task, about or subject(), np.random.default_rng(seed + attempt), language, style, wanted)
        if found is not None:
            return found
    return None


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("task", [each.key for each in TASKS])
def test_the_right_answer_gets_full_marks_and_no_slot_is_left_open(task, language, style):
    count = 0
    for about in (subject(), subject(events=False)):
        for seed in range(6):
            found = ask(task, about, np.random.default_rng(seed), language, style)
            if found is None:
                continue
            count += 1
            judged = score(found.answer, found.label)
            assert judged.value == 1 and judged.is_right, (found.question, found.answer, judged)
            assert not re.search(r"\{\w*\}|<\||None", found.question.replace("{name}", "") + found.answer)
    assert count or task == "lag"


def by_hand(wording, told, values):
    """The main answer once more, in plain Python over lists."""
    window = values[told.get("start", 0) : told.get("end", len(values))]
    above = [value > told.get("threshold", 0) for value in values]
    if wording == "value_at":
        return values[told["point"]]
    if wording == "window_mean":
        return sum(window) / len(window)
    if wording in ("window_minimum", "window_maximum"):
        return (min if wording == "window_minimum" else max)(window)
    if wording == "window_change":
        return window[-1] - window[0]
    if wording == "window_range":
        return max(window) - min(window)
    if wording in ("extreme_maximum", "extreme_minimum"):
        return values.index((max if wording == "extreme_maximum" else min)(values))
    if wording == "count_crossings":
        limit = told["threshold"]
        return sum(a < limit <= b for a, b in zip(values, values[1:], strict=False))
    if wording == "count_above":
        return sum(len(run) >= told["least"] for run in "".join("x" if each else " " for each in above).split())
    if wording == "rule_step":
        return any(abs(b - a) > told["size"] for a, b in zip(values, values[1:], strict=False))
    if wording == "rule_sigma":
        mean = sum(values) / len(values)
        spread = (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
        return any(abs(value - mean) > 3 * spread for value in values)
    beyond = above if wording == "rule_above" else [value < told["threshold"] for value in values]
    return any(len(run) >= told["least"] for run in "".join("x" if each else " " for each in beyond).split())


@pytest.mark.parametrize("task", ["value_at", "window_stat", "extreme", "rule", "count"])
def test_answers_from_values_agree_with_a_second_computation(task):
    about = subject()
    seen = set()
    for seed in range(80):
        found = ask(task, about, np.random.default_rng(seed), "en", "json")
        if found is None:
            continue
        main, told = found.label["fields"][0], found.label["parameters"]
        values = about.series[told["series"]].values.tolist()
        expected = by_hand(found.label["wording"], told, values)
        tolerance = 0.5 * 10.0 ** -main["decimals"] + 1e-9 if main["kind"] == "number" else 0
        assert main["value"] == pytest.approx(expected, abs=tolerance, rel=0)
        seen.add(found.label["wording"])
    assert seen == set(find_task(task).wordings)


def test_labels_can_be_recomputed_from_the_row():
    about = subject()
    for task in TASKS:
        found = asked(task.key, about=about)
        if found is not None:
            told = {**found.label["parameters"], "wording": found.label["wording"]}
            again = recompute(task.key, about, told)
            assert again is not None and [each.value for each in again] == [f["value"] for f in found.label["fields"]]


def test_the_lag_is_the_shift_that_was_made():
    course = np.round(np.convolve(np.random.default_rng(1).normal(size=340), np.ones(7) / 7, "valid"), 4)
    for lag in (0, 5, 23):
        pair = Subject((NamedSeries("first", course[40:296]), NamedSeries("second", course[40 - lag : 296 - lag])))
        found = asked("lag", about=pair)
        values = {each["name"]: each["value"] for each in found.label["fields"]}
        assert values == {"leader": "first" if lag else None, "lag": lag}


def test_shifted_correlations_are_pearsons_of_the_overlap():
    generator = np.random.default_rng(2)
    first, second = generator.normal(size=60), generator.normal(size=60)
    found = measures._shifted_correlations(first, second, 15)
    for shift in range(-15, 16):
        a, b = (first[: 60 - shift], second[shift:]) if shift >= 0 else (first[-shift:], second[: 60 + shift])
        assert found[shift + 15] == pytest.approx(np.corrcoef(a, b)[0, 1])


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 5))
def test_runs_are_the_maximal_stretches(holds, least):
    found = measures.runs(np.array(holds, dtype=bool), least)
    expected, start = [], None
    for place, each in enumerate([*holds, False]):
        if each and start is None:
            start = place
        elif not each and start is not None:
            expected += [(start, place)] if place - start >= least else []
            start = None
    assert found == expected


@given(st.floats(1e-6, 1e9), st.floats(-1e9, 1e9))
def test_numbers_are_written_plainly_and_within_a_thousandth_of_the_range(span, low):
    values = np.array([low, low + span])
    text = fields.written(low, fields.decimals_for(values))
    assert re.fullmatch(r"-?\d+(\.\d+)?", text) and text.strip("-0.") or float(text) == 0
    if span > 1e-3:
        assert abs(float(text) - low) <= max(0.001 * span, 0.5) + 1e-6 * abs(low)


def test_minus_zero_is_never_written():
    assert fields.written(-0.0001, 2) == "0.00"


@pytest.mark.parametrize(
    ("knows", "series", "offered"),
    [
        ({"values"}, 1, {"value_at", "window_stat", "extreme", "rule", "count"}),
        ({"values"}, 2, {"value_at", "window_stat", "extreme", "rule", "count", "compare", "correlate", "lag"}),
        ({"intervals"}, 1, {"anomalies", "anomaly_near"}),
        ({"classes"}, 1, {"classify"}),
    ],
)
def test_tasks_without_truth_are_not_offered_and_say_why(knows, series, offered):
    found = offers(knows, series, 256)
    assert {each.task.key for each in found if each.reason is None} == offered
    assert all(each.reason.key.startswith("data.tasks.needs_") for each in found if each.reason is not None)


def test_a_series_that_is_too_short_is_not_asked():
    assert all(each.reason is not None for each in offers({"values"}, 1, 8))
    assert ask("value_at", subject(length=120), np.random.default_rng(0), "en", "json") is not None


def test_an_unknown_task_is_refused_with_the_names():
    with pytest.raises(UserError) as refused:
        find_task("trends")
    assert "trend" in refused.value.message.values["known"]


def test_wanted_answers_come_or_nothing_comes():
    for task in TASKS:
        for wanted in ("some", "none"):
            for about in (subject(), subject(events=False)):
                found = ask(task.key, about, np.random.default_rng(3), "en", "json", wanted)
                assert found is None or found.is_none == (wanted == "none")


def test_events_carry_the_names_of_chatts():
    assert {each.key for each in EVENT_TYPES if each.is_chatts} == CHATTS_NAMES
    assert len({each.chinese for each in EVENT_TYPES}) == len(EVENT_TYPES) == 26


def test_every_wording_stands_in_both_languages_with_the_same_slots():
    def slots(text):
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    assert set(QUESTIONS) == {wording for task in TASKS for wording in task.wordings}
    for table in (QUESTIONS, SHORT_QUESTIONS):
        for key, texts in table.items():
            assert len(texts["en"]) == len(texts["zh"]) >= 4, key
            assert [slots(text) for text in texts["en"]] == [slots(text) for text in texts["zh"]], key
    for task in TASKS:
        wordings = {
            text
            for key in task.wordings
            for table in (QUESTIONS, SHORT_QUESTIONS)
            for text in table.get(key, {}).get("zh", ())
        }
        assert len(wordings) >= 8, task.key
    assert all(len(INTRODUCTIONS[language]) >= 8 for language in LANGUAGES)
    assert all(text.count("<ts><ts/>") == 1 for texts in INTRODUCTIONS.values() for text in texts)
    assert all(set(words) == set(LANGUAGES) for words in (*OPTIONS.values(), *FIELD_WORDS.values()))


def test_options_in_the_question_are_the_words_of_the_answer():
    for language in LANGUAGES:
        for task in ("trend", "noise", "correlate", "classify"):
            for style in ("short", "line"):
                found = asked(task, language, style)
                main = re.split("; |；", found.answer)[0]
                assert re.split(": |：", main)[-1] in found.question


def test_the_list_of_types_has_one_size_and_holds_the_true_ones():
    for events in (True, False):
        for seed in range(5):
            found = ask("events", subject(events), np.random.default_rng(seed), "en", "line")
            options = found.label["fields"][0]["options"]
            assert len(options) == 6 and ("upward spike" in options or not events)


def test_a_row_names_each_series_once_with_its_unit():
    about = subject()
    found = asked("value_at", about=about)
    row = to_row(found, about, "en", np.random.default_rng(0))
    assert row["input"].count("<ts><ts/>") == len(row["timeseries"]) == 3 and row["input"].count("kW") >= 3
    assert introduction(about, "zh", np.random.default_rng(0)).count("256 个点") == 3


def test_the_prefix_flag_marks_what_the_model_reads_as_text():
    rising = NamedSeries("x", np.round(np.linspace(0, 10, 256), 2), "", Attributes(trend="up", change=10.0))
    assert asked("trend", about=Subject((rising,))).label["prefix_answerable"]
    assert not asked("anomalies").label["prefix_answerable"]
