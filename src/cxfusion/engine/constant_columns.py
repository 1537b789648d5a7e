"""Columns of text that say the same in every row of a relation, as its expression tells.

These need not be stored, nor sorted by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from ibis.expr.operations import DatabaseTable, Field, JoinChain, Literal, Sort

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir
    from ibis.expr.operations import Relation

__all__ = ["Constants", "constants_of", "sorted_by_others"]

Constants: TypeAlias = dict[str, str]
"""By column."""
KEEPING: Final = ("inner", "left", "semi", "anti")
"""Joins that add no row of nulls to what they begin with."""


def constants_of(relation: ir.Table, known: Mapping[str, Constants]) -> Constants:
    """The columns of text that are literals, wherever in the steps of a relation these were written.

    Parameters
    ----------
    relation : ibis.Table
    known : mapping of str to (mapping of str to str)
        The same of tables that are there already, by name.

    Returns
    -------
    dict of str to str
        The column's text.

    Examples
    --------
    >>> import ibis
    >>> rows = ibis.table({"n": "int64"}, name="log").mutate(file=ibis.literal("calls.csv"))
    >>> constants_of(rows.filter(rows["n"] > 1), {})
    {'file': 'calls.csv'}
    """
    texts = (name for name, kind in relation.schema().items() if kind.is_string())
    told = {name: _text(relation.op(), name, known) for name in texts}
    return {name: text for name, text in told.items() if text is not None}


def _text(step: Relation, name: str, known: Mapping[str, Constants]) -> str | None:
    """What a column is in every row, if that is known: columns that are handed on are followed to where they begin."""
    while True:
        if isinstance(step, DatabaseTable):
            return known.get(step.name, {}).get(name)
        value = step.values.get(name)
        if isinstance(value, Literal):
            return None if value.value is None else str(value.value)
        if not isinstance(value, Field) or (isinstance(step, JoinChain) and not _is_kept(step, value)):
            return None
        step, name = value.rel, value.name


def _is_kept(join: JoinChain, column: Field) -> bool:
    """Whether a join hands on a column of the table that it begins with as it is."""
    return column.rel == join.first and all(link.how in KEEPING for link in join.rest)


def sorted_by_others(relation: ir.Table, constants: Constants) -> ir.Table:
    """A relation in the same order, not sorted by what is the same in every row.

    Examples
    --------
    >>> import ibis
    >>> rows = ibis.table({"n": "int64"}, name="log").mutate(file=ibis.literal("calls.csv"))
    >>> [key.name for key in sorted_by_others(rows.order_by("file", "n"), {"file": "calls.csv"}).op().keys]
    ['n']
    """
    step = relation.op()
    if not isinstance(step, Sort):
        return relation
    keys = [key for key in step.keys if not (isinstance(key.arg, Field) and key.arg.name in constants)]
    rows: ir.Table = step.parent.to_expr()
    return rows.order_by([key.to_expr() for key in keys]) if keys else rows
