"""The tables of an output directory in a database: every table among its files, and the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from cxfusion.delivery.directory import MANIFEST
from cxfusion.engine.replacing import replace_tables

if TYPE_CHECKING:
    from pathlib import Path

    from cxfusion.engine.addresses import Address

__all__ = ["write_database"]

BATCH_ROWS: Final = 65_536


def write_database(folder: Path, address: Address) -> None:
    """Write the tables of an output directory to a database, all of them or none.

    A table has the name of its file; ``manifest`` has one row, whose ``manifest`` is the text of that file.

    Parameters
    ----------
    folder : path
        With a manifest and files of Parquet and CSV.
    address : Address

    Raises
    ------
    UsageError, OutputDatabaseError
        As of :func:`~cxfusion.engine.replacing.replace_tables`.
    """
    files = [path for kind in ("*.csv", "*.parquet") for path in sorted(folder.glob(kind))]  # of a table's two, Parquet
    manifest = pa.table({"manifest": [(folder / MANIFEST).read_text(encoding="utf-8")]})
    replace_tables(address, {path.stem: _rows(path) for path in files} | {"manifest": manifest.to_reader()})


def _rows(path: Path) -> pa.RecordBatchReader:
    import pyarrow.csv as pacsv
    import pyarrow.parquet as pq

    if path.suffix == ".csv":
        return _typed(pacsv.read_csv(path)).to_reader()
    file = pq.ParquetFile(path)
    return pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches(BATCH_ROWS))


def _typed(table: pa.Table) -> pa.Table:
    """The table with text where a column holds nothing at all, of which no type can be told."""
    fields = [field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in table.schema]
    return table.cast(pa.schema(fields))
