"""From when to when a log goes: from its first start to its last, but for a few that a wrong clock has put far away.

One start of 1999 among those of a month would else make a month of twenty-six years: most of its days without a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxfusion.tables.times import day_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import ibis.expr.types as ir

    from cxfusion.tables.relation import Contacts

__all__ = ["GAP_DAYS", "LogSpan", "note_on_beyond", "span_among", "span_of"]

GAP_DAYS: Final = 60
"""Longer than a centre closes, or an export leaves out by mistake."""
FEW: Final = 0.01
"""Share of the contacts: as many beyond a gap, or more, are no slip of a clock."""


@dataclass(frozen=True)
class LogSpan:
    """From which start to which a log goes.

    Attributes
    ----------
    first, last : datetime or None
        Earliest and latest start, UTC, of those that are not beyond; None of an empty log.
    n_beyond : int
        Contacts that start earlier or later: at either end fewer than 1 % of all, beyond a gap of more than 60 days.
    """

    first: datetime | None
    last: datetime | None
    n_beyond: int = 0

    @property
    def seconds(self) -> float:
        """From the first start to the last."""
        return 0.0 if self.first is None or self.last is None else (self.last - self.first).total_seconds()

    def holds(self, start: ir.TimestampValue) -> ir.BooleanValue:
        """Whether a contact that starts then is not beyond."""
        if self.first is None or self.last is None:
            return start.isnull()
        return start.between(self.first, self.last)


def note_on_beyond(n: int, what: str) -> str:
    """That some contacts are left out of something, since their clock was wrong."""
    starts = "contact starts" if n == 1 else "contacts start"
    return (
        f"{n:,} {starts} more than {GAP_DAYS} days before or after all others, by a wrong clock it seems; left out of"
        f" {what}."
    )


def span_of(contacts: Contacts) -> LogSpan:
    """From when to when a log goes, from one pass over its starts; gaps of months are seen by days of UTC too."""
    rows, start = contacts.rows, contacts.rows["started_at"]
    days = rows.group_by(day=day_of(start)).aggregate(first=start.min(), last=start.max(), n=rows.count())
    return span_among(contacts.session.collect(days).to_pylist())


def span_among(days: Sequence[Mapping[str, Any]]) -> LogSpan:
    """The same, of days that are counted.

    Parameters
    ----------
    days : sequence of mapping
        One per day on which contacts started: ``day`` (a number), ``first, last`` (starts), ``n``.

    Examples
    --------
    >>> from datetime import datetime
    >>> moments = [(datetime(2026, 1, 5), 200), (datetime(2026, 1, 6), 200), (datetime(2099, 1, 1), 1)]
    >>> span = span_among([{"day": at.toordinal(), "first": at, "last": at, "n": n} for at, n in moments])
    >>> str(span.last), span.n_beyond
    ('2026-01-06 00:00:00', 1)
    """
    if not days:
        return LogSpan(None, None)
    ordered = sorted(days, key=lambda one: int(one["day"]))
    number = np.array([int(one["day"]) for one in ordered])
    upto = np.cumsum([int(one["n"]) for one in ordered])
    total = int(upto[-1])
    gaps = np.flatnonzero(np.diff(number) > GAP_DAYS)  # each after the day of that place
    early, late = gaps[upto[gaps] < FEW * total], gaps[total - upto[gaps] < FEW * total]
    at_first = int(early[-1]) + 1 if len(early) else 0
    at_last = int(late[0]) if len(late) else len(ordered) - 1
    n_within = int(upto[at_last]) - (int(upto[at_first - 1]) if at_first else 0)
    return LogSpan(ordered[at_first]["first"], ordered[at_last]["last"], total - n_within)
