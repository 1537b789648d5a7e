"""Folds on Spark's workers: every partition becomes one state, and only states travel.

Of many partitions, states are merged over there before they come here; those that hold rows never do. The rows of a
relation stay there as Arrow batches from its first fold on, so that no later one plans a query, or reads and decodes
files, again.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from math import isqrt
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar
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
MOST_STATES: Final = 16
"""So many come here as they are; of more those of a few neighbours are merged first, which takes a stage more."""
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
        n = self.packed.getNumPartitions()
        states = self.packed.mapPartitionsWithIndex(_state_of(fold))
        if getattr(fold, "holds_rows", False):
            answer: Answer
            (answer,) = map(
                _unless_error, _gathered(states, n, 1).mapPartitions(_merged_by(fold, is_last=True)).collect()
            )
            return answer
        if n > MOST_STATES:
            states = _gathered(states, n, isqrt(n)).mapPartitions(_merged_by(fold, is_last=False))
        state = fold.zero()
        for _, part in states.collect():  # in the order of the partitions
            state = fold.merge(state, _unless_error(part))
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


def _state_of(fold: Fold[Any, Any]) -> Callable[[int, Iterable[Row]], Iterator[tuple[int, Any]]]:
    """From the rows of a partition to its number and its state, or the error that a step raised."""

    def state_of(number: int, rows: Iterable[Row]) -> Iterator[tuple[int, Any]]:
        try:
            state = fold.zero()
            for row in rows:
                batch = pa.ipc.open_stream(pa.py_buffer(row.batch)).read_next_batch()
                state = fold.merge(state, fold.step(fold.zero(), batch))
        except CxfusionError as error:
            state = error
        _forget_archives()
        yield number, state

    return state_of


def _gathered(states: RDD[tuple[int, Any]], n: int, n_places: int) -> RDD[tuple[int, Any]]:
    """States of so many partitions brought to fewer places, neighbours to the same one."""
    return states.partitionBy(n_places, lambda number: number * n_places // n)


def _merged_by(fold: Fold[Any, Any], *, is_last: bool) -> Callable[[Iterable[tuple[int, Any]]], Iterator[Any]]:
    """From states, which come in any order, to one of them all, or, of the last place of all, to the answer."""

    def merged(states: Iterable[tuple[int, Any]]) -> Iterator[Any]:
        told = sorted(states, key=itemgetter(0))
        try:
            state = fold.zero()
            for _, part in told:
                state = fold.merge(state, _unless_error(part))
            found = fold.finish(state) if is_last else state
        except CxfusionError as error:
            found = error
        _forget_archives()
        yield found if is_last else (told[0][0], found)

    return merged


def _unless_error(found: Any) -> Any:
    if isinstance(found, CxfusionError):
        raise found
    return found


def _forget_archives() -> None:
    """Let a worker not look into its archives again before its next task.

    Spark has its own jar among the places of modules, and Python reads the list of its thousands of files anew
    whenever it is told that there may be new modules, which is at every task: ten times as long as a small fold.
    """
    for place, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, zipimporter):
            del sys.path_importer_cache[place]
