"""What each response asks of the log.

A response has an *anchor*: when it was invited, else when it was answered. A date without a time stands for its whole
day, so that the anchor is a stretch ``anchor_at .. anchor_until``; where the time is known both are the same moment.
The day of an invitation is over once it was answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ibis

from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW
from cxfusion.tables.canonical import SURVEY_LEVELS
from cxfusion.tables.times import end_of_day, years_asked

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.tables.relation import Surveys
    from cxfusion.tables.times import Years

__all__ = ["RELATIONSHIP", "SCORES", "asked", "is_before"]

RELATIONSHIP: Final = "relationship"
"""Level of a survey that asks about all that a customer lived, not about one contact."""
SCORES: Final = ("csat", "nps", "ces")
DAY: Final = ibis.interval(days=1)
TIMES: Final = ("invited_at", "answered_at")


def asked(surveys: Surveys) -> ir.Table:
    """One row per response: the keys it gives, and its anchor.

    Returns
    -------
    ibis.Table
        ``response_file, response_row, response_id``; ``asked_leg_id, asked_contact_id, asked_case_id, customer_id``;
        ``anchor_at, anchor_is_day, anchor_until, anchor_is_open`` (lasts to the end of a day, which it does not reach);
        ``told_until, told_is_day`` (the latest moment at which the answer can have been given); ``answered_at``;
        ``score_status``; ``respondent_role``; ``survey_level`` (``transaction`` or ``relationship``); ``csat, nps,
        ces``.
    """
    rows = surveys.rows
    years = _years(surveys)
    invited, answered = (_moment(surveys, name, years) for name in TIMES)
    until = ibis.coalesce(invited["until"], answered["until"])
    is_day = ibis.ifelse(invited["at"].notnull(), invited["is_day"], answered["is_day"])
    is_timed = ~answered["is_day"] & (answered["at"] > invited["at"]) & (answered["at"] <= until)
    is_over = invited["is_day"] & is_timed.fill_null(False)  # whoever answers was asked before
    level = surveys.value("survey_level").lower()
    about_all = [word for word, meaning in SURVEY_LEVELS.items() if meaning == RELATIONSHIP]
    return rows.select(
        response_file=rows[SOURCE_FILE],
        response_row=rows[SOURCE_ROW].cast("int64"),
        response_id=rows["response_id"],
        **{f"asked_{key}": surveys.value(key) for key in ("leg_id", "contact_id", "case_id")},
        customer_id=surveys.value("customer_id"),
        anchor_at=ibis.coalesce(invited["at"], answered["at"]),
        anchor_is_day=is_day,
        anchor_until=ibis.ifelse(is_over, answered["at"], until),
        anchor_is_open=is_day & ~is_over,
        told_until=ibis.coalesce(answered["until"], invited["until"]),
        told_is_day=ibis.ifelse(answered["at"].notnull(), answered["is_day"], invited["is_day"]),
        answered_at=answered["at"],
        score_status=rows["score_status"],
        respondent_role=rows["respondent_role"],
        survey_level=ibis.ifelse(level.isin(about_all).fill_null(False), RELATIONSHIP, "transaction"),
        **{score: surveys.value(score).cast("float64") for score in SCORES},
    )


def is_before(until: ir.Value, is_day: ir.Value, moment: ir.Value) -> ir.BooleanValue:
    """Whether a stretch of time that lasts until a moment lies wholly before another; a day does not reach its end.

    What has no time is not known to lie before anything.
    """
    return ((until < moment) | (is_day & (until == moment))).fill_null(False)


def _moment(surveys: Surveys, name: str, years: Years | None) -> dict[str, ir.Value]:
    at = surveys.value(name)
    is_day = surveys.rows[f"{name}_is_day"].fill_null(False) if surveys.has(f"{name}_is_day") else ibis.literal(False)
    end = at + DAY if years is None else end_of_day(at, surveys.timezone, years)
    return {"at": at, "is_day": is_day & at.notnull(), "until": ibis.ifelse(is_day, end, at)}


def _years(surveys: Surveys) -> Years | None:
    """First and last year of the times; None where no day can be longer than another."""
    days = [name for name in TIMES if surveys.has(name, f"{name}_is_day")]
    if not days or surveys.timezone == "UTC":
        return None
    asked = {f"{name}:{end}": year for name in days for end, year in years_asked(surveys.rows[name]).items()}
    found = surveys.session.collect(surveys.rows.aggregate(**asked)).to_pylist()[0]
    years = [int(year) for year in found.values() if year is not None]
    return (min(years), max(years)) if years else None
