"""Why a run of several processes came to an end that nobody asked for: which of them was at fault, and what it said.

Pure: the signs of life, how the processes ended and their last words go in, the run's last event comes out.
"""

import json
import re
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tsft.errors import Message, message
from tsft.run.events import Failed, from_line
from tsft.store.ranks import Sign

_LOST = re.compile(
    r"connection (closed|reset|refused)|broken pipe|socket closed|remote process exited|ncclRemoteError|"
    r"ncclSystemError|DistBackendError|DistNetworkError|timed out waiting|gloo|failed to recv|likely closed",
    re.IGNORECASE,
)


def fault_of(
    signs: Mapping[int, Sign],
    codes: Mapping[int, int],
    words: Mapping[int, str],
    step: int,
    size: int,
    gone: Sequence[int] = (),
) -> Failed:
    """The end of a run of `size` processes after `step`.

    codes: exit codes of those known to have ended, negative for a signal. words: the last lines of each one's log.
    gone: processes that say nothing any more and whose exit code nobody knows.
    A process that failed for a reason of its own comes before one that was killed, and that before those which only
    noticed that others were gone.
    """
    own = [each for each in signs.values() if each.failed and not each.has_lost_others]
    if own:
        return _told_by(min(own, key=lambda each: (each.at, each.rank)), size)
    killed = [rank for rank, code in codes.items() if code < 0]
    silent = [rank for rank, code in codes.items() if code > 0 and not (rank in signs and signs[rank].failed)]
    for rank in (*killed, *silent):
        return _left(rank, codes[rank], signs.get(rank), words.get(rank, ""), step)
    for rank in gone:
        sign = signs[rank]
        values = {"rank": rank, "host": sign.host, "pid": sign.pid, "step": sign.step}
        return _process(message("process.gone", **values), words.get(rank, ""))
    others = [each for each in signs.values() if each.failed]
    if others:
        return _told_by(min(others, key=lambda each: (each.at, each.rank)), size)
    return _process(message("process.ended", step=step), "")


def has_lost_others(error: BaseException) -> bool:
    """Whether an error says no more than that another process does not answer."""
    return isinstance(error, RuntimeError) and bool(_LOST.search(f"{type(error).__name__} {error}"))


def hung(signs: Sequence[Sign], minutes: float, step: int, words: Mapping[int, str]) -> Failed:
    """The end of a run in which nothing moved for so long: the process that came least far is named."""
    last = min(signs, key=lambda each: (each.moves, each.moved_at))
    told = message("process.hung", rank=last.rank, host=last.host, pid=last.pid, minutes=f"{minutes:g}", step=step)
    return _process(told, words.get(last.rank, ""), "process.hung_advice")


def is_still(signs: Sequence[Sign], minutes: float, now: float) -> bool:
    """Whether no process moved for so many minutes (0: never). A process waits for others, all never do."""
    return bool(minutes and signs) and all(now - each.moved_at > 60 * minutes for each in signs)


def _told_by(sign: Sign, size: int) -> Failed:
    """Its own words; with which process it was where that is not the first, whose words are the run's."""
    failed = from_line(json.dumps(dict(sign.failed)))
    assert isinstance(failed, Failed)
    if size == 1 or not sign.rank and not sign.has_lost_others:
        return replace(failed, at=time.time())
    told = message("process.failed", rank=sign.rank, host=sign.host, why=failed.message.to_json())
    return replace(failed, at=time.time(), message=told)


def _left(rank: int, code: int, sign: Sign | None, words: str, step: int) -> Failed:
    host, pid = (sign.host, sign.pid) if sign is not None else ("–", 0)
    values = {"rank": rank, "host": host, "pid": pid, "step": sign.step if sign is not None else step}
    if code < 0:
        told = message("process.killed", signal=_name(-code), **values)
        # The system's own killer takes the largest process when memory is short.
        return _process(told, words, "process.killed_advice" if -code == signal.SIGKILL else "process.advice")
    return _process(message("process.exited", code=code, **values), words)


def _process(told: Message, words: str, advice: str = "process.advice") -> Failed:
    return Failed(time.time(), "process", told, message(advice), words)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
