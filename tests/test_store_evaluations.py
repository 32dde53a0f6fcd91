"""An evaluation's folder tells the truth after a crash, and comes back as it was written."""

import json
import shutil
from pathlib import Path

import pytest

from tsft.atomic import write_json
from tsft.errors import UserError, message
from tsft.run.evaluation import EvaluationSettings
from tsft.store.evaluations import (
    AnsweredRow,
    EvaluationFolder,
    answer_line,
    delete_evaluation,
    evaluation_folder,
    list_evaluations,
    new_evaluation,
    note,
    read_answers,
    read_evaluation,
    read_report,
)
from tsft.store.runs import read_json
from tsft.store.scores import scores_by_run
from tsft.store.workspace import Workspace, open_workspace

SETTINGS = EvaluationSettings(models=("runs/x/adapter",), datasets=("held",), controls=("swapped",), temperature=0.5)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "workspace")


@pytest.fixture
def folder(workspace: Workspace) -> EvaluationFolder:
    return new_evaluation(workspace, SETTINGS, ["pump", "builtin"], "me", {"pump": "runs/x/adapter"})


def test_what_is_noted_comes_back(folder: EvaluationFolder) -> None:
    notes = (message("evaluation.note.smaller_batch", size=2),)
    note(folder, status="finished", answered=7, losses=[("pump", "held", 1.5)], scores={"pump": 0.5}, notes=notes)
    info = read_evaluation(folder)
    assert (info.settings, info.models, info.by, info.name) == (SETTINGS, ("pump", "builtin"), "me", "pump · builtin")
    assert (info.status, info.answered, info.losses, info.scores) == (
        "finished",
        7,
        (("pump", "held", 1.5),),
        {"pump": 0.5},
    )
    assert info.notes == notes and info.sources == {"pump": "runs/x/adapter"}


def test_a_line_that_was_cut_off_is_left_out(folder: EvaluationFolder) -> None:
    kept = AnsweredRow("pump", "held", "", {"row": 3, "answer": "是"}, 0.25)
    folder.predictions.write_text(answer_line(kept) + answer_line(kept)[:20], encoding="utf-8")
    assert list(read_answers(folder)) == [kept]
    folder.report.write_text("{")
    assert read_report(folder) == {}


def test_one_whose_process_is_gone_is_told_as_interrupted(folder: EvaluationFolder) -> None:
    assert read_evaluation(folder).status == "running"
    with pytest.raises(UserError) as refused:
        delete_evaluation(folder)
    assert refused.value.message.key == "evaluation.in_progress"
    told = dict(read_json(folder.about))
    write_json(folder.about, {**told, "owner": {**told["owner"], "boot_id": "another"}})
    assert read_evaluation(folder).status == "interrupted"
    note(folder, status="running")
    assert read_evaluation(folder).status == "running"


def test_the_newest_comes_first_and_a_deleted_one_is_gone(workspace: Workspace, folder: EvaluationFolder) -> None:
    other = new_evaluation(workspace, SETTINGS, ["pump"])
    note(other, created_at=2e9)
    assert [each.id for each in list_evaluations(workspace)] == [other.id, folder.id]
    note(other, status="stopped")
    delete_evaluation(other)
    assert [each.id for each in list_evaluations(workspace)] == [folder.id]
    with pytest.raises(UserError):
        read_evaluation(other)


def test_what_the_disk_keeps_of_a_deleted_one_is_named_in_a_sentence(
    folder: EvaluationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    note(folder, status="stopped")
    blocked = folder.path.with_name(f".deleted-{folder.id}")
    (blocked / "in the way").mkdir(parents=True)
    with pytest.raises(UserError) as error:
        delete_evaluation(folder)
    assert error.value.message.values["path"] == str(folder.path) and read_evaluation(folder).status == "stopped"
    shutil.rmtree(blocked)
    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(UserError) as error:
        delete_evaluation(folder)
    assert error.value.message.key == "evaluation.not_deleted" and not folder.path.exists()
    assert error.value.message.values == {"path": str(blocked), "why": "Permission denied"}


def test_one_that_is_half_deleted_or_broken_hides_no_other(workspace: Workspace, folder: EvaluationFolder) -> None:
    gone, broken = (new_evaluation(workspace, SETTINGS, ["pump"]) for _ in range(2))
    gone.path.rename(gone.path.with_name(f".deleted-{gone.id}"))
    broken.about.write_text('{"name": "pu', encoding="utf-8")
    assert [each.id for each in list_evaluations(workspace)] == [folder.id]


def test_what_another_version_wrote_is_read_as_far_as_it_is_known(folder: EvaluationFolder) -> None:
    told = json.loads(folder.about.read_text(encoding="utf-8"))
    told["settings"]["unheard_of"] = 1
    folder.about.write_text(json.dumps({**told, "also": 2}), encoding="utf-8")
    assert read_evaluation(folder).settings == SETTINGS


def test_an_id_never_leaves_the_workspace(workspace: Workspace) -> None:
    with pytest.raises(UserError):
        evaluation_folder(workspace, "../runs")


def test_a_finished_evaluation_counts_before_a_newer_one_that_was_stopped(workspace: Workspace) -> None:
    def told(status: str, created_at: float, score: float) -> None:
        made = new_evaluation(workspace, SETTINGS, ["pump"], "", {"pump": "runs/r1/adapter"})
        note(made, status=status, created_at=created_at, headlines={"pump": {"score": score}})

    told("stopped", 3e9, 0.9)
    assert scores_by_run(workspace)["r1"]["score"] == 0.9
    told("finished", 1e9, 0.4)
    told("finished", 2e9, 0.5)
    assert scores_by_run(workspace)["r1"]["score"] == 0.5
