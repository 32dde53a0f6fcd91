"""A row that was built or generated and is not written yet: its picture with what its label says, and its texts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import numpy as np

from tsft.i18n import translate
from tsft.ui.data.plots import Plotted, plot
from tsft.ui.dataset_box import PLACEHOLDER
from tsft.ui.pictures import extent

# A picture of more series than this is no help.
MOST_SERIES = 6


@dataclass(frozen=True)
class Known:
    """What is known of one series beside the label: sentences, and stretches to shade."""

    facts: Sequence[str] = ()
    spans: Sequence[tuple[int, int]] = ()


def row_card(row: Mapping[str, Any], number: str, language: str, known: Sequence[Known] = ()) -> str:
    """One row as HTML. number: how it is called; known: by series. All data is escaped."""
    meta = json.loads(row["meta"])
    label = meta["label"]
    series = [np.asarray(each, dtype=np.float64) for each in row["timeseries"]]
    shown = series[:MOST_SERIES]
    captions = [_caption(place, each, language) for place, each in enumerate(shown, 1)]
    plotted = [_plotted(place, each, label) for place, each in enumerate(shown)]
    for place, each in enumerate(known[:MOST_SERIES]):
        plotted[place] = replace(plotted[place], spans=[*plotted[place].spans, *each.spans])
    pictures = plot(plotted, "; ".join(captions))
    facts = [*(escape(" · ".join(each.facts)) for each in known), *[""] * len(captions)]
    lines = [f"<li>{told}{f'<br>{fact}' if fact else ''}</li>" for told, fact in zip(captions, facts, strict=False)]
    chips = [
        translate(language, f"page.data.task.{meta['task']}"),
        translate(language, f"language.{meta['language']}"),
        _style(meta["style"], language),
    ]
    if meta["is_none"]:
        chips.append(translate(language, "page.data.none_row"))
    if meta["prefix_answerable"]:
        chips.append(translate(language, "page.data.prefix_row"))
    pairs = [*row.get("history", ()), (row["input"], row["chosen"] if "chosen" in row else row["output"])]
    turns = [turn for pair in pairs for turn in zip(("user", "assistant"), pair, strict=True)]
    if "rejected" in row:
        turns.append(("assistant", row["rejected"]))
        chips.append(translate(language, "page.data.pair_row", field=meta["mistake"]["field"]))
    elif "kto_tag" in row:
        chips.append(translate(language, f"page.data.rows.{'good' if row['kto_tag'] else 'bad'}"))
    head = "".join(f'<span class="chip">{escape(each)}</span>' for each in chips)
    return (
        f'<section class="row-card"><h4>{escape(number)} {head}</h4>{pictures}'
        f'<ol class="captions">{"".join(lines)}</ol>'
        f"{''.join(_turn(role, text, language) for role, text in turns)}</section>"
    )


def _style(style: str, language: str) -> str:
    return translate(language, f"page.data.style.{style}")


def _plotted(place: int, values: np.ndarray, label: Mapping[str, Any]) -> Plotted:
    """The series with what question and answer speak of."""
    told = label["parameters"]
    about = told.get("pair") or ([told["series"]] if "series" in told else None)
    if about is not None and place not in about:
        return Plotted(values)
    spans: list[tuple[float, float]] = []
    points: list[float] = []
    if "start" in told and "end" in told:
        spans.append((told["start"], told["end"]))
    if "point" in told:
        points.append(told["point"])
    for field in label["fields"]:
        if field["kind"] == "intervals":
            spans += [(start, end) for start, end in field["value"]]
        elif field["kind"] == "events":
            points += [each["start"] for each in field["value"]]
        elif field["kind"] == "position" and field["value"] is not None:
            points.append(field["value"])
    return Plotted(values, spans, points)


def _caption(number: int, points: np.ndarray, language: str) -> str:
    low, high = extent(points)
    name = translate(language, "page.preview.series", number=number)
    return escape(translate(language, "page.preview.extent", name=name, count=len(points), low=low, high=high))


def _turn(role: str, content: str, language: str) -> str:
    pieces = [escape(piece) for piece in content.split(PLACEHOLDER)]
    text = pieces[0]
    for number, piece in enumerate(pieces[1:], 1):
        chip = escape(translate(language, "page.preview.series", number=number))
        text += f'<span class="series-chip">{chip}</span>{piece}'
    return f'<p class="turn"><b>{escape(translate(language, f"page.role.{role}"))}</b>{text}</p>'
