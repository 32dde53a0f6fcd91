"""The readiness card on the page: everything is said in five languages, and what people wrote stays text."""

from dataclasses import replace

import pytest

from tsft.errors import Problem, message
from tsft.i18n import LANGUAGES
from tsft.run.events import Group
from tsft.run.readiness import (
    DatasetCounts,
    DroppedRows,
    Examined,
    MemoryEstimate,
    MemoryPart,
    Readiness,
    TimeEstimate,
    Trial,
    bars_of,
)
from tsft.ui.readiness import examined_html

GIB = 1024**3
READY = Readiness(
    model="<b>mine</b>",
    parameters=4_200_000,
    parameters_trained=500_000,
    method="lora",
    encoder="full",
    encoder_is_new=True,
    trains_positions=True,
    groups=(Group("llm", 200_000, 1e-4), Group("encoder", 300_000, 2e-4)),
    device="cpu",
    precision="fp32",
    datasets=(DatasetCounts("<i>data</i>", 10, 8, (DroppedRows(2, message("data.none_left", read=2)),), cut=1),),
    rows_train=7,
    rows_validation=1,
    tokens_median=60,
    tokens_longest=90,
    cutoff_length=100,
    bars=bars_of([10, 20, 60, 60, 70, 90, 90]),
    steps=12,
    epochs=3.0,
    batch_size=2,
    batch_tokens=180,
    memory=MemoryEstimate("cpu", (MemoryPart("process", GIB), MemoryPart("weights", GIB)), 4 * GIB),
    time=TimeEstimate(60.0, 5.0, "guess"),
    disk_bytes=GIB,
    disk_free_bytes=9 * GIB,
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_card_is_whole_and_escaped_in_every_language(language: str) -> None:
    shown = examined_html(Examined(1, True, is_done=True, readiness=READY, trial=Trial(GIB, 4.0, 2)), language)

    assert "<b>mine" not in shown and "<i>data" not in shown and "&lt;b&gt;mine" in shown
    assert "page.ready." not in shown and "data.report." not in shown
    assert shown.count("<rect") == len(READY.bars) and 'class="cutoff"' in shown
    assert 'class="box good"' in shown and 'data-look="done"' in shown


def test_a_run_that_does_not_fit_names_the_change() -> None:
    change = Problem("schedule.batch_size", message("readiness.change.batch_size", value=1, accumulation=8, mib=900))
    tight = replace(READY, memory=replace(READY.memory, available_bytes=GIB), change=change)

    shown = examined_html(Examined(1, is_done=True, readiness=tight), "en")

    assert 'class="box bad"' in shown and "batch size of 1 and 8 accumulation steps" in shown


def test_a_look_under_way_says_what_it_does() -> None:
    shown = examined_html(Examined(1, phase="encoding", subject="<u>", done=5, total=10), "en")

    assert "50 %" in shown and "&lt;u&gt;" in shown and 'data-look="working"' in shown


def test_a_look_that_was_given_up_says_so() -> None:
    assert "given up" in examined_html(Examined(1, is_done=True), "en")


def test_a_far_cut_off_is_told_but_not_drawn() -> None:
    shown = examined_html(Examined(1, is_done=True, readiness=replace(READY, cutoff_length=4096)), "en")

    assert 'class="cutoff"' not in shown and "cut-off at 4,096" in shown
