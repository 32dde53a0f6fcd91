"""Trackers get project and run name; their files are where they are said to be; nothing of it stays behind."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from tests.engine_runs import Bench, small
from tsft.engine import trackers
from tsft.engine.trackers import tracker_problems

# A stand-in for the W&B package: it writes down what it is told.
FAKE = """
import json, os
run = None
told = {"init": None, "logs": [], "finished": 0, "env": {}}
class _Config(dict):
    def update(self, values, allow_val_change=False): super().update(values)
class _Run:
    name = "fake"
    summary = {}
    def __init__(self): self.config = config
    def _label(self, **kwargs): pass
    def log_code(self, *args): pass
config = _Config()
def init(**kwargs):
    global run
    run = _Run()
    told["init"] = kwargs
    told["env"] = {name: os.environ.get(name) for name in ("WANDB_ENTITY", "WANDB_MODE", "WANDB_DIR")}
    return run
def define_metric(*args, **kwargs): pass
def termwarn(*args, **kwargs): pass
def watch(*args, **kwargs): pass
def log(values, **kwargs): told["logs"].append(dict(values))
def finish():
    global run
    run = None
    told["finished"] += 1
"""


@pytest.fixture
def fake_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "fakes" / "wandb"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(FAKE, encoding="utf-8")
    (folder / "sdk" / "lib").mkdir(parents=True)
    (folder / "sdk" / "lib" / "config_util.py").write_text("class ConfigError(Exception): pass", encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    yield importlib.import_module("wandb")
    for name in [each for each in sys.modules if each.split(".")[0] == "wandb"]:
        del sys.modules[name]


def test_project_and_run_name_reach_the_callback_and_the_run_is_closed(bench: Bench, fake_wandb, monkeypatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "only-in-the-environment")
    config = small(
        output__trackers="wandb",
        output__tracker_project="plants",
        output__tracker_run="first try",
        output__wandb_entity="team",
        output__wandb_mode="offline",
        schedule__max_steps=2,
    )

    state = bench.run(config)

    assert state.status == "finished", state.failure
    told = fake_wandb.told
    assert told["init"]["project"] == "plants" and told["init"]["name"] == "first try"
    folder = bench.record.get(state.run_id).folder.path
    assert told["env"] == {"WANDB_ENTITY": "team", "WANDB_MODE": "offline", "WANDB_DIR": str(folder / "trackers")}
    assert any("train/loss" in each for each in told["logs"]) and any("eval/loss" in each for each in told["logs"])
    assert told["finished"] == 1 and "WANDB_MODE" not in os.environ
    secret = b"only-in-the-environment"
    assert not [path for path in folder.rglob("*") if path.is_file() and secret in path.read_bytes()]


def test_a_tracker_that_is_not_installed_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "swanlab" else found(name))

    (problem,) = tracker_problems(small(output__trackers="swanlab"))

    assert problem.field == "output.trackers" and problem.message.values == {"package": "swanlab"}


def test_a_tracker_that_would_ask_for_a_login_in_the_middle_of_a_run_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)

    def keys(**changes: str) -> list[str]:
        return [each.message.key for each in tracker_problems(small(output__trackers="wandb", **changes))]

    assert keys() == ["trackers.no_login"] and keys(output__wandb_mode="offline") == []
    monkeypatch.setenv("WANDB_API_KEY", "key")
    assert keys() == []


def test_a_space_on_the_hub_needs_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())

    def problems(**changes: str) -> list[tuple[str, str]]:
        found = tracker_problems(small(output__trackers="trackio", **changes))
        return [(each.field, each.message.key) for each in found]

    for token, told in ((None, [("output.trackio_space", "trackers.no_hub_login")]), ("token", [])):
        monkeypatch.setattr(trackers, "get_token", lambda token=token: token)
        assert problems(output__trackio_space="me/kiln") == told and problems() == []


def test_tensorboard_gets_its_file_in_the_run_folder(bench: Bench) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    state = bench.run(small(output__trackers="tensorboard", schedule__max_steps=2))

    assert state.status == "finished", state.failure
    folder = bench.record.get(state.run_id).folder.path / "trackers" / "tensorboard"
    scalars = EventAccumulator(str(folder)).Reload()
    assert [each.step for each in scalars.Scalars("train/loss")] == [1, 2]
    assert "eval/loss" in scalars.Tags()["scalars"]


@pytest.mark.slow
def test_mlflow_and_trackio_write_their_files_together(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow", reason="mlflow is not installed")
    pytest.importorskip("trackio", reason="trackio is not installed")
    for name in ("MLFLOW_TRACKING_URI", "TRACKIO_DIR"):
        monkeypatch.delenv(name, raising=False)
    config = small(output__trackers="mlflow,trackio", output__tracker_project="plants", schedule__max_steps=2)

    first, second = bench.run(config), bench.run(config)

    assert first.status == second.status == "finished", (first.failure, second.failure)
    trackers = bench.workspace.root / "trackers"
    names = [path.read_text(encoding="utf-8") for path in (trackers / "mlflow").rglob("mlflow.runName")]
    assert len(names) == 2
    about = [path.read_text(encoding="utf-8") for path in (trackers / "mlflow").glob("*/meta.yaml")]
    assert any("name: plants" in text for text in about)
    assert list((trackers / "mlflow").rglob("metrics/loss")) or list((trackers / "mlflow").rglob("metrics/*loss*"))
    import trackio.utils

    if trackers / "trackio" == trackio.utils.TRACKIO_DIR:  # the package fixes its folder when it is first imported
        assert list((trackers / "trackio").glob("plants*.db"))
