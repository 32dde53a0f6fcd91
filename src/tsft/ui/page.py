"""The page as a whole: top bar and tabs, and which handler answers to what. Begin reading here."""

from functools import partial
from typing import Any

import gradio as gr

from tsft.config.schema import setting_by_key
from tsft.errors import UserError
from tsft.i18n import say_all, translate
from tsft.ui.chat.tab import place_chat_tab
from tsft.ui.command_bar import wire_command_bar
from tsft.ui.context import PageContext
from tsft.ui.data.tab import place_data_tab
from tsft.ui.dataset_box import DATASET_KEYS, dataset_choices, wire_dataset_box
from tsft.ui.endpoints import place_endpoints
from tsft.ui.evaluate.tab import place_evaluate_tab
from tsft.ui.events import BESIDE, PRIVATE
from tsft.ui.export.tab import place_export_tab
from tsft.ui.failure_desk import START_AGAIN, changed_config, wire_bundle
from tsft.ui.folds import SIMPLE
from tsft.ui.form import Form
from tsft.ui.handlers import Handlers, who, words_feed_html
from tsft.ui.live import IDLE_SECONDS, Live
from tsft.ui.mode_box import differs_html, wire_mode_box
from tsft.ui.monitor import said
from tsft.ui.parts import Parts
from tsft.ui.preset_box import wire_preset_box
from tsft.ui.presets import controls_of, wire_presets
from tsft.ui.preview_box import wire_preview
from tsft.ui.processes_box import wire_processes_box
from tsft.ui.queue_box import Desk, wire_queue_box
from tsft.ui.readiness import wire_readiness
from tsft.ui.runs_tab import place_runs_tab, refreshed, wire_runs_tab
from tsft.ui.slot_question import wire_slot_question
from tsft.ui.top_bar import RESULT_KEYS, model_words, place_top_bar, result_choices
from tsft.ui.train_tab import field_labels, place_train_tab
from tsft.ui.widgets import words_of
from tsft.ui.words import Words, language_of

TITLE = "tsft"
MAX_WAITING = 64

# The cookie and Gradio's own words follow at once, before the server answers.
SET_LANGUAGE = "(language, ...rest) => { window.tsft && tsft.setLanguage(language); return [language, ...rest]; }"
# From the click until the server answers, the button shows that it was pressed.
PRESS = "() => { document.getElementById('start').classList.add('is-pressed'); }"
RELEASE = "() => { document.getElementById('start').classList.remove('is-pressed'); }"


class Page:
    """One page for all sessions. Holds components and what they share; everything of a visitor is in the browser."""

    def __init__(self, context: PageContext) -> None:
        self.context = context
        with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True, delete_cache=(3600, 86400)) as blocks:
            self.parts = _place(context)
            _add_choices(self.parts)
            place_endpoints(context)  # first, or a handler of the page takes the name "stop"
            self.handlers = Handlers(self.parts)
            self._wire_load(blocks)
            self._wire_run()
            self._wire_form()
            self._wire_language()
            self._wire_model()
            wire_runs_tab(self.parts.runs, context, self.parts.top.language, who, self.parts.tabs)
            self._wire_clone()
            self._wire_failure()
        blocks.queue(max_size=MAX_WAITING)
        relax_queue(blocks)
        self.blocks = blocks

    def _wire_load(self, blocks: gr.Blocks) -> None:
        outputs = self.parts.load_outputs

        def load(remembered: Any, mode: str, loaded: str, request: gr.Request) -> list[Any]:
            page = str(request.session_hash)
            language = language_of(request, self.context.default_language())
            updates = self.handlers.load(language, remembered, page, mode or SIMPLE, loaded)
            return [updates[each] for each in outputs]

        def leave(request: gr.Request) -> None:
            self.parts.live.left(str(request.session_hash))

        train = self.parts.train
        kept = [self.parts.remembered, train.modes.kept, train.presets.loaded]
        blocks.load(load, kept, outputs, **PRIVATE)
        blocks.unload(leave)

    def _wire_run(self) -> None:
        """The timer's tick, Start and Stop; both buttons are followed by a tick, so that the page need not wait."""
        parts, handlers, train = self.parts, self.handlers, self.parts.train
        language = parts.top.language
        tick: dict[str, Any] = {
            "fn": handlers.tick,
            "inputs": [parts.seen, parts.problems, parts.knows_limits, language, *parts.model],
            "outputs": parts.tick_outputs,
            **PRIVATE,
        }
        parts.timer.tick(**tick, concurrency_limit=None, trigger_mode="once")
        marked = [parts.form.widget(key) for key in parts.form.choosing()]
        parts.knows_limits.change(parts.form.marks, parts.knows_limits, marked, **PRIVATE)
        train.start.click(None, js=PRESS, **PRIVATE)
        answers = [train.refusal, train.errors, parts.problems, parts.remembered]
        given = [language, parts.parent, *parts.form.widgets]
        started = train.start.click(handlers.start, given, answers, **PRIVATE)
        agreed = train.asking.yes.click(handlers.start_agreed, given, answers, **PRIVATE)
        for event in (started, agreed):
            event.then(**tick).then(None, js=RELEASE, **PRIVATE)
        wire_slot_question(train.asking, (started, agreed), parts.problems, self.context, language, "start")
        stopped = train.stop.click(handlers.stop, [language], [train.stop, train.refusal], **PRIVATE)
        stopped.then(**tick)
        wire_command_bar(train.commands, self.context, language, tick, who)
        desk = Desk(
            parts.form, self.context, parts.live, language, parts.problems, train.refusal, parts.parent,
            tick, (started, agreed), field_labels, who,
        )  # fmt: skip
        wire_queue_box(train.queue, desk)

    def _wire_form(self) -> None:
        parts, handlers, form, train = self.parts, self.handlers, self.parts.form, self.parts.train
        language, mode = parts.top.language, train.modes.mode
        told = [mode, train.presets.loaded, language]
        controlling = [form.widget(key) for key in form.controlling()]
        followers = [*(form.widget(key) for key in form.dependent()), *train.folds.values()]
        shown = [each.change for each in controlling]
        gr.on(shown, handlers.show_and_hide, [mode, *controlling], followers, **BESIDE)

        def edited(chosen: str, loaded: str, language: str, problems: Any, before: Any, *values: Any) -> list[Any]:
            differs = differs_html(form, self.context, values, loaded, chosen, language)
            return [*handlers.edited(language, problems, before, *values), differs]

        follows = gr.on(
            [each.change for each in form.widgets],
            edited,
            [*told, parts.problems, parts.remembered, *form.widgets],
            [train.refusal, train.errors, parts.problems, parts.remembered, train.modes.differs],
            trigger_mode="always_last",
            **PRIVATE,
        )
        wire_dataset_box(train.datasets, form, self.context, language)
        outputs, updates = parts.config_outputs, handlers.config_updates
        wire_presets(train.presets, form, self.context, language, outputs, updates, mode)
        changed = [train.modes.kept, train.modes.differs, *train.folds.values()]
        mode.input(handlers.change_mode, [*told, *form.widgets], changed, **PRIVATE)
        wire_mode_box(train.modes, form, self.context, train.presets.loaded, parts.top)
        wire_preset_box(train.preset_box, train.presets, self.context, language)
        wire_preview(train.preview, form, self.context, language, follows)
        wire_processes_box(train.processes, form, self.context, language, follows)
        wire_readiness(train.readiness, form, self.context, language)

    def _wire_language(self) -> None:
        parts, tab, language = self.parts, self.parts.runs, self.parts.top.language
        inputs = [language, parts.problems, *parts.model]
        modes, form, loaded = parts.train.modes, parts.form, parts.train.presets.loaded

        def relabel(
            chosen: str, problems: Any, model: str, hub: str, mode: str, loaded: str, *values: Any
        ) -> list[Any]:
            differs = differs_html(form, self.context, values, loaded, mode, chosen)
            return [*self.handlers.relabel(chosen, problems, model, hub, values), differs]

        inputs += [modes.mode, loaded, *form.widgets]
        outputs = [*parts.relabel_outputs, modes.differs]
        relabelled = language.input(relabel, inputs, outputs, js=SET_LANGUAGE, **PRIVATE)

        def runs_again(chosen_language: str, chosen: str, *asked: Any) -> list[Any]:
            return refreshed(self.context, chosen, chosen_language, *asked)

        relabelled.then(runs_again, [language, *tab.asked], tab.outputs, **PRIVATE)

    def _wire_clone(self) -> None:
        """A run's settings into the form, the tab with it to the front; the next Start has that run as its parent."""
        parts, tab, train = self.parts, self.parts.runs, self.parts.train
        outputs = [parts.tabs, parts.parent, train.presets.said, *parts.form.widgets, *parts.config_outputs]

        def clone(run_id: str, language: str, mode: str) -> list[Any]:
            try:
                told = self.context.run_actions.told(run_id)
            except UserError as error:
                return [gr.skip(), "", said(say_all(language, error), is_bad=True), *[gr.skip()] * (len(outputs) - 3)]
            done = said(translate(language, "page.runs.cloned", name=told.row.name))
            controls = controls_of(parts.form, self.context, told.config)
            more = self.handlers.config_updates(told.config, language, mode)
            return [gr.Tabs(selected="train"), run_id, done, *controls, *more]

        tab.actions.clone.click(clone, [tab.chosen, parts.top.language, train.modes.mode], outputs, **PRIVATE)

    def _wire_failure(self) -> None:
        """A failed run's settings with the proposed change go into the form, and then Start is pressed there.

        So the new start is checked, refused or asked about the queue exactly as any other.
        """
        parts, train = self.parts, self.parts.train
        into_form = [*parts.form.widgets, *parts.config_outputs]
        outputs = [parts.tabs, parts.parent, train.presets.said, train.presets.loaded, train.failure.go, *into_form]

        def again(language: str, mode: str, number: float, event: gr.EventData) -> list[Any]:
            run_id = str(event._data.get("run", ""))
            try:
                told = self.context.run_actions.told(run_id)
                config = changed_config(told.config, told.state.failure)
            except UserError as error:
                refused = said(say_all(language, error), is_bad=True)
                return [gr.skip(), gr.skip(), refused, gr.skip(), gr.skip(), *[gr.skip()] * len(into_form)]
            done = said(translate(language, "page.failure.restarted", name=told.row.name))
            controls = controls_of(parts.form, self.context, config)
            more = self.handlers.config_updates(config, language, mode)
            return [gr.Tabs(selected="train"), run_id, done, "", number + 1, *controls, *more]

        given = [parts.top.language, train.modes.mode, train.failure.go]
        train.failure.desk.select(again, given, outputs, **PRIVATE)
        train.failure.go.change(None, None, None, js=START_AGAIN, **PRIVATE)
        wire_bundle(train.failure, self.context, parts.top.language, train.presets.said)

    def _wire_model(self) -> None:
        """Name, hub and path tell the same thing: the name is what counts, the path shows and takes it."""
        form, top, handlers = self.parts.form, self.parts.top, self.handlers
        name, hub = self.parts.model
        folder, datasets = form.widget("data.folder"), [form.widget(key) for key in DATASET_KEYS]

        def offer(own_folder: str) -> list[Any]:
            return [gr.update(choices=dataset_choices(self.context, own_folder))] * len(datasets)

        model = [name, hub, top.language]
        gr.on([name.input, hub.input], handlers.follow_model, model, [top.path, top.fetch], **PRIVATE)
        typed = [top.path.blur, top.path.submit]
        gr.on(typed, handlers.name_from_path, [top.path, *model], [top.path, name, top.fetch], **PRIVATE)
        fetch_outputs = [top.fetch, self.parts.train.refusal]
        top.fetch.click(handlers.fetch, model, fetch_outputs, **PRIVATE)
        gr.on([folder.blur, folder.submit], offer, folder, datasets, **PRIVATE)


def build_page(context: PageContext) -> gr.Blocks:
    """The page over a context, not yet launched."""
    return Page(context).blocks


def relax_queue(blocks: gr.Blocks) -> None:
    """Let Gradio look into its queue 20 times a second instead of 1,000: idle it burns 4.5 % of a core otherwise.

    The attributes are private to gradio 6.31; where one is gone nothing changes.
    """
    for name, seconds in (("sleep_when_free", 0.05), ("progress_update_sleep_when_free", 0.1)):
        if hasattr(blocks._queue, name):
            setattr(blocks._queue, name, seconds)


def _place(context: PageContext) -> Parts:
    """Lay everything out inside the open Blocks."""
    words = Words()
    form = Form(words, context.engine.limits)
    words_feed = gr.HTML(words_feed_html(""), elem_id="words-feed", elem_classes=["feed"])
    top = place_top_bar(form, words)
    with gr.Tabs(elem_id="tabs", selected="train", overflow_behavior="wrap") as tabs:
        with gr.Tab(id="train", elem_id="tab-train") as train_tab:
            train = place_train_tab(form, words, context)
        with gr.Tab(id="runs", elem_id="tab-runs") as runs_tab:
            runs = place_runs_tab(words, runs_tab)
        # Last here and first in view (datasets.css): Gradio looks for each control it updates from the first one on.
        if context.data is not None:
            with gr.Tab(id="data", elem_id="tab-data") as data_tab:
                data = place_data_tab(words, data_tab, context.data, top.language, who)
            words.add(data_tab, label="page.tab.data")
            with gr.Tab(id="evaluate", elem_id="tab-evaluate") as evaluate_tab:
                place_evaluate_tab(words, evaluate_tab, context, context.data, top.language, who, tabs)
            with gr.Tab(id="chat", elem_id="tab-chat") as chat_tab:
                place_chat_tab(chat_tab, tabs, context, data, top.language, who)
            words.add(chat_tab, label="page.tab.chat")
        if context.exports is not None:
            with gr.Tab(id="export", elem_id="tab-export") as export_tab:
                place_export_tab(export_tab, context.exports, top.language, tabs)
            words.add(export_tab, label="page.tab.export")
    words.add(train_tab, label="page.tab.train")
    words.add(runs_tab, label="page.tab.runs")
    return Parts(
        context=context,
        words=words,
        form=form,
        live=Live(context),
        top=top,
        train=train,
        runs=runs,
        tabs=tabs,
        parent=gr.State(""),
        words_feed=words_feed,
        timer=gr.Timer(IDLE_SECONDS),
        seen=gr.State({}),
        problems=gr.State([]),
        # Not a state: neither load nor tick is queued, and only a queued answer tells the browser that a state changed.
        knows_limits=gr.Textbox(visible="hidden", elem_id="knows-limits"),
        # Key and secret are fixed, or the browser's copy could not be read after a restart; it holds no secret.
        remembered=gr.BrowserState(None, storage_key="tsft_form", secret="tsft"),
    )


def _add_choices(parts: Parts) -> None:
    """Controls whose choices are sentences made from more than the schema."""

    def model(language: str) -> dict[str, Any]:
        return {**words_of(setting_by_key()["model.name"], language), **model_words(language)}

    def result(key: str, language: str) -> dict[str, Any]:
        own = words_of(setting_by_key()[key], language)
        return {**own, "choices": result_choices(parts.context, language, key)}

    parts.words.add_made(parts.form.widget("model.name"), model)
    for key in RESULT_KEYS:
        parts.words.add_made(parts.form.widget(key), partial(result, key))
