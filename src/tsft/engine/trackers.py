"""Trackers beside the page (TensorBoard, W&B, MLflow, SwanLab, Trackio): what they are told, and where they write.

transformers brings a callback for each. Some read their fields from the environment only, so these are set while the
run lasts. Keys and tokens are never ours: each tracker's own library takes them from the environment.
"""

import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from huggingface_hub import get_token

from tsft.config.run_config import TRACKERS, RunConfig
from tsft.engine.job import Job
from tsft.errors import Problem, message

# Where a login without the environment leaves its mark; without either, the package would ask on the terminal.
_LOGINS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "wandb": ("WANDB_API_KEY", ".netrc", "wandb login"),
        "swanlab": ("SWANLAB_API_KEY", ".swanlab/.netrc", "swanlab login"),
    }
)


def tracker_problems(config: RunConfig) -> Iterator[Problem]:
    """Trackers whose package is missing, and those that nobody is logged in to."""
    for name in dict.fromkeys(each for each in config.output.trackers if each in TRACKERS):
        # Each package, and the module it brings, bears the tracker's name.
        if importlib.util.find_spec(name) is None:
            yield Problem("output.trackers", message("preflight.package", package=name))
        elif name in _LOGINS and not _is_local(name, config):
            variable, mark, command = _LOGINS[name]
            if variable not in os.environ and not (Path.home() / mark).is_file():
                told = message("trackers.no_login", name=name, variable=variable, command=command)
                yield Problem("output.trackers", told)
        elif name == "trackio" and config.output.trackio_space and get_token() is None:
            yield Problem("output.trackio_space", message("trackers.no_hub_login"))
    if config.output.trackers and not config.output.tracker_project.strip():
        yield Problem("output.tracker_project", message("trackers.no_project"))


def tracker_arguments(config: RunConfig, run_name: str) -> dict[str, Any]:
    """The TrainingArguments that name the trackers, the project and the run."""
    output = config.output
    return {
        "report_to": list(dict.fromkeys(output.trackers)),
        "run_name": output.tracker_run or run_name,
        "project": output.tracker_project,
        "trackio_space_id": output.trackio_space or None,
        # The default would publish a copy of the finished run on the Hub.
        "trackio_static_space_id": False,
    }


@contextmanager
def tracked(job: Job) -> Iterator[None]:
    """The environment that the callbacks read, for the time of a run; afterwards each tracker's run is closed."""
    wanted = _environment(job.config, job.folder.path, job.workspace.root) if job.config.output.trackers else {}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        _close(job.config.output.trackers)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _is_local(name: str, config: RunConfig) -> bool:
    return config.output.wandb_mode == "offline" if name == "wandb" else config.output.swanlab_mode == "local"


def _environment(config: RunConfig, run: Path, root: Path) -> dict[str, str]:
    output = config.output
    folder = run / "trackers"
    values = {
        "TENSORBOARD_LOGGING_DIR": str(folder / "tensorboard"),
        "WANDB_PROJECT": output.tracker_project,
        "WANDB_MODE": output.wandb_mode,
        "WANDB_DIR": str(folder),
        "MLFLOW_EXPERIMENT_NAME": output.tracker_project,
        "SWANLAB_PROJECT": output.tracker_project,
        "SWANLAB_PROJ_NAME": output.tracker_project,
        "SWANLAB_MODE": output.swanlab_mode,
        "SWANLAB_LOG_DIR": str(folder / "swanlab"),
    }
    if output.wandb_entity:
        values["WANDB_ENTITY"] = output.wandb_entity
    if output.swanlab_workspace:
        values["SWANLAB_WORKSPACE"] = output.swanlab_workspace
    # Local files of these two hold many runs to compare, so they lie beside the runs. What is set already stands.
    if output.mlflow_uri:
        values["MLFLOW_TRACKING_URI"] = output.mlflow_uri
    elif "MLFLOW_TRACKING_URI" not in os.environ:
        values["MLFLOW_TRACKING_URI"] = (root / "trackers" / "mlflow").as_uri()
        # MLflow 3 asks for this word; its database needs packages that mlflow-skinny does not bring.
        values["MLFLOW_ALLOW_FILE_STORE"] = "true"
    if "TRACKIO_DIR" not in os.environ:
        values["TRACKIO_DIR"] = str(root / "trackers" / "trackio")
    folder.mkdir(parents=True, exist_ok=True)
    return values


def _close(names: tuple[str, ...]) -> None:
    """End what a callback has begun, so that the next run of this process begins its own.

    Callbacks do it at the end of a training only, and a run can end in the middle.
    """
    endings = {"wandb": "finish", "mlflow": "end_run", "swanlab": "finish", "trackio": "finish"}
    for name in names:
        module = sys.modules.get(name)
        if name not in endings or module is None or not _has_run(name, module):
            continue
        getattr(module, endings[name])()


def _has_run(name: str, module: Any) -> bool:
    match name:
        case "wandb":
            return module.run is not None
        case "mlflow":
            return module.active_run() is not None
        case "swanlab":
            return module.get_run() is not None
        case _:
            return module.context_vars.current_run.get() is not None
