"""Sources that are no table of an engine's own, on their way to it: in the memory of this process, numbered."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from cxfusion.engine.contract import (
    SOURCE_FILE,
    SOURCE_ROW,
    DatabaseSource,
    FileSource,
    FrameSource,
    LibraryFrameSource,
    RelationSource,
    Source,
    StreamSource,
)
from cxfusion.engine.databases import batches_of, rows_of
from cxfusion.engine.duckdb import DuckDBEngine

__all__ = ["rows_here"]

PLACE: Final = {SOURCE_FILE, SOURCE_ROW}


def rows_here(source: Source) -> pa.Table:
    """Rows of a source, with ``source_file`` and ``source_row`` added."""
    match source:
        case FileSource():
            here = DuckDBEngine()
            try:
                return here.collect(here.read(source))
            finally:
                here.close()
        case FrameSource():
            rows = source.table if isinstance(source.table, pa.Table) else source.table.to_table()
            if set(rows.schema.names) >= PLACE:
                return rows
        case StreamSource():
            rows = source.batches.read_all()
        case RelationSource():
            rows = batches_of(source.relation).read_all()
        case DatabaseSource():
            rows = pa.Table.from_batches(rows_of(source))
        case LibraryFrameSource():
            rows = source.frame.toArrow()
    placed = rows.append_column(SOURCE_FILE, pa.repeat(pa.scalar(source.name, pa.string()), len(rows)))
    return placed.append_column(SOURCE_ROW, pa.array(range(1, len(rows) + 1), pa.int64()))
