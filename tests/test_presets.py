"""Every preset that is shipped can be loaded, has no problem, and is named in five languages."""

from pathlib import Path

import pytest

from tsft.config.check import check
from tsft.i18n import LANGUAGES, sentences
from tsft.store.presets import Preset, list_presets, read_preset, shipped_presets
from tsft.store.workspace import open_workspace

PRESETS = pytest.mark.parametrize("preset", shipped_presets(), ids=lambda preset: preset.name)


def test_the_first_run_is_shipped() -> None:
    assert "first_run" in {preset.name for preset in shipped_presets()}


@PRESETS
def test_a_shipped_preset_is_sound(preset: Preset) -> None:
    assert preset.problem is None
    assert check(read_preset(preset)) == []


@PRESETS
def test_a_shipped_preset_has_words_in_each_language(preset: Preset) -> None:
    for language in LANGUAGES:
        assert {preset.title_key, preset.about_key, preset.needs_key} <= set(sentences(language))


@PRESETS
def test_a_shipped_preset_needs_nothing_of_this_machine(preset: Preset) -> None:
    config = read_preset(preset)
    assert not Path(config.model.name).is_absolute()
    assert config.data.folder == "" and config.model.continue_from == ""


def test_the_first_run_evaluates_and_ends_within_some_sixty_steps() -> None:
    config = next(read_preset(preset) for preset in shipped_presets() if preset.name == "first_run")
    assert config.model.name == "builtin" and config.data.datasets == ("demo",)
    assert 30 <= config.schedule.max_steps <= 120
    assert 0 < config.output.eval_steps <= config.schedule.max_steps // 2


def test_shipped_presets_come_first(tmp_path: Path) -> None:
    presets = list_presets(open_workspace(tmp_path))
    assert all(preset.is_shipped for preset in presets)
