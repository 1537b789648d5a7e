"""Instants and wall clocks: a time zone becomes a short list of offsets, so that any engine can apply it.

Engines disagree on zones and on what their session's zone is; a ``CASE`` over a zone's offset changes does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import ibis

from cxfusion.errors import ConfigError, nearest_names, require_kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir

__all__ = [
    "EPOCH",
    "Years",
    "day_of",
    "end_of_day",
    "is_skipped",
    "microseconds",
    "require_zone",
    "to_local",
    "to_utc",
    "years_asked",
    "years_told",
]

EPOCH: Final = datetime(1970, 1, 1)
SECONDS_A_DAY: Final = 86_400
Years: TypeAlias = tuple[int, int]
"""First and last year that occur in the data."""


@dataclass(frozen=True)
class OffsetChange:
    """One change of a zone's offset from UTC.

    Attributes
    ----------
    at : datetime
        UTC, without a zone.
    before, after : int
        Seconds to add to UTC to get local time.
    """

    at: datetime
    before: int
    after: int


def require_zone(name: str) -> str:
    """The name of a time zone, if there is such a zone.

    Raises
    ------
    ConfigError
        No such zone; the message lists the nearest names.

    Examples
    --------
    >>> require_zone("Asia/Kolkata")
    'Asia/Kolkata'
    """
    require_kind(name, str, "timezone", "the name of a zone, such as 'Europe/Berlin'.")
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        near = ", ".join(nearest_names(name, available_timezones())) or "Europe/Berlin, America/New_York, UTC"
        raise ConfigError(
            f"There is no time zone {name!r}. Expected an IANA name; nearest or most usual: {near}."
        ) from error
    return name


def microseconds(utc: ir.TimestampValue) -> ir.IntegerValue:
    """Microseconds since 1970: a number, so that any engine can look a range of it around, or take its quantile."""
    return utc.cast("timestamp").delta(ibis.literal(EPOCH), unit="microsecond")


def day_of(moment: ir.TimestampValue) -> ir.IntegerValue:
    """The day of a moment, counted from 1970: by the clock that the moment is told by."""
    return moment.epoch_seconds() // SECONDS_A_DAY


def years_asked(utc: ir.TimestampValue) -> dict[str, ir.Value]:
    """What :func:`years_told` needs: the years of both ends, since every row's own would cost as much as all else."""
    return {"first_year": utc.min().year(), "last_year": utc.max().year()}


def years_told(found: Mapping[str, Any]) -> Years:
    """First and last year, from the answers to :func:`years_asked`; 1970 where there is no instant."""
    return int(found["first_year"] or 1970), int(found["last_year"] or 1970)


def to_local(utc: ir.TimestampValue, zone: str, years: Years) -> ir.TimestampValue:
    """Wall-clock time at a site of instants given in UTC.

    Parameters
    ----------
    utc : ibis timestamp expression
        UTC, without a zone.
    zone : str
        IANA name.
    years : (int, int)
        First and last year of the data; offsets outside of them are taken to stay as they were at the edge.

    Returns
    -------
    ibis timestamp expression
        Local, without a zone.
    """
    return _shift(utc, [(change.at, change.before) for change in _changes(zone, years)], _last_offset(zone, years), 1)


def to_utc(local: ir.TimestampValue, zone: str, years: Years) -> ir.TimestampValue:
    """Instants in UTC of wall-clock times at a site.

    An hour that occurs twice, when clocks go back, is read as the first of the two (still summer time). An hour
    that does not occur, when clocks go forward, is moved forward by what the clock jumped. That is Python's
    ``fold=0`` (PEP 495).

    Parameters
    ----------
    local : ibis timestamp expression
        Local, without a zone.
    zone : str
        IANA name.
    years : (int, int)
        First and last year of the data; offsets outside of them are taken to stay as they were at the edge.

    Returns
    -------
    ibis timestamp expression
        UTC, without a zone.
    """
    # The offset of before the change holds until the later of the change's two wall-clock readings: through the
    # repeated hour when clocks go back, through the missing hour when they go forward.
    steps = [
        (change.at + timedelta(seconds=max(change.before, change.after)), change.before)
        for change in _changes(zone, years)
    ]
    return _shift(local, steps, _last_offset(zone, years), -1)


def is_skipped(local: ir.TimestampValue, zone: str, years: Years) -> ir.BooleanValue:
    """Whether no clock at a site ever showed this wall-clock time: the clocks went forward over it.

    Parameters
    ----------
    local, zone, years
        As of :func:`to_utc`.

    Returns
    -------
    ibis boolean expression
    """
    gaps = [
        (change.at + timedelta(seconds=change.before), change.at + timedelta(seconds=change.after))
        for change in _changes(zone, years)
        if change.after > change.before
    ]
    return ibis.or_(
        ibis.literal(False), *((local >= ibis.literal(first)) & (local < ibis.literal(end)) for first, end in gaps)
    )


def end_of_day(start: ir.TimestampValue, zone: str, years: Years) -> ir.TimestampValue:
    """When the days end at a site that begin at some instants; the one on which clocks go back lasts 25 hours.

    Parameters
    ----------
    start : ibis timestamp expression
        The site's midnights, in UTC, without a zone.
    zone : str
        IANA name.
    years : (int, int)
        First and last year of the data; outside of them every day is taken to last 24 hours.

    Returns
    -------
    ibis timestamp expression
        UTC, without a zone.
    """
    usual = timedelta(days=1)
    days = [(change.at, usual - timedelta(seconds=change.after - change.before)) for change in _changes(zone, years)]
    ends = [
        ((start <= ibis.literal(at)) & (start > ibis.literal(at - length)), start + ibis.interval(length))
        for at, length in days
    ]
    end: ir.TimestampValue = start + ibis.interval(usual)
    return ibis.cases(*ends, else_=end) if ends else end


def _shift(time: ir.TimestampValue, steps: list[tuple[datetime, int]], last: int, sign: int) -> ir.TimestampValue:
    if not steps:
        return _add(time, sign * last)
    branches = [(time < ibis.literal(until), _add(time, sign * offset)) for until, offset in steps]
    return ibis.cases(*branches, else_=_add(time, sign * last))


def _add(time: ir.TimestampValue, seconds: int) -> ir.TimestampValue:
    return time + ibis.interval(seconds=seconds) if seconds else time


def _last_offset(zone: str, years: Years) -> int:
    return _offset(ZoneInfo(require_zone(zone)), _span(years)[1])


@cache
def _changes(zone: str, years: Years) -> tuple[OffsetChange, ...]:
    info = ZoneInfo(require_zone(zone))
    start, end = _span(years)
    days = [start + timedelta(days=day) for day in range((end - start).days + 1)]
    return tuple(
        _change_between(info, day, next_day)
        for day, next_day in pairwise(days)
        if _offset(info, day) != _offset(info, next_day)
    )


def _change_between(info: ZoneInfo, early: datetime, late: datetime) -> OffsetChange:
    """The one change between two instants, found by halving down to the second."""
    before, after = _offset(info, early), _offset(info, late)
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=(late - early) // timedelta(seconds=2))
        if _offset(info, middle) == before:
            early = middle
        else:
            late = middle
    return OffsetChange(late, before, after)


def _span(years: Years) -> tuple[datetime, datetime]:
    """From two days before the first year to two days after the last: no offset is longer."""
    first, last = years
    return datetime(first, 1, 1) - timedelta(days=2), datetime(last + 1, 1, 1) + timedelta(days=2)


def _offset(info: ZoneInfo, utc: datetime) -> int:
    offset = utc.replace(tzinfo=UTC).astimezone(info).utcoffset()
    return round(offset.total_seconds()) if offset is not None else 0
