"""Cells that several source columns make together become columns of the source, and are then like any other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import ibis

from cxfusion.tables.cells import clean_text, digits

if TYPE_CHECKING:
    from collections.abc import Collection

    import ibis.expr.types as ir

    from cxfusion.tables.binding import Bindings
    from cxfusion.tables.column_map import ColumnMap

__all__ = ["make_columns"]


def make_columns(source: ir.Table, bindings: Bindings) -> tuple[ir.Table, Bindings]:
    """The source with the texts that ``join``, and ``date`` with ``time``, make; and bindings that name them.

    The new columns are called what they are made of, so that messages about their cells can be understood.
    """
    made: dict[str, ir.Value] = {}
    columns = []
    for binding in bindings.columns:
        if binding.how.is_made:
            name = _free(" + ".join(binding.how.sources), {*source.columns, *made})
            made[name] = _made(source, binding.how)
            how = binding.how.model_copy(update={"column": name, "join": (), "date": None, "time": ()})
            binding = replace(binding, how=how)  # noqa: PLW2901  the same binding, to its new column
        columns.append(binding)
    return (source.mutate(**made) if made else source), replace(bindings, columns=tuple(columns))


def _made(source: ir.Table, how: ColumnMap) -> ir.StringValue:
    """Null where any of the parts is missing: half an identifier, or half a time, is none."""

    def text(name: str) -> ir.StringValue:
        return clean_text(digits(source[name]), how)

    if how.date is not None:
        clocks = (clean_text(digits(_clock(source[name])), how) for name in how.time)
        return clean_text(digits(_day(source[how.date])), how) + " " + ibis.coalesce(*clocks)
    first, *others = map(text, how.join)
    for other in others:
        first = first + how.sep + other
    return first


def _day(column: ir.Value) -> ir.Value:
    """A column of dates as it is; of midnights, as workbooks and pandas keep dates, their days."""
    return column.date() if _is_wall_clock(column) else column


def _clock(column: ir.Value) -> ir.Value:
    """A column of times of day as it is; of times on one and the same day, as some databases keep them, their clock."""
    return column.strftime("%H:%M:%S") if _is_wall_clock(column) else column


def _is_wall_clock(column: ir.Value) -> bool:
    kind = column.type()
    return bool(kind.is_timestamp() and kind.timezone is None)


def _free(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += " "
    return name
