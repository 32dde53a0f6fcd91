"""News of runs for a browser whose page is hidden: the button that asks for consent, and the mark the script reads.

The consent and the choice stay in the browser (`assets/notices.js`); the server keeps nothing of them.
"""

from html import escape
from typing import Any

import gradio as gr

from tsft.i18n import say, translate
from tsft.run.notices import notice_of
from tsft.run.state import RunState
from tsft.ui.words import Words

_STATES = ("ask", "on", "off", "denied", "impossible")


def place_notify_button(words: Words) -> None:
    """A switch in the header; its sentences for every state lie beside it for the script."""
    box = gr.HTML(elem_id="notify", apply_default_css=False)
    words.add_made(box, lambda language: {"value": _button(language)})


def notice_mark(state: RunState, language: str, plateau_evaluations: int) -> str:
    """The newest piece of news as an element that nobody sees; "" when there is none."""
    notice = notice_of(state, plateau_evaluations)
    if notice is None:
        return ""
    told = escape(say(language, notice.sentence))
    return f'<span hidden data-notice="{escape(notice.key)}" data-title="tsft" data-text="{told}"></span>'


def _button(language: str) -> str:
    told: dict[str, Any] = {name: escape(translate(language, f"page.notify.{name}")) for name in _STATES}
    data = " ".join(f'data-{name}="{text}"' for name, text in told.items())
    label = escape(translate(language, "page.notify.label"))
    return (
        f'<div class="notify" {data}><button type="button" class="tool" aria-pressed="false" title="{told["ask"]}">'
        f'{label}</button><span class="notify-said" role="status"></span></div>'
    )
