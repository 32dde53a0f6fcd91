"""Where log lines go: the terminal of the app, and `run.log` while a run lasts. Secrets are blotted out of both."""

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The libraries whose words belong to a run.
LOGGERS = ("tsft", "transformers", "peft", "accelerate", "datasets")
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
BLOT = "[secret]"
SHORTEST_SECRET = 8

_SHAPES = re.compile(r"\bhf_[A-Za-z0-9]{10,}\b|(?<=Bearer )[\w.~+/=-]{8,}|(?<=token=)[^\s&\"']{8,}")
_SECRET_NAME = re.compile(r"(TOKEN|API_KEY|SECRET|PASSWORD)$")
_HIDDEN: set[str] = set()


def set_up(level: int = logging.INFO) -> None:
    """Show tsft's own lines on stderr; other libraries keep their habits. Doing it again changes only the level."""
    logger = logging.getLogger("tsft")
    logger.setLevel(level)
    if not any(handler.get_name() == "tsft-terminal" for handler in logger.handlers):
        terminal = logging.StreamHandler(sys.stderr)
        terminal.set_name("tsft-terminal")
        _dress(terminal)
        logger.addHandler(terminal)
    for handler in logger.handlers:
        if handler.get_name() == "tsft-terminal":
            handler.setLevel(level)


@contextmanager
def run_log(path: Path) -> Iterator[None]:
    """Write the lines of LOGGERS to `path` (appending) while the block runs, from every thread of the process."""
    handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    _dress(handler)
    loggers = [logging.getLogger(name) for name in LOGGERS]
    own = logging.getLogger("tsft")
    level_before = own.level
    if own.getEffectiveLevel() > logging.INFO:
        own.setLevel(logging.INFO)
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        own.setLevel(level_before)
        handler.close()


def hide(secret: str) -> None:
    """Blot a password or a webhook's address out of every line from now on; too short ones would blot words."""
    if len(secret) >= SHORTEST_SECRET:
        _HIDDEN.add(secret)


def without_secrets(text: str) -> str:
    """`text` with everything that looks like a token, and every secret of the environment, blotted out."""
    text = _SHAPES.sub(BLOT, text)
    for secret in tuple(_HIDDEN):
        text = text.replace(secret, BLOT)
    for name, value in os.environ.items():
        if _SECRET_NAME.search(name) and len(value) >= SHORTEST_SECRET:
            text = text.replace(value, BLOT)
    return text


class _Formatter(logging.Formatter):
    # In the formatter and not in a filter: a traceback becomes text only here.
    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


def _dress(handler: logging.Handler) -> None:
    handler.setFormatter(_Formatter(FORMAT))
