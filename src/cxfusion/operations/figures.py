"""What a metric is made of: a log with the limits asked for, and one value per contact, or why there is none.

Where a value is unknown (missing, never zero) the contact stays out of the metric, and the count beside the figure
says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from cxfusion.engine.functions import whole_part
from cxfusion.errors import UsageError, is_number
from cxfusion.operations.episodes import is_attempt
from cxfusion.tables.coding import never_reached
from cxfusion.tables.sums import exact_sum
from cxfusion.tables.times import years_asked, years_told

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.operations.episodes import EpisodePlan
    from cxfusion.tables.relation import Contacts

__all__ = [
    "HANDLED",
    "LACKS",
    "PARTIAL",
    "RECONTACTED",
    "Doubt",
    "Figure",
    "Formula",
    "Limits",
    "Log",
    "NotApplicable",
    "Total",
    "count_of",
    "handle_seconds",
    "lacks_for_abandons",
    "look_at",
    "mean_of",
    "mean_of_handled",
    "of_handled",
    "unless_marked",
    "what_lacks",
]

PARTIAL: Final = (
    "wait_seconds", "talk_seconds", "hold_seconds", "wrap_seconds", "n_transfers", "is_abandoned", "is_resolved",
    "customer_id",
)  # fmt: skip
"""Columns that metrics are made from; one without a single value is as good as absent."""

RECONTACTED: Final = "cx:is_recontacted"
"""Column of a chained log: whether the same customer tried again soon; null where that cannot be known."""


HANDLED: Final = "cx:is_handled"
"""Column of a chained log: :attr:`Log.handled`, computed before."""


@dataclass(frozen=True)
class Limits:
    """How long is too long, and how soon too soon.

    Attributes
    ----------
    target_seconds : float
        Service level is counted within it.
    short_abandon_seconds : float
        Who abandoned within it hardly wanted to wait at all.

    Raises
    ------
    UsageError
        A limit that is no number of seconds, or below zero.
    """

    target_seconds: float
    short_abandon_seconds: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (is_number(value) and value >= 0):
                raise UsageError(
                    f"{name}={value!r} was asked for; expected a number of seconds, 0 or more, such as 20."
                )


USUAL_LIMITS: Final = Limits(target_seconds=20, short_abandon_seconds=5)


@dataclass(frozen=True)
class Log:
    """A contact log, which columns it has, and the limits asked for.

    Attributes
    ----------
    contacts : Contacts
    filled : frozenset of str
        Its columns, but those of :data:`PARTIAL` only where they hold at least one value.
    limits : Limits
    has_wait_of_abandoned : bool
        Whether the wait of any :attr:`lost` contact is known; True where there is none.
    episodes : EpisodePlan, optional
        By which rules the log was chained; the rows of ``contacts`` then have :data:`RECONTACTED`.
    has_whole_seconds : bool
        No duration has a fraction: plain sums are then exact, whatever the order of the rows, and quicker.
    years : (int, int)
        That the starts span.
    outbound : tuple of str
        Directions of the log, as it writes them, that are outbound.
    """

    contacts: Contacts
    filled: frozenset[str]
    limits: Limits
    has_wait_of_abandoned: bool
    episodes: EpisodePlan | None = None
    has_whole_seconds: bool = False
    years: tuple[int, int] = (1970, 1970)
    outbound: tuple[str, ...] = ()

    def sum_of(self, value: ir.Value) -> ir.NumericScalar:
        """The sum of a column, the same in any order of the rows."""
        return value.sum() if self.has_whole_seconds else exact_sum(value)

    def value(self, name: str) -> ir.Value:
        """A column, or a typed null."""
        return self.contacts.value(name)

    @property
    def every_contact(self) -> ir.BooleanColumn:
        """True throughout: there is no contact without a start."""
        return self.contacts.rows["started_at"].notnull()

    @property
    def handled(self) -> ir.BooleanValue:
        """Whether a contact reached an agent: it was not abandoned, or somebody talked before it was.

        Where a contact's own ``is_abandoned`` is missing, talk alone tells (the agent's id where the log has no
        talk); a log without ``is_abandoned`` holds handled contacts only.
        """
        if HANDLED in self.contacts.rows.columns:
            return self.contacts.rows[HANDLED]
        if "is_abandoned" not in self.filled:
            return self.every_contact
        if "talk_seconds" in self.filled:
            reached = self.value("talk_seconds") > 0
        else:
            reached = self.value("is_abandoned").isnull() & self.value("agent_id").notnull()
        return (~self.value("is_abandoned") | reached).fill_null(False)

    @property
    def gone(self) -> ir.BooleanValue:
        """Whether a contact is marked abandoned and never reached an agent."""
        if not self.contacts.has("is_abandoned"):
            return ~self.every_contact
        return never_reached(self.contacts)

    @property
    def inbound(self) -> ir.BooleanValue:
        """Whether the customer came to the centre: every contact but outbound ones; see :func:`is_attempt`."""
        if not self.outbound:
            return self.every_contact
        return ~self.value("direction").isin(self.outbound).fill_null(False)

    @property
    def answered(self) -> ir.BooleanValue:
        """Whether an inbound contact reached an agent."""
        return self.handled & self.inbound if self.outbound else self.handled

    @property
    def lost(self) -> ir.BooleanValue:
        """Whether an inbound contact is marked abandoned and never reached an agent."""
        return self.gone & self.inbound if self.outbound else self.gone

    def of_inbound(self, value: ir.Value) -> ir.Value:
        """One value per contact, null of outbound ones."""
        return self.inbound.ifelse(value, None) if self.outbound else value


def look_at(contacts: Contacts, limits: Limits = USUAL_LIMITS) -> Log:
    """The log, with which columns hold anything, found in one pass, and which of its directions are outbound."""
    rows = contacts.rows
    blind = Log(contacts, frozenset(), limits, has_wait_of_abandoned=True, outbound=_outbound(contacts))
    known = {name: rows[name].count() for name in PARTIAL if contacts.has(name)}
    lost = {"n_lost": blind.lost.sum(), "n_lost_with_wait": (blind.lost & blind.value("wait_seconds").notnull()).sum()}
    ends = years_asked(rows["started_at"])
    durations = [rows[name] for name in PARTIAL if name.endswith("_seconds") and contacts.has(name)]
    fractions = {f"fraction_{i}": (value != whole_part(value)).any() for i, value in enumerate(durations)}
    seen = contacts.session.collect(rows.aggregate(**known, **lost, **ends, **fractions)).to_pylist()[0]
    return Log(
        contacts,
        filled=frozenset(name for name in contacts.columns if name not in PARTIAL or seen[name]),
        limits=limits,
        has_wait_of_abandoned=bool(seen["n_lost_with_wait"]) or not seen["n_lost"],
        has_whole_seconds=not any(seen[name] for name in fractions),
        years=years_told(seen),
        outbound=blind.outbound,
    )


def _outbound(contacts: Contacts) -> tuple[str, ...]:
    """Directions that are outbound: text of the few there are is looked at, not that of every contact."""
    if not contacts.has("direction"):
        return ()
    few = contacts.rows.select("direction").distinct()
    found = contacts.session.collect(few.filter(~is_attempt(replace(contacts, rows=few))))
    return tuple(sorted(str(direction) for direction in found["direction"].to_pylist()))


@dataclass(frozen=True)
class Total:
    """Sums over contacts, some added and some taken away. Totals of groups add up to that of the whole."""

    plus: tuple[ir.Scalar, ...]
    minus: tuple[ir.Scalar, ...] = ()


@dataclass(frozen=True)
class Doubt:
    """Contacts that count in a figure although something about them is unknown, and how they count, in words."""

    about: Total
    words: str


@dataclass(frozen=True)
class Figure:
    """What a metric is made from, and what a reader of it should be told.

    Attributes
    ----------
    total : Total
        The numerator.
    n : Total
        The denominator: contacts behind the figure. A metric that is a total shows it as it is.
    unknown : Total, optional
        Contacts that would belong to the denominator if they were known.
    value : ibis.Value, optional
        One value per contact, null where unknown or where the contact does not count, for quantiles.
    caveat : str, optional
        Holds for every group.
    doubt : Doubt, optional
    """

    total: Total
    n: Total
    unknown: Total | None = None
    value: ir.Value | None = None
    caveat: str | None = None
    doubt: Doubt | None = None


@dataclass(frozen=True)
class NotApplicable:
    """The log cannot answer, and why."""

    reason: str


Formula: TypeAlias = Callable[[Log], Figure | NotApplicable]

LACKS: Final = {
    "wait_seconds": "the log has no waiting time",
    "talk_seconds": "the log has no talk time",
    "hold_seconds": "the log has no hold time",
    "wrap_seconds": "the log has no after-call work",
    "n_transfers": "the log has no count of transfers",
    "is_abandoned": "the log has no mark of abandoned contacts",
    "is_resolved": "the log has no mark of resolved contacts",
    "customer_id": "the log names no customers, so nobody can be seen to come back",
}
"""Why a metric cannot be had, by the column that it lacks."""


def unless_marked(log: Log) -> str | None:
    """What to say of a log that does not mark abandoned contacts."""
    return None if "is_abandoned" in log.filled else "all contacts: the log does not say who abandoned"


def handle_seconds(log: Log) -> ir.Value:
    """Talk, hold and wrap of each contact, as far as the log has them at all; null where any of these is unknown."""
    rest = [log.value(name) for name in ("hold_seconds", "wrap_seconds") if name in log.filled]
    return sum(rest, start=log.value("talk_seconds"))


def mean_of_handled(log: Log, name: str) -> Figure | NotApplicable:
    """Mean of a column over handled contacts."""
    return of_handled(log, log.value(name)) if name in log.filled else NotApplicable(LACKS[name])


def of_handled(log: Log, value: ir.Value, caveat: str | None = None) -> Figure:
    """Mean of a value over handled contacts."""
    return mean_of(log, log.handled.ifelse(value, None), log.handled, caveat)


def mean_of(log: Log, value: ir.Value, among: ir.BooleanValue, caveat: str | None = None) -> Figure:
    """Mean of one value per contact, null where unknown and for contacts not ``among`` those that count."""
    known = value.count()
    return Figure(Total((log.sum_of(value),)), Total((known,)), Total((among.sum(),), minus=(known,)), value, caveat)


def count_of(mask: ir.BooleanValue, caveat: str | None = None) -> Figure:
    """Number of contacts of a kind."""
    count = Total((mask.sum(),))
    return Figure(count, count, caveat=caveat)


def lacks_for_abandons(log: Log) -> str | None:
    """Why waits of abandoned contacts cannot be had; None where they can."""
    if found := what_lacks(log, "wait_seconds", "is_abandoned"):
        return found
    return None if log.has_wait_of_abandoned else "the log has no waiting time of abandoned contacts"


def what_lacks(log: Log, *names: str) -> str | None:
    """Why a metric cannot be had that takes these columns; None where it can."""
    return next((LACKS[name] for name in names if name not in log.filled), None)
