"""A stand-in for the model's processor and writers of small data files, shared by the tests of the data layer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

TS_ID = 3
PREFIX_TOKENS = 5


@dataclass(frozen=True)
class FakeRow:
    input_ids: list[int]
    labels: list[int]
    values: list[np.ndarray]


@dataclass
class FakeEncoder:
    """One token a character, a prefix that grows with the digits of the length, one id a patch."""

    patch_size: int = 8
    max_points: int | None = None
    fingerprint: str = "fake-1"
    calls: int = 0

    @property
    def series_id(self) -> int:
        return TS_ID

    def pieces(self, ids: Sequence[int]) -> list[str]:
        return [chr(each) for each in ids]

    def encode(
        self, turns: Sequence[Mapping[str, str]], series: Sequence[np.ndarray], train_on: str = "answers"
    ) -> FakeRow:
        self.calls += 1
        ids: list[int] = []
        labels: list[int] = []
        waiting = list(series)
        for turn in turns:
            parts = turn["content"].split("<ts><ts/>")
            new = [10 + ord(letter) % 90 for letter in parts[0]]
            for part in parts[1:]:
                points = waiting.pop(0)
                patches = -(-len(points) // self.patch_size)
                new += [4] * (PREFIX_TOKENS + len(str(len(points)))) + [TS_ID] * patches
                new += [10 + ord(letter) % 90 for letter in part]
            ids += new
            labels += new if turn["role"] == "assistant" else [-100] * len(new)
        assert not waiting
        return FakeRow(ids, labels, [np.asarray(points, dtype=np.float32) for points in series])


def row(question: str = "A <ts><ts/> rises?", answer: str = "yes", series: Any = None) -> dict[str, Any]:
    """A row in ChatTS shape."""
    return {"input": question, "output": answer, "timeseries": [[1.0, 2.0, 3.5]] if series is None else series}


def write_lines(path: Path, rows: Sequence[Any]) -> Path:
    """A JSONL file; a string stands as it is, anything else as JSON (NaN and Infinity as Python writes them)."""
    lines = [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
