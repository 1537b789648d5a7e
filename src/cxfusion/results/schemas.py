"""The columns and types of every file a study writes. An all-null column keeps its type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "DECISIONS",
    "EVIDENCE",
    "LEVERS",
    "OPERATIONS",
    "PAIRS",
    "PERCEPTION",
    "SCHEMA_VERSION",
    "SET_ASIDE",
    "as_arrow",
    "rounded",
    "typed_frame",
]

VERSION: Final = "1"
"""Goes up when a column is renamed, retyped, moved or taken away; a new one at the end of a table leaves it."""
SCHEMA_VERSION: Final = b"cxfusion.schema_version"
"""Where the metadata of a Parquet file hold it."""
_TEXT, _NUMBER, _COUNT, _TIME = pa.string(), pa.float64(), pa.int64(), pa.timestamp("us", tz="UTC")


def _schema(name: str, **fields: pa.DataType) -> pa.Schema:
    return pa.schema(list(fields.items()), metadata={"cxfusion.table": name, "cxfusion.schema_version": VERSION})


PAIRS: Final = _schema(
    "pairs",
    response_id=_TEXT, contact_id=_TEXT, leg_id=_TEXT, reason=_TEXT, n_candidates=_COUNT, gap_seconds=_NUMBER,
    next_gap_seconds=_NUMBER, started_at=_TIME, anchor_at=_TIME, respondent_role=_TEXT,
    csat=_NUMBER, nps=_NUMBER, ces=_NUMBER,
)  # fmt: skip
SET_ASIDE: Final = _schema(
    "set_aside",
    source_file=_TEXT, source_row=_COUNT, stage=_TEXT, column=_TEXT, reason=_TEXT, original=_TEXT,
)  # fmt: skip
OPERATIONS: Final = _schema(
    "operations",
    grouping=_TEXT, group=_TEXT, metric=_TEXT, estimate=_NUMBER, unit=_TEXT, n=_COUNT, status=_TEXT, reason=_TEXT,
)  # fmt: skip
PERCEPTION: Final = _schema(
    "perception",
    grouping=_TEXT, group=_TEXT, metric=_TEXT, estimate=_NUMBER, std_error=_NUMBER, conf_low=_NUMBER,
    conf_high=_NUMBER, unit=_TEXT, n=_COUNT, status=_TEXT, reason=_TEXT,
)  # fmt: skip
EVIDENCE: Final = _schema(
    "evidence",
    outcome=_TEXT, lever=_TEXT, rung=_TEXT, unit=_TEXT, step=_NUMBER, estimate=_NUMBER, std_error=_NUMBER,
    conf_low=_NUMBER, conf_high=_NUMBER, p_value=_NUMBER, n=_COUNT, n_clusters=_COUNT, status=_TEXT, reason=_TEXT,
)  # fmt: skip
LEVERS: Final = _schema(
    "levers",
    outcome=_TEXT, lever=_TEXT, outcome_unit=_TEXT, unit=_TEXT, step=_NUMBER, estimate=_NUMBER, std_error=_NUMBER,
    conf_low=_NUMBER, conf_high=_NUMBER, verdict=_TEXT, grade=_TEXT, because=_TEXT, rung=_TEXT,
    raw_estimate=_NUMBER, adjusted_estimate=_NUMBER, within_estimate=_NUMBER, corrected_estimate=_NUMBER,
    design_estimate=_NUMBER, local_estimate=_NUMBER, remove_all=_NUMBER, control=_TEXT, reliability=_NUMBER,
    robustness=_NUMBER, rank=_COUNT, rank_low=_COUNT, rank_high=_COUNT, n=_COUNT, proportional_odds_p_value=_NUMBER,
)  # fmt: skip

DECISIONS: Final = _schema(
    "decisions",
    section=_TEXT, outcome=_TEXT, lever=_TEXT, group=_TEXT, verdict=_TEXT, grade=_TEXT, segment_column=_TEXT,
    segment=_TEXT, design=_TEXT, outcome_unit=_TEXT, unit=_TEXT, step=_NUMBER, estimate=_NUMBER, conf_low=_NUMBER,
    conf_high=_NUMBER, with_wait=_NUMBER, agents=_NUMBER, cost=_NUMBER, currency=_TEXT, price=_NUMBER,
    price_low=_NUMBER, price_high=_NUMBER, rank=_COUNT, rank_low=_COUNT, rank_high=_COUNT, mean_level=_NUMBER,
    target=_NUMBER, share=_NUMBER, within_segment=_NUMBER, contacts_a_week=_NUMBER, effect=_NUMBER, power=_NUMBER,
    weeks=_NUMBER, clusters_per_arm=_COUNT, answers_per_arm=_COUNT, contacts_per_arm=_COUNT, detectable=_NUMBER,
    n=_COUNT, status=_TEXT, reason=_TEXT,
)  # fmt: skip


def as_arrow(table: pd.DataFrame | pa.Table, schema: pa.Schema) -> pa.Table:
    """A table in the declared columns and types; a column it lacks is null throughout.

    Parameters
    ----------
    table : pandas.DataFrame or pyarrow.Table
        Times without a zone are UTC.
    schema : pyarrow.Schema
        One of this module.
    """
    return pa.Table.from_arrays([_column(table, field) for field in schema], schema=schema)


def typed_frame(rows: Sequence[dict[str, Any]], columns: Iterable[str], schema: pa.Schema) -> pd.DataFrame:
    """Rows as a frame, in which a column of numbers is one of numbers also where all of them are missing.

    Parameters
    ----------
    rows : sequence of dict
    columns : iterable of str
        Of the frame, in order.
    schema : pyarrow.Schema
        One of this module, which has the columns' types.
    """
    frame = pd.DataFrame(rows, columns=list(columns))
    numbers = [field.name for field in schema if field.type != _TEXT and field.name in frame]
    return frame.astype({name: float for name in numbers if frame[name].dtype == object})


def _column(table: pd.DataFrame | pa.Table, field: pa.Field[Any]) -> Any:
    names = table.column_names if isinstance(table, pa.Table) else table.columns
    if field.name not in names:
        return pa.nulls(len(table), field.type)
    if isinstance(table, pa.Table):
        return table[field.name].cast(field.type)
    values = table[field.name]
    if field.type == _NUMBER:
        values = values.astype(float).map(rounded)
    return pa.array(values, type=field.type, from_pandas=True)


def rounded(value: float) -> float:
    """To 12 digits: what lies beyond depends on how a sum was split among cores, and same input means same bytes."""
    return float(f"{value:.11e}")
