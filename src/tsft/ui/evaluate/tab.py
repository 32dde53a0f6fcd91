"""The Evaluate & Predict tab: the form, the list of evaluations, the report of one, and its answers row by row."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsft.ui.context import PageContext
from tsft.ui.data.room import DataRoom
from tsft.ui.evaluate.answers_html import CHOOSE, FILTER
from tsft.ui.evaluate.card import ACT
from tsft.ui.evaluate.desk import Desk, Who
from tsft.ui.evaluate.form import EvaluateForm, place_form
from tsft.ui.evaluate.listing import BEHAVIOUR, TAKE
from tsft.ui.evaluate.prefer_box import PreferBox, place_prefer_box, wire_prefer_box
from tsft.ui.evaluate.room import EvaluateRoom
from tsft.ui.events import BESIDE, PRIVATE, QUEUED
from tsft.ui.words import Words

SECONDS = 1.0
# Labelled in the page's language when it is first looked at (`assets/evaluate.js`).
LABEL = "() => window.tsft && tsft.labelEvaluate()"
LABELLED = "() => window.tsft && tsft.evaluateLabelled()"
# The file comes at once; the link stays.
FETCH = "() => document.querySelector('#evaluate-exported a.download')?.click()"
# The filters go in for the hidden box.
SOUGHT = "(...given) => { given[0] = tsft.answerFilters(); return given; }"
# On a phone the card lies below the table.
TO_CARD = "() => window.tsft && tsft.toAnswerCard()"


@dataclass(frozen=True)
class EvaluateTab:
    """The tab's components.

    chosen: the evaluation in view, query: which of its rows (`Query`), key: the row in view ([dataset, row] or []).
    sought: what the filters say, filled in by the browser. followed: the evaluation that this session began;
    ended: the one that has ended; seen: `progress.revision`.
    """

    tab: Any
    form: EvaluateForm
    start: Any
    stop: Any
    problems: Any
    progress: Any
    list: Any
    said: Any
    head: Any
    exported: Any
    report: Any
    prefer: PreferBox
    filters: Any
    sought: Any
    rows: Any
    sent: Any
    card: Any
    relabel: Any
    timer: Any
    ended: Any
    chosen: Any
    query: Any
    key: Any
    followed: Any
    seen: Any

    @property
    def shown(self) -> list[Any]:
        """What an evaluation fills."""
        told = [self.head, self.exported, self.report, self.filters, self.rows, self.card]
        return [*told, *self.prefer.filled, *self.states]

    @property
    def states(self) -> list[Any]:
        return [self.chosen, self.query, self.key]

    @property
    def going(self) -> list[Any]:
        """What `Desk.progress` fills."""
        return [self.progress, self.stop, self.timer, self.seen, self.ended]


def place_evaluate_tab(
    words: Words, tab: Any, context: PageContext, data: DataRoom, language: Any, who: Who, tabs: Any
) -> EvaluateTab:
    """Lay the tab out inside the open `gr.Tab`, and wire all of it. tabs: those of the page."""
    room, own = EvaluateRoom(context, data), Words()
    at = _place(own, tab)
    words.add(tab, label="page.tab.evaluate")
    gr.set_static_paths([room.exports])
    _wire(at, Desk(at, room, who), own, language, tabs)
    return at


def _place(words: Words, tab: Any) -> EvaluateTab:
    def html(name: str, behaviour: str | None = None) -> Any:
        more: dict[str, Any] = {"js_on_load": behaviour} if behaviour else {}
        return gr.HTML(elem_id=f"evaluate-{name}", apply_default_css=False, **more)

    made: dict[str, Any] = {}
    with gr.Row(elem_id="evaluate-top", elem_classes=["data-columns"], equal_height=False):
        with gr.Column(scale=5, min_width=320):
            form = place_form(words)
            with gr.Row(elem_classes=["gap-small"]):
                start = gr.Button(variant="primary", size="md", elem_id="evaluate-start", min_width=120)
                stop = gr.Button(size="md", visible=False, elem_id="evaluate-stop", min_width=100)
            words.add(start, value="page.evaluate.start")
            words.add(stop, value="page.evaluate.stop")
            made["problems"], made["progress"] = html("problems"), html("progress")
        with gr.Column(scale=7, min_width=320):
            made["said"], made["list"] = html("said"), html("list", BEHAVIOUR)
    made["head"], made["exported"], made["report"] = html("head", TAKE), html("exported"), html("report")
    made["prefer"] = place_prefer_box(words)
    made["filters"], made["sought"] = html("filters", FILTER), gr.Textbox(visible="hidden", elem_id="evaluate-sought")
    with gr.Row(elem_id="evaluate-answers", equal_height=False):
        with gr.Column(scale=6, min_width=320):
            made["rows"] = html("rows", CHOOSE)
        with gr.Column(scale=6, min_width=320):
            made["sent"], made["card"] = html("sent"), html("card", ACT)
    made["relabel"] = gr.Button(visible="hidden", elem_id="evaluate-relabel")
    made["timer"] = gr.Timer(SECONDS, active=False)
    # Not a state: the tick is not queued, and only a queued answer tells the browser that a state has changed.
    made["ended"] = gr.Textbox("", visible="hidden", elem_id="evaluate-ended")
    kept: dict[str, Any] = {
        "chosen": gr.State(""),
        "query": gr.State({}),
        "key": gr.State([]),
        "followed": gr.State(""),
    }
    return EvaluateTab(tab=tab, form=form, start=start, stop=stop, seen=gr.State([]), **made, **kept)


def _wire(at: EvaluateTab, desk: Desk, own: Words, language: Any, tabs: Any) -> None:
    offered = [at.form.controls[each] for each in ("models", "datasets", "train_datasets")]
    everything = [*offered, at.list, *at.shown, *at.going]
    at.tab.select(desk.opened, [at.chosen, language], everything, **PRIVATE)
    at.tab.select(None, None, None, js=LABEL, **PRIVATE)
    relabelled = at.relabel.click(own.updates, language, own.components, **PRIVATE)
    relabelled = relabelled.then(desk.relabelled, [*at.states, language], everything, **PRIVATE)
    relabelled.then(None, None, None, js=LABELLED, **PRIVATE)
    # Each change of the tab counts: one that comes while the answer to another is on its way too.
    tabs.select(desk.follow, None, at.timer, **BESIDE)
    at.timer.tick(desk.tick, [at.seen, language], at.going, concurrency_limit=None, trigger_mode="once", **PRIVATE)
    # Its own function, so that the request is told apart from what the form holds.
    begun = [at.problems, at.followed, at.list, *at.going]
    at.start.click(desk.start, [at.chosen, language, *at.form.inputs], begun, **PRIVATE)
    at.stop.click(desk.stop, language, at.going, **PRIVATE)
    ended = [at.ended, at.followed, at.chosen, language]
    at.ended.change(desk.after_end, ended, [at.list, at.seen, *at.shown], **BESIDE)
    acted = [at.said, at.followed, *everything]
    at.list.select(desk.act, [at.chosen, language], acted, **PRIVATE)
    sought = [at.sought, at.chosen, at.key, language]
    at.filters.select(desk.filter, sought, [at.query, at.rows], js=SOUGHT, trigger_mode="always_last", **PRIVATE)
    at.rows.edit(desk.turn, [*at.states, language], [at.query, at.rows], **PRIVATE)
    # The browser marks each row at once, so that none may be left out.
    chosen = at.rows.select(desk.choose, [at.chosen, language], [at.card, at.key, at.sent], **BESIDE)
    chosen.then(None, None, None, js=TO_CARD, **PRIVATE)
    on_card = [at.card, at.key, at.query, at.rows, at.sent, at.exported]
    at.card.select(desk.on_card, [*at.states, language], on_card, **PRIVATE)
    # Every answer of a large evaluation takes a while: what is slow has its place in the queue.
    taken = at.head.select(desk.take, [at.chosen, language], at.exported, concurrency_limit=4, **QUEUED)
    taken.then(None, None, None, js=FETCH, **PRIVATE)
    wire_prefer_box(at.prefer, at.chosen, desk.room, language, desk.who)
