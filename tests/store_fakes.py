"""Checkpoints and weights made by hand, as small as they can be."""

import json
import struct
from pathlib import Path

from tsft.store.runs import RunFolder, mark_complete


def write_weights(path: Path, numbers: int = 4) -> None:
    """A safetensors file of one float32 tensor, made by hand."""
    header = {"weight": {"dtype": "F32", "shape": [numbers], "data_offsets": [0, 4 * numbers]}}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"\0" * 4 * numbers)


def write_checkpoint(folder: RunFolder, step: int, loss: float | None = None) -> Path:
    path = folder.checkpoints / f"checkpoint-{step}"
    path.mkdir(parents=True)
    write_weights(path / "adapter_model.safetensors")
    log = [{"step": step, "loss": 9.0}] + ([{"step": step, "eval_loss": loss}] if loss is not None else [])
    (path / "trainer_state.json").write_text(json.dumps({"global_step": step, "log_history": log}))
    (path / "optimizer.pt").write_bytes(b"x")
    (path / "scheduler.pt").write_bytes(b"x")
    mark_complete(path)
    return path
