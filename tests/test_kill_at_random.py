"""The benchmark that kills a run with a queue behind it finds everything as it should be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
@pytest.mark.long
def test_a_run_killed_at_random_goes_on_to_the_losses_of_an_uncut_one_and_so_does_the_queue() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "kill_at_random.py"), "--seed", "1"]
    command += ["--kills", "3", "--phases", "encoding,training,saving"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1_800)
    assert done.returncode == 0, done.stdout + done.stderr[-2_000:]
    assert "3 kills" in done.stdout
