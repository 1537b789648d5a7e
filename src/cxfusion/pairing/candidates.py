"""Which contacts of the log could answer a response. The log is joined and aggregated, never sorted or windowed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import ibis

from cxfusion.engine.functions import greatest_of
from cxfusion.pairing.keys import EXACT
from cxfusion.pairing.responses import is_before
from cxfusion.tables.formats import microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import ibis.expr.types as ir

    from cxfusion.pairing.plan import PairingPlan
    from cxfusion.tables.relation import Contacts

__all__ = ["ORDER", "PARTS", "first_starts", "last_met", "log_of", "met", "named", "searches", "within_reach"]

PARTS: Final = ("ivr_seconds", "wait_seconds", "talk_seconds", "hold_seconds")
"""What a contact is made of until it ends, where the log does not say when it ended."""

ORDER: Final = ("ended_at", "started_at", "contact_id")
"""What makes one contact later than another: a total order, whatever the order of the rows."""

INSTANT: Final = ibis.interval(microseconds=1)
"""The shortest time that is told apart: a day does not reach its end, but for this."""


def log_of(
    contacts: Contacts, plan: PairingPlan, further: Iterable[str] = (), around: ir.Table | None = None
) -> ir.Table:
    """Start and end of every contact, with its keys and whether the plan lets it pair by customer.

    Parameters
    ----------
    contacts : Contacts
    plan : PairingPlan
    further : iterable of str
        Columns of the log to be carried along.
    around : ibis.Table, optional
        Contacts outside the period that answers could be about: they follow those within.

    Where the log has no end, its parts are added to the start and a missing part counts as zero: here, where only the
    order of events is asked, and nowhere else. An end before its start is a wrong clock: the start is taken.

    Returns
    -------
    ibis.Table
        ``contact_id, case_id, customer_id, started_at, ended_at, is_eligible``, and the further ones.
    """
    if around is not None:
        within, others = (log_of(replace(contacts, rows=rows), plan, further) for rows in (contacts.rows, around))
        return within.union(others.select(*within.columns))
    rows, start = contacts.rows, contacts.rows["started_at"]
    seconds = sum((rows[part].fill_null(0.0) for part in PARTS if contacts.has(part)), start=ibis.literal(0.0))
    computed = start + (seconds * 1e6).round().cast("int64").as_interval("us")
    is_abandoned = contacts.value("is_abandoned").fill_null(False)
    return rows.select(
        contact_id=rows["contact_id"],
        case_id=contacts.value("case_id"),
        customer_id=contacts.value("customer_id"),
        started_at=start,
        ended_at=ibis.greatest(start, ibis.coalesce(contacts.value("ended_at"), computed)),
        is_eligible=ibis.literal(True) if plan.eligible == "all" else ~is_abandoned,
        **{name: contacts.value(name) for name in further},
    )


def named(responses: ir.Table, log: ir.Table) -> ir.Table:
    """The contact that each response names, itself or by one of its legs, where the log has it.

    Returns
    -------
    ibis.Table
        ``response_id, contact_id, started_at, ended_at, n_candidates``: 1, or 0 where the answer came before it.
    """
    asking = responses.filter(responses["key"].isin(EXACT))
    is_early = is_before(asking["told_until"], asking["told_is_day"], log["started_at"])
    return log.join(asking, log["contact_id"] == asking["wanted_contact_id"]).select(
        asking["response_id"],
        log["contact_id"],
        log["started_at"],
        log["ended_at"],
        n_candidates=ibis.ifelse(is_early, 0, 1).cast("int64"),
    )


def searches(responses: ir.Table, key: str, window: timedelta) -> ir.Table:
    """The stretch of time in which each response that is looked up by a key looks for its customer's contacts.

    Returns
    -------
    ibis.Table
        ``response_id, customer_id, earliest`` (for a start), ``until`` (for an end; of a day its last microsecond).
    """
    anchored = responses.filter(responses["key"] == key, responses["anchor_at"].notnull())
    until = anchored["anchor_until"]
    return anchored.select(
        "response_id",
        "customer_id",
        earliest=anchored["anchor_at"] - ibis.interval(window),
        until=ibis.ifelse(anchored["anchor_is_open"], until - INSTANT, until),
    )


def within_reach(log: ir.Table, first: datetime | None, last: datetime | None, window: timedelta) -> ir.Table:
    """The contacts that started while any search could meet them: of a year's log, what a week's survey can be about.

    Parameters
    ----------
    log : ibis.Table
        As of :func:`log_of`.
    first, last : datetime, optional
        The first and the last anchor; None where there is none.
    window : timedelta
    """
    if first is None or last is None:
        return log
    return log.filter(log["started_at"].between(ibis.literal(first - window), ibis.literal(last)))


def met(asking: ir.Table, log: ir.Table, window: timedelta) -> ir.Table:
    """Every contact that each search meets: ``response_id`` beside the columns of the log.

    The join meets customers one slice of time after the other, so that an id which many callers share ("anonymous")
    costs what lies in its windows, not the square of its rows.

    Parameters
    ----------
    asking : ibis.Table
        As of :func:`searches`, with this window.
    log : ibis.Table
        As of :func:`log_of`, perhaps with further columns.
    window : timedelta
    """
    bits = _microseconds(window + timedelta(days=1)).bit_length() + 1  # few searches lie in two slices, none in three
    sliced = log.mutate(slice=_slice(log["started_at"], bits))
    first, last = (_slice(asking[end], bits) for end in ("earliest", "until"))
    asking = asking.mutate(slice=ibis.array([first, last.nullif(first)])).unnest("slice")  # null meets nothing
    return sliced.join(
        asking,
        [
            sliced["customer_id"] == asking["customer_id"],
            sliced["slice"] == asking["slice"],
            sliced["started_at"] >= asking["earliest"],
            sliced["ended_at"] <= asking["until"],
        ],
    ).select(asking["response_id"], *(sliced[name] for name in log.columns))


def last_met(asking: ir.Table, log: ir.Table, window: timedelta) -> ir.Table:
    """How many contacts each search meets, and the last two: latest end, ties by latest start, then by greatest id.

    The join is aggregated as it streams: what is kept is two contacts per search.

    Returns
    -------
    ibis.Table
        ``response_id, n_candidates`` (eligible ones; 0 where only others were met), ``last`` (of them, up to two
        ``ended_at, started_at, contact_id``).
    """
    found = met(asking, log, window)
    may_pair, order = found["is_eligible"], ibis.struct({name: found[name] for name in ORDER})
    return found.aggregate(
        by="response_id", n_candidates=may_pair.sum().cast("int64"), last=greatest_of(order, 2, where=may_pair)
    )


def first_starts(responses: ir.Table, log: ir.Table) -> ir.Table:
    """When the customers of some responses first appear in the log: ``customer_id, first_started_at``."""
    known = log.semi_join(responses.select("customer_id").distinct(), "customer_id")
    return known.aggregate(by="customer_id", first_started_at=known["started_at"].min())


def _slice(moment: ir.TimestampValue, bits: int) -> ir.IntegerValue:
    """Number of a slice of so many bits of microseconds: a shift costs every row of the log less than a division."""
    number: ir.IntegerValue = microseconds(moment) >> bits
    return number


def _microseconds(length: timedelta) -> int:
    return length // timedelta(microseconds=1)
