"""Groups drawn from one population: how much they differ beyond chance, and each one shrunk by how little it tells.

A random-intercept model by REML, from three numbers per group (n, mean, sum of squares about it), so that a log of any
size is three sums per agent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from cxfusion.errors import NothingToEstimateError
from cxfusion.estimators.distributions import fisher_f

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RandomIntercept", "fit_random_intercept", "rank_draws"]

Floats: TypeAlias = "NDArray[np.float64]"
DRAWS: Final = 4_000
LARGEST_LOG_RATIO: Final = 30.0  # of the variance between groups to that within


@dataclass(frozen=True)
class RandomIntercept:
    """Groups' values about a common mean.

    Attributes
    ----------
    mean, mean_std_error : float
        Of the population of groups.
    sd_between, sd_within : float
        How much groups differ, and observations of one group.
    effect : ndarray, shape (m,)
        Best linear unbiased prediction of each group's distance from the mean.
    conditional_sd : ndarray, shape (m,)
        Standard deviation of that distance given the data, mean and variances taken as known.
    std_error : ndarray, shape (m,)
        Of ``mean + effect`` as a prediction of the group's own value: mean and variances are estimated too (the latter
        by Morris' approximation, from four groups on).
    p_value : float
        Of the F test that all groups are alike.
    """

    mean: float
    mean_std_error: float
    sd_between: float
    sd_within: float
    effect: Floats
    conditional_sd: Floats
    std_error: Floats
    p_value: float

    @property
    def estimate(self) -> Floats:
        """Each group's own value, shrunk."""
        return self.mean + self.effect


def fit_random_intercept(
    n: Floats,
    mean: Floats,
    squares: Floats,
    n_lost: int = 0,
    worth: Floats | None = None,
    explained: tuple[float, int] | None = None,
    variation: Floats | float = 1.0,
) -> RandomIntercept:
    """Fit by restricted maximum likelihood.

    Parameters
    ----------
    n, mean, squares : ndarray, shape (m,)
        Observations, their mean, and their sum of squares about it, by group; each n above zero.
    n_lost : int, default 0
        Degrees of freedom that were spent on adjusting the observations before.
    worth : ndarray, shape (m,), optional
        How many observations of the common variance each mean is worth, where adjusting or a larger variance of its
        own has made it less sure; by default ``n``.
    explained : tuple of float and int, optional
        Sum of squares that groups explain beside what was adjusted for, and its degrees of freedom; by default that of
        the means.
    variation : ndarray, shape (m,), or float
        Each group's own variance next to the common one:
        :func:`~cxfusion.estimators.own_variances.relative_variances`.

    Raises
    ------
    NothingToEstimateError
        Fewer than two groups, or nothing varies within them.

    Notes
    -----
    With θ the ratio of the variances and w = n/(1 + nθ), the mean is Σw·ȳ/Σw and the variance within
    (Σsquares + Σw(ȳ − mean)²)/(N − 1); θ minimises (N − 1)·log of the latter + Σlog(1 + nθ) + logΣw.

    References
    ----------
    Morris (1983), "Parametric empirical Bayes inference", JASA 78; Robinson (1991), "That BLUP is a good thing",
    Statistical Science 6; Bates et al. (2015), J. Stat. Software 67.

    Examples
    --------
    >>> n, mean = np.full(6, 5.0), np.array([1505.0, 1528, 1564, 1498, 1600, 1470])  # Dyestuff
    >>> fit = fit_random_intercept(n, mean, np.array([15900.0, 4430, 5770, 18880, 10000, 3850]))
    >>> round(fit.mean, 1), round(fit.sd_between, 4), round(fit.sd_within, 4)
    (1527.5, 42.0006, 49.5101)
    """
    left = float(n.sum()) - len(n) - n_lost
    if len(n) < 2 or left <= 0 or not squares.sum() > 0:
        why = "fewer than two groups" if len(n) < 2 else "nothing varies within the groups"
        raise NothingToEstimateError(f"Groups cannot be compared: {why}.")
    worth, n_free = n if worth is None else worth, float(n.sum()) - 1 - n_lost
    alike = squares / variation
    ratio = _ratio(worth, mean, alike, n_free)
    weight, centre = _centred(worth, mean, ratio)
    within = _squares(worth, mean, alike, ratio) / n_free
    kept = worth * ratio / (1 + worth * ratio)  # how much of a group's distance is its own
    spread, mean_variance = within * ratio, within / weight.sum()
    of_ratio = 2 / (len(n) - 3) if len(n) > 3 else 0.0  # relative variance of how far groups are drawn
    return RandomIntercept(
        mean=centre,
        mean_std_error=float(np.sqrt(mean_variance)),
        sd_between=float(np.sqrt(spread)),
        sd_within=float(np.sqrt(within)),
        effect=kept * (mean - centre),
        conditional_sd=np.sqrt(spread * (1 - kept)),
        std_error=np.sqrt(spread * (1 - kept) + (1 - kept) ** 2 * (mean_variance + of_ratio * (mean - centre) ** 2)),
        p_value=_f_test(*(explained or _explained(n, mean)), float(squares.sum()), left),
    )


def _centred(worth: Floats, mean: Floats, ratio: float) -> tuple[Floats, float]:
    """What each group counts for at a ratio of the variances, and the common mean by these weights."""
    weight = worth / (1 + worth * ratio)
    return weight, float((weight * mean).sum() / weight.sum())


def _squares(worth: Floats, mean: Floats, squares: Floats, ratio: float) -> float:
    """What is left to chance at a ratio: within groups, and of their means about the common one."""
    weight, centre = _centred(worth, mean, ratio)
    return float(squares.sum() + (weight * (mean - centre) ** 2).sum())


def _ratio(worth: Floats, mean: Floats, squares: Floats, n_free: float) -> float:
    """Variance between groups over that within, at the optimum; 0.0 where chance explains all of it."""
    from scipy.optimize import brentq

    def deviance(ratio: float) -> float:
        left, (weight, _) = _squares(worth, mean, squares, ratio), _centred(worth, mean, ratio)
        return float(n_free * np.log(left / n_free) + np.log1p(worth * ratio).sum() + np.log(weight.sum()))

    def slope(x: float) -> float:  # of the deviance; its value is flat at the optimum, and tells half of the digits
        weight, centre = _centred(worth, mean, np.exp(x))
        told = (weight**2 * (mean - centre) ** 2).sum() / _squares(worth, mean, squares, np.exp(x))
        return float(weight.sum() - (weight**2).sum() / weight.sum() - n_free * told)

    grid = np.linspace(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO, 121)
    best = int(np.argmin([deviance(np.exp(x)) for x in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    is_within = slope(low) < 0 < slope(high)
    found = float(np.exp(brentq(slope, low, high, xtol=1e-14) if is_within else grid[best]))
    return found if deviance(found) < deviance(0.0) - 1e-9 else 0.0


def _explained(n: Floats, mean: Floats) -> tuple[float, int]:
    grand = (n * mean).sum() / n.sum()
    return float((n * (mean - grand) ** 2).sum()), len(mean) - 1


def _f_test(between: float, n_between: int, squares: float, left: float) -> float:
    """That all groups are alike; 1.0 where nothing is left to tell them apart by."""
    return float(fisher_f.sf(between / n_between / (squares / left), n_between, left)) if n_between else 1.0


def rank_draws(estimate: Floats, sd: Floats) -> NDArray[np.int32]:
    """Ranks of the groups in draws of their values, shape (draws, m); 1 is the lowest value.

    Parameters
    ----------
    estimate, sd : ndarray, shape (m,)
        Each group's value is drawn from a normal of its own.
    """
    rng = np.random.default_rng(0)  # the same draws every time
    ranks = np.empty((DRAWS, len(estimate)), dtype=np.int32)
    places = np.arange(1, len(estimate) + 1, dtype=np.int32)
    for row in ranks:
        row[np.argsort(estimate + sd * rng.standard_normal(len(estimate)), kind="stable")] = places
    return ranks
