"""What goes with the next question as HTML: each series as a plot, what the encoder gets of it, a way to drop it."""

from collections.abc import Sequence
from html import escape

from tsft.data.encoding import RowReader
from tsft.errors import Message
from tsft.i18n import translate
from tsft.ui.chat.facts import facts_html, facts_of
from tsft.ui.chat.talk import Attached
from tsft.ui.chat.turns_html import points_each, views_of
from tsft.ui.data.series_html import series_html

HEIGHT = 110


def attached_html(series: Sequence[Attached], reader: RowReader | Message, language: str) -> str:
    """ "" where nothing is attached. reader: of the chosen model, or why there is none."""
    if not series:
        return ""
    patch = 0 if isinstance(reader, Message) else reader.patch_size
    views, most = views_of(series, patch), points_each(len(series))
    drawn = series_html(views, (), language, key="chat-attached", height=HEIGHT, most_points=most)
    rows = "".join(_row(number, each, reader, language) for number, each in enumerate(series))
    return f'{drawn}<ul class="chat-facts">{rows}</ul>'


def _row(number: int, series: Attached, reader: RowReader | Message, language: str) -> str:
    named = series.name or translate(language, "page.preview.series", number=number + 1)
    drop = escape(translate(language, "page.chat.remove", name=named), quote=True)
    facts = facts_html(series, facts_of(series, reader), language)
    button = (
        f'<button type="button" class="tool" data-do="remove" data-series="{number}" title="{drop}" '
        f'aria-label="{drop}">×</button>'
    )
    return f"<li><b>{escape(named)}</b>{facts}{button}</li>"
