"""The rows of a run, read and encoded with its progress told; a look at a config prepares them the same way."""

from collections.abc import Callable

from tsft.data.encoding import RowEncoder
from tsft.data.preparation import PreparedData, prepare
from tsft.engine.job import Job, ProgressTeller
from tsft.engine.sampled import needs_labels
from tsft.errors import Message


def prepared_rows(job: Job, processor: RowEncoder, notify: Callable[[Message], None] | None = None) -> PreparedData:
    """Everything that trains and validates, from the caches where it is there. Stop wishes are obeyed in between."""
    teller, config = ProgressTeller(job), job.config

    def progress(what: Message, done: int, total: int) -> None:
        phase, unit = ("reading", "bytes") if what.key.endswith("reading") else ("encoding", "rows")
        teller.tell(phase, str(what.values.get("dataset", "")), done, total, unit)

    return prepare(
        config.data,
        processor,
        job.workspace.dataset_folders(config.data.folder),
        job.workspace.cache,
        seed=config.schedule.seed,
        progress=progress,
        should_stop=job.control.should_stop,
        notify=notify,
        needs_labels=needs_labels(config),
    )
