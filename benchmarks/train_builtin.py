"""Make the built-in model anew by the product's own commands: generated rows, a new model, four trainings, an export.

`--workspace` keeps everything; what is there already is not made again, so that a recipe that was cut goes on where it
was. The presets `builtin_1` to `builtin_4` hold the settings of the trainings, this file the rows they learn from. The
result lies in `exports/` of the workspace; what it can do is on its card, `src/tsft/model/pretrained/README.md`.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tsft.cli import main as tsft

START = "builtin-start"
STYLES = "short=3,line=1,json=1"
EASY = "spike=3,level_shift=3,trend=1,extreme=1,event_at=2,events=2,season=1,period=1,event_count=1,classify=1"
MORE = (
    "trend=1.5,season=2,period=2.5,spike=3,level_shift=2.5,events=3,event_at=1.5,event_count=1,extreme=1,"
    "classify=0.7,noise=0.5,caption=0.4,anomalies=0.7"
)
ALONE = {"series": "1-1", "difficulty": "easy", "context-share": 0}
SHORT = {**ALONE, "lengths": "40-64"}
WATCHED = {"split": "validation", "seed": 150, "count": 300}
# The rows of the tokenizer and of each training, from seeds of their own, and those that are looked at meanwhile.
DATA: Mapping[str, Mapping[str, Any]] = {
    "builtin-words": {
        "count": 12_000, "seed": 100, "lengths": "48-64", "series": "1-2", "questions": "1-2", "context-share": 0.2,
    },
    "builtin-1": {**SHORT, "count": 9_600, "seed": 101, "tasks": "spike=2,trend=1", "styles": "short=1"},
    "builtin-2": {**SHORT, "count": 90_000, "seed": 111, "tasks": EASY, "styles": STYLES},
    "builtin-3": {
        **ALONE, "count": 100_000, "seed": 112, "lengths": "40-96", "tasks": MORE, "styles": STYLES,
        "questions": "1-3", "context-share": 0.05,
    },
    "builtin-4": {
        "count": 110_000, "seed": 113, "series": "1-1", "lengths": "40-192", "tasks": MORE,
        "styles": "short=2,line=1,json=1", "questions": "1-3", "context-share": 0.1,
    },
    "builtin-watched": {
        **ALONE, **WATCHED, "lengths": "48-128", "tasks": "trend,season,period,spike,level_shift,events",
        "styles": "short=2,line=1,json=1",
    },
}  # fmt: skip
STAGES = ("builtin_1", "builtin_2", "builtin_3", "builtin_4")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    workspace = given.workspace
    for name, wanted in DATA.items():
        if not (workspace / "datasets" / f"{name}.jsonl").is_file():
            _run(workspace, "data", "synth", name, *(word for key, to in wanted.items() for word in (f"--{key}", to)))
    if not (workspace / "models" / START).is_dir():
        _run(workspace, "models", "new", START, "--text", "builtin-words")
    before = ""
    for stage in STAGES:
        if _result(workspace, stage) is None:
            go_on = ("--model.continue_from", before) if before else ()
            _run(workspace, "train", stage, "--schedule.threads", given.threads, *go_on)
        done = _result(workspace, stage)
        assert done is not None, f"{stage} ended without a result"
        before = f"runs/{done}/model"
    _run(workspace, "export", before.split("/")[1], "--as", "merged", "--dtype", "float16")


def _result(workspace: Path, stage: str) -> str | None:
    """The id of the last run of this stage that has a result."""
    done = sorted(path.parent.name for path in workspace.glob(f"runs/*-{stage.replace('_', '-')}/model"))
    return done[-1] if done else None


def _run(workspace: Path, *words: Any) -> None:
    told = [str(word) for word in words]
    print("tsft", *told, flush=True)
    code = tsft([*told, "--workspace", str(workspace)])
    if code:
        raise SystemExit(code)


if __name__ == "__main__":
    main()
