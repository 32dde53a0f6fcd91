"""Questions to a model and how far its answers are: what the page, the label room and a chat share with the engine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tsft.errors import Message, Problem

LOADING, WRITING, ENDED = "loading", "writing", "ended"


@dataclass(frozen=True)
class Question:
    """turns are asked as they are and end with the question; they hold a placeholder for each raw series."""

    turns: Sequence[Mapping[str, str]]
    series: Sequence[Any] = ()


@dataclass(frozen=True)
class AnswerOptions:
    """How answers are written: the likeliest token each time when temperature is 0.

    keeps_model: the model stays loaded afterwards for the next questions to it, until another model is asked, a run
    starts or `free_model` is called.
    """

    max_new_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    seed: int | None = None
    keeps_model: bool = False


@dataclass(frozen=True)
class Answer:
    """One answer as far as it is written. index: which question, from 0. problem: why there is none."""

    index: int
    text: str = ""
    is_done: bool = False
    problem: Message | None = None


@dataclass(frozen=True)
class Answering:
    """Some questions to one model, under way or over. number grows with each time questions are asked.

    model: as a person knows it. phase: LOADING, WRITING or ENDED. done: questions that are answered, or failed.
    answer: the one being written, or the last one. is_stopped: somebody ended it early, or a run began.
    holds_model: its memory is not given back yet. problem: why nothing more was answered.
    """

    number: int
    model: str
    total: int
    phase: str = LOADING
    done: int = 0
    answer: Answer | None = None
    is_done: bool = False
    is_stopped: bool = False
    holds_model: bool = False
    problem: Problem | None = None


# Called on the engine's thread at every piece of an answer, and once when it is done: it must be quick.
Tell = Callable[[Answer], None]
