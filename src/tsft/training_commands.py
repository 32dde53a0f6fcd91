"""The commands that train: `tsft train`, what goes on with a run, and working the queue off in the terminal."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from tsft.atomic import write_json
from tsft.config.codec import read_config, to_json
from tsft.config.run_config import RunConfig
from tsft.config.schema import with_values
from tsft.endings import BAD_SETTINGS, FAILED, FINISHED, STOPPED, print_end, print_problems, tell, user
from tsft.engine.engine import Engine
from tsft.errors import Problem, UserError, message
from tsft.flags import read_settings
from tsft.i18n import translate
from tsft.run.board import replay
from tsft.run.deepspeed import deepspeed_options
from tsft.run.launch_lines import machine_lines, slurm_script
from tsft.run.state import ACTIVE
from tsft.run_commands import sweep_of, waiting_lines
from tsft.store.launches import write_launch
from tsft.store.presets import load_preset
from tsft.store.record import Record, busy
from tsft.store.runs import RunInfo, run_config
from tsft.store.workspace import Workspace, open_workspace
from tsft.terminal import follow, was_interrupted


def train(options: argparse.Namespace, language: str, flat: dict[str, str], found: list[Problem]) -> int:
    """Train, or put what is to be trained into the queue."""
    workspace = open_workspace(options.workspace)
    base = _base_config(workspace, options.config)
    config, problems = read_settings(base, flat, found)
    if print_problems(problems, language):
        return BAD_SETTINGS
    if options.queue or options.sweep:
        return _enqueue(workspace, config, language, options.sweep)
    engine = _engine(workspace, may_wait=options.print_command)
    if print_problems(engine.check(config), language):
        return BAD_SETTINGS
    if options.print_command:
        return _print_command(workspace, config, language)
    return _follow(engine, engine.start(config, by=user()), workspace, language)


def clone(options: argparse.Namespace, language: str, flat: dict[str, str], found: list[Problem]) -> int:
    """Train with the settings of another run, some of them changed."""
    workspace = open_workspace(options.workspace)
    parent = Record(workspace).find(options.run)
    config, problems = read_settings(run_config(parent.folder), {"output.name": options.name, **flat}, found)
    if print_problems(problems, language):
        return BAD_SETTINGS
    if options.queue:
        return _enqueue(workspace, config, language, parent=parent.id)
    engine = _engine(workspace)
    return _follow(engine, engine.start(config, by=user(), parent=parent.id), workspace, language)


def resume(options: argparse.Namespace, language: str) -> int:
    """Go on with a run: to its end, from an earlier checkpoint, or for some epochs more."""
    workspace = open_workspace(options.workspace)
    record = Record(workspace)
    run = record.find(options.run)
    if options.processes:
        _change_processes(record, run, options.processes)
    onward = (run.id, user(), options.step, getattr(options, "epochs", 0.0))
    engine = _engine(workspace, may_wait=options.queue)
    if options.queue:
        engine.enqueue_resume(*onward)
        return _tell_queue(workspace, language)
    # The errors are told by `resume` itself, after what else may be in the way.
    print_problems((each for each in engine.check(run_config(run.folder)) if each.is_warning), language)
    return _follow(engine, engine.resume(*onward), workspace, language)


def _change_processes(record: Record, run: RunInfo, count: int) -> None:
    """From now on the run has so many processes; what of its checkpoint does not fit them is told when it begins."""
    active = record.active()
    if active is not None and active.id == run.id:
        raise UserError(message("record.run_active", name=run.name))
    config = with_values(run_config(run.folder), {"processes.count": count})
    write_json(run.folder.config, to_json(config))


def run_queue(options: argparse.Namespace, language: str) -> int:
    """Work the queue off in this terminal; Ctrl-C stops the present run and starts no other."""
    workspace = open_workspace(options.workspace)
    engine, record, worst = _engine(workspace), Record(workspace), FINISHED
    while run_id := engine.start_next():
        tell(record.get(run_id).name)
        code = _follow(engine, run_id, workspace, language)
        if code == STOPPED and engine.board is not None and was_interrupted(engine.board.state):
            return code
        worst = max(worst, code)
    if record.waiting():
        tell(waiting_lines(record, language)[-1])
    return worst


def _print_command(workspace: Workspace, config: RunConfig, language: str) -> int:
    """What starts the run by hand: a line for each machine, and a script for SLURM; comments say what is what."""
    path = write_launch(workspace, config)
    tell(f"# {translate(language, 'launch.lines')}")
    for line in machine_lines(config, path, workspace.root):
        tell(line)
    tell(f"\n# {translate(language, 'launch.slurm')}")
    tell(slurm_script(config, path, workspace.root))
    if config.processes.strategy.startswith("deepspeed"):
        tell(f"# {translate(language, 'launch.deepspeed')}")
        for line in json.dumps(deepspeed_options(config), indent=2).splitlines():
            tell(f"# {line}")
    return FINISHED


def _enqueue(workspace: Workspace, config: RunConfig, language: str, told: Sequence[str] = (), parent: str = "") -> int:
    configs, sweep = sweep_of(config, told)
    _engine(workspace, may_wait=True).enqueue(configs, user(), sweep, parent)
    return _tell_queue(workspace, language)


def _tell_queue(workspace: Workspace, language: str) -> int:
    for line in waiting_lines(Record(workspace), language):
        tell(line)
    return FINISHED


def _engine(workspace: Workspace, *, may_wait: bool = False) -> Engine:
    """The engine, unless a run of another process is in the way; that is told before torch is loaded.

    may_wait: what is wanted of it goes into the queue, so that nothing is in the way.
    """
    record = Record(workspace)
    record.sweep()
    active = record.active()
    if active is not None and not may_wait:
        raise busy(active)
    return Engine(workspace, record)


def _follow(engine: Engine, run_id: str, workspace: Workspace, language: str) -> int:
    if Record(workspace).get(run_id).status not in ACTIVE:  # refused when its turn in the queue came
        return _ended(workspace, run_id, language)
    state = follow(engine, run_id, language)
    print_end(state, Record(workspace).get(run_id), language)
    return {"finished": FINISHED, "stopped": STOPPED}.get(state.status, FAILED)


def _ended(workspace: Workspace, run_id: str, language: str) -> int:
    run = Record(workspace).get(run_id)
    print_end(replay(run.folder.events), run, language)
    return FINISHED if run.status == "finished" else FAILED


def _base_config(workspace: Workspace, name: str) -> RunConfig:
    if not name:
        return RunConfig()
    is_file = name.endswith(".json") or Path(name).is_file()
    if is_file:
        return read_config(Path(name))
    return load_preset(workspace, name)
