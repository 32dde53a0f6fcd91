"""The metrics of one field over many rows, by its kind; each with its interval over series."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsft.evaluate import lists, stretches
from tsft.evaluate.attributes import attribute_matches
from tsft.evaluate.closed import class_name, confusion, macro_f1_of, one_hot
from tsft.evaluate.lists import Matches, match_events, match_names
from tsft.evaluate.predictions import Judged
from tsft.evaluate.quantities import is_close, relative_accuracy, symmetric_error
from tsft.evaluate.report import FieldReport
from tsft.evaluate.statistics import Estimate, Statistic, bootstrap, columns, mean_of
from tsft.evaluate.texts import bleu_of, bleu_row, keyword_f1, rouge_l

_CLOSED = ("class", "yes_no", "letter")
Metrics = dict[str, Estimate]


@dataclass(frozen=True)
class Drawing:
    """How intervals are drawn (0 resamples: not), and whether point-adjusted F1 is shown (`stretches.metrics`)."""

    seed: int = 0
    resamples: int = 2_000
    with_point_adjusted: bool = False

    def estimate(
        self, rows: np.ndarray, keys: Sequence[str], statistic: Statistic = mean_of, is_share: bool = True
    ) -> Estimate | None:
        return bootstrap(rows, keys, statistic, is_share=is_share, resamples=self.resamples, seed=self.seed)


@dataclass(frozen=True)
class Answered:
    """One row's answer to a field: the label's field, whether it was read, and what was said then."""

    field: Mapping[str, Any]
    is_read: bool
    said: Any
    key: str
    span: float
    is_right: bool


def field_report(name: str, judged: Sequence[Judged], drawing: Drawing) -> FieldReport:
    """The field of this name over the rows that have it."""
    rows = [each for each in (_answered(name, one) for one in judged) if each is not None]
    kind = str(rows[0].field["kind"])
    found: dict[str, Estimate | None] = _KINDS.get(kind, _exact)(rows, drawing)
    table = None
    if kind in _CLOSED:
        table = confusion(*_classes(rows))
    return FieldReport(name, kind, {key: value for key, value in found.items() if value is not None}, table)


def text_metrics(judged: Sequence[Judged], drawing: Drawing) -> Metrics:
    """Attributes where an answer has several parts; overlap of words where it is free text with a reference."""
    found: dict[str, Estimate | None] = {}
    parted = [each for each in judged if len(each.prediction.label["fields"]) > 1]
    if parted:
        rows = np.array([attribute_matches(each.score, each.prediction.label).row() for each in parted])
        keys = [each.prediction.series_key for each in parted]
        found["attribute_recall"] = drawing.estimate(rows, keys, lists.recall)
        found["attribute_precision"] = drawing.estimate(rows, keys, lists.precision)
    free = [each.prediction for each in judged if _is_free_text(each) and each.prediction.reference]
    if free:
        keys = [each.series_key for each in free]
        pairs = [(each.answer, each.reference) for each in free]
        found["keyword_f1"] = drawing.estimate(columns([keyword_f1(*each) for each in pairs]), keys)
        found["rouge_l"] = drawing.estimate(columns([rouge_l(*each).f1 for each in pairs]), keys)
        found["bleu"] = drawing.estimate(np.array([bleu_row(*each) for each in pairs]), keys, bleu_of)
    return {name: value for name, value in found.items() if value is not None}


def _is_free_text(judged: Judged) -> bool:
    label = judged.prediction.label
    return label.get("style") == "prose" or any(each["kind"] == "text" for each in label["fields"])


def _answered(name: str, judged: Judged) -> Answered | None:
    prediction, score = judged.prediction, judged.score
    field = next((each for each in prediction.label["fields"] if each["name"] == name), None)
    if field is None:
        return None
    one = score.fields[name]
    said = score.parsed.get(name)
    return Answered(field, one.is_read, said, prediction.series_key, prediction.span, one.is_right)


def _keys(rows: Sequence[Answered]) -> list[str]:
    return [each.key for each in rows]


def _classes(rows: Sequence[Answered]) -> tuple[list[str], list[str | None]]:
    true = [class_name(each.field["value"]) for each in rows]
    return true, [class_name(each.said) if each.is_read else None for each in rows]


def _closed(rows: Sequence[Answered], drawing: Drawing) -> dict[str, Estimate | None]:
    true, said = _classes(rows)
    classes = confusion(true, said).classes
    hot = one_hot(true, said, classes)
    return {
        "accuracy": _exact(rows, drawing)["accuracy"],
        "macro_f1": drawing.estimate(hot, _keys(rows), macro_f1_of(len(classes))),
    }


def _exact(rows: Sequence[Answered], drawing: Drawing) -> dict[str, Estimate | None]:
    return {"accuracy": drawing.estimate(columns([each.is_right for each in rows]), _keys(rows))}


def _numbers(rows: Sequence[Answered], drawing: Drawing) -> dict[str, Estimate | None]:
    """Errors are over the rows where a number was asked for and one was read; an unread answer is 0 % accurate."""
    keys = _keys(rows)
    told = [(each.said, each.field["value"], each.span) if each.is_read else None for each in rows]
    both = [each for each in rows if each.is_read and each.said is not None and each.field["value"] is not None]
    errors = [abs(float(each.said) - float(each.field["value"])) for each in both]
    spans = [(error / each.span, each.key) for error, each in zip(errors, both, strict=True) if each.span > 0]
    symmetric = [symmetric_error(float(each.said), float(each.field["value"])) for each in both]
    return {
        "relative_accuracy": drawing.estimate(columns([relative_accuracy(*e) if e else 0.0 for e in told]), keys),
        "within_5_percent": drawing.estimate(columns([is_close(*e) if e else False for e in told]), keys),
        "within_tolerance": drawing.estimate(columns([each.is_right for each in rows]), keys),
        "mean_absolute_error": drawing.estimate(columns(errors), _keys(both), is_share=False),
        "error_of_range": drawing.estimate(columns([e for e, _ in spans]), [k for _, k in spans], is_share=False),
        "smape": drawing.estimate(columns(symmetric), _keys(both), is_share=False),
    }


def _positions(rows: Sequence[Answered], drawing: Drawing) -> dict[str, Estimate | None]:
    """In points: how far off what was read is, and how often it is near enough (3 points, or 2 % of the length)."""
    both = [each for each in rows if each.is_read and each.said is not None and each.field["value"] is not None]
    errors = [abs(int(each.said) - int(each.field["value"])) for each in both]
    return {
        "within_tolerance": drawing.estimate(columns([each.is_right for each in rows]), _keys(rows)),
        "mean_error_points": drawing.estimate(columns(errors), _keys(both), is_share=False),
    }


def _counts(rows: Sequence[Answered], drawing: Drawing) -> dict[str, Estimate | None]:
    both = [each for each in rows if each.is_read]
    errors = [abs(int(each.said or 0) - int(each.field["value"])) for each in both]
    return {
        **_exact(rows, drawing),
        "mean_absolute_error": drawing.estimate(columns(errors), _keys(both), is_share=False),
    }


def _intervals(rows: Sequence[Answered], drawing: Drawing) -> dict[str, Estimate | None]:
    sums = np.array(
        [
            stretches.stretch_row(each.said if each.is_read else None, each.field["value"], int(each.field["length"]))
            for each in rows
        ]
    )
    metrics = stretches.metrics(drawing.with_point_adjusted)
    return {
        name: drawing.estimate(sums, _keys(rows), statistic, name not in stretches.UNBOUNDED)
        for name, statistic in metrics.items()
    }


def _events(rows: Sequence[Answered], drawing: Drawing) -> dict[str, Estimate | None]:
    matches = [match_events(each.said if each.is_read else [], each.field) for each in rows]
    return {
        **_list_rates(rows, matches, drawing),
        "size_accuracy": drawing.estimate(np.array([each.row() for each in matches]), _keys(rows), lists.size_mean),
    }


def _names(rows: Sequence[Answered], drawing: Drawing) -> dict[str, Estimate | None]:
    return _list_rates(rows, [match_names(e.said if e.is_read else [], e.field["value"]) for e in rows], drawing)


def _list_rates(rows: Sequence[Answered], matches: Sequence[Matches], drawing: Drawing) -> dict[str, Estimate | None]:
    sums, keys = np.array([each.row() for each in matches]), _keys(rows)
    return {
        "f1": drawing.estimate(sums, keys, lists.f1),
        "precision": drawing.estimate(sums, keys, lists.precision),
        "recall": drawing.estimate(sums, keys, lists.recall),
        "complete": drawing.estimate(columns([each.is_right for each in rows]), keys),
    }


_KINDS: dict[str, Callable[[Sequence[Answered], Drawing], dict[str, Estimate | None]]] = {
    **dict.fromkeys(_CLOSED, _closed),
    "number": _numbers,
    "position": _positions,
    "count": _counts,
    "intervals": _intervals,
    "events": _events,
    "names": _names,
}
