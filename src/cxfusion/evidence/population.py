"""What a what-if needs of the evidence: the fitted models, and the contacts as a few hundred points, none of persons.

Points stand for groups of at least five answered contacts that were alike; no single contact can be read off.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxfusion.evidence.plain_form import plain_form

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.design import Basis

__all__ = ["COUNTED_TO", "LeverForm", "MomentModel", "Points", "Population", "Reading", "Remainder"]

COUNTED_TO: Final = 8
"""Counts up to here are kept apart, and taken away one by one."""


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
    degrees : float
        Of freedom, of Student's t for what changing it does.
    """

    basis: Basis
    mean: float
    low: float
    high: float
    degrees: float

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
    conf_level: float
    points: Points
    segments: Mapping[str, Mapping[str, Points]] = field(default_factory=dict)
    is_better_above: bool = True

    def place(self, lever: str) -> int:
        """Column of a lever in the points' levels."""
        return [form.lever.name for form in self.levers].index(lever)

    def mean_level(self, points: Points, lever: str) -> float:
        """Mean of a lever over all points or those of a segment."""
        return float(points.weight @ points.level[:, self.place(lever)])

    def to_plain(self, *, segments: bool = False) -> dict[str, Any]:
        """As nested lists and numbers that JSON holds, from which a page computes what-ifs of its own.

        Parameters
        ----------
        segments : bool
            The points of the segments as well.
        """
        return plain_form(self, segments=segments)
