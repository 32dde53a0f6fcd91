"""The board on which a series is drawn by mouse or finger; `assets/chat.js` hears the strokes."""

from html import escape

from tsft.i18n import translate

FIELDS = (("points", "128"), ("low", "0"), ("high", "100"))


def draw_html(language: str) -> str:
    """The board, its numbers, and a button that wipes it."""
    fields = "".join(
        f"<label>{escape(translate(language, f'page.chat.draw.{name}'))}"
        f'<input type="number" step="any" data-part="{name}" value="{value}"></label>'
        for name, value in FIELDS
    )
    told, wipe = (escape(translate(language, f"page.chat.draw.{name}"), quote=True) for name in ("help", "wipe"))
    keyboard = translate(language, "page.chat.draw.keyboard", paste=translate(language, "page.chat.source.paste"))
    label = f"{told} {escape(keyboard, quote=True)}"
    return (
        f'<div class="chat-board"><canvas role="img" aria-label="{label}" title="{told}"></canvas>'
        f'<div class="chat-board-fields">{fields}<button type="button" class="tool" data-wipes>{wipe}</button>'
        "</div></div>"
    )
