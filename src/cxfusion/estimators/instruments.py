"""Two-stage least squares for one lever and a few instruments, and what says whether these are strong enough.

Everything robust comes from one fold of three kinds of scores: of the outcome, of the lever, of what is left of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.errors import EstimationError
from cxfusion.estimators.confidence_set import ConfidenceSet, quadratic_confidence_set
from cxfusion.estimators.distributions import fisher_f
from cxfusion.estimators.least_squares import fit_least_squares
from cxfusion.estimators.robust import score_scatter, small_sample_factor

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.moments import LinearMaker
    from cxfusion.estimators.robust import ScoreMaker
    from cxfusion.estimators.within import Within
    from cxfusion.fold import Sweep

__all__ = ["TwoStageFit", "fit_two_stage"]

NOTHING_MOVED = 1e-16  # share of the lever's variance that rounding alone may seem to explain


@dataclass(frozen=True)
class TwoStageFit:
    """Effect of one unit of a lever, from the part of it that the instruments move.

    Attributes
    ----------
    estimate : float
    std_error : float
        Robust: HC1, or CR1 where clusters were given.
    classical_std_error : float
        For independent rows of equal variance.
    first_stage : array, shape (k,)
        Effect of each instrument on the lever.
    effective_f : float
        Strength of the instruments (Montiel Olea–Pflueger); the robust first-stage F for one instrument.
    anderson_rubin : ConfidenceSet
        Effects that the robust Anderson–Rubin test does not reject: right however weak the instruments are.
    dof : int
        For Student's t of the estimate: clusters − 1, or rows less coefficients.
    n : int
    """

    estimate: float
    std_error: float
    classical_std_error: float
    first_stage: NDArray[np.float64]
    effective_f: float
    anderson_rubin: ConfidenceSet
    dof: int
    n: int


def fit_two_stage(
    sweep: Sweep,
    make_rows: LinearMaker,
    within: Within,
    outcome: int,
    lever: int,
    instruments: Sequence[int],
    controls: Sequence[int] = (),
    n_clusters: int | None = None,
    conf_level: float = 0.95,
) -> TwoStageFit:
    """Fit by two-stage least squares.

    Parameters
    ----------
    sweep : Sweep
    make_rows : callable
        As for the moments; ``cluster`` runs from 0 to n_clusters − 1.
    within : Within
        Groups held fixed.
    outcome, lever : int
        Positions among the columns.
    instruments : sequence of int, length k
        Few; for a grouping of many levels see :func:`~cxfusion.estimators.jive.fit_ujive`.
    controls : sequence of int
    n_clusters : int, optional
        At least 2; clusters without rows do not count. Every row is its own cluster unless given.
    conf_level : float
        Of the Anderson–Rubin set.

    Raises
    ------
    EstimationError
        The instruments do not vary, or do not move the lever at all, once groups and controls are held fixed.

    References
    ----------
    Montiel Olea & Pflueger (2013), Journal of Business & Economic Statistics 31, 358–369 (effective F); Anderson &
    Rubin (1949), Annals of Mathematical Statistics 20, 46–63; Andrews, Stock & Sun (2019), Annual Review of
    Economics 11, 727–753 (robust forms of both).
    """
    stages = _Stages.of(within, outcome, lever, instruments, controls)
    middle, n_seen = score_scatter(sweep, stages.scores_of(make_rows), 3 * len(instruments), n_clusters)
    k, slopes = len(instruments), stages.slopes
    n, used = within.moments.n, within.system.rank + stages.n_controls
    structural = middle[2 * k :, 2 * k :] * small_sample_factor(n, used + 1, n_seen)
    reduced = middle[: 2 * k, : 2 * k] * small_sample_factor(n, used + k, n_seen)
    strength = float(slopes @ stages.with_lever)
    by_inverse = stages.root @ stages.root.T
    residual = np.array([1.0, -stages.estimate])
    residual_variance = residual @ stages.scatter[:2, :2] @ residual / (n - used - 1)
    dof = n - used - k if n_seen is None else n_seen - 1
    std_error = float(np.sqrt(slopes @ structural @ slopes)) / strength
    return TwoStageFit(
        estimate=stages.estimate,
        std_error=std_error,
        classical_std_error=float(np.sqrt(residual_variance / strength)),
        first_stage=slopes,
        effective_f=strength / float(np.trace(by_inverse @ reduced[k:, k:])),
        anderson_rubin=quadratic_confidence_set(
            stages.root.T @ np.column_stack([stages.with_outcome, stages.with_lever]),
            _rotated(reduced, stages.root),
            critical=k * float(fisher_f.isf(1 - conf_level, k, dof)),
            around=(stages.estimate, std_error),
        ),
        dof=dof if n_seen is not None else n - used - 1,
        n=n,
    )


def _rotated(middle: NDArray[np.float64], root: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores' scatter for instruments made orthogonal and of length 1, shape (2k, 2k)."""
    both = np.kron(np.eye(2), root)
    return np.asarray(both.T @ middle @ both)


@dataclass(frozen=True)
class _Stages:
    """Outcome, lever and instruments once groups and controls are held fixed, and both stages fitted."""

    within: Within
    directions: NDArray[np.float64]  # residual columns to (outcome, lever, instruments), shape (m, 2 + k)
    scatter: NDArray[np.float64]  # of these, shape (2 + k, 2 + k)
    root: NDArray[np.float64]  # root @ root.T inverts the instruments' scatter
    estimate: float
    n_controls: int

    @classmethod
    def of(
        cls, within: Within, outcome: int, lever: int, instruments: Sequence[int], controls: Sequence[int]
    ) -> _Stages:
        partial = [fit_least_squares(within, column, controls) for column in (outcome, lever, *instruments)]
        directions = np.column_stack([fit.contrast for fit in partial])
        scatter = directions.T @ within.scatter @ directions
        own = fit_least_squares(within, lever, [*instruments, *controls])
        k = len(instruments)
        if not own.is_identified[:k].all():
            raise EstimationError(
                "Groups and controls determine an instrument, or instruments repeat one another. Expected each to vary"
                " on its own; leave the repeated one out, or hold fewer groups fixed."
            )
        root = np.linalg.inv(np.linalg.cholesky(scatter[2:, 2:])).T
        slopes = root @ (root.T @ scatter[2:, 1])
        strength = slopes @ scatter[2:, 1]
        is_identified = fit_least_squares(within, outcome, [lever, *controls]).is_identified[0]
        if not (is_identified and strength > NOTHING_MOVED * scatter[1, 1]):
            raise EstimationError(
                "The instruments do not move the lever at all, or the controls determine it. Expected a first stage;"
                " there is no effect to read off."
            )
        estimate = float(slopes @ scatter[2:, 0] / strength)
        return cls(within, directions, scatter, root, estimate, partial[0].inverse.root.shape[1])

    @property
    def with_outcome(self) -> NDArray[np.float64]:
        return self.scatter[2:, 0]

    @property
    def with_lever(self) -> NDArray[np.float64]:
        return self.scatter[2:, 1]

    @property
    def slopes(self) -> NDArray[np.float64]:
        """First stage, shape (k,)."""
        return np.asarray(self.root @ (self.root.T @ self.with_lever))

    def scores_of(self, make_rows: LinearMaker) -> ScoreMaker:
        """Scores of the reduced forms of outcome and lever, and of the structural equation, shape (n, 3k)."""
        reduced = self.root @ (self.root.T @ self.scatter[2:, :2])  # slopes of outcome and lever on the instruments

        def scores(batch: pa.RecordBatch) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
            rows = make_rows(batch)
            columns = self.within.residuals(rows) @ self.directions
            instruments = columns[:, 2:] * rows.weight[:, None]
            left = columns[:, :2] - columns[:, 2:] @ reduced
            structural = columns[:, 0] - self.estimate * columns[:, 1]
            every = (left[:, 0], left[:, 1], structural)
            return np.hstack([instruments * residual[:, None] for residual in every]), rows.cluster

        return scores
