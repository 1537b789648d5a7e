"""A population gathered from the fitted ladder: rows, then points and models, then what belongs to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from cxfusion.estimators.influence import covariance_of
from cxfusion.evidence.population import LeverForm, Population, Reading
from cxfusion.evidence.population_models import bases_of, moment_models, with_kappas
from cxfusion.evidence.population_points import gather_points, segment_points
from cxfusion.evidence.population_rows import made_of_rows
from cxfusion.perception.scores import why_not

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from cxfusion.evidence.design import Basis
    from cxfusion.evidence.ladder import FittedModel, Ladder
    from cxfusion.evidence.population import Points
    from cxfusion.evidence.population_rows import PopulationRows
    from cxfusion.evidence.sample import Sample
    from cxfusion.tables.relation import Scale

__all__ = ["populate", "readings_of"]

SUPPORT: Final = (0.005, 0.995)
"""Quantiles of a lever between which a changed value must lie, unless it lay outside before."""


def populate(sample: Sample, ladder: Ladder, scale: Scale, conf_level: float) -> Population | None:
    """Gather models and points; None where no lever has a model.

    Parameters
    ----------
    sample : Sample
    ladder : Ladder
        With the models of its moments.
    scale : Scale
        Of the score.
    conf_level : float
    """
    readings = readings_of(sample, scale)
    fitted = [model for model in ladder.models if model.levers]
    if not fitted:
        return None
    named = {name: basis for model in fitted for name, basis in bases_of(model.design, model.levers).items()}
    bases, degrees = tuple(named.values()), _degrees(fitted)
    gathered = partial(_gathered, bases=bases, degrees=degrees, levels=sample.coding.levels)
    found = made_of_rows(sample, fitted, gathered)
    models, influence = moment_models(fitted, found.points, bases, readings, sample.coding.n_clusters)
    models, covariance = with_kappas(models, fitted, covariance_of(influence))
    return Population(
        outcome=sample.outcome.name,
        readings=readings,
        levers=found.forms,
        models=models,
        covariance=covariance,
        conf_level=conf_level,
        points=found.points,
        segments=found.segments,
        is_better_above=sample.outcome.is_better_above(scale),
    )


@dataclass(frozen=True)
class _Gathered:
    forms: tuple[LeverForm, ...]
    points: Points
    segments: dict[str, dict[str, Points]]


def _degrees(fitted: Sequence[FittedModel]) -> dict[str, float]:
    """Of freedom of each lever's effects: the fewest of its models."""
    found: dict[str, float] = {}
    for model in fitted:
        for lever, effects in zip(model.levers, model.effects, strict=True):
            found[lever.name] = min(float(effects.degrees[0]), found.get(lever.name, np.inf))
    return found


def _gathered(
    rows: PopulationRows, bases: Sequence[Basis], degrees: Mapping[str, float], levels: Mapping[str, Sequence[str]]
) -> _Gathered:
    """What becomes of the rows, where they are: no row leaves."""
    forms = tuple(
        _form(basis, rows.level[:, j], rows.weight, degrees[basis.lever.name]) for j, basis in enumerate(bases)
    )
    return _Gathered(forms, gather_points(rows, forms), segment_points(rows, forms, levels))


def readings_of(sample: Sample, scale: Scale) -> tuple[Reading, ...]:
    """The outcome itself, and what else its categories tell."""
    outcome, values = sample.outcome, np.asarray(sample.values)
    name = {"csat": "csat_mean", "ces": "ces_mean"}.get(outcome.name, outcome.name)
    found = [Reading(name, outcome.unit, sample.values)]
    if outcome.name == "csat" and why_not("csat_top2box", scale) is None:
        is_best = scale.is_top_two(values)
        found.append(Reading("csat_top2box", "percentage points", tuple((100.0 * is_best).tolist())))
    if outcome.name == "nps":
        found.append(Reading("promoters", "percentage points", tuple((100.0 * (values > 0)).tolist())))
        found.append(Reading("detractors", "percentage points", tuple((100.0 * (values < 0)).tolist())))
    return tuple(found)


def _form(basis: Basis, level: NDArray[np.float64], weight: NDArray[np.float64], degrees: float) -> LeverForm:
    low, high = np.quantile(level, SUPPORT)
    return LeverForm(basis, float(np.average(level, weights=weight)), float(low), float(high), degrees)
