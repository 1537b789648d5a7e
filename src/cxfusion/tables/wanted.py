"""What is wanted of a log that lives elsewhere: its other columns, and contacts far from the period, stay there."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from cxfusion.tables.binding import bind
from cxfusion.tables.period import AROUND, nothing_within

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.engine import DatabaseSource, RelationSource, Session
    from cxfusion.tables.mapping import Map
    from cxfusion.tables.period import Period

__all__ = ["Remote", "wanted_of"]

Remote: TypeAlias = "DatabaseSource | RelationSource"


def wanted_of(
    source: Remote, head: ir.Table, session: Session, given: Map, period: Period | None
) -> tuple[Remote, int]:
    """A contact log with those columns and rows alone that could be wanted, and how many rows stay where they are.

    Parameters
    ----------
    source : DatabaseSource or RelationSource
    head : ibis.Table
        Its columns, here.
    session : Session
    given : Map
    period : Period, optional

    Raises
    ------
    ConfigError, MissingColumnError
        As of :func:`cxfusion.tables.binding.bind`.
    EmptyTableError
        No row could lie within the period.
    """
    bound = bind("contacts", head.columns, given)
    columns = source.narrowed(lambda table: table.select(*bound.sources))
    start = next((binding.how.column for binding in bound.columns if binding.name == "started_at"), None)
    kind = None if start is None else head[start].type()
    if period is None or start is None or kind is None or not (kind.is_timestamp() or kind.is_date()):
        return columns, 0

    def far(table: ir.Table) -> ir.Table:
        is_far, time = ~period.may_hold(table[start], AROUND), table[start].cast("timestamp")
        return table.aggregate(n=table.count(), n_far=table.count(where=is_far), first=time.min(), last=time.max())

    found = session.collect(session.read(source.narrowed(far))).to_pylist()[0]
    if found["n"] and found["n"] == found["n_far"]:
        raise nothing_within(found["n"], found["first"], found["last"])
    return columns.narrowed(lambda table: table.filter(period.may_hold(table[start], AROUND))), int(found["n_far"] or 0)
