"""The books: every row read ends in exactly one reason, and the counts add up to the rows read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from cxfusion.errors import BooksError
from cxfusion.pairing.reasons import PAIRED
from cxfusion.tables.books import reading_counts

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.tables.relation import Contacts, Surveys

__all__ = ["Books", "books"]


@dataclass(frozen=True, eq=False)
class Books:
    """Counts of rows and of cells by reason.

    Attributes
    ----------
    audit : pandas.DataFrame
        ``stage, reason, n``. Stages ``contacts`` and ``responses`` count rows and add up to the rows read;
        ``contact_cells`` and ``response_cells`` count cells that became missing, whose rows were kept.
    cells : pandas.DataFrame
        ``stage, column, reason, n``: the cells again, by column.
    """

    audit: pd.DataFrame = field(repr=False)
    cells: pd.DataFrame = field(repr=False)

    def n(self, stage: str, *reasons: str) -> int:
        """Rows of a stage; of some reasons only, if any are given."""
        here = self.audit[self.audit["stage"] == stage]
        return int(here.loc[here["reason"].isin(reasons or here["reason"]), "n"].sum())


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
    kept_responses = _counts(surveys, rows)
    audit: list[pd.DataFrame] = [
        _staged("contacts", [_contact_reasons(contacts, rows), _rows_aside(contacts)]),
        _staged("responses", [kept_responses, _rows_aside(surveys)]),
    ]
    bad: list[pd.DataFrame] = [_cells(contacts, "contact_cells"), _cells(surveys, "response_cells")]
    cells = pd.concat(bad, ignore_index=True)
    audit.append(cells.groupby(["stage", "reason"], as_index=False).agg(n=("n", "sum")))
    counted = Books(audit=pd.concat(audit, ignore_index=True), cells=cells)
    _require_balance(counted, "contacts", contacts.n_read)
    _require_balance(counted, "responses", surveys.n_read)
    return counted


def _contact_reasons(contacts: Contacts, rows: ir.Table) -> pd.DataFrame:
    """Reasons of the contacts kept; where several responses were paired with one, the contact id counts."""
    paired = rows.filter(rows["reason"].isin(PAIRED))
    reached = paired.aggregate(by="contact_id", reason=paired["reason"].min())  # "paired_contact_id" < "paired_window"
    counts = _counts(contacts, reached)
    unreached = {"reason": ["no_response"], "n": [contacts.count() - int(counts["n"].sum())]}
    both: list[pd.DataFrame] = [counts, pd.DataFrame(unreached)]
    return pd.concat(both)


def _rows_aside(table: Contacts | Surveys) -> pd.DataFrame:
    """Rows that the reading set aside, and those outside the period it was asked for."""
    counts = reading_counts(table)
    return counts.loc[counts["column"].isna(), ["reason", "n"]]


def _cells(table: Contacts | Surveys, stage: str) -> pd.DataFrame:
    counts = reading_counts(table)
    return counts[counts["column"].notna()].assign(stage=stage)[["stage", "column", "reason", "n"]]


def _counts(table: Contacts | Surveys, rows: ir.Table) -> pd.DataFrame:
    """Rows by reason."""
    reason = rows["reason"].cast("string")
    counts: pd.DataFrame = table.session.collect(rows.aggregate(by={"reason": reason}, n=rows.count())).to_pandas()
    return counts


def _staged(stage: str, parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Counts of one stage: the paired first, then the most frequent; what did not occur is left out."""
    counts = pd.concat(parts)
    total = counts[counts["n"] != 0].groupby("reason", as_index=False).agg(n=("n", "sum"))
    total = total.assign(stage=stage, is_unpaired=~total["reason"].isin(PAIRED))
    total = total.sort_values(["is_unpaired", "n", "reason"], ascending=[True, False, True])
    return total[["stage", "reason", "n"]]


def _require_balance(counted: Books, stage: str, n_read: int) -> None:
    here = counted.audit[counted.audit["stage"] == stage]
    n_counted = counted.n(stage)
    if n_counted != n_read or (here["n"] < 0).any():
        raise BooksError(
            f"Of {n_read:,} {stage} read, {n_counted:,} ended in a reason. Expected every row in exactly one."
            " This is a fault of cxfusion, not of the data; please report it with the counts below.",
            [f"{reason}: {n:,}" for reason, n in zip(here["reason"], here["n"], strict=True)],
        )
