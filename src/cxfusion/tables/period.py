"""The stretch of time that a reading is about, on the site's clock: with its first moment, without its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias
from zoneinfo import ZoneInfo

import ibis

from cxfusion.engine.python_values import is_missing
from cxfusion.errors import EmptyTableError, UsageError

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["AROUND", "Moment", "Period", "nothing_within", "period_of"]

Moment: TypeAlias = date | datetime | str
"""A date (its first moment), a time, or either as ISO text; without an offset it is meant on the site's clock."""

MARGIN: Final = timedelta(days=2)  # wider than any zone's offset from UTC
AROUND: Final = timedelta(days=5)
"""How far around a period a log that lives elsewhere is read, so that pairing knows what else a customer lived then."""


@dataclass(frozen=True)
class Period:
    """From ``since`` on and before ``until``, in UTC without a zone; open where None."""

    since: datetime | None
    until: datetime | None

    def is_outside(self, utc: ir.TimestampValue) -> ir.BooleanValue:
        """Whether an instant lies before or after; what has no time is not known to."""
        too_early = utc < ibis.literal(self.since) if self.since else ibis.literal(False)
        too_late = utc >= ibis.literal(self.until) if self.until else ibis.literal(False)
        return (too_early | too_late).fill_null(False)

    def may_hold(self, column: ir.Value, around: timedelta = timedelta(0)) -> ir.BooleanValue:
        """Whether a source's own time could lie within or so near, its zone aside: what skips blocks of a file."""
        kind = column.type()
        if not (kind.is_timestamp() or kind.is_date()):
            return ibis.literal(True)
        conditions = []
        if self.since:
            conditions.append(column >= _as(kind, self.since - MARGIN - around))
        if self.until:
            conditions.append(column < _as(kind, self.until + MARGIN + around))
        return column.isnull() | ibis.and_(*conditions)


def period_of(since: Moment | None, until: Moment | None, zone: str) -> Period | None:
    """The period between two moments; None where neither is given.

    Raises
    ------
    UsageError
        A moment that is none, or an end that is not after the start.

    Examples
    --------
    >>> period_of("2026-07-01", None, "Europe/Berlin").since
    datetime.datetime(2026, 6, 30, 22, 0)
    """
    if since is None and until is None:
        return None
    first = None if since is None else _instant("since", since, zone)
    end = None if until is None else _instant("until", until, zone)
    if first and end and first >= end:
        raise UsageError(
            f"since={since!s} is not before until={until!s}: no contact could lie between them. Mend either."
        )
    return Period(first, end)


def nothing_within(n: int, first: datetime, last: datetime) -> EmptyTableError:
    """What is told of a log none of whose contacts lie within the period; its own first and last start in UTC."""
    return EmptyTableError(
        f"None of the {n:,} contacts started within the period asked for: they run from {first:%Y-%m-%d %H:%M} to"
        f" {last:%Y-%m-%d %H:%M} UTC. Mend since or until."
    )


def _instant(what: str, moment: Moment, zone: str) -> datetime:
    try:
        read = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    except ValueError:
        read = None
    if isinstance(read, date) and not isinstance(read, datetime):
        read = datetime.combine(read, time())
    if not isinstance(read, datetime) or is_missing(read):  # pandas' NaT is a datetime, too
        raise UsageError(
            f"{what}={moment!r} is no date or time. Expected one such as '2026-03-01' or '2026-03-01T08:30', on the"
            " site's clock."
        )
    local = read if read.tzinfo else read.replace(tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC).replace(tzinfo=None)


def _as(kind: ibis.DataType, moment: datetime) -> ir.Value:
    if kind.is_date():
        return ibis.literal(moment.date())
    return ibis.literal(moment.replace(tzinfo=UTC) if kind.timezone else moment)
