"""Folds on Spark's workers: every partition becomes one state, and only states travel.

The rows of a relation stay there as Arrow batches from its first fold on, so that no later one plans a query, or reads
and decodes files, again.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from zipimport import zipimporter

import pyarrow as pa
from pyspark import StorageLevel

from cxfusion.errors import CxfusionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pyspark import RDD
    from pyspark.sql import DataFrame, Row

    from cxfusion.fold import Fold

__all__ = ["RowsOnWorkers", "rows_on_workers"]

Batches: TypeAlias = "Iterable[pa.RecordBatch]"
State = TypeVar("State")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class RowsOnWorkers:
    """Rows that the cluster keeps: in its memory, then on its disks. What a lost worker held is made anew.

    Attributes
    ----------
    packed : pyspark.RDD
        One row for each batch.
    """

    packed: RDD[Row]

    def fold(self, fold: Fold[State, Answer]) -> Answer:
        """Answer of a fold over the rows.

        Parameters
        ----------
        fold : Fold
            Travels to the workers, where cxfusion must be installed.

        Raises
        ------
        CxfusionError
            What a step of the fold raised on a worker.
        """
        state = fold.zero()
        for part in self.packed.mapPartitions(_state_of(fold)).collect():  # in the order of the partitions
            if isinstance(part, CxfusionError):
                raise part
            state = fold.merge(state, part)
        return fold.finish(state)

    def let_go(self) -> None:
        """Give back what they take."""
        self.packed.unpersist()


def rows_on_workers(frame: DataFrame, schema: pa.Schema) -> RowsOnWorkers:
    """Rows of a frame, to be folded over.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
    schema : pyarrow.Schema
        What folds expect of a batch.
    """
    packed = frame.mapInArrow(_packed_as(schema), "batch binary").rdd
    return RowsOnWorkers(packed.persist(StorageLevel.MEMORY_AND_DISK))


def _packed_as(schema: pa.Schema) -> Callable[[Batches], Batches]:
    def packed(batches: Batches) -> Batches:
        for batch in batches:
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, schema) as stream:
                stream.write_batch(batch.cast(schema))
            yield pa.RecordBatch.from_arrays([pa.array([sink.getvalue().to_pybytes()], pa.binary())], ["batch"])

    return packed


def _state_of(fold: Fold[Any, Any]) -> Callable[[Iterable[Row]], Iterator[Any]]:
    def state_of(rows: Iterable[Row]) -> Iterator[Any]:
        try:
            state = fold.zero()
            for row in rows:
                batch = pa.ipc.open_stream(pa.py_buffer(row.batch)).read_next_batch()
                state = fold.merge(state, fold.step(fold.zero(), batch))
        except CxfusionError as error:
            state = error
        _forget_archives()
        yield state

    return state_of


def _forget_archives() -> None:
    """Let a worker not look into its archives again before its next task.

    Spark has its own jar among the places of modules, and Python reads the list of its thousands of files anew
    whenever it is told that there may be new modules, which is at every task: ten times as long as a small fold.
    """
    for place, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, zipimporter):
            del sys.path_importer_cache[place]
