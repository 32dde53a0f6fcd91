"""Questions to a model and how far its answers are: what the page, the label room and a chat share with the engine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tsft.errors import Message, Problem, message

WAITING, LOADING, WRITING, ENDED = "waiting", "loading", "writing", "ended"
# What becomes of questions while a run is in progress (`AnswerOptions.beside`).
REFUSE, WAIT, CPU = "refuse", "wait", "cpu"
BESIDE = (REFUSE, WAIT, CPU)
# Who has the one place for a model (`Slot.state`).
SLOT_STATES = ("free", "loading", "chat", "train", "evaluate", "export")
MOST_NEW_TOKENS = 32_768
_LIMITS: tuple[tuple[str, float, float], ...] = (
    ("max_new_tokens", 1, MOST_NEW_TOKENS),
    ("temperature", 0, 5),
    ("top_p", 0.01, 1),
    ("top_k", 0, 1_000_000),
    ("repetition_penalty", 0.1, 10),
    ("seed", -(2**63), 2**63 - 1),
)


@dataclass(frozen=True)
class Question:
    """turns are asked as they are and end with the question; they hold a placeholder for each raw series."""

    turns: Sequence[Mapping[str, str]]
    series: Sequence[Any] = ()


@dataclass(frozen=True)
class AnswerOptions:
    """How answers are written: the likeliest token each time when temperature is 0.

    keeps_model: the model stays loaded afterwards for the next questions to it, until another model is asked, a run
    starts or `free_model` is called. beside: while a run is in progress, "refuse" the questions, let them "wait" until
    it is over (and again when one starts meanwhile), or answer on the "cpu" in a process of its own, which costs the
    run neither memory of the GPU nor random numbers.
    """

    max_new_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    seed: int | None = None
    keeps_model: bool = False
    beside: str = REFUSE


def check_options(options: AnswerOptions) -> list[Problem]:
    """Everything that is wrong with them, each at its field."""
    problems = []
    for name, low, high in _LIMITS:
        value = getattr(options, name)
        if value is not None and not low <= value <= high:  # also for what is not a number
            told = message("evaluation.out_of_range", value=f"{value:g}", low=f"{low:g}", high=f"{high:g}")
            problems.append(Problem(name, told))
    if options.beside not in BESIDE:
        told = message("evaluation.no_such_choice", value=options.beside, choices=", ".join(BESIDE))
        problems.append(Problem("beside", told))
    return problems


@dataclass(frozen=True)
class Answer:
    """One answer as far as it is written. index: which question, from 0. problem: why there is none.

    seconds: since the model began to read the question. tokens: written so far; prompt_tokens: read, patches counted.
    is_cut: it ended at `max_new_tokens`, not by itself.
    """

    index: int
    text: str = ""
    is_done: bool = False
    problem: Message | None = None
    seconds: float = 0.0
    tokens: int = 0
    prompt_tokens: int = 0
    is_cut: bool = False


@dataclass(frozen=True)
class Answering:
    """Some questions to one model, under way or over. number grows with each time questions are asked.

    model: as a person knows it. phase: WAITING, LOADING, WRITING or ENDED. done: questions answered, or failed. answer:
    the one being written, or the last one. is_stopped: somebody ended it early, or a run began.
    holds_model: its memory is not given back yet. is_beside: answered on the CPU in a process of its own.
    problem: why nothing more was answered.
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
    is_beside: bool = False
    problem: Problem | None = None


@dataclass(frozen=True)
class Slot:
    """The one place for a model in this process. state: one of SLOT_STATES; model: as a person knows it, "" when free.

    memory_bytes: of the weights that are loaded for a chat; 0 in every other state. A run of another process in this
    workspace counts as "train".
    """

    state: str
    model: str = ""
    memory_bytes: int = 0


@dataclass(frozen=True)
class Attribution:
    """How much each patch of the series supports a part of an answer; number grows with each one begun.

    done and total: passes through the model. weights: for each series one weight a patch of `patch_points` points: by
    how much the mean log-probability of the part's tokens drops when the patch is replaced by the mean of its series
    (below 0: the part becomes likelier). Neighbouring patches of a long series are tried together and share one weight.
    Empty until all are there. is_stopped: somebody ended it, a question came, or a run began.
    """

    number: int
    done: int = 0
    total: int = 0
    is_done: bool = False
    is_stopped: bool = False
    problem: Problem | None = None
    weights: tuple[tuple[float, ...], ...] = ()
    patch_points: int = 0


# Called on the engine's thread at every piece of an answer, and once when it is done: it must be quick.
Tell = Callable[[Answer], None]
