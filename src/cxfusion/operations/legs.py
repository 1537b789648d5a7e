"""A log at the level of legs: every leg as a contact of its own, so that all metrics can be had per leg."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import ibis

from cxfusion.errors import UsageError
from cxfusion.tables.legs import legs_within
from cxfusion.tables.relation import require_contacts

if TYPE_CHECKING:
    from cxfusion.tables.relation import Contacts

__all__ = ["per_leg"]

KEPT: Final = (
    "started_at", "ended_at", "case_id", "customer_id", "agent_id", "queue", "channel", "direction", "reason",
    "ivr_seconds", "wait_seconds", "ring_seconds", "talk_seconds", "hold_seconds", "wrap_seconds", "n_holds",
)  # fmt: skip


def per_leg(contacts: Contacts) -> Contacts:
    """The legs that a vendor's log was rolled up from, each as a contact of its own.

    Parameters
    ----------
    contacts : Contacts
        Read from a vendor's contact log (``source=``), which keeps its legs.

    Returns
    -------
    Contacts
        For :func:`diagnose`, :func:`control_chart`, :func:`rank_groups` and :func:`what_changed`: handle time then is
        that of the leg's own agent and queue, and volume counts every queue that a contact passed. ``contact_id`` is
        the leg's own id (else its file and row), ``parent_id`` the contact's; ``n_transfers`` is 1 where the agent
        passed the customer on. Of a log read with ``since`` or ``until`` these are the legs of the contacts within.
        Not for first-contact resolution: a transfer is no repeat.

    Raises
    ------
    UsageError
        The log has no legs.

    Examples
    --------
    >>> import cxfusion as cx
    >>> contacts = cx.read_contacts([{"contact_id": "a", "started_at": "2026-01-05 09:00"}])
    >>> try:
    ...     cx.per_leg(contacts)
    ... except cx.CxfusionError as error:
    ...     print(error.message.split(":")[0])
    The log has no legs
    """
    require_contacts(contacts)
    legs = contacts.legs
    if legs is None:
        raise UsageError(
            "The log has no legs: it was read contact by contact. Expected one of a vendor's contact logs, read with"
            " source=…."
        )
    legs = legs_within(legs, contacts)
    rows = legs.rows
    own = ibis.literal("row ") + rows["source_file"] + ":" + rows["source_row"].cast("string")
    is_handled = legs.value("is_handled").fill_null(False)
    passed_on = ibis.ifelse(is_handled, legs.value("is_transfer_out").cast("float64"), ibis.null("float64"))
    found = rows.select(
        contact_id=legs.value("leg_id").coalesce(own),
        parent_id=rows["contact_id"],
        **{name: rows[name] for name in KEPT if legs.has(name)},
        n_transfers=passed_on,
        is_abandoned=ibis.ifelse(is_handled, False, legs.value("is_abandoned")),
        source_file=rows["source_file"],
        source_row=rows["source_row"],
    )
    kept = contacts.session.materialize(found.order_by("source_file", "source_row"))
    return replace(
        contacts,
        rows=kept,
        n_read=contacts.session.count(kept),
        set_aside=contacts.set_aside.filter(ibis.literal(False)),
        n_outside_period=0,
        period=None,
        around=None,
        legs=None,
    )
