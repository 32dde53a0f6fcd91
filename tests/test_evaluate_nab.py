"""A full report with baselines on the Numenta recordings, fitted on their earlier and asked about their later part."""

import json
from pathlib import Path

import numpy as np
import pytest

from tsft.data.builder.dataset import build
from tsft.data.builder.recipe import BuildRecipe
from tsft.evaluate.answers import Question
from tsft.evaluate.baselines import BASELINES, fit_baselines
from tsft.evaluate.field_reports import Drawing
from tsft.evaluate.predictions import Prediction
from tsft.evaluate.reporting import answered_by, make_report

NAB = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "nab"


def read(path):
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(json.loads(row["meta"]), [np.asarray(each) for each in row["timeseries"]], row["output"]) for row in rows]


@pytest.mark.skipif(not NAB.is_dir(), reason="the shared data is not here")
def test_the_recordings_get_a_whole_report_with_baselines(tmp_path):
    recipe = BuildRecipe(
        sources=(str(NAB / "machine_temperature_system_failure.csv"),),
        intervals=str(NAB / "combined_windows.json"),
        tasks={"anomalies": 1.0, "anomaly_near": 1.0},
        questions=2,
        test=0.4,
    )
    built = build(recipe, "machine", tmp_path / "d", tmp_path / "c")
    train, test = read(built.paths["train"]), read(built.paths["test"])
    baselines = fit_baselines([Question(about["label"], tuple(series)) for about, series, _ in train])
    own = [Prediction(place, about["series"], about["label"], text) for place, (about, _, text) in enumerate(test)]
    answers = answered_by(baselines, own, [series for _, series, _ in test])
    report = make_report({"labels": own}, baselines=answers, drawing=Drawing(resamples=200))
    assert {each.name for each in report.models} == {"labels", *BASELINES} - {"nearest"}
    assert report.series > 10 and report.model("labels").everything.right.value == 1
    for model in report.models:
        metrics = model.task("anomalies").fields[0].metrics
        assert {"event_f1_10", "event_f1_50", "composite_f1", "false_alarms_per_1000"} <= set(metrics)
        assert model.everything.score.low is not None and model.everything.unread.value == 0
    # The windows of this recording are long: calling everything anomalous sets the mark for forgiving metrics.
    floor = report.model("all_anomalous").task("anomalies").fields[0].metrics
    assert floor["affiliation_f1"].value > 0.5 and floor["quiet_share"].value == 0
