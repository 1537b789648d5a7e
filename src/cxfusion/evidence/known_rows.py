"""The rows of the models of one or more moments: every column is made once and serves all fits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.estimators.held import ModelRows, is_in_memory, keep_parts, may_keep, model_rows
from cxfusion.estimators.moments import gather_moments
from cxfusion.estimators.within import within_groups
from cxfusion.evidence.columns import are_one_piece, columns_of, levers_of, numbers_of
from cxfusion.evidence.linear import LinearDesign
from cxfusion.evidence.robustness import YARDSTICK

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from cxfusion.estimators.absorb import Projection
    from cxfusion.estimators.moments import LinearRows
    from cxfusion.estimators.within import Within
    from cxfusion.evidence.design import Basis, Design
    from cxfusion.fold import Sweep

__all__ = ["KnownRows", "know_rows"]


@dataclass(frozen=True)
class KnownRows:
    """Rows of all models of some moments.

    Attributes
    ----------
    design : Design
        Every basis that one of the models needs.
    sweep : Sweep
        Over :class:`Columns`; over record batches, where rows may not be kept.
    values : tuple of float
        What each answer of these rows counts.
    held : Within
        The score, the bases and their straight lines with groups and controls held fixed. A column's projection and its
        residual are the same whatever stands beside it, so one gathering serves all models.
    part : KnownRows or None
        Those of the part that stands for all where nothing is estimated, with the same columns; None: there is none.
    """

    design: Design
    sweep: Sweep
    values: tuple[float, ...]
    held: Within
    part: KnownRows | None = None

    def model(self, design: Design, asked: Sequence[Basis]) -> ModelRows:
        """The rows of one of the models, and of the levers whose effects are asked of it."""
        return ModelRows(self.sweep, design.make_rows, partial(levers_of, bases=asked))

    def side_by_side(self, design: Design, asked: Sequence[Basis]) -> ModelRows:
        """The same with the model's columns brought together once, for the many sweeps of a fit and its effects.

        Not where rows are in a file already: a second file would push the first out of what the system caches.
        """
        model = self.model(design, asked)
        if self._stand_together(design) or not is_in_memory(self.sweep):
            return model
        return model_rows(model.sweep, model.make_rows, model.make_levers, part_rows=None)

    def projection(self, design: Design) -> Projection:
        """The projection of a design's bases on groups and controls."""
        return self.held.projection.of_columns([place for basis in design.bases for place in self._places(basis)])

    @cached_property
    def without_reason(self) -> Within:
        """The same as ``held``, but for the kind of case, which is not held fixed."""
        names = LinearDesign(self.design, ()).groupings
        if YARDSTICK not in names:
            return self.held
        return within_groups(self.held.moments, [at for at, name in enumerate(names) if name != YARDSTICK])

    def lines(self, bases: Sequence[Basis], held: Within | None = None) -> Within:
        """The score and the straight lines of some bases; with other groups held fixed where these are given."""
        bent = {basis.key: 1 + self.design.width + at for at, basis in enumerate(_bent(self.design))}
        places = [bent.get(basis.key, self._places(basis).start) for basis in bases]
        return (held or self.held).of_columns([0, *places])

    def _stand_together(self, design: Design) -> bool:
        """Whether a model's columns are one piece of those that are kept."""
        places = [self._places(basis) for basis in design.bases]
        if design.projection is not None:
            places += [range(self.design.width + at.start, self.design.width + at.stop) for at in places]
        return are_one_piece(places)

    def _places(self, basis: Basis) -> range:
        """Where a basis stands among the columns held fixed; the score is column 0."""
        start = 1
        for one in self.design.bases:
            if one.key == basis.key:
                return range(start, start + one.width)
            start += one.width
        raise KeyError(basis.lever.name)


def know_rows(
    sweep: Sweep, design: Design, asked: Sequence[Basis], values: tuple[float, ...], part: Sweep | None = None
) -> KnownRows:
    """Make every column of a design and its projection once.

    Parameters
    ----------
    sweep : Sweep
        Over record batches.
    design : Design
        Without its projection.
    asked : sequence of Basis
        Of the levers whose effects are asked about.
    values : tuple of float
        What each answer counts.
    part : Sweep, optional
        Over the part of the rows that stands for all of them where nothing is estimated.
    """
    held = within_groups(gather_moments(sweep, partial(_with_lines, linear=LinearDesign(design, values))))
    if may_keep(sweep):
        projected = design.projected(held.projection.of_columns(range(1, 1 + design.width)))
        make_columns = partial(columns_of, design=projected, asked=asked)
        sweep = keep_parts(sweep, make_columns)
        part = None if part is None else keep_parts(part, make_columns)
    few = None if part is None else KnownRows(design, part, values, held)
    return KnownRows(design, sweep, values, held, few)


def _bent(design: Design) -> list[Basis]:
    """Bases whose first column is not the lever itself."""
    return [basis for basis in design.bases if basis.lever.shape == "log1p"]


def _with_lines(batch: pa.RecordBatch, linear: LinearDesign) -> LinearRows:
    """The score, the bases, and a straight line for each basis that does not begin with one."""
    lines = [basis.straight().value(numbers_of(batch, basis.lever.name)) for basis in _bent(linear.design)]
    return linear.rows(batch, np.hstack(lines) if lines else None)
