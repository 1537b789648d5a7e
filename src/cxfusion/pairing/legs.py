"""Pairs at the level of legs: which agent and queue an answer about a transferred contact speaks of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ibis

from cxfusion.errors import UsageError
from cxfusion.pairing.responses import SCORES

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.tables.relation import Contacts, Legs

__all__ = ["legs_of_pairs", "require_legs"]

OF_LEG: Final = ("agent_id", "queue", "started_at", "wait_seconds", "talk_seconds", "hold_seconds", "wrap_seconds")


def require_legs(contacts: Contacts) -> Legs:
    """The legs that a log was rolled up from.

    Raises
    ------
    UsageError
        It was not read as legs.
    """
    if contacts.legs is None:
        raise UsageError(
            "This contact log has one row per contact and no legs. Expected a log that was read as legs: name the"
            " vendor's source, as in read_contacts(…, source='genesys_cloud')."
        )
    return contacts.legs


def legs_of_pairs(pairs: ir.Table, contacts: Contacts) -> ir.Table:
    """One row per pair and leg of its contact, ordered by response and place.

    Parameters
    ----------
    pairs : ibis.Table
        Rows of a pairing that are paired.
    contacts : Contacts

    Raises
    ------
    UsageError
        The contact log was not read as legs.
    """
    legs = require_legs(contacts)
    of_contact = ibis.window(group_by="contact_id", order_by=["started_at", "source_file", "source_row"])
    placed = legs.rows.select(
        "contact_id",
        place=ibis.row_number().over(of_contact) + 1,
        n_legs=ibis._.count().over(group_by="contact_id"),
        of_leg_id=legs.value("leg_id"),
        **{f"leg_{name}": legs.value(name) for name in OF_LEG},
    )
    asked = pairs.select(
        "response_file", "response_row", "response_id", "contact_id", "leg_id", "respondent_role", *SCORES
    )
    rows = asked.inner_join(placed, "contact_id").order_by("response_file", "response_row", "place")
    return rows.select(
        "response_id",
        "contact_id",
        "place",
        "n_legs",
        leg_id=rows["of_leg_id"],
        is_meant=rows["leg_id"] == rows["of_leg_id"],
        **{name: rows[f"leg_{name}"] for name in OF_LEG},
        **{name: rows[name] for name in ("respondent_role", *SCORES)},
    )
