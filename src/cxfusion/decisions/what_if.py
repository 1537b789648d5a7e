"""What if? Any set of lever changes together: what satisfaction, the share of satisfied customers or NPS would do.

Computed from the models of the evidence on its points, so that several changes at once are no sum of single effects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cxfusion.decisions.answers import answer, readings_at
from cxfusion.decisions.changes import change_made, read_changes
from cxfusion.errors import NothingToEstimateError, UnknownNameError, UsageError, nearest_names, require_kind
from cxfusion.evidence.fit import require_evidence
from cxfusion.results.base import Result
from cxfusion.results.formats import change as in_words
from cxfusion.results.formats import interval
from cxfusion.results.labels import column_label, lever_label, metric_label, step_in_words, verdict_label
from cxfusion.results.language import in_sentence
from cxfusion.results.readable import best_estimates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cxfusion.decisions.changes import Change
    from cxfusion.evidence.fit import LeverEvidence
    from cxfusion.evidence.population import Points, Population

__all__ = ["TOGETHER", "WhatIf", "what_if"]

TOGETHER: Final = "together"
"""Stands for all changes at once where a row else names a lever."""
COLUMNS: Final = (
    "term", "metric", "unit", "before", "estimate", "std_error", "conf_low", "conf_high", "p_value",
    "corrected_estimate", "corrected_std_error", "n",
)  # fmt: skip
CHANGE_COLUMNS: Final = (
    "lever", "unit", "mean_before", "asked", "made", "mean_after", "verdict", "grade",
)  # fmt: skip
CLIPPED_FROM: Final = 0.005
"""Share of the change asked for that could not be made, from which it is told."""


@dataclass(frozen=True, eq=False, repr=False)
class WhatIf(Result):
    """What a set of lever changes would do.

    Attributes
    ----------
    effects : pandas.DataFrame
        The same as :attr:`table`: one row per metric for all changes ``together`` and, where there are several, one per
        lever alone: ``term, metric, unit, before, estimate, std_error, conf_low, conf_high, p_value,
        corrected_estimate, corrected_std_error, n``. ``estimate`` is by the within models, and the summary tells
        the corrected one where there is one; ``conf_low, conf_high`` is the hull of the intervals of both, as in the
        lever table.
    changes : pandas.DataFrame
        One row per lever: ``lever, unit, mean_before, asked, made, mean_after, verdict, grade``. What was ``made`` is
        less than what was ``asked`` where the rest would have gone below zero or outside of what has been seen.
    segment : tuple of (str, str) or None
        Column and level.
    notes : tuple of str
    """

    effects: pd.DataFrame
    changes: pd.DataFrame
    segment: tuple[str, str] | None
    notes: tuple[str, ...]

    @property
    def _frame(self) -> pd.DataFrame:
        return self.effects

    def _lines(self) -> list[str]:
        moves = self.changes.to_dict("records")
        asked = ", ".join(step_in_words(row["lever"], row["made"], row["unit"]) for row in moves)
        where = "" if self.segment is None else f" in {in_sentence(column_label(self.segment[0]))} {self.segment[1]}"
        best = self.effects.assign(estimate=best_estimates(self.effects))
        rows = [_line(row) for row in best.itertuples()]
        return [f"What if: {asked}{where}?", *rows, *self.notes]


def _line(row: Any) -> str:
    name = "Together" if row.term == TOGETHER else f"{lever_label(row.term)} alone"
    low, high = row.conf_low, row.conf_high
    return (
        f"  {name}, {metric_label(row.metric)}: {in_words(row.estimate, row.unit)} {row.unit}"
        f" ({interval(low, high, row.unit, signed=True)})"
    )


def what_if(
    evidence: LeverEvidence, changes: Mapping[str, float | str], *, segment: Mapping[str, str] | None = None
) -> WhatIf:
    """What would a set of lever changes do?

    Parameters
    ----------
    evidence : LeverEvidence
    changes : mapping of str to number or str
        By lever: the change of its mean in its own unit (``{"hold_seconds": -30}``), or a percentage (``"-20 %"``).
    segment : mapping of str to str, optional
        One column of the case mix and its level, such as ``{"queue": "billing"}``: changes and effects are then those
        of its contacts.

    Returns
    -------
    WhatIf

    Raises
    ------
    UnknownNameError
        No such lever, or no such segment.
    UsageError
        No change, or one that is no number.
    NothingToEstimateError
        The evidence has no model of any lever.

    Notes
    -----
    A change is made in proportion to where the lever is: nobody can take 30 seconds of hold from a contact that had
    none. Of counts, each unit is avoided with the same chance. Nothing falls below zero or leaves what has been seen
    (the range without the outermost half per cent at each end); what could not be changed for that reason is told.

    The effect is read from the models, not summed: what waiting sets off during the contact is part of its effect,
    while the levers of the contact itself act over and above that, from where the earlier ones have put the customers.

    Examples
    --------
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7)
    >>> evidence = cx.fit_levers(cx.pair(centre.contacts, centre.surveys), outcome="csat")
    >>> found = cx.what_if(evidence, {"wait_seconds": "-20 %", "n_transfers": -0.05})
    >>> found.table.loc[:1, ["term", "metric"]].values.tolist()
    [['together', 'csat_mean'], ['together', 'csat_top2box']]
    """
    require_evidence(evidence)
    population = evidence.population
    if population is None:
        raise NothingToEstimateError(
            "No lever has a model, so nothing can be said about changing one. The evidence says why, lever by lever:",
            [f"{row['lever']}: {row['because']}" for row in evidence.levers.to_dict("records")],
        )
    require_kind(changes, Mapping, "changes", "changes by lever, such as {'hold_seconds': -30}.")
    _refuse_untested(evidence, population, changes)
    points, where = _points(population, segment)
    asked = read_changes(population.levers, changes)
    terms = {TOGETHER: asked} | ({one.form.lever.name: [one] for one in asked} if len(asked) > 1 else {})
    effects = [row for term, own in terms.items() for row in _rows(population, points, term, own)]
    moves = pd.DataFrame([_moved(evidence, population, points, one) for one in asked], columns=list(CHANGE_COLUMNS))
    return WhatIf(pd.DataFrame(effects, columns=list(COLUMNS)), moves, where, tuple(_notes(moves, asked)))


def _refuse_untested(evidence: LeverEvidence, population: Population, changes: Mapping[str, float | str]) -> None:
    """Say of a lever without a model why it has none."""
    known = {form.lever.name for form in population.levers}
    told = {row["lever"]: row["because"] for row in evidence.levers.to_dict("records")}
    problems = [f"{name}: {told[name]}" for name in changes if name not in known and name in told]
    if problems:
        raise NothingToEstimateError(
            f"The evidence cannot say what changing these would do. Ask about the others: {', '.join(sorted(known))}.",
            problems,
        )


def _points(population: Population, segment: Mapping[str, str] | None) -> tuple[Points, tuple[str, str] | None]:
    if segment is None:
        return population.points, None
    require_kind(segment, Mapping, "segment", "a column and its level, such as {'queue': 'billing'}.")
    if len(segment) != 1:
        raise UsageError(f"{len(segment)} segments are asked for; expected one, such as {{'queue': 'billing'}}.")
    ((column, level),) = segment.items()
    if column not in population.segments:
        there = ", ".join(population.segments) or "none: no column of the case mix has two large enough levels"
        raise UnknownNameError(f"There are no segments by {column!r}. Expected a column of the case mix: {there}.")
    levels = population.segments[column]
    if level not in levels:
        near = ", ".join(nearest_names(level, levels) or levels)
        raise UnknownNameError(
            f"{column} has no level {level!r} with at least 30 answers of five customers; nearest that it has: {near}."
        )
    return levels[level], (column, level)


def _rows(population: Population, points: Points, term: str, changes: Sequence[Change]) -> list[dict[str, Any]]:
    found, before = answer(population, points, changes), readings_at(population, points)
    return [
        {
            "term": term, "metric": reading.name, "unit": reading.unit, "before": before[i],
            "estimate": found.within[i], "std_error": found.std_error[i], "conf_low": found.low[i],
            "conf_high": found.high[i], "p_value": found.p_value[i],
            "corrected_estimate": None if found.corrected is None else found.corrected[i],
            "corrected_std_error": None if found.corrected_std_error is None else found.corrected_std_error[i],
            "n": points.n,
        }
        for i, reading in enumerate(population.readings)
    ]  # fmt: skip


def _moved(evidence: LeverEvidence, population: Population, points: Points, change: Change) -> dict[str, Any]:
    lever = change.form.lever
    mean = population.mean_level(points, lever.name)
    made = change_made(population, points, change)
    own = evidence.levers[evidence.levers["lever"] == lever.name].iloc[0]
    return {
        "lever": lever.name, "unit": lever.unit, "mean_before": mean, "asked": change.asked(mean), "made": made,
        "mean_after": mean + made, "verdict": own["verdict"], "grade": own["grade"],
    }  # fmt: skip


def _notes(moves: pd.DataFrame, asked: Sequence[Change]) -> list[str]:
    notes = []
    for row in moves.to_dict("records"):
        name = lever_label(row["lever"])
        if not np.isclose(row["asked"], row["made"], rtol=CLIPPED_FROM, atol=1e-9):
            notes.append(
                f"{name}: of the change asked for, {row['made'] / row['asked']:.0%} could be made; the rest would have"
                " gone below zero or outside of what has been seen."
            )
        if row["verdict"] != "moves":
            notes.append(f"{name}, says the evidence: {verdict_label(row['verdict']).lower()}. Go by the interval.")
    if len({change.form.lever.moment for change in asked}) > 1:
        notes.append(
            "What happens before the contact acts with all that it sets off; changes during the contact come on top."
        )
    return notes
