"""The built-in `demo` dataset: one small recipe of the generator, plain questions on easy series, answers on a line."""

import json
from pathlib import Path

from tsft.atomic import write_text
from tsft.data.synth.recipe import GENERATOR_VERSION, SynthRecipe
from tsft.data.synth.rows import synth_rows

DEMO_NAME = "demo"
DEMO_ROWS = 400
DEMO_SEED = 7
_TASKS = ("trend", "period", "spike", "level_shift", "extreme", "compare")
DEMO = SynthRecipe(
    count=DEMO_ROWS,
    seed=DEMO_SEED,
    tasks=dict.fromkeys(_TASKS, 1.0),
    styles={"line": 1.0},
    series=(1, 1),
    difficulty="easy",
    context_share=0.0,
)


def materialise_demo(cache: Path) -> Path:
    """The demo as a JSONL file in the cache folder, written at its first use."""
    path = cache / f"demo-{GENERATOR_VERSION}-{DEMO_SEED}-{DEMO_ROWS}.jsonl"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in synth_rows(DEMO)))
    return path
