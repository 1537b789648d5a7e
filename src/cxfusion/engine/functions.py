"""Functions that engines have and Ibis does not, under the names that DuckDB gives them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.datatypes as dt

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["greatest_of", "whole_part"]


@ibis.udf.scalar.builtin(name="floor", signature=(("float64",), "float64"))
def whole_part(number):  # type: ignore[no-untyped-def]
    """The next whole number below; Ibis' own is cast to an integer, which costs half as much again."""


def greatest_of(value: ir.Value, n: int, where: ir.BooleanValue | None = None) -> ir.ArrayScalar:
    """The ``n`` greatest values of a group, the greatest first; fewer where there are fewer.

    What is kept of a group while its rows stream by is no more than these.

    Parameters
    ----------
    value : ibis column
        Structures compare by their first field, then by the next.
    n : int
    where : ibis column, optional
        Which rows of the group count.
    """
    greatest: ir.ArrayScalar = _greatest(value.type())(value, n, where=where)
    return greatest


@cache
def _greatest(kind: dt.DataType) -> Any:
    def max_of(value, n):  # type: ignore[no-untyped-def]
        """The engine's own."""

    return ibis.udf.agg.builtin(max_of, name="max", signature=((kind, dt.int64), dt.Array(kind)))
