"""What evaluation exists for: a model that learnt from a generated set beats its base, and looks at the series."""

from pathlib import Path

import pytest

from tsft.cli import main
from tsft.evaluate.report import Report
from tsft.i18n import say
from tsft.store.evaluations import list_evaluations, read_report
from tsft.store.workspace import open_workspace

pytestmark = pytest.mark.slow

GENERATED = ("--tasks", "trend", "--languages", "en=1", "--styles", "short", "--lengths", "48-64", "--series", "1-1")


def generate(root: Path, name: str, count: int, split: str) -> None:
    how = ("--difficulty", "easy", "--seed", "1", "--split", split, "--count", str(count))
    assert main(["data", "synth", name, "--workspace", str(root), *GENERATED, *how]) == 0


def test_a_model_trained_on_a_generated_set_beats_its_base_and_blinded_falls_to_the_majority(tmp_path: Path) -> None:
    generate(tmp_path, "learnt", 2_080, "train")
    generate(tmp_path, "held", 100, "test")
    assert main(["models", "new", "untrained", "--text", "learnt", "--workspace", str(tmp_path)]) == 0
    settings = {
        "model.name": str(tmp_path / "models" / "untrained"),
        "data.datasets": "learnt", "data.validation": "none", "tuning.method": "full",
        "schedule.batch_size": 16, "schedule.gradient_accumulation": 1, "schedule.max_steps": 130,
        "optim.learning_rate": 3e-3, "output.name": "trend",
    }  # fmt: skip
    flags = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    assert main(["train", "--workspace", str(tmp_path), *flags]) == 0
    how = ("--with-base", "--controls", "swapped", "--batch-size", "32", "--max-new-tokens", "8")
    assert main(["evaluate", "trend", "--data", "held", "--workspace", str(tmp_path), *how]) == 0

    (info,) = list_evaluations(open_workspace(tmp_path))
    report = Report.from_json(read_report(info.folder))
    tuned, base = (report.model(name).everything.score for name in ("trend", "untrained"))
    assert tuned.low > base.high and tuned.low > report.model("majority").everything.score.high
    blind = next(each for each in report.controls if (each.model, each.control) == ("trend", "swapped"))
    assert blind.after.low < blind.majority.value < blind.before.low  # no better than the most frequent answer
    told = [say("en", each) for each in report.verdicts]
    assert any(each.startswith("trend is better than untrained") for each in told)
    assert any(each.startswith("trend looks at the series") and "no better than" in each for each in told)
