"""How a command ends: its exit codes, the problems it tells, and the end of a run in words. Loads nothing heavy."""

import os
import sys
from collections.abc import Iterable

from tsft.config.schema import setting_by_key
from tsft.errors import Problem
from tsft.i18n import say, translate
from tsft.run.state import RunState
from tsft.store.runs import RunInfo

FINISHED, FAILED, BAD_SETTINGS, BUSY, STOPPED = 0, 1, 2, 3, 130


def print_end(state: RunState, run: RunInfo, language: str) -> None:
    """How a run ended, where its result lies and what to do with it."""
    if state.failure is not None:
        complain(say(language, state.failure.message))
        if state.failure.advice is not None:
            complain(say(language, state.failure.advice))
        complain(translate(language, "cli.log_here", path=str(run.folder.log)))
    if state.finish is None:
        return
    told = say(language, state.finish.message)
    tell(told)
    if state.finish.result:
        root = run.folder.path.parent.parent
        path = run.folder.path / state.finish.result
        if str(path) not in told:
            tell(translate(language, "cli.result_here", path=str(path)))
        tell(translate(language, "cli.result_use", workspace=str(root), name=path.relative_to(root).as_posix()))


def print_problems(problems: Iterable[Problem], language: str) -> bool:
    """Each on a line of its own, with its flag; returns whether one of them is an error."""
    has_error = False
    for problem in problems:
        text = say(language, problem.message)
        complain(f"--{problem.field}: {text}" if problem.field in setting_by_key() else text)
        has_error |= not problem.is_warning
    return has_error


def tell(text: str) -> None:
    """A line on stdout."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """A line on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def user() -> str:
    """Who is at the terminal, "" when it does not say."""
    return os.environ.get("USER") or os.environ.get("USERNAME") or ""
