"""Finished items as training rows in a new dataset, and what keeps an item from being finished."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from tsft.atomic import replacing
from tsft.data.checks.findings import ERROR, KINDS, kind_of
from tsft.data.checks.rows import examine_row
from tsft.data.content import content_hash
from tsft.data.labelling.answers import label_of
from tsft.data.labelling.inbox import Inbox
from tsft.data.labelling.items import FINISHED, Edit, Item, Summary, answer_of, question_of
from tsft.data.mapping import ColumnMapping
from tsft.data.provenance import Parent, Provenance, Step, write_provenance
from tsft.data.registry import safe_name
from tsft.data.synth.rows import series_id
from tsft.errors import Message, UserError, message

SOURCE = "label"
# What a label says by itself in the meta of built and generated rows.
_TOLD = ("task", "style", "language", "prefix_answerable", "is_none")
# Beside errors: an answer that speaks of what is not there is the labeller's to put right.
_OF_ANSWERS = ("quoted_position", "quoted_value")
_ROW = ColumnMapping()


@dataclass(frozen=True)
class Saved:
    """A dataset of finished items. rows: how many; left_out: items that could not become rows, with the reason."""

    name: str
    path: Path
    rows: int
    left_out: tuple[tuple[str, Message], ...] = ()


def to_record(item: Item, edit: Edit | None = None) -> dict[str, Any]:
    """The item as a row of ChatTS shape; meta tells who decided and when, what was marked, and how to score it."""
    now = edit or item.edit
    record: dict[str, Any] = {"id": f"label-{item.id}"}
    system, history = _before(item)
    if system:
        record["system"] = system
    if history:
        record["history"] = history
    series = [[float(value) for value in each.points] for each in item.series]
    record |= {"input": now.question, "output": now.answer, "timeseries": series}
    meta = _meta(item, now)
    record["meta"] = json.dumps(meta, ensure_ascii=False)
    if "prefix_answerable" in [kind_of(each) for each in examine_row(record, _ROW).sentences]:
        record["meta"] = json.dumps({**meta, "prefix_answerable": True}, ensure_ascii=False)
    return record


def objections(item: Item, edit: Edit | None = None) -> list[Message]:
    """Why the item cannot be a row as it stands: what the doctor calls an error, or quotes what is not there."""
    found = examine_row(to_record(item, edit), _ROW).sentences
    return [each for each in found if KINDS[kind_of(each)].level == ERROR or kind_of(each) in _OF_ANSWERS]


def remarks(item: Item, edit: Edit | None = None) -> list[Message]:
    """Everything that the doctor would say of the row."""
    return list(examine_row(to_record(item, edit), _ROW).sentences)


def unsaved(inbox: Inbox) -> list[Summary]:
    """Finished items that are in no dataset yet."""
    return [each for each in inbox.items() if each.state in FINISHED and not each.saved]


def save_rows(inbox: Inbox, name: str, target: Path, cache: Path, by: str = "", again: bool = False) -> Saved:
    """Write the finished items into a new dataset of the folder `target`, and note so in the inbox.

    again: those too that are in a dataset already. UserError where there is nothing to save, or the name is taken.
    """
    chosen = [each for each in inbox.items() if each.state in FINISHED] if again else unsaved(inbox)
    path = target / f"{safe_name(name.removesuffix('.jsonl'))}.jsonl"
    if path.exists():
        raise UserError(message("label.name_taken", name=path.stem))
    items = [inbox.get(each.id) for each in chosen]
    refused = [(item.id, why[0]) for item in items if (why := objections(item))]
    kept = [item for item in items if item.id not in dict(refused)]
    if not kept:
        raise UserError(*([why for _, why in refused[:3]] or [message("label.nothing_finished")]))
    _write(path, [to_record(item) for item in kept])
    _describe(path, kept, cache, by)
    inbox.note_saved([item.id for item in kept], path.stem, by)
    return Saved(path.stem, path, len(kept), tuple(refused))


def _meta(item: Item, now: Edit) -> dict[str, Any]:
    given, summary = item.given, item.summary
    # What the row knew of itself still holds as long as question and answer are the same.
    is_same = (now.question, now.answer) == (question_of(given.turns), answer_of(given.turns))
    meta: dict[str, Any] = dict(given.meta) if is_same else {}
    label = label_of(now.computed, now.answer, now.marks)
    if label is not None:
        meta |= {name: label[name] for name in _TOLD} | {"label": label}
    meta |= {
        "source": SOURCE,
        "origin": dict(given.source),
        "state": summary.state,
        "by": summary.by,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(summary.at or time.time())),
        "drafted_by": item.draft.model if item.draft is not None else "",
        "intervals": [
            {"series": each.series + 1, "name": each.name, "start": each.first, "end": each.last + 1}
            for each in now.marks
        ],
    }
    if given.note:
        meta["note"] = given.note
    if all(np.isfinite(each.points).all() for each in item.series):
        meta["series"] = series_id([each.points.tolist() for each in item.series])
    return meta


def _before(item: Item) -> tuple[str, list[list[str]]]:
    """The system prompt and the pairs of question and answer before the one that is labelled."""
    system, history = "", []
    waiting = ""
    for turn in item.earlier:
        if turn["role"] == "system":
            system = turn["content"]
        elif turn["role"] == "assistant" and waiting:
            history.append([waiting, turn["content"]])
            waiting = ""
        else:
            # Two questions in a row are one.
            waiting = f"{waiting}\n{turn['content']}".strip()
    return system, history


def _write(path: Path, records: Sequence[dict[str, Any]]) -> None:
    with replacing(path) as unfinished:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            file.writelines(orjson.dumps(each) + b"\n" for each in records)


def _describe(path: Path, items: Sequence[Item], cache: Path, by: str) -> None:
    """The sets the rows came from as parents, and one step that says how many were accepted and corrected."""
    names = sorted({str(item.given.source.get("name", "")) for item in items} - {""})
    states = {state: sum(item.summary.state == state for item in items) for state in FINISHED}
    people = sorted({item.summary.by for item in items} - {""})
    models = sorted({item.draft.model for item in items if item.draft is not None})
    step = Step("label", {**states, "people": people, "drafted_by": models}, rows_out=len(items))
    parents = tuple(Parent(name) for name in names)
    provenance = Provenance(parents, (step,), content_hash([path], cache), len(items), by=by)
    write_provenance(path, provenance)
