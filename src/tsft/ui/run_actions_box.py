"""What can be done with the chosen run: go on from a checkpoint, for longer, clone, describe, download, delete."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from tsft.config.preview import json_text
from tsft.errors import UserError
from tsft.i18n import say_all, translate
from tsft.run.metrics_table import metrics_csv
from tsft.ui import monitor
from tsft.ui.context import PageContext
from tsft.ui.downloads import DOWNLOAD, download
from tsft.ui.events import PRIVATE
from tsft.ui.queue_box import BUSY
from tsft.ui.readings import plain, size
from tsft.ui.run_report import report_of
from tsft.ui.run_rows import RunTold
from tsft.ui.slot_question import chat_that_ends, question_text
from tsft.ui.words import Words

RESUMABLE = ("interrupted", "stopped", "failed", "finished")
FILES = ("report", "metrics", "config")


@dataclass(frozen=True)
class RunActionsBox:
    """asked: what the open question is about, {} while none is. feed: the file to download."""

    checkpoint: Any
    resume: Any
    epochs: Any
    extend: Any
    clone: Any
    name: Any
    tags: Any
    notes: Any
    save: Any
    stop: Any
    delete: Any
    files: dict[str, Any]
    said: Any
    question: Any
    question_text: Any
    confirm: Any
    cancel: Any
    asked: Any
    feed: Any

    @property
    def outputs(self) -> list[Any]:
        """What follows the chosen run."""
        return [self.name, self.notes, self.tags, *self.following]

    @property
    def following(self) -> list[Any]:
        """What may change while a run goes on: nothing that a person types in."""
        buttons = [self.resume, self.extend, self.delete, self.clone, self.save, *self.files.values(), self.stop]
        return [self.checkpoint, *buttons]

    @property
    def asking(self) -> list[Any]:
        """What an answer to a click fills, in the order of `_told` and `_asks`."""
        return [self.said, self.question, self.question_text, self.confirm, self.asked]


def place_run_actions(words: Words) -> RunActionsBox:
    """Lay the controls out, those that go on with the run first."""

    def button(name: str, **options: Any) -> Any:
        made = gr.Button(size="md", interactive=False, **{"elem_id": f"run-{name}", "min_width": 110, **options})
        return words.add(made, value=f"page.runs.{name}")

    def line(name: str, **options: Any) -> Any:
        made = gr.Textbox(interactive=True, min_width=150, elem_id=f"run-{name}", **options)
        return words.add(made, label=f"page.runs.{name}")

    with gr.Row(elem_classes=["gap-small", "actions"], equal_height=False):
        checkpoint = gr.Dropdown([], value=None, interactive=True, elem_id="run-checkpoint", min_width=200)
        words.add(checkpoint, label="page.runs.from_checkpoint")
        resume = button("resume", elem_id="resume")
    with gr.Row(elem_classes=["gap-small", "actions"], equal_height=False):
        epochs = gr.Number(value=1, interactive=True, elem_id="run-epochs", min_width=110)
        words.add(epochs, label="page.runs.more_epochs")
        extend, clone = button("extend"), button("clone", min_width=170)
    with gr.Row(elem_classes=["gap-small"], equal_height=False):
        name, tags = line("name"), line("tags")
    notes = line("notes", lines=2)
    with gr.Row(elem_classes=["gap-small", "actions"]):
        save, stop, delete = button("save", min_width=190), button("stop"), button("delete", variant="stop")
    with gr.Row(elem_classes=["gap-small", "actions"]):
        files = {each: button(each, min_width=130) for each in FILES}
    said = gr.HTML(elem_id="runs-said", apply_default_css=False)
    with gr.Row(visible=False, elem_id="run-question", elem_classes=["gap-small"]) as question:
        text = gr.HTML(elem_id="run-question-text", apply_default_css=False)
        confirm = words.add(
            gr.Button(size="sm", variant="stop", min_width=90, elem_id="run-confirm"), value="page.runs.yes"
        )
        cancel = words.add(gr.Button(size="sm", min_width=90, elem_id="run-cancel"), value="page.runs.no")
    feed = gr.Textbox(visible="hidden", elem_id="run-feed")
    described = (name, tags, notes, save, stop, delete, files)
    return RunActionsBox(
        checkpoint, resume, epochs, extend, clone, *described, said, question, text, confirm, cancel, gr.State({}), feed
    )


def action_updates(told: RunTold | None, language: str) -> list[Any]:
    """Updates for `RunActionsBox.outputs`; everything off where no run is chosen."""
    known = ["", "", ""] if told is None else [told.row.name, told.row.notes, ", ".join(told.row.tags)]
    return [*known, *following_updates(told, language)]


def following_updates(told: RunTold | None, language: str, keeps_choice: bool = False) -> list[Any]:
    """Updates for `RunActionsBox.following`; with `keeps_choice` the checkpoint that is chosen stays so."""
    if told is None:
        return [gr.update(choices=[], value=None), *[gr.update(interactive=False)] * (6 + len(FILES))]
    choices = [(_checkpoint(each.step, each.loss, language), each.step) for each in told.checkpoints]
    newest = told.checkpoints[0].step if told.checkpoints else None
    chosen: dict[str, Any] = {} if keeps_choice and newest is not None else {"value": newest}
    can_go_on = bool(told.checkpoints) and told.row.status in RESUMABLE
    flags = (can_go_on, can_go_on, not told.state.is_active, *[True] * (2 + len(FILES)), told.state.is_active)
    return [gr.update(choices=choices, **chosen), *(gr.update(interactive=each) for each in flags)]


def wire_run_actions(
    box: RunActionsBox,
    context: PageContext,
    chosen: Any,
    language: Any,
    refresh: Callable[[Any], Any],
    who: Callable[[gr.Request], str],
) -> None:
    """`refresh(event)` draws the tab anew after an event; cloning is wired with the form."""
    _wire_going_on(box, context, chosen, language, refresh, who)

    def save(run_id: str, name: str, notes: str, tags: str, chosen_language: str) -> str:
        def write() -> None:
            context.run_actions.rename(run_id, name)
            context.run_actions.annotate(run_id, notes, [each.strip() for each in tags.split(",") if each.strip()])

        return _tried(write, "page.runs.saved", chosen_language)

    def stop(run_id: str, chosen_language: str, request: gr.Request) -> str:
        """Of whichever machine it runs on."""
        try:
            name = context.run_actions.told(run_id).row.name
            is_asked = context.engine.command("stop", who(request), run_id)
        except UserError as error:
            return monitor.said(say_all(chosen_language, error), is_bad=True)
        if not is_asked:
            return monitor.said(translate(chosen_language, "page.command.no_run"), is_bad=True)
        return monitor.said(translate(chosen_language, "cli.stop_asked", name=name))

    def ask_to_delete(run_id: str, chosen_language: str) -> list[Any]:
        """What would be deleted and how much it is."""
        try:
            row = context.run_actions.told(run_id).row
            weight = size(context.run_actions.measure(run_id))
        except UserError as error:
            return _told(monitor.said(say_all(chosen_language, error), is_bad=True))
        text = translate(chosen_language, "page.runs.delete_question", name=row.name, size=weight)
        return _asks(text, translate(chosen_language, "page.runs.yes_delete"), {"does": "delete", "run": run_id})

    def made(kind: str) -> Callable[[str, str], str]:
        return lambda run_id, chosen_language: _file(context, kind, run_id, chosen_language)

    refresh(box.stop.click(stop, [chosen, language], [box.said], **PRIVATE))
    refresh(box.save.click(save, [chosen, box.name, box.notes, box.tags, language], [box.said], **PRIVATE))
    box.delete.click(ask_to_delete, [chosen, language], box.asking, **PRIVATE)
    box.cancel.click(lambda: _told(""), None, box.asking, **PRIVATE)
    for kind, button in box.files.items():
        clicked = button.click(made(kind), [chosen, language], [box.feed], **PRIVATE)
        clicked.then(None, box.feed, js=DOWNLOAD, **PRIVATE)


def _wire_going_on(
    box: RunActionsBox,
    context: PageContext,
    chosen: Any,
    language: Any,
    refresh: Callable[[Any], Any],
    who: Callable[[gr.Request], str],
) -> None:
    """Resume and Extend; as Start does they ask before a chat ends, and whether to wait where something is busy."""

    def go_on(run_id: str, step: int | None, epochs: float, by: str, chosen_language: str) -> list[Any]:
        asked = {"does": "start", "run": run_id, "step": int(step or 0), "epochs": epochs}
        ends = chat_that_ends(context.engine)
        if ends is None:
            return _begin(context, asked, by, chosen_language)
        text = question_text(ends, "start", context, chosen_language)
        return _asks(text, translate(chosen_language, "page.frees.yes"), asked)

    def resume(run_id: str, step: int | None, chosen_language: str, request: gr.Request) -> list[Any]:
        return go_on(run_id, step, 0.0, who(request), chosen_language)

    def extend(
        run_id: str, step: int | None, epochs: float | None, chosen_language: str, request: gr.Request
    ) -> list[Any]:
        if not epochs or epochs <= 0:
            return _told(monitor.said(translate(chosen_language, "page.runs.no_epochs"), is_bad=True))
        return go_on(run_id, step, float(epochs), who(request), chosen_language)

    def confirm(asked: dict[str, Any], run_id: str, chosen_language: str, request: gr.Request) -> list[Any]:
        if asked.get("does") == "delete":
            told = _tried(lambda: context.run_actions.delete(asked["run"]), "page.runs.deleted", chosen_language)
            return [*_told(told), "" if asked["run"] == run_id else run_id]
        if asked["does"] == "start":
            return [*_begin(context, asked, who(request), chosen_language), run_id]
        queue, step, epochs = context.engine.enqueue_resume, asked["step"], asked["epochs"]
        told = _tried(lambda: queue(asked["run"], who(request), step, epochs), "page.runs.queued", chosen_language)
        return [*_told(told), run_id]

    going_on = [chosen, box.checkpoint]
    refresh(box.resume.click(resume, [*going_on, language], box.asking, **PRIVATE))
    refresh(box.extend.click(extend, [*going_on, box.epochs, language], box.asking, **PRIVATE))
    refresh(box.confirm.click(confirm, [box.asked, chosen, language], [*box.asking, chosen], **PRIVATE))


def _begin(context: PageContext, asked: Mapping[str, Any], by: str, language: str) -> list[Any]:
    """Go on with a run; where something else is in the way that ends by itself, ask whether to wait in the queue."""
    try:
        context.engine.resume(asked["run"], by, asked["step"], asked["epochs"])
    except UserError as error:
        if error.message.key not in BUSY:
            return _told(monitor.said(say_all(language, error), is_bad=True))
        text = f"{say_all(language, error)} {translate(language, 'page.runs.queue_question')}"
        return _asks(text, translate(language, "page.queue.add"), {**asked, "does": "queue"})
    done = "page.runs.extended" if asked["epochs"] else "page.runs.resumed"
    return _told(monitor.said(translate(language, done)))


def _told(said: str) -> list[Any]:
    """Updates for `RunActionsBox.asking`: a sentence, and no question."""
    return [said, gr.update(visible=False), "", gr.skip(), {}]


def _asks(text: str, yes: str, asked: dict[str, Any]) -> list[Any]:
    question = f'<p role="alert">{escape(text)}</p>'
    return ["", gr.update(visible=True), question, gr.update(value=yes), asked]


def _tried(do: Callable[[], object], done: str, language: str) -> str:
    try:
        do()
    except UserError as error:
        return monitor.said(say_all(language, error), is_bad=True)
    return monitor.said(translate(language, done))


def _checkpoint(step: int, loss: float | None, language: str) -> str:
    return f"{translate(language, 'page.runs.checkpoint_step', step=step)} · {plain(loss)}"


def _file(context: PageContext, kind: str, run_id: str, language: str) -> str:
    """Name, type and text of one of FILES for the browser; "" when the run is gone meanwhile."""
    try:
        told = context.run_actions.told(run_id)
    except UserError:
        return ""  # the refresh of the tab says so
    if kind == "report":
        name, file_type, text = f"{run_id}.html", "text/html", report_of(context, told, language)
    elif kind == "metrics":
        name, file_type, text = f"{run_id}.csv", "text/csv", metrics_csv(context.run_actions.events(run_id))
    else:
        name, file_type, text = f"{run_id}.json", "application/json", json_text(told.config)
    return download(name, file_type, text)
