"""One row as HTML: why it is bad, its series with what is quoted of them, the text as written and as the model sees it.

All text of the data is escaped. A placeholder is shown as the number of its series.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any

from tsft.data.checks.findings import ERROR, KINDS, kind_of
from tsft.data.examples import PLACEHOLDER
from tsft.data.view import ModelView, Piece, QuoteView, RowView
from tsft.errors import Message
from tsft.i18n import say, translate
from tsft.ui.data.findings_html import level_pill
from tsft.ui.data.series_html import Mark, series_html

ROLES = ("system", "user", "assistant")
# Beyond these a browser is slow and a person reads no more; the file has them whole.
TEXT_LENGTH = 40_000
IDS_SHOWN = 4_000


@dataclass(frozen=True)
class Shown:
    """What is shown of a row beside itself. kinds: its findings as the last diagnosis has them.

    key: the same as long as the same row is shown. problem: why there is no view of the model, "" where there is one.
    """

    key: str
    kinds: Sequence[str] = ()
    cutoff_length: int = 0
    has_ids: bool = False
    model: str = ""
    problem: str = ""


def row_html(view: RowView, shown: Shown, language: str) -> str:
    """The whole row."""
    marks = list(marks_of(view))
    drawn = series_html(view.series, marks, language, key=shown.key)
    written = "".join(_turns(view, language)) or _quiet("page.data.rows.no_text", language)
    sides = (
        f"<section><h4>{_said('page.data.rows.written', language)}</h4>{written}</section>"
        f"<section><h4>{_said('page.data.rows.seen', language)}</h4>{_model(view, shown, language)}</section>"
    )
    facts = f'data-row="{view.index}" data-file="{escape(view.file)}"'
    body = f'{_findings(view, shown, language)}{drawn}<div class="row-texts">{sides}</div>{_meta(view.meta, language)}'
    return f'<article class="data-row" {facts}>{body}</article>'


def marks_of(view: RowView) -> Iterator[Mark]:
    """Every position that a text quotes, on the series it speaks of; on all of them where the text leaves it open."""
    for quote in view.quotes:
        if not quote.is_inside:
            continue
        css = "answer" if _role(view, quote) == "assistant" else "question"
        label = view.turns[quote.turn - 1]["content"][quote.begin : quote.end]
        for number in quote.series or (0,):
            longest = max((len(each.points) for each in view.series if number in (0, each.number)), default=0)
            # The last of a half-open interval is one behind the series.
            last = min(quote.last, longest - 1)
            if quote.first <= last:
                yield Mark(number, quote.first, last, label, css)


def _role(view: RowView, quote: QuoteView) -> str:
    return view.turns[quote.turn - 1]["role"]


def _findings(view: RowView, shown: Shown, language: str) -> str:
    """Why the row is bad: what can be said of it alone, then what only a look at all rows told."""
    said: list[tuple[str, str]] = [(_kind(each), say(language, each)) for each in view.findings]
    known = {kind for kind, _ in said}
    said += [(kind, say(language, KINDS[kind].title)) for kind in shown.kinds if kind not in known and kind in KINDS]
    if not said:
        return ""
    lines = "".join(f"<p>{_level(kind, language)} {escape(sentence)}</p>" for kind, sentence in said)
    is_bad = any(kind in KINDS and KINDS[kind].level == ERROR for kind, _ in said)
    return f'<div class="box {"bad" if is_bad else "calm"} row-findings">{lines}</div>'


def _kind(sentence: Message) -> str:
    return kind_of(sentence)


def _level(kind: str, language: str) -> str:
    return level_pill(KINDS[kind].level, language) if kind in KINDS else ""


def _turns(view: RowView, language: str) -> Iterator[str]:
    number = 0
    for place, turn in enumerate(view.turns, 1):
        content = turn["content"]
        cuts = [(each.begin, each.end, _quote(each, view)) for each in view.quotes if each.turn == place]
        at = content.find(PLACEHOLDER)
        while at >= 0:
            number += 1
            chip = escape(translate(language, "page.preview.series", number=number))
            cuts.append((at, at + len(PLACEHOLDER), f'<span class="series-chip">{chip}</span>'))
            at = content.find(PLACEHOLDER, at + len(PLACEHOLDER))
        role = turn["role"]
        name = translate(language, f"page.role.{role}") if role in ROLES else role
        judged = _verdict(view, language) if place == len(view.turns) else ""
        css = role if role in ROLES else ""
        yield f'<p class="turn {css}"><b>{escape(name)}</b>{judged}{with_cuts(content, cuts)}</p>'
    if view.rejected:
        name, chip = translate(language, "page.role.assistant"), _chip("page.data.rows.rejected", language)
        yield f'<p class="turn assistant rejected"><b>{escape(name)}</b>{chip}{with_cuts(view.rejected, ())}</p>'


def _verdict(view: RowView, language: str) -> str:
    """What the row says of its last answer: the better of two, a good or a bad one; "" where it says nothing."""
    if view.rejected:
        return _chip("page.data.rows.chosen", language)
    if view.is_good is None:
        return ""
    return _chip("page.data.rows.good" if view.is_good else "page.data.rows.bad", language)


def _chip(key: str, language: str) -> str:
    return f'<span class="chip">{_said(key, language)}</span> '


def with_cuts(text: str, cuts: Sequence[tuple[int, int, str]]) -> str:
    """The text escaped, with HTML in the place of some of its characters ("" for the characters themselves)."""
    parts, done = [], 0
    for begin, end, html in sorted(cuts):
        if begin < done or begin > TEXT_LENGTH:
            continue
        parts += [escape(text[done:begin]), html.replace("\0", escape(text[begin:end]))]
        done = end
    rest = text[done:TEXT_LENGTH] if len(text) > TEXT_LENGTH else text[done:]
    return "".join([*parts, escape(rest), " …" if len(text) > TEXT_LENGTH else ""])


def _quote(quote: QuoteView, view: RowView) -> str:
    """A mark around the quoted words, which stand in the place of the zero character."""
    css = "wrong" if not quote.is_inside else "answer" if _role(view, quote) == "assistant" else "question"
    return f'<mark class="{css}">\0</mark>'


def _model(view: RowView, shown: Shown, language: str) -> str:
    if view.model is None:
        sentence = shown.problem or translate(language, "page.data.rows.not_seen")
        return f'<p class="quiet">{escape(sentence)}</p>'
    model = view.model
    counts = {"tokens": f"{model.tokens:,}", "trained": f"{model.trained:,}", "patches": f"{model.patches:,}"}
    lines = [_line("page.data.rows.counts", language, model=shown.model, **counts)]
    if shown.cutoff_length:
        is_above = model.tokens > shown.cutoff_length
        key = "page.data.rows.above" if is_above else "page.data.rows.below"
        told = escape(translate(language, key, tokens=f"{model.tokens:,}", cutoff=f"{shown.cutoff_length:,}"))
        width = min(1.0, model.tokens / shown.cutoff_length)
        bar = f'<div class="bar"><i style="width:{width:.1%}"></i></div>'
        lines.append(f'<div class="cutoff{" above" if is_above else ""}"><p>{told}</p>{bar}</div>')
    legend = "".join(
        f'<span class="piece {name}">{_said(f"page.data.rows.{name}", language)}</span>'
        for name in ("trained", "masked", "patches")
    )
    body = _ids(model, language) if shown.has_ids else _pieces(model, language)
    return f'{"".join(lines)}<p class="legend">{legend}</p><div class="pieces" tabindex="0">{body}</div>'


def _pieces(model: ModelView, language: str) -> str:
    """Stretches of one kind, so that a long row is a few elements."""
    parts = []
    for (is_trained, series), group in groupby(model.pieces, key=lambda each: (each.is_trained, each.series)):
        if series:
            parts += [_patches(each, language) for each in group]
        else:
            text = "".join(each.text for each in group)
            parts.append(f'<span class="piece {_css(is_trained)}">{escape(text)}</span>')
    return "".join(parts)


def _ids(model: ModelView, language: str) -> str:
    """Every token with its id."""
    parts = []
    for piece in model.pieces[:IDS_SHOWN]:
        if piece.series:
            parts.append(_patches(piece, language, has_ids=True))
        else:
            number = f"<small>{piece.ids[0]}</small>"
            parts.append(f'<span class="piece token {_css(piece.is_trained)}">{escape(piece.text)}{number}</span>')
    if len(model.pieces) > IDS_SHOWN:
        parts.append(_line("page.data.rows.more_ids", language, count=f"{len(model.pieces) - IDS_SHOWN:,}"))
    return "".join(parts)


def _patches(piece: Piece, language: str, has_ids: bool = False) -> str:
    told = translate(language, "page.data.rows.patches_of", series=piece.series, count=len(piece.ids))
    number = f"<small>{piece.ids[0]} × {len(piece.ids)}</small>" if has_ids else ""
    return f'<span class="piece patches">{escape(told)}{number}</span>'


def _css(is_trained: bool) -> str:
    return "trained" if is_trained else "masked"


def _meta(meta: Mapping[str, Any], language: str) -> str:
    if not meta:
        return ""
    rows = "".join(
        f"<tr><td>{escape(str(key))}</td><td>{escape(_plain(value))}</td></tr>" for key, value in meta.items()
    )
    title = _said("page.data.rows.meta", language)
    return f'<details class="row-meta"><summary>{title}</summary><table class="facts">{rows}</table></details>'


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 2_000 else text[:2_000] + " …"


def _said(key: str, language: str) -> str:
    return escape(translate(language, key))


def _line(key: str, language: str, **values: Any) -> str:
    return f'<p class="quiet">{escape(translate(language, key, **values))}</p>'


def _quiet(key: str, language: str) -> str:
    return _line(key, language)
