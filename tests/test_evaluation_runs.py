"""Evaluations of real models: the built-in one and a run's result, through the engine and the command line."""

import csv
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.engine_runs import Bench, make_bench, small, until_done
from tests.evaluations import answers_of, ended, evaluated, quick, write_rows
from tests.test_engine_answering import models_alive
from tsft.cli import main
from tsft.config.run_config import ModelSettings, RunConfig
from tsft.endings import BAD_SETTINGS, FINISHED
from tsft.engine.evaluation import evaluation_plan
from tsft.engine.evaluation_asking import open_model
from tsft.engine.evaluation_models import candidates
from tsft.errors import UserError
from tsft.evaluate.shown import Shown
from tsft.run.evaluation import EvaluationSettings
from tsft.run.events import Evaluated
from tsft.run.state import RunState
from tsft.store.database import VERSION
from tsft.store.evaluations import delete_evaluation, list_evaluations, read_report
from tsft.store.record import Record
from tsft.store.workspace import open_workspace


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, builtin_model: Path) -> Iterator[tuple[Bench, RunState]]:
    """A workspace with a run that was trained on "learnt" and validated on "held"."""
    bench = make_bench(tmp_path_factory.mktemp("evaluations") / "workspace", builtin_model)
    write_rows(bench.workspace.datasets / "held.jsonl", 12)
    write_rows(bench.workspace.datasets / "learnt.jsonl", 24, seed=2)
    sets = {"data__datasets": "learnt", "data__validation": "dataset", "data__validation_datasets": "held"}
    state = bench.run(small(**sets, data__cutoff_length=2000, schedule__max_steps=2, output__name="pump"))
    assert state.status == "finished", state.failure
    yield bench, state
    bench.engine.close()
    bench.record.close()


def result_of(state: RunState) -> str:
    return f"runs/{state.run_id}/adapter"


def test_a_result_and_its_base_are_asked_and_the_score_enters_the_record(trained: tuple[Bench, RunState]) -> None:
    bench, state = trained
    settings = quick(result_of(state), with_base=True, baselines=True, controls=("constant",), control_rows=2)
    now, info = evaluated(bench, settings)

    assert now.problems == () and info.status == "finished" and info.models == ("pump", "builtin")
    assert now.done == now.total == 2 * (6 + 6 + 2) and info.answered == 2 * (6 + 2)
    assert {model for model, _, _ in answers_of(info)} == {"pump", "builtin"}
    losses = {model: loss for model, _, loss in info.losses}
    assert losses["pump"] != losses["builtin"]
    names = {each["name"] for each in read_report(info.folder)["models"]}
    assert {"pump", "builtin", "majority", "nearest"} <= names
    run = bench.record.get(state.run_id)
    assert run.answer_score == info.scores["pump"] and run.scores["evaluation"] == info.id
    assert run.scores["rows"] == 6 and run.scores["datasets"] == ["held"]
    assert models_alive() == 0

    # The folders are the truth: made anew, and after the evaluation is gone.
    bench.record.rebuild()
    assert bench.record.get(state.run_id).scores == run.scores
    delete_evaluation(info.folder)
    bench.record.gather_scores()
    assert bench.record.get(state.run_id).answer_score is None


def test_the_loss_is_that_of_the_trainer_on_the_same_rows(trained: tuple[Bench, RunState]) -> None:
    bench, state = trained
    _, info = evaluated(bench, quick(result_of(state), rows=0, writes_answers=False, batch_size=5))
    told = [each for each in bench.events(state) if isinstance(each, Evaluated)]
    assert told[-1].step == 2 and info.losses[0][2] == pytest.approx(told[-1].loss, rel=1e-5)
    assert read_report(info.folder) == {} and info.answered == 0


def test_answers_do_not_depend_on_the_batch(trained: tuple[Bench, RunState]) -> None:
    bench, _ = trained
    alone = evaluated(bench, quick("builtin", batch_size=1, measures_loss=False, max_new_tokens=6))[1]
    together = evaluated(bench, quick("builtin", batch_size=6, measures_loss=False, max_new_tokens=6))[1]
    assert answers_of(alone) == answers_of(together) and any(answers_of(alone).values())


@pytest.mark.slow
def test_drawn_answers_are_the_same_again_and_others_with_another_seed(trained: tuple[Bench, RunState]) -> None:
    bench, _ = trained
    drawn = {"temperature": 1.0, "measures_loss": False, "rows": 0}
    first, again = (answers_of(evaluated(bench, quick("builtin", **drawn))[1]) for _ in range(2))
    other = answers_of(evaluated(bench, quick("builtin", **drawn, seed=5))[1])
    assert first == again and first.keys() == other.keys() and first != other


def test_a_stop_between_two_tokens_frees_the_engine_for_a_run(trained: tuple[Bench, RunState]) -> None:
    bench, _ = trained
    endless = quick("builtin", measures_loss=False, max_new_tokens=8192, batch_size=1, rows=0, max_tokens=2000)
    bench.engine.begin_evaluation(endless)
    config = small(data__datasets="learnt", schedule__max_steps=1, data__validation="none")
    for refused in (lambda: bench.engine.start(config), lambda: bench.engine.begin_evaluation(endless)):
        with pytest.raises(UserError) as error:
            refused()
        assert error.value.message.key == "evaluation.busy"
    (waiting,) = bench.engine.enqueue([config])
    assert bench.engine.start_next() == ""

    bench.engine.stop_evaluation()
    assert bench.engine.evaluation().is_stopped  # at once, before the token is there
    now, info = ended(bench)

    assert now.is_stopped and info.status == "stopped" and now.problems == ()
    assert bench.engine.start_next() == waiting
    state = bench.engine.wait(120)
    assert state is not None and state.status == "finished"


def test_a_run_in_progress_refuses_an_evaluation(trained: tuple[Bench, RunState]) -> None:
    bench, _ = trained
    refused: list[str] = []

    def ask(event: object) -> None:
        if not refused:
            with pytest.raises(UserError) as error:
                bench.engine.begin_evaluation(quick("builtin"))
            refused.append(error.value.message.key)

    bench.run(small(data__datasets="learnt", schedule__max_steps=1, data__validation="none"), ask)
    assert refused == ["engine.busy"]


def test_closing_the_engine_ends_an_evaluation_which_can_be_gone_on_with(tmp_path: Path, builtin_model: Path) -> None:
    bench = make_bench(tmp_path / "workspace", builtin_model)
    write_rows(bench.workspace.datasets / "held.jsonl", 4)
    bench.engine.begin_evaluation(quick("builtin", max_new_tokens=8192, batch_size=1, rows=0))
    bench.engine.close()
    now, info = ended(bench)
    assert now.is_stopped and info.status == "stopped"
    assert not any(thread.name == "tsft-evaluation" for thread in threading.enumerate())

    bench = make_bench(tmp_path / "workspace")
    bench.engine.resume_evaluation(info.id, "me")
    bench.engine.stop_evaluation()
    assert until_done(bench.engine.evaluation).is_done
    bench.engine.close()


def test_the_base_of_a_result_is_told_from_its_run_or_from_its_adapter(trained: tuple[Bench, RunState]) -> None:
    bench, state = trained
    asked = RunConfig(model=ModelSettings(continue_from=result_of(state), precision="fp32"))
    base = bench.engine.base_of(asked)
    assert base is not None and (base.model.name, base.model.continue_from) == ("builtin", "")
    assert base.model.precision == "fp32"
    copied = bench.workspace.root / "copied"
    copied.mkdir()
    (copied / "tsft.json").write_text((bench.workspace.root / result_of(state) / "tsft.json").read_text())
    told = bench.engine.base_of(RunConfig(model=ModelSettings(continue_from="copied")))
    assert told is not None and told.model.name == "builtin" and told.encoder == base.encoder
    assert bench.engine.base_of(base) is None


def test_a_table_of_an_older_version_is_made_anew_with_scores(trained: tuple[Bench, RunState]) -> None:
    bench, state = trained
    _, info = evaluated(bench, quick(result_of(state), measures_loss=False))
    record = Record(bench.workspace)
    record._database.write(lambda connection: connection.exec_driver_sql(f"PRAGMA user_version = {VERSION - 1}"))
    record.close()
    assert record.get(state.run_id).scores["evaluation"] == info.id
    assert [each.id for each in record.list_runs(sort="-answer_score")][0] == state.run_id
    record.close()


def test_a_model_keeps_its_name_when_its_run_is_renamed_in_between(trained: tuple[Bench, RunState]) -> None:
    bench, state = trained
    _, info = evaluated(bench, quick(result_of(state), measures_loss=False))
    before = answers_of(info)
    bench.record.rename(state.run_id, "kiln")
    bench.engine.resume_evaluation(info.id)
    now, again = ended(bench)
    bench.record.rename(state.run_id, "pump")
    assert now.problems == () and again.models == ("pump",) and answers_of(again) == before


def test_the_command_line_evaluates_shows_scores_and_goes_on(
    trained: tuple[Bench, RunState], capsys: pytest.CaptureFixture[str]
) -> None:
    bench, _ = trained
    words = ["--workspace", str(bench.workspace.root), "--lang", "en"]
    flags = ["--rows", "4", "--max-new-tokens", "3", "--batch-size", "2", "--controls", "constant", "--no-baselines"]
    assert main(["evaluate", "pump", "--with-base", "--data", "held", *flags, *words]) == FINISHED
    told = capsys.readouterr()
    assert "pump" in told.out and "builtin" in told.out and "Score % (95 %)" in told.out
    newest = list_evaluations(bench.workspace)[0]
    assert newest.models == ("pump", "builtin") and newest.settings.controls == ("constant",)
    assert any(
        line.startswith(("pump is better", "builtin is better", "pump and", "builtin and"))
        for line in told.out.splitlines()
    )
    assert main(["evaluate", "--resume", newest.id, *words]) == FINISHED
    capsys.readouterr()
    assert main(["evaluate", "nobody", "--data", "nothing", "--batch-size", "0", *words]) == BAD_SETTINGS
    told = capsys.readouterr()
    assert all(flag in told.err for flag in ("RUN_OR_PATH: ", "--data: ", "--batch-size: "))


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_predictions_are_written_to_a_file_that_is_never_overwritten(
    trained: tuple[Bench, RunState], tmp_path: Path, ending: str
) -> None:
    bench, _ = trained
    target = tmp_path / f"answers.{ending}"
    words = ["predict", "builtin", "--data", "held", "--to", str(target), "--workspace", str(bench.workspace.root)]
    words += ["--max-new-tokens", "3", "--rows", "5"]
    assert main(words) == FINISHED
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file)) if ending == "csv" else [json.loads(line) for line in file]
    assert len(rows) == 5 and {row["dataset"] for row in rows} == {"held"}
    assert all("<ts><ts/>" in row["question"] and row["reference"] and 1 <= int(row["row"]) <= 12 for row in rows)
    before = target.read_bytes()
    assert main(words) == BAD_SETTINGS and target.read_bytes() == before
    assert main([*words[:4], "--to", str(tmp_path / "x.txt"), *words[6:]]) == BAD_SETTINGS


def test_a_swapped_series_stands_behind_the_text_of_the_right_one(trained: tuple[Bench, RunState]) -> None:
    bench, _ = trained
    plan = evaluation_plan(quick("builtin"), bench.workspace)
    answerer = open_model(plan.models[0], plan.settings, bench.workspace, lambda done, total: None, lambda: False)
    one, other = np.arange(20.0), np.sin(np.arange(20.0))
    turns = ({"role": "user", "content": "What is <ts><ts/>?"},)
    own, instead = (answerer._prompt(Shown(turns, (each,), {})) for each in (one, other))
    swapped = answerer._prompt(Shown(turns, (other,), {}, prefix_series=(one,)))
    assert swapped.input_ids == own.input_ids != instead.input_ids
    assert np.array_equal(swapped.values[0], instead.values[0])


def test_the_whole_model_of_a_run_named_by_its_folder_is_that_runs(tmp_path: Path, builtin_model: Path) -> None:
    workspace = open_workspace(tmp_path)
    run = Record(workspace).create_run(small(tuning__method="full", data__system_prompt="Be brief."))
    shutil.copytree(builtin_model, run.folder.model)
    (found,), problems = candidates(EvaluationSettings(models=(str(run.folder.model),)), workspace)
    assert (found.trained.data.system_prompt, problems) == ("Be brief.", [])
    assert found.config.model.continue_from == str(run.folder.model)
