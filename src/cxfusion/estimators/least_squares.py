"""Weighted least squares with any number of groups held fixed, from centred moments; robust variance is a second fold.

One gathering of moments serves every model among the same columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from cxfusion.errors import TooFewResponsesError
from cxfusion.estimators.clusters import CR2_BELOW, adjusted_influence, cluster_sums
from cxfusion.estimators.robust import score_scatter, small_sample_factor
from cxfusion.estimators.rows import Indicators, Rows
from cxfusion.estimators.solving import Inverse, invert_information

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.moments import LinearMaker, LinearRows
    from cxfusion.estimators.within import Within
    from cxfusion.fold import Sweep

__all__ = ["LeastSquaresFit", "cluster_errors", "fit_least_squares", "robust_covariance"]

MOST_COLUMNS: Final = 800  # by which each cluster's information is kept and decomposed: some seconds, 150 MB


@dataclass(frozen=True)
class LeastSquaresFit:
    """Minimum of the weighted sum of squares.

    Attributes
    ----------
    outcome : int
        Position among the columns.
    regressors : tuple of int, length p
        Positions among the columns.
    coefficients : array, shape (p,)
        Those not identified hold one of many equivalent values.
    inverse : Inverse
        Of the regressors' cross-products within groups.
    residual_sum : float
        Weighted sum of squared residuals.
    n : int
        Rows of positive weight.
    dof : int
        Rows less everything that was fitted: coefficients, groups and the constant.
    r_squared : float
        Share of the outcome's variance that regressors and groups explain together; 0.0 for a constant outcome.
    within : Within
        The groups held fixed.
    """

    outcome: int
    regressors: tuple[int, ...]
    coefficients: NDArray[np.float64]
    inverse: Inverse
    residual_sum: float
    n: int
    dof: int
    r_squared: float
    within: Within

    @property
    def residual_variance(self) -> float:
        """Of a row of weight 1."""
        return self.residual_sum / self.dof

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Of the coefficients where rows are independent and weights are inverse variances, shape (p, p)."""
        return np.asarray(self.inverse.matrix * self.residual_variance)

    @property
    def std_error(self) -> NDArray[np.float64]:
        """Classical standard errors, shape (p,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def is_identified(self) -> NDArray[np.bool_]:
        """Whether regressors and groups leave each coefficient determined, shape (p,)."""
        return self.inverse.is_identified

    @property
    def intercept(self) -> float:
        """Expected outcome where all regressors are 0 and groups are as in the sample."""
        mean = self.within.moments.mean
        return float(mean[self.outcome] - mean[list(self.regressors)] @ self.coefficients)

    @property
    def contrast(self) -> NDArray[np.float64]:
        """What turns columns into residuals: 1 for the outcome, minus the coefficients, shape (m,)."""
        contrast = np.zeros(len(self.within.moments.mean))
        contrast[self.outcome] = 1.0
        contrast[list(self.regressors)] -= self.coefficients
        return contrast

    def residuals(self, rows: LinearRows) -> NDArray[np.float64]:
        """Residuals of some rows, shape (n,)."""
        return np.asarray(self.within.residuals(rows) @ self.contrast)

    def leverage(self, rows: LinearRows) -> NDArray[np.float64]:
        """Weight of each row's outcome in its own fitted value, shape (n,)."""
        regressors = self.within.residuals(rows)[:, list(self.regressors)]
        through_columns = np.square(regressors @ self.inverse.root).sum(axis=1)
        return np.asarray(rows.weight * (through_columns + self.within.system.leverage(rows.groups)))


def fit_least_squares(within: Within, outcome: int, regressors: Sequence[int]) -> LeastSquaresFit:
    """Fit a linear model from moments.

    Parameters
    ----------
    within : Within
        Moments with some groups held fixed; the constant always is in the model.
    outcome : int
    regressors : sequence of int
        May be empty.

    Raises
    ------
    TooFewResponsesError
        Not more rows than things to fit.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from cxfusion.estimators.moments import LinearRows, gather_moments
    >>> from cxfusion.estimators.rows import Indicators
    >>> from cxfusion.estimators.within import within_groups
    >>> from cxfusion.fold import fold_batches
    >>> batch = pa.RecordBatch.from_pydict({"y": [1.0, 2.0, 2.0, 4.0], "x": [0.0, 1.0, 2.0, 3.0]})
    >>> def rows(batch):
    ...     n = len(batch)
    ...     columns = np.column_stack([batch["y"].to_numpy(), batch["x"].to_numpy()])
    ...     none = Indicators(np.empty((n, 0), dtype=np.int64), ())
    ...     return LinearRows(columns, none, np.ones(n), np.arange(n))
    >>> moments = gather_moments(lambda fold: fold_batches(fold, [batch]), rows)
    >>> fit = fit_least_squares(within_groups(moments), outcome=0, regressors=[1])
    >>> fit.coefficients.round(4).tolist(), round(fit.intercept, 4), fit.dof
    ([0.9], 0.9, 2)
    """
    on = list(regressors)
    scatter, moments = within.scatter, within.moments
    inverse = _invert(scatter[np.ix_(on, on)])
    coefficients = inverse.root @ (inverse.root.T @ scatter[on, outcome])
    dof = moments.n - within.system.rank - inverse.root.shape[1]
    if dof <= 0:
        raise TooFewResponsesError(
            f"A linear model has as much to fit as there are responses ({moments.n:,}). Expected more responses than"
            " levers, controls and groups together; use fewer or coarser groups."
        )
    contrast = np.concatenate([[1.0], -coefficients])
    used = [outcome, *on]
    residual_sum = max(float(contrast @ scatter[np.ix_(used, used)] @ contrast), 0.0)
    total = float(moments.scatter[outcome, outcome])
    return LeastSquaresFit(
        outcome=outcome,
        regressors=tuple(on),
        coefficients=coefficients,
        inverse=inverse,
        residual_sum=residual_sum,
        n=moments.n,
        dof=dof,
        r_squared=1 - residual_sum / total if total > 0 else 0.0,
        within=within,
    )


def _invert(information: NDArray[np.float64]) -> Inverse:
    if len(information):
        return invert_information(information)
    return Inverse(np.empty((0, 0)), np.empty(0, dtype=np.bool_))


def robust_covariance(
    sweep: Sweep, make_rows: LinearMaker, fit: LeastSquaresFit, n_clusters: int | None = None
) -> NDArray[np.float64]:
    """Covariance of the coefficients that holds whatever the rows' variances (HC1), or within clusters (CR1).

    Parameters
    ----------
    sweep : Sweep
    make_rows : callable
        As for the moments; ``cluster`` runs from 0 to n_clusters − 1.
    fit : LeastSquaresFit
    n_clusters : int, optional
        At least 2; clusters without rows do not count. Every row is its own cluster unless given.

    Returns
    -------
    array, shape (p, p)

    Raises
    ------
    EstimationError
        All rows come from one cluster.

    References
    ----------
    White (1980), Econometrica 48, 817–838; Liang & Zeger (1986), Biometrika 73, 13–22.
    """
    on = list(fit.regressors)

    def scores(batch: pa.RecordBatch) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        rows = make_rows(batch)
        columns = fit.within.residuals(rows)
        return columns[:, on] * (rows.weight * (columns @ fit.contrast))[:, None], rows.cluster

    middle, n_seen = score_scatter(sweep, scores, len(on), n_clusters)
    bread = fit.inverse.matrix
    return np.asarray(bread @ middle @ bread) * small_sample_factor(fit.n, fit.n - fit.dof, n_seen)


def cluster_errors(
    sweep: Sweep, make_rows: LinearMaker, fit: LeastSquaresFit, n_clusters: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Standard errors of the coefficients that hold within clusters, and the degrees of freedom of each.

    With fewer than 30 clusters CR2 and Satterthwaite's degrees, for all that the model holds, groups included; else, or
    with more than 800 columns, CR1 and one degree less than there are clusters.

    Parameters
    ----------
    sweep : Sweep
    make_rows : callable
        As for the moments; ``cluster`` runs from 0 to n_clusters − 1.
    fit : LeastSquaresFit
    n_clusters : int
        That have rows; at least 2.

    Returns
    -------
    arrays, shape (p,)

    References
    ----------
    Bell & McCaffrey (2002), Survey Methodology 28, 169–181; Pustejovsky & Tipton (2018), JBES 36, 672–683.
    """
    p = len(fit.regressors)
    width = 1 + p + sum(fit.within.system.widths)
    if n_clusters >= CR2_BELOW or width > MOST_COLUMNS:
        errors = np.sqrt(np.diag(robust_covariance(sweep, make_rows, fit, n_clusters)))
        return errors, np.full(p, n_clusters - 1.0)
    parts = partial(_cluster_parts, make_rows=make_rows, fit=fit)
    scores, information = cluster_sums(sweep, parts, n_clusters, width)
    inverse = invert_information(information.sum(axis=0))
    influence, degrees = adjusted_influence(scores, information, inverse, inverse.matrix[:, 1 : 1 + p])
    return np.asarray(np.sqrt((influence**2).sum(axis=0))), degrees


def _cluster_parts(
    batch: pa.RecordBatch, make_rows: LinearMaker, fit: LeastSquaresFit
) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
    """Each cluster's scores and information on the constant, the regressors less what groups tell, and the groups."""
    rows, system = make_rows(batch), fit.within.system
    columns = fit.within.residuals(rows)
    dense = np.column_stack([np.ones(len(columns)), columns[:, list(fit.regressors)]])
    groups = Indicators(rows.groups.codes[:, list(system.groupings)], system.widths)
    design = Rows(dense, groups, np.zeros(len(dense), dtype=np.int64), rows.weight, rows.cluster)
    weighted = rows.weight * (columns @ fit.contrast)
    for cluster in np.unique(rows.cluster):
        part = design.where(rows.cluster == cluster)
        yield cluster, part.transposed_times(weighted[rows.cluster == cluster]), part.cross_product(part.weight)
