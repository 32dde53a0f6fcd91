"""Which base stands below a result, also when what lay between them was deleted."""

from pathlib import Path

from tsft.atomic import write_json
from tsft.config.codec import to_json
from tsft.config.run_config import ModelSettings, RunConfig
from tsft.engine.evaluation_models import base_of, candidates
from tsft.run.evaluation import EvaluationSettings
from tsft.store.workspace import Workspace, open_workspace

SECOND = "runs/second/adapter"


def left(workspace: Workspace, run: str, model: ModelSettings, **record: str) -> None:
    """What a run that began with this model left: an adapter that says of itself what `record` holds."""
    adapter = workspace.runs / run / "adapter"
    adapter.mkdir(parents=True)
    write_json(adapter.parent / "config.json", to_json(RunConfig(model=model)))
    write_json(adapter.parent / "about.json", {"name": run})
    (adapter / "adapter_config.json").write_text("{}")
    write_json(adapter / "tsft.json", record)


def test_a_result_of_a_deleted_run_in_between_still_knows_its_base(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "workspace")
    left(workspace, "second", ModelSettings(continue_from="runs/first/adapter"), base="builtin")
    found = base_of(RunConfig(model=ModelSettings(continue_from=SECOND)), workspace)
    assert found is not None and (found.model.name, found.model.continue_from) == ("builtin", "")
    models, problems = candidates(EvaluationSettings(models=(SECOND,), with_base=True), workspace)
    assert problems == [] and [each.source for each in models] == [SECOND, "builtin"]


def test_a_result_that_says_nothing_of_its_base_has_none(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "workspace")
    left(workspace, "second", ModelSettings(continue_from="runs/first/adapter"))
    assert base_of(RunConfig(model=ModelSettings(continue_from=SECOND)), workspace) is None
