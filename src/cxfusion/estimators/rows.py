"""What a record batch gives a model: dense columns, and categories kept as codes, never expanded to dummies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Indicators", "RowMaker", "Rows", "columns_times", "overlap_of", "stacked"]

FAST_PRODUCT = 900_000
"""Multiplications in one matrix product; OpenBLAS multiplies up to a million in place, three times as fast."""
SHORT_RUN = 2
"""Rows of a run, on average, below which each row is one of its own: to sum so few takes longer than it saves."""
MOST_CELLS = 256
"""Combinations of levels up to which groupings are counted as one; tables of two such stay in a processor's cache."""
LONG_RUN = 8
"""Rows of a run, on average, from which NumPy sums runs of several columns faster than a sparse product does."""
CELLS_PER_ROW = 2
"""Pairs of cells per row up to which a table of them is faster than a list of those that meet."""


@dataclass(frozen=True)
class _Joint:
    """Neighbouring groupings as one, whose levels are the combinations of theirs: its cells."""

    start: int  # first of their columns
    widths: tuple[int, ...]

    @property
    def columns(self) -> slice:
        """Where their columns stand."""
        return slice(self.start, self.start + sum(self.widths))

    @property
    def n_cells(self) -> int:
        """Combinations of their levels, the reference among these."""
        return prod(width + 1 for width in self.widths)

    @cached_property
    def _has_column(self) -> NDArray[np.float64]:
        """Whether a cell has the level of a column, shape (cells, columns)."""
        levels = np.indices([width + 1 for width in self.widths]).reshape(len(self.widths), -1)
        of_each = [level[:, None] == np.arange(1, width + 1) for level, width in zip(levels, self.widths, strict=True)]
        return np.hstack(of_each).astype(float)

    def cells(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Cell of every row, from the codes of the groupings, shape (n, groupings)."""
        cell = codes[:, 0] + 1
        for code, width in zip(codes.T[1:], self.widths[1:], strict=True):
            cell *= width + 1
            cell += code
            cell += 1
        return cell

    def by_column(self, by_cell: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums by column, from sums by cell of shape (cells, …)."""
        return by_cell[1:] if len(self.widths) == 1 else self._has_column.T @ by_cell

    @property
    def columns_of_cells(self) -> sparse.csr_array:
        """Whether a cell has the level of a column, sparse, shape (cells, columns)."""
        if len(self.widths) == 1:
            return sparse.csr_array(sparse.eye_array(self.n_cells, self.n_cells - 1, k=-1))
        return sparse.csr_array(self._has_column)

    def by_cell(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the coefficients of shape (columns, …) come to in every cell."""
        if len(self.widths) == 1:
            return np.concatenate([np.zeros((1, *coefficients.shape[1:])), coefficients])
        return np.asarray(self._has_column @ coefficients)


@cache
def _joints_of(widths: tuple[int, ...]) -> tuple[tuple[slice, _Joint], ...]:
    """Groupings taken together as long as their cells are few, and which these are."""
    joints: list[tuple[slice, _Joint]] = []
    for place, width in enumerate(widths):
        if joints and joints[-1][1].n_cells * (width + 1) <= MOST_CELLS:
            before, joint = joints.pop()
            joints.append((slice(before.start, place + 1), _Joint(joint.start, (*joint.widths, width))))
        else:
            joints.append((slice(place, place + 1), _Joint(sum(widths[:place]), (width,))))
    return tuple(joints)


@dataclass(frozen=True)
class Indicators:
    """Several categories per row, as codes.

    Where rows of the same codes stand together, sums are taken once per such run: a table ordered by its codes costs
    little more than one without categories. Small groupings are counted together, by the combinations of their levels.

    Attributes
    ----------
    codes : int array, shape (n, c)
        Level of each of the c groupings; −1 is a level without a column (the reference).
    widths : tuple of int, length c
        Columns of each grouping.
    """

    codes: NDArray[np.int64]
    widths: tuple[int, ...]

    @classmethod
    def named(
        cls, widths: Sequence[tuple[str, int]], codes_of: Callable[[str], NDArray[np.int64]], n: int
    ) -> Indicators:
        """Groupings of ``n`` rows by their names; those without columns are left out, and their codes not asked for."""
        shown = [(name, width) for name, width in widths if width]
        # column by column in memory, as they are read
        codes = np.vstack([np.empty((0, n), dtype=np.int64), *(codes_of(name) for name, _ in shown)]).T
        return cls(codes, tuple(width for _, width in shown))

    @property
    def width(self) -> int:
        """Columns of all groupings together."""
        return sum(self.widths)

    @property
    def n_bytes(self) -> int:
        """About how much memory they take, with what is made of them."""
        return self.codes.nbytes + 20 * self._runs[1].size

    @cached_property
    def matrix(self) -> sparse.csr_array:
        """The indicator columns, sparse, shape (n, width)."""
        n, c = self.codes.shape
        starts = np.concatenate([[0], np.cumsum(self.widths)])[:c]
        has_column = self.codes >= 0
        columns = (self.codes + starts)[has_column]
        ends = np.concatenate([[0], np.cumsum(has_column.sum(axis=1))])
        return sparse.csr_array((np.ones(len(columns)), columns, ends), shape=(n, self.width))

    def times(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Indicators times coefficients of shape (width,) or (width, m); columns of the answer stand in one piece."""
        starts, cells = self._runs
        by_run = np.zeros((*coefficients.shape[1:], len(starts)))
        for (_, joint), cell in zip(_joints_of(self.widths), cells, strict=True):
            by_run += joint.by_cell(coefficients[joint.columns]).T.take(cell, axis=-1)
        return np.asarray(by_run if len(starts) == len(self.codes) else by_run.take(self._run_of_row, axis=-1)).T

    def sums(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums by level of columns of shape (n,) or (n, m)."""
        by_cell = self._cells_of_runs @ self._by_run(columns)
        found, start = np.empty((self.width, *columns.shape[1:])), 0
        for _, joint in _joints_of(self.widths):
            found[joint.columns] = joint.by_column(by_cell[start : start + joint.n_cells])
            start += joint.n_cells
        return found

    def met(self, weight: NDArray[np.float64]) -> sparse.csr_array:
        """Weight that each cell shares with those of later joint groupings, and half of its own, shape (cells, cells).

        Of many levels few meet, and their pairs are listed; where they are no more than the rows, they are counted.
        """
        by_run, (_, cells) = self._by_run(weight), self._runs
        starts = self._cell_starts
        found = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))]
        for a, (one, size) in enumerate(zip(cells, np.diff(starts), strict=True)):
            own = np.arange(starts[a], starts[a + 1])
            found.append((own, own, np.bincount(one, by_run, size).astype(float) / 2))
            for b, width in enumerate(np.diff(starts)[a + 1 :], a + 1):
                if size * width > CELLS_PER_ROW * len(by_run):
                    found.append((starts[a] + one, starts[b] + cells[b], by_run))
                    continue
                shared = np.bincount(one * width + cells[b], by_run).astype(float)
                at = np.flatnonzero(shared)
                found.append((starts[a] + at // width, starts[b] + at % width, shared[at]))
        rows, columns, shared = (np.concatenate(pieces) for pieces in zip(*found, strict=True))
        places = (rows.astype(np.int32), columns.astype(np.int32))  # half the memory of 64 bits
        return sparse.coo_array((shared, places), shape=2 * (starts[-1],)).tocsr()

    def overlap(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weight that every two levels share, shape (width, width)."""
        by_run, (_, cells) = self._by_run(weight), self._runs
        joints = [joint for _, joint in _joints_of(self.widths)]
        shared = np.empty((self.width, self.width))
        for a, one in enumerate(joints):
            alone = np.diag(np.bincount(cells[a], by_run, one.n_cells)).astype(float)
            shared[one.columns, one.columns] = one.by_column(one.by_column(alone).T)
            for b, other in enumerate(joints[:a]):
                shape = (one.n_cells, other.n_cells)
                both = np.bincount(cells[a] * shape[1] + cells[b], by_run, prod(shape)).astype(float)
                shared[other.columns, one.columns] = other.by_column(one.by_column(both.reshape(shape)).T)
                shared[one.columns, other.columns] = shared[other.columns, one.columns].T
        return shared

    @cached_property
    def _runs(self) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """First row of every run of rows with the same codes, and the run's cells, shape (joint groupings, runs)."""
        joints, n = _joints_of(self.widths), len(self.codes)
        cells = np.empty((len(joints), n), dtype=np.int64)
        for cell, (groupings, joint) in zip(cells, joints, strict=True):
            cell[:] = joint.cells(self.codes[:, groupings])
        is_new = (cells[:, 1:] != cells[:, :-1]).any(axis=0)
        starts = np.concatenate([np.zeros(min(n, 1), np.intp), 1 + np.flatnonzero(is_new)])
        return (np.arange(n), cells) if SHORT_RUN * len(starts) > n else (starts, cells[:, starts])

    @cached_property
    def _run_of_row(self) -> NDArray[np.intp]:
        """The run that each row belongs to."""
        starts, _ = self._runs
        return np.repeat(np.arange(len(starts)), np.diff(starts, append=len(self.codes)))

    @property
    def _cell_starts(self) -> NDArray[np.int64]:
        """Where the cells of each joint grouping begin among all cells, and where the last ends."""
        return np.cumsum([0, *(joint.n_cells for _, joint in _joints_of(self.widths))])

    @cached_property
    def _cells_of_runs(self) -> sparse.csc_array:
        """Whether a run is in a cell, those of all joint groupings one after another, sparse, shape (cells, runs)."""
        (_, cells), starts = self._runs, self._cell_starts
        kind: type[np.signedinteger[Any]] = np.int32  # half the memory of 64 bits, where it does
        kind = kind if cells.size <= np.iinfo(kind).max else np.int64
        places = (cells + starts[:-1, None]).T.ravel().astype(kind)
        ends = (np.arange(cells.shape[1] + 1) * len(cells)).astype(kind)
        return sparse.csc_array((np.ones(len(places)), places, ends), shape=(starts[-1], cells.shape[1]))

    def _by_run(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        (starts, _), n = self._runs, len(columns)
        if len(starts) == n:
            return columns
        if columns.ndim == 1 or LONG_RUN * len(starts) < n:
            return np.add.reduceat(columns, starts, axis=0)
        ends = np.append(starts, n)
        return np.asarray(sparse.csr_array((np.ones(n), np.arange(n), ends), shape=(len(starts), n)) @ columns)


def overlap_of(met: sparse.csr_array, widths: tuple[int, ...]) -> sparse.csr_array:
    """Weight that every two levels of some groupings share, shape (width, width), from :meth:`Indicators.met`."""
    none = sparse.csr_array((0, 0))
    columns = sparse.block_diag([none, *(joint.columns_of_cells for _, joint in _joints_of(widths))], format="csr")
    half = columns.T @ met @ columns
    return sparse.csr_array(half + half.T)


@dataclass(frozen=True)
class Rows:
    """One batch of a regression.

    Attributes
    ----------
    dense : float array, shape (n, p)
    groups : Indicators
        Their columns stand after the dense ones.
    outcome : int array, shape (n,)
        Category of the answer, from 0.
    weight : float array, shape (n,)
    cluster : int array, shape (n,)
    """

    dense: NDArray[np.float64]
    groups: Indicators
    outcome: NDArray[np.int64]
    weight: NDArray[np.float64]
    cluster: NDArray[np.int64]

    @property
    def width(self) -> int:
        """Columns of the design."""
        return int(self.dense.shape[1]) + self.groups.width

    def where(self, is_kept: NDArray[np.bool_] | NDArray[np.intp]) -> Rows:
        """The rows marked true, or at some places."""
        return Rows(
            self.dense[is_kept],
            Indicators(self.groups.codes[is_kept], self.groups.widths),
            self.outcome[is_kept],
            self.weight[is_kept],
            self.cluster[is_kept],
        )

    def times(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Design times coefficients of shape (width,) or (width, m); columns of the answer stand in one piece."""
        p = self.dense.shape[1]
        product = columns_times(self.dense, coefficients[:p])
        return product + self.groups.times(coefficients[p:]) if self.groups.width else product

    def transposed_times(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Transposed design times columns of shape (n,) or (n, m)."""
        product = self.dense.T @ columns
        return np.concatenate([product, self.groups.sums(columns)]) if self.groups.width else product

    def cross_product(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weighted cross-product of the design with itself, shape (width, width)."""
        return self.cross_products(weight, np.empty((len(weight), 0)))[0]

    def cross_products(
        self, weight: NDArray[np.float64], beside: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weighted cross-product of the design with itself, and its product with columns that are weighted already.

        Parameters
        ----------
        weight : array, shape (n,)
        beside : array, shape (n, m)

        Returns
        -------
        arrays, shapes (width, width) and (width, m)
        """
        weighted = np.empty(self.dense.T.shape) if self.groups.width else None
        among, of_beside = _products(self.dense, weight, beside.T, weighted)
        if weighted is None:
            return among, of_beside
        across = self.groups.sums(weighted.T)
        among = np.block([[among, across.T], [across, self.groups.overlap(weight)]])
        return among, np.concatenate([of_beside, self.groups.sums(beside)])


def stacked(pieces: Sequence[Rows]) -> Rows:
    """Rows of the same columns as one piece, each dense column in one piece too."""
    codes, widths = np.concatenate([piece.groups.codes for piece in pieces]), pieces[0].groups.widths
    return Rows(
        np.concatenate([piece.dense.T for piece in pieces], axis=1).T,
        Indicators(codes, widths),
        np.concatenate([piece.outcome for piece in pieces]),
        np.concatenate([piece.weight for piece in pieces]),
        np.concatenate([piece.cluster for piece in pieces]),
    )


def columns_times(columns: NDArray[np.float64], coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns times coefficients; columns of the answer stand in one piece each, as later sums want them."""
    return np.asarray(coefficients.T @ columns.T).T


def _products(
    dense: NDArray[np.float64],
    weight: NDArray[np.float64],
    beside: NDArray[np.float64],
    weighted: NDArray[np.float64] | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weighted cross-product of columns, and their product with rows of numbers beside them.

    By runs of rows short enough for BLAS to take its fast way, and for a processor's cache: what is weighted there is
    not read from memory again, and written to it only where ``weighted`` is to hold it.
    """
    n, p = dense.shape
    rows = max(FAST_PRODUCT // max(p * max(p, len(beside)), 1), 1)
    among, of_beside = np.zeros((p, p)), np.zeros((len(beside), p))
    for start in range(0, n, rows):
        run = slice(start, start + rows)
        left, kept = dense[run], None if weighted is None else weighted[:, run]
        among += np.multiply(left.T, weight[run], out=kept) @ left
        of_beside += beside[:, run] @ left
    return among, of_beside.T


class RowMaker(Protocol):
    """Turns a record batch into rows; what it learned from the data is frozen in it."""

    def __call__(self, batch: pa.RecordBatch, /) -> Rows:
        """Rows of one batch."""
        ...
