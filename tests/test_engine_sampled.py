"""The stages that learn from their own answers: the encoder moves, answers and losses depend on the series, a run that
was cut goes on as the uncut one, and what a run leaves answers questions."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from tests.engine_runs import Bench, losses, make_bench, small, until_done
from tests.question_rows import asking, fine_tuned, write_questions
from tests.test_engine_resume import cut_at
from tsft.config.stages import SAMPLED
from tsft.engine.answer_logprobs import answer_logprobs
from tsft.engine.policy_objectives import (
    ADVANTAGES,
    JUDGEMENTS,
    OLD_VALUES,
    RETURNS,
    USUAL_TOKENS,
    PolicyObjective,
    learnable,
)
from tsft.engine.preflight import preflight
from tsft.engine.sampled_trainer import VALUES, WINDOW, load_window, save_window
from tsft.model.batches import collate
from tsft.model.loading import Loaded, load
from tsft.model.value_head import add_value_head
from tsft.run.events import AnswersDrawn, Evaluated, StepLogged
from tsft.store.runs import TRAINED_WEIGHTS, usable_checkpoints


@pytest.fixture(scope="module")
def beginning(tmp_path_factory: pytest.TempPathFactory, builtin_model: Path) -> Path:
    return fine_tuned(tmp_path_factory.mktemp("tuned") / "workspace", builtin_model, is_wordy=True)


def measured(events: list[Any], kind: type) -> list[dict[str, float]]:
    return [dict(event.measures) for event in events if isinstance(event, kind)]


@pytest.mark.slow
@pytest.mark.parametrize("stage", SAMPLED)
def test_after_two_steps_the_encoder_has_moved_and_the_rewards_are_told(
    bench: Bench, beginning: Path, stage: str
) -> None:
    config = asking(bench, stage, beginning, tuning__method="full", schedule__max_steps=2, schedule__batch_size=4)

    state = bench.run(config)

    assert state.status == "finished", state.failure
    folder, events = bench.record.get(state.run_id).folder, bench.events(state)
    before = load(beginning, dtype=torch.float32).model.model.ts_encoder.state_dict()
    left = load(folder.model, dtype=torch.float32).model
    after = left.model.ts_encoder.state_dict()
    assert max(float((after[name] - value).abs().max()) for name, value in before.items()) > 1e-5
    assert not [name for name, _ in left.named_parameters() if "value_head" in name]
    told = measured(events, StepLogged)
    wanted = {"mean_reward", "score_reward", "length_reward", "reward_spread", "answer_tokens", "entropy", "clipped"}
    wanted |= {"policy_loss", "value_loss", "reference_kl"} if stage == "ppo" else {"flat_groups"}
    assert len(told) == 2 and wanted <= told[0].keys() and told[0]["entropy"] > 0
    assert state.plan is not None and state.plan.metric == "mean_reward"
    held_out = [each for each in events if isinstance(each, Evaluated)]
    assert held_out[-1].loss is None and {"mean_reward", "score_reward"} <= dict(held_out[-1].measures).keys()
    assert state.measured["validation_mean_reward"].shown and not state.validation_loss.shown
    drawn = [each for each in events if isinstance(each, AnswersDrawn)]
    assert len(drawn[0].answers) == (1 if stage == "ppo" else 3) and drawn[0].answers[0].reward is not None
    kept = json.loads(folder.drawn.read_text())["rows"]
    assert kept[0]["source"] == drawn[0].source and len(kept[0]["series"][0]) >= 32


def ready(beginning: Path, stage: str) -> tuple[Loaded, PolicyObjective]:
    loaded = load(beginning, dtype=torch.float32)
    loaded.model.eval()
    if stage == "ppo":
        add_value_head(loaded.model)
        torch.nn.init.normal_(loaded.model.value_head.weight, generator=torch.Generator().manual_seed(0))
    return loaded, PolicyObjective(small(data__task=stage))


def answered(loaded: Loaded, stage: str, level: float = 0.0) -> dict[str, Any]:
    """Two answers to a question over a series that depends on `level`, the first better than the second."""
    points = level * np.arange(24.0) + 5 * np.sin(np.arange(24.0) / 2)
    prompt = loaded.processor.prompt([{"role": "user", "content": "What is <ts><ts/>?"}], [points])
    family = loaded.processor.family
    batch = collate([prompt, prompt], loaded.processor.pad_id, family.patch_size, family.last_patch, "left")
    answers = [loaded.processor.tokenizer.encode(text) for text in ("rising", "falling now")]
    series = {name: value for name, value in batch.items() if name.startswith("ts_")}
    made = learnable([prompt.input_ids] * 2, answers, series, loaded.processor.pad_id, [False, False])
    tokens = int((made["labels"] != -100).sum())
    more = {ADVANTAGES: torch.tensor([1.0, -1.0]), USUAL_TOKENS: torch.tensor(float(tokens))}
    if stage == "ppo":
        gains = torch.linspace(1, -1, tokens)
        more |= {ADVANTAGES: gains, RETURNS: gains, OLD_VALUES: torch.zeros(tokens)}
    return {**made, **more}


def inputs_of(batch: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in batch.items() if name not in JUDGEMENTS}


@pytest.mark.parametrize("stage", SAMPLED)
def test_what_is_learnt_changes_with_the_series_and_not_with_the_padding(builtin_model: Path, stage: str) -> None:
    """The loss itself is the same on policy, whatever the answers are: what it pulls at must depend on the series."""
    loaded, objective = ready(builtin_model, stage)
    width = {"input_ids": 0, "attention_mask": 0, "labels": -100}

    def pull(batch: dict[str, Any]) -> torch.Tensor:
        loaded.model.zero_grad()
        objective(loaded.model, batch).loss.backward()
        encoder = loaded.model.model.ts_encoder
        return torch.cat([each.grad.flatten() for each in encoder.parameters() if each.grad is not None])

    one, two = pull(answered(loaded, stage)), pull(answered(loaded, stage, 3.0))
    padded = {
        name: torch.nn.functional.pad(value, (0, 5), value=width[name]) if name in width else value
        for name, value in answered(loaded, stage).items()
    }

    likely = [answer_logprobs(loaded.model, inputs_of(answered(loaded, stage, level))).values for level in (0.0, 3.0)]
    assert float((likely[0] - likely[1]).abs().max()) > 1e-4
    assert float(one.abs().max()) > 0 and float((one - two).abs().max()) > 1e-4 * float(one.abs().max())
    torch.testing.assert_close(pull(padded), one, rtol=1e-3, atol=1e-5)


def newest(bench: Bench, state: Any) -> Path:
    """The checkpoint of the last step."""
    folder = bench.record.get(state.run_id).folder
    return next(each.path for each in usable_checkpoints(folder) if each.step == state.step)


CUT = {
    "schedule__max_steps": 8,
    "schedule__gradient_accumulation": 2,
    "schedule__batch_size": 2,
    "lora__dropout": 0.2,
    "output__logging_steps": 3,
    "output__eval_steps": 4,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "method", "changes"),
    [
        ("grpo", "lora", {"grpo__iterations": 2, "grpo__beta": 0.05}),
        ("ppo", "full", {"ppo__epochs": 3}),
        pytest.param("rloo", "lora", {}, marks=pytest.mark.long),
        pytest.param("ppo", "lora", {"ppo__epochs": 3}, marks=pytest.mark.long),
    ],
)
def test_a_run_cut_in_two_between_two_steps_on_the_same_answers_ends_as_the_uncut_one(
    bench: Bench,
    tmp_path_factory: pytest.TempPathFactory,
    builtin_model: Path,
    beginning: Path,
    stage: str,
    method: str,
    changes: dict[str, Any],
) -> None:
    whole = make_bench(tmp_path_factory.mktemp("whole"), builtin_model)
    more = {**CUT, **changes, "tuning__method": method}
    uncut = whole.run(asking(whole, stage, beginning, **more))
    stopped = cut_at(bench, asking(bench, stage, beginning, **more), 5)
    assert stopped.status == "stopped" and stopped.step < 8, stopped.failure
    kept = newest(bench, stopped)
    assert (kept / VALUES).is_file() == (stage == "ppo")
    if stage != "rloo" and stopped.step % (2 if stage == "grpo" else 3):
        assert (kept / WINDOW).is_file()

    state = bench.resume(stopped.run_id)

    assert state.status == "finished", state.failure
    assert losses(bench.events(state)) == losses(whole.events(uncut))
    for kind in (StepLogged, Evaluated):
        found, wanted = ({e.step: e.measures for e in b.events(s) if isinstance(e, kind)} for b, s in
                         ((bench, state), (whole, uncut)))  # fmt: skip
        assert found == wanted


@pytest.mark.slow
def test_a_checkpoint_of_ppo_answers_and_holds_its_value_head_beside(bench: Bench, beginning: Path) -> None:
    state = bench.run(asking(bench, "ppo", beginning, tuning__method="full", schedule__max_steps=1))

    assert state.status == "finished", state.failure
    kept = newest(bench, state)
    with safe_open(kept / TRAINED_WEIGHTS, "pt") as opened:
        assert not [name for name in opened.keys() if "value_head" in name]  # noqa: SIM118 (no mapping)
    assert (kept / VALUES).is_file()


def test_answers_that_are_still_to_be_learnt_survive_a_checkpoint(tmp_path: Path) -> None:
    batches = [
        {
            "input_ids": torch.tensor([[1, 2]]),
            "ts_mask": torch.tensor([True, False]),
            "advantages": torch.tensor([0.5]),
        },
        {"input_ids": torch.tensor([[3]]), "ts_mask": torch.tensor([True]), "advantages": torch.tensor([-0.5])},
    ]

    save_window(batches, 7, tmp_path / WINDOW)
    found, number = load_window(tmp_path / WINDOW)

    assert number == 7 and len(found) == 2 and next(iter(found[0])) == "input_ids"
    for one, two in zip(batches, found, strict=True):
        assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.slow
def test_a_stop_while_answers_are_written_is_obeyed_at_once_and_leaves_the_last_step(
    bench: Bench, beginning: Path
) -> None:
    config = asking(
        bench, "grpo", beginning, sampling__max_tokens=200, sampling__min_tokens=190, schedule__max_steps=50
    )

    state = cut_at(bench, config, 1)

    assert state.status == "stopped" and state.step == 1, state.failure
    assert newest(bench, state).is_dir() and state.finish is not None and state.finish.result


@pytest.mark.slow
def test_a_dry_run_writes_answers_and_measures_a_step(bench: Bench, beginning: Path) -> None:
    bench.engine.dry_run(asking(bench, "ppo", beginning))
    seen = until_done(bench.engine.readiness)

    assert seen.trial is not None, seen.problems
    assert seen.trial.seconds_a_step > 0 and seen.readiness is not None and seen.readiness.time.basis == "trial"


def test_a_reward_model_that_is_none_is_told_before_anything_is_loaded(bench: Bench, builtin_model: Path) -> None:
    named = {"data__task": "ppo", "rewards__score": 0}

    for path, key in (("runs/nowhere", "restore.no_folder"), (str(builtin_model), "scoring.no_head")):
        problems = preflight(small(**named, rewards__model=path), bench.workspace)

        assert [(each.field, each.message.key) for each in problems if each.field == "rewards.model"] == [
            ("rewards.model", key)
        ]


def test_rows_without_labels_cannot_be_scored_and_the_run_says_so(bench: Bench) -> None:
    folder = bench.workspace.datasets / "plain"
    folder.mkdir()
    rows = [{"input": "What is <ts><ts/>?", "output": "it rises", "timeseries": [[1.0, 2.0, 3.0]]}] * 3
    (folder / "plain.jsonl").write_text("\n".join(json.dumps(row) for row in rows))

    state = bench.run(small(data__datasets="plain", data__task="grpo", sampling__answers=2))

    assert state.status == "failed" and state.failure is not None
    assert state.failure.message.key == "data.no_labels" and state.failure.settings == ("data.task",)


@pytest.mark.slow
def test_some_rows_without_labels_are_left_out_by_number_and_length_needs_none(bench: Bench) -> None:
    write_questions(bench.workspace.datasets)
    path = bench.workspace.datasets / "trend_short.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    del lines[4]["meta"]
    path.write_text("\n".join(json.dumps(line) for line in lines))
    base = {"data__datasets": "trend_short", "data__max_rows": 0, "sampling__answers": 2, "sampling__max_tokens": 2}

    bench.engine.examine(small(**base, data__task="grpo"))
    seen = until_done(bench.engine.readiness)

    assert seen.readiness is not None, seen.problems
    dropped = seen.readiness.datasets[0].dropped
    assert [(each.count, each.first.values["row"]) for each in dropped] == [(1, 5)]
    assert seen.readiness.time.basis == "unknown"
    rewards = {"rewards__score": 0, "rewards__length": 1}
    bench.engine.examine(small(**base, data__task="grpo", **rewards))
    assert not until_done(bench.engine.readiness).readiness.datasets[0].dropped
