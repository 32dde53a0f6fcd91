"""The preference stages: the encoder moves, the loss depends on the series, measures are told, a cut run resumes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine_runs import Bench, losses, make_bench, small, until_done
from tests.preference_rows import write_rows
from tests.test_engine_resume import cut_at, result_weights
from tsft.config.stages import JUDGED, PAIRED
from tsft.engine.numbered import ROWS, NumberedBatches
from tsft.engine.objectives import Objective, objective_of
from tsft.engine.tuning import apply_tuning
from tsft.model.changes import ModelChanges
from tsft.model.loading import Loaded, load
from tsft.run.events import Evaluated, StepLogged

PREFERENCE_STAGES = [*PAIRED, *JUDGED]


def rows_for(bench: Bench, stage: str, **more: Any) -> str:
    return write_rows(bench.workspace.datasets, "judged" if stage == "kto" else "pairs", **more)


def staged(bench: Bench, stage: str, **changes: Any) -> Any:
    return small(data__datasets=rows_for(bench, stage), data__task=stage, data__max_rows=0, **changes)


def measured(events: list[Any], kind: type) -> list[dict[str, float]]:
    return [dict(event.measures) for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("stage", PREFERENCE_STAGES)
def test_after_two_steps_the_encoder_has_moved_and_the_measures_are_told(
    bench: Bench, builtin_model: Path, stage: str
) -> None:
    state = bench.run(
        staged(bench, stage, schedule__max_steps=2, schedule__batch_size=4, data__validation_fraction=0.4)
    )

    assert state.status == "finished", state.failure
    before = load(builtin_model, dtype=torch.float32).model.model.ts_encoder.state_dict()
    weights = {name: value for name, value in result_weights(bench, state.run_id).items() if "ts_encoder" in name}
    moved = [
        float((value - next(old for key, old in before.items() if name.endswith(key))).abs().max())
        for name, value in weights.items()
    ]
    assert moved and max(moved) > 1e-5
    told = measured(bench.events(state), StepLogged)
    assert len(told) == 2 and all("chosen_reward" in each or "rejected_reward" in each for each in told)
    assert state.measured["chosen_reward"].shown
    held_out = measured(bench.events(state), Evaluated)[-1]
    assert {"margin", "chosen_reward", "rejected_reward"} <= held_out.keys()
    assert ("accuracy" in held_out) == (stage != "kto")


def ready(builtin_model: Path, stage: str, **changes: Any) -> tuple[Loaded, Any, Objective, Any]:
    config = small(data__task=stage, **changes)
    loaded = load(builtin_model, dtype=torch.float32, changes=ModelChanges(reward_head=stage == "reward"))
    torch.manual_seed(0)
    model = apply_tuning(loaded.model, config, False)
    objective = objective_of(model, config, is_adapter_new=True)
    assert objective is not None
    return loaded, model, objective, config


def batch_of(loaded: Loaded, config: Any, level: float = 0.0) -> dict[str, Any]:
    """Two rows, as pairs or as judged answers, over series that depend on `level`."""
    rows = []
    for number, answers in enumerate((("it rises", "it falls"), ("a spike at 5", "nothing"))):
        series = [level * np.arange(24.0) + 5 * np.sin(np.arange(24.0) / (2 + number))]
        asked = {"role": "user", "content": f"What is <ts><ts/> ({number})?"}
        encoded = [
            loaded.processor.encode([asked, {"role": "assistant", "content": each}], series, "last_answer")
            for each in answers
        ]
        row = {**encoded[0], ROWS: number}
        if config.data.task == "kto":
            row["is_good"] = number == 0
        else:
            row |= {"rejected_ids": encoded[1].input_ids, "rejected_labels": encoded[1].labels}
        rows.append(row)
    batch = NumberedBatches(loaded.processor, config)(rows)
    del batch[ROWS]
    return batch


@pytest.mark.parametrize("stage", PREFERENCE_STAGES)
def test_the_loss_changes_when_the_series_change_and_not_with_the_padding(builtin_model: Path, stage: str) -> None:
    loaded, model, objective, config = ready(builtin_model, stage)
    with torch.no_grad():  # an adapter that is something, or the model would be its own reference
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and "score" not in name:
                parameter.add_(0.03 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    model.eval()

    one, two = (float(objective(model, batch_of(loaded, config, level)).loss.detach()) for level in (0.0, 3.0))
    batch = batch_of(loaded, config)
    width = {"input_ids": 0, "attention_mask": 0, "labels": -100}
    padded = {
        name: torch.nn.functional.pad(value, (0, 5), value=width[name]) if name in width else value
        for name, value in batch.items()
    }

    assert abs(one - two) > 1e-4
    assert float(objective(model, padded).loss.detach()) == pytest.approx(one, abs=1e-5)


@pytest.mark.parametrize("tuning", [{}, {"tuning__method": "full"}, {"lora__initialisation": "pissa"}])
def test_the_reference_is_the_model_of_before_whatever_trains(builtin_model: Path, tuning: dict[str, Any]) -> None:
    loaded, model, objective, config = ready(builtin_model, "dpo", **tuning)
    batch = batch_of(loaded, config)
    model.train()
    first = objective(model, batch)
    assert float(first.loss.detach()) == pytest.approx(np.log(2), abs=1e-3)

    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    after = objective(model, batch)
    after.loss.backward()

    assert abs(float(after.loss.detach()) - np.log(2)) > 1e-3
    assert abs(after.sums["margin"][0]) > 1e-3
    assert any(each.grad is not None and each.grad.abs().max() > 0 for each in model.parameters())
    assert model.training


CUT = {
    "schedule__max_steps": 8,
    "schedule__gradient_accumulation": 2,
    "schedule__batch_size": 3,
    "lora__dropout": 0.2,
    "output__logging_steps": 3,
    "output__eval_steps": 4,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "method"),
    [("dpo", "lora"), ("dpo", "full"), ("kto", "lora"), ("reward", "lora"), ("reward", "full"), ("orpo", "lora")],
)
def test_a_preference_run_cut_in_two_ends_as_the_uncut_one(
    bench: Bench, tmp_path_factory: pytest.TempPathFactory, builtin_model: Path, stage: str, method: str
) -> None:
    whole = make_bench(tmp_path_factory.mktemp("whole"), builtin_model)
    uncut = whole.run(staged(whole, stage, tuning__method=method, **CUT))
    stopped = cut_at(bench, staged(bench, stage, tuning__method=method, **CUT), 4)
    assert stopped.status == "stopped" and stopped.step < 8

    state = bench.resume(stopped.run_id)

    assert state.status == "finished", state.failure
    assert losses(bench.events(state)) == losses(whole.events(uncut))
    for kind in (StepLogged, Evaluated):
        assert by_step(bench.events(state), kind) == by_step(whole.events(uncut), kind)


def by_step(events: list[Any], kind: type) -> dict[int, Any]:
    return {event.step: event.measures for event in events if isinstance(event, kind)}


@pytest.mark.slow
def test_the_reference_of_an_adapter_that_goes_on_is_what_it_had_learnt(bench: Bench) -> None:
    tuned = bench.run(small(schedule__max_steps=3, optim__learning_rate=1e-2))
    assert tuned.finish is not None
    earlier = f"runs/{tuned.run_id}/{tuned.finish.result}"
    for new_adapter in (False, True):
        config = staged(
            bench, "dpo", schedule__max_steps=2, model__continue_from=earlier, tuning__create_new_adapter=new_adapter
        )

        state = bench.run(config)

        assert state.status == "finished", state.failure
        first = next(each for each in bench.events(state) if isinstance(each, StepLogged))
        assert first.loss == pytest.approx(np.log(2), abs=1e-4)
        assert dict(first.measures)["margin"] == pytest.approx(0, abs=1e-3)


def test_a_dataset_without_pairs_ends_with_the_reason(bench: Bench) -> None:
    state = bench.run(small(data__task="dpo"))

    assert state.status == "failed" and state.failure is not None
    assert state.failure.message.key == "data.no_pairs" and state.failure.settings == ("data.task",)


@pytest.mark.slow
def test_a_pair_counts_as_two_rows_of_memory_and_a_reference_of_whole_weights_as_a_copy(bench: Bench) -> None:
    parts = {}
    for stage, method in (("sft", "full"), ("simpo", "full"), ("dpo", "full"), ("dpo", "lora")):
        bench.engine.examine(staged(bench, stage, tuning__method=method))
        seen = until_done(bench.engine.readiness)
        assert seen.readiness is not None, seen.problems
        parts[stage, method] = {part.name: part.bytes for part in seen.readiness.memory.parts}

    assert parts["simpo", "full"]["activations"] > 1.5 * parts["sft", "full"]["activations"]
    assert parts["dpo", "full"]["weights"] == pytest.approx(2 * parts["simpo", "full"]["weights"], rel=0.05)
    assert parts["dpo", "lora"]["weights"] < 1.5 * parts["simpo", "full"]["weights"]


@pytest.mark.slow
def test_the_speed_of_fine_tuning_is_not_taken_for_that_of_a_preference_stage(bench: Bench) -> None:
    bench.run(small(data__max_rows=12, data__validation="none", schedule__max_steps=4))
    found = {}
    for stage in ("sft", "dpo"):
        bench.engine.examine(staged(bench, stage))
        seen = until_done(bench.engine.readiness)
        assert seen.readiness is not None, seen.problems
        found[stage] = seen.readiness.time.basis

    assert found == {"sft": "record", "dpo": "guess"}
