"""Occlusion by patch: what is taken away, what is measured, and that the patch that decides is found."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine_runs import Bench, until_done
from tests.test_engine_answering import BASE, ENDLESS, QUESTIONS, SHORT, Heard
from tests.test_engine_beside import busy
from tsft.engine.answering import AnswerDesk
from tsft.engine.attribution import (
    MOST_ROWS,
    Window,
    drops,
    log_probability,
    occluded,
    part_row,
    patch_weights,
    rows_at_once,
    windows_of,
)
from tsft.engine.token_losses import AT_ONCE
from tsft.errors import UserError
from tsft.model.batches import IGNORED
from tsft.model.loading import Loaded, load
from tsft.model.processor import EncodedRow, SeriesProcessor
from tsft.run.answers import CPU, AnswerOptions, Attribution, Question

TWO = Question(
    [{"role": "user", "content": "Compare <ts><ts/> and <ts><ts/>."}],
    [np.sin(np.arange(40.0) / 3) * 20, np.arange(21.0)],
)
ANSWER = "The first one 波动很大 and the second rises."
WINDOWS = windows_of([40, 21], 8)
PART = (ANSWER.index("波"), ANSWER.index(" and"))


@pytest.fixture(scope="module")
def loaded(builtin_model: Path) -> Iterator[Loaded]:
    yield load(builtin_model, dtype=torch.float32)


def weighed(desk: Any) -> Attribution:
    return until_done(desk.attribution if callable(desk.attribution) else lambda: desk.attribution, seconds=60)


def all_drops(model: Any, processor: SeriesProcessor, row: EncodedRow) -> list[float]:
    """Of both series of TWO."""
    return [each for some in drops(model, processor, row, WINDOWS, lambda: None) for each in some]


@pytest.mark.parametrize("length", [1, 7, 8, 9, 511, 512, 513, 4096, 8192])
def test_windows_are_whole_patches_that_cover_a_series_once(length: int) -> None:
    windows = windows_of([5, length], 8)
    mine = [each for each in windows if each.series == 1]
    assert [place for each in mine for place in range(each.begin, each.end)] == list(range(length))
    assert len(mine) <= 64 and all(each.begin % 8 == 0 for each in mine)
    weights = patch_weights([5, length], 8, windows, list(range(len(windows))))
    assert [len(each) for each in weights] == [1, -(-length // 8)]


def test_taking_a_patch_away_changes_that_patch_alone_and_no_word(loaded: Loaded) -> None:
    row = part_row(loaded.processor, TWO, ANSWER, PART)
    changed = occluded(row.values, Window(0, 8, 16))
    assert np.array_equal(changed[1], row.values[1])
    differs = np.flatnonzero(changed[0] != row.values[0])
    assert differs.min() >= 8 and differs.max() < 16 and len(differs) > 6
    # 0 after scaling is the mean of the raw points.
    raw = np.asarray(TWO.series[0])
    again = part_row(loaded.processor, Question(TWO.turns, [raw - raw.mean(), TWO.series[1]]), ANSWER, PART)
    assert np.allclose(again.values[0], row.values[0], atol=1e-3)


@pytest.mark.parametrize("part", ["The", "波动", "很", "rises.", ANSWER])
def test_measured_are_the_tokens_that_the_part_touches(loaded: Loaded, part: str) -> None:
    begin = ANSWER.index(part)
    row = part_row(loaded.processor, TWO, ANSWER, (begin, begin + len(part)))
    ids = [label for label in row.labels if label != IGNORED]
    text = loaded.processor.tokenizer.decode(ids)
    assert part in text
    assert len(text) <= len(part) + 12  # no more than the rest of the words at both ends
    assert all(row.input_ids[place] == label for place, label in enumerate(row.labels) if label != IGNORED)


@pytest.mark.parametrize("part", [(3, 3), (900, 901)])
def test_a_part_without_a_character_is_refused(loaded: Loaded, part: tuple[int, int]) -> None:
    with pytest.raises(UserError) as refused:
        part_row(loaded.processor, TWO, ANSWER, part)
    assert refused.value.message.key == "attribution.no_part"


def test_the_measure_is_the_mean_log_probability_of_the_parts_tokens(loaded: Loaded) -> None:
    row = part_row(loaded.processor, TWO, ANSWER, PART)
    model: Any = loaded.model
    with torch.inference_mode():
        batch = {
            "input_ids": torch.tensor([row.input_ids]),
            "ts_values": torch.zeros(1, 8, 8),
            "ts_mask": torch.zeros(1, 8, 8, dtype=torch.bool),
            "ts_positions": torch.tensor([[0, 8, 16, 24, 32, 0, 8, 16]]),
        }
        flat, mask = batch["ts_values"].view(-1), batch["ts_mask"].view(-1)
        for begin, values in ((0, row.values[0]), (40, row.values[1])):
            flat[begin : begin + len(values)] = torch.tensor(values)
            mask[begin : begin + len(values)] = True
        flat[61:64] = float(row.values[1][-1])
        chances = model(**batch).logits[0].float().log_softmax(-1)
    by_hand = [chances[place - 1, label].item() for place, label in enumerate(row.labels) if label != IGNORED]
    assert log_probability(model, loaded.processor, [row, row]) == pytest.approx([np.mean(by_hand)] * 2, abs=1e-4)


@pytest.mark.parametrize(("part", "rows"), [(1, MOST_ROWS), (300, 3), (2_000, 1)])
def test_a_long_part_is_weighed_in_small_batches_as_its_logits_fill_the_memory(part: int, rows: int) -> None:
    row = EncodedRow([0] * (part + 10), [IGNORED] * 10 + [1] * part, [])
    assert rows_at_once(row) == rows and (rows == 1 or rows * part <= AT_ONCE)


def test_a_model_that_ignores_the_series_gives_no_patch_any_weight(builtin_model: Path) -> None:
    blind = load(builtin_model, dtype=torch.float32)
    model: Any = blind.model
    with torch.no_grad():
        for parameter in model.model.ts_encoder.parameters():
            parameter.zero_()
    row = part_row(blind.processor, TWO, ANSWER, PART)
    found = [
        each for some in drops(model, blind.processor, row, windows_of([40, 21], 8), lambda: None) for each in some
    ]
    assert len(found) == 8 and np.abs(found).max() < 1e-5
    seeing = load(builtin_model, dtype=torch.float32)
    seen = [
        each
        for some in drops(seeing.model, seeing.processor, row, windows_of([40, 21], 8), lambda: None)
        for each in some
    ]
    assert np.abs(seen).min() > 1e-4


class OnePatchModel:
    """Believes the answer the more, the larger the points of one patch are; no other patch counts."""

    device = torch.device("cpu")

    def __init__(self, patch: int) -> None:
        self.patch = patch

    def __call__(self, **batch: torch.Tensor) -> SimpleNamespace:
        targets = batch["labels"][batch["labels"] != IGNORED]
        belief = (
            batch["ts_values"][:, self.patch].abs().mean(-1).repeat_interleave(len(targets) // len(batch["labels"]))
        )
        logits = torch.zeros(len(targets), 4000)
        logits[torch.arange(len(targets)), targets] = belief
        return SimpleNamespace(logits=logits)


@pytest.mark.parametrize(("patch", "series", "place"), [(3, 0, 3), (6, 1, 1)])
def test_the_patch_that_decides_is_found(loaded: Loaded, patch: int, series: int, place: int) -> None:
    row = part_row(loaded.processor, TWO, ANSWER, PART)
    weights = patch_weights([40, 21], 8, WINDOWS, all_drops(OnePatchModel(patch), loaded.processor, row))
    assert weights[series][place] > 0.05
    assert [each for some in weights for each in some if each] == [weights[series][place]]


def test_the_engine_weighs_every_patch_and_keeps_the_model_when_asked_to(bench: Bench) -> None:
    number = bench.engine.begin_attribution(BASE, TWO, ANSWER, PART, AnswerOptions(keeps_model=True))
    now = weighed(bench.engine)
    assert (now.number, now.done, now.total, now.patch_points, now.problem) == (number, 8, 8, 8, None)
    assert [len(each) for each in now.weights] == [5, 3]
    assert bench.engine.slot().state == "chat"


def test_a_question_without_series_and_a_model_that_is_not_there_are_told(bench: Bench) -> None:
    bench.engine.begin_attribution(BASE, Question([{"role": "user", "content": "Hello?"}]), ANSWER, PART)
    problem = weighed(bench.engine).problem
    assert problem is not None and problem.message.key == "attribution.no_series"


def test_a_question_gives_the_attribution_up_and_while_it_is_answered_none_begins(endless_bench: Bench) -> None:
    long = Question(TWO.turns, [np.sin(np.arange(8000.0)), np.arange(8000.0)])
    endless_bench.engine.begin_attribution(BASE, long, ANSWER, PART)
    heard = Heard()
    endless_bench.engine.answer(BASE, QUESTIONS, ENDLESS, heard)
    now = weighed(endless_bench.engine)
    assert now.is_stopped and now.weights == ()
    assert heard.has_text.wait(60)
    with pytest.raises(UserError) as refused:
        endless_bench.engine.begin_attribution(BASE, TWO, ANSWER, PART)
    assert refused.value.message.key == "engine.answering"
    endless_bench.engine.free_model()


def test_it_stops_when_asked_to(bench: Bench) -> None:
    long = Question(TWO.turns, [np.sin(np.arange(8000.0)), np.arange(8000.0)])
    bench.engine.begin_attribution(BASE, long, ANSWER, PART)
    bench.engine.stop_attribution()
    assert weighed(bench.engine).is_stopped
    bench.engine.answer(BASE, QUESTIONS[:1], SHORT)
    assert until_done(bench.engine.answering).problem is None


@pytest.mark.slow
def test_beside_a_run_the_weights_are_the_same(bench: Bench) -> None:
    bench.engine.begin_attribution(BASE, TWO, ANSWER, PART)
    here = weighed(bench.engine)
    desk = AnswerDesk(bench.workspace, busy)
    desk.begin_attribution(BASE, TWO, ANSWER, PART, AnswerOptions(beside=CPU))
    there = weighed(desk)
    desk.give_up()
    assert (there.total, there.patch_points, there.problem) == (8, 8, None)
    for one, other in zip(here.weights, there.weights, strict=True):
        assert one == pytest.approx(other, abs=1e-4)
