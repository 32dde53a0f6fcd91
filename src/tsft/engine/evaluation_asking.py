"""A model as an evaluation uses it: length, loss and answer of a row; and how to go on when memory runs out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch

from tsft.data.budget import Budget, fit
from tsft.data.encoded_rows import with_system
from tsft.data.encoding import EncodedRow
from tsft.engine.device import give_memory_back, use_threads
from tsft.engine.evaluation_models import Candidate
from tsft.engine.evaluation_rows import EvaluatedRow
from tsft.engine.failures import is_out_of_memory, let_go
from tsft.engine.model_slot import loaded_model
from tsft.engine.restore import Fetching
from tsft.engine.sources import watched_loading
from tsft.engine.token_losses import token_losses
from tsft.errors import UserError, message
from tsft.evaluate.shown import Shown
from tsft.model.answer import Sampling, answer_encoded
from tsft.model.batches import collate
from tsft.model.loading import Loaded
from tsft.model.processor import EncodedRow as Prompt
from tsft.run.evaluation import EvaluationSettings
from tsft.store.app_settings import thread_limit
from tsft.store.workspace import Workspace

Item = TypeVar("Item")
Found = TypeVar("Found")


class Answerer(Protocol):
    """What an evaluation asks of a model."""

    def length(self, row: EvaluatedRow) -> int:
        """Tokens of question and answer. `data.examples.RowRefused` with the reason where it cannot be asked."""
        ...

    def losses(self, rows: Sequence[EvaluatedRow]) -> list[tuple[float, int]]:
        """Mean loss a trained token, and how many there are, of each row."""
        ...

    def answers(self, shown: Sequence[Shown], sampling: Sampling, should_stop: Callable[[], bool]) -> list[str]:
        """One a question. Stopped early, they are what was written so far."""
        ...


@dataclass(frozen=True)
class ModelAnswerer:
    """A loaded model with the system prompt and the labels that its run trained with."""

    loaded: Loaded
    candidate: Candidate
    max_tokens: int

    def length(self, row: EvaluatedRow) -> int:
        return len(self._encoded(row).input_ids)

    @torch.inference_mode()
    def losses(self, rows: Sequence[EvaluatedRow]) -> list[tuple[float, int]]:
        processor, model = self.loaded.processor, self.loaded.model
        family = processor.family
        encoded: list[Any] = [self._encoded(row) for row in rows]
        batch = collate(encoded, processor.pad_id, family.patch_size, family.last_patch)
        batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
        # As in training: logits stand at the positions that predict a label alone, row by row.
        logits = model(**batch).logits
        logits = logits.reshape(-1, logits.shape[-1])
        targets = batch["labels"][:, 1:]
        is_target = targets != -100
        each = token_losses(logits, targets[is_target])
        counts = is_target.sum(1).tolist()
        return [
            (float(part.double().mean()) if count else 0.0, count)
            for part, count in zip(each.split(counts), counts, strict=True)
        ]

    def answers(self, shown: Sequence[Shown], sampling: Sampling, should_stop: Callable[[], bool]) -> list[str]:
        prompts = [self._prompt(each) for each in shown]
        model, processor = self.loaded.model, self.loaded.processor
        return answer_encoded(model, processor, prompts, sampling=sampling, should_stop=should_stop)

    def _encoded(self, row: EvaluatedRow) -> EncodedRow:
        data = self.candidate.trained.data
        turns, series = with_system(row.turns, data.system_prompt), list(row.shown.series)
        return fit(turns, series, self.loaded.processor, Budget(self.max_tokens, "drop", data.train_on)).encoded

    def _prompt(self, shown: Shown) -> Prompt:
        """The text as of one encoding, the patches as of another, where a control shows other series than it names."""
        turns = with_system([dict(turn) for turn in shown.turns], self.candidate.trained.data.system_prompt)
        prompt = self.loaded.processor.prompt(turns, shown.prefix_series or shown.series)
        if shown.prefix_series is None:
            return prompt
        return Prompt(prompt.input_ids, [], self.loaded.processor.prompt(turns, shown.series).values)


# How a model is brought into memory; a test hands in another.
Opening = Callable[[Candidate, EvaluationSettings, Workspace, Callable[[int, int], None], Callable[[], bool]], Answerer]


def open_model(
    candidate: Candidate,
    settings: EvaluationSettings,
    workspace: Workspace,
    progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> ModelAnswerer:
    """Load it; `progress` (bytes or tensors, done and in all) may raise to give up."""
    use_threads(thread_limit(workspace, 0))
    fetching = Fetching(progress, should_stop)
    with watched_loading(progress, lambda: progress(0, 0)):
        loaded = loaded_model(candidate.config, workspace, fetching)
    return ModelAnswerer(loaded, candidate, settings.max_tokens)


class Batches:
    """Does something with batches, in halves once memory ran out, and remembers how many fit.

    `tell` hears each new size.
    """

    def __init__(self, size: int, tell: Callable[[int], None]) -> None:
        self.size = size
        self._tell = tell
        self._has_worked = False

    def each(
        self, batch: Sequence[Item], act: Callable[[Sequence[Item]], list[Found]]
    ) -> "list[tuple[Item, Found | None]]":
        """What `act` finds for each; None for one that does not fit alone although others did."""
        found: list[tuple[Item, Found | None]] = []
        while len(found) < len(batch):
            part = batch[len(found) : len(found) + self.size]
            results = self._tried(part, act)
            if results is None:
                continue
            found += list(zip(part, results, strict=True))
        return found

    def _tried(self, part: Sequence[Item], act: Callable[[Sequence[Item]], list[Found]]) -> "list[Found | None] | None":
        """None: again, in smaller parts."""
        try:
            results: list[Found | None] = [*act(part)]
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or (len(part) == 1 and not self._has_worked):
                raise
            let_go(error)
        else:
            self._has_worked = True
            return results
        give_memory_back()
        if len(part) == 1:
            return [None]
        self.size = len(part) // 2
        self._tell(self.size)
        return None


def no_rows_left(candidate: Candidate) -> UserError:
    """All rows of the evaluation are too long for this model."""
    return UserError(message("evaluation.nothing_to_ask", model=candidate.name))
