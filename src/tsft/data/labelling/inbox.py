"""The inbox of the label room: items come in, people and models write to them, and every step stays on record.

Everything is a line of `inbox.jsonl`; what stands now is what the lines add up to. Series are read again from their
line when an item is opened, so that a thousand items take little memory.
"""

import hashlib
import itertools
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tsft.data.examples import PLACEHOLDER
from tsft.data.labelling.items import (
    OPEN,
    STATES,
    Draft,
    Edit,
    Item,
    ItemSeries,
    Mark,
    NewItem,
    Summary,
    answer_of,
    question_of,
)
from tsft.data.labelling.journal import Journal, Line
from tsft.data.names import SeriesName, series_names
from tsft.data.tasks.event_types import EVENT_TYPE
from tsft.errors import UserError, message

FILE_NAME = "inbox.jsonl"
TITLE_LENGTH = 100
# Items written in one go: the disk is waited for once for all of them.
_TOGETHER = 64


def flag(
    folder: Path,
    turns: Sequence[Mapping[str, str]],
    series: Sequence[Any],
    source: Mapping[str, Any],
    by: str = "",
    note: str = "",
    meta: Mapping[str, Any] | None = None,
) -> bool:
    """Send one conversation to the label room whose folder this is (`Workspace.labels`); False when it lies there.

    turns hold a placeholder for each raw series and end with a question or its answer. source says where it comes from:
    {"kind": "chat" | "evaluate" | "viewer" …, and whatever finds it again}.
    """
    item = new_item(turns, series, source, note, meta=meta)
    return bool(Inbox(folder).add([item], by))


def new_item(
    turns: Sequence[Mapping[str, str]],
    series: Sequence[Any],
    source: Mapping[str, Any],
    note: str = "",
    names: Sequence[SeriesName] = (),
    marks: Sequence[Mark] = (),
    meta: Mapping[str, Any] | None = None,
) -> NewItem:
    """From plain turns and lists of numbers. Names and units are those the text gives, unless they are said."""
    whole = [{"role": _whole(turn["role"]), "content": _whole(turn["content"])} for turn in turns]
    known = list(names) or series_names(whole)
    known += [SeriesName()] * (len(series) - len(known))
    listed = [
        ItemSeries(np.asarray(points, dtype=np.float64), named.name, named.unit)
        for points, named in zip(series, known, strict=False)
    ]
    return NewItem(tuple(whole), tuple(listed), dict(source), note, tuple(marks), dict(meta or {}))


@dataclass
class _Entry:
    """What the lines about one item add up to; its series stay in the file at [begin, end)."""

    id: str
    begin: int
    end: int
    title: str
    given_question: str
    given_answer: str
    source: Mapping[str, Any]
    note: str
    added_by: str
    added_at: float
    edit: Edit
    draft: Draft | None = None
    state: str = OPEN
    by: str = ""
    at: float = 0.0
    saved: list[str] = field(default_factory=list)

    def summary(self) -> Summary:
        has_draft, marks = self.draft is not None, len(self.edit.marks)
        return Summary(
            self.id,
            self.title,
            self.source,
            self.state,
            self.note,
            has_draft,
            marks,
            self.by,
            self.at,
            tuple(self.saved),
        )


class Inbox:
    """One folder's items, shared by all sessions of the process. Every method may be called from any thread."""

    def __init__(self, folder: Path) -> None:
        self._journal = Journal(folder / FILE_NAME)
        self._lock = threading.RLock()
        self._entries: dict[str, _Entry] = {}
        self._keys: set[str] = set()
        self._names: dict[str, None] = {}

    # -- looking -----------------------------------------------------------------------------------------------------

    def items(self, state: str = "") -> list[Summary]:
        """All items in the order in which they came, or those in one state."""
        with self._lock:
            self._refresh()
            return [each.summary() for each in self._entries.values() if state in ("", each.state)]

    def counts(self) -> dict[str, int]:
        with self._lock:
            self._refresh()
            found = Counter(each.state for each in self._entries.values())
        return {state: found[state] for state in STATES}

    def get(self, item_id: str) -> Item:
        """One item with its series. UserError where there is none (any more)."""
        with self._lock:
            self._refresh()
            entry = self._entry(item_id)
            given = _given(self._journal.at(entry.begin, entry.end))
            return Item(entry.summary(), given, entry.edit, entry.draft, entry.added_by, entry.added_at)

    def next_open(self, after: str = "") -> str:
        """The open item behind this one, from the top again after the last; "" where none is open."""
        with self._lock:
            self._refresh()
            ids = list(self._entries)
            start = ids.index(after) + 1 if after in self._entries else 0
            order = [*ids[start:], *ids[:start]]
            return next((each for each in order if each != after and self._entries[each].state == OPEN), "")

    def names(self) -> list[str]:
        """Names that people gave to stretches beside the event types, the newest first."""
        with self._lock:
            self._refresh()
            return [*reversed(self._names)]

    # -- doing -------------------------------------------------------------------------------------------------------

    def add(self, items: Iterable[NewItem], by: str = "") -> list[str]:
        """Put items in; those that lie here already (same turns, same series) are left out. Returns the new ids."""
        made: list[str] = []
        remaining = iter(items)
        while some := list(itertools.islice(remaining, _TOGETHER)):
            with self._lock:
                self._refresh()
                lines = {line["key"]: line for line in (_added(each, by) for each in some)}
                new = [line for key, line in lines.items() if key not in self._keys]
                self._append(new)
            made += [line["id"] for line in new]
        return made

    def write(self, item_id: str, edit: Edit, by: str = "") -> None:
        """Keep what a person has written and marked so far."""
        with self._lock:
            self._refresh()
            if self._entry(item_id).edit != edit:
                self._append([{"do": "write", "id": item_id, **_edit_json(edit), **_who(by)}])

    def draft(self, item_id: str, text: str, model: str, by: str = "", question: str = "") -> None:
        """Keep what a model answered to a question; it becomes the answer where nobody has written one."""
        with self._lock:
            self._refresh()
            self._entry(item_id)
            told = {"text": _whole(text), "model": model, "question": _whole(question)}
            self._append([{"do": "draft", "id": item_id, **told, **_who(by)}])

    def decide(self, item_id: str, state: str, by: str = "", edit: Edit | None = None, seen: str = "") -> None:
        """Put an item into a state, with what was written last.

        seen: the state in which the person saw it; UserError `label.decided` when somebody else was quicker.
        """
        with self._lock:
            self._refresh()
            entry = self._entry(item_id)
            if seen and entry.state != seen:
                raise UserError(message("label.decided", by=entry.by or "-"))
            told = _edit_json(edit) if edit is not None else {}
            self._append([{"do": "decide", "id": item_id, "state": state, **told, **_who(by)}])

    def note_saved(self, ids: Iterable[str], dataset: str, by: str = "") -> None:
        with self._lock:
            self._append([{"do": "saved", "ids": [*ids], "dataset": dataset, **_who(by)}])

    def remove(self, ids: Iterable[str], by: str = "") -> None:
        """Take items out of the list; their lines stay in the file."""
        with self._lock:
            self._append([{"do": "remove", "ids": [*ids], **_who(by)}])

    # -- inside ------------------------------------------------------------------------------------------------------

    def _entry(self, item_id: str) -> _Entry:
        if item_id not in self._entries:
            raise UserError(message("label.no_item"))
        return self._entries[item_id]

    def _append(self, lines: Sequence[Mapping[str, Any]]) -> None:
        if lines:
            self._journal.append(lines)
            self._refresh()

    def _refresh(self) -> None:
        self._journal.follow(self._take, self._forget)

    def _forget(self) -> None:
        self._entries.clear()
        self._keys.clear()
        self._names.clear()

    def _take(self, line: Line) -> None:
        data = line.data
        do = data["do"]
        if do == "add":
            entry = _entry_of(line)
            self._entries[entry.id] = entry
            self._keys.add(str(data["key"]))
            self._remember(entry.edit.marks)
        elif do in ("saved", "remove"):
            for each in data["ids"]:
                if do == "saved" and each in self._entries:
                    self._entries[each].saved.append(str(data["dataset"]))
                elif do == "remove":
                    self._entries.pop(each, None)
        elif data["id"] in self._entries:
            self._change(self._entries[data["id"]], data)

    def _change(self, entry: _Entry, data: Mapping[str, Any]) -> None:
        if data["do"] == "draft":
            is_unwritten = entry.edit.answer in (entry.given_answer if entry.draft is None else entry.draft.text, "")
            asked = str(data.get("question") or "")
            entry.draft = Draft(str(data["text"]), str(data["model"]), float(data["at"]), asked)
            if is_unwritten:
                entry.edit = Edit(entry.edit.question, entry.draft.text, entry.edit.marks)
            return
        if "question" in data:
            entry.edit = _edit_of(data)
            self._remember(entry.edit.marks)
        if data["do"] == "decide":
            entry.state, entry.by, entry.at = str(data["state"]), str(data["by"]), float(data["at"])

    def _remember(self, marks: Sequence[Mark]) -> None:
        for each in marks:
            if each.name and each.name not in EVENT_TYPE:
                self._names.pop(each.name, None)
                self._names[each.name] = None


def _who(by: str) -> dict[str, Any]:
    return {"at": time.time(), "by": by}


def _added(item: NewItem, by: str) -> dict[str, Any]:
    series = [{"points": each.points.tolist(), "name": each.name, "unit": each.unit} for each in item.series]
    digest = hashlib.blake2b(digest_size=16)
    for turn in item.turns:
        digest.update(f"{turn['role']}\0{turn['content']}\0".encode())
    for each in item.series:
        digest.update(each.points.tobytes())
    told = {"turns": [dict(turn) for turn in item.turns], "series": series, "source": dict(item.source)}
    more = {"note": item.note, "marks": [each.to_json() for each in item.marks], "meta": dict(item.meta)}
    return {"do": "add", "id": uuid.uuid4().hex[:12], "key": digest.hexdigest(), **_who(by), **told, **more}


def _given(data: Mapping[str, Any]) -> NewItem:
    series = tuple(
        ItemSeries(np.array(each["points"], dtype=np.float64), each["name"], each["unit"]) for each in data["series"]
    )
    marks = tuple(Mark.from_json(each) for each in data["marks"])
    return NewItem(tuple(data["turns"]), series, data["source"], data["note"], marks, data["meta"])


def _entry_of(line: Line) -> _Entry:
    data = line.data
    question, answer = question_of(data["turns"]), answer_of(data["turns"])
    title = " ".join(question.replace(PLACEHOLDER, " ").split())[:TITLE_LENGTH]
    return _Entry(
        id=str(data["id"]),
        begin=line.begin,
        end=line.end,
        title=title,
        given_question=question,
        given_answer=answer,
        source=data["source"],
        note=str(data["note"]),
        added_by=str(data["by"]),
        added_at=float(data["at"]),
        edit=Edit(question, answer, tuple(Mark.from_json(each) for each in data["marks"])),
    )


def _edit_json(edit: Edit) -> dict[str, Any]:
    marks = [each.to_json() for each in edit.marks]
    told = {"question": _whole(edit.question), "answer": _whole(edit.answer), "marks": marks}
    return {**told, "computed": dict(edit.computed)}


def _edit_of(data: Mapping[str, Any]) -> Edit:
    marks = tuple(Mark.from_json(each) for each in data["marks"])
    return Edit(str(data["question"]), str(data["answer"]), marks, data.get("computed") or {})


def _whole(text: str) -> str:
    """Half characters, which no file of text can hold, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
