"""Centred moments of many columns in one fold: every linear model among them can be read off without the rows.

Groups stay codes: only their weights, their sums of the columns and their overlaps are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy import sparse

from cxfusion.errors import TooFewResponsesError
from cxfusion.estimators.rows import overlap_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.rows import Indicators, Rows
    from cxfusion.fold import Sweep

__all__ = ["Block", "LinearMaker", "LinearRows", "Moments", "gather_moments"]


@dataclass(frozen=True)
class LinearRows:
    """One batch of linear models.

    Attributes
    ----------
    columns : array, shape (n, m)
        Outcomes and regressors side by side; a model names its own by position. No constant.
    groups : Indicators
    weight : array, shape (n,)
        Not negative; a row of weight 0 is not counted.
    cluster : int array, shape (n,)
    """

    columns: NDArray[np.float64]
    groups: Indicators
    weight: NDArray[np.float64]
    cluster: NDArray[np.int64]

    @property
    def n_bytes(self) -> int:
        """About how much memory they take."""
        return self.columns.nbytes + 3 * self.groups.codes.nbytes

    @classmethod
    def of_scores(cls, rows: Rows, values: Sequence[float]) -> LinearRows:
        """Rows of a categorical model, the answer's value as column 0 and the dense columns after it.

        Parameters
        ----------
        rows : Rows
        values : sequence of float, length categories
            What each category counts: 1 … 5 for CSAT, (−100, 0, 100) for NPS.
        """
        score = np.asarray(values, dtype=float)[rows.outcome]
        return cls(np.column_stack([score, rows.dense]), rows.groups, rows.weight, rows.cluster)


LinearMaker: TypeAlias = "Callable[[pa.RecordBatch], LinearRows]"


@dataclass(frozen=True)
class Block:
    """Part of a model that has one meaning: case mix, agents, hours.

    Attributes
    ----------
    columns : tuple of int
        Positions among the columns.
    groupings : tuple of int
        Positions among the groupings.
    """

    columns: tuple[int, ...] = ()
    groupings: tuple[int, ...] = ()

    def __add__(self, other: Block) -> Block:
        return Block(self.columns + other.columns, self.groupings + other.groupings)

    def without(self, other: Block) -> Block:
        """What is in this block and not in the other."""
        return Block(
            tuple(c for c in self.columns if c not in other.columns),
            tuple(g for g in self.groupings if g not in other.groupings),
        )


@dataclass(frozen=True)
class Moments:
    """What linear models need to know of the rows.

    Attributes
    ----------
    n : int
        Rows of positive weight.
    weight : float
        Sum of the weights.
    mean : array, shape (m,)
    scatter : array, shape (m, m)
        Weighted cross-products of the columns about their means.
    group_weight : array, shape (width,)
    group_scatter : array, shape (width, m)
        Weighted sums of the columns about their means, by group.
    overlap : sparse array, shape (width, width)
        Weight that two groups share.
    widths : tuple of int
        Columns of each grouping.
    """

    n: int
    weight: float
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]
    group_weight: NDArray[np.float64]
    group_scatter: NDArray[np.float64]
    overlap: sparse.csr_array
    widths: tuple[int, ...]

    def of_columns(self, columns: Sequence[int]) -> Moments:
        """The moments of some columns alone, in the order asked."""
        at = list(columns)
        return replace(
            self,
            mean=self.mean[at],
            scatter=self.scatter[np.ix_(at, at)],
            group_scatter=self.group_scatter[:, at],
        )

    def positions(self, groupings: Sequence[int]) -> NDArray[np.intp]:
        """Where the indicator columns of some groupings stand among all, in the order asked."""
        starts = np.concatenate([[0], np.cumsum(self.widths)]).astype(np.intp)
        return np.concatenate([np.empty(0, dtype=np.intp), *(np.arange(starts[g], starts[g + 1]) for g in groupings)])


def gather_moments(sweep: Sweep, make_rows: LinearMaker) -> Moments:
    """Gather the moments of all columns and groups in one fold.

    Parameters
    ----------
    sweep : Sweep
    make_rows : callable
        Record batch to :class:`LinearRows`.

    Raises
    ------
    TooFewResponsesError
        No row has a positive weight.

    References
    ----------
    Chan, Golub & LeVeque (1983), American Statistician 37, 242–247, for merging centred sums.
    """
    return sweep(_MomentsFold(make_rows))


@dataclass(frozen=True)
class _Gathered:
    """Moments whose overlap is still in pieces, as what the cells of groupings share (:meth:`Indicators.met`).

    Each piece is at most half as large as the one before. To add a small sparse matrix to a large one copies the large
    one, so pieces of like size are added first.
    """

    moments: Moments
    met: tuple[sparse.csr_array, ...]


class _MomentsFold:
    """Fold: moments centred at each batch's own mean before they merge, since raw sums lose digits."""

    def __init__(self, make_rows: LinearMaker) -> None:
        self._make_rows = make_rows

    def zero(self) -> _Gathered | None:
        return None

    def step(self, state: _Gathered | None, batch: pa.RecordBatch) -> _Gathered | None:
        rows = self._make_rows(batch)
        if rows.weight.sum() <= 0:
            return state
        return self.merge(state, _Gathered(_moments_of(rows), (rows.groups.met(rows.weight),)))

    def merge(self, left: _Gathered | None, right: _Gathered | None) -> _Gathered | None:
        if left is None or right is None:
            return left or right
        return _Gathered(_merged(left.moments, right.moments), _piled(*left.met, *right.met))

    def finish(self, state: _Gathered | None) -> Moments:
        if state is None:
            raise TooFewResponsesError(
                "A linear model was asked of no rows. Expected responses with a positive weight; check the weights and"
                " what was left out of the sample."
            )
        met = sum(reversed(state.met[:-1]), start=state.met[-1])
        return replace(state.moments, overlap=overlap_of(met, state.moments.widths))


def _merged(left: Moments, right: Moments) -> Moments:
    """Moments of the rows of both, but for their overlap; in the memory of the left ones."""
    weight = left.weight + right.weight
    mean = left.mean + (right.weight / weight) * (right.mean - left.mean)
    for one in (left, right):
        away = one.mean - mean
        left.scatter[:] += one.weight * np.outer(away, away)
        left.group_scatter[:] += np.outer(one.group_weight, away)
    left.scatter[:] += right.scatter
    left.group_scatter[:] += right.group_scatter
    left.group_weight[:] += right.group_weight
    return replace(left, n=left.n + right.n, weight=weight, mean=mean)


def _piled(*pieces: sparse.csr_array) -> tuple[sparse.csr_array, ...]:
    """Sparse matrices, the larger first, of which those of like size are added."""
    pile: list[sparse.csr_array] = []
    for one in sorted(pieces, key=lambda piece: piece.nnz, reverse=True):
        pile.append(one)
        while len(pile) > 1 and pile[-2].nnz < 2 * pile[-1].nnz:
            pile[-2:] = [pile[-2] + pile[-1]]
    return tuple(pile)


def _moments_of(rows: LinearRows) -> Moments:
    """Moments of one batch, but for their overlap."""
    weight = float(rows.weight.sum())
    mean = rows.weight @ rows.columns / weight
    centred = rows.columns - mean
    weighted = centred * rows.weight[:, None]
    return Moments(
        n=int(np.count_nonzero(rows.weight > 0)),
        weight=weight,
        mean=mean,
        scatter=centred.T @ weighted,
        group_weight=rows.groups.sums(rows.weight),
        group_scatter=rows.groups.sums(weighted),
        overlap=sparse.csr_array((0, 0)),
        widths=rows.groups.widths,
    )
