"""Whether this server can do its work: workspace, disk, record, device, hub. Quick, bounded and kept for a while."""

import os
import shutil
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from huggingface_hub import constants

from tsft import __version__
from tsft.api.answers import faults
from tsft.api.forms import Health, HealthCheck
from tsft.run.ports import EnginePort
from tsft.store.app_settings import SettingsFile
from tsft.store.database import DatabaseFault
from tsft.store.record import Record
from tsft.store.workspace import Workspace

KEPT_SECONDS, HUB_KEPT_SECONDS = 2.0, 60.0
HUB_SECONDS = 2.0
# Below this a checkpoint of the smallest model does not fit any more.
LEAST_FREE_BYTES = 200_000_000


class Examiner:
    """Keeps the last answer, so that many who ask cost as much as one. `reach_hub` may be given by a test."""

    def __init__(
        self,
        engine: EnginePort,
        workspace: Workspace,
        record: Record,
        settings: SettingsFile,
        reach_hub: Callable[[], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._workspace = workspace
        self._record = record
        self._settings = settings
        self._reach_hub = reach_hub or hub_answers
        self._clock = clock
        self._lock = threading.Lock()
        self._checks: tuple[float, list[HealthCheck]] | None = None
        self._hub: tuple[float, Future[bool]] | None = None

    def health(self, language: str) -> Health:
        """All checks; each is at most a few seconds old, the hub's a minute."""
        with self._lock:
            now = self._clock()
            if self._checks is None or now - self._checks[0] > KEPT_SECONDS:
                found = [self._workspace_check(), self._disk(), self._database(), self._device(), self._hub_check(now)]
                self._checks = (now, found)
            checks = [*self._checks[1], self._settings_check(language)]
        return Health(healthy=all(each.ok for each in checks if each.matters), version=__version__, checks=checks)

    def _workspace_check(self) -> HealthCheck:
        try:
            with tempfile.TemporaryFile(dir=self._workspace.runs) as file:
                file.write(b"tsft")
        except OSError as error:
            return _check("workspace", False, why=error.strerror or type(error).__name__)
        return _check("workspace", True)

    def _disk(self) -> HealthCheck:
        try:
            usage = shutil.disk_usage(self._workspace.root)
        except OSError as error:
            return _check("disk", False, why=error.strerror or type(error).__name__)
        return _check("disk", usage.free >= LEAST_FREE_BYTES, free_bytes=usage.free, total_bytes=usage.total)

    def _database(self) -> HealthCheck:
        try:
            active = self._record.active()
        except (DatabaseFault, OSError) as error:
            return _check("database", False, why=type(error).__name__)
        return _check("database", True, run_in_progress=active.id if active else "")

    def _device(self) -> HealthCheck:
        gauges = self._engine.gauges()
        memory = gauges.gpu.memory if gauges.gpu else gauges.memory
        amounts: dict[str, Any] = {"used_bytes": memory.used_bytes, "total_bytes": memory.total_bytes} if memory else {}
        return _check("device", True, device=gauges.gpu.name if gauges.gpu else "cpu", **amounts)

    def _hub_check(self, now: float) -> HealthCheck:
        """Asked on a thread of its own: a name server that does not answer keeps nobody waiting for long."""
        if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
            return _check("hub", False, matters=False, why="HF_HUB_OFFLINE")
        if self._hub is None or now - self._hub[0] > HUB_KEPT_SECONDS:
            answer: Future[bool] = Future()
            self._hub = (now, answer)
            threading.Thread(target=_fill, args=(answer, self._reach_hub), name="tsft-hub-check", daemon=True).start()
        try:
            return _check("hub", self._hub[1].result(HUB_SECONDS), matters=False)
        except TimeoutError:
            return _check("hub", False, matters=False, why="timeout")

    def _settings_check(self, language: str) -> HealthCheck:
        problems = [each.model_dump() for each in faults(self._settings.problems, language)]
        return _check("settings", not problems, problems=problems)


def hub_answers() -> bool:
    """Whether the model hub answers at all."""
    request = urllib.request.Request(constants.ENDPOINT, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=HUB_SECONDS):
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False


def _fill(answer: "Future[bool]", reach_hub: Callable[[], bool]) -> None:
    answer.set_result(reach_hub())


def _check(name: str, ok: bool, *, matters: bool = True, **detail: Any) -> HealthCheck:
    return HealthCheck(name=name, ok=ok, matters=matters, detail=detail)
