"""Shewhart's control limits and run rules: when a series says more than that numbers vary.

XmR limits for quantiles; of counts as wide as the root of their centre; of means and shares by each point's own n,
widened by what they vary beyond chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from scipy.special import bdtrc

from cxfusion.errors import NothingToEstimateError
from cxfusion.estimators.distributions import norm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["RULES", "Limits", "count_limits", "false_alarm_rate", "mean_limits", "p_limits", "signals", "xmr_limits"]

Floats: TypeAlias = "NDArray[np.float64]"
Codes: TypeAlias = "NDArray[np.int64]"
Flags: TypeAlias = "NDArray[np.bool_]"

MR_TO_SIGMA: Final = 1.128  # mean distance of two draws from one normal, in standard deviations (d₂ for n = 2)
MOST_ROUNDS: Final = 50
CLOSE: Final = 1e-6  # of a variance: a millionth changes no limit that anybody reads
RULES: Final = {
    "beyond_limits": (1, 1, 3.0),
    "two_of_three": (2, 3, 2.0),
    "four_of_five": (4, 5, 1.0),
    "run_of_nine": (9, 9, 0.0),
}
"""Rule to (so many, of so many in a row, on one side beyond so many sigma). Western Electric (1956); nine: Nelson."""


@dataclass(frozen=True)
class Limits:
    """Where the points of a series are expected; all arrays have the series' shape.

    Attributes
    ----------
    centre : ndarray
    sigma : ndarray
        Standard deviation of a point about its centre.
    dispersion : float
        For shares and counts, how many times as far they vary as chance alone makes them; else 1.
    """

    centre: Floats
    sigma: Floats
    dispersion: float = 1.0

    def z(self, values: Floats) -> Floats:
        """Distances from the centre in sigmas."""
        z: Floats = (values - self.centre) / self.sigma
        return z


def xmr_limits(values: Floats, season: Codes, is_base: Flags) -> Limits:
    """Limits of single values by their mean moving range.

    Parameters
    ----------
    values : ndarray, shape (k,)
        In time order, none missing.
    season : ndarray of int, shape (k,)
        Points with the same code share a centre; one code for all is the usual XmR chart.
    is_base : ndarray of bool, shape (k,)
        Points that the limits are made from.

    Raises
    ------
    NothingToEstimateError
        The values do not vary, or a season has no point in the base.

    References
    ----------
    Wheeler & Chambers (1992), *Understanding Statistical Process Control*; NIST/SEMATECH e-Handbook, 6.3.2.2.

    Examples
    --------
    >>> flow = np.array([49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1])
    >>> limits = xmr_limits(flow, np.zeros(10, dtype=int), np.ones(10, dtype=bool))
    >>> float((limits.centre + 3 * limits.sigma)[0].round(4))
    55.8041
    """
    ones = np.ones(len(values))
    centre = _means(values, ones, season, is_base)
    sigma = _moving_sigma(values - centre, season, is_base)
    return Limits(centre, sigma * ones)


def count_limits(values: Floats, season: Codes, is_base: Flags) -> Limits:
    """Limits of counts: a season's sigma is the root of its centre, times what counts vary beyond the Poisson law.

    Parameters
    ----------
    values, season, is_base
        As of :func:`xmr_limits`; one season for all gives the same limits as there.

    Raises
    ------
    NothingToEstimateError
        The counts do not vary, or a season has no point, or only zeros, in the base.

    References
    ----------
    Laney (2002), "Improved control charts for attributes", Quality Engineering 14: the u′ chart, of areas all alike.

    Examples
    --------
    >>> noon_and_night = np.array([110.0, 5.0, 90.0, 3.0, 100.0, 4.0, 95.0, 3.0, 105.0, 5.0])
    >>> limits = count_limits(noon_and_night, np.arange(10) % 2, np.ones(10, dtype=bool))
    >>> (limits.sigma[:2] / np.sqrt(limits.centre[:2]) / limits.dispersion).tolist()
    [1.0, 1.0]
    """
    centre = _means(values, np.ones(len(values)), season, is_base)
    poisson = np.sqrt(centre)
    if not (poisson > 0).all():
        raise NothingToEstimateError("the count is 0 throughout the baseline")
    scale = _moving_sigma((values - centre) / poisson, season, is_base)
    return Limits(centre, poisson * scale, scale)


def mean_limits(values: Floats, n: Floats, within: float, season: Codes, is_base: Flags) -> Limits:
    """Limits of means by the spread of single observations over the root of n, and what the means vary beyond it.

    Parameters
    ----------
    values, n : ndarray, shape (k,)
        Means in time order; the number of observations behind each is above zero.
    within : float
        Standard deviation of single observations about the mean of their own point.
    season, is_base
        As of :func:`xmr_limits`.

    Raises
    ------
    NothingToEstimateError
        The values do not vary, or a season has no point in the base.

    Notes
    -----
    A point's variance is between² + within²/n. ``between`` is such that the mean moving range of the standardised
    points is that of chance: where all points have the same n the limits are those of :func:`xmr_limits`, but never
    narrower than single observations alone make them.

    References
    ----------
    Wheeler (1995), *Advanced Topics in Statistical Process Control*, on charts of variation within and between
    subgroups; the moving range of standardised points is that of Laney (2002).

    Examples
    --------
    >>> means, n = np.array([300.0, 310.0, 295.0, 305.0, 380.0]), np.array([900.0, 900.0, 900.0, 900.0, 9.0])
    >>> limits = mean_limits(means, n, 150.0, np.zeros(5, dtype=int), np.arange(5) < 4)
    >>> limits.z(means).round(1).tolist()  # nine contacts tell little
    [-0.2, 0.7, -0.7, 0.2, 1.5]
    """
    chance, between = within**2 / n, 0.0
    centre = _means(values, n, season, is_base)
    for _ in range(MOST_ROUNDS):
        before, between = between, _between(values - centre, chance, season, is_base)
        if abs(between - before) <= CLOSE * between:
            break
        centre = _means(values, 1 / (between + chance), season, is_base)
    return Limits(centre, np.sqrt(between + chance))


def _between(residual: Floats, chance: Floats, season: Codes, is_base: Flags) -> float:
    """Variance of points besides that of chance, which makes the standardised ones vary by one sigma."""
    widest = _moving_sigma(residual, season, is_base) ** 2
    if not chance.any():
        return widest

    def excess(between: float) -> float:
        return _moving_sigma(residual / np.sqrt(between + chance), season, is_base) - 1

    if excess(0.0) <= 0:
        return 0.0
    while excess(widest) > 0:
        widest *= 2
    from scipy.optimize import brentq

    return float(brentq(excess, 0.0, widest, xtol=CLOSE * widest, rtol=CLOSE))


def p_limits(shares: Floats, n: Floats, season: Codes, is_base: Flags, *, overdispersed: bool = True) -> Limits:
    """Limits of shares by the binomial law, times what they vary beyond it.

    Parameters
    ----------
    shares, n : ndarray, shape (k,)
        In time order; the number behind each is above zero.
    season, is_base
        As of :func:`xmr_limits`.
    overdispersed : bool
        Laney's p′ chart: the moving range of the standardised shares scales the limits. Otherwise the plain p chart,
        whose limits are far too narrow for shares of thousands.

    Raises
    ------
    NothingToEstimateError
        The shares do not vary, or a season has no point in the base.

    References
    ----------
    NIST/SEMATECH e-Handbook, 6.3.3.2; Laney (2002), "Improved control charts for attributes", Quality Engineering 14.
    """
    centre = _means(shares, n, season, is_base)
    binomial = np.sqrt(centre * (1 - centre) / n)
    if not (binomial > 0).all():
        raise NothingToEstimateError("the share is 0 or 1 throughout")
    scale = _moving_sigma((shares - centre) / binomial, season, is_base) if overdispersed else 1.0
    return Limits(centre, binomial * scale, scale)


def _means(values: Floats, weight: Floats, season: Codes, is_base: Flags) -> Floats:
    """Weighted mean of the base by season, at every point."""
    _, code = np.unique(season, return_inverse=True)
    total = np.bincount(code, (values * weight) * is_base)
    behind = np.bincount(code, weight * is_base)
    if (behind == 0).any():
        raise NothingToEstimateError("a weekday or hour has no point in the baseline")
    centre: Floats = (total / behind)[code]
    return centre


def _moving_sigma(residual: Floats, season: Codes, is_base: Flags) -> float:
    """Standard deviation from the mean distance of neighbouring points, both in the base."""
    both = is_base[1:] & is_base[:-1]
    if not both.any():
        raise NothingToEstimateError("no two neighbouring points are in the baseline")
    sigma = float(np.abs(np.diff(residual))[both].mean()) / MR_TO_SIGMA
    n_seasons = len(np.unique(season))
    if n_seasons > 1:  # centres learned from few points draw their own points towards them
        sigma /= np.sqrt(max(1 - n_seasons / is_base.sum(), 0.1))
    if sigma <= 1e-12 * max(float(np.abs(residual).max()), 1.0):
        raise NothingToEstimateError("it does not vary")
    return sigma


def signals(z: Floats, rules: Sequence[str]) -> dict[str, Flags]:
    """By rule, the points that complete its pattern.

    Parameters
    ----------
    z : ndarray, shape (k,)
        Distances from the centre in sigmas, in time order.
    rules : sequence of str
        Of :data:`RULES`.

    Examples
    --------
    >>> signals(np.array([0.0, 2.1, 0.3, 2.2, -3.4]), ["beyond_limits", "two_of_three"])["two_of_three"].tolist()
    [False, False, False, True, False]
    """
    found = {}
    for rule in rules:
        many, window, beyond = RULES[rule]
        hits = np.zeros(len(z), dtype=bool)
        for side in (1, -1):
            is_out = side * z > beyond
            count = np.convolve(is_out, np.ones(window, dtype=int))[: len(z)]
            hits |= is_out & (count >= many)
        found[rule] = hits
    return found


def false_alarm_rate(rules: Sequence[str]) -> float:
    """Share of points that the rules flag by chance, at most: normal, independent points with known limits.

    Examples
    --------
    >>> round(false_alarm_rate(["beyond_limits"]), 4), round(false_alarm_rate(list(RULES)), 4)
    (0.0027, 0.0131)
    """
    return float(sum(_rate(*RULES[rule]) for rule in rules))


def _rate(many: int, window: int, beyond: float) -> float:
    """Chance that a point and enough of those before it lie beyond, on either side."""
    p = norm.sf(beyond)
    return float(2 * p * bdtrc(many - 2, window - 1, p))
