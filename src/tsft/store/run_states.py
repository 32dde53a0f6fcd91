"""What the events of runs add up to, for any of them; the states of those that were looked at are kept."""

import dataclasses
import threading
from collections import OrderedDict

from tsft.run.board import Follower
from tsft.run.state import RunState
from tsft.store.runs import RunInfo

# Some 0.5 MB each at most: reading 100,000 steps anew takes seconds, what was added since none.
KEPT = 16


class RunStates:
    """Any thread may ask."""

    def __init__(self) -> None:
        self._followers: OrderedDict[str, Follower] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, run: RunInfo) -> RunState:
        """The state of a run of the record; only lines that are new since the last look are read.

        The record knows more: a name that was changed later, that a process was cut off in the middle of its events,
        and how one stands that never began.
        """
        with self._lock:
            follower = self._followers.pop(run.id, None) or Follower(run.folder.events)
            self._followers[run.id] = follower
            while len(self._followers) > KEPT:
                self._followers.popitem(last=False)
        told = follower.read()[1]
        if not told.run_id:
            return RunState(run_id=run.id, name=run.name, status=run.status)
        state = dataclasses.replace(told, run_id=run.id, name=run.name)
        if run.status == "interrupted" and state.is_active:
            return dataclasses.replace(state, status="interrupted", phase="ended", ended_at=state.updated_at)
        return state

    def forget(self, run_id: str) -> None:
        """Of a run that was deleted."""
        with self._lock:
            self._followers.pop(run_id, None)
