"""The demo is a recipe of the generator: the same everywhere, sound, and small enough for a first run."""

import json

from tsft.data.preparation import check_dataset
from tsft.data.synth.demo import DEMO, DEMO_ROWS, materialise_demo
from tsft.data.synth.recipe import check_recipe
from tsft.data.synth.rows import synth_row
from tsft.evaluate.scores import score


def test_the_demo_is_written_once_and_holds_the_rows_of_its_recipe(tmp_path):
    path = materialise_demo(tmp_path)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert check_recipe(DEMO) == [] and len(rows) == DEMO_ROWS
    assert rows[123] == json.loads(json.dumps(synth_row(DEMO, 123)))
    before = path.stat().st_mtime_ns
    assert materialise_demo(tmp_path).stat().st_mtime_ns == before


def test_every_row_passes_the_check_and_its_answer_gets_full_marks(tmp_path):
    report = check_dataset("demo", [], tmp_path)
    assert (report.rows_read, report.kept, report.warned) == (DEMO_ROWS, DEMO_ROWS, {})
    for line in materialise_demo(tmp_path).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        assert score(row["output"], json.loads(row["meta"])["label"]).value == 1
        assert len(row["output"]) < 80


def test_both_languages_and_all_tasks_occur():
    metas = [json.loads(synth_row(DEMO, index)["meta"]) for index in range(DEMO_ROWS)]
    assert {each["task"] for each in metas} == set(DEMO.tasks)
    assert 0.4 < sum(each["language"] == "zh" for each in metas) / DEMO_ROWS < 0.6
