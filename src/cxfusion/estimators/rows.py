"""What a record batch gives a model: dense columns, and categories kept as codes, never expanded to dummies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Indicators", "RowMaker", "Rows", "columns_times", "weighted_rows"]

FAST_PRODUCT = 900_000
"""Multiplications in one matrix product; OpenBLAS multiplies up to a million in place, three times as fast."""


@dataclass(frozen=True)
class Indicators:
    """Several categories per row, as codes.

    Where rows of the same codes stand together, sums are taken once per such run: a table ordered by its codes costs
    little more than one without categories.

    Attributes
    ----------
    codes : int array, shape (n, c)
        Level of each of the c groupings; −1 is a level without a column (the reference).
    widths : tuple of int, length c
        Columns of each grouping.
    """

    codes: NDArray[np.int64]
    widths: tuple[int, ...]

    @property
    def width(self) -> int:
        """Columns of all groupings together."""
        return sum(self.widths)

    @cached_property
    def matrix(self) -> sparse.csr_array:
        """The indicator columns, sparse, shape (n, width)."""
        return self._indicators_of(self.codes)

    @cached_property
    def runs(self) -> sparse.csr_array:
        """The indicator columns of each run of rows with the same codes, sparse, shape (runs, width)."""
        return self.matrix if len(self._starts) == len(self.codes) else self._indicators_of(self.codes[self._starts])

    def times(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Indicators times coefficients of shape (width,) or (width, m)."""
        by_run = self.runs @ coefficients
        return np.asarray(by_run if len(by_run) == len(self.codes) else by_run.T[..., self._run_of_row].T)

    def sums(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums by level of columns of shape (n,) or (n, m)."""
        return np.asarray(self._levels_of_runs @ self._by_run(columns))

    def overlap(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weight that every two levels share, shape (width, width)."""
        by_run, codes = self._by_run(weight), self.codes[self._starts].T + 1
        ends = np.cumsum(self.widths)
        shared = np.zeros((self.width, self.width))
        for a, (code, width) in enumerate(zip(codes, self.widths, strict=True)):
            own = slice(ends[a] - width, ends[a])
            shared[own, own] = np.diag(np.bincount(code, by_run, width + 1)[1:])
            for b in range(a):
                shape = (width + 1, self.widths[b] + 1)
                cells = np.bincount(code * shape[1] + codes[b], by_run, shape[0] * shape[1])
                other = slice(ends[b] - self.widths[b], ends[b])
                shared[own, other] = cells.reshape(shape)[1:, 1:]
                shared[other, own] = shared[own, other].T
        return shared

    @cached_property
    def _levels_of_runs(self) -> sparse.csc_array:
        """``runs`` turned: every sweep asks for it, and to turn it takes longer than small sums do."""
        return sparse.csc_array(self.runs.T)

    @cached_property
    def _run_of_row(self) -> NDArray[np.intp]:
        """The run that each row belongs to."""
        return np.repeat(np.arange(len(self._starts)), np.diff(self._starts, append=len(self.codes)))

    @cached_property
    def _starts(self) -> NDArray[np.intp]:
        """First row of every run."""
        is_new = (self.codes[1:] != self.codes[:-1]).any(axis=1)
        return np.concatenate([np.zeros(min(len(self.codes), 1), np.intp), 1 + np.flatnonzero(is_new)])

    def _by_run(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        return columns if len(self._starts) == len(columns) else np.add.reduceat(columns, self._starts, axis=0)

    def _indicators_of(self, codes: NDArray[np.int64]) -> sparse.csr_array:
        n, c = codes.shape
        starts = np.concatenate([[0], np.cumsum(self.widths)])[:c]
        has_column = codes >= 0
        columns = (codes + starts)[has_column]
        ends = np.concatenate([[0], np.cumsum(has_column.sum(axis=1))])
        return sparse.csr_array((np.ones(len(columns)), columns, ends), shape=(n, self.width))


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

    def where(self, is_kept: NDArray[np.bool_]) -> Rows:
        """The rows marked true."""
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
        p, total = self.dense.shape[1], self.width
        right = np.empty((p + beside.shape[1], len(weight)))  # column by column, as what it is multiplied with
        np.multiply(self.dense.T, weight, out=right[:p])
        right[p:] = beside.T
        products = np.empty((total, len(right)))
        products[:p] = _tall_product(self.dense, right)
        if not self.groups.width:
            return products[:, :p], products[:, p:]
        products[p:] = self.groups.sums(right.T)
        among = np.empty((total, total))
        among[:, :p] = products[:, :p]
        among[:p, p:] = products[p:, :p].T
        among[p:, p:] = self.groups.overlap(weight)
        return among, products[:, p:]


def columns_times(columns: NDArray[np.float64], coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns times coefficients; columns of the answer stand in one piece each, as later sums want them."""
    return np.asarray(coefficients.T @ columns.T).T


def _tall_product(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """left.T @ right.T for shapes (n, p) and (q, n), by runs of rows short enough for BLAS to take its fast way."""
    n, p = left.shape
    rows = max(FAST_PRODUCT // max(p * len(right), 1), 1)
    product = np.zeros((p, len(right)))
    for start in range(0, n, rows):
        product += left[start : start + rows].T @ right[:, start : start + rows].T
    return product


def weighted_rows(matrix: sparse.csr_array, weight: NDArray[np.float64]) -> sparse.csr_array:
    """A sparse matrix, each row of it times its weight; a product with a diagonal matrix takes ten times as long."""
    data = matrix.data * np.repeat(weight, np.diff(matrix.indptr))
    return sparse.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


class RowMaker(Protocol):
    """Turns a record batch into rows; what it learned from the data is frozen in it."""

    def __call__(self, batch: pa.RecordBatch, /) -> Rows:
        """Rows of one batch."""
        ...
