"""`check` finds everything that is wrong, each tied to its field, and judges nothing that has no meaning."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tsft.config.check import check
from tsft.config.codec import from_flat
from tsft.config.run_config import RunConfig
from tsft.config.schema import Setting, is_active, section_names, setting_by_key, settings, with_values
from tsft.errors import UserError, raise_if_any

SOUND: dict[str, Any] = {"model.name": "builtin", "data.datasets": ("demo",)}
SOURCE = Path(__file__).resolve().parents[1] / "src" / "tsft"


def config_with(**values: Any) -> RunConfig:
    return with_values(RunConfig(), {**SOUND, **{key.replace("__", "."): value for key, value in values.items()}})


def fields(config: RunConfig) -> list[str]:
    return [problem.field for problem in check(config)]


def test_a_sound_config_has_no_problem() -> None:
    assert check(config_with()) == []


def test_the_defaults_lack_only_what_differs_per_person() -> None:
    assert sorted(fields(RunConfig())) == ["data.datasets", "model.name"]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("optim.learning_rate", {"optim__learning_rate": 0.0}),
        ("optim.learning_rate", {"optim__learning_rate": 2.0}),
        ("schedule.batch_size", {"schedule__batch_size": 0}),
        ("lora.dropout", {"lora__dropout": 1.0}),
        ("lora.initialisation", {"lora__initialisation": "magic"}),
        ("data.validation_fraction", {"data__validation_fraction": 0.0}),
        ("data.validation_datasets", {"data__validation": "dataset"}),
        ("data.weights", {"data__mixing": "interleave_over", "data__weights": (1.0, 2.0)}),
        ("data.weights", {"data__mixing": "interleave_over", "data__weights": (0.0,)}),
        ("data.weights", {"data__mixing": "interleave_over", "data__weights": (-1.0,)}),
        ("encoder.training", {"tuning__method": "encoder", "encoder__training": "frozen"}),
        ("encoder.training", {"tuning__method": "full", "encoder__training": "lora"}),
        ("tuning.freeze_layers", {"tuning__method": "freeze", "tuning__freeze_layers": 0}),
        ("lora.initialisation", {"lora__dora": True, "lora__initialisation": "pissa"}),
        ("schedule.scheduler_options", {"schedule__scheduler_options": "{oops"}),
        ("schedule.scheduler_options", {"schedule__scheduler_options": "[1]"}),
        ("schedule.scheduler_options", {"schedule__scheduler": "warmup_stable_decay"}),
        ("schedule.scheduler_options", {"schedule__scheduler": "cosine_with_min_lr"}),
        ("data.validation_datasets", {"data__validation": "dataset", "data__validation_datasets": ("demo",)}),
        ("schedule.scheduler", {"schedule__scheduler": "reduce_lr_on_plateau", "data__validation": "none"}),
    ],
)
def test_what_is_wrong_is_tied_to_its_field(field: str, values: dict[str, Any]) -> None:
    assert field in fields(config_with(**values))


@pytest.mark.parametrize(
    ("address", "is_refused"),
    [
        ("https://me:word@example.org/mlflow", True),
        ("https://token@example.org", True),
        ("https://me:pass/word@example.org", True),
        ("https://example.org/?token=abc", True),
        ("https://example.org/#abc", True),
        ("https://example.org:5000/mlflow", False),
        ("file:///home/me@work/mlflow", False),
        ("databricks", False),
        ("", False),
    ],
)
def test_an_address_that_may_hold_a_secret_is_refused_whichever_tracker_is_chosen(
    address: str, is_refused: bool
) -> None:
    assert ("output.mlflow_uri" in fields(config_with(output__mlflow_uri=address))) is is_refused


def test_all_problems_come_at_once() -> None:
    config = config_with(model__name="", optim__learning_rate=-1.0, schedule__batch_size=0, lora__rank=0)
    assert {"model.name", "optim.learning_rate", "schedule.batch_size", "lora.rank"} <= set(fields(config))
    with pytest.raises(UserError) as caught:
        raise_if_any(check(config))
    assert len(caught.value.problems) >= 4


def test_settings_without_a_meaning_are_not_judged() -> None:
    assert check(config_with(tuning__method="full", lora__rank=0, lora__initialisation="magic")) == []
    assert check(config_with(data__validation="none", data__validation_fraction=0.0)) == []


def test_the_refusal_says_the_value_and_the_bound() -> None:
    (problem,) = check(config_with(schedule__batch_size=0))
    assert problem.message.values == {"low": "1", "value": "0"}


@pytest.mark.parametrize("setting", settings(), ids=lambda each: each.key)
def test_each_default_is_within_its_own_bounds_and_choices(setting: Setting) -> None:
    facts = setting.facts
    if setting.kind is str and facts.choices and not setting.is_list:
        assert setting.default in facts.choices
    if setting.kind in (int, float) and not setting.is_list:
        assert facts.low is None or setting.default >= facts.low
        assert facts.high is None or setting.default <= facts.high
        assert facts.low is not None and facts.high is not None or setting.key in NO_UPPER_BOUND


# Numbers that may be as large as anyone likes.
NO_UPPER_BOUND = {"data.max_rows"}


@pytest.mark.parametrize("setting", [each for each in settings() if each.facts.when], ids=lambda each: each.key)
def test_a_condition_names_a_setting_and_values_it_can_have(setting: Setting) -> None:
    assert setting.facts.when is not None
    key, allowed = setting.facts.when
    other = setting_by_key()[key]
    assert set(allowed) <= set(other.facts.choices or (True, False))


def test_a_setting_is_inactive_where_its_condition_does_not_hold() -> None:
    rank = setting_by_key()["lora.rank"]
    assert is_active(from_flat({"tuning.method": "lora"}), rank)
    assert not is_active(from_flat({"tuning.method": "full"}), rank)


@pytest.mark.parametrize("setting", settings(), ids=lambda each: each.key)
def test_every_setting_is_read_by_code_that_runs(setting: Setting) -> None:
    """Outside of config/, somewhere an attribute of this name is read from this section."""
    assert (setting.section, setting.name) in settings_read()


@pytest.mark.parametrize(
    ("code", "read"),
    [
        ("config.galore.rank", {("galore", "rank")}),
        ("lora = config.lora\nlora.rank", {("lora", "rank")}),
        ("schedule, optim = job.config.schedule, job.config.optim\noptim.beta1", {("optim", "beta1")}),
        ("chosen = config.galore\nchosen = config.apollo\nchosen.rank", {("galore", "rank"), ("apollo", "rank")}),
        ("def f(data: DataSettings):\n    data.folder", {("data", "folder")}),
        (
            "class C:\n    it: DataSettings\n    def f(self):\n        s = self.it\n        s.folder",
            {("data", "folder")},
        ),
        ("def f(one: Rows):\n    one.rank", set()),
        ("def f():\n    lora = config.lora\ndef g():\n    lora.rank", set()),
    ],
)
def test_a_setting_is_known_by_its_section_or_a_name_given_to_it(code: str, read: set[tuple[str, str]]) -> None:
    assert reads_of(ast.parse(code)) == read


SECTIONS = {name: type(getattr(RunConfig(), name)).__name__ for name in section_names()}
SECTION_OF_CLASS = {kind: section for section, kind in SECTIONS.items()}
PARTS = ("data", "engine", "model", "store", "evaluate", "run")


@cache
def settings_read() -> set[tuple[str, str]]:
    """Section and name of every setting that is read outside of config/."""
    files = [path for part in PARTS for path in (SOURCE / part).rglob("*.py")]
    return {read for path in files for read in reads_of(ast.parse(path.read_text(encoding="utf-8")))}


def reads_of(tree: ast.Module) -> set[tuple[str, str]]:
    """`config.galore.rank`, and `chosen.rank` where `chosen` is that section, by assignment or by its annotation."""
    fields = {
        node.target.id: SECTION_OF_CLASS[ast.unparse(node.annotation)]
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        and ast.unparse(node.annotation) in SECTION_OF_CLASS
    }  # fmt: skip
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    known = {(each.section, each.name) for each in settings()}
    found: set[tuple[str, str]] = set()
    for scope in functions or [tree]:
        aliases = aliases_in(scope, fields)
        for node in ast.walk(scope):
            if isinstance(node, ast.Attribute):
                held = (
                    aliases.get(node.value.id, set())
                    if isinstance(node.value, ast.Name)
                    else section_of(node.value, fields)
                )
                found |= {(section, node.attr) for section in held}
    return found & known


def section_of(node: ast.AST, fields: Mapping[str, str]) -> set[str]:
    """fields: the attributes of classes here that hold a section."""
    if not isinstance(node, ast.Attribute):
        return set()
    return {fields[node.attr]} if node.attr in fields else {node.attr} & SECTIONS.keys()


def aliases_in(scope: ast.AST, fields: Mapping[str, str]) -> dict[str, set[str]]:
    """The local names that hold a section, each with the sections it can hold."""
    aliases: dict[str, set[str]] = {}
    for node in ast.walk(scope):
        if isinstance(node, ast.arg) and node.annotation is not None:
            kind = SECTION_OF_CLASS.get(ast.unparse(node.annotation))
            aliases.setdefault(node.arg, set()).update({kind} if kind else set())
        for name, value in pairs_of(node):
            aliases.setdefault(name, set()).update(section_of(value, fields))
    return aliases


def pairs_of(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """The names of an assignment with what each is given, those of `a, b = c, d` too."""
    for target in node.targets if isinstance(node, ast.Assign) else ():
        if isinstance(target, ast.Name):
            yield target.id, node.value
        elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            for name, value in zip(target.elts, node.value.elts, strict=False):
                if isinstance(name, ast.Name):
                    yield name.id, value
