"""The section of the Data tab for the label room: where everything stands. What it does is in the modules beside."""

from dataclasses import dataclass, field, fields
from typing import Any

import gradio as gr

from tsft.data.labelling.answers import KINDS
from tsft.data.labelling.items import STATES
from tsft.data.tasks.words import LANGUAGES, STYLES
from tsft.i18n import translate
from tsft.ui.data.desk import DataDesk
from tsft.ui.data.job_box import JobBox, place_job_box, wire_job_box
from tsft.ui.data.label_answers import wire_answers
from tsft.ui.data.label_drafts import wire_drafts
from tsft.ui.data.label_fill import FillBox, place_fill_box, wire_fill_box
from tsft.ui.data.label_items import Looking, wire_items
from tsft.ui.data.label_marks import wire_marks
from tsft.ui.data.label_save import FORMS, ROWS, wire_save
from tsft.ui.words import Words

# A click on an item chooses it, on "back" and "more" turns the page.
LIST_LISTEN = """
element.addEventListener('click', (event) => {
  const item = event.target.closest('[data-item]'), page = event.target.closest('[data-first]');
  if (item) trigger('select', { item: item.dataset.item });
  else if (page) trigger('edit', { first: Number(page.dataset.first) });
});
"""
BRUSH_LISTEN = "element.addEventListener('tsft-brush', (event) => trigger('edit', event.detail));"
CHIPS_LISTEN = """
element.addEventListener('click', (event) => {
  const drop = event.target.closest('[data-drop]'), mark = event.target.closest('[data-mark]');
  if (drop) trigger('edit', { drop: Number(drop.dataset.drop) });
  else if (mark) trigger('select', { mark: Number(mark.dataset.mark) });
});
"""
# Keys in `assets/label.js` press the buttons of these names.
DECISIONS = ("accept", "correct", "reject", "skip", "undo")


@dataclass(frozen=True)
class LabelSection:
    """The controls. looking: what this session looks at; decided: what it decided, for undo; first: the list's page."""

    fill: FillBox
    job: JobBox
    state: Any
    list: Any
    said: Any
    room: Any
    head: Any
    picture: Any
    chips: Any
    series: Any
    start: Any
    end: Any
    name: Any
    add: Any
    change: Any
    kind: Any
    language: Any
    style: Any
    with_question: Any
    compute: Any
    question: Any
    answer: Any
    draft: Any
    take: Any
    doctor: Any
    decide: dict[str, Any]
    model: Any
    draft_one: Any
    draft_all: Any
    save_name: Any
    save_form: Any
    again: Any
    save: Any
    looking: Any = field(default_factory=lambda: gr.State(Looking()))
    decided: Any = field(default_factory=lambda: gr.State([]))
    first: Any = field(default_factory=lambda: gr.State(-1))

    @property
    def shown(self) -> list[Any]:
        """Everything that a handler may change; what it does not name stays as it is."""
        kept = ("fill", "job", "decide")
        return [getattr(self, each.name) for each in fields(self) if each.name not in kept]


def place_label_section(words: Words) -> LabelSection:
    """Lay the section out inside the open tab."""
    fill = place_fill_box(words)
    job = place_job_box(words, "label")
    said = gr.HTML(elem_id="label-said", apply_default_css=False)
    with gr.Row(elem_id="label-columns"):
        with gr.Column(scale=3, min_width=240, elem_id="label-left"):
            listed = _place_list(words)
        with gr.Column(scale=9, min_width=320, elem_id="label-room", visible=False) as room:
            item = _place_item(words)
    return LabelSection(fill=fill, job=job, said=said, room=room, **listed, **item)


def wire_label_section(section: LabelSection, desk: DataDesk, who: Any) -> None:
    """What its controls do."""
    wire_job_box(section.job, desk.room.jobs, desk.language)
    wire_items(section, desk, who)
    wire_marks(section, desk, who)
    wire_answers(section, desk, who)
    wire_drafts(section, desk, who)
    wire_fill_box(section, desk, who)
    wire_save(section, desk, who)


def _place_list(words: Words) -> dict[str, Any]:
    state = gr.Radio([*STATES, ""], value="open", interactive=True, elem_id="label-state")
    words.add_made(state, lambda language: {"label": translate(language, "page.data.label.filter")})
    listed = gr.HTML(elem_id="label-list", apply_default_css=False, js_on_load=LIST_LISTEN)
    with gr.Accordion(open=True, elem_id="label-drafts") as fold:
        model = gr.Dropdown([], interactive=True, allow_custom_value=True, elem_id="label-model", min_width=120)
        words.add(model, label="page.data.label.model", info="page.data.label.model_help")
        with gr.Row(elem_classes=["gap-small"]):
            one = words.add(
                gr.Button(elem_id="label-draft", min_width=90, size="md"), value="page.data.label.draft_one"
            )
            every = words.add(
                gr.Button(elem_id="label-draft-all", min_width=90, size="md"), value="page.data.label.draft_all"
            )
    words.add(fold, label="page.data.label.drafts")
    with gr.Accordion(open=True, elem_id="label-saving") as saving:
        name = gr.Textbox("labelled", interactive=True, elem_id="label-name", max_lines=1, min_width=120)
        words.add(name, label="page.data.label.save_name")
        form = gr.Dropdown(list(FORMS), value=ROWS, interactive=True, elem_id="label-form", min_width=120)
        words.add_made(form, _form_words)
        again = words.add(gr.Checkbox(value=False, elem_id="label-again"), label="page.data.label.again")
        save = words.add(gr.Button(elem_id="label-save", size="md"), value="page.data.label.save")
    words.add(saving, label="page.data.label.saving")
    return {
        "state": state,
        "list": listed,
        "model": model,
        "draft_one": one,
        "draft_all": every,
        "save_name": name,
        "save_form": form,
        "again": again,
        "save": save,
    }


def _place_item(words: Words) -> dict[str, Any]:
    head = gr.HTML(elem_id="label-head", apply_default_css=False)
    picture = gr.HTML(elem_id="label-picture", apply_default_css=False, js_on_load=BRUSH_LISTEN)
    marks = _place_marks(words)
    texts = _place_texts(words)
    with gr.Row(elem_id="label-decide", elem_classes=["gap-small"]):
        decide = {}
        for name in DECISIONS:
            variant: Any = "primary" if name == "accept" else "secondary"
            decide[name] = gr.Button(elem_id=f"label-{name}", variant=variant, min_width=96, size="md")
            words.add(decide[name], value=f"page.data.label.do.{name}")
    keys = gr.HTML(elem_id="label-keys", apply_default_css=False)
    words.add_made(keys, lambda language: {"value": f"<p>{translate(language, 'page.data.label.keys')}</p>"})
    return {"head": head, "picture": picture, "decide": decide, **marks, **texts}


def _place_marks(words: Words) -> dict[str, Any]:
    with gr.Row(elem_id="label-marking", elem_classes=["gap-small"], equal_height=False):
        name = gr.Dropdown(
            [], value=None, interactive=True, allow_custom_value=True, elem_id="label-mark-name", min_width=180
        )
        words.add(name, label="page.data.label.mark_name", info="page.data.label.mark_name_help")
        series = gr.Dropdown([], interactive=True, visible=False, elem_id="label-mark-series", min_width=120)
        words.add(series, label="page.data.label.mark_series")
        start = gr.Number(None, precision=0, interactive=True, elem_id="label-mark-first", min_width=80)
        words.add(start, label="page.data.label.mark_first")
        end = gr.Number(None, precision=0, interactive=True, elem_id="label-mark-last", min_width=80)
        words.add(end, label="page.data.label.mark_last")
        add = words.add(
            gr.Button(elem_id="label-mark-add", min_width=90, scale=0, size="md"), value="page.data.label.mark_add"
        )
        change = gr.Button(elem_id="label-mark-change", min_width=90, scale=0, size="md", visible=False)
        words.add(change, value="page.data.label.mark_change")
    chips = gr.HTML(elem_id="label-marks", apply_default_css=False, js_on_load=CHIPS_LISTEN)
    return {"name": name, "series": series, "start": start, "end": end, "add": add, "change": change, "chips": chips}


def _place_texts(words: Words) -> dict[str, Any]:
    with gr.Row(elem_id="label-computing", elem_classes=["gap-small"], equal_height=False):
        chosen = {}
        for control, choices, value in (
            ("kind", KINDS, KINDS[0]),
            ("language", LANGUAGES, LANGUAGES[0]),
            ("style", STYLES, "line"),
        ):
            chosen[control] = gr.Dropdown(
                list(choices), value=value, interactive=True, elem_id=f"label-{control}", min_width=120
            )
            words.add_made(chosen[control], _choices(control, choices))
        with_question = gr.Checkbox(value=True, elem_id="label-with-question", min_width=140)
        words.add(with_question, label="page.data.label.with_question")
        compute = words.add(
            gr.Button(elem_id="label-compute", min_width=140, size="md"), value="page.data.label.compute"
        )
    question = gr.Textbox(lines=3, max_lines=12, interactive=True, elem_id="label-question")
    words.add(question, label="page.data.label.question", info="page.data.label.question_help")
    answer = gr.Textbox(lines=3, max_lines=12, interactive=True, elem_id="label-answer")
    words.add(answer, label="page.data.label.answer")
    draft = gr.HTML(elem_id="label-drafted", apply_default_css=False)
    take = words.add(
        gr.Button(elem_id="label-take", visible=False, size="sm", scale=0), value="page.data.label.take_draft"
    )
    doctor = gr.HTML(elem_id="label-doctor", apply_default_css=False)
    more = {"question": question, "answer": answer, "draft": draft, "take": take, "doctor": doctor}
    return {**chosen, "with_question": with_question, "compute": compute, **more}


def _form_words(language: str) -> dict[str, Any]:
    choices = [(translate(language, f"page.data.label.form.{each}"), each) for each in FORMS]
    told = {
        name: translate(language, f"page.data.label.{key}") for name, key in (("label", "form"), ("info", "form_help"))
    }
    return {**told, "choices": choices}


def _choices(control: str, choices: Any) -> Any:
    def made(language: str) -> dict[str, Any]:
        named = [(translate(language, f"page.data.label.{control}.{each}"), each) for each in choices]
        return {"label": translate(language, f"page.data.label.{control}"), "choices": named}

    return made
