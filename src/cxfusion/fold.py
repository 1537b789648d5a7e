"""The one way numbers are drawn from rows: ``zero``, ``step`` per record batch, ``merge``, ``finish``.

A fold holds no rows, unless of a bounded sample, so memory does not grow with the table, and any split of the rows
gives the same answer.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import is_dataclass
from functools import cache
from threading import Condition, Lock, Thread
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    import pyarrow as pa

__all__ = ["Fold", "RowsTogether", "SumFold", "Sweep", "algebra_in_one_thread", "fold_batches"]

State = TypeVar("State")
Answer_co = TypeVar("Answer_co", covariant=True)
Answer = TypeVar("Answer")


class Fold(Protocol[State, Answer_co]):
    """What an estimator asks of the rows.

    Laws, tested as properties: ``zero`` is neutral in ``merge``; ``merge`` is associative and commutative up to
    rounding; stepping two batches equals merging their two states. A fold never writes to a batch.

    One whose state holds rows, which only those of a bounded sample may, says so: ``holds_rows = True``. Where rows
    live in other processes, its states are merged and its answer is made over there, so that no row comes here.
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


class SumFold(Generic[State]):
    """Fold of sums, which are their own answer: an array, or several in a dataclass, a dict or a tuple."""

    def merge(self, left: State, right: State) -> State:
        """The sums of both, in the memory of ``left``."""
        for mine, others in zip(_arrays(left), _arrays(right), strict=True):
            mine += others  # noqa: PLW2901  an array, in place
        return left

    def finish(self, state: State) -> State:
        """The sums."""
        return state


def _arrays(sums: Any) -> Iterable[Any]:
    if is_dataclass(sums):
        return vars(sums).values()
    if isinstance(sums, dict):
        return sums.values()
    return sums if isinstance(sums, tuple) else (sums,)


class RowsTogether:
    """Fold: what is made of all rows of a bounded sample at once, wherever they live.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of the rows.
    order : sequence of str
        Columns whose values no two rows share; engines give rows in any order.
    answer_of : callable
        Takes the rows in this order as a table. It may have to travel.
    """

    holds_rows = True

    def __init__(self, schema: pa.Schema, order: Sequence[str], answer_of: Callable[[pa.Table], Any]) -> None:
        self._schema = schema
        self._order: list[tuple[str, Literal["ascending", "descending"]]] = [(name, "ascending") for name in order]
        self._answer_of = answer_of

    def zero(self) -> list[pa.RecordBatch]:
        """None."""
        return []

    def step(self, state: list[pa.RecordBatch], batch: pa.RecordBatch) -> list[pa.RecordBatch]:
        """One more of them."""
        return [*state, batch]

    def merge(self, left: list[pa.RecordBatch], right: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
        """Those of both."""
        return left + right

    def finish(self, state: list[pa.RecordBatch]) -> Any:
        """What is made of all of them."""
        import pyarrow as pa

        return self._answer_of(pa.Table.from_batches(state, self._schema).sort_by(self._order))


def fold_batches(fold: Fold[State, Answer], batches: Iterable[Any], threads: int = 1) -> Answer:
    """Run a fold over record batches, in their order.

    Each batch makes a state of its own and the states merge one after the other, so that the answer is the same to the
    last bit for any number of threads.

    Parameters
    ----------
    fold : Fold
    batches : iterable of pyarrow.RecordBatch
        Or of whatever the fold steps over. Each thread holds one of them at a time.
    threads : int
        That step at the same time; array libraries let go of the interpreter while they work.
    """
    line = _Line(fold, batches, threads)
    if threads == 1:
        line.work()
        return fold.finish(line.state())
    with algebra_in_one_thread():
        helpers = [Thread(target=line.work) for _ in range(threads - 1)]
        for helper in helpers:
            helper.start()
        line.work()
        for helper in helpers:
            helper.join()
    return fold.finish(line.state())


class _Line(Generic[State]):
    """Batches in their order; a thread that is done with one takes the next.

    So none is woken for every batch by another that hands them out, which takes about as long as a short batch.
    """

    def __init__(self, fold: Fold[State, Any], batches: Iterable[Any], threads: int) -> None:
        self._fold = fold
        self._batches = enumerate(batches)
        self._threads = threads
        self._taking = Lock()
        self._changed = Condition()
        self._merged = fold.zero()
        self._n_merged = 0
        self._waiting: dict[int, State] = {}  # by the places of their batches
        self._errors: dict[int, BaseException] = {}

    def work(self) -> None:
        """Step over batches until there are none left, or there is an error."""
        place = 0
        try:
            while (taken := self._take()) is not None:
                place, batch = taken
                self._add(place, self._fold.step(self._fold.zero(), batch))
        except BaseException as error:  # noqa: BLE001 - raised where the answer is asked for
            with self._changed:
                self._errors[place] = error
                self._changed.notify_all()

    def state(self) -> State:
        """State of all batches; of several errors the first batch's, whichever thread was the first."""
        if self._errors:
            raise self._errors[min(self._errors)]
        return self._merged

    def _take(self) -> tuple[int, Any] | None:
        """The next batch, as soon as there are not too many states that wait for one before them."""
        with self._taking:
            with self._changed:
                self._changed.wait_for(lambda: self._errors or len(self._waiting) < self._threads)
            return None if self._errors else next(self._batches, None)

    def _add(self, place: int, state: State) -> None:
        """Merge a state, and those that waited for it; or let it wait for its turn."""
        with self._changed:
            self._waiting[place] = state
            while self._n_merged in self._waiting:
                self._merged = self._fold.merge(self._merged, self._waiting.pop(self._n_merged))
                self._n_merged += 1
            self._changed.notify_all()


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
