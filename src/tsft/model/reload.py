"""What a model says to a few probes, in numbers that two processes can compare; and the fresh process that reads them.

`python -m tsft.model.reload ORDER.json` opens an exported folder with nothing of tsft but this package, or with
transformers alone, and writes its readings. Who orders that and compares is the engine.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tsft.model.adapters import load_adapter
from tsft.model.answer import Sampling, answer_many
from tsft.model.batches import collate
from tsft.model.layouts import PlainWithSeries, is_plain
from tsft.model.loading import load
from tsft.model.processor import SeriesProcessor

# Logits of the last positions: with 150,000 words a whole prompt of a thousand tokens would be 600 MB.
KEPT_POSITIONS = 16
ANSWER_TOKENS = 24


@dataclass(frozen=True)
class ProbeRow:
    """One conversation that ends with a question, and the raw series behind its placeholders."""

    turns: tuple[dict[str, str], ...]
    series: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class Order:
    """What the fresh process is to open and how. base: the folder of an adapter's base, "" for a whole model."""

    folder: str
    readings: str
    rows: tuple[ProbeRow, ...]
    base: str = ""
    dtype: str = "float32"
    device: str = "cpu"
    attention: str = "sdpa"
    threads: int = 0

    @staticmethod
    def read(path: Path) -> "Order":
        tree = json.loads(path.read_text(encoding="utf-8"))
        rows = tuple(ProbeRow(tuple(each["turns"]), tuple(map(tuple, each["series"]))) for each in tree.pop("rows"))
        return Order(rows=rows, **tree)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), ensure_ascii=False), encoding="utf-8")


@dataclass(frozen=True)
class Reading:
    """What a model says to one row. logits: float32[KEPT_POSITIONS or fewer, V], of the last positions."""

    logits: Tensor
    answer: str


@torch.inference_mode()
def readings(
    model: Any, processor: SeriesProcessor, rows: Sequence[ProbeRow], between: Callable[[], None] = lambda: None
) -> list[Reading]:
    """One row after another, each answered by its likeliest tokens. `between` is called before each and may raise."""
    model.eval()
    made = []
    for row in rows:
        between()
        encoded = processor.prompt(row.turns, row.series)
        batch = collate([encoded], processor.pad_id, processor.patch_size, processor.family.last_patch)
        batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
        logits = model(**batch, logits_to_keep=KEPT_POSITIONS).logits[0, -KEPT_POSITIONS:].float().cpu()
        sampling = Sampling(max_new_tokens=ANSWER_TOKENS)
        answer = answer_many(model, processor, [(row.turns, row.series)], sampling=sampling)[0]
        made.append(Reading(logits.contiguous(), answer))
    return made


def write_readings(found: Sequence[Reading], path: Path) -> None:
    """Logits and answers in one file without a pickle."""
    logits = {f"logits.{number}": each.logits for number, each in enumerate(found)}
    save_file(logits, path, metadata={"modules": " ".join(_parts_loaded())})
    path.with_suffix(".json").write_text(json.dumps([each.answer for each in found]), encoding="utf-8")


def read_readings(path: Path) -> list[Reading]:
    """What `write_readings` wrote."""
    logits = load_file(path)
    answers = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return [Reading(logits[f"logits.{number}"], answer) for number, answer in enumerate(answers)]


def opened(order: Order) -> tuple[Any, SeriesProcessor]:
    """The model and the processor of an exported folder of any form."""
    folder, dtype = Path(order.folder), getattr(torch, order.dtype)
    if order.base:
        loaded = load_adapter(folder, Path(order.base), dtype, attention=order.attention, device=order.device)
        model = loaded.model if loaded.quantised is not None else loaded.model.to(order.device)
        return model, loaded.processor
    if is_plain(folder):
        return PlainWithSeries(folder, dtype, order.attention).to(order.device), SeriesProcessor.load(folder)
    loaded = load(folder, dtype=dtype, attention=order.attention)
    return loaded.model.to(order.device), loaded.processor


def main(arguments: Sequence[str] | None = None) -> int:
    """The fresh process; returns its exit code."""
    order = Order.read(Path((sys.argv[1:] if arguments is None else arguments)[0]))
    if order.threads:
        torch.set_num_threads(order.threads)
    model, processor = opened(order)
    write_readings(readings(model, processor, order.rows), Path(order.readings))
    return 0


def _parts_loaded() -> Iterator[str]:
    """Which parts of tsft this process has loaded: that the training code is not among them can be shown."""
    return iter(sorted({".".join(name.split(".")[:2]) for name in sys.modules if name.startswith("tsft.")}))


if __name__ == "__main__":
    sys.exit(main())
