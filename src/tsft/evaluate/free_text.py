"""The label of a row that has none: its answer is free text, judged against the row's own answer word by word."""

import re
from collections.abc import Mapping
from typing import Any

from tsft.evaluate.field_reports import Drawing, field_report
from tsft.evaluate.predictions import Prediction, judge
from tsft.evaluate.scores import score_field

FREE_TEXT = "free_text"
_CHINESE = re.compile(r"[㐀-䶿一-鿿豈-﫿]")
# What judging a label that lacks a part, or has one of another type, may raise.
_UNSOUND = (KeyError, TypeError, ValueError, AttributeError, IndexError, StopIteration)


def label_or_free_text(label: Any, reference: str) -> tuple[Mapping[str, Any], bool]:
    """The row's own label, or that of free text where it has none; and whether it brought one that cannot be used."""
    if label is None:
        return free_text_label(reference), False
    return (label, False) if is_sound(label) else (free_text_label(reference), True)


def free_text_label(reference: str) -> dict[str, Any]:
    """One field of the kind "text" that holds the reference; nothing is known of what the prefix gives away."""
    return {
        "task": FREE_TEXT,
        "wording": FREE_TEXT,
        "style": "prose",
        "language": "zh" if _CHINESE.search(reference) else "en",
        "fields": [{"name": "text", "word": "text", "kind": "text", "value": reference}],
        "parameters": {},
        "is_none": False,
        "prefix_answerable": False,
    }


def is_sound(label: Any) -> bool:
    """Whether answers can be judged by it."""
    if not isinstance(label, Mapping) or not isinstance(label.get("task"), str) or not label.get("fields"):
        return False
    try:
        judged = judge([Prediction(0, "", label, "x")])
        for each in label["fields"]:
            score_field(each["value"], each)
            field_report(each["name"], judged, Drawing(resamples=0))
    except _UNSOUND:
        return False
    return True
