"""What the log's margins leave of weighted answers: their figures vary by this residual alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from cxfusion.estimators.calibrated import CalibratedRows, calibration_residuals
from cxfusion.estimators.rows import Indicators, Rows
from cxfusion.tables.coding import number_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir
    import pandas as pd
    import pyarrow as pa

    from cxfusion.engine import Session
    from cxfusion.estimators.calibrated import Residuals
    from cxfusion.perception.scores import Reading

__all__ = ["GROUP", "add_residuals", "residuals_of"]

GROUP: Final = "group_number"
CUSTOMER: Final = "customer_number"
SIZE: Final = "customer_answers"
FEWEST_PER_MARGIN: Final = 2
MOST_LEVERAGE: Final = 0.5


def residuals_of(
    session: Session,
    answers: ir.Table,
    readings: Sequence[Reading],
    codes: Sequence[tuple[str, int]],
    n_groups: int,
    *,
    is_pairwise: bool = False,
) -> Residuals | None:
    """What the margins leave of each figure's values about their means, as if the margins were fitted without them.

    Residuals over one less their leverage are those of the jackknife (MacKinnon & White 1985, HC3): with few answers
    margins follow single ones, and plain residuals are too small.

    Parameters
    ----------
    session : Session
    answers : ibis.Table
        Of :func:`answers_of` with weights, and ``group_number``, from 0.
    readings : sequence of Reading
    codes : sequence of (str, int)
        Columns of the margins and their widths.
    n_groups : int
        0 for the whole alone.
    is_pairwise : bool
        Of every two groups; else of each group, and of the whole, which comes last.

    Returns
    -------
    Residuals or None
        None where there are no answers, or fewer than two for each margin.
    """
    shown = tuple((name, width) for name, width in codes if width)
    values = {f"value_{i}": reading.value(answers["score"]).cast("float64") for i, reading in enumerate(readings)}
    wanted = answers.select(
        "weight", GROUP, "contact_id", "score", *(name for name, _ in shown), **values, **_by_customer(answers)
    )
    in_order = wanted.order_by(CUSTOMER, "contact_id", "score").drop("contact_id", "score")
    make = _Maker(shown, tuple(values), n_groups, with_whole=not is_pairwise)
    found = calibration_residuals(
        session.sweep(in_order), make, make.n_domains, is_pairwise=is_pairwise, most_leverage=MOST_LEVERAGE
    )
    return None if found is None or found.n < FEWEST_PER_MARGIN * found.n_margins else found


def _by_customer(answers: ir.Table) -> dict[str, ir.Value]:
    """A number for each customer, 0 for one who is not known and stands alone, and how many answers each gave."""
    customer = answers["customer"].cast("string")
    number = customer.notnull().ifelse(number_of(customer), 0)
    n = answers.count().over(group_by=number)
    return {CUSTOMER: number, SIZE: customer.notnull().ifelse(n, 1)}


@dataclass(frozen=True)
class _Maker:
    """Weighted answers as rows; the constant is among the margins."""

    codes: tuple[tuple[str, int], ...]
    values: tuple[str, ...]
    n_groups: int
    with_whole: bool

    @property
    def n_domains(self) -> int:
        return self.n_groups + self.with_whole

    def __call__(self, batch: pa.RecordBatch, /) -> CalibratedRows:
        n = len(batch)
        column = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in batch.schema.names}
        weight = column["weight"].astype(np.float64)
        customer = column[CUSTOMER].astype(np.int64)
        rows = Rows(
            dense=np.ones((n, 1)),
            groups=Indicators.named(self.codes, column.__getitem__, n),
            outcome=np.zeros(n, dtype=np.int64),
            weight=weight,
            cluster=np.where(customer > 0, customer, -np.arange(n)),
        )
        domains = [column[GROUP].astype(np.int64)] if self.n_groups else []
        domains += [np.full(n, self.n_groups)] if self.with_whole else []
        values = np.column_stack([column[name] for name in self.values]).astype(np.float64)
        return CalibratedRows(rows, weight, values, np.column_stack(domains), column[SIZE].astype(np.int64))


def add_residuals(sums: pd.DataFrame, found: Residuals | None) -> pd.DataFrame:
    """The sums of :func:`sums_of`, by ``group_number``, with the residual's beside each figure's."""
    if found is None:
        return sums
    is_whole = sums["is_whole"].to_numpy(bool)
    place = np.where(is_whole, -1, sums[GROUP].fillna(-1)) if GROUP in sums else np.full(len(sums), -1)
    return sums.assign(**{f"residual_{i}": own[place.astype(np.int64)] for i, own in enumerate(found.squares)})
