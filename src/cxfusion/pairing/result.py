"""A pairing: a handle on one row per response, and the books that say where every row went."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import ibis

from cxfusion.errors import require_kind
from cxfusion.pairing.audit import books, set_aside_of
from cxfusion.pairing.keys import key_wanted
from cxfusion.pairing.legs import legs_of_pairs
from cxfusion.pairing.links import LinkCheck, check_links
from cxfusion.pairing.reasons import DOUBTFUL, EXPOSED, OUTSIDE, PAIRED
from cxfusion.tables.canonical import SURVEY_COLUMNS, Column
from cxfusion.tables.relation import Contacts, Relation, Surveys

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from cxfusion.pairing.lateness import AnswerLag
    from cxfusion.pairing.plan import PairingPlan
    from cxfusion.tables.books import Books

__all__ = ["Pairing", "require_pairing"]

OF_PAIR = ("contact_id", "leg_id", "started_at", "gap_seconds", "next_gap_seconds")
"""Columns that are null unless the response is paired."""


def require_pairing(value: object) -> None:
    """Refuse what is no pairing.

    Raises
    ------
    UsageError
    """
    require_kind(value, Pairing, "The pairing", "pair the two tables first, pairing = cx.pair(contacts, surveys).")


@dataclass(frozen=True, repr=False, eq=False)
class Pairing(Relation):
    """Which contact each response speaks about. One row per response, in the order of the survey file, but on Spark.

    ``rows`` has ``response_file, response_row, response_id, reason, contact_id`` (null unless paired), ``leg_id``
    (where paired by it), ``started_at`` (of that contact), ``n_candidates`` (contacts that could be meant; null where
    none was looked up; of a relationship survey all that its customer lived), ``gap_seconds`` (from the chosen
    contact's end to the anchor), ``next_gap_seconds`` (the same for the runner-up), ``anchor_at``, ``anchor_is_day``,
    ``respondent_role``, ``survey_level``, ``csat``, ``nps``, ``ces``, ``customer_id``. Where the anchor is a day, gaps
    are counted to its end, or to the answer on that day: they are the longest that they can have been.

    Attributes
    ----------
    contacts, surveys : Contacts, Surveys
        What was paired.
    plan : PairingPlan
    books : Books
        The counts behind :attr:`audit` and :attr:`cells`.
    set_aside : ibis.Table
        ``source_file, source_row, stage, column, reason, original``: what reading set aside of both tables
        (and of the legs of a vendor's log), and the responses that were not paired (stage ``pairing``, ``original``
        their id).
    around : ibis.Table, optional
        Contacts outside the period that answers could be about.
    answer_lag : AnswerLag, optional
        How late answers come; None where too few tell.
    """

    contacts: Contacts
    surveys: Surveys
    plan: PairingPlan
    books: Books
    set_aside: ir.Table = field(repr=False)
    around: ir.Table | None = field(default=None, repr=False)
    answer_lag: AnswerLag | None = None

    @property
    def pairs(self) -> ir.Table:
        """The paired rows only."""
        return self.rows.filter(self.rows["reason"].isin(PAIRED))

    @property
    def n_pairs(self) -> int:
        """Responses paired with a contact."""
        return self.books.n("responses", *PAIRED)

    @property
    def n_exposures(self) -> int:
        """Responses about the relationship whose customer is known to have lived something before."""
        return self.books.n("responses", EXPOSED)

    @property
    def n_outside(self) -> int:
        """Responses that speak about what lies outside the period asked for."""
        return self.books.n("responses", OUTSIDE)

    def is_untold(self, rows: ir.Table) -> ir.BooleanValue:
        """Whether the silence of contacts (by ``started_at``) means nothing: too young, or :meth:`is_early`."""
        lag = self.answer_lag
        return ibis.literal(False) if lag is None else lag.is_young(rows["started_at"]) | self.is_early(rows)

    def is_early(self, rows: ir.Table) -> ir.BooleanValue:
        """Whether contacts (by ``started_at``) are from before anybody was asked; none without a lag."""
        return ibis.literal(False) if self.answer_lag is None else self.answer_lag.is_early(rows["started_at"])

    def unambiguous(self) -> Pairing:
        """The same pairing without the ambiguous pairs.

        These end as ``doubtful_link``, so that the books still balance; measures and models of what is returned rest
        on pairs that leave no choice.

        Examples
        --------
        >>> import cxfusion as cx
        >>> calls = [{"contact_id": str(i), "customer_id": "ann", "started_at": f"2026-01-05 0{i}:00"} for i in (7, 8)]
        >>> answers = [{"customer_id": "ann", "answered_at": "2026-01-05 10:00", "csat": 4}]
        >>> pairing = cx.pair(cx.read_contacts(calls), cx.read_surveys(answers))
        >>> pairing.n_pairs, pairing.unambiguous().n_pairs
        (1, 0)
        """
        rows = self.rows
        is_doubtful = rows["reason"].isin(PAIRED) & (rows["n_candidates"] > 1)
        blank = {name: ibis.ifelse(is_doubtful, ibis.null(rows[name].type()), rows[name]) for name in OF_PAIR}
        clear = rows.mutate(reason=ibis.ifelse(is_doubtful, DOUBTFUL, rows["reason"]), **blank)
        clear = self.session.materialize(clear.order_by("response_file", "response_row"))
        return replace(
            self,
            rows=clear,
            books=books(self.contacts, self.surveys, clear, self.plan),
            set_aside=set_aside_of(self.contacts, self.surveys, clear),
        )

    def check_links(self) -> LinkCheck:
        """How often the case or the customer finds the very contact that an answer names.

        The answers that name their contact are paired again with its id hidden, and the two are compared.

        Examples
        --------
        >>> import cxfusion as cx
        >>> calls = [{"contact_id": str(i), "customer_id": "ann", "started_at": f"2026-01-05 0{i}:00"} for i in (7, 8)]
        >>> answers = [{"contact_id": "7", "customer_id": "ann", "answered_at": "2026-01-05 10:00", "csat": 4}]
        >>> pairing = cx.pair(cx.read_contacts(calls), cx.read_surveys(answers))
        >>> pairing.check_links().table[["key", "candidates", "n", "n_correct"]].values.tolist()
        [['customer_id', 'several', 1, 0]]
        """
        return check_links(self)

    def leg_pairs(self) -> Relation:
        """The pairs at the level of legs: one row per pair and leg of its contact, in the order in which they began.

        ``response_id, contact_id, place`` (1, 2, …), ``n_legs, leg_id, agent_id, queue, started_at``, the leg's own
        ``wait_seconds, talk_seconds, hold_seconds, wrap_seconds``, ``is_meant`` (whether the answer names this leg;
        null where it names none), ``respondent_role`` and the scores. After a transfer it tells which agent and queue
        an answer speaks of.

        Raises
        ------
        UsageError
            The contact log was not read as legs.
        """
        return Relation(self.session, self.session.materialize(legs_of_pairs(self.pairs, self.contacts)))

    @property
    def audit(self) -> pd.DataFrame:
        """``stage, reason, n``: where every row went (``legs``, ``contacts``, ``responses``), and every bad cell."""
        return self.books.audit.copy()

    @property
    def cells(self) -> pd.DataFrame:
        """``stage, column, reason, n``: cells that became missing, whose rows were kept."""
        return self.books.cells.copy()

    def summary(self) -> str:
        """The pairing in a few lines of plain text."""
        is_amiss = self.n_pairs == 0 and self.books.n("responses", "no_key") > 0
        other_key = key_wanted(self.contacts, self.surveys, self.plan) if is_amiss else None
        return "\n".join(
            [
                self._headline(),
                *([f"{other_key}."] if other_key else []),
                *self._stage_lines("responses"),
                *self._stage_lines("contacts"),
                *self._stage_lines("legs"),
            ]
        )

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"Pairing({self._headline()})"

    def _repr_html_(self) -> str:
        from cxfusion.results.html import frame_as_html

        return frame_as_html(self.audit, caption=self._headline())

    def _headline(self) -> str:
        n_asked = self.surveys.n_read - self.n_exposures - self.n_outside
        share = f" ({self.n_pairs / n_asked:.1%})" if n_asked else ""
        besides = f"; {self.n_exposures:,} about the relationship" if self.n_exposures else ""
        elsewhere = f"; {self.n_outside:,} outside the period" if self.n_outside else ""
        return f"{self.n_pairs:,} of {n_asked:,} responses paired with a contact{share}{besides}{elsewhere}"

    def _stage_lines(self, stage: str) -> list[str]:
        here = self.books.audit[self.books.audit["stage"] == stage]
        heading = [f"{stage}:"] if len(here) else []
        return [*heading, *(f"  {row.reason:<24}{row.n:>14,}" for row in here.itertuples())]

    def _canonical(self) -> tuple[Column, ...]:
        return SURVEY_COLUMNS
