"""What a reading sets aside: bad cells whose rows stay, and rows that cannot stay, each with its reason.

Rows in = rows kept + rows set aside, or reading fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import ibis

from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW
from cxfusion.errors import BooksError
from cxfusion.tables.look import ask, compute

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import ibis.expr.types as ir

    from cxfusion.tables.reading import Reading

__all__ = ["SortedRows", "sort_rows"]

PLACE: Final = (SOURCE_FILE, SOURCE_ROW)
SECOND_COPY: Final = {"contacts": "duplicate_contact", "surveys": "duplicate_response"}


@dataclass(frozen=True)
class SortedRows:
    """The rows of a source, sorted into kept and set aside; both materialised."""

    kept: ir.Table
    set_aside: ir.Table


def sort_rows(
    reading: Reading,
    values: dict[str, ir.Value],
    unusable: Mapping[str, ir.BooleanValue],
    key: str,
    better: Callable[[ir.Table], Sequence[ir.Value]] = lambda _: (),
) -> SortedRows:
    """Compute the rows, and set aside what cannot be used.

    Parameters
    ----------
    reading : Reading
    values : dict of str to ibis value
        Columns of the kept rows.
    unusable : mapping of str to ibis boolean
        Reason to whether it keeps a row from staying; the first that applies is told.
    key : str
        Column whose values are unique among the kept rows.
    better : callable, optional
        Order in which copies of a key are preferred, before their order in the source.

    Raises
    ------
    BooksError
        Rows kept and rows set aside do not add up to the rows read.
    """
    session, source = reading.session, reading.staged
    usable = source.filter(~is_bad for is_bad in unusable.values())
    kept = compute(session, usable.select(**values, **{name: source[name] for name in PLACE}))
    bad = _bad_cells_and_rows(reading, unusable, values[key])
    copies = compute(session, _second_copies(kept, key, better))
    if ask(session, copies, {"n": copies.count()})["n"]:
        kept = compute(session, kept.anti_join(copies, list(PLACE)))
        bad = bad.union(_listed(reading, copies, None, SECOND_COPY[reading.section], copies[key]))
    set_aside = compute(session, bad.order_by([*PLACE, "column"]))
    _check_books(reading, kept, set_aside)
    return SortedRows(kept, set_aside)


def _bad_cells_and_rows(reading: Reading, unusable: Mapping[str, ir.BooleanValue], key: ir.StringValue) -> ir.Table:
    """All of them from one pass over the source, of which only rows with something bad are held."""
    names = [recipe.name for recipe in reading.recipes if recipe.can_fail]
    row_reason = ibis.cases(*((is_bad, reason) for reason, is_bad in unusable.items()), else_=ibis.null("string"))
    told: dict[str, ir.Value] = {"row_reason": row_reason, "row_original": key}
    for i, name in enumerate(names):
        told |= {
            f"reason_{i}": reading.get(name, "reason"),
            f"original_{i}": reading.get(name, "original").cast("string"),
        }
    any_bad = ibis.or_(*unusable.values(), *(reading.get(name, "reason").notnull() for name in names))
    few = compute(reading.session, reading.staged.filter(any_bad).select(*PLACE, **told))
    lists = [_listed(reading, few, None, few["row_reason"], few["row_original"])]
    lists += [_listed(reading, few, name, few[f"reason_{i}"], few[f"original_{i}"]) for i, name in enumerate(names)]
    return ibis.union(*lists)


def _listed(
    reading: Reading, rows: ir.Table, column: str | None, reason: ir.Value | str, original: ir.Value
) -> ir.Table:
    listed = rows.select(
        *PLACE,
        stage=ibis.literal(reading.section),
        column=ibis.null("string") if column is None else ibis.literal(column),
        reason=ibis.literal(reason) if isinstance(reason, str) else reason,
        original=original,
    )
    return listed.filter(listed["reason"].notnull())


def _second_copies(rows: ir.Table, key: str, better: Callable[[ir.Table], Sequence[ir.Value]]) -> ir.Table:
    """Rows whose key an earlier or better row has; a window only over keys that repeat."""
    repeated = rows.group_by(key).having(rows.count() > 1).aggregate()
    copies = rows.semi_join(repeated, key)
    order = ibis.window(group_by=key, order_by=[*better(copies), *(copies[name] for name in PLACE)])
    ranked = copies.mutate(rank=ibis.row_number().over(order))
    return ranked.filter(ranked["rank"] > 0).select(key, *PLACE)


def _check_books(reading: Reading, kept: ir.Table, set_aside: ir.Table) -> None:
    n_kept = ask(reading.session, kept, {"n": kept.count()})["n"]
    n_aside = ask(reading.session, set_aside, {"n": set_aside["column"].isnull().sum()})["n"] or 0
    if n_kept + n_aside != reading.look.n_rows:
        raise BooksError(
            f"Reading the {reading.section}: {reading.look.n_rows:,} rows were read, but {n_kept:,} kept and"
            f" {n_aside:,} set aside. Please report this, with the reasons in set_aside."
        )
