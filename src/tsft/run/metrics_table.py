"""A run's numbers as a table for other programs: one line a step, nothing thinned, made from its events."""

import csv
import dataclasses
import io
from collections.abc import Iterable
from typing import Any

from tsft.run.events import Evaluated, Event, RunStarted, StepLogged

COLUMNS = (
    *(each.name for each in dataclasses.fields(StepLogged) if each.name != "measures"),
    "validation_loss",
    "validation_seconds",
    "answer_score",
)


def metrics_csv(events: Iterable[Event]) -> str:
    """CSV with a header. `at` is seconds since the epoch; what was not measured, or was no number, is empty.

    What a preference stage measures has columns of its own at the end. Steps that a resumed run drew anew stand as they
    were the last time.
    """
    rows: dict[int, dict[str, Any]] = {}
    measured: dict[str, None] = {}
    for event in events:
        match event:
            case RunStarted():
                rows = {step: row for step, row in rows.items() if step <= event.resumed_from}
            case StepLogged():
                told = dataclasses.asdict(event)
                told |= dict(told.pop("measures"))
                measured |= dict.fromkeys(name for name, _ in event.measures)
                rows.setdefault(event.step, {}).update(told)
            case Evaluated():
                row = rows.setdefault(event.step, {"at": event.at, "step": event.step})
                row |= {"validation_loss": event.loss, "validation_seconds": event.seconds, "answer_score": event.score}
                row |= {f"validation_{name}": value for name, value in event.measures}
                measured |= dict.fromkeys(f"validation_{name}" for name, _ in event.measures)
    written = io.StringIO()
    table = csv.DictWriter(written, (*COLUMNS, *measured), lineterminator="\n")
    table.writeheader()
    table.writerows(rows[step] for step in sorted(rows))
    return written.getvalue()
