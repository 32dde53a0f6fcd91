"""The runs that wait for their turn: their order, and whether the queue is held. A run's `about.json` says its place.

Which process starts the next one is decided by `Record.claim`; the engine's queue asks it.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from tsft.atomic import write_json
from tsft.errors import UserError, message
from tsft.store.app_settings import SettingsFile
from tsft.store.database import Database, runs_table
from tsft.store.rows import row_of_folder
from tsft.store.runs import RunFolder, read_about, read_json, remove_folder, run_folder
from tsft.store.workspace import Workspace

_IS_WAITING = (runs_table.c.status == "queued") & runs_table.c.place.is_not(None)
_IN_ORDER = (runs_table.c.place, runs_table.c.created_at, runs_table.c.id)


class WaitingRuns:
    """The queue of a workspace, the same for all its processes. Changes are made under the record's write lock."""

    def __init__(self, workspace: Workspace, database: Database) -> None:
        self._workspace = workspace
        self._database = database
        self._settings = SettingsFile(workspace)

    def refuse_if_full(self, more: int = 1) -> None:
        """Raise UserError when so many more runs would be more than may wait."""
        waiting, limit = len(self.ids()), self._settings.current().limits.queue_length
        if waiting + more > limit:
            raise UserError(message("queue.full", waiting=waiting, more=more, limit=limit))

    def ids(self) -> list[str]:
        """Which runs wait, the next one first."""
        return self._database.read(lambda connection: [run_id for run_id, _ in _waiting(connection)])

    def add(self, run_id: str, by: str = "", step: int = 0) -> int:
        """Put a run at the end; `step` is the checkpoint it goes on from, 0 for a fresh start. Returns its number."""

        def put(connection: Connection) -> int:
            waiting = _waiting(connection)
            place = waiting[-1][1] + 1 if waiting else 1.0
            queue = {"place": place, "at": time.time(), "by": by, "step": step}
            _write_place(self._folder(run_id), queue)
            row = {"status": "queued", "place": place, "queued_by": by, "queued_step": step}
            connection.execute(update(runs_table).where(runs_table.c.id == run_id).values(row))
            return len(waiting) + 1

        return self._database.write(put)

    def move(self, run_id: str, position: int) -> None:
        """Let a run be the one at `position`, the next one being 1; beyond the ends counts as the end."""

        def put(connection: Connection) -> None:
            waiting = _waiting(connection)
            index = _index(waiting, run_id)
            changes = places_after_move([place for _, place in waiting], index, position - 1)
            for each, place in changes.items():
                self._put_at(connection, waiting[each][0], place)

        self._database.write(put)

    def remove(self, run_id: str) -> None:
        """Take a run out of the queue. One that never began is deleted; one that was to go on is as it was before."""

        def take(connection: Connection) -> bool:
            _index(_waiting(connection), run_id)
            folder = self._folder(run_id)
            where = runs_table.c.id == run_id
            if not folder.events.exists():
                connection.execute(runs_table.delete().where(where))
                return True
            _write_place(folder, None)
            connection.execute(update(runs_table).where(where).values(row_of_folder(folder)))
            return False

        if self._database.write(take):
            remove_folder(self._folder(run_id))

    def step_of(self, run_id: str) -> int:
        """The checkpoint step that a waiting run goes on from, 0 for a fresh start."""
        queue = read_about(self._folder(run_id)).get("queue")
        step = queue.get("step") if isinstance(queue, Mapping) else 0
        return step if isinstance(step, int) else 0

    @property
    def is_held(self) -> bool:
        """Whether nothing is to be started until somebody lets the queue go on."""
        return bool(read_json(self._workspace.root / "queue.json").get("is_held"))

    def hold(self, is_held: bool, by: str = "") -> None:
        write_json(self._workspace.root / "queue.json", {"is_held": is_held, "by": by, "at": time.time()})

    def _put_at(self, connection: Connection, run_id: str, place: float) -> None:
        folder = self._folder(run_id)
        queue = read_about(folder).get("queue")
        _write_place(folder, {**(queue if isinstance(queue, Mapping) else {"at": time.time()}), "place": place})
        connection.execute(update(runs_table).where(runs_table.c.id == run_id).values(place=place))

    def _folder(self, run_id: str) -> RunFolder:
        return run_folder(self._workspace, run_id)


def places_after_move(places: Sequence[float], index: int, to: int) -> dict[int, float]:
    """The new places, by index, that put the entry at `index` to `to`: of that one alone where there is room between.

    places: in order. Halving a gap comes to an end after some fifty moves into it; then all get whole numbers.
    """
    others = [number for number in range(len(places)) if number != index]
    to = min(max(to, 0), len(others))
    before = places[others[to - 1]] if to else None
    after = places[others[to]] if to < len(others) else None
    if before is None:
        place = 1.0 if after is None else after - 1
    else:
        place = before + 1 if after is None else (before + after) / 2
    if (before is None or before < place) and (after is None or place < after):
        return {index: place}
    order = [*others[:to], index, *others[to:]]
    return {each: float(number) for number, each in enumerate(order, 1)}


def _waiting(connection: Connection) -> list[tuple[str, float]]:
    query = select(runs_table.c.id, runs_table.c.place).where(_IS_WAITING).order_by(*_IN_ORDER)
    return [(run_id, place) for run_id, place in connection.execute(query)]


def _index(waiting: Sequence[tuple[str, float]], run_id: str) -> int:
    for index, (each, _) in enumerate(waiting):
        if each == run_id:
            return index
    raise UserError(message("queue.not_waiting", run=run_id))


def _write_place(folder: RunFolder, queue: Mapping[str, Any] | None) -> None:
    about = {name: value for name, value in read_about(folder).items() if name != "queue"}
    write_json(folder.about, about if queue is None else {**about, "queue": dict(queue)})
