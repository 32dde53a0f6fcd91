"""Before a start: the card counts exactly, its estimate is near the measured peak, a dry run leaves nothing behind."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine_runs import Bench, small, until_done
from tsft.config.check import check
from tsft.config.run_config import RunConfig
from tsft.engine import remedy
from tsft.engine.estimate import Batch, Plan, Sizes, memory_parts
from tsft.engine.readiness import longest_batch
from tsft.engine.remedy import smallest_change
from tsft.errors import Problem, UserError, message
from tsft.run.events import StepLogged
from tsft.run.readiness import Examined, MemoryEstimate, MemoryPart, Readiness, bars_of

SIZES = Sizes(
    parameters=4_200_000, trained=500_000, hidden=192, query=192, key=96, forward=512, heads=4, vocabulary=3000,
    layers=5, own_inputs=7680, shared_inputs=4480, adapted_inputs=7680, ranks=560, largest_trained=160_000,
)  # fmt: skip
BATCH = Batch(rows=2, tokens=300, labelled=20, patches=64)
MIB = 1024**2


def looked_at(bench: Bench) -> Examined:
    return until_done(bench.engine.readiness)


def card(bench: Bench, **changes: Any) -> Readiness:
    bench.engine.examine(small(**changes))
    examined = looked_at(bench)
    assert examined.readiness is not None, examined.problems
    return examined.readiness


def total(sizes: Sizes, batch: Batch, plan: Plan) -> int:
    return sum(part.bytes for part in memory_parts(sizes, batch, plan, 0))


@settings(max_examples=50, deadline=None)
@given(
    rows=st.integers(1, 64),
    tokens=st.integers(16, 4096),
    more=st.integers(1, 64),
    is_half=st.booleans(),
    checkpointing=st.booleans(),
    on_gpu=st.booleans(),
    attention=st.sampled_from(("sdpa", "eager")),
)
def test_the_estimate_grows_with_batch_and_length(
    rows: int, tokens: int, more: int, is_half: bool, checkpointing: bool, on_gpu: bool, attention: str
) -> None:
    plan = Plan(is_half, 2 if is_half else 4, attention, checkpointing, on_gpu=on_gpu)
    batch = replace(BATCH, rows=rows, tokens=tokens)

    here = total(SIZES, batch, plan)

    assert total(SIZES, replace(batch, rows=rows + more), plan) >= here
    assert total(SIZES, replace(batch, tokens=tokens + more), plan) >= here


@pytest.mark.parametrize("on_gpu", [False, True])
def test_checkpointing_and_fewer_bits_never_need_more(on_gpu: bool) -> None:
    batch = replace(BATCH, rows=16)
    plain = total(SIZES, batch, Plan(on_gpu=on_gpu))

    assert total(SIZES, batch, Plan(checkpointing=True, on_gpu=on_gpu)) < plain
    assert total(SIZES, batch, Plan(is_half=True, frozen_bytes=2, on_gpu=on_gpu)) < plain


def test_a_higher_rank_needs_more(bench: Bench) -> None:
    memories = [card(bench, lora__rank=rank).memory for rank in (4, 32, 128)]

    # Without what the process holds already: that is measured anew each time, and moves.
    totals = [sum(part.bytes for part in memory.parts if part.name != "process") for memory in memories]

    assert totals == sorted(totals) and len(set(totals)) == 3


def test_the_card_counts_the_demo_data_exactly(bench: Bench) -> None:
    ready = card(bench)

    (counts,) = ready.datasets
    assert counts.name == "demo" and counts.rows_read == 40
    assert counts.kept + sum(each.count for each in counts.dropped) + counts.left_out == counts.rows_read
    assert ready.rows_train + ready.rows_validation == counts.kept
    assert sum(bar.rows for bar in ready.bars) == ready.rows_train
    assert ready.bars[0].first <= ready.tokens_median <= ready.tokens_longest <= ready.bars[-1].last


@pytest.mark.slow
def test_the_card_says_what_the_run_then_does(bench: Bench) -> None:
    config = small(schedule__max_steps=0, schedule__epochs=1)
    ready = card(bench, schedule__max_steps=0, schedule__epochs=1)

    plan = bench.run(config).plan

    assert plan is not None
    assert (ready.steps, ready.epochs, ready.groups) == (plan.steps, plan.epochs, plan.groups)
    assert (ready.parameters, ready.parameters_trained) == (plan.parameters, plan.parameters_trained)
    assert (ready.tokens_longest, ready.precision) == (plan.tokens_longest, plan.precision)
    assert (ready.encoder, ready.trains_positions) == ("full", True)


def test_time_is_told_from_an_earlier_run_of_the_model(bench: Bench) -> None:
    assert card(bench).time.basis == "guess"
    bench.run(small())

    assert card(bench).time.basis == "record"


def test_a_dry_run_measures_and_leaves_no_run_behind(bench: Bench) -> None:
    bench.engine.dry_run(small())

    examined = looked_at(bench)

    assert examined.problems == () and examined.trial is not None and examined.readiness is not None
    assert examined.trial.steps == 2 and examined.trial.seconds_a_step > 0 and examined.trial.peak_bytes > 100 * MIB
    assert examined.readiness.time.basis == "trial"
    assert bench.record.list_runs() == []
    assert not list(bench.workspace.cache.glob("dry-run-*"))


def test_a_start_gives_up_the_look_before_it(bench: Bench) -> None:
    bench.engine.dry_run(small())

    assert bench.run(small(schedule__max_steps=1)).status == "finished"

    examined = bench.engine.readiness()
    assert examined is not None and examined.is_done


def test_a_look_during_a_run_is_refused_only_where_a_model_would_be_loaded(bench: Bench) -> None:
    card(bench)
    told: list[str] = []

    def listen(event: object) -> None:
        if isinstance(event, StepLogged) and event.step == 1:
            bench.engine.examine(small(schedule__batch_size=1))
            told.append("looked")
            for ask in (lambda: bench.engine.examine(small(lora__rank=2)), lambda: bench.engine.dry_run(small())):
                try:
                    ask()
                except UserError as error:
                    told.append(error.message.key)

    assert bench.run(small(), listen).status == "finished"

    assert told == ["looked", "engine.busy", "engine.busy"]


def test_a_model_that_is_not_here_is_not_fetched_for_a_look(bench: Bench) -> None:
    bench.engine.examine(small(model__name="Qwen3-0.6B"))

    (problem,) = looked_at(bench).problems

    assert problem.message.key == "readiness.model_not_here"


@pytest.mark.parametrize(
    ("available", "field", "key"),
    [
        (100, None, None),
        (60, "schedule.batch_size", "readiness.change.batch_size"),
        (18, "schedule.batch_size", "readiness.change.batch_size_and_checkpointing"),
        (5, None, None),
    ],
)
def test_the_smallest_change_that_fits_is_named(available: int, field: str | None, key: str | None) -> None:
    def estimate(config: Any) -> MemoryEstimate:
        need = 10 + 10 * config.schedule.batch_size * (0.5 if config.schedule.gradient_checkpointing else 1)
        return MemoryEstimate("cpu", (MemoryPart("activations", round(need)),), available)

    config = small(schedule__batch_size=8, schedule__gradient_accumulation=1)
    problem = smallest_change(config, estimate, available)

    assert (problem.message.key if problem else None) == key
    if key == "readiness.change.batch_size":
        assert problem is not None and problem.field == field and problem.message.values["value"] == 4


def changes_until(fits: Callable[[RunConfig], bool], **changes: Any) -> str | None:
    """The sentence of the first change with which the run "fits"; every change that was tried passes the check."""
    config = small(**changes)
    tried: list[RunConfig] = []

    def estimate(changed: RunConfig) -> MemoryEstimate:
        if changed != config:
            tried.append(changed)
        return MemoryEstimate("cpu", (MemoryPart("activations", 1 if fits(changed) else 9),), 5)

    problem = smallest_change(config, estimate, 5)
    assert [each for changed in tried for each in check(changed) if not each.is_warning] == []
    return problem.message.key.removeprefix("readiness.change.") if problem else None


@pytest.mark.parametrize(
    ("optimizer", "key"),
    [
        ("adamw_torch", "batch_size"),
        ("lomo", "rows_a_step"),
        ("adalomo", "rows_a_step"),
        ("galore_adamw_layerwise", "rows_a_step"),
        ("apollo_adamw_layerwise", "rows_a_step"),
    ],
)
def test_a_smaller_batch_is_named_with_accumulation_only_where_gradients_add_up(optimizer: str, key: str) -> None:
    changes = {"optim__optimizer": optimizer, "tuning__method": "full", "schedule__batch_size": 4}

    assert changes_until(lambda config: config.schedule.batch_size == 2, **changes) == key


@pytest.mark.parametrize(
    ("optimizer", "key"),
    [("adamw_torch", "method"), ("galore_adamw", None), ("apollo_adamw", None), ("badam", None), ("lomo", "method")],
)
def test_lora_is_named_only_where_the_optimizer_goes_with_it(optimizer: str, key: str | None) -> None:
    changes = {"optim__optimizer": optimizer, "tuning__method": "full"}

    assert changes_until(lambda config: config.tuning.method == "lora", **changes) == key


@pytest.mark.parametrize("optimizer", ["adamw_torch", "badam", "galore_adamw_layerwise"])
def test_shorter_rows_are_named_last_and_with_what_the_optimizer_allows(optimizer: str) -> None:
    changes = {"optim__optimizer": optimizer, "tuning__method": "full", "schedule__batch_size": 4}

    assert changes_until(lambda config: config.data.cutoff_length <= 100, **changes) == "cutoff_length"


@pytest.mark.parametrize(
    ("method", "key"), [("lora", "quantization"), ("ia3", "quantization"), ("hra", None), ("freeze", None)]
)
def test_four_bits_are_named_where_the_way_of_tuning_goes_with_them(method: str, key: str | None) -> None:
    def fits(config: RunConfig) -> bool:
        return config.quantization.method == "bitsandbytes"

    assert changes_until(fits, tuning__method=method) == key


def test_fewer_bits_are_named_where_they_are_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    def fits(config: RunConfig) -> bool:
        return config.model.precision == "bf16"

    for is_fast, key in ((True, "precision"), (False, None)):
        monkeypatch.setattr(remedy, "has_fast_bf16", lambda is_fast=is_fast: is_fast)
        assert changes_until(fits, model__precision="fp32") == key


def test_a_change_that_the_model_cannot_take_is_passed_over() -> None:
    def estimate(config: RunConfig) -> MemoryEstimate:
        if config.tuning.method == "lora":
            raise UserError(message("tuning.no_such_target", name="x", known="y"))
        return MemoryEstimate("cpu", (MemoryPart("activations", 9),), 5)

    assert smallest_change(small(tuning__method="full"), estimate, 5) is None


def test_a_change_that_start_would_refuse_is_passed_over() -> None:
    def estimate(config: RunConfig) -> MemoryEstimate:
        return MemoryEstimate("cpu", (MemoryPart("activations", config.schedule.batch_size),), 1)

    def judge(config: RunConfig) -> list[Problem]:
        return [Problem("schedule.batch_size", message("check.no_model"))] if config.schedule.batch_size == 1 else []

    assert smallest_change(small(schedule__batch_size=2), estimate, 1, judge) is None


def test_a_pack_is_never_longer_than_the_cutoff() -> None:
    class Rows:
        lengths = np.array([900, 20, 20])

        def __len__(self) -> int:
            return 3

        def gather(self, name: str) -> np.ndarray:
            return self.lengths if name == "length" else np.array([9, 2, 2])

    batch = longest_batch(Rows(), small(data__packing="separate", data__cutoff_length=100))  # type: ignore[arg-type]

    assert batch.tokens == 100


def test_every_length_is_in_one_bar_of_the_histogram() -> None:
    lengths = [16, 16, 17, 300, 301, 4096]

    bars = bars_of(lengths)

    assert sum(bar.rows for bar in bars) == len(lengths) and len(bars) <= 24
    assert all(before.last + 1 == after.first for before, after in zip(bars, bars[1:], strict=False))
    assert bars_of([]) == () and bars_of([7])[0].rows == 1


@pytest.mark.slow
def test_the_estimate_is_within_a_quarter_of_the_measured_peak(bench: Bench) -> None:
    bench.engine.dry_run(small(schedule__batch_size=8))

    examined = looked_at(bench)

    assert examined.trial is not None and examined.readiness is not None
    assert 0.75 < examined.readiness.memory.total_bytes / examined.trial.peak_bytes < 1.25
