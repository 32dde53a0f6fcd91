"""Tables of small controls as HTML of our own: weights by name, and names and units by column.

The browser holds what is typed; a handler that is registered with `reading(...)` gets it in place of the hidden box's
value, so that nothing is lost between a keystroke and a click.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from tsft.i18n import translate
from tsft.ui.widgets import plain_number

# What a person typed that is no number: the check of a recipe names it.
UNREADABLE = -1.0
# Any change in a table is a selection to its handlers, which read the table themselves.
CHANGED = "element.addEventListener('change', () => trigger('select', {}));"


@dataclass(frozen=True)
class EntriesBox:
    """shown: the table; feed: its entries as JSON, as the server knew them last."""

    name: str
    shown: Any
    feed: Any


@dataclass(frozen=True)
class Choice:
    """One line of a table of weights. reason: why it cannot be chosen, "" where it can."""

    key: str
    title: str
    reason: str = ""


def place_entries(name: str) -> EntriesBox:
    """An empty table; `name` is its element."""
    shown = gr.HTML(elem_id=name, apply_default_css=False, elem_classes=["entries"], js_on_load=CHANGED)
    return EntriesBox(name, shown, gr.Textbox(visible="hidden", elem_id=f"{name}-feed"))


def reading(boxes: Sequence[EntriesBox], inputs: Sequence[Any]) -> str:
    """The `js` of a handler with these inputs: what the tables hold now goes in for the feeds."""
    lines = [
        f"given[{index}] = window.tsft.entries({json.dumps(box.name)}) ?? given[{index}];"
        for index, each in enumerate(inputs)
        for box in boxes
        if each is box.feed
    ]
    return f"(...given) => {{ {' '.join(lines)} return given; }}"


def weights_html(title: str, choices: Iterable[Choice], weights: Mapping[str, float], language: str) -> str:
    """A switch and a weight for each choice; those that cannot be chosen stand below with the reason.

    {} for all alike.
    """
    offered, refused = [], []
    for each in choices:
        if each.reason:
            refused.append(f"<li><b>{escape(each.title)}</b> {escape(each.reason)}</li>")
        else:
            offered.append(_weight_line(each, weights.get(each.key, 0.0) if weights else 1.0, language))
    lines = f'<div class="weights">{"".join(offered)}</div>' if offered else ""
    if refused:
        told = escape(translate(language, "page.data.not_offered", count=len(refused)))
        lines += f'<details class="refused"><summary>{told}</summary><ul>{"".join(refused)}</ul></details>'
    return f"<fieldset><legend>{escape(title)}</legend>{lines}</fieldset>"


def weights_feed(choices: Iterable[Choice], weights: Mapping[str, float]) -> str:
    """The same as a feed holds it."""
    given = {each.key: weights.get(each.key, 0.0) if weights else 1.0 for each in choices if not each.reason}
    return json.dumps({key: {"on": value > 0, "weight": plain_number(value or 1.0)} for key, value in given.items()})


def weights_of(feed: str) -> dict[str, float]:
    """The weights in a feed: {} where all are on and alike, all 0 where none is on."""
    found: dict[str, float] = {}
    for key, entry in (json.loads(feed) if feed else {}).items():
        found[key] = _number(entry.get("weight")) if entry.get("on") else 0.0
    values = set(found.values())
    if len(values) == 1 and values != {0.0} and values != {UNREADABLE}:
        return {}
    return {key: value for key, value in found.items() if value} if values - {0.0} else found


def texts_html(title: str, parts: Mapping[str, str], lines: Mapping[str, Mapping[str, str]]) -> str:
    """A text box for each line and part. parts: heading by part."""
    if not lines:
        return ""
    head = "".join(f"<th>{escape(each)}</th>" for each in ("", *parts.values()))
    body = []
    for key, given in lines.items():
        cells = "".join(
            f'<td><input type="text" data-key="{escape(key)}" data-part="{part}" value="{escape(given.get(part, ""))}" '
            f'aria-label="{escape(key)}: {escape(heading)}"></td>'
            for part, heading in parts.items()
        )
        body.append(f'<tr><th scope="row">{escape(key)}</th>{cells}</tr>')
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    return f'<fieldset><legend>{escape(title)}</legend><div class="wide">{table}</div></fieldset>'


def texts_feed(lines: Mapping[str, Mapping[str, str]]) -> str:
    """The same as a feed holds it."""
    return json.dumps(lines, ensure_ascii=False)


def has_lines(feed: str, keys: Sequence[str]) -> bool:
    """Whether a table has these lines already."""
    return bool(feed) and list(json.loads(feed)) == list(keys)


def texts_of(feed: str) -> dict[str, dict[str, str]]:
    """By line and part, without what is empty."""
    found = {}
    for key, entry in (json.loads(feed) if feed else {}).items():
        given = {part: text.strip() for part, text in entry.items() if isinstance(text, str) and text.strip()}
        if given:
            found[key] = given
    return found


def _weight_line(choice: Choice, weight: float, language: str) -> str:
    key, title = escape(choice.key), escape(choice.title)
    told = escape(translate(language, "page.data.weight_of", name=choice.title))
    checked = " checked" if weight > 0 else ""
    return (
        f'<div><label><input type="checkbox" data-key="{key}" data-part="on"{checked}> {title}</label>'
        f'<input type="number" min="0" step="any" data-key="{key}" data-part="weight" '
        f'value="{plain_number(weight or 1.0)}" aria-label="{told}" title="{told}"></div>'
    )


def _number(text: Any) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return UNREADABLE
