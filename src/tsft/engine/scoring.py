"""A trained reward model at work: one number for each conversation, higher is better. Opened from what a run left."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from tsft.engine.restore import Fetching, open_result
from tsft.errors import UserError, message
from tsft.model.batches import collate
from tsft.model.loading import Loaded
from tsft.model.reward_head import has_reward_head
from tsft.store.workspace import Workspace

# Turns that end with the answer, and the raw series of the conversation.
Conversation = tuple[Sequence[Mapping[str, str]], Sequence[Any]]
AT_ONCE = 8


class Scorer:
    """Scores conversations with a model that has a reward head."""

    def __init__(self, loaded: Loaded) -> None:
        self._model = loaded.model.eval()
        self._processor = loaded.processor

    @torch.no_grad()
    def scores(self, conversations: Sequence[Conversation]) -> list[float]:
        """In the order given. UserError for a conversation that cannot be encoded."""
        found: list[float] = []
        family, device = self._processor.family, next(self._model.parameters()).device
        for start in range(0, len(conversations), AT_ONCE):
            part = conversations[start : start + AT_ONCE]
            rows = [self._processor.encode(turns, series, train_on="last_answer") for turns, series in part]
            batch = collate(rows, self._processor.pad_id, family.patch_size, family.last_patch)
            inputs = {name: value.to(device) for name, value in batch.items() if name != "labels"}
            found += self._model(**inputs, as_reward=True).logits[:, 0].float().tolist()
        return found


def open_scorer(path: Path, workspace: Workspace, fetching: Fetching, dtype: torch.dtype = torch.float32) -> Scorer:
    """The reward model of a run's result, a checkpoint or an exported folder. UserError where it is none."""
    loaded = open_result(path, workspace, dtype, fetching)
    if not gives_scores(loaded):
        raise UserError(message("scoring.no_head", path=str(path)))
    return Scorer(loaded)


def gives_scores(loaded: Loaded) -> bool:
    """Whether it is a reward model, which gives scores in the place of answers."""
    model: Any = loaded.model
    return has_reward_head(model.get_base_model() if isinstance(model, PeftModel) else model)
