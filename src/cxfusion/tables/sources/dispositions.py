"""What became of each survey that was sent, in AAPOR's terms, from the statuses that vendors keep.

Source: AAPOR, Standard Definitions (2015): completes (I), partials (P), refusals (R), non-contacts (NC), unknown (U).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.sources.export import with_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa

__all__ = ["COMPLETE", "NO_ANSWER", "OPT_OUT", "PARTIAL", "UNDELIVERED", "unknown_words", "with_dispositions"]

COMPLETE: Final = "complete"
PARTIAL: Final = "partial"
OPT_OUT: Final = "opt-out"
NO_ANSWER: Final = "no answer"
UNDELIVERED: Final = "undelivered"


def with_dispositions(
    table: pa.Table, columns: Mapping[str, ColumnMap], source: str, cells: Iterable[str | None]
) -> tuple[pa.Table, dict[str, ColumnMap]]:
    """A table with a column of dispositions, named after the one that tells them, and the columns known with it."""
    name = f"disposition (from {source})"
    return with_column(table, name, cells), {**columns, "disposition": ColumnMap(column=name)}


def unknown_words(source: str, cells: Iterable[str | None], known: Mapping[str, str | None]) -> list[str]:
    """A note on statuses that have no known meaning; their rows stay, without a disposition."""
    counts = Counter(cell for cell in cells if cell is not None and cell.lower() not in known)
    if not counts:
        return []
    listed = ", ".join(f"{cell!r} ({n:,})" for cell, n in sorted(counts.items()))
    return [f"{source!r}: statuses that are not known were left without a disposition: {listed}"]
