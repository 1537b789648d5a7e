"""The answered contacts behind a population: read once from the sample, before they become points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from cxfusion.estimators.partial_odds import PartialOddsFit
from cxfusion.evidence.difficulty import WITNESS
from cxfusion.evidence.sample import order_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.influence import OrdinalFit
    from cxfusion.estimators.rows import RowMaker
    from cxfusion.evidence.coding import Coding
    from cxfusion.evidence.ladder import FittedModel
    from cxfusion.evidence.sample import Sample

    _Part: TypeAlias = tuple[NDArray[np.int64], "PopulationRows"]

__all__ = ["PopulationRows", "made_of_rows"]

Answer = TypeVar("Answer")


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


def made_of_rows(sample: Sample, fitted: Sequence[FittedModel], make: Callable[[PopulationRows], Answer]) -> Answer:
    """What is made of the responses that tell everything that any of the models needs; of a part where they are many.

    It is made where they live.
    """
    needed = {basis.lever.name for model in fitted for basis in model.design.bases}
    needed |= {WITNESS for model in fitted if model.rung == "beside"}
    rows = sample.part_of(sample.rows_that_tell(needed))
    levers = list(dict.fromkeys(lever.name for model in fitted for lever in model.levers))
    made: Answer = sample.session.fold(rows, _RowFold(fitted, levers, sample.coding, sample.values, make))
    return made


class _RowFold:
    """Fold: what is made of levels, weights and linear predictors of the rows, in the sample's order.

    Rows that are alike are told apart by their order, and each engine gives its rows in another.
    """

    holds_rows = True

    def __init__(
        self,
        fitted: Sequence[FittedModel],
        levers: Sequence[str],
        coding: Coding,
        values: Sequence[float],
        make: Callable[[PopulationRows], Any],
    ) -> None:
        self._make = make
        # not the models themselves, which hold the session: a fold may have to travel
        self._bases = [
            partial(_base, make_rows=m.design.make_rows, fit=m.fit, n_cuts=m.n_cuts, places=m.cuts_among(values))
            for m in fitted
        ]
        self._levers = levers
        self._codes = tuple(coding.levels)
        self._order = order_of(coding)

    def zero(self) -> list[_Part]:
        return []

    def step(self, state: list[_Part], batch: pa.RecordBatch) -> list[_Part]:
        if not len(batch):
            return state
        order = np.stack([batch.column(name).to_numpy(zero_copy_only=False) for name in self._order])
        numbers = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in ("weight", *self._levers)}
        level = np.column_stack([numbers[name] for name in self._levers])
        codes = {name: batch.column(_code_column(name)).to_numpy(zero_copy_only=False) for name in self._codes}
        base = tuple(base_of(batch) for base_of in self._bases)
        return [*state, (order, PopulationRows(numbers["weight"], level, base, codes))]

    def merge(self, left: list[_Part], right: list[_Part]) -> list[_Part]:
        return left + right

    def finish(self, state: list[_Part]) -> Any:
        place = np.lexsort(np.hstack([order for order, _ in state])[::-1])
        parts = [part for _, part in state]
        rows = PopulationRows(
            weight=np.concatenate([part.weight for part in parts])[place],
            level=np.concatenate([part.level for part in parts])[place],
            base=tuple(np.concatenate(bases)[place] for bases in zip(*(part.base for part in parts), strict=True)),
            codes={name: np.concatenate([part.codes[name] for part in parts])[place] for name in self._codes},
        )
        return self._make(rows)


def _code_column(name: str) -> str:
    return f"control_{name}"


def _base(
    batch: pa.RecordBatch, make_rows: RowMaker, fit: OrdinalFit, n_cuts: int, places: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Linear predictor of each row, shape (n, 1 or cuts); ``places`` as of :meth:`FittedModel.cuts_among`."""
    base = fit.parameters[:n_cuts] - fit.predictors(make_rows(batch))
    if not isinstance(fit, PartialOddsFit):
        return base[:, :1]
    return base if n_cuts == len(places) else base[:, places.clip(0, n_cuts - 1)]
