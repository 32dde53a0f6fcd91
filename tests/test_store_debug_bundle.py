"""The debug bundle says what happened and on what, and holds no secret, no home folder, no name and no row."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from tests.test_store_record import live_through, named
from tsft.errors import message
from tsft.log import BLOT
from tsft.run.board import Board, replay
from tsft.run.events import CommandGiven, Failed, Noted, Probe, ProbesPinned, SampleShown
from tsft.store.debug_bundle import bundle_name, debug_bundle, log_tail, private
from tsft.store.record import Record
from tsft.store.runs import RunInfo
from tsft.store.workspace import open_workspace

HUB_TOKEN = "hf_abcdefghijklmnopqrst"
ENVIRONMENT = {
    "HF_TOKEN": HUB_TOKEN,
    "WANDB_API_KEY": "0123456789abcdef0123",
    "TSFT_AUTH": "anna:open-sesame",
    "MY_DATABASE": "postgres://anna:hunter22@db.example/x",
    "OMP_NUM_THREADS": "2",
    "TOKENIZERS_PARALLELISM": "false",
}
SECRETS = (HUB_TOKEN, "0123456789abcdef0123", "open-sesame", "hunter22", "sk-live-abcdefgh12345678", "s3cr3t-value")


@pytest.fixture
def failed(tmp_path: Path) -> tuple[Record, RunInfo]:
    """A run that failed after three steps, whose log and events hold what must not leave the house."""
    record = Record(open_workspace(tmp_path / "work space"))
    run = record.create_run(named("kiln"))
    live_through(record, run)
    board = Board(run.folder.events, replay(run.folder.events))
    board.say(CommandGiven(112.0, "stop", "anna smith"))
    board.say(Noted(112.0, "info", message("command.given_by", what="stop", by="anna smith")))
    board.say(ProbesPinned(113.0, (Probe("demo:3", "Is the patient ill?", "He is."),)))
    board.say(SampleShown(114.0, 1, 1, "The patient is well."))
    trace = f'File "{Path.home()}/code/x.py"\nOSError: https://anna:hunter22@proxy.example:81 refused'
    board.say(Failed(115.0, "bug", message("failure.bug", why=f"Bearer {HUB_TOKEN}"), None, trace))
    lines = [f"line {number}" for number in range(3_000)]
    lines += [
        f"read {record.workspace.root}/datasets/x.jsonl and /home/bertha/rows.csv and C:\\Users\\Cem\\rows.csv",
        "api_key=s3cr3t-value and 'password': 's3cr3t-value' and sk-live-abcdefgh12345678",
        f"logged in with {HUB_TOKEN} and 0123456789abcdef0123",
    ]
    run.folder.log.write_text("\n".join(lines) + "\n", encoding="utf-8")
    record.update(run.id, status="failed", step=3)
    return record, record.get(run.id)


def unpacked(record: Record, run: RunInfo) -> dict[str, str]:
    packed = debug_bundle(record.workspace, run, ENVIRONMENT)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return {name: archive.read(name).decode("utf-8") for name in archive.namelist()}


def test_a_bundle_holds_settings_events_log_versions_machine_and_environment(failed: tuple[Record, RunInfo]) -> None:
    files = unpacked(*failed)
    assert sorted(files) == [
        "config.json", "environment.json", "events.jsonl", "machine.json", "run.json", "run.log", "versions.txt",
    ]  # fmt: skip
    assert json.loads(files["config.json"])["model"]["name"] == "builtin"
    assert json.loads(files["run.json"])["status"] == "failed"
    kinds = [json.loads(line)["event"] for line in files["events.jsonl"].splitlines()]
    assert kinds[0] == "RunStarted" and kinds[-1] == "Failed" and "StepLogged" in kinds
    assert "line 2999" in files["run.log"] and "line 5\n" not in files["run.log"]
    assert "torch " in files["versions.txt"]
    assert json.loads(files["machine.json"])["python"]
    environment = json.loads(files["environment.json"])
    assert environment["OMP_NUM_THREADS"] == "2" and environment["TOKENIZERS_PARALLELISM"] == "false"
    assert environment["HF_TOKEN"] == BLOT and "MY_DATABASE" not in environment
    assert bundle_name(failed[1]).endswith(".zip") and failed[1].id in bundle_name(failed[1])


def test_no_secret_no_home_no_person_and_no_row_is_in_a_bundle(failed: tuple[Record, RunInfo]) -> None:
    record, run = failed
    text = "\n".join(unpacked(record, run).values())
    for secret in (*SECRETS, str(Path.home()) + "/", str(record.workspace.root), "bertha", "Cem", "anna smith"):
        assert secret not in text
    assert "patient" not in text  # questions and answers
    assert "<workspace>/datasets/x.jsonl" in text and "~/rows.csv" in text  # what helps is still there


def test_a_run_without_files_still_makes_a_bundle(failed: tuple[Record, RunInfo]) -> None:
    record, run = failed
    for path in (run.folder.events, run.folder.config, run.folder.log):
        path.unlink()
    files = unpacked(record, run)
    assert files["events.jsonl"] == files["config.json"] == files["run.log"] == ""
    assert log_tail(run.folder, 5) == ""


def test_a_line_cut_short_is_left_out(failed: tuple[Record, RunInfo]) -> None:
    record, run = failed
    with run.folder.events.open("a", encoding="utf-8") as file:
        file.write('{"event": "SampleShown", "answer": "The pat')
    assert "The pat" not in unpacked(record, run)["events.jsonl"]


@pytest.mark.parametrize(
    ("text", "private_text"),
    [
        ("http://localhost:7860/x?y=1", "http://localhost:7860/x?y=1"),
        ("https://bob:pw@example.org/a", f"https://{BLOT}@example.org/a"),
        ('{"token": "abcdefgh"}', f'{{"token": "{BLOT}"}}'),
        ("2,048 tokens: 12 a second", "2,048 tokens: 12 a second"),
        ("tokens_longest: 400", "tokens_longest: 400"),
        (r"C:\\Users\\bob\\x", r"~\\x"),
    ],
)
def test_only_what_is_private_is_blotted_out(text: str, private_text: str) -> None:
    assert private(text, None, {}) == private_text
