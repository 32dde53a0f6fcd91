"""Small stand-ins in plain sight. `FakeEngine` plays a scripted run instead of training one."""

import dataclasses
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tests.data_fakes import FakeEncoder
from tsft.config.check import check
from tsft.config.run_config import ModelSettings, RunConfig
from tsft.errors import Message, Problem, UserError, message, raise_if_any
from tsft.run.answers import ENDED, Answer, Answering, AnswerOptions, Attribution, Question, Slot, Tell
from tsft.run.board import Board
from tsft.run.evaluation import Evaluation, EvaluationSettings, check_evaluation
from tsft.run.events import (
    CheckpointSaved,
    CommandGiven,
    CommandObeyed,
    Evaluated,
    Event,
    Failed,
    Finished,
    Group,
    Noted,
    PhaseChanged,
    Planned,
    Progressed,
    RunStarted,
    StepLogged,
)
from tsft.run.export import Exported, ExportSettings, check_export
from tsft.run.gauges import Amount, Gauges
from tsft.run.ports import Asked, Fetch, QueueEntry, Watched
from tsft.run.readiness import Examined, Readiness

Script = Callable[[RunConfig], Iterator[Event]]


def plain_script(config: RunConfig, steps: int = 60, clock: Callable[[], float] = time.time) -> Iterator[Event]:
    """The events of a run that goes well: loss falls from about 5 to 1, validation every ten steps."""
    yield PhaseChanged(clock(), "loading", config.model.name)
    yield PhaseChanged(clock(), "encoding", ", ".join(config.data.datasets))
    for done in (40, 80, 120):
        yield Progressed(clock(), done, 120, "rows")
    groups = (Group("model", 100_000, config.optim.learning_rate), Group("encoder", 50_000, config.optim.learning_rate))
    yield Planned(clock(), steps, 3.0, 108, 12, 400, 180, 4_200_000, 150_000, groups, "cpu", "fp32", 1)
    yield Noted(clock(), "warning", message("preset.exists", name="<b>12</b> & more"))
    yield PhaseChanged(clock(), "training")
    for step in range(1, steps + 1):
        rate = config.optim.learning_rate * (1 - step / steps)
        loss = 1 + 4 / (1 + step / 8) + 0.2 * ((step * 7919) % 13 - 6) / 6
        yield Progressed(clock(), step, steps, "steps")
        yield StepLogged(
            clock(), step, 3 * step / steps, loss, rate, 1 + 0.5 * ((step * 31) % 7) / 7, rate * 2, step * 700
        )
        if step % 10 == 0:
            yield PhaseChanged(clock(), "evaluating")
            yield Evaluated(clock(), step, 1.3 + 4 / (1 + step / 7) + max(0, step - 40) * 0.01, 0.1)
            yield PhaseChanged(clock(), "training")
    yield PhaseChanged(clock(), "saving")
    yield CheckpointSaved(clock(), steps, f"checkpoints/checkpoint-{steps}", 1_234_567, 1.9)


def failing_script(config: RunConfig) -> Iterator[Event]:
    """A run that ends for want of memory after two steps, with half the batch proposed."""
    yield from itertools.takewhile(
        lambda event: not isinstance(event, StepLogged) or event.step < 3, plain_script(config)
    )
    size = config.schedule.batch_size // 2
    change = (("schedule.batch_size", size), ("schedule.gradient_accumulation", 2))
    advice = message("failure.memory_batch", batch=size, accumulation=2)
    rows = ("demo:1",)
    settings = ("schedule.batch_size", "schedule.gradient_accumulation")
    yield Failed(time.time(), "memory", message("failure.memory"), advice, "Traceback <b>", settings, change, rows)


class FakeEngine:
    """An `EnginePort` that plays a script on a thread; `seconds` passes before each event. `step_gate` may hold it."""

    def __init__(self, script: Script = plain_script, seconds: float = 0.0, refuses: Sequence[Problem] = ()) -> None:
        self._script = script
        self._seconds = seconds
        self._refuses = tuple(refuses)
        self._stop = threading.Event()
        self._numbers = itertools.count(1)
        self._thread: threading.Thread | None = None
        self._fetches: dict[str, Fetch] = {}
        self._asked: Asked | None = None
        self._answering = Answering(0, "", 0)
        self._attribution: Attribution | None = None
        self.exporting: Exported | None = None
        self.refused_export: Sequence[Problem] = ()
        self.evaluated: Evaluation | None = None
        self.board: Board | None = None
        self.started: list[RunConfig] = []
        self.examined: Examined | None = None
        self.resumed: list[str] = []
        self.resumed_from: list[tuple[int, float]] = []
        self.parents: list[str] = []
        self.queued: list[RunConfig] = []
        self.waiting: list[QueueEntry] = []
        self.is_held = False
        self.card: Readiness | None = None
        self.limited: Mapping[tuple[str, str], Message] = {}
        self.held = Slot("free")

    def check(self, config: RunConfig) -> list[Problem]:
        return [*check(config), *self._refuses]

    def limits(self) -> Mapping[tuple[str, str], Message]:
        return self.limited

    def start(self, config: RunConfig, by: str = "", parent: str = "") -> str:
        raise_if_any(self.check(config))
        if self.board is not None and self.board.state.is_active:
            state = self.board.state
            raise UserError(
                message("engine.busy", name=state.name, id=state.run_id, step=state.step, steps=state.steps)
            )
        self._make_room()
        self.parents.append(parent)
        self._stop.clear()
        self.started.append(config)
        run_id = f"run-{next(self._numbers)}"
        self.board = Board()
        self.board.say(RunStarted(time.time(), run_id, config.output.name or "unnamed", by=by))
        self._thread = threading.Thread(target=self._play, args=(self.board, config), daemon=True)
        self._thread.start()
        return run_id

    def resume(self, run_id: str, by: str = "", checkpoint_step: int = 0, epochs: float = 0.0) -> str:
        self._make_room()
        self.resumed.append(run_id)
        self.resumed_from.append((checkpoint_step, epochs))
        return run_id

    def _make_room(self) -> None:
        """A chat loses its model; an evaluation or an export refuses the run."""
        if self.evaluated is not None and not self.evaluated.is_done:
            raise UserError(message("evaluation.busy", name=self.evaluated.id, done=1, total=4))
        if self.exporting is not None and not self.exporting.is_done:
            raise UserError(message("export.busy"))
        self.held = Slot("free")

    def enqueue(self, configs: Sequence[RunConfig], by: str = "", sweep: str = "", parent: str = "") -> list[str]:
        raise_if_any(problem for config in configs for problem in self.check(config))
        entries = [self._entry(f"run-{next(self._numbers)}", config, by, sweep) for config in configs]
        self.waiting += entries
        self.queued += configs
        return [entry.run_id for entry in entries]

    def enqueue_resume(self, run_id: str, by: str = "", checkpoint_step: int = 0, epochs: float = 0.0) -> str:
        self.waiting.append(QueueEntry(run_id, run_id, by=by, step=checkpoint_step))
        return run_id

    def queue(self) -> list[QueueEntry]:
        return list(self.waiting)

    def move(self, run_id: str, position: int) -> None:
        entry = self._waiting_entry(run_id)
        self.waiting.remove(entry)
        self.waiting.insert(position - 1, entry)

    def remove(self, run_id: str) -> None:
        self.waiting.remove(self._waiting_entry(run_id))

    def hold_queue(self, is_held: bool, by: str = "") -> None:
        self.is_held = is_held

    def is_queue_held(self) -> bool:
        return self.is_held

    def _waiting_entry(self, run_id: str) -> QueueEntry:
        for entry in self.waiting:
            if entry.run_id == run_id:
                return entry
        raise UserError(message("queue.not_waiting", run=run_id))

    def _entry(self, run_id: str, config: RunConfig, by: str, sweep: str) -> QueueEntry:
        name = config.output.name or "unnamed"
        return QueueEntry(run_id, name, config.model.name, config.data.datasets, by, time.time(), sweep=sweep)

    def stop(self, by: str = "", run_id: str = "") -> bool:
        if self.board is None or not self.board.state.is_active:
            return False
        self.board.say(CommandGiven(time.time(), "stop", by))
        self._stop.set()
        return True

    def command(self, command: str, by: str = "", run_id: str = "") -> bool:
        """Stops as `stop` does; a pause and its end are played, everything else is only said."""
        if command == "stop":
            return self.stop(by, run_id)
        if self.board is None or not self.board.state.is_active:
            return False
        self.board.say(CommandGiven(time.time(), command, by))
        if command == "pause":
            self.board.say(PhaseChanged(time.time(), "paused"))
        if command == "continue":
            self.board.say(PhaseChanged(time.time(), "training"))
        if command in ("pause", "continue"):
            self.board.say(CommandObeyed(time.time(), command))
        if command == "discard":
            self._stop.set()
        return True

    def examine(self, config: RunConfig) -> int:
        return self._look(config, is_trial=False)

    def dry_run(self, config: RunConfig) -> int:
        return self._look(config, is_trial=True)

    def _look(self, config: RunConfig, *, is_trial: bool) -> int:
        raise_if_any(self.check(config))
        if is_trial:
            self._make_room()
        number = self.examined.number + 1 if self.examined else 1
        self.examined = Examined(number, is_trial, is_done=self.card is not None, readiness=self.card)
        return self.examined.number

    def readiness(self) -> Examined | None:
        return self.examined

    def reader(self, config: RunConfig) -> Any:
        return FakeEncoder()

    def end_examination(self) -> None:
        """Nothing is under way here."""

    def gauges(self) -> Gauges:
        return Gauges(1.0, 0.25, Amount(3 * 10**9, 16 * 10**9), Amount(40 * 10**9, 100 * 10**9))

    def watched(self) -> Watched | None:
        return self.board

    def fetch_model(self, name: str, hub: str = "huggingface") -> None:
        self._fetches[name] = Fetch(name, 40_000_000, 100_000_000)

    def fetches(self) -> Mapping[str, Fetch]:
        return dict(self._fetches)

    def fetched(self, name: str) -> None:
        """Let a download be done."""
        self._fetches[name] = Fetch(name, 100_000_000, 100_000_000, is_done=True)

    def ask(self, result: str, turns: Sequence[Mapping[str, str]], series: Sequence[Any]) -> int:
        self._asked = Asked(self._asked.number + 1 if self._asked else 1, result, "It <rises>.", is_done=True)
        return self._asked.number

    def asked(self) -> Asked | None:
        return self._asked

    def answer(
        self,
        config: RunConfig,
        questions: Sequence[Question],
        options: AnswerOptions | None = None,
        tell: Tell | None = None,
    ) -> int:
        """Answers everything at once, "draft 1" and so on."""
        model, number = config.model.continue_from or config.model.name, self._answering.number + 1
        for index in range(len(questions)):
            if tell is not None:
                tell(Answer(index, f"draft {index + 1}", is_done=True))
        total = len(questions)
        self._answering = Answering(number, model, total, ENDED, total, is_done=True)
        return number

    def answering(self) -> Answering | None:
        return self._answering if self._answering.number else None

    def stop_answering(self, number: int = 0) -> bool:
        return False

    def free_model(self) -> None:
        """No model is held here."""

    def slot(self) -> Slot:
        """Free until a test puts a model there."""
        return self.held

    def begin_attribution(
        self,
        config: RunConfig,
        question: Question,
        answer: str,
        part: tuple[int, int],
        options: AnswerOptions | None = None,
    ) -> int:
        """Weighs at once: every second patch of eight points counts."""
        number = self._attribution.number + 1 if self._attribution else 1
        weights = tuple(tuple(float(place % 2) for place in range(-(-len(each) // 8))) for each in question.series)
        total = sum(map(len, weights))
        self._attribution = Attribution(number, total, total, True, weights=weights, patch_points=8)
        return number

    def attribution(self) -> Attribution | None:
        return self._attribution

    def stop_attribution(self) -> None:
        """Nothing is under way here."""

    def devices(self) -> Sequence[str]:
        return ("cpu",)

    def begin_export(self, settings: ExportSettings) -> int:
        """It is under way until a test puts a later look at it into `exporting`, or it is stopped."""
        raise_if_any([*check_export(settings), *self.refused_export])
        number = self.exporting.number + 1 if self.exporting else 1
        self.exporting = Exported(number, settings)
        return number

    def exported(self) -> Exported | None:
        return self.exporting

    def stop_export(self) -> None:
        if self.exporting is not None:
            self.exporting = dataclasses.replace(self.exporting, phase="ended", is_done=True, is_stopped=True)

    def begin_evaluation(self, settings: EvaluationSettings, by: str = "") -> str:
        """It is under way until a test puts another one into `evaluated`, or it is stopped."""
        raise_if_any(check_evaluation(settings, settings.controls))
        self.evaluated = Evaluation(f"evaluation-{next(self._numbers)}", settings, "answering", "m", 1, 4, 3.0)
        return self.evaluated.id

    def resume_evaluation(self, evaluation_id: str, by: str = "") -> None:
        self.evaluated = Evaluation(evaluation_id, EvaluationSettings(), "answering", "m", 1, 4, 3.0)

    def evaluation(self) -> Evaluation | None:
        return self.evaluated

    def stop_evaluation(self) -> None:
        if self.evaluated is not None:
            self.evaluated = dataclasses.replace(self.evaluated, phase="ended", is_done=True, is_stopped=True)

    def base_of(self, config: RunConfig) -> RunConfig | None:
        return RunConfig(model=ModelSettings()) if config.model.continue_from else None

    def reset(self, seconds: float = 0.0) -> None:
        """As it was when made, for the next test of a page that is served all along."""
        self._stop.set()
        self.join()
        self._attribution = None
        self._seconds, self._thread, self._asked, self.exporting = seconds, None, None, None
        self.board, self.examined, self.evaluated, self.limited = None, None, None, {}
        self.started.clear()
        self.is_held, self.refused_export, self.held = False, (), Slot("free")
        for kept in (self.resumed, self.resumed_from, self.parents, self.queued, self.waiting):
            kept.clear()
        self._fetches.clear()

    def pace(self, seconds: float) -> None:
        """Let the script go on faster or slower."""
        self._seconds = seconds

    def join(self, timeout_seconds: float = 10.0) -> None:
        """Wait until the script has been played."""
        if self._thread is not None:
            self._thread.join(timeout_seconds)

    def _play(self, board: Board, config: RunConfig) -> None:
        status = "finished"
        for event in self._script(config):
            if self._stop.wait(self._seconds):
                status = "stopped"
                break
            board.say(event)
            if isinstance(event, Failed):
                return
        step = board.state.step
        board.say(Finished(time.time(), status, step, "adapter", message("page.next.interrupted", step=step)))
