"""Legs → contacts: one rule for every vendor, written once, so that a contact is what its customer lived.

The legs of a contact are taken in the order in which they started. A leg is *handled* where an agent served the
customer. Where each record is a whole contact, what only its legs could tell is unknown: the first agent and how many
there were, later queueing, and transfers but for the export's own count.

==================== ===================================================================================================
Contact              Of its legs
==================== ===================================================================================================
``started_at``       the earliest start
``ended_at``         the latest end; a leg that tells none ends when its menu, wait, talk and hold are over
``wait_seconds``     the sum over the legs up to the first handled one: what the customer waited for the first answer
``ivr_seconds``      the sum over the same legs
``ring_seconds``     that of the first handled leg
``rewait_seconds``   the sum over later legs (one that tells none had none); unknown where nobody handled the contact
talk, hold, wrap     the sums over the handled legs, and so ``n_holds``; unknown only where each of them is unknown
``agent_id``         of the last handled leg; ``first_agent_id`` of the first, ``n_agents`` counts the different ones
``n_transfers``      the export's own count; else the handled legs after the first, and one more where the last agent
                     passed the customer on
``is_abandoned``     no where a leg was handled; else yes where a leg says so; else unknown: voicemail, self-service
``reason``           the last one that a handled leg tells, or any leg where nobody handled the contact
all others           the first one told; of fields that the map names besides, the last one
==================== ===================================================================================================
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import ibis
import pyarrow as pa

from cxfusion.tables.steps import ask, compute
from cxfusion.tables.sums import exact_sum

if TYPE_CHECKING:
    from collections.abc import Iterable

    import ibis.expr.types as ir

    from cxfusion.engine import Session
    from cxfusion.tables.relation import Contacts, Legs

__all__ = ["legs_within", "roll_up", "with_roots"]

PLACE: Final = "cx:place"
HANDLED: Final = "cx:handled"
IS_FIRST_WAIT: Final = "cx:is_first_wait"
IS_UNSERVED: Final = "cx:is_unserved"
UNTIL_LEFT: Final = ("ivr_seconds", "wait_seconds", "talk_seconds", "hold_seconds")
OF_LEGS: Final = ("first_agent_id", "n_agents", "rewait_seconds")
FIRST_TOLD: Final = ("case_id", "customer_id", "queue", "channel", "direction")


def with_roots(session: Session, legs: ir.Table) -> ir.Table:
    """Legs whose ``contact_id`` is that of the contact which their chain of ``continues`` began with.

    Where a chain was followed, ``own_contact_id`` is what the leg's own record calls its contact: surveys may name it.

    Parameters
    ----------
    session : Session
    legs : ibis.Table
        With ``leg_id, contact_id, continues``; the last names a leg or a contact, in this log or before it.
    """
    later = legs.filter(legs["continues"].notnull()).select("contact_id", named="continues")
    owner = legs.select(named="leg_id", owner="contact_id").distinct()
    links = later.left_join(owner, "named")
    links = links.select("contact_id", parent=ibis.coalesce(links["owner"], links["named"])).distinct()
    parents = session.collect(links.filter(links["contact_id"] != links["parent"]).order_by("contact_id", "parent"))
    if not parents.num_rows:
        return legs
    roots = _roots((link["contact_id"], link["parent"]) for link in parents.to_pylist())
    known = ibis.memtable(pa.table({"contact_id": list(roots), "root": list(roots.values())}))
    joined = legs.left_join(known, "contact_id")
    found = joined.select(
        *(joined[name] for name in legs.columns if name != "contact_id"), "root", own=legs["contact_id"]
    )
    rooted = found.mutate(contact_id=ibis.coalesce(found["root"], found["own"]))
    return compute(session, rooted.drop("root").rename(own_contact_id="own"))


def _roots(links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Where the chain of each contact begins; a chain that bites its own tail begins with its smallest id."""
    parents: dict[str, str] = {}
    for contact, parent in links:
        parents.setdefault(contact, parent)
    roots: dict[str, str] = {}
    for contact in parents:
        chain = dict.fromkeys([contact])
        at = contact
        while at not in roots and at in parents and parents[at] not in chain:
            at = parents[at]
            chain[at] = None
        is_ring = at not in roots and at in parents
        root = min(_ring(parents, at)) if is_ring else roots.get(at, at)
        roots.update(dict.fromkeys(chain, root))
    return roots


def _ring(parents: dict[str, str], at: str) -> list[str]:
    ring = [at]
    while parents[ring[-1]] != at:
        ring.append(parents[ring[-1]])
    return ring


def roll_up(legs: Legs) -> ir.Table:
    """Contacts of legs, by the rule above.

    Returns
    -------
    ibis.Table
        Materialised, with the columns of contacts that any leg tells something of, and the legs' further ones; times
        carry their zone, UTC.
    """
    placed = _placed(legs)
    values = {**_measures(placed, is_whole=legs.is_whole), **_told(placed, legs.further)}
    if legs.is_whole:
        values = {name: value for name, value in values.items() if name not in OF_LEGS}
    contacts = placed.aggregate(by="contact_id", **values)
    whole = compute(legs.session, contacts.order_by("started_at", "contact_id"))
    counts = ask(legs.session, whole, {name: whole[name].count() for name in whole.columns})
    times = {name: whole[name].cast("timestamp('UTC')") for name, kind in whole.schema().items() if kind.is_timestamp()}
    return whole.mutate(**times).select(*(name for name in whole.columns if counts[name]))


def legs_within(legs: Legs, contacts: Contacts) -> Legs:
    """The legs of the contacts that are there: a period is asked of contacts, and their legs are read before it is.

    Only the rows are fewer; what reading the legs counted is of all of them.
    """
    return replace(legs, rows=legs.rows.semi_join(contacts.rows, "contact_id"))


def _placed(legs: Legs) -> ir.Table:
    """Legs with every column they could have, their place in the contact, and whether the first answer is to come."""
    given = {name.name: legs.value(name.name) for name in legs._canonical()}
    rows = legs.rows.select(
        **given,
        source_file=legs.rows["source_file"],
        source_row=legs.rows["source_row"],
        **{name: legs.rows[name] for name in legs.further},
    )
    handled = rows["is_handled"].fill_null(False)
    seconds = sum((rows[part].fill_null(0.0) for part in UNTIL_LEFT), start=ibis.literal(0.0))
    computed = rows["started_at"] + (seconds * 1e6).round().cast("int64").as_interval("us")
    order = [rows["started_at"], rows["source_file"], rows["source_row"]]
    place = ibis.row_number().over(group_by="contact_id", order_by=order)
    rows = rows.mutate(**{PLACE: place, HANDLED: handled}, ended_at=ibis.coalesce(rows["ended_at"], computed))
    first = ibis.ifelse(rows[HANDLED], rows[PLACE], ibis.null("int64")).min().over(group_by="contact_id")
    return rows.mutate(**{IS_UNSERVED: first.isnull(), IS_FIRST_WAIT: first.isnull() | (rows[PLACE] <= first)})


def _measures(rows: ir.Table, *, is_whole: bool) -> dict[str, ir.Value]:
    handled, is_first_wait = rows[HANDLED], rows[IS_FIRST_WAIT]
    wait, n_handled = rows["wait_seconds"], handled.sum()
    is_served = n_handled > 0
    later = exact_sum(wait, where=~is_first_wait).coalesce(0.0)
    passed_on = rows["is_transfer_out"].fill_null(False).argmax(rows[PLACE], where=handled).fill_null(False)
    own_count = rows["n_transfers"].sum()
    counted = ibis.ifelse(is_served, n_handled - 1 + passed_on.cast("int64"), 0).cast("float64")
    said = rows["is_abandoned"].fill_null(False).any()
    n_agents = rows["agent_id"].nunique(where=handled).cast("float64")
    return {
        "started_at": rows["started_at"].min(),
        "ended_at": rows["ended_at"].max(),
        "wait_seconds": exact_sum(wait, where=is_first_wait),
        "rewait_seconds": ibis.ifelse(is_served & (wait.count() > 0), later, ibis.null("float64")),
        "ivr_seconds": exact_sum(rows["ivr_seconds"], where=is_first_wait),
        **{
            name: exact_sum(rows[name], where=handled)
            for name in ("talk_seconds", "hold_seconds", "wrap_seconds", "n_holds")
        },
        "n_transfers": own_count if is_whole else ibis.coalesce(own_count, counted),
        "n_agents": ibis.ifelse(is_served & (n_agents == 0), ibis.null("float64"), n_agents),
        "is_abandoned": ibis.cases((is_served, False), (said, True), else_=ibis.null("boolean")),
    }


def _told(rows: ir.Table, further: Iterable[str]) -> dict[str, ir.Value]:
    """What the first or the last leg tells that tells it at all."""
    place, handled = rows[PLACE], rows[HANDLED]
    agent, ring = rows["agent_id"], rows["ring_seconds"]
    return {
        "agent_id": agent.argmax(place, where=handled & agent.notnull()),
        "first_agent_id": agent.argmin(place, where=handled & agent.notnull()),
        "ring_seconds": ring.argmin(place, where=handled),
        **{name: rows[name].argmin(place, where=rows[name].notnull()) for name in FIRST_TOLD},
        "reason": rows["reason"].argmax(place, where=rows["reason"].notnull() & (handled | rows[IS_UNSERVED])),
        **{name: rows[name].argmax(place, where=rows[name].notnull()) for name in further},
    }
