"""One model answers many questions beside the page: as `model.answer` would, stopped at any token, never with a run."""

import gc
import threading
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from tests.engine_runs import Bench, small, until_done
from tsft.config.codec import from_flat
from tsft.config.run_config import RunConfig
from tsft.engine.beside import AnswerProcess
from tsft.engine.errands import Errand, Machine
from tsft.engine.model_slot import ModelSlot
from tsft.errors import UserError
from tsft.model.answer import answer
from tsft.model.loading import load
from tsft.run.answers import Answer, Answering, AnswerOptions, Question, Slot
from tsft.run.events import Event, StepLogged

ASKED = ("What happens in <ts><ts/> here?", "Is <ts><ts/> rising?", "List the anomalies of <ts><ts/>.")
QUESTIONS = [
    Question([{"role": "user", "content": text}], [np.sin(np.arange(40.0) / (number + 2))])
    for number, text in enumerate(ASKED)
]
SHORT = AnswerOptions(max_new_tokens=12)
ENDLESS = AnswerOptions(max_new_tokens=100_000)
BASE = from_flat({"model.name": "builtin"})


@pytest.fixture
def bench(endless_bench: Bench) -> Bench:
    return endless_bench


class Heard:
    """What the engine's thread said, and a gate at which it may be held."""

    def __init__(self) -> None:
        self.said: list[Answer] = []
        self.has_text = threading.Event()

    def __call__(self, told: Answer) -> None:
        self.said.append(told)
        if told.text:
            self.has_text.set()

    @property
    def answers(self) -> list[Answer]:
        return [each for each in self.said if each.is_done]


def ended(bench: Bench) -> Answering:
    return until_done(bench.engine.answering, seconds=60)


def models_alive() -> int:
    gc.collect()
    return sum(issubclass(type(each), PreTrainedModel) for each in gc.get_objects())


def refusal(bench: Bench, config: RunConfig = BASE) -> str:
    with pytest.raises(UserError) as refused:
        bench.engine.answer(config, QUESTIONS, SHORT)
    return refused.value.message.key


def test_answers_are_those_of_the_model_and_come_piece_by_piece(bench: Bench) -> None:
    heard = Heard()

    number = bench.engine.answer(BASE, QUESTIONS, SHORT, heard)

    now = ended(bench)
    assert (now.number, now.model, now.done, now.total) == (number, "builtin", 3, 3)
    assert now.problem is None and not now.is_stopped
    loaded = load(bench.workspace.models / "builtin", dtype=torch.float32)
    expected = [answer(loaded.model, loaded.processor, q.turns, q.series, 12) for q in QUESTIONS]
    assert [each.text for each in heard.answers] == expected
    pieces = [each.text for each in heard.said if each.index == 0]
    assert len(pieces) > 3 and all(
        later.startswith(earlier) for earlier, later in zip(pieces, pieces[1:], strict=False)
    )


@pytest.mark.slow
def test_what_a_run_left_answers_too(bench: Bench) -> None:
    state = bench.run(small(schedule__max_steps=1))
    heard = Heard()

    bench.engine.answer(from_flat({"model.continue_from": f"runs/{state.run_id}/adapter"}), QUESTIONS[:1], SHORT, heard)

    assert ended(bench).problem is None
    assert heard.answers[0].text


def test_a_question_that_cannot_be_asked_is_told_and_the_others_are_answered(bench: Bench) -> None:
    heard = Heard()
    broken = Question(QUESTIONS[0].turns, [])

    bench.engine.answer(BASE, [broken, QUESTIONS[1]], SHORT, heard)

    assert ended(bench).done == 2
    first, second = heard.answers
    assert first.problem is not None and first.problem.key.startswith("series.")
    assert second.problem is None and second.text


def test_a_question_longer_than_the_model_reads_is_told_before_it_takes_the_memory(bench: Bench) -> None:
    heard = Heard()
    bench.engine.answer(BASE, [Question([{"role": "user", "content": "up and down " * 20_000}], [])], SHORT, heard)
    assert ended(bench).problem is None
    (told,) = heard.answers
    assert told.problem is not None and told.problem.key == "engine.prompt_too_long"
    assert told.problem.values["limit"] == "32,768"


def test_an_errand_that_is_given_up_in_the_moment_it_begins_ends(bench: Bench) -> None:
    task = SimpleNamespace(config=BASE, options=SHORT, end=lambda **how: ends.append(how))
    ends: list[dict] = []
    errand = Errand(task, Machine(ModelSlot(bench.workspace), AnswerProcess(bench.workspace.root), lambda: None))
    giving_up = threading.Thread(target=errand.give_up)
    giving_up.start()
    while not errand._stop.is_set():
        pass
    errand.begin()
    giving_up.join(10)
    assert ends == [{"is_stopped": True, "problem": None}] and not giving_up.is_alive()


def test_stop_ends_an_answer_between_two_tokens_and_keeps_what_was_whole(bench: Bench) -> None:
    heard = Heard()
    number = bench.engine.answer(BASE, QUESTIONS, ENDLESS, heard)
    assert heard.has_text.wait(60)

    assert not bench.engine.stop_answering(number + 1)
    assert bench.engine.stop_answering(number)

    now = ended(bench)
    assert now.is_stopped and now.done == 0 and now.problem is None
    assert heard.answers == []
    assert now.answer is not None and now.answer.text


def test_the_memory_of_the_model_is_given_back_at_the_end(bench: Bench) -> None:
    before = models_alive()
    bench.engine.answer(BASE, QUESTIONS[:1], SHORT)
    assert not ended(bench).holds_model
    assert models_alive() == before


def test_a_kept_model_answers_again_without_being_loaded_and_is_freed_when_asked_to(bench: Bench) -> None:
    before, kept = models_alive(), AnswerOptions(max_new_tokens=4, keeps_model=True)
    bench.engine.answer(BASE, QUESTIONS[:1], kept)
    assert ended(bench).holds_model
    held = models_alive()
    bench.engine.answer(BASE, QUESTIONS[:1], kept)
    assert ended(bench).problem is None and models_alive() == held > before

    bench.engine.free_model()

    now = bench.engine.answering()
    assert now is not None and not now.holds_model
    assert models_alive() == before


def test_nothing_of_a_freed_model_is_left_in_memory(bench: Bench) -> None:
    bench.engine.answer(BASE, QUESTIONS[:1], AnswerOptions(max_new_tokens=4, keeps_model=True))
    ended(bench)
    slot = bench.engine.slot()
    assert (slot.state, slot.model) == ("chat", "builtin") and slot.memory_bytes > 4_000_000
    models = [each for each in gc.get_objects() if issubclass(type(each), PreTrainedModel)]
    left = [weakref.ref(each) for each in models]
    left += [weakref.ref(tensor) for model in models for tensor in model.parameters()]
    del models
    assert len(left) > 20 and all(each() is not None for each in left)

    bench.engine.free_model()

    assert [each() for each in left if each() is not None] == []
    assert bench.engine.slot() == Slot("free")


def test_the_place_for_a_model_is_free_then_loading_then_a_chats(bench: Bench) -> None:
    assert bench.engine.slot() == Slot("free")
    held: list[str] = []
    bench.engine.answer(BASE, QUESTIONS[:1], SHORT, lambda told: held.append(bench.engine.slot().state))
    seen = {bench.engine.slot().state}
    while not held:
        seen.add(bench.engine.slot().state)
    assert "loading" in seen and held[0] == "chat"
    ended(bench)
    assert bench.engine.slot() == Slot("free")


def test_an_answer_tells_its_tokens_its_time_and_whether_it_was_cut(bench: Bench) -> None:
    heard = Heard()
    bench.engine.answer(BASE, QUESTIONS[:1], SHORT, heard)
    ended(bench)
    told = heard.answers[0]
    processor = load(bench.workspace.models / "builtin", dtype=torch.float32).processor
    asked = processor.prompt([dict(turn) for turn in QUESTIONS[0].turns], QUESTIONS[0].series)
    assert (told.tokens, told.is_cut, told.prompt_tokens) == (12, True, len(asked.input_ids))
    assert told.seconds > 0
    assert [each.tokens for each in heard.said] == sorted(each.tokens for each in heard.said)


def test_no_questions_are_taken_while_others_are_answered(bench: Bench) -> None:
    heard = Heard()
    bench.engine.answer(BASE, QUESTIONS, ENDLESS, heard)
    assert heard.has_text.wait(60)

    assert refusal(bench) == "engine.answering"
    bench.engine.free_model()
    assert ended(bench).is_stopped


def test_no_questions_are_taken_while_a_run_is_in_progress(bench: Bench) -> None:
    refused: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, StepLogged) and event.step == 1:
            refused.append(refusal(bench))

    bench.run(small(), listen)

    assert refused == ["engine.busy"]


@pytest.mark.slow
def test_a_start_ends_the_answers_and_frees_the_model_first(bench: Bench) -> None:
    heard = Heard()
    bench.engine.answer(BASE, QUESTIONS, ENDLESS, heard)
    assert heard.has_text.wait(60)

    assert bench.run(small(schedule__max_steps=1)).status == "finished"

    now = ended(bench)
    assert now.is_stopped and not now.holds_model


def test_a_model_that_is_not_there_is_said_in_words(bench: Bench) -> None:
    bench.engine.answer(from_flat({"model.continue_from": "runs/nowhere/adapter"}), QUESTIONS, SHORT)

    problem = ended(bench).problem
    assert problem is not None and problem.message.key == "restore.no_folder"


def test_after_an_answer_has_poisoned_the_accelerator_nothing_more_is_begun_on_it(bench: Bench) -> None:
    def fail(answer: Answer) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    bench.engine.answer(BASE, QUESTIONS[:1], SHORT, fail)
    assert ended(bench).problem is not None
    for begin in (lambda: bench.engine.start(small()), lambda: bench.engine.answer(BASE, QUESTIONS[:1], SHORT)):
        with pytest.raises(UserError) as refused:
            begin()
        assert refused.value.message.key == "engine.poisoned"
