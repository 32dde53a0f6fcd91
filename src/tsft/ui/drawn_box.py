"""What a run that learns from its own answers wrote to some of its questions, each beside its series, with rewards."""

from collections.abc import Sequence
from html import escape
from typing import Any

from tsft.i18n import translate
from tsft.run.events import AnswersDrawn, DrawnAnswer
from tsft.run.state import RunState
from tsft.ui.probes_box import row_picture
from tsft.ui.readings import plain

# The newest of the questions kept; more nobody reads while they change.
SHOWN = 3


def drawn_html(state: RunState, rows: Sequence[Any], language: str) -> str:
    """The newest questions first; "" for a run that writes no answers of its own.

    rows: what the questions' rows hold, each with `source` and `series` (None where a value is not finite).
    """
    if not state.drawn:
        return ""
    by_source = {row.source: row for row in rows}
    parts = [_question(each, by_source.get(each.source), language) for each in reversed(state.drawn[-SHOWN:])]
    title = escape(translate(language, "page.drawn.title"))
    return f'<p class="facts-title">{title}</p>{"".join(parts)}'


def _question(drawn: AnswersDrawn, row: Any | None, language: str) -> str:
    step = escape(translate(language, "page.probes.step", step=drawn.step))
    picture = row_picture(row, drawn.source) if row is not None else ""
    expected = escape(translate(language, "page.probes.expected"))
    gold = f"<tr><td>{expected}</td><td>{escape(drawn.expected)}</td></tr>" if drawn.expected else ""
    answers = "".join(_answer(each, language) for each in drawn.answers)
    return (
        f'<div class="preview-row probe"><h4>{escape(drawn.source)} · {step}</h4>{picture}'
        f'<p class="turn">{escape(drawn.question)}</p><table class="facts">{gold}{answers}</table></div>'
    )


def _answer(answer: DrawnAnswer, language: str) -> str:
    """The reward, its parts where there are several, and the text."""
    parts = " · ".join(
        f"{translate(language, f'page.chart.{name}_reward')} {plain(value)}" for name, value in answer.parts
    )
    hint = f' title="{escape(parts)}"' if parts else ""
    told = f'<small class="quiet"> {escape(parts)}</small>' if len(answer.parts) > 1 else ""
    return f"<tr><td{hint}><b>{plain(answer.reward)}</b></td><td>{escape(answer.text) or '–'}{told}</td></tr>"
