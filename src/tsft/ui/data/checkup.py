"""What the doctor's section does with a dataset: a round, a waiver, a repaired copy, the way to a row."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tsft.config.catalog import BASE_MODELS
from tsft.config.run_config import DataSettings, ModelSettings, RunConfig
from tsft.data.checks.diagnosis import Diagnosis, Look, diagnose, last_diagnosis
from tsft.data.checks.findings import KINDS, WARNING
from tsft.data.fixes.derive import Derived, derive
from tsft.data.waivers import unwaive, waive
from tsft.i18n import translate
from tsft.store.models import is_here
from tsft.ui.data.jobs import Work
from tsft.ui.data.room import DataRoom
from tsft.ui.data.row_source import index_of, open_rows


@dataclass(frozen=True)
class Asked:
    """What is asked of a round: `Look` before the model is loaded."""

    is_deep: bool = True
    against: tuple[str, ...] = ()
    model: str = ""
    cutoff_length: int = 0
    token_rows: int = 0

    def look(self, room: DataRoom) -> Look:
        """UserError when the model is not on this machine."""
        if not self.model:
            return Look(is_deep=self.is_deep, validation=self.against)
        return Look(
            is_deep=self.is_deep,
            validation=self.against,
            encoder=room.engine.reader(RunConfig(model=ModelSettings(name=self.model))),
            cutoff_length=self.cutoff_length,
            token_rows=self.token_rows,
            system_prompt=DataSettings().system_prompt,
            model=self.model,
        )

    @staticmethod
    def of(diagnosis: Diagnosis) -> "Asked":
        """What was asked of a round that is over."""
        report = diagnosis.report
        return Asked(report.is_deep, report.validation, report.model, report.cutoff_length, report.token_rows)


def check_work(room: DataRoom, name: str, asked: Asked) -> Work:
    """The round over a dataset; it ends with the index, so that its rows can be opened."""

    def work(move: Callable[[int, int], None], should_stop: Callable[[], bool]) -> Diagnosis:
        diagnosis = diagnose(name, room.folders, room.cache, asked.look(room), move, should_stop)
        open_rows(room, name).index(None, should_stop)
        return diagnosis

    return work


def fix_work(room: DataRoom, name: str, fixes: Mapping[str, str], new_name: str, asked: Asked, by: str) -> Work:
    """The repaired copy, made of the same look at the rows that gave the findings."""

    def work(move: Callable[[int, int], None], should_stop: Callable[[], bool]) -> Derived:
        target, look = room.workspace.datasets, asked.look(room)
        return derive(name, room.folders, room.cache, target, fixes, new_name, look, by, move, should_stop)

    return work


def set_waiver(room: DataRoom, name: str, asked: Mapping[str, Any], by: str) -> None:
    """Waive a kind of warning for what the dataset holds now, or warn about it again."""
    kind = str(asked.get("waive") or asked.get("unwaive"))
    diagnosis = last_diagnosis(name, room.folders, room.cache)
    if diagnosis is None or kind not in KINDS or KINDS[kind].level != WARNING:
        return
    if asked.get("waive"):
        waive(room.workspace.datasets, diagnosis.report.content, kind, by)
    else:
        unwaive(room.workspace.datasets, diagnosis.report.content, kind)


def goto_of(room: DataRoom, name: str, asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """What `DataDesk.goto` becomes at a click: that row, or the first of a finding; None where there is none.

    asked: {"row": its number from 0} or {"show": a kind of finding}
    """
    kind = str(asked.get("show") or "")
    if not kind:
        return {"row": int(asked.get("row") or 0), "at": time.time()}
    diagnosis = last_diagnosis(name, room.folders, room.cache)
    found = diagnosis.report.findings if diagnosis is not None else ()
    first = next((each.examples[0] for each in found if each.kind == kind), None)
    row = index_of(diagnosis, first) if diagnosis is not None and first is not None else None
    return None if row is None else {"row": row, "at": time.time(), "finding": kind}


def copy_name(room: DataRoom, derived: Derived) -> str:
    """The name under which the copy is listed; another folder may hold a file of the same name."""
    return next((each.name for each in room.datasets() if each.path == derived.path), derived.name)


def model_choices(room: DataRoom, language: str) -> list[tuple[str, str]]:
    """No model at all, and every one that is on this machine."""
    here = [each.name for each in BASE_MODELS if is_here(room.workspace, each.name)]
    return [(translate(language, "page.data.check.no_model"), ""), *((each, each) for each in here)]
