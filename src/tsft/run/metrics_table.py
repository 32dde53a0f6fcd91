"""A run's numbers as a table for other programs: one line a step, nothing thinned, made from its events."""

import csv
import dataclasses
import io
from collections.abc import Iterable
from typing import Any

from tsft.run.events import Evaluated, Event, RunStarted, StepLogged

COLUMNS = (
    *(each.name for each in dataclasses.fields(StepLogged)),
    "validation_loss",
    "validation_seconds",
    "answer_score",
)


def metrics_csv(events: Iterable[Event]) -> str:
    """CSV with a header. `at` is seconds since the epoch; what was not measured, or was no number, is empty.

    Steps that a resumed run drew anew stand as they were the last time.
    """
    rows: dict[int, dict[str, Any]] = {}
    for event in events:
        match event:
            case RunStarted():
                rows = {step: row for step, row in rows.items() if step <= event.resumed_from}
            case StepLogged():
                rows.setdefault(event.step, {}).update(dataclasses.asdict(event))
            case Evaluated():
                row = rows.setdefault(event.step, {"at": event.at, "step": event.step})
                row |= {"validation_loss": event.loss, "validation_seconds": event.seconds, "answer_score": event.score}
    written = io.StringIO()
    table = csv.DictWriter(written, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows[step] for step in sorted(rows))
    return written.getvalue()
