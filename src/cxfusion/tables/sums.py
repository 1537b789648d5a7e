"""Sums that do not depend on the order of the rows, nor on how many cores took part.

Floating point adds up differently in every order, and an engine's threads meet rows in any order. Whole numbers do not,
as long as they fit into 53 bits: so numbers are added as whole multiples of a small step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxfusion.engine.functions import whole_part

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["PER_ANSWER", "PER_SECOND", "exact_mean", "exact_sum"]

PER_SECOND: Final = 1e5
"""Steps of 10 microseconds: exact up to 9·10^10 seconds, which is 300 million contacts of five minutes."""
PER_ANSWER: Final = 1e8
"""For weights and scores, which are small and few: exact up to 9·10^7."""


def exact_sum(value: ir.Value, per_unit: float = PER_SECOND, where: ir.BooleanValue | None = None) -> ir.NumericScalar:
    """The sum of a column, each value taken to the nearest step; null of nothing.

    Parameters
    ----------
    value : ibis column
        Null is left out. Whole numbers and flags are added as they are.
    per_unit : float
        Steps in one unit. A sum of more than 2^53 steps is good to 16 digits, as sums of floating point are.
    where : ibis boolean column, optional
        Of these rows only.
    """
    if not value.type().is_floating():
        return value.sum(where=where)
    return whole_part(value * per_unit + 0.5).sum(where=where) / per_unit


def exact_mean(value: ir.Value, per_unit: float = PER_SECOND, where: ir.BooleanValue | None = None) -> ir.NumericScalar:
    """The mean of a column; null of nothing."""
    return exact_sum(value, per_unit, where) / value.count(where=where).nullif(0)
