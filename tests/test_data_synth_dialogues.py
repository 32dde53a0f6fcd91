"""Several questions about the series of one row: one conversation whose answers all hold."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsft.data.checks.rows import examine_row
from tsft.data.mapping import GUESS
from tsft.data.synth.recipe import SynthRecipe, check_recipe
from tsft.data.synth.rows import synth_row, synth_scene
from tsft.evaluate.scores import score

SEVERAL = SynthRecipe(questions=(2, 6))


def turns(row):
    return [*row.get("history", []), [row["input"], row["output"]]]


@settings(max_examples=40, deadline=None)
@given(index=st.integers(0, 5000))
def test_a_dialogue_says_the_series_once_and_asks_no_task_twice(index):
    row, subject = synth_scene(SEVERAL, index)
    asked = [question for question, _ in turns(row)]
    assert 1 <= len(asked) <= 6
    assert [question.count("<ts><ts/>") for question in asked] == [len(subject.series), *[0] * (len(asked) - 1)]
    assert not examine_row(row, GUESS).sentences


@settings(max_examples=40, deadline=None)
@given(index=st.integers(0, 5000))
def test_the_label_is_that_of_the_last_question(index):
    row = synth_row(SEVERAL, index)
    label = json.loads(row["meta"])["label"]
    assert score(row["output"], label).value == 1


def test_most_dialogues_are_as_long_as_wished():
    lengths = [len(turns(synth_row(SynthRecipe(questions=(4, 4), series=(1, 1)), index))) for index in range(100)]
    assert sum(each == 4 for each in lengths) > 60


def test_one_question_is_the_row_of_before_and_has_no_history():
    row = synth_row(SynthRecipe(), 3)
    assert "history" not in row
    assert row == synth_row(SynthRecipe(questions=(1, 1)), 3)


@pytest.mark.parametrize("questions", [(0, 1), (3, 2), (1, 9)])
def test_a_number_of_questions_out_of_range_is_told(questions):
    assert [each.field for each in check_recipe(SynthRecipe(questions=questions))] == ["questions"]
