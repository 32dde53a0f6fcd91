"""Probes are asked before training and at each evaluation, and training does not notice."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.engine_runs import Bench, losses, small
from tsft.config.check import check
from tsft.config.probe_rules import Pin, parse_pin
from tsft.engine.probes import Probing, Question
from tsft.errors import UserError
from tsft.model.loading import load
from tsft.run.board import Board, replay
from tsft.run.ports import Stopped
from tsft.store.shown_rows import read_rows

ASKED = {"probes__source": "validation", "probes__count": 2, "probes__max_tokens": 6, "output__eval_steps": 2}


@pytest.mark.parametrize("method", ["lora", pytest.param("full", marks=pytest.mark.slow)])
def test_the_curve_is_the_same_to_the_last_bit_with_and_without_probes(bench: Bench, method: str) -> None:
    plain = bench.run(small(tuning__method=method, output__eval_steps=2, lora__dropout=0.1))
    asked = bench.run(small(tuning__method=method, lora__dropout=0.1, **ASKED))

    assert losses(bench.events(asked)) == losses(bench.events(plain))
    assert asked.validation_loss.points == plain.validation_loss.points
    assert [(each.step, each.probe) for each in asked.samples] == [(0, 1), (0, 2), (2, 1), (2, 2), (4, 1), (4, 2)]
    assert all(each.answer for each in asked.samples)


def test_the_rows_of_the_probes_are_kept_with_the_run_and_the_record_replays(bench: Bench) -> None:
    state = bench.run(small(**ASKED))
    folder = bench.record.get(state.run_id).folder

    rows = read_rows(folder.probes)

    assert [row.source for row in rows] == [probe.source for probe in state.probes]
    assert all(row.series and row.turns[-1]["role"] == "user" for row in rows)
    assert all(probe.expected for probe in state.probes)
    assert replay(folder.events).samples == state.samples


def test_pinned_rows_are_asked_with_their_own_or_a_typed_question(bench: Bench) -> None:
    pinned = ["demo:3", "demo:1 Is it rising, or falling?", "demo:99999"]
    state = bench.run(small(**{**ASKED, "probes__source": "pinned", "probes__pinned": pinned}))

    assert [probe.source for probe in state.probes] == ["demo:3", "demo:1"]
    assert state.probes[1].question.endswith("\nIs it rising, or falling?")
    assert state.probes[1].question.startswith("<ts><ts/>") and state.probes[1].expected == ""
    assert "probe.no_row" in {note.message.key for note in state.notes}


class StopAfter:
    """A control that is asked to stop after so many tokens."""

    def __init__(self, tokens: int) -> None:
        self.left = tokens

    def should_stop(self) -> bool:
        self.left -= 1
        return self.left < 0

    def obey(self) -> None:
        if self.left < 0:
            raise Stopped


def test_a_stop_is_obeyed_between_two_tokens_and_a_cut_answer_is_not_shown(endless_model: Path) -> None:
    loaded = load(endless_model, dtype=torch.float32)
    control, board = StopAfter(3), Board()
    job = SimpleNamespace(config=small(probes__max_tokens=2048), control=control, board=board)
    question = Question([{"role": "user", "content": "<ts><ts/>\nWhat is it?"}], [np.arange(24.0)])

    with pytest.raises(Stopped):
        Probing(job, loaded.processor, [question] * 4).ask(loaded.model, 2)

    assert control.left == -1
    assert board.state.samples == ()


@pytest.mark.parametrize(
    ("text", "pin"),
    [
        ("demo:3", Pin("demo", 3)),
        (" a b:12 \n What is it? ", Pin("a b", 12, "What is it?")),
        ("C:/data/x.jsonl:7 warum: darum", Pin("C:/data/x.jsonl", 7, "warum: darum")),
        ("demo", None),
        ("demo:0", None),
        ("demo:x", None),
        (":3", None),
    ],
)
def test_a_pin_is_read_from_its_text(text: str, pin: Pin | None) -> None:
    assert parse_pin(text) == pin


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"probes__source": "validation", "data__validation": "none"}, "check.probes_need_validation"),
        ({"probes__source": "pinned"}, "check.no_probe"),
        ({"probes__source": "pinned", "probes__pinned": ["demo 3"]}, "check.probe_form"),
        ({"probes__source": "pinned", "probes__pinned": [f"demo:{n}" for n in range(1, 18)]}, "check.too_many_probes"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_with_its_field(changes: dict[str, object], key: str) -> None:
    problems = check(small(**changes))

    assert [(each.field.split(".")[0], each.message.key) for each in problems] == [("probes", key)]


def test_a_pin_of_an_unknown_dataset_is_refused_before_anything_loads(bench: Bench) -> None:
    with pytest.raises(UserError) as refused:
        bench.engine.start(small(probes__source="pinned", probes__pinned=["no_such_set:1"]))

    assert [each.field for each in refused.value.problems] == ["probes.pinned"]
