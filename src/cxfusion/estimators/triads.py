"""How much of a mark is the one hidden factor that it shares with others, from the ties among three marks at a time.

Spearman's triads; which of several to believe is decided by what the data show of each, not by which happens to be low.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from cxfusion.estimators.distributions import norm
from cxfusion.estimators.left_out import jackknife_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CLEAR_FROM", "Triad", "least_triad", "triads_of"]

CLEAR_FROM: Final = float(np.sqrt(10))
"""Standard errors by which a divisor must exceed 0: with a vaguer one a ratio is no better than a weak instrument,
whose usual bound this is (F of 10)."""


@dataclass(frozen=True)
class Triad:
    """Share of the first mark's variance that is the factor, read off two other marks.

    Attributes
    ----------
    value, std_error : float
    without : array, shape (parts,)
        The value without each part of the rows in turn.
    """

    value: float
    std_error: float
    without: NDArray[np.float64]

    @property
    def upper(self) -> float:
        """Upper end of the 95 % interval."""
        return self.value + float(norm.isf(0.025)) * self.std_error


def triads_of(products: NDArray[np.float64], n_others: int) -> list[Triad]:
    """ρ² = s_wa·s_wb/(s_ab·s_ww) of mark w by every two other marks a and b that clearly go together.

    Parameters
    ----------
    products : array, shape (1 + parts, m, m)
        Residual cross-products of w, the other marks and whatever else: of all rows, then without each part in turn.
    n_others : int
        Other marks, which follow w.

    Notes
    -----
    Where s_ab lies within √10 standard errors of 0, the two marks hardly go together and the ratio has no error that
    could be told (Fieller): a mark that is almost never seen gives such pairs. They are left out.

    References
    ----------
    Spearman (1904), American Journal of Psychology 15, 201–292; Fieller (1954), Journal of the Royal Statistical
    Society B 16, 175–185.
    """
    found = []
    for a, b in combinations(range(1, n_others + 1), 2):
        divisor = products[:, a, b] * products[:, 0, 0]
        if abs(divisor[0]) <= CLEAR_FROM * jackknife_error(divisor[1:]):
            continue
        values = products[:, 0, a] * products[:, 0, b] / divisor
        found.append(Triad(float(values[0]), jackknife_error(values[1:]), values[1:]))
    return found


def least_triad(triads: list[Triad]) -> Triad:
    """The triad whose 95 % interval ends lowest.

    Noise that a mark shares with w makes its triads too large, so the least of the true values is wanted. The least of
    the estimates lies below that, the more so the noisier one of them is; it is the same where all are as precise.

    References
    ----------
    Chernozhukov, Lee & Rosen (2013), Econometrica 81, 667–737: the least of several estimated bounds, each judged with
    its own precision.
    """
    return min(triads, key=lambda triad: triad.upper)
