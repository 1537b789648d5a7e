"""How large a trial must be whose arms are given to whole clusters: power of the comparison of two arms.

Answers of one cluster go together (ICC), and clusters differ in size; arms are compared cluster by cluster.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Final

from cxfusion.estimators.distributions import chi2, noncentral_t, student_t

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MOST_ANSWERS", "MOST_CLUSTERS", "Arms", "fewest_answers", "fewest_clusters", "power_of", "smallest_effect"]

MOST_CLUSTERS: Final = 100_000
CERTAIN: Final = 8.0
"""Standard errors beyond which a normal variable has less than ``NEVER`` of its weight."""
NEVER: Final = 1e-15
MOST_ANSWERS: Final = 1_000_000


@dataclass(frozen=True)
class Arms:
    """Two arms of the same size.

    Attributes
    ----------
    clusters : int
        Per arm.
    per_cluster : float
        Mean answers of a cluster.
    icc : float
        Share of an answer's variance that lies between clusters.
    size_cv : float
        Standard deviation of the cluster sizes over their mean.
    """

    clusters: int
    per_cluster: float
    icc: float
    size_cv: float = 0.0

    @property
    def variance(self) -> float:
        """Of one arm's mean, in units of the variance of one answer.

        References
        ----------
        van Breukelen, Candel & Berger (2007), Statistics in Medicine 26, 2589–2603 (unequal sizes).
        """
        of_one = self.icc + (1 - self.icc) / self.per_cluster
        worth = self.icc / of_one  # what a larger cluster does not add
        efficiency = 1 - self.size_cv**2 * worth * (1 - worth)
        return of_one / self.clusters / max(efficiency, 0.5)


def power_of(arms: Arms, effect: float, alpha: float = 0.05) -> float:
    """Chance that a two-sided t test of the clusters finds an effect.

    Parameters
    ----------
    arms : Arms
    effect : float
        In standard deviations of one answer.
    alpha : float

    Examples
    --------
    >>> round(power_of(Arms(clusters=20, per_cluster=50, icc=0.05), effect=0.25), 3)
    0.835
    """
    df = 2 * arms.clusters - 2
    if df < 1:
        return 0.0
    shift = abs(effect) / sqrt(2 * arms.variance)
    edge = float(student_t.isf(alpha / 2, df))
    # with few clusters the estimated error may be so much too large that even a wide shift is hidden
    if shift > CERTAIN and chi2.sf(df * ((shift - CERTAIN) / edge) ** 2, df) < NEVER:
        return 1.0
    # where the shift is certain to show, the distribution has no digits on the wrong side
    wrong_side = noncentral_t.cdf(-edge, df, shift) if shift < CERTAIN else 0.0
    return 1 - noncentral_t.cdf(edge, df, shift) + wrong_side


def fewest_clusters(
    per_cluster: float, icc: float, size_cv: float, effect: float, power: float, alpha: float = 0.05
) -> int | None:
    """Clusters per arm that give the power; None where more than 100,000 would not."""

    def gives(clusters: int) -> bool:
        return power_of(Arms(clusters, per_cluster, icc, size_cv), effect, alpha) >= power

    return _fewest(range(2, MOST_CLUSTERS + 1), gives)


def fewest_answers(
    clusters: int, icc: float, size_cv: float, effect: float, power: float, alpha: float = 0.05
) -> int | None:
    """Answers per cluster that give the power with so many clusters per arm; None where a million would not."""

    def gives(per_cluster: int) -> bool:
        return power_of(Arms(clusters, per_cluster, icc, size_cv), effect, alpha) >= power

    return _fewest(range(1, MOST_ANSWERS + 1), gives)


def _fewest(numbers: range, gives: Callable[[int], bool]) -> int | None:
    at = bisect_left(numbers, True, key=gives)
    return numbers[at] if at < len(numbers) else None


def smallest_effect(arms: Arms, power: float, alpha: float = 0.05) -> float:
    """Effect that such arms find with the power, in standard deviations of one answer; infinite with one cluster."""
    if arms.clusters < 2:
        return float("inf")
    low, high = 0.0, 1.0
    while power_of(arms, high, alpha) < power:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if power_of(arms, middle, alpha) >= power else (middle, high)
    return high
