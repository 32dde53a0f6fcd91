"""What happened when a run failed: its kind, the sentence, the settings and the rows at fault, the last log lines.

Its buttons are answered by `failure_desk.py`, wherever on the page the box stands.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from tsft.config.schema import setting_by_key
from tsft.i18n import say, translate
from tsft.run.events import Failed
from tsft.ui.pictures import picture
from tsft.ui.widgets import element_id, value_words

# Rows and series that are drawn; the rest is named.
MOST_ROWS = 4
MOST_SERIES = 6


def failure_html(failure: Failed, run_id: str, rows: Sequence[Any], log: str, language: str) -> str:
    """rows: what the rows at fault hold, each with `source` and `series` (None where a value is not finite).

    log: the last lines of the run's log, "" for none.
    """
    kind = escape(translate(language, f"failure.kind.{failure.kind}"))
    lines = [say(language, failure.message)]
    if failure.advice is not None:
        lines.append(say(language, failure.advice))
    told = "".join(f"<p>{escape(line)}</p>" for line in lines if line)
    parts = [f'<p class="kind"><strong>{kind}</strong></p>{told}', _settings(failure, language)]
    parts += [_buttons(failure, run_id, language), _rows(rows, language)]
    parts.append(_folded(translate(language, "page.failure.log"), log, " open"))
    parts.append(_folded(translate(language, "page.details"), failure.traceback))
    return f'<div class="box bad" data-failure="{escape(failure.kind)}">{"".join(parts)}</div>'


def changed_values(failure: Failed) -> Mapping[str, Any]:
    """What a new start would set, by dotted name; names of a newer tsft are left out."""
    return {key: value for key, value in failure.change if key in setting_by_key()}


def _buttons(failure: Failed, run_id: str, language: str) -> str:
    """Start again, with the change where one is proposed, and the debug bundle."""
    again = translate(language, "page.failure.again_changed" if changed_values(failure) else "page.failure.again")
    bundle, about = translate(language, "page.failure.bundle"), translate(language, "page.failure.bundle_help")
    buttons = "".join(
        f'<button type="button" class="tool" data-failed="{escape(run_id)}" data-does="{does}">{escape(label)}</button>'
        for does, label in (("again", again), ("bundle", bundle))
    )
    return f'<p class="failure-buttons">{buttons}</p><p class="quiet">{escape(about)}</p>'


def _folded(title: str, text: str, state: str = "") -> str:
    return f"<details{state}><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>" if text else ""


def _settings(failure: Failed, language: str) -> str:
    known = setting_by_key()
    change = changed_values(failure)
    lines = []
    for key in dict.fromkeys((*failure.settings, *change)):
        if key not in known:
            continue
        name = escape(translate(language, known[key].label_key))
        way = f'<button type="button" class="to-field" data-field="{element_id(key)}">{name}</button>'
        value = tuple(change[key]) if key in change and known[key].is_list else change.get(key)
        now = f" → <b>{escape(value_words(known[key], value, language))}</b>" if key in change else ""
        lines.append(f"<li>{way}{now}</li>")
    if not lines:
        return ""
    title = escape(translate(language, "page.failure.settings"))
    return f'<p class="facts-title">{title}</p><ul>{"".join(lines)}</ul>'


def _rows(rows: Sequence[Any], language: str) -> str:
    if not rows:
        return ""
    title = escape(translate(language, "page.failure.rows"))
    drawn = []
    for row in rows[:MOST_ROWS]:
        series = [np.array([np.nan if each is None else each for each in points]) for points in row.series]
        source = escape(row.source)
        drawn.append(f"<figure><figcaption>{source}</figcaption>{picture(series[:MOST_SERIES], source)}</figure>")
    return f'<p class="facts-title">{title}</p>{"".join(drawn)}'
