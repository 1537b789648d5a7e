"""Normal equations of many groups and a constant, solved exactly, with their rank and the leverage of each row.

The widest grouping is eliminated as a diagonal, the others by a Cholesky factor that stops where they repeat it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import sparse
from scipy.linalg import cho_solve
from scipy.linalg.lapack import dpstrf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cxfusion.estimators.moments import Moments
    from cxfusion.estimators.rows import Indicators

__all__ = ["REPEATED_BELOW", "GroupSystem", "group_system"]

REPEATED_BELOW = 1e-10  # share of a group's weight, or of a column's variance, that counts as nothing left
LEAD_AT_ONCE: Final = 512  # lead groups in one dense product
SPARSE_TIMES: Final = 30  # as long takes a multiplication in a sparse product
_INVERTING: Final = Lock()  # the inverse may be large: threads of a fold make it once, not each for itself


@dataclass(frozen=True)
class GroupSystem:
    """Equations of some groupings and a constant, on the directions that they determine.

    Attributes
    ----------
    groupings : tuple of int
        Held fixed; the widest one, which leads, first.
    widths : tuple of int
        Columns of each of them.
    lead, rest : int arrays, shapes (l,) and (r,)
        Where the columns of the first and of the others stand among all columns.
    per_weight : array, shape (l,)
        One over each lead group's weight; 0 for empty ones.
    shares : sparse array, shape (r + 1, l)
        Weight that the others and the constant share with the lead groups, per weight of these.
    factor : array, shape (k, k)
        Lower Cholesky factor of what the lead leaves of the others, scaled.
    pivots : int array, shape (k,)
        The others, or the constant, that the factor belongs to.
    scale : array, shape (r + 1,)
    """

    groupings: tuple[int, ...]
    widths: tuple[int, ...]
    lead: NDArray[np.intp]
    rest: NDArray[np.intp]
    per_weight: NDArray[np.float64]
    shares: sparse.csr_array
    factor: NDArray[np.float64]
    pivots: NDArray[np.intp]
    scale: NDArray[np.float64]

    @property
    def rank(self) -> int:
        """Directions that the groupings and the constant determine."""
        return int(np.count_nonzero(self.per_weight)) + len(self.pivots)

    def solve(
        self, right: NDArray[np.float64], right_constant: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coefficients of all groups, shape (width, k), and of the constant, shape (k,).

        Parameters
        ----------
        right : array, shape (width, k)
            Right-hand sides; only those of the fixed groupings are looked at.
        right_constant : array, shape (k,)
        """
        others = np.vstack([right[self.rest], right_constant]) - self.shares @ right[self.lead]
        found = np.zeros_like(others)
        scale = self.scale[self.pivots, None]
        found[self.pivots] = cho_solve((self.factor, True), others[self.pivots] / scale) / scale
        effects = np.zeros_like(right)
        effects[self.rest] = found[:-1]
        effects[self.lead] = self.per_weight[:, None] * right[self.lead] - self.shares.T @ found
        return effects, found[-1]

    def leverage(self, groups: Indicators) -> NDArray[np.float64]:
        """Leverage of rows of weight 1 through their groups and the constant, by look-ups only, shape (n,)."""
        with _INVERTING:
            own, across, lead_own = self._inverse
        lead, others = self._places(groups)
        leverage = lead_own[lead]
        for place in others:
            leverage = leverage + 2 * across[lead, place]
        for first, second in itertools.product(others, others):
            leverage = leverage + own[first, second]
        return leverage

    def _places(self, groups: Indicators) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
        """Where each row stands in the blocks of the inverse; −1, the padding, where it has no column."""
        n = len(groups.codes)
        codes = [groups.codes[:, grouping] for grouping in self.groupings] or [np.full(n, -1)]
        starts = np.cumsum([0, *self.widths[1:]])
        others = [np.where(code >= 0, start + code, -1) for start, code in zip(starts, codes[1:], strict=False)]
        return codes[0], [*others, np.full(n, len(self.rest))]

    @cached_property
    def _inverse(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Blocks of the inverse, padded by a zero: others × others, lead × others, and the lead's diagonal."""
        size, n_lead = len(self.scale), len(self.lead)
        own = np.zeros((size, size))
        scale = self.scale[self.pivots]
        inverse = cho_solve((self.factor, True), np.eye(len(scale)))
        own[np.ix_(self.pivots, self.pivots)] = inverse / np.outer(scale, scale)
        across, lead_own = np.zeros((n_lead + 1, size + 1)), np.zeros(n_lead + 1)
        by_lead = sparse.csr_array(self.shares.T)
        for start in range(0, n_lead, LEAD_AT_ONCE):  # what is as large as all of it is there once
            at = slice(start, min(start + LEAD_AT_ONCE, n_lead))
            some = by_lead[at] @ own
            across[at, :-1] = -some
            lead_own[at] = self.per_weight[at] + np.asarray(by_lead[at].multiply(some).sum(axis=1)).ravel()
        return np.pad(own, (0, 1)), across, lead_own


def group_system(moments: Moments, groupings: Sequence[int]) -> GroupSystem:
    """Set up the equations of some groupings and a constant.

    Parameters
    ----------
    moments : Moments
    groupings : sequence of int

    References
    ----------
    Higham (2002), *Accuracy and Stability of Numerical Algorithms*, section 10.3, for the pivoted factor.
    """
    ordered = tuple(sorted(groupings, key=lambda grouping: moments.widths[grouping], reverse=True))
    lead, rest = moments.positions(ordered[:1]), moments.positions(ordered[1:])
    weight = moments.group_weight
    per_weight = np.divide(1.0, weight[lead], out=np.zeros(len(lead)), where=weight[lead] > 0)
    with_lead = sparse.csr_array(sparse.vstack([moments.overlap[rest][:, lead], sparse.csr_array(weight[None, lead])]))
    shares = sparse.csr_array(with_lead @ sparse.diags_array(per_weight))
    own = np.empty((len(rest) + 1, len(rest) + 1))
    own[:-1, :-1] = moments.overlap[rest][:, rest].toarray()
    own[-1, :-1] = own[:-1, -1] = weight[rest]
    own[-1, -1] = moments.weight
    scale = np.sqrt(np.where(np.diag(own) > 0, np.diag(own), 1.0))
    left = (own - _by_way_of_lead(with_lead, per_weight)) / np.outer(scale, scale)
    factor, pivots, rank, _ = dpstrf(left, tol=REPEATED_BELOW, lower=1)
    if np.diag(left).max() <= REPEATED_BELOW:  # dpstrf does not hold its first pivot against the tolerance
        rank = 0
    return GroupSystem(
        groupings=ordered,
        widths=tuple(moments.widths[grouping] for grouping in ordered),
        lead=lead,
        rest=rest,
        per_weight=per_weight,
        shares=shares,
        factor=np.asarray(factor)[:rank, :rank],
        pivots=np.asarray(pivots[:rank], dtype=np.intp) - 1,
        scale=scale,
    )


def _by_way_of_lead(with_lead: sparse.csr_array, per_weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the lead explains of the others' weights, shape (r + 1, r + 1).

    Dense, some lead groups at a time, where nearly every two groups meet, as in a large log; sparse where a lead group
    meets few others, as among some answers of many agents.
    """
    by_lead, root, size = sparse.csc_array(with_lead), np.sqrt(per_weight), with_lead.shape[0]
    n_met = np.diff(by_lead.indptr).astype(float)
    if SPARSE_TIMES * (n_met @ n_met) < len(n_met) * size**2:
        scaled = by_lead @ sparse.diags_array(root)
        return np.asarray((scaled @ scaled.T).toarray())
    explained = np.zeros((size, size))
    for start in range(0, len(root), LEAD_AT_ONCE):
        at = slice(start, start + LEAD_AT_ONCE)
        some = by_lead[:, at].toarray() * root[at]
        explained += some @ some.T
    return explained
