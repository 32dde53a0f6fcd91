"""From a table to rows: balanced questions, answers that a second hand confirms, a recipe that builds them again."""

import csv
import json
import shlex
from collections import Counter
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.build_fakes import all_rows, meta, recipe_for, wave, wide
from tests.test_data_tasks import by_hand
from tsft.build_commands import recipe_of
from tsft.cli import BAD_SETTINGS, FINISHED, main
from tsft.data.builder.dataset import build, notes_of, preview, survey
from tsft.data.builder.recipe import BuildRecipe, check_recipe, command, read_recipe
from tsft.data.builder.wordings import filled_sentence, step_sentence
from tsft.data.checks.diagnosis import Look, diagnose
from tsft.data.checks.rows import examine_row
from tsft.data.mapping import GUESS
from tsft.data.provenance import read_provenance
from tsft.data.recipe_files import RECIPE_SUFFIX
from tsft.errors import UserError
from tsft.evaluate.scores import score
from tsft.flags import command_parser
from tsft.run.ports import Stopped

NAB = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "nab"
MACHINE = NAB / "machine_temperature_system_failure.csv"
NAMES = {"value": {"en": "machine temperature", "zh": "机器温度"}}


# -- the machine of the Numenta benchmark ------------------------------------------------------------------------------


def points_by_hand(path):
    """Epoch seconds to value, double times averaged, in plain Python."""
    found: dict[float, list[float]] = {}
    with path.open(encoding="utf-8") as file:
        for line in csv.DictReader(file):
            moment = datetime.fromisoformat(line["timestamp"] + "+00:00").timestamp()
            found.setdefault(moment, []).append(float(line["value"]))
    return {moment: sum(values) / len(values) for moment, values in found.items()}


def runs_by_hand(marks):
    found, place = [], 0
    for mark, group in groupby(marks):
        count = len(list(group))
        if mark:
            found.append([place, place + count])
        place += count
    return found


def expected_fields(label, values, marks):
    """The main answer of a row once more, and its list of stretches where it has one."""
    told, wording = label["parameters"], label["wording"]
    if wording == "anomalies":
        return runs_by_hand(marks), None
    if wording == "anomaly_near":
        near = range(max(0, told["point"] - told["around"]), min(len(marks), told["point"] + told["around"] + 1))
        return any(marks[place] for place in near), None
    stretches = None
    if wording in ("rule_above", "rule_below"):
        holds = [v > told["threshold"] if wording == "rule_above" else v < told["threshold"] for v in values]
        stretches = [each for each in runs_by_hand(holds) if each[1] - each[0] >= told["least"]]
    return by_hand(wording, told, values), stretches


@pytest.mark.skipif(not NAB.is_dir(), reason="the shared data is not here")
def test_every_answer_about_the_machine_is_what_a_second_hand_computes(tmp_path):
    recipe = BuildRecipe(
        sources=(str(MACHINE),),
        intervals=str(NAB / "combined_windows.json"),
        names=NAMES,
        units={"value": "°C"},
        tasks=dict.fromkeys(("anomalies", "anomaly_near", "rule", "value_at", "window_stat", "extreme", "count"), 1.0),
        questions=3,
    )
    built = build(recipe, "machine", tmp_path / "d", tmp_path / "c")
    known = points_by_hand(MACHINE)
    labelled = [
        [datetime.fromisoformat(each + "+00:00").timestamp() for each in pair]
        for key, pairs in json.loads((NAB / "combined_windows.json").read_text(encoding="utf-8")).items()
        if key.endswith(MACHINE.name)
        for pair in pairs
    ]
    tasks, languages, ends = Counter(), Counter(), {}
    for split, path in built.paths.items():
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            told = meta(row)
            first, last = (datetime.fromisoformat(each.replace("Z", "+00:00")).timestamp() for each in told["times"])
            times = [first + 300 * place for place in range(256)]
            assert times[-1] == last
            values = row["timeseries"][0]
            for moment, value in zip(times, values, strict=True):
                assert moment not in known or value == pytest.approx(known[moment], abs=1e-6)
            marks = [any(start <= moment <= end for start, end in labelled) for moment in times]
            main, stretches = expected_fields(told["label"], values, marks)
            field = told["label"]["fields"][0]
            allowed = 0.5 * 10.0 ** -field["decimals"] + 1e-6 if field["kind"] == "number" else 0
            assert field["value"] == (pytest.approx(main, abs=allowed, rel=0) if allowed else main), row["input"]
            if stretches is not None and len(told["label"]["fields"]) > 1:
                assert told["label"]["fields"][1]["value"] == stretches
            assert score(row["output"], told["label"]).value == 1 and not examine_row(row, GUESS).sentences
            tasks[split, told["task"], told["is_none"]] += 1
            languages[split, told["language"]] += 1
            ends[split] = (min(first, ends.get(split, (first,))[0]), max(last, ends.get(split, (0, last))[1]))
    assert ends["train"][1] < ends["test"][0]
    for split in ("train", "test"):
        assert all(languages[split, each] > 10 for each in ("en", "zh"))
        for task in ("anomalies", "anomaly_near", "rule"):
            assert tasks[split, task, True] and tasks[split, task, False], (split, task)
        assert tasks[split, "value_at", False]
    report = diagnose("machine-train", [tmp_path / "d"], tmp_path / "c", Look(validation=("machine-test",))).report
    assert {each.kind for each in report.findings} <= {"window_overlap"}


# -- rows --------------------------------------------------------------------------------------------------------------


def test_tasks_without_truth_are_not_offered_and_refused_when_asked_for(tmp_path):
    path = wide(tmp_path)
    offered = {each.task.key for each in survey(recipe_for(path)).offers if each.reason is None}
    assert offered >= {"anomalies", "anomaly_near", "rule", "compare", "correlate", "lag", "count", "extreme"}
    assert not offered & {"trend", "events", "classify", "cluster", "caption"}
    unlabelled = survey(recipe_for(path, label="-"))
    assert not {"anomalies", "anomaly_near"} & {each.task.key for each in unlabelled.offers if each.reason is None}
    with pytest.raises(UserError) as refused:
        survey(recipe_for(path, label="-", tasks={"anomalies": 1.0, "trend": 1.0, "rule": 1.0}))
    assert [each.message.values["task"] for each in refused.value.problems] == ["anomalies", "trend"]


def test_named_stretches_become_classes_and_anomalies(tmp_path):
    def label(place):
        return "normal" if place % 100 < 70 else ("leak", "stuck")[place // 100 % 2]

    path = wide(tmp_path, 2000, label=label)
    recipe = recipe_for(path, label="anomaly", window=50, tasks={"classify": 1.0, "anomalies": 1.0}, split_by="none")
    rows = all_rows(recipe)
    classes = Counter(meta(each)["label"]["fields"][0]["value"] for each in rows if meta(each)["task"] == "classify")
    assert set(classes) == {"normal", "leak", "stuck"} and max(classes.values()) <= 0.45 * sum(classes.values())
    for row in rows:
        start = meta(row)["first_point"]
        names = {label(start + place) for place in range(50)} - {"normal"}
        field = meta(row)["label"]["fields"][0]
        if meta(row)["task"] == "classify":
            assert field["value"] == (names.pop() if names else "normal")
        else:
            assert bool(field["value"]) == bool(names)


def test_every_row_passes_the_doctor_and_is_answered_rightly(tmp_path):
    rows = all_rows(recipe_for(wide(tmp_path, 2000), questions=8))
    assert len(rows) > 150
    for row in rows:
        assert not examine_row(row, GUESS).sentences
        assert score(row["output"], meta(row)["label"]).value == 1
    assert len({(row["input"], row["output"], str(row["timeseries"])) for row in rows}) == len(rows)
    assert {meta(row)["language"] for row in rows} == {"en", "zh"}
    assert {meta(row)["style"] for row in rows} == {"short", "line", "json"}
    assert np.mean([meta(row)["is_none"] for row in rows]) >= 0.15


def test_yes_and_no_are_asked_for_equally_often_and_none_as_often_as_wanted(tmp_path):
    path = wide(tmp_path, 6000, label=lambda place: int(place % 300 in range(100, 120)))
    rows = all_rows(recipe_for(path, tasks={"anomaly_near": 1.0, "anomalies": 1.0, "rule": 1.0}, none_share=0.4))
    for task, share in (("anomaly_near", 0.5), ("rule", 0.5), ("anomalies", 0.4)):
        said = [meta(row)["is_none"] for row in rows if meta(row)["task"] == task]
        assert len(said) > 60 and abs(np.mean(said) - share) < 0.15, task


def test_columns_share_a_row_in_fixed_parts(tmp_path):
    path = wide(tmp_path, 300, a=wave(300, 2), b=wave(300, 3), c=wave(300, 4))
    rows = all_rows(recipe_for(path, per_row=2))
    assert {tuple(meta(row)["columns"]) for row in rows} == {("temperature (°C)", "flow"), ("a", "b"), ("c",)}
    assert all(len(row["timeseries"]) == len(meta(row)["columns"]) for row in rows)
    assert any("temperature (in °C, 64 points)" in row["input"] or "单位 °C" in row["input"] for row in rows)


def test_a_flat_column_gives_no_row(tmp_path):
    with pytest.raises(UserError) as refused:
        survey(recipe_for(wide(tmp_path, flow=[5.0] * 400)))
    assert refused.value.message.key == "data.build.no_windows"


def test_the_step_and_filled_points_are_told_in_both_languages():
    assert step_sentence(300, "en") == "One point is 5 minutes." and step_sentence(3600, "en") == "One point is 1 hour."
    assert (
        step_sentence(86400, "zh") == "相邻两点间隔 1 天。"
        and step_sentence(0.25, "en") == "One point is 0.25 seconds."
    )
    assert step_sentence(0, "en") == "" and filled_sentence((), "zh") == ""
    assert "3-5, 9-10" in filled_sentence(((3, 5), (9, 10)), "en")


def test_names_and_context_come_in_the_language_of_the_row(tmp_path):
    names = {"flow": {"en": "water flow", "zh": "水流量"}}
    context = {"en": "A pump was watched.", "zh": "对一台水泵进行了监测。"}
    for row in all_rows(recipe_for(wide(tmp_path), names=names, context=context)):
        is_english = meta(row)["language"] == "en"
        assert row["input"].startswith("A pump was watched." if is_english else "对一台水泵进行了监测。")
        assert ("water flow" if is_english else "水流量") in row["input"]


# -- files and commands ------------------------------------------------------------------------------------------------


def test_the_preview_shows_rows_as_they_will_be_written(tmp_path):
    recipe = recipe_for(wide(tmp_path, 2000))
    built = build(recipe, "plant", tmp_path / "d", tmp_path / "c")
    written = [
        json.loads(line) for path in built.paths.values() for line in path.read_text(encoding="utf-8").splitlines()
    ]
    shown = preview(survey(recipe), 20)
    assert len(shown) == 20 and all(row in written for row in shown)
    assert built.rows == {"train": 100, "test": 24} and sum(built.tasks.values()) == 124


def test_the_recipe_beside_a_dataset_builds_it_again_and_new_data_too(tmp_path):
    built = build(recipe_for(wide(tmp_path), rows=20), "one", tmp_path / "d", tmp_path / "c", by="anna")
    path = built.paths["train"]
    again = read_recipe(path.with_name(path.name + RECIPE_SUFFIX))
    assert again == built.recipe and sum(built.rows.values()) == 20
    other = build(again, "two", tmp_path / "d", tmp_path / "c")
    assert other.paths["train"].read_bytes() == path.read_bytes()
    wide(tmp_path, 500, "newer.csv")
    newer = build(replace(again, sources=(str(tmp_path / "newer.csv"),)), "three", tmp_path / "d", tmp_path / "c")
    assert newer.paths["train"].read_bytes() != path.read_bytes()
    told = read_provenance(path)
    assert told.by == "anna" and told.parents[0].name == "plant.csv" and told.steps[0].do == "build"
    assert BuildRecipe.from_json({k: v for k, v in told.steps[0].options.items() if k != "split"}) == again


def test_stopping_leaves_nothing_behind_and_a_taken_name_is_refused(tmp_path):
    recipe = recipe_for(wide(tmp_path))
    with pytest.raises(Stopped):
        build(recipe, "a", tmp_path / "d", tmp_path / "c", should_stop=lambda: True)
    assert list((tmp_path / "d").iterdir()) == []
    build(recipe, "a", tmp_path / "d", tmp_path / "c")
    with pytest.raises(UserError):
        build(recipe, "a", tmp_path / "d", tmp_path / "c")
    assert build(recipe, "a", tmp_path / "d", tmp_path / "c", replaces=True).rows["train"]


def test_all_that_is_wrong_with_a_recipe_is_told_at_once(tmp_path):
    wrong = BuildRecipe(
        layout="deep", window=4, stride=-1, tasks={"trends": 1.0}, languages={"de": 1.0}, none_share=2, test=0.7,
        validation=0.4, questions=0, gaps="hide", names={"a": 3}, resample_how="mode", split_by="luck", seed=-1,
    )  # fmt: skip
    assert {each.field for each in check_recipe(wrong)} == {
        "sources", "layout", "window", "stride", "tasks", "languages", "none_share", "test", "questions", "gaps",
        "names", "resample_how", "split_by", "seed",
    }  # fmt: skip
    with pytest.raises(UserError) as refused:
        BuildRecipe.from_json({"windw": 64})
    assert refused.value.message.values["near"] == "window"
    with pytest.raises(UserError) as refused:
        survey(recipe_for(wide(tmp_path), time="when", values=("flow", "heat"), group="who"))
    assert [each.field for each in refused.value.problems] == ["time", "group", "values"]


@pytest.mark.parametrize("text", ["[1]", "{", '{"sources": 3}', '{"sources": ["a.csv"], "window": "x"}'])
def test_a_broken_recipe_file_is_refused_with_a_sentence(tmp_path, text):
    (tmp_path / "x.recipe").write_text(text, encoding="utf-8")
    with pytest.raises(UserError):
        read_recipe(tmp_path / "x.recipe")


def test_the_command_of_a_recipe_says_the_same_recipe():
    recipe = BuildRecipe(
        ("my data.csv", "b.csv"), time="t", values=("a, b", "c"), names={"c": {"en": "x", "zh": "乙"}}, normal=("ok",),
        units={"c": "°C"}, resample_seconds=300, gaps="mark", window=128, tasks={"rule": 2.5}, styles={"json": 1.0},
        balance=False, validation=0.1, rows=500, label="-", context={"en": "Hi, you."},
    )  # fmt: skip
    words = shlex.split(command(recipe, "made"))[1:]
    assert recipe_of(command_parser("en").parse_args(words)) == recipe
    assert command(BuildRecipe(("a.csv",)), "x") == "tsft data build x a.csv"


def test_the_command_line_looks_and_builds(tmp_path, capsys):
    words = ["data", "build", "plant", str(wide(tmp_path)), "--window", "64", "--tasks", "rule,anomalies=2"]
    place = ["--workspace", str(tmp_path / "w"), "--lang", "en"]
    assert main([*words, *place, "--look"]) == FINISHED
    told = capsys.readouterr().out
    assert "+ anomalies" in told and "- trend: This task asks" in told and "<ts><ts/>" in told
    assert not (tmp_path / "w" / "datasets" / "plant-train.jsonl").exists()
    assert main([*words, *place]) == FINISHED
    told = capsys.readouterr().out
    assert "train: 20 rows at" in told and "tsft data build plant" in told
    assert (tmp_path / "w" / "datasets" / "plant-train.jsonl").read_text(encoding="utf-8").count("\n") == 20
    assert main([*words, *place, "--window", "3"]) == BAD_SETTINGS and "16" in capsys.readouterr().err
    assert main([*words, *place, "--window", "wide"]) == BAD_SETTINGS


def test_a_split_without_anything_unusual_is_told(tmp_path):
    plan = survey(recipe_for(wide(tmp_path)))
    assert [each.key for each in notes_of(plan)] == ["data.build.nothing_unusual"]


DOCS = Path(__file__).resolve().parents[1] / "docs" / "data.md"


@pytest.mark.parametrize("line", [x for x in DOCS.read_text(encoding="utf-8").splitlines() if x.startswith("tsft ")])
def test_the_commands_of_the_guide_are_understood(line):
    assert command_parser("en").parse_args(shlex.split(line)[1:]).command.startswith("data ")


@settings(max_examples=12, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["time", "none"]),
    st.sampled_from(["interpolate", "mark", "split"]),
    st.sampled_from([0.0, 7200.0]),
    st.integers(0, 2),
    st.integers(16, 70),
)
def test_any_built_row_passes_the_doctor_and_scores_its_own_answer_fully(
    tmp_path_factory, seed, split_by, gaps, resample, per_row, window
):
    generator = np.random.default_rng(seed)
    holes = generator.random(400) < 0.01
    scale = 10.0 ** generator.integers(-2, 6)
    values = ["" if hole else round(scale * value, 4) for hole, value in zip(holes, wave(400, seed), strict=True)]
    marks = generator.random(400).cumsum() % 50 < 4
    path = wide(tmp_path_factory.mktemp("t"), label=lambda place: int(marks[place]), flow=values)
    recipe = recipe_for(
        path, window=window, seed=seed % 97, split_by=split_by, gaps=gaps, resample_seconds=resample, per_row=per_row
    )
    rows = all_rows(replace(recipe, rows=40))
    assert rows
    for row in rows:
        assert not examine_row(row, GUESS).sentences
        assert score(row["output"], meta(row)["label"]).is_right
