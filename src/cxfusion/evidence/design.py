"""From numeric rows to the columns of a model: lever bases, their projections, and controls as codes.

What was learned from the data (knots, centres, projection) is frozen here and travels with the fit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.estimators.absorb import AbsorbRows, Projection
from cxfusion.estimators.effects import LeverRows, LeverTerm
from cxfusion.estimators.rows import Indicators, Rows
from cxfusion.estimators.splines import restricted_cubic_spline

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.sample import LeverFacts

__all__ = ["Basis", "Design", "learn_basis"]


@dataclass(frozen=True)
class Basis:
    """How a lever enters a model.

    Attributes
    ----------
    lever : Lever
    knots : tuple of float
        Of the spline; empty for other shapes.
    centre, scale : arrays, shape (width,)
        Columns are centred and scaled for the digits' sake; effects do not depend on it.
    """

    lever: Lever
    knots: tuple[float, ...]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]

    @property
    def width(self) -> int:
        """Columns of the basis."""
        return len(self.centre)

    def raw(self, level: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Basis columns and their slopes before centring and scaling, shapes (n, width)."""
        return _raw_basis(self.lever, self.knots, level)

    def value(self, level: NDArray[np.float64]) -> NDArray[np.float64]:
        """Basis columns, shape (n, width)."""
        return (self.raw(level)[0] - self.centre) / self.scale

    def straight(self) -> Basis:
        """The same lever as one straight line."""
        return Basis(replace(self.lever, shape="linear"), (), self.centre[:1], self.scale[:1])

    def of(self, batch: pa.RecordBatch) -> NDArray[np.float64]:
        """Basis columns of a batch, shape (n, width)."""
        return self.value(_numbers(batch, self.lever.name))

    def rows_of(self, batch: pa.RecordBatch) -> LeverRows:
        """What the effect estimator needs of a batch."""
        return self.rows(_numbers(batch, self.lever.name))

    def rows(self, level: NDArray[np.float64]) -> LeverRows:
        """What the effect estimator needs of this lever."""
        slope = self.raw(level)[1] / self.scale
        is_count = self.lever.shape == "count"
        return LeverRows(level, slope, self.value(level - 1) if is_count else None)


def learn_basis(lever: Lever, facts: LeverFacts) -> Basis:
    """Knots, centre and scale of a lever; a spline whose knots coincide becomes a straight line."""
    knots: tuple[float, ...] = ()
    if lever.shape == "spline" and len(facts.knots) >= 3 and (np.diff(facts.knots) > 0).all():
        knots = facts.knots
    typical, _ = _raw_basis(lever, knots, np.array([facts.mean]))
    ends, _ = _raw_basis(lever, knots, np.array([0.0, max(facts.knots[-1] if facts.knots else 0.0, facts.mean, 1e-9)]))
    return Basis(lever, knots, centre=typical[0], scale=np.maximum(np.abs(ends[1] - ends[0]), 1e-9))


def _raw_basis(
    lever: Lever, knots: tuple[float, ...], level: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if knots:
        return restricted_cubic_spline(level, knots)
    if lever.shape == "log1p":
        return np.log1p(level)[:, None], (1 / (1 + level))[:, None]
    return level[:, None], np.ones((len(level), 1))


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

    def terms(self, levers: Sequence[str]) -> list[LeverTerm]:
        """Terms of some levers, for the effect estimator."""
        by_name = {basis.lever.name: basis for basis in self.bases}
        return [
            LeverTerm(self.columns(name), by_name[name].lever.step, by_name[name].value(np.zeros(1))[0])
            for name in levers
        ]

    def make_rows(self, batch: pa.RecordBatch) -> Rows:
        """Rows of the model."""
        dense = self._bases_of(batch)
        if self.projection is not None:
            dense = np.hstack([dense, self.projection.predict(self.absorbed(batch), dense[:, :0])])
        return Rows(
            dense, _indicators(batch, self.controls), _codes(batch, "y"), _numbers(batch, "weight"),
            _codes(batch, "cluster"),
        )  # fmt: skip

    def make_levers(self, batch: pa.RecordBatch, levers: Sequence[str]) -> list[LeverRows]:
        """Levels and slopes of some levers."""
        by_name = {basis.lever.name: basis for basis in self.bases}
        return [by_name[name].rows_of(batch) for name in levers]

    def make_absorbed(self, batch: pa.RecordBatch) -> AbsorbRows:
        """Rows of the projection: basis columns on groups and controls."""
        dense = self._bases_of(batch)
        return AbsorbRows(dense, self.absorbed(batch), dense[:, :0], _numbers(batch, "weight"))

    def _bases_of(self, batch: pa.RecordBatch) -> NDArray[np.float64]:
        none = np.empty((len(batch), 0))
        return np.hstack([none, *(basis.of(batch) for basis in self.bases)])

    def absorbed(self, batch: pa.RecordBatch) -> Indicators:
        """Codes of the absorbed groupings, then of the controls."""
        return _indicators(batch, (*self.groups, *self.controls))


def _indicators(batch: pa.RecordBatch, groupings: tuple[tuple[str, int], ...]) -> Indicators:
    shown = [(name, width) for name, width in groupings if width]
    codes = [_codes(batch, name) for name, _ in shown]
    stacked = np.column_stack(codes) if codes else np.empty((len(batch), 0), dtype=np.int64)
    return Indicators(stacked, tuple(width for _, width in shown))


def _numbers(batch: pa.RecordBatch, name: str) -> NDArray[np.float64]:
    return batch.column(name).to_numpy(zero_copy_only=False)


def _codes(batch: pa.RecordBatch, name: str) -> NDArray[np.int64]:
    return batch.column(name).to_numpy(zero_copy_only=False)
