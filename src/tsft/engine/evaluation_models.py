"""Which models an evaluation asks: results of runs, folders and base models by name, and the bases they came from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tsft.config.catalog import base_model, is_hub_name
from tsft.config.run_config import EncoderSettings, ModelSettings, RunConfig
from tsft.engine.quantised import as_settings, wished
from tsft.engine.restore import result_folder
from tsft.errors import Problem, UserError, message
from tsft.model.changes import ModelChanges
from tsft.model.families import read_record
from tsft.model.quantization import Quantization
from tsft.run.evaluation import EvaluationSettings
from tsft.store.models import local_model
from tsft.store.runs import Result, RunFolder, list_results, run_config
from tsft.store.workspace import Workspace


@dataclass(frozen=True)
class Candidate:
    """A model to evaluate. name: as the report shows it; source: as it was asked for (a result, a folder, a base).

    config: of the model alone. trained: the config of its run, whose system prompt and labels it is asked with; of a
    base that goes with a result, that of the result.
    """

    name: str
    source: str
    config: RunConfig
    trained: RunConfig


def candidates(settings: EvaluationSettings, workspace: Workspace) -> tuple[list[Candidate], list[Problem]]:
    """The models in the order in which they are asked, each base once, and what is wrong with the names."""
    results = {each.name: each for each in list_results(workspace)}
    found: list[Candidate] = []
    problems: list[Problem] = []
    for source in dict.fromkeys(each.strip() for each in settings.models):
        try:
            found.append(_candidate(source, results, settings.precision, workspace))
        except UserError as error:
            problems += [Problem("models", each.message) for each in error.problems]
    if settings.with_base:
        found += _bases(found, workspace)
    return _with_different_names(found), problems


def base_of(config: RunConfig, workspace: Workspace) -> RunConfig | None:
    """The config of the base model below the result in `model.continue_from`, through all the runs between them.

    None where there is no result, or where nothing says what it was made from. UserError where the result is not there;
    of a run in between that was deleted, the adapter itself still says it.
    """
    earlier, seen = config.model.continue_from, set()
    while earlier and earlier not in seen:
        seen.add(earlier)
        path = result_folder(earlier, workspace)
        trained = _run_of(path)
        if trained is None or _is_gone(trained.model.continue_from, workspace):
            trained = _told_by_adapter(path, workspace)
        if trained is None:
            return None
        if not trained.model.continue_from:
            model = replace(trained.model, precision=config.model.precision)
            return RunConfig(model=model, encoder=trained.encoder, quantization=trained.quantization)
        earlier = trained.model.continue_from
    return None


def _candidate(source: str, results: dict[str, Result], precision: str, workspace: Workspace) -> Candidate:
    result = results.get(source)
    if result is not None:
        trained = run_config(RunFolder(workspace.runs / result.run_id))
        name = f"{result.run_name} @ {result.step:,}" if result.kind == "checkpoint" else result.run_name
        return Candidate(name, source, _continued(source, precision, trained), trained)
    try:
        path = result_folder(source, workspace) if source else None
    except UserError:
        path = None
    is_of_run = path is not None and _run_of(path) is not None
    is_base = base_model(source) is not None or local_model(workspace, ModelSettings(name=source)) is not None
    if source and is_base and not is_of_run:
        config = RunConfig(model=ModelSettings(name=source, precision=precision))
        return Candidate(Path(source).name, source, config, RunConfig())
    if path is not None:
        if not any((path / each).is_file() for each in ("adapter_config.json", "config.json")):
            raise UserError(message("restore.not_a_result", path=source))
        trained = _run_of(path) or RunConfig()
        return Candidate(path.name, source, _continued(source, precision, trained), trained)
    if is_hub_name(source):
        return Candidate(source, source, RunConfig(model=ModelSettings(name=source, precision=precision)), RunConfig())
    raise UserError(message("evaluation.no_such_model", name=source))


def _continued(source: str, precision: str, trained: RunConfig) -> RunConfig:
    attention = trained.model.attention
    return RunConfig(model=ModelSettings(continue_from=source, precision=precision, attention=attention))


def _bases(found: Sequence[Candidate], workspace: Workspace) -> Iterator[Candidate]:
    """The base of each result that is not among them already."""
    known = [each.config for each in found]
    for each in found:
        base = base_of(each.config, workspace)
        if base is None or any(_is_same(base, one) for one in known):
            continue
        known.append(base)
        yield Candidate(_base_name(base), base.model.name, base, each.trained)


def _base_name(base: RunConfig) -> str:
    """One that is held in few bits is another model than the same by its name alone."""
    name, held = Path(base.model.name).name or base.model.name, wished(base)
    return name if held is None else f"{name}, {held.name}"


def _is_same(base: RunConfig, other: RunConfig) -> bool:
    """Whether both are one model, whatever way of computing it the runs chose."""
    model = replace(other.model, attention=base.model.attention, liger=base.model.liger)
    if model != base.model or other.quantization != base.quantization:
        return False
    # A base that was named by itself says nothing of an encoder; the run's own is meant.
    return other.encoder in (base.encoder, RunConfig().encoder)


def _with_different_names(found: Sequence[Candidate]) -> list[Candidate]:
    """Two runs may share a name; what is behind it then tells them apart."""
    names = [each.name for each in found]
    return [
        each if names.count(each.name) == 1 else replace(each, name=f"{each.name} ({_apart(each.source)})")
        for each in found
    ]


def _apart(source: str) -> str:
    return "/".join(part for part in Path(source).parts if part not in ("runs", "checkpoints")) or source


def _run_of(path: Path) -> RunConfig | None:
    """The config of the run that left this folder, None when none did."""
    for folder in (path.parent, path.parent.parent):
        if (folder / "config.json").is_file() and (folder / "about.json").is_file():
            return run_config(RunFolder(folder))
    return None


def _is_gone(earlier: str, workspace: Workspace) -> bool:
    """Whether a run went on from something that is not there any more."""
    try:
        return bool(earlier) and not result_folder(earlier, workspace)
    except UserError:
        return True


def _told_by_adapter(path: Path, workspace: Workspace) -> RunConfig | None:
    """What a run that left this adapter must have begun with, from what it says of itself; None where it is none."""
    record = read_record(path)
    base = str(record.get("base") or "")
    if not base:
        return None
    if (workspace.root / base / "adapter_config.json").is_file():
        return RunConfig(model=ModelSettings(continue_from=base))
    changes = ModelChanges.from_json(record.get("changes"))
    model = ModelSettings(
        name=base,
        hub=record.get("hub") or "huggingface",
        revision=record.get("revision") or "",
        rope_scaling=changes.rope_scaling,
        rope_factor=changes.rope_factor,
        resize_vocabulary=changes.resizes_vocabulary,
        new_tokens=changes.new_tokens,
    )
    encoder = replace(EncoderSettings(), **(record.get("new_encoder") or {}))
    held = as_settings(Quantization.from_json(record.get("quantization")))
    return RunConfig(model=model, encoder=encoder, quantization=held)
