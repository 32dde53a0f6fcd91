"""An evaluation's folder: its settings, its answers as they come, its report. The folder is the truth.

`evaluation.json` says what was asked and how it ended; `predictions.jsonl` grows by a line an answer, so that a stop or
a crash loses nothing; `report.json` is made from it in the end (also after a stop).
"""

import dataclasses
import json
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tsft.atomic import write_json
from tsft.errors import Message, UserError, message
from tsft.run.evaluation import EvaluationSettings
from tsft.store.owner import Owner, is_alive, this_process
from tsft.store.runs import read_json
from tsft.store.workspace import Workspace, inside, readable_part

# A crash leaves "running" behind; it is told as "interrupted" once the process is gone.
RUNNING, STOPPED, FINISHED, FAILED, INTERRUPTED = "running", "stopped", "finished", "failed", "interrupted"


@dataclass(frozen=True)
class EvaluationFolder:
    """The paths of one evaluation."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def about(self) -> Path:
        return self.path / "evaluation.json"

    @property
    def predictions(self) -> Path:
        return self.path / "predictions.jsonl"

    @property
    def judged(self) -> Path:
        """What the page found when it judged the answers of a large evaluation; may be deleted at any time."""
        return self.path / "judged.json"

    @property
    def losses(self) -> Path:
        """A line a row that was measured: model, dataset, row, loss (mean a trained token) and tokens."""
        return self.path / "losses.jsonl"

    @property
    def report(self) -> Path:
        """`evaluate.report.Report` as JSON; of the mode "chatts" a `ChattsReport` by model."""
        return self.path / "report.json"


@dataclass(frozen=True)
class EvaluationInfo:
    """An evaluation as the list shows it. Times are seconds since the epoch.

    models: all that are evaluated, with the bases that were asked for, as the report names them. losses: mean loss a
    trained token by model and dataset, (model, dataset, loss). scores: headline score by model ("score", 0 to 1).
    left_out: rows that were too long or could not be read. by: who asked.
    sources: by model, what was asked for: a result ("runs/ID/adapter"), a folder or a base model. headlines: by model
    score, low, high, rows and the score of each task ("tasks"). complete: models that have answered everything.
    left_out_by: rows that were too long for a model. contents: hash of each dataset. notes, problems: as told.
    """

    id: str
    name: str
    status: str
    folder: EvaluationFolder
    settings: EvaluationSettings = field(default_factory=EvaluationSettings)
    models: tuple[str, ...] = ()
    created_at: float = 0.0
    ended_at: float = 0.0
    answered: int = 0
    losses: tuple[tuple[str, str, float], ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    left_out: int = 0
    by: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    headlines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    complete: tuple[str, ...] = ()
    left_out_by: Mapping[str, int] = field(default_factory=dict)
    contents: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Message, ...] = ()
    problems: tuple[Message, ...] = ()


@dataclass(frozen=True)
class AnsweredRow:
    """A line of `predictions.jsonl`. control: "" for the row as it is. prediction: `evaluate.predictions.Prediction`,
    whose `row` is the row's number in the dataset from 0, as `data.row_access` counts.

    loss: of the row's own answer, None where it was not measured. The row itself is read from its dataset.
    """

    model: str
    dataset: str
    control: str
    prediction: Mapping[str, Any]
    loss: float | None = None


def evaluation_folder(workspace: Workspace, evaluation_id: str) -> EvaluationFolder:
    """The folder of an evaluation, whether or not it exists. UserError when the id would leave the workspace."""
    return EvaluationFolder(inside(workspace.evaluations, evaluation_id))


def new_evaluation(
    workspace: Workspace,
    settings: EvaluationSettings,
    models: Iterable[str],
    by: str = "",
    sources: Mapping[str, str] | None = None,
) -> EvaluationFolder:
    """A folder for an evaluation that begins now, in this process."""
    named = list(models)
    name = settings.name or " · ".join(named)
    start = f"{time.strftime('%Y%m%d-%H%M%S')}-{readable_part(name)}"
    for number in range(1, 1_000):
        folder = EvaluationFolder(workspace.evaluations / (start if number == 1 else f"{start}.{number}"))
        try:
            folder.path.mkdir(parents=True)
            break
        except FileExistsError:
            continue
        except OSError as error:
            why = error.strerror or str(error)
            raise UserError(message("file.not_written", path=str(folder.path), why=why)) from error
    about = {"name": name, "created_at": time.time(), "by": by, "models": named, "sources": dict(sources or {})}
    write_json(folder.about, {**about, "settings": dataclasses.asdict(settings), **_owned()})
    return folder


def note(folder: EvaluationFolder, **changes: Any) -> None:
    """Write how it stands: any field of `EvaluationInfo` but settings and folder; "running" says by this process."""
    owned = _owned() if changes.get("status") == RUNNING else {}
    told = [name for name in ("notes", "problems") if name in changes]
    changes |= {name: [each.to_json() for each in changes[name]] for name in told}
    write_json(folder.about, {**read_json(folder.about), **owned, **changes})


def list_evaluations(workspace: Workspace) -> list[EvaluationInfo]:
    """Every evaluation that can be read, the newest first; what is being deleted is none."""
    if not workspace.evaluations.is_dir():
        return []
    folders = [path for path in workspace.evaluations.iterdir() if not path.name.startswith(".")]
    found = [read_evaluation(each) for each in map(EvaluationFolder, folders) if read_json(each.about)]
    return sorted(found, key=lambda each: (each.created_at, each.id), reverse=True)


def read_evaluation(folder: EvaluationFolder) -> EvaluationInfo:
    """What `evaluation.json` says. UserError when there is no such evaluation."""
    told = read_json(folder.about)
    if not told:
        raise UserError(message("evaluation.unknown", id=folder.id))
    known = {each.name for each in dataclasses.fields(EvaluationInfo)} - {"id", "folder", "settings", "status"}
    values = {name: value for name, value in told.items() if name in known}
    for name in ("models", "losses", "complete"):
        values[name] = tuple(tuple(each) if isinstance(each, list) else each for each in told.get(name) or ())
    for name in ("notes", "problems"):
        values[name] = tuple(Message.from_json(each) for each in told.get(name) or ())
    settings = _settings(told.get("settings") or {})
    return EvaluationInfo(id=folder.id, folder=folder, settings=settings, status=_status(told), **values)


def read_answers(folder: EvaluationFolder) -> Iterator[AnsweredRow]:
    """The answers so far; a line that was cut off is left out."""
    if not folder.predictions.is_file():
        return
    with folder.predictions.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                told = json.loads(line)
                yield AnsweredRow(**told)
            except (ValueError, TypeError):
                continue


def answer_line(answer: AnsweredRow) -> str:
    """The line of an answer, with its end."""
    return json.dumps(dataclasses.asdict(answer), ensure_ascii=False) + "\n"


def read_report(folder: EvaluationFolder) -> Mapping[str, Any]:
    """The report as JSON, empty while there is none."""
    return read_json(folder.report)


def delete_evaluation(folder: EvaluationFolder) -> None:
    """Delete the folder; under another name first, so that a half-deleted one is never listed.

    UserError while it is under way, and with what is left where the disk refuses.
    """
    if _status(read_json(folder.about)) == RUNNING:
        raise UserError(message("evaluation.in_progress", name=folder.id))
    gone = folder.path.with_name(f".deleted-{folder.id}")
    try:
        folder.path.rename(gone)
    except OSError as error:
        raise _not_deleted(folder.path, error) from error
    try:
        shutil.rmtree(gone)
    except OSError as error:
        raise _not_deleted(gone, error) from error


def _not_deleted(path: Path, error: OSError) -> UserError:
    return UserError(message("evaluation.not_deleted", path=str(path), why=error.strerror or str(error)))


def _owned() -> dict[str, Any]:
    return {"status": RUNNING, "owner": dataclasses.asdict(this_process())}


def _status(told: Mapping[str, Any]) -> str:
    status = str(told.get("status") or INTERRUPTED)
    if status != RUNNING:
        return status
    try:
        return RUNNING if is_alive(Owner(**told["owner"])) else INTERRUPTED
    except (KeyError, TypeError):
        return INTERRUPTED


def _settings(tree: Mapping[str, Any]) -> EvaluationSettings:
    """As they were written; what this version does not know is left out."""
    names = {each.name for each in dataclasses.fields(EvaluationSettings)}
    known: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in tree.items() if name in names
    }
    return EvaluationSettings(**known)
