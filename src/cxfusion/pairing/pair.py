"""Pairing as one piece of work: ask, look up, choose, keep the first, balance the books."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import ibis

from cxfusion.engine import require_one_session
from cxfusion.errors import require_kind, require_kind_or_none
from cxfusion.pairing.around import contacts_around, notes_on_reach
from cxfusion.pairing.audit import books, set_aside_of
from cxfusion.pairing.candidates import first_starts, log_of, met, named, searches, within_reach
from cxfusion.pairing.cases import last_of_cases
from cxfusion.pairing.choice import duplicates, last_contacts
from cxfusion.pairing.keys import EXACT, EXPOSURE, keyed
from cxfusion.pairing.lateness import answer_lag
from cxfusion.pairing.plan import PairingPlan
from cxfusion.pairing.reasons import EXPOSED, OUTSIDE, PAIRED, reason_of
from cxfusion.pairing.responses import SCORES, asked
from cxfusion.pairing.result import Pairing
from cxfusion.tables.relation import Surveys, require_contacts
from cxfusion.tables.steps import compute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    import ibis.expr.types as ir

    from cxfusion.engine import Session
    from cxfusion.pairing.plan import Key
    from cxfusion.tables.relation import Contacts

__all__ = ["pair", "pair_anew"]

FOUND: Final = {
    "response_id": "string",
    "contact_id": "string",
    "started_at": "timestamp",
    "ended_at": "timestamp",
    "n_candidates": "int64",
    "next_ended_at": "timestamp",
    "first_started_at": "timestamp",
}
OF_LAG: Final = ("met_at", "told_at")
AS_ASKED: Final = ("anchor_at", "anchor_is_day", "respondent_role", "survey_level", *SCORES, "customer_id")


def pair(
    contacts: Contacts,
    surveys: Surveys,
    plan: PairingPlan | None = None,
    *,
    by: Key | Sequence[Key] | None = None,
    within: str | timedelta | None = None,
) -> Pairing:
    """Find the contact that each response is about.

    Parameters
    ----------
    contacts, surveys : Contacts, Surveys
        Of one session.
    plan : PairingPlan, optional
        By default the most exact key that a response gives: leg, contact, case, or the customer within 72 hours.
    by, within
        Short for a plan with these; they take precedence over the plan.

    Returns
    -------
    Pairing
        Even if nothing could be paired: its audit then says why.

    Raises
    ------
    SessionMismatchError
        The two tables belong to different sessions.
    ConfigError
        The plan cannot be used.
    BooksError
        Rows were lost or counted twice: a bug in cxfusion.

    Examples
    --------
    >>> import cxfusion as cx
    >>> with cx.Session(threads=1) as session:
    ...     calls = [{"contact_id": "a", "started_at": "2026-01-05 09:00"}]
    ...     answers = [{"contact_id": "a", "csat": 5}, {"contact_id": "b", "csat": 2}]
    ...     contacts = cx.read_contacts(calls, session=session)
    ...     cx.pair(contacts, cx.read_surveys(answers, session=session)).n_pairs
    1
    """
    require_contacts(contacts)
    require_kind(surveys, Surveys, "The survey", "read it first, surveys = cx.read_surveys(…).")
    session = require_one_session(contacts.session, surveys.session)
    require_kind_or_none(plan, PairingPlan, "The plan", "make one, plan = cx.PairingPlan(by=…, within=…).")
    plan = _completed(plan or PairingPlan(), by, within)
    answers = asked(surveys)
    around = contacts_around(contacts, answers)
    log = log_of(contacts, plan, around=around)
    responses = keyed(answers, contacts, log, plan)
    found = _found(session, responses, log, plan)
    decided = _within_period(_decided(responses, found, log, plan), contacts, around)
    whole = compute(session, _rows(decided).order_by("response_file", "response_row"))
    rows = whole.drop(*OF_LAG)
    contacts = replace(contacts, notes=(*contacts.notes, *notes_on_reach(contacts, plan)))
    return Pairing(
        session=session,
        rows=rows,
        contacts=contacts,
        surveys=surveys,
        plan=plan,
        books=books(contacts, surveys, rows, plan),
        set_aside=set_aside_of(contacts, surveys, rows),
        around=around,
        answer_lag=answer_lag(session, whole.select(*OF_LAG), contacts.rows),
    )


def pair_anew(pairing: Pairing, answers: ir.Table, n: int, contacts: Callable[[], Contacts]) -> Pairing:
    """Some answers of a pairing, paired by ``contact_id`` with what is to stand in the place of contacts.

    Parameters
    ----------
    pairing : Pairing
    answers : ibis.Table
        Of its surveys, with the ids of what they are paired with.
    n : int
        How many these are.
    contacts : callable
        Makes what stands in the place of contacts, once the answers are there.
    """
    surveys = replace(
        pairing.surveys,
        rows=pairing.session.materialize(answers),
        n_read=n,
        set_aside=pairing.surveys.set_aside.filter(ibis.literal(False)),
        notes=(),
        remarked={},
    )
    return pair(contacts(), surveys, PairingPlan(by="contact_id", one_per_contact=False))


def _completed(plan: PairingPlan, by: Key | Sequence[Key] | None, within: str | timedelta | None) -> PairingPlan:
    return replace(plan, by=plan.by if by is None else by, within=plan.within if within is None else within)


def _found(session: Session, responses: ir.Table, log: ir.Table, plan: PairingPlan) -> ir.Table:
    """What the log has for each response, whichever key led to it; keys that nobody gave cost nothing.

    Each key is looked up by itself: asked together, an engine would copy the log for them to share.
    """
    anchors = responses.aggregate(by="key", first=responses["anchor_at"].min(), last=responses["anchor_until"].max())
    given = {row.pop("key"): row for row in session.collect(anchors).to_pylist()}
    parts = [
        compute(session, part.mutate(**_absent(part)).select(*FOUND).cast(FOUND))
        for part in _by_key(session, responses, log, plan, given)
    ]
    return parts[0] if len(parts) == 1 else ibis.union(*parts)


def _by_key(
    session: Session,
    responses: ir.Table,
    log: ir.Table,
    plan: PairingPlan,
    given: Mapping[str | None, Mapping[str, datetime | None]],
) -> Iterator[ir.Table]:
    if "case_id" in given:
        yield last_of_cases(session, responses, log)
    if "customer_id" in given:
        near = within_reach(log, **given["customer_id"], window=plan.window)
        yield last_contacts(searches(responses, "customer_id", plan.window), near, plan.window)
    if EXPOSURE in given:
        lived = met(searches(responses, EXPOSURE, plan.exposure_window), log, plan.exposure_window)
        yield lived.aggregate(by="response_id", n_candidates=lived.count())
    if not given or not {"case_id", "customer_id", EXPOSURE}.issuperset(given):  # no answers, no key, or an exact one
        yield named(responses, log)


def _absent(part: ir.Table) -> dict[str, ir.Value]:
    return {name: ibis.null(kind) for name, kind in FOUND.items() if name not in part.columns}


def _decided(responses: ir.Table, found: ir.Table, log: ir.Table, plan: PairingPlan) -> ir.Table:
    """Responses beside what was found for them, with their reason."""
    lost = responses.filter(responses["key"].isin(("customer_id", EXPOSURE))).anti_join(found, "response_id")
    beside = responses.left_join(found, "response_id", rname="found_{name}")
    beside = beside.left_join(first_starts(lost, log), "customer_id", rname="customer_{name}")
    by_case, of_case = beside["key"] == "case_id", beside["first_started_at"]
    first = ibis.ifelse(by_case, of_case, beside["customer_first_started_at"])
    beside = beside.mutate(first_started_at=first)
    if not plan.one_per_contact:
        return beside.mutate(reason=reason_of(beside))
    later = duplicates(found, responses).mutate(is_later=True)
    beside = beside.left_join(later, "response_id", rname="later_{name}")
    return beside.mutate(reason=ibis.ifelse(beside["is_later"].notnull(), "duplicate_response", reason_of(beside)))


def _within_period(decided: ir.Table, contacts: Contacts, around: ir.Table | None) -> ir.Table:
    """The same; what speaks about a contact, or was asked, outside the period belongs to another run."""
    if around is None or contacts.period is None:
        return decided
    is_elsewhere = decided["contact_id"].isin(around["contact_id"]).fill_null(False)
    is_asked_elsewhere = contacts.period.is_outside(decided["anchor_at"])
    reason = decided["reason"]
    belongs_elsewhere = (reason.isin(PAIRED) & is_elsewhere) | ((reason == EXPOSED) & is_asked_elsewhere)
    return decided.mutate(reason=ibis.ifelse(belongs_elsewhere, OUTSIDE, reason))


def _rows(decided: ir.Table) -> ir.Table:
    """The columns of a pairing, what belongs to the contact only where it is paired; and those of the lag."""
    is_paired, key = decided["reason"].isin(PAIRED), decided["key"]
    is_looked_up = key.isin((*EXACT, "case_id")) | (key.notnull() & decided["anchor_at"].notnull())

    def of_pair(value: ir.Value) -> ir.Value:
        return ibis.ifelse(is_paired, value, ibis.null(value.type()))

    return decided.select(
        "response_file",
        "response_row",
        "response_id",
        "reason",
        contact_id=of_pair(decided["contact_id"]),
        leg_id=ibis.ifelse(decided["reason"] == "paired_leg_id", decided["asked_leg_id"], ibis.null("string")),
        started_at=of_pair(decided["started_at"]),
        n_candidates=ibis.ifelse(is_looked_up, decided["n_candidates"].fill_null(0), ibis.null("int64")),
        gap_seconds=of_pair(_seconds(decided["ended_at"], decided["anchor_until"])),
        next_gap_seconds=of_pair(_seconds(decided["next_ended_at"], decided["anchor_until"])),
        **{name: decided[name] for name in AS_ASKED},
        met_at=ibis.ifelse(decided["reason"].isin((*PAIRED, OUTSIDE)), decided["started_at"], ibis.null("timestamp")),
        told_at=ibis.ifelse(decided["answered_at"].notnull(), decided["told_until"], ibis.null("timestamp")),
    )


def _seconds(start: ir.TimestampValue, end: ir.TimestampValue) -> ir.FloatingValue:
    return end.delta(start, unit="microsecond") / 1e6
