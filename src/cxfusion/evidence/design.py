"""From numeric rows to the columns of a model: lever bases, their projections, and controls as codes.

What was learned from the data (knots, centres, projection) is frozen here and travels with the fit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from cxfusion.estimators.effect_averages import LeverRows, LeverTerm
from cxfusion.estimators.rows import Indicators, Rows
from cxfusion.estimators.splines import spline_slopes, spline_values
from cxfusion.evidence.columns import Columns, numbers_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.absorb import Projection
    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.coding import Coding
    from cxfusion.evidence.columns import Groupings, Key, Source
    from cxfusion.evidence.lever_facts import LeverFacts

__all__ = ["Basis", "Design", "learn_basis", "turn_of"]

N_SEEN: Final = 101
SAME_BELOW: Final = 1e-8


@dataclass(frozen=True)
class Basis:
    """How a lever enters a model.

    Attributes
    ----------
    lever : Lever
    knots : tuple of float
        Of the spline; empty for other shapes.
    centre : array, shape (raw columns,)
    turn : array, shape (raw columns, width)
        Columns are centred and turned until none looks like another, for the digits' sake; effects do not depend on
        it. The first one stays straight.
    """

    lever: Lever
    knots: tuple[float, ...]
    centre: NDArray[np.float64]
    turn: NDArray[np.float64]

    @property
    def key(self) -> Key:
        """What tells it from other bases."""
        kind, lever = type(self).__name__, self.lever
        return (kind, lever.name, lever.shape, self.knots, self.centre.tobytes(), self.turn.tobytes())

    @property
    def width(self) -> int:
        """Columns of the basis."""
        return int(self.turn.shape[1])

    @property
    def first_unit(self) -> float:
        """What the first column counts as one, in the lever's unit (in its log for ``log1p``)."""
        return 1 / float(self.turn[0, 0])

    def raw(self, level: NDArray[np.float64]) -> NDArray[np.float64]:
        """Columns before they are centred and turned, shape (raw columns, n)."""
        return _raw_basis(self.lever, self.knots, level)

    def raw_slope(self, level: NDArray[np.float64]) -> NDArray[np.float64]:
        """Their slopes, shape (raw columns, n)."""
        return _raw_slope(self.lever, self.knots, level)

    def value(self, level: NDArray[np.float64], out: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Basis columns, shape (n, width); each stands in one piece in memory, in ``out`` where that is given."""
        return np.asarray(np.matmul(self.turn.T, self.raw(level) - self.centre[:, None], out=out)).T

    def slope(self, level: NDArray[np.float64]) -> NDArray[np.float64]:
        """Slopes of the basis columns, shape (n, width)."""
        return np.asarray(self.turn.T @ self.raw_slope(level)).T

    def straight(self) -> Basis:
        """The same lever as one straight line."""
        return Basis(replace(self.lever, shape="linear"), (), self.centre[:1], self.turn[:1, :1])

    def of(self, batch: pa.RecordBatch, out: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Basis columns of a batch, as :meth:`value` gives them."""
        return self.value(numbers_of(batch, self.lever.name), out)

    def rows_of(self, batch: pa.RecordBatch) -> LeverRows:
        """What the effect estimator needs of a batch."""
        return self.rows(numbers_of(batch, self.lever.name))

    def rows(self, level: NDArray[np.float64]) -> LeverRows:
        """What the effect estimator needs of this lever."""
        is_count = self.lever.shape == "count"
        return LeverRows(level, self.slope(level), self.value(level - 1) if is_count else None)


def learn_basis(lever: Lever, facts: LeverFacts, *, few_knots: bool = False) -> Basis:
    """Knots, centre and turn of a lever; a spline with fewer than three different knots becomes a straight line.

    Parameters
    ----------
    lever : Lever
    facts : LeverFacts
    few_knots : bool
        Three instead of five, where there is little to tell bends by.
    """
    known = facts.few_knots if few_knots else facts.knots
    places = sorted(set(known)) if lever.shape == "spline" else []
    knots = tuple(places) if len(places) >= 3 else ()
    reach = np.array([0.0, *facts.knots, max(facts.high, facts.mean, 1e-9)])
    seen = np.interp(np.linspace(0, 1, N_SEEN), np.linspace(0, 1, len(reach)), reach)
    typical = _raw_basis(lever, knots, np.array([facts.mean]))[:, 0]
    return Basis(lever, knots, typical, turn_of(_raw_basis(lever, knots, seen).T))


def turn_of(seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """What turns some columns until none looks like another where they were seen; the first stays what it is.

    Columns that say nothing beyond those before them are left out.
    """
    apart = seen - seen.mean(axis=0)
    triangle = np.linalg.qr(apart)[1]
    told = np.abs(np.diag(triangle)) > SAME_BELOW * np.linalg.norm(apart, axis=0)
    told[0] = True
    turn = np.zeros((seen.shape[1], int(told.sum())))
    # signs are QR's own choice: columns that grow with the lever read better
    sizes = np.diag(np.sign(np.diag(triangle)[told])) * np.sqrt(len(seen))
    turn[told] = np.linalg.inv(triangle[np.ix_(told, told)]) @ sizes
    return turn


def _raw_basis(lever: Lever, knots: tuple[float, ...], level: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.log1p(level) if lever.shape == "log1p" else level
    return spline_values(x, knots) if knots else x[None, :]


def _raw_slope(lever: Lever, knots: tuple[float, ...], level: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.log1p(level) if lever.shape == "log1p" else level
    slope = spline_slopes(x, knots) if knots else np.ones((1, len(x)))
    return slope / (1 + level) if lever.shape == "log1p" else slope


@dataclass(frozen=True)
class Design:
    """Columns of one model.

    Attributes
    ----------
    bases : tuple of Basis
        Their columns come first, in this order.
    controls : tuple of (str, int)
        Code column and number of indicator columns.
    groups : tuple of (str, int)
        Code column and levels of the absorbed groupings.
    projection : Projection, optional
        With it, every basis column is followed by its projection on groups and controls (the within rung).
    """

    bases: tuple[Basis, ...]
    controls: tuple[tuple[str, int], ...] = ()
    groups: tuple[tuple[str, int], ...] = ()
    projection: Projection | None = None

    @classmethod
    def within(cls, bases: Iterable[Basis], coding: Coding) -> Design:
        """Some bases with all that the within rung holds equal, not yet projected."""
        return cls(tuple(bases), tuple(coding.controls.items()), tuple(coding.groups.items()))

    @property
    def width(self) -> int:
        """Basis columns, projections not counted."""
        return sum(basis.width for basis in self.bases)

    @property
    def n_dense(self) -> int:
        """Columns of the model before its controls: the bases, and their projections."""
        return self.width if self.projection is None else 2 * self.width

    def projected(self, projection: Projection) -> Design:
        """The same design with the projection columns added."""
        return replace(self, projection=projection)

    def columns(self, lever: str) -> slice:
        """Where a lever's basis stands among the dense columns."""
        start = 0
        for basis in self.bases:
            if basis.lever.name == lever:
                return slice(start, start + basis.width)
            start += basis.width
        raise KeyError(lever)

    def bases_of(self, levers: Sequence[str]) -> list[Basis]:
        """The bases of some levers."""
        by_name = {basis.lever.name: basis for basis in self.bases}
        return [by_name[name] for name in levers]

    def terms(self, levers: Sequence[str]) -> list[LeverTerm]:
        """Terms of some levers, for the effect estimator."""
        bases = self.bases_of(levers)
        return [LeverTerm(self.columns(one.lever.name), one.lever.step, one.value(np.zeros(1))[0]) for one in bases]

    def make_rows(self, batch: Source) -> Rows:
        """Rows of the model."""
        numbers = (numbers_of(batch, name) for name in ("y", "weight", "cluster"))
        return Rows(self._dense(batch), self.indicators(batch, self.controls), *numbers)

    def basis_columns(self, batch: Source) -> NDArray[np.float64]:
        """Columns of all bases, shape (n, width)."""
        if isinstance(batch, Columns):
            return batch.of(self.bases)
        return self._made(batch, self.width).T

    def absorbed(self, batch: Source) -> Indicators:
        """Codes of the absorbed groupings, then of the controls."""
        return self.indicators(batch, (*self.groups, *self.controls))

    def indicators(self, batch: Source, groupings: Groupings) -> Indicators:
        """Codes of some groupings; those without a column are left out."""
        if groupings and isinstance(batch, Columns):
            return batch.controls
        return Indicators.named(groupings, partial(numbers_of, batch), len(batch))

    def _dense(self, batch: Source) -> NDArray[np.float64]:
        if self.projection is None:
            return self.basis_columns(batch)
        if isinstance(batch, Columns):
            return batch.of(self.bases, projected=True)
        columns = self._made(batch, 2 * self.width)
        columns[self.width :] = self.projection.predict(self.absorbed(batch)).T
        return columns.T

    def _made(self, batch: pa.RecordBatch, height: int) -> NDArray[np.float64]:
        """Columns of all bases, as the first rows of an array of some height."""
        columns, start = np.empty((height, len(batch))), 0
        for basis in self.bases:
            stop = start + basis.width
            basis.of(batch, columns[start:stop])
            start = stop
        return columns
