"""docs/preferences.md tells the truth: its commands are commands, its settings exist, every stage is there."""

import re
import shlex
from pathlib import Path

import pytest

from tsft.config.schema import setting_by_key
from tsft.config.stages import DPO_LOSSES, JUDGED, PAIRED, REFERRING
from tsft.flags import command_parser, split_settings

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "preferences.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]


@pytest.mark.parametrize("line", COMMANDS)
def test_its_commands_are_commands(line: str) -> None:
    rest = shlex.split(line)[1:]
    if rest[0] == "train":
        rest, _, problems = split_settings(rest)
        assert problems == []
    command_parser("en").parse_args(rest)


def test_its_settings_exist_and_every_stage_is_told_of() -> None:
    sections = {each.section for each in setting_by_key().values()}
    named = [name for name in re.findall(r"`([a-z_]+\.[a-z_]+)`", TEXT) if name.split(".")[0] in sections]
    assert named and [name for name in named if name not in setting_by_key()] == []
    stages = dict(re.findall(r"^\| `(\w+)` \|.*\| (yes|no) \|$", TEXT, re.MULTILINE))
    assert stages.keys() == {*PAIRED, *JUDGED}
    assert {stage for stage, keeps in stages.items() if keeps == "yes"} == set(REFERRING)
    assert f"{len(DPO_LOSSES)} losses".replace("14", "fourteen") in TEXT
