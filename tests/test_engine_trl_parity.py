"""The preference stages give TRL's numbers: every loss on the same batch, and steps with the same rows."""

import copy
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.engine_runs import small
from tests.test_engine_preferences import batch_of
from tsft.config.run_config import CpoSettings, OrpoSettings, SimpoSettings
from tsft.config.stages import CPO_LOSSES, DIVERGENCES, DPO_LOSSES, KTO_LOSSES
from tsft.engine.objectives import IS_GOOD, objective_of
from tsft.engine.pair_losses import Pairs, cpo_losses, orpo_losses, simpo_losses
from tsft.engine.tuning import apply_tuning
from tsft.model.loading import Loaded, load

trl = pytest.importorskip("trl")
datasets = pytest.importorskip("datasets")
pytestmark = pytest.mark.slow
SERIES = ("ts_values", "ts_mask", "ts_positions")
STEPS = 3


@pytest.fixture(scope="module")
def loaded(builtin_model: Path) -> Loaded:
    made = load(builtin_model, dtype=torch.float32)
    made.model.config._name_or_path = str(builtin_model)
    return made


def other(model: Any) -> Any:
    """The same model a little way off, so that it is not its own reference."""
    moved = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in moved.parameters():
            parameter.add_(0.01 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    return moved


def for_dpo(batch: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Our batch under TRL's names."""
    kept = {name: batch[name] for name in ("input_ids", "attention_mask", *SERIES)}
    return kept | {"completion_mask": (batch["labels"] != -100).long()}


def for_kto(batch: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    count, mask = len(batch[IS_GOOD]), (batch["labels"] != -100).long()
    own = {name: batch[name][:count] for name in ("input_ids", "attention_mask", *SERIES)}
    others = {f"KL_{name}": batch[name][count:] for name in ("input_ids", "attention_mask")}
    masks = {"completion_mask": mask[:count], "KL_completion_mask": mask[count:]}
    return own | others | masks | {"label": batch[IS_GOOD]}


def trl_trainer(kind: str, model: Any, reference: Any, folder: Path, batch: Any, **options: Any) -> Any:
    """TRL's own trainer on that one batch again and again."""
    config = {"dpo": trl.DPOConfig, "kto": trl.KTOConfig}[kind](
        output_dir=str(folder), per_device_train_batch_size=2, max_steps=STEPS, learning_rate=0.05, optim="sgd",
        lr_scheduler_type="constant", max_grad_norm=1e9, logging_steps=1, save_strategy="no", report_to=[],
        remove_unused_columns=False, gradient_checkpointing=False, use_cpu=True, bf16=False, disable_dropout=False,
        disable_tqdm=True, **options,
    )  # fmt: skip
    base = {"dpo": trl.DPOTrainer, "kto": trl.KTOTrainer}[kind]

    class Ours(base):  # type: ignore[valid-type, misc]
        def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
            return dataset

    rows = datasets.Dataset.from_list([{"row": 0, "label": True}] * (2 * STEPS))
    return Ours(
        model=model, ref_model=reference, args=config, train_dataset=rows, data_collator=lambda rows: dict(batch),
        processing_class=options.get("processing_class", PROCESSING[0]),
    )  # fmt: skip


PROCESSING: list[Any] = []


@pytest.fixture(autouse=True)
def tokenizer(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    PROCESSING[:] = [loaded.processor.tokenizer]
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")


def ours(loaded: Loaded, reference: Any, policy: Any, stage: str, **changes: Any) -> tuple[Any, Any, Any]:
    """Our objective over `reference`, with the policy's weights put into the model afterwards, and its batch."""
    config = small(data__task=stage, tuning__method="full", **changes)
    model = apply_tuning(copy.deepcopy(reference), config, False)
    objective = objective_of(model, config, is_adapter_new=True)
    model.load_state_dict(policy.state_dict())
    return objective, model, batch_of(dataclasses.replace(loaded, model=model), config)


CASES = [
    *({"loss_type": [loss], "label_smoothing": 0.1} for loss in DPO_LOSSES if loss != "sigmoid"),
    {"loss_type": ["sigmoid"]},
    {"loss_type": ["sigmoid"], "ld_alpha": 0.3},
    {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.7]},
    *({"loss_type": ["hinge"], "f_divergence_type": divergence} for divergence in DIVERGENCES),
]


def test_every_loss_of_dpo_is_that_of_trl_on_the_same_batch(loaded: Loaded, tmp_path: Path) -> None:
    policy = other(loaded.model)
    _, _, batch = ours(loaded, loaded.model, policy, "dpo")
    theirs = trl_trainer("dpo", copy.deepcopy(policy), copy.deepcopy(loaded.model), tmp_path, for_dpo(batch))
    for case in CASES:
        theirs.loss_types, theirs.loss_weights = case["loss_type"], case.get("loss_weights", [1.0])
        theirs.label_smoothing, theirs.ld_alpha = case.get("label_smoothing", 0.0), case.get("ld_alpha")
        theirs.f_divergence_type = case.get("f_divergence_type", "reverse_kl")
        objective, model, _ = ours(
            loaded, loaded.model, policy, "dpo",
            dpo__loss=case["loss_type"][0], dpo__label_smoothing=case.get("label_smoothing", 0.0),
            dpo__sft_weight=case.get("loss_weights", [1.0, 0.0])[-1], dpo__tail_weight=case.get("ld_alpha", 1.0),
            dpo__divergence=case.get("f_divergence_type", "reverse_kl"),
        )  # fmt: skip

        wanted = float(theirs.compute_loss(theirs.model, for_dpo(batch)).detach())
        found = objective(model, batch)

        assert float(found.loss.detach()) == pytest.approx(wanted, rel=1e-4, abs=1e-5), case
        if case == {"loss_type": ["sigmoid"]}:
            logged = theirs._metrics["train"] or theirs._metrics["eval"]
            for name, key in (("margin", "rewards/margins"), ("accuracy", "rewards/accuracies")):
                assert found.sums[name][0] / 2 == pytest.approx(logged[key][-1], rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("loss", KTO_LOSSES)
def test_kto_has_the_losses_of_trl(loaded: Loaded, tmp_path: Path, loss: str) -> None:
    policy = other(loaded.model)
    changes = {"kto__loss": loss, "kto__undesirable_weight": 1.5}
    objective, model, batch = ours(loaded, loaded.model, policy, "kto", **changes)
    _, _, with_others = ours(loaded, loaded.model, policy, "kto")
    options = {"loss_type": loss, "undesirable_weight": 1.5}
    theirs = trl_trainer(
        "kto", copy.deepcopy(policy), copy.deepcopy(loaded.model), tmp_path, for_kto(with_others), **options
    )

    wanted = float(theirs.compute_loss(theirs.model, for_kto(with_others)).detach())

    assert float(objective(model, batch).loss.detach()) == pytest.approx(wanted, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("stage", ["dpo", "kto"])
def test_steps_with_the_same_rows_have_the_losses_of_trl(loaded: Loaded, tmp_path: Path, stage: str) -> None:
    objective, model, batch = ours(loaded, loaded.model, loaded.model, stage)
    named = for_dpo(batch) if stage == "dpo" else for_kto(batch)
    theirs = trl_trainer(stage, copy.deepcopy(loaded.model), copy.deepcopy(loaded.model), tmp_path, named)
    theirs.train()
    wanted = [each["loss"] for each in theirs.state.log_history if "loss" in each]

    optimizer, found = torch.optim.SGD(model.parameters(), lr=0.05), []
    for _ in range(STEPS):
        loss = objective(model, batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        found.append(float(loss.detach()))

    assert len(wanted) == STEPS and wanted[-1] < wanted[0]
    assert found == pytest.approx(wanted, abs=2e-4)


def random_pairs() -> Pairs:
    generator = torch.Generator().manual_seed(0)
    chosen, rejected = (-10 * torch.rand(6, generator=generator) - 1 for _ in range(2))
    return Pairs(chosen, rejected, torch.tensor([3, 5, 2, 8, 4, 6]), torch.tensor([4, 4, 3, 7, 9, 2]))


def test_cpo_simpo_and_orpo_have_the_losses_of_trl() -> None:
    cpo = pytest.importorskip("trl.experimental.cpo").CPOTrainer
    orpo = pytest.importorskip("trl.experimental.orpo").ORPOTrainer
    pairs, accelerator = random_pairs(), SimpleNamespace(device="cpu")
    sums = pairs.chosen, pairs.rejected
    means = pairs.chosen / pairs.chosen_tokens, pairs.rejected / pairs.rejected_tokens

    def theirs(loss: str, beta: float, smoothing: float) -> SimpleNamespace:
        return SimpleNamespace(
            loss_type=loss, beta=beta, alpha=0.0, label_smoothing=smoothing, simpo_gamma=0.5, accelerator=accelerator
        )

    for loss in CPO_LOSSES:
        wanted, _, _ = cpo.cpo_loss(theirs(loss, 0.2, 0.1), *(means if loss == "ipo" else sums))
        torch.testing.assert_close(cpo_losses(pairs, CpoSettings(loss, 0.2, 1.0, 0.1)), wanted)
    wanted, _, _ = cpo.cpo_loss(theirs("simpo", 2.0, 0.1), *means)
    torch.testing.assert_close(simpo_losses(pairs, SimpoSettings(2.0, 0.5, 0.0, 0.1)), wanted)
    ratio, *_ = orpo.odds_ratio_loss(SimpleNamespace(beta=0.3, accelerator=accelerator), *means)
    torch.testing.assert_close(orpo_losses(pairs, OrpoSettings(0.3)), -ratio)
