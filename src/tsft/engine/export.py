"""One export from top to bottom: look, load, ask the trained model, write, let a fresh process read it, name and push.

`export` is the whole story. What it is told and says is `run/export.py`; the thread it runs on is `export_desk.py`.
"""

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import torch
from peft import PeftModel
from transformers.utils import logging as transformers_logging

from tsft.engine.device import give_memory_back
from tsft.engine.export_card import Base, base_of, copy_licenses, write_card
from tsft.engine.export_files import (
    Progress,
    put,
    require_room,
    target_of,
    target_problems,
    unfinished,
    zipped,
)
from tsft.engine.export_hub import hub_problems, push
from tsft.engine.export_trial import difference, equal_answers, probe_rows, read_fresh, tolerance
from tsft.engine.restore import Fetching, base_folder, merged, open_result, result_folder
from tsft.engine.sources import watched_loading
from tsft.errors import Message, Problem, UserError, message, raise_if_any
from tsft.model.adapters import dequantised
from tsft.model.families import read_config, read_record
from tsft.model.layouts import exceeds_vocabulary, lacks_code, save_chatts, save_plain
from tsft.model.loading import Loaded
from tsft.model.processor import SeriesProcessor
from tsft.model.quantization import NEVER_WHOLE, Quantization, method_of, quantised
from tsft.model.reload import Order, Reading, readings
from tsft.run.export import (
    ADAPTER,
    BYTES,
    PLAIN,
    Exported,
    ExportSettings,
    SelfTest,
    carried,
    check_export,
    written_format,
)
from tsft.run.ports import Stopped
from tsft.store.exports import weights_elements, write_record
from tsft.store.models import local_model
from tsft.store.record import Record
from tsft.store.runs import RunInfo, folder_bytes, run_config
from tsft.store.workspace import Workspace

logger = logging.getLogger(__name__)

# A model takes more than its weights while it is merged and asked.
MEMORY_FACTOR = 1.3
_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors", "tsft.json")


@dataclass(frozen=True)
class Plan:
    """One export ready to be done. say: changes what is seen of it. is_beside_run: a run has the machine."""

    settings: ExportSettings
    workspace: Workspace
    record: Record
    source: Path
    target: Path
    run: RunInfo | None
    say: Callable[..., None]
    should_stop: Callable[[], bool]
    is_beside_run: bool = False

    def obey(self) -> None:
        if self.should_stop():
            raise Stopped

    def enter(self, phase: str, subject: str = "") -> None:
        self.obey()
        self.say(phase=phase, subject=subject, done=0, total=0, unit="")

    def progress(self, phase: str, unit: str) -> Progress:
        """Called before each of several things; raises Stopped where that is wished."""

        def step(done: int, total: int, subject: str) -> None:
            self.obey()
            self.say(phase=phase, subject=subject, done=done, total=total, unit=unit)

        return step


def export_plan(
    settings: ExportSettings,
    workspace: Workspace,
    record: Record,
    say: Callable[..., None],
    should_stop: Callable[[], bool],
    is_beside_run: bool = False,
) -> Plan:
    """What is to be done, looked at before anything is loaded or written. Raises UserError with everything wrong."""
    problems = [*check_export(settings), *hub_problems(settings)]
    if settings.device == "cuda" and not torch.cuda.is_available():
        problems.append(Problem("device", message("export.no_cuda")))
    source, run = None, None
    try:
        source = result_folder(settings.result, workspace) if settings.result.strip() else None
    except UserError as error:
        problems += [Problem("result", each.message) for each in error.problems]
    if source is not None:
        run = run_of(source, record)
        if settings.form == ADAPTER:
            problems += _adapter_problems(source, workspace)
    title = run.name if run is not None else source.name if source is not None else ""
    target = target_of(settings, workspace, title)
    raise_if_any([*problems, *target_problems(settings, target)])
    assert source is not None  # a missing one is a problem
    return Plan(settings, workspace, record, source, target, run, say, should_stop, is_beside_run)


def export(plan: Plan, exported: Callable[[], Exported]) -> None:
    """Do it. Raises Stopped, or UserError with what went wrong; nothing half-written is left either way."""
    transformers_logging.disable_progress_bar()
    settings = plan.settings
    fetching = Fetching(lambda done, total: plan.progress("downloading", "bytes")(done, total, ""), plan.should_stop)
    base_path = base_folder(plan.source, plan.workspace, fetching)
    base = _first_base(plan, base_path)
    formats = _formats(plan, base_path)
    _refuse_given(settings, base_path)
    require_room(plan.target, formats.bytes, settings.is_zipped)
    with unfinished(plan.target) as working:
        folder = working / (plan.target.stem if settings.is_zipped else plan.target.name)
        folder.mkdir()
        notes: tuple[Message, ...]
        if settings.form == ADAPTER:
            test = _adapter(plan, folder, base_path, base, formats)
            held = quantised(
                read_config(base_path), Quantization.from_json(read_record(plan.source).get("quantization"))
            )
            notes = () if held is None else (message("export.quantised_adapter", how=held.name),)
        else:
            test, notes = _whole(plan, folder, formats)
        plan.say(test=test)
        if not test.agrees():
            raise UserError(message("export.disagrees", why=test.worst().to_json()))
        copy_licenses(base.folder, folder)
        write_record(folder, settings.form, formats.written, plan.source, plan.run, test)
        told = (*notes, *_carried(settings.form, folder, folder.name))
        write_card(folder, exported(), plan.run, base, test, told)
        _deliver(plan, folder, working, base, notes)


def run_of(source: Path, record: Record) -> RunInfo | None:
    """The run that left this folder, None when none did."""
    for path in (source.parent, source.parent.parent):
        if path.parent == record.workspace.runs.resolve():
            try:
                return record.get(path.name)
            except UserError:  # its folder is here, but the record has not heard of it
                return None
    return None


def _first_base(plan: Plan, base_path: Path) -> Base:
    """What the run, or the one that it went on from, and so on, was made from."""
    run, settings = plan.run, None
    seen: set[str] = set()
    while run is not None and run.id not in seen:
        seen.add(run.id)
        settings = run_config(run.folder).model
        run = None
        if settings.continue_from:
            earlier = result_folder(settings.continue_from, plan.workspace)
            run = run_of(earlier, plan.record)
            settings = settings if run is not None else replace(settings, name=earlier.name)
    here = local_model(plan.workspace, settings) if settings is not None else None
    return base_of(here or base_path, settings)


@dataclass(frozen=True)
class _Formats:
    """Number formats by name: of the weights as they are written, and of what is computed. bytes: the weights' size."""

    written: str
    computed: str
    bytes: int
    attention: str


def _formats(plan: Plan, base: Path) -> _Formats:
    settings = plan.settings
    elements = _whole_elements(base) + (weights_elements(plan.source) if plan.source != base else 0)
    written = written_format(settings.dtype, read_config(base))
    free = psutil.virtual_memory().available
    if settings.device == "cuda":
        free = torch.cuda.mem_get_info()[0]
    computed = "float32" if elements * BYTES["float32"] * MEMORY_FACTOR < free else written
    size = elements * BYTES[written]
    if settings.form == ADAPTER:
        size = sum(path.stat().st_size for path in _adapter_parts(plan.source))
    attention = run_config(plan.run.folder).model.attention if plan.run is not None else "sdpa"
    return _Formats(written, computed, size, attention)


def _whole_elements(base: Path) -> int:
    """How many numbers the weights of the base are when they are whole; of quantised ones, at most so many."""
    held = quantised(read_config(base), None)
    if held is None:
        return weights_elements(base)
    return round(sum(path.stat().st_size for path in base.glob("*.safetensors")) / held.bytes_a_weight)


def _refuse_given(settings: ExportSettings, base: Path) -> None:
    """Raise UserError where weights that came quantised would have to be made whole and cannot be."""
    if settings.form != ADAPTER and method_of(read_config(base)) in NEVER_WHOLE:
        raise UserError(Problem("form", message("model.quantised_stays")))


def _whole(plan: Plan, folder: Path, formats: _Formats) -> tuple[SelfTest, tuple[Message, ...]]:
    """A whole model into the folder, compared with the trained one before and after; and what is worth knowing."""
    loaded = _opened(plan, formats)
    rows = probe_rows(plan.run.folder if plan.run else None, loaded.processor)
    trained = _ask(plan, loaded, rows)
    merge, apart, best = None, None, trained
    notes: tuple[Message, ...] = ()
    if isinstance(loaded.model, PeftModel):
        plan.enter("merging")
        if loaded.quantised is not None:
            values = {"computed": formats.computed, "written": formats.written}
            notes = (message("export.dequantised", how=loaded.quantised.name, **values),)
            loaded = replace(loaded, model=dequantised(loaded.model), quantised=None)
            best = _ask(plan, loaded, rows)
            apart = difference(trained, best)
        whole, loaded = best, merged(loaded)
        best = _ask(plan, loaded, rows)
        merge = difference(whole, best)
    _cast(loaded.model, formats.written)
    _write(plan, loaded, folder)
    written, rounding = best, None
    if formats.written != formats.computed:
        _cast(loaded.model, formats.computed)
        written = _ask(plan, loaded, rows)
        rounding = difference(trained, written)
    device, threads = str(loaded.model.device), torch.get_num_threads()
    del loaded
    give_memory_back()  # the fresh process needs it
    order = Order(str(folder), str(folder.with_name("readings.safetensors")), rows)
    order = replace(order, dtype=formats.computed, device=device, attention=formats.attention, threads=threads)
    plan.enter("reloading", folder.name)
    found = read_fresh(order, plan.obey)
    limit = tolerance(trained, formats.computed)
    equal = equal_answers(trained, found)
    test = SelfTest(len(rows), equal, difference(written, found), merge, rounding, limit, formats.computed, apart)
    return test, notes


def _adapter(plan: Plan, folder: Path, base_path: Path, base: Base, formats: _Formats) -> SelfTest:
    """The adapter's files into the folder; both folders are read by fresh processes, so that a run is not disturbed."""
    SeriesProcessor.load(plan.source).save(folder)
    parts = _adapter_parts(plan.source)
    step = plan.progress("writing", "files")
    for number, path in enumerate(parts):
        step(number, len(parts), path.name)
        try:
            shutil.copyfile(path, folder / path.name)
        except FileNotFoundError as error:  # a checkpoint that made room for a newer one
            raise UserError(Problem("result", message("export.source_gone", path=plan.source.name))) from error
    record = read_record(folder)
    _change_json(folder / "adapter_config.json", base_model_name_or_path=base.name)
    rows = probe_rows(plan.run.folder if plan.run else None, SeriesProcessor.load(folder))
    threads = 1 if plan.is_beside_run else torch.get_num_threads()
    device = "cpu" if plan.is_beside_run else plan.settings.device
    readings_file = str(folder.with_name("readings.safetensors"))
    order = Order("", readings_file, rows, str(base_path), formats.computed, device, formats.attention, threads)
    plan.enter("asking", plan.source.name)
    trained = read_fresh(replace(order, folder=str(plan.source)), plan.obey)
    plan.enter("reloading", folder.name)
    found = read_fresh(replace(order, folder=str(folder)), plan.obey)
    if record.get("base") and Path(str(record["base"])).is_absolute():
        _change_json(folder / "tsft.json", base=base.name)
    equal, limit = equal_answers(trained, found), tolerance(trained, formats.computed)
    return SelfTest(len(rows), equal, difference(trained, found), tolerance=limit, precision=formats.computed)


def _opened(plan: Plan, formats: _Formats) -> Loaded:
    """The trained model on the device that is wished for."""
    plan.enter("loading", plan.source.name)
    dtype = getattr(torch, formats.computed)
    fetching = Fetching(lambda done, total: plan.progress("downloading", "bytes")(done, total, ""), plan.should_stop)
    step = plan.progress("loading", "tensors")
    with watched_loading(lambda done, total: step(done, total, plan.source.name), plan.obey):
        loaded = open_result(
            plan.source,
            plan.workspace,
            dtype,
            fetching,
            attention=formats.attention,
            device=plan.settings.device,
        )
    if loaded.encoder_is_new:
        raise UserError(Problem("result", message("export.nothing_trained", path=plan.source.name)))
    if loaded.quantised is None:
        loaded.model.to(plan.settings.device)
    return loaded


def _ask(plan: Plan, loaded: Loaded, rows: tuple[Any, ...]) -> list[Reading]:
    plan.enter("asking")
    return readings(loaded.model, loaded.processor, rows, plan.obey)


def _write(plan: Plan, loaded: Loaded, folder: Path) -> None:
    save = save_plain if plan.settings.form == PLAIN else save_chatts
    plan.enter("writing")
    step = plan.progress("writing", "files")
    with watched_loading(lambda done, total: step(done, total, ""), plan.obey):
        save(loaded.model, loaded.processor, folder, f"{round(plan.settings.shard_gb * 1e6)}KB")
    plan.obey()


def _deliver(plan: Plan, folder: Path, working: Path, base: Base, notes: tuple[Message, ...]) -> None:
    """The folder or its zip under its name, then on the hub if that is wished; a push that fails takes nothing back."""
    settings = plan.settings
    size = folder_bytes(folder)
    if settings.is_zipped:
        archive = zipped(folder, working / "export.zip", plan.progress("packing", "files"))
        size = archive.stat().st_size
        plan.obey()
        put(archive, plan.target)
    else:
        plan.obey()
        put(folder, plan.target)
        folder = plan.target
    place = str(plan.target.with_suffix("") if settings.is_zipped else plan.target)
    notes = (*notes, *_carried(settings.form, folder, place), *_license_notes(base))
    plan.say(path=str(plan.target), size_bytes=size, notes=notes)
    logger.info("exported %s as %s (%.1f MB)", plan.source.name, settings.form, size / 1e6)
    if settings.repository:
        plan.say(address=push(folder, settings, plan.progress("uploading", "files")))


def _carried(form: str, folder: Path, place: str) -> tuple[Message, ...]:
    if form == ADAPTER:
        return carried(form, place)
    return carried(form, place, lacks_code=lacks_code(folder), exceeds_vocabulary=exceeds_vocabulary(folder))


def _license_notes(base: Base) -> tuple[Message, ...]:
    return () if base.license else (message("export.license_unknown", base=base.name),)


def _adapter_problems(source: Path, workspace: Workspace) -> list[Problem]:
    if not (source / "adapter_config.json").is_file():
        return [Problem("form", message("export.no_adapter", path=source.name))]
    below = str(read_record(source).get("base", ""))
    if below and (workspace.root / below / "adapter_config.json").is_file():
        return [Problem("form", message("export.adapter_on_adapter", path=source.name, below=below))]
    return []


def _adapter_parts(source: Path) -> list[Path]:
    return [source / name for name in _ADAPTER_FILES if (source / name).is_file()]


def _cast(model: Any, dtype: str) -> None:
    """The weights alone: `model.to` would round the frequencies of the positions as well, which are made anew."""
    for parameter in model.parameters():
        parameter.data = parameter.data.to(getattr(torch, dtype))


def _change_json(path: Path, **changes: Any) -> None:
    tree = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    path.write_text(json.dumps(tree, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
