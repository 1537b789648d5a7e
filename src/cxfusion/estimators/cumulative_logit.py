"""Cumulative (proportional-odds) logit by Newton steps, each step one fold over the rows.

P(Y ≤ k) = expit(cut_k − x·b), so a positive coefficient moves answers to higher categories.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cxfusion.errors import EstimationError, SeparationError
from cxfusion.estimators.first_look import look_first
from cxfusion.estimators.newton import CONVERGED_AT, Sample, Surface, climb
from cxfusion.estimators.row_likelihood import RowDerivatives, by_cut, derivatives_at, row_derivatives
from cxfusion.estimators.solving import Inverse, invert_information
from cxfusion.fold import algebra_in_one_thread, fold_batches

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.first_look import FirstLook
    from cxfusion.estimators.rows import RowMaker, Rows
    from cxfusion.fold import Sweep

__all__ = ["CumulativeLogitFit", "fit_cumulative_logit"]

SEPARATED_BELOW = 1e-5  # share of a parameter's first information that is left once it runs away


@dataclass(frozen=True)
class CumulativeLogitFit:
    """Maximum of the weighted log-likelihood.

    Attributes
    ----------
    cuts : array, shape (categories − 1,)
        Increasing.
    coefficients : array, shape (width,)
        Of the design's columns, dense ones first. Those not identified hold one of many equivalent values.
    inverse : Inverse
        Of the information, for ``(cuts, coefficients)`` together.
    log_likelihood : float
    n : int
        Rows used.
    is_separated : bool array, shape (width,)
        Group columns whose answers are all alike at one end; they have no finite coefficient and say nothing
        about the others.
    n_steps : int
        Newton steps taken.
    """

    cuts: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    inverse: Inverse
    log_likelihood: float
    n: int
    is_separated: NDArray[np.bool_]
    n_steps: int

    @property
    def parameters(self) -> NDArray[np.float64]:
        """``(cuts, coefficients)``, shape (categories − 1 + width,)."""
        return np.concatenate([self.cuts, self.coefficients])

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Model-based covariance of ``parameters``: right where rows are independent and the model holds."""
        return self.inverse.matrix

    @property
    def is_identified(self) -> NDArray[np.bool_]:
        """Of the coefficients: whether the data determine it, shape (width,)."""
        return self.inverse.is_identified[len(self.cuts) :]

    def predictors(self, rows: Rows) -> NDArray[np.float64]:
        """Cut less linear predictor, shape (n, cuts)."""
        return np.subtract.outer(self.cuts, rows.times(self.coefficients)).T  # cut by cut in memory

    def coefficients_of(self, columns: slice) -> NDArray[np.float64]:
        """Coefficients of some dense columns, the same at every cut, shape (columns, cuts)."""
        return np.repeat(self.coefficients[columns, None], len(self.cuts), axis=1)

    def pull_back_each(self, rows: Rows, by_predictors: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Σ by_predictor · ∂predictor/∂parameters, of each in turn, shape (m, cuts + width)."""
        of_cuts, by_row = zip(*((one.sum(axis=0), one.sum(axis=1)) for one in by_predictors), strict=True)
        return np.hstack([np.array(of_cuts), -rows.transposed_times(np.array(by_row).T).T])

    def pull_back_of(self, columns: slice, by_coefficient: NDArray[np.float64]) -> NDArray[np.float64]:
        """Σ by_coefficient · ∂coefficients_of(columns)/∂parameters, shape (cuts + width,)."""
        gradient = np.zeros(len(self.parameters))
        gradient[len(self.cuts) :][columns] = by_coefficient.sum(axis=1)
        return gradient

    def scores_times(
        self, rows: Rows, predictors: NDArray[np.float64], directions: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Each row's score times some directions, shape (n, m)."""
        n_cuts = len(self.cuts)
        at = derivatives_at(predictors, rows.outcome)
        of_cuts = np.vstack([directions[:n_cuts], np.zeros((1, directions.shape[1]))])  # no cut above the top category
        y, w = rows.outcome, rows.weight
        scores = w * at.up * of_cuts.T.take(y, axis=1)
        scores -= w * at.low * of_cuts.T.take(y - 1, axis=1)  # below the bottom one: the row of zeros
        scores += w * (at.below - at.above) * rows.times(directions[n_cuts:]).T
        return scores.T

    def information_of(self, rows: Rows, predictors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Observed information of some rows, shape (cuts + width, cuts + width)."""
        weight = np.bincount(rows.outcome, rows.weight, len(self.cuts) + 1).astype(float)
        at = derivatives_at(predictors, rows.outcome)
        return _with_nearness(_surface_of(rows, at, len(self.cuts)), self.cuts, weight).information


@algebra_in_one_thread()
def fit_cumulative_logit(
    sweep: Sweep, make_rows: RowMaker, n_categories: int, start: NDArray[np.float64] | None = None
) -> CumulativeLogitFit:
    """Fit a cumulative logit.

    Parameters
    ----------
    sweep : Sweep
        Runs a fold over the rows; called about four times; with few rows, or where none may be kept, about seven times.
    make_rows : RowMaker
    n_categories : int
        Outcomes are 0 … n_categories − 1, each seen at least once.
    start : array, shape (n_categories − 1 + width,), optional
        Parameters of a model nearby, from which fewer steps are left to go.

    Raises
    ------
    EstimationError
        There is but one category.
    SeparationError
        A dense column predicts the outcome perfectly.
    ConvergenceError
        The optimum was not reached.

    References
    ----------
    McCullagh (1980), JRSS B 42, 109–142.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from functools import partial
    >>> from cxfusion.estimators.rows import Indicators, Rows
    >>> from cxfusion.fold import fold_batches
    >>> batch = pa.RecordBatch.from_pydict({"x": [0.0, 0.0, 0.0, 1.0, 1.0, 1.0], "y": [0, 0, 1, 0, 1, 1]})
    >>> def rows(batch):
    ...     n = len(batch)
    ...     none = Indicators(np.empty((n, 0), dtype=np.int64), ())
    ...     return Rows(batch["x"].to_numpy()[:, None], none, batch["y"].to_numpy(), np.ones(n), np.arange(n))
    >>> fit = fit_cumulative_logit(lambda fold: fold_batches(fold, [batch]), rows, n_categories=2)
    >>> fit.coefficients.round(4).tolist()  # log odds ratio of (2:1) to (1:2)
    [1.3863]
    """
    if n_categories < 2:
        raise EstimationError(
            "All answers that could be used are the same, so nothing can be said to move them. Expected answers of"
            " several kinds; read a longer period."
        )
    look = look_first(sweep, make_rows, n_categories)
    if (look.weight <= 0).any():
        raise ValueError("every category from 0 to n_categories - 1 must be seen with a positive weight")
    begin, sample = _begin(look) if start is None else start, _sampled(look)
    near = begin if sample is None else sample.begun(begin)
    everyone = partial(_surface_at, sweep, make_rows, look.weight)
    peak = climb(everyone, near, CONVERGED_AT * look.weight.sum(), sample)
    inverse = invert_information(peak.information)
    is_separated = _separated(peak.information, peak.first_information, inverse)[n_categories - 1 :]
    _refuse_separated(is_separated, look.n_dense)
    return CumulativeLogitFit(
        cuts=peak.parameters[: n_categories - 1],
        coefficients=peak.parameters[n_categories - 1 :],
        inverse=inverse,
        log_likelihood=peak.log_likelihood,
        n=look.n,
        is_separated=is_separated,
        n_steps=peak.n_steps,
    )


def _begin(look: FirstLook) -> NDArray[np.float64]:
    """The parameters of a model without columns."""
    below = np.cumsum(look.weight)[:-1] / look.weight.sum()
    return np.concatenate([np.log(below / (1 - below)), np.zeros(look.width)])


def _sampled(look: FirstLook) -> Sample | None:
    rows = look.sample()
    if rows is None:
        return None
    weight = np.bincount(rows.outcome, rows.weight, len(look.weight)).astype(float)
    few = partial(_surface_at, partial(fold_batches, batches=[rows]), _as_they_are, weight)
    return Sample(few, len(rows.outcome), look.weight.sum() / weight.sum(), rows.weight.mean())


def _as_they_are(rows: Any) -> Rows:
    whole: Rows = rows
    return whole


def _surface_at(
    sweep: Sweep, make_rows: RowMaker, weight: NDArray[np.float64], parameters: NDArray[np.float64]
) -> Surface:
    return sweep(_LikelihoodFold(make_rows, weight, parameters))


class _LikelihoodFold:
    """Fold: log-likelihood, gradient and observed information at given parameters."""

    def __init__(self, make_rows: RowMaker, weight: NDArray[np.float64], parameters: NDArray[np.float64]) -> None:
        self._make_rows = make_rows
        self._weight = weight  # of each answer, in all rows
        self._parameters = parameters
        self._cuts, self._coefficients = np.split(parameters, [len(weight) - 1])

    def zero(self) -> Surface:
        return Surface.flat(len(self._parameters))

    def step(self, state: Surface, batch: pa.RecordBatch) -> Surface:
        rows = self._make_rows(batch)
        # a trial point too far out gives a row probability 0; its likelihood of −inf then refuses the point
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            at = row_derivatives(self._cuts, rows.times(self._coefficients), rows.outcome)
            surface = _surface_of(rows, at, len(self._cuts))
        return self.merge(state, surface)

    def merge(self, left: Surface, right: Surface) -> Surface:
        return left.add(right)

    def finish(self, state: Surface) -> Surface:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return _with_nearness(state, self._cuts, self._weight)


def _surface_of(rows: Rows, at: RowDerivatives, n_cuts: int) -> Surface:
    """Log-likelihood of some rows, its gradient and the observed information, from one product of the design.

    What :func:`_with_nearness` adds is missing: it asks of the rows only how many gave which answer.
    """
    y, w = rows.outcome, rows.weight
    d_upper, d_lower, above, below = w * at.d_upper, w * at.d_lower, w * at.above, w * at.below
    beside = by_cut(d_upper, d_lower, y, n_cuts)
    np.subtract(below, above, out=beside[-1])
    among, of_both = rows.cross_products(d_upper + d_lower, beside.T)
    q = n_cuts + rows.width
    information = np.empty((q, q))
    information[n_cuts:, n_cuts:] = among
    information[n_cuts:, :n_cuts] = -of_both[:, :-1]
    information[:n_cuts, n_cuts:] = -of_both[:, :-1].T
    information[:n_cuts, :n_cuts] = np.diag(beside[:-1].sum(axis=1))
    up, low = np.bincount(y, above, n_cuts + 1), np.bincount(y, below, n_cuts + 1)
    gradient = np.concatenate([up[:-1] - low[1:], of_both[:, -1]])
    return Surface(float(w @ np.log(at.probability)), gradient, information)


def _with_nearness(surface: Surface, cuts: NDArray[np.float64], weight: NDArray[np.float64]) -> Surface:
    """With what a category adds the more, the nearer its cuts, and the same for each of its answers.

    It is what ``up`` exceeds ``above`` by, and ``low`` ``below``; and ``up · low``.
    """
    near = np.concatenate([[0.0], 1 / np.expm1(np.diff(cuts)), [0.0]])
    beyond, between, cut = weight * near, weight * near * (1 + near), np.arange(len(cuts))
    surface.gradient[cut] += beyond[:-1] - beyond[1:]
    surface.information[cut, cut] += between[:-1] + between[1:]
    surface.information[cut[1:], cut[:-1]] -= between[1:-1]
    surface.information[cut[:-1], cut[1:]] -= between[1:-1]
    return surface


def _separated(
    information: NDArray[np.float64], first_information: NDArray[np.float64], inverse: Inverse
) -> NDArray[np.bool_]:
    left = np.diag(information) < SEPARATED_BELOW * first_information
    return left & inverse.is_identified


def _refuse_separated(is_separated: NDArray[np.bool_], n_dense: int) -> None:
    columns = np.flatnonzero(is_separated[:n_dense])
    if len(columns):
        raise SeparationError(
            "A column predicts the answers perfectly, so its effect has no finite estimate. Expected answers of"
            " several kinds at every level of every lever; leave the lever out or collect more answers.",
            [f"dense column {column}" for column in columns],
        )
