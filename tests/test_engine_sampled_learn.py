"""GRPO, RLOO and PPO raise what answers are worth on rows they have not seen.

They begin from a model that learnt from somebody careless: it sees trends, and most often names the wrong one.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine_runs import Bench, make_bench
from tests.preference_rows import write_rows
from tests.question_rows import asking, fine_tuned, write_questions
from tsft.run.events import Evaluated
from tsft.run.state import RunState

pytestmark = pytest.mark.slow
ROWS = {
    "data__validation_fraction": 0.2,
    "schedule__batch_size": 8,
    "schedule__scheduler": "constant",
    "optim__learning_rate": 1e-4,
    "tuning__method": "full",
    "rewards__length": 0,
    "sampling__answers": 4,
    "sampling__max_tokens": 4,
    "sampling__show_steps": 0,
}
HELD_OUT = 100


@pytest.fixture(scope="module")
def careless(tmp_path_factory: pytest.TempPathFactory, builtin_model: Path) -> Iterator[tuple[Bench, Path]]:
    """A bench with questions about trends, and the model to begin from."""
    beginning = fine_tuned(tmp_path_factory.mktemp("careless") / "w", builtin_model, steps=70, is_careless=True)
    bench = make_bench(tmp_path_factory.mktemp("learn") / "workspace", builtin_model)
    bench.seconds = 1800
    write_questions(bench.workspace.datasets, count=5 * HELD_OUT, seed=11)
    yield bench, beginning
    bench.engine.close()
    bench.record.close()


def run(
    careless: tuple[Bench, Path], stage: str, steps: int, **changes: Any
) -> tuple[RunState, list[dict[str, float]]]:
    """The run, and what the answers to the held-out rows are worth at each evaluation."""
    bench, beginning = careless
    config = asking(
        bench, stage, beginning, **{**ROWS, "schedule__max_steps": steps, "output__eval_steps": steps, **changes}
    )
    state = bench.run(config)
    assert state.status == "finished", state.failure
    return state, [dict(each.measures) for each in bench.events(state) if isinstance(each, Evaluated)]


def interval(share: float, count: int = HELD_OUT, z: float = 1.96) -> tuple[float, float]:
    """Wilson's, of a share of so many rows."""
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return middle - half, middle + half


@pytest.mark.parametrize("stage", ["grpo", pytest.param("rloo", marks=pytest.mark.long)])
def test_right_answers_to_rows_that_were_not_seen_become_more_with_intervals_apart(
    careless: tuple[Bench, Path], stage: str
) -> None:
    _, told = run(careless, stage, steps=10)

    before, after = told[0]["score_reward"], told[-1]["score_reward"]
    assert interval(after)[0] > interval(before)[1], (before, after)


@pytest.mark.long
def test_ppo_raises_a_reward_that_is_a_function(careless: tuple[Bench, Path]) -> None:
    _, told = run(careless, "ppo", steps=24, schedule__batch_size=32, ppo__epochs=2)

    before, after = told[0]["score_reward"], told[-1]["score_reward"]
    assert interval(after)[0] > interval(before)[1], (before, after)


@pytest.mark.long
def test_ppo_raises_the_score_of_a_trained_reward_model(careless: tuple[Bench, Path]) -> None:
    bench, _ = careless
    pairs = write_rows(bench.workspace.datasets, "pairs", count=300)
    judge = {"data__datasets": pairs, "optim__learning_rate": 3e-4, "output__load_best": False}
    trained, _ = run(careless, "reward", steps=40, **judge)
    assert trained.finish is not None

    of_model = {"rewards__score": 0, "rewards__model": f"runs/{trained.run_id}/{trained.finish.result}"}
    _, told = run(
        careless, "ppo", steps=24, schedule__batch_size=32, ppo__epochs=2, ppo__normalise_scores=True, **of_model
    )

    assert told[-1]["model_reward"] > told[0]["model_reward"] + 0.2
    assert "score_reward" not in told[0]
