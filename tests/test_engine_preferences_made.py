"""Preference rows made of two evaluations train: pairs with DPO, judged answers with KTO."""

from pathlib import Path

import pytest

from tests.engine_runs import Bench, small
from tests.evaluation_folders import evaluation, often_right, right
from tests.test_ui_evaluate_preferring import of, second_sample
from tsft.data.preferences.ranking import JUDGED, PAIRS, Rule
from tsft.run.events import StepLogged
from tsft.ui.evaluate.preferring import Wanted, prefer

SHORT = {"tasks": {"extreme": 1, "value_at": 1}, "lengths": (24, 48), "series": (1, 1), "count": 60}


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "kind"), [("dpo", PAIRS), ("kto", JUDGED)])
def test_rows_of_two_evaluations_train_and_move_the_rewards(
    bench: Bench, builtin_model: Path, stage: str, kind: str
) -> None:
    first = evaluation(bench.workspace, {"tuned": often_right}, **SHORT)
    again = second_sample(bench.workspace, [{**each, **each["meta"]} for each in of(bench.workspace)], right)
    written = prefer(bench.workspace, Wanted((first.id, again), Rule(kind)), "ranked")
    assert written.tally.rows >= 8

    config = small(
        data__datasets="ranked", data__task=stage, data__max_rows=0, schedule__max_steps=2, schedule__batch_size=4
    )
    state = bench.run(config)

    assert state.status == "finished", state.failure
    told = [dict(event.measures) for event in bench.events(state) if isinstance(event, StepLogged)]
    assert len(told) == 2 and {"chosen_reward", "rejected_reward"} & told[-1].keys()
    assert any(abs(value) > 0 for name, value in told[-1].items() if "reward" in name)
