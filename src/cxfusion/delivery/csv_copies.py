"""Every table of an output directory as CSV too, for tools that read no Parquet.

UTF-8, a header line, times in UTC, and nothing where there is no value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_csv_copies"]


def write_csv_copies(folder: Path) -> None:
    """Write ``NAME.csv`` beside every ``NAME.parquet``: the same columns, the same rows, in the same order.

    Times are written as ``2026-01-05 09:00:00``, in UTC and to the second. A cell without a value is empty; text is
    quoted where it has to be, and left as it is otherwise.

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
                writer.write_table(pa.Table.from_batches([batch]).cast(schema, safe=False))


def _plain(field: pa.Field[Any]) -> pa.Field[Any]:
    return field.with_type(pa.timestamp("s")) if pa.types.is_timestamp(field.type) else field
