"""What is read off a score on its scale: the mean, the share of its two best points, the net score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from cxfusion.estimators.intervals import Interval, Mean, mean_interval, net_interval, share_interval

if TYPE_CHECKING:
    from collections.abc import Callable

    import ibis.expr.types as ir
    import numpy as np
    from numpy.typing import NDArray

    from cxfusion.tables.relation import Scale

__all__ = ["RESPONSE_RATE", "SCORES", "Reading", "readings_of", "response_rate", "share_of_those_who", "why_not"]

SCORES: Final = ("csat", "nps", "ces")
RESPONSE_RATE: Final = "response_rate"
_NPS_ENDS: Final = (0.0, 10.0)
_LONGEST: Final = 20.0
"""From end to end, of a scale that is marked at every whole number; on 0–100, marks may be 1 apart, or 10, or 25."""


@dataclass(frozen=True)
class Reading:
    """One figure read off a score.

    Attributes
    ----------
    metric, unit : str
    value : callable
        From the score (Ibis) to the number that one answer contributes.
    origin, factor : float
        The figure is origin + factor · mean of these numbers.
    std_error : callable
        Standard error of that mean.
    interval : callable
        Interval of that mean.
    not_applicable : str or None
        Why the score's scale does not allow this figure.
    counted, nothing : str
        What ``n`` counts, and the reason where there is none, in words.
    """

    metric: str
    unit: str
    value: Callable[[ir.NumericValue], ir.NumericValue]
    origin: float
    factor: float
    std_error: Callable[[Mean], NDArray[np.float64]]
    interval: Callable[[Mean], Interval]
    not_applicable: str | None = None
    counted: str = "answers"
    nothing: str = "no customer answered"


def readings_of(score: str, scale: Scale) -> tuple[Reading, ...]:
    """The figures of a score.

    CSAT: the mean and top-2-box, the share of answers at the two best points of the scale. NPS: 100 ·
    (promoters (9–10) − detractors (0–6)). CES: the mean, in the direction of its scale.

    Parameters
    ----------
    score : {"csat", "nps", "ces"}
    scale : Scale
    """
    if score == "nps":
        return (_net(scale),)
    mean = _mean(f"{score}_mean", scale)
    return (mean, _top_two(scale)) if score == "csat" else (mean,)


def why_not(metric: str, scale: Scale) -> str | None:
    """Why a scale does not allow a figure, by the figure's name; None where it does."""
    if metric == "csat_top2box":
        return _why_no_top_two(scale)
    return _why_no_net(scale) if metric == "nps" else None


def response_rate() -> Reading:
    """The share of contacts that were answered about.

    Numerator: contacts that reached an agent and with which a customer's scored response is paired. Denominator:
    contacts that reached an agent. Unit: share. Source: completed over eligible, AAPOR's response rate 1 where every
    contact counts as eligible.
    """
    return replace(share_of_those_who(RESPONSE_RATE), counted="contacts", nothing="no contact reached an agent")


def share_of_those_who(metric: str) -> Reading:
    """The share of rows whose number is 1, where all others are 0."""
    return Reading(
        metric=metric,
        unit="share",
        value=lambda is_so: is_so,
        origin=0.0,
        factor=1.0,
        std_error=lambda mean: mean.share_std_error,
        interval=share_interval,
    )


def _mean(metric: str, scale: Scale) -> Reading:
    middle = (scale.low + scale.high) / 2  # taken off before summing, so that no digits are lost
    return Reading(
        metric=metric,
        unit="score points",
        value=lambda score: score - middle,
        origin=middle,
        factor=1.0,
        std_error=lambda mean: mean.std_error,
        interval=lambda mean: mean_interval(mean, scale.low - middle, scale.high - middle),
    )


def _top_two(scale: Scale) -> Reading:
    return replace(
        share_of_those_who("csat_top2box"),
        value=lambda score: scale.is_top_two(score).cast("float64"),
        not_applicable=_why_no_top_two(scale),
    )


def _why_no_top_two(scale: Scale) -> str | None:
    length, ends = scale.high - scale.low, f"{scale.low:g}–{scale.high:g}"
    if length > _LONGEST:
        return f"a scale of {ends} does not say how far its two top points are apart"
    has_points = scale.low == int(scale.low) and scale.high == int(scale.high) and length >= 2
    return None if has_points else f"a scale of {ends} has no two top points among three or more"


def _net(scale: Scale) -> Reading:
    return Reading(
        metric="nps",
        unit="NPS points",
        value=lambda score: (score >= 9).cast("float64") - (score < 7).cast("float64"),
        origin=0.0,
        factor=100.0,
        std_error=lambda mean: mean.share_std_error,
        interval=net_interval,
        not_applicable=_why_no_net(scale),
    )


def _why_no_net(scale: Scale) -> str | None:
    if (scale.low, scale.high) == _NPS_ENDS and scale.higher_is_better:
        return None
    own = f"{scale.low:g}–{scale.high:g}{'' if scale.higher_is_better else ', lower is better'}"
    return f"NPS is defined on a 0–10 scale, this one is {own}"
