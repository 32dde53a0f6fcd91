"""Encoder and merge: all patches of a batch in one call, against one series after another as it is naively written.

Prints milliseconds of both (median of 30), their ratio, and the encoder's share of a whole forward and backward pass.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from tsft.model.batches import collate
from tsft.model.builtin import make_builtin
from tsft.model.loading import Loaded, load
from tsft.store.workspace import open_workspace

SERIES, POINTS, ROWS, REPEATS = 8, 256, 4, 30


def main() -> None:
    torch.manual_seed(0)
    workspace = open_workspace()
    loaded = load(make_builtin(workspace.models / "builtin"), dtype=torch.float32)
    batch = make_batch(loaded)
    encoder = loaded.model.model.ts_encoder
    ids = batch["input_ids"].clamp(max=loaded.model.config.vocab_size - 1)
    embeds = loaded.model.get_input_embeddings()(ids).detach()
    is_patch = batch["input_ids"] == loaded.family.start_id

    def at_once() -> Tensor:
        features = encoder(batch["ts_values"], batch["ts_mask"], batch["ts_positions"])
        return embeds.masked_scatter(is_patch.unsqueeze(-1), features)

    def one_by_one() -> Tensor:
        rows = []
        for row in range(ROWS):
            pieces, start = [], 0
            starts = (batch["ts_positions"][row] == 0).nonzero().flatten().tolist()
            for first, end in zip(starts, [*starts[1:], batch["ts_mask"].shape[1]], strict=True):
                part = [batch[name][row : row + 1, first:end] for name in ("ts_values", "ts_mask", "ts_positions")]
                features = encoder(*part)
                where = int(is_patch[row, start:].nonzero()[0]) + start
                pieces += [embeds[row, start:where], features]
                start = where + len(features)
            rows.append(torch.cat([*pieces, embeds[row, start:]]))
        return torch.stack(rows)

    assert torch.allclose(at_once(), one_by_one(), atol=1e-5)
    ours, naive = (median_ms(lambda way=way: way().sum().backward()) for way in (at_once, one_by_one))
    step = median_ms(lambda: loaded.model(**batch).loss.backward())
    print(f"{ROWS} rows x {SERIES} series x {POINTS} points, {torch.get_num_threads()} thread(s)")
    print(f"at once {ours:.1f} ms, one series after another {naive:.1f} ms: ratio {naive / ours:.1f}")
    print(f"forward and backward of the whole model {step:.0f} ms: encoder and merge are {ours / step:.1%}")


def make_batch(loaded: Loaded) -> dict[str, Tensor]:
    generator = np.random.default_rng(0)
    rows = []
    for _ in range(ROWS):
        series = [generator.normal(size=POINTS).cumsum() for _ in range(SERIES)]
        names = "\n".join(f"Metric {i} is a time series: <ts><ts/>" for i in range(SERIES))
        turns = [
            {"role": "user", "content": names + "\nCompare them."},
            {"role": "assistant", "content": "They drift."},
        ]
        rows.append(loaded.processor.encode(turns, series))
    return collate(rows, loaded.processor.pad_id, loaded.processor.patch_size)


def median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


if __name__ == "__main__":
    main()
