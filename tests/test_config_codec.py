"""Configs to JSON and back, strictly: what is unknown or of the wrong kind is all reported, and with a hint."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsft.config.codec import from_flat, from_json, parse, read_config, to_json
from tsft.config.run_config import RunConfig
from tsft.config.schema import Setting, flatten, setting_by_key, settings, value_of, with_values
from tsft.errors import UserError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
KINDS: dict[type, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: TEXT,
}


def values_of(setting: Setting) -> st.SearchStrategy[Any]:
    one = KINDS[setting.kind]
    return st.lists(one, max_size=4).map(tuple) if setting.is_list else one


@st.composite
def configs(draw: st.DrawFn) -> RunConfig:
    chosen = draw(st.lists(st.sampled_from(settings()), max_size=12, unique_by=lambda each: each.key))
    return with_values(RunConfig(), {each.key: draw(values_of(each)) for each in chosen})


@given(configs())
def test_every_config_comes_back_from_json_as_it_was(config: RunConfig) -> None:
    assert from_json(json.loads(json.dumps(to_json(config)))) == config


@given(configs())
def test_every_setting_is_written(config: RunConfig) -> None:
    tree = to_json(config)
    assert {f"{section}.{name}" for section, part in tree.items() if section != "format" for name in part} == set(
        setting_by_key()
    )


@pytest.mark.parametrize("setting", [each for each in settings() if not each.is_list], ids=lambda each: each.key)
def test_the_default_of_each_setting_can_be_typed_as_text(setting: Setting) -> None:
    assert value_of(from_flat({setting.key: str(setting.default)}), setting.key) == setting.default


def test_a_part_of_a_config_is_put_on_top_of_a_base() -> None:
    base = from_flat({"lora.rank": 4, "lora.alpha": 9})
    config = from_json({"lora": {"rank": 7}}, base)
    assert (config.lora.rank, config.lora.alpha) == (7, 9.0)


def test_all_unknown_names_and_wrong_values_are_reported_at_once() -> None:
    tree = {"optim": {"learnig_rate": 1}, "lora": {"rank": "many", "dora": "perhaps"}, "modle": {"name": "x"}}
    with pytest.raises(UserError) as caught:
        from_json(tree)
    assert {problem.field for problem in caught.value.problems} == {
        "optim.learnig_rate",
        "lora.rank",
        "lora.dora",
        "modle.name",
    }


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("optim.learnig_rate", "optim.learning_rate"),
        ("learning_rate", "learning_rate"),
        ("lora.rnk", "lora.rank"),
        ("schedule.learning_rate", "learning_rate"),
        ("rank", "lora.rank"),
    ],
)
def test_an_unknown_name_comes_with_the_nearest_known_one(typed: str, meant: str) -> None:
    with pytest.raises(UserError) as caught:
        from_flat({typed: "1"})
    assert meant in caught.value.message.values["hint"]


@pytest.mark.parametrize("tree", [[], None, 3, "text", [{}]])
def test_what_is_no_object_is_refused(tree: Any) -> None:
    with pytest.raises(UserError):
        from_json(tree)


@pytest.mark.parametrize("section", [3, None, "text", ["a"]])
def test_a_section_that_is_no_object_is_refused(section: Any) -> None:
    with pytest.raises(UserError) as caught:
        from_json({"lora": section})
    assert caught.value.problems[0].field == "lora"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lora.rank", 1.5),
        ("lora.rank", "1.5"),
        ("lora.rank", True),
        ("lora.rank", None),
        ("lora.rank", ""),
        ("lora.rank", "inf"),
        ("lora.rank", [1]),
        ("optim.learning_rate", "nan"),
        ("optim.learning_rate", math.inf),
        ("optim.learning_rate", "1e999"),
        ("optim.learning_rate", False),
        ("lora.dora", 2),
        ("lora.dora", ""),
        ("model.name", {"a": 1}),
        ("model.name", True),
        ("data.datasets", 3),
        ("data.weights", ["a"]),
    ],
)
def test_a_value_of_another_kind_is_refused_and_not_bent(key: str, value: Any) -> None:
    with pytest.raises(UserError) as caught:
        from_flat({key: value})
    assert caught.value.problems[0].field == key


@pytest.mark.parametrize(
    ("key", "typed", "value"),
    [
        ("lora.rank", "16", 16),
        ("lora.rank", " 16 ", 16),
        ("lora.rank", "1e2", 100),
        ("lora.rank", 16.0, 16),
        ("tuning.freeze_layers", "-2", -2),
        ("optim.learning_rate", "2e-4", 2e-4),
        ("optim.learning_rate", 1, 1.0),
        ("lora.dora", "Yes", True),
        ("lora.dora", "off", False),
        ("data.datasets", "demo, mine ,", ("demo", "mine")),
        ("data.weights", "1,0.5", (1.0, 0.5)),
        ("data.datasets", None, ()),
    ],
)
def test_text_is_read_as_the_kind_of_its_setting(key: str, typed: Any, value: Any) -> None:
    got = parse(setting_by_key()[key], typed)
    assert got == value and type(got) is type(value)


def test_a_very_long_whole_number_is_refused_and_not_a_crash() -> None:
    with pytest.raises(UserError):
        from_flat({"lora.rank": "9" * 5000})


def test_a_missing_file_and_a_broken_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_config(tmp_path / "absent.json")
    assert caught.value.message.values["path"] == str(tmp_path / "absent.json")
    (tmp_path / "broken.json").write_text('{\n"lora": {"rank": }\n}')
    with pytest.raises(UserError) as caught:
        read_config(tmp_path / "broken.json")
    assert caught.value.message.values["line"] == 2


@pytest.mark.parametrize("data", [b"\xff\xfe", b"", b"\x00"])
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "bytes.json").write_bytes(data)
    with pytest.raises(UserError):
        read_config(tmp_path / "bytes.json")


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        read_config(tmp_path)


def test_a_byte_order_mark_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / "bom.json").write_text('{"lora": {"rank": 5}}', encoding="utf-8-sig")
    assert read_config(tmp_path / "bom.json").lora.rank == 5


def test_flatten_and_with_values_are_inverse() -> None:
    config = replace(RunConfig(), lora=replace(RunConfig().lora, rank=99))
    assert with_values(RunConfig(), flatten(config)) == config
