"""How driver charts share out the R² among levers: association, not effect; shown only beside the evidence.

All five follow from the covariance of outcome and levers, so per-cluster moments give their standard errors.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.errors import EstimationError, UsageError
from cxfusion.estimators.distributions import student_t
from cxfusion.estimators.left_out import jackknife_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cxfusion.estimators.cluster_moments import ClusterMoments

__all__ = ["MAX_REGRESSORS", "AssociationShares", "JackknifedShares", "association_shares", "jackknife_shares"]

MAX_REGRESSORS = 20
NOTHING_LEFT = 1e-10  # share of a column's variance below which the others say all that it says


@dataclass(frozen=True)
class AssociationShares:
    """Shares of the outcome's variance, one per regressor, by five measures. All arrays have shape (p,).

    Attributes
    ----------
    lmg : array
        Gain in R², averaged over all orders of entry (Shapley value); sums to R².
    first : array
        R² of each regressor alone: the squared correlation.
    last : array
        Gain in R² where it enters after all others.
    johnson : array
        Relative weights: through the nearest orthogonal columns; sums to R².
    car : array
        Squared correlation with the decorrelated regressors; sums to R².
    r_squared : float
    """

    lmg: NDArray[np.float64]
    first: NDArray[np.float64]
    last: NDArray[np.float64]
    johnson: NDArray[np.float64]
    car: NDArray[np.float64]
    r_squared: float


@dataclass(frozen=True)
class JackknifedShares:
    """Shares with the error that clusters give them.

    Attributes
    ----------
    shares, std_error : AssociationShares
    n_clusters : int
    """

    shares: AssociationShares
    std_error: AssociationShares
    n_clusters: int

    def interval(self, conf_level: float = 0.95) -> tuple[AssociationShares, AssociationShares]:
        """Ends of the confidence intervals, by Student's t with n_clusters − 1 degrees, within [0, 1]."""
        quantile = student_t.reach(conf_level, self.n_clusters - 1)
        centre, reach = _stacked(self.shares), quantile * _stacked(self.std_error)
        p = len(self.shares.lmg)
        return _unstacked(np.maximum(centre - reach, 0.0), p), _unstacked(np.minimum(centre + reach, 1.0), p)


def association_shares(covariance: NDArray[np.float64]) -> AssociationShares:
    """Share out R² among regressors.

    Parameters
    ----------
    covariance : array, shape (1 + p, 1 + p)
        Of the outcome and p regressors, in this order, on any scale.

    Raises
    ------
    UsageError
        More than 20 regressors: the exact Shapley value takes all 2^p models.
    EstimationError
        The outcome or a regressor is constant.

    References
    ----------
    Lindeman, Merenda & Gold (1980); Grömping (2006), Journal of Statistical Software 17(1); Johnson (2000),
    Multivariate Behavioral Research 35, 1–19; Zuber & Strimmer (2011), SAGMB 10(1), 34.

    Examples
    --------
    >>> shares = association_shares(np.array([[2.0, 1.0, 0.5], [1.0, 1.0, 0.0], [0.5, 0.0, 1.0]]))
    >>> shares.lmg.round(4).tolist(), round(shares.r_squared, 4)  # uncorrelated regressors: everyone agrees
    ([0.5, 0.125], 0.625)
    """
    p = len(covariance) - 1
    if p > MAX_REGRESSORS:
        raise UsageError(
            f"Association shares were asked for {p} levers. Expected at most {MAX_REGRESSORS}, since the exact value"
            f" takes all combinations; leave {p - MAX_REGRESSORS} out."
        )
    correlation = _correlation(covariance)
    r2 = _r2_of_subsets(correlation)
    johnson, car = _decorrelated_shares(correlation)
    everyone = len(r2) - 1
    return AssociationShares(
        lmg=_shapley(r2),
        first=correlation[0, 1:] ** 2,
        last=np.array([r2[everyone] - r2[everyone ^ (1 << j)] for j in range(p)]),
        johnson=johnson,
        car=car,
        r_squared=float(r2[everyone]),
    )


def _correlation(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    variance = np.diag(covariance)
    if (variance <= 0).any():
        raise EstimationError(
            "The outcome or a lever is constant, so it has no share of anything. Expected columns that vary; leave the"
            " constant ones out.",
            [f"column {column}" for column in np.flatnonzero(variance <= 0)],
        )
    scale = np.sqrt(variance)
    return np.asarray(covariance / np.outer(scale, scale))


def _r2_of_subsets(correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """R² of all models, shape (2^p,); bit j of the index says whether regressor j is in.

    Regressors are decided on one after the other. For each set chosen so far only the residual covariance of the
    columns still to come is kept, the outcome last, so that memory stays near 2^p numbers.
    """
    left = np.roll(correlation, -1, axis=(0, 1))[None]
    for _ in range(len(correlation) - 1):
        pivot = left[:, 0, 0]
        is_there = pivot > NOTHING_LEFT
        slope = np.divide(left[:, 0, 1:], pivot[:, None], out=np.zeros_like(left[:, 0, 1:]), where=is_there[:, None])
        rest = left[:, 1:, 1:]
        left = np.concatenate([rest, rest - slope[:, :, None] * left[:, 0, None, 1:]])
    return np.asarray(1.0 - left[:, 0, 0])


def _shapley(r2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average gain of each regressor over all orders, from the R² of all models."""
    p = len(r2).bit_length() - 1
    size = np.bitwise_count(np.arange(len(r2)))
    by_size = np.array([1 / (p * comb(p - 1, k)) for k in range(p)])  # of the sets that it joins
    shares = np.empty(p)
    for j in range(p):
        pairs = r2.reshape(-1, 2, 1 << j)  # the middle index is regressor j's bit
        joined = size.reshape(-1, 2, 1 << j)[:, 0]
        shares[j] = ((pairs[:, 1] - pairs[:, 0]) * by_size[joined]).sum()
    return shares


def _decorrelated_shares(correlation: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Johnson's relative weights and squared CAR scores, both through R^(½) of the regressors."""
    values, vectors = np.linalg.eigh(correlation[1:, 1:])
    kept = values > NOTHING_LEFT * values[-1]
    vectors, roots = vectors[:, kept], np.sqrt(values[kept])
    scores = (vectors / roots) @ (vectors.T @ correlation[1:, 0])
    loadings = (vectors * roots) @ vectors.T
    return loadings**2 @ scores**2, scores**2


def jackknife_shares(clusters: ClusterMoments, outcome: int, regressors: Sequence[int]) -> JackknifedShares:
    """Association shares, and their standard errors by leaving out one cluster at a time.

    Parameters
    ----------
    clusters : ClusterMoments
        At least two clusters with rows. A share takes 2^p steps for each: meant for some 10 regressors.
    outcome : int
    regressors : sequence of int

    Raises
    ------
    UsageError, EstimationError
        As for :func:`association_shares`, with any one cluster left out.

    References
    ----------
    Efron & Stein (1981), Annals of Statistics 9, 586–596; Cameron & Miller (2015), Journal of Human Resources 50,
    317–372.
    """
    used = np.ix_([outcome, *regressors], [outcome, *regressors])
    whole = association_shares(clusters.total_scatter()[used])
    each = np.array([_stacked(association_shares(scatter[used])) for scatter in clusters.scatters_without_one()])
    n = len(each)
    if n < 2:
        raise EstimationError(
            "All responses come from one cluster, so nothing says how far shares would vary. Expected at least two"
            " agents; cluster by something else."
        )
    return JackknifedShares(whole, _unstacked(jackknife_errors(each), len(regressors)), n)


def _stacked(shares: AssociationShares) -> NDArray[np.float64]:
    return np.concatenate([np.atleast_1d(part) for part in astuple(shares)])


def _unstacked(values: NDArray[np.float64], p: int) -> AssociationShares:
    lmg, first, last, johnson, car = values[:-1].reshape(5, p)
    return AssociationShares(lmg, first, last, johnson, car, float(values[-1]))
