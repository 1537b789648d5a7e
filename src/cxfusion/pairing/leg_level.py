"""A pairing at the level of legs: an answer speaks of one agent's part of a contact, where it can be told which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from cxfusion.errors import NothingPairedError
from cxfusion.pairing.legs import require_legs
from cxfusion.pairing.pair import pair_anew
from cxfusion.pairing.result import require_pairing
from cxfusion.results.formats import count
from cxfusion.tables.canonical import CONTACT_COLUMNS
from cxfusion.tables.legs import legs_within
from cxfusion.tables.relation import Contacts

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.pairing.result import Pairing
    from cxfusion.tables.relation import Legs

__all__ = ["pair_legs"]


def pair_legs(pairing: Pairing) -> Pairing:
    """The pairs again, with legs in the place of contacts: agent, queue and times are those of the leg that is meant.

    That is the leg which an answer names, else the only one in which an agent served the customer. Where several
    agents did and the answer names none of their legs, it cannot be told, and the answer ends as ``no_key``.

    Parameters
    ----------
    pairing : Pairing
        Of a log that was read as legs.

    Returns
    -------
    Pairing
        Its ``contacts`` has one row per leg, with the leg's id as ``contact_id``. Measures and levers take it like any
        pairing: ``measure(pair_legs(pairing), "csat", by="agent_id")`` gives each agent's own score.

    Raises
    ------
    UsageError
        The contact log was not read as legs.
    NothingPairedError
        There are no pairs.

    Examples
    --------
    >>> import cxfusion as cx
    >>> call = {"ContactId": "k1", "InitiationTimestamp": "2026-01-05T09:00:00Z"}
    >>> taken = {"Username": "ivo", "ConnectedToAgentTimestamp": "2026-01-05T09:00:20Z"}
    >>> passed_on = {"ContactId": "k2", "InitialContactId": "k1", "InitiationTimestamp": "2026-01-05T09:05:00Z"}
    >>> log = [{**call, "Agent": taken}, {**passed_on, "Agent": {**taken, "Username": "jan"}}]
    >>> contacts = cx.read_contacts(log, source="amazon_connect")
    >>> of_legs = cx.pair_legs(cx.pair(contacts, cx.read_surveys([{"leg_id": "k1", "csat": 5}])))
    >>> of_legs.contacts.to_pandas()[["contact_id", "agent_id"]].values.tolist(), of_legs.to_pandas()["contact_id"][0]
    ([['k1', 'ivo'], ['k2', 'jan']], 'k1')
    """
    require_pairing(pairing)
    legs = legs_within(require_legs(pairing.contacts), pairing.contacts)
    if not pairing.n_pairs:
        raise NothingPairedError("No response is paired with a contact, so none speaks of a leg: see pairing.audit.")
    meant = _meant(pairing, legs).select("response_id", meant_leg_id="leg_id")
    answers = pairing.surveys.rows.inner_join(meant, "response_id")
    answers = answers.drop(*(name for name in ("contact_id", "leg_id") if name in answers.columns))
    answers = answers.rename(contact_id="meant_leg_id")
    return pair_anew(pairing, answers, pairing.n_pairs, lambda: _as_contacts(pairing, legs))


def _meant(pairing: Pairing, legs: Legs) -> ir.Table:
    """The leg of each pair; null where it cannot be told."""
    served = legs.rows.filter(legs.value("is_handled").fill_null(False))
    only = served.group_by("contact_id").having(served.count() == 1).aggregate(only_leg_id=served["leg_id"].max())
    beside = pairing.pairs.left_join(only, "contact_id", rname="only_{name}")
    return beside.select("response_id", leg_id=ibis.coalesce(beside["leg_id"], beside["only_leg_id"]))


def _as_contacts(pairing: Pairing, legs: Legs) -> Contacts:
    contacts, session = pairing.contacts, pairing.session
    named = legs.rows.filter(legs.rows["leg_id"].notnull())
    own = [column.name for column in CONTACT_COLUMNS if column.name in named.columns and column.name != "contact_id"]
    further = [name for name in legs.further if name not in own]
    rows = named.select(*own, *further, "source_file", "source_row", contact_id="leg_id")
    rows = session.materialize(rows.order_by("started_at", "contact_id"))
    n = session.count(rows)
    return Contacts(
        session=session,
        rows=rows,
        n_read=n,
        set_aside=contacts.set_aside.filter(ibis.literal(False)),
        timezone=contacts.timezone,
        columns_from=legs.columns_from,
        private=legs.private,
        notes=(f"each row is one of {count(n)} legs, not a contact as its customer lived it",),
    )
