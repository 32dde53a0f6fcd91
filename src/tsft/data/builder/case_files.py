"""UCR/UEA archives' `.ts` files: many short recordings ("cases") with a class each, as one long table.

A column of case names, the point in the case (or its time), a column a dimension, and the class.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tsft.errors import Message, UserError, message

CASE, POINT, TIME, CLASS, TARGET = "case", "point", "time", "class", "target"
_TIMED = re.compile(r"\(([^()]*),([^(),]*)\)")
_YES = "true"


@dataclass
class Cases:
    """columns: by name, texts, all of one length; dimensions: the names of the value columns."""

    columns: dict[str, list[str]] = field(default_factory=dict)
    dimensions: tuple[str, ...] = ()

    def roles(self) -> dict[str, str | tuple[str, ...]]:
        """Which column is what: the format itself says so."""
        told: dict[str, str | tuple[str, ...]] = {"layout": "wide", "group": CASE, "values": self.dimensions}
        if TIME in self.columns:
            told["time"] = TIME
        if CLASS in self.columns:
            told |= {"label": CLASS, "label_kind": "class"}
        return told


def read_cases(path: Path, encoding: str) -> Cases:
    """UserError with the line where the file is not as the format says."""
    header: dict[str, str] = {}
    found: Cases | None = None
    with path.open(encoding=encoding, errors="replace") as file:
        number = 0
        for place, line in enumerate(file, 1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            if found is None:
                name, _, value = text.partition(" ")
                if not name.startswith("@"):
                    raise _broken(path, message("data.build.case_header", line=place))
                header[name.lower()] = value.strip()
                if name.lower() == "@data":
                    found = Cases()
                continue
            number += 1
            _add(found, header, path, place, number, text)
    if found is None:
        raise _broken(path, message("data.build.case_no_data"))
    return found


def _add(found: Cases, header: dict[str, str], path: Path, line: int, number: int, text: str) -> None:
    label_name = _label_name(header)
    parts = text.split(":") if header.get("@timestamps", "").lower() != _YES else _timed_parts(text)
    label = parts.pop().strip() if label_name else ""
    dimensions = [list(_points(part)) for part in parts]
    lengths = {len(each) for each in dimensions}
    if not dimensions or len(lengths) != 1 or 0 in lengths:
        raise _broken(path, message("data.build.case_lengths", line=line))
    if not found.dimensions:
        count = len(dimensions)
        found.dimensions = ("value",) if count == 1 else tuple(f"dimension {each + 1}" for each in range(count))
    if len(dimensions) != len(found.dimensions):
        counts = {"found": len(dimensions), "expected": len(found.dimensions)}
        raise _broken(path, message("data.build.case_dimensions", line=line, **counts))
    size = lengths.pop()
    columns = {CASE: [f"case {number}"] * size, POINT: [str(each) for each in range(size)]}
    if dimensions[0][0][0]:
        if any(each[0] != first[0] for other in dimensions for each, first in zip(other, dimensions[0], strict=True)):
            raise _broken(path, message("data.build.case_times", line=line))
        columns[TIME] = [when for when, _ in dimensions[0]]
    for name, points in zip(found.dimensions, dimensions, strict=True):
        columns[name] = [value for _, value in points]
    if label_name:
        columns[label_name] = [label] * size
    for name, texts in columns.items():
        found.columns.setdefault(name, []).extend(texts)


def _label_name(header: dict[str, str]) -> str:
    """What the last part of each line is: a class, a number to be told, or another dimension ("")."""
    for entry, name in (("@classlabel", CLASS), ("@targetlabel", TARGET)):
        if header.get(entry, "").split(" ")[0].lower() == _YES:
            return name
    return ""


def _timed_parts(text: str) -> list[str]:
    """Dimensions and class of a line with times, which may hold colons of their own inside brackets."""
    parts, depth, start = [], 0, 0
    for place, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if sign == ":" and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def _points(part: str) -> Iterator[tuple[str, str]]:
    """(time or "", value) of each point; "?" is a missing value."""
    timed = _TIMED.findall(part)
    pairs = timed or [("", each) for each in part.split(",")]
    for when, value in pairs:
        yield when.strip(), "" if value.strip() == "?" else value.strip()


def _broken(path: Path, detail: Message) -> UserError:
    return UserError(message("data.build.broken_table", file=path.name, detail=detail.to_json()))
