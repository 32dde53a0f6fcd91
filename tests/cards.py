"""A readiness card that needs no look at anything."""

from tsft.errors import message
from tsft.run.events import Group
from tsft.run.readiness import (
    DatasetCounts,
    DroppedRows,
    MemoryEstimate,
    MemoryPart,
    Readiness,
    TimeEstimate,
    bars_of,
)

GIB = 1024**3
READY = Readiness(
    model="<b>mine</b>",
    parameters=4_200_000,
    parameters_trained=500_000,
    method="lora",
    encoder="full",
    encoder_is_new=True,
    trains_positions=True,
    groups=(Group("llm", 200_000, 1e-4), Group("encoder", 300_000, 2e-4)),
    device="cpu",
    precision="fp32",
    datasets=(DatasetCounts("<i>data</i>", 10, 8, (DroppedRows(2, message("data.none_left", read=2)),), cut=1),),
    rows_train=7,
    rows_validation=1,
    tokens_median=60,
    tokens_longest=90,
    cutoff_length=100,
    bars=bars_of([10, 20, 60, 60, 70, 90, 90]),
    steps=12,
    epochs=3.0,
    batch_size=2,
    batch_tokens=180,
    memory=MemoryEstimate("cpu", (MemoryPart("process", GIB), MemoryPart("weights", GIB)), 4 * GIB),
    time=TimeEstimate(60.0, 5.0, "guess"),
    disk_bytes=GIB,
    disk_free_bytes=9 * GIB,
)
