"""What befalls real runs in a real process: each time the class is right, the page answers and the next run trains."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
pytest.importorskip("resource")

ROOT = Path(__file__).resolve().parents[1]


def in_own_mounts() -> list[str]:
    """What lets a process that is not root mount a file system for itself; nothing where that is not allowed."""
    wrapper = ["unshare", "--user", "--map-root-user", "--mount"]
    try:
        allowed = subprocess.run([*wrapper, "true"], capture_output=True).returncode == 0
    except OSError:
        return []
    return wrapper if allowed else []


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, builtin_model: Path) -> dict[str, Any]:
    """All disasters in one process, one after another."""
    root = tmp_path_factory.mktemp("disasters")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    # Freed blocks of a megabyte leave the address space, which is what is limited; else malloc keeps it for itself.
    environment |= {"MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_ARENA_MAX": "2"}
    command = [*in_own_mounts(), sys.executable, "-m", "tests.disasters", str(root), str(builtin_model)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-4_000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("disaster", ["memory", "not finite", "disk", "cut checkpoint", "overwritten checkpoint"])
def test_after_every_disaster_the_page_answers_and_the_next_run_trains(told: dict[str, Any], disaster: str) -> None:
    assert (told[disaster]["page"], told[disaster]["next"]) == (200, "finished"), told[disaster]


def test_memory_that_runs_out_is_said_to_be_memory_and_the_same_limit_lets_a_small_run_through(
    told: dict[str, Any],
) -> None:
    memory = told["memory"]
    assert (memory["status"], memory["kind"]) == ("failed", "memory"), memory
    assert memory["change"] == {"schedule.batch_size": 60, "schedule.gradient_accumulation": 2}
    assert memory["within the limit"] == "finished"


def test_a_loss_that_is_no_number_is_not_finite_and_names_its_rows(told: dict[str, Any]) -> None:
    wild = told["not finite"]
    assert (wild["status"], wild["kind"]) == ("failed", "not_finite"), wild
    assert wild["change"] == {"optim.learning_rate": 1e-4}
    assert len(wild["rows"]) == 2 and all(row.startswith("demo:") for row in wild["rows"])


def test_a_full_disk_is_said_to_be_the_disk_and_keeps_the_last_good_checkpoint(told: dict[str, Any]) -> None:
    disk = told["disk"]
    assert (disk["status"], disk["record"], disk["kind"]) == ("failed", "failed", "disk"), disk
    assert disk["usable"] == [2]
    assert disk["resumed"] == ["finished", 2]  # once there is room again


def test_a_checkpoint_cut_short_is_not_gone_on_from_and_the_one_before_leads_to_the_same_losses(
    told: dict[str, Any],
) -> None:
    cut = told["cut checkpoint"]
    assert cut["cut"] == max(4, *cut["usable"]) and cut["cut"] not in cut["usable"]
    assert cut["resumed"] == ["finished", max(cut["usable"])] and cut["same"]


def test_a_checkpoint_overwritten_in_place_is_said_to_be_damaged(told: dict[str, Any]) -> None:
    damaged = told["overwritten checkpoint"]
    assert (damaged["status"], damaged["kind"], damaged["key"]) == ("failed", "disk", "failure.damaged"), damaged
