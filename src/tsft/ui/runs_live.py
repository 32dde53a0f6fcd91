"""Keeps an open Runs tab up to date while runs go on: sends what changed since this session was last sent something.

A row's cells are put into the table in place, so that ticks, focus and scrolling stay; a table with other rows is
drawn anew. Nothing that a person types in is touched.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import gradio as gr

from tsft.run.state import ACTIVE
from tsft.ui.run_rows import RunPage, RunTold
from tsft.ui.runs_table import live_cells

# The Train tab's clock runs faster; a list is read, not watched.
SECONDS = 2.0
# What of the chosen run is drawn, in the order in which it is sent.
PARTS = ("summary", "chart", "details", "log")
# Puts the cells that came into the rows that stand.
PATCH = """
const put = () => {
  const feed = element.querySelector('[data-cells]');
  if (!feed) return;
  for (const [run, cells] of Object.entries(JSON.parse(feed.dataset.cells))) {
    const row = document.querySelector(`#runs-table tr[data-run="${CSS.escape(run)}"]`);
    if (row) for (const [name, html] of Object.entries(cells)) {
      const cell = row.querySelector('td.' + name);
      if (cell && cell.innerHTML !== html) cell.innerHTML = html;
    }
  }
};
new MutationObserver(put).observe(element, { childList: true, subtree: true });
"""


def shown(page: RunPage, told: RunTold | None, parts: Sequence[str], chosen: str, language: str) -> dict[str, Any]:
    """What a session has been sent: which rows with which cells, and the chosen run's parts by their checksums."""
    return {
        "chosen": chosen,
        "rows": [each.id for each in page.rows],
        "total": page.total,
        "cells": {each.id: live_cells(each, language) for each in page.rows},
        "parts": [zlib.crc32(each.encode()) for each in parts],
        "controls": controls_of(told),
        "is_going_on": told is not None and is_going_on(told),
    }


def is_going_on(told: RunTold) -> bool:
    """Whether a run may still have something new to tell."""
    return told.row.status in ACTIVE or told.row.status == "queued" or told.state.is_active


def controls_of(told: RunTold | None) -> list[Any]:
    """What the buttons beside the run depend on."""
    return [] if told is None else [told.row.status, *(each.step for each in told.checkpoints)]


def changed_cells(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The feed of the rows whose cells are others now; "" when none is."""
    changed = {run: cells for run, cells in now["cells"].items() if before["cells"].get(run) != cells}
    return f'<div data-cells="{escape(json.dumps(changed, ensure_ascii=False))}"></div>' if changed else ""


def changed_parts(before: Mapping[str, Any], now: Mapping[str, Any], parts: Sequence[str]) -> list[Any]:
    """Each part of the chosen run that is another one now; the others are skipped."""
    same = [one == other for one, other in zip(before["parts"], now["parts"], strict=True)]
    is_same_run = before["chosen"] == now["chosen"]
    return [gr.skip() if is_same_run and each else part for each, part in zip(same, parts, strict=True)]
