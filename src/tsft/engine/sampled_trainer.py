"""The trainer of the stages that learn from their own answers: has them written before each step that needs new ones.

An optimizer step takes `batch_size` times `gradient_accumulation` questions. Their answers are written at once, and the
same ones are learnt in as many steps in a row as the stage wants; a checkpoint between two of these holds them.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tsft.engine.measures import Sums
from tsft.engine.place import unnoticed
from tsft.engine.questions import Questions
from tsft.engine.rollouts import Writer, Written
from tsft.engine.sampled import repeats
from tsft.engine.series_trainer import SeriesTrainer
from tsft.engine.shared_trainer import is_filler
from tsft.engine.shown_answers import ShownAnswers
from tsft.engine.validation import Verdict, mean_loss
from tsft.model.value_head import value_head

WINDOW = "own_answers.safetensors"
VALUES = "value_head.safetensors"


class SampledTrainer(SeriesTrainer):
    """Trains on rows that were encoded as questions. shown: which answers are shown, None for none."""

    def __init__(
        self,
        *,
        writer: Writer,
        questions: Questions,
        validation_questions: Questions | None,
        shown: ShownAnswers | None = None,
        **more: Any,
    ) -> None:
        super().__init__(**more)
        self._writer = writer
        self._questions, self._validation_questions = questions, validation_questions
        self._shown = shown
        self._window: list[dict[str, Tensor]] = []
        self._window_number = -1

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: torch.device) -> tuple[list[Any], None]:
        """In the place of the step's questions, batches of answers to them."""
        asked, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        if not asked:
            return [], None
        number = self.state.global_step // repeats(self._config)
        if number != self._window_number:
            self._remember_place()
            self._wishes.obey()
            written, batches, sums = self._written(asked)
            self._window, self._window_number = batches, number
            self._reporter.measures.add(sums)
            if self._shown is not None:
                self._shown.show(self.state.global_step + 1, self._questions, written)
        return [dict(each) for each in self._window], None

    def _written(self, asked: list[Any]) -> tuple[list[Written], list[dict[str, Tensor]], Sums]:
        with unnoticed(), self.compute_loss_context_manager():
            seed = (self.args.seed * 1_000_003 + self.state.global_step) * 4096 + self.args.process_index
            torch.manual_seed(seed % 2**63)
            written = self._writer.write(self.model, self._questions, asked)
            batches, sums = self._writer.learnable(written)
        return written, batches, sums

    # -- validation: what the likeliest answers are worth ----------------------------------------------------------

    def _validate(self, loader: Any) -> tuple[float | None, tuple[tuple[str, float], ...]]:
        _, measures = mean_loss(loader, self._judged_batch, self._wishes, self._board, self.team)
        return None, measures

    def _judged_batch(self, inputs: dict[str, Any]) -> Verdict:
        assert self._validation_questions is not None
        with self.compute_loss_context_manager():
            found = self._writer.greedy(self.model, self._validation_questions, inputs)
        return 0.0, 0, {} if is_filler(inputs) else found  # answered all the same: all processes meet between answers

    # -- checkpoints -------------------------------------------------------------------------------------------------

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """With the value head, and with the answers that are not yet learnt as often as they are to be."""
        super().save_model(output_dir, _internal_call)
        folder = Path(output_dir or self.args.output_dir)
        head = value_head(self.model)
        if head is not None and self.team.is_first:
            save_file({name: value.detach().clone() for name, value in head.state_dict().items()}, folder / VALUES)
        if self.state.global_step % repeats(self._config):
            folder.mkdir(parents=True, exist_ok=True)  # the first process may not be there yet
            save_window(self._window, self._window_number, folder / self._window_name)

    @property
    def _window_name(self) -> str:
        """Each process has its own answers, and goes on with them where as many go on."""
        return WINDOW if self.team.size == 1 else f"{self.team.rank}_of_{self.team.size}_{WINDOW}"

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        path = Path(resume_from_checkpoint) / self._window_name
        if path.is_file() and not self._is_handed_on:
            self._window, self._window_number = load_window(path)

    def _load_weights(self, checkpoint: Path) -> None:
        super()._load_weights(checkpoint)
        head = value_head(self.model)
        if head is not None and (checkpoint / VALUES).is_file():
            head.load_state_dict(load_file(checkpoint / VALUES))


def save_window(batches: list[dict[str, Tensor]], number: int, path: Path) -> None:
    """The batches of one window, by their place and their names."""
    tensors = {
        f"{place}.{name}": value.detach().cpu().contiguous().clone()
        for place, batch in enumerate(batches)
        for name, value in batch.items()
    }
    save_file(tensors, path, metadata={"number": json.dumps(number)})


def load_window(path: Path) -> tuple[list[dict[str, Tensor]], int]:
    """What `save_window` wrote: the batches and the number of the window."""
    with safe_open(path, "pt") as opened:
        number = json.loads(opened.metadata()["number"])
    batches: dict[int, dict[str, Tensor]] = {}
    for key, value in load_file(path).items():
        place, _, name = key.partition(".")
        batches.setdefault(int(place), {})[name] = value
    return [_inputs_first(batches[place]) for place in sorted(batches)], number


def _inputs_first(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """transformers takes the size of a batch from its first tensor."""
    return {"input_ids": batch["input_ids"], **batch}
