"""Python values as Arrow columns: values of several kinds become text, as they would in a file."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["as_written", "clock_texts", "column_of", "is_missing"]

MOST_DIGITS: Final = 2**63  # beyond it, numbers with a fraction are written as powers of ten, as engines write them


def column_of(values: Sequence[Any]) -> pa.Array[Any]:
    """One column; what stands for a missing value is null.

    Examples
    --------
    >>> column_of([1, "a", None]).to_pylist()
    ['1', 'a', None]
    """
    kinds = {_kind(value) for value in values if not is_missing(value)}
    try:
        if len(kinds) > 1:  # Arrow would take the numbers among times for times
            raise pa.ArrowTypeError
        column: pa.Array[Any] = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError, UnicodeError):
        column = pa.array([None if is_missing(value) else _text(value) for value in values], pa.string())
    return column


def _kind(value: Any) -> Any:
    """Values of one kind make one column; numbers do together, and times with an offset apart from those without.

    Arrow would take the latter for UTC, or the offsets away.
    """
    if isinstance(value, datetime):
        return type(value), value.tzinfo is None
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)


def _text(value: Any) -> str:
    """As a file would hold it; half a character, which Python's texts may hold, becomes a question mark."""
    return as_written(value).encode("utf-8", "replace").decode("utf-8")


def as_written(value: Any) -> str:
    """A value as a file would hold it; a whole number without a point, as which ids with gaps among them are kept.

    Examples
    --------
    >>> [as_written(value) for value in (123.0, Decimal("4.00"), 1.5, 7, True, "a")]
    ['123', '4', '1.5', '7', 'True', 'a']
    """
    is_number = isinstance(value, Real | Decimal) and not isinstance(value, int)
    is_whole = is_number and abs(value) < MOST_DIGITS and value == int(value)
    return str(int(value)) if is_whole else str(value)


def is_missing(value: Any) -> bool:
    """Whether a value stands for a missing one: None, NaN, and pandas' NaT and NA.

    Examples
    --------
    >>> [is_missing(value) for value in (None, float("nan"), 0, "")]
    [True, True, False, False]
    """
    if value is None or type(value).__name__ == "NAType":  # pandas' NA has no truth of its own either
        return True
    try:
        return bool(value != value)  # noqa: PLR0124  only NaN and NaT differ from themselves
    except (TypeError, ValueError):  # a frame within a frame has no truth of its own
        return False


def clock_texts(column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    """Times of day as Python writes them, for engines that keep them as text: a fraction only where there is one.

    Examples
    --------
    >>> clock_texts(pa.chunked_array([pa.array([28_800_000, 28_800_500], pa.time32("ms"))])).to_pylist()
    ['08:00:00', '08:00:00.500000']
    """
    texts = column.cast(pa.time64("us"), safe=False).cast(pa.string())
    return pc.replace_substring_regex(texts, pattern=r"\.000000$", replacement="")
