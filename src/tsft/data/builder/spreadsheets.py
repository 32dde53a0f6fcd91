"""The first sheet of an XLSX workbook that holds a table, as rows of text."""

import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from tsft.errors import UserError, message


def sheet_rows(path: Path, max_rows: int = 0) -> list[list[str]]:
    """Header and rows without what is empty around them; [] where no sheet has any. UserError where it is no workbook.

    Formulas give the value that was saved with them, times their ISO form.
    """
    # Loaded at the first workbook: nothing else needs it.
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # some writers note a wrong size, and cells beyond it would be left out
                rows = list(_filled(sheet.iter_rows(values_only=True), max_rows))
                if rows:
                    return _without_margin(rows)
        finally:
            book.close()
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise UserError(message("data.build.broken_table", file=path.name, detail=str(error)[:200])) from error
    return []


def _filled(rows: Iterator[tuple[Any, ...]], max_rows: int) -> Iterator[list[str]]:
    """Rows that hold anything; the header and at most so many."""
    count = 0
    for row in rows:
        cells = [_text(cell) for cell in row]
        if any(cells):
            yield cells
            count += 1
            if max_rows and count > max_rows:
                return


def _without_margin(rows: list[list[str]]) -> list[list[str]]:
    """All rows of one width, without columns in which nothing stands."""
    width = max(len(row) for row in rows)
    whole = [row + [""] * (width - len(row)) for row in rows]
    kept = [place for place in range(width) if any(row[place] for row in whole)]
    return [[row[place] for place in kept] for row in whole]


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    return str(cell).strip()
