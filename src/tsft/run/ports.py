"""What the page and the command line may ask of the engine. They hold this Protocol and never import the engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tsft.config.run_config import RunConfig
from tsft.errors import Message, Problem
from tsft.run.answers import Answering, AnswerOptions, Attribution, Question, Slot, Tell
from tsft.run.evaluation import Evaluation, EvaluationSettings
from tsft.run.export import Exported, ExportSettings
from tsft.run.gauges import Gauges
from tsft.run.readiness import Examined
from tsft.run.state import RunState


class Stopped(Exception):
    """Raised inside a run's own thread when somebody asked it to stop; ends any phase at once."""


@dataclass(frozen=True)
class Fetch:
    """A model on its way into the workspace. total_bytes is 0 while unknown; `problem` says why it failed."""

    name: str
    done_bytes: int = 0
    total_bytes: int = 0
    is_done: bool = False
    problem: Message | None = None


@dataclass(frozen=True)
class Asked:
    """A question to a trained model: the answer so far. number: grows with each question of this process."""

    number: int
    result: str
    text: str = ""
    is_done: bool = False
    problem: Message | None = None


@dataclass(frozen=True)
class QueueEntry:
    """A run that waits. at: when it was queued, seconds since the epoch. step: the checkpoint it goes on from, else 0.

    sweep: the same for all runs of one sweep, "" for a run of its own.
    """

    run_id: str
    name: str
    model: str = ""
    datasets: tuple[str, ...] = ()
    by: str = ""
    at: float = 0.0
    step: int = 0
    sweep: str = ""


class Watched(Protocol):
    """A run to look at: a Board of this process, or a Follower of another's."""

    def read(self) -> tuple[int, RunState]: ...


class EnginePort(Protocol):
    """The one engine of this process. Every method may be called from any thread."""

    def check(self, config: RunConfig) -> list[Problem]:
        """Everything that is wrong with the config on this machine, without loading anything heavy."""
        ...

    def limits(self) -> Mapping[tuple[str, str], Message]:
        """Which choices of settings cannot work on this machine: (key, choice) to what Start would say of it.

        The choice of a switch is "True". Empty until what it takes to know is loaded.
        """
        ...

    def start(self, config: RunConfig, by: str = "", parent: str = "") -> str:
        """Begin a run on the background thread and return its id at once. parent: the run it was cloned from.

        Raises UserError with every problem, or with `engine.busy` naming the run in progress.
        """
        ...

    def resume(self, run_id: str, by: str = "", checkpoint_step: int = 0, epochs: float = 0.0) -> str:
        """Go on with a run; returns the id of the run that does.

        From its newest usable checkpoint it is the same run. From an earlier one (`checkpoint_step`), or for so many
        `epochs` more, it is a new run with this one as its parent, which stays as it is.
        Raises UserError `engine.no_checkpoint`, `engine.is_finished`, `engine.busy` or every problem of the config.
        """
        ...

    def enqueue(self, configs: Sequence[RunConfig], by: str = "", sweep: str = "", parent: str = "") -> list[str]:
        """Put runs at the end of the queue, their settings fixed from now on; returns their ids in order.

        Each starts by itself when its turn comes, also when the one before failed. With `sweep` (any text) they belong
        together. Raises UserError with every problem, and then none is queued.
        """
        ...

    def enqueue_resume(self, run_id: str, by: str = "", checkpoint_step: int = 0, epochs: float = 0.0) -> str:
        """As `resume`, but at the end of the queue."""
        ...

    def queue(self) -> Sequence[QueueEntry]:
        """The runs that wait, the next one first."""
        ...

    def move(self, run_id: str, position: int) -> None:
        """Let a waiting run be the one at `position` (1 is next). Raises UserError `queue.not_waiting`."""
        ...

    def remove(self, run_id: str) -> None:
        """Take a run out of the queue; one that never began is deleted. Raises UserError `queue.not_waiting`."""
        ...

    def hold_queue(self, is_held: bool, by: str = "") -> None:
        """Start nothing from the queue until it is let go on, also after a restart. The run in progress goes on."""
        ...

    def is_queue_held(self) -> bool: ...

    def stop(self, by: str = "", run_id: str = "") -> bool:
        """Ask the run in progress (here or in another process of this workspace) to stop and keep a checkpoint.

        Returns False when there is none.
        """
        ...

    def command(self, command: str, by: str = "", run_id: str = "") -> bool:
        """Ask the run in progress, here or in another process of this workspace, for one of `events.COMMANDS`.

        What it already does or was asked for changes nothing. Returns False when there is no such run; raises UserError
        when that run can never do it (an evaluation without validation data).
        """
        ...

    def watched(self) -> Watched | None:
        """The run in progress, here or in another process; else the last one of this process; else None."""
        ...

    def fetch_model(self, name: str, hub: str = "huggingface") -> None:
        """Begin to bring a base model into the workspace, beside whatever runs. Does nothing while it is on its way."""
        ...

    def fetches(self) -> Mapping[str, Fetch]:
        """The downloads of this process by model name: on their way, done or failed."""
        ...

    def answer(
        self,
        config: RunConfig,
        questions: Sequence[Question],
        options: AnswerOptions | None = None,
        tell: Tell | None = None,
    ) -> int:
        """Put questions to the model of a config (its base, or the result in `model.continue_from`), one after another.

        Returns the number at once; `answering` shows how far they are, and `tell` hears each piece on the engine's
        thread. Raises UserError `engine.answering` while others are asked, and while a run is in progress `engine.busy`
        unless `options.beside` lets them wait or be answered on the CPU. A run that starts frees the model; what
        becomes of the questions is for the same option to say.
        """
        ...

    def answering(self) -> Answering | None:
        """The last questions of this process."""
        ...

    def stop_answering(self, number: int = 0) -> bool:
        """End the questions of this number (0: any) between two tokens. False where they do not go on."""
        ...

    def free_model(self) -> None:
        """End all questions, also those that wait or are answered beside a run, and wait until the memory is free."""
        ...

    def slot(self) -> Slot:
        """Who has the place for a model: nobody, a chat, a run, an evaluation or an export."""
        ...

    def begin_attribution(
        self,
        config: RunConfig,
        question: Question,
        answer: str,
        part: tuple[int, int],
        options: AnswerOptions | None = None,
    ) -> int:
        """Begin to weigh each patch of the question's series in characters part[0]..part[1] of its answer.

        Returns the number at once; `attribution` shows how far it is. Of the options `keeps_model` and `beside` count.
        The one before is given up, and a question that is asked gives it up. Raises UserError as `answer` does.
        """
        ...

    def attribution(self) -> Attribution | None:
        """The last attribution of this process, under way or done."""
        ...

    def stop_attribution(self) -> None:
        """Ask it to stop: it does between two passes, and leaves no weights."""
        ...

    def ask(self, result: str, turns: Sequence[Mapping[str, str]], series: Sequence[Any]) -> int:
        """Put a question to what a run left (a name from the list of results) and return its number at once.

        turns end with the question, with a placeholder for each raw series. The answer grows in `asked`; a question
        asked before is given up. Raises UserError `engine.busy` while a run is in progress.
        """
        ...

    def asked(self) -> Asked | None:
        """The last question of this process."""
        ...

    def examine(self, config: RunConfig) -> int:
        """Begin to make the readiness card and return its number at once; `readiness` shows how far it is.

        A look before it is given up. Raises UserError with every problem of the config, or `engine.busy` while a run is
        in progress and a model would have to be looked at.
        """
        ...

    def dry_run(self, config: RunConfig) -> int:
        """The card, then two real steps at the longest batch to measure memory and time; leaves no run behind.

        Raises UserError as `start` does.
        """
        ...

    def reader(self, config: RunConfig) -> Any:
        """The processor of the config's model, without weights: what `data.encoding.RowReader` asks for.

        Takes a second or two the first time. Raises UserError when the model is not on this machine yet.
        """
        ...

    def readiness(self) -> Examined | None:
        """The last look of this process at a config, under way or done."""
        ...

    def gauges(self) -> Gauges:
        """How busy this machine is: measured at most once a second, whoever asks."""
        ...

    def end_examination(self) -> None:
        """Give the present look up and wait until its memory is free again. Does nothing when there is none."""
        ...

    def begin_export(self, settings: ExportSettings) -> int:
        """Begin to take a trained model away and return the export's number at once; `exported` shows how far it is.

        Raises UserError with every problem at its field, `export.busy` during another one, and `engine.busy` while a
        run is in progress, unless it is for an adapter alone. No run is started while a whole model is exported.
        """
        ...

    def exported(self) -> Exported | None:
        """The last export of this process, under way or done."""
        ...

    def stop_export(self) -> None:
        """Ask the export to stop: it does between two files, and leaves nothing."""
        ...

    def begin_evaluation(self, settings: EvaluationSettings, by: str = "") -> str:
        """Begin to evaluate on the background thread and return the id of its folder at once.

        Raises UserError with every problem at its field, `evaluation.busy` during another one, and `engine.busy` while
        a run is in progress. A run is not started meanwhile: it asks for the evaluation to be stopped first, or waits
        in the queue.
        """
        ...

    def resume_evaluation(self, evaluation_id: str, by: str = "") -> None:
        """Go on with one that was stopped or cut off: what was answered is not asked again. Raises as the above."""
        ...

    def evaluation(self) -> Evaluation | None:
        """The last evaluation of this process, under way or done."""
        ...

    def stop_evaluation(self) -> None:
        """Ask it to stop: it does between two tokens, keeps what was answered, and scores that."""
        ...

    def base_of(self, config: RunConfig) -> RunConfig | None:
        """The config of the model that the result in `model.continue_from` was made from; None where there is none."""
        ...
