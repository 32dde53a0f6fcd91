"""The list of datasets, what arrives and what leaves, without a browser."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeEngine
from tsft.data.exporting import export
from tsft.data.provenance import Parent, Provenance, Step, write_provenance
from tsft.errors import UserError
from tsft.run.ports import Stopped
from tsft.store.workspace import open_workspace
from tsft.ui.data.datasets_section import arrival_html, bring_all, chosen_html, exported_html, list_html
from tsft.ui.data.job_box import bar_html
from tsft.ui.data.jobs import DONE, FAILED, MOST_AT_ONCE, RUNNING, STOPPED, Jobs
from tsft.ui.data.room import DataRoom

ROW = {"input": "温度 <ts><ts/> 上升吗？", "output": "是", "timeseries": [[1.0, 2.5, 3.0, 2.0]]}


@pytest.fixture
def room(tmp_path: Path) -> DataRoom:
    return DataRoom(open_workspace(tmp_path / "workspace"), FakeEngine())


def write(path: Path, *rows: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    return path


def test_the_list_shows_what_each_dataset_is_and_escapes_its_text(room: DataRoom) -> None:
    path = write(room.workspace.datasets / "own.jsonl", {**ROW, "meta": {"task": "<b>trend"}}, {"input": 5})
    told = Provenance((Parent("a<b>.csv", "0123456789ab"),), (Step("build", {"window": 64}),), "x", 2, by="ada")
    write_provenance(path, told)
    html, is_whole = list_html(room, room.datasets(), "own", "en", 60.0)
    assert is_whole
    assert "&lt;b&gt;trend" in html and "<b>trend" not in html
    assert "Built from a table · a&lt;b&gt;.csv" in html and "Chinese" in html and "1 ✕" in html
    assert html.index('data-dataset="own" class="chosen"') < html.index('data-dataset="demo"')
    shown = chosen_html(room.datasets(), "own", "zh")
    assert "由表格构建" in shown and "window 64" in shown and "ada" in shown and "01234567" in shown


def test_a_broken_file_stands_in_the_list_with_its_problem(room: DataRoom) -> None:
    (room.workspace.datasets / "dataset_info.json").write_text("{broken", encoding="utf-8")
    html, _ = list_html(room, room.datasets(), "", "en", 60.0)
    assert "field-problem" in html and "dataset_info.json" in html


def test_what_there_was_no_time_to_look_at_is_shown_with_dashes_and_said_to_be_missing(room: DataRoom) -> None:
    write(room.workspace.datasets / "own.jsonl", ROW)
    html, is_whole = list_html(room, room.datasets(), "", "en", -1.0)
    assert not is_whole and 'data-dataset="own"' in html and "Chinese" not in html


def test_a_step_that_this_tsft_does_not_know_stands_as_it_was_written(room: DataRoom) -> None:
    path = write(room.workspace.datasets / "own.jsonl", ROW)
    write_provenance(path, Provenance((), (Step("transmute"),), "x", 1))
    assert "transmute" in chosen_html(room.datasets(), "own", "en")


def test_of_several_things_those_that_can_be_brought_in_are(room: DataRoom, tmp_path: Path) -> None:
    good, bad = write(tmp_path / "good.jsonl", ROW), tmp_path / "bad.md"
    bad.write_text("nothing", encoding="utf-8")
    moves: list[tuple[int, int]] = []
    arrival = bring_all([bad, good], room, "ada", lambda done, total: moves.append((done, total)), lambda: False)
    html = arrival_html(arrival, "en")
    assert "Dataset good was added." in html and "bad.md" in html and html.count("box") == 2
    assert all(done <= total for done, total in moves)
    with pytest.raises(UserError) as refused:
        bring_all([bad], room, "", lambda *_: None, lambda: False)
    assert refused.value.message.key == "data.file.kind"


def test_an_export_can_be_downloaded_by_a_link_that_is_safe(room: DataRoom) -> None:
    write(room.workspace.datasets / "温 度.jsonl", ROW)
    (name,) = [each.name for each in room.datasets() if each.origin == "file"]
    made = export(name, room.folders, room.cache, room.exports, "jsonl")
    html = exported_html(made, "en")
    assert 'href="gradio_api/file=' in html and "%E6%B8%A9" in html and 'download="温_度.jsonl"' in html


# -- jobs --------------------------------------------------------------------------------------------------------------


def test_a_job_tells_how_far_it_is_and_what_came_out() -> None:
    jobs, go_on = Jobs(), threading.Event()

    def work(move: Any, should_stop: Any) -> str:
        move(1, 4)
        go_on.wait(10)
        return "made"

    job = jobs.begin("export", "own", work, "jsonl")
    assert jobs.begin("export", "own", work, "jsonl") is job and jobs.going("export") is job
    with pytest.raises(UserError) as refused:
        jobs.begin("export", "own", work, "parquet")
    assert refused.value.message.key == "page.data.same_going"
    while not job.total:
        time.sleep(0.001)
    assert job.state == RUNNING and "25%" in bar_html(job, "en")
    go_on.set()
    assert job.ended.wait(10) and (job.state, job.result) == (DONE, "made")
    assert bar_html(job, "en") == "" and jobs.going("export") is None


def test_a_job_that_is_stopped_or_fails_says_so_and_the_next_one_goes() -> None:
    def stopped(move: Any, should_stop: Any) -> None:
        while not should_stop():
            time.sleep(0.001)
        raise Stopped

    def broken(move: Any, should_stop: Any) -> None:
        raise RuntimeError("token hf_abcdefghijklmnopqrstuvwxyz012345 <b>")

    jobs = Jobs()
    one = jobs.begin("check", "own", stopped)
    one.stop.set()
    two = jobs.begin("check", "other", broken)
    assert one.ended.wait(10) and two.ended.wait(10)
    assert (one.state, two.state) == (STOPPED, FAILED)
    told = bar_html(two, "en")
    assert "&lt;b&gt;" in told and "hf_abc" not in told and "RuntimeError" in told


def test_too_many_jobs_at_once_are_refused_by_name() -> None:
    jobs, go_on = Jobs(), threading.Event()
    begun = [jobs.begin("check", f"set {n}", lambda move, stop: go_on.wait(10)) for n in range(MOST_AT_ONCE)]
    with pytest.raises(UserError) as refused:
        jobs.begin("check", "one more", lambda move, stop: None)
    assert refused.value.message.values["names"] == "set 0, set 1"
    go_on.set()
    assert all(each.ended.wait(10) for each in begun)
    assert jobs.begin("check", "one more", lambda move, stop: None).ended.wait(10)


def test_jobs_that_ended_are_not_kept_for_ever() -> None:
    jobs = Jobs()
    for number in range(60):
        assert jobs.begin("check", str(number), lambda move, stop: None).ended.wait(10)
    assert jobs.get(1) is None and jobs.get(60) is not None
