"""Rows of the record's table: made from a config or a run folder, and turned into `RunInfo`."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from tsft.config.codec import to_json
from tsft.config.run_config import RunConfig
from tsft.run.board import replay
from tsft.run.events import DataUsed
from tsft.run.state import RunState
from tsft.store.owner import Owner
from tsft.store.runs import RunFolder, RunInfo, folder_bytes, read_about, read_json


def row_of_config(config: RunConfig) -> dict[str, Any]:
    return row_of_tree(to_json(config))


def row_of_tree(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that a config (as JSON, possibly of an older tsft) fills."""
    return {
        "model": str(_setting(tree, "model", "name") or ""),
        "datasets": json.dumps(list(_setting(tree, "data", "datasets") or ()), ensure_ascii=False),
        "method": str(_setting(tree, "tuning", "method") or ""),
        "config": json.dumps(tree, ensure_ascii=False),
    }


def row_of_state(state: RunState) -> dict[str, Any]:
    """The columns that a run's state fills."""
    best = state.validation_loss.lowest
    score = {"score": best[1], "score_name": "validation_loss"} if best else {"score": None, "score_name": ""}
    return {
        **score,
        "versions": json.dumps(dict(state.versions)),
        "data": json.dumps([dataclasses.asdict(each) for each in state.datasets], ensure_ascii=False),
        "status": state.status,
        "started_at": state.started_at,
        "ended_at": state.ended_at,
        "step": state.step,
        "steps": state.steps,
        "loss": state.loss.last,
        "best_validation_loss": best[1] if best else None,
        "result": state.finish.result if state.finish else "",
        "checkpoint": max(state.checkpoints, key=lambda each: each.step).path if state.checkpoints else "",
    }


def row_of_about(about: Mapping[str, Any], state: RunState) -> dict[str, Any]:
    """The columns that a person's words and the queue fill. A place counts until the run begins (again)."""
    row: dict[str, Any] = {name: str(about.get(name) or "") for name in ("notes", "parent", "origin", "sweep")}
    row |= {"tags": json.dumps(list(about.get("tags") or ()), ensure_ascii=False)}
    row |= {"parent_step": int(_number(about.get("parent_step"))), "place": None}
    queue = about.get("queue")
    if not isinstance(queue, Mapping) or _number(queue.get("at")) <= state.updated_at or state.is_active:
        return row
    place, step = _number(queue.get("place")), int(_number(queue.get("step")))
    waiting = {"status": "queued", "place": place, "queued_by": str(queue.get("by") or ""), "queued_step": step}
    return {**row, **waiting}


def row_of_folder(folder: RunFolder) -> dict[str, Any]:
    """The whole row of a run from its files alone: config, about, events and heartbeat."""
    about, heartbeat = read_about(folder), read_json(folder.heartbeat)
    state = replay(folder.events)
    row = {
        "id": folder.id,
        "name": str(about.get("name") or state.name or folder.id),
        "by": str(about.get("by") or ""),
        "created_at": _number(about.get("created_at")) or state.started_at or folder.config.stat().st_mtime,
        "heartbeat_at": _number(heartbeat.get("at")),
        "size_bytes": folder_bytes(folder.path),
        **row_of_tree(read_json(folder.config)),
        **row_of_state(state),
        **row_of_about(about, state),
        **owner_columns(owner_of_heartbeat(heartbeat) if state.is_active else None),
    }
    return {**row, "search_text": search_text(row)}


def search_text(row: Mapping[str, Any]) -> str:
    """What a search looks through, in folded case: SQLite's LIKE knows no letters but the English ones."""
    lists = [" ".join(json.loads(row.get(name) or "[]")) for name in ("datasets", "tags")]
    texts = [str(row.get(name) or "") for name in ("name", "id", "model", "method", "notes", "by")]
    return " ".join((*texts, *lists)).casefold()


def default_name(config: RunConfig) -> str:
    """The name of a run that was given none: model and first data set."""
    parts = [config.model.name, *config.data.datasets[:1]]
    return " ".join(PurePath(part).stem if "/" in part else part for part in parts if part) or "run"


def parent_in(continue_from: str) -> str:
    """The run that a result named relative to the workspace is of ("runs/<id>/adapter"), "" when it is none."""
    parts = PurePath(continue_from).parts
    return parts[1] if len(parts) > 2 and parts[0] == "runs" else ""


def owner_columns(owner: Owner | None) -> dict[str, Any]:
    if owner is None:
        return {"owner_pid": None, "owner_boot_id": None, "owner_started": None, "host": ""}
    known = {"owner_pid": owner.pid, "owner_boot_id": owner.boot_id, "owner_started": owner.started}
    return {**known, "host": owner.host}


def owner_of_row(row: Mapping[str, Any]) -> Owner | None:
    if row["owner_pid"] is None:
        return None
    return Owner(row["owner_pid"], row["owner_boot_id"], row["owner_started"], row["host"])


def owner_of_heartbeat(heartbeat: Mapping[str, Any]) -> Owner | None:
    """Who wrote it; None where it is missing or broken."""
    pid, boot_id, started = heartbeat.get("pid"), heartbeat.get("boot_id"), heartbeat.get("started")
    if not isinstance(pid, int) or not isinstance(boot_id, str) or not isinstance(started, (int, float)):
        return None
    return Owner(pid, boot_id, float(started), str(heartbeat.get("host") or ""))


def info_of_row(row: Mapping[str, Any], folder: RunFolder) -> RunInfo:
    decoded: dict[str, Any] = {name: tuple(json.loads(row[name])) for name in ("datasets", "tags")}
    decoded |= {name: json.loads(row[name]) for name in ("config", "versions", "scores")}
    decoded |= {"data": tuple(DataUsed(**used) for used in json.loads(row["data"])), "folder": folder}
    names = {each.name for each in dataclasses.fields(RunInfo)} - decoded.keys()
    return RunInfo(**{name: row[name] for name in names}, **decoded)


def _setting(tree: Mapping[str, Any], section: str, name: str) -> Any:
    part = tree.get(section)
    return part.get(name) if isinstance(part, Mapping) else None


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
