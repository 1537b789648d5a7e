"""Elapsed times in Parquet files: whole numbers, of a unit that only Arrow's own schema tells, and every file its own.

What wrote a file chose the unit: pandas 2 counts nanoseconds, pandas 3 microseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Elapsed", "by_elapsed"]

PER_SECOND: Final = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}
Elapsed: TypeAlias = "tuple[tuple[str, float], ...]"
"""Columns that hold elapsed times, each with how many of its units make a second."""


def by_elapsed(paths: Iterable[str]) -> dict[Elapsed, list[str]]:
    """Files that tell the same columns as elapsed times in the same units, in the order of the first of each.

    Only their footers are read.
    """
    found: dict[Elapsed, list[str]] = {}
    for path in paths:
        found.setdefault(_elapsed(path), []).append(path)
    return found


def _elapsed(path: str) -> Elapsed:
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowInvalid):
        return ()  # the engine will say what is wrong with the file
    fields = [field for field in schema if pa.types.is_duration(field.type)]
    return tuple((field.name, PER_SECOND[field.type.unit]) for field in fields)
