"""Weights as they would be, had the dissatisfied been more (or less) likely to answer than the log can tell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from cxfusion.estimators.raking import RakingFit, fit_raking

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.rows import RowMaker, Rows
    from cxfusion.fold import Sweep

__all__ = [
    "SHAPES",
    "TIMES_AS_LIKELY",
    "Tilt",
    "TiltedRows",
    "crossing",
    "tilted",
    "weighted_totals",
    "worth_of",
]

Shape: TypeAlias = Literal["dissatisfied", "extremes"]

SHAPES: Final[tuple[Shape, ...]] = ("dissatisfied", "extremes")
"""Who answers more often: the less satisfied the more, or both ends against the middle."""
TIMES_AS_LIKELY: Final = (0.5, 2 / 3, 0.8, 1.0, 1.25, 1.5, 2.0)
"""From half to twice; the same steps both ways."""


@dataclass(frozen=True)
class Tilt:
    """Who was how many times as likely to answer, all else in the log alike.

    Attributes
    ----------
    shape : {"dissatisfied", "extremes"}
    times : float
        Of the worst score against the best one, or of the ends against the middle; in between, evenly in the log.
    """

    shape: Shape
    times: float

    def factors(self, worth: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each score's weight is multiplied by; ``worth`` runs from 0 (worst) to 1 (best), any shape."""
        place = 1 - worth if self.shape == "dissatisfied" else np.abs(2 * worth - 1)
        return np.asarray(self.times**-place)


@dataclass(frozen=True)
class TiltedRows:
    """Makes rows whose weights are tilted by their outcome and calibrated again.

    Attributes
    ----------
    make_rows : RowMaker
    factors : array, shape (categories,)
        By outcome.
    n_dense : int
        Dense columns that are calibrated; further ones are not looked at.
    raking : RakingFit or None
    """

    make_rows: RowMaker
    factors: NDArray[np.float64]
    n_dense: int
    raking: RakingFit | None = None

    def __call__(self, batch: pa.RecordBatch, /) -> Rows:
        """The rows, tilted and calibrated."""
        rows = self.make_rows(batch)
        weight = rows.weight * self.factors[rows.outcome]
        if self.raking is not None:
            weight = self.raking.weights(replace(rows, dense=rows.dense[:, : self.n_dense], weight=weight))
        return replace(rows, weight=weight)

    def margins(self, batch: pa.RecordBatch, /) -> Rows:
        """The rows as calibration sees them, not yet calibrated."""
        rows = replace(self, raking=None)(batch)
        return replace(rows, dense=rows.dense[:, : self.n_dense])


def tilted(
    sweep: Sweep, make_rows: RowMaker, factors: NDArray[np.float64], totals: NDArray[np.float64], n_dense: int = 0
) -> TiltedRows:
    """Tilt weights and calibrate them to totals again.

    Parameters
    ----------
    sweep : Sweep
    make_rows : RowMaker
        ``weight`` is calibrated to the totals before it is tilted.
    factors : array, shape (categories,)
    totals : array, shape (1 + n_dense + group columns,)
        Of :func:`weighted_totals`.
    n_dense : int
        Leading dense columns that are calibrated as well.

    Raises
    ------
    ConvergenceError
        No weights reach the totals.
    """
    bare = TiltedRows(make_rows, factors, n_dense)
    return replace(bare, raking=fit_raking(sweep, bare.margins, totals))


def weighted_totals(sweep: Sweep, make_rows: RowMaker, n_dense: int = 0) -> NDArray[np.float64]:
    """Weighted totals of the constant, the leading dense columns and the groups; one fold."""
    return sweep(_TotalsFold(make_rows, n_dense))


def crossing(times: NDArray[np.float64], figures: NDArray[np.float64], target: float) -> float | None:
    """Where a curve crosses a target, nearest to 1, evenly in the log between two points; None where it does not."""
    at, apart = np.log(times), figures - target
    crossed = np.flatnonzero(np.sign(apart[:-1]) * np.sign(apart[1:]) <= 0)
    places = [
        float(at[i] + (at[i + 1] - at[i]) * apart[i] / (apart[i] - apart[i + 1])) if apart[i] != apart[i + 1] else at[i]
        for i in crossed
    ]
    return float(np.exp(min(places, key=abs))) if places else None


def worth_of(values: Sequence[float], higher_is_better: bool = True) -> NDArray[np.float64]:
    """How good each of some values is, from 0 (the worst of them) to 1 (the best)."""
    at = np.asarray(values, dtype=float)
    share = (at - at.min()) / (at.max() - at.min())
    return np.asarray(share if higher_is_better else 1 - share)


class _TotalsFold:
    """Fold: weighted totals."""

    def __init__(self, make_rows: RowMaker, n_dense: int) -> None:
        self._make_rows = make_rows
        self._n_dense = n_dense

    def zero(self) -> NDArray[np.float64] | None:
        return None

    def step(self, state: NDArray[np.float64] | None, batch: pa.RecordBatch) -> NDArray[np.float64] | None:
        rows = self._make_rows(batch)
        narrow = replace(rows, dense=rows.dense[:, : self._n_dense])
        return self.merge(state, np.concatenate([[rows.weight.sum()], narrow.transposed_times(rows.weight)]))

    def merge(self, left: NDArray[np.float64] | None, right: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
        if left is None or right is None:
            return right if left is None else left
        return left + right

    def finish(self, state: NDArray[np.float64] | None) -> NDArray[np.float64]:
        return np.zeros(1) if state is None else state
