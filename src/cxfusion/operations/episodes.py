"""Contacts of one customer as a chain: what came before each of them, and whether another one followed.

An error in one transaction shows up as the next contact. Everything here comes from window functions over the log,
partitioned by customer, in time order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import ibis

from cxfusion.errors import ConfigError, is_number, require_kind
from cxfusion.tables.relation import require_contacts
from cxfusion.tables.span import span_among
from cxfusion.tables.times import day_of, microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    import ibis.expr.types as ir

    from cxfusion.tables.relation import Contacts
    from cxfusion.tables.span import LogSpan

__all__ = [
    "HISTORY",
    "Chains",
    "EpisodePlan",
    "chains_of",
    "is_attempt",
    "recontacts",
    "with_history",
    "with_some_history",
]

HISTORY: Final = ("n_prior_contacts", "prior_wait_seconds")
"""What came before a contact: columns that :func:`with_history` adds."""


@dataclass(frozen=True)
class EpisodePlan:
    """When two contacts of a customer belong together.

    Attributes
    ----------
    repeat_days : float, default 7
        A contact is repeated if the same customer tries again within so many days of its start.
    look_back_days : float, default 30
        How far back a contact's history reaches.
    same_reason : bool, default False
        Only attempts with the same reason belong together; a contact without a reason then belongs nowhere.
    shared_above : int, default 100
        An id with more attempts than that within ``look_back_days`` is no one person: a firm's switchboard, a test
        line, a placeholder. Its contacts belong nowhere.

    Raises
    ------
    ConfigError
        A length of time or a limit that is not above zero.

    Examples
    --------
    >>> EpisodePlan(repeat_days=30, same_reason=True).repeat
    datetime.timedelta(days=30)
    """

    repeat_days: float = 7
    look_back_days: float = 30
    same_reason: bool = False
    shared_above: int = 100

    def __post_init__(self) -> None:
        problems = [
            f"{name}={value!r}; expected a number above zero and at most 3,660"
            for name, value in (("repeat_days", self.repeat_days), ("look_back_days", self.look_back_days))
            if not (is_number(value) and 0 < value <= 3_660)
        ]
        if not (is_number(self.shared_above) and self.shared_above >= 1):
            problems.append(f"shared_above={self.shared_above!r}; expected a number of contacts, at least 1")
        if problems:
            raise ConfigError("These episodes cannot be formed.", problems)

    @property
    def repeat(self) -> timedelta:
        """``repeat_days`` as a length of time."""
        return timedelta(days=self.repeat_days)

    @property
    def look_back(self) -> timedelta:
        """``look_back_days`` as a length of time."""
        return timedelta(days=self.look_back_days)


def is_attempt(contacts: Contacts) -> ir.BooleanValue:
    """Whether the customer came to the centre, abandoned or not: anything but an outbound contact.

    A direction that begins with "out" is outbound; a missing one is inbound.
    """
    return ~contacts.value("direction").strip().lower().startswith("out").fill_null(False)


@dataclass(frozen=True)
class Chains:
    """The contacts of a log with what its chains are made from.

    ``rows`` are the log's own with ``cx:person`` (null where nobody is known to be one person), ``cx:attempt``, and
    ``cx:alone`` (the contact's own id where there is no person, so that such contacts fill no partition together).

    Attributes
    ----------
    rows : ibis.Table
        Not materialised.
    plan : EpisodePlan
    first, last : datetime or None
        Earliest and latest start in the log, but for a few that lie far from all others (:class:`LogSpan`); None of an
        empty one.
    has_outbound, has_unknown : bool
        Whether any contact is no attempt, or nobody's: a log without such is sorted and counted more cheaply.
    """

    rows: ir.Table
    plan: EpisodePlan
    first: datetime | None
    last: datetime | None
    has_outbound: bool = True
    has_unknown: bool = True

    @property
    def keys(self) -> list[str]:
        """Columns that say who a contact belongs to."""
        alone = ["cx:alone"] if self.has_unknown else []
        return ["cx:person", *alone, *(["cx:reason"] if self.plan.same_reason else [])]

    def _n_attempts(self, window: ir.WindowBuilder) -> ir.IntegerValue:
        """Attempts within a window of the person's contacts."""
        if not self.has_outbound:  # the size of the window, which takes no look into it
            return self.rows.count().over(window)
        return self.rows["cx:attempt"].sum().over(window).fill_null(0)

    @property
    def at(self) -> ir.IntegerValue:
        """When a contact starts, in microseconds since 1970."""
        return microseconds(self.rows["started_at"])

    def _before(self, reach: timedelta) -> ir.WindowBuilder:
        """The person's contacts that started earlier, at most so long ago; what starts at the same time is neither."""
        return ibis.range_window(
            group_by=self.keys, order_by=self.at, preceding=(reach // timedelta(microseconds=1), 1)
        )

    @property
    def _later(self) -> ir.WindowBuilder:
        """The person's contacts that started later."""
        return ibis.range_window(group_by=self.keys, order_by=self.at, following=(1, None))

    @property
    def is_known(self) -> ir.BooleanValue:
        """Whether it can be told which other contacts belong to this one."""
        known = self.rows["cx:person"].notnull()
        return known & self.rows["cx:reason"].notnull() if self.plan.same_reason else known

    @property
    def has_look_back(self) -> ir.BooleanValue:
        """Whether the log reaches back far enough before the contact."""
        if self.first is None:
            return ibis.literal(False)
        return self.rows["started_at"] >= ibis.literal(self.first + self.plan.look_back)

    @property
    def is_followed_up(self) -> ir.BooleanValue:
        """Whether the log goes on long enough after the contact."""
        if self.last is None:
            return ibis.literal(False)
        return self.rows["started_at"] <= ibis.literal(self.last - self.plan.repeat)

    @property
    def lag(self) -> ir.IntegerValue:
        """Microseconds until the person's next attempt; what starts at the same time is none. Null where none came."""
        attempt = self.at
        if self.has_outbound:
            attempt = ibis.ifelse(self.rows["cx:attempt"], attempt, ibis.null("int64"))
        return attempt.min().over(self._later) - self.at

    def is_recontacted(self, lag: ir.IntegerValue) -> ir.BooleanValue:
        """Whether the same customer tried again within ``repeat_days``; null where that cannot be known."""
        soon = (lag <= self.plan.repeat // timedelta(microseconds=1)).fill_null(False)
        return ibis.ifelse(self.is_known & self.is_followed_up, soon, ibis.null("boolean"))

    @property
    def n_before(self) -> ir.IntegerValue:
        """The person's attempts within the look-back window before each contact."""
        return self._n_attempts(self._before(self.plan.look_back))

    @property
    def history(self) -> dict[str, ir.Value]:
        """Values of :data:`HISTORY`."""
        window, is_known = self._before(self.plan.look_back), self.is_known & self.has_look_back
        attempt, wait = self.rows["cx:attempt"], self.rows["cx:wait"]
        n = self.n_before.cast("float64")
        waited = ibis.ifelse(attempt, wait, ibis.null("float64"))
        total, n_told = waited.sum().over(window).fill_null(0.0), waited.count().over(window)
        nothing = ibis.null("float64")
        return {
            "n_prior_contacts": ibis.ifelse(is_known, n, nothing),
            "prior_wait_seconds": ibis.ifelse(is_known & (n_told == n), total, nothing),
        }


def chains_of(contacts: Contacts, plan: EpisodePlan) -> Chains:
    """What the chains of a log are made from; of a log without ``customer_id``, nobody is a person."""
    require_kind(plan, EpisodePlan, "The plan of episodes", "cx.EpisodePlan(), or one with days of its own.")
    rows = contacts.rows
    span, seen = _seen(contacts)
    has_outbound = bool(seen["n_outbound"])
    marked = rows.mutate(
        **{
            "cx:attempt": is_attempt(contacts) if has_outbound else ibis.literal(True),
            "cx:wait": contacts.value("wait_seconds").cast("float64"),
            "cx:reason": contacts.value("reason").cast("string"),
            "cx:person": contacts.value("customer_id").cast("string"),
        }
    )
    shared = _shared_ids(contacts, marked, plan)
    if shared is not None:
        person = marked["cx:person"]
        marked = marked.mutate(**{"cx:person": person.isin(shared["shared"]).ifelse(ibis.null("string"), person)})
    alone = ibis.ifelse(marked["cx:person"].isnull(), marked["contact_id"], ibis.null("string"))
    return Chains(
        rows=marked.mutate(**{"cx:alone": alone}),
        plan=plan,
        first=span.first,
        last=span.last,
        has_outbound=has_outbound,
        has_unknown=seen["n_known"] < seen["n"] or shared is not None,
    )


def _seen(contacts: Contacts) -> tuple[LogSpan, dict[str, int]]:
    """Ends of the log, its contacts, and how many of them are outbound or of a known customer.

    Text of the few directions there are is looked at, not that of every contact.
    """
    rows, start = contacts.rows, contacts.rows["started_at"]
    by_direction = rows.group_by(direction=contacts.value("direction"), day=day_of(start)).aggregate(
        first=start.min(),
        last=start.max(),
        n_known=contacts.value("customer_id").count() if contacts.has("customer_id") else ibis.literal(0),
        n=rows.count(),
    )
    is_outbound = ~is_attempt(replace(contacts, rows=by_direction))
    by_day = by_direction.group_by("day").aggregate(
        first=by_direction["first"].min(),
        last=by_direction["last"].max(),
        n_outbound=by_direction["n"].sum(where=is_outbound),
        n_known=by_direction["n_known"].sum(),
        n=by_direction["n"].sum(),
    )
    days = contacts.session.collect(by_day).to_pylist()
    return span_among(days), {name: sum(int(day[name] or 0) for day in days) for name in ("n_outbound", "n_known", "n")}


def _shared_ids(contacts: Contacts, marked: ir.Table, plan: EpisodePlan) -> ir.Table | None:
    """Ids with too many attempts within the look-back window; None where there are none, which is usual."""
    named = marked.filter(marked["cx:person"].notnull(), marked["cx:attempt"])
    often = named.group_by(shared="cx:person").aggregate(n=named.count())
    often = contacts.session.materialize(often.filter(often["n"] > plan.shared_above).select("shared"))
    if not contacts.session.count(often):
        return None
    theirs = named.semi_join(often, [("cx:person", "shared")]).mutate(**{"cx:alone": ibis.null("string")})
    chains = Chains(theirs, replace(plan, same_reason=False), None, None)
    counted = theirs.select(shared="cx:person", n=theirs.count().over(chains._before(plan.look_back)) + 1)
    found = counted.group_by("shared").aggregate(n=counted["n"].max())
    return contacts.session.materialize(found.filter(found["n"] > plan.shared_above).select("shared"))


def with_history(contacts: Contacts, plan: EpisodePlan | None = None) -> Contacts:
    """The same contacts with what came before each of them.

    Parameters
    ----------
    contacts : Contacts
    plan : EpisodePlan, optional

    Returns
    -------
    Contacts
        With ``n_prior_contacts`` (attempts of the same customer in the 30 days before, abandoned ones included) and
        ``prior_wait_seconds`` (what these waited in all; missing where one of their waits is). Both are missing, not
        zero, where the log does not reach back 30 days, and where no customer, or a shared id, is named.

    Examples
    --------
    >>> import cxfusion as cx
    >>> log = [{"contact_id": "a", "started_at": "2026-01-01 09:00", "customer_id": "kim"}]
    >>> log += [{"contact_id": "b", "started_at": "2026-02-07 09:00", "customer_id": "kim"}]
    >>> log += [{"contact_id": "c", "started_at": "2026-02-09 09:00", "customer_id": "kim"}]
    >>> contacts = with_history(cx.read_contacts(log, timezone="UTC"))
    >>> contacts.to_pandas().set_index("contact_id")["n_prior_contacts"].sort_index().to_list()
    [nan, 0.0, 1.0]
    """
    require_contacts(contacts)
    found = with_some_history(contacts, HISTORY, plan)
    return replace(found, rows=contacts.session.materialize(found.rows))


def with_some_history(contacts: Contacts, names: Iterable[str], plan: EpisodePlan | None = None) -> Contacts:
    """The same with some columns of :data:`HISTORY` alone: each takes a look around every contact.

    Their rows are not materialised. To write the log once more takes far longer than to join it, now and then, with the
    few of its contacts that others came before.
    """
    chains = chains_of(contacts, plan or EpisodePlan())
    asked = {name: f"cx:{name}" for name in names}
    history = {asked[name]: value for name, value in chains.history.items() if name in asked}
    n_before = chains.n_before
    others = chains.rows.select(**{"cx:met": "contact_id", "cx:before": n_before}, **history)
    others = contacts.session.materialize(others.filter(others["cx:before"] > 0).drop("cx:before"))
    told = chains.rows.mutate(**{"cx:told": chains.is_known & chains.has_look_back})
    rows = told.left_join(others, [("contact_id", "cx:met")])
    values = {
        name: ibis.ifelse(
            rows["cx:told"], ibis.ifelse(rows["cx:met"].isnull(), 0.0, rows[column]), ibis.null("float64")
        )
        for name, column in asked.items()
    }
    own = [rows[name] for name in contacts.columns if name not in asked]
    return replace(contacts, rows=rows.select(*own, **values))


def recontacts(contacts: Contacts, plan: EpisodePlan | None = None) -> ir.Table:
    """Whether each contact was followed by another of the same customer.

    Parameters
    ----------
    contacts : Contacts
    plan : EpisodePlan, optional

    Returns
    -------
    ibis.Table
        Materialised: ``contact_id``, ``is_recontacted`` (boolean; within 7 days unless the plan says otherwise), one
        row per contact. Null where that cannot be known: the window passes the log's end, no customer, or a shared
        id. Who abandons and tries again counts as an attempt; outbound contacts do not.
    """
    chains = chains_of(contacts, plan or EpisodePlan())
    again = chains.is_recontacted(chains.lag)
    return contacts.session.materialize(chains.rows.select("contact_id", is_recontacted=again))
