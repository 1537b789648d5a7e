"""Means, shares and net scores with intervals that hold for few, skewed, weighted and clustered answers.

Everything follows from a few sums per group, and one idea: an *effective* number of answers, n over the
design effect, stands where the textbook formula has n.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from cxfusion.estimators.distributions import norm, student_t

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "ClusteredSums",
    "Interval",
    "Mean",
    "mean_interval",
    "net_interval",
    "net_variance",
    "share_interval",
    "weighted_mean",
]

FloatArray: TypeAlias = "NDArray[np.float64]"

MEAN_PSEUDO_ANSWERS: Final = 0.5  # at each end of the scale; see mean_interval
NET_PSEUDO_ANSWERS: Final = 0.75  # promoters, as many detractors, twice as many between; see net_interval
LEAST_SPREAD: Final = 1e-4  # of what margins may leave: nothing is known a hundred times better by them
STEP: Final = 1e-8  # to which a weighted answer is added up (tables.sums): closer answers cannot be told apart


@dataclass(frozen=True)
class ClusteredSums:
    """What has to be known of a group's answers x, with weights w, in clusters (customers).

    All fields are arrays of one shape, an element per group. Take x from the middle of its scale: raw sums of
    numbers far from zero lose digits.

    Attributes
    ----------
    n, n_clusters : ndarray
        Number of answers, and of clusters.
    w, wx, wxx : ndarray
        Sums over answers of w, w·x and w·x².
    cluster_ww, cluster_wxw, cluster_wxwx : ndarray
        Sums over clusters of (Σw)², (Σw·x)(Σw) and (Σw·x)².
    residual : ndarray, optional
        Sum over clusters of (Σw·e)², e what calibration margins leave of x less its mean: where weights are calibrated
        this is the spread of the mean. nan where it is not known.
    """

    n: FloatArray
    n_clusters: FloatArray
    w: FloatArray
    wx: FloatArray
    wxx: FloatArray
    cluster_ww: FloatArray
    cluster_wxw: FloatArray
    cluster_wxwx: FloatArray
    residual: FloatArray | None = None


@dataclass(frozen=True)
class Mean:
    """A weighted mean and how well it is known; nan throughout where a group has no answers.

    Attributes
    ----------
    estimate : ndarray
    variance : ndarray
        Of one answer, with divisor Σw.
    sampling_variance : ndarray
        Of the estimate; nan where all answers come from one cluster.
    design_effect : ndarray
        ``sampling_variance`` over that of as many independent, equally weighted answers; nan where that is.
    n, n_clusters : ndarray
    clusters_in_effect : ndarray
        Equally large clusters that would tell as much (Kish): fewer where some have far more answers than others.
    most_n : ndarray
        The effective number of answers is never more: n, unless margins are known that explain the answers.
    """

    estimate: FloatArray
    variance: FloatArray
    sampling_variance: FloatArray
    design_effect: FloatArray
    n: FloatArray
    n_clusters: FloatArray
    clusters_in_effect: FloatArray
    most_n: FloatArray

    @property
    def std_error(self) -> FloatArray:
        """Standard error of the mean; s/√n for independent, equally weighted answers."""
        return np.sqrt(self.sampling_variance)

    @property
    def share_std_error(self) -> FloatArray:
        """Standard error of a share or a difference of shares; √(variance/n) for independent answers."""
        return np.sqrt(self.variance * self.design_effect / self.n)

    def effective_n(self, conf_level: float = 0.95) -> FloatArray:
        """Number of independent answers that would say as much; nan where all come from one cluster.

        Never more than n, unless the weights are calibrated, and smaller where few clusters leave the design effect
        itself uncertain.

        References
        ----------
        Korn & Graubard (1998), Confidence intervals for proportions with small expected number of positive
        counts estimated from survey data. Survey Methodology 24, 193–201.
        """
        tail = (1 + conf_level) / 2
        several = self.clusters_in_effect > 1
        with np.errstate(invalid="ignore", divide="ignore"):
            by_answers = student_t.ppf(tail, np.where(several, self.n - 1, np.nan))
            by_clusters = student_t.ppf(tail, np.where(several, self.clusters_in_effect - 1, np.nan))
            return np.asarray(np.minimum(self.most_n, self.n / self.design_effect) * (by_answers / by_clusters) ** 2)


@dataclass(frozen=True)
class Interval:
    """Ends of an interval, an element per group; nan where none exists."""

    low: FloatArray
    high: FloatArray


def weighted_mean(sums: ClusteredSums) -> Mean:
    """Weighted mean with its variance linearised by cluster.

    The variance is G/(G−1) · Σ over clusters of (Σ w(x − mean))² / (Σw)², G the number of clusters; answers
    that share none are clusters of one, and then it is s²/n. Where all answers are equal their spread tells
    nothing of the clusters, so the design effect is what it would be if a cluster spoke with one voice. With
    calibrated weights residuals stand for x − mean.

    Parameters
    ----------
    sums : ClusteredSums
        Of k groups.

    Returns
    -------
    Mean
        Arrays of k elements, in the units of x.

    References
    ----------
    Särndal, Swensson & Wretman (1992), Model Assisted Survey Sampling, §5.5–5.7.

    Examples
    --------
    >>> import numpy as np
    >>> one = lambda value: np.array([float(value)])
    >>> sums = ClusteredSums(one(2), one(2), one(2), one(4), one(10), one(2), one(4), one(10))  # of 1 and 3
    >>> mean = weighted_mean(sums)
    >>> float(mean.estimate[0]), float(mean.std_error[0])
    (2.0, 1.0)
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = sums.wx / sums.w
        variance = np.maximum(sums.wxx / sums.w - estimate**2, 0.0)
        is_constant = variance <= STEP * sums.n / sums.w * (1 + np.abs(estimate)) ** 2
        variance = np.where(is_constant, 0.0, variance)
        spread = sums.cluster_wxwx - 2 * estimate * sums.cluster_wxw + estimate**2 * sums.cluster_ww
        is_calibrated = np.zeros_like(estimate, dtype=bool)
        if sums.residual is not None:
            is_calibrated = np.isfinite(sums.residual)
            spread = np.where(is_calibrated, np.maximum(sums.residual, LEAST_SPREAD * spread), spread)
        spread = np.where(is_constant, 0.0, np.maximum(spread, 0.0))
        of_clusters = np.where(sums.n_clusters > 1, sums.n_clusters / (sums.n_clusters - 1), np.nan)
        sampling = of_clusters * spread / sums.w**2
        alike = sums.n * sums.cluster_ww / sums.w**2
        measured = sampling / (variance / (sums.n - 1))
        design_effect = np.where(is_constant & (sums.n_clusters > 1), alike, measured)
        kish = np.minimum(sums.w**2 / sums.cluster_ww, sums.n_clusters)
        is_alone = sums.n_clusters == sums.n  # nobody answered twice, and unequal weights alone dominate nothing
        in_effect = np.where(is_alone, sums.n_clusters, np.asarray(np.round(kish, 9), dtype=np.float64))
    most_n = np.where(is_calibrated, np.inf, sums.n)
    return Mean(estimate, variance, sampling, design_effect, sums.n, sums.n_clusters, in_effect, most_n)


def mean_interval(mean: Mean, low: float, high: float, conf_level: float = 0.95) -> Interval:
    """Interval of the mean of answers on a scale with two ends: Student's t after half an answer at each end.

    Scores pile up at one end of their scale, and the bare t interval then covers too seldom: 92 % at n = 30
    for the answers of a shop's support (70 % fives, 13 % ones), 85 % where 85 % are fives. With two half
    answers both are at 95 % or above, and at n = 1,000 the ends move by a few thousandths. It is to a mean
    what the adjusted Wald interval is to a share, and has a width even when all answers are equal.

    Parameters
    ----------
    mean : Mean
        Of k groups, in the units of ``low`` and ``high``.
    low, high : float
        Ends of the scale, in the units of x.
    conf_level : float, default 0.95

    Returns
    -------
    Interval
        Within ``[low, high]``.

    References
    ----------
    The idea of Agresti & Coull (1998), Approximate is better than "exact" for interval estimation of binomial
    proportions, The American Statistician 52, 119–126, carried over to more than two values; the size of the
    addition was chosen, and its coverage is tested, by simulation.
    """
    n = mean.effective_n(conf_level)
    total = n + 2 * MEAN_PSEUDO_ANSWERS
    centre = (n * mean.estimate + MEAN_PSEUDO_ANSWERS * (low + high)) / total
    squares = n * (mean.variance + mean.estimate**2) + MEAN_PSEUDO_ANSWERS * (low**2 + high**2)
    half = _quantile(mean, conf_level) * np.sqrt((squares / total - centre**2) / total)
    return _around(mean.estimate, centre, half, low, high)


def share_interval(mean: Mean, conf_level: float = 0.95) -> Interval:
    """Wilson's interval of a share, on the effective number of answers.

    Parameters
    ----------
    mean : Mean
        Of answers that are 0 or 1.
    conf_level : float, default 0.95

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22, 209–212.
    """
    n, z = mean.effective_n(conf_level), norm.ppf((1 + conf_level) / 2)
    centre = (mean.estimate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(mean.estimate * (1 - mean.estimate) / n + z**2 / (4 * n**2))
    return Interval(np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0))


def net_variance(positive: FloatArray, negative: FloatArray) -> FloatArray:
    """Variance of one answer that counts +1, 0 or −1: p + d − (p − d)².

    Parameters
    ----------
    positive, negative : ndarray
        Shares p of +1 (promoters) and d of −1 (detractors).

    Examples
    --------
    >>> round(float(net_variance(1 / 2, 1 / 6)), 6)  # 5/9
    0.555556
    """
    return positive + negative - (positive - negative) ** 2


def net_interval(mean: Mean, conf_level: float = 0.95) -> Interval:
    """Adjusted Wald interval of a net score (promoters − detractors), on the effective number of answers.

    Three answers are added: ¾ of a promoter, ¾ of a detractor, 1½ in between.

    Parameters
    ----------
    mean : Mean
        Of answers that are −1, 0 or 1.
    conf_level : float, default 0.95

    Returns
    -------
    Interval
        Within [−1, 1].

    References
    ----------
    Rocks (2016), Interval estimation for the "Net Promoter Score", The American Statistician 70, 365–372.
    """
    n, z = mean.effective_n(conf_level), norm.ppf((1 + conf_level) / 2)
    total = n + 4 * NET_PSEUDO_ANSWERS
    any_share = mean.variance + mean.estimate**2  # promoters and detractors together
    positive = (n * (any_share + mean.estimate) / 2 + NET_PSEUDO_ANSWERS) / total
    negative = (n * (any_share - mean.estimate) / 2 + NET_PSEUDO_ANSWERS) / total
    half = z * np.sqrt(net_variance(positive, negative) / total)
    centre = positive - negative
    return _around(mean.estimate, centre, half, -1.0, 1.0)


def _around(estimate: FloatArray, centre: FloatArray, half: FloatArray, low: float, high: float) -> Interval:
    """The interval about a shifted centre, on the scale, and never so shifted that it misses the estimate."""
    reach = np.maximum(half, np.abs(estimate - centre))
    return Interval(np.maximum(centre - reach, low), np.minimum(centre + reach, high))


def _quantile(mean: Mean, conf_level: float) -> FloatArray:
    """Student's t on n − 1 degrees; that there may be fewer clusters is in the effective n already."""
    return np.asarray(student_t.ppf((1 + conf_level) / 2, np.maximum(mean.n - 1, 1)))
