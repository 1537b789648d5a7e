"""Every table of an output directory as CSV too, for tools that read no Parquet.

UTF-8, a header line, times in UTC, nothing where there is no value, and no text that a spreadsheet takes for a formula.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from cxfusion.results.formats import FORMULA_STARTS

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_csv_copies"]

FORMULA: Final = f"^[{re.escape(''.join(FORMULA_STARTS))}]"
NUMBER: Final = r"^[+\-]?[0-9][0-9., ]*$"


def write_csv_copies(folder: Path) -> None:
    """Write ``NAME.csv`` beside every ``NAME.parquet``: the same columns, the same rows, in the same order.

    Times are written as ``2026-01-05 09:00:00``, in UTC and to the second. A cell without a value is empty; text is
    quoted where it has to be. Text that begins like a formula (``=``, ``+``, ``-``, ``@``, a tab or a carriage return)
    and is no number gets an apostrophe in front, which spreadsheets take for "this is text".

    Parameters
    ----------
    folder : path
    """
    import pyarrow.csv as pacsv
    import pyarrow.parquet as pq

    for path in sorted(folder.glob("*.parquet")):
        file = pq.ParquetFile(path)
        schema = pa.schema([_plain(field) for field in file.schema_arrow])
        with pacsv.CSVWriter(path.with_suffix(".csv"), schema, write_options=pacsv.WriteOptions()) as writer:
            for batch in file.iter_batches():
                table = pa.Table.from_batches([batch]).cast(schema, safe=False)
                writer.write_table(pa.table([_harmless(column) for column in table.columns], schema=schema))


def _plain(field: pa.Field[Any]) -> pa.Field[Any]:
    return field.with_type(pa.timestamp("s")) if pa.types.is_timestamp(field.type) else field


def _harmless(column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    """Text that is text in a spreadsheet too."""
    import pyarrow.compute as pc

    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    is_formula = pc.and_not(pc.match_substring_regex(column, FORMULA), pc.match_substring_regex(column, NUMBER))
    quoted = pc.replace_substring_regex(column, pattern=f"({FORMULA})", replacement=r"'\1")
    told: pa.ChunkedArray[Any] = pc.if_else(is_formula, quoted, column)
    return told
