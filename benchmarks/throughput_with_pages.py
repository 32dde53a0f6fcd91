"""Steps a second of a run with 0, 1 and 5 pages open, against transformers' Trainer alone on the same rows and model.

Give the server one core and the pages another, as it is when the browser sits on another machine:
    taskset -c 0 python benchmarks/throughput_with_pages.py --browser-cores 1
Chromium and playwright are needed; without them only the bare Trainer and 0 pages are measured.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from tsft.config.codec import from_flat
from tsft.config.run_config import RunConfig
from tsft.data.preparation import prepare
from tsft.engine.engine import Engine
from tsft.engine.tuning import apply_tuning
from tsft.model.batches import collate
from tsft.model.builtin import make_builtin
from tsft.model.loading import load
from tsft.run.events import Event, StepLogged
from tsft.store.record import Record
from tsft.store.workspace import Workspace, open_workspace
from tsft.ui.launch import Address, launch
from tsft.ui.page import build_page
from tsft.ui.workspace import page_context

SKIPPED_STEPS = 20
PAGES = """
import sys, time
from playwright.sync_api import sync_playwright
url, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
with sync_playwright() as p:
    flags = ["--no-sandbox", "--headless=new", "--disable-gpu"]
    browser = p.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
    pages = [browser.new_context().new_page() for _ in range(count)]
    for page in pages:
        page.goto(url, wait_until="domcontentloaded")
    print("open", flush=True)
    time.sleep(seconds)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--browser-cores", default="")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder))
        config = from_flat(
            {
                "model.name": "builtin",
                "data.datasets": "demo",
                "data.validation": "none",
                "data.cutoff_length": 1024,
                "schedule.batch_size": 4,
                "schedule.gradient_accumulation": 1,
                "schedule.max_steps": options.steps,
                "schedule.group_by_length": False,
                "schedule.threads": 1,
                "output.save_minutes": 0,
            }
        )
        record = Record(workspace)
        engine = Engine(workspace, record)
        launched = launch(build_page(page_context(engine, workspace, record)), Address())
        speeds: dict[str, list[float]] = {}
        for _ in range(options.rounds):  # in turns, so that a busy minute hits all of them alike
            speeds.setdefault("bare Trainer", []).append(bare_trainer(workspace, config))
            for pages in (0, 1, 5):
                with_pages = steps_per_second(engine, config, launched.url, pages, options.browser_cores)
                speeds.setdefault(f"{pages} page(s)", []).append(with_pages)
        bare = max(speeds["bare Trainer"])
        for name, values in speeds.items():
            print(f"{name:>13}: {max(values):.2f} steps/s, ratio {max(values) / bare:.3f}", flush=True)
    os._exit(0)


def steps_per_second(engine: Engine, config: RunConfig, url: str, pages: int, cores: str) -> float:
    browser = open_pages(url, pages, cores) if pages else None
    times: list[float] = []

    def note(event: Event) -> None:
        if isinstance(event, StepLogged):
            times.append(time.perf_counter())

    engine.start(config)
    assert engine.board is not None
    engine.board.listen(note)
    state = engine.wait()
    assert state is not None and state.status == "finished", state and state.failure
    if browser is not None:
        browser.kill()
        browser.wait()
    return speed(times)


def open_pages(url: str, count: int, cores: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", PAGES, url, str(count), "600"]
    if cores:
        command = ["taskset", "-c", cores, *command]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(5)  # the pages load their scripts; that is not the running cost
    return process


class Clock(TrainerCallback):
    def __init__(self) -> None:
        self.times: list[float] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.times.append(time.perf_counter())


def bare_trainer(workspace: Workspace, config: RunConfig) -> float:
    """The same model, rows, batches and tuning; nothing logged, saved or shown."""
    loaded = load(make_builtin(workspace.models / "builtin"), dtype=torch.float32)
    data = prepare(config.data, loaded.processor, [workspace.datasets], workspace.cache, seed=config.schedule.seed)
    model = apply_tuning(loaded.model, config, loaded.encoder_is_new)
    family, pad = loaded.processor.family, loaded.processor.pad_id
    clock = Clock()
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(workspace.cache / "bare"),
            per_device_train_batch_size=config.schedule.batch_size,
            max_steps=config.schedule.max_steps,
            learning_rate=config.optim.learning_rate,
            logging_strategy="no",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
            use_cpu=True,
            dataloader_pin_memory=False,
        ),
        train_dataset=data.train,
        data_collator=lambda rows: collate(rows, pad, family.patch_size, family.last_patch),
        callbacks=[clock],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return speed(clock.times)


def speed(times: list[float]) -> float:
    kept = times[SKIPPED_STEPS:]
    return (len(kept) - 1) / (kept[-1] - kept[0])


if __name__ == "__main__":
    main()
