"""Why a response ends where it does.

Every response ends in the first of these reasons that holds (:data:`RESPONSE_REASONS`, in order):

=========================== ==========================================================================================
``score_missing``           no score, as read
``score_out_of_scale``      every score lies outside its scale, as read
``no_key``                  none of the plan's keys is given
``unknown_contact``         the contact id is not in the log (and is not tried again by customer: it names a contact
                            outside this log)
``no_anchor``               by customer: neither invited nor answered at a known time
``unknown_customer``        the customer is not in the log
``not_eligible``            the customer's only contacts in the window were abandoned
``answered_before_contact`` the answer lies before the contact it names, or before the customer's first contact
``outside_window``          the customer's contacts are too old, or had not ended by the anchor
``duplicate_response``      an earlier response of the same role already speaks about this contact
``paired_contact_id``       paired by contact id
``paired_window``           paired by customer and window
=========================== ==========================================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ibis

from cxfusion.pairing.responses import is_before

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["PAIRED", "RESPONSE_REASONS", "reason_of"]

PAIRED: Final = ("paired_contact_id", "paired_window")
RESPONSE_REASONS: Final = (
    "score_missing",
    "score_out_of_scale",
    "no_key",
    "unknown_contact",
    "no_anchor",
    "unknown_customer",
    "not_eligible",
    "answered_before_contact",
    "outside_window",
    "duplicate_response",
    *PAIRED,
)


def reason_of(row: ir.Table) -> ir.StringValue:
    """First reason that holds, duplicates not yet told apart.

    Parameters
    ----------
    row : ibis.Table
        Responses as of :func:`cxfusion.pairing.responses.asked`, each beside ``n_candidates`` (null where the search
        met no contact at all, 0 where it met none that may pair) and its customer's ``first_started_at`` (null where
        the customer is not in the log).
    """
    by_id, by_customer = row["key"] == "contact_id", row["key"] == "customer_id"
    is_lost, is_barred = row["n_candidates"].isnull(), row["n_candidates"] == 0
    is_early = is_before(row["anchor_until"], row["anchor_is_day"], row["first_started_at"])
    return ibis.cases(
        (row["score_status"].notnull(), row["score_status"]),
        (row["key"].isnull(), "no_key"),
        (by_id & is_lost, "unknown_contact"),
        (by_customer & row["anchor_at"].isnull(), "no_anchor"),
        (by_customer & is_lost & row["first_started_at"].isnull(), "unknown_customer"),
        (by_customer & is_barred, "not_eligible"),
        ((by_id & is_barred) | (by_customer & is_lost & is_early), "answered_before_contact"),
        (is_lost, "outside_window"),
        (by_id, "paired_contact_id"),
        else_="paired_window",
    )
