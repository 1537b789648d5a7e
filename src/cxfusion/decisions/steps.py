"""What-ifs in steps: less of each lever, and of all that move the score, as a page shows them without its sliders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from cxfusion.decisions.answers import answer
from cxfusion.decisions.changes import Change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cxfusion.evidence.fit import LeverEvidence
    from cxfusion.evidence.population import Population

__all__ = ["STEPS", "in_steps"]

STEPS: Final = (-0.1, -0.2, -0.5)
"""Shares of what there is."""


def in_steps(evidence: LeverEvidence) -> pd.DataFrame:
    """The changes of every reading when less of each lever, or of all that move the score, is there.

    Parameters
    ----------
    evidence : LeverEvidence

    Returns
    -------
    pandas.DataFrame
        ``lever, share, metric, unit, estimate, conf_low, conf_high``; the lever is empty where all whose verdict
        is ``moves`` change together.
        The estimate is corrected for hidden difficulty where a lever could be, as it stands in the lever table.
    """
    columns = ["lever", "share", "metric", "unit", "estimate", "conf_low", "conf_high"]
    population = evidence.population
    movers = set(evidence.levers.loc[evidence.levers["verdict"] == "moves", "lever"])
    rows = [] if population is None else list(_rows(population, movers))
    return pd.DataFrame(rows, columns=columns)


def _rows(population: Population, movers: set[str]) -> Iterator[tuple[str, float, str, str, float, float, float]]:
    sets = {form.lever.name: [form] for form in population.levers}
    if len(movers & set(sets)) > 1:
        sets[""] = [form for form in population.levers if form.lever.name in movers]
    for lever, forms in sets.items():
        for share in STEPS:
            found = answer(population, population.points, [Change(form, None, share) for form in forms])
            for i, reading in enumerate(population.readings):
                ends = (float(found.low[i]), float(found.high[i]))
                yield lever, share, reading.name, reading.unit, float(found.best[i]), *ends
