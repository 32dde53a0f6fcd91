"""The built-in model reads series before anybody trained it: right on new ones, and lost when it gets other ones."""

from pathlib import Path

from tsft.cli import main
from tsft.evaluate.report import Report
from tsft.store.evaluations import list_evaluations, read_report
from tsft.store.workspace import open_workspace

ROWS = 80
# By task: the least share of right answers. What 500 rows of each show stands on the model card.
LEAST = {"trend": 0.8, "season": 0.75}


def test_on_new_series_it_is_right_in_both_languages_and_with_other_series_it_is_not(tmp_path: Path) -> None:
    asked = {"tasks": ",".join(LEAST), "lengths": "48-96", "series": "1-1", "styles": "short", "seed": 77}
    flags = [word for name, value in asked.items() for word in (f"--{name}", str(value))]
    where = ("--workspace", str(tmp_path))
    assert main(["data", "synth", "new", "--split", "test", "--count", str(ROWS), *flags, *where]) == 0
    how = ("--controls", "swapped", "--no-loss", "--batch-size", "40", "--max-new-tokens", "8")
    assert main(["evaluate", "builtin", "--data", "new", *how, *where]) == 0

    (info,) = list_evaluations(open_workspace(tmp_path))
    report = Report.from_json(read_report(info.folder))
    builtin = report.model("builtin")
    assert {each.task for each in builtin.tasks} == set(LEAST)
    for task in builtin.tasks:
        assert task.everything.right.value >= LEAST[task.task], task.task
        assert set(task.by_language) == {"en", "zh"}
        assert all(part.right.value >= 0.6 for part in task.by_language.values()), task.task
    (blind,) = report.controls
    assert blind.after.value < blind.before.value - 0.15
