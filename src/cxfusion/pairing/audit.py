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

    from cxfusion.tables.relation import Contacts, Surveys

__all__ = ["books", "set_aside_of"]


def books(contacts: Contacts, surveys: Surveys, rows: ir.Table) -> Books:
    """Count where every row and every bad cell went.

    Parameters
    ----------
    contacts, surveys : Contacts, Surveys
    rows : ibis.Table
        One row per response, with ``reason`` and the ``contact_id`` of those that are paired.

    Raises
    ------
    BooksError
        The counts of a stage do not add up to the rows read.
    """
    leg_rows, leg_cells = leg_books(contacts)
    of_log, of_survey = reading_counts(contacts), reading_counts(surveys)
    counted = Books.of(
        [
            *leg_rows,
            counted_rows("contacts", of_log, _contact_reasons(contacts, rows), PAIRED),
            counted_rows("responses", of_survey, _counts(surveys, rows), (*PAIRED, EXPOSED)),
        ],
        [*leg_cells, counted_cells("contact_cells", of_log), counted_cells("response_cells", of_survey)],
    )
    require_log_balance(counted, contacts)
    counted.require_balance("responses", surveys.n_read)
    return counted


def _contact_reasons(contacts: Contacts, rows: ir.Table) -> pd.DataFrame:
    """Reasons of the contacts kept; where several responses were paired with one, the most exact key counts."""
    paired = rows.filter(rows["reason"].isin(PAIRED))
    rank = ibis.cases(*((paired["reason"] == reason, place) for place, reason in enumerate(PAIRED)))
    reached = paired.aggregate(by="contact_id", rank=rank.min())
    counted = contacts.session.collect(reached.aggregate(by="rank", n=reached.count())).to_pandas()
    counts = counted.assign(reason=[PAIRED[place] for place in counted["rank"]])[["reason", "n"]]
    unreached = {"reason": ["no_response"], "n": [contacts.count() - int(counts["n"].sum())]}
    both: list[pd.DataFrame] = [counts, pd.DataFrame(unreached)]
    return pd.concat(both)


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


def _counts(table: Contacts | Surveys, rows: ir.Table) -> pd.DataFrame:
    """Rows by reason."""
    reason = rows["reason"].cast("string")
    counts: pd.DataFrame = table.session.collect(rows.aggregate(by={"reason": reason}, n=rows.count())).to_pandas()
    return counts
