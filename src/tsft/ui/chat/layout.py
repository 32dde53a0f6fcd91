"""Where everything of the Chat tab stands. HTML shows, components take what is typed. What they do: `desk.py`."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsft.data.builder.tables import KINDS as TABLES
from tsft.data.tasks.catalog import SYNTH_TASKS
from tsft.evaluate.disturbances import KINDS as CHANGES
from tsft.i18n import translate
from tsft.run.answers import CPU, WAIT, AnswerOptions
from tsft.ui.chat.verdict_box import VerdictBox, place_verdict_box
from tsft.ui.words import Words

WRITING_SECONDS, IDLE_SECONDS = 0.4, 3.0
SOURCES = ("table", "paste", "draw", "row", "generate")
# A click on a button of the conversation, with the part of the answer that is selected.
TURNS_LISTEN = """
element.addEventListener('mousedown', (event) => { if (event.target.closest('[data-do]')) event.preventDefault(); });
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-do]');
  if (button) trigger('select', window.tsft.chat.told(button));
});
"""
# What changes in it is read out once, and nothing of an answer before it is finished.
OVER_SPEAKS = "element.setAttribute('role', 'status'); element.setAttribute('aria-live', 'polite');"
ATTACHED_LISTEN = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-do]');
  if (button) trigger('select', { do: button.dataset.do, series: Number(button.dataset.series) });
});
"""


@dataclass(frozen=True)
class AttachBox:
    """The ways in for series, one shown at a time (`chat.css`)."""

    fold: Any
    source: Any
    file: Any
    table: Any
    picking: Any
    columns: Any
    first: Any
    last: Any
    name: Any
    paste: Any
    draw: Any
    drawn: Any
    dataset: Any
    row: Any
    kind: Any
    seed: Any
    points: Any
    buttons: dict[str, Any]


@dataclass(frozen=True)
class Sampling:
    """How answers are written. both: the base is asked beside every answer."""

    system: Any
    tokens: Any
    temperature: Any
    top_p: Any
    top_k: Any
    repetition: Any
    seed: Any
    both: Any

    @property
    def inputs(self) -> list[Any]:
        """In the order in which `desk.Asked` takes them."""
        return [self.system, self.tokens, self.temperature, self.top_p, self.top_k, self.repetition, self.seed]


@dataclass(frozen=True)
class ChangeBox:
    kind: Any
    strength: Any
    series: Any
    ask: Any


@dataclass(frozen=True)
class ChatParts:
    """token: under which this browser tab's conversation is kept. seen: what this page was sent last.

    feed: the answer under way, for the page's script. over: the one finished last, for a screen reader.
    open: leads to the label room once a row was sent there. sent: the question asked last, which is
    taken out of its box where it still stands there.
    """

    token: Any
    relabel: Any
    model: Any
    slot: Any
    free: Any
    beside: Any
    turns: Any
    feed: Any
    over: Any
    doing: Any
    said: Any
    open: Any
    correcting: Any
    correction: Any
    save: Any
    cancel: Any
    attached: Any
    question: Any
    sent: Any
    ask: Any
    stop: Any
    again: Any
    edit: Any
    clear: Any
    attach: AttachBox
    sampling: Sampling
    change: ChangeBox
    verdicts: VerdictBox
    timer: Any
    seen: Any


def place_chat(words: Words) -> ChatParts:
    """Lay the tab out inside the open `gr.Tab`."""
    token = gr.Textbox(visible="hidden", elem_id="chat-token")
    relabel = gr.Button(visible="hidden", elem_id="chat-relabel")
    head = _place_head(words)
    with gr.Row(elem_id="chat-halves"):
        with gr.Column(scale=8, min_width=320, elem_id="chat-main"):
            main = _place_main(words)
            attach = _place_attach(words)
        with gr.Column(scale=3, min_width=260, elem_id="chat-side"):
            sampling = _place_sampling(words)
            change = _place_change(words)
            verdicts = place_verdict_box(words)
    timer, seen = gr.Timer(IDLE_SECONDS, active=False), gr.State({})
    return ChatParts(
        token=token, relabel=relabel, **head, **main, attach=attach, sampling=sampling, change=change,
        verdicts=verdicts, timer=timer, seen=seen,
    )  # fmt: skip


def _place_head(words: Words) -> dict[str, Any]:
    with gr.Row(elem_id="chat-bar", elem_classes=["gap-small"], equal_height=False):
        model = gr.Dropdown(
            [], value=None, interactive=True, allow_custom_value=True, elem_id="chat-model", min_width=280, scale=3
        )
        words.add(model, label="page.chat.model", info="page.chat.model_help")
        slot = gr.HTML(elem_id="chat-slot", apply_default_css=False)
        beside = gr.Radio([WAIT, CPU], value=WAIT, interactive=True, visible=False, elem_id="chat-beside")
        words.add_made(beside, _beside_words)
        free = gr.Button(size="md", elem_id="chat-free", scale=0, min_width=150, interactive=False)
        words.add(free, value="page.chat.free")
    return {"model": model, "slot": slot, "beside": beside, "free": free}


def _beside_words(language: str) -> dict[str, Any]:
    choices = [(translate(language, f"page.chat.beside.{each}"), each) for each in (WAIT, CPU)]
    return {"label": translate(language, "page.chat.beside"), "choices": choices}


def _place_main(words: Words) -> dict[str, Any]:
    turns = gr.HTML(elem_id="chat-turns", apply_default_css=False, js_on_load=TURNS_LISTEN)
    feed = gr.HTML(elem_id="chat-feed", elem_classes=["feed"])
    over = gr.HTML(elem_id="chat-over", apply_default_css=False, js_on_load=OVER_SPEAKS)
    doing = gr.HTML(elem_id="chat-doing", apply_default_css=False, js_on_load=TURNS_LISTEN)
    said = gr.HTML(elem_id="chat-said", apply_default_css=False)
    opened = gr.Button(size="sm", visible=False, elem_id="chat-open", scale=0)
    words.add(opened, value="page.chat.open_label_room")
    with gr.Column(visible=False, elem_id="chat-correcting") as correcting:
        correction = gr.Textbox(lines=3, max_lines=12, interactive=True, elem_id="chat-correction")
        words.add(correction, label="page.chat.correction", info="page.chat.correction_help")
        with gr.Row(elem_classes=["gap-small", "chat-buttons"]):
            save = gr.Button(size="md", elem_id="chat-save", scale=0, min_width=160)
            cancel = gr.Button(size="md", elem_id="chat-cancel", scale=0, min_width=100)
        words.add(save, value="page.chat.save_correction")
        words.add(cancel, value="page.chat.cancel")
    attached = gr.HTML(elem_id="chat-attached", apply_default_css=False, js_on_load=ATTACHED_LISTEN)
    question = gr.Textbox(lines=1, max_lines=10, interactive=True, elem_id="chat-question")
    words.add_made(question, _question_words)
    sent = gr.Textbox(visible="hidden", elem_id="chat-sent")
    with gr.Row(elem_classes=["gap-small", "chat-buttons"], equal_height=False):
        made: dict[str, Any] = {}
        for name in ("ask", "stop", "again", "edit", "clear"):
            variant: Any = "primary" if name == "ask" else "secondary"
            idle = name in ("stop", "again", "edit")
            made[name] = gr.Button(
                size="md", variant=variant, elem_id=f"chat-{name}", scale=0, min_width=96, interactive=not idle
            )
            words.add(made[name], value=f"page.chat.{name}")
    return {
        "turns": turns, "feed": feed, "over": over, "doing": doing, "said": said, "open": opened,
        "correcting": correcting, "correction": correction, "save": save, "cancel": cancel, "attached": attached,
        "question": question, "sent": sent, **made,
    }  # fmt: skip


def _question_words(language: str) -> dict[str, Any]:
    names = ("label", "info", "placeholder")
    return {name: translate(language, f"page.chat.question.{name}") for name in names}


def _place_attach(words: Words) -> AttachBox:
    buttons: dict[str, Any] = {}

    def put(name: str) -> None:
        buttons[name] = gr.Button(size="md", elem_id=f"chat-attach-{name}", scale=0, min_width=120)
        words.add(buttons[name], value="page.chat.attach_it")

    with gr.Accordion(open=True, elem_id="chat-attach", elem_classes=["fold"]) as fold:
        source = gr.Radio(list(SOURCES), value=SOURCES[0], interactive=True, elem_id="chat-source")
        words.add_made(source, _source_words)
        with gr.Column(elem_classes=["by-table"]):
            file = gr.UploadButton(
                file_types=[*TABLES], size="md", elem_id="chat-file", elem_classes=["drops"], scale=0, min_width=160
            )
            words.add(file, label="page.chat.file")
            table = gr.HTML(elem_id="chat-table", apply_default_css=False)
            with gr.Row(elem_classes=["gap-small"], equal_height=False, visible=False) as picking:
                columns = gr.Dropdown([], multiselect=True, interactive=True, elem_id="chat-columns", min_width=200)
                words.add(columns, label="page.chat.columns")
                first = _number(words, "first", 1)
                last = _number(words, "last", 1)
                put("table")
        with gr.Row(elem_classes=["by-hand"]):
            name = gr.Textbox(interactive=True, max_lines=1, elem_id="chat-name", min_width=160)
        words.add(name, label="page.chat.name")
        with gr.Row(elem_classes=["gap-small", "by-paste"], equal_height=False):
            paste = gr.Textbox(lines=2, max_lines=8, interactive=True, elem_id="chat-paste", min_width=240)
            words.add(paste, label="page.chat.paste", info="page.chat.paste_help")
            put("paste")
        with gr.Row(elem_classes=["gap-small", "by-draw"], equal_height=False):
            draw = gr.HTML(elem_id="chat-draw", apply_default_css=False)
            drawn = gr.Textbox(visible="hidden", elem_id="chat-drawn")
            put("draw")
        with gr.Row(elem_classes=["gap-small", "by-row"], equal_height=False):
            dataset = gr.Dropdown([], interactive=True, allow_custom_value=True, elem_id="chat-dataset", min_width=180)
            words.add(dataset, label="page.ask.dataset")
            row = gr.Number(1, precision=0, interactive=True, elem_id="chat-row", min_width=90)
            words.add(row, label="page.ask.row")
            put("row")
        with gr.Row(elem_classes=["gap-small", "by-generate"], equal_height=False):
            kind = gr.Dropdown(
                [each.key for each in SYNTH_TASKS], value="trend", interactive=True, elem_id="chat-kind", min_width=160
            )
            words.add_made(kind, _kind_words)
            points = _number(words, "points_wanted", 128)
            seed = _number(words, "seed", 1)
            put("generate")
    words.add(fold, label="page.chat.attach")
    return AttachBox(
        fold, source, file, table, picking, columns, first, last, name, paste, draw, drawn, dataset, row, kind, seed,
        points, buttons,
    )  # fmt: skip


def _number(words: Words, name: str, value: Any) -> Any:
    """Without bounds, of which Gradio speaks in English: the handlers say them."""
    made = gr.Number(value, precision=0, interactive=True, elem_id=f"chat-{name}", min_width=90)
    return words.add(made, label=f"page.chat.{name}")


def _source_words(language: str) -> dict[str, Any]:
    choices = [(translate(language, f"page.chat.source.{each}"), each) for each in SOURCES]
    return {"label": translate(language, "page.chat.source"), "choices": choices}


def _kind_words(language: str) -> dict[str, Any]:
    choices = [(translate(language, f"page.data.task.{each.key}"), each.key) for each in SYNTH_TASKS]
    return {"label": translate(language, "page.chat.generated_kind"), "choices": choices}


def _place_sampling(words: Words) -> Sampling:
    plain = AnswerOptions()
    with gr.Accordion(open=False, elem_id="chat-sampling", elem_classes=["fold"]) as fold:
        system = gr.Textbox(lines=2, max_lines=6, interactive=True, elem_id="chat-system")
        tokens = gr.Number(plain.max_new_tokens, precision=0, interactive=True, elem_id="chat-tokens")
        shares: dict[str, Any] = {"step": 0.05, "interactive": True, "buttons": []}
        temperature = gr.Slider(0, 2, plain.temperature, elem_id="chat-temperature", **shares)
        top_p = gr.Slider(0.05, 1, plain.top_p, elem_id="chat-top_p", **shares)
        top_k = gr.Number(plain.top_k, precision=0, interactive=True, elem_id="chat-top_k")
        repetition = gr.Slider(1, 2, plain.repetition_penalty, elem_id="chat-repetition", **shares)
        # A box of numbers shows 0 where it is empty, which is another seed.
        seed = gr.Textbox("", max_lines=1, interactive=True, elem_id="chat-answer_seed")
        both = gr.Checkbox(False, interactive=True, elem_id="chat-both")
        named = {
            "system": system, "tokens": tokens, "temperature": temperature, "top_p": top_p, "top_k": top_k,
            "repetition": repetition, "answer_seed": seed, "both": both,
        }  # fmt: skip
        for name, control in named.items():
            words.add(control, label=f"page.chat.{name}", info=f"page.chat.{name}_help")
    words.add(fold, label="page.chat.sampling")
    return Sampling(system, tokens, temperature, top_p, top_k, repetition, seed, both)


def _place_change(words: Words) -> ChangeBox:
    with gr.Accordion(open=False, elem_id="chat-change", elem_classes=["fold"]) as fold:
        kind = gr.Dropdown(list(CHANGES), value=CHANGES[0], interactive=True, elem_id="chat-change-kind")
        words.add_made(kind, _change_words)
        strength = gr.Slider(1, 300, 20, step=1, interactive=True, elem_id="chat-change-strength", buttons=[])
        words.add(strength, label="page.chat.strength", info="page.chat.strength_help")
        series = gr.Number(0, precision=0, interactive=True, elem_id="chat-change-series")
        words.add(series, label="page.chat.change_series", info="page.chat.change_series_help")
        ask = gr.Button(size="md", elem_id="chat-change-ask")
        words.add(ask, value="page.chat.ask_changed")
    words.add(fold, label="page.chat.changing")
    return ChangeBox(kind, strength, series, ask)


def _change_words(language: str) -> dict[str, Any]:
    choices = [(translate(language, f"page.chat.change.{each}"), each) for each in CHANGES]
    return {"label": translate(language, "page.chat.change"), "choices": choices}
