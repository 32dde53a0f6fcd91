"""A reward model: its head trains, is saved, and comes back with the same scores."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine_runs import Bench, small
from tests.preference_rows import write_rows
from tsft.data.preparation import read_dataset
from tsft.engine.model_slot import loaded_model
from tsft.engine.restore import Fetching, merged, open_result
from tsft.engine.scoring import Scorer, open_scorer
from tsft.errors import UserError
from tsft.model.changes import ModelChanges
from tsft.model.layouts import save_chatts
from tsft.model.loading import load
from tsft.model.reward_head import has_reward_head, last_places

FETCHING = Fetching(lambda done, total: None, lambda: False)
QUICK = {"data__task": "reward", "data__max_rows": 0, "schedule__max_steps": 3, "output__save_steps": 2}


def conversations(bench: Bench, name: str, count: int = 6) -> list[Any]:
    """Both answers of some pairs, the better one first each time."""
    rows, _ = read_dataset(name, [bench.workspace.datasets], bench.workspace.cache)
    found = []
    for row in list(rows)[:count]:
        for answer in (row.turns[-1]["content"], row.rejected):
            found.append(([*row.turns[:-1], {"role": "assistant", "content": answer}], row.series))
    return found


def scores(bench: Bench, path: Path, asked: list[Any]) -> list[float]:
    return open_scorer(path, bench.workspace, FETCHING).scores(asked)


@pytest.mark.parametrize("method", ["lora", pytest.param("full", marks=pytest.mark.slow)])
def test_what_a_run_leaves_scores_the_same_from_its_folder_its_checkpoint_and_merged(
    bench: Bench, tmp_path: Path, method: str
) -> None:
    name = write_rows(bench.workspace.datasets, "pairs")
    state = bench.run(small(**QUICK, data__datasets=name, tuning__method=method))
    assert state.status == "finished" and state.finish is not None, state.failure
    run, asked = bench.record.get(state.run_id), conversations(bench, name)
    result = run.folder.path / state.finish.result

    first = scores(bench, result, asked)
    checkpoint = scores(bench, run.folder.checkpoints / "checkpoint-3", asked)
    whole = merged(open_result(result, bench.workspace, torch.float32, FETCHING))
    save_chatts(whole.model, whole.processor, tmp_path / "exported", "5GB")

    assert len(set(first)) > 6
    assert checkpoint == pytest.approx(first, abs=1e-5)
    assert scores(bench, tmp_path / "exported", asked) == pytest.approx(first, abs=1e-4)
    with pytest.raises(UserError) as refused:
        loaded_model(small(model__continue_from=str(result)), bench.workspace, FETCHING)
    assert refused.value.message.key == "engine.reward_model"


@pytest.mark.slow
def test_a_reward_model_goes_on_from_a_fine_tuned_one_and_the_head_comes_on_top(bench: Bench) -> None:
    tuned = bench.run(small(schedule__max_steps=2))
    assert tuned.finish is not None
    name = write_rows(bench.workspace.datasets, "pairs")
    earlier = f"runs/{tuned.run_id}/{tuned.finish.result}"

    state = bench.run(small(**QUICK, data__datasets=name, model__continue_from=earlier))
    assert state.status == "finished" and state.finish is not None, state.failure
    result = bench.record.get(state.run_id).folder.path / state.finish.result
    before = scores(bench, result, conversations(bench, name))
    again = bench.run(small(**QUICK, data__datasets=name, model__continue_from=str(result)))

    assert again.status == "finished" and again.finish is not None, again.failure
    after = scores(bench, bench.record.get(again.run_id).folder.path / again.finish.result, conversations(bench, name))
    assert np.abs(np.subtract(before, after)).max() > 1e-4


def test_a_folder_without_a_head_is_no_reward_model(bench: Bench, builtin_model: Path) -> None:
    with pytest.raises(UserError) as refused:
        open_scorer(builtin_model, bench.workspace, FETCHING)
    assert refused.value.message.key == "scoring.no_head"


def test_the_score_is_that_of_the_last_real_position_on_either_side_of_the_padding() -> None:
    mask = torch.tensor([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])

    assert last_places(mask).tolist() == [2, 4, 4]


def test_a_new_head_is_the_same_each_time_and_a_batch_scores_as_its_rows_alone(builtin_model: Path) -> None:
    one, two = (load(builtin_model, dtype=torch.float32, changes=ModelChanges(reward_head=True)) for _ in range(2))
    assert has_reward_head(one.model) and torch.equal(one.model.score.weight, two.model.score.weight)
    asked = [
        ([{"role": "user", "content": "<ts><ts/> up?"}, {"role": "assistant", "content": said}], [np.arange(float(n))])
        for n, said in ((20, "yes"), (50, "no, it does not go up at all"))
    ]
    scorer = Scorer(dataclasses.replace(one))

    together = scorer.scores(asked)

    assert together == pytest.approx([scorer.scores([each])[0] for each in asked], abs=1e-5)
