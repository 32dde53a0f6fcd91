"""The command, the JSON file and the script, each run as shown, give the same run."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engine_runs import losses, small
from tsft.config.preview import command, json_text, script
from tsft.run.board import read_events

SOURCE = Path(__file__).resolve().parents[1] / "src"
CONFIG = small(schedule__max_steps=1, data__max_rows=12, output__name="kiln's; $run", data__validation="none")


def run_of(root: Path) -> tuple[Any, dict[int, float | None]]:
    """The config and the losses of the one run in a workspace."""
    (folder,) = [each for each in (root / "runs").iterdir() if each.is_dir()]
    return json.loads((folder / "config.json").read_text()), losses(list(read_events(folder / "events.jsonl")))


@pytest.mark.slow
def test_all_three_give_the_same_run(tmp_path: Path, builtin_model: Path) -> None:
    roots = [tmp_path / f"work space {number}" for number in range(3)]
    for root in roots:
        shutil.copytree(builtin_model, root / "models" / builtin_model.name)
    (tmp_path / "config.json").write_text(json_text(CONFIG), encoding="utf-8")
    (tmp_path / "run.py").write_text(script(CONFIG, str(roots[2])), encoding="utf-8")
    tsft = [sys.executable, "-m", "tsft"]
    program, *words = shlex.split(command(CONFIG, str(roots[0])))
    assert program == "tsft"
    for line in (
        [*tsft, *words],
        [*tsft, "train", str(tmp_path / "config.json"), "--workspace", str(roots[1])],
        [sys.executable, str(tmp_path / "run.py")],
    ):
        environment = {**os.environ, "PYTHONPATH": str(SOURCE), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=300, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    configs, found = zip(*(run_of(root) for root in roots), strict=True)
    assert configs[0] == configs[1] == configs[2] == json.loads(json_text(CONFIG))
    assert found[0] == found[1] == found[2] and len(found[0]) == 1
