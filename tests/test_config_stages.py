"""The stages of training: their settings show with them alone, and what cannot be together is told."""

from typing import Any

import pytest

from tests.engine_runs import small
from tsft.config.check import check
from tsft.config.schema import is_active, setting_by_key, settings
from tsft.config.stages import DPO_LOSSES, SAMPLED, STAGES, answers_of
from tsft.data.encoded_rows import ANSWERS
from tsft.run.curve import Curve
from tsft.run.events import Evaluated, RunStarted, StepLogged
from tsft.run.metrics_table import metrics_csv
from tsft.run.outline import metrics, outline
from tsft.run.state import RunState, reduce
from tsft.ui.charts import chart_payload

OWN = ("reward", "dpo", "simpo", "orpo", "cpo", "kto", "grpo", "rloo", "ppo")
SHARED = ("rewards", "sampling")


@pytest.mark.parametrize("stage", STAGES)
def test_the_settings_of_a_stage_have_a_meaning_in_it_alone(stage: str) -> None:
    config = small(data__task=stage)

    active = {each.section for each in settings() if each.section in (*OWN, *SHARED) and is_active(config, each)}

    assert active == ({stage} if stage in OWN else set()) | (set(SHARED) if stage in SAMPLED else set())
    assert answers_of(stage) in ANSWERS


PROBLEMS = [
    ({"data__task": "dpo", "data__packing": "separate"}, {"check.stage_packing"}),
    ({"data__task": "cpo", "optim__label_smoothing": 0.1}, {"check.stage_smoothing"}),
    ({"data__task": "dpo", "dpo__loss": "exo_pair"}, {"check.exo_smoothing"}),
    ({"data__task": "dpo", "dpo__loss": "exo_pair", "dpo__label_smoothing": 0.001}, set()),
    ({"data__task": "dpo", "dpo__loss": "aot", "schedule__batch_size": 1}, {"check.aot_batch"}),
    ({"data__task": "kto", "schedule__batch_size": 1}, {"check.kto_batch"}),
    ({"data__task": "kto", "schedule__batch_size": 1, "kto__loss": "apo_zero_unpaired"}, set()),
    ({"data__task": "kto", "kto__desirable_weight": 0, "kto__undesirable_weight": 0}, {"check.kto_weights"}),
    ({"data__task": "reward", "probes__source": "validation"}, {"check.reward_answers"}),
    ({"data__task": "reward", "stopping__answered_rows": 4}, {"check.reward_answers"}),
    ({"data__task": "sft", "data__packing": "separate", "dpo__loss": "exo_pair"}, set()),
    ({"data__task": "grpo", "data__packing": "separate"}, {"check.stage_packing"}),
    ({"data__task": "rloo", "optim__label_smoothing": 0.1}, {"check.stage_smoothing"}),
    ({"data__task": "ppo", "optim__neftune_alpha": 5}, {"check.sampled_noise"}),
    ({"data__task": "grpo", "rewards__score": 0}, {"check.rewards_zero"}),
    ({"data__task": "grpo", "rewards__score": 0, "rewards__length": 0.1}, set()),
    ({"data__task": "ppo", "rewards__score": 0, "rewards__model": "runs/x/adapter"}, set()),
    ({"data__task": "ppo", "sampling__max_tokens": 4, "sampling__min_tokens": 5}, {"check.sampled_lengths"}),
    ({"data__task": "grpo", "schedule__scheduler": "reduce_lr_on_plateau"}, {"check.sampled_scheduler"}),
    ({"data__task": "ppo", "optim__optimizer": "badam", "tuning__method": "full"}, {"check.ppo_badam"}),
    ({"data__task": "grpo", "sampling__answers": 1}, {"check.at_least"}),
]


@pytest.mark.parametrize(("changes", "keys"), PROBLEMS)
def test_what_does_not_go_with_a_stage_is_told(changes: dict[str, Any], keys: set[str]) -> None:
    assert {each.message.key for each in check(small(**changes)) if not each.is_warning} == keys


def test_every_loss_of_dpo_can_be_chosen() -> None:
    assert setting_by_key()["dpo.loss"].facts.choices == DPO_LOSSES


def measured_run() -> tuple[list[Any], RunState]:
    told = (("chosen_reward", 0.5), ("rejected_reward", 0.25), ("margin", 0.25), ("accuracy", 1.0))
    events = [
        RunStarted(0.0, "r1", "first"),
        StepLogged(1.0, 1, 0.1, 0.7, 1e-4, 1.0, measures=told),
        Evaluated(2.0, 1, 0.6, 0.1, measures=told),
        StepLogged(3.0, 2, 0.2, 0.5, 1e-4, 1.0, measures=told),
    ]
    state = RunState()
    for event in events:
        state = reduce(state, event)
    return events, state


def test_measures_become_curves_of_the_page_of_programs_and_of_the_table() -> None:
    events, state = measured_run()

    assert state.measured["margin"].shown == ((1, 0.25), (2, 0.25))
    assert '"validation_accuracy":{"x":[1],"y":[1]}' in chart_payload(state, "en")
    assert metrics(state)["validation_margin"]["points"] == [[1, 0.25]]
    assert outline(state)["measures"]["accuracy"] == 1.0
    header, first, second = metrics_csv(events).splitlines()
    assert header.endswith(
        "chosen_reward,rejected_reward,margin,accuracy,"
        + ",".join(f"validation_{name}" for name in ("chosen_reward", "rejected_reward", "margin", "accuracy"))
    )
    assert first.endswith("0.5,0.25,0.25,1.0,0.5,0.25,0.25,1.0") and second.endswith("0.5,0.25,0.25,1.0,,,,")


def test_a_resumed_run_draws_its_measures_anew_from_the_checkpoint_on() -> None:
    _, state = measured_run()

    resumed = reduce(state, RunStarted(4.0, "r1", "first", resumed_from=1))

    assert resumed.measured["margin"].shown == ((1, 0.25),)
    assert isinstance(resumed.measured["validation_margin"], Curve)
