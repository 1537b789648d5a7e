"""What a what-if needs of the evidence: the fitted models, and the contacts as a few hundred points, none of persons.

Points stand for groups of at least five answered contacts that were alike; no single contact can be read off.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.special import expit

from cxfusion.estimators.influence import cluster_influence, covariance_of
from cxfusion.estimators.partial_odds import PartialOddsFit
from cxfusion.estimators.support_points import group_alike
from cxfusion.evidence.difficulty import WITNESS
from cxfusion.evidence.plain_form import plain_form

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.influence import OrdinalFit
    from cxfusion.estimators.rows import Rows
    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.design import Basis, Design
    from cxfusion.evidence.ladder import FittedModel, Ladder
    from cxfusion.evidence.sample import Sample
    from cxfusion.tables.relation import Scale

__all__ = [
    "LeverForm",
    "MomentModel",
    "Points",
    "Population",
    "Reading",
    "Remainder",
    "gather_points",
    "populate",
    "readings_of",
]

MAX_GROUPS: Final = 800
MAX_SEGMENT_GROUPS: Final = 100
LEVEL_COUNTS: Final = 3.0
"""How much more than in the linear predictor a group must be alike in its levers: of these it keeps the mean alone."""
MIN_CONTACTS: Final = 5
MIN_SEGMENT_RESPONSES: Final = 30
MAX_ROWS: Final = 200_000
"""Of the sample; of a larger one every so-many-th response, which changes a mean by less than it is known."""
COUNTED_TO: Final = 8
"""Counts up to here are kept apart, and taken away one by one."""
SUPPORT: Final = (0.005, 0.995)
"""Quantiles of a lever between which a changed value must lie, unless it lay outside before."""


@dataclass(frozen=True)
class Reading:
    """One way to read the fitted answers.

    Attributes
    ----------
    name, unit : str
    values : tuple of float
        What each category counts.
    """

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def gaps(self) -> NDArray[np.float64]:
        """From each category's value to the next, shape (cuts,)."""
        return np.diff(np.asarray(self.values))


@dataclass(frozen=True)
class LeverForm:
    """How a lever enters the models, and where it is.

    Attributes
    ----------
    basis : Basis
    mean : float
        Weighted, over the contacts that the points stand for.
    low, high : float
        Between which values are common enough to speak about.
    """

    basis: Basis
    mean: float
    low: float
    high: float

    @property
    def lever(self) -> Lever:
        """The lever."""
        return self.basis.lever

    @property
    def is_share(self) -> bool:
        """Whether it is there or not: 0 or 1."""
        return self.lever.shape == "count" and self.high <= 1


@dataclass(frozen=True)
class Remainder:
    """What makes an effect of the lever table uncertain beyond the lever's own coefficients.

    Who happened to answer, and what they would have answered as things are. In the joint covariance it has a place of
    its own, as the error of the effect of one unit.

    Attributes
    ----------
    place : int
        In the joint covariance.
    per_unit : array, shape (readings,)
        Derivative of each reading's change by it, per unit of the lever's mean.
    """

    place: int
    per_unit: NDArray[np.float64]


@dataclass(frozen=True)
class MomentModel:
    """One fitted model of one moment.

    Attributes
    ----------
    moment : str
    rung : {"within", "beside"}
        The within model, or the same with the negative control beside the levers.
    kappa : float or None
        By which what the negative control takes away falls short; of the model with the control alone.
    kappa_place : int or None
        Of its error in the joint covariance.
    cuts : array, shape (cuts,)
    coefficients : mapping of str to array, shape (width, 1 or cuts)
        By lever: of each column of its basis, one for all cuts or one for each.
    first : int
        Where its coefficients begin in the joint covariance; lever by lever, column by column, cut by cut.
    remainders : mapping of str to Remainder
        By lever.
    """

    moment: str
    rung: str
    kappa: float | None
    cuts: NDArray[np.float64]
    coefficients: Mapping[str, NDArray[np.float64]]
    first: int
    remainders: Mapping[str, Remainder]
    kappa_place: int | None = None

    def place(self, lever: str) -> slice:
        """Where a lever's coefficients stand in the joint covariance."""
        start = self.first
        for name, coefficients in self.coefficients.items():
            if name == lever:
                return slice(start, start + coefficients.size)
            start += coefficients.size
        raise KeyError(lever)


@dataclass(frozen=True)
class Points:
    """Answered contacts as weighted points.

    Attributes
    ----------
    weight : array, shape (points,)
        Sums to 1.
    level : array, shape (points, levers)
    base : tuple of array, one per model, each of shape (points, 1 or cuts)
        Linear predictor as things are; the chance of an answer up to cut k is expit(cut_k − base).
    n : int
        Responses they stand for.
    share : float
        Of all answered contacts.
    """

    weight: NDArray[np.float64]
    level: NDArray[np.float64]
    base: tuple[NDArray[np.float64], ...]
    n: int
    share: float = 1.0


@dataclass(frozen=True, eq=False)
class Population:
    """Fitted models and the points on which a what-if is computed.

    Attributes
    ----------
    outcome : str
    readings : tuple of Reading
        The outcome first.
    levers : tuple of LeverForm
    models : tuple of MomentModel
        In the order of the moments; the within model of a moment first.
    covariance : array, shape (p, p)
        Joint, cluster-robust, of all coefficients of all models.
    n_clusters : int
    conf_level : float
    points : Points
    segments : mapping of str to mapping of str to Points
        By column of the case mix and level.
    is_better_above : bool
        Whether a higher outcome is the better one.
    """

    outcome: str
    readings: tuple[Reading, ...]
    levers: tuple[LeverForm, ...]
    models: tuple[MomentModel, ...]
    covariance: NDArray[np.float64]
    n_clusters: int
    conf_level: float
    points: Points
    segments: Mapping[str, Mapping[str, Points]] = field(default_factory=dict)
    is_better_above: bool = True

    def place(self, lever: str) -> int:
        """Column of a lever in the points' levels."""
        return [form.lever.name for form in self.levers].index(lever)

    def to_plain(self, *, segments: bool = False) -> dict[str, Any]:
        """As nested lists and numbers that JSON holds, from which a page computes what-ifs of its own.

        Parameters
        ----------
        segments : bool
            The points of the segments as well.
        """
        return plain_form(self, segments=segments)


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
    rows = _rows_of(sample, fitted)
    bases = {name: basis for model in fitted for name, basis in _bases(model.design, model.levers).items()}
    forms = tuple(_form(basis, rows.level[:, j], rows.weight) for j, basis in enumerate(bases.values()))
    points = gather_points(rows, forms)
    models, influence = _models(fitted, points, list(bases.values()), readings, sample.coding.n_clusters)
    models, covariance = _with_kappas(models, fitted, covariance_of(influence))
    return Population(
        outcome=sample.outcome.name,
        readings=readings,
        levers=forms,
        models=models,
        covariance=covariance,
        n_clusters=sample.coding.n_clusters,
        conf_level=conf_level,
        points=points,
        segments=_segments(rows, forms, sample),
        is_better_above=scale.higher_is_better or sample.outcome.is_top_two,
    )


def readings_of(sample: Sample, scale: Scale) -> tuple[Reading, ...]:
    """The outcome itself, and what else its categories tell."""
    outcome, values = sample.outcome, np.asarray(sample.values)
    name = {"csat": "csat_mean", "ces": "ces_mean"}.get(outcome.name, outcome.name)
    found = [Reading(name, outcome.unit, sample.values)]
    if outcome.name == "csat":
        is_best = values >= scale.high - 1 if scale.higher_is_better else values <= scale.low + 1
        found.append(Reading("csat_top2box", "percentage points", tuple((100.0 * is_best).tolist())))
    if outcome.name == "nps":
        found.append(Reading("promoters", "percentage points", tuple((100.0 * (values > 0)).tolist())))
        found.append(Reading("detractors", "percentage points", tuple((100.0 * (values < 0)).tolist())))
    return tuple(found)


@dataclass(frozen=True)
class PopulationRows:
    """The answered contacts before they are grouped: of a segment, or all.

    Attributes
    ----------
    weight : array, shape (n,)
    level : array, shape (n, levers)
    base : tuple of array, one per model
    codes : mapping of str to int array
        Of the case mix.
    """

    weight: NDArray[np.float64]
    level: NDArray[np.float64]
    base: tuple[NDArray[np.float64], ...]
    codes: Mapping[str, NDArray[np.int64]]

    def where(self, is_kept: NDArray[np.bool_]) -> PopulationRows:
        """Only these rows."""
        return PopulationRows(self.weight[is_kept], self.level[is_kept], tuple(b[is_kept] for b in self.base), {})


def gather_points(
    rows: PopulationRows, forms: Sequence[LeverForm], max_groups: int = MAX_GROUPS, min_contacts: int = MIN_CONTACTS
) -> Points:
    """Group rows that are alike in their levers and in what the models expect of them.

    A group becomes two points of its mean levels, one standard deviation below and above its mean linear predictor: the
    expected score is a curve in it, so that a mean alone would make every effect a little too large.
    """
    counts = np.array([form.lever.shape == "count" for form in forms])
    apart = np.where(counts, np.minimum(np.rint(rows.level), COUNTED_TO + 1), rows.level > 0).astype(np.int64)
    expected = np.hstack([base.mean(axis=1, keepdims=True) for base in rows.base])
    group: NDArray[np.int64] = group_alike(
        apart, np.hstack([LEVEL_COUNTS * _standard(rows.level), _standard(expected)]), max_groups, min_contacts
    )
    weight = np.bincount(group, rows.weight).astype(float)
    level = _means(group, rows.weight, weight, rows.level)
    level = np.where(counts & (level <= COUNTED_TO), np.rint(level), level)
    means = [_means(group, rows.weight, weight, base) for base in rows.base]
    squares = [
        _means(group, rows.weight, weight, (base - mean[group]) ** 2)
        for base, mean in zip(rows.base, means, strict=True)
    ]
    return Points(
        weight=np.tile(weight / weight.sum() / 2, 2),
        level=np.tile(level, (2, 1)),
        base=tuple(
            np.vstack([mean - np.sqrt(square), mean + np.sqrt(square)])
            for mean, square in zip(means, squares, strict=True)
        ),
        n=len(group),
    )


def _standard(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = columns.std(axis=0)
    return np.asarray((columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _means(
    group: NDArray[np.int64], weight: NDArray[np.float64], total: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.column_stack([np.bincount(group, weight * column) / total for column in columns.T])


def _segments(rows: PopulationRows, forms: Sequence[LeverForm], sample: Sample) -> dict[str, dict[str, Points]]:
    found: dict[str, dict[str, Points]] = {}
    for column, labels in sample.coding.levels.items():
        codes = rows.codes[column]
        large = [code for code in range(-1, len(labels) - 1) if (codes == code).sum() >= MIN_SEGMENT_RESPONSES]
        if len(large) > 1:
            found[column] = {labels[code + 1]: _segment(rows, codes == code, forms) for code in large}
    return found


def _segment(rows: PopulationRows, is_inside: NDArray[np.bool_], forms: Sequence[LeverForm]) -> Points:
    points = gather_points(rows.where(is_inside), forms, MAX_SEGMENT_GROUPS)
    return replace(points, share=float(rows.weight[is_inside].sum() / rows.weight.sum()))


def _form(basis: Basis, level: NDArray[np.float64], weight: NDArray[np.float64]) -> LeverForm:
    low, high = np.quantile(level, SUPPORT)
    return LeverForm(basis, float(np.average(level, weights=weight)), float(low), float(high))


def _bases(design: Design, levers: Sequence[Lever]) -> dict[str, Basis]:
    known = {basis.lever.name: basis for basis in design.bases}
    return {lever.name: known[lever.name] for lever in levers}


def _models(
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
        coefficients = {name: _coefficients(model.fit, at) for name, at in columns.items()}
        influence = _influence(model, list(columns.values()), n_clusters)
        cuts = model.fit.parameters[: model.n_cuts]
        here = MomentModel(model.moment, model.rung, None, cuts, coefficients, first, {})
        remainders: dict[str, Remainder] = {}
        rest: list[NDArray[np.float64]] = []
        for lever, effects in zip(model.levers, model.effects, strict=True):
            basis = _bases(model.design, [lever])[lever.name]
            gradient, per_unit = _unit_gradient(here, basis, level[lever.name], points.weight, base, gaps)
            at = here.place(lever.name)
            own = influence[:, at.start - first : at.stop - first] @ gradient
            remainders[lever.name] = Remainder(first + influence.shape[1] + len(rest), per_unit)
            rest.append(effects.influence[:, 0] / effects.step[0] - own)
        models.append(replace(here, remainders=remainders))
        influences += [influence, np.column_stack(rest)]
        first += influence.shape[1] + len(rest)
    return tuple(models), np.hstack(influences)


def _with_kappas(
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
    slope = basis.raw(level)[1] / basis.scale
    less = slope @ coefficients if basis.lever.shape == "count" else 0.0  # a unit is taken away
    tails = expit(model.cuts - (base - less))
    by_cut = (weight * level)[:, None] * tails * (1 - tails) / (weight @ level)
    parts = slope.T @ (by_cut * gaps[0])
    gradient = parts if coefficients.shape[1] > 1 else parts.sum(axis=1, keepdims=True)
    sizes = gaps @ by_cut.sum(axis=0)
    return gradient.ravel(), sizes / sizes[0]


def _coefficients(fit: OrdinalFit, columns: slice) -> NDArray[np.float64]:
    by_cut = fit.coefficients_of(columns)
    return by_cut if isinstance(fit, PartialOddsFit) else by_cut[:, :1]


def _influence(model: FittedModel, columns: Sequence[slice], n_clusters: int) -> NDArray[np.float64]:
    """Each cluster's influence on the levers' coefficients, shape (n_clusters, coefficients)."""
    gradients = [gradient for at in columns for gradient in _gradients(model, at)]
    directions = model.fit.inverse.matrix @ np.array(gradients).T
    parts = partial(_no_own_parts, model=model, m=len(gradients))
    return cluster_influence(model.rows.sweep, parts, model.fit, directions, n_clusters)


def _gradients(model: FittedModel, columns: slice) -> list[NDArray[np.float64]]:
    """Of each coefficient of some columns by the parameters: column by column, cut by cut."""
    width, n_cuts = columns.stop - columns.start, model.n_cuts
    found = []
    for j in range(width):
        for k in range(n_cuts if isinstance(model.fit, PartialOddsFit) else 1):
            unit = np.zeros((width, n_cuts))
            unit[j, k] = 1.0
            found.append(model.fit.pull_back_of(columns, unit))
    return found


def _no_own_parts(batch: pa.RecordBatch, model: FittedModel, m: int) -> tuple[Rows, Any, NDArray[np.float64]]:
    rows = model.rows.make_rows(batch)
    return rows, model.fit.predictors(rows), np.zeros((len(rows.outcome), m))


def _rows_of(sample: Sample, fitted: Sequence[FittedModel]) -> PopulationRows:
    """The responses that tell everything that any of the models needs."""
    needed = {basis.lever.name for model in fitted for basis in model.design.bases}
    needed |= {WITNESS for model in fitted if model.rung == "beside"}
    rows = sample.session.materialize(sample.rows.filter(*(sample.rows[name].notnull() for name in sorted(needed))))
    levers = list(dict.fromkeys(lever.name for model in fitted for lever in model.levers))
    fold = _RowFold(fitted, levers, tuple(sample.coding.levels), max(1, -(-sample.n // MAX_ROWS)))
    return sample.session.fold(rows, fold)


class _RowFold:
    """Fold: levels, weights and linear predictors of the rows, or of every so-many-th of each batch."""

    def __init__(
        self, fitted: Sequence[FittedModel], levers: Sequence[str], codes: tuple[str, ...], every: int
    ) -> None:
        self._fitted = fitted
        self._levers = levers
        self._codes = codes
        self._every = every

    def zero(self) -> list[PopulationRows]:
        return []

    def step(self, state: list[PopulationRows], batch: pa.RecordBatch) -> list[PopulationRows]:
        if not len(batch):
            return state
        kept = slice(None, None, self._every)
        numbers = {name: batch.column(name).to_numpy(zero_copy_only=False)[kept] for name in ("weight", *self._levers)}
        level = np.column_stack([numbers[name] for name in self._levers])
        codes = {name: batch.column(_code_column(name)).to_numpy(zero_copy_only=False)[kept] for name in self._codes}
        base = tuple(_base(model, batch)[kept] for model in self._fitted)
        return [*state, PopulationRows(numbers["weight"], level, base, codes)]

    def merge(self, left: list[PopulationRows], right: list[PopulationRows]) -> list[PopulationRows]:
        return left + right

    def finish(self, state: list[PopulationRows]) -> PopulationRows:
        return PopulationRows(
            weight=np.concatenate([part.weight for part in state]),
            level=np.concatenate([part.level for part in state]),
            base=tuple(np.concatenate(parts) for parts in zip(*(part.base for part in state), strict=True)),
            codes={name: np.concatenate([part.codes[name] for part in state]) for name in self._codes},
        )


def _code_column(name: str) -> str:
    return f"control_{name}"


def _base(model: FittedModel, batch: pa.RecordBatch) -> NDArray[np.float64]:
    """Linear predictor of each row, shape (n, 1 or cuts)."""
    rows = model.design.make_rows(batch)
    base = model.fit.parameters[: model.n_cuts] - model.fit.predictors(rows)
    return base if isinstance(model.fit, PartialOddsFit) else base[:, :1]
