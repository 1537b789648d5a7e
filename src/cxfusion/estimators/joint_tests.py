"""Tests of several things at once, from what each cluster contributes: Wald, efficient score, and its supremum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from cxfusion.estimators.distributions import fisher_f
from cxfusion.estimators.influence import cluster_influence, n_telling
from cxfusion.estimators.joint_draws import DRAWS, drawn_errors
from cxfusion.estimators.solving import invert_information
from cxfusion.fold import SumFold

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.influence import ScoredFit
    from cxfusion.estimators.rows import RowMaker
    from cxfusion.fold import Sweep

__all__ = [
    "EfficientScores",
    "JointTest",
    "coefficient_influence",
    "efficient_scores",
    "joint_test",
    "sup_p_value",
]

DIRECTIONS_BELOW: Final = 1e-10  # share of the largest eigenvalue: a direction that says nothing


@dataclass(frozen=True)
class JointTest:
    """A test that several numbers are all zero.

    Attributes
    ----------
    statistic : float
        F.
    df : int
        Numbers that differ from each other, the numerator's degrees of freedom.
    df_denominator : int
    p_value : float
    """

    statistic: float
    df: int
    df_denominator: int
    p_value: float


def joint_test(estimate: NDArray[np.float64], influence: NDArray[np.float64]) -> JointTest | None:
    """Hotelling's test that all of p estimates are zero; None where there are too few clusters to tell.

    Parameters
    ----------
    estimate : array, shape (p,)
    influence : array, shape (clusters, p)
        Each cluster's part in the estimates' errors; those without rows have none and do not count.

    Notes
    -----
    With covariance V from G clusters and W = estimate′V⁻¹estimate, (G − p)/(p·(G − 1))·W is F(p, G − p).

    References
    ----------
    Hotelling (1931), Annals of Mathematical Statistics 2, 360–378; Pustejovsky & Tipton (2018), JBES 36, 672–683.
    """
    scale = np.sqrt((influence**2).sum(axis=0))
    if not (scale > 0).any():
        return None  # nothing is asked, or nothing can be told
    n_clusters, kept = n_telling(influence), scale > 0
    scaled, ratio = influence[:, kept] / scale[kept], estimate[kept] / scale[kept]
    values, vectors = np.linalg.eigh(scaled.T @ scaled)
    told = values > DIRECTIONS_BELOW * values[-1]
    df = int(told.sum())
    if n_clusters <= df:
        return None
    squared = float((((ratio @ vectors[:, told]) ** 2) / values[told]).sum())  # W·G/(G − 1)
    statistic = squared * (n_clusters - df) / (df * n_clusters)
    return JointTest(statistic, df, n_clusters - df, float(fisher_f.sf(statistic, df, n_clusters - df)))


def coefficient_influence(
    sweep: Sweep, make_rows: RowMaker, fit: ScoredFit, parameters: NDArray[np.int64], n_clusters: int
) -> NDArray[np.float64]:
    """Each cluster's influence on some parameters of a fit, shape (n_clusters, parameters); one fold."""
    directions = fit.inverse.matrix[:, parameters]
    return cluster_influence(sweep, make_rows, fit, directions, n_clusters)


@dataclass(frozen=True)
class EfficientScores:
    """Scores of parameters that a fit holds at zero, cleared of the parameters that it estimates.

    Attributes
    ----------
    influence : array, shape (clusters, m)
        Each cluster's efficient scores, 0 of those without rows; their sum is the score.
    information : array, shape (m, m)
        What the model itself says of the scores' covariance.
    """

    influence: NDArray[np.float64]
    information: NDArray[np.float64]

    @property
    def score(self) -> NDArray[np.float64]:
        """Score of each parameter, shape (m,)."""
        return np.asarray(self.influence.sum(axis=0))

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Cluster-robust covariance of the scores, shape (m, m)."""
        apart = self._about_their_mean
        return np.asarray(apart.T @ apart * len(apart) / max(len(apart) - 1, 1))

    def test(self, among: slice | NDArray[np.bool_] = slice(None)) -> JointTest | None:
        """Test that all of these parameters, or some of them, are zero."""
        return joint_test(self.score[among], self._about_their_mean[:, among])

    @property
    def _about_their_mean(self) -> NDArray[np.float64]:
        # a score that is truly not zero must not count as noise as well: the test would have next to no power
        seen = self.influence[self.influence.any(axis=1)]
        return np.asarray(seen - self.score / max(len(seen), 1))


def efficient_scores(
    sweep: Sweep, make_rows: RowMaker, fit: ScoredFit, tested: NDArray[np.int64], n_clusters: int
) -> EfficientScores:
    """Efficient scores of some parameters at a fit that does without them; two folds.

    Parameters
    ----------
    sweep : Sweep
    make_rows : RowMaker
    fit : CumulativeLogitFit or PartialOddsFit
        At the optimum of the others, with the tested ones zero.
    tested : int array, shape (m,)
        Places of the tested among the parameters.
    n_clusters : int

    References
    ----------
    Boos (1992), The American Statistician 46, 327–333 (generalised score tests).
    """
    information = sweep(_InformationFold(make_rows, fit))
    others = np.setdiff1d(np.arange(len(information)), tested)
    on_others = invert_information(information[np.ix_(others, others)]).matrix @ information[np.ix_(others, tested)]
    directions = np.zeros((len(information), len(tested)))
    directions[tested, np.arange(len(tested))] = 1
    directions[others] = -on_others
    influence = cluster_influence(sweep, make_rows, fit, directions, n_clusters, invert_information(information))
    left = information[np.ix_(tested, tested)] - information[np.ix_(tested, others)] @ on_others
    return EfficientScores(influence, left)


def sup_p_value(largest: float, covariance: NDArray[np.float64]) -> float:
    """P-value of the largest of several squared standardised scores, by simulation from their joint distribution.

    Parameters
    ----------
    largest : float
    covariance : array, shape (m, m)
        Of the scores.

    References
    ----------
    Hansen (1996), Econometrica 64, 413–430.
    """
    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale)
    drawn = drawn_errors(correlation)
    n_larger = int(((drawn**2).max(axis=1) >= largest).sum())
    return (1 + n_larger) / (1 + DRAWS)


class _InformationFold(SumFold["NDArray[np.float64]"]):
    """Fold: observed information at a fit."""

    def __init__(self, make_rows: RowMaker, fit: ScoredFit) -> None:
        self._make_rows = make_rows
        self._fit = fit

    def zero(self) -> NDArray[np.float64]:
        q = len(self._fit.parameters)
        return np.zeros((q, q))

    def step(self, state: NDArray[np.float64], batch: pa.RecordBatch) -> NDArray[np.float64]:
        rows = self._make_rows(batch)
        return state + self._fit.information_of(rows, self._fit.predictors(rows))
