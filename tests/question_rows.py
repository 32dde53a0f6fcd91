"""Labelled questions for tests of the stages that learn from their own answers, and a model that answers some."""

import json
from pathlib import Path
from typing import Any

from tests.engine_runs import Bench, make_bench, small
from tsft.config.run_config import RunConfig
from tsft.data.synth.dataset import SynthJob, write_dataset
from tsft.data.synth.recipe import SynthRecipe

WORDY = ", as far as I can see, and I have looked at it"
QUICK: dict[str, Any] = {
    "data__max_rows": 0,
    "data__validation_fraction": 0.2,
    "schedule__eval_batch_size": 32,
    "sampling__answers": 3,
    "sampling__max_tokens": 6,
    "rewards__length": 0.5,
    "rewards__length_tokens": 2,
    "rewards__length_slope": 0.25,
}


def write_questions(folder: Path, count: int = 24, style: str = "short", task: str = "trend", seed: int = 7) -> str:
    """A dataset of labelled questions; its name."""
    recipe = SynthRecipe(
        count=count,
        seed=seed,
        tasks={task: 1.0},
        styles={style: 1.0},
        languages={"en": 1.0},
        lengths=(32, 48),
        series=(1, 1),
        context_share=0.0,
    )
    return write_dataset(SynthJob(recipe), f"{task}_{style}", folder, folder.parent / "cache", replaces=True).name


def asking(bench: Bench, stage: str, beginning: Path, **changes: Any) -> RunConfig:
    """A short run of a stage that goes on from a model; 24 questions unless told otherwise."""
    given = {"data__datasets": "trend_short", "data__task": stage, "model__continue_from": str(beginning)}
    if not (bench.workspace.datasets / "trend_short.jsonl").exists():
        write_questions(bench.workspace.datasets)
    return small(**{**QUICK, **given, **changes})


def fine_tuned(root: Path, builtin_model: Path, steps: int = 40, count: int = 600, *, is_wordy: bool = False) -> Path:
    """The built-in model after some steps on answers about trends; a wordy one goes on after most of them."""
    bench = make_bench(root, builtin_model)
    bench.seconds = 1200
    name = write_questions(bench.workspace.datasets, count)
    if is_wordy:
        name = write_wordy(bench.workspace.datasets, name)
    state = bench.run(
        small(
            data__datasets=name,
            data__max_rows=0,
            data__validation="none",
            tuning__method="full",
            schedule__max_steps=steps,
            schedule__batch_size=8,
            schedule__scheduler="constant",
            optim__optimizer="muon",
            optim__learning_rate=0.004,
        )
    )
    assert state.finish is not None, state.failure
    folder = bench.record.get(state.run_id).folder.path / state.finish.result
    bench.engine.close()
    bench.record.close()
    return folder


def write_wordy(folder: Path, source: str, name: str = "wordy", *, as_pairs: bool = False) -> str:
    """The rows of a dataset with answers that go on and on in four of five; or the short answer against such a one."""
    lines = [json.loads(line) for line in (folder / f"{source}.jsonl").read_text(encoding="utf-8").splitlines()]
    for number, row in enumerate(lines):
        wordy = row["output"] + WORDY
        if as_pairs:
            row |= {"chosen": row.pop("output"), "rejected": wordy}
        elif number % 5:
            row["output"] = wordy
    (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return name
