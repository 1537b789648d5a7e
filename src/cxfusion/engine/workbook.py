"""Excel workbooks as Arrow tables: one sheet, its first row the headings, its dates and numbers kept as such."""

from __future__ import annotations

import warnings
from itertools import dropwhile, zip_longest
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from cxfusion.engine.csv_header import unique_names
from cxfusion.engine.python_values import column_of
from cxfusion.errors import EmptyTableError, UnknownNameError, UnreadableFileError, UsageError, nearest_names

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
    EmptyTableError
        The sheet holds nothing.
    UnknownNameError
        There is no such sheet; the message lists the nearest.
    """
    below = reversed(list(dropwhile(_is_empty, _rows(path, sheet))))
    columns = list(zip_longest(*reversed(list(dropwhile(_is_empty, below)))))
    columns = [column for column in columns if not _is_empty(column)]
    if not columns:
        raise EmptyTableError(f"{path}: the sheet is empty. Expected a row of headings and at least one row below it.")
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
        with warnings.catch_warnings():  # of styles, headers and the like, which are no part of the table
            warnings.simplefilter("ignore")
            found, sheets = _read(openpyxl.load_workbook(path, read_only=True, data_only=True), sheet)
    except Exception as error:
        raise UnreadableFileError(
            f"{path} could not be read as an .xlsx workbook: {error}. Save it again in Excel, or as CSV."
        ) from error
    if found is None:
        near = ", ".join(nearest_names(sheet or "", sheets) or sheets)
        raise UnknownNameError(f"{path} has no sheet {sheet!r}. Expected one such as: {near}.")
    return found


def _read(book: Any, sheet: str | None) -> tuple[list[Row] | None, list[str]]:
    """Rows of a sheet, None where there is no such sheet; and the names of all sheets."""
    try:
        sheets = {one.title: one for one in book.worksheets}
        chosen = next(iter(sheets.values()), None) if sheet is None else sheets.get(sheet)
        return (None if chosen is None else list(chosen.iter_rows(values_only=True))), list(sheets)
    finally:
        book.close()
