"""The what-if as plain numbers, for a page or another program: lists, names and nothing to import.

``docs/reference/what-if-form.md`` says how to compute from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxfusion.estimators.distributions import student_t

if TYPE_CHECKING:
    from cxfusion.evidence.population import LeverForm, MomentModel, Points, Population

__all__ = ["plain_form"]

VERSION: Final = 3


def plain_form(population: Population, *, segments: bool = False) -> dict[str, Any]:
    """A population as nested lists and numbers that JSON holds without loss.

    Parameters
    ----------
    population : Population
    segments : bool
        The points of the segments as well.
    """
    form: dict[str, Any] = {
        "version": VERSION,
        "outcome": population.outcome,
        "readings": [{"name": one.name, "unit": one.unit, "values": list(one.values)} for one in population.readings],
        "levers": [_lever(one, population.conf_level) for one in population.levers],
        "models": [_model(one) for one in population.models],
        "covariance": population.covariance.tolist(),
        "points": _points(population.points),
    }
    if segments:
        form["segments"] = {
            column: {level: _points(points) for level, points in levels.items()}
            for column, levels in population.segments.items()
        }
    return form


def _lever(form: LeverForm, conf_level: float) -> dict[str, Any]:
    lever, basis = form.lever, form.basis
    return {
        "name": lever.name, "unit": lever.unit, "moment": lever.moment, "step": lever.step, "shape": lever.shape,
        "is_share": form.is_share, "knots": list(basis.knots), "turn": basis.turn.tolist(),
        "mean": form.mean, "low": form.low, "high": form.high,
        "reach": float(student_t.reach(conf_level, form.degrees)),
    }  # fmt: skip


def _model(model: MomentModel) -> dict[str, Any]:
    return {
        "moment": model.moment,
        "rung": model.rung,
        "kappa": model.kappa,
        "kappa_place": model.kappa_place,
        "cuts": model.cuts.tolist(),
        "coefficients": {
            name: {"first": model.place(name).start, "columns": found.tolist()}
            for name, found in model.coefficients.items()
        },
        "remainders": {
            name: {"place": found.place, "per_unit": found.per_unit.tolist()}
            for name, found in model.remainders.items()
        },
    }


def _points(points: Points) -> dict[str, Any]:
    return {
        "n": points.n,
        "weight": points.weight.tolist(),
        "level": points.level.T.tolist(),
        "base": [base.T.tolist() for base in points.base],
    }
