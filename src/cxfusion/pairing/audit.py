"""The books of a pairing: where every contact and every response went, beside what reading had set aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import pandas as pd

from cxfusion.pairing.reasons import EXPOSED, OUTSIDE, PAIRED
from cxfusion.tables.books import (
    Books,
    counted_cells,
    counted_rows,
    leg_books,
    reading_counts,
    require_log_balance,
    set_aside_rows,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.pairing.plan import PairingPlan
    from cxfusion.tables.relation import Contacts, Surveys

__all__ = ["books", "set_aside_of"]


def books(contacts: Contacts, surveys: Surveys, rows: ir.Table, plan: PairingPlan) -> Books:
    """Count where every row and every bad cell went.

    Parameters
    ----------
    contacts, surveys : Contacts, Surveys
    rows : ibis.Table
        One row per response, with ``reason``, ``respondent_role`` and the ``contact_id`` of those that are paired.
    plan : PairingPlan

    Raises
    ------
    BooksError
        The counts of a stage do not add up to the rows read.
    """
    leg_rows, leg_cells = leg_books(contacts)
    of_log, of_survey = reading_counts(contacts), reading_counts(surveys)
    by = {"reason": rows["reason"].cast("string"), "respondent_role": rows["respondent_role"]}
    counts: pd.DataFrame = surveys.session.collect(rows.aggregate(by=by, n=rows.count())).to_pandas()
    paired = counts[counts["reason"].isin(PAIRED)]
    is_each_of_its_own = plan.one_per_contact and len(paired.drop_duplicates("respondent_role")) <= 1
    reached = paired[["reason", "n"]] if is_each_of_its_own else _reached(contacts, rows)
    unreached = pd.DataFrame({"reason": ["no_response"], "n": [contacts.count() - int(reached["n"].sum())]})
    counted = Books.of(
        [
            *leg_rows,
            counted_rows("contacts", of_log, pd.concat([reached, unreached]), PAIRED),
            counted_rows("responses", of_survey, counts[["reason", "n"]], (*PAIRED, EXPOSED)),
        ],
        [*leg_cells, counted_cells("contact_cells", of_log), counted_cells("response_cells", of_survey)],
    )
    require_log_balance(counted, contacts)
    counted.require_balance("responses", surveys.n_read)
    return counted


def _reached(contacts: Contacts, rows: ir.Table) -> pd.DataFrame:
    """Contacts by the reason of their pairs; where one has several, the most exact key counts."""
    paired = rows.filter(rows["reason"].isin(PAIRED))
    rank = ibis.cases(*((paired["reason"] == reason, place) for place, reason in enumerate(PAIRED)))
    reached = paired.aggregate(by="contact_id", rank=rank.min())
    counted = contacts.session.collect(reached.aggregate(by="rank", n=reached.count())).to_pandas()
    return counted.assign(reason=[PAIRED[place] for place in counted["rank"]])[["reason", "n"]]


def set_aside_of(contacts: Contacts, surveys: Surveys, rows: ir.Table) -> ir.Table:
    """What reading set aside of both tables, and the responses of the period that were not paired."""
    unpaired = rows.filter(~rows["reason"].isin((*PAIRED, EXPOSED, OUTSIDE)))
    responses = unpaired.select(
        source_file="response_file",
        source_row="response_row",
        stage=ibis.literal("pairing"),
        column=ibis.null("string"),
        reason="reason",
        original="response_id",
    )
    return set_aside_rows(contacts, surveys.set_aside, responses)
