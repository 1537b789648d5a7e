"""What systems make of a true day before anyone reads it: wrong links, slow clocks, dirty rows.

The truth is not touched: it is about what customers lived, not about what a file says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable

    from cxfusion.simulation.ingredients import Faults

__all__ = ["spoil_contacts", "spoil_surveys"]

Flags: TypeAlias = npt.NDArray[np.bool_]
Column: TypeAlias = "pa.Array[Any] | pa.ChunkedArray[Any]"

STUCK_SECONDS: Final = 2**31 - 1  # what a counter holds that never was stopped
NO_SUCH_SCORE: Final = 9
STRANGER: Final = "c_lost"
SECOND: Final = 1_000_000


def spoil_contacts(table: pa.Table, faults: Faults, rng: np.random.Generator) -> pa.Table:
    """Contacts of a day as the system tells them: now and then impossible, missing or twice."""
    if not faults.dirty_share:
        return table
    dirt = _dirt(table.num_rows, faults.dirty_share, 4, rng)
    table = _changed(table, "wait_seconds", dirt == 1, lambda old: pc.negate(pc.add(old, 1)))
    table = _changed(table, "talk_seconds", dirt == 2, lambda old: pa.scalar(None, old.type))
    table = _changed(table, "hold_seconds", dirt == 3, lambda old: pa.scalar(STUCK_SECONDS, old.type))
    return _twice(table, dirt == 4)


def spoil_surveys(
    table: pa.Table, log: pa.Table, contact: npt.NDArray[np.int64], faults: Faults, rng: np.random.Generator
) -> pa.Table:
    """Responses of a day as the survey system tells them.

    Parameters
    ----------
    table : pyarrow.Table
        The true ones.
    log : pyarrow.Table
        The true contacts of the day.
    contact : array, shape (responses,)
        Row of each response's contact.
    faults : Faults
    rng : numpy.random.Generator
    """
    n = table.num_rows
    if faults.wrong_link_share:
        is_wrong = rng.random(n) < faults.wrong_link_share
        others = log["contact_id"].take(_others_of_the_queue(log, contact, rng))
        table = _changed(table, "contact_id", is_wrong, lambda old: others)
    if faults.unlinked_share:
        is_unlinked = rng.random(n) < faults.unlinked_share
        table = _changed(table, "contact_id", is_unlinked, lambda old: pa.scalar(None, old.type))
    if faults.slow_clock_share:
        is_slow = rng.random(n) < faults.slow_clock_share
        late = pa.scalar(round(faults.slow_clock_seconds * SECOND), pa.duration("us"))
        for name in ("invited_at", "answered_at"):
            table = _changed(table, name, is_slow, lambda old: pc.subtract(old, late))
    if not faults.dirty_share:
        return table
    dirt = _dirt(n, faults.dirty_share, 3, rng)
    table = _changed(table, "csat", dirt == 1, lambda old: pa.scalar(NO_SUCH_SCORE, old.type))
    table = _changed(table, "contact_id", dirt == 2, lambda old: pa.scalar(STRANGER, old.type))
    return _twice(table, dirt == 3)


def _dirt(n: int, share: float, n_kinds: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """What is wrong with each row: 0 for nothing."""
    return np.where(rng.random(n) < share, rng.integers(1, n_kinds + 1, n), 0)


def _changed(table: pa.Table, name: str, rows: Flags, change: Callable[[Any], Any]) -> pa.Table:
    """The table with some cells of a column changed."""
    old = table[name]
    new = pc.if_else(pa.array(rows), change(old), old).cast(old.type)
    return table.set_column(table.schema.get_field_index(name), name, new)


def _twice(table: pa.Table, rows: Flags) -> pa.Table:
    """The table with some rows delivered twice, the second right after the first."""
    return table.take(np.repeat(np.arange(table.num_rows), 1 + rows))


def _others_of_the_queue(
    log: pa.Table, contact: npt.NDArray[np.int64], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """For each response, the row of some answered contact of the same queue."""
    queue = pc.rank(log["queue"].cast(pa.string()), tiebreaker="dense").to_numpy()
    answered = np.flatnonzero(~log["is_abandoned"].to_numpy(zero_copy_only=False))
    rows = answered[np.argsort(queue[answered], kind="stable")]
    first, last = (np.searchsorted(queue[rows], queue[contact], side=side) for side in ("left", "right"))
    picked: npt.NDArray[np.int64] = rows[first + (rng.random(len(contact)) * (last - first)).astype(np.int64)]
    return picked
