"""Controls change what they say and nothing else, and their labels are right about what is shown then."""

import re
from dataclasses import replace

import numpy as np
import pytest

from tests.evaluate_rows import generated
from tsft.data.tasks.row import recompute
from tsft.data.tasks.subject import NamedSeries, Subject
from tsft.errors import UserError
from tsft.evaluate.controls import BLIND, constant, swapped, without_series
from tsft.evaluate.permutations import permuted
from tsft.evaluate.perturbations import PERTURBATIONS, perturbed
from tsft.evaluate.scores import score_field
from tsft.evaluate.shown import PLACEHOLDER, Shown


def shown(row):
    series = tuple(np.asarray(each, dtype=float) for each in row["timeseries"])
    return Shown(({"role": "user", "content": row["input"]},), series, row["label"], row["series"])


def rows(count=60, seed=1, **recipe):
    return [shown(each) for each in generated(count, seed, **recipe)]


def test_a_swap_gives_another_rows_series_under_the_original_prefix():
    given = rows()
    for before, after in zip(given, swapped(given, seed=3), strict=True):
        assert [len(each) for each in after.series] == [len(each) for each in before.series]
        assert after.prefix_series is before.series and after.turns == before.turns and after.label == before.label
        assert not any(np.array_equal(a, b) for a, b in zip(before.series, after.series, strict=True))


def test_rows_of_one_series_never_get_each_others():
    base = rows(6)
    given = [replace(base[0], label=each.label) for each in base] + [replace(base[1], series_key="other")]
    for after in swapped(given)[:6]:
        assert len(after.series[0]) == len(base[0].series[0])
        assert not np.array_equal(after.series[0], base[0].series[0])


def test_a_swap_needs_two_series():
    with pytest.raises(UserError) as caught:
        swapped([replace(each, series_key="same") for each in rows(3)])
    assert caught.value.message.key == "evaluate.control.one_series"


def test_a_swap_repeats_with_its_seed_only():
    given = rows(30)
    one, again, other = (swapped(given, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a.series[0], b.series[0]) for a, b in zip(one, again, strict=True))
    assert not all(np.array_equal(a.series[0], b.series[0]) for a, b in zip(one, other, strict=True))


def test_a_constant_keeps_length_and_prefix_only():
    before = rows(1)[0]
    after = constant([before])[0]
    assert all(
        np.ptp(each) == 0 and len(each) == len(own) for each, own in zip(after.series, before.series, strict=True)
    )
    assert after.prefix_series is before.series


def test_without_series_neither_prefix_nor_patches_are_left():
    after = without_series(rows(5))
    assert all(each.series == () and PLACEHOLDER not in each.turns[0]["content"] for each in after)


@pytest.mark.parametrize("name", BLIND)
def test_a_control_leaves_what_it_got_alone(name):
    given = rows(10)
    copies = [(each.turns, [own.copy() for own in each.series]) for each in given]
    BLIND[name](given, 0)
    for each, (turns, series) in zip(given, copies, strict=True):
        assert each.turns == turns and all(np.array_equal(a, b) for a, b in zip(each.series, series, strict=True))


SOLVED = {"value_at": 1, "window_stat": 1, "extreme": 1, "compare": 1, "correlate": 1, "lag": 1}


@pytest.mark.parametrize("name", [each for each in PERTURBATIONS if each != "noisy"])
def test_the_label_of_a_perturbed_row_is_what_the_task_computes_on_it(name):
    checked = set()
    for row in rows(150, tasks=SOLVED):
        after = perturbed(name, row)
        if after is None:
            continue
        names = [each.get("options") for each in row.label["fields"] if each["kind"] == "name"]
        options = names[0] if names else []
        pair = row.label["parameters"].get("pair")
        named = dict(zip(pair, options, strict=True)) if pair and options else {}
        series = tuple(NamedSeries(named.get(i, f"s{i}"), each) for i, each in enumerate(after.series))
        solved = recompute(
            row.label["task"], Subject(series), {**row.label["parameters"], "wording": row.label["wording"]}
        )
        assert solved is not None
        for field, expected in zip(after.label["fields"], solved, strict=False):
            assert score_field(expected.value, field).is_right, (row.label, after.label, expected)
        checked.add(row.label["task"])
    assert checked >= {"shifted": {"value_at", "extreme"}, "scaled": set(SOLVED), "reversed": {"extreme"}}[name]


def test_reversal_turns_trends_and_places_around():
    seen = set()
    for row in rows(200, tasks={"trend": 1, "anomalies": 1, "spike": 1}):
        after = perturbed("reversed", row)
        before, field = row.label["fields"][0], after.label["fields"][0]
        if before["kind"] == "class":
            assert (before["value"], field["value"]) in {("up", "down"), ("down", "up"), ("flat", "flat")}
        if before["kind"] == "intervals":
            length = before["length"]
            assert [[length - b, length - a] for a, b in reversed(before["value"])] == field["value"]
        seen.add(row.label["task"])
    assert seen == {"trend", "anomalies", "spike"}


def test_a_question_that_writes_a_threshold_is_not_perturbed():
    for row in rows(30, tasks={"count": 1}):
        assert all(perturbed(name, row) is None for name in PERTURBATIONS)


def test_a_perturbation_repeats_with_its_seed_only():
    row = rows(1, tasks={"value_at": 1})[0]
    one, again, other = (perturbed("noisy", row, seed).series[0] for seed in (1, 1, 2))
    assert np.array_equal(one, again) and not np.array_equal(one, other)


STATEMENT = re.compile(r"([A-D])\. (.+?)(?=[;；] ?[B-D]\. |[.。])")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_permuted_statements_keep_the_right_one_right(language):
    changed = 0
    for row in rows(60, tasks={"mcq": 1}, languages={language: 1}):
        after = permuted(row)
        before, now = (dict(STATEMENT.findall(each.turns[0]["content"])) for each in (row, after))
        assert sorted(before.values()) == sorted(now.values()) and len(now) == 4
        old, new = row.label["fields"][0]["value"], after.label["fields"][0]["value"]
        assert before[old] == now[new] and before["D"] == now["D"] and (old == new) == (old == "D")
        solved = [each for each in "ABC" if now[each] != before[each]]
        assert solved == ["A", "B", "C"]
        changed += old != new
    assert changed > 30


@pytest.mark.parametrize("style", ["short", "line", "json"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_permuted_classes_change_the_text_and_not_the_answer(language, style):
    given = rows(20, tasks={"trend": 1}, languages={language: 1}, styles={style: 1})
    for row in given:
        after = permuted(row)
        assert after is not None and after.turns != row.turns
        assert after.label["fields"][0]["value"] == row.label["fields"][0]["value"]
        assert sorted(after.turns[0]["content"]) == sorted(row.turns[0]["content"])


def test_a_row_without_options_is_not_permuted():
    assert all(permuted(row) is None for row in rows(10, tasks={"value_at": 1}))
