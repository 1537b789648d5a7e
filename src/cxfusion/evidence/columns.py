"""Columns of all models of some rows, each computed once: a model is then a choice among them.

A design makes its rows of these as it does of a record batch, which is what it gets where rows may not be kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.effect_averages import LeverRows
    from cxfusion.estimators.rows import Indicators
    from cxfusion.evidence.design import Basis, Design

__all__ = ["Columns", "Groupings", "Key", "Source", "are_one_piece", "columns_of", "levers_of", "numbers_of"]

Key: TypeAlias = "tuple[Hashable, ...]"
"""What tells a basis from others."""
Groupings: TypeAlias = "tuple[tuple[str, int], ...]"


@dataclass(frozen=True)
class Columns:
    """Columns of some rows.

    Attributes
    ----------
    dense : array, shape (p or 2p, n)
        Of every basis; then their projections, where the design has them.
    places : mapping of Key to slice
        Where each basis stands.
    numbers : mapping of str to array
        The levels of the levers, the weight, and the codes of answer and cluster.
    levers : mapping of Key to LeverRows
        What the effects need of the levers asked about.
    controls : Indicators
    """

    dense: NDArray[np.float64]
    places: Mapping[Key, slice]
    numbers: Mapping[str, NDArray[Any]]
    levers: Mapping[Key, LeverRows]
    controls: Indicators

    @property
    def n_bytes(self) -> int:
        """About how much memory they take."""
        of_levers = [one.slope for one in self.levers.values()]
        of_levers += [one.one_less for one in self.levers.values() if one.one_less is not None]
        return self.controls.n_bytes + sum(array.nbytes for array in (self.dense, *self.numbers.values(), *of_levers))

    def __len__(self) -> int:
        return int(self.dense.shape[1])

    def of(self, bases: Sequence[Basis], *, projected: bool = False) -> NDArray[np.float64]:
        """The columns of some bases, and then their projections, shape (n, columns), each in one piece."""
        places = [self.places[basis.key] for basis in bases]
        if projected:
            half = len(self.dense) // 2
            places += [slice(half + at.start, half + at.stop) for at in places]
        if are_one_piece(places):
            chosen = self.dense[places[0].start : places[-1].stop] if places else self.dense[:0]
        else:
            chosen = np.vstack([self.dense[at] for at in places])
        return chosen.T


def are_one_piece(places: Sequence[slice | range]) -> bool:
    """Whether some columns stand one after the other, and nothing between them."""
    return all(one.stop == other.start for one, other in pairwise(places))


Source: TypeAlias = "pa.RecordBatch | Columns"
"""What a design makes its rows of."""


def numbers_of(batch: Source, name: str) -> NDArray[Any]:
    """A column of numbers or codes, as it is."""
    if isinstance(batch, Columns):
        return batch.numbers[name]
    column: NDArray[Any] = batch.column(name).to_numpy(zero_copy_only=False)
    return column


def columns_of(batch: pa.RecordBatch, design: Design, asked: Sequence[Basis]) -> Columns:
    """All columns of a design, and what the effects need of some of its bases."""
    places, start = {}, 0
    for basis in design.bases:
        places[basis.key] = slice(start, start + basis.width)
        start += basis.width
    names = dict.fromkeys(["weight", "y", "cluster", *(basis.lever.name for basis in design.bases)])
    rows = design.make_rows(batch)
    return Columns(
        dense=np.ascontiguousarray(rows.dense.T),
        places=places,
        numbers={name: numbers_of(batch, name) for name in names},
        levers={basis.key: basis.rows_of(batch) for basis in asked},
        controls=rows.groups,
    )


def levers_of(batch: Source, bases: Sequence[Basis]) -> list[LeverRows]:
    """What the effects need of the levers that some bases are of."""
    if isinstance(batch, Columns):
        return [batch.levers[basis.key] for basis in bases]
    return [basis.rows_of(batch) for basis in bases]
