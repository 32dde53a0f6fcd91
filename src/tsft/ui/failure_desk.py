"""Answers the buttons of every failure box on the page: start again with the proposed change, and the debug bundle."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsft.config.codec import from_flat
from tsft.config.run_config import RunConfig
from tsft.errors import UserError
from tsft.i18n import say_all
from tsft.run.events import Failed
from tsft.ui import monitor
from tsft.ui.context import PageContext
from tsft.ui.downloads import DOWNLOAD, download
from tsft.ui.events import PRIVATE
from tsft.ui.failure_box import changed_values

# The boxes are drawn in several places, so the clicks are heard on the whole document, by one listener however often
# this element is made anew.
LISTEN = """
if (window.tsftFailures) window.tsftFailures.abort();
window.tsftFailures = new AbortController();
document.addEventListener('click', (event) => {
  const button = event.target.closest && event.target.closest('[data-failed]');
  if (!button) return;
  trigger(button.dataset.does === 'bundle' ? 'like' : 'select', { run: button.dataset.failed });
}, { signal: window.tsftFailures.signal });
"""
START_AGAIN = "() => { document.getElementById('start').click(); }"


@dataclass(frozen=True)
class FailureDesk:
    """Unseen. desk: hears the clicks. go: grows by one when Start shall be pressed. feed: the file to download."""

    desk: Any
    go: Any
    feed: Any


def place_failure_desk() -> FailureDesk:
    """Lay it out anywhere that is always in the page."""
    desk = gr.HTML(elem_id="failure-desk", elem_classes=["feed"], js_on_load=LISTEN)
    go = gr.Number(0, visible="hidden", elem_id="failure-go")
    return FailureDesk(desk, go, gr.Textbox(visible="hidden", elem_id="failure-feed"))


def changed_config(config: RunConfig, failure: Failed | None) -> RunConfig:
    """The config of a failed run with the change that was proposed; as it was where none was."""
    return from_flat(dict(changed_values(failure)), config) if failure is not None else config


def wire_bundle(desk: FailureDesk, context: PageContext, language: Any, said: Any) -> None:
    """`said` shows why there is no bundle."""

    def bundle(chosen_language: str, event: gr.EventData) -> tuple[Any, str]:
        try:
            name, packed = context.debug_bundle(str(event._data.get("run", "")))
        except UserError as error:
            return gr.skip(), monitor.said(say_all(chosen_language, error), is_bad=True)
        return download(name, "application/zip", packed), ""

    packed = desk.desk.like(bundle, [language], [desk.feed, said], **PRIVATE)
    packed.then(None, desk.feed, js=DOWNLOAD, **PRIVATE)
