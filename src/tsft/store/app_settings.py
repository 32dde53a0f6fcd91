"""Settings of the app itself, in `settings.json` of the workspace: limits, defaults, and who is told of runs.

Read again whenever the file has changed; a broken file leaves the last good settings in force and says what is wrong.
Settings of a run are `config.run_config`'s. What is secret may come from the environment instead of the file.
"""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsft.config.check import check_value
from tsft.config.codec import read_json_file, read_tree
from tsft.config.fields import section, setting
from tsft.config.run_config import RunConfig
from tsft.config.schema import Setting, settings_of, with_values
from tsft.errors import Message, Problem, UserError, message, raise_if_any
from tsft.i18n import LANGUAGES
from tsft.log import hide
from tsft.store.workspace import Workspace

logger = logging.getLogger(__name__)

WEBHOOK_VARIABLE, TOKEN_VARIABLE = "TSFT_WEBHOOK_URL", "TSFT_WEBHOOK_TOKEN"
OCCASIONS = ("finished", "stopped", "failed", "interrupted", "plateau")


@dataclass(frozen=True)
class Limits:
    upload_mb: int = setting(200, low=1, high=1_000_000)
    queue_length: int = setting(50, low=0, high=10_000)
    threads: int = setting(0, low=0, high=1024)


@dataclass(frozen=True)
class Defaults:
    """What a person finds who has chosen nothing yet; "" leaves it as it is without this file."""

    language: str = setting("", choices=("", *LANGUAGES))
    model: str = setting("")
    datasets: tuple[str, ...] = setting(())
    precision: str = setting("", choices=("", "auto", "fp32", "bf16", "fp16"))


@dataclass(frozen=True)
class Notify:
    webhook_url: str = setting("")
    webhook_timeout_seconds: float = setting(5.0, low=0.1, high=60.0)
    webhook_tries: int = setting(4, low=1, high=20)
    occasions: tuple[str, ...] = setting(("finished", "failed", "interrupted", "plateau"), choices=OCCASIONS)
    plateau_evaluations: int = setting(3, low=1, high=10_000)


@dataclass(frozen=True)
class Server:
    hosts: tuple[str, ...] = setting(())


@dataclass(frozen=True)
class AppSettings:
    """All settings of the app. What the file leaves out is as here."""

    limits: Limits = section(Limits)
    defaults: Defaults = section(Defaults)
    notify: Notify = section(Notify)
    server: Server = section(Server)


class SettingsFile:
    """The settings as they are now: a `stat` at each look, a reading when the file changed. Any thread may ask."""

    def __init__(self, workspace: Workspace, environment: Mapping[str, str] | None = None) -> None:
        self.path = workspace.root / "settings.json"
        self._environment = os.environ if environment is None else environment
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._settings = AppSettings()
        self._problems: tuple[Problem, ...] = ()
        self._listeners: list[Callable[[AppSettings], None]] = []

    def current(self) -> AppSettings:
        """The settings of now; while the file is wrong, those it held before."""
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return self._settings
        with self._lock:
            if stamp == self._stamp:
                return self._settings
            self._read()
            self._stamp = stamp
            settings = self._settings
        for listener in self._listeners:
            listener(settings)
        return settings

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the file as it is now."""
        self.current()
        return self._problems

    def notes(self) -> list[Message]:
        """The same as sentences that name the file and the setting."""
        return [
            message("app_settings.wrong", path=self.path.name, name=each.field or "—", why=each.message.to_json())
            for each in self.problems
        ]

    def webhook(self) -> tuple[str, str]:
        """Where news of runs go ("" for nowhere) and the bearer token for it ("" for none)."""
        url = self.current().notify.webhook_url or self._environment.get(WEBHOOK_VARIABLE, "")
        hide(url)
        return url, self._environment.get(TOKEN_VARIABLE, "")

    def listen(self, listener: Callable[[AppSettings], None]) -> None:
        """Call `listener` with the settings whenever a look found them changed."""
        self._listeners.append(listener)

    def _stamp_now(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    def _read(self) -> None:
        try:
            self._settings = read_app_settings(self.path)
            self._problems = ()
            logger.info("read the settings of the app from %s", self.path.name)
        except UserError as error:
            self._problems = error.problems
            logger.warning("kept the settings of the app as they were; %s is wrong: %s", self.path.name, error)


def read_app_settings(path: Path) -> AppSettings:
    """The settings in a file; a missing file is all defaults. Raises UserError with everything that is wrong."""
    try:
        tree = read_json_file(path)
    except FileNotFoundError:
        return AppSettings()
    return app_settings_of(tree)


def app_settings_of(tree: Any) -> AppSettings:
    """The settings in a JSON tree `{"limits": {"upload_mb": 500}}`. Raises UserError with everything that is wrong."""
    known = {each.key: each for each in app_settings()}
    values, problems = read_tree(tree, known, besides=("format",))
    problems += [problem for key, value in values.items() for problem in check_value(known[key], value)]
    raise_if_any(problems)
    return with_values(AppSettings(), values)


def app_settings() -> tuple[Setting, ...]:
    """Every setting of the app as a row: section, name, kind, default, bounds and choices."""
    return tuple(settings_of(AppSettings))


def with_defaults(config: RunConfig, defaults: Defaults) -> RunConfig:
    """`config` with the workspace's own model, data sets and precision in the place of the first ones."""
    chosen = {
        "model.name": defaults.model,
        "data.datasets": defaults.datasets,
        "model.precision": defaults.precision,
    }
    return with_values(config, {key: value for key, value in chosen.items() if value})


def first_config(defaults: Defaults) -> RunConfig:
    """The config of somebody who gives none: every default, with the workspace's own."""
    return with_defaults(RunConfig(), defaults)


def thread_limit(workspace: Workspace, wanted: int) -> int:
    """How many threads a run may compute with that wants so many (0: as torch chooses)."""
    limit = SettingsFile(workspace).current().limits.threads
    return min(wanted or limit, limit) if limit else wanted
