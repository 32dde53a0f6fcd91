"""The table of a run's numbers: every step once, as it was last, readable by any program."""

import csv
import io

from tests.engine_runs import small
from tests.fakes import plain_script
from tsft.run.events import Evaluated, Event, RunStarted, StepLogged
from tsft.run.metrics_table import COLUMNS, metrics_csv


def logged(step: int, loss: float | None) -> StepLogged:
    return StepLogged(100.0 + step, step, step / 10, loss, 1e-4, 1.0)


def rows_of(events: list[Event]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(metrics_csv(events))))


def test_each_step_is_a_line_with_its_validation_loss() -> None:
    rows = rows_of(list(plain_script(small())))
    assert [int(row["step"]) for row in rows] == list(range(1, 61))
    assert [int(row["step"]) for row in rows if row["validation_loss"]] == [10, 20, 30, 40, 50, 60]
    assert all(float(row["loss"]) > 0 and set(row) == set(COLUMNS) for row in rows)


def test_a_validation_before_training_has_a_line_of_its_own() -> None:
    rows = rows_of([Evaluated(1.0, 0, 5.0, 0.5), logged(1, 4.0)])
    assert [(row["step"], row["loss"], row["validation_loss"]) for row in rows] == [("0", "", "5.0"), ("1", "4.0", "")]


def test_what_was_not_measured_is_empty() -> None:
    assert [row["loss"] for row in rows_of([logged(1, None)])] == [""]


def test_steps_that_a_resumed_run_drew_anew_stand_as_they_were_last() -> None:
    first = [logged(step, 9.0) for step in (1, 2, 3, 4)]
    again = [RunStarted(200.0, "r", "r", resumed_from=2), logged(3, 1.0)]
    assert [(row["step"], row["loss"]) for row in rows_of([*first, *again])] == [
        ("1", "9.0"),
        ("2", "9.0"),
        ("3", "1.0"),
    ]
