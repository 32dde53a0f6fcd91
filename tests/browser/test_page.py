"""The page as a person meets it, driven in Chromium over a scripted run."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from tests.browser.conftest import Served
from tsft.config.schema import setting_by_key, settings
from tsft.errors import message
from tsft.i18n import LANGUAGES, sentences, translate
from tsft.ui.train_tab import FOLDS
from tsft.ui.widgets import element_id

pytestmark = pytest.mark.browser

POINTS = (
    "(least) => Number((document.querySelector('#chart .tsft-chart') || {dataset: {}}).dataset.points || 0) >= least"
)
STEP = "(least) => Number((document.querySelector('#panel .panel') || {dataset: {}}).dataset.step || 0) >= least"
STATUS = "(wanted) => document.querySelector('#panel .panel')?.dataset.status === wanted"
SIMPLE = "document.querySelector('#mode input[value=simple]').checked"
# Between them, these show every fold of settings there is.
VARIANTS: tuple[dict[str, str], ...] = (
    {"tuning.method": "lora", "optim.optimizer": "galore_adamw", "data.task": "dpo"},
    {"tuning.method": "vera", "optim.optimizer": "apollo_adamw", "data.task": "simpo"},
    {"tuning.method": "freeze", "optim.optimizer": "badam", "data.task": "orpo"},
    {"quantization.method": "bitsandbytes", "data.task": "cpo"},
    {"data.task": "kto"},
    {"data.task": "reward"},
    {"data.task": "grpo"},
    {"data.task": "rloo"},
    {"data.task": "ppo"},
)
# Names, formats and units that a Chinese text keeps in Latin letters; and what the presets and fakes hold as data.
NAMES = {
    "tsft", "QLoRA", "DPO", "SimPO", "ORPO", "CPO", "KTO", "IPO", "EXO", "NCA", "BCO", "SPPO", "AOT", "APO", "DiscoPOP",
    "LoRA", "DoRA", "LoRA+", "rsLoRA", "PiSSA", "alpha", "dropout", "Adam", "beta", "Hugging", "Face",
    "ModelScope", "ChatTS", "SmolLM", "smollm", "token", "JSON", "CSV", "GPU", "CPU", "sdpa", "FlashAttention",
    "builtin", "demo", "first", "run", "You", "are", "helpful", "assistant", "English", "JSONL", "Parquet",
    "dataset_info", "json", "more", "min_lr", "lm_head", "embed_tokens", "ID", "adapter", "fp32", "bf16", "fp16",
    "APOLLO", "AdamW", "BAdam", "Biases", "GaLore", "Hub", "Liger", "MLflow", "Muon", "NEFTune", "NVIDIA", "RoPE",
    "Space", "SwanLab", "TensorBoard", "Trackio", "TrainingArguments", "Weights", "experiment", "kernel",
    "liger", "sync", "transformers", "wandb", "FILE", "POSIX", "Python", "shell", "train",
    "GRPO", "RLOO", "PPO", "DAPO", "BNPO", "GSPO", "GAE", "Top",
    "bitsandbytes", "torchao", "chosen", "rejected", "hinge", "sigmoid", "DDP", "DeepSpeed", "FSDP", "SLURM", "ZeRO",
}  # fmt: skip
WORD = re.compile(r"[A-Za-z][A-Za-z+]{2,}")


# All texts of the page but its code, those in fields too.
TEXTS = """() => {
  const texts = [...document.querySelectorAll('input:not([type=radio]), textarea')].map((each) => each.value);
  for (const each of document.querySelectorAll('[aria-label], [title]'))
    texts.push(each.ariaLabel || '', each.title || '');
  const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  while (walker.nextNode())
    if (!walker.currentNode.parentElement.closest('.cm-editor')) texts.push(walker.currentNode.data);
  return texts;
}"""
# Gradio's menu for tabs that do not fit has an English name, and is hidden here.
LABELS = "all => all.filter((each) => each.checkVisibility()).map((each) => each.getAttribute('aria-label'))"


def press_start(page: Any) -> None:
    page.click("#start")


def open_all_folds(page: Any) -> set[str]:
    """Open every fold of settings that shows and is closed; gives the names of those that show."""
    shown = [name for name, _ in FOLDS if page.is_visible(f"#fold-{name}")]
    for name in shown:
        for fold in (f"#fold-{name}", f"#more-{name}"):
            button = page.query_selector(f"{fold} > button.label-wrap")
            if button and "open" not in button.get_attribute("class").split():
                button.click()
                page.wait_for_selector(f"{fold} .setting, #more-{name}", state="attached")
    return set(shown)


def choose_mode(page: Any, mode: str) -> None:
    page.check(f"#mode input[value={mode}]", force=True)
    page.wait_for_selector("#more-schedule, #fold-schedule", state="attached")
    state = "attached" if mode == "advanced" else "detached"
    page.wait_for_selector("#fold-model", state=state)


def choose(page: Any, key: str, choice: str, language: str) -> None:
    """Choose a choice of a setting by its words in the page's language."""
    page.click(f"#{element_id(key)} input")
    label = translate(language, setting_by_key()[key].choice_key(choice))
    page.get_by_role("option", name=label, exact=True).click()


def show_every_setting(page: Any, language: str) -> Iterator[None]:
    """Open every fold there is, variant by variant; what was opened stays in the page, if hidden."""
    page.click('#mode label:has(input[value="advanced"])')
    page.wait_for_selector("#more-schedule, #fold-schedule", state="visible")
    seen = open_all_folds(page)
    for variant in VARIANTS:
        for key, choice in variant.items():
            choose(page, key, choice, language)
        page.wait_for_selector(f"#fold-{variant['data.task']}", state="visible")
        if "optim.optimizer" in variant:
            page.wait_for_selector(f"#fold-{variant['optim.optimizer'].split('_')[0]}", state="visible")
        seen |= open_all_folds(page)
        yield
    assert seen == {name for name, _ in FOLDS}


def choose_language(page: Any, language: str) -> None:
    page.click("#language input")
    page.get_by_role("option", name=LANGUAGES[language]).click()
    page.wait_for_function(
        "(wanted) => document.querySelector('#words-feed [data-language]').dataset.language === wanted", arg=language
    )


def test_start_is_the_second_click(open_page: Callable[..., Any], served: Served) -> None:
    page = open_page()
    assert page.input_value("#set-model-name input").startswith("builtin")
    press_start(page)
    page.wait_for_function(POINTS, arg=5)
    config = served.engine.started[0]
    assert (config.model.name, config.data.datasets, config.lora.rank, config.output.name) == (
        "builtin",
        ("demo",),
        8,
        "first run",
    )


def test_progress_moves_and_the_end_says_what_to_do(open_page: Callable[..., Any]) -> None:
    page = open_page()
    press_start(page)
    page.wait_for_function(STEP, arg=1)
    step = int(page.get_attribute("#panel .panel", "data-step"))
    assert step < 60
    page.wait_for_function(STEP, arg=step + 1)
    page.wait_for_function(STATUS, arg="finished")
    page.wait_for_selector("#result .box")
    assert "Continue from" in page.inner_text("#result")
    assert page.locator("#chart .dots .validation").count() == 6
    assert page.locator("#chart .dots .best").count() == 1


def test_reload_second_tab_and_other_browser_show_the_same_run(open_page: Callable[..., Any], served: Served) -> None:
    served.engine.pace(0.05)
    page = open_page()
    press_start(page)
    page.wait_for_function(POINTS, arg=5)
    served.engine.pace(1.0)
    page.reload(wait_until="domcontentloaded")
    page.wait_for_function(POINTS, arg=5)
    for other in (open_page(context=page.context), open_page()):
        other.wait_for_function(POINTS, arg=5)
        assert other.inner_text("#panel .run-name") == "first run"
    assert len(served.engine.started) == 1


def test_stop_ends_the_run(open_page: Callable[..., Any], served: Served) -> None:
    served.engine.pace(0.3)
    page = open_page()
    press_start(page)
    page.wait_for_selector("#stop:not([disabled])")
    page.click("#stop")
    page.wait_for_function(STATUS, arg="stopped")
    assert page.is_disabled("#stop")


def test_a_second_start_is_refused_by_name(open_page: Callable[..., Any], served: Served) -> None:
    served.engine.pace(1.0)
    page = open_page()
    press_start(page)
    page.wait_for_selector("#stop:not([disabled])")
    press_start(page)
    page.wait_for_selector("#refusal .box")
    assert "first run" in page.inner_text("#refusal")
    assert len(served.engine.started) == 1


def test_three_wrong_fields_say_so_beside_themselves_at_once(open_page: Callable[..., Any], served: Served) -> None:
    page = open_page()
    page.fill("#set-optim-learning_rate textarea", "abc")
    page.fill("#set-schedule-epochs textarea", "")
    page.fill("#set-schedule-batch_size input", "0")
    press_start(page)
    for key in ("optim-learning_rate", "schedule-epochs", "schedule-batch_size"):
        page.wait_for_selector(f"#set-{key} .field-error")
    assert "3 things" in page.inner_text("#refusal")
    assert served.engine.started == []
    page.fill("#set-optim-learning_rate textarea", "1e-4")
    page.wait_for_selector("#set-optim-learning_rate .field-error", state="detached")
    page.wait_for_selector("#set-schedule-batch_size .field-error")


def test_an_error_in_a_closed_fold_opens_it(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.click("#fold-lora > button.label-wrap")
    page.fill("#set-lora-rank input", "0")
    page.click("#fold-lora > button.label-wrap")
    press_start(page)
    page.wait_for_selector("#set-lora-rank .field-error", state="visible")


def test_an_error_in_a_hidden_setting_brings_it_into_view(open_page: Callable[..., Any]) -> None:
    page = open_page()
    choose_mode(page, "advanced")
    for fold in ("fold-schedule", "more-schedule"):
        page.click(f"#{fold} > button.label-wrap")
    page.fill("#set-optim-weight_decay textarea", "abc")
    page.fill("#set-schedule-scheduler_options textarea", "{")
    choose_mode(page, "simple")
    page.wait_for_selector("#set-optim-weight_decay", state="detached")
    press_start(page)
    for key in ("optim-weight_decay", "schedule-scheduler_options"):
        page.wait_for_selector(f"#set-{key} .field-error", state="visible")
    assert not page.evaluate(SIMPLE)


def test_simple_mode_shows_fewer_settings_and_loses_none(open_page: Callable[..., Any], served: Served) -> None:
    page = open_page()
    assert page.evaluate(SIMPLE)
    assert not {"fold-model", "more-schedule"} & set(page.eval_on_selector_all(".fold", "all => all.map(f => f.id)"))
    assert "First run" in page.inner_text("#differs")
    choose_mode(page, "advanced")
    shown = open_all_folds(page)
    assert "model" in shown
    page.fill("#set-optim-weight_decay textarea", "0.05")
    page.fill("#set-schedule-batch_size input", "8")
    choose_mode(page, "simple")
    counted = "(words) => document.querySelector('#differs').innerText.includes(words)"
    page.wait_for_function(counted, arg="differ from “First run”: 2; hidden in simple mode: 1")
    page.reload(wait_until="domcontentloaded")
    page.wait_for_selector("html.tsft-ready", state="attached")
    page.wait_for_function(counted, arg="differ from “First run”: 2; hidden in simple mode: 1")
    press_start(page)
    page.wait_for_selector("#stop:not([disabled])")
    config = served.engine.started[0]
    assert (config.optim.weight_decay, config.schedule.batch_size) == (0.05, 8)


def test_what_differs_is_listed_and_goes_back(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.fill("#set-optim-learning_rate textarea", "abc")
    page.fill("#set-schedule-batch_size input", "8")
    page.wait_for_selector("#differs details")
    page.click("#differs summary")
    page.wait_for_function("document.querySelectorAll('#differs li').length === 2")
    assert [line.split("\n")[1] for line in page.locator("#differs li").all_inner_texts()] == ["0.001 → abc", "4 → 8"]
    page.click("#differs [data-back='optim.learning_rate']")
    page.wait_for_function("document.querySelectorAll('#differs li').length === 1")
    assert page.input_value("#set-optim-learning_rate textarea") == "0.001"
    assert page.is_visible("#differs li")
    choose_language(page, "zh")
    assert page.inner_text("#differs summary") == translate("zh", "page.differs.some", name="首次运行", count=1)
    page.click("#differs .tool")
    page.wait_for_selector("#differs p")
    assert page.input_value("#set-schedule-batch_size input") == "4"


@pytest.mark.long
def test_no_page_shows_words_of_another_language(open_page: Callable[..., Any], served: Served) -> None:
    """Every fold open in advanced mode, both tabs, after a run, with a wrong field and settings that differ."""
    served.engine.limited = {("model.precision", "fp16"): message("preflight.fp16_needs_gpu")}
    page = open_page(locale="zh-CN")
    assert page.evaluate("document.documentElement.lang").startswith("zh")
    page.click("#preview-fold > button.label-wrap")
    page.wait_for_selector("#preview .preview-row")
    assert english_words(page) == set()
    press_start(page)
    page.wait_for_function(STATUS, arg="finished")
    page.wait_for_selector("#result .box")
    page.fill("#set-schedule-batch_size input", "0")
    press_start(page)
    page.wait_for_selector("#set-schedule-batch_size .field-error")
    choose_mode(page, "advanced")
    for fold in ("preset-fold", "fold-preview"):
        page.click(f"#{fold} > button.label-wrap")
    page.add_style_tag(content=".codemirror-wrapper { display: none !important; }")  # code is code in every language
    for _ in show_every_setting(page, "zh"):
        assert english_words(page) == set()
    page.click("#differs summary")
    page.click("#preset-load")
    page.wait_for_selector("#preset-said .box")
    page.click("#check")
    page.wait_for_selector("#readiness [data-look=done]")
    page.click("#tab-runs-button")
    page.wait_for_selector(".runs tr[data-run]")
    page.click("#ask")
    page.wait_for_selector("#ask-answer .box")
    assert english_words(page) == set()
    for language in ("ja", "ko", "ru", "en", "zh"):
        choose_language(page, language)
        page.wait_for_function(
            f"document.querySelector('#start').textContent.trim() === '{translate(language, 'page.start')}'"
        )
        page.wait_for_function(
            "(label) => document.querySelector('#runs-table').textContent.includes(label)",
            arg=translate(language, "page.runs.column.started"),
        )
        assert foreign_sentences(page, language) == set()


def foreign_sentences(page: Any, language: str) -> set[str]:
    """Texts in the page, shown or hidden, that are a sentence of the page in another language and not in this one."""
    foreign = {text for each in LANGUAGES if each != language for text in sentences(each).values()}
    own, theirs = (_matcher(texts) for texts in (sentences(language).values(), foreign))
    shown = {each.strip() for each in page.evaluate(TEXTS)}
    return {each for each in shown if theirs.fullmatch(each) and not own.fullmatch(each)}


def _matcher(texts: Iterable[str]) -> re.Pattern[str]:
    """Any of the sentences, whatever stands in its places; those that are little more than places are left out."""
    pieces = [re.split(r"\{\w+\}", text) for text in texts if len(re.sub(r"\{\w+\}|\W|\d", "", text)) >= 3]
    return re.compile("|".join(".+".join(re.escape(piece) for piece in each) for each in pieces), re.DOTALL)


def english_words(page: Any) -> set[str]:
    """Latin words in the visible text, helps and accessible names, that are not names nor quoted as typed."""
    text = page.inner_text("body")
    text += " ".join(page.eval_on_selector_all(".info-text", "all => all.map((each) => each.textContent)"))
    text += " ".join(page.eval_on_selector_all("[aria-label]", LABELS))
    text += " ".join(page.eval_on_selector_all("input:not([type=radio])", "all => all.map((each) => each.value)"))
    text = re.sub(
        r"“[^”]*”|\{[^}]*\}|https?://\S+|/\S+|[\w.-]+_[\w.-]+|<b>(12|mine)</b>|<i>data</i>|It <rises>", " ", text
    )
    return set(WORD.findall(text)) - NAMES - choice_names()


def choice_names() -> set[str]:
    """Choices that bear the same name in English and Chinese: VeRA, Schedule-Free AdamW."""
    keys = [each.choice_key(choice) for each in settings() for choice in each.facts.choices]
    labels = [translate("zh", key) for key in keys if translate("zh", key) == translate("en", key)]
    return {word for label in labels for word in WORD.findall(label)}


def test_a_language_switch_keeps_what_was_typed(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.fill("#set-optim-learning_rate textarea", "0.00025")
    page.click("#fold-output > button.label-wrap")
    page.fill("#set-output-name textarea", "my run")
    choose_language(page, "ja")
    page.wait_for_selector("#tab-runs-button:text-is('実行一覧')")
    page.wait_for_selector("#start:text-is('開始')")
    assert page.input_value("#set-optim-learning_rate textarea") == "0.00025"
    assert page.input_value("#set-output-name textarea") == "my run"
    page.reload(wait_until="domcontentloaded")
    page.wait_for_selector("html.tsft-ready", state="attached")
    assert page.inner_text("#start") == "開始"
    assert page.input_value("#set-optim-learning_rate textarea") == "0.00025"
    other = open_page()
    assert other.inner_text("#start") == "Start"


def test_a_preset_sets_every_field_and_can_be_saved(open_page: Callable[..., Any], served: Served) -> None:
    page = open_page()
    page.fill("#set-schedule-batch_size input", "7")
    page.fill("#preset input", "mine")
    page.keyboard.press("Enter")
    page.click("#preset-save")
    page.wait_for_selector("#preset-said .box")
    page.fill("#set-schedule-batch_size input", "9")
    page.click("#preset-load")
    page.wait_for_function("document.querySelector('#set-schedule-batch_size input').value === '7'")


def test_the_tuning_type_decides_which_settings_show(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.click("#set-tuning-method input")
    page.get_by_role("option", name="Freeze").click()
    page.wait_for_selector("#fold-tuning", state="visible")
    page.wait_for_selector("#fold-lora", state="hidden")


def test_a_model_can_be_fetched_from_the_page(open_page: Callable[..., Any], served: Served) -> None:
    page = open_page()
    page.click("#fetch")
    page.wait_for_selector("#fetches [role=progressbar]")
    assert "40.0 MB / 100.0 MB" in page.inner_text("#fetches")
    served.engine.fetched("smollm2-135m")
    page.wait_for_selector("#fetches .box.good")


def test_a_run_is_found_again_with_curves_settings_and_resume(open_page: Callable[..., Any], served: Served) -> None:
    page = open_page()
    page.click("#tab-runs-button")
    page.click(".runs tr[data-run] button")
    page.wait_for_selector("#run-facts .facts")
    assert "/r1" in page.inner_text("#run-facts")
    page.click("#resume")
    page.wait_for_selector("#runs-said .box")
    assert served.engine.resumed == ["r1"]


def test_zoom_and_hidden_curves_outlive_updates(open_page: Callable[..., Any], served: Served) -> None:
    served.engine.pace(0.03)
    page = open_page()
    press_start(page)
    page.wait_for_function(POINTS, arg=20)
    served.engine.pace(0.2)
    box = page.locator("#chart svg.plot").first.bounding_box()
    page.mouse.move(box["x"] + 120, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 320, box["y"] + 90, steps=4)
    page.mouse.up()
    page.wait_for_selector("#chart .reset:not([hidden])")
    page.click("#chart .legend-item.raw")
    served.engine.pace(0.0)
    page.wait_for_function(STATUS, arg="finished")
    assert page.is_visible("#chart .reset")
    assert page.get_attribute("#chart .curve.raw", "d") == ""
    page.click("#chart .log-scale")
    assert page.get_attribute("#chart .log-scale", "aria-pressed") == "true"


def test_a_phone_has_no_sideways_scroll_and_large_buttons(open_page: Callable[..., Any]) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    press_start(page)
    page.wait_for_function(POINTS, arg=5)
    assert page.locator("#monitor").bounding_box()["y"] < page.locator("#settings").bounding_box()["y"]
    for language in (*(each for each in LANGUAGES if each != "en"), "en"):
        choose_language(page, language)
        assert page.locator("#start").bounding_box()["height"] >= 44
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, language
        page.click("#tab-runs-button")
        page.wait_for_selector(".runs tr[data-run]")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, language
        page.click("#tab-train-button")
    choose_mode(page, "advanced")
    open_all_folds(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    widths = page.eval_on_selector_all(".setting", "all => all.map(e => e.offsetWidth).filter(Boolean)")
    assert min(widths) >= 110


def test_every_control_has_an_accessible_name(open_page: Callable[..., Any]) -> None:
    page = open_page()
    choose_mode(page, "advanced")
    open_all_folds(page)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('input, textarea, select, button, [role=img], [role=progressbar]')]
        .filter((each) => each.offsetParent && !each.getAttribute('aria-label') && !each.title
            && !each.textContent.trim() && !(each.labels && [...each.labels].some((label) => label.textContent.trim())))
        .map((each) => each.outerHTML.slice(0, 200))"""
    )
    assert nameless == []


def test_text_is_light_on_dark_when_the_browser_is_dark(open_page: Callable[..., Any]) -> None:
    page = open_page(color_scheme="dark")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    text = page.evaluate("getComputedStyle(document.querySelector('#panel .panel')).color")
    assert brightness(background) < 60 < 160 < brightness(text)


def brightness(colour: str) -> float:
    return sum(float(each) for each in re.findall(r"[\d.]+", colour)[:3]) / 3


def test_what_this_machine_cannot_do_is_marked_as_soon_as_it_is_known(
    open_page: Callable[..., Any], served: Served
) -> None:
    page = open_page()
    served.engine.limited = {("model.precision", "fp16"): message("preflight.fp16_needs_gpu")}
    page.wait_for_function("document.querySelector('#knows-limits textarea, #knows-limits input')?.value === 'en'")
    page.click("#set-model-precision input")
    page.wait_for_selector("[role=option]:has-text('fp16 · not on this machine')")
