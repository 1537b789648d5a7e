"""The engine contract on Arrow tables in memory: if this double were hard to write, the contract would be too wide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import pyarrow as pa
import pytest

import cxfusion as cx
from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW, FrameSource, RelationSource, StreamSource
from cxfusion.fold import fold_batches
from engines.conformance import *  # noqa: F403 - the tests are taken over

if TYPE_CHECKING:
    from collections.abc import Iterator


class MemoryEngine:
    """The engine contract on Arrow tables in memory; folds in batches of 31 rows, so that splits are seen."""

    def read(self, source):
        match source:
            case FrameSource():
                rows = source.table if isinstance(source.table, pa.Table) else source.table.to_table()
            case StreamSource():
                rows = source.batches.read_all()
            case RelationSource():
                rows = source.relation.to_pyarrow()
            case _:
                raise NotImplementedError("the in-memory double reads no files")
        table = rows.append_column(SOURCE_FILE, pa.array([source.name] * len(rows)))
        return ibis.memtable(table.append_column(SOURCE_ROW, pa.array(range(1, len(table) + 1), pa.int64())))

    def materialize(self, relation):
        return ibis.memtable(self.collect(relation))

    def collect(self, relation):
        return relation.to_pyarrow()

    def fold(self, relation, fold):
        return fold_batches(fold, self.collect(relation).to_batches(max_chunksize=31))

    def supports(self, capability):
        return capability in ("frames", "rows_here")

    def close(self):
        """Nothing is held."""


@pytest.fixture
def session() -> Iterator[cx.Session]:
    with cx.Session(MemoryEngine()) as opened:
        yield opened
