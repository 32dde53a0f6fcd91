"""A sweep: every combination once, each a whole config with a name of its own."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsft.config.check import check
from tsft.config.run_config import DataSettings, ModelSettings, OutputSettings, RunConfig
from tsft.config.schema import value_of
from tsft.config.sweep import MOST_RUNS, parse_values, sweep_configs, sweepable
from tsft.errors import UserError

BASE = RunConfig(
    model=ModelSettings(name="builtin"), data=DataSettings(datasets=("demo",)), output=OutputSettings(name="s")
)
RANKS = st.lists(st.integers(1, 64), min_size=1, max_size=7, unique=True)
RATES = st.lists(st.sampled_from([1e-5, 5e-5, 1e-4, 3e-4, 1e-3]), min_size=1, max_size=5, unique=True)


@given(RANKS, RATES)
def test_every_combination_is_there_once_and_nothing_else_changes(ranks: list[int], rates: list[float]) -> None:
    values = {"lora.rank": [str(each) for each in ranks], "optim.learning_rate": [str(each) for each in rates]}
    configs = sweep_configs(BASE, values)
    assert [(each.lora.rank, each.optim.learning_rate) for each in configs] == list(itertools.product(ranks, rates))
    assert len({each.output.name for each in configs}) == len(configs)
    assert all(check(each) == [] and each.data == BASE.data for each in configs)


@pytest.mark.parametrize(
    ("text", "values"),
    [("1e-4, 5e-5 1e-4", ["1e-4", "5e-5"]), ("4，8；16", ["4", "8", "16"]), (" ", []), ("4;8", ["4", "8"])],
)
def test_values_are_read_as_people_type_them(text: str, values: list[str]) -> None:
    assert parse_values(text) == values


def test_one_number_written_twice_is_one_run() -> None:
    assert len(sweep_configs(BASE, {"optim.learning_rate": ["1e-4", "0.0001", "0.00010"]})) == 1


@pytest.mark.parametrize(
    ("values", "field", "key"),
    [
        ({}, "", "sweep.nothing"),
        ({"lora.rank": []}, "", "sweep.nothing"),
        ({"lora.rank": [str(each) for each in range(1, MOST_RUNS + 2)]}, "", "sweep.too_many"),
        ({"lora.rank": ["four"]}, "lora.rank", "config.wrong_kind"),
        ({"lora.rnk": ["4"]}, "lora.rnk", "config.unknown"),
        ({"galore.rank": ["4", "8"]}, "galore.rank", "sweep.no_meaning"),
    ],
)
def test_what_makes_no_sweep_is_refused(values: dict[str, list[str]], field: str, key: str) -> None:
    with pytest.raises(UserError) as refused:
        sweep_configs(BASE, values)
    assert (refused.value.problems[0].field, refused.value.message.key) == (field, key)


def test_the_settings_offered_are_numbers() -> None:
    assert {"optim.learning_rate", "lora.rank", "encoder.learning_rate"} <= set(sweepable())
    assert all(isinstance(value_of(BASE, key), (int, float)) for key in sweepable())
