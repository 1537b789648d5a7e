"""Hotspots: where a small change brings much, by segment and lever: volume × effect × headroom.

Headroom is how far a segment's mean lies from that of the better fourth of its like: what others already reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxfusion.decisions.answers import answer
from cxfusion.decisions.changes import Change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from cxfusion.evidence.fit import LeverEvidence
    from cxfusion.evidence.population import LeverForm, Points, Population

__all__ = ["HOTSPOT_COLUMNS", "hotspots"]

HOTSPOT_COLUMNS: Final = (
    "lever", "verdict", "segment_column", "segment", "outcome_unit", "unit", "mean_level", "target", "step", "share",
    "within_segment", "estimate", "conf_low", "conf_high", "contacts_a_week", "n",
)  # fmt: skip
BETTER_FOURTH: Final = 0.25


def hotspots(evidence: LeverEvidence, contacts_a_week: float | None) -> list[dict[str, Any]]:
    """Rows in ``HOTSPOT_COLUMNS``: levers that move first, and the largest gain for the whole; none without headroom.

    Parameters
    ----------
    evidence : LeverEvidence
    contacts_a_week : float or None
        All that come in, abandoned ones too.
    """
    population = evidence.population
    if population is None:
        return []
    verdicts = dict(zip(evidence.levers["lever"], evidence.levers["verdict"], strict=True))
    rows = []
    for form in population.levers:
        for column, levels in population.segments.items():
            for row in _cells(population, form, levels):
                row |= {"segment_column": column, "verdict": verdicts.get(form.lever.name)}
                row["contacts_a_week"] = None if contacts_a_week is None else row["share"] * contacts_a_week
                rows.append(row)
    return sorted(rows, key=_order)


def _order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    names = (row["lever"], row["segment_column"], row["segment"])
    return (row["verdict"] != "moves", -abs(row["estimate"]), *names)


def _cells(population: Population, form: LeverForm, levels: Mapping[str, Points]) -> list[dict[str, Any]]:
    sign = 1.0 if population.is_better_above else -1.0
    means = {name: population.mean_level(points, form.lever.name) for name, points in levels.items()}
    shares = np.array([points.share for points in levels.values()])
    gain = answer(population, population.points, [Change(form, form.lever.step, None)]).best[0]
    is_less_better = (gain >= 0) == ((form.lever.step < 0) == population.is_better_above)
    values = np.array(list(means.values()))
    target = _weighted_quantile(values, shares, BETTER_FOURTH if is_less_better else 1 - BETTER_FOURTH)
    rows = []
    for name, points in levels.items():
        step = target - means[name]
        if (step < 0) != is_less_better or step == 0:
            continue
        found = answer(population, points, [Change(form, step, None)])
        if sign * found.best[0] <= 0:  # along a curve, what does good elsewhere may do harm here
            continue
        rows.append(
            {
                "lever": form.lever.name,
                "segment": name,
                "outcome_unit": population.readings[0].unit,
                "unit": form.lever.unit,
                "mean_level": means[name],
                "target": target,
                "step": step,
                "share": points.share,
                "within_segment": found.best[0],
                "estimate": points.share * found.best[0],
                "conf_low": points.share * found.low[0],
                "conf_high": points.share * found.high[0],
                "n": points.n,
            }
        )
    return rows


def _weighted_quantile(values: NDArray[np.float64], weight: NDArray[np.float64], at: float) -> float:
    """The smallest value that so much of the weight does not exceed."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order]) / weight.sum()
    return float(values[order][min(int(np.searchsorted(reached, at)), len(values) - 1)])
