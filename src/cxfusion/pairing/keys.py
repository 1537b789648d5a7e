"""By which of its keys a response is looked up, and which contact the id of a leg or of a child contact stands for."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Final

import ibis

from cxfusion.pairing.plan import KEYS
from cxfusion.pairing.responses import RELATIONSHIP
from cxfusion.tables.steps import compute

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import ibis.expr.types as ir

    from cxfusion.pairing.plan import Key, PairingPlan
    from cxfusion.tables.relation import Contacts, Surveys

__all__ = ["ASKED", "EXACT", "EXPOSURE", "key_wanted", "keyed", "with_contacts"]

EXACT: Final = ("leg_id", "contact_id")
"""Keys that name one contact: where a response gives one, it is not sought by a key that could mean several."""
EXPOSURE: Final = "exposure"
"""What a response about the relationship is looked up by: all that its customer lived."""
ASKED: Final[dict[Key, str]] = {
    "leg_id": "asked_leg_id",
    "contact_id": "asked_contact_id",
    "case_id": "asked_case_id",
    "customer_id": "customer_id",
}


def keyed(responses: ir.Table, contacts: Contacts, log: ir.Table, plan: PairingPlan) -> ir.Table:
    """Responses with the key by which each is looked up.

    Parameters
    ----------
    responses : ibis.Table
        As of :func:`cxfusion.pairing.responses.asked`.
    contacts : Contacts
    log : ibis.Table
        As of :func:`cxfusion.pairing.candidates.log_of`.
    plan : PairingPlan

    Returns
    -------
    ibis.Table
        With ``key`` (one of the plan's; ``"exposure"`` for relationship surveys; null where there is none, or no
        score) and ``wanted_contact_id``, the contact that an exact key stands for (null where the log has no such
        leg). What had to be joined for it is materialised.
    """
    looked_up = [key for key in plan.keys[:-1] if key != "leg_id"] if plan.falls_through else []
    if looked_up or contacts.legs is not None:
        rows = compute(contacts.session, _with_known(with_contacts(responses, contacts), log, looked_up))
        of_leg, of_contact = rows["leg_contact_id"], rows["root_contact_id"]
    else:
        rows, of_leg, of_contact = responses, ibis.null("string"), responses["asked_contact_id"]
    known: dict[str, ir.BooleanValue] = {"leg_id": of_leg.notnull()}
    known |= {key: rows[f"known_{key}"] for key in looked_up}
    has = {"leg_id": contacts.legs is not None, **{key: contacts.has(key) for key in ("case_id", "customer_id")}}
    choices = list(_in_order(rows, plan, known) if plan.falls_through else _by_default(rows, plan, has, known))
    about_one = ibis.cases(*choices)
    about_all = ibis.ifelse(rows["customer_id"].notnull(), EXPOSURE, ibis.null("string"))
    key = ibis.ifelse(rows["survey_level"] == RELATIONSHIP, about_all, about_one)
    key = ibis.ifelse(rows["score_status"].isnull(), key, ibis.null("string"))
    wanted = ibis.ifelse(key == "leg_id", of_leg, of_contact)
    return rows.select(*responses.columns, key=key, wanted_contact_id=wanted)


def key_wanted(contacts: Contacts, surveys: Surveys, plan: PairingPlan) -> str | None:
    """What to pair by where no key led anywhere: one that both tables have and the plan passes by; None without it."""
    has = {key: contacts.has(key) for key in KEYS}
    has["leg_id"] = contacts.legs is not None and contacts.legs.has("leg_id")
    others = [key for key in KEYS if has[key] and surveys.has(key) and key not in plan.keys]
    if not others:
        return None
    return (
        f"Both tables have {' and '.join(others)}, and pairing was to go by {', '.join(plan.keys)} only: pair by"
        f" {others[0]}, or name no key, and the most exact one that an answer gives decides"
    )


def with_contacts(responses: ir.Table, contacts: Contacts) -> ir.Table:
    """Responses with the contact of the leg that each names (``leg_contact_id``), and that of the contact it names.

    The latter, ``root_contact_id``, is another one where a child of a contact is named.
    """
    legs = contacts.legs
    if legs is None or not legs.has("leg_id"):
        return responses.mutate(leg_contact_id=ibis.null("string"), root_contact_id=responses["asked_contact_id"])
    of_leg = legs.rows.select(asked_leg_id="leg_id", leg_contact_id="contact_id")
    rows = responses.left_join(of_leg, "asked_leg_id").drop("asked_leg_id_right")
    children = [
        legs.rows.select(asked_contact_id=name, root="contact_id")
        for name in ("leg_id", "own_contact_id")
        if legs.has(name)
    ]
    child = reduce(ibis.union, children)
    child = child.filter(child["asked_contact_id"].notnull()).anti_join(legs.rows, [("asked_contact_id", "contact_id")])
    roots = child.aggregate(by="asked_contact_id", root=child["root"].min())
    rows = rows.left_join(roots, "asked_contact_id").drop("asked_contact_id_right")
    return rows.mutate(root_contact_id=ibis.coalesce(rows["root"], rows["asked_contact_id"])).drop("root")


def _with_known(rows: ir.Table, log: ir.Table, keys: Sequence[Key]) -> ir.Table:
    """With ``known_KEY``: whether the log has what a response gives; only where the answer may send it to the next."""
    for key in keys:
        asked = "root_contact_id" if key == "contact_id" else ASKED[key]
        there = log.semi_join(rows.filter(rows[asked].notnull()), [(key, asked)]).select(there=key).distinct()
        joined = rows.left_join(there, [(asked, "there")])
        rows = joined.mutate(**{f"known_{key}": joined["there"].notnull()}).drop("there")
    return rows


def _in_order(
    rows: ir.Table, plan: PairingPlan, known: Mapping[str, ir.BooleanValue]
) -> Iterator[tuple[ir.BooleanValue, str]]:
    """The first key whose value the log knows; else the last that is given."""
    for key in plan.keys[:-1]:
        yield known[key], key
    for key in reversed(plan.keys):
        yield rows[ASKED[key]].notnull(), key


def _by_default(
    rows: ir.Table, plan: PairingPlan, has: Mapping[str, bool], known: Mapping[str, ir.BooleanValue]
) -> Iterator[tuple[ir.BooleanValue, str]]:
    """The first key that is given; an unknown leg leaves it to the contact's id, and what the log lacks comes last."""
    yield known["leg_id"], "leg_id"
    yield rows["asked_contact_id"].notnull(), "contact_id"
    for key in sorted(plan.keys, key=lambda key: not has.get(key, True)):
        yield rows[ASKED[key]].notnull(), key
