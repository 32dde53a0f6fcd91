"""The kinds of findings: how serious each is and which fixes fit it; and a report of what was found in a dataset.

A kind is the last part of its sentence's key: "data.row.value_nan" and "value_nan". Its title is
`data.finding.<kind>`, a fix's words are `data.fix.<fix>.label` and `.help`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tsft.data.examples import RowProblem
from tsft.errors import Message, message

ERROR, WARNING, NOTE = "error", "warning", "note"
LEVELS = (ERROR, WARNING, NOTE)
EXAMPLES_KEPT = 20


@dataclass(frozen=True)
class Kind:
    """One kind of finding. fixes: best first. is_of_set: it is known only after all rows were read."""

    name: str
    level: str
    fixes: tuple[str, ...] = ("drop",)
    is_of_set: bool = False

    @property
    def title(self) -> Message:
        return message(f"data.finding.{self.name}")


_GAPS = ("impute", "longest_run", "drop")
_ERRORS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("value_nan", "value_null", "value_infinite"), _GAPS),
    **dict.fromkeys(("value_text", "value_type"), _GAPS),
    "overflow": ("rescale", "drop"),
    "series_empty": ("describe", "drop"),
    **dict.fromkeys(("series_not_list", "series_shape"), ("unpack", "drop")),
    **dict.fromkeys(("placeholder_count", "stray_token"), ("placeholders", "drop")),
    **dict.fromkeys(("encoded_text", "encoded_values"), ("decode", "drop")),
    **dict.fromkeys(
        (
            *("answer_has_series", "broken_csv", "broken_json", "broken_text", "csv_cells", "empty_answer"),
            *("empty_question", "empty_text", "encoding", "history_pair", "missing_column", "no_answer_turn"),
            *("not_list", "not_object", "not_text", "role_order", "role_unknown", "series_ragged", "turn_field"),
            *("turn_not_object", "turn_not_text", "answer_messages", "answer_role", "pair_equal"),
            *("pair_questions_differ", "rejected_broken", "rejected_empty", "rejected_has_series", "verdict"),
        ),
        ("drop",),
    ),
}
_WARNINGS: dict[str, tuple[str, ...]] = {
    "constant": ("describe", "drop"),
    "single_point": ("describe", "drop"),
    "tiny": ("rescale", "drop"),
    "large": ("rescale", "drop"),
    "float32": ("recentre", "drop"),
    "maybe_encoded": ("decode", "drop"),
    "quoted_position": ("drop",),
    "quoted_value": ("drop",),
    "prefix_answerable": ("tag", "drop"),
    "too_long": ("shorten", "resample", "drop"),
}
_OF_SETS: dict[str, tuple[str, ...]] = {
    "duplicate": ("drop",),
    "near_duplicate": ("drop",),
    "window_overlap": ("rewindow",),
    "validation_overlap": ("drop",),
    "imbalance": ("balance",),
    "single_class": (),
}
_NOTES: dict[str, tuple[str, ...]] = {"flattened": ("unpack",), "single_list": ("unpack",), "no_series": ()}
# A fix of a set leaves rows out and has its own name only to say why.
LEAVING_OUT = frozenset({"drop", "rewindow", "balance"})

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        *(Kind(name, ERROR, fixes) for name, fixes in _ERRORS.items()),
        *(Kind(name, WARNING, fixes) for name, fixes in _WARNINGS.items()),
        *(Kind(name, WARNING, fixes, is_of_set=True) for name, fixes in _OF_SETS.items()),
        *(Kind(name, NOTE, fixes) for name, fixes in _NOTES.items()),
    )
}
# One bit each in the facts of a row; the order must not change without DOCTOR_VERSION.
BITS: dict[str, int] = {name: 1 << place for place, name in enumerate(KINDS)}
FIXES = tuple(dict.fromkeys(fix for kind in KINDS.values() for fix in kind.fixes))


def fix_label(fix: str) -> Message:
    return message(f"data.fix.{fix}.label")


def fix_help(fix: str) -> Message:
    """What the fix does to a row."""
    return message(f"data.fix.{fix}.help")


def kind_of(sentence: Message) -> str:
    """The kind that a sentence about a row speaks of."""
    return sentence.key.rsplit(".", 1)[-1]


@dataclass(frozen=True)
class Finding:
    """All rows of one kind: how many, and the first of them with what is said about each."""

    kind: str
    count: int
    examples: tuple[RowProblem, ...] = ()
    is_waived: bool = False

    @property
    def level(self) -> str:
        return KINDS[self.kind].level

    @property
    def title(self) -> Message:
        return KINDS[self.kind].title

    @property
    def fixes(self) -> tuple[str, ...]:
        return KINDS[self.kind].fixes


@dataclass(frozen=True)
class DoctorReport:
    """What the doctor found in one dataset. content: the hash of its files, by which waivers are remembered.

    is_deep: whether rows were compared with each other. tokens_counted: rows whose length in tokens was measured.
    validation, model, token_rows: what the look asked for, so that it can be repeated.
    """

    name: str
    content: str
    rows_read: int
    rows_good: int
    findings: tuple[Finding, ...]
    tasks: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    file_notes: tuple[Message, ...] = ()
    is_deep: bool = True
    cutoff_length: int = 0
    tokens_counted: int = 0
    validation: tuple[str, ...] = ()
    model: str = ""
    token_rows: int = 0

    def of_level(self, level: str) -> list[Finding]:
        return [each for each in self.findings if each.level == level]

    @property
    def is_ready(self) -> bool:
        """No error, and every warning waived."""
        return bool(self.rows_good) and not any(
            each.level == ERROR or (each.level == WARNING and not each.is_waived) for each in self.findings
        )

    def messages(self) -> Iterator[Message]:
        """How many rows there are, then each finding with its first example and the fixes that fit."""
        yield message("data.doctor.rows", dataset=self.name, read=self.rows_read, good=self.rows_good)
        yield from self.file_notes
        for each in self.findings:
            told = {"count": each.count, "title": each.title.to_json(), "kind": each.kind}
            if each.is_waived:
                yield message("data.doctor.waived", **told)
            else:
                first, fixes = each.examples[0].message().to_json(), ", ".join(each.fixes) or "-"
                yield message(f"data.doctor.{each.level}", **told, first=first, fixes=fixes)
        if self.is_ready:
            yield message("data.doctor.ready", dataset=self.name)

    def waiving(self, kinds: frozenset[str]) -> "DoctorReport":
        """The same with these warnings marked as waived; an error cannot be."""
        findings = tuple(
            Finding(each.kind, each.count, each.examples, each.level == WARNING and each.kind in kinds)
            for each in self.findings
        )
        return DoctorReport(**{**self.__dict__, "findings": findings})

    def to_json(self) -> dict[str, Any]:
        return {
            **self.__dict__,
            "findings": [
                {"kind": each.kind, "count": each.count, "examples": [p.to_json() for p in each.examples]}
                for each in self.findings
            ],
            "file_notes": [each.to_json() for each in self.file_notes],
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "DoctorReport":
        findings = tuple(
            Finding(each["kind"], each["count"], tuple(RowProblem.from_json(p) for p in each["examples"]))
            for each in data["findings"]
        )
        made = {
            **data,
            "findings": findings,
            "tasks": tuple(data["tasks"]),
            "labels": tuple(data["labels"]),
            "file_notes": tuple(Message.from_json(each) for each in data["file_notes"]),
            "validation": tuple(data.get("validation", ())),
        }
        return DoctorReport(**made)


@dataclass
class Tally:
    """Counts by kind, with the first examples of each; small however many rows there are."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[RowProblem]] = field(default_factory=dict)

    def add(self, problem: RowProblem) -> None:
        kind = kind_of(problem.reason)
        self.counts[kind] = self.counts.get(kind, 0) + 1
        kept = self.examples.setdefault(kind, [])
        if len(kept) < EXAMPLES_KEPT:
            kept.append(problem)

    def findings(self) -> tuple[Finding, ...]:
        """Errors first, then warnings, then notes; the most frequent first."""
        order = sorted(self.counts, key=lambda kind: (LEVELS.index(KINDS[kind].level), -self.counts[kind], kind))
        return tuple(Finding(kind, self.counts[kind], tuple(self.examples[kind])) for kind in order)
