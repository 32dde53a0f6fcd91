"""A run's folder: its paths, what it is called, its checkpoints that can be gone on from, and its results."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tsft.config.codec import read_config
from tsft.config.run_config import RunConfig
from tsft.errors import UserError, message
from tsft.run.events import DataUsed, Evaluated, Event, Finished, StepLogged, from_line
from tsft.store.safetensors_header import is_readable
from tsft.store.workspace import Workspace, inside

# Written last into a checkpoint: without it the save was cut off.
COMPLETE = "tsft-complete"
# The weights of a checkpoint that holds only what was trained.
TRAINED_WEIGHTS = "model_trained.safetensors"
# How a run comes from another: the same settings changed or not, its training gone on from a checkpoint to the same
# end or to a later one, or its result trained further.
ORIGINS = ("cloned", "resumed", "extended", "continued")
# The end of `events.jsonl` that is read for a result's step and loss.
TAIL_BYTES = 65_536


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def about(self) -> Path:
        """Its name, when it was made and by whom."""
        return self.path / "about.json"

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def log(self) -> Path:
        return self.path / "run.log"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def adapter(self) -> Path:
        return self.path / "adapter"

    @property
    def model(self) -> Path:
        return self.path / "model"

    @property
    def predictions(self) -> Path:
        return self.path / "predictions.jsonl"

    @property
    def probes(self) -> Path:
        """The rows of the probes, to be shown."""
        return self.path / "probes.json"

    @property
    def drawn(self) -> Path:
        """The questions to which the answers of the run are shown."""
        return self.path / "drawn.json"

    @property
    def failed_rows(self) -> Path:
        """The rows at fault when a run failed."""
        return self.path / "failed_rows.json"

    @property
    def heartbeat(self) -> Path:
        return self.path / "heartbeat.json"

    @property
    def commands(self) -> Path:
        return self.path / "commands.jsonl"

    @property
    def ranks(self) -> Path:
        """Of a run of several processes: a sign of life and a log of each."""
        return self.path / "ranks"


@dataclass(frozen=True)
class RunInfo:
    """A run as the list shows it. Times are seconds since the epoch, 0 when not yet; a loss is None when not known.

    result, checkpoint: folders relative to the run's, "" when there is none; checkpoint is the newest one saved.
    score: how good it became, score_name what that is; for now the best validation loss ("validation_loss").
    answer_score: headline score (0 to 1) of the newest evaluation of what it left, None while there is none; scores
    says more: evaluation (its id), result, score, low, high, rows, tasks (score by task), datasets, at.
    parent: the run this one comes from, "" when from none; origin says how, one of ORIGINS; parent_step is the
    checkpoint it went on from. sweep: the same for all runs of one sweep. versions: of the packages it last ran with.
    host: the machine of a run that was started by hand, while it is in progress.
    data: what it last read. place: where it stands in the queue, the smallest first; None when it does not wait.
    """

    id: str
    name: str
    status: str
    folder: RunFolder
    model: str = ""
    datasets: tuple[str, ...] = ()
    method: str = ""
    created_at: float = 0.0
    started_at: float = 0.0
    ended_at: float = 0.0
    step: int = 0
    steps: int = 0
    loss: float | None = None
    best_validation_loss: float | None = None
    result: str = ""
    checkpoint: str = ""
    size_bytes: int = 0
    heartbeat_at: float = 0.0
    by: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    score: float | None = None
    score_name: str = ""
    answer_score: float | None = None
    scores: Mapping[str, Any] = field(default_factory=dict)
    notes: str = ""
    tags: tuple[str, ...] = ()
    parent: str = ""
    parent_step: int = 0
    origin: str = ""
    sweep: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    data: tuple[DataUsed, ...] = ()
    place: float | None = None
    queued_by: str = ""
    queued_step: int = 0
    host: str = ""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint from which a run can go on."""

    path: Path
    step: int
    loss: float | None
    size_bytes: int
    saved_at: float


@dataclass(frozen=True)
class Result:
    """Something to continue from, chat with or export. name: its path relative to the workspace.

    kind: adapter, model or checkpoint.
    """

    name: str
    path: Path
    kind: str
    run_id: str
    run_name: str
    step: int
    loss: float | None
    saved_at: float


def run_folder(workspace: Workspace, run_id: str) -> RunFolder:
    """The folder of a run, whether or not it exists. Raises UserError when the id would leave the workspace."""
    return RunFolder(inside(workspace.runs, run_id))


def new_folder(workspace: Workspace, name: str) -> RunFolder:
    """A folder made for a run, with a number behind the name where that is taken. UserError when the disk refuses."""
    for number in range(1, 1_000):
        folder = run_folder(workspace, name if number == 1 else f"{name}.{number}")
        try:
            folder.path.mkdir()
            return folder
        except FileExistsError:
            continue
        except OSError as error:
            why = error.strerror or str(error)
            raise UserError(message("file.not_written", path=str(folder.path), why=why)) from error
    raise UserError(message("file.not_written", path=name, why="1,000"))


def all_folders(workspace: Workspace) -> list[RunFolder]:
    """The folders that hold a run, newest id first."""
    found = [RunFolder(path) for path in workspace.runs.iterdir() if (path / "config.json").is_file()]
    return sorted(found, key=lambda folder: folder.id, reverse=True)


def run_config(folder: RunFolder) -> RunConfig:
    """The config a run was started with."""
    return read_config(folder.config)


def read_about(folder: RunFolder) -> Mapping[str, Any]:
    """`about.json`, empty when it is missing or broken."""
    return read_json(folder.about)


def usable_checkpoints(folder: RunFolder) -> list[Checkpoint]:
    """The complete, readable checkpoints of a run, newest step first."""
    if not folder.checkpoints.is_dir():
        return []
    found = (_checkpoint(path) for path in folder.checkpoints.iterdir())
    return sorted((each for each in found if each), key=lambda each: each.step, reverse=True)


def mark_complete(checkpoint: Path) -> None:
    """Say that everything of this checkpoint is on disk, and how long its weights and states are; called last."""
    lengths = {name: (checkpoint / name).stat().st_size for name in _long_files(checkpoint)}
    (checkpoint / COMPLETE).write_text(json.dumps({"bytes": lengths}), encoding="utf-8")


def list_results(workspace: Workspace) -> list[Result]:
    """What can be continued from, newest run first: its adapter or model, then its usable checkpoints."""
    return [result for folder in all_folders(workspace) for result in _results(workspace, folder)]


def is_weights_folder(path: Path) -> bool:
    """Whether the folder holds an adapter or a model whose weights files are all there and readable."""
    names = [file.name for file in path.glob("*.safetensors")]
    if not any(name == "adapter_model.safetensors" or name.startswith("model") for name in names):
        return False
    shards = set(read_json(path / "model.safetensors.index.json").get("weight_map", {}).values())
    return shards <= set(names) and all(is_readable(path / name) for name in names)


def folder_bytes(path: Path) -> int:
    """The size of all files below `path`; files that vanish meanwhile count as nothing."""
    total = 0
    for file in path.rglob("*"):
        try:
            total += file.lstat().st_size if file.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def remove_folder(folder: RunFolder) -> None:
    """Delete a run's folder; under another name first, so that a half-deleted run is never listed."""
    gone = folder.path.with_name(f".deleted-{folder.id}")
    folder.path.rename(gone)
    shutil.rmtree(gone)


def read_json(path: Path) -> Mapping[str, Any]:
    """The JSON object in a file, empty when there is none or it is not one."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return tree if isinstance(tree, dict) else {}


def _checkpoint(path: Path) -> Checkpoint | None:
    """The checkpoint at `path`, or None when anything that going on needs is missing, empty or of another step."""
    number = path.name.rpartition("-")[2]
    if not path.is_dir() or not number.isdecimal() or not (path / COMPLETE).is_file():
        return None
    state = read_json(path / "trainer_state.json")
    if state.get("global_step") != int(number) or not is_weights_folder(path):
        return None
    # DeepSpeed has the optimizer in a part for each process.
    optimizer = [*path.glob("global_step*/*optim_states.pt")] or [path / "optimizer.pt"]
    if not all(part.is_file() and part.stat().st_size > 0 for part in (*optimizer, path / "scheduler.pt")):
        return None
    # A file that was cut short since: a full disk while it was copied, a repair after a power cut.
    lengths = read_json(path / COMPLETE).get("bytes", {})
    if any(not (path / name).is_file() or (path / name).stat().st_size != length for name, length in lengths.items()):
        return None
    saved_at = (path / COMPLETE).stat().st_mtime
    return Checkpoint(path, int(number), _logged_loss(state), folder_bytes(path), saved_at)


def _long_files(checkpoint: Path) -> list[str]:
    """Weights and states, relative to the checkpoint. What is written again later is not among them."""
    found = (file for file in checkpoint.rglob("*") if file.suffix in (".safetensors", ".pt", ".pth", ".bin"))
    return sorted(file.relative_to(checkpoint).as_posix() for file in found)


def _logged_loss(trainer_state: Mapping[str, Any]) -> float | None:
    """The newest validation loss in a trainer's state, else its newest training loss."""
    logged = [entry for entry in trainer_state.get("log_history") or [] if isinstance(entry, Mapping)]
    for name in ("eval_loss", "loss"):
        losses = [entry[name] for entry in logged if isinstance(entry.get(name), (int, float))]
        if losses:
            return float(losses[-1])
    return None


def _results(workspace: Workspace, folder: RunFolder) -> Iterator[Result]:
    run_name = str(read_about(folder).get("name") or folder.id)
    for kind, path in (("adapter", folder.adapter), ("model", folder.model)):
        if is_weights_folder(path):
            step, loss = _last_reading(folder)
            name = path.relative_to(workspace.root).as_posix()
            yield Result(name, path, kind, folder.id, run_name, step, loss, path.stat().st_mtime)
    for each in usable_checkpoints(folder):
        name = each.path.relative_to(workspace.root).as_posix()
        yield Result(name, each.path, "checkpoint", folder.id, run_name, each.step, each.loss, each.saved_at)


def _last_reading(folder: RunFolder) -> tuple[int, float | None]:
    """The last step and loss (validation before training) in the end of `events.jsonl`."""
    step, loss, validation_loss = 0, None, None
    for event in _tail(folder.events):
        match event:
            case StepLogged():
                step, loss = event.step, event.loss
            case Evaluated():
                step, validation_loss = event.step, event.loss
            case Finished():
                step = event.step
    return step, loss if validation_loss is None else validation_loss


def _tail(path: Path) -> Iterator[Event]:
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        lines = file.read().decode("utf-8", errors="replace").split("\n")
    for line in lines:
        try:
            yield from_line(line)
        except ValueError:
            continue  # the first line is cut by the seek, the last may be by a crash
