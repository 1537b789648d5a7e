"""Handles on a session's canonical tables: what is known about them, and a small window onto their rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ibis

from cxfusion.errors import require_kind, require_number
from cxfusion.results.exact import exact_frame
from cxfusion.tables.canonical import CONTACT_COLUMNS, KIND_TYPES, LEG_COLUMNS, SURVEY_COLUMNS, Column, kind_of_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir
    import pandas as pd
    import pyarrow as pa

    from cxfusion.engine import Session
    from cxfusion.tables.evaluations import Behaviour
    from cxfusion.tables.period import Period

__all__ = ["Contacts", "Legs", "ReadTable", "Relation", "Scale", "Surveys", "require_contacts"]


@dataclass(frozen=True)
class Relation:
    """A table of a session. Holds no rows.

    Attributes
    ----------
    session : Session
    rows : ibis.Table
        Materialised; for those who want to go on in Ibis.
    """

    session: Session = field(repr=False)
    rows: ir.Table = field(repr=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.rows.columns)

    def count(self) -> int:
        """Number of rows."""
        return self.session.count(self.rows)

    def head(self, n: int = 5) -> pd.DataFrame:
        """The first rows as a pandas frame."""
        return self._first("n", n)

    def to_arrow(self) -> pa.Table:
        """All rows as an Arrow table; the caller's memory must hold them."""
        return self.session.collect(self.rows)

    def to_pandas(self, limit: int | None = None) -> pd.DataFrame:
        """Rows as a pandas frame, at most ``limit`` of them."""
        return exact_frame(self.session.collect(self.rows)) if limit is None else self._first("limit", limit)

    def _first(self, called: str, n: int) -> pd.DataFrame:
        require_number(called, n, "a number of rows, 0 or more", lambda rows: rows >= 0)
        return exact_frame(self.session.collect(self.rows.limit(int(n))))

    def has(self, *names: str) -> bool:
        """Whether all these columns were in the source."""
        there = set(self.rows.columns)
        return all(isinstance(name, str) and name in there for name in names)

    def value(self, name: str) -> ir.Value:
        """A column, or a typed null where the source has none: absent means unknown, never zero."""
        require_kind(name, str, "name", "that of a column.")
        if name in self.rows.columns:
            return self.rows[name]
        known = {column.name: column for column in self._canonical()}
        kind = known[name].kind if name in known else kind_of_name(name)
        return ibis.null(KIND_TYPES[kind])

    def _canonical(self) -> tuple[Column, ...]:
        return ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.count():,} rows: {', '.join(self.columns)})"

    def _repr_html_(self) -> str:
        import pandas as pd

        from cxfusion.results.html import frame_as_html

        told: Mapping[str, str] = getattr(self, "columns_from", {})
        kinds = {name: str(kind).split("(")[0] for name, kind in self.rows.schema().items()}
        rows = [{"Column": name, "Holds": kinds[name], "From": told.get(name)} for name in self.columns]
        shown = pd.DataFrame(rows, columns=["Column", "Holds", *(["From"] if told else [])])
        return frame_as_html(shown, caption=f"{type(self).__name__}: {self.count():,} rows")


def require_contacts(value: object) -> None:
    """Refuse what is no contact log that was read.

    Raises
    ------
    UsageError
    """
    require_kind(value, Contacts, "The contact log", "read it first, contacts = cx.read_contacts(…).")


@dataclass(frozen=True)
class Scale:
    """Ends of a score's scale and its direction.

    Attributes
    ----------
    low, high : float
        The ends, as the survey offers them.
    higher_is_better : bool
        False where a high number means a worse experience (an effort score that counts effort).
    """

    low: float
    high: float
    higher_is_better: bool = True

    def is_top_two(self, score: Any) -> Any:
        """Whether scores, a column or an array of them, are one of the two best marks."""
        return score >= self.high - 1 if self.higher_is_better else score <= self.low + 1


@dataclass(frozen=True, repr=False)
class ReadTable(Relation):
    """A table that was read from a source: the rows that were kept, and where all others went.

    Attributes
    ----------
    n_read, set_aside, timezone, columns_from, notes, remarked
        As of :class:`Contacts`.
    """

    n_read: int
    set_aside: ir.Table = field(repr=False)
    timezone: str = "UTC"
    columns_from: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    remarked: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Contacts(ReadTable):
    """The contact log in canonical form: one row per contact, in UTC and seconds.

    Attributes
    ----------
    n_read : int
        Rows of the source.
    set_aside : ibis.Table
        ``source_file, source_row, stage, column, reason, original``; ``column`` is null where a whole row was set
        aside, else the cell of that column was made missing and its row kept.
    timezone : str
        The site's own time zone (IANA name): local hours and days are counted in it.
    columns_from : mapping of str to str
        Canonical name to where it came from in the source, in words.
    notes : tuple of str
        What a reader of the results should know about the reading.
    remarked : mapping of str to (mapping of str to int)
        What was noticed of cells that were read, to column, to how many cells: ``missing_by_map`` (the map declares
        them to mean "missing"), ``withheld_customer`` (the caller's number is withheld), ``date_without_time``,
        ``skipped_time`` (one that no clock at the site showed). And ``file_without_rows``, to names of files.
    n_outside_period : int
        Rows that were not read further, since they started before or after the period asked for. Rows kept, rows set
        aside and these add up to ``n_read``.
    context : tuple of str
        Columns that say which events were going on; all of them are controls of the evidence.
    behaviours : tuple of Behaviour
        Items of the evaluations, and their columns.
    period : Period, optional
        What was asked for.
    around : ibis.Table, optional
        The contacts outside the period, not computed: pairing looks there for what else an answer could be about.
    n_beyond : int
        Rows that are not even there: they stayed in their database, since they lie far outside the period.
    legs : Legs, optional
        What the contacts were rolled up from, where the source is a vendor's contact log; ``n_read`` then counts the
        contacts rolled up.
    private : frozenset of str, optional
        Columns in which pseudonyms stand for persons; None where nobody was to be hidden.
    """

    n_outside_period: int = 0
    context: tuple[str, ...] = ()
    behaviours: tuple[Behaviour, ...] = ()
    period: Period | None = None
    around: ir.Table | None = field(default=None, repr=False)
    n_beyond: int = 0
    legs: Legs | None = None
    private: frozenset[str] | None = None

    def _canonical(self) -> tuple[Column, ...]:
        return CONTACT_COLUMNS


@dataclass(frozen=True, repr=False)
class Legs(ReadTable):
    """A vendor's contact log as it tells it: one row per leg, with the contact that it is part of.

    Attributes
    ----------
    n_read, set_aside, timezone, columns_from, notes, remarked, private
        As of :class:`Contacts`; rows kept and rows set aside add up to ``n_read``.
    further : tuple of str
        Fields of the export that the map names besides, kept under their own names.
    is_whole : bool
        Each of them is a whole contact, whoever took part.
    """

    further: tuple[str, ...] = ()
    is_whole: bool = False
    private: frozenset[str] | None = None

    def _canonical(self) -> tuple[Column, ...]:
        return LEG_COLUMNS


@dataclass(frozen=True, repr=False)
class Surveys(ReadTable):
    """The survey file in canonical form: one row per response that could be read, scored or not.

    A time column ``x_at`` has beside it ``x_at_is_day``: true where the source gave a date without a time, which
    then stands for its whole day.

    Attributes
    ----------
    n_read, set_aside, timezone, columns_from, notes, remarked, private
        As of :class:`Contacts`.
    scales : mapping of str to Scale
        Scale of each score column present.
    """

    scales: Mapping[str, Scale] = field(default_factory=dict)
    private: frozenset[str] | None = None

    def _canonical(self) -> tuple[Column, ...]:
        return SURVEY_COLUMNS
