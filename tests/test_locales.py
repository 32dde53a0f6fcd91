"""Five languages with the same sentences; every sentence is used, and every one that is used exists."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tsft.config.catalog import BASE_MODELS
from tsft.config.schema import section_names, settings
from tsft.errors import UserError, message
from tsft.i18n import LANGUAGES, best_language, placeholders, say, say_all, sentences, translate
from tsft.run.events import UNITS

ROOT = Path(__file__).resolve().parents[1]
OTHERS = [language for language in LANGUAGES if language != "en"]
KEY = re.compile(r"[a-z][a-z0-9_]*(\.[A-Za-z0-9_{}-]+)+")

# Names, codes and formulas that are written alike in every language.
SAME_EVERYWHERE = re.compile(
    r"^(\W|\d|\{\w+\}|tsft|Python|LoRA|LoRA\+|DoRA|PiSSA|rsLoRA|alpha|dropout|GPU|CPU|JSON|CSV|ChatTS|Hugging Face|"
    r"ModelScope|ModelScope 魔搭|SDPA|sdpa|eager|FlashAttention|SmolLM2-135M|Qwen\S*|ChatTS-\S*|AdamW|Adam|"
    r"Adafactor|Muon|BAdam|SGD|Adagrad|RMSprop|GaLore|APOLLO|LOMO|AdaLomo|Schedule-Free|RAdam|StableAdamW|GrokAdamW|"
    r"YaRN|TensorBoard|Weights & Biases|MLflow|SwanLab|Trackio|OFT|VeRA|LoHa|LoKr|IA3|MiSS|RandLoRA|HRA|OLoRA|"
    r"DPO|KTO|ORPO|GRPO|RLOO|PPO|DAPO|BNPO|GSPO|Dr|Top-p|Top-k|CPO|SimPO|IPO|EXO|NCA|BCO|SPPO|AOT|APO|DiscoPOP|zero|down|sigmoid|hinge|Jensen|Shannon|Beta|"
    r"bf16|fp16|fp32|nf4|fp4|SmolLM2|float16|float32|bfloat16|beta|β|GB|MB|kB|token|tokens|SHA|URL|ID)*$"
)


@pytest.mark.parametrize("language", OTHERS)
def test_each_language_has_the_sentences_of_english(language: str) -> None:
    assert set(sentences(language)) == set(sentences("en"))


@pytest.mark.parametrize("language", OTHERS)
def test_placeholders_are_the_same_in_each_language(language: str) -> None:
    english = sentences("en")
    wrong = {k for k, text in sentences(language).items() if placeholders(text) != placeholders(english.get(k, ""))}
    assert wrong == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_empty_padded_or_shouted(language: str) -> None:
    bad = {key: text for key, text in sentences(language).items() if not text.strip() or "!" in text or "！" in text}
    assert bad == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_file_holds_each_key_once_and_in_order(language: str) -> None:
    text = (ROOT / "locales" / f"{language}.json").read_text(encoding="utf-8")
    pairs = json.loads(text, object_pairs_hook=lambda pairs: [key for key, _ in pairs])
    assert pairs == sorted(set(pairs))


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_translated(language: str) -> None:
    english = sentences("en")
    same = {
        k: text for k, text in sentences(language).items() if text == english[k] and not SAME_EVERYWHERE.match(text)
    }
    # Words that are spelled alike in a Latin-script borrowing are not possible in these four scripts.
    assert same == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_setting_has_its_words(language: str) -> None:
    table = sentences(language)
    wanted = {key for each in settings() for key in (each.label_key, each.help_key)}
    wanted |= {each.choice_key(choice) for each in settings() for choice in each.facts.choices}
    wanted |= {f"unit.{each.facts.unit}" for each in settings() if each.facts.unit}
    wanted |= {f"unit.{unit}" for unit in UNITS}
    wanted |= {f"section.{name}" for name in section_names()}
    assert wanted - set(table) == set()


def test_every_sentence_that_the_code_names_exists() -> None:
    missing = {key for key in named_keys() if not any(pattern(key).fullmatch(known) for known in sentences("en"))}
    assert missing == set()


def test_every_sentence_is_named_by_the_code() -> None:
    patterns = [pattern(key) for key in named_keys() | mentioned_keys() | family_keys()]
    unused = {key for key in sentences("en") if not any(each.fullmatch(key) for each in patterns)}
    assert unused == set()


@cache
def named_keys() -> frozenset[str]:
    """First arguments of `message`, `translate`, `refuse` … in the source; a computed part stands as {}."""
    return frozenset(key for node in _nodes() if isinstance(node, ast.Call) for key in _first_argument(node))


@cache
def mentioned_keys() -> frozenset[str]:
    """Any text in the source that looks like a key: some are kept in tables and passed on."""
    return frozenset(key for node in _nodes() for key in _as_key(node))


@cache
def family_keys() -> frozenset[str]:
    """Keys made of what the code knows: settings with their choices, base models, shipped presets."""
    keys = {key for each in settings() for key in (each.label_key, each.help_key, f"unit.{each.facts.unit}")}
    keys |= {each.choice_key(choice) for each in settings() for choice in each.facts.choices}
    for path in (ROOT / "presets").glob("*.json"):
        keys |= {f"preset.{path.stem}.title", f"preset.{path.stem}.about"}
    keys |= {f"model_catalog.{each.name}" for each in BASE_MODELS}
    return frozenset(keys | {f"section.{name}" for name in section_names()})


def pattern(key: str) -> re.Pattern[str]:
    return re.compile(re.escape(key).replace(re.escape("{}"), r"[\w-]+"))


CALLS = ("message", "translate", "refuse", "Message")


def _first_argument(call: ast.Call) -> Iterator[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name not in CALLS or not call.args:
        return
    argument = call.args[1] if name == "translate" and len(call.args) > 1 else call.args[0]
    options = [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]
    for option in options:
        yield from _as_key(option)


def _as_key(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
    elif isinstance(node, ast.JoinedStr):
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    else:
        return
    if KEY.fullmatch(text) and not text.startswith("{}"):
        yield text


@cache
def _nodes() -> tuple[ast.AST, ...]:
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "src").rglob("*.py"))
    return tuple(node for tree in trees for node in ast.walk(tree))


def test_a_value_that_is_a_sentence_is_translated_too() -> None:
    wanted = message("config.kind.int")
    for inner in (wanted, wanted.to_json()):
        text = say("zh", message("config.wrong_kind", value="x", wanted=inner))
        assert translate("zh", "config.kind.int") in text and "{" not in text


def test_values_with_braces_stay_as_they_are() -> None:
    assert "{hint}" in say("en", message("config.unknown", name="{hint}", hint="b"))


def test_whole_numbers_are_grouped() -> None:
    assert "12,345" in say("en", message("run.interrupted", step=12345))


def test_all_sentences_of_an_error_are_said() -> None:
    error = UserError(message("check.no_model"), message("check.no_dataset"))
    assert len(say_all("ru", error).split("\n")) == 2


@pytest.mark.parametrize(
    ("header", "language"),
    [("zh-TW,zh;q=0.9,en;q=0.8", "zh"), ("de, ja;q=0.5", "ja"), ("", "en"), ("xx", "en"), ("RU", "ru")],
)
def test_the_browser_gets_the_first_language_we_speak(header: str, language: str) -> None:
    assert best_language(header) == language


def test_an_unknown_language_gets_english() -> None:
    assert translate("xx", "check.no_model") == translate("en", "check.no_model")
