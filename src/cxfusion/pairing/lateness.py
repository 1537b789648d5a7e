"""How late answers come, and hence which contacts are too young for their silence to mean anything.

Nine answers in ten may be there on the third day; of yesterday's contacts most that will be answered about are not yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import ibis

from cxfusion.results.formats import count, duration_in_words

if TYPE_CHECKING:
    from datetime import datetime

    import ibis.expr.types as ir

    from cxfusion.engine import Session

__all__ = ["AnswerLag", "answer_lag"]

USUAL: Final = 0.95
FEWEST: Final = 30
ABSURD: Final = 10
"""An answer this many times as late as the usual latest is a wrong clock: it does not say when the file ends."""


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
    """

    n: int
    seconds: float
    last_answer_at: datetime

    @property
    def complete_until(self) -> datetime:
        """Contacts that started after it are younger than the lag: more of them will yet be answered about."""
        return self.last_answer_at - timedelta(seconds=self.seconds)

    def is_young(self, started_at: ir.TimestampValue) -> ir.BooleanValue:
        """Whether contacts are too young for their silence to mean anything."""
        return started_at > ibis.literal(self.complete_until)

    def note(self, n_young: int) -> str:
        """What is said of the contacts that are left out."""
        return (
            f"Left out as too young: {count(n_young)} contact{'s' * (n_young != 1)} of the last"
            f" {duration_in_words(self.seconds)} before the survey file ends. Within so long 95 % of answers come: more"
            " of them will yet be answered about."
        )


def answer_lag(session: Session, rows: ir.Table) -> AnswerLag | None:
    """The lag of some answers; None where it is known of fewer than thirty.

    Parameters
    ----------
    session : Session
    rows : ibis.Table
        ``met_at`` (start of the contact that was found for a response) and ``told_at`` (when it was answered, of a
        date without a time its end); null where unknown.
    """
    told = rows.mutate(lag=rows["told_at"].delta(rows["met_at"], unit="microsecond") / 1e6)
    told = told.filter(told["lag"] >= 0)
    found = session.collect(told.aggregate(n=told.count(), seconds=told["lag"].quantile(USUAL))).to_pylist()[0]
    if found["n"] < FEWEST:
        return None
    usual = told.filter(told["lag"] <= ABSURD * ibis.literal(float(found["seconds"])))
    last = session.collect(usual.aggregate(last=usual["told_at"].max()))["last"][0].as_py()
    return AnswerLag(int(found["n"]), float(found["seconds"]), last)
