"""The README tells the truth: its commands parse, its table is fresh, its example trains, its names exist."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from tests.test_layers import BASE, LAYERS
from tsft.config.docs import settings_page, with_table
from tsft.data.preparation import check_dataset
from tsft.flags import command_parser, split_settings, webui_parser

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FENCES = re.findall(r"```(\w*)\n(.*?)```", README, flags=re.DOTALL)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def blocks(language: str) -> list[str]:
    return [text for name, text in FENCES if name == language]


def commands() -> list[list[str]]:
    """Every command of tsft in the README, in blocks and in the text."""
    lines = [part for block in blocks("sh") for line in block.splitlines() for part in line.split(" && ")]
    lines += re.findall(r"`(tsft[\w-]* [^`]+)`", README)
    return [shlex.split(line) for line in lines if line.split()[0] in ("tsft", "tsft-webui")]


def test_the_settings_table_is_up_to_date() -> None:
    assert with_table(README) == README, "run: python -m tsft.config.docs"


def test_the_page_of_all_settings_is_up_to_date() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert settings_page() == page, "run: python -m tsft.config.docs"


def test_a_missing_mark_is_told() -> None:
    with pytest.raises(ValueError):
        with_table("no marks here")


def test_it_is_short_enough_to_be_read() -> None:
    assert len(README.splitlines()) < 250
    assert len(CONTRIBUTING.splitlines()) < 80


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_its_commands_are_commands(words: list[str]) -> None:
    if words[0] == "tsft-webui":
        webui_parser("en").parse_args(words[1:])
        return
    rest, flat, problems = split_settings(words[1:])
    assert problems == []
    command_parser("en").parse_args(rest)
    assert all(name in README for name in flat)


def test_its_example_rows_can_be_trained_on(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(blocks("json")[0], encoding="utf-8")
    report = check_dataset(str(path), [], tmp_path / "cache")
    assert (report.rows_read, report.kept) == (2, 2)


def test_each_dependency_is_there_with_a_reason() -> None:
    extras = [line for name, lines in PROJECT["optional-dependencies"].items() if name != "test" for line in lines]
    for line in (*PROJECT["dependencies"], *extras):
        name = re.split(r"[<>=\[ ]", line)[0]
        assert re.search(rf"^\| {name}( \(extra\))? \| \S", README, flags=re.MULTILINE), name


def test_the_tour_names_what_is_there() -> None:
    (tour,) = blocks("")
    folder = Path()
    for line in tour.splitlines():
        name = line.split()[0]
        depth = len(line) - len(line.lstrip())
        if depth == 0:
            folder = path = ROOT / name
        elif depth == 2:
            path = ROOT / "src" / "tsft" / name
            folder = path if name.endswith("/") else folder
        else:
            path = folder / name
        assert path.exists(), name


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_links_lead_to_files(text: str) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (ROOT / target).exists(), target


def test_contributing_has_the_layers_that_are_tested() -> None:
    rows = re.findall(r"^\| [a-z ]+ \| (`.*?) \|", CONTRIBUTING, flags=re.MULTILINE)
    told = [tuple(re.findall(r"`(\w+)`", row)) for row in rows]
    assert told == [*LAYERS[:-1], tuple(name for name in BASE if name != "__init__")]


def test_two_commands_install_one_opens_the_page_one_tests() -> None:
    page, test = blocks("sh")[:2]
    assert page.strip().endswith("tsft-webui") and test.strip().endswith("pytest -n 2")
    assert "pip install" in page and "pip install" in test
