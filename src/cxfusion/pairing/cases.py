"""The last contact of a case before an answer: events in order of time, so that a case of any size costs no join."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ibis

from cxfusion.pairing.candidates import ORDER

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.engine import Session

__all__ = ["last_of_cases", "places_in_cases"]

EVENT: Final = {
    "case_id": "string",
    "response_id": "string",
    "at": "timestamp",
    "turn": "int64",
    "place": "int64",
    "started_at": "timestamp",
    "is_barred": "int64",
}
NEVER: Final = "9999-12-31"
"""An answer without a time comes after every contact of its case."""


def places_in_cases(responses: ir.Table, log: ir.Table) -> ir.Table:
    """The log's contacts of the cases asked about, with ``place``: 1, 2, … among the case's contacts that may pair."""
    asked = responses.filter(responses["key"] == "case_id")
    of_cases = log.semi_join(asked, [("case_id", "asked_case_id")])
    place = ibis.row_number().over(group_by=["case_id", "is_eligible"], order_by=list(ORDER)) + 1
    return of_cases.mutate(place=ibis.ifelse(of_cases["is_eligible"], place, ibis.null("int64")))


def last_of_cases(session: Session, responses: ir.Table, log: ir.Table) -> ir.Table:
    """The last contact of each case that had ended by the anchor; the very last where the answer has no time.

    Parameters
    ----------
    session : Session
    responses : ibis.Table
        As of :func:`cxfusion.pairing.keys.keyed`.
    log : ibis.Table
        As of :func:`cxfusion.pairing.candidates.log_of`.

    Returns
    -------
    ibis.Table
        As of :func:`cxfusion.pairing.choice.last_contacts`, with ``first_started_at``, when the case began; one row
        per response whose case the log has. ``n_candidates`` is null where no contact of the case had ended.
    """
    placed = session.materialize(places_in_cases(responses, log))
    seen = session.materialize(_seen(responses, placed))
    chosen, before = (
        placed.filter(placed["place"].notnull()).select("case_id", "place", "contact_id", "started_at", "ended_at")
        for _ in range(2)
    )
    beside = seen.left_join(chosen, [("case_id", "case_id"), ("n_candidates", "place")])
    beside = beside.mutate(place_before=beside["n_candidates"] - 1)
    beside = beside.left_join(before, [("case_id", "case_id"), ("place_before", "place")], rname="next_{name}")
    columns = (
        "response_id",
        "contact_id",
        "started_at",
        "ended_at",
        "n_candidates",
        "next_ended_at",
        "first_started_at",
    )
    return beside.select(*columns)


def _seen(responses: ir.Table, placed: ir.Table) -> ir.Table:
    """How many contacts of its case had ended when each response was asked."""
    asking = responses.filter(responses["key"] == "case_id")
    ends = placed.mutate(
        response_id=ibis.null("string"), at=placed["ended_at"], turn=1, is_barred=(~placed["is_eligible"]).cast("int64")
    )
    asks = asking.mutate(
        case_id=asking["asked_case_id"],
        at=asking["anchor_until"].cast("timestamp").fill_null(ibis.timestamp(NEVER)),
        turn=ibis.ifelse(asking["anchor_is_open"].fill_null(False), 0, 2),  # a day does not reach its end
        is_barred=0,
        place=ibis.null("int64"),
        started_at=ibis.null("timestamp"),
    )
    events = ibis.union(*(part.select(*EVENT).cast(EVENT) for part in (ends, asks)))
    so_far = ibis.window(
        group_by="case_id", order_by=["at", "turn", "place", "response_id"], preceding=None, following=0
    )
    seen = events.mutate(
        n_place=events["place"].max().over(so_far),
        n_barred=events["is_barred"].sum().over(so_far),
        first_started_at=events["started_at"].min().over(group_by="case_id"),
    )
    seen = seen.filter(seen["response_id"].notnull(), seen["first_started_at"].notnull())
    none = ibis.ifelse(seen["n_barred"] > 0, 0, ibis.null("int64"))
    return seen.select("response_id", "case_id", "first_started_at", n_candidates=ibis.coalesce(seen["n_place"], none))
