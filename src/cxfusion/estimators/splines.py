"""Restricted cubic splines: smooth inside the outer knots, straight beyond them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["restricted_cubic_spline"]


def restricted_cubic_spline(
    x: NDArray[np.float64], knots: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Basis of a restricted cubic spline and its derivative.

    Parameters
    ----------
    x : array, shape (n,)
    knots : sequence of float, length k ≥ 3
        Strictly increasing.

    Returns
    -------
    value, slope : arrays, shape (n, k - 1)
        The first column of ``value`` is ``x``. Nonlinear columns are divided by the squared distance of the outer
        knots, so that all columns share the unit of ``x``.

    References
    ----------
    Harrell, *Regression Modeling Strategies*, 2nd ed., section 2.4.5.

    Examples
    --------
    >>> value, slope = restricted_cubic_spline(np.array([0.0, 1.0, 2.0, 3.0]), [0.0, 1.0, 2.0])
    >>> value[:, 1].round(4).tolist(), slope[:, 1].round(4).tolist()
    ([0.0, 0.25, 1.5, 3.0], [0.0, 0.75, 1.5, 1.5])
    """
    *inner, before_last, last = knots
    span = (last - inner[0]) ** 2
    values, slopes = [x], [np.ones_like(x)]
    for knot in inner:
        weights = {knot: 1.0, before_last: -(last - knot) / (last - before_last)}
        weights[last] = (before_last - knot) / (last - before_last)
        beyond = {at: np.maximum(x - at, 0.0) for at in weights}
        values.append(np.add.reduce([w * beyond[at] ** 3 for at, w in weights.items()]) / span)
        slopes.append(np.add.reduce([3 * w * beyond[at] ** 2 for at, w in weights.items()]) / span)
    return np.column_stack(values), np.column_stack(slopes)
