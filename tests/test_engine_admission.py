"""One model at a time: a run, an evaluation and an export that begin in the same moment do not both get the place."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from tests.engine_runs import make_bench, small, until_done
from tests.evaluations import quick, write_rows
from tsft.config.run_config import RunConfig
from tsft.engine.admission import Admission
from tsft.engine.engine import Engine
from tsft.engine.evaluation_desk import EvaluationDesk
from tsft.errors import Problem, UserError
from tsft.run.evaluation import EvaluationSettings
from tsft.store.record import Record
from tsft.store.workspace import Workspace, open_workspace

ENDLESS = quick("builtin", measures_loss=False, max_new_tokens=8192, batch_size=1)


@pytest.fixture
def workspace(tmp_path: Path, endless_model: Path) -> Iterator[Workspace]:
    bench = make_bench(tmp_path / "workspace", endless_model)
    bench.record.close()
    write_rows(bench.workspace.datasets / "held.jsonl", 4)
    yield bench.workspace


class Slow(Engine):
    """Somebody begins an evaluation while it looks at the settings of a run."""

    settings: EvaluationSettings | None = None

    def check(self, config: RunConfig) -> list[Problem]:
        found = super().check(config)
        if self.settings is not None:
            self.begin_evaluation(self.settings)
            self.settings = None
        return found


def test_a_run_does_not_begin_beside_an_evaluation_that_began_while_its_settings_were_looked_at(
    workspace: Workspace,
) -> None:
    record = Record(workspace)
    engine = Slow(workspace, record)
    engine.settings = ENDLESS
    with pytest.raises(UserError) as refused:
        engine.start(small(data__datasets="held", data__validation="none"))
    assert refused.value.message.key == "evaluation.busy"
    assert record.list_runs() == [] and record.active() is None
    now = engine.evaluation()
    assert now is not None and not now.is_done
    assert engine.close()
    assert until_done(engine.evaluation).is_stopped
    record.close()


def test_the_place_is_taken_before_room_is_made_so_that_what_waits_does_not_come_back(workspace: Workspace) -> None:
    """A question that waits for a run looks again at once when it made way."""
    seen: list[bool] = []

    def make_room() -> None:
        seen.append(desk.is_busy)
        desk.stop()

    record = Record(workspace)
    desk = EvaluationDesk(workspace, record, Admission(lambda: None, make_room), lambda: None)
    desk.begin(ENDLESS, "me")
    assert until_done(lambda: desk.evaluation).is_stopped
    assert seen == [True]
    record.close()


class LockedRecord(Record):
    def gather_scores(self) -> None:
        raise OperationalError("update", {}, Exception("database is locked"))


def test_an_evaluation_ends_although_the_record_does_not_take_its_scores(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workspace = open_workspace(tmp_path / "workspace")
    write_rows(workspace.datasets / "held.jsonl", 2)
    record = LockedRecord(workspace)
    room = Admission(lambda: None, lambda: desk.stop())
    desk = EvaluationDesk(workspace, record, room, lambda: None)
    with caplog.at_level(logging.ERROR):
        desk.begin(ENDLESS, "me")
        assert until_done(lambda: desk.evaluation).is_stopped
    assert not desk.is_busy and "database is locked" in caplog.text
    record.close()
