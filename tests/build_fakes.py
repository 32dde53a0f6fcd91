"""Tables for the builder's tests, and short ways to their rows."""

import json
from datetime import datetime

import numpy as np

from tsft.data.builder.dataset import survey
from tsft.data.builder.recipe import BuildRecipe
from tsft.data.builder.rows import Tally, rows_of


def meta(row):
    return json.loads(row["meta"])


def hours(count, step=3600, first="2024-01-01 00:00:00"):
    start = datetime.fromisoformat(first).timestamp()
    return [datetime.fromtimestamp(start + step * place).isoformat(sep=" ") for place in range(count)]


def wave(count, seed=0):
    noise = np.random.default_rng(seed).normal(size=count)
    return np.round(10 * np.sin(np.arange(count) / 7) + noise.cumsum() / 5, 3).tolist()


def wide(tmp_path, count=400, name="plant.csv", label=lambda place: int(150 <= place < 165), **columns):
    """A table of one hour steps with two value columns and a label."""
    given = {"temperature (°C)": wave(count), "flow": wave(count, 1), **columns}
    lines = [",".join(["time", *given, "anomaly"])]
    for place, time in enumerate(hours(count)):
        lines.append(",".join([time, *(str(values[place]) for values in given.values()), str(label(place))]))
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def recipe_for(path, **changes):
    return BuildRecipe(**{"sources": (str(path),), "window": 64, **changes})


def all_rows(recipe):
    plan = survey(recipe)
    return [row for split in plan.windows for row in rows_of(plan, split, Tally())]
