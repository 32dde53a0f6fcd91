"""Packed training: every row once, the padded loss and gradients, the order of series, and an exact resume."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.engine_runs import Bench, losses, make_bench, small
from tests.test_engine_resume import CUT, cut_at, result_weights
from tsft.data.packing import plan_packs
from tsft.engine.packing import joined_packs
from tsft.model.batches import collate, joined
from tsft.model.loading import Loaded, load
from tsft.run.events import Noted, Planned

PACKED = {**CUT, "data__packing": "separate", "schedule__max_steps": 6, "schedule__batch_size": 1}


@given(st.lists(st.integers(1, 60), min_size=1, max_size=80), st.integers(20, 80), st.integers(0, 5))
def test_every_row_is_in_one_pack_and_no_pack_is_too_long(lengths: list[int], limit: int, seed: int) -> None:
    packs = plan_packs(lengths, limit, seed)

    assert sorted(row for pack in packs for row in pack.tolist()) == list(range(len(lengths)))
    for pack in packs:
        assert sum(lengths[row] for row in pack) <= limit or len(pack) == 1
    again = plan_packs(lengths, limit, seed)
    assert [pack.tolist() for pack in again] == [pack.tolist() for pack in packs]


def test_packs_are_nearly_as_few_as_possible() -> None:
    lengths = np.random.default_rng(0).integers(10, 200, size=2_000)

    assert len(plan_packs(lengths, 512, 0)) <= 1.01 * lengths.sum() / 512 + 1


@pytest.fixture(scope="module")
def loaded(builtin_model: Path) -> Loaded:
    made = load(builtin_model, dtype=torch.float32)
    made.model.config.use_cache = False
    return made


@pytest.fixture(scope="module")
def rows(loaded: Loaded) -> list[Any]:
    generator = np.random.default_rng(1)
    sizes = ([30], [9, 70], [], [16])
    return [
        loaded.processor.encode(
            [
                {"role": "user", "content": "Look: " + "<ts><ts/> and " * len(points) + "what happens?"},
                {"role": "assistant", "content": f"It moves {number} times."},
            ],
            [generator.normal(size=size).cumsum() for size in points],
        )
        for number, points in enumerate(sizes)
    ]


def loss_and_gradients(loaded: Loaded, rows: list[Any]) -> tuple[float, dict[str, torch.Tensor]]:
    family, model = loaded.family, loaded.model
    model.zero_grad()
    loss = model(**collate(rows, loaded.processor.pad_id, family.patch_size, family.last_patch)).loss
    loss.backward()
    return loss.item(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("packs", [[[2, 0, 3, 1]], [[0, 1], [2, 3]], [[1], [3, 2, 0]]])
def test_packed_rows_that_are_separate_have_the_padded_loss_and_gradients(
    loaded: Loaded, rows: list[Any], packs: list[list[int]]
) -> None:
    padded, gradients = loss_and_gradients(loaded, rows)

    packed, packed_gradients = loss_and_gradients(
        loaded, [joined([rows[row] for row in pack], are_separate=True) for pack in packs]
    )

    assert packed == pytest.approx(padded, abs=1e-5)
    assert packed_gradients.keys() == gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(packed_gradients[name], gradient, atol=1e-5, rtol=1e-3)


def test_rows_of_a_continuous_pack_see_those_before_them(loaded: Loaded, rows: list[Any]) -> None:
    padded, _ = loss_and_gradients(loaded, rows)

    packed, _ = loss_and_gradients(loaded, [joined(rows, are_separate=False)])

    assert abs(packed - padded) > 1e-4


@pytest.mark.slow
def test_a_packed_run_learns_every_row_once_an_epoch_and_says_how_many_packs(bench: Bench) -> None:
    state = bench.run(small(data__packing="separate", schedule__max_steps=0, schedule__epochs=1))

    events = bench.events(state)
    noted = next(each for each in events if isinstance(each, Noted) and each.message.key == "run.packed")
    planned = next(each for each in events if isinstance(each, Planned))
    assert noted.message.values["rows"] == planned.rows_train > noted.message.values["packs"]
    assert state.status == "finished" and state.step == -(-noted.message.values["packs"] // 2)


@pytest.mark.slow
def test_a_packed_run_cut_in_two_ends_as_the_uncut_one(
    bench: Bench, tmp_path_factory: pytest.TempPathFactory, builtin_model: Path
) -> None:
    whole = make_bench(tmp_path_factory.mktemp("whole"), builtin_model)
    uncut = whole.run(small(**PACKED))
    stopped = cut_at(bench, small(**PACKED), 2)
    assert stopped.status == "stopped" and stopped.step < 6

    state = bench.resume(stopped.run_id)

    assert losses(bench.events(state)) == losses(whole.events(uncut))
    weights, wanted = result_weights(bench, state.run_id), result_weights(whole, uncut.run_id)
    assert all(torch.equal(weights[name], wanted[name]) for name in wanted)


def test_flash_attention_gets_a_batch_of_separate_packs_as_one_row(rows: list[Any]) -> None:
    config = small(data__packing="separate", model__attention="flash_attention_2")

    (row,) = joined_packs([rows[:1], rows[1:]], config)

    assert row["position_ids"].count(0) == 4 and len(row["values"]) == 4
    assert len(joined_packs([rows[:1], rows[1:]], small(data__packing="separate"))) == 2
