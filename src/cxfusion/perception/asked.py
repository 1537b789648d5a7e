"""Who was asked: told by a flag of the contact log, or by a survey file that also lists surveys without an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import ibis

from cxfusion.perception.answers import CUSTOMER
from cxfusion.tables.cells import FALSE, TRUE, is_number

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.pairing import Pairing
    from cxfusion.tables.relation import Contacts, Surveys

__all__ = ["IS_INVITED", "Asked", "asked_about", "disposition_key", "is_sent"]

IS_INVITED: Final = "is_invited"
"""The contact log's own flag, where it has one."""
NOT_SENT: Final = ("notasked", "notinvited", "notoffered", "notsent")
"""Dispositions of rows that are no invitation, by their keys."""
FEWEST_SILENT: Final = 0.2
"""Share of rows without a score from which a file without dispositions is taken to list its invitations: fewer are
answers that lack a score."""
MOST_UNNAMED: Final = 0.1
"""Share of the silent rows that may name no contact of the log."""
ANSWERS_ONLY: Final = "the survey file lists only those who answered, so who was asked is not known"


class Asked(NamedTuple):
    """Contacts that were asked about, or why that is not known.

    Attributes
    ----------
    rows : ibis.Table
        ``asked_id``, one row per contact; only those answered about where there is a reason.
    reason : str or None
    """

    rows: ir.Table
    reason: str | None


def asked_about(pairing: Pairing) -> Asked:
    """Contacts whose customers were asked, as far as that is known; who answered was asked."""
    contacts, pairs = pairing.contacts, pairing.pairs
    answered = pairs.filter(pairs["respondent_role"] == CUSTOMER).select(asked_id="contact_id")
    is_invited = _flag(contacts)
    if is_invited is not None:
        invited = contacts.rows.filter(is_invited)
        return Asked(_ids(answered, invited.select(asked_id="contact_id")), None)
    silent = _silent(pairing)
    reason = _why_unknown(pairing, silent)
    return Asked(_ids(answered) if reason else _ids(answered, silent.select("asked_id")), reason)


def is_sent(surveys: Surveys) -> ir.BooleanValue:
    """Whether a row of the survey file is an invitation: one without a disposition is."""
    return ~disposition_key(surveys.value("disposition")).isin(NOT_SENT).fill_null(False)


def disposition_key(word: ir.StringValue) -> ir.StringValue:
    """A disposition as it is looked up: ``Opted_Out``, ``opted-out`` and ``opted out`` are one word."""
    return word.lower().replace(" ", "").replace("_", "").replace("-", "")


def _flag(contacts: Contacts) -> ir.BooleanValue | None:
    """Whether the log says of a contact that its customer was asked; None where it has no flag of yes and no."""
    if not contacts.has(IS_INVITED):
        return None
    told = contacts.rows[IS_INVITED]
    word = told.cast("string").lower()
    read = ibis.cases((word.isin(TRUE), True), (word.isin(FALSE), False), else_=ibis.null("boolean"))
    flag = told.cast("boolean") if is_number(told.type()) else read
    asked = contacts.rows.aggregate(n_told=told.count(), n_read=flag.count())
    n_told, n_read = contacts.session.collect(asked).to_pylist()[0].values()
    return flag.fill_null(False) if 0 < n_read == n_told else None


def _ids(*tables: ir.Table) -> ir.Table:
    together = tables[0] if len(tables) == 1 else tables[0].union(tables[1])
    return together.filter(together["asked_id"].notnull()).distinct()


def _silent(pairing: Pairing) -> ir.Table:
    """Invitations of customers that brought no score: ``asked_id``, null where they name no contact."""
    surveys = pairing.surveys
    is_silent = (surveys.rows["respondent_role"] == CUSTOMER) & (surveys.rows["score_status"] == "score_missing")
    return surveys.rows.filter(is_silent & is_sent(surveys)).select(asked_id=surveys.value("contact_id"))


def _why_unknown(pairing: Pairing, silent: ir.Table) -> str | None:
    surveys = pairing.surveys
    n = pairing.session.count(silent)
    if not n or not (surveys.has("disposition") or n >= FEWEST_SILENT * surveys.count()):
        return ANSWERS_ONLY
    log = pairing.contacts.rows
    n_unnamed = n - pairing.session.count(silent.semi_join(log, silent["asked_id"] == log["contact_id"]))
    if n_unnamed > MOST_UNNAMED * n:
        return (
            f"of {n:,} surveys without an answer, {n_unnamed:,} name no contact of the log, so which contacts were"
            " asked about is not known"
        )
    return None
