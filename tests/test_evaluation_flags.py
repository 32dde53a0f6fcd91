"""Every setting of an evaluation has a flag with a sentence, and the flags give the settings they name."""

import dataclasses
import subprocess
import sys

import pytest

from tsft.evaluation_flags import flag_of, settings_of
from tsft.flags import command_parser
from tsft.i18n import LANGUAGES
from tsft.run.evaluation import EvaluationSettings

FIELDS = [each.name for each in dataclasses.fields(EvaluationSettings)]


def settings(*words: str) -> EvaluationSettings:
    return settings_of(command_parser("en").parse_args(words), ("swapped", "noisy"))


def test_what_is_not_given_is_as_the_settings_have_it() -> None:
    plain = EvaluationSettings(models=("pump",), datasets=("held",))
    assert settings("evaluate", "pump", "--data", "held") == plain
    asked = settings("predict", "pump", "--data", "held", "--to", "x.csv")
    assert asked == dataclasses.replace(plain, measures_loss=False, baselines=False)


def test_every_setting_can_be_given() -> None:
    words = (
        "evaluate a b --data x --data y z --with-base --point-adjusted --no-answers --no-loss --no-baselines --chatts"
    )
    words += " --baseline-data t --controls all --control-rows 5 --rows 3 --batch-size 2 --max-tokens 9"
    words += " --max-new-tokens 4 --temperature 0.5 --top-p 0.9 --top-k 7 --repetition-penalty 1.1 --seed 8"
    words += " --precision fp32 --folder f --name n"
    given = dataclasses.asdict(settings(*words.split()))
    defaults = dataclasses.asdict(EvaluationSettings())
    assert {name for name in FIELDS if given[name] == defaults[name]} == set()
    assert given["models"] == ("a", "b") and given["datasets"] == ("x", "y", "z")
    assert given["controls"] == ("swapped", "noisy")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_help_names_every_flag(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command_parser(language).parse_args(["evaluate", "--help"])
    told = capsys.readouterr().out
    assert [name for name in FIELDS if flag_of(name) not in told] == []


def test_the_help_loads_nothing_heavy() -> None:
    code = "import sys; from tsft.cli import main\ntry: main(['evaluate', '--help'])\nexcept SystemExit: pass\n"
    code += "heavy = {'torch', 'transformers', 'gradio', 'numpy', 'sqlalchemy', 'sacrebleu'} & set(sys.modules)\n"
    code += "sys.exit(sorted(heavy).__repr__() if heavy else 0)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False).returncode == 0
