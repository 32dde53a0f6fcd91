"""Events that people named in a column of a table: asked for by name and first point, and told in words."""

import json
from dataclasses import replace
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.build_fakes import all_rows, hours, meta, recipe_for, wave
from tsft.data.builder.dataset import survey
from tsft.data.checks.rows import examine_row
from tsft.data.mapping import GUESS
from tsft.evaluate.scores import score

TASKS = {"named_events": 1.0, "report": 1.0}
NAMES = ("pump leak", "阀门卡死", "overload")


def log_table(path, labels):
    """One hour steps, one value column, and a column in which somebody wrote what happened."""
    lines = ["time,flow,event"]
    lines += [f"{t},{v},{name}" for t, v, name in zip(hours(len(labels)), wave(len(labels)), labels, strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def labels_of(stretches, count=640):
    labels = ["normal"] * count
    for start, length, name in stretches:
        labels[start : start + length] = [name] * len(labels[start : start + length])
    return labels


def by_hand(labels, first, count):
    """(name, first point) of every stretch in a window, in plain Python."""
    found, place = [], 0
    for name, group in groupby(labels[first : first + count]):
        if name not in ("normal", ""):
            found.append({"type": name, "start": place})
        place += len(list(group))
    return found


STRETCHES = st.lists(
    st.tuples(st.integers(0, 600), st.integers(4, 30), st.sampled_from(NAMES)), min_size=4, max_size=14
)


@settings(max_examples=15, deadline=None)
@given(stretches=STRETCHES, seed=st.integers(0, 1000))
def test_what_people_wrote_down_is_asked_for_as_they_wrote_it(tmp_path_factory, stretches, seed):
    labels = labels_of(stretches)
    path = log_table(tmp_path_factory.mktemp("log") / "log.csv", labels)
    recipe = recipe_for(path, window=64, label="event", label_kind="class", seed=seed, split_by="none")
    plan = survey(recipe)
    reason = next(each.reason for each in plan.offers if each.task.key == "named_events")
    if reason is not None:
        assert not plan.kinds
        return
    for row in all_rows(replace(recipe, tasks=TASKS)):
        told = meta(row)
        (field,) = told["label"]["fields"]
        assert field["value"] == by_hand(labels, told["first_point"], 64)
        assert set(field["options"]) >= {each["type"] for each in field["value"]}
        assert told["is_none"] == (field["value"] == [])
        assert score(row["output"], told["label"]).value == 1 and not examine_row(row, GUESS).sentences
        # One too many, where nothing can be.
        wrong = [*field["value"], {"type": next(iter(field["options"]), "overload"), "start": 10_000}]
        if told["style"] == "json":
            assert score(json.dumps({"events": wrong}), told["label"]).value < 1


def test_both_tasks_come_in_every_style_and_language_and_with_nothing_to_tell(tmp_path):
    labels = labels_of([(place, 12, NAMES[place // 80 % 3]) for place in range(40, 600, 80)])
    path = log_table(tmp_path / "log.csv", labels)
    rows = [meta(row) for row in all_rows(recipe_for(path, window=64, tasks=TASKS, questions=12, split_by="none"))]
    assert {each["style"] for each in rows if each["task"] == "report"} == {"prose", "line", "json"}
    assert {each["language"] for each in rows} == {"en", "zh"}
    assert {each["task"] for each in rows if each["is_none"]} == {"named_events"}


@pytest.mark.parametrize(
    "labels",
    [
        labels_of([(100, 20, "leak, at the pump")]),
        ["walking"] * 320 + ["running"] * 320,
        labels_of([(100, 20, "1")]),
    ],
)
def test_labels_that_name_no_event_are_not_offered_as_such_and_say_why(tmp_path, labels):
    text = [f'"{each}"' for each in labels]
    offers = survey(recipe_for(log_table(tmp_path / "log.csv", text), window=64, split_by="none")).offers
    reasons = {each.task.key: each.reason for each in offers}
    for key in ("named_events", "report"):
        assert reasons[key] is not None and reasons[key].key == "data.tasks.needs_names"
