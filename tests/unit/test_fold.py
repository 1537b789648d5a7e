"""Folds: what threads that take batches in turn may not change."""

from __future__ import annotations

import time

import pytest

from cxfusion.fold import fold_batches

THREADS = (1, 2, 3, 8)


class Joined:
    """Fold: the batches, one after the other; a merge that is not of neighbours would show."""

    def zero(self) -> tuple[int, ...]:
        return ()

    def step(self, state: tuple[int, ...], batch: int) -> tuple[int, ...]:
        time.sleep(0.002 * (batch % 3))
        return (*state, batch)

    def merge(self, left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
        return left + right

    def finish(self, state: tuple[int, ...]) -> tuple[int, ...]:
        return state


class Broken(Joined):
    """The same, where batches from the third on cannot be stepped over, and the later ones fail sooner."""

    def step(self, state: tuple[int, ...], batch: int) -> tuple[int, ...]:
        if batch < 2:
            return (batch,)
        time.sleep(0.02 if batch == 2 else 0)
        raise ValueError(str(batch))


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("n", [0, 1, 2, 20])
def test_states_merge_in_the_order_of_their_batches(threads, n):
    assert fold_batches(Joined(), range(n), threads) == tuple(range(n))


@pytest.mark.parametrize("threads", THREADS)
def test_the_error_is_that_of_the_first_batch_that_has_one(threads):
    with pytest.raises(ValueError, match="2"):
        fold_batches(Broken(), range(9), threads)


@pytest.mark.parametrize("threads", THREADS)
def test_rows_that_cannot_be_read_are_told_by_whoever_asked(threads):
    def read():
        yield from range(3)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        fold_batches(Joined(), read(), threads)


def test_states_do_not_pile_up_behind_a_slow_batch():
    threads, taken, seen = 3, [], []

    class Slow(Joined):
        def step(self, state: tuple[int, ...], batch: int) -> tuple[int, ...]:
            if batch == 0:
                time.sleep(0.05)
                seen.append(len(taken))
            return (batch,)

    def read():
        for batch in range(100):
            taken.append(batch)
            yield batch

    assert fold_batches(Slow(), read(), threads) == tuple(range(100))
    assert threads < seen[0] <= 2 * threads
