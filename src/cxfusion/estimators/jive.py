"""The unbiased jackknife for many instruments (UJIVE): assignments by chance, with no row predicting itself.

Two-stage least squares leans towards the naive estimate when instruments are many, and JIVE1 fails with many controls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from cxfusion.errors import EstimationError
from cxfusion.estimators.least_squares import LeastSquaresFit, fit_least_squares
from cxfusion.estimators.moments import Block, LinearRows, Moments, gather_moments
from cxfusion.estimators.robust import score_scatter
from cxfusion.estimators.within import Within, within_groups

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.moments import LinearMaker
    from cxfusion.fold import Sweep

__all__ = ["STRONG_FROM", "JackknifeFit", "fit_ujive", "many_strength"]

STRONG_FROM: Final = 4.14
"""Of :func:`many_strength`, from which an interval may be trusted (Mikusheva & Sun 2022)."""
ALONE_ABOVE = 1 - 1e-8  # leverage of a row that alone determines one of the instruments or controls


@dataclass(frozen=True)
class JackknifeFit:
    """Effect of one unit of a lever, by the unbiased jackknife.

    Attributes
    ----------
    estimate : float
    std_error : float
        Right also where the effect differs between rows and where instruments are many.
    std_error_constant_effect : float
        Textbook robust error, right where everybody's effect is the same.
    n : int
        Rows of positive weight.
    n_set_aside : int
        Of these, rows that alone determine an instrument or control: without them nothing predicts their lever.
    """

    estimate: float
    std_error: float
    std_error_constant_effect: float
    n: int
    n_set_aside: int


def fit_ujive(
    sweep: Sweep,
    make_rows: LinearMaker,
    moments: Moments,
    outcome: int,
    lever: int,
    instruments: Block,
    controls: Block | None = None,
    n_clusters: int | None = None,
) -> JackknifeFit:
    """Fit by the unbiased jackknife instrumental-variables estimator.

    With T the lever, Y the outcome, M the residual maker of the controls W or of W and the instruments Z, and h the
    leverages, row i's prediction is [M_W T − M_ZW T]_i − (h_ZW − h_W)_i / (1 − h_ZW)_i · [M_ZW T]_i. Row i's own T has
    weight 0 in it, and so have the controls. The estimate is Σ prediction·Y / Σ prediction·T.

    Parameters
    ----------
    sweep : Sweep
        Two more folds are run.
    make_rows : callable
        As for the moments; ``cluster`` runs from 0 to n_clusters − 1.
    moments : Moments
    outcome, lever : int
        Positions among the columns.
    instruments : Block
        Usually one grouping of many levels, given by chance once the controls are held fixed.
    controls : Block, optional
    n_clusters : int, optional
        Clusters without rows do not count. Every row is its own cluster unless given.

    Raises
    ------
    EstimationError
        The instruments do not predict the lever of rows left out.

    References
    ----------
    Kolesár (2013), "Estimation in an instrumental variables model with treatment effect heterogeneity";
    Goldsmith-Pinkham, Hull & Kolesár (2025), "Leniency designs: an operator's manual", arXiv 2511.03572.
    """
    left_out = _LeaveOut.of(moments, lever, instruments, controls if controls is not None else Block())
    m = len(moments.mean)

    def make_extended(batch: pa.RecordBatch) -> LinearRows:
        return left_out.extended(make_rows(batch), outcome, lever)

    extended = gather_moments(sweep, make_extended)
    with_prediction = extended.scatter[m] + extended.weight * extended.mean[m] * extended.mean
    if not (left_out.is_possible and with_prediction[lever] > 0):
        raise EstimationError(
            "The instruments do not predict the lever of rows that were left out. Expected a first stage; there is no"
            " effect to read off these assignments."
        )
    estimate = float(with_prediction[outcome] / with_prediction[lever])
    contrast = np.zeros(m + 4)
    contrast[[outcome, lever]] = contrast[[m + 1, m + 2]] = 1.0, -estimate
    scores = _Scores(left_out.on(extended), contrast, m, make_extended)
    middle, n_seen = score_scatter(sweep, scores, 2, n_clusters)
    factor = 1.0 if n_seen is None else n_seen / (n_seen - 1)
    errors = np.sqrt(np.diag(middle) * factor) / with_prediction[lever]
    return JackknifeFit(
        estimate=estimate,
        std_error=float(errors[0]),
        std_error_constant_effect=float(errors[1]),
        n=moments.n,
        n_set_aside=round(extended.weight * extended.mean[m + 3]),
    )


@dataclass(frozen=True)
class _LeaveOut:
    """The lever's regressions on the controls, and on controls and instruments."""

    few: LeastSquaresFit
    all: LeastSquaresFit

    @property
    def is_possible(self) -> bool:
        """Whether the controls leave something of the lever, and of the instruments."""
        target = fit_least_squares(self.few.within, self.few.outcome, (self.few.outcome, *self.few.regressors))
        return bool(target.is_identified[0]) and self.all.dof < self.few.dof

    @classmethod
    def of(cls, moments: Moments, lever: int, instruments: Block, controls: Block) -> _LeaveOut:
        every = controls + instruments
        few, all_ = within_groups(moments, controls.groupings), within_groups(moments, every.groupings)
        return cls(fit_least_squares(few, lever, controls.columns), fit_least_squares(all_, lever, every.columns))

    def on(self, moments: Moments) -> _LeaveOut:
        """The same regressions from the moments of more columns."""
        few, all_ = (within_groups(moments, fit.within.system.groupings) for fit in (self.few, self.all))
        return _LeaveOut(
            fit_least_squares(few, self.few.outcome, self.few.regressors),
            fit_least_squares(all_, self.all.outcome, self.all.regressors),
        )

    def extended(self, rows: LinearRows, outcome: int, lever: int) -> LinearRows:
        """Rows with four more columns.

        The prediction; outcome and lever times the leverage ratio; the mark of rows set aside, over their weight, so
        that its weighted sum counts them.
        """
        few, all_ = self.few.leverage(rows), self.all.leverage(rows)
        is_alone = all_ > ALONE_ABOVE
        ratio = np.divide(all_ - few, 1 - all_, out=np.zeros_like(all_), where=~is_alone)
        left = self.all.residuals(rows)
        prediction = np.where(is_alone, 0.0, self.few.residuals(rows) - left - ratio * left)
        weighed = is_alone & (rows.weight > 0)
        mark = np.divide(1.0, rows.weight, out=np.zeros_like(ratio), where=weighed)
        more = [prediction, ratio * rows.columns[:, outcome], ratio * rows.columns[:, lever], mark]
        return LinearRows(np.column_stack([rows.columns, *more]), rows.groups, rows.weight, rows.cluster)


@dataclass(frozen=True)
class _Scores:
    """Rows' parts in the error of the estimate: with effects that differ, and as if they did not."""

    left_out: _LeaveOut
    contrast: NDArray[np.float64]  # outcome − estimate · lever, and the same times the leverage ratio
    m: int
    make_extended: LinearMaker

    def __call__(self, batch: pa.RecordBatch) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        rows = self.make_extended(batch)
        own, times_ratio = self.contrast.copy(), self.contrast.copy()
        own[self.m :] = times_ratio[: self.m] = 0.0
        few, all_ = self.left_out.few, self.left_out.all
        structural = _residuals(few, rows, own)
        fitted = structural - _residuals(all_, rows, own) - _residuals(all_, rows, times_ratio)
        textbook = rows.columns[:, self.m] * structural
        scores = np.column_stack([textbook + all_.residuals(rows) * fitted, textbook])
        return scores * rows.weight[:, None], rows.cluster


def _residuals(fit: LeastSquaresFit, rows: LinearRows, contrast: NDArray[np.float64]) -> NDArray[np.float64]:
    """Residuals of a combination of columns on the fit's regressors and groups, shape (n,)."""
    within: Within = fit.within
    on = list(fit.regressors)
    slopes = fit.inverse.root @ (fit.inverse.root.T @ (within.scatter[on] @ contrast))
    columns = within.residuals(rows)
    return np.asarray(columns @ contrast - columns[:, on] @ slopes)


def many_strength(moments: Moments, lever: int, instrument: int, held: Block) -> float:
    """Strength of many assignments, √(k/2)·(F − 1), given what is held fixed.

    Parameters
    ----------
    moments : Moments
    lever : int
        Position among the columns.
    instrument : int
        The grouping of the assignments.
    held : Block
        What is held fixed.

    Raises
    ------
    EstimationError
        What is held fixed leaves nothing of the assignments, or these tell all of the lever.
    """
    groupings = (held.groupings, (instrument, *held.groupings))
    few, every = (fit_least_squares(within_groups(moments, fixed), lever, held.columns) for fixed in groupings)
    k = few.dof - every.dof
    if k <= 0 or every.residual_sum <= 0:
        raise EstimationError("The assignments repeat what is held fixed. Expected chance to decide within it.")
    f = (few.residual_sum - every.residual_sum) / k / (every.residual_sum / every.dof)
    return float(np.sqrt(k / 2) * (f - 1))
