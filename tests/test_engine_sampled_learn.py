"""GRPO, RLOO and PPO raise what answers are worth on rows they have not seen.

They begin from a model that learnt to name a trend, and most often to go on and on about it.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine_runs import Bench, make_bench
from tests.question_rows import asking, fine_tuned, write_questions, write_wordy
from tsft.run.events import Evaluated
from tsft.run.state import RunState

pytestmark = pytest.mark.slow
HELD_OUT = 40
# An answer of one word and its end gets the whole reward of the length, one that goes on gets none.
ROWS = {
    "data__validation_fraction": 0.2,
    "schedule__batch_size": 8,
    "schedule__scheduler": "constant",
    "optim__learning_rate": 5e-4,
    "tuning__method": "full",
    "rewards__score": 0,
    "rewards__length": 1,
    "rewards__length_tokens": 4,
    "rewards__length_slope": 1,
    "sampling__answers": 4,
    "sampling__max_tokens": 10,
    "sampling__show_steps": 0,
}


@pytest.fixture(scope="module")
def wordy(tmp_path_factory: pytest.TempPathFactory, builtin_model: Path) -> Iterator[tuple[Bench, Path]]:
    """A bench with questions about trends, and the model to begin from."""
    beginning = fine_tuned(tmp_path_factory.mktemp("wordy") / "w", builtin_model, is_wordy=True)
    bench = make_bench(tmp_path_factory.mktemp("learn") / "workspace", builtin_model)
    bench.seconds = 1800
    write_questions(bench.workspace.datasets, count=5 * HELD_OUT, seed=11)
    yield bench, beginning
    bench.engine.close()
    bench.record.close()


def run(wordy: tuple[Bench, Path], stage: str, steps: int, **changes: Any) -> tuple[RunState, list[dict[str, float]]]:
    """The run, and what the answers to the held-out rows are worth at each evaluation."""
    bench, beginning = wordy
    given = {**ROWS, "schedule__max_steps": steps, "output__eval_steps": steps, **changes}
    state = bench.run(asking(bench, stage, beginning, **given))
    assert state.status == "finished", state.failure
    return state, [dict(each.measures) for each in bench.events(state) if isinstance(each, Evaluated)]


def interval(share: float, count: int = HELD_OUT, z: float = 1.96) -> tuple[float, float]:
    """Wilson's, of a share of so many rows."""
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return middle - half, middle + half


@pytest.mark.parametrize("stage", ["grpo", pytest.param("rloo", marks=pytest.mark.long)])
def test_a_reward_on_rows_that_were_not_seen_rises_with_intervals_apart(wordy: tuple[Bench, Path], stage: str) -> None:
    _, told = run(wordy, stage, steps=8)

    before, after = told[0]["length_reward"], told[-1]["length_reward"]
    assert interval(after)[0] > interval(before)[1], (before, after)


@pytest.mark.long
def test_ppo_raises_a_reward_that_is_a_function(wordy: tuple[Bench, Path]) -> None:
    _, told = run(wordy, "ppo", steps=12, schedule__batch_size=24, ppo__epochs=2)

    before, after = told[0]["length_reward"], told[-1]["length_reward"]
    assert interval(after)[0] > interval(before)[1], (before, after)


@pytest.mark.long
def test_ppo_raises_the_score_of_a_trained_reward_model(wordy: tuple[Bench, Path]) -> None:
    bench, _ = wordy
    pairs = write_wordy(bench.workspace.datasets, "trend_short", "pairs", as_pairs=True)
    judge, judged = run(wordy, "reward", steps=12, data__datasets=pairs, output__load_best=False)
    assert judge.finish is not None and judged[-1]["accuracy"] > 0.9

    of_model = {"rewards__length": 0, "rewards__model": f"runs/{judge.run_id}/{judge.finish.result}"}
    _, told = run(wordy, "ppo", 12, schedule__batch_size=24, ppo__epochs=2, ppo__normalise_scores=True, **of_model)

    assert told[-1]["model_reward"] > told[0]["model_reward"] + 0.2
    assert told[-1]["answer_tokens"] < told[0]["answer_tokens"] - 2
