"""The report of a run: one file with everything in it, that asks nothing of a network and runs no text of the data."""

import json
import re
from html import unescape
from pathlib import Path

import pytest

from tests.engine_runs import small
from tests.fakes import plain_script
from tests.store_fakes import write_checkpoint
from tsft.cli import BAD_SETTINGS, FINISHED, main
from tsft.errors import message
from tsft.i18n import LANGUAGES, translate
from tsft.run.events import Event, Finished, Probe, ProbesPinned, RunStarted, SampleShown, to_line
from tsft.store.record import Record
from tsft.store.runs import RunInfo
from tsft.store.workspace import Workspace, open_workspace
from tsft.ui.run_report import report_html
from tsft.ui.run_rows import RunRow
from tsft.ui.run_source import RunSource
from tsft.ui.run_view import names_apart

EVIL = "</script><img src=x onerror=alert(1)>"
VERSIONS = (("tsft", "0.1.0"), ("torch", "2.13.0"))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path)


@pytest.fixture
def run(workspace: Workspace) -> RunInfo:
    """A run that is over, with a parent, a probe and a checkpoint; each text of others is evil."""
    record = Record(workspace)
    config = small(output__name=EVIL)
    parent = record.create_run(small(output__name="the parent"))
    made = record.create_run(config, by="ada", parent=parent.id, origin="cloned")
    probe = ProbesPinned(1.0, (Probe("demo:1", f"What {EVIL}?", "a rise"),))
    said: list[Event] = [RunStarted(1.0, made.id, EVIL, versions=VERSIONS), probe, *plain_script(config)]
    said += [
        SampleShown(2.0, 20, 1, f"It falls. {EVIL}"),
        Finished(3.0, "finished", 60, "adapter", message("run.stopped", step=60)),
    ]
    made.folder.events.write_text("".join(to_line(each) + "\n" for each in said), encoding="utf-8")
    write_checkpoint(made.folder, 60, 1.9)
    record.update(made.id, status="finished", step=60, steps=60, versions=json.dumps(dict(VERSIONS)))
    return record.annotate(made.id, notes=f"looks well {EVIL}", tags=["keep"])


def report(workspace: Workspace, run: RunInfo, language: str = "en") -> str:
    return report_html(RunSource(workspace, Record(workspace)).told(run.id), (), (), language, 0.0)


def test_it_holds_curves_settings_origin_answers_checkpoints_and_versions(workspace: Workspace, run: RunInfo) -> None:
    text = report(workspace, run)
    payload = re.search(r'data-payload="([^"]*)"', text)
    assert payload is not None
    drawn = json.loads(unescape(payload[1]))["runs"][0]
    assert len(drawn["loss"]["x"]) == 60 and drawn["best"]
    for told in (
        "the parent",
        "cloned",
        "a rise",
        "It falls.",
        "Step 60",
        "2.13.0",
        "looks well",
        "keep",
        "Learning rate",
    ):
        assert told in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_written_in_the_language_of_the_page(workspace: Workspace, run: RunInfo, language: str) -> None:
    text = report(workspace, run, language)
    assert f'<html lang="{language}">' in text
    assert translate(language, "page.runs.checkpoints") in text


def test_it_needs_nothing_from_outside_and_runs_no_text_of_others(workspace: Workspace, run: RunInfo) -> None:
    text = report(workspace, run)
    assert EVIL not in text and "<img src=x" not in text
    assert "default-src 'none'" in text
    assert re.findall(r"""(?:src|href)=["'](?!data:)[^"']*|url\((?!#)[^)]*|@import""", text) == []


def test_the_command_writes_it_beside_or_where_it_is_told(
    workspace: Workspace,
    run: RunInfo,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    shared = ["--workspace", str(workspace.root), "--lang", "zh"]
    assert main(["runs", "report", run.id, *shared]) == FINISHED
    assert main(["runs", "report", run.id, "own.html", *shared]) == FINISHED
    assert "own.html" in capsys.readouterr().out
    written = [(tmp_path / name).read_text(encoding="utf-8") for name in (f"{run.id}.html", "own.html")]
    assert all('<html lang="zh">' in each for each in written)
    assert main(["runs", "report", run.id, str(tmp_path / "no" / "folder.html"), *shared]) == BAD_SETTINGS


def test_runs_of_one_name_are_told_apart_by_when_they_began() -> None:
    rows = [RunRow(name, name[:1], "finished", started_at=at) for name, at in (("a1", 0.0), ("a2", 60.0), ("b", 0.0))]
    first, second, other = names_apart(rows)
    assert first != second and other == "b"
    assert first.startswith("a") and second.startswith("a")
