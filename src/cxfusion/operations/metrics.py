"""The operational metrics, one object each: what is summed or averaged, over which contacts, by whose rule.

Each is the total or the mean of one value per contact. Where that is unknown (missing, never zero) the
contact stays out of the metric, and the count beside the figure says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.tables.relation import Contacts

__all__ = ["METRICS", "PARTIAL", "Figure", "Log", "Metric", "NotApplicable", "is_handled"]

PARTIAL: Final = ("is_abandoned", "talk_seconds", "hold_seconds", "wrap_seconds")
"""Columns without which a metric is taken of what is left; one without a single value is as good as absent."""


@dataclass(frozen=True)
class Log:
    """A contact log and which columns it has.

    Attributes
    ----------
    contacts : Contacts
    filled : frozenset of str
        Its columns, but those of :data:`PARTIAL` only where they hold at least one value.
    """

    contacts: Contacts
    filled: frozenset[str]

    def value(self, name: str) -> ir.Value:
        """A column, or a typed null."""
        return self.contacts.value(name)

    @property
    def every_contact(self) -> ir.BooleanColumn:
        """True throughout: there is no contact without a start."""
        return self.contacts.rows["started_at"].notnull()


@dataclass(frozen=True)
class Figure:
    """One value per contact, null where unknown, and what a reader of the metric should be told."""

    value: ir.Value
    caveat: str | None = None


@dataclass(frozen=True)
class NotApplicable:
    """The log cannot answer, and why."""

    reason: str


Formula: TypeAlias = Callable[[Log], Figure | NotApplicable]


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes
    ----------
    name : str
    unit : {"contacts", "seconds", "share"}
    statistic : {"total", "mean"}
        What is taken of the values.
    among : {"contacts", "handled contacts"}
        Over which contacts.
    value : callable
        From a :class:`Log` to a :class:`Figure` or :class:`NotApplicable`. Its docstring states numerator,
        denominator, unit and source.
    """

    name: str
    unit: Literal["contacts", "seconds", "share"]
    statistic: Literal["total", "mean"]
    among: Literal["contacts", "handled contacts"]
    value: Formula

    @property
    def definition(self) -> str:
        """Numerator, denominator, unit and source in words."""
        return (self.value.__doc__ or "").strip()


def is_handled(log: Log) -> ir.BooleanValue:
    """Whether a contact reached an agent: it was not abandoned, or somebody talked before it was.

    Where a contact's own ``is_abandoned`` is missing, talk alone tells (the agent's id where the log has no
    talk); a log without ``is_abandoned`` holds handled contacts only.
    """
    if "is_abandoned" not in log.filled:
        return log.every_contact
    if "talk_seconds" in log.filled:
        reached = log.value("talk_seconds") > 0
    else:
        reached = log.value("is_abandoned").isnull() & log.value("agent_id").notnull()
    return (~log.value("is_abandoned") | reached).fill_null(False)


def volume(log: Log) -> Figure:
    """Contacts offered.

    Numerator: all contacts of the log, abandoned ones included. Denominator: none. Unit: contacts.
    Source: "offered" in Genesys Cloud, Amazon Connect and Cisco reports.
    """
    return Figure(log.every_contact)


def handled(log: Log) -> Figure:
    """Contacts that reached an agent.

    Numerator: contacts that were not abandoned, or were talked to before (:func:`is_handled`). Denominator:
    none. Unit: contacts. Source: "handled" in Genesys Cloud, Amazon Connect and Cisco reports.
    """
    is_marked = "is_abandoned" in log.filled
    return Figure(is_handled(log), None if is_marked else "all contacts: the log does not say who abandoned")


def aht_seconds(log: Log) -> Figure | NotApplicable:
    """Average handle time (AHT).

    Numerator: talk + hold + wrap seconds. Denominator: handled contacts for which each of these parts that
    the log has at all is known. Unit: seconds per contact. Source: the definition that Genesys Cloud, Amazon
    Connect and Cisco share, per contact instead of per leg.
    """
    if "talk_seconds" not in log.filled:
        return NotApplicable("the log has no talk time")
    parts = [name for name in ("talk_seconds", "hold_seconds", "wrap_seconds") if name in log.filled]
    absent = [name for name in ("hold", "wrap") if f"{name}_seconds" not in log.filled]
    total = sum((log.value(name) for name in parts[1:]), start=log.value(parts[0]))
    return Figure(total, f"without {' and '.join(absent)}: the log has none" if absent else None)


def asa_seconds(log: Log) -> Figure | NotApplicable:
    """Average speed of answer (ASA).

    Numerator: seconds in the first queue and ringing, of handled contacts. Denominator: handled contacts
    whose wait is known; abandoned contacts are left out of both. Unit: seconds per contact. Source: Genesys
    Cloud (tAnswered), Cisco, Amazon Connect.
    """
    return _column(log, "wait_seconds", "waiting time")


def abandonment_rate(log: Log) -> Figure | NotApplicable:
    """Abandonment rate, short abandons included.

    Numerator: contacts marked abandoned. Denominator: contacts offered for which that is known. Unit: share.
    Source: Genesys Cloud (abandoned / offered).
    """
    return _column(log, "is_abandoned", "mark of abandoned contacts")


def transfer_rate(log: Log) -> Figure | NotApplicable:
    """Transfer rate.

    Numerator: handled contacts with at least one transfer. Denominator: handled contacts whose transfers are
    known. Unit: share. Source: Genesys Cloud, over contacts that reached an agent.
    """
    figure = _column(log, "n_transfers", "count of transfers")
    return Figure(figure.value >= 1) if isinstance(figure, Figure) else figure


def hold_seconds(log: Log) -> Figure | NotApplicable:
    """Average time on hold.

    Numerator: seconds on hold. Denominator: handled contacts whose hold is known, those never put on hold (0)
    included. Unit: seconds per contact. Source: Amazon Connect (customer hold time), over all handled
    contacts.
    """
    return _column(log, "hold_seconds", "hold time")


def _column(log: Log, name: str, meaning: str) -> Figure | NotApplicable:
    return Figure(log.value(name)) if name in log.filled else NotApplicable(f"the log has no {meaning}")


METRICS: Final[tuple[Metric, ...]] = (
    Metric("volume", "contacts", "total", "contacts", volume),
    Metric("handled", "contacts", "total", "contacts", handled),
    Metric("aht_seconds", "seconds", "mean", "handled contacts", aht_seconds),
    Metric("asa_seconds", "seconds", "mean", "handled contacts", asa_seconds),
    Metric("abandonment_rate", "share", "mean", "contacts", abandonment_rate),
    Metric("transfer_rate", "share", "mean", "handled contacts", transfer_rate),
    Metric("hold_seconds", "seconds", "mean", "handled contacts", hold_seconds),
)
"""In the order in which they are shown."""
