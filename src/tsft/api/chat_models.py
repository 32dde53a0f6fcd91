"""Which models the OpenAI-compatible interface offers: the loaded one, what runs left, and the bases that are here."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tsft.config.catalog import BASE_MODELS
from tsft.config.run_config import ModelSettings, RunConfig
from tsft.errors import Problem, UserError, message
from tsft.run.ports import EnginePort
from tsft.store.app_settings import SettingsFile, first_config
from tsft.store.models import is_here, is_inside
from tsft.store.record import Record
from tsft.store.runs import Result, list_results

# What a client may send that wants whatever is loaded.
DEFAULT = "default"


@dataclass(frozen=True)
class ChatModel:
    """name: what a client sends as `model`. created: seconds since the epoch, of a base when this server began."""

    name: str
    created: int
    is_loaded: bool


class ChatModels:
    """Any thread may ask."""

    def __init__(self, engine: EnginePort, record: Record, settings: SettingsFile) -> None:
        self._engine = engine
        self._record = record
        self._settings = settings
        self._began = int(time.time())

    def listed(self) -> list[ChatModel]:
        """The loaded one first, then results with the newest run first, then bases that need not be fetched."""
        loaded = self._loaded()
        times = {each.name: int(each.saved_at) for each in self._results()}
        names = dict.fromkeys([*([loaded] if loaded else []), *times, *self._bases()])
        return [ChatModel(name, times.get(name, self._began), name == loaded) for name in names]

    def find(self, name: str) -> ChatModel:
        """The entry of that name. Raises UserError `api.chat.no_model`."""
        for each in self.listed():
            if each.name == name:
                return each
        raise _unknown(name)

    def config_of(self, name: str) -> RunConfig:
        """What the engine loads for it. Besides the names of the list a run's id or name stands for its newest result.

        Raises UserError `api.chat.no_model`, with nothing loaded and nothing fetched.
        """
        wanted = (self._loaded() if name in ("", DEFAULT) else name) or name
        result = self._result(wanted)
        if result is not None:
            return RunConfig(model=ModelSettings(continue_from=result.name))
        offered = (self._loaded(), *self._bases())
        if wanted and (wanted in offered or is_inside(self._record.workspace, wanted)):
            config = first_config(self._settings.current().defaults)
            return replace(config, model=replace(config.model, name=wanted))
        raise _unknown(name)

    def _loaded(self) -> str:
        slot = self._engine.slot()
        return slot.model if slot.state in ("chat", "loading") else ""

    def _results(self) -> list[Result]:
        return list_results(self._record.workspace)

    def _result(self, name: str) -> Result | None:
        results = self._results()
        found = next((each for each in results if each.name == name), None)
        if found is None and name:
            found = next((each for each in results if name in (each.run_id, each.run_name)), None)
        return found

    def _bases(self) -> Iterator[str]:
        return (each.name for each in BASE_MODELS if is_here(self._record.workspace, each.name))


def _unknown(name: str) -> UserError:
    return UserError(Problem("model", message("api.chat.no_model", name=name or DEFAULT)))
