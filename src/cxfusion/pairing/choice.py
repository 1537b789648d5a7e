"""One contact per response: the last one the customer had; and one response per contact and role: the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from cxfusion.pairing.candidates import last_met

if TYPE_CHECKING:
    from datetime import timedelta

    import ibis.expr.types as ir

__all__ = ["duplicates", "last_contacts"]


def last_contacts(asking: ir.Table, log: ir.Table, window: timedelta) -> ir.Table:
    """The last contact that each search meets, and when the one before it ended.

    Parameters
    ----------
    asking : ibis.Table
        As of :func:`cxfusion.pairing.candidates.searches`.
    log : ibis.Table
        As of :func:`cxfusion.pairing.candidates.log_of`.
    window : timedelta

    Returns
    -------
    ibis.Table
        ``response_id, contact_id, started_at, ended_at, n_candidates, next_ended_at`` (the runner-up's end).
        A search that met only contacts which may not pair has no contact and ``n_candidates`` 0.
    """
    found = last_met(asking, log, window)
    n = found["n_candidates"]
    last, runner_up = (ibis.ifelse(n > place, found["last"][place], None) for place in (0, 1))
    return found.select(
        "response_id",
        **{name: last[name] for name in ("contact_id", "started_at", "ended_at")},
        n_candidates=n,
        next_ended_at=runner_up["ended_at"],
    )


def duplicates(found: ir.Table, responses: ir.Table) -> ir.Table:
    """Ids of the responses that came after the first one of their role about the same contact.

    First is the earliest anchor, then the earliest answer, then the smallest id; an unknown time comes last.

    Parameters
    ----------
    found : ibis.Table
        ``response_id, contact_id, n_candidates``, at most one row per response.
    responses : ibis.Table
        As of :func:`cxfusion.pairing.keys.keyed`.
    """
    claims = found.filter(found["n_candidates"] > 0).select("response_id", "contact_id")
    crowded = claims.group_by("contact_id").having(claims.count() > 1).aggregate(n_claims=claims.count())
    rivals = claims.semi_join(crowded, "contact_id").join(
        responses.select("response_id", "respondent_role", "anchor_at", "answered_at"), "response_id"
    )
    times = [ibis.asc(rivals[name], nulls_first=False) for name in ("anchor_at", "answered_at")]
    place = ibis.row_number().over(group_by=["contact_id", "respondent_role"], order_by=[*times, "response_id"])
    placed = rivals.mutate(place=place)
    return placed.filter(placed["place"] > 0).select("response_id")
