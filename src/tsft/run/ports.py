"""What the page and the command line may ask of the engine. They hold this Protocol and never import the engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tsft.config.run_config import RunConfig
from tsft.errors import Message, Problem
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

    def start(self, config: RunConfig, by: str = "") -> str:
        """Begin a run on the background thread and return its id at once.

        Raises UserError with every problem, or with `engine.busy` naming the run in progress.
        """
        ...

    def resume(self, run_id: str, by: str = "") -> str:
        """Go on with a run from its newest usable checkpoint. Raises UserError when there is none."""
        ...

    def stop(self, by: str = "", run_id: str = "") -> bool:
        """Ask the run in progress (here or in another process of this workspace) to stop and keep a checkpoint.

        Returns False when there is none.
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

    def readiness(self) -> Examined | None:
        """The last look of this process at a config, under way or done."""
        ...

    def end_examination(self) -> None:
        """Give the present look up and wait until its memory is free again. Does nothing when there is none."""
        ...
