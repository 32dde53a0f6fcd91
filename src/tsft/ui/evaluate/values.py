"""Values of an answer's fields in words, and where they lie on the series."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tsft.evaluate.scores import Score
from tsft.i18n import translate
from tsft.ui.data.series_html import Mark
from tsft.ui.evaluate.figures import number_text
from tsft.ui.readings import NONE

# How marks of what was said are drawn, a model after another; what is true has a look of its own.
TRUTH = "truth"
SAID = ("said1", "said2", "said3", "said4")
# A lag is a number of points, and no place.
_NO_PLACES = ("lag",)


def label_text(label: Mapping[str, Any], language: str) -> str:
    """Every field of a label with its right value."""
    return fields_text(label, {each["name"]: each["value"] for each in label.get("fields") or ()}, language)


def fields_text(label: Mapping[str, Any], values: Mapping[str, Any], language: str) -> str:
    fields = label.get("fields") or ()
    parts = [
        (str(each.get("word") or each["name"]), value_text(each, values[each["name"]], language))
        for each in fields
        if each["name"] in values
    ]
    return parts[0][1] if len(fields) == 1 and parts else "; ".join(f"{word}: {text}" for word, text in parts)


def value_text(field: Mapping[str, Any], value: Any, language: str) -> str:
    """One value of a field. Stretches are told with their last point, as the drawing has them."""
    kind = field["kind"]
    if kind == "yes_no":
        return translate(language, "page.yes" if value else "page.no")
    if value is None or value == []:
        return translate(language, "page.evaluate.nothing")
    if kind == "intervals":
        return ", ".join(f"{start}–{end - 1}" for start, end in value)
    if kind == "events":
        return ", ".join(_event(each, field) for each in value)
    if kind == "names":
        return ", ".join(map(str, value))
    if kind in ("number", "position", "count"):
        unit = f" {field['unit']}" if field.get("unit") else ""
        return f"{_number(value)}{unit}"
    return _option(field, value)


def marks_of(label: Mapping[str, Any], values: Mapping[str, Any], css: str, name: str, count: int) -> Iterator[Mark]:
    """Where the values lie on a row of `count` series: points, stretches, and starts of events."""
    number = series_of(label, count)
    for field in label.get("fields") or ():
        value = values.get(field["name"])
        if not value and value != 0 or field["name"] in _NO_PLACES:
            continue
        if field["kind"] == "position":
            yield Mark(number, int(value), int(value), name, css)
        elif field["kind"] == "intervals":
            for start, end in value:
                yield Mark(number, int(start), max(int(start), int(end) - 1), name, css)
        elif field["kind"] == "events":
            for each in value:
                yield Mark(
                    number, int(each["start"]), int(each["start"]), f"{name}: {_option(field, each['type'])}", css
                )


def series_of(label: Mapping[str, Any], count: int) -> int:
    """The number (from 1) of the series that the question is about; 0, all of them, where it names none."""
    named = (label.get("parameters") or {}).get("series")
    if isinstance(named, int) and not isinstance(named, bool) and 0 <= named < count:
        return named + 1
    return 1 if count == 1 else 0


def on_series(marks: Sequence[Mark], lengths: Sequence[int]) -> tuple[list[Mark], list[Mark]]:
    """The marks that can be drawn, cut off at the end of their series, and those that lie beyond it."""
    inside, beyond = [], []
    for each in marks:
        length = lengths[each.series - 1] if each.series else max(lengths, default=0)
        if not 0 <= each.first < length:
            beyond.append(each)
        else:
            inside.append(Mark(each.series, each.first, min(each.last, length - 1), each.label, each.css))
    return inside, beyond


def judgement(field: Mapping[str, Any], found: Score, language: str) -> tuple[str, str, str]:
    """What was read of a field, its score in words, and its outcome ("right", "wrong" or "unread")."""
    one = found.fields[field["name"]]
    if not one.is_read:
        return translate(language, "page.evaluate.outcome.unread"), NONE, "unread"
    said = value_text(field, found.parsed.get(field["name"]), language)
    return said, f"{100 * one.value:.0f} %", "right" if one.is_right else "wrong"


def _event(event: Mapping[str, Any], field: Mapping[str, Any]) -> str:
    size = event.get("size")
    told = f" ({_number(size)})" if isinstance(size, (int, float)) else ""
    return f"{_option(field, event['type'])} @{event['start']}{told}"


def _option(field: Mapping[str, Any], value: Any) -> str:
    options = field.get("options")
    return str(options.get(value, value)) if isinstance(options, Mapping) else str(value)


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else number_text(float(value))
