"""What the fitted models answer on the points under changed levers: changes of each reading, and how sure they are.

One model per moment. Levers of an earlier moment act first, by a model in which what they set off is theirs; levers of
a later one act from where that has put the customers, by a model that holds the earlier ones equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from cxfusion.decisions.changes import states_of
from cxfusion.estimators.distributions import student_t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cxfusion.decisions.changes import Change, States
    from cxfusion.evidence.population import MomentModel, Points, Population, Remainder

__all__ = ["Answer", "answer", "readings_at"]


@dataclass(frozen=True)
class Answer:
    """Changes of the readings of a population.

    Attributes
    ----------
    within : array, shape (readings,)
        By the within models.
    corrected : array, shape (readings,), or None
        Corrected for hidden difficulty by the negative control; None where no changed lever is.
    std_error : array, shape (readings,)
        Of ``within``.
    corrected_std_error : array, shape (readings,), or None
    low, high : array, shape (readings,)
        Hull of the intervals of both.
    p_value : array, shape (readings,)
        The larger of both; 1 where their signs differ.
    gradients : tuple of array, each of shape (readings, p)
        Of ``within`` and, where there is one, ``corrected``, by all coefficients of the population.
    """

    within: NDArray[np.float64]
    corrected: NDArray[np.float64] | None
    std_error: NDArray[np.float64]
    corrected_std_error: NDArray[np.float64] | None
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p_value: NDArray[np.float64]
    gradients: tuple[NDArray[np.float64], ...]

    @property
    def centres(self) -> list[NDArray[np.float64]]:
        """The estimates, as of ``gradients``."""
        return [self.within] if self.corrected is None else [self.within, self.corrected]

    @property
    def best(self) -> NDArray[np.float64]:
        """What people read first, as of the lever table: the corrected estimate, or within where there is none."""
        return self.centres[-1]


@dataclass(frozen=True)
class _Part:
    """What one model adds: its change of each reading, and its gradient by all coefficients."""

    change: NDArray[np.float64]  # shape (readings,)
    gradient: NDArray[np.float64]  # shape (readings, p)


@dataclass(frozen=True)
class _Shift:
    """What one model's levers add to the linear predictor of each state."""

    of_predictor: NDArray[np.float64]  # shape (states, 1 or cuts)
    columns: tuple[tuple[slice, NDArray[np.float64]], ...]  # place of each lever's coefficients, change of its basis
    made: tuple[tuple[Remainder, float], ...]  # change of each lever's mean


def readings_at(population: Population, points: Points) -> NDArray[np.float64]:
    """The readings as things are, by the last moment's within model, shape (readings,)."""
    at = max(i for i, model in enumerate(population.models) if model.rung == "within")
    tails = expit(population.models[at].cuts - points.base[at])
    tops = np.array([reading.values[-1] for reading in population.readings])
    return np.asarray(tops - _gaps(population) @ (points.weight @ tails))


def answer(population: Population, points: Points, changes: Sequence[Change]) -> Answer:
    """The change of each reading under changed levers, with its interval.

    Parameters
    ----------
    population : Population
    points : Points
        All of them, or those of a segment.
    changes : sequence of Change
    """
    states = states_of(points, [population.place(change.form.lever.name) for change in changes], changes)
    within = _parts(population, points, states, changes, "within")
    beside = _parts(population, points, states, changes, "beside")
    controls = {model.moment: model for model in population.models if model.rung == "beside"}
    plain = _summed([(1.0, part) for part in within.values()])
    corrected = None
    if beside:
        shares = {moment: controls[moment].kappa or 0.0 for moment in beside}
        weighed = [(1 - shares.get(moment, 0.0), part) for moment, part in within.items()]
        corrected = _summed([*weighed, *((shares[moment], part) for moment, part in beside.items())])
        for moment, part in beside.items():
            corrected.gradient[:, controls[moment].kappa_place] += part.change - within[moment].change
    degrees = min((change.form.degrees for change in changes), default=np.inf)
    return _with_interval(population, degrees, plain, corrected)


def _gaps(population: Population) -> NDArray[np.float64]:
    return np.array([reading.gaps for reading in population.readings])


def _summed(parts: Sequence[tuple[float, _Part]]) -> _Part:
    return _Part(
        np.add.reduce([weight * part.change for weight, part in parts]),
        np.add.reduce([weight * part.gradient for weight, part in parts]),
    )


def _parts(
    population: Population, points: Points, states: States, changes: Sequence[Change], rung: str
) -> dict[str, _Part]:
    """What the models of a rung add, by moment; where a moment has none, its within model shifts all the same."""
    found: dict[str, _Part] = {}
    shifts: list[_Shift] = []
    weight = points.weight[states.point] * states.chance
    place = {(model.moment, model.rung): i for i, model in enumerate(population.models)}
    for moment in dict.fromkeys(model.moment for model in population.models):
        i = place.get((moment, rung), place[moment, "within"])
        model = population.models[i]
        own = [change for change in changes if change.form.lever.name in model.coefficients]
        if not own:
            continue
        shift = _shift(population, points, states, own, model, weight)
        if model.rung == rung:
            found[moment] = _part(population, model, points.base[i][states.point], weight, shift, shifts)
        shifts.append(shift)
    return found


def _shift(
    population: Population,
    points: Points,
    states: States,
    own: Sequence[Change],
    model: MomentModel,
    weight: NDArray[np.float64],
) -> _Shift:
    columns, made, total = [], [], np.zeros((len(states.point), 1))
    for change in own:
        name, basis = change.form.lever.name, change.form.basis
        before = points.level[states.point, population.place(name)]
        moved = basis.value(states.level[name]) - basis.value(before)
        total = total + moved @ model.coefficients[name]
        columns.append((model.place(name), moved))
        made.append((model.remainders[name], float(weight @ (states.level[name] - before))))
    return _Shift(total, tuple(columns), tuple(made))


def _part(
    population: Population,
    model: MomentModel,
    base: NDArray[np.float64],
    weight: NDArray[np.float64],
    shift: _Shift,
    earlier: Sequence[_Shift],
) -> _Part:
    gaps, size = _gaps(population), len(population.covariance)
    start = base + sum((one.of_predictor for one in earlier), np.zeros((1, 1)))
    before, after = expit(model.cuts - start), expit(model.cuts - (start + shift.of_predictor))
    change = gaps @ (weight @ (before - after))
    dense_before, dense_after = before * (1 - before), after * (1 - after)
    gradient = np.zeros((len(gaps), size))
    for remainder, made in shift.made:
        gradient[:, remainder.place] += made * remainder.per_unit
    for one, slope in ((shift, dense_after), *((one, dense_after - dense_before) for one in earlier)):
        for place, moved in one.columns:
            by_cut = moved.T @ (weight[:, None] * slope)  # shape (width, cuts)
            n_each = (place.stop - place.start) // moved.shape[1]
            for r, gap in enumerate(gaps):
                parts = by_cut * gap
                gradient[r, place] += (parts if n_each > 1 else parts.sum(axis=1, keepdims=True)).ravel()
    return _Part(change, gradient)


def _with_interval(population: Population, degrees: float, plain: _Part, corrected: _Part | None) -> Answer:
    reach = float(student_t.reach(population.conf_level, degrees))
    centres = [(part.change, _std_error(population, part)) for part in (plain, corrected) if part is not None]
    estimates = np.array([change for change, _ in centres])
    with np.errstate(divide="ignore", invalid="ignore"):
        p_values = np.array([student_t.p_value(change / error, degrees) for change, error in centres])
    is_split = (estimates.min(axis=0) < 0) & (estimates.max(axis=0) > 0)
    p_value = np.where(is_split, 1.0, np.nan_to_num(p_values.max(axis=0), nan=1.0))
    return Answer(
        within=plain.change,
        corrected=None if corrected is None else corrected.change,
        std_error=centres[0][1],
        corrected_std_error=None if corrected is None else centres[-1][1],
        low=np.min([change - reach * error for change, error in centres], axis=0),
        high=np.max([change + reach * error for change, error in centres], axis=0),
        p_value=p_value,
        gradients=tuple(part.gradient for part in (plain, corrected) if part is not None),
    )


def _std_error(population: Population, part: _Part) -> NDArray[np.float64]:
    variance = np.einsum("rp,pq,rq->r", part.gradient, population.covariance, part.gradient)
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))
