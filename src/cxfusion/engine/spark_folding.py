"""Folds on Spark's workers: every partition becomes one state, and only states travel."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import pyarrow as pa

from cxfusion.errors import CxfusionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyspark.sql import DataFrame

    from cxfusion.fold import Fold

__all__ = ["fold_on_workers"]

Batches: TypeAlias = "Iterable[pa.RecordBatch]"
State = TypeVar("State")
Answer = TypeVar("Answer")


def fold_on_workers(fold: Fold[State, Answer], frame: DataFrame, schema: pa.Schema) -> Answer:
    """Answer of a fold over a frame.

    Parameters
    ----------
    fold : Fold
        Travels to the workers, where cxfusion must be installed.
    frame : pyspark.sql.DataFrame
    schema : pyarrow.Schema
        What the fold expects of a batch.

    Raises
    ------
    CxfusionError
        What a step of the fold raised on a worker.
    """
    found = frame.mapInArrow(_states(fold, schema), "part int, state binary").toArrow().sort_by("part")
    state = fold.zero()
    for packed in found["state"]:
        part = pickle.loads(packed.as_py())  # noqa: S301 - what our own workers packed
        if isinstance(part, CxfusionError):
            raise part
        state = fold.merge(state, part)
    return fold.finish(state)


def _states(fold: Fold[Any, Any], schema: pa.Schema) -> Callable[[Batches], Batches]:
    def state_of(batches: Batches) -> Batches:
        from pyspark import TaskContext

        context = TaskContext.get()
        part = 0 if context is None else context.partitionId()
        try:
            state = fold.zero()
            for batch in batches:
                state = fold.merge(state, fold.step(fold.zero(), batch.cast(schema)))
        except CxfusionError as error:
            state = error
        packed = pickle.dumps(state, protocol=5)
        yield pa.RecordBatch.from_arrays(
            [pa.array([part], pa.int32()), pa.array([packed], pa.binary())], names=["part", "state"]
        )

    return state_of
