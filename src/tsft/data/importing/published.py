"""The shapes of published question sets, each turned into ChatTS rows. Of the sets themselves nothing is here.

TimeSeriesExam, ChatTS's evaluation sets A and B, ST-Bench and ChatTime's TSQA; how each looks is in their own papers.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsft.data.examples import PLACEHOLDER, refuse
from tsft.data.files import json_type
from tsft.data.row_files import chatts_row
from tsft.data.shapes import from_cell
from tsft.data.tasks.fields import letter
from tsft.data.tasks.format import to_label

_LETTERS = "ABCDEFGHIJ"
# What stands as the whole answer: "B", "(b)", "C. rising", "<answer>B</answer>".
_LETTER_ANSWER = re.compile(r"^\s*(?:<answer>)?\s*\(?([A-Ja-j])\)?(?:[.):,]\s.*)?\s*(?:</answer>)?\s*$", re.DOTALL)
_OPTION = re.compile(r"(?:^|[\s(])([A-J])[.):]\s", re.MULTILINE)


@dataclass(frozen=True)
class Published:
    """One shape. `is_of` looks at a record's columns; `row` makes a ChatTS row of it or raises RowRefused."""

    name: str
    is_of: Callable[[Mapping[str, Any]], bool]
    row: Callable[[Mapping[str, Any]], dict[str, Any]]


def published_shape(record: Mapping[str, Any]) -> Published | None:
    """The shape whose columns a record has; None for any other."""
    return next((each for each in SHAPES if each.is_of(record)), None)


def _exam(record: Mapping[str, Any]) -> dict[str, Any]:
    """TimeSeriesExam: one or two series, a question, options, and the right option's text."""
    names = ("ts",) if record.get("ts") is not None else ("ts1", "ts2")
    series = [_numbers(record.get(name), name) for name in names]
    options = [str(each) for each in _list(record["options"], "options")]
    answer = str(record["answer"]).strip()
    place = next((place for place, option in enumerate(options) if option.strip() == answer), -1)
    if place < 0 and len(answer) == 1 and answer.upper() in _LETTERS[: len(options)]:
        place = _LETTERS.index(answer.upper())
    if not 0 <= place < len(_LETTERS) or len(options) > len(_LETTERS):
        raise refuse("data.import.no_option", answer=answer[:80], options=", ".join(options)[:200])
    listed = "\n".join(f"{_LETTERS[number]}. {option}" for number, option in enumerate(options))
    about = [str(record[name]) for name in ("format_hint", "question_hint") if record.get(name)]
    question = "\n".join([str(record["question"]), *about, listed, "Answer with the letter only."])
    told = {"category": record.get("category"), "subcategory": record.get("subcategory"), **_level(record)}
    label = _letter_label(_LETTERS[place], len(options))
    return _row("time_series_exam", question, _LETTERS[place], series, str(record.get("category") or ""), told, label)


def _evaluation(record: Mapping[str, Any]) -> dict[str, Any]:
    """ChatTS's sets A and B: numbered questions about all series; attributes are kept for who scores them."""
    values = _list(record["timeseries"], "timeseries")
    series = [_numbers(each, "timeseries") for each in values]
    columns = record.get("cols") or ()
    kinds = [str(each) for each in record.get("ability_types") or ()]
    told = {"ability_types": kinds, "attributes": record.get("attributes"), "cols": list(columns)}
    task = "+".join(dict.fromkeys(kinds))
    return _row("chatts_evaluation", str(record["question"]), str(record["answer"]), series, task, told, None, columns)


def _st_bench(record: Mapping[str, Any]) -> dict[str, Any]:
    """ST-Bench is in ChatTS's columns; the category says the task, the letter in the answer is what is right."""
    series = [_numbers(each, "timeseries") for each in _list(record["timeseries"], "timeseries")]
    question, answer = str(record["input"]), str(record["output"])
    found = re.search(r"<answer>\s*\(?([A-J])\)?\s*</answer>", answer)
    label = _letter_label(found[1], _option_count(question)) if found and _option_count(question) else None
    return _row("st_bench", question, answer, series, str(record["category"]), {"category": record["category"]}, label)


def _tsqa(record: Mapping[str, Any]) -> dict[str, Any]:
    """ChatTime's TSQA: one series as JSON text, a task, a question and its answer."""
    question, answer = str(record["Question"]), str(record["Answer"])
    series = [_numbers(record["Series"], "Series")]
    found, options = _LETTER_ANSWER.match(answer), _option_count(question)
    label = _letter_label(found[1].upper(), options) if found and options else None
    task = str(record.get("Task") or "")
    return _row("chattime_tsqa", question, answer, series, task, {"task": task}, label)


def _row(
    source: str,
    question: str,
    answer: str,
    series: Sequence[np.ndarray],
    task: str,
    told: Mapping[str, Any],
    label: Mapping[str, Any] | None,
    names: Sequence[Any] = (),
) -> dict[str, Any]:
    """A row whose question has a placeholder for each series, put in front where it has none."""
    if PLACEHOLDER not in question:
        called = [str(name) for name in names] if len(names) == len(series) else []
        called = called or (["Series"] if len(series) == 1 else [f"Series {n + 1}" for n in range(len(series))])
        question = "\n".join([*(f"{name}: {PLACEHOLDER}" for name in called), question])
    meta = {
        "source": source,
        **({"task": task} if task else {}),
        "set": dict(told),
        **({"label": label} if label else {}),
    }
    turns = ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    return chatts_row(turns, series, json.dumps(meta, ensure_ascii=False))


def _letter_label(right: str, options: int) -> dict[str, Any]:
    field = to_label(letter("answer", right, _LETTERS[:options]), "en")
    return {"version": 1, "task": "mcq", "style": "short", "language": "en", "fields": [field], "is_none": False}


def _option_count(question: str) -> int:
    """How many options stand in the question, lettered without a gap from A; 0 where there are not two."""
    found = set(_OPTION.findall(question))
    count = next((place for place, sign in enumerate(_LETTERS) if sign not in found), len(_LETTERS))
    return count if count > 1 else 0


def _level(record: Mapping[str, Any]) -> dict[str, Any]:
    return {"difficulty": record["difficulty"]} if "difficulty" in record else {}


def _numbers(value: Any, column: str) -> np.ndarray:
    """float64[L]; a missing number is NaN, for the doctor to speak of."""
    found = _list(value, column)
    try:
        return np.array([np.nan if each is None else float(each) for each in found], dtype=np.float64)
    except (TypeError, ValueError):
        raise refuse("data.import.no_numbers", column=column) from None


def _list(value: Any, column: str) -> list[Any]:
    read = from_cell(value)
    if not isinstance(read, (list, tuple)):
        raise refuse("data.row.not_list", column=column, type=json_type(read))
    return list(read)


def _has(*names: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda record: all(name in record for name in names)


def _is_exam(record: Mapping[str, Any]) -> bool:
    return _has("question", "options", "answer")(record) and ("ts" in record or "ts1" in record)


def _is_evaluation(record: Mapping[str, Any]) -> bool:
    return _has("question", "answer", "timeseries")(record) and ("ability_types" in record or "attributes" in record)


SHAPES = (
    Published("time_series_exam", _is_exam, _exam),
    Published("chatts_evaluation", _is_evaluation, _evaluation),
    Published("st_bench", _has("input", "output", "timeseries", "category"), _st_bench),
    Published("chattime_tsqa", _has("Question", "Answer", "Series"), _tsqa),
)
