"""On generated pairs the stages learn what they are for, measured on pairs they have not seen."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine_runs import Bench, make_bench, small
from tests.preference_rows import write_rows
from tsft.run.events import Evaluated

pytestmark = [pytest.mark.slow, pytest.mark.long]
ROWS = {"data__max_rows": 0, "data__validation_fraction": 0.2, "schedule__batch_size": 8, "tuning__method": "full"}


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory, builtin_model: Path) -> Iterator[tuple[Bench, str]]:
    """A bench with pairs and judged answers about trends, and a model that was fine-tuned on the right ones."""
    bench = make_bench(tmp_path_factory.mktemp("learn") / "workspace", builtin_model)
    bench.seconds = 1800
    for answers in ("pairs", "judged"):
        write_rows(bench.workspace.datasets, answers, count=600)
    state = bench.run(small(**ROWS, data__datasets="pairs", schedule__max_steps=300))
    assert state.finish is not None, state.failure
    yield bench, f"runs/{state.run_id}/{state.finish.result}"
    bench.engine.close()
    bench.record.close()


def held_out(tuned: tuple[Bench, str], stage: str, **changes: Any) -> list[tuple[float, dict[str, float]]]:
    """Loss and measures over the validation rows, before and after."""
    bench, earlier = tuned
    name = "judged" if stage == "kto" else "pairs"
    changes = {"schedule__max_steps": 30, "optim__learning_rate": 1e-4, "output__eval_steps": 30, **changes}
    state = bench.run(small(**ROWS, data__datasets=name, data__task=stage, model__continue_from=earlier, **changes))
    assert state.status == "finished", state.failure
    return [(each.loss or 0.0, dict(each.measures)) for each in bench.events(state) if isinstance(each, Evaluated)]


def test_a_reward_model_ranks_eight_of_ten_pairs_that_it_has_not_seen(tuned: tuple[Bench, str]) -> None:
    before, *_, after = held_out(tuned, "reward", schedule__max_steps=60, optim__learning_rate=3e-4)

    assert after[1]["accuracy"] >= 0.8 > before[1]["accuracy"]


@pytest.mark.parametrize("stage", ["dpo", "simpo", "cpo", "orpo"])
def test_the_margin_on_pairs_that_were_not_seen_rises_and_the_loss_falls(tuned: tuple[Bench, str], stage: str) -> None:
    before, *_, after = held_out(tuned, stage)

    assert after[1]["margin"] > before[1]["margin"] + 0.05
    assert after[0] < before[0]


def test_kto_parts_good_from_bad_answers_that_it_has_not_seen(tuned: tuple[Bench, str]) -> None:
    before, *_, after = held_out(tuned, "kto")

    assert after[1]["margin"] > before[1]["margin"] + 0.05
    assert after[0] < before[0]
