"""A fixed copy of a dataset: rows changed or left out as asked, in a new file with its provenance; nothing in place."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tsft.atomic import replacing
from tsft.data.arrow_cache import Progress, ShouldStop, throttled
from tsft.data.checks.diagnosis import Diagnosis, Look, diagnose
from tsft.data.checks.findings import BITS, FIXES, KINDS, LEAVING_OUT, kind_of
from tsft.data.checks.rows import examine_row
from tsft.data.checks.signatures import row_key
from tsft.data.content import content_hash
from tsft.data.doctor import CheckedRow
from tsft.data.encoded_rows import with_system
from tsft.data.examples import RowRefused
from tsft.data.fixes.row_fixes import ROW_FIXES, FixTools
from tsft.data.mapping import PLAIN_TEXT, ColumnMapping
from tsft.data.provenance import Parent, Provenance, Step, write_provenance
from tsft.data.readers import mapped_rows, total_bytes
from tsft.data.registry import safe_name
from tsft.data.row_files import json_line
from tsft.errors import UserError, message

# Each fix may bring the next finding to light; a row that still has one after so many is left out.
_ROUNDS = 12


@dataclass(frozen=True)
class Derived:
    """The copy: its name in the folder, its file, and how it came about."""

    name: str
    path: Path
    provenance: Provenance


def default_fixes(diagnosis: Diagnosis) -> dict[str, str]:
    """The best fix for every finding that has one and was not waived."""
    found = diagnosis.report.findings
    return {each.kind: each.fixes[0] for each in found if each.fixes and not each.is_waived}


def derive(
    name: str,
    folders: Sequence[Path],
    cache: Path,
    target: Path,
    fixes: Mapping[str, str],
    new_name: str = "",
    look: Look | None = None,
    by: str = "",
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Derived:
    """Write a copy into the folder `target` in which the findings named in `fixes` (kind: fix) are gone.

    Rows that cannot be read at all have no place in a copy and are counted. `progress(done_bytes, total_bytes)` runs
    twice over the files: the examination first, unless the cache has it. UserError for a fix that does not fit.
    """
    look = look or Look()
    _refuse_unfit(fixes, look)
    diagnosis = diagnose(name, folders, cache, look, progress, should_stop)
    target.mkdir(parents=True, exist_ok=True)
    path = _free_path(target, new_name or f"{Path(name).stem}-fixed")
    with replacing(path) as unfinished:
        counts = _write(unfinished, diagnosis, fixes, look, progress, should_stop)
    provenance = _provenance(diagnosis, fixes, look, counts, content_hash([path], cache), by)
    write_provenance(path, provenance)
    return Derived(path.stem, path, provenance)


def _refuse_unfit(fixes: Mapping[str, str], look: Look) -> None:
    problems = []
    for kind, fix in fixes.items():
        if kind not in KINDS:
            problems.append(message("data.fix.unknown_kind", kind=kind, kinds=", ".join(KINDS)))
        elif fix not in KINDS[kind].fixes:
            fitting = ", ".join(KINDS[kind].fixes) or "-"
            problems.append(message("data.fix.unfit", kind=kind, fix=fix, fixes=fitting))
        elif kind == "too_long" and look.encoder is None:
            problems.append(message("data.fix.needs_model", kind=kind))
    if not fixes:
        problems.append(message("data.fix.none", fixes=", ".join(FIXES)))
    if problems:
        raise UserError(*problems)


@dataclass
class _Counts:
    rows_in: int = 0
    rows_out: int = 0
    unreadable: int = 0
    changed: "Counter[str]" = field(default_factory=Counter)
    left_out: "Counter[str]" = field(default_factory=Counter)


def _write(
    path: Path,
    diagnosis: Diagnosis,
    fixes: Mapping[str, str],
    look: Look,
    progress: Progress | None,
    should_stop: ShouldStop | None,
) -> _Counts:
    report, total = throttled(progress), total_bytes(diagnosis.source.files)
    counts = _Counts()
    kinds = diagnosis.facts.column("kinds")
    bits = {kind: BITS[kind] for kind in fixes if KINDS[kind].is_of_set}
    fixer = _Fixer(fixes, look)
    # Rows that differed may be alike once they are fixed: the round before could not know.
    written: set[int] | None = set() if "duplicate" in fixes else None
    with path.open("w", encoding="utf-8") as file:
        rows = mapped_rows(diagnosis.source, lambda sentence: None, should_stop)
        for index, each in enumerate(rows):
            counts.rows_in += 1
            report(min(each.done_bytes, total - 1), total)
            flagged = next((kind for kind, bit in bits.items() if int(kinds[index]) & bit), None)
            if each.raw.record is None:
                counts.unreadable += 1
                continue
            if flagged is not None:
                counts.left_out[flagged] += 1
                continue
            record, changed_by, lost_to, row = fixer.fixed(each.raw.record, each.mapping)
            counts.changed.update(changed_by if record is not None else ())
            if record is None:
                counts.left_out[lost_to] += 1
                continue
            if written is not None and row is not None and _is_repeated(row, written):
                counts.left_out["duplicate"] += 1
                continue
            counts.rows_out += 1
            file.write(json_line(record))
    report(total, total)
    return counts


@dataclass(frozen=True)
class _Fixer:
    fixes: Mapping[str, str]
    look: Look

    def fixed(
        self, record: Mapping[str, Any], mapping: ColumnMapping
    ) -> tuple[Mapping[str, Any] | None, set[str], str, CheckedRow | None]:
        """(record or None, kinds that were fixed, the kind for which it is left out, the record as it trains)."""
        tools = FixTools(self.look.encoder, self.look.cutoff_length)
        done: set[str] = set()
        kind, row = self._first_wanted(record, mapping)
        for _ in range(_ROUNDS):
            if kind is None:
                break
            changed = None
            if self.fixes[kind] not in LEAVING_OUT:
                changed = _tried(self.fixes[kind], record, mapping, tools)
            if changed is None:
                return None, done, kind, None
            record = changed
            done.add(kind)
            kind, row = self._first_wanted(record, mapping)
        return (None, done, kind, None) if kind is not None else (record, done, "", row)

    def _first_wanted(self, record: Mapping[str, Any], mapping: ColumnMapping) -> tuple[str | None, CheckedRow | None]:
        """The first kind that is to be fixed, and the record as it would be trained on."""
        examined = examine_row(record, mapping)
        wanted = next((kind for kind in examined.kinds if kind in self.fixes), None)
        row, encoder = examined.row, self.look.encoder
        if wanted or row is None or encoder is None or "too_long" not in self.fixes:
            return wanted, row
        turns = row.turns if row.turns[0]["role"] == PLAIN_TEXT else with_system(row.turns, self.look.system_prompt)
        try:
            length = len(encoder.encode(turns, row.series).input_ids)
        except UserError as error:
            return ("too_long" if kind_of(error.message) == "too_long" else None), row
        return ("too_long" if 0 < self.look.cutoff_length < length else None), row


def _is_repeated(row: CheckedRow, written: set[int]) -> bool:
    """Whether the same row was written already; its key is kept."""
    key = row_key(row.turns, row.series_key)
    if key in written:
        return True
    written.add(key)
    return False


def _tried(fix: str, record: Mapping[str, Any], mapping: ColumnMapping, tools: FixTools) -> dict[str, Any] | None:
    try:
        return ROW_FIXES[fix](record, mapping, tools)
    except (RowRefused, ValueError, TypeError):
        return None  # the row has other faults that keep this fix from reading it, so it is left out and counted


def _provenance(
    diagnosis: Diagnosis, fixes: Mapping[str, str], look: Look, counts: _Counts, content: str, by: str
) -> Provenance:
    source, report = diagnosis.source, diagnosis.report
    options: dict[str, Any] = {
        "fixes": dict(fixes),
        "changed": dict(counts.changed),
        "left_out": dict(counts.left_out),
        "unreadable": counts.unreadable,
    }
    if look.validation:
        options["validation"] = list(look.validation)
    if look.encoder is not None:
        options |= {"cutoff_length": look.cutoff_length, "processor": look.encoder.fingerprint}
    step = Step("fix", options, counts.rows_in, counts.rows_out, sum(counts.changed.values()))
    parent = Parent(source.name, report.content, tuple(path.name for path in source.files), report.rows_read)
    mapping = {} if source.mapping.is_guessed else source.mapping.to_json()
    return Provenance((parent,), (step,), content, counts.rows_out, mapping, by=by)


def _free_path(folder: Path, name: str) -> Path:
    stem, number = safe_name(name.removesuffix(".jsonl")), 1
    path = folder / f"{stem}.jsonl"
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.jsonl"
    return path
