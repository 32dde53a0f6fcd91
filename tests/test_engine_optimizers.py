"""Every optimizer that can run here trains what it should at the rates it should; the others say what they lack."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import TrainingArguments

from tests.engine_runs import Bench, long_but, losses, small
from tests.test_engine_resume import cut_at
from tests.test_engine_tuning import moved
from tsft.config.check import check
from tsft.config.optimizers import OPTIMIZERS, names_of
from tsft.config.run_config import RunConfig
from tsft.engine.block_optimizers import BlockAdamW, MuonWithAdamW, StepInBackward
from tsft.engine.optimizers import evaluation_weights, make_optimizer, missing_for
from tsft.engine.tuning import ParameterGroup
from tsft.i18n import say
from tsft.run.events import StepLogged

WHOLE = (*names_of("galore"), *names_of("apollo"), *names_of("badam"))
# The average of a schedule-free RAdam begins with the fifth step.
STEPS = {"schedule_free_radam": 8}


def config_for(name: str, **changes: Any) -> RunConfig:
    facts = OPTIMIZERS[name]
    if facts.family == "schedule_free":
        changes |= {"schedule__scheduler": "constant"}
    if not facts.has_one_rate:
        changes = {"encoder__learning_rate": 5e-4} | changes
    return small(optim__optimizer=name, **changes)


def skip_what_is_missing(config: RunConfig) -> None:
    for problem in missing_for(config):
        pytest.skip(say("en", problem.message))


@pytest.mark.parametrize("name", long_but(("adamw_torch", "muon", "badam"), list(OPTIMIZERS)))
def test_full_tuning_moves_layers_and_encoder_each_at_its_rate(bench: Bench, builtin_model: Path, name: str) -> None:
    steps = STEPS.get(name, 2)
    config = config_for(name, tuning__method="full", schedule__max_steps=steps, data__validation="none")
    skip_what_is_missing(config)
    assert [problem for problem in check(config) if not problem.is_warning] == []

    state = bench.run(config)

    assert state.status == "finished", state.failure
    names = moved(builtin_model, bench.record.get(state.run_id).folder.model)
    assert {part for part in ("layers.0.", "ts_encoder.mlp.0") if any(part in each for each in names)} == {
        "layers.0.", "ts_encoder.mlp.0"}  # fmt: skip
    assert any("layers.1." in each for each in names) == (name != "badam")
    logged = next(event for event in bench.events(state) if isinstance(event, StepLogged))
    assert logged.learning_rate == pytest.approx(1e-3)
    assert logged.encoder_learning_rate == (None if OPTIMIZERS[name].has_one_rate else pytest.approx(5e-4))
    assert (logged.grad_norm is None) == OPTIMIZERS[name].steps_in_backward


@pytest.mark.parametrize(
    "name", long_but(("adafactor",), [name for name in OPTIMIZERS if name not in WHOLE and name != "adamw_torch"])
)
def test_lora_learns_with_every_optimizer_that_takes_it(bench: Bench, name: str) -> None:
    config = config_for(name, schedule__max_steps=STEPS.get(name, 2), data__validation="none")
    skip_what_is_missing(config)

    state = bench.run(config)

    assert state.status == "finished", state.failure
    weights = load_file(bench.record.get(state.run_id).folder.adapter / "adapter_model.safetensors")
    assert all(tensor.abs().max() > 0 for key, tensor in weights.items() if "lora_B" in key)


KEPT = [name for name, facts in OPTIMIZERS.items() if facts.keeps_state and name != "adamw_torch"]


@pytest.mark.parametrize("name", long_but(("muon",), KEPT))
def test_a_run_cut_in_two_ends_as_the_uncut_one_with_any_optimizer(bench: Bench, name: str) -> None:
    changes = {"tuning__method": "full"} if name in WHOLE else {"lora__dropout": 0.2}
    accumulation = 1 if OPTIMIZERS[name].steps_in_backward else 2
    config = config_for(
        name,
        schedule__max_steps=7,
        schedule__gradient_accumulation=accumulation,
        data__validation="none",
        badam__switch_interval=2,
        galore__update_interval=3,
        apollo__update_interval=3,
        **changes,
    )
    skip_what_is_missing(config)
    uncut = bench.run(config)

    stopped = cut_at(bench, config, 3)
    assert stopped.status == "stopped" and 0 < stopped.step < 7
    resumed = bench.resume(stopped.run_id)

    assert resumed.status == "finished", resumed.failure
    # Going to the averaged weights of a checkpoint and back rounds.
    tolerance = 1e-4 if OPTIMIZERS[name].family == "schedule_free" else 0.0
    assert losses(bench.events(resumed)) == pytest.approx(losses(bench.events(uncut)), abs=tolerance)
    expected, actual = (weights(bench, state.run_id) for state in (uncut, resumed))
    for key, tensor in expected.items():
        torch.testing.assert_close(actual[key], tensor, atol=tolerance, rtol=0)


def weights(bench: Bench, run_id: str) -> dict[str, torch.Tensor]:
    folder = bench.record.get(run_id).folder
    adapter = folder.adapter / "adapter_model.safetensors"
    return load_file(adapter if adapter.is_file() else folder.model / "model.safetensors")


@pytest.mark.parametrize("name", [name for name, facts in OPTIMIZERS.items() if facts.packages])
def test_a_missing_package_is_named_with_the_command_that_brings_it(name: str) -> None:
    problems = list(missing_for(small(optim__optimizer=name), lambda module: False))

    told = [say("en", problem.message) for problem in problems]
    assert {problem.field for problem in problems} == {"optim.optimizer"}
    for package in OPTIMIZERS[name].packages:
        assert any(f"pip install {package.name}" in sentence for sentence in told)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("name", [name for name, facts in OPTIMIZERS.items() if facts.needs_cuda])
def test_an_optimizer_for_gpus_is_refused_without_one(name: str) -> None:
    assert "preflight.optimizer_needs_gpu" in {each.message.key for each in missing_for(small(optim__optimizer=name))}


@pytest.mark.parametrize(
    ("changes", "field", "key"),
    [
        ({"optim__optimizer": "galore_adamw"}, "optim.optimizer", "check.optimizer_needs_whole_weights"),
        ({"optim__optimizer": "apollo_adamw"}, "optim.optimizer", "check.optimizer_needs_whole_weights"),
        ({"optim__optimizer": "badam"}, "optim.optimizer", "check.optimizer_needs_whole_weights"),
        ({"optim__optimizer": "galore_adamw_layerwise", "tuning__method": "full",
          "schedule__gradient_accumulation": 4}, "schedule.gradient_accumulation", "check.optimizer_no_accumulation"),
        ({"optim__optimizer": "lomo", "schedule__gradient_accumulation": 2},
         "schedule.gradient_accumulation", "check.optimizer_no_accumulation"),
        ({"optim__optimizer": "lomo", "encoder__learning_rate": 5e-4},
         "encoder.learning_rate", "check.optimizer_one_rate"),
        ({"optim__optimizer": "lomo", "lora__plus_ratio": 8.0}, "lora.plus_ratio", "check.optimizer_one_rate"),
        ({"optim__optimizer": "schedule_free_adamw"}, "schedule.scheduler", "check.schedule_free_constant"),
    ],
)  # fmt: skip
def test_combinations_that_cannot_be_are_refused_at_their_field(changes: dict[str, Any], field: str, key: str) -> None:
    assert (field, key) in {(problem.field, problem.message.key) for problem in check(small(**changes))}


def test_an_optimizer_that_forgets_its_state_says_so_and_still_starts() -> None:
    problems = check(small(optim__optimizer="grokadamw"))
    assert [(each.message.key, each.is_warning) for each in problems] == [("check.optimizer_forgets", True)]


# -- the optimizers of our own, on a small net -------------------------------------------------------------------------


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Linear(4, 4) for _ in range(3)))


def descend(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int, start: int = 0) -> None:
    for step in range(start, start + steps):
        torch.manual_seed(100 + step)
        model(torch.randn(5, 4)).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()


def groups_of(model: nn.Module, **marks: Any) -> list[dict[str, Any]]:
    return [{"params": list(model.parameters()), "lr": 0.1, "weight_decay": 0.0, **marks}]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("ascending", [1, 1, 2, 2, 0, 0]),
        ("descending", [1, 1, 0, 0, 2, 2]),
        ("fixed", [1] * 6),
    ],
)
def test_badam_trains_one_block_at_a_time_in_the_wanted_order(mode: str, expected: list[int]) -> None:
    model = net()
    optimizer = block_adamw(model, mode)
    seen = []
    for step in range(6):
        before = [layer.weight.detach().clone() for layer in model]
        descend(model, optimizer, 1, step)
        seen += [number for number, layer in enumerate(model) if not torch.equal(before[number], layer.weight)]
        assert sum(len(state) > 0 for state in optimizer.state.values()) <= 2

    assert seen == expected


def test_badam_in_random_order_gives_every_block_a_turn_in_each_round() -> None:
    optimizer = block_adamw(net(), "random", interval=1)
    turns = []
    for _ in range(6):
        turns.append(optimizer.active_block)
        optimizer.step()
    assert sorted(turns[:3]) == sorted(turns[3:]) == [0, 1, 2]


def block_adamw(model: nn.Sequential, mode: str, interval: int = 2) -> BlockAdamW:
    blocks = [list(layer.parameters()) for layer in model]
    return BlockAdamW(groups_of(model), blocks=blocks, interval=interval, mode=mode, start=1, seed=0, lr=0.1)


def test_steps_within_the_backward_pass_are_the_steps_of_the_optimizer_itself() -> None:
    plain, stepped = net(), net()
    descend(plain, torch.optim.AdamW(groups_of(plain)), 3)

    descend(stepped, StepInBackward(groups_of(stepped), torch.optim.AdamW, 0.1), 3)

    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), stepped.parameters(), strict=True))


@pytest.mark.parametrize("kind", ["muon", "badam", "backward"])
def test_our_own_optimizers_go_on_from_their_state(kind: str) -> None:
    def made(model: nn.Sequential) -> torch.optim.Optimizer:
        if kind == "badam":
            return block_adamw(model, "ascending")
        if kind == "backward":
            return StepInBackward(groups_of(model), torch.optim.AdamW, 0.1)
        parts = [("weight", True), ("bias", False)]
        groups = [
            {"params": [getattr(layer, name) for layer in model], "lr": 0.1, "weight_decay": 0.0, "uses_muon": muon}
            for name, muon in parts
        ]
        return MuonWithAdamW(groups, lr=0.1, momentum=0.95, betas=(0.9, 0.999), eps=1e-8)

    uncut, first, second = net(), net(), net()
    descend(uncut, made(uncut), 5)
    early = made(first)
    descend(first, early, 3)
    second.load_state_dict(first.state_dict())
    late = made(second)
    late.load_state_dict(early.state_dict())
    descend(second, late, 2, start=3)

    assert all(torch.equal(a, b) for a, b in zip(uncut.parameters(), second.parameters(), strict=True))


def test_schedule_free_weights_are_judged_averaged_and_trained_on_unchanged() -> None:
    schedulefree = pytest.importorskip("schedulefree")
    model = net()
    optimizer = schedulefree.AdamWScheduleFree(groups_of(model))
    optimizer.train()
    descend(model, optimizer, 3)
    trained = [parameter.detach().clone() for parameter in model.parameters()]

    with evaluation_weights(optimizer):
        judged = [parameter.detach().clone() for parameter in model.parameters()]

    assert not any(torch.equal(a, b) for a, b in zip(trained, judged, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(trained, model.parameters(), strict=True))
    assert optimizer.param_groups[0]["train_mode"]


def test_schedule_free_warms_up_over_its_share_of_all_steps(tmp_path: Path) -> None:
    pytest.importorskip("schedulefree")
    config = config_for("schedule_free_adamw", schedule__warmup_fraction=0.1)
    arguments = TrainingArguments(str(tmp_path), optim="schedule_free_adamw", warmup_steps=0.1, use_cpu=True)
    model = net()
    parts = [ParameterGroup("llm", 1e-3, 0.0, tuple(model.parameters()))]

    optimizer = make_optimizer(model, parts, config, arguments, steps=200)

    assert optimizer.param_groups[0]["warmup_steps"] == 20
