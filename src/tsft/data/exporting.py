"""Take a dataset away: as ChatTS rows in JSON Lines or Parquet, or to a dataset repository of the Hugging Face hub."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tsft.atomic import replacing
from tsft.data.arrow_cache import Progress, ShouldStop, throttled
from tsft.data.checks.diagnosis import source_of
from tsft.data.checks.quality import meta_of
from tsft.data.content import content_hash
from tsft.data.doctor import check_record
from tsft.data.examples import RowRefused
from tsft.data.provenance import Parent, Provenance, Step, read_provenance, write_provenance
from tsft.data.readers import Source, mapped_rows, total_bytes
from tsft.data.registry import find_dataset, safe_name
from tsft.data.row_files import FORMATS, chatts_row, write_lines
from tsft.errors import UserError, message
from tsft.run.ports import Stopped

HUB = "hub"


@dataclass(frozen=True)
class Exported:
    """path: the file, None where it went to the hub; url: the hub's page. left_out: rows that cannot be trained on."""

    path: Path | None
    rows: int
    left_out: int
    url: str = ""


def export(
    name: str,
    folders: Sequence[Path],
    cache: Path,
    target: Path,
    kind: str,
    *,
    by: str = "",
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Exported:
    """Write the rows of a dataset into the folder `target`, as one of `FORMATS`; an earlier export is replaced.

    Every value is a float and `meta` one text, so that other tools' readers find one type in a column.
    `progress(bytes, bytes in all)`.
    """
    if kind not in FORMATS:
        raise UserError(message("data.export.kind", kind=kind, kinds=", ".join(FORMATS)))
    dataset = find_dataset(name, folders, cache)
    source, counts = source_of(dataset), _Counts()
    target.mkdir(parents=True, exist_ok=True)
    path = target / f"{safe_name(dataset.name)}.{kind}"
    known = read_provenance(path)
    if path.exists() and (known is None or known.steps[-1].do != "export"):
        raise UserError(message("data.export.exists", path=str(path)))
    content = content_hash(source.files, cache)
    with replacing(path) as part:
        write_lines(_lines(source, counts, throttled(progress), should_stop), part, kind)
        if not counts.rows:
            raise UserError(message("data.none_left", read=counts.left_out))
    files = tuple(each.name for each in source.files)
    parent = Parent(source.name, content, files, counts.rows + counts.left_out)
    step = Step("export", {"format": kind}, counts.rows + counts.left_out, counts.rows)
    write_provenance(path, Provenance((parent,), (step,), content_hash([path], cache), counts.rows, by=by))
    return Exported(path, counts.rows, counts.left_out)


def export_to_hub(
    name: str,
    folders: Sequence[Path],
    cache: Path,
    repository: str,
    *,
    is_private: bool = True,
    api: Callable[[], Any] | None = None,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Exported:
    """Put the rows as `data/train.parquet` into a dataset repository ("owner/name"), which is made where missing.

    The token is the environment's (HF_TOKEN) or that of the hub's own login; it is never kept here. api: gives what
    talks to the hub, `huggingface_hub.HfApi` unless told. UserError where the hub refuses or cannot be reached.
    """
    if repository.count("/") != 1 or not all(part.strip() for part in repository.split("/")):
        raise UserError(message("data.export.repository", name=repository))
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="export-", dir=cache) as folder:
        made = export(name, folders, cache, Path(folder), "parquet", progress=progress, should_stop=should_stop)
        if should_stop is not None and should_stop():
            raise Stopped
        assert made.path is not None
        hub = (api or HfApi)()
        try:
            url = hub.create_repo(repository, repo_type="dataset", private=is_private, exist_ok=True)
            hub.upload_file(
                path_or_fileobj=str(made.path),
                path_in_repo="data/train.parquet",
                repo_id=repository,
                repo_type="dataset",
            )
        except (HfHubHTTPError, HFValidationError, OSError, ValueError) as error:
            why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise UserError(message("data.export.hub", name=repository, why=why)) from error
    return Exported(None, made.rows, made.left_out, str(url))


@dataclass
class _Counts:
    rows: int = 0
    left_out: int = 0


def _lines(source: Source, counts: _Counts, report: Progress, should_stop: ShouldStop | None) -> Iterator[bytes]:
    total = total_bytes(source.files)
    for each in mapped_rows(source, lambda sentence: None, should_stop):
        report(min(each.done_bytes, total), total)
        try:
            if each.raw.record is None:
                raise RowRefused(each.raw.reason or message("data.row.encoding"))
            row = check_record(each.raw.record, each.mapping)
        except RowRefused:
            counts.left_out += 1
            continue
        counts.rows += 1
        meta = meta_of(each.raw.record)
        text = orjson.dumps(meta).decode() if meta else ""
        own = each.raw.record.get("id")
        name = {"id": str(own)} if own is not None else {}
        yield orjson.dumps(name | chatts_row(row.turns, row.series, text, row.rejected, row.is_good))
    report(total, total)
