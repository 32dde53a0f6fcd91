"""The asking of an evaluation: every model in turn, every row not answered before, each answer kept at once."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TextIO

from tsft.data.content import content_hash
from tsft.data.examples import RowRefused
from tsft.data.registry import DatasetInfo
from tsft.engine.device import give_memory_back
from tsft.engine.evaluation_asking import Answerer, Batches, Opening, no_rows_left
from tsft.engine.evaluation_models import Candidate
from tsft.engine.evaluation_pace import Pace
from tsft.engine.evaluation_rows import (
    Controls,
    EvaluatedRow,
    batches,
    choose_controls,
    read_rows,
    refusals,
)
from tsft.errors import Message, UserError, message
from tsft.evaluate.predictions import Prediction, span_of
from tsft.evaluate.shown import Shown
from tsft.model.answer import Sampling
from tsft.run.board import mend_cut_line
from tsft.run.evaluation import ANSWERING, LOADING, LOSS, PREPARING, EvaluationSettings
from tsft.run.ports import Stopped
from tsft.store.evaluations import AnsweredRow, EvaluationFolder, answer_line, note, read_answers, read_evaluation
from tsft.store.workspace import Workspace

# `evaluation.json` is written again so often at most.
NOTE_SECONDS = 2.0
# Changes what is seen of the evaluation: any fields of `run.evaluation.Evaluation`.
Say = Callable[..., None]
Place = tuple[str, int]
_MEASURING, _ASKING = "loss", "answers"


class Work:
    """One evaluation at work, on one thread. `rows` are there once they were read."""

    def __init__(
        self,
        settings: EvaluationSettings,
        workspace: Workspace,
        models: Sequence[Candidate],
        datasets: Sequence[DatasetInfo],
        folder: EvaluationFolder,
        say: Say,
        should_stop: Callable[[], bool],
        opening: Opening,
    ) -> None:
        self.rows: list[EvaluatedRow] = []
        self._settings = settings
        self._workspace = workspace
        self._models = models
        self._datasets = datasets
        self._folder = folder
        self._say = say
        self._should_stop = should_stop
        self._opening = opening
        self._pace = Pace()
        self._noted_at = 0.0
        before = read_evaluation(folder)
        self._contents = dict(before.contents)
        self._complete = list(before.complete)
        self._left_out_by = dict(before.left_out_by)
        self._unreadable = max(0, before.left_out - max(before.left_out_by.values(), default=0))
        self._notes: list[Message] = []
        self._measured: dict[str, dict[Place, tuple[float, int]]] = {}
        self._answered: dict[tuple[str, str], set[Place]] = {}

    def ask_everyone(self) -> None:
        """Everything but the scores. Raises Stopped, or what went wrong; what was found until then is in the folder."""
        self._say(phase=PREPARING)
        self._know_what_was_done()
        self._check_contents()
        read = read_rows(
            self._datasets, self._settings, self._workspace, self._obey, self._should_stop, self._settings.rows
        )
        self.rows, self._unreadable = read.rows, read.left_out
        self.tell(*refusals(read))
        if not self.rows:
            raise UserError(message("evaluation.no_rows"))
        controls, notes = choose_controls(self.rows, self._settings)
        self.tell(*notes)
        for each in self._models:
            self._expect(each, controls)
        for each in self._models:
            if each.name not in self._complete:
                self._ask_one(each, controls)
                self._complete.append(each.name)
            note(self._folder, **self.state())

    def tell(self, *notes: Message) -> None:
        """Something worth knowing, once."""
        fresh = [each for each in notes if each not in self._notes]
        if fresh:
            self._notes += fresh
            self._say(notes=tuple(self._notes))

    def state(self) -> dict[str, Any]:
        """How it stands, for `evaluation.json`."""
        return {
            "losses": self._losses(),
            "left_out": self._unreadable + max(self._left_out_by.values(), default=0),
            "left_out_by": self._left_out_by,
            "complete": self._complete,
            "contents": self._contents,
            "notes": self._notes,
        }

    # -- what was done before --------------------------------------------------------------------------------------

    def _know_what_was_done(self) -> None:
        for path in (self._folder.predictions, self._folder.losses):
            mend_cut_line(path)
        for each in read_answers(self._folder):
            place = (each.dataset, int(each.prediction["row"]))
            self._answered.setdefault((each.model, each.control), set()).add(place)
        for line in _lines(self._folder):
            place = (line["dataset"], line["row"])
            self._measured.setdefault(line["model"], {})[place] = (line["loss"], line["tokens"])

    def _check_contents(self) -> None:
        """An evaluation goes on with the rows that it began with, or not at all."""
        for dataset in self._datasets:
            content = content_hash(dataset.files, self._workspace.cache, self._should_stop)
            if self._contents.setdefault(dataset.name, content) != content:
                raise UserError(message("evaluation.dataset_changed", name=dataset.name))

    def _expect(self, model: Candidate, controls: Controls) -> None:
        """Count what is to be done and what was."""
        asked = [("", len(self.rows))] + [(name, len(places)) for name, places in controls.places.items()]
        if model.name in self._complete:
            asked = [(name, len(self._answered.get((model.name, name), ()))) for name, _ in asked]
        if self._settings.measures_loss:
            done = len(self._measured.get(model.name, {}))
            self._pace.expect(_MEASURING, done if model.name in self._complete else len(self.rows))
            self._pace.was_done(_MEASURING, done)
        if self._settings.writes_answers:
            for name, count in asked:
                self._pace.expect(_ASKING, count)
                self._pace.was_done(_ASKING, len(self._answered.get((model.name, name), ())))
        self._show()

    # -- one model -------------------------------------------------------------------------------------------------

    def _ask_one(self, model: Candidate, controls: Controls) -> None:
        self._obey()
        self._say(phase=LOADING, subject=model.name)
        answerer: Answerer | None = None
        try:
            answerer = self._opening(model, self._settings, self._workspace, self._loading, self._should_stop)
            rows, lengths = self._fitting(model, answerer, controls)
            if self._settings.measures_loss:
                self._measure(model, answerer, rows, lengths)
            size = Batches(self._settings.batch_size, self._smaller)
            if self._settings.writes_answers:
                self._ask(model, "", answerer, [(each, each.shown) for each in rows], lengths, size)
                length = {each.key: one for each, one in zip(rows, lengths, strict=True)}
                for control in controls.places:
                    shown = [(row, each) for row, each in controls.shown(control) if row.key in length]
                    self._ask(model, control, answerer, shown, [length[row.key] for row, _ in shown], size)
        finally:
            answerer = None
            give_memory_back()  # the next model needs it

    def _fitting(
        self, model: Candidate, answerer: Answerer, controls: Controls
    ) -> tuple[list[EvaluatedRow], list[int]]:
        """The rows that this model can be asked, with their lengths; the others are told and not waited for."""
        rows, lengths, refused = [], [], []
        for each in self.rows:
            self._obey()
            try:
                lengths.append(answerer.length(each))
                rows.append(each)
            except RowRefused as reason:
                refused.append((each.key, reason.reason))
        self._left_out_by[model.name] = len(refused)
        if refused:
            first = refused[0][1].to_json()
            self.tell(message("evaluation.note.left_out", model=model.name, count=len(refused), reason=first))
            if self._settings.measures_loss:
                self._pace.expect(_MEASURING, -len(refused))
            if self._settings.writes_answers:
                gone = {key for key, _ in refused}
                shown = [row for name in controls.places for row, _ in controls.shown(name) if row.key in gone]
                self._pace.expect(_ASKING, -len(refused) - len(shown))
        if not rows:
            raise no_rows_left(model)
        return rows, lengths

    def _measure(
        self,
        model: Candidate,
        answerer: Answerer,
        rows: Sequence[EvaluatedRow],
        lengths: Sequence[int],
    ) -> None:
        """The loss of every row that has an answer, as a run measures it on its validation rows."""
        self._say(phase=LOSS, subject=model.name)
        known = self._measured.setdefault(model.name, {})
        size = Batches(self._settings.batch_size, self._smaller)
        self._pace.expect(_MEASURING, -sum(not each.reference for each in rows))
        with self._folder.losses.open("a", encoding="utf-8") as file:
            for batch in self._batches(lengths):
                waiting = [rows[place] for place in batch if rows[place].key not in known and rows[place].reference]
                for row, found in self._done(_MEASURING, waiting, size, answerer.losses):
                    if found is None:
                        self._leave_out(model, row)
                        continue
                    known[row.key] = found
                    told = {"model": model.name, "dataset": row.dataset, "row": row.index}
                    file.write(json.dumps({**told, "loss": found[0], "tokens": found[1]}, ensure_ascii=False) + "\n")
                file.flush()

    def _ask(
        self,
        model: Candidate,
        control: str,
        answerer: Answerer,
        shown: Sequence[tuple[EvaluatedRow, Shown]],
        lengths: Sequence[int],
        size: Batches,
    ) -> None:
        """Every question of one kind that this model has not answered yet."""
        self._say(phase=ANSWERING, subject=f"{model.name} · {control}" if control else model.name)
        known = self._answered.setdefault((model.name, control), set())
        with self._folder.predictions.open("a", encoding="utf-8") as file:
            for number, batch in enumerate(self._batches(lengths)):
                waiting = [shown[place] for place in batch if shown[place][0].key not in known]
                sampling = self._sampling(number)

                def answers(part: Sequence[tuple[EvaluatedRow, Shown]], sampling: Sampling = sampling) -> list[str]:
                    texts = answerer.answers([each for _, each in part], sampling, self._should_stop)
                    self._obey()  # answers that were cut off are none
                    return texts

                for (row, each), text in self._done(_ASKING, waiting, size, answers):
                    if text is None:
                        self._leave_out(model, row)
                        continue
                    known.add(row.key)
                    self._keep(file, model, control, row, each, text)
                file.flush()  # a batch whole or not at all: half of one would be drawn otherwise when it goes on

    def _keep(self, file: TextIO, model: Candidate, control: str, row: EvaluatedRow, shown: Shown, text: str) -> None:
        span = row.span if not control else span_of(shown.label, shown.series)
        said = Prediction(row.index, row.shown.series_key, shown.label, text.strip(), row.reference, span)
        loss = None if control else self._measured.get(model.name, {}).get(row.key, (None, 0))[0]
        file.write(answer_line(AnsweredRow(model.name, row.dataset, control, said.to_json(), loss)))

    # -- batches ---------------------------------------------------------------------------------------------------

    def _batches(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        for batch in batches(lengths, self._settings.batch_size, self._settings.seed):
            self._obey()
            yield batch

    def _done(self, kind: str, waiting: Sequence[Any], size: Batches, act: Callable[[Sequence[Any]], Any]) -> Any:
        """What `act` finds for those that wait, told as progress."""
        if not waiting:
            return []
        self._pace.begin()
        found = size.each(waiting, act)
        self._pace.end(kind, len(waiting))
        self._show()
        return found

    def _sampling(self, number: int) -> Sampling:
        """Each batch draws its own numbers, the same whenever it is asked."""
        names = ("max_new_tokens", "temperature", "top_p", "top_k", "repetition_penalty")
        chosen = {name: getattr(self._settings, name) for name in names}
        return Sampling(**chosen, seed=(self._settings.seed * 1_000_003 + number) % 2**63)

    def _leave_out(self, model: Candidate, row: EvaluatedRow) -> None:
        self._left_out_by[model.name] = self._left_out_by.get(model.name, 0) + 1
        self.tell(message("evaluation.note.does_not_fit", model=model.name, dataset=row.dataset, row=row.index + 1))

    def _smaller(self, size: int) -> None:
        self.tell(message("evaluation.note.smaller_batch", size=size))

    # -- telling ---------------------------------------------------------------------------------------------------

    def _obey(self) -> None:
        if self._should_stop():
            raise Stopped

    def _loading(self, done: int, total: int) -> None:
        self._obey()

    def _show(self) -> None:
        self._say(done=self._pace.done, total=self._pace.total, eta_seconds=self._pace.eta_seconds())
        if time.monotonic() - self._noted_at >= NOTE_SECONDS:
            self._noted_at = time.monotonic()
            answered = sum(len(each) for each in self._answered.values())
            note(self._folder, **self.state(), answered=answered)

    def _losses(self) -> list[tuple[str, str, float]]:
        """Mean loss a trained token by model and dataset."""
        found = []
        for model, measured in self._measured.items():
            for dataset in dict.fromkeys(name for name, _ in measured):
                parts = [each for (name, _), each in measured.items() if name == dataset]
                tokens = sum(count for _, count in parts)
                if tokens:
                    found.append((model, dataset, sum(loss * count for loss, count in parts) / tokens))
        return found


def _lines(folder: EvaluationFolder) -> Iterator[dict[str, Any]]:
    """What was measured; a line that was cut off is left out."""
    if not folder.losses.is_file():
        return
    with folder.losses.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                told = json.loads(line)
            except ValueError:
                continue
            if isinstance(told, dict) and {"model", "dataset", "row", "loss", "tokens"} <= set(told):
                yield told
