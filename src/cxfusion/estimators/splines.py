"""Restricted cubic splines: smooth inside the outer knots, straight beyond them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["spline_slopes", "spline_values"]


def spline_values(x: NDArray[np.float64], knots: Sequence[float]) -> NDArray[np.float64]:
    """Basis of a restricted cubic spline, column by column, shape (k - 1, n).

    The first column is ``x``. The others are divided by the squared distance of the outer knots, so that all columns
    share the unit of ``x``.

    Parameters
    ----------
    x : array, shape (n,)
    knots : sequence of float, length k ≥ 3
        Strictly increasing.

    References
    ----------
    Harrell, *Regression Modeling Strategies*, 2nd ed., section 2.4.5.

    Examples
    --------
    >>> spline_values(np.array([0.0, 1.0, 2.0, 3.0]), [0.0, 1.0, 2.0])[1].round(4).tolist()
    [0.0, 0.25, 1.5, 3.0]
    """
    return _under(x, _cubed, x, knots)


def spline_slopes(x: NDArray[np.float64], knots: Sequence[float]) -> NDArray[np.float64]:
    """Its derivative, column by column, shape (k - 1, n).

    Examples
    --------
    >>> spline_slopes(np.array([0.0, 1.0, 2.0, 3.0]), [0.0, 1.0, 2.0])[1].round(4).tolist()
    [0.0, 0.75, 1.5, 1.5]
    """
    slopes = _under(1.0, np.square, x, knots)
    slopes[1:] *= 3
    return slopes


def _cubed(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return x * x * x  # ``x**3`` takes ten times as long


def _under(
    first: NDArray[np.float64] | float,
    power: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    x: NDArray[np.float64],
    knots: Sequence[float],
) -> NDArray[np.float64]:
    """Under a first column a power of what lies beyond each inner knot, less what keeps it straight beyond the last."""
    *inner, before_last, last = knots
    from_before, from_last = (power(np.maximum(x - knot, 0.0)) for knot in (before_last, last))
    columns = np.empty((1 + len(inner), len(x)))
    columns[0] = first
    for bend, knot in zip(columns[1:], inner, strict=True):
        share = (last - knot) / (last - before_last)
        bend[:] = power(np.maximum(x - knot, 0.0)) - share * from_before + (share - 1) * from_last
    columns[1:] /= (last - inner[0]) ** 2
    return columns
