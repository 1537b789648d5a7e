"""Whether members of a centre choose by an expected value whom they pick, beyond the rule that all of them follow.

The rule says how many times as likely each recorded category is to be picked, whoever picks; given it and a member's
number of picks, these go by the expected value or they do not: a score test per member, and one for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from cxfusion.errors import ConvergenceError
from cxfusion.estimators.distributions import chi2, gamma, norm
from cxfusion.estimators.solving import invert_information, solve_information

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cxfusion.estimators.rows import Indicators

__all__ = ["Choosing", "expected_values", "fit_choosing"]

Floats: TypeAlias = "NDArray[np.float64]"
Ints: TypeAlias = "NDArray[np.int64]"

RIDGE: Final = 0.1  # of a coefficient squared, halved: keeps a level finite of which all or none were picked
TOLERANCE: Final = 1e-6  # gain of the log-likelihood in one more step
MAX_STEPS: Final = 60
MAX_HALVINGS: Final = 20
SKEWED_ABOVE: Final = 1e-3


@dataclass(frozen=True)
class Choosing:
    """How the picks of each of g members went by the expected value.

    Attributes
    ----------
    n, n_picked : array, shape (g,)
    of_all, of_picked : array, shape (g,)
        Mean expected value of all rows of a member, and of those picked.
    excess : array, shape (g,)
        ``of_picked`` less what the common rule, at the member's own rate, would have given.
    std_error : array, shape (g,)
        Of the excess, if there is no choosing by the value.
    p_value : array, shape (g,)
        One-sided: that chance alone gives so much excess.
    spread : array, shape (g,)
        Standard deviation of the expected value within a member's rows.
    beyond_chance : float
        Root mean square over tested members of the excess, in units of ``spread``, beyond what chance gives.
    common : float
        What the common rule does: mean expected value of picked rows less that of all, within members.
    design_effect : float
        By how much rows that share a cluster widen the errors; at least 1.
    statistic, p_value_all : float
        Chi-squared on ``df`` degrees: that no member differs from the rule.
    df : int
    """

    n: Ints
    n_picked: Ints
    of_all: Floats
    of_picked: Floats
    excess: Floats
    std_error: Floats
    p_value: Floats
    spread: Floats
    beyond_chance: float
    common: float
    design_effect: float
    statistic: float
    p_value_all: float
    df: int


def expected_values(levels: Indicators, member: Ints, value: Floats) -> Floats:
    """What the recorded categories lead one to expect of every row, within members.

    Parameters
    ----------
    levels : Indicators
        Of n rows.
    member : int array, shape (n,)
        From 0.
    value : array, shape (n,)
        nan where not known.

    Returns
    -------
    array, shape (n,)
        Least squares with an intercept per member, which is left out; its mean over the known rows is theirs.
    """
    known = np.isfinite(value)
    own = type(levels)(levels.codes[known], levels.widths)
    place, number = np.unique(member[known], return_inverse=True)
    size = np.bincount(number).astype(float)
    sums = _sums_by(own, number, np.ones(len(number)), len(place))
    about = value[known] - (np.bincount(number, value[known]) / size)[number]
    if not levels.width:
        return np.full(len(value), value[known].mean())
    within = own.overlap(np.ones(len(number))) - sums.T @ (sums / size[:, None])
    coefficients = solve_information(within + RIDGE * np.eye(len(within)), own.sums(about))
    return np.asarray(levels.times(coefficients) + (value[known] - own.times(coefficients)).mean())


def fit_choosing(
    levels: Indicators,
    member: Ints,
    is_picked: NDArray[np.bool_],
    expected: Floats,
    clusters: Sequence[Ints],
    is_tested: NDArray[np.bool_],
    is_reference: NDArray[np.bool_],
) -> Choosing:
    """Test members for choosing by an expected value.

    Parameters
    ----------
    levels : Indicators
        What the common rule may go by, of n rows.
    member : int array, shape (n,)
        From 0 to g − 1; every member has picked some.
    is_picked : bool array, shape (n,)
    expected : array, shape (n,)
    clusters : sequence of int arrays, shape (n,)
        Rows that may have been picked together, in several ways (same customer, same day); within members.
    is_tested : bool array, shape (g,)
        Members to be tested, by themselves and together.
    is_reference : bool array, shape (g,)
        Members from whom the rule is learned.

    Returns
    -------
    Choosing

    Raises
    ------
    ConvergenceError
        The rule could not be fitted.

    Notes
    -----
    The rule says how many times as likely each level is to be picked; with it and a member's number of picks every row
    has a probability p. The statistic of a member is Σ (picked − p)·expected. Its variance under the rule is
    Σ p(1 − p)(expected − m)², m the mean weighted by p, corrected for that the rule was fitted; its skewness is known
    too, and the p-value is that of a gamma distribution with these three moments. Rows that share a cluster widen all
    variances by one factor, the larger of the clusterings. A member who picks everyone cannot be tested, but tells that
    there is no rule.

    References
    ----------
    Rao (1948), score tests; Pearson (1893), the type III curve as an approximation by three moments.
    """
    g = int(member.max()) + 1
    picked = is_picked.astype(float)
    n, n_picked = np.bincount(member, minlength=g), np.bincount(member, picked, g).astype(float)
    rule = _fit_rule(levels, member, picked, is_reference)
    chance = rule.chance
    about = expected - (np.bincount(member, chance * expected, g) / n_picked)[member]
    statistic: Floats = np.bincount(member, (picked - chance) * about, g).astype(float)
    weight: Floats = chance * (1 - np.minimum(chance, 1.0))
    free, variance = _variances(levels, member, about, weight, rule, is_reference)
    third = np.bincount(member, weight * (1 - 2 * chance) * about**3, g)
    can_test = is_tested & (free > 0) & (n_picked < n)
    effect = _design_effect((picked - chance) * about, weight * about**2, member, statistic, free, can_test, clusters)
    std_error = np.sqrt(effect * variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(can_test, statistic / std_error, 0.0)
        skewness = np.where(can_test, third / (effect * variance) ** 1.5, 0.0)
    of_all, of_picked = np.bincount(member, expected, g) / n, np.bincount(member, picked * expected, g) / n_picked
    spread = np.sqrt(np.maximum(np.bincount(member, expected**2, g) / n - of_all**2, 0.0))
    return Choosing(
        n=n,
        n_picked=n_picked.astype(np.int64),
        of_all=of_all,
        of_picked=of_picked,
        excess=statistic / n_picked,
        std_error=std_error / n_picked,
        p_value=np.where(can_test, _upper_tail(z, skewness), 1.0),
        spread=spread,
        beyond_chance=_beyond_chance(statistic / n_picked, std_error / n_picked, spread, can_test),
        common=float((n_picked * (of_picked - of_all) - statistic).sum() / n_picked.sum()),
        design_effect=effect,
        statistic=float((z**2).sum()),
        p_value_all=float(chi2.sf((z**2).sum(), max(int(can_test.sum()), 1))),
        df=int(can_test.sum()),
    )


@dataclass(frozen=True)
class _Rule:
    chance: Floats  # of every row
    information: Floats  # of the coefficients, from the reference
    centre: Floats  # mean of every column by member, weighted by the chance, shape (g, width)


def _fit_rule(levels: Indicators, member: Ints, picked: Floats, reference: NDArray[np.bool_]) -> _Rule:
    """How many times as likely each level is to be picked, learned from the reference by conditional likelihood."""
    g = len(reference)
    inside = reference[member].astype(float)
    n_picked = np.bincount(member, picked, g)
    wanted = levels.sums(picked * inside)
    coefficients, here = np.zeros(levels.width), -np.inf
    step = coefficients
    for _ in range(MAX_STEPS):
        for halving in range(MAX_HALVINGS):
            trial = coefficients + step * 0.5**halving
            tilt = levels.times(trial)
            total = np.bincount(member, np.exp(tilt), g)
            there = float(wanted @ trial - (n_picked * np.log(total))[reference].sum() - RIDGE * (trial**2).sum() / 2)
            if there >= here - 1e-9 * abs(here):
                break
        coefficients, here = trial, there
        chance = np.exp(tilt) * (n_picked / total)[member]
        sums = _sums_by(levels, member, chance, g)
        used = sums[reference]
        information = levels.overlap(chance * inside) - used.T @ (used / n_picked[reference, None])
        information += RIDGE * np.eye(levels.width)
        gradient = wanted - levels.sums(chance * inside) - RIDGE * coefficients
        step = solve_information(information, gradient) if levels.width else gradient
        if step @ gradient < TOLERANCE:
            return _Rule(chance, information, sums / n_picked[:, None])
    raise ConvergenceError(
        f"The rule by which the centre asks could not be fitted within {MAX_STEPS} steps. Expected members who ask some"
        " and leave out others; use fewer or coarser attributes."
    )


def _variances(
    levels: Indicators, member: Ints, about: Floats, weight: Floats, rule: _Rule, reference: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Of the members' statistics: were the rule given, and with what fitting it adds or takes."""
    g = len(reference)
    free = np.bincount(member, weight * about**2, g).astype(float)
    if not levels.width:
        return free, free
    bread = invert_information(rule.information).matrix
    crossed = _sums_by(levels, member, rule.chance * about, g) @ bread
    owned = _sums_by(levels, member, weight * about, g)
    owned -= np.bincount(member, weight * about, g)[:, None] * rule.centre
    inside = weight * reference[member]
    sums, centre = _sums_by(levels, member, inside, g), rule.centre
    mixed = sums.T @ centre
    meat = levels.overlap(inside) - mixed - mixed.T + centre.T @ (centre * np.bincount(member, inside, g)[:, None])
    both = ((crossed @ meat) * crossed).sum(axis=1) - 2 * reference * (crossed * owned).sum(axis=1)
    return free, np.maximum(free + both, 0.1 * free)


def _sums_by(levels: Indicators, member: Ints, weight: Floats, g: int) -> Floats:
    """Weight by member and level, shape (g, width)."""
    parts = []
    for place, width in enumerate(levels.widths):
        cells = np.bincount(member * (width + 1) + levels.codes[:, place] + 1, weight, g * (width + 1))
        parts.append(cells.reshape(g, width + 1)[:, 1:])
    return np.hstack(parts) if parts else np.zeros((g, 0))


def _design_effect(
    part: Floats,
    variance: Floats,
    member: Ints,
    statistic: Floats,
    free: Floats,
    can_test: NDArray[np.bool_],
    clusters: Sequence[Ints],
) -> float:
    """The largest ratio of what rows vary by cluster, about their member's own excess, to what they would alone."""
    found = [1.0]
    own = np.where(can_test, statistic / np.where(can_test, free, 1.0), 0.0)
    for cluster in clusters:
        whole = np.unique(member.astype(np.int64) * (int(cluster.max()) + 1) + cluster, return_inverse=True)[1]
        m = int(whole.max()) + 1
        owner = np.empty(m, np.int64)
        owner[whole] = member
        of_cluster = np.bincount(whole, part, m) - own[owner] * np.bincount(whole, variance, m)
        found.append(float((of_cluster**2)[can_test[owner]].sum() / max(free[can_test].sum(), 1e-300)))
    return max(found)


def _beyond_chance(excess: Floats, std_error: Floats, spread: Floats, can_test: NDArray[np.bool_]) -> float:
    """How large the standardised excess is beyond chance, by moments, as DerSimonian & Laird (1986) have it."""
    seen = can_test & (spread > 0)
    value, weight = excess[seen] / spread[seen], (spread[seen] / std_error[seen]) ** 2
    beyond = (weight * value**2).sum() - len(value)
    return float(np.sqrt(max(beyond, 0.0) / weight.sum())) if len(value) else 0.0


def _upper_tail(z: Floats, skewness: Floats) -> Floats:
    """P(Z > z) of a standardised gamma variable of this skewness."""
    shape = 4 / np.maximum(skewness**2, SKEWED_ABOVE**2)
    right = gamma.sf(shape + z * np.sqrt(shape), shape)
    left = gamma.cdf(shape - z * np.sqrt(shape), shape)
    return np.asarray(np.where(np.abs(skewness) < SKEWED_ABOVE, norm.sf(z), np.where(skewness > 0, right, left)))
