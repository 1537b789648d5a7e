"""The one way numbers are drawn from rows: ``zero``, ``step`` per record batch, ``merge``, ``finish``.

A fold holds no rows, so memory does not grow with the table, and any split of the rows gives the same answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

__all__ = ["Fold", "Sweep", "fold_batches"]

State = TypeVar("State")
Answer_co = TypeVar("Answer_co", covariant=True)
Answer = TypeVar("Answer")


class Fold(Protocol[State, Answer_co]):
    """What an estimator asks of the rows.

    Laws, tested as properties: ``zero`` is neutral in ``merge``; ``merge`` is associative and commutative up to
    rounding; stepping two batches equals merging their two states. A fold never writes to a batch.
    """

    def zero(self) -> State:
        """State of no rows."""
        ...

    def step(self, state: State, batch: pa.RecordBatch) -> State:
        """State with one more batch; may reuse the memory of ``state``."""
        ...

    def merge(self, left: State, right: State) -> State:
        """State of the rows of both; may reuse the memory of ``left``."""
        ...

    def finish(self, state: State) -> Answer_co:
        """Answer for the rows seen."""
        ...


class Sweep(Protocol):
    """Runs a fold over one table, wherever that table lives. Iterative estimators take a sweep, not rows."""

    def __call__(self, fold: Fold[Any, Answer], /) -> Answer:
        """Answer of the fold for all rows of the table."""
        ...


def fold_batches(fold: Fold[State, Answer], batches: Iterable[pa.RecordBatch]) -> Answer:
    """Run a fold over record batches, one at a time.

    Parameters
    ----------
    fold : Fold
    batches : iterable of pyarrow.RecordBatch
        Each is let go before the next is asked for.
    """
    state = fold.zero()
    for batch in batches:
        state = fold.step(state, batch)
    return fold.finish(state)
