"""Several estimates of one kind, each made better by the others: partial pooling by their joint covariance."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.linalg import helmert

from cxfusion.estimators.influence import covariance_of, n_telling

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Pooled", "known_covariance", "pool"]

N_PLACES: Final = 200
CLUSTERS_EACH: Final = 3
"""With fewer per estimate, how the errors of estimates go together is chance more than anything else."""
ROOT_RTOL: Final = 4 * np.finfo(float).eps  # the least that is allowed
NUDGE: Final = 1e-4  # for a numeric derivative, relative


@dataclass(frozen=True)
class Pooled:
    """Groups drawn towards their common mean, as far as their estimates are uncertain.

    Attributes
    ----------
    mean, mean_std_error : float
        Of the groups' true values, and its error given the spread.
    spread : float
        Standard deviation of the groups' true values.
    estimate, std_error : array, shape (m,)
        Of each group, the error allowing for all that is estimated.
    given_spread : array, shape (m,)
        The error as if the spread were known.
    """

    mean: float
    mean_std_error: float
    spread: float
    estimate: NDArray[np.float64]
    std_error: NDArray[np.float64]
    given_spread: NDArray[np.float64]


def pool(estimate: NDArray[np.float64], covariance: NDArray[np.float64]) -> Pooled:
    """Empirical Bayes estimates of m groups whose true values vary about a mean.

    Parameters
    ----------
    estimate : array, shape (m,)
        Two groups or more.
    covariance : array, shape (m, m)
        Of the estimates' errors, positive definite.

    Notes
    -----
    The variance between groups is that of restricted maximum likelihood. Errors include that of the mean, and to first
    order that of the variance between groups.

    References
    ----------
    Morris (1983), JASA 78, 47–55; Kackar & Harville (1984), JASA 79, 853–862.

    Examples
    --------
    >>> found = pool(np.array([0.0, 0.1, 0.5]), np.diag([0.01, 0.01, 0.01]))
    >>> found.estimate.round(3).tolist()  # 0.06 of the variance of 0.07 is between them
    [0.029, 0.114, 0.457]
    """
    variance = _between(estimate, covariance)
    shrunk = _shrunk(estimate, covariance, variance)
    return Pooled(
        mean=shrunk.mean,
        mean_std_error=float(np.sqrt(shrunk.mean_variance)),
        spread=float(np.sqrt(variance)),
        estimate=shrunk.estimate,
        std_error=np.sqrt(shrunk.variance + _of_spread(estimate, covariance, variance)),
        given_spread=np.sqrt(shrunk.variance),
    )


def known_covariance(influence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariance of several estimates' errors as far as their clusters tell it, shape (m, m).

    From no more clusters than estimates it would be singular: some combination of the estimates would seem to be known
    without error, and all be drawn to agree with it. From hardly more, it is nearly so. With fewer than three clusters
    per estimate, each error is taken by itself.

    Parameters
    ----------
    influence : array, shape (n_clusters, m)
        Each cluster's part in each estimate's error; those without rows have none.

    Examples
    --------
    >>> influence = np.array([[0.3, 0.1], [-0.3, -0.1]])
    >>> known_covariance(influence).round(2).tolist()  # two clusters: the two estimates would be as one
    [[0.18, 0.0], [0.0, 0.02]]
    >>> known_covariance(np.vstack([influence] * 3)).round(2).tolist()
    [[0.54, 0.18], [0.18, 0.06]]
    """
    covariance = covariance_of(influence)
    return covariance if n_telling(influence) >= CLUSTERS_EACH * len(covariance) else np.diag(np.diag(covariance))


def _between(estimate: NDArray[np.float64], covariance: NDArray[np.float64]) -> float:
    """Variance between groups, by restricted maximum likelihood; 0 where that is as likely as any.

    Differences between groups, turned until their errors are independent, have variances λ + v, and what is least is
    Σ log(λ + v) + z²/(λ + v). It falls below every z² - λ and rises above all of them; between, it may have more than
    one valley, each as wide as some λ + v.
    """
    from scipy.optimize import brentq

    differences = helmert(len(estimate))
    own, turn = np.linalg.eigh(differences @ covariance @ differences.T)
    own = np.maximum(own, np.finfo(float).eps * own[-1])  # rounding may leave less than nothing
    square = (turn.T @ differences @ estimate) ** 2

    def slope(variance: float) -> float:
        return float(((own + variance - square) / (own + variance) ** 2).sum())

    def loss(variance: float) -> float:
        return float((np.log(own + variance) + square / (own + variance)).sum())

    highest = 2 * max(float((square - own).max()), 0.0)
    places = own[0] * np.expm1(np.linspace(0.0, np.log1p(highest / own[0]), N_PLACES))
    found = [0.0] + [
        brentq(slope, low, high, xtol=np.finfo(float).tiny, rtol=ROOT_RTOL)
        for low, high in pairwise(places.tolist())
        if slope(low) < 0 <= slope(high)
    ]
    return float(min(found, key=loss))


@dataclass(frozen=True)
class _Shrunk:
    mean: float
    mean_variance: float
    estimate: NDArray[np.float64]
    variance: NDArray[np.float64]


def _shrunk(estimate: NDArray[np.float64], covariance: NDArray[np.float64], variance: float) -> _Shrunk:
    """Best linear prediction of the groups, given the variance between them."""
    inverse = np.linalg.inv(covariance + variance * np.eye(len(estimate)))
    precision = inverse.sum()
    mean = float(inverse.sum(axis=0) @ estimate / precision)
    own = variance - variance**2 * np.diag(inverse)
    of_mean = (1 - variance * inverse.sum(axis=0)) ** 2 / precision
    drawn = mean + variance * inverse @ (estimate - mean)
    return _Shrunk(mean, float(1 / precision), drawn, np.maximum(own, 0.0) + of_mean)


def _of_spread(estimate: NDArray[np.float64], covariance: NDArray[np.float64], variance: float) -> NDArray[np.float64]:
    """What not knowing the variance between groups adds to each group's."""
    m = len(estimate)
    inverse = np.linalg.inv(covariance + variance * np.eye(m))
    projected = inverse - np.outer(inverse.sum(axis=1), inverse.sum(axis=0)) / inverse.sum()
    error_variance = 2 / float(np.trace(projected @ projected))
    step = NUDGE * max(variance, float(np.diag(covariance).mean()))
    moved = _shrunk(estimate, covariance, variance + step).estimate - _shrunk(estimate, covariance, variance).estimate
    return np.asarray((moved / step) ** 2 * error_variance)
