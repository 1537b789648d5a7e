"""Excel workbooks as Arrow tables: one sheet, its first row the headings, its dates and numbers kept as such."""

from __future__ import annotations

import zipfile
from itertools import dropwhile, zip_longest
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from cxfusion.engine.csv_header import unique_names
from cxfusion.engine.python_values import column_of
from cxfusion.errors import UnknownNameError, UnreadableFileError, UsageError, nearest_names

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["read_workbook"]

Row: TypeAlias = tuple[Any, ...]


def read_workbook(path: str, sheet: str | None = None) -> pa.Table:
    """A sheet of a workbook, in memory, without empty rows above or below the table, or empty columns beside it.

    Parameters
    ----------
    path : str
        An ``.xlsx`` file.
    sheet : str, optional
        The first one otherwise.

    Raises
    ------
    UsageError
        openpyxl is not installed.
    UnreadableFileError
        The file is no workbook.
    UnknownNameError
        There is no such sheet; the message lists the nearest.
    """
    below = reversed(list(dropwhile(_is_empty, _rows(path, sheet))))
    columns = list(zip_longest(*reversed(list(dropwhile(_is_empty, below)))))
    columns = [column for column in columns if not _is_empty(column)]
    names = unique_names(["" if name is None else str(name) for name, *_ in columns])
    return pa.table({name: column_of(cells) for name, (_, *cells) in zip(names, columns, strict=True)})


def _is_empty(cells: Iterable[Any]) -> bool:
    return all(cell is None for cell in cells)


def _rows(path: str, sheet: str | None) -> list[Row]:
    try:
        import openpyxl
    except ImportError as error:
        raise UsageError(
            f"{path} is an Excel workbook, and openpyxl, which reads those, is not installed."
            " Install it with  pip install 'cxfusion[excel]'  or save the sheet as CSV."
        ) from error
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise UnreadableFileError(f"{path} could not be read as an .xlsx workbook: {error}. Save it again.") from error
    try:
        if sheet is not None and sheet not in book.sheetnames:
            near = ", ".join(nearest_names(sheet, book.sheetnames) or book.sheetnames)
            raise UnknownNameError(f"{path} has no sheet {sheet!r}. Expected one such as: {near}.")
        return list(book[sheet or book.sheetnames[0]].iter_rows(values_only=True))
    finally:
        book.close()
