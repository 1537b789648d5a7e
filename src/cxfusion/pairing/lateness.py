"""When the first customers were asked and how late answers come: whose silence means nothing.

Nine answers in ten may be there on the third day; of yesterday's contacts most that will be answered about are not yet.
And where a survey was launched in the middle of a log, nobody was asked about the contacts before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import ibis

from cxfusion.results.formats import count, duration_in_words
from cxfusion.tables.times import EPOCH, microseconds

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.engine import Session

__all__ = ["AnswerLag", "answer_lag"]

USUAL: Final = 0.95
FEWEST: Final = 30
ABSURD: Final = 10
"""An answer this many times as late as the usual latest is a wrong clock: it does not say when the file ends."""
STRAY: Final = 0.01
"""Share of the answers, and always one, that may be about contacts from before anybody was asked: tests, say."""
HARDLY: Final = 0.1
"""Of the usual rate of answers: where contacts are answered about less often than that, nobody asks yet."""


@dataclass(frozen=True)
class AnswerLag:
    """How long after a contact's start its answer comes.

    Attributes
    ----------
    n : int
        Answers that it is known of: paired ones, about contacts outside the period too.
    seconds : float
        Within which 95 % of them came.
    last_answer_at : datetime
        The latest of them, in UTC: about when the survey file was drawn.
    asked_from : datetime or None, default None
        Start of the first contacts that customers were asked about, in UTC; None where it is the log's own.
    """

    n: int
    seconds: float
    last_answer_at: datetime
    asked_from: datetime | None = None

    @property
    def complete_until(self) -> datetime:
        """Contacts that started after it are younger than the lag: more of them will yet be answered about."""
        return self.last_answer_at - timedelta(seconds=self.seconds)

    def is_young(self, started_at: ir.TimestampValue) -> ir.BooleanValue:
        """Whether contacts are too young for their silence to mean anything."""
        return started_at > ibis.literal(self.complete_until)

    def is_early(self, started_at: ir.TimestampValue) -> ir.BooleanValue:
        """Whether contacts are from before anybody was asked."""
        return started_at.isnull() if self.asked_from is None else started_at < ibis.literal(self.asked_from)

    def notes(self, n_young: int, n_early: int) -> tuple[str, ...]:
        """What is said of the contacts that are left out."""
        young = (
            f"Left out as too young: {_contacts(n_young)} that started less than {duration_in_words(self.seconds)}"
            " before the survey file ends, or later. Within so long 95 % of answers come: more of them will yet be"
            " answered about."
        )
        early = (
            f"Left out as not asked about: {_contacts(n_early)} from before {self.asked_from:%Y-%m-%d %H:%M} (UTC),"
            " when answers begin."
            if self.asked_from is not None
            else ""
        )
        return tuple(note for note, n in ((young, n_young), (early, n_early)) if n)


def _contacts(n: int) -> str:
    return f"{count(n)} contact{'s' * (n != 1)}"


def answer_lag(session: Session, rows: ir.Table, log: ir.Table) -> AnswerLag | None:
    """The lag of some answers; None where it is known of fewer than thirty.

    Parameters
    ----------
    session : Session
    rows : ibis.Table
        ``met_at`` (start of the contact that was found for a response) and ``told_at`` (when it was answered, of a
        date without a time its end); null where unknown.
    log : ibis.Table
        Contacts that could be answered about, with ``started_at``.
    """
    told = rows.mutate(lag=rows["told_at"].delta(rows["met_at"], unit="microsecond") / 1e6)
    told = told.filter(told["lag"] >= 0)
    found = session.collect(told.aggregate(n=told.count(), seconds=told["lag"].quantile(USUAL))).to_pylist()[0]
    if found["n"] < FEWEST:
        return None
    usual = told.filter(told["lag"] <= ABSURD * ibis.literal(float(found["seconds"])))
    last = session.collect(usual.aggregate(last=usual["told_at"].max()))["last"][0].as_py()
    lag = AnswerLag(int(found["n"]), float(found["seconds"]), last)
    return replace(lag, asked_from=_asked_from(session, usual, log, lag))


def _asked_from(session: Session, told: ir.Table, log: ir.Table, lag: AnswerLag) -> datetime | None:
    """Start of the contact from which on the log is answered about, but for a few strays; None if from the first."""
    met = told.select(since=microseconds(told["met_at"]))
    first = session.collect(met.aggregate(first=met["since"].quantile(max(STRAY, 1 / (lag.n - 1)))))["first"][0].as_py()
    begin = EPOCH + timedelta(microseconds=int(first))
    n_before, n_after = _around(session, log["started_at"], begin, lag)
    n_strays, n_answers = _around(session, told["met_at"], begin, lag)
    expected = n_before * n_answers / max(n_after, 1)
    return begin if HARDLY * expected > max(n_strays, 1) else None


def _around(session: Session, started_at: ir.TimestampValue, begin: datetime, lag: AnswerLag) -> tuple[int, int]:
    """How many contacts started before, and how many from then on that are not too young."""
    is_before = started_at < ibis.literal(begin)
    is_old = ~is_before & ~lag.is_young(started_at)
    counts = started_at.as_table().aggregate(before=is_before.sum(), after=is_old.sum())
    found = session.collect(counts).to_pylist()[0]
    return found["before"] or 0, found["after"] or 0
