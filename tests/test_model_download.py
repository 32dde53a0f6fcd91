"""Fetching models: folders as they are, and every refusal of a hub in words. The hub is a few lines on this machine."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import huggingface_hub.constants
import pytest

from tests.model_fakes import plain_model_folder
from tsft.config.catalog import hub_folder
from tsft.errors import UserError
from tsft.model import download
from tsft.model.download import fetch
from tsft.run.ports import Stopped

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "config.json": b'{"model_type": "qwen3"}',
    "model.safetensors": b"x" * 300_000,
    "tokenizer.json": b"{}",
    "processing_own.py": b"left=",
    "pytorch_model.bin": b"pickle",
    "README.md": b"read me",
    "LICENSE": b"terms",
    "notes.pdf": b"more",
}


class FakeHub(BaseHTTPRequestHandler):
    """Answers as the Hugging Face hub does for one model, owner/good, and refuses others by their names."""

    def log_message(self, *arguments):
        return

    def refuse(self, status, code):
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self):  # noqa: N802
        self.do_GET(sends_body=False)

    def do_GET(self, sends_body=True):  # noqa: N802
        path = self.path.split("?")[0]
        for name, status, code in (
            ("/absent", 404, "RepoNotFound"),
            ("/gated", 403, "GatedRepo"),
            ("/broken", 400, "Bad"),
            ("/nosuch", 404, "RevisionNotFound"),
        ):
            if name in path:
                return self.refuse(status, code)
        if "/tree/" in path:
            entries = [{"type": "file", "path": name, "size": len(data), "oid": name} for name, data in FILES.items()]
            body = json.dumps(entries).encode()
        elif path.startswith("/api/models/"):
            files = FILES if "pickled" not in path else {"config.json": b"{}", "pytorch_model.bin": b""}
            siblings = [{"rfilename": name, "size": len(data)} for name, data in files.items()]
            body = json.dumps({"id": "owner/good", "sha": COMMIT, "siblings": siblings, "private": False}).encode()
            if "huge" in path:
                body = body.replace(b"300000", b"9" * 17)
        else:
            body = FILES[path.rsplit("/", 1)[1]]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{len(body)}"')
        self.end_headers()
        if sends_body:
            self.wfile.write(body)
        return None


@pytest.fixture
def hub(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeHub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    use_address(monkeypatch, server.server_address[1])
    yield server
    server.shutdown()
    server.server_close()


def use_address(monkeypatch, port):
    address = f"http://127.0.0.1:{port}"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def refusal(*arguments, **options):
    with pytest.raises(UserError) as caught:
        fetch(*arguments, **options)
    return caught.value.message


def test_a_folder_is_returned_as_it_is(tmp_path):
    folder = plain_model_folder(tmp_path / "base")
    assert fetch(str(folder), "huggingface", "", tmp_path / "models") == folder


REFUSED = [
    ("/no/such/folder", "huggingface", "download.folder_missing"),
    ("./nowhere", "huggingface", "download.folder_missing"),
    ("justaname", "huggingface", "download.bad_name"),
    ("owner/model; rm", "huggingface", "download.bad_name"),
    ("a/-b", "huggingface", "download.bad_name"),
    ("a--b/c", "huggingface", "download.bad_name"),
    ("a/..", "huggingface", "download.bad_name"),
    ("../../nosuch", "huggingface", "download.folder_missing"),
    ("owner/model", "elsewhere", "download.unknown_hub"),
]


@pytest.mark.parametrize(("name", "hub_name", "key"), REFUSED)
def test_names_that_cannot_be_models_are_refused_at_once(name, hub_name, key, tmp_path):
    assert refusal(name, hub_name, "", tmp_path).key == key
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_model_is_refused(tmp_path):
    assert refusal(str(tmp_path), "huggingface", "", tmp_path).key == "model.no_config"


def test_weights_settings_tokenizer_and_licence_are_fetched_and_nothing_that_runs(hub, tmp_path):
    seen = []
    folder = fetch("owner/good", "huggingface", "", tmp_path, lambda done, total: seen.append((done, total)))
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    own = {"README.md", "LICENSE"}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "processing_own.py", *own}
    assert seen[-1][0] <= seen[-1][1]
    assert seen == sorted(seen)
    hub.shutdown()
    assert fetch("owner/good", "huggingface", "", tmp_path) == folder


HUB_REFUSALS = [
    ("owner/absent", "", "download.not_found"),
    ("owner/gated", "", "download.gated"),
    ("owner/broken", "", "download.failed"),
    ("owner/good", "nosuch", "download.revision_not_found"),
    ("owner/pickled", "", "download.no_safetensors"),
    ("owner/huge", "", "download.no_space"),
]


@pytest.mark.parametrize(("name", "revision", "key"), HUB_REFUSALS)
def test_what_the_hub_refuses_is_said_in_words(hub, name, revision, key, tmp_path):
    assert refusal(name, "huggingface", revision, tmp_path).key == key
    assert list(tmp_path.iterdir()) == []


def test_a_hub_that_cannot_be_reached_is_said_in_words(monkeypatch, tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        use_address(monkeypatch, closed.getsockname()[1])
        found = refusal("owner/good", "huggingface", "", tmp_path)
    assert found.key == "download.offline"
    assert found.values["name"] == "owner/good"


def test_a_download_stops_when_asked_and_goes_on_later(hub, tmp_path):
    with pytest.raises(Stopped):
        fetch("owner/good", "huggingface", "", tmp_path, should_stop=lambda: True)
    assert (fetch("owner/good", "huggingface", "", tmp_path) / "model.safetensors").stat().st_size == 300_000


def test_two_names_never_share_a_folder():
    names = ("a/b", "a-b/c", "a/b-c")
    revisions = ("", "main", "modelscope", "refs/pr/1", "refs%2fpr/1")
    asked = [(name, hub, revision) for name in names for hub in download.HUBS for revision in revisions]
    slugs = {hub_folder(*each) for each in asked}
    assert len(slugs) == len(asked)
    assert all("/" not in slug for slug in slugs)


@pytest.mark.skipif(download.importlib.util.find_spec("modelscope") is not None, reason="modelscope is installed")
def test_modelscope_without_its_package_names_the_remedy(tmp_path):
    assert refusal("owner/good", "modelscope", "", tmp_path).key == "download.modelscope_missing"
