"""What is already known: every source of data at hand, its period, size, links, freshness and holes, and what follows.

The understanding phase of a study: before anything is estimated, what can be concluded from these data and what not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import ibis
import numpy as np
import pandas as pd

from cxfusion.errors import InputError, UsageError, require_kind_or_none
from cxfusion.pairing.reasons import PAIRED
from cxfusion.pairing.result import require_pairing
from cxfusion.perception.answers import CUSTOMER
from cxfusion.perception.ratings.read import Ratings
from cxfusion.perception.scores import SCORES
from cxfusion.results.base import Result
from cxfusion.results.formats import count, percent
from cxfusion.results.labels import outcome_label
from cxfusion.tables.cells import clean_id
from cxfusion.tables.coding import local_time
from cxfusion.tables.opening import open_source
from cxfusion.tables.times import day_of, to_local, years_asked, years_told

if TYPE_CHECKING:
    from collections.abc import Iterator

    import ibis.expr.types as ir

    from cxfusion.pairing import Pairing
    from cxfusion.tables.opening import Data

__all__ = ["SourceAudit", "audit_sources"]

COLUMNS: Final = (
    "source", "kind", "n", "first_day", "last_day", "days_with_rows", "days_between", "longest_hole_days",
    "hole_after", "days_old", "linked_share", "contacts_covered_share", "days_covered_share", "can", "cannot",
)  # fmt: skip
USUAL: Final = 0.9
"""Quantile of the distances between days with rows that counts as usual: weekends of a log, months of a tracker."""
HOLE: Final = 3
"""A distance is a hole where it is so many times the usual one."""
STALE: Final = 3
FEW_ANSWERS: Final = 300
FEW_DAYS: Final = 12
KEYS: Final = ("contact_id", "customer_id")
OFFSET: Final = r"\d[T ]\d.*(?:[Zz]|[+-]\d\d(?::?\d\d)?)$"
"""Of a time in ISO 8601 that says how far it is from UTC; the hyphens of a date alone do not."""


@dataclass(frozen=True, eq=False, repr=False)
class SourceAudit(Result):
    """One row per source of data.

    ``.table``: ``source, kind`` (log, survey, events, tracker), ``n`` (rows), ``first_day, last_day`` (the site's
    calendar), ``days_with_rows, days_between`` (from the first to the last, both counted), ``longest_hole_days`` (days
    without rows, where that is unusual; 0 otherwise), ``hole_after``, ``days_old`` (from the last row to ``as_of``),
    ``linked_share`` (rows that are tied to a contact of the log), ``contacts_covered_share`` (contacts that have such a
    row), ``days_covered_share`` (of the log's days, those within the source's period), ``can, cannot`` (what may be
    concluded from it, and what may not).

    Attributes
    ----------
    sources : pandas.DataFrame
        The same as ``.table``.
    as_of : datetime.date
    """

    sources: pd.DataFrame
    as_of: dt.date

    @property
    def _frame(self) -> pd.DataFrame:
        return self.sources

    def _lines(self) -> list[str]:
        head = f"{len(self.sources)} sources of data, as of {self.as_of.isoformat()}"
        return [head, *(line for row in self.sources.itertuples() for line in self._in_words(row))]

    def _in_words(self, row: Any) -> Iterator[str]:
        when = "no dates" if row.first_day is None else f"{row.first_day} to {row.last_day}"
        yield f"  {row.source}: {count(row.n)} rows, {when}"
        yield f"    tells {row.can}"
        yield f"    does not tell {row.cannot}"


class _Seen(NamedTuple):
    """Of a source: its rows by day, and how it is tied to the log."""

    name: str
    kind: str
    n: int
    days: pd.Series[int]  # rows by day, counted from 1970
    linked_share: float | None
    covered_share: float | None


def audit_sources(
    pairing: Pairing,
    others: Mapping[str, Data | Ratings] | None = None,
    *,
    as_of: dt.date | None = None,
    dates: Mapping[str, str] | None = None,
) -> SourceAudit:
    """What is already known, and what follows from it.

    Parameters
    ----------
    pairing : Pairing
        The contact log and its surveys are listed score by score.
    others : mapping of str to (path, frame or list of dict, or Ratings), optional
        Whatever else is at hand, by a name: a brand tracker, a panel, complaints. A column ``date`` (ISO 8601) says
        when; ``contact_id`` or ``customer_id`` tie it to the log, where it has them. Ratings of :func:`read_ratings`
        (expectations, views of leaders) have no dates.
    as_of : datetime.date, optional
        Day from which freshness is counted; by default the last day that any source has.
    dates : mapping of str to str, optional
        By source, the column that says when, where it is not called ``date``.

    Returns
    -------
    SourceAudit

    Raises
    ------
    InputError
        A source has no column of dates, or dates that cannot be read; all are named.
    UsageError
        ``as_of`` lies before the log's first day.

    Notes
    -----
    Days are counted on the site's calendar; times with an offset are turned to its clock, others are taken for its own.
    A hole is a distance between two days with rows that is three times the usual one (the 90 % quantile of these
    distances): a log that is closed on Sundays has none, nor has a monthly tracker.

    Examples
    --------
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7)
    >>> tracker = [{"date": f"2026-0{month}-01", "awareness": 0.4} for month in range(1, 7)]
    >>> found = cx.audit_sources(cx.pair(centre.contacts, centre.surveys), {"brand tracker": tracker})
    >>> found.table["source"].tolist()
    ['Contact log', 'Satisfaction (CSAT)', 'Recommendation (NPS)', 'brand tracker']
    """
    require_pairing(pairing)
    require_kind_or_none(others, Mapping, "others", "tables by a name, such as {'brand tracker': 'tracker.csv'}.")
    require_kind_or_none(dates, Mapping, "dates", "columns of dates by source, such as {'brand tracker': 'month'}.")
    as_of = as_of.date() if isinstance(as_of, dt.datetime) else as_of
    require_kind_or_none(as_of, dt.date, "as_of", "a day, such as datetime.date(2026, 3, 1).")
    log = _log(pairing)
    seen = [log, *_surveys(pairing, log.n), *_events(pairing, log.n)]
    seen += _others(pairing, others or {}, dates or {}, log.n)
    last = max(int(one.days.index.max()) for one in seen if len(one.days))
    until = last if as_of is None else (as_of - dt.date(1970, 1, 1)).days
    if until < int(log.days.index.min()):
        first = _day(log.days.index.min())
        raise UsageError(f"as_of is {as_of}, before the log's first day, {first}. Expected a later day.")
    table = pd.DataFrame([_row(one, log, until) for one in seen], columns=list(COLUMNS))
    for name in ("first_day", "last_day", "hole_after"):
        table[name] = table[name].astype(object).where(table[name].notna(), None)
    return SourceAudit(table, _day(until))


def _day(number: Any) -> dt.date:
    return dt.date(1970, 1, 1) + dt.timedelta(days=int(number))


def _by_day(pairing: Pairing, rows: ir.Table, day: ir.Value) -> pd.Series[int]:
    counted = rows.group_by(day=day).aggregate(n=rows.count()).order_by("day")
    found = pairing.session.collect(counted.filter(counted["day"].notnull())).to_pandas()
    return pd.Series(found["n"].to_numpy(np.int64), index=found["day"].to_numpy(np.int64))


def _log(pairing: Pairing) -> _Seen:
    contacts = pairing.contacts
    days = _by_day(pairing, contacts.rows, local_time(contacts)["date"])
    return _Seen("Contact log", "log", contacts.count(), days, 1.0, 1.0)


def _surveys(pairing: Pairing, n_contacts: int) -> Iterator[_Seen]:
    """Scores of customers about their contacts; answers about the relationship; answers of others."""
    rows = pairing.rows
    is_customer, is_relation = rows["respondent_role"] == CUSTOMER, rows["survey_level"] == "relationship"
    for score in (name for name in SCORES if name in pairing.surveys.scales):
        name, given = outcome_label(score), rows.filter(rows[score].notnull(), is_customer, ~is_relation)
        yield from _answers(pairing, name[0].upper() + name[1:], given, n_contacts)
    is_scored = ibis.or_(*(rows[name].notnull() for name in SCORES if name in pairing.surveys.scales))
    of_relation, of_others = rows.filter(is_scored, is_customer, is_relation), rows.filter(is_scored, ~is_customer)
    yield from _answers(pairing, "Surveys about the relationship", of_relation, n_contacts)
    yield from _answers(pairing, "Answers of companions and staff", of_others, n_contacts)


def _answers(pairing: Pairing, name: str, rows: ir.Table, n_contacts: int) -> Iterator[_Seen]:
    is_paired = rows["reason"].isin(PAIRED)
    asked = rows.aggregate(
        n=rows.count(), paired=is_paired.sum(), contacts=rows["contact_id"].nunique(where=is_paired),
        **years_asked(rows["anchor_at"]),
    )  # fmt: skip
    found = pairing.session.collect(asked).to_pylist()[0]
    if not found["n"]:
        return
    local = to_local(rows["anchor_at"], pairing.contacts.timezone, years_told(found))
    days = _by_day(pairing, rows, day_of(local))
    share, covered = (found["paired"] or 0) / found["n"], (found["contacts"] or 0) / max(n_contacts, 1)
    yield _Seen(name, "survey", int(found["n"]), days, share, covered)


def _events(pairing: Pairing, n_contacts: int) -> Iterator[_Seen]:
    """Kinds of events that were joined to the log: days with contacts that they touched."""
    contacts = pairing.contacts
    for name in contacts.context:
        touched = contacts.rows.filter(contacts.rows[name].fill_null(False))
        days = _by_day(pairing, touched, local_time(contacts)["date"])
        n = int(days.sum())
        label = name.removeprefix("context_").replace("_", " ")
        yield _Seen(f"Events: {label}", "events", n, days, 1.0, n / max(n_contacts, 1))


def _others(
    pairing: Pairing, others: Mapping[str, Data | Ratings], dates: Mapping[str, str], n_contacts: int
) -> Iterator[_Seen]:
    problems: list[str] = []
    seen = []
    for name, data in others.items():
        if isinstance(data, Ratings):
            seen.append(_Seen(name, "tracker", len(data.rows), pd.Series(dtype="int64"), None, None))
            continue
        rows = pairing.session.read(open_source(data))
        ids = {name: clean_id(rows[name]) for name in KEYS if name in rows.columns}
        frame = pairing.session.collect(rows.mutate(**ids) if ids else rows).to_pandas()
        when = dates.get(name, "date")
        if when not in frame.columns:
            problems.append(f"{name}: it has no column {when}, but {', '.join(map(str, frame.columns[:8]))}")
            continue
        times = _on_site(frame[when].astype("str"), pairing.contacts.timezone)
        if times.isna().any():
            problems.append(f"{name}: {int(times.isna().sum()):,} of {len(times):,} dates cannot be read")
            continue
        days = pd.Series((times - pd.Timestamp(0)).dt.days.to_numpy(np.int64)).value_counts().sort_index()
        seen.append(_Seen(name, "tracker", len(frame), days, *_links(pairing, frame, n_contacts)))
    if problems:
        raise InputError(
            "Some sources cannot be used. Expected a column date, as ISO 8601 writes dates (2026-03-01).", problems
        )
    yield from seen


def _on_site(cells: pd.Series[str], zone: str) -> pd.Series[pd.Timestamp]:
    """Times as the site's clock shows them: those with an offset are turned to it, others are its own."""
    times = pd.to_datetime(cells, format="ISO8601", errors="coerce", utc=True)
    return times.dt.tz_convert(zone).dt.tz_localize(None).where(cells.str.contains(OFFSET), times.dt.tz_localize(None))


def _links(pairing: Pairing, frame: pd.DataFrame, n_contacts: int) -> tuple[float | None, float | None]:
    """Share of a tracker's rows whose contact or customer the log knows, and of the contacts that they reach."""
    contacts = pairing.contacts
    key = next((name for name in KEYS if name in frame.columns and contacts.has(name)), None)
    if key is None or frame.empty:
        return None, None
    ids = contacts.rows.group_by(key=contacts.rows[key].cast("string")).aggregate(n=contacts.rows.count())
    known = pairing.session.collect(ids.filter(ids["key"].notnull()).order_by("key")).to_pandas().set_index("key")["n"]
    own = frame[key].dropna()
    return float(own.isin(known.index).sum() / len(frame)), float(known[known.index.isin(own)].sum() / n_contacts)


def _row(one: _Seen, log: _Seen, until: int) -> dict[str, Any]:
    found: dict[str, Any] = {"source": one.name, "kind": one.kind, "n": one.n, "linked_share": one.linked_share}
    found |= {"contacts_covered_share": one.covered_share, "first_day": None, "last_day": None}
    if len(one.days):
        first, last = int(one.days.index.min()), int(one.days.index.max())
        hole, after = _hole(one.days.index.to_numpy())
        inside = (log.days.index >= first) & (log.days.index <= last)
        found |= {
            "first_day": _day(first), "last_day": _day(last), "days_with_rows": len(one.days),
            "days_between": last - first + 1, "longest_hole_days": hole, "hole_after": after, "days_old": until - last,
            "days_covered_share": float(inside.mean()),
        }  # fmt: skip
    return found | {"can": _CAN[_use(one)], "cannot": "; ".join(_limits(one, found))}


def _hole(days: Any) -> tuple[int, dt.date | None]:
    """Days without rows in the longest unusual distance, and the last day before it."""
    apart = np.diff(days)
    if len(apart) < 2:
        return 0, None
    longest = int(apart.argmax())
    if apart[longest] < HOLE * max(np.quantile(apart, USUAL), 1):
        return 0, None
    return int(apart[longest]) - 1, _day(days[longest])


def _use(one: _Seen) -> str:
    if one.kind in ("log", "events"):
        return one.kind
    if one.name == "Surveys about the relationship":
        return "relationship"
    if not len(one.days):
        return "ratings"
    if one.linked_share is None:
        return "apart"
    return "linked" if one.linked_share > 0 else "unlinked"


_CAN: Final = {
    "log": "what happened on every contact, whether or not anybody answered about it",
    "events": "which contacts fell into a time that nobody could help, so that it is held constant",
    "relationship": "how customers feel about the company, beside all that they lived before",
    "ratings": "how groups of people see the items, and where they differ",
    "apart": "how its own level moves over time, beside the log's averages of the same days",
    "linked": "how those felt who answered, by all that the log records of their contacts, and which levers move it",
    "unlinked": "the level of the score among those who answered",
}
_CANNOT: Final = {
    "log": "how it felt",
    "events": "what would have happened without them",
    "relationship": "which contact made it so",
    "ratings": "how these views change, or what brought them about: it has no dates and names no contact",
    "apart": "what any contact did to any customer: it names neither",
    "linked": "how the {silent} of contacts felt that nobody answered about, beyond what weights make good",
    "unlinked": "anything about levers: none of its rows is tied to a contact of the log",
}


def _limits(one: _Seen, found: Mapping[str, Any]) -> Iterator[str]:
    use = _use(one)
    yield _CANNOT[use].format(silent=percent(1 - (one.covered_share or 0.0)))
    if not len(one.days):
        return
    if use == "linked" and one.n < FEW_ANSWERS:
        yield f"small effects: {one.n:,} answers are few"
    if use == "linked" and one.linked_share is not None and one.linked_share < 0.5:
        yield f"much by its {percent(1 - one.linked_share)} of rows that are tied to no contact"
    if use == "apart" and found["days_with_rows"] < FEW_DAYS:
        yield f"whether it moves with anything: {found['days_with_rows']} points in time are too few"
    if found["longest_hole_days"]:
        yield f"the {found['longest_hole_days']} days without rows after {found['hole_after']}"
    if found["days_covered_share"] == 0:
        yield "anything about this log: their periods do not meet"
    elif found["days_covered_share"] < 0.9:
        yield f"the {percent(1 - found['days_covered_share'])} of the log's days outside its period"
    gaps = np.diff(one.days.index.to_numpy())
    usual = float(np.quantile(gaps, USUAL)) if len(gaps) else 1.0
    if found["days_old"] > max(STALE * usual, 7):
        yield f"the last {found['days_old']} days"
