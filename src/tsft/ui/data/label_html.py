"""What the label room shows as HTML: the list of items, one item's head, its drawing, its marks and its draft."""

from collections.abc import Sequence
from html import escape
from typing import Any

from tsft.data.examples import PLACEHOLDER
from tsft.data.labelling.items import Item, Mark, Summary
from tsft.data.names import SeriesName
from tsft.data.tasks.event_types import EVENT_TYPE
from tsft.data.view import SeriesView, series_view
from tsft.errors import Message
from tsft.i18n import say, translate
from tsft.ui.data import series_html as drawing
from tsft.ui.readings import moment

# Items of one page of the list.
LISTED = 50
KNOWN_KINDS = ("dataset", "table", "chat", "evaluate", "viewer")
_COLOURS = 10
# Up to so many series are drawn this high (pixels); more stay as they are elsewhere, to be seen together.
FEW, TALL = 3, 210


def list_html(found: Sequence[Summary], first: int, chosen: str, language: str) -> str:
    """One page of the list, beginning with item `first`, and the way to the pages beside it."""
    if not found:
        return f'<p class="quiet">{escape(translate(language, "page.data.label.empty"))}</p>'
    shown = found[first : first + LISTED]
    rows = "".join(_row(each, each.id == chosen, language) for each in shown)
    turns = []
    for name, at in (("back", first - LISTED), ("more", first + LISTED)):
        if 0 <= at < len(found) or (name == "back" and first > 0):
            label = escape(translate(language, f"page.data.label.{name}"))
            turns.append(f'<button type="button" class="tool" data-first="{max(0, at)}">{label}</button>')
    told = translate(
        language, "page.data.label.listed", first=first + 1, last=first + len(shown), count=f"{len(found):,}"
    )
    foot = f'<div class="label-pages"><span>{escape(told)}</span>{"".join(turns)}</div>'
    return f'<ul class="label-items">{rows}</ul>{foot}'


def head_html(item: Item, place: int, count: int, language: str) -> str:
    """Where the item comes from, why it was sent, how it stands, and the conversation before its question."""
    summary = item.summary
    state = escape(translate(language, f"page.data.label.state.{summary.state}"))
    where = translate(language, "page.data.label.place", place=place, count=f"{count:,}") if place else ""
    parts = [source_words(summary.source, language), _who(item.added_by, item.added_at, "sent", language)]
    if summary.at:
        parts.append(_who(summary.by, summary.at, "decided", language))
    if summary.saved:
        parts.append(translate(language, "page.data.label.saved_in", names=", ".join(summary.saved)))
    facts = " · ".join(escape(each) for each in parts if each)
    note = f'<p class="label-note">{escape(summary.note)}</p>' if summary.note else ""
    return (
        f'<div class="label-head" data-item="{escape(item.id)}" data-state="{escape(summary.state)}">'
        f'<p><span class="pill {escape(summary.state)}">{state}</span> <b>{escape(where)}</b></p>'
        f'<p class="quiet">{facts}</p>{note}{_earlier(item, language)}</div>'
    )


def drawing_html(item: Item, marks: Sequence[Mark], picked: int, language: str) -> str:
    """The series, large, with the marks; dragging on one says which points were chosen."""
    colours = colours_of(marks)
    shown = [
        drawing.Mark(each.series + 1, each.first, each.last, name_words(each, language), colours[each.name])
        for each in marks
    ]
    chosen = shown[picked] if 0 <= picked < len(shown) else None
    views, key = views_of(item), f"label-{item.id}"
    height = TALL if len(views) <= FEW else 0
    return drawing.series_html(views, shown, language, brush=True, key=key, chosen=chosen, height=height)


def views_of(item: Item) -> list[SeriesView]:
    return [
        series_view(number, each.points, SeriesName(each.name, each.unit)) for number, each in enumerate(item.series, 1)
    ]


def marks_html(item: Item, marks: Sequence[Mark], picked: int, language: str) -> str:
    """Each mark as a button that chooses it, with a small one that takes it away."""
    if not marks:
        return f'<p class="quiet">{escape(translate(language, "page.data.label.no_marks"))}</p>'
    colours, rows = colours_of(marks), []
    views = views_of(item)
    for index, each in enumerate(marks):
        words = f"{name_words(each, language)} · {each.first}–{each.last}"
        if len(views) > 1:
            words = f"{words} · {drawing.title_of(views[each.series], language)}"
        pressed = "true" if index == picked else "false"
        drop = escape(translate(language, "page.data.label.drop", name=words), quote=True)
        rows.append(
            f'<li><button type="button" class="mark-chip {colours[each.name]}" data-mark="{index}" '
            f'aria-pressed="{pressed}">{escape(words)}</button>'
            f'<button type="button" class="tool" data-drop="{index}" title="{drop}" aria-label="{drop}">×</button></li>'
        )
    return f'<ul class="mark-chips">{"".join(rows)}</ul>'


def draft_html(item: Item, language: str) -> str:
    """What the model drafted; its text is text, never HTML."""
    if item.draft is None:
        return ""
    told = escape(translate(language, "page.data.label.drafted", model=item.draft.model))
    return f'<div class="box calm"><p class="quiet">{told}</p><p class="turn">{escape(item.draft.text)}</p></div>'


def findings_html(found: Sequence[Message], language: str) -> str:
    """What the doctor says of the row as it stands."""
    if not found:
        return ""
    rows = "".join(f"<li>{escape(say(language, each))}</li>" for each in found)
    title = escape(translate(language, "page.data.label.doctor"))
    return f'<div class="box calm"><p>{title}</p><ul>{rows}</ul></div>'


def name_words(mark: Mark, language: str) -> str:
    """The name of a mark in the page's language where it is an event type; else as it was given."""
    if not mark.name:
        return translate(language, "page.data.label.unnamed")
    return type_words(mark.name, language)


def type_words(name: str, language: str) -> str:
    return EVENT_TYPE[name].chinese if language == "zh" and name in EVENT_TYPE else name


def colours_of(marks: Sequence[Mark]) -> dict[str, str]:
    """One colour a name, in the order in which they come."""
    names = dict.fromkeys(each.name for each in marks)
    return {name: f"c{place % _COLOURS + 1}" for place, name in enumerate(names)}


def source_words(source: Any, language: str) -> str:
    """Where an item comes from, as a person says it."""
    kind = str(source.get("kind", ""))
    if kind not in KNOWN_KINDS:
        return kind
    told = {"name": str(source.get("name") or source.get("model") or "—"), "row": str(source.get("row", "—"))}
    if kind == "table":
        told["row"] = str(source.get("first_point", "—"))
    return translate(language, f"page.data.label.from.{kind}", **told)


def _row(summary: Summary, is_chosen: bool, language: str) -> str:
    state = escape(translate(language, f"page.data.label.state.{summary.state}"))
    signs = [state, source_words(summary.source, language)]
    if summary.has_draft:
        signs.append(translate(language, "page.data.label.has_draft"))
    if summary.saved:
        signs.append(translate(language, "page.data.label.is_saved"))
    told = escape(" · ".join(signs))
    facts = f'data-item="{escape(summary.id)}"' + (' aria-current="true"' if is_chosen else "")
    title = escape(summary.title or translate(language, "page.data.label.untitled"))
    return (
        f'<li><button type="button" class="label-item {escape(summary.state)}" {facts}>'
        f"<b>{title}</b><small>{told}</small></button></li>"
    )


def _who(by: str, at: float, what: str, language: str) -> str:
    if not at:
        return ""
    who = by or translate(language, "page.data.label.somebody")
    return translate(language, f"page.data.label.{what}", by=who, at=moment(at))


def _earlier(item: Item, language: str) -> str:
    if not item.earlier:
        return ""
    rows = []
    for turn in item.earlier:
        role = turn["role"] if turn["role"] in ("user", "assistant", "system") else "user"
        name = escape(translate(language, f"page.role.{role}"))
        text = escape(turn["content"].replace(PLACEHOLDER, "⟦ts⟧"))
        rows.append(f'<p class="turn"><b>{name}</b>{text}</p>')
    title = escape(translate(language, "page.data.label.earlier", count=len(item.earlier)))
    return f"<details><summary>{title}</summary>{''.join(rows)}</details>"
