"""What the log's margins leave of weighted answers: their figures vary by this residual alone (METHODS §2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import ibis
import numpy as np

from cxfusion.estimators.calibrated import Calibration, leverages, slopes_of
from cxfusion.estimators.rows import Indicators, Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir
    import pandas as pd
    from numpy.typing import NDArray

    from cxfusion.engine import Session
    from cxfusion.perception.scores import Reading

__all__ = ["GROUP", "WeightedAnswers", "add_residuals", "weighted_answers"]

GROUP: Final = "group_number"
MOST_ANSWERS: Final = 5_000_000
"""So many are held in memory; the errors of more take the weights as given."""
FEWEST_PER_MARGIN: Final = 2
MOST_LEVERAGE: Final = 0.5


@dataclass(frozen=True)
class WeightedAnswers:
    """Weighted answers as arrays.

    Attributes
    ----------
    rows : Rows
        The log's margins, the constant among them; clusters are customers.
    values : tuple of arrays, shape (n,)
        By figure, the number that each answer contributes.
    group : int array, shape (n,)
        As ``group_number`` counts them.
    """

    rows: Rows
    values: tuple[NDArray[np.float64], ...]
    group: NDArray[np.int64]

    def spread(self, i: int, *, by_group: bool, is_pairwise: bool = False) -> NDArray[np.float64]:
        """Sums of squares (or products) of a figure's residuals, each as if the margins were fitted without it.

        Residuals over one less their leverage are those of the jackknife (MacKinnon & White 1985, HC3): with few
        answers margins follow single ones, and plain residuals are too small.

        Returns
        -------
        array, shape (groups,) or (groups, groups)
            Of the whole: one group. nan where there are fewer than two answers for each margin.
        """
        group = self.group if by_group else np.zeros_like(self.group)
        k, weight = int(group.max()) + 1, self.rows.weight
        mean = np.bincount(group, weight * self.values[i], k) / np.bincount(group, weight, k)
        about = self.values[i] - mean[group]
        found = self._calibration.residuals(about, group, k, is_pairwise=is_pairwise)
        if len(group) < FEWEST_PER_MARGIN * found.n_margins:
            return np.full_like(found.products, np.nan)
        return found.products

    @cached_property
    def _calibration(self) -> Calibration:
        slopes = slopes_of(self.rows)
        without = self.rows.weight / (1 - np.minimum(leverages(self.rows, slopes), MOST_LEVERAGE))
        return Calibration(self.rows, without, slopes)


def weighted_answers(
    session: Session, answers: ir.Table, readings: Sequence[Reading], codes: Sequence[tuple[str, int]]
) -> WeightedAnswers | None:
    """Fetch weighted answers with their margins; None where there are none, or too many.

    Parameters
    ----------
    session : Session
    answers : ibis.Table
        Of :func:`answers_of` with weights, and ``group_number``, from 0.
    readings : sequence of Reading
    codes : sequence of (str, int)
        Columns of the margins and their widths.
    """
    shown = [(name, width) for name, width in codes if width]
    values = {f"value_{i}": reading.value(answers["score"]).cast("float64") for i, reading in enumerate(readings)}
    customer = ibis.dense_rank().over(order_by=answers["customer"])
    is_known = answers["customer"].notnull()
    wanted = answers.select(
        "weight",
        GROUP,
        *(name for name, _ in shown),
        "contact_id",
        "score",
        customer_number=customer,
        is_known=is_known,
        **values,
    )
    n = session.count(answers)
    if not 0 < n <= MOST_ANSWERS:
        return None
    in_order = wanted.order_by("contact_id", "score").drop("contact_id", "score")  # identifiers stay where they are
    found = session.collect(in_order)
    column = {name: found[name].to_numpy(zero_copy_only=False) for name in found.column_names}
    alone = np.where(column["is_known"], column["customer_number"], -1 - np.arange(n))
    rows = Rows(
        dense=np.ones((n, 1)),
        groups=Indicators.named(shown, column.__getitem__, n),
        outcome=np.zeros(n, dtype=np.int64),
        weight=column["weight"].astype(np.float64),
        cluster=np.unique(alone, return_inverse=True)[1],
    )
    by_figure = tuple(column[name].astype(np.float64) for name in values)
    return WeightedAnswers(rows, by_figure, column[GROUP].astype(np.int64))


def add_residuals(sums: pd.DataFrame, answers: WeightedAnswers | None, n_readings: int) -> pd.DataFrame:
    """The sums of :func:`sums_of`, by ``group_number``, with the residual's beside each figure's."""
    if answers is None:
        return sums
    is_whole = sums["is_whole"].to_numpy(bool)
    columns = {f"residual_{i}": np.full(len(sums), np.nan) for i in range(n_readings)}
    for i, column in enumerate(columns.values()):
        column[is_whole] = answers.spread(i, by_group=False)
        if GROUP in sums:
            column[~is_whole] = answers.spread(i, by_group=True)[sums.loc[~is_whole, GROUP].to_numpy(np.int64)]
    return sums.assign(**columns)
