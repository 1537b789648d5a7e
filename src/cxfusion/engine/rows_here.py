"""Sources that are no table of an engine's own, on their way to it: in the memory of this process, numbered."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

import pyarrow as pa
import pyarrow.dataset as pads

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
from cxfusion.engine.databases import batches_of, open_table
from cxfusion.engine.duckdb import DuckDBEngine

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Held", "batches_here", "rows_here"]

Held: TypeAlias = FrameSource | LibraryFrameSource | StreamSource | RelationSource | DatabaseSource
"""What holds rows that are no file's."""
PLACE: Final = {SOURCE_FILE, SOURCE_ROW}


@contextmanager
def batches_here(source: Held) -> Iterator[pa.RecordBatchReader]:
    """Rows of what is no file, batch by batch, as long as the context lasts."""
    match source:
        case FrameSource(table=pa.Table() as table):
            yield table.to_reader()
        case FrameSource(table=pads.Dataset() as dataset):
            yield dataset.scanner().to_reader()
        case LibraryFrameSource():
            yield source.frame.toArrow().to_reader()
        case StreamSource():
            yield source.batches
        case RelationSource():
            yield batches_of(source.relation)
        case DatabaseSource():
            with open_table(source.address) as remote:
                yield remote.fetch(source.how(remote.table))


def rows_here(source: Source) -> pa.Table:
    """Rows of a source, with ``source_file`` and ``source_row`` added where it does not have them."""
    if isinstance(source, FileSource):
        here = DuckDBEngine()
        try:
            return here.collect(here.read(source))
        finally:
            here.close()
    with batches_here(source) as batches:
        rows = batches.read_all()
    if isinstance(source, FrameSource) and set(rows.schema.names) >= PLACE:
        return rows
    placed = rows.append_column(SOURCE_FILE, pa.repeat(pa.scalar(source.name, pa.string()), len(rows)))
    return placed.append_column(SOURCE_ROW, pa.array(range(1, len(rows) + 1), pa.int64()))
