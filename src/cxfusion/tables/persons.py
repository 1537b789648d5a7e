"""Groups of so few persons that a figure about the group would tell what single persons did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxfusion.tables.steps import compute

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import ibis.expr.types as ir

    from cxfusion.tables.relation import Contacts, Surveys

__all__ = ["FEWEST_PERSONS", "groups_of_few"]

FEWEST_PERSONS: Final = 5
SOME_ROWS: Final = 20_000


def groups_of_few(
    table: Contacts | Surveys, columns: Sequence[str], groups: Iterable[tuple[Any, ...]] | None = None
) -> set[tuple[Any, ...]]:
    """Values of some columns that fewer than five persons have together.

    A person is a customer; a row whose customer is unknown counts as one of its own. Most groups are settled by some of
    the rows, whichever these are, so that only the small ones are counted to the end.

    Parameters
    ----------
    table : Contacts or Surveys
    columns : sequence of str
        Not empty.
    groups : iterable of tuple, optional
        All there are, if known: where some of the rows settle each of them, the others need not be looked at.
    """
    keys = [f"key_{i}" for i in range(len(columns))]
    customer = {"customer": table.rows["customer_id"]} if table.has("customer_id") else {}
    rows = table.rows.select(**{key: table.rows[name] for key, name in zip(keys, columns, strict=True)}, **customer)
    large = compute(table.session, _persons(rows.limit(SOME_ROWS), keys, at_least=True))
    settled = {tuple(row[key] for key in keys) for row in table.session.collect(large).to_pylist()}
    if groups is not None and settled.issuperset(groups):
        return set()
    few = _persons(rows.anti_join(large, keys), keys, at_least=False)
    return {tuple(row[key] for key in keys) for row in table.session.collect(few).to_pylist()}


def _persons(rows: ir.Table, keys: list[str], *, at_least: bool) -> ir.Table:
    """Groups of at least, or of fewer than, five persons."""
    n = rows.count()
    if "customer" in rows.columns:
        n = rows["customer"].nunique() + rows["customer"].isnull().sum()
    counted = rows.group_by(keys).aggregate(persons=n)
    is_large = counted["persons"] >= FEWEST_PERSONS
    return counted.filter(is_large if at_least else ~is_large).select(*keys)
