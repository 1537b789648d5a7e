"""How strong a factor nobody recorded would have to be to change a linear estimate, and how strong known ones are.

Strength is a share of variance: partial R² with the lever, and with the outcome given the lever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from cxfusion.errors import EstimationError
from cxfusion.estimators.distributions import student_t
from cxfusion.estimators.least_squares import fit_least_squares
from cxfusion.estimators.within import within_groups

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cxfusion.estimators.moments import Block
    from cxfusion.estimators.within import Within

__all__ = [
    "AdjustedEstimate",
    "Benchmark",
    "ConfounderBound",
    "NotComputable",
    "Sensitivity",
    "adjusted_estimate",
    "benchmark_of",
    "confounder_bound",
    "partial_r2",
    "robustness_value",
    "sensitivity_of",
]

MULTIPLES: Final = (1.0, 2.0, 3.0)
"""Times as strong as a recorded factor, for the bounds."""


@dataclass(frozen=True)
class AdjustedEstimate:
    """What an estimate would be with a factor of given strength held fixed too."""

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float


@dataclass(frozen=True)
class ConfounderBound:
    """A hidden factor ``multiple`` times as strong as a recorded one, and the estimate it would leave.

    Attributes
    ----------
    benchmark : str
    multiple : float
    r2_lever : float
        Its partial R² with the lever.
    r2_outcome : float
        Its partial R² with the outcome, given the lever: the largest that the multiple allows.
    adjusted : AdjustedEstimate
        If all of it pulls the estimate towards 0.
    """

    benchmark: str
    multiple: float
    r2_lever: float
    r2_outcome: float
    adjusted: AdjustedEstimate


@dataclass(frozen=True)
class NotComputable:
    """No factor can be ``multiple`` times as strong as the recorded one.

    Attributes
    ----------
    benchmark : str
    multiple : float
    reason : str
    """

    benchmark: str
    multiple: float
    reason: str


Bound: TypeAlias = "ConfounderBound | NotComputable"


@dataclass(frozen=True)
class Benchmark:
    """How strong a recorded factor is.

    Attributes
    ----------
    name : str
    r2_lever : float
        Partial R² with the lever, given all other controls.
    r2_outcome : float
        Partial R² with the outcome, given the lever and all other controls.
    """

    name: str
    r2_lever: float
    r2_outcome: float


@dataclass(frozen=True)
class Sensitivity:
    """A linear estimate with classical standard error, and what a hidden factor could do to it.

    Attributes
    ----------
    estimate, std_error : float
    dof : int
    partial_r2 : float
        Of the lever with the outcome; also: what a factor must explain of the outcome if it explains all of the lever.
    robustness_value : float
        A factor that explains less than this share of what is left of both lever and outcome cannot bring the
        estimate to 0.
    robustness_value_significant : float
        The same for bringing the confidence interval to 0; 0.0 if it is there already.
    conf_level : float
    bounds : tuple of ConfounderBound or NotComputable
        Each benchmark times each of ``MULTIPLES``.
    """

    estimate: float
    std_error: float
    dof: int
    partial_r2: float
    robustness_value: float
    robustness_value_significant: float
    conf_level: float
    bounds: tuple[Bound, ...]


def partial_r2(statistic: float, dof: int) -> float:
    """Share of the outcome's variance, left by the other regressors, that one regressor explains.

    Parameters
    ----------
    statistic : float
        Classical t value.
    dof : int

    Examples
    --------
    >>> round(partial_r2(4.184, 783), 5)  # Darfur
    0.02187
    """
    return statistic**2 / (statistic**2 + dof)


def robustness_value(statistic: float, dof: int, conf_level: float | None = None) -> float:
    """Partial R² with both lever and outcome that a hidden factor needs to bring an estimate to 0.

    Parameters
    ----------
    statistic : float
        Classical t value.
    dof : int
    conf_level : float, optional
        If given: what is left is to be no longer significant, instead of exactly 0.

    References
    ----------
    Cinelli & Hazlett (2020), JRSS B 82, 39–67, section 4.3. Where a factor that explains less of the outcome does more
    harm (f > 1/f*), the exact value is (f² − f*²)/(1 + f²), as follows from their equation for the adjusted t value.

    Examples
    --------
    >>> round(robustness_value(4.18445, 783), 4), round(robustness_value(4.18445, 783, conf_level=0.95), 4)  # Darfur
    (0.1388, 0.0763)
    """
    f = abs(statistic) / np.sqrt(dof)
    critical = 0.0 if conf_level is None else student_t.reach(conf_level, dof - 1) / np.sqrt(dof - 1)
    if f <= critical:
        return 0.0
    if f * critical > 1:
        return float((f**2 - critical**2) / (1 + f**2))
    beyond = f - critical
    return float(2 * beyond / (beyond + np.sqrt(beyond**2 + 4)))  # (√(f⁴ + 4f²) − f²)/2 without its cancellation


def adjusted_estimate(
    estimate: float, std_error: float, dof: int, r2_lever: float, r2_outcome: float, conf_level: float = 0.95
) -> AdjustedEstimate:
    """Estimate with one more factor held fixed, if that factor pulls it towards 0, and beyond.

    Parameters
    ----------
    estimate, std_error : float
        Classical.
    dof : int
        At least 2.
    r2_lever : float
        Partial R² of the factor with the lever, in [0, 1).
    r2_outcome : float
        Partial R² of the factor with the outcome given the lever, in [0, 1].
    conf_level : float

    References
    ----------
    Cinelli & Hazlett (2020), equations 7 and 9.
    """
    bias = std_error * np.sqrt(dof * r2_outcome * r2_lever / (1 - r2_lever))
    adjusted = estimate - np.copysign(bias, estimate)
    error = std_error * np.sqrt((1 - r2_outcome) / (1 - r2_lever) * dof / (dof - 1))
    reach = student_t.reach(conf_level, dof - 1) * error
    return AdjustedEstimate(*(float(value) for value in (adjusted, error, adjusted - reach, adjusted + reach)))


def confounder_bound(
    estimate: float, std_error: float, dof: int, benchmark: Benchmark, multiple: float, conf_level: float = 0.95
) -> Bound:
    """Bound on what a factor ``multiple`` times as strong as a recorded one would leave of an estimate.

    Parameters
    ----------
    estimate, std_error : float
        Classical.
    dof : int
    benchmark : Benchmark
    multiple : float
        Times as strong, both with the lever and with the outcome.
    conf_level : float

    Returns
    -------
    ConfounderBound or NotComputable
        The second where so strong a factor would explain everything: no number stands for that, so none is given.

    References
    ----------
    Cinelli & Hazlett (2020), section 4.4 and supplement B.1.
    """
    with_lever, with_outcome = benchmark.r2_lever, benchmark.r2_outcome
    if max(with_lever, with_outcome) >= 1:
        return NotComputable(benchmark.name, multiple, "it leaves nothing of the lever or the outcome to explain")
    r2_lever = multiple * with_lever / (1 - with_lever)
    if r2_lever >= 1:
        return NotComputable(benchmark.name, multiple, "a factor that strong would explain all of the lever")
    # below 1, as multiple · with_lever is below 1 − with_lever by now
    shared = multiple * with_lever**2 / ((1 - multiple * with_lever) * (1 - with_lever))
    strength = (np.sqrt(multiple) + np.sqrt(shared)) / np.sqrt(1 - shared)
    r2_outcome = float(strength**2 * with_outcome / (1 - with_outcome))
    if r2_outcome >= 1:
        return NotComputable(benchmark.name, multiple, "a factor that strong would explain all of the outcome")
    adjusted = adjusted_estimate(estimate, std_error, dof, r2_lever, r2_outcome, conf_level)
    return ConfounderBound(benchmark.name, multiple, float(r2_lever), r2_outcome, adjusted)


def benchmark_of(
    within: Within,
    outcome: int,
    lever: int,
    controls: Block,
    name: str,
    factor: Block,
    without: Within | None = None,
) -> Benchmark:
    """How strong a recorded factor is, with the lever and with the outcome.

    Parameters
    ----------
    within : Within
        The controls' groupings held fixed.
    outcome, lever : int
        Positions among the columns.
    controls : Block
        All that is held fixed.
    name : str
    factor : Block
        Part of the controls; several columns, or a grouping, count as one factor.
    without : Within, optional
        The groupings of the controls less the factor's, where they are held fixed already.
    """
    if not (set(factor.columns) <= set(controls.columns) and set(factor.groupings) <= set(controls.groupings)):
        raise ValueError("a benchmark has to be part of the controls")
    others = controls.without(factor)
    fewer = within
    if factor.groupings:
        fewer = without or within_groups(within.moments, others.groupings)

    def share_explained(target: int, *beside: int) -> float:
        left = fit_least_squares(fewer, target, beside + others.columns).residual_sum
        if left <= 0:
            return 0.0
        # What explains nothing may come out below zero by rounding.
        return max(1 - fit_least_squares(within, target, beside + controls.columns).residual_sum / left, 0.0)

    return Benchmark(name, share_explained(lever), share_explained(outcome, lever))


def sensitivity_of(
    within: Within,
    outcome: int,
    lever: int,
    controls: Block,
    benchmarks: Mapping[str, Block],
    conf_level: float = 0.95,
    without: Mapping[str, Within] | None = None,
) -> Sensitivity:
    """Sensitivity of a lever's linear coefficient to a factor that nobody recorded.

    Parameters
    ----------
    within : Within
        The controls' groupings held fixed.
    outcome, lever : int
        Positions among the columns.
    controls : Block
        Columns and groupings held fixed.
    benchmarks : mapping of str to Block
        Recorded factors, each part of the controls, that the hidden one is compared with.
    conf_level : float
    without : mapping of str to Within, optional
        By benchmark, the groupings of the controls less its own, where they are held fixed already.

    Raises
    ------
    EstimationError
        The controls leave nothing of the lever, nothing of the outcome, or a single degree of freedom.

    References
    ----------
    Cinelli & Hazlett (2020), "Making sense of sensitivity", JRSS B 82, 39–67.
    """
    fit = fit_least_squares(within, outcome, (lever, *controls.columns))
    if not fit.is_identified[0] or fit.residual_variance <= 0:
        raise EstimationError(
            "The controls and groups determine the lever or the outcome, so there is no estimate whose sensitivity one"
            " could ask for. Expected both to vary within them; hold fewer of them fixed."
        )
    if fit.dof < 2:
        raise EstimationError(
            "Levers, controls and groups leave one degree of freedom, and one more factor would take it. Expected more"
            " responses than these; hold fewer of them fixed."
        )
    estimate, std_error = float(fit.coefficients[0]), float(fit.std_error[0])
    statistic = estimate / std_error
    fewer = without or {}
    known = [
        benchmark_of(within, outcome, lever, controls, name, block, fewer.get(name))
        for name, block in benchmarks.items()
    ]
    return Sensitivity(
        estimate=estimate,
        std_error=std_error,
        dof=fit.dof,
        partial_r2=partial_r2(statistic, fit.dof),
        robustness_value=robustness_value(statistic, fit.dof),
        robustness_value_significant=robustness_value(statistic, fit.dof, conf_level=conf_level),
        conf_level=conf_level,
        bounds=tuple(
            confounder_bound(estimate, std_error, fit.dof, benchmark, multiple, conf_level)
            for benchmark in known
            for multiple in MULTIPLES
        ),
    )
