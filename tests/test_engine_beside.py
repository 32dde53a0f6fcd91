"""Questions during a run: they wait for its end, or a process of its own answers on the CPU and disturbs nothing."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.engine_runs import Bench, losses, make_bench, small, until_done
from tests.test_engine_answering import BASE, ENDLESS, QUESTIONS, SHORT, Heard
from tsft.config.codec import to_json
from tsft.config.run_config import RunConfig
from tsft.engine.answer_process import obey
from tsft.engine.answering import AnswerDesk
from tsft.engine.beside import AnswerProcess, answer_from, answer_json, environment, few_threads
from tsft.errors import UserError, message
from tsft.run.answers import CPU, ENDED, WAIT, WAITING, Answer, AnswerOptions
from tsft.run.events import Event, StepLogged

SAMPLED = AnswerOptions(max_new_tokens=100_000, temperature=1.0, seed=5, beside=CPU, keeps_model=True)
ENDLESS_BESIDE = AnswerOptions(max_new_tokens=ENDLESS.max_new_tokens, beside=CPU, keeps_model=True)
SHORT_BESIDE = AnswerOptions(max_new_tokens=8, beside=CPU, keeps_model=True)


@pytest.fixture
def bench(endless_bench: Bench) -> Bench:
    return endless_bench


def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def at_first_step(act: Callable[[], None]) -> Callable[[Event], None]:
    """Act on the run's thread, once."""

    def listen(event: Event) -> None:
        if isinstance(event, StepLogged) and event.step == 1:
            act()

    return listen


def busy() -> None:
    raise UserError(message("engine.busy", name="a run", id="1", step=1, steps=2))


@pytest.fixture
def beside(tmp_path: Path, endless_model: Path) -> Iterator[AnswerDesk]:
    """A desk of a process in which a run is in progress for ever."""
    made = make_bench(tmp_path / "beside", endless_model)
    desk = AnswerDesk(made.workspace, busy)
    yield desk
    desk.give_up()
    made.engine.close()
    made.record.close()


@pytest.mark.slow
def test_a_sampled_chat_beside_a_run_changes_no_loss_of_it(bench: Bench) -> None:
    alone = losses(bench.events(bench.run(small())))
    heard = Heard()

    def chat() -> None:
        bench.engine.answer(BASE, QUESTIONS, SAMPLED, heard)
        assert heard.has_text.wait(60)  # from here on it writes while the run trains

    together = losses(bench.events(bench.run(small(), at_first_step(chat))))

    now = bench.engine.answering()
    assert now is not None and now.is_beside and not now.is_done
    assert together == alone and len(alone) == 4
    assert bench.run(small(schedule__max_steps=1)).status == "finished"  # another run starts, and the chat goes on
    now = bench.engine.answering()
    assert now is not None and not now.is_done and now.answer is not None
    bench.engine.free_model()
    now = bench.engine.answering()
    assert now is not None and now.is_stopped and not now.holds_model


@pytest.mark.slow
def test_an_answer_that_a_run_interrupts_goes_on_beside_it(bench: Bench) -> None:
    heard = Heard()
    bench.engine.answer(BASE, QUESTIONS[:1], SAMPLED, heard)
    assert heard.has_text.wait(60)
    now = bench.engine.answering()
    assert now is not None and not now.is_beside

    def wait_for_more() -> None:
        heard.has_text.clear()
        assert heard.has_text.wait(60)

    assert bench.run(small(schedule__max_steps=2), at_first_step(wait_for_more)).status == "finished"

    now = bench.engine.answering()
    assert now is not None and now.is_beside and not now.is_done


@pytest.mark.slow
def test_questions_that_wait_are_answered_when_the_run_is_over(bench: Bench) -> None:
    heard, phases = Heard(), []

    def chat() -> None:
        bench.engine.answer(BASE, QUESTIONS[:2], AnswerOptions(max_new_tokens=4, beside=WAIT), heard)
        eventually(lambda: (bench.engine.answering() or now).phase == WAITING)
        now = bench.engine.answering()
        phases.append(now.phase if now else "")
        assert bench.engine.slot().state == "train"

    assert bench.run(small(), at_first_step(chat)).status == "finished"

    assert phases == [WAITING]
    now = until_done(bench.engine.answering)
    assert (now.done, now.is_stopped, now.problem) == (2, False, None)
    assert len(heard.answers) == 2


@pytest.mark.slow
def test_questions_that_wait_make_way_for_a_run_and_begin_again(bench: Bench) -> None:
    heard = Heard()
    bench.engine.answer(BASE, QUESTIONS, AnswerOptions(max_new_tokens=100_000, beside=WAIT, keeps_model=True), heard)
    assert heard.has_text.wait(60)
    held: list[bool] = []

    def look() -> None:
        now = bench.engine.answering()
        held.append(now is None or now.holds_model or now.phase != WAITING)

    assert bench.run(small(schedule__max_steps=1), at_first_step(look)).status == "finished"

    assert held == [False]
    heard.has_text.clear()
    assert heard.has_text.wait(60)
    assert bench.engine.stop_answering()
    assert until_done(bench.engine.answering).is_stopped


def test_waiting_questions_are_stopped_at_once(tmp_path: Path) -> None:
    made = make_bench(tmp_path / "workspace")
    desk = AnswerDesk(made.workspace, busy)
    desk.begin(BASE, QUESTIONS, AnswerOptions(beside=WAIT), None)
    eventually(lambda: desk.answering is not None and desk.answering.phase == WAITING)

    assert desk.stop()

    assert desk.wait(5)
    assert desk.answering is not None and desk.answering.phase == ENDED and desk.answering.is_stopped
    made.record.close()


def test_a_closing_engine_keeps_no_question_waiting(tmp_path: Path) -> None:
    def closing() -> None:
        raise UserError(message("engine.closing"))

    made = make_bench(tmp_path / "workspace")
    desk = AnswerDesk(made.workspace, closing)
    desk.begin(BASE, QUESTIONS, AnswerOptions(beside=WAIT), None)
    assert desk.wait(5)
    problem = desk.answering.problem if desk.answering is not None else None
    assert problem is not None and problem.message.key == "engine.closing"
    made.record.close()


def test_the_process_answers_as_the_engine_does_and_stays_for_the_next_questions(
    beside: AnswerDesk, bench: Bench
) -> None:
    here, there = Heard(), Heard()
    bench.engine.answer(BASE, QUESTIONS[:2], SHORT, here)
    until_done(bench.engine.answering)

    beside.begin(BASE, QUESTIONS[:2], AnswerOptions(max_new_tokens=12, beside=CPU, keeps_model=True), there)
    assert beside.wait(60)

    assert [each.text for each in there.answers] == [each.text for each in here.answers]
    assert [each.tokens for each in there.answers] == [each.tokens for each in here.answers]
    now, first = beside.answering, beside.process_id
    assert now is not None and now.is_beside and now.holds_model and now.done == 2
    assert psutil.Process(first).nice() > psutil.Process().nice()
    number = beside.begin(BASE, QUESTIONS[:1], SHORT_BESIDE, there)
    assert beside.wait(60)
    assert (beside.process_id, number) == (first, 2)
    beside.begin(BASE, QUESTIONS, ENDLESS_BESIDE, there)
    assert beside.stop() and beside.wait(30)
    assert beside.answering is not None and beside.answering.is_stopped
    beside.give_up()
    assert not psutil.pid_exists(first) and beside.process_id == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_process_that_is_killed_is_told_in_words_and_the_next_question_starts_another(beside: AnswerDesk) -> None:
    heard = Heard()
    beside.begin(BASE, QUESTIONS, ENDLESS_BESIDE, heard)
    assert heard.has_text.wait(60)
    os.kill(beside.process_id, signal.SIGKILL)
    assert beside.wait(30)

    problem = beside.answering.problem if beside.answering is not None else None
    assert problem is not None and problem.message.key == "engine.beside_ended"
    assert problem.message.values["why"] == "SIGKILL"
    beside.begin(BASE, QUESTIONS[:1], SHORT_BESIDE, heard)
    assert beside.wait(60)
    assert beside.answering is not None and beside.answering.problem is None


@pytest.mark.slow
def test_a_process_that_nobody_asks_any_more_ends(tmp_path: Path, endless_model: Path) -> None:
    made = make_bench(tmp_path / "workspace", endless_model)
    process = AnswerProcess(made.workspace.root, idle_seconds=0.1)
    ended = threading.Event()
    with pytest.raises(UserError) as refused:
        order = {"do": "answer", "config": {"model": {"name": "builtin", "continue_from": "runs/none"}}}
        process.run({**order, "questions": [], "options": {}}, lambda said: ended.set(), lambda: False)
    assert refused.value.message.key == "restore.no_folder"
    eventually(lambda: not process.is_alive, seconds=10)
    made.record.close()


def test_the_process_sees_no_accelerator_and_has_few_threads() -> None:
    told = environment()
    assert told["CUDA_VISIBLE_DEVICES"] == "" and 1 <= int(told["OMP_NUM_THREADS"]) <= 4


def test_the_process_keeps_to_few_threads_whatever_the_config_wants(tmp_path: Path) -> None:
    made = make_bench(tmp_path / "workspace")
    seen: list[RunConfig] = []

    class Desk(AnswerDesk):
        def begin(self, config: RunConfig, *_: Any, **__: Any) -> int:
            seen.append(config)
            return super().begin(config, [], AnswerOptions(beside=WAIT), None)

    desk = Desk(made.workspace, busy)
    wanted = small(schedule__threads=64)
    order = {"do": "answer", "config": to_json(wanted), "questions": [], "options": {}}
    threading.Timer(0.0, lambda: eventually(desk.stop)).start()
    obey(order, desk, lambda said: None)
    assert seen[0].schedule.threads == few_threads() <= 4
    made.record.close()


def test_an_answer_goes_through_the_pipe_as_it_is() -> None:
    answer = Answer(1, "高于 3", True, message("series.empty", series=2), 0.5, 3, 40, True)
    assert answer_from(answer_json(answer)) == answer
