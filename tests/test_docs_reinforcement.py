"""docs/reinforcement.md tells the truth: its commands and settings exist, every stage and reward is there."""

import re
import shlex
from pathlib import Path

import pytest

from tsft.config.schema import setting_by_key
from tsft.config.stages import REWARDS, SAMPLED
from tsft.flags import command_parser, split_settings

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "reinforcement.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]


@pytest.mark.parametrize("line", COMMANDS)
def test_its_commands_are_commands(line: str) -> None:
    rest, _, problems = split_settings(shlex.split(line)[1:])
    assert problems == []
    command_parser("en").parse_args(rest)


def test_its_settings_exist_and_every_stage_is_told_of() -> None:
    sections = {each.section for each in setting_by_key().values()}
    named = [name for name in re.findall(r"`([a-z_]+\.[a-z_]+)`", TEXT) if name.split(".")[0] in sections]
    assert named and [name for name in named if name not in setting_by_key()] == []
    stages = re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE)
    assert set(stages) == set(SAMPLED)
    rewards = re.findall(r"^\| `rewards\.(\w+)` \|", TEXT, re.MULTILINE)
    assert set(rewards) == {*REWARDS, "model"}
