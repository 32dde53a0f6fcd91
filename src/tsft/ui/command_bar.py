"""Below Start and Stop: what else a run in progress can be asked for, and what was asked and is not done yet."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from tsft.errors import UserError
from tsft.i18n import say_all, translate
from tsft.run.state import RunState
from tsft.ui import monitor
from tsft.ui.context import PageContext
from tsft.ui.events import PRIVATE
from tsft.ui.words import Words

# The buttons in order, each with the command it gives; a pause and its end share one button.
BUTTONS = ("pause", "continue", "checkpoint", "evaluate", "stop_after_epoch", "discard", "force_stop")
# What can be asked before the first step is trained.
EARLY = ("pause", "continue", "discard", "force_stop")


@dataclass(frozen=True)
class CommandBar:
    """buttons: by command. question: shown between the click on "discard" and its confirmation; `asked_of` is the run
    it was asked of, since another may have begun by the time of the answer.
    """

    buttons: dict[str, Any]
    question: Any
    question_text: Any
    asked_of: Any
    confirm: Any
    cancel: Any
    said: Any

    @property
    def outputs(self) -> list[Any]:
        """What a tick may change."""
        return [*self.buttons.values()]


def place_command_bar(words: Words) -> CommandBar:
    """Lay the buttons out; they show only while a run is in progress."""
    with gr.Row(elem_id="command-bar", elem_classes=["gap-small"]):
        buttons = {
            name: words.add(
                gr.Button(size="sm", min_width=90, visible=False, elem_id=f"command-{name}"),
                value=f"command.{name}",
            )
            for name in BUTTONS
        }
    with gr.Row(visible=False, elem_id="discard-question", elem_classes=["gap-small"]) as question:
        text = gr.HTML(elem_id="discard-text", apply_default_css=False)
        confirm = words.add(
            gr.Button(size="sm", variant="stop", min_width=90, elem_id="discard-confirm"), value="page.command.confirm"
        )
        cancel = words.add(gr.Button(size="sm", min_width=90, elem_id="discard-cancel"), value="page.command.cancel")
    said = gr.HTML(elem_id="command-said", apply_default_css=False)
    return CommandBar(buttons, question, text, gr.State(""), confirm, cancel, said)


def shown_buttons(state: RunState) -> tuple[tuple[str, bool], ...]:
    """(command, whether it can be given now) for each button that shows, in the order of BUTTONS."""
    if not state.is_active:
        return ()
    pending = {each.command for each in state.pending}
    is_ending = state.status == "stopping"
    is_paused = state.status == "paused" or "pause" in pending
    has_validation = state.plan is None or state.plan.rows_validation > 0
    shown = []
    for name in BUTTONS:
        if name == ("pause" if is_paused else "continue") or name == "force_stop" and not state.processes:
            continue
        # Processes that do not listen have been asked to stop already: that is when force is wanted.
        can = (not is_ending or name == "force_stop") and name not in pending and (name in EARLY or state.step > 0)
        shown.append((name, can and (name != "evaluate" or has_validation)))
    return tuple(shown)


def button_updates(buttons: tuple[tuple[str, bool], ...]) -> list[Any]:
    """Updates for `CommandBar.outputs`."""
    can = dict(buttons)
    return [gr.update(visible=name in can, interactive=can.get(name, False)) for name in BUTTONS]


def wire_command_bar(
    bar: CommandBar, context: PageContext, language: Any, tick: dict[str, Any], who: Callable[[gr.Request], str]
) -> None:
    """Each button gives its command; discarding asks first, and names what would be lost."""

    def giving(command: str) -> Callable[..., str]:
        def give(chosen_language: str, run_id: str, request: gr.Request) -> str:
            try:
                is_given = context.engine.command(command, who(request), run_id)
            except UserError as error:
                return monitor.said(say_all(chosen_language, error), is_bad=True)
            return "" if is_given else monitor.said(translate(chosen_language, "page.command.no_run"), is_bad=True)

        return give

    def ask(chosen_language: str) -> list[Any]:
        watched = context.engine.watched()
        state = watched.read()[1] if watched is not None else RunState()
        told = translate(
            chosen_language,
            "page.command.discard_question",
            name=state.name,
            step=state.step,
            checkpoints=sum(each.step > state.resumed_from for each in state.checkpoints),
        )
        return [gr.update(visible=True), f'<p role="alert">{escape(told)}</p>', state.run_id]

    def hide() -> Any:
        return gr.update(visible=False)

    of_any = gr.State("")
    for name, button in bar.buttons.items():
        if name == "discard":
            button.click(ask, [language], [bar.question, bar.question_text, bar.asked_of], **PRIVATE)
        else:
            button.click(giving(name), [language, of_any], [bar.said], **PRIVATE).then(**tick)
    bar.cancel.click(hide, None, bar.question, **PRIVATE)
    confirmed = bar.confirm.click(giving("discard"), [language, bar.asked_of], [bar.said], **PRIVATE)
    confirmed.then(hide, None, bar.question, **PRIVATE).then(**tick)
