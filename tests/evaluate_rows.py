"""Rows of the generator as the evaluation sees them; small helpers for its tests."""

import json
from typing import Any

import numpy as np

from tsft.data.synth.recipe import SynthRecipe
from tsft.data.synth.rows import synth_rows
from tsft.evaluate.answers import Question


def generated(count: int, seed: int = 1, **recipe: Any) -> list[dict[str, Any]]:
    """Rows with `meta` read: input, output, timeseries, label, series."""
    rows = []
    for row in synth_rows(SynthRecipe(count=count, seed=seed, **recipe)):
        meta = json.loads(row["meta"])
        rows.append({**row, "label": meta["label"], "series": meta["series"]})
    return rows


def question(row: dict[str, Any]) -> Question:
    return Question(row["label"], tuple(np.asarray(each) for each in row["timeseries"]))
