"""The one way numbers are drawn from rows: ``zero``, ``step`` per record batch, ``merge``, ``finish``.

A fold holds no rows, so memory does not grow with the table, and any split of the rows gives the same answer.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    import pyarrow as pa

__all__ = ["Fold", "Sweep", "algebra_in_one_thread", "fold_batches"]

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
    """Runs a fold over one table, wherever that table lives. Iterative estimators take a sweep, not rows.

    One whose rows are in other processes, so that no fold may keep them, says so: ``may_keep_rows = False``.
    """

    def __call__(self, fold: Fold[Any, Answer], /) -> Answer:
        """Answer of the fold for all rows of the table."""
        ...


def fold_batches(fold: Fold[State, Answer], batches: Iterable[Any], threads: int = 1) -> Answer:
    """Run a fold over record batches, in their order.

    Each batch makes a state of its own and the states merge one after the other, so that the answer is the same to the
    last bit for any number of threads.

    Parameters
    ----------
    fold : Fold
    batches : iterable of pyarrow.RecordBatch
        Or of whatever the fold steps over. At most ``threads`` + 1 of them are held at a time.
    threads : int
        That step at the same time; array libraries let go of the interpreter while they work.
    """
    state = fold.zero()
    for part in _states_of(fold, batches, threads):
        state = fold.merge(state, part)
    return fold.finish(state)


def _states_of(fold: Fold[State, Any], batches: Iterable[Any], threads: int) -> Iterator[State]:
    def state_of(batch: Any) -> State:
        return fold.step(fold.zero(), batch)

    if threads == 1:
        yield from map(state_of, batches)
        return
    with algebra_in_one_thread(), ThreadPoolExecutor(threads) as pool:
        begun: deque[Future[State]] = deque()
        for batch in batches:
            begun.append(pool.submit(state_of, batch))
            if len(begun) > threads:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()


class _Limit:
    """One thread for linear algebra from the first fold that asks until the last one ends."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._n_asking = 0
        self._held: AbstractContextManager[Any] | None = None

    def ask(self) -> None:
        with self._lock:
            self._n_asking += 1
            if self._held is None:
                self._held = _algebra().limit(limits=1, user_api="blas")
                self._held.__enter__()

    def let_go(self) -> None:
        with self._lock:
            self._n_asking -= 1
            if self._held is not None and not self._n_asking:
                self._held.__exit__(None, None, None)
                self._held = None


_LIMIT = _Limit()


@cache
def _algebra() -> Any:
    """The linear algebra libraries of this process; to look for them takes longer than a small fold."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def algebra_in_one_thread() -> Iterator[None]:
    """Keep the linear algebra library to one thread for a while; calls may nest and overlap.

    Batches share the cores already. Threads of OpenBLAS beside ours fight for them, and go on doing so after each
    small system that is solved between two folds, since they wait for the next one awake.
    """
    _LIMIT.ask()
    try:
        yield
    finally:
        _LIMIT.let_go()
