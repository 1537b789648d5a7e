"""Surveys without a contact log: what can be measured of them, and what a reader of it should know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxfusion.errors import UsageError
from cxfusion.pairing.responses import asked
from cxfusion.perception.scores import RESPONSE_RATE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import ibis.expr.types as ir

    from cxfusion.perception.weights import ResponseWeights
    from cxfusion.tables.relation import Surveys

__all__ = ["notes_on_alone", "require_no_log"]


def require_no_log(score: str, weights: ResponseWeights | None) -> None:
    """Refuse what only a contact log can tell.

    Raises
    ------
    UsageError
    """
    if weights is None and score != RESPONSE_RATE:
        return
    what = "A response rate comes" if score == RESPONSE_RATE else "Weights come"
    raise UsageError(
        f"{what} from a contact log, and these surveys stand alone. Expected a pairing: pair(contacts, surveys)."
    )


def notes_on_alone(surveys: Surveys, given: ir.Table, score: str, *, has_interval: bool) -> Iterator[str]:
    """Answers that no interval holds, and levels that are taken together."""
    known = given.filter(given[score].notnull())
    n = surveys.session.collect(known.aggregate(n=known["started_at"].isnull().sum()))["n"][0].as_py() or 0
    if has_interval and n:
        yield f"Left out: {n:,} answer{'s' if n > 1 else ''} without a date."
    levels = asked(surveys)
    found = surveys.session.collect(levels.aggregate(n=levels["survey_level"].nunique()))["n"][0].as_py()
    if found > 1:
        yield (
            "Answers about one contact and about the relationship are taken together; by='survey_level' tells them"
            " apart."
        )
