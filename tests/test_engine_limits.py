"""What this machine cannot do is known before Start, in the words of the refusal."""

from pathlib import Path

import pytest

from tsft.config.run_config import RunConfig
from tsft.config.schema import setting_by_key, with_values
from tsft.engine import limits as limits_module
from tsft.engine.limits import limits
from tsft.engine.preflight import preflight
from tsft.errors import Problem, message
from tsft.store.workspace import open_workspace


def test_start_refuses_every_limited_choice_in_the_same_words(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path)
    for (key, choice), why in limits().items():
        value = {"True": True}.get(choice, choice)
        chosen = (value,) if setting_by_key()[key].is_list else value
        config = with_values(RunConfig(), {"model.name": "organisation/model", key: chosen})
        found = [each for each in preflight(config, workspace) if each.field == key and not each.is_warning]
        assert why in [each.message for each in found], (key, choice)


def test_every_choice_and_switch_is_asked_for_and_warnings_are_no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = set()

    def machine(config: RunConfig) -> list[Problem]:
        asked.add((config.optim.optimizer, config.model.liger, config.output.trackers, config.model.precision))
        wrong = config.output.trackers == ("mlflow",)
        warned = [Problem("model.precision", message("preflight.bf16_is_slow"), is_warning=True)]
        return warned + [Problem("output.trackers", message("preflight.package", package="mlflow"))] * wrong

    monkeypatch.setattr(limits_module, "machine_problems", machine)
    assert limits.__wrapped__() == {("output.trackers", "mlflow"): message("preflight.package", package="mlflow")}
    default = RunConfig()
    optimizers = {each[0] for each in asked}
    assert optimizers == set(setting_by_key()["optim.optimizer"].facts.choices)
    assert (default.optim.optimizer, True, (), default.model.precision) in asked
