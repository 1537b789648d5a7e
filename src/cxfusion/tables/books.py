"""The books: every row read ends in exactly one reason, and the counts of a stage add up to the rows read.

Legs, contacts and responses each keep theirs; bad cells are counted apart, since their rows stay.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import ibis
import pandas as pd

from cxfusion.errors import BooksError
from cxfusion.tables.relation import Contacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import ibis.expr.types as ir
    import pyarrow as pa

    from cxfusion.tables.relation import ReadTable

__all__ = [
    "CELLS_OF",
    "Books",
    "count_listed",
    "counted_cells",
    "counted_rows",
    "leg_books",
    "log_books",
    "reading_counts",
    "require_log_balance",
    "set_aside_rows",
]

MADE_MISSING: Final = ("missing_by_map", "withheld_customer")
"""Remarks of cells that became missing, since what they hold means so."""
NOT_ASIDE: Final = ("in_contact", "used", "no_response", "outside_period", *MADE_MISSING)
"""Where a row or a cell may end that is not set aside; besides them, those that are paired."""
STAGE_OF: Final = {"legs": "legs", "contacts": "contacts", "surveys": "responses", "pairing": "responses"}
"""Stage of a row set aside to the stage of the books that counts it."""
CELLS_OF: Final = {"legs": "leg_cells", "contacts": "contact_cells", "surveys": "response_cells"}
SET_ASIDE: Final = {
    "source_file": "string",
    "source_row": "int64",
    "stage": "string",
    "column": "string",
    "reason": "string",
    "original": "string",
}


@dataclass(frozen=True, eq=False)
class Books:
    """Counts of rows and of cells by reason.

    Attributes
    ----------
    audit : pandas.DataFrame
        ``stage, reason, n``. Stages ``legs`` (of a vendor's contact log), ``contacts`` and ``responses`` count rows and
        add up to the rows read; ``leg_cells``, ``contact_cells`` and ``response_cells`` count cells that became
        missing, whose rows were kept.
    cells : pandas.DataFrame
        ``stage, column, reason, n``: the cells again, by column.
    """

    audit: pd.DataFrame = field(repr=False)
    cells: pd.DataFrame = field(repr=False)

    def n(self, stage: str, *reasons: str) -> int:
        """Rows of a stage; of some reasons only, if any are given."""
        here = self.audit[self.audit["stage"] == stage]
        return int(here.loc[here["reason"].isin(reasons or here["reason"]), "n"].sum())

    @classmethod
    def of(cls, rows: Iterable[pd.DataFrame], cells: Iterable[pd.DataFrame]) -> Books:
        """Books of counts of rows (``stage, reason, n``) and of cells (``stage, column, reason, n``), in this order."""
        bad = pd.concat(list(cells), ignore_index=True)
        by_stage = bad.groupby(["stage", "reason"], as_index=False, sort=False).agg(n=("n", "sum"))
        return cls(audit=pd.concat([*rows, by_stage], ignore_index=True), cells=bad)

    def require_balance(self, stage: str, n_read: int) -> None:
        """Raise unless the rows of a stage are the rows that were read.

        Raises
        ------
        BooksError
        """
        here, n_counted = self.audit[self.audit["stage"] == stage], self.n(stage)
        if n_counted != n_read or (here["n"] < 0).any():
            raise BooksError(
                f"Of {n_read:,} {stage} read, {n_counted:,} ended in a reason. Expected every row in exactly one."
                " This is a fault of cxfusion, not of the data; please report it with the counts below.",
                [f"{reason}: {n:,}" for reason, n in zip(here["reason"], here["n"], strict=True)],
            )

    def require_listed(self, found: Counter[str]) -> None:
        """Raise unless a list of what was set aside holds every row and every cell that the books count as such.

        Parameters
        ----------
        found : Counter
            Of :func:`count_listed`.

        Raises
        ------
        BooksError
        """
        told = self.audit[~self.audit["reason"].isin(NOT_ASIDE) & ~self.audit["reason"].str.startswith("paired_")]
        keys = told["stage"] + " " + told["reason"]
        expected = Counter(dict(zip(keys, told["n"].astype(int), strict=True)))
        if wrong := sorted(key for key in found | expected if found[key] != expected[key]):
            raise BooksError(
                "What was set aside and what the books count do not agree. Expected each row and cell in both. This is"
                " a fault of cxfusion, not of the data; please report it with what is listed below.",
                [f"{key}: {expected[key]:,} counted, {found[key]:,} listed" for key in wrong],
            )


def count_listed(set_aside: pa.Table) -> Counter[str]:
    """How often a list of what was set aside, or a part of it, has each stage and reason.

    Parameters
    ----------
    set_aside : pyarrow.Table
        Of :func:`set_aside_rows`.
    """
    rows = set_aside.select(["stage", "reason"]).append_column("is_row", set_aside["column"].is_null())
    found: Counter[str] = Counter()
    for group in rows.group_by(["stage", "reason", "is_row"]).aggregate([([], "count_all")]).to_pylist():
        stage = (STAGE_OF if group["is_row"] else CELLS_OF)[group["stage"]]
        found[f"{stage} {group['reason']}"] += group["count_all"]
    return found


def reading_counts(table: ReadTable) -> pd.DataFrame:
    """Rows and cells that a reading did not use, counted.

    Returns
    -------
    pandas.DataFrame
        ``column, reason, n``, ordered. Where ``column`` is missing, ``n`` counts rows: those set aside, and those
        ``outside_period``; with the rows kept they add up to the rows read. Else it counts cells of that column: those
        set aside, those that the map declares to mean "missing" (``missing_by_map``), and customers whose number is
        withheld (``withheld_customer``).

    Examples
    --------
    >>> from cxfusion.tables.read import read_contacts
    >>> log = [{"contact_id": 1, "started_at": "2026-01-05", "queue": "n/k"}, {"contact_id": 2, "queue": "sales"}]
    >>> contacts = read_contacts(log, map={"queue": {"column": "queue", "null": "n/k"}})
    >>> reading_counts(contacts)[["reason", "n"]].values.tolist()
    [['missing_by_map', 1], ['started_at_missing', 1]]
    """
    aside = table.set_aside
    keys = {name: aside[name].cast("string") for name in ("column", "reason")}
    listed = table.session.collect(aside.aggregate(by=keys, n=aside.count())).to_pandas()
    n_outside = table.n_outside_period if isinstance(table, Contacts) else 0
    made = [(name, reason, n) for reason in MADE_MISSING for name, n in table.remarked.get(reason, {}).items()]
    missing = pd.DataFrame(made, columns=["column", "reason", "n"])
    outside = pd.DataFrame({"column": [None], "reason": ["outside_period"], "n": [n_outside]})
    parts: list[pd.DataFrame] = [listed, *(part.astype(listed.dtypes) for part in (missing, outside))]
    counts = pd.concat([part[["column", "reason", "n"]] for part in parts])
    counts = counts[counts["n"] > 0]
    return counts.sort_values(["column", "reason"], ignore_index=True)


def counted_rows(stage: str, unused: pd.DataFrame, used: pd.DataFrame, first: Sequence[str]) -> pd.DataFrame:
    """Rows of one stage by reason: those named first come first, then the most frequent; none that did not occur.

    Parameters
    ----------
    stage : str
    unused : pandas.DataFrame
        What the reading did not use, as of :func:`reading_counts`.
    used : pandas.DataFrame
        ``reason, n`` of the rows it kept.
    first : sequence of str
        Reasons.

    Returns
    -------
    pandas.DataFrame
        ``stage, reason, n``.
    """
    counts = pd.concat([used, unused.loc[unused["column"].isna(), ["reason", "n"]]])
    total = counts[counts["n"] != 0].groupby("reason", as_index=False).agg(n=("n", "sum"))
    total = total.assign(stage=stage, is_later=~total["reason"].isin(first))
    total = total.sort_values(["is_later", "n", "reason"], ascending=[True, False, True])
    return total[["stage", "reason", "n"]]


def counted_cells(stage: str, unused: pd.DataFrame) -> pd.DataFrame:
    """Cells of one stage that became missing, of :func:`reading_counts`: ``stage, column, reason, n``."""
    return unused[unused["column"].notna()].assign(stage=stage)[["stage", "column", "reason", "n"]]


def leg_books(contacts: Contacts) -> tuple[list[pd.DataFrame], list[pd.DataFrame]]:
    """Rows and cells of the legs that the contacts were rolled up from; empty where there are none."""
    legs = contacts.legs
    if legs is None:
        return [], []
    kept = pd.DataFrame({"reason": ["in_contact"], "n": [legs.count()]})
    unused = reading_counts(legs)
    return [counted_rows("legs", unused, kept, ["in_contact"])], [counted_cells("leg_cells", unused)]


def log_books(contacts: Contacts) -> Books:
    """Where every row of a log went that is read alone.

    Raises
    ------
    BooksError
        The counts do not add up to the rows read.
    """
    used = pd.DataFrame({"reason": ["used"], "n": [contacts.count()]})
    leg_rows, leg_cells = leg_books(contacts)
    unused = reading_counts(contacts)
    rows = [*leg_rows, counted_rows("contacts", unused, used, ["used"])]
    books = Books.of(rows, [*leg_cells, counted_cells("contact_cells", unused)])
    require_log_balance(books, contacts)
    return books


def require_log_balance(books: Books, contacts: Contacts) -> None:
    """Raise unless the rows of a log, and of its legs, are those that were read.

    Raises
    ------
    BooksError
    """
    if contacts.legs is not None:
        books.require_balance("legs", contacts.legs.n_read)
    books.require_balance("contacts", contacts.n_read)


def set_aside_rows(contacts: Contacts, *parts: ir.Table) -> ir.Table:
    """What reading a log set aside, its legs' rows before them, and what later stages did, in one table.

    Returns
    -------
    ibis.Table
        ``source_file, source_row, stage, column, reason, original``.
    """
    legs = [] if contacts.legs is None else [contacts.legs.set_aside]
    return ibis.union(*(part.select(*SET_ASIDE).cast(SET_ASIDE) for part in (*legs, contacts.set_aside, *parts)))
