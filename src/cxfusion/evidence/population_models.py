"""The fitted models of a population: coefficients by lever, and the clusters' influence on all of them together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import expit

from cxfusion.estimators.influence import influence_on
from cxfusion.estimators.partial_odds import PartialOddsFit
from cxfusion.evidence.population import MomentModel, Remainder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cxfusion.estimators.influence import OrdinalFit
    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.design import Basis, Design
    from cxfusion.evidence.ladder import FittedModel
    from cxfusion.evidence.population import Points, Reading

__all__ = ["bases_of", "moment_models", "with_kappas"]

FAR: Final = 300.0
"""Where a cut lies that no answer of a model is beyond: as good as nowhere, and still a number that a page can hold."""


def moment_models(
    fitted: Sequence[FittedModel],
    points: Points,
    bases: Sequence[Basis],
    readings: Sequence[Reading],
    n_clusters: int,
) -> tuple[tuple[MomentModel, ...], NDArray[np.float64]]:
    """The models, and each cluster's influence on all of their coefficients and remainders, side by side."""
    gaps = np.array([reading.gaps for reading in readings])
    level = {basis.lever.name: points.level[:, j] for j, basis in enumerate(bases)}
    models, influences, first = [], [], 0
    for model, base in zip(fitted, points.base, strict=True):
        columns = {lever.name: model.design.columns(lever.name) for lever in model.levers}
        places = model.cuts_among(readings[0].values)
        inner = places.clip(0, model.n_cuts - 1)
        coefficients = {name: _coefficients(model.fit, at, inner) for name, at in columns.items()}
        influence = _influence(model, list(columns.values()), inner, n_clusters)
        cuts = np.concatenate([[-FAR], model.fit.parameters[: model.n_cuts], [FAR]])[places + 1]
        here = MomentModel(model.moment, model.rung, None, cuts, coefficients, first, {})
        remainders: dict[str, Remainder] = {}
        rest: list[NDArray[np.float64]] = []
        for lever, effects in zip(model.levers, model.effects, strict=True):
            basis = bases_of(model.design, [lever])[lever.name]
            gradient, per_unit = _unit_gradient(here, basis, level[lever.name], points.weight, base, gaps)
            at = here.place(lever.name)
            own = influence[:, at.start - first : at.stop - first] @ gradient
            remainders[lever.name] = Remainder(first + influence.shape[1] + len(rest), per_unit)
            rest.append(effects.influence[:, 0] / effects.step[0] - own)
        models.append(replace(here, remainders=remainders))
        influences += [influence, np.column_stack(rest)]
        first += influence.shape[1] + len(rest)
    return tuple(models), np.hstack(influences)


def with_kappas(
    models: tuple[MomentModel, ...], fitted: Sequence[FittedModel], covariance: NDArray[np.float64]
) -> tuple[tuple[MomentModel, ...], NDArray[np.float64]]:
    """The models with the negative control carry its κ, whose error comes from elsewhere: the whole log."""
    found = []
    for model, of in zip(models, fitted, strict=True):
        if of.kappa is None or of.rung != "beside":
            found.append(model)
            continue
        size = len(covariance)
        wider = np.zeros((size + 1, size + 1))
        wider[:size, :size], wider[size, size] = covariance, of.kappa.std_error**2
        covariance = wider
        found.append(replace(model, kappa=of.kappa.value, kappa_place=size))
    return tuple(found), covariance


def _unit_gradient(
    model: MomentModel,
    basis: Basis,
    level: NDArray[np.float64],
    weight: NDArray[np.float64],
    base: NDArray[np.float64],
    gaps: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of the outcome's change by one unit of a lever: its gradient by the lever's coefficients; and the readings' size
    in units of the outcome's.
    """
    coefficients = model.coefficients[basis.lever.name]
    slope = basis.slope(level)
    less = slope @ coefficients if basis.lever.shape == "count" else 0.0  # a unit is taken away
    tails = expit(model.cuts - (base - less))
    by_cut = (weight * level)[:, None] * tails * (1 - tails) / (weight @ level)
    parts = slope.T @ (by_cut * gaps[0])
    gradient = parts if coefficients.shape[1] > 1 else parts.sum(axis=1, keepdims=True)
    sizes = gaps @ by_cut.sum(axis=0)
    return gradient.ravel(), sizes / sizes[0]


def _coefficients(fit: OrdinalFit, columns: slice, places: NDArray[np.intp]) -> NDArray[np.float64]:
    by_cut = fit.coefficients_of(columns)
    if not isinstance(fit, PartialOddsFit):
        return by_cut[:, :1]
    return by_cut if by_cut.shape[1] == len(places) else by_cut[:, places]


def _influence(
    model: FittedModel, columns: Sequence[slice], places: NDArray[np.intp], n_clusters: int
) -> NDArray[np.float64]:
    """Each cluster's influence on the levers' coefficients, shape (n_clusters, coefficients)."""
    gradients = [gradient for at in columns for gradient in _gradients(model, at, places)]
    rows = model.rows
    return influence_on(rows.sweep, rows.make_rows, model.fit, np.array(gradients), n_clusters).by_cluster


def _gradients(model: FittedModel, columns: slice, places: NDArray[np.intp]) -> list[NDArray[np.float64]]:
    """Of each coefficient of some columns by the parameters: column by column, cut by cut."""
    width, n_cuts = columns.stop - columns.start, model.n_cuts
    found = []
    for j in range(width):
        for k in places if isinstance(model.fit, PartialOddsFit) else range(1):
            unit = np.zeros((width, n_cuts))
            unit[j, k] = 1.0
            found.append(model.fit.pull_back_of(columns, unit))
    return found


def bases_of(design: Design, levers: Sequence[Lever]) -> dict[str, Basis]:
    """The bases of some levers, by name."""
    known = {basis.lever.name: basis for basis in design.bases}
    return {lever.name: known[lever.name] for lever in levers}
