"""Each group's own variance, drawn towards that of all groups by how little its observations tell of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["relative_variances"]

MOST_SPREAD = 50.0  # variance of the logarithms of the groups' variances


def relative_variances(
    n: NDArray[np.float64], squares: NDArray[np.float64], fourths: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Variances of groups about 1, shape (m,): their mean over all observations.

    Parameters
    ----------
    n, squares, fourths : ndarray, shape (m,)
        Observations, and their sums of second and of fourth powers about their mean, by group. Some vary.

    Notes
    -----
    The logarithms of the groups' variances are taken as drawn from one normal population, whose spread is estimated by
    Paule and Mandel's moments. How little each tells is ψ′((n − 1)/2) + κ/n, κ the excess kurtosis within groups: long
    tails make a variance less sure. Where groups vary alike, all are 1. The sum of squares of a group is
    taken to be that of one observation of the common variance at least, so that one of which nothing varied has a
    logarithm.

    References
    ----------
    Smyth (2004), "Linear models and empirical Bayes methods", Statistical Applications in Genetics and Molecular
    Biology 3; Paule & Mandel (1982), J. Research of the National Bureau of Standards 87.

    Examples
    --------
    >>> n = np.full(3, 400.0)
    >>> relative_variances(n, n * np.array([1.0, 1.0, 4.0]), 3 * n * np.array([1.0, 1.0, 16.0])).round(1).tolist()
    [0.5, 0.5, 2.0]
    """
    from scipy.special import digamma, polygamma

    half = np.maximum(n - 1, 1) / 2
    variance = np.maximum(squares, squares.sum() / (2 * half.sum())) / (2 * half)
    excess = max(float(fourths.sum() / (n * variance**2).sum()) - 3, 0.0)
    told = np.log(variance / variance.mean()) - digamma(half) + np.log(half)
    noise = polygamma(1, half) + excess / n
    spread = _spread(told, noise)
    mean = np.average(told, weights=1 / (noise + spread))
    own = spread / (spread + noise)
    found = np.exp(mean + own * (told - mean) + own * noise / 2)  # the mean of what it may be, not its median
    return np.asarray(found * n.sum() / (n @ found))


def _spread(told: NDArray[np.float64], noise: NDArray[np.float64]) -> float:
    """Variance between groups by which they differ as much as they do; 0.0 where noise alone explains it."""
    from scipy.optimize import brentq

    def beyond(spread: float) -> float:
        weight = 1 / (noise + spread)
        return float(weight @ (told - np.average(told, weights=weight)) ** 2) - (len(told) - 1)

    if beyond(0.0) <= 0:
        return 0.0
    return float(brentq(beyond, 0.0, MOST_SPREAD)) if beyond(MOST_SPREAD) < 0 else MOST_SPREAD
