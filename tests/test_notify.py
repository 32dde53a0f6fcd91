"""News of runs: what is told, once, to whom; and that no run ever waits for it."""

import http.server
import json
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeEngine
from tsft.config.run_config import DataSettings, ModelSettings, RunConfig
from tsft.errors import message
from tsft.i18n import LANGUAGES, say
from tsft.notify.watcher import Watcher
from tsft.notify.webhook import MOST_WAITING, Letter, Post, send
from tsft.run.events import Evaluated, Failed, Finished, PhaseChanged, RunStarted
from tsft.run.notices import notice_of
from tsft.run.state import RunState, reduce
from tsft.store.app_settings import SettingsFile
from tsft.store.runs import RunFolder, RunInfo
from tsft.store.workspace import open_workspace

CONFIG = RunConfig(model=ModelSettings(name="builtin"), data=DataSettings(datasets=("demo",)))
SECRET_PATH = "services-T0-secret-path"
WAIT_SECONDS = 20.0


class Listener:
    """A server of this machine that answers with the given codes in turn, the last one for ever."""

    def __init__(self, *codes: int) -> None:
        self.heard: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.is_heard = threading.Event()
        left = list(codes or (200,))
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                code = left.pop(0) if len(left) > 1 else left[0]
                self.send_response(code)
                if code == 302:
                    self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.end_headers()
                listener.headers.append(dict(self.headers))
                if code == 200:
                    listener.heard.append(json.loads(body))
                    listener.is_heard.set()

            def log_message(self, *_: Any) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/{SECRET_PATH}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


def state_after(*events: Any) -> RunState:
    state = RunState()
    for event in (RunStarted(1.0, "run-1", "my <run>"), PhaseChanged(2.0, "training"), *events):
        state = reduce(state, event)
    return state


FAILED = state_after(
    Failed(9.0, "data", message("workspace.outside", path="/home/anna/private.csv"), None, "Traceback")
)
FINISHED = state_after(Evaluated(3.0, 10, 1.5, 0.1), Finished(9.0, "finished", 20, "adapter", message("cli.yes")))
FLAT = state_after(*(Evaluated(3.0 + step, step, loss, 0.1) for step, loss in ((10, 1.5), (20, 1.6), (30, 1.5))))


@pytest.mark.parametrize(
    ("state", "evaluations", "kind"),
    [
        (RunState(), 3, None),
        (state_after(), 3, None),
        (FAILED, 3, "failed"),
        (FINISHED, 3, "finished"),
        (FLAT, 3, None),
        (FLAT, 2, "plateau"),
    ],
)
def test_an_end_and_a_standstill_are_news(state: RunState, evaluations: int, kind: str | None) -> None:
    notice = notice_of(state, evaluations)
    assert (notice.kind if notice else None) == kind
    if notice is not None:
        assert all("my <run>" in say(language, notice.sentence) for language in LANGUAGES)


def test_a_plateau_is_news_once_for_each_best_point() -> None:
    first = notice_of(FLAT, 2)
    later = reduce(FLAT, Evaluated(50.0, 40, 1.7, 0.1))
    better = later
    for step, loss in ((50, 1.0), (60, 1.1), (70, 1.1)):
        better = reduce(better, Evaluated(60.0, step, loss, 0.1))
    again, new = notice_of(later, 2), notice_of(better, 2)
    assert first and again and new
    assert first.key == again.key != new.key


def watcher(folder: Path, url: str, state: RunState, runs: list[RunInfo], put: Any, began: float = 5.0) -> Watcher:
    workspace = open_workspace(folder)
    settings = SettingsFile(workspace, {"TSFT_WEBHOOK_URL": url, "TSFT_WEBHOOK_TOKEN": "a-token-of-ours"})
    return Watcher(settings, lambda: runs, lambda run_id: state, lambda: state, put, lambda: began)


def ended(status: str, at: float = 9.0) -> RunInfo:
    return RunInfo("run-1", "my <run>", status, RunFolder(Path("nowhere")), ended_at=at)


def test_an_end_is_told_once_and_nothing_of_the_inside_leaves(tmp_path: Path) -> None:
    letters: list[Letter] = []
    looking = watcher(tmp_path, "https://hooks.example/", FAILED, [ended("failed")], letters.append)
    looking.look()
    looking.look()
    assert [each.body["event"] for each in letters] == ["failed"]
    body = letters[0].body
    assert set(body) == {
        "event",
        "text",
        "run",
        "status",
        "name",
        "step",
        "steps",
        "loss",
        "validation_loss",
        "best_step",
        "best_loss",
        "ended_at",
    }
    assert "private" not in json.dumps(body)
    assert "hooks.example" not in repr(letters[0])
    assert "a-token" not in repr(letters[0])


def test_what_ended_before_the_server_began_is_no_news(tmp_path: Path) -> None:
    letters: list[Letter] = []
    watcher(tmp_path, "https://x.example/", FINISHED, [ended("finished", 4.0)], letters.append).look()
    assert letters == []


def test_without_an_address_nothing_is_looked_at(tmp_path: Path) -> None:
    def fail(*_: Any) -> Any:
        raise AssertionError

    Watcher(SettingsFile(open_workspace(tmp_path), {}), fail, fail, fail, fail).look()


def test_occasions_that_nobody_wants_are_not_told(tmp_path: Path) -> None:
    letters: list[Letter] = []
    looking = watcher(tmp_path, "https://x.example/", FINISHED, [ended("finished")], letters.append)
    (tmp_path / "settings.json").write_text(json.dumps({"notify": {"occasions": ["failed"]}}), encoding="utf-8")
    looking.look()
    assert letters == []


def test_the_letter_arrives_as_json_with_its_token(listener: Listener) -> None:
    post = Post()
    post.put(Letter(listener.url, {"event": "finished", "run": "zwölf"}, "a-token-of-ours"))
    assert listener.is_heard.wait(WAIT_SECONDS)
    post.close()
    assert listener.heard == [{"event": "finished", "run": "zwölf"}]
    assert listener.headers[0]["Authorization"] == "Bearer a-token-of-ours"


def test_a_failure_is_tried_again_and_the_address_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    listener, pauses = Listener(500, 302, 200), []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    with caplog.at_level(logging.INFO, logger="tsft"):
        post = Post(pause)
        post.put(Letter(listener.url, {"event": "failed", "run": "r"}, tries=5))
        assert listener.is_heard.wait(WAIT_SECONDS)
        post.close()
    listener.close()
    assert pauses == [1.0, 2.0]
    assert SECRET_PATH not in caplog.text
    assert "HTTP 500" in caplog.text


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x.example/", "nonsense"])
def test_only_web_addresses_are_written_to(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        send(Letter(url, {}))


def test_a_dead_address_keeps_no_run_waiting() -> None:
    held = threading.Event()
    post = Post(held.wait)  # the first letter's second try never comes
    began = time.monotonic()
    taken = [post.put(Letter("http://127.0.0.1:9/", {"event": "x", "run": "r"})) for _ in range(MOST_WAITING + 20)]
    assert time.monotonic() - began < 2.0
    assert not all(taken)
    held.set()
    post.close(0.1)


def test_a_run_on_the_fake_engine_is_told_at_its_end(tmp_path: Path, listener: Listener) -> None:
    engine, post = FakeEngine(), Post()
    began = time.time()
    engine.start(CONFIG)
    engine.join()
    state = engine.board.state if engine.board else RunState()
    run = RunInfo(state.run_id, state.name, state.status, RunFolder(tmp_path), ended_at=state.ended_at)
    watcher(tmp_path / "workspace", listener.url, state, [run], post.put, began - 1).look()
    assert listener.is_heard.wait(WAIT_SECONDS)
    post.close()
    assert (listener.heard[0]["event"], listener.heard[0]["step"]) == ("finished", 60)
    assert listener.heard[0]["best_loss"] == state.best_loss
