"""Settings of several processes: what is refused, what DeepSpeed is told, the commands for other machines, the docs."""

import json
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine_runs import small
from tests.store_fakes import write_checkpoint
from tsft.atomic import write_json
from tsft.config.check import check
from tsft.config.codec import read_config, to_json
from tsft.config.run_config import STRATEGIES
from tsft.config.schema import setting_by_key
from tsft.errors import UserError
from tsft.flags import command_parser, split_settings
from tsft.run.board import Board
from tsft.run.deepspeed import deepspeed_options
from tsft.run.events import PhaseChanged, RunStarted, StepLogged
from tsft.run.launch_lines import machine_lines, slurm_script
from tsft.store.hand_runs import SILENT_SECONDS, make_folder, refuse_if_busy
from tsft.store.hand_watch import LOOK_SECONDS
from tsft.store.launches import write_launch
from tsft.store.owner import this_process
from tsft.store.record import Record
from tsft.store.runs import RunFolder
from tsft.store.workspace import Workspace, open_workspace
from tsft.ui.processes_box import texts_of

ZERO3 = {"processes__strategy": "deepspeed_zero3", "processes__count": 2}


def keys(**changes: Any) -> list[tuple[str, str]]:
    return [(each.field, each.message.key) for each in check(small(**changes)) if not each.is_warning]


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"processes__count": 2}, []),
        ({"processes__count": 2, "optim__optimizer": "badam", "tuning__method": "full"}, ["optim.optimizer"]),
        ({**ZERO3, "optim__optimizer": "muon"}, ["optim.optimizer"]),
        ({**ZERO3, "quantization__method": "bitsandbytes"}, ["processes.strategy"]),
        ({**ZERO3, "probes__source": "validation"}, ["probes.source"]),
        ({**ZERO3, "data__task": "dpo", "tuning__method": "full"}, ["processes.strategy"]),
        ({**ZERO3, "data__task": "dpo"}, []),
        ({**ZERO3, "data__task": "kto", "tuning__method": "freeze"}, ["processes.strategy"]),
        ({**ZERO3, "processes__strategy": "deepspeed_zero2", "probes__source": "validation"}, []),
        ({"processes__machines": 2}, ["processes.address"]),
        ({"processes__machines": 2, "processes__address": "a b; rm"}, ["processes.address"]),
        ({"processes__machines": 2, "processes__address": "node1"}, []),
    ],
)
def test_what_several_processes_cannot_do_is_refused_at_its_setting(
    changes: dict[str, Any], refused: list[str]
) -> None:
    assert [field for field, _ in keys(**changes)] == refused


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ('{"zero_optimization": {"reduce_bucket_size": 1000}, "prescale_gradients": true}', []),
        ('{"train_batch_size": 8}', ["check.deepspeed_owned"]),
        ('{"zero_optimization": {"stage": 1}}', ["check.deepspeed_owned"]),
        ('{"bf16": {"enabled": true}, "zero_optimisation": {}}', ["check.deepspeed_owned", "check.deepspeed_unknown"]),
        ('{"reduce_bucket_size": 5}', ["check.deepspeed_inside"]),
        ('{"zero_optimization": 3}', ["check.deepspeed_object"]),
        ("[1]", ["check.json_object"]),
    ],
)
def test_what_is_written_for_deepspeed_is_checked_by_name(options: str, refused: list[str]) -> None:
    assert [key for _, key in keys(**ZERO3, processes__options=options)] == refused


def test_deepspeed_is_told_what_the_form_says_and_what_is_put_over_it() -> None:
    extra = '{"zero_optimization": {"reduce_bucket_size": 1000}}'
    changes = {"schedule__batch_size": 2, "schedule__gradient_accumulation": 4, "optim__max_grad_norm": 0.5}
    offload = {"processes__offload_optimizer": True, "processes__offload_parameters": True}
    made = deepspeed_options(small(**ZERO3, **changes, **offload, processes__options=extra), "bf16")

    assert (made["train_micro_batch_size_per_gpu"], made["gradient_accumulation_steps"]) == (2, 2)
    assert made["gradient_clipping"] == 0.5 and made["bf16"] == {"enabled": True} and made["fp16"] == {"enabled": False}
    zero = made["zero_optimization"]
    assert (zero["stage"], zero["reduce_bucket_size"]) == (3, 1000)
    assert zero["offload_optimizer"]["device"] == zero["offload_param"]["device"] == "cpu"
    assert json.loads(json.dumps(made)) == made


def test_a_dry_run_tries_the_share_of_one_process_here() -> None:
    from tsft.engine.rehearsal import own_share, rehearsed

    config = small(**ZERO3, schedule__batch_size=4, schedule__gradient_accumulation=1)
    tried = rehearsed(own_share(config))
    assert (tried.schedule.batch_size, tried.schedule.max_steps) == (2, 2)
    assert (tried.processes.count, tried.processes.strategy) == (1, "ddp")


# -- commands ----------------------------------------------------------------------------------------------------


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "work space")


def test_each_machine_gets_a_line_that_names_the_settings_written_for_it(workspace: Workspace) -> None:
    config = small(processes__machines=2, processes__count=4, processes__address="node1", schedule__batch_size=8)
    path = write_launch(workspace, config)

    lines = [shlex.split(line) for line in machine_lines(config, path, workspace.root)]

    assert [line[line.index("--node-rank") + 1] for line in lines] == ["0", "1"]
    for line in lines:
        assert line[:3] == ["torchrun", "--nnodes", "2"] and line[line.index("--nproc-per-node") + 1] == "4"
        assert line[line.index("--master-addr") + 1] == "node1"
        assert read_config(Path(line[line.index("--config") + 1])) == config
        assert line[line.index("--workspace") + 1] == str(workspace.root)


def test_the_command_line_writes_the_commands_and_starts_nothing(
    workspace: Workspace, builtin_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tsft.cli import FINISHED, main

    flags = ["--processes.count", "2", "--model.name", str(builtin_model), "--data.datasets", "demo"]
    assert main(["train", *flags, "--print-command", "--workspace", str(workspace.root), "--lang", "en"]) == FINISHED
    told = capsys.readouterr().out
    assert "torchrun --standalone --nproc-per-node 2" in told and "#SBATCH" in told
    assert len(list(workspace.launches.iterdir())) == 1 and list(workspace.runs.iterdir()) == []


def test_one_machine_needs_no_meeting_point(workspace: Workspace) -> None:
    (line,) = machine_lines(small(processes__count=2), Path("x.json"), workspace.root)
    assert shlex.split(line)[:4] == ["torchrun", "--standalone", "--nproc-per-node", "2"]


def test_the_script_for_slurm_is_a_script_and_gives_each_process_its_place(workspace: Workspace) -> None:
    name = "a run; `with` $signs"
    config = small(processes__machines=2, processes__count=4, processes__address="node1", output__name=name)
    script = slurm_script(config, workspace.root / "x y.json", workspace.root)
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    # srun stands for one task on one machine: what it runs is told instead of python being run.
    fakes = (
        "scontrol() { echo node1; echo node2; }\n"
        'srun() { shift; SLURM_PROCID=5 SLURM_LOCALID=1 SLURM_NTASKS=8 PATH="$FAKES:$PATH" "$@"; }\n'
    )
    fake = workspace.root / "fakes"
    fake.mkdir()
    (fake / "python").write_text('#!/bin/sh\necho "$RANK $LOCAL_RANK $WORLD_SIZE $MASTER_ADDR"; printf "%s\\n" "$@"\n')
    (fake / "python").chmod(0o755)
    run = subprocess.run(
        ["bash"],
        input=fakes + script,
        text=True,
        capture_output=True,
        check=True,
        env={"FAKES": str(fake), "PATH": PATH},
    )
    place, *words = run.stdout.splitlines()
    assert place == "5 1 8 node1"
    assert words == [
        "-m",
        "tsft.engine.worker",
        "--config",
        f"{workspace.root}/x y.json",
        "--workspace",
        f"{workspace.root}",
    ]


PATH = "/usr/local/bin:/usr/bin:/bin"


def test_the_page_writes_the_settings_and_shows_lines_script_and_what_deepspeed_is_told(workspace: Workspace) -> None:
    said, lines, script, told = texts_of(small(**ZERO3), str(workspace.root), "en")
    (path,) = workspace.launches.iterdir()
    assert str(path) in said and str(path) in lines["value"].replace("'", "") and "#SBATCH" in script["value"]
    assert json.loads(told["value"])["zero_optimization"]["stage"] == 3 and told["visible"]
    assert texts_of(small(processes__count=2), str(workspace.root), "en")[3]["visible"] is False


# -- runs of other machines --------------------------------------------------------------------------------------


@pytest.fixture
def record(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Record]:
    monkeypatch.setattr("tsft.store.hand_watch.LOOK_SECONDS", -1.0)
    assert LOOK_SECONDS > 0
    record = Record(workspace)
    record.list_runs()  # the file is open before the run appears
    yield record
    record.close()


def start_elsewhere(workspace: Workspace, name: str = "far", age: float = 0.0) -> RunFolder:
    """What a run on another machine has written by now."""
    folder, _ = make_folder(workspace, small(output__name=name), "ann", {})
    beat(folder, age)
    board = Board(folder.events)
    board.say(RunStarted(time.time(), folder.id, name, processes=2, host="node7"))
    board.say(PhaseChanged(time.time(), "training"))
    board.say(StepLogged(time.time(), 3, 0.1, 2.0, 1e-4, 1.0))
    return folder


def beat(folder: RunFolder, age: float = 0.0) -> None:
    write_json(
        folder.heartbeat,
        {"at": time.time() - age, "pid": this_process().pid, "boot_id": "another", "started": 1.0, "host": "node7"},
    )


def test_a_run_of_another_machine_appears_with_its_name_and_is_in_nobodys_way(
    workspace: Workspace, record: Record
) -> None:
    folder = start_elsewhere(workspace)

    assert record.sweep() == []

    (run,) = record.list_runs()
    assert (run.id, run.status, run.host, run.step, run.by) == (folder.id, "running", "node7", 3, "ann")
    assert record.active() is None  # a run can be started here


def test_it_is_followed_and_ends_as_its_files_say(workspace: Workspace, record: Record) -> None:
    folder = start_elsewhere(workspace)
    record.sweep()
    Board(folder.events).say(StepLogged(time.time(), 9, 0.2, 1.5, 1e-4, 1.0))
    record.sweep()
    assert record.get(folder.id).step == 9

    from tsft.errors import message
    from tsft.run.events import Finished

    write_checkpoint(folder, 9)
    Board(folder.events).say(Finished(time.time(), "finished", 9, "", message("run.finished")))
    record.sweep()

    ended = record.get(folder.id)
    assert (ended.status, ended.host, ended.checkpoint) == ("finished", "", "checkpoints/checkpoint-9")


def test_silent_for_long_it_counts_as_interrupted_until_it_is_heard_of_again(
    workspace: Workspace, record: Record
) -> None:
    folder = start_elsewhere(workspace, age=SILENT_SECONDS + 60)
    record.sweep()
    record.sweep()
    assert record.get(folder.id).status == "interrupted"
    assert "interrupted" not in folder.events.read_text(encoding="utf-8")  # its file is its own

    beat(folder)
    record.sweep()
    assert record.get(folder.id).status == "running"


def test_a_run_that_had_ended_and_goes_on_by_hand_is_seen(workspace: Workspace, record: Record) -> None:
    folder = start_elsewhere(workspace)
    from tsft.errors import message
    from tsft.run.events import Finished

    Board(folder.events).say(Finished(time.time() - 100, "stopped", 3, "", message("run.stopped_early")))
    record.sweep()
    record.sweep()
    assert record.get(folder.id).status == "stopped"
    time.sleep(0.01)
    Board(folder.events).say(RunStarted(time.time(), folder.id, "far", 3, processes=2, host="node7"))
    beat(folder)
    record.sweep()
    assert (record.get(folder.id).status, record.get(folder.id).host) == ("preparing", "node7")


def test_a_run_that_others_are_at_is_not_gone_on_with(workspace: Workspace) -> None:
    folder = start_elsewhere(workspace)
    with pytest.raises(UserError) as refused:
        refuse_if_busy(folder)
    assert refused.value.message.key == "record.run_active"
    beat(folder, SILENT_SECONDS + 1)
    refuse_if_busy(folder)


def test_a_half_made_folder_or_one_of_an_engine_is_left_alone(workspace: Workspace, record: Record) -> None:
    folder, _ = make_folder(workspace, small(), "ann", {})
    record.sweep()
    assert record.list_runs() == []
    write_json(folder.config, to_json(small()))


# -- the page of docs --------------------------------------------------------------------------------------------

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "several-processes.md").read_text(encoding="utf-8")


def test_the_commands_of_the_docs_are_commands() -> None:
    lines = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]
    typed = [shlex.split(line)[1:] for line in lines if line.startswith("tsft ")]
    assert len(typed) > 1
    for words in typed:
        rest, flat, problems = split_settings(words) if words[0] == "train" else (words, {}, [])
        assert problems == [] and flat.keys() <= setting_by_key().keys()
        command_parser("en").parse_args(rest)


def test_the_docs_name_settings_that_exist_and_every_strategy() -> None:
    named = re.findall(r"`(processes\.\w+)", TEXT)
    assert named and [name for name in named if name not in setting_by_key()] == []
    assert [strategy for strategy in STRATEGIES if f"`{strategy}`" not in TEXT] == []
