"""An evaluation keeps every answer it got, asks nothing twice, scores what is there, and says what it left out."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.evaluations import FakeAnswerer, answers_of, quick, write_rows
from tsft.engine.evaluation import Ending, evaluate, evaluation_plan
from tsft.engine.evaluation_pace import Pace
from tsft.engine.evaluation_rows import batches
from tsft.errors import UserError
from tsft.evaluate.answers import written
from tsft.evaluate.free_text import FREE_TEXT
from tsft.evaluate.report import Report
from tsft.evaluate.shown import Shown
from tsft.run.evaluation import Evaluation, EvaluationSettings
from tsft.store.evaluations import (
    EvaluationFolder,
    EvaluationInfo,
    new_evaluation,
    read_answers,
    read_evaluation,
    read_report,
)
from tsft.store.workspace import Workspace, open_workspace

ROWS = 24


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = open_workspace(tmp_path / "workspace")
    write_rows(made.datasets / "held.jsonl", ROWS)
    return made


def knowing(shown: Shown) -> str:
    """The answer that is right for what is shown."""
    return written({each["name"]: each["value"] for each in shown.label["fields"]})


class Told:
    """What an evaluation said of itself."""

    def __init__(self) -> None:
        self.now = Evaluation("e")
        self.all: list[Evaluation] = []

    def __call__(self, **changes: Any) -> None:
        self.now = replace(self.now, **changes)
        self.all.append(self.now)

    @property
    def notes(self) -> set[str]:
        return {each.key.rpartition(".")[2] for each in self.now.notes}


def begun(workspace: Workspace, settings: EvaluationSettings) -> EvaluationFolder:
    plan = evaluation_plan(settings, workspace)
    return new_evaluation(workspace, settings, plan.names, "me", plan.sources)


def asked(
    workspace: Workspace,
    folder: EvaluationFolder,
    answerer: FakeAnswerer,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[Ending, EvaluationInfo, Told]:
    told = Told()
    plan = evaluation_plan(read_evaluation(folder).settings, workspace)
    ending = evaluate(plan, folder, told, should_stop, answerer.open)
    return ending, read_evaluation(folder), told


def everything(**changes: Any) -> EvaluationSettings:
    return quick("builtin", **{"rows": 0, **changes})


def test_one_that_answers_everything_rightly_scores_one(workspace: Workspace) -> None:
    ending, info, _ = asked(workspace, begun(workspace, everything()), FakeAnswerer(knowing))
    assert ending == Ending() and info.answered == ROWS and info.scores == {"builtin": 1.0}
    assert info.losses == (("builtin", "held", 1.0),)
    report = Report.from_json(read_report(info.folder))
    assert report.rows == ROWS and report.models[0].everything.right.value == 1.0
    assert {each.loss for each in read_answers(info.folder)} == {1.0}


def test_a_stop_keeps_and_scores_what_was_answered(workspace: Workspace) -> None:
    answerer = FakeAnswerer(knowing)
    folder = begun(workspace, everything(controls=("swapped",)))
    ending, info, told = asked(workspace, folder, answerer, lambda: len(answerer.asked) >= 3)
    assert ending.is_stopped and ending.status == "stopped"
    # What was being answered when the stop came is no answer.
    assert info.answered == len(answers_of(info)) == 6
    assert info.scores == {"builtin": 1.0} and read_report(folder)["rows"] == 6
    assert told.now.phase == "scoring" and 0 < told.now.done < told.now.total


def test_one_that_goes_on_asks_nothing_twice_and_ends_like_an_uncut_one(workspace: Workspace) -> None:
    settings = everything(controls=("swapped", "shifted"), baselines=True)
    whole = FakeAnswerer(knowing)
    _, uncut, _ = asked(workspace, begun(workspace, settings), whole)

    folder, first, second = begun(workspace, settings), FakeAnswerer(knowing), FakeAnswerer(knowing)
    asked(workspace, folder, first, lambda: len(first.asked) >= 4)
    with folder.predictions.open("a") as file:
        file.write('{"model": "builtin", "data')  # a crash in the middle of a line
    _, info, told = asked(workspace, folder, second)

    assert sum(first.asked[:-1]) + sum(second.asked) == sum(whole.asked)
    assert read_report(folder) == read_report(uncut.folder)
    for control in ("", "swapped", "shifted"):
        assert answers_of(info, control) == answers_of(uncut, control)
    assert (info.answered, info.losses, info.scores) == (uncut.answered, uncut.losses, uncut.scores)
    assert told.now.done == told.now.total == uncut.answered + ROWS

    again = FakeAnswerer(knowing)
    asked(workspace, folder, again)
    assert again.asked == [] and read_report(folder) == read_report(uncut.folder)


def test_a_failure_keeps_and_scores_what_was_answered(workspace: Workspace) -> None:
    answered: list[Shown] = []

    def failing(shown: Shown) -> str:
        answered.append(shown)
        if len(answered) > 9:
            raise OSError(28, "No space left on device")
        return knowing(shown)

    ending, info, _ = asked(workspace, begun(workspace, everything()), FakeAnswerer(failing))
    assert ending.status == "failed" and ending.problems[0].message.key == "failure.disk"
    assert info.answered == 9 and info.scores == {"builtin": 1.0}
    assert info.problems[0].key == "failure.disk"


def test_when_memory_runs_out_smaller_batches_go_on_and_it_is_told(workspace: Workspace) -> None:
    answerer = FakeAnswerer(knowing, fits=2)
    ending, info, told = asked(workspace, begun(workspace, everything(batch_size=8)), answerer)
    assert ending == Ending() and info.answered == ROWS
    assert max(answerer.asked) == 2 and "smaller_batch" in told.notes
    sizes = [each.values["size"] for each in told.now.notes if each.key.endswith("smaller_batch")]
    assert sizes == [4, 2]


def test_a_model_for_which_even_one_row_is_too_much_fails(workspace: Workspace) -> None:
    ending, info, _ = asked(workspace, begun(workspace, everything()), FakeAnswerer(knowing, fits=0))
    assert [each.message.key for each in ending.problems] == ["failure.memory"]
    assert info.answered == 0 and info.scores == {}


def test_one_row_that_does_not_fit_is_left_out_and_told(workspace: Workspace) -> None:
    answerer = FakeAnswerer(knowing)

    def heavy(shown: Shown) -> str:
        if shown.series_key == target:
            raise RuntimeError("out of memory")
        return knowing(shown)

    _, before, _ = asked(workspace, begun(workspace, everything()), answerer)
    answers = list(read_answers(before.folder))
    target = answers[-1].prediction["series_key"]
    alike = sum(each.prediction["series_key"] == target for each in answers)
    ending, info, told = asked(workspace, begun(workspace, everything()), FakeAnswerer(heavy))
    assert ending == Ending() and info.answered == ROWS - alike
    assert info.left_out == alike and "does_not_fit" in told.notes


def test_controls_are_asked_on_rows_that_need_their_series(workspace: Workspace) -> None:
    controls = ("swapped", "constant", "without_series", "options", "shifted")
    _, info, _ = asked(
        workspace, begun(workspace, everything(controls=controls, control_rows=5)), FakeAnswerer(knowing)
    )
    found = [each for each in read_answers(info.folder) if each.control]
    assert {each.control for each in found} == set(controls)
    assert not any(each.prediction["label"]["prefix_answerable"] for each in found)
    for control in controls:
        assert 1 <= len(answers_of(info, control)) <= 5
    report = Report.from_json(read_report(info.folder))
    assert {each.control for each in report.controls} == set(controls)
    # It answers what is shown, so perturbations cost it nothing.
    assert next(each for each in report.controls if each.control == "shifted").drop.value == 0
    assert any(each.key.startswith("evaluate.verdict.") for each in report.verdicts)


def test_a_control_that_says_nothing_about_the_rows_is_told(workspace: Workspace) -> None:
    write_rows(workspace.datasets / "held.jsonl", 1)
    settings = everything(controls=("swapped",))
    _, info, told = asked(workspace, begun(workspace, settings), FakeAnswerer(knowing))
    assert info.answered == 1 and told.notes & {"one_series", "control_without_rows"}


def test_rows_without_labels_are_judged_as_text_against_their_own_answer(workspace: Workspace) -> None:
    rows = write_rows(workspace.datasets / "held.jsonl", 8, labelled=False)
    texts = {row["input"]: row["output"] for row in rows}
    answerer = FakeAnswerer(lambda shown: texts[shown.turns[0]["content"]])
    _, info, _ = asked(workspace, begun(workspace, everything(controls=("constant", "shifted"))), answerer)
    task = Report.from_json(read_report(info.folder)).models[0].task(FREE_TEXT)
    assert task is not None and task.everything.score.value == 1.0
    assert {name: each.value for name, each in task.texts.items() if name != "bleu"} == {"keyword_f1": 1, "rouge_l": 1}
    # What a person wrote about a series does not shift with it.
    assert answers_of(info, "constant") and not answers_of(info, "shifted")


def test_a_label_that_cannot_be_used_is_told_and_its_row_judged_as_text(workspace: Workspace) -> None:
    path = workspace.datasets / "held.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row, label in zip(
        rows, ({"task": "trend"}, {"task": "x", "fields": [{"name": "a", "kind": "no"}]}), strict=False
    ):
        row["meta"] = json.dumps({"label": label})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    _, info, told = asked(workspace, begun(workspace, everything()), FakeAnswerer(knowing))
    assert "bad_labels" in told.notes and info.answered == ROWS
    kinds = [each.prediction["label"]["task"] for each in read_answers(info.folder)]
    assert kinds.count(FREE_TEXT) == 2


def test_rows_that_cannot_be_read_are_left_out_counted_and_told(workspace: Workspace) -> None:
    with (workspace.datasets / "held.jsonl").open("a") as file:
        file.write('{"broken\n{"input": "no answer", "output": "", "timeseries": []}\n')
    _, info, told = asked(workspace, begun(workspace, everything()), FakeAnswerer(knowing))
    assert info.left_out == 2 and info.answered == ROWS and "unreadable" in told.notes
    assert {each.key for each in info.notes} == {each.key for each in told.now.notes}


def test_baselines_are_never_fitted_on_rows_that_are_evaluated(workspace: Workspace) -> None:
    own = everything(baselines=True, train_datasets=("held",))
    _, info, told = asked(workspace, begun(workspace, own), FakeAnswerer(knowing))
    assert {"no_baseline_rows", "rows_on_both_sides"} <= told.notes
    names = [each.name for each in Report.from_json(read_report(info.folder)).models]
    assert "majority" not in names and "nearest" not in names

    write_rows(workspace.datasets / "learnt.jsonl", 40, seed=5)
    both = everything(baselines=True, train_datasets=("held", "learnt"))
    _, info, told = asked(workspace, begun(workspace, both), FakeAnswerer(knowing))
    names = [each.name for each in Report.from_json(read_report(info.folder)).models]
    assert {"majority", "random", "nearest"} <= set(names)
    assert [e.values["count"] for e in told.now.notes if e.key.endswith("rows_on_both_sides")] == [ROWS]


def test_several_datasets_keep_their_rows_apart(workspace: Workspace) -> None:
    write_rows(workspace.datasets / "other.jsonl", 10, seed=9)
    settings = everything(datasets=("held", "other"))
    _, info, _ = asked(workspace, begun(workspace, settings), FakeAnswerer(knowing))
    assert read_report(info.folder)["rows"] == ROWS + 10 and info.scores == {"builtin": 1.0}
    assert [each[1] for each in info.losses] == ["held", "other"] or {e[1] for e in info.losses} == {"held", "other"}


def test_a_dataset_that_changed_is_not_gone_on_with(workspace: Workspace) -> None:
    answerer = FakeAnswerer(knowing)
    folder = begun(workspace, everything())
    asked(workspace, folder, answerer, lambda: len(answerer.asked) >= 2)
    before = folder.predictions.read_text()
    write_rows(workspace.datasets / "held.jsonl", ROWS, seed=4)
    ending, _, _ = asked(workspace, folder, FakeAnswerer(knowing))
    assert ending.problems[0].message.key == "evaluation.dataset_changed"
    assert folder.predictions.read_text() == before


def test_chatts_sets_are_scored_in_both_ways(workspace: Workspace) -> None:
    attribute = {"type": "increase", "start": 10.0, "amplitude": 20.0}
    item = {
        "question": "Describe the trend of <ts><ts/>.",
        "answer": "1. increase",
        "timeseries": [[float(each) for each in range(64)]],
        "cols": ["a"],
        "ability_types": ["trend"],
        "attributes": [attribute],
    }
    (workspace.datasets / "held.json").write_text(json.dumps([item] * 3 + [{**item, "question": "no series"}]))
    (workspace.datasets / "held.jsonl").unlink()
    answerer = FakeAnswerer(lambda shown: "1. Increasing trend, starting at 10, change value 20")
    _, info, told = asked(workspace, begun(workspace, everything(mode="chatts")), answerer)
    tree = read_report(info.folder)
    assert set(tree) == {"builtin"} and tree["builtin"]["items"] == 3 and tree["builtin"]["defects"]
    assert info.scores == {"builtin": 1.0} and info.left_out == 1 and "unreadable" in told.notes


def test_everything_wrong_is_told_at_once_before_anything_is_made(workspace: Workspace) -> None:
    (workspace.datasets / "empty.jsonl").write_text("")
    wrong = EvaluationSettings(
        models=("nowhere", ""), datasets=("absent", "empty"), batch_size=0, controls=("swapped", "x"), mode="chatts"
    )
    with pytest.raises(UserError) as refused:
        evaluation_plan(wrong, workspace)
    found = {(each.field, each.message.key.rpartition(".")[2]) for each in refused.value.problems}
    assert found >= {("models", "no_such_model"), ("batch_size", "out_of_range"), ("controls", "no_such_choice")}
    assert {each.field for each in refused.value.problems} == {"models", "datasets", "batch_size", "controls"}
    assert sum(each.field == "datasets" for each in refused.value.problems) == 2
    assert not workspace.evaluations.exists()
    with pytest.raises(UserError) as refused:
        evaluation_plan(everything(mode="chatts"), workspace)
    assert [each.message.key for each in refused.value.problems] == ["evaluation.not_chatts"]


def test_batches_hold_every_row_once_and_rows_of_a_length_together() -> None:
    lengths = [(7 * place) % 100 for place in range(300)]
    made = batches(lengths, 8, seed=3)
    assert sorted(place for batch in made for place in batch) == list(range(300))
    assert made == batches(lengths, 8, seed=3) != batches(lengths, 8, seed=4)
    assert max(max(lengths[p] for p in batch) - min(lengths[p] for p in batch) for batch in made) < 40


def test_the_time_left_is_told_once_each_kind_of_work_was_measured() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    pace.expect("loss", 10)
    pace.expect("answers", 20)
    pace.begin()
    now[0] += 2.0
    pace.end("loss", 4)
    assert pace.eta_seconds() is None and (pace.done, pace.total) == (4, 30)
    pace.begin()
    now[0] += 30.0
    pace.end("answers", 10)
    assert pace.eta_seconds() == pytest.approx(6 * 0.5 + 10 * 3.0)
