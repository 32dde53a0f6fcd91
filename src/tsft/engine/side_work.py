"""What an engine does with a model beside training it: answers, looks at a config, reads rows, exports, evaluates.

Each is refused while a run is in progress, unless it says otherwise; a run that starts ends them.
"""

import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tsft.config.run_config import ModelSettings, RunConfig
from tsft.engine.admission import Admission
from tsft.engine.evaluation_desk import EvaluationDesk
from tsft.engine.export_desk import ExportDesk
from tsft.engine.heavy import heavy
from tsft.errors import Problem, UserError, message, raise_if_any
from tsft.run.answers import REFUSE, Answering, AnswerOptions, Attribution, Question, Slot, Tell
from tsft.run.evaluation import Evaluation, EvaluationSettings
from tsft.run.export import DEVICES, Exported, ExportSettings
from tsft.run.ports import Asked
from tsft.run.readiness import Examined
from tsft.store.record import Record
from tsft.store.workspace import Workspace

# An answer of the demo is a line; this is where a model that never ends its turn is cut off.
LONGEST_ANSWER_TOKENS = 256
# Refusals that waiting does not change, and no other process.
FOR_GOOD = ("engine.closing", "engine.poisoned")


class SideWork(ABC):
    """The base of the engine; the run itself is the engine's own."""

    def __init__(self, workspace: Workspace, record: Record, wake: Callable[[], None]) -> None:
        self._workspace = workspace
        self._record = record
        self._lock = threading.Lock()
        self._desk: Any = None
        self._examiner: Any = None
        self._admission = Admission(self._refuse_if_busy, self._make_room)
        self._exports = ExportDesk(workspace, record, self._admission, wake)
        self._evaluations = EvaluationDesk(workspace, record, self._admission, wake)

    @abstractmethod
    def check(self, config: RunConfig) -> list[Problem]: ...
    @abstractmethod
    def _refuse_if_busy(self) -> None: ...
    @abstractmethod
    def _is_working(self) -> bool: ...

    def answer(
        self,
        config: RunConfig,
        questions: Sequence[Question],
        options: AnswerOptions | None = None,
        tell: Tell | None = None,
    ) -> int:
        """Put questions to the config's model; refused during a run unless `options.beside` says otherwise."""
        options = options or AnswerOptions()
        self._make_ready(options)
        return self._answers().begin(config, questions, options, tell)

    def answering(self) -> Answering | None:
        return self._desk.answering if self._desk is not None else None

    def stop_answering(self, number: int = 0) -> bool:
        return self._desk is not None and self._desk.stop(number)

    def free_model(self) -> None:
        if self._desk is not None:
            self._desk.give_up()

    def slot(self) -> Slot:
        """Who has the place for a model."""
        running, exported = self._record.active(), self._exports.exported
        if running is not None:
            return Slot("train", running.model or running.name)
        evaluated = self.evaluation()
        if self._evaluations.is_busy and evaluated is not None:
            return Slot("evaluate", evaluated.subject)
        if self._exports.is_heavy and exported is not None:
            return Slot("export", exported.settings.result)
        return self._desk.slot if self._desk is not None else Slot("free")

    def begin_attribution(
        self,
        config: RunConfig,
        question: Question,
        answer: str,
        part: tuple[int, int],
        options: AnswerOptions | None = None,
    ) -> int:
        """Begin to weigh the patches of the series in a part of an answer; refused as `answer` is."""
        options = options or AnswerOptions()
        self._make_ready(options)
        return self._answers().begin_attribution(config, question, answer, part, options)

    def attribution(self) -> Attribution | None:
        return self._desk.attribution if self._desk is not None else None

    def stop_attribution(self) -> None:
        if self._desk is not None:
            self._desk.stop_attribution()

    def ask(self, result: str, turns: Sequence[Mapping[str, str]], series: Sequence[Any]) -> int:
        """Put a question to a trained model; the one before is given up."""
        self._refuse_if_busy()
        self.end_examination()
        config = RunConfig(model=ModelSettings(continue_from=result, precision="fp32"))
        options = AnswerOptions(max_new_tokens=LONGEST_ANSWER_TOKENS)
        return self._answers().begin(config, [Question(turns, series)], options, None, gives_way=True)

    def asked(self) -> Asked | None:
        found = self.answering()
        return heavy("answering").asked_of(found) if found is not None else None

    def examine(self, config: RunConfig) -> int:
        """Begin to make the readiness card; refused during a run unless its model was looked at before."""
        examiner = self._examining()
        if not examiner.knows(config):
            self._refuse_if_busy()
        raise_if_any(self.check(config))
        return examiner.begin(config, is_trial=False, is_idle=not self._is_working())

    def dry_run(self, config: RunConfig) -> int:
        """The card, then two real steps at the longest batch."""
        self._refuse_if_busy()
        raise_if_any(self.check(config))
        self._free_for_run()
        return self._examining().begin(config, is_trial=True, is_idle=True)

    def reader(self, config: RunConfig) -> Any:
        """How the config's model reads rows; no weights are loaded, and nothing is fetched."""
        return heavy("reading").processor_of(config, self._workspace)

    def readiness(self) -> Examined | None:
        return self._examiner.examined if self._examiner is not None else None

    def end_examination(self) -> None:
        if self._examiner is not None:
            self._examiner.give_up()

    def devices(self) -> Sequence[str]:
        cuda = getattr(sys.modules.get("torch"), "cuda", None)
        return DEVICES if cuda is None or cuda.is_available() else DEVICES[:1]

    def begin_export(self, settings: ExportSettings) -> int:
        return self._exports.begin(settings)

    def exported(self) -> Exported | None:
        return self._exports.exported

    def stop_export(self) -> None:
        self._exports.stop()

    def begin_evaluation(self, settings: EvaluationSettings, by: str = "") -> str:
        return self._evaluations.begin(settings, by)

    def resume_evaluation(self, evaluation_id: str, by: str = "") -> None:
        self._evaluations.resume(evaluation_id, by)

    def evaluation(self) -> Evaluation | None:
        return self._evaluations.evaluation

    def stop_evaluation(self) -> None:
        self._evaluations.stop()

    def base_of(self, config: RunConfig) -> RunConfig | None:
        return heavy("evaluation_models").base_of(config, self._workspace)

    def _make_room(self) -> None:
        """Wait until no model is held here, and nothing looks at a config."""
        self._free_for_run()
        self.end_examination()

    def _free_for_run(self) -> None:
        """Wait until no model is held here. Questions that wait for a run, or go on beside it, stay."""
        if self._desk is not None:
            self._desk.make_way()

    def _make_ready(self, options: AnswerOptions) -> None:
        """For questions: refuse them during a run unless they wait or go beside; end the look at a config."""
        try:
            self._refuse_if_busy()
        except UserError as error:
            if options.beside == REFUSE or error.message.key in FOR_GOOD:
                raise
            return
        self.end_examination()

    def _refuse_to_load(self) -> None:
        """Raise UserError while something else has the machine, a dry run included."""
        self._refuse_if_busy()
        found = self.readiness()
        if found is not None and found.is_trial and not found.is_done:
            raise UserError(message("engine.examining"))

    def _examining(self) -> Any:
        examining = heavy("examining")
        with self._lock:
            if self._examiner is None:
                self._examiner = examining.Examiner(self._workspace, self._record)
            return self._examiner

    def _answers(self) -> Any:
        answering = heavy("answering")
        with self._lock:
            if self._desk is None:
                self._desk = answering.AnswerDesk(self._workspace, self._refuse_to_load)
            return self._desk
