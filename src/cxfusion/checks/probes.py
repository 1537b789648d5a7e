"""Checks of values: each says what to count, and judges the counts; all of a table's are counted in one pass.

A median is never taken: that half of the values lie beyond a bound can be counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import ibis

from cxfusion.checks.finding import Finding, finding
from cxfusion.tables.canonical import CONTACT_COLUMNS, SURVEY_COLUMNS
from cxfusion.tables.span import GAP_DAYS, span_of
from cxfusion.tables.steps import ask
from cxfusion.tables.times import to_local

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import ibis.expr.types as ir

    from cxfusion.checks.catalogue import CheckPlan
    from cxfusion.pairing.result import Pairing
    from cxfusion.tables.relation import Contacts, Surveys
    from cxfusion.tables.times import Years

__all__ = ["Probe", "of_contacts", "of_pairs", "of_surveys"]

FEW: Final = 30
"""Below so many values nothing is said about how they are spread."""
DAY: Final = 86_400
SOME_ROWS: Final = 1_000
DURATIONS: Final = tuple(column.name for column in CONTACT_COLUMNS if column.kind == "duration")
WAITS: Final = ("wait_seconds", "rewait_seconds")
"""Of a mailbox these may well be hours: their unit is seen by the talk."""

Counts: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Probe:
    """One check of one column.

    Attributes
    ----------
    facts : mapping of str to ibis scalar
        What to count.
    judge : callable
        What the counts mean.
    bad : ibis boolean column, optional
        The rows to show as examples.
    shown : ibis column, optional
        What is shown of them: a number or a time.
    """

    facts: Mapping[str, ir.Scalar]
    judge: Callable[[Counts], list[Finding]]
    bad: ir.BooleanValue | None = field(default=None, repr=False)
    shown: ir.Value | None = field(default=None, repr=False)


def of_contacts(contacts: Contacts, plan: CheckPlan, now: datetime, years: Years) -> Iterator[Probe]:
    """Probes of the contact log."""
    for name in DURATIONS:
        if contacts.has(name):
            yield from _duration(contacts, name, plan)
    if contacts.has("ended_at"):
        start, end = contacts.rows["started_at"], contacts.rows["ended_at"]
        told = "{n:,} of {of:,} contacts ended before they began"
        yield _where(plan, "ended_before_start", "contacts", "ended_at", end < start, end, told)
    yield from _future(contacts, "contacts", ("started_at", "ended_at"), plan, now)
    yield from _far(contacts, plan)
    yield _midnight(contacts, plan, years)
    names = [column.name for column in CONTACT_COLUMNS if column.name in contacts.columns_from]
    yield from _spreads(contacts, "contacts", names, plan)


def of_surveys(surveys: Surveys, plan: CheckPlan, now: datetime) -> Iterator[Probe]:
    """Probes of the survey file."""
    yield from _future(surveys, "surveys", ("invited_at", "answered_at"), plan, now)
    if surveys.has("invited_at", "answered_at"):
        rows = surveys.rows
        is_day = rows["invited_at_is_day"].fill_null(False) | rows["answered_at_is_day"].fill_null(False)
        is_early = (rows["answered_at"] < rows["invited_at"]) & ~is_day
        told = "{n:,} of {of:,} answers were given before their invitation"
        yield _where(plan, "answered_before_invited", "surveys", "answered_at", is_early, rows["answered_at"], told)
    yield from (_scale(surveys, name, plan) for name in surveys.scales)
    names = [column.name for column in SURVEY_COLUMNS if column.name in surveys.columns_from]
    yield from _spreads(surveys, "surveys", names, plan)


def of_pairs(pairing: Pairing, plan: CheckPlan) -> Probe:
    """The probe of answers and the contacts that they name."""
    rows = pairing.pairs
    is_by_id = rows["reason"].isin(("paired_leg_id", "paired_contact_id")) & ~rows["anchor_is_day"].fill_null(False)
    is_early = is_by_id & (rows["gap_seconds"] < -plan.clock_skew_seconds)

    def judge(counts: Counts) -> list[Finding]:
        n, of = int(counts["n"] or 0), int(counts["of"] or 0)
        told = f"{n:,} of {of:,} answers came {plan.clock_skew_seconds:g} s or more before their contact had ended"
        is_minor = n < plan.clock_skew_share * of
        told += "" if is_minor else ": another time zone?"
        return finding(plan, "answered_before_end", "pairs", None, n, of, told, is_minor=is_minor) if n else []

    facts = {"n": is_early.sum(), "of": (is_by_id & rows["gap_seconds"].notnull()).sum()}
    return Probe(facts, judge, is_early, rows["gap_seconds"])


def _where(
    plan: CheckPlan, check: str, table: str, column: str, bad: ir.BooleanValue, shown: ir.Value, told: str
) -> Probe:
    """A probe that speaks wherever something holds of any row."""

    def judge(counts: Counts) -> list[Finding]:
        n, of = int(counts["n"] or 0), int(counts["of"])
        return finding(plan, check, table, column, n, of, told.format(n=n, of=of)) if n else []

    return Probe({"n": bad.sum(), "of": shown.count()}, judge, bad, shown)


def _duration(contacts: Contacts, name: str, plan: CheckPlan) -> Iterator[Probe]:
    value = contacts.rows[name]
    told = f"{name} is longer than {plan.longest_seconds:,g} s in {{n:,}} of {{of:,}} contacts"
    yield _where(plan, "absurd_duration", "contacts", name, value > plan.longest_seconds, value, told)
    if name not in WAITS or not contacts.has("talk_seconds"):
        told = (
            f"half of {name} above zero, or more, is {plan.unit_high_seconds:,g} s or longer: are these milliseconds?"
        )
        yield _half(plan, "unit_too_large", name, value, value >= plan.unit_high_seconds, told)
    if name == "talk_seconds":
        told = f"half of {name} above zero, or more, is shorter than {plan.unit_low_seconds:g} s: are these minutes?"
        yield _half(plan, "unit_too_small", name, value, (value > 0) & (value < plan.unit_low_seconds), told)


def _half(plan: CheckPlan, check: str, name: str, value: ir.Value, beyond: ir.BooleanValue, told: str) -> Probe:
    """A probe that speaks where half of the values above zero, or more, lie beyond a bound."""

    def judge(counts: Counts) -> list[Finding]:
        n, of = int(counts["n"] or 0), int(counts["of"] or 0)
        return finding(plan, check, "contacts", name, n, of, told) if of >= FEW and 2 * n >= of else []

    return Probe({"n": beyond.sum(), "of": (value > 0).sum()}, judge, beyond, value)


def _future(
    table: Contacts | Surveys, kind: str, names: tuple[str, ...], plan: CheckPlan, now: datetime
) -> Iterator[Probe]:
    for name in names:
        if table.has(name):
            value = table.rows[name]
            is_future = value > ibis.literal(now) + ibis.interval(seconds=int(plan.future_seconds))
            told = f"{name} lies in the future in {{n:,}} of {{of:,}} {kind}"
            yield _where(plan, "future_time", kind, name, is_future, value, told)


def _far(contacts: Contacts, plan: CheckPlan) -> Iterator[Probe]:
    span, start = span_of(contacts), contacts.rows["started_at"]
    if span.n_beyond:
        told = f"{{n:,}} of {{of:,}} contacts start more than {GAP_DAYS} days before or after all others"
        yield _where(plan, "far_time", "contacts", "started_at", ~span.holds(start), start, told)


def _midnight(contacts: Contacts, plan: CheckPlan, years: Years) -> Probe:
    start = contacts.rows["started_at"]
    is_midnight = to_local(start, contacts.timezone, years).epoch_seconds() % DAY == 0

    def judge(counts: Counts) -> list[Finding]:
        n, of = int(counts["n"] or 0), int(counts["of"])
        told = f"{n:,} of {of:,} contacts start at midnight sharp: are these dates without a time?"
        is_told = of >= FEW and n > plan.midnight_share * of
        return finding(plan, "mostly_midnight", "contacts", "started_at", n, of, told) if is_told else []

    return Probe({"n": is_midnight.sum(), "of": start.count()}, judge)


def _scale(surveys: Surveys, name: str, plan: CheckPlan) -> Probe:
    scale, value = surveys.scales[name], surveys.rows[name]

    def judge(counts: Counts) -> list[Finding]:
        n, low, high = int(counts["n"]), counts["low"], counts["high"]
        if n < FEW or high > scale.low + plan.scale_share * (scale.high - scale.low):
            return []
        told = f"{name} is read on {scale.low:g} to {scale.high:g}, but runs from {low:g} to {high:g}: another scale?"
        return finding(plan, "scale_too_wide", "surveys", name, n, n, told)

    return Probe({"n": value.count(), "low": value.min(), "high": value.max()}, judge)


def _spreads(table: Contacts | Surveys, kind: str, names: list[str], plan: CheckPlan) -> Iterator[Probe]:
    """Whether columns have no value, or only one: where some rows differ, whichever these are, others need no look."""
    some = table.rows.limit(SOME_ROWS)
    differs = ask(table.session, some, {name: some[name].min() != some[name].max() for name in names})
    yield from (_spread(table, kind, name, plan, differs=bool(differs[name])) for name in names)


def _spread(table: Contacts | Surveys, kind: str, name: str, plan: CheckPlan, *, differs: bool) -> Probe:
    value = table.rows[name]

    def judge(counts: Counts) -> list[Finding]:
        n, of = int(counts["n"]), int(counts["of"])
        if n == 0:
            return finding(plan, "empty_column", kind, name, of, of, f"{name} has no value at all") if of else []
        if n < FEW or not counts["is_one"]:
            return []
        return finding(plan, "constant_column", kind, name, n, of, f"{name} has the same value in all {n:,} {kind}")

    facts = {
        "n": value.count(),
        "of": table.rows.count(),
        "is_one": ibis.literal(False) if differs else value.min() == value.max(),
    }
    return Probe(facts, judge)
