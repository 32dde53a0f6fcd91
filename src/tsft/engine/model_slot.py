"""The place for one loaded model beside a run: for questions to it, and for what its patches weigh in an answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch

from tsft.config.run_config import RunConfig
from tsft.engine.device import choose_precision, give_memory_back
from tsft.engine.quantised import held_as, wished
from tsft.engine.restore import Fetching, base_folder, model_changes, new_encoder, open_result, result_folder
from tsft.engine.scoring import gives_scores
from tsft.engine.sources import model_folder, watched_loading
from tsft.errors import UserError, message
from tsft.model.loading import Loaded, load
from tsft.model.quantization import Quantised, held_bytes
from tsft.store.workspace import Workspace

# Weights and what a forward pass takes besides; files are half precision at most times, float32 takes twice as much.
_HALF_SHARE, _FULL_SHARE = 1.2, 2.2
# Where the decoder is quantised: embeddings, head and encoder, which are not, and a matrix that is made whole.
_WHOLE_SHARE = 0.5


class ModelSlot:
    """Holds at most one model. Only one thread at a time loads and empties; any may ask what is in it.

    spares_memory: refuse a model that does not fit into the machine's free memory, because somebody else needs it.
    """

    def __init__(self, workspace: Workspace, spares_memory: bool = False) -> None:
        self.workspace = workspace
        self._spares_memory = spares_memory
        self._held: tuple[RunConfig, Loaded] | None = None

    @property
    def is_full(self) -> bool:
        return self._held is not None

    @property
    def model(self) -> str:
        """The model that is held, as a person knows it; "" when there is none."""
        held = self._held
        return "" if held is None else model_name(held[0])

    @property
    def memory_bytes(self) -> int:
        """What the weights of the held model take."""
        held = self._held
        if held is None:
            return 0
        model: Any = held[1].model
        tensors = {id(each): each for each in (*model.parameters(), *model.buffers())}
        return sum(held_bytes(each) for each in tensors.values())

    def model_of(self, config: RunConfig, obey: Callable[[], None], should_stop: Callable[[], bool]) -> Loaded:
        """The config's model, loaded unless it is the one that is held; any other is let go first."""
        # Of all settings only these change which model it is; a result has its own encoder.
        key = (
            RunConfig(model=config.model)
            if config.model.continue_from
            else RunConfig(model=config.model, encoder=config.encoder, quantization=config.quantization)
        )
        if self._held is not None and self._held[0] == key:
            return self._held[1]
        self.empty()
        fetching = Fetching(lambda done, total: obey(), should_stop)
        with watched_loading(lambda done, total: None, obey):
            loaded = loaded_model(key, self.workspace, fetching, spares_memory=self._spares_memory)
        self._held = (key, loaded)
        return loaded

    def empty(self) -> None:
        if self._held is not None:
            self._held = None
            give_memory_back()


def loaded_model(config: RunConfig, workspace: Workspace, fetching: Fetching, *, spares_memory: bool = False) -> Loaded:
    """The model of a config on its device, all of it in the number format that suits that."""
    settings = config.model
    earlier = result_folder(settings.continue_from, workspace) if settings.continue_from else None
    source = earlier or model_folder(settings, workspace, fetching.progress, fetching.should_stop)
    base = base_folder(source, workspace, fetching)
    weights = _weights_bytes(base)
    dtype = choose_precision(config, weights).frozen
    if spares_memory:
        _refuse_large(weights, dtype, held_as(config, source, base))
    if earlier is not None:
        loaded = open_result(earlier, workspace, dtype, fetching, attention=settings.attention)
    else:
        encoder, changes = new_encoder(config), model_changes(config)
        loaded = load(
            source,
            dtype=dtype,
            attention=settings.attention,
            new_encoder=encoder,
            changes=changes,
            quantization=wished(config),
        )
    if gives_scores(loaded):
        raise UserError(message("engine.reward_model", name=model_name(config)))
    model: Any = loaded.model
    if loaded.quantised is None:
        model.to("cuda" if torch.cuda.is_available() else "cpu", dtype)
    else:  # in its place already; quantising leaves holes in memory
        give_memory_back()
    model.eval()
    return loaded


def model_name(config: RunConfig) -> str:
    """What a person calls the model of a config: the result it goes on from, else its base."""
    return config.model.continue_from or config.model.name


def _weights_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def _refuse_large(weights_bytes: int, dtype: torch.dtype, held: Quantised | None) -> None:
    share = _FULL_SHARE if dtype == torch.float32 else _HALF_SHARE
    if held is not None:
        share = held.bytes_a_weight / 2 + _WHOLE_SHARE
    needed = weights_bytes * share
    free = psutil.virtual_memory().available
    if needed > free:
        raise UserError(message("engine.no_room_beside", needed=f"{needed / 1e9:.1f}", free=f"{free / 1e9:.1f}"))
