"""The form: one control a setting, values there and back, everything wrong said at once."""

from typing import Any

import gradio as gr
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import FakeEngine
from tests.setting_values import another_value, changeable
from tsft.config.check import check
from tsft.config.run_config import RunConfig
from tsft.config.schema import Setting, settings, value_of, with_values
from tsft.ui.context import PageContext
from tsft.ui.form import Form, is_restorable
from tsft.ui.page import Page
from tsft.ui.widgets import plain_number, shown


@pytest.fixture(scope="module")
def form() -> Form:
    return Page(PageContext(FakeEngine())).parts.form


def values_of(form: Form, config: RunConfig) -> list[Any]:
    return [update["value"] for update in form.updates(config)]


def test_every_setting_has_exactly_one_control(form: Form) -> None:
    assert sorted(form.keys) == sorted(each.key for each in settings())
    assert len({id(widget) for widget in form.widgets}) == len(settings())


def test_every_control_can_be_used_and_is_found_by_its_id(form: Form) -> None:
    for key, widget in zip(form.keys, form.widgets, strict=True):
        assert widget.interactive is True
        assert widget.elem_id == "set-" + key.replace(".", "-")


def test_a_config_comes_back_unchanged_from_the_controls(form: Form) -> None:
    changes = {
        "model.name": "Qwen3-0.6B",
        "data.datasets": ("demo", "my data, with a comma"),
        "data.mixing": "interleave_under",
        "data.weights": (0.25, 0.75),
        "optim.learning_rate": 1e-5,
        "lora.dora": True,
        "lora.targets": ("q_proj",),
        "schedule.scheduler_options": '{"min_lr": 1e-6}',
        "encoder.seed": 7,
    }
    config = with_values(RunConfig(), changes)
    assert form.config(values_of(form, config)) == config


@pytest.mark.parametrize("setting", changeable(), ids=lambda each: each.key)
def test_each_setting_comes_back_from_its_control(form: Form, setting: Setting) -> None:
    config = with_values(RunConfig(), {setting.key: another_value(setting)})
    assert form.config(values_of(form, config)) == config != RunConfig()


@given(st.floats(min_value=-1e12, max_value=1e12, allow_nan=False))
def test_a_number_is_shown_as_text_that_reads_back_the_same(number: float) -> None:
    assert float(plain_number(number)) == number


@pytest.mark.parametrize(
    ("number", "text"), [(1e-4, "0.0001"), (1e-5, "1e-05"), (3.0, "3"), (0.1, "0.1"), (-2.5, "-2.5")]
)
def test_numbers_are_shown_short(number: float, text: str) -> None:
    assert plain_number(number) == text


def test_all_wrong_fields_are_reported_at_once(form: Form) -> None:
    wrong = {"optim.learning_rate": "abc", "schedule.epochs": "", "schedule.batch_size": 0, "data.datasets": []}
    values = values_of(form, RunConfig())
    for key, value in wrong.items():
        values[form.keys.index(key)] = value
    found = {each.field for each in form.problems(values, check)}
    assert found == {*wrong, "model.name"}


def test_an_emptied_number_is_told_to_be_empty(form: Form) -> None:
    values = values_of(form, RunConfig())
    values[form.keys.index("schedule.batch_size")] = None
    (problem,) = [each for each in form.problems(values, check) if each.field == "schedule.batch_size"]
    assert problem.message.key == "page.empty_field"


def test_half_a_step_is_not_rounded_away(form: Form) -> None:
    values = values_of(form, RunConfig())
    values[form.keys.index("schedule.max_steps")] = 2.5
    assert "schedule.max_steps" in {each.field for each in form.problems(values, check)}


@pytest.mark.parametrize(
    ("changes", "key", "is_shown"),
    [
        ({"tuning.method": "lora"}, "lora.rank", True),
        ({"tuning.method": "full"}, "lora.rank", False),
        ({"tuning.method": "freeze"}, "tuning.freeze_layers", True),
        ({"data.validation": "dataset"}, "data.validation_datasets", True),
        ({"data.validation": "dataset"}, "data.validation_fraction", False),
    ],
)
def test_a_setting_without_a_meaning_is_hidden(form: Form, changes: dict[str, Any], key: str, is_shown: bool) -> None:
    updates = dict(zip(form.keys, form.updates(with_values(RunConfig(), changes)), strict=True))
    assert updates[key]["visible"] == (True if is_shown else "hidden")


def test_a_remembered_form_is_restored_even_where_it_is_wrong(form: Form) -> None:
    saved = {"optim.learning_rate": "abc", "tuning.method": "freeze", "schedule.scheduler": "gone", "no.such": 1}
    updates = dict(zip(form.keys, form.restored(saved), strict=True))
    assert updates["optim.learning_rate"]["value"] == "abc"
    assert updates["schedule.scheduler"]["value"] == "cosine"
    assert updates["tuning.freeze_layers"]["visible"] is True


def test_defaults_of_every_control_can_be_remembered(form: Form) -> None:
    for each in settings():
        assert is_restorable(each, shown(each, value_of(RunConfig(), each.key))), each.key


def test_no_control_has_bounds_of_its_own(form: Form) -> None:
    numbers = [each for each in form.widgets if isinstance(each, gr.Number)]
    assert numbers
    assert all(each.minimum is None and each.maximum is None and each.precision is None for each in numbers)
