"""Contacts outside the period asked for that an answer could be about.

With them, runs over consecutive periods pair each answer once, and as one run over all of them would.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Final

import ibis

from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW
from cxfusion.pairing.candidates import PARTS
from cxfusion.pairing.keys import with_contacts
from cxfusion.pairing.responses import RELATIONSHIP
from cxfusion.results.formats import count, duration_in_words
from cxfusion.tables.period import AROUND
from cxfusion.tables.steps import compute

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.pairing.plan import PairingPlan
    from cxfusion.tables.relation import Contacts

__all__ = ["contacts_around", "notes_on_reach"]

NEEDED: Final = ("contact_id", "case_id", "customer_id", "started_at", "ended_at", *PARTS, "is_abandoned")
PLACE: Final = (SOURCE_FILE, SOURCE_ROW)


def contacts_around(contacts: Contacts, responses: ir.Table) -> ir.Table | None:
    """The contacts outside the period with an id, a case or a customer that a response names, computed.

    Parameters
    ----------
    contacts : Contacts
    responses : ibis.Table
        As of :func:`cxfusion.pairing.responses.asked`.

    Returns
    -------
    ibis.Table or None
        With the columns of the log that pairing needs; with all of them where a response asks about the relationship.
        None where no period was asked for.
    """
    if contacts.around is None:
        return None
    session, others = contacts.session, contacts.around
    asking = compute(session, with_contacts(responses, contacts))
    named = {
        "contact_id": ("leg_contact_id", "root_contact_id"),
        "case_id": ("asked_case_id",),
        "customer_id": ("customer_id",),
    }
    known = {name: keys for name, keys in named.items() if name in others.columns}
    is_named = [
        others[name].isin(asking.filter(asking[key].notnull())[key]) for name, keys in known.items() for key in keys
    ]
    about_all = asking["survey_level"] == RELATIONSHIP
    is_whole = session.collect(asking.aggregate(n=about_all.sum()))["n"][0].as_py()
    columns = [name for name in others.columns if is_whole or name in (*NEEDED, *PLACE)]
    found = compute(session, others.filter(reduce(ibis.or_, is_named)).select(*columns))
    first = ibis.row_number().over(group_by="contact_id", order_by=list(PLACE)) == 0
    found = found.anti_join(contacts.rows, "contact_id").mutate(is_first=first)
    return compute(session, found.filter(found["is_first"]).drop("is_first", *PLACE))


def notes_on_reach(contacts: Contacts, plan: PairingPlan) -> tuple[str, ...]:
    """What to say where contacts that an answer could be about stayed in their database."""
    if not contacts.n_beyond or plan.window <= AROUND:
        return ()
    window, reach = (duration_in_words(length.total_seconds()) for length in (plan.window, AROUND))
    return (
        f"{count(contacts.n_beyond)} contacts more than {reach} outside the period stayed in their database, though"
        f" answers are paired within {window}: for customers who called then, an answer may be paired otherwise than"
        " in a run over the whole log.",
    )
