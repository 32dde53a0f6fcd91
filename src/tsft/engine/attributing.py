"""An attribution as a task of an errand: what it shows while it goes on, in this process or beside a run."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from tsft.config.run_config import RunConfig
from tsft.engine.attribution import drops, part_row, patch_weights, windows_of
from tsft.engine.beside import AnswerProcess, attribution_order
from tsft.errors import Problem, UserError, message
from tsft.model.loading import Loaded
from tsft.run.answers import AnswerOptions, Attribution, Question


@dataclass
class Attributing:
    """One attribution, under way or over."""

    attribution: Attribution
    config: RunConfig
    question: Question
    answer: str
    part: tuple[int, int]
    options: AnswerOptions

    def enter(self, phase: str, *, is_beside: bool = False) -> None:
        """Whether it waits or loads is not told apart: nothing is done yet."""

    def work(self, loaded: Loaded, obey: Callable[[], None], should_stop: Callable[[], bool]) -> None:
        processor = loaded.processor
        row = part_row(processor, self.question, self.answer, self.part)
        lengths = [len(each) for each in row.values]
        windows = windows_of(lengths, processor.patch_size)
        if not windows:
            raise UserError(message("attribution.no_series"))
        self.attribution = replace(self.attribution, done=0, total=len(windows), patch_points=processor.patch_size)
        found: list[float] = []
        for some in drops(loaded.model, processor, row, windows, obey):
            found += some
            self.attribution = replace(self.attribution, done=len(found))
        weights = patch_weights(lengths, processor.patch_size, windows, found)
        self.attribution = replace(self.attribution, weights=weights)

    def work_beside(self, process: AnswerProcess, should_stop: Callable[[], bool]) -> None:
        def hear(said: Mapping[str, Any]) -> None:
            self.attribution = replace(self.attribution, **attribution_progress(said["attribution"]))

        order = attribution_order(self.config, self.question, self.answer, self.part, self.options)
        process.run(order, hear, should_stop)

    def end(self, *, is_stopped: bool, problem: Problem | None) -> None:
        self.attribution = replace(self.attribution, is_done=True, is_stopped=is_stopped, problem=problem)


_PROGRESS = ("done", "total", "patch_points", "weights")


def attribution_json(attribution: Attribution) -> dict[str, Any]:
    """What a process tells of it; how it ended comes with the end of the order."""
    return {name: value for name, value in asdict(replace(attribution, problem=None)).items() if name in _PROGRESS}


def attribution_progress(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The same, as changes of an `Attribution`."""
    return {**tree, "weights": tuple(tuple(each) for each in tree["weights"])}
