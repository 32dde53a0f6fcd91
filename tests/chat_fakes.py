"""An engine that answers word by word, as slowly as a test wants it to."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tests.fakes import FakeEngine
from tsft.config.run_config import ModelSettings, RunConfig
from tsft.errors import UserError, message
from tsft.run.answers import (
    ENDED,
    LOADING,
    WRITING,
    Answer,
    Answering,
    AnswerOptions,
    Attribution,
    Question,
    Slot,
    Tell,
)

Speak = Callable[[RunConfig, Question], str]


def plainly(config: RunConfig, question: Question) -> str:
    """Names the model, how many series it saw, and two places, one of them beyond every short series."""
    name = config.model.continue_from or config.model.name
    return f"{name} saw {len(question.series)} series. It rises at points 10 to 20 and again at point 900."


class ChatEngine(FakeEngine):
    """One question at a time, its answer word by word on a thread; `seconds` passes before each word.

    gate: an event that must be set before the last word is said. occupied: the state of the slot while a run goes on.
    """

    def __init__(self, speak: Speak = plainly, seconds: float = 0.0) -> None:
        super().__init__()
        self.speak, self.word_seconds = speak, seconds
        self.gate: threading.Event | None = None
        self.occupied = ""
        self.asked_of: list[tuple[RunConfig, Question, AnswerOptions]] = []
        self.explained: list[tuple[str, tuple[int, int]]] = []
        self.explained_of: list[tuple[RunConfig, Question]] = []
        self.holds = ""
        self.attribution_now: Attribution | None = None
        self._silence = threading.Event()
        self._speaking: threading.Thread | None = None

    def answer(
        self,
        config: RunConfig,
        questions: Sequence[Question],
        options: AnswerOptions | None = None,
        tell: Tell | None = None,
    ) -> int:
        before = self._answering
        if before.number and not before.is_done:
            raise UserError(message("engine.answering", model=before.model, done=0, total=1))
        model = config.model.continue_from or config.model.name
        self._answering = Answering(before.number + 1, model, len(questions), LOADING)
        self.asked_of.append((config, questions[0], options or AnswerOptions()))
        self._silence = threading.Event()
        self._speaking = threading.Thread(target=self._say, args=(config, questions[0], tell), daemon=True)
        self.holds = model
        self._speaking.start()
        return self._answering.number

    def _say(self, config: RunConfig, question: Question, tell: Tell | None) -> None:
        text, words = "", self.speak(config, question).split(" ")
        self._answering = replace(self._answering, phase=WRITING)
        for place, word in enumerate(words):
            is_last = place == len(words) - 1
            if is_last and self.gate is not None:
                self._wait_for_gate()
            if self._silence.wait(self.word_seconds):
                self._answering = replace(self._answering, phase=ENDED, is_done=True, is_stopped=True)
                return
            text += word if not text else f" {word}"
            if tell is not None:
                tell(Answer(0, text, is_done=is_last, seconds=1.5, tokens=place + 1))
        self._answering = replace(self._answering, phase=ENDED, done=1, is_done=True)

    def _wait_for_gate(self) -> None:
        while self.gate is not None and not self.gate.wait(0.01) and not self._silence.is_set():
            pass

    def stop_answering(self, number: int = 0) -> bool:
        self._silence.set()
        return self.finish()

    def finish(self) -> bool:
        """Wait for the answer under way."""
        if self._speaking is not None:
            self._speaking.join(10)
        return True

    def free_model(self) -> None:
        self.stop_answering()
        self.holds = ""

    def slot(self) -> Slot:
        if self.occupied:
            return Slot(self.occupied, "run 7")
        return Slot("chat", self.holds, 15_000_000) if self.holds else Slot("free")

    def base_of(self, config: RunConfig) -> RunConfig | None:
        return RunConfig(model=ModelSettings(name="builtin")) if config.model.continue_from else None

    def begin_attribution(
        self,
        config: RunConfig,
        question: Question,
        answer: str,
        part: tuple[int, int],
        options: AnswerOptions | None = None,
    ) -> int:
        self.explained.append((answer, part))
        self.explained_of.append((config, question))
        return super().begin_attribution(config, question, answer, part, options)

    def attribution(self) -> Attribution | None:
        return self.attribution_now or super().attribution()

    def stop_attribution(self) -> None:
        if self.attribution_now is not None:
            self.attribution_now = replace(self.attribution_now, is_done=True, is_stopped=True)

    def asked_turns(self) -> list[Mapping[str, Any]]:
        """The turns of the last question."""
        return list(self.asked_of[-1][1].turns)
