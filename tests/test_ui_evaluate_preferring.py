"""Preference rows from evaluations: by the tasks' own scorers, with the exact series, from page and command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation_folders import chatts_evaluation, evaluation, often_right, predictions, right
from tests.evaluations import write_rows
from tsft.cli import main
from tsft.config.codec import from_flat, to_json
from tsft.data.preferences.ranking import JUDGED, REFERENCE, Rule
from tsft.data.preferences.writing import Written
from tsft.data.provenance import read_provenance
from tsft.endings import BAD_SETTINGS, FINISHED
from tsft.errors import UserError
from tsft.evaluate.scores import score
from tsft.run.evaluation import EvaluationSettings
from tsft.store.evaluations import FINISHED as ENDED
from tsft.store.evaluations import AnsweredRow, answer_line, new_evaluation, note
from tsft.store.workspace import Workspace, open_workspace
from tsft.ui.evaluate.preferring import Wanted, counted, find_evaluation, prefer

TASKS = {"trend": 1, "value_at": 1, "extreme": 1}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "w")


def second_sample(workspace: Workspace, rows: list[dict[str, Any]], script: Any, model: str = "tuned") -> str:
    """The same model asked once more about the same rows; the id of that evaluation."""
    settings = EvaluationSettings((model,), ("sensors",), temperature=1.0, seed=2, name="again")
    folder = new_evaluation(workspace, settings, (model,))
    with folder.predictions.open("w", encoding="utf-8") as file:
        for each in predictions(rows, script):
            file.write(answer_line(AnsweredRow(model, "sensors", "", each.to_json())))
    note(folder, status=ENDED, answered=len(rows))
    return folder.id


def rows_of(written: Written) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.path.read_text(encoding="utf-8").splitlines()]


def of(workspace: Workspace) -> list[dict[str, Any]]:
    """The rows that were asked, with their meta read."""
    lines = (workspace.datasets / "sensors.jsonl").read_text(encoding="utf-8").splitlines()
    return [{**row, "meta": json.loads(row["meta"])} for row in map(json.loads, lines)]


def key_of(call: Any) -> str:
    with pytest.raises(UserError) as refused:
        call()
    return refused.value.message.key


def reasons_of(call: Any) -> list[str]:
    """The keys of all that is told, without what they have in common."""
    with pytest.raises(UserError) as refused:
        call()
    return [each.message.key.removeprefix("preferences.") for each in refused.value.problems]


def test_the_better_of_two_models_is_chosen_by_the_tasks_scorer_with_the_exact_series(workspace: Workspace) -> None:
    folder = evaluation(workspace, {"tuned": right, "base": often_right}, tasks=TASKS)
    written = prefer(workspace, Wanted((folder.id,)), "better")
    asked, rows = of(workspace), rows_of(written)
    assert rows and written.tally.looked_at == len(asked) and written.tally.pairs == len(rows)
    assert written.tally.pairs + written.tally.left_out["tie"] == len(asked)
    for row in rows:
        meta = json.loads(row["meta"])
        own = asked[meta["origin"]["row"] - 1]
        assert row["timeseries"] == own["timeseries"] and row["input"] == own["input"]
        assert (meta["chosen_by"], meta["rejected_by"]) == ("tuned", "base") and row["chosen"] == own["output"]
        better, worse = (score(row[each], own["meta"]["label"]) for each in ("chosen", "rejected"))
        assert better.is_read and better.value - worse.value >= 0.2
    known = read_provenance(written.path)
    assert known is not None and [each.name for each in known.parents] == ["sensors"]
    assert known.steps[0].options["from"] == [folder.id] and known.steps[0].options["models"] == ["tuned", "base"]
    assert "majority" not in written.path.read_text()  # answers under controls show other series


def test_one_model_sampled_twice_is_ranked_against_itself(workspace: Workspace) -> None:
    first = evaluation(workspace, {"tuned": often_right}, tasks=TASKS)
    again = second_sample(workspace, [{**each, **each["meta"]} for each in of(workspace)], right)
    written = prefer(workspace, Wanted((first.id, again)), "sampled")
    assert written.tally.pairs and {json.loads(each["meta"])["chosen_by"] for each in rows_of(written)} == {"tuned"}
    assert key_of(lambda: prefer(workspace, Wanted((first.id,)), "alone")) == "preferences.no_common_rows"


def test_the_rows_own_answer_beats_wrong_ones_and_scores_judge_single_answers(workspace: Workspace) -> None:
    folder = evaluation(workspace, {"tuned": often_right}, tasks=TASKS)
    tally, _ = counted(workspace, Wanted((folder.id,), Rule(against=REFERENCE)))
    own = rows_of(prefer(workspace, Wanted((folder.id,), Rule(against=REFERENCE)), "own"))
    assert tally.pairs == len(own) and all(json.loads(each["meta"])["chosen_by"] == "reference" for each in own)
    judged = prefer(workspace, Wanted((folder.id,), Rule(JUDGED)), "judged")
    tags = [each["kto_tag"] for each in rows_of(judged)]
    assert (tags.count(True), tags.count(False)) == (judged.tally.good, judged.tally.bad) and set(tags) == {True, False}


def test_what_cannot_be_ranked_is_refused_with_the_reason(workspace: Workspace) -> None:
    same = evaluation(workspace, {"tuned": right, "base": right}, tasks=TASKS, with_controls=False).id
    assert reasons_of(lambda: counted(workspace, Wanted((same,)))) == ["none_left", "left_out.tie"]
    assert key_of(lambda: counted(workspace, Wanted(("nobody",)))) == "evaluation.unknown"
    assert key_of(lambda: counted(workspace, Wanted(()))) == "preferences.no_evaluation"
    wrong = Wanted((same,), Rule(margin=0.0))
    assert key_of(lambda: counted(workspace, wrong)) == "evaluation.out_of_range"
    assert key_of(lambda: counted(workspace, Wanted((same,), models=("x",)))) == "evaluation.no_such_choice"
    exam = chatts_evaluation(workspace, {"tuned": ["1. increase.", ""]}).id
    assert key_of(lambda: counted(workspace, Wanted((exam,)))) == "preferences.of_chatts"
    silent = new_evaluation(workspace, EvaluationSettings(("m",), ("sensors",), writes_answers=False), ("m",)).id
    assert key_of(lambda: counted(workspace, Wanted((silent,)))) == "preferences.without_answers"
    empty = new_evaluation(workspace, EvaluationSettings(("m",), ("sensors",)), ("m",)).id
    assert key_of(lambda: counted(workspace, Wanted((empty,)))) == "preferences.no_answers"


def test_a_dataset_that_was_changed_since_gives_no_rows(workspace: Workspace) -> None:
    folder = evaluation(workspace, {"tuned": right, "base": often_right}, tasks=TASKS)
    path = workspace.datasets / "sensors.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(reversed(lines)), encoding="utf-8")
    # Nothing says what the file held: each row is looked at.
    assert "left_out.changed" in reasons_of(lambda: counted(workspace, Wanted((folder.id,))))
    note(folder, contents={"sensors": "another"})
    assert key_of(lambda: counted(workspace, Wanted((folder.id,)))) == "preferences.dataset_changed"


def test_rows_without_a_label_count_only_where_it_is_said(workspace: Workspace) -> None:
    write_rows(workspace.datasets / "sensors.jsonl", 4, labelled=False)
    settings = EvaluationSettings(("a", "b"), ("sensors",))
    folder = new_evaluation(workspace, settings, settings.models)
    rows = [json.loads(line) for line in (workspace.datasets / "sensors.jsonl").read_text().splitlines()]
    with folder.predictions.open("w", encoding="utf-8") as file:
        for model in settings.models:
            for index, row in enumerate(rows):
                field = {"name": "text", "word": "text", "kind": "text", "value": row["output"]}
                label = {"task": "free_text", "style": "prose", "language": "en", "fields": [field], "parameters": {}}
                told = {"row": index, "series_key": "", "label": label, "reference": row["output"]}
                text = row["output"] if model == "a" else "nothing of the kind"
                file.write(answer_line(AnsweredRow(model, "sensors", "", {**told, "answer": text})))
    note(folder, status=ENDED)
    assert reasons_of(lambda: counted(workspace, Wanted((folder.id,)))) == ["none_left", "left_out.unjudged"]
    tally, _ = counted(workspace, Wanted((folder.id,), with_free_text=True))
    assert tally.pairs == 4


def test_an_exam_is_warned_of_and_an_evaluation_found_by_name_or_beginning(workspace: Workspace) -> None:
    models = {"tuned": right, "base": often_right}
    folder = evaluation(workspace, models, dataset_name="pumps-test", tasks=TASKS)
    _, notes = counted(workspace, Wanted((folder.id,)))
    assert [each.key for each in notes] == ["preferences.exam"]
    assert find_evaluation(workspace, "first look").id == folder.id
    assert find_evaluation(workspace, folder.id[:-3]).id == folder.id


def test_a_set_that_a_run_was_judged_by_is_an_exam_whatever_its_name(workspace: Workspace) -> None:
    folder = evaluation(workspace, {"tuned": right, "base": often_right}, tasks=TASKS)
    config = from_flat({"data.validation": "dataset", "data.validation_datasets": "sensors"})
    run = workspace.runs / "r1"
    run.mkdir()
    (run / "config.json").write_text(json.dumps(to_json(config)))
    note(folder, sources={"tuned": "runs/r1/adapter", "base": "runs/gone/adapter"})
    _, notes = counted(workspace, Wanted((folder.id,)))
    assert [each.values["name"] for each in notes] == ["sensors"]


def test_the_command_counts_first_and_writes_then(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    folder = evaluation(workspace, {"tuned": right, "base": often_right}, tasks=TASKS)
    words = ["data", "prefer", "better", "--from", folder.id, "--workspace", str(workspace.root), "--lang", "en"]
    assert main([*words, "--look"]) == FINISHED
    told = capsys.readouterr().out
    assert "pairs from 24 questions." in told and "ties:" in told
    assert not (workspace.datasets / "better.jsonl").exists()
    assert main(words) == FINISHED
    assert "better: " in capsys.readouterr().out and (workspace.datasets / "better.jsonl").exists()
    assert main(words) == BAD_SETTINGS and "already a dataset" in capsys.readouterr().err
    assert main([*words, "--replace", "--as", "judged", "--good", "1", "--bad", "0.2"]) == FINISHED
    assert "good and" in capsys.readouterr().out
    assert main(["data", "check", "better", "--workspace", str(workspace.root)]) == FINISHED
