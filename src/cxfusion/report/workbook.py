"""The tables of a study as one Excel workbook: text stays text, numbers stay numbers, and no person is in it."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from cxfusion.errors import UsageError
from cxfusion.results.display import display_name
from cxfusion.results.formats import FORMULA_STARTS
from cxfusion.results.language import say, speaking

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["write_workbook"]

_LONGEST: Final = 32_000  # letters that Excel lets a cell hold, about
_WIDEST: Final = 60
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def write_workbook(
    path: str | Path,
    sheets: Mapping[str, pd.DataFrame],
    *,
    language: str = "en",
    labels: Mapping[str, str] | None = None,
) -> Path:
    """One sheet per frame; the same frames give the same bytes.

    Parameters
    ----------
    path : path
    sheets : mapping of str to pandas.DataFrame
        By the English name of the sheet; empty frames are left out.
    language : {"en", "es"}
        Of the names of the sheets; columns keep the names that they have in the files.
    labels : mapping of str to str, optional
        The user's own words.

    Raises
    ------
    UsageError
        openpyxl is not installed.
    """
    try:
        from openpyxl import Workbook
    except ImportError as error:
        raise UsageError(
            f"{path} was to be an Excel workbook, and openpyxl, which writes those, is not installed."
            " Install it with  pip install 'cxfusion[excel]'  or take the tables as Parquet or CSV."
        ) from error
    book = Workbook()
    book.remove(book.active)
    with speaking(language, labels):
        for name, frame in sheets.items():
            if not frame.empty:
                _fill(book.create_sheet(say(name)[:31]), frame)
    if not book.sheetnames:
        book.create_sheet(say("Levers"))
    book.properties.creator = "cxfusion"
    book.properties.created = book.properties.modified = datetime(*_EPOCH)
    held = io.BytesIO()
    book.save(held)
    Path(path).write_bytes(_timeless(held.getvalue()))
    return Path(path)


def _fill(sheet: Any, frame: pd.DataFrame) -> None:
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    for place, name in enumerate(frame.columns, start=1):
        _put(sheet.cell(1, place), name).font = Font(bold=True)
    for row, values in enumerate(frame.itertuples(index=False, name=None), start=2):
        for place, value in enumerate(values, start=1):
            _put(sheet.cell(row, place), value)
    sheet.freeze_panes = "B2"
    sheet.auto_filter.ref = sheet.dimensions
    for place, name in enumerate(frame.columns, start=1):
        longest = max(len(str(name)), *(len(str(value)) for value in frame[name].head(200)))
        sheet.column_dimensions[get_column_letter(place)].width = min(longest + 2, _WIDEST)


def _put(cell: Any, value: Any) -> Any:
    """A value in its cell: what is missing stays empty, and no text is a formula."""
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return cell
    if isinstance(value, bool) or not isinstance(value, str):
        cell.value = value.item() if hasattr(value, "item") else value
        return cell
    cell.value = display_name(value, limit=_LONGEST)
    cell.data_type = "s"
    cell.quotePrefix = value.startswith(FORMULA_STARTS)
    return cell


def _timeless(book: bytes) -> bytes:
    """The same workbook without the time of its making."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name, _EPOCH), old.read(name), zipfile.ZIP_DEFLATED)
    return made.getvalue()
