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

__all__ = ["Indicators", "RowMaker", "Rows"]


@dataclass(frozen=True)
class Indicators:
    """Several categories per row, as codes.

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
        n, c = self.codes.shape
        starts = np.concatenate([[0], np.cumsum(self.widths)])[:c]
        has_column = self.codes >= 0
        columns = (self.codes + starts)[has_column]
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
        """Design times coefficients of shape (width,) or (width, m)."""
        p = self.dense.shape[1]
        product = self.dense @ coefficients[:p]
        return product + self.groups.matrix @ coefficients[p:] if self.groups.width else product

    def transposed_times(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Transposed design times columns of shape (n,) or (n, m)."""
        return np.concatenate([self.dense.T @ columns, self.groups.matrix.T @ columns])

    def cross_product(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weighted cross-product of the design with itself, shape (width, width)."""
        p, total = self.dense.shape[1], self.width
        product = np.empty((total, total))
        weighted = self.dense * weight[:, None]
        product[:p, :p] = self.dense.T @ weighted
        if self.groups.width:
            indicators = self.groups.matrix
            product[p:, :p] = indicators.T @ weighted
            product[:p, p:] = product[p:, :p].T
            scaled = sparse.csr_array(
                (np.repeat(weight, np.diff(indicators.indptr)), indicators.indices, indicators.indptr),
                shape=indicators.shape,
            )
            product[p:, p:] = (scaled.T @ indicators).toarray()
        return product


class RowMaker(Protocol):
    """Turns a record batch into rows; what it learned from the data is frozen in it."""

    def __call__(self, batch: pa.RecordBatch, /) -> Rows:
        """Rows of one batch."""
        ...
