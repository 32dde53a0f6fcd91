"""Rows on their way out: a checked row in ChatTS's columns, as a line of JSON, and whole files of them."""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as parquet

FORMATS = ("jsonl", "parquet")
_BLOCK_ROWS = 200
# All series are floats and meta is one text: a table's types must not follow from its first rows.
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("system", pa.string()),
        ("history", pa.list_(pa.list_(pa.string()))),
        ("input", pa.string()),
        ("output", pa.string()),
        ("chosen", pa.string()),
        ("rejected", pa.string()),
        ("kto_tag", pa.bool_()),
        ("timeseries", pa.list_(pa.list_(pa.float64()))),
        ("meta", pa.string()),
    ]
)


def chatts_row(
    turns: Sequence[Mapping[str, str]],
    series: Sequence[np.ndarray],
    meta: str = "",
    rejected: str | None = None,
    is_good: bool | None = None,
) -> dict[str, Any]:
    """Turns and raw series (float64[L] each) in ChatTS's columns; earlier turns are `history`, meta is JSON text.

    A pair has `chosen` and `rejected` in the place of `output`; a judged answer has LLaMA-Factory's `kto_tag`.
    """
    left = list(turns)
    row: dict[str, Any] = {}
    if left and left[0]["role"] == "system":
        row["system"] = left.pop(0)["content"]
    texts = [turn["content"] for turn in left]
    if len(texts) > 2:
        row["history"] = [texts[place : place + 2] for place in range(0, len(texts) - 2, 2)]
    question, answer = texts[-2:] if len(texts) > 1 else ("", texts[-1])
    answers: dict[str, Any] = {"output": answer} if rejected is None else {"chosen": answer, "rejected": rejected}
    if is_good is not None:
        answers["kto_tag"] = is_good
    row |= {"input": question, **answers, "timeseries": [each.tolist() for each in series]}
    return row | ({"meta": meta} if meta else {})


def json_line(record: Mapping[str, Any]) -> str:
    """One line of JSON; NaN stays NaN, which our readers take, and half characters stay escaped."""
    text = json.dumps(record, ensure_ascii=False, default=_plain)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = json.dumps(record, default=_plain)
    return text + "\n"


def write_lines(lines: Iterable[bytes], path: Path, kind: str) -> None:
    """JSON lines (without their ends) as a file of one of `FORMATS`."""
    if kind == "jsonl":
        with path.open("wb") as file:
            for line in lines:
                file.write(line + b"\n")
        return
    rows = iter(lines)
    with parquet.ParquetWriter(path, SCHEMA) as writer:
        while block := [orjson.loads(line) for line in itertools.islice(rows, _BLOCK_ROWS)]:
            writer.write_table(pa.Table.from_pylist(block, SCHEMA))


def _plain(value: Any) -> Any:
    """Values of Parquet that JSON does not know (times, numpy numbers), as text or numbers."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
