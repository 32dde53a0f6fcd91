"""A trained model can be asked, its answer read as it grows, and a run has the machine for itself."""

import numpy as np
import pytest

from tests.engine_runs import Bench, small, until_done
from tsft.errors import UserError
from tsft.run.events import Event, StepLogged
from tsft.run.ports import Asked

TURNS = [{"role": "user", "content": "What happens here? <ts><ts/>"}]
SERIES = [np.arange(40.0)]


def finished(bench: Bench) -> Asked:
    return until_done(bench.engine.asked, seconds=60)


def test_what_a_run_left_answers_a_question_about_a_series(bench: Bench) -> None:
    state = bench.run(small(schedule__max_steps=2))

    number = bench.engine.ask(f"runs/{state.run_id}/adapter", TURNS, SERIES)

    asked = finished(bench)
    assert asked.number == number and asked.problem is None
    assert asked.text


def test_a_question_with_too_few_series_is_answered_with_the_reason(bench: Bench) -> None:
    state = bench.run(small(schedule__max_steps=1))

    bench.engine.ask(f"runs/{state.run_id}/adapter", TURNS, [])

    problem = finished(bench).problem
    assert problem is not None and problem.key.startswith("series.")


def test_a_result_that_is_gone_is_said_in_words(bench: Bench) -> None:
    bench.engine.ask("runs/nowhere/adapter", TURNS, SERIES)

    problem = finished(bench).problem
    assert problem is not None and problem.key == "restore.no_folder"


def test_no_question_is_taken_while_a_run_is_in_progress(bench: Bench) -> None:
    refused: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, StepLogged) and event.step == 1:
            try:
                bench.engine.ask("runs/x/adapter", TURNS, SERIES)
            except UserError as error:
                refused.append(error.message.key)

    bench.run(small(), listen)

    assert refused == ["engine.busy"]


def test_a_start_gives_up_the_question_before_it(bench: Bench) -> None:
    state = bench.run(small(schedule__max_steps=1))
    bench.engine.ask(f"runs/{state.run_id}/adapter", TURNS, SERIES)

    assert bench.run(small(schedule__max_steps=1)).status == "finished"

    asked = bench.engine.asked()
    assert asked is not None and asked.is_done


@pytest.mark.parametrize("method", ["full", "encoder"])
def test_whole_models_answer_too(bench: Bench, method: str) -> None:
    state = bench.run(small(schedule__max_steps=1, tuning__method=method))

    bench.engine.ask(f"runs/{state.run_id}/model", TURNS, SERIES)

    assert finished(bench).problem is None
