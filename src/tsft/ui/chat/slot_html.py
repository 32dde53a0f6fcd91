"""Who has the place for a model, in words: free, a chat with which model, or a run."""

from html import escape

from tsft.i18n import translate
from tsft.run.answers import CPU, Slot
from tsft.ui.readings import size

# While one of these has the machine a question waits or goes to the CPU.
OCCUPIED = ("train", "evaluate", "export")


def slot_html(slot: Slot, name: str, beside: str, language: str) -> str:
    """name: the model as a person reads it; beside: what is done with a question meanwhile."""
    words = translate(language, f"page.chat.slot.{slot.state}")
    parts = [name] if slot.model and slot.state != "free" else []
    if slot.memory_bytes:
        parts.append(size(slot.memory_bytes))
    state = {"chat": "running", "free": ""}.get(slot.state, "stopping")
    told = escape(" · ".join(parts))
    line = ""
    if slot.state in OCCUPIED:
        key = "page.chat.goes_to_cpu" if beside == CPU else "page.chat.waits"
        line = f'<p class="quiet">{escape(translate(language, key))}</p>'
    return (
        f'<div class="chat-slot" data-slot="{escape(slot.state)}"><p><span class="pill {state}">{escape(words)}</span> '
        f"<span>{told}</span></p>{line}</div>"
    )
