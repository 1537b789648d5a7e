"""What operations know of a contact, as levels: categories as they are, times by fifths, the hour of the week.

Weights and the check of offers go by the same ones. Levels become small numbers once, and no text is carried further.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from cxfusion.tables.coding import HOUR_OF_WEEK, MISSING, codes_of, level_codes, local_time, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir
    from numpy.typing import NDArray

    from cxfusion.engine import Session
    from cxfusion.tables.relation import Contacts

__all__ = [
    "CATEGORIES",
    "LEVERS",
    "attribute_of",
    "attributes_of",
    "code_of",
    "codes_here",
    "in_fifths",
    "level_of",
    "levels_of",
    "named_levels",
    "numbered",
]

CATEGORIES: Final = ("reason", "channel", "queue")
LEVERS: Final = ("wait_seconds", "talk_seconds", "hold_seconds", "n_transfers")
SHARES: Final = (0.2, 0.4, 0.6, 0.8)
UNKNOWN: Final = -1
"""The number of the fifth of a missing value."""


def attribute_of(name: str) -> str:
    """Column that holds an attribute's level as it is."""
    return f"by_{name}"


def level_of(name: str) -> str:
    """Column that holds the number of an attribute's level."""
    return f"level_by_{name}"


def code_of(name: str) -> str:
    """Column that holds the code of an attribute's level: −1 of the reference, one for all that are rare."""
    return f"code_by_{name}"


def attributes_of(contacts: Contacts) -> dict[str, ir.Value]:
    """The columns that attributes are made from, as far as the log has them."""
    columns: dict[str, ir.Value] = {
        attribute_of(name): text(contacts, name) for name in CATEGORIES if contacts.has(name)
    }
    columns[attribute_of(HOUR_OF_WEEK)] = local_time(contacts)[HOUR_OF_WEEK].cast("int32")
    return columns | {name: contacts.value(name).cast("float64") for name in LEVERS if contacts.has(name)}


def in_fifths(session: Session, rows: ir.Table) -> ir.Table:
    """Rows of :func:`attributes_of` with levers cut into fifths of these rows; counts stay as they are.

    Materialised before and after: joined with their levels, engines would cut again wherever a level is looked up, and
    have no idea how many rows there are.
    """
    rows = session.materialize(rows)
    numbers = [name for name in LEVERS if name in rows.columns]
    asked = {name: rows[name].quantile(SHARES) for name in numbers}
    found = session.collect(rows.aggregate(**asked)).to_pylist()[0] if asked else {}
    binned = {}
    for name in numbers:
        edges = sorted({*(found[name] or ())} - {None})
        above = sum(((rows[name] > edge).cast("int32") for edge in edges), start=ibis.literal(0, "int32"))
        binned[attribute_of(name)] = ibis.ifelse(rows[name].isnull(), UNKNOWN, above).cast("int32")
    return session.materialize(rows.mutate(**binned).drop(*numbers))


def codes_here(rows: pd.DataFrame, rare_below: int) -> dict[str, NDArray[np.int64]]:
    """The code of every attribute, as :func:`levels_of` and :func:`numbered` give it where rows stay in their engine.

    Parameters
    ----------
    rows : pandas.DataFrame
        Columns of :func:`attributes_of`, and any further ``by_…``, which come last.
    rare_below : int
        As of :func:`level_codes`.

    Returns
    -------
    dict of str to int array, shape (n,)
        By :func:`code_of` the attribute.
    """
    own = [attribute_of(name) for name in (*CATEGORIES, HOUR_OF_WEEK)]
    found = {name: rows[name] for name in own if name in rows}
    found |= {attribute_of(name): _fifths(rows[name]) for name in LEVERS if name in rows}
    found |= {name: rows[name] for name in map(str, rows.columns) if name.startswith("by_") and name not in found}
    codes = {}
    for name, values in found.items():
        place, known = pd.factorize(values)
        counted = pd.DataFrame({name: known, "n": np.bincount(place, minlength=len(known))})
        listed = codes_of(counted, name, rare_below).set_index(name)["code"]
        codes[code_of(name.removeprefix("by_"))] = listed.loc[known].to_numpy(np.int64)[place]
    return codes


def _fifths(column: pd.Series[float]) -> pd.Series[int]:
    """The fifth that each value lies in."""
    values = column.to_numpy(np.float64)
    is_known = ~np.isnan(values)
    edges = np.unique(np.quantile(values[is_known], SHARES)) if is_known.any() else np.empty(0)
    fifth = np.where(is_known, np.searchsorted(edges, values), UNKNOWN).astype(np.int64)
    return pd.Series(fifth, column.index)


def levels_of(
    session: Session, rows: ir.Table, rare_below: int, counted: ir.BooleanValue | None = None
) -> dict[str, pd.DataFrame]:
    """The levels of every attribute with their codes, as :func:`level_codes` has them, by attribute.

    Parameters
    ----------
    session, rows, rare_below, counted
        As of :func:`level_codes`.
    """
    names = [column.removeprefix("by_") for column in rows.columns if column.startswith("by_")]
    return {name: level_codes(session, rows, attribute_of(name), rare_below, counted) for name in names}


def numbered(rows: ir.Table, levels: Mapping[str, pd.DataFrame]) -> ir.Table:
    """Rows with what is known of the level of every attribute: its place in the list of levels as ``level_by_…``, and
    each further column of the list, such as ``code_by_…``.
    """
    for name, listed in levels.items():
        own = attribute_of(name)
        known = listed.rename(columns={column: f"{column}_{own}" for column in listed.columns.drop(own)})
        known = known.astype({code_of(name): np.int32})
        known[level_of(name)] = np.arange(len(listed), dtype=np.int32)
        rows = rows.inner_join(ibis.memtable(pa.Table.from_pandas(known, preserve_index=False)), own)
    return rows


def named_levels(name: str, listed: pd.DataFrame) -> list[str]:
    """The levels of an attribute in words."""
    own = listed[attribute_of(name)].tolist()
    return [MISSING if name in LEVERS and level == UNKNOWN else str(level) for level in own]
