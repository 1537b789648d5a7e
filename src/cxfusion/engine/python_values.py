"""Python values as Arrow columns: values of several kinds become text, as they would in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["column_of"]


def column_of(values: Sequence[Any]) -> pa.Array[Any]:
    """One column; what stands for a missing value is null.

    Examples
    --------
    >>> column_of([1, "a", None]).to_pylist()
    ['1', 'a', None]
    """
    try:
        column: pa.Array[Any] = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        column = pa.array([None if _is_missing(value) else str(value) for value in values], pa.string())
    return column


def _is_missing(value: Any) -> bool:
    if isinstance(value, list | tuple | dict):
        return False
    return value is None or bool(value != value)  # noqa: PLR0124  only NaN and NaT differ from themselves
