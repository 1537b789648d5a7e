"""What the read-out of a pilot says in words: who gained by it, and what its reader has to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxfusion.decisions.panel_cells import OUTCOMES
from cxfusion.results.formats import change, interval
from cxfusion.results.labels import metric_label
from cxfusion.tables.span import note_on_beyond

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from cxfusion.decisions.panel_cells import PanelCells

__all__ = ["conclusion", "effect_in_words", "notes_on"]

PRE_TREND_BELOW: Final = 0.05
ERROR_RATE: Final = 0.05
"""Chance that a side of which nothing changed is said to have gained or lost."""


def effect_in_words(row: dict[Any, Any]) -> str:
    """One outcome with its interval, or why it has none."""
    name = f"  {metric_label(row['outcome'])}"
    if row["status"] != "ok":
        return f"{name}: not applicable, {row['reason']}"
    unit = row["unit"]
    span = interval(row["conf_low"], row["conf_high"], unit, signed=True)
    told = f"{name}: {change(row['estimate'], unit)} {unit} ({span})"
    if row["pre_trend_p_value"] is not None and row["pre_trend_p_value"] < PRE_TREND_BELOW:
        return f"{told}; the two were drifting apart before already (p {row['pre_trend_p_value']:.3f})"
    return told


def conclusion(effects: pd.DataFrame, is_better_above: Mapping[str, bool]) -> str:
    """Who gained: a side gains where one of its outcomes is surely better and none surely worse.

    Sure by Holm's correction for the side's several outcomes; what drifted apart before the day says nothing.
    """
    words = {side: _side(effects[effects["side"] == side], is_better_above) for side in ("customers", "business")}
    told = {"gained": "gained", "lost": "lost", "both": "gained in one respect and lost in another",
            "even": "show no sure change", "unknown": "cannot be read"}  # fmt: skip
    if words["customers"] == words["business"] == "gained":
        return "Both gained: the customers and the business."
    return f"The customers {told[words['customers']]}; the business {_singular(told[words['business']])}."


def _singular(words: str) -> str:
    return words.replace("show no", "shows no")


def _side(effects: pd.DataFrame, is_better_above: Mapping[str, bool]) -> str:
    known = effects[effects["status"] == "ok"]
    if known.empty:
        return "unknown"
    is_sure = known["p_value"].map(float).rank(method="first")  # Holm: the smallest p against 5 % of all, and so on
    limit = ERROR_RATE / (len(known) + 1 - is_sure)
    missed = known["p_value"][known["p_value"] > limit]
    first = missed.min() if len(missed) else np.inf
    drifted = known["pre_trend_p_value"].map(lambda p: p is not None and p < PRE_TREND_BELOW)
    sure = known[(known["p_value"] < first) & ~drifted]
    better = sure["outcome"].map(is_better_above)
    gains, losses = ((sure["estimate"] > 0) == better), ((sure["estimate"] > 0) != better)
    if gains.any() and losses.any():
        return "both"
    return "gained" if gains.any() else "lost" if losses.any() else "even"


def notes_on(cells: PanelCells, effects: pd.DataFrame) -> list[str]:
    """Which units say nothing, and what could not have been found."""
    notes = [
        f"{metric_label(name)}: a higher score means a worse experience, a negative effect is good."
        for name in cells.outcomes
        if OUTCOMES[name].is_better_above and not cells.is_better_above[name] and name not in cells.refused
    ]
    if cells.n_mixed:
        notes.append(_left_out(cells.n_mixed, "changed only for some contacts"))
    if cells.n_earlier:
        notes.append(_left_out(cells.n_earlier, "had changed before the day, all or in part,"))
    was_on = cells.units.loc[cells.units["arm"] == 1, "was_on"].dropna()
    if 0 < was_on.sum() < len(was_on):
        notes.append(
            f"{was_on.sum():,} of {len(was_on):,} units count as changed, but had the value before the day too."
        )
    if cells.n_beyond:
        notes.append(note_on_beyond(cells.n_beyond, "the comparison"))
    known = effects[effects["status"] == "ok"]
    weak = known[(known["conf_low"] < 0) & (known["conf_high"] > 0)]
    notes += [
        f"{metric_label(row['outcome'])}: less than {row['detectable']:.3g} {row['unit']} could not have been found."
        for row in weak.to_dict("records")
    ]
    return notes


def _left_out(n: int, why: str) -> str:
    return f"{n:,} {'unit' if n == 1 else 'units'} {why} and {'is' if n == 1 else 'are'} left out."
