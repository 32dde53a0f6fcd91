"""Generated pairs: the worse answer is wrong in exactly one stated fact, readable, and scores below the right one."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsft.data.checks.rows import examine_row
from tsft.data.mapping import guess_mapping
from tsft.data.synth.recipe import SynthRecipe, check_recipe
from tsft.data.synth.rows import synth_row, synth_rows
from tsft.data.tasks.catalog import SYNTH_TASKS
from tsft.data.tasks.fields import Field
from tsft.data.tasks.mistakes import wrong_value
from tsft.evaluate.parse import parse
from tsft.evaluate.scores import score
from tsft.ui.data.row_card import row_card

PAIRS = SynthRecipe(answers="pairs", questions=(1, 2))


def wrong_facts(row: dict[str, Any]) -> tuple[float, list[str], dict[str, Any]]:
    """What the worse answer scores, the fields that it says otherwise than the better one, and the row's meta."""
    meta = json.loads(row["meta"])
    better, worse = (parse(row[name], meta["label"]) for name in ("chosen", "rejected"))
    assert better.is_complete and worse.is_complete, row["rejected"]
    differing = [name for name, value in better.values.items() if value != worse.values[name]]
    assert score(row["chosen"], meta["label"]).value == 1
    return score(row["rejected"], meta["label"]).value, differing, meta


@settings(max_examples=150, deadline=None)
@given(index=st.integers(0, 20_000))
def test_the_worse_answer_is_wrong_in_the_one_fact_that_meta_names_and_scores_lower(index: int) -> None:
    value, differing, meta = wrong_facts(synth_row(PAIRS, index))

    assert value < 1
    assert differing == [meta["mistake"]["field"]]


@pytest.mark.parametrize("task", [each.key for each in SYNTH_TASKS])
def test_every_task_has_pairs(task: str) -> None:
    for row in synth_rows(SynthRecipe(count=8, answers="pairs", tasks={task: 1.0}, series=(2, 3))):
        value, differing, _ = wrong_facts(row)
        assert value < 1 and len(differing) == 1


def test_generated_pairs_and_verdicts_are_read_without_a_finding() -> None:
    for answers in ("pairs", "judged"):
        for row in synth_rows(SynthRecipe(count=30, answers=answers)):
            mapping = guess_mapping(row)
            assert mapping is not None
            assert not examine_row(row, mapping).sentences


def test_about_half_of_the_judged_answers_are_bad_and_those_alone_score_low() -> None:
    rows = list(synth_rows(SynthRecipe(count=100, answers="judged")))

    for row in rows:
        assert (score(row["output"], json.loads(row["meta"])["label"]).value == 1) == row["kto_tag"]
    assert 30 < sum(row["kto_tag"] for row in rows) < 70


def test_a_pair_has_question_answer_and_series_of_the_row_with_one_answer() -> None:
    plain, pair = synth_row(SynthRecipe(), 5), synth_row(SynthRecipe(answers="pairs"), 5)

    assert "mistake" not in json.loads(plain["meta"])
    assert (pair["input"], pair["chosen"], pair["timeseries"]) == (plain["input"], plain["output"], plain["timeseries"])


def test_an_unknown_kind_of_answers_is_told() -> None:
    assert [each.field for each in check_recipe(SynthRecipe(answers="both"))] == ["answers"]


def test_a_fact_that_cannot_be_wrong_in_a_clear_way_is_left_alone() -> None:
    generator = np.random.default_rng(0)

    assert wrong_value(Field("answer", "text", "it rises"), generator) is None
    assert wrong_value(Field("class", "class", "a", {"options": ("a",)}), generator) is None


def test_the_example_of_a_pair_shows_both_answers() -> None:
    row = synth_row(PAIRS, 3)

    shown = row_card(row, "1", "en")

    assert "wrong: " in shown and shown.count("<b>") >= 3
