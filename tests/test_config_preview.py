"""The command, the JSON and the script of a config give it back exactly, whatever its settings hold."""

import ast
import json
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from tsft.config.codec import from_flat, from_json
from tsft.config.preview import command, json_text, script
from tsft.config.run_config import RunConfig
from tsft.config.schema import Setting, differing, settings, value_of, with_values
from tsft.flags import command_parser, split_settings

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20) | st.sampled_from(
    ["", "--lora.rank", "-x", "a,b", ' "quoted" ', "$HOME `id`", "[1]", "[{}]", '["a"', "新 规则", "two\nlines", "it's"]
)
KINDS: dict[type, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: TEXT,
}


def values_of(setting: Setting) -> st.SearchStrategy[Any]:
    if setting.facts.choices and not setting.is_list:
        return st.sampled_from(setting.facts.choices)
    one = KINDS[setting.kind]
    return st.lists(one, max_size=4).map(tuple) if setting.is_list else one


@st.composite
def configs(draw: st.DrawFn) -> RunConfig:
    chosen = draw(st.lists(st.sampled_from(settings()), max_size=12, unique_by=lambda each: each.key))
    return with_values(RunConfig(), {each.key: draw(values_of(each)) for each in chosen})


def run_command(line: str) -> RunConfig:
    """What `tsft` would train when the line is typed into a shell."""
    program, *words = shlex.split(line)
    assert program == "tsft"
    rest, flat, problems = split_settings(words)
    assert problems == []
    options = command_parser("en", with_settings=False).parse_args(rest)
    assert (options.command, options.config) == ("train", "")
    return from_flat(flat)


def run_script(text: str) -> RunConfig:
    """The config that a script makes; nothing of it is executed here."""
    assigned = next(node for node in ast.parse(text).body if isinstance(node, ast.Assign))
    assert isinstance(assigned.value, ast.Call)
    return from_flat(ast.literal_eval(assigned.value.args[0]))


@settings_of_hypothesis(deadline=None)
@given(configs())
def test_the_command_is_the_config(config: RunConfig) -> None:
    assert run_command(command(config)) == config


@settings_of_hypothesis(deadline=None)
@given(configs())
def test_the_json_is_the_config(config: RunConfig) -> None:
    assert from_json(json.loads(json_text(config))) == config


@settings_of_hypothesis(deadline=None)
@given(configs())
def test_the_script_is_the_config(config: RunConfig) -> None:
    assert run_script(script(config)) == config


@pytest.mark.parametrize("setting", settings(), ids=lambda each: each.key)
@settings_of_hypothesis(max_examples=12, deadline=None)
@given(data=st.data())
def test_every_setting_survives_all_three(setting: Setting, data: st.DataObject) -> None:
    config = with_values(RunConfig(), {setting.key: data.draw(values_of(setting))})
    assert run_command(command(config)) == config
    assert run_script(script(config)) == config
    assert from_json(json.loads(json_text(config))) == config


def test_a_workspace_with_blanks_is_quoted() -> None:
    words = shlex.split(command(RunConfig(), "/my work/space"))
    assert words == ["tsft", "train", "--workspace=/my work/space"]
    assert "open_workspace(Path('/my work/space'))" in script(RunConfig(), "/my work/space")


def test_only_what_differs_is_shown_and_counted() -> None:
    config = from_flat({"lora.rank": 4, "data.datasets": "demo"})
    assert differing(config, RunConfig()) == ["data.datasets", "lora.rank"]
    assert differing(config, config) == []
    assert command(config) == "tsft train --data.datasets=demo --lora.rank=4"
    assert value_of(from_flat({"lora.rank": 4}, config), "lora.rank") == 4
