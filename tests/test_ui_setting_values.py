"""In which settings runs differ, in words; and what is left out because it has no meaning or is no difference."""

import pytest

from tsft.config.run_config import RunConfig
from tsft.config.schema import setting_by_key, with_values
from tsft.i18n import LANGUAGES, translate
from tsft.ui.setting_values import NONE, differences


def configs(**values: tuple[object, ...]) -> list[RunConfig]:
    count = len(next(iter(values.values())))
    keys = {key: key.replace("__", ".") for key in values}
    return [with_values(RunConfig(), {keys[key]: each[n] for key, each in values.items()}) for n in range(count)]


def label(key: str, language: str = "en") -> str:
    return translate(language, setting_by_key()[key].label_key)


def test_only_the_settings_that_differ_are_told() -> None:
    found = differences(configs(optim__learning_rate=(1e-4, 5e-5, 1e-4), lora__rank=(8, 8, 8)), "en")
    assert found == [(label("optim.learning_rate"), ["0.0001", "5e-05", "0.0001"])]


def test_names_are_no_difference() -> None:
    assert differences(configs(output__name=("one", "other")), "en") == []


def test_a_setting_without_a_meaning_in_one_run_is_a_dash_there() -> None:
    found = dict(differences(configs(tuning__method=("lora", "full")), "en"))
    assert found[label("lora.rank")] == [str(RunConfig().lora.rank), NONE]


@pytest.mark.parametrize("language", LANGUAGES)
def test_choices_stand_in_the_reader_s_language(language: str) -> None:
    found = dict(differences(configs(data__validation=("none", "fraction")), language))
    setting = setting_by_key()["data.validation"]
    words = [translate(language, setting.choice_key(each)) for each in ("none", "fraction")]
    assert found[label("data.validation", language)] == words
