"""What residual cross-products would be with part of the rows left out: the delete-a-group jackknife.

Whatever is made of cross-products, a ratio of them say, gets its standard error from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from cxfusion.fold import SumFold

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.absorb import Projection
    from cxfusion.estimators.moments import LinearMaker
    from cxfusion.fold import Sweep

__all__ = ["MOST_PARTS", "jackknife_error", "jackknife_errors", "products_without"]

MOST_PARTS: Final = 100


def products_without(sweep: Sweep, make_rows: LinearMaker, projection: Projection, n_parts: int) -> NDArray[np.float64]:
    """Cross-products of the columns' residuals without each part of the rows in turn, shape (n_parts, m, m); one fold.

    Parameters
    ----------
    sweep : Sweep
    make_rows : callable
        As for the moments; ``cluster`` is the part that a row is left out with, from 0: rows that err together belong
        together.
    projection : Projection
        Of all rows; it stays as it is, which changes the products in the second order only.
    n_parts : int
    """
    by_part = sweep(_ByPartFold(make_rows, projection, n_parts))
    return np.asarray(by_part.sum(axis=0) - by_part)


def jackknife_error(without: NDArray[np.float64]) -> float:
    """Standard error of a figure from its values without each part in turn, shape (n_parts,).

    References
    ----------
    Kott (2001), Journal of Official Statistics 17, 521–526.
    """
    return float(jackknife_errors(without))


def jackknife_errors(without: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same of several figures at once, shape (m,) from (n_parts, m)."""
    n_parts = len(without)
    return np.asarray(np.sqrt((n_parts - 1) / n_parts * ((without - without.mean(axis=0)) ** 2).sum(axis=0)))


class _ByPartFold(SumFold["NDArray[np.float64]"]):
    """Fold: cross-products of residuals by part, shape (n_parts, m, m)."""

    def __init__(self, make_rows: LinearMaker, projection: Projection, n_parts: int) -> None:
        self._make_rows = make_rows
        self._projection = projection
        self._n_parts = n_parts

    def zero(self) -> NDArray[np.float64]:
        m = len(self._projection.residual)
        return np.zeros((self._n_parts, m, m))

    def step(self, state: NDArray[np.float64], batch: pa.RecordBatch) -> NDArray[np.float64]:
        rows = self._make_rows(batch)
        left = rows.columns - self._projection.predict(rows.groups)
        order = np.argsort(rows.cluster, kind="stable")
        left, weighted = left[order], (left * rows.weight[:, None])[order]
        ends = np.cumsum(np.bincount(rows.cluster, minlength=self._n_parts))
        for one, (start, end) in enumerate(zip(np.append(0, ends[:-1]), ends, strict=True)):
            state[one] += left[start:end].T @ weighted[start:end]
        return state
