"""Base models on their way into the workspace, each on a thread of its own beside whatever runs."""

import logging
import threading
from collections.abc import Callable, Mapping

from tsft.config.run_config import ModelSettings, RunConfig
from tsft.engine.heavy import heavy
from tsft.errors import UserError
from tsft.run.ports import Fetch, Stopped
from tsft.store.workspace import Workspace

logger = logging.getLogger(__name__)


class Downloads:
    """Those of one process. `is_closing` ends them."""

    def __init__(self, workspace: Workspace, is_closing: Callable[[], bool]) -> None:
        self._workspace = workspace
        self._is_closing = is_closing
        self._lock = threading.Lock()
        self._fetches: dict[str, Fetch] = {}

    def all(self) -> Mapping[str, Fetch]:
        """By model name: on their way, done or failed."""
        with self._lock:
            return dict(self._fetches)

    def begin(self, name: str, hub: str) -> None:
        """Begin one, unless it is on its way."""
        with self._lock:
            present = self._fetches.get(name)
            if present is not None and not present.is_done and present.problem is None:
                return
            self._fetches[name] = Fetch(name)
        threading.Thread(target=self._fetch, args=(name, hub), name="tsft-fetch", daemon=True).start()

    def _fetch(self, name: str, hub: str) -> None:
        def progress(done: int, total: int) -> None:
            self._fetches[name] = Fetch(name, done, total)

        try:
            settings = ModelSettings(name=name, hub=hub)
            heavy("sources").model_folder(settings, self._workspace, progress, self._is_closing)
            before = self._fetches[name]
            self._fetches[name] = Fetch(name, before.total_bytes, before.total_bytes, is_done=True)
        except UserError as error:
            self._fetches[name] = Fetch(name, problem=error.message)
        except Stopped:
            self._fetches.pop(name, None)
        except Exception as error:  # noqa: BLE001 (the outermost frame of the thread: logged and shown as a sentence)
            logger.exception("fetching %s failed", name)
            self._fetches[name] = Fetch(name, problem=heavy("failures").failure_of(error, RunConfig()).message)
