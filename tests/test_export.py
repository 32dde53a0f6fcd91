"""An export is refused for every reason at once, has a safe and free name, and a push goes through whole or not."""

import json
import os
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from huggingface_hub.errors import HfHubHTTPError

from tsft.config.codec import to_json
from tsft.config.run_config import DataSettings, ModelSettings, RunConfig
from tsft.engine.export_card import Base, base_of, copy_licenses, license_in, write_card
from tsft.engine.export_files import put, require_room, target_of, target_problems, unfinished, zipped
from tsft.engine.export_hub import hub_problems, push
from tsft.engine.export_trial import difference, tolerance
from tsft.errors import UserError
from tsft.i18n import LANGUAGES, say
from tsft.model.reload import Reading
from tsft.run.events import DataUsed
from tsft.run.export import FORMS, Exported, ExportSettings, SelfTest, carried, check_export
from tsft.run.ports import Stopped
from tsft.store.exports import weights_elements
from tsft.store.runs import RunFolder, RunInfo
from tsft.store.workspace import open_workspace

TEST = SelfTest(3, 3, 0.0, 2e-6)


def run_info(root: Path, config: RunConfig, **facts) -> RunInfo:
    """A finished run of this config, as the record tells it."""
    folder = RunFolder(root / "run")
    folder.path.mkdir()
    folder.config.write_text(json.dumps(to_json(config)))
    return RunInfo("run", status="finished", folder=folder, step=4, steps=4, best_validation_loss=0.125, **facts)


def nothing(done: int, total: int, subject: str) -> None:
    """Progress that nobody looks at."""


@pytest.fixture
def workspace(tmp_path):
    return open_workspace(tmp_path / "workspace")


def test_everything_wrong_is_said_at_once_at_its_field():
    wrong = ExportSettings(
        "",
        form="gguf",
        dtype="int4",
        shard_gb=float("nan"),
        device="tpu",
        name="a",
        folder="b",
        repository="a b",
        hub="x",
    )
    found = {problem.field: problem.message.key for problem in check_export(wrong)}
    assert found == {
        "form": "export.no_such_choice",
        "dtype": "export.no_such_choice",
        "device": "export.no_such_choice",
        "hub": "export.no_such_choice",
        "result": "export.no_result",
        "shard_gb": "export.bad_shard",
        "folder": "export.name_and_folder",
        "repository": "download.bad_name",
    }
    assert check_export(ExportSettings("runs/x/adapter")) == []
    (adapter,) = check_export(ExportSettings("runs/x/adapter", form="adapter", dtype="float16"))
    assert (adapter.field, adapter.message.key) == ("dtype", "export.adapter_dtype")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "a\0b", "con", "x" * 400, "名前/…", " "])
def test_a_name_never_leaves_the_exports(workspace, name):
    target = target_of(ExportSettings("r", name=name), workspace, "run")
    assert target.parent == workspace.exports and target_problems(ExportSettings("r", name=name), target) == []
    assert len(target.name.encode()) < 200


def test_names_made_from_the_run_are_numbered_and_given_ones_never_overwritten(workspace):
    settings = ExportSettings("r", form="merged")
    first = target_of(settings, workspace, "my run: 1/2")
    first.mkdir(parents=True)
    assert first.name == "my-run-1-2-merged"
    assert target_of(settings, workspace, "my run: 1/2").name == "my-run-1-2-merged.2"
    again = ExportSettings("r", name=first.name)
    assert [each.message.key for each in target_problems(again, target_of(again, workspace, ""))] == ["export.exists"]
    as_zip = ExportSettings("r", folder=str(first), is_zipped=True)
    assert target_of(as_zip, workspace, "").name == "my-run-1-2-merged.zip"
    with pytest.raises(UserError) as refused:
        put(first, first)
    assert refused.value.message.key == "export.exists"


def test_a_link_in_the_place_of_the_folder_is_not_written_through(workspace, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    settings = ExportSettings("r", folder=str(tmp_path / "link"))
    assert [each.message.key for each in target_problems(settings, tmp_path / "link")] == ["export.exists"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="everything is writable to root")
def test_a_folder_that_cannot_be_written_to_is_refused_first(tmp_path):
    (tmp_path / "own").mkdir(mode=0o500)
    settings = ExportSettings("r", folder=str(tmp_path / "own" / "model"))
    (problem,) = target_problems(settings, tmp_path / "own" / "model")
    assert (problem.field, problem.message.key) == ("folder", "export.not_writable")


def test_a_disk_without_room_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=3 * 1024**3))
    require_room(tmp_path / "new" / "model", 2 * 1024**3, is_zipped=False)
    for size, is_zipped in ((3 * 1024**3, False), (2 * 1024**3, True)):
        with pytest.raises(UserError) as refused:
            require_room(tmp_path / "new" / "model", size, is_zipped)
        assert refused.value.message.key == "export.no_room" and refused.value.problems[0].field == "folder"
    assert not (tmp_path / "new").exists()


def test_the_size_is_told_from_the_headers(builtin_model):
    size = (builtin_model / "model.safetensors").stat().st_size
    assert 0.99 * size < 4 * weights_elements(builtin_model) < size


@pytest.mark.parametrize("error", [Stopped(), UserError(), KeyboardInterrupt()])
def test_nothing_half_written_stays_whatever_happens(tmp_path, error):
    with pytest.raises(type(error)), unfinished(tmp_path / "a" / "b" / "model") as working:
        (working / "model.safetensors").write_bytes(b"half")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_meanwhile_is_a_sentence(tmp_path):
    with pytest.raises(UserError) as refused, unfinished(tmp_path / "model"):
        raise OSError(28, "No space left on device")
    assert refused.value.message.key == "export.disk_full" and list(tmp_path.iterdir()) == []


def test_what_a_killed_export_left_goes_with_the_next_of_its_name(tmp_path):
    left, others = tmp_path / ".model.999999999.partial", tmp_path / f".model.{os.getppid()}.partial"
    left.mkdir()
    others.mkdir()
    with unfinished(tmp_path / "model") as working:
        put(working, tmp_path / "model")
    assert {path.name for path in tmp_path.iterdir()} == {"model", others.name}


def folder_of_files(path: Path) -> Path:
    (path / "series_encoder").mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "series_encoder/model.safetensors"):
        (path / name).write_bytes(name.encode() * 1000)
    return path


def test_a_zip_holds_the_folder_and_stops_between_two_files(tmp_path):
    folder = folder_of_files(tmp_path / "model")
    with zipfile.ZipFile(zipped(folder, tmp_path / "model.zip", nothing)) as packed:
        names = packed.namelist()
        assert packed.read("model/config.json") == (folder / "config.json").read_bytes()
    assert names == ["model/config.json", "model/model.safetensors", "model/series_encoder/model.safetensors"]

    def stop(done: int, total: int, subject: str) -> None:
        if done == 1:
            raise Stopped

    with pytest.raises(Stopped):
        zipped(folder, tmp_path / "second.zip", stop)


class FakeHub:
    """Stands for either hub's client and keeps what it was asked."""

    endpoint = "hub"

    def __init__(self, refuses: Exception | None = None, exists: bool = False) -> None:
        self.calls: list[str] = []
        self.files: list[str] = []
        self._refuses = refuses
        self._exists = exists

    def create_repo(self, name, **options):
        if self._refuses is not None:
            raise self._refuses
        self.calls.append(f"create {name} {options.get('private', options.get('visibility'))}")
        return f"hub/{name}"

    def preupload_lfs_files(self, name, additions):
        self.calls += [f"file {each.path_in_repo}" for each in additions]

    def create_commit(self, name, operations, commit_message):
        self.calls.append("commit")
        self.files = [each.path_in_repo for each in operations]

    def repo_exists(self, name, repo_type, token):
        return self._exists

    def upload_folder(self, repo_id, folder_path, **options):
        self.calls.append(f"folder {repo_id} {options['token']}")
        self.files = [path.name for path in Path(folder_path).iterdir()]


def test_a_push_is_one_commit_of_all_files_in_a_private_repository(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_" + "x" * 20)
    hub = FakeHub()

    address = push(folder_of_files(tmp_path / "m"), ExportSettings("r", repository="me/model"), nothing, hub)

    assert address == "hub/me/model" and hub.calls[0] == "create me/model True" and hub.calls[-1] == "commit"
    assert hub.files == ["config.json", "model.safetensors", "series_encoder/model.safetensors"]


def test_a_push_that_is_stopped_between_two_files_commits_nothing(tmp_path):
    def stop(done: int, total: int, subject: str) -> None:
        if done == 2:
            raise Stopped

    hub = FakeHub()
    with pytest.raises(Stopped):
        push(folder_of_files(tmp_path / "m"), ExportSettings("r", repository="me/model"), stop, hub)
    assert hub.calls[-1] == "file model.safetensors" and hub.files == []


@pytest.mark.parametrize(("exists", "calls"), [(False, 2), (True, 1)])
def test_modelscope_gets_the_folder_with_the_token_of_the_environment(tmp_path, monkeypatch, exists, calls):
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", "ms-0123456789")
    hub = FakeHub(exists=exists)
    settings = ExportSettings("r", repository="me/model", hub="modelscope", is_public=True)

    assert push(folder_of_files(tmp_path / "m"), settings, nothing, hub) == "hub/models/me/model"

    assert hub.calls[-1] == "folder me/model ms-0123456789" and len(hub.calls) == calls
    assert exists or hub.calls[0] == "create me/model public"


@pytest.mark.parametrize("hub", ["huggingface", "modelscope"])
def test_a_hub_that_refuses_is_a_sentence_with_its_reason(tmp_path, hub):
    refusal = ValueError("403 Forbidden: no write access") if hub == "modelscope" else _http_error("403 Forbidden")
    settings = ExportSettings("r", repository="me/model", hub=hub)
    with pytest.raises(UserError) as refused:
        push(folder_of_files(tmp_path / "m"), settings, nothing, FakeHub(refusal))
    told = refused.value.problems[0]
    assert told.field == "repository" and told.message.key == "export.hub_refused"
    assert "403 Forbidden" in say("en", told.message)


def test_the_token_comes_from_the_environment_alone():
    settings = ExportSettings("r", repository="me/model")
    (missing,) = hub_problems(settings, {})
    assert missing.field == "repository" and missing.message.values["variable"] == "HF_TOKEN"
    assert hub_problems(settings, {"HF_TOKEN": "hf_" + "y" * 20}) == []
    assert hub_problems(ExportSettings("r"), {}) == []


def test_the_card_holds_data_recipe_scores_and_licence_and_no_folder_of_this_machine(tmp_path):
    config = RunConfig(
        model=ModelSettings(name="Qwen3-8B"), data=DataSettings(datasets=("own",), folder="/srv/secret/d")
    )
    run = run_info(tmp_path, config, name="pump *faults*", data=(DataUsed("own", 90, 100, "f" * 32),))
    (tmp_path / "out").mkdir()
    for language in LANGUAGES:
        for form in FORMS:
            exported = Exported(1, ExportSettings("r", form=form, language=language))
            base = base_of(tmp_path, config.model)
            write_card(tmp_path / "out", exported, run, base, TEST, carried(form, "out"))
            card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
            assert 'license: "apache-2.0"' in card and 'base_model: "Qwen/Qwen3-8B"' in card
            assert "| own | 90 | 100 | `ffffffffffffffff` |" in card and "# pump \\*faults\\*" in card
            recipe = json.loads(card.partition("```json\n")[2].partition("```")[0])
            assert recipe["optim"] == to_json(config)["optim"] and recipe["data"]["folder"] == "d"
            assert "/srv/secret" not in card and str(tmp_path) not in card
            assert "2.0e-06" in card and ("0.125" in card)


def test_the_card_tells_the_score_of_the_newest_evaluation(tmp_path):
    scores = {"score": 0.815, "low": 0.78, "high": 0.84, "rows": 1200, "datasets": ["held"], "tasks": {"trend": 0.9}}
    run = run_info(tmp_path, RunConfig(), name="pump", answer_score=0.815, scores=scores)
    (tmp_path / "out").mkdir()
    exported = Exported(1, ExportSettings("r", form="merged", language="en"))
    for told, sentence in ((run, "81.5 % (95 %: 78.0 to 84.0) on 1,200 rows of held"), (plain(run), "81.5 % on 1,200")):
        write_card(tmp_path / "out", exported, told, base_of(tmp_path, None), TEST, ())
        card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
        assert sentence in card and "- trend: 90.0 %" in card


def plain(run: RunInfo) -> RunInfo:
    """The same where nothing says how sure the score is."""
    return replace(run, scores={**run.scores, "low": None, "high": None})


def test_a_licence_is_read_from_the_card_of_the_base_and_goes_along(tmp_path):
    base, out = tmp_path / "base", tmp_path / "out"
    base.mkdir()
    out.mkdir()
    assert license_in(base) == ""
    (base / "README.md").write_text("---\ntags: [x]\nlicense: llama3.1\n---\n\nlicense: mit\n")
    (base / "LICENSE").write_text("terms")
    (base / "NOTICE.txt").write_text("made by")
    copy_licenses(base, out)
    assert license_in(base) == "llama3.1"
    assert {path.name: path.read_text() for path in out.iterdir()} == {"LICENSE": "terms", "NOTICE.txt": "made by"}
    assert base_of(base, None) == Base("base", base, False, "llama3.1")


@pytest.mark.parametrize("form", FORMS)
def test_what_others_can_carry_is_said_with_a_command_that_a_shell_takes(form):
    told = [say("en", each) for each in carried(form, "/data/my model", lacks_code=True)]
    assert any("vLLM" in each for each in told) and any("GGUF" in each for each in told)
    assert form == "adapter" or any("vllm serve '/data/my model'" in each for each in told)


def test_a_difference_that_is_no_number_never_agrees():
    one = [Reading(torch.ones(2, 3), "a")]
    assert difference(one, [Reading(torch.full((2, 3), float("nan")), "a")]) != 0
    assert not SelfTest(1, 1, difference(one, [Reading(torch.full((2, 3), float("nan")), "a")])).agrees()
    assert SelfTest(1, 1, 1e-5, 9e-5).agrees() and not SelfTest(1, 1, 1e-5, 2e-4).agrees()
    assert tolerance(one, "float32") == 1e-4 and tolerance(one, "bfloat16") > 1e-3


def _http_error(text: str) -> Exception:
    error = HfHubHTTPError.__new__(HfHubHTTPError)
    Exception.__init__(error, text)
    return error
