"""Why a response ends where it does.

Every response ends in the first of these reasons that holds (:data:`RESPONSE_REASONS`, in order):

=========================== ==========================================================================================
``score_missing``           no score, as read
``score_out_of_scale``      every score lies outside its scale, as read
``no_key``                  none of the plan's keys is given
``unknown_leg``             the leg is not in the log
``unknown_contact``         the contact id is not in the log
``unknown_case``            the case is not in the log
``no_anchor``               by customer: neither invited nor answered at a known time
``unknown_customer``        the customer is not in the log
``not_eligible``            the only contacts of the case, or of the customer in the window, were abandoned
``answered_before_contact`` the answer lies before the contact it names, or before the case's or customer's first one
``outside_window``          the customer's contacts are too old, or had not ended by the anchor, as those of the case
``duplicate_response``      an earlier response of the same role already speaks about this contact
``outside_period``          its contact (about the relationship: its anchor) lies outside the period asked for
``doubtful_link``           paired, but left out of a view because several contacts could be meant
``paired_leg_id``           paired by leg id
``paired_contact_id``       paired by contact id
``paired_case_id``          paired with the case's latest contact
``paired_window``           paired by customer and window
``paired_exposure``         about the relationship: stands beside all that its customer lived
=========================== ==========================================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ibis

from cxfusion.pairing.keys import EXACT, EXPOSURE
from cxfusion.pairing.responses import is_before

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["DOUBTFUL", "EXPOSED", "OUTSIDE", "PAIRED", "RESPONSE_REASONS", "reason_of"]

DOUBTFUL: Final = "doubtful_link"
OUTSIDE: Final = "outside_period"
EXPOSED: Final = "paired_exposure"
PAIRED: Final = ("paired_leg_id", "paired_contact_id", "paired_case_id", "paired_window")
"""Paired with one contact, by the most exact key first."""
RESPONSE_REASONS: Final = (
    "score_missing",
    "score_out_of_scale",
    "no_key",
    "unknown_leg",
    "unknown_contact",
    "unknown_case",
    "no_anchor",
    "unknown_customer",
    "not_eligible",
    "answered_before_contact",
    "outside_window",
    "duplicate_response",
    OUTSIDE,
    DOUBTFUL,
    *PAIRED,
    EXPOSED,
)


def reason_of(row: ir.Table) -> ir.StringValue:
    """First reason that holds, duplicates not yet told apart.

    Parameters
    ----------
    row : ibis.Table
        Responses as of :func:`cxfusion.pairing.keys.keyed`, each beside ``n_candidates`` (null where the search met
        no contact at all, 0 where it met none that may pair) and ``first_started_at``, when its customer or case first
        appears in the log (null where it does not).
    """
    key, is_lost, is_barred = row["key"], row["n_candidates"].isnull(), row["n_candidates"] == 0
    by_customer = key.isin(("customer_id", EXPOSURE))
    by_exact, is_unknown = key.isin(EXACT), is_lost & row["first_started_at"].isnull()
    is_early = is_before(row["anchor_until"], row["anchor_is_open"], row["first_started_at"])
    return ibis.cases(
        (row["score_status"].notnull(), row["score_status"]),
        (key.isnull(), "no_key"),
        ((key == "leg_id") & is_lost, "unknown_leg"),
        ((key == "contact_id") & is_lost, "unknown_contact"),
        ((key == "case_id") & is_unknown, "unknown_case"),
        (by_customer & row["anchor_at"].isnull(), "no_anchor"),
        (by_customer & is_unknown, "unknown_customer"),
        (~by_exact & is_barred, "not_eligible"),
        ((by_exact & is_barred) | (is_lost & is_early), "answered_before_contact"),
        (is_lost, "outside_window"),
        (key == "customer_id", "paired_window"),
        (key == EXPOSURE, EXPOSED),
        else_=ibis.literal("paired_") + key,
    )
