"""The operational metrics, one object each: what is totalled, averaged or ranked, over which contacts, by whose rule.

Those about being served in time are in :mod:`cxfusion.operations.service_levels`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from cxfusion.operations.figures import (
    LACKS,
    RECONTACTED,
    Figure,
    Formula,
    Log,
    NotApplicable,
    Total,
    count_of,
    handle_seconds,
    lacks_for_abandons,
    mean_of,
    mean_of_handled,
    of_handled,
    unless_marked,
)
from cxfusion.operations.service_levels import (
    abandonment_rate,
    abandonment_rate_without_short,
    service_level,
    service_level_crediting_abandons,
    service_level_crediting_short_abandons,
    service_level_of_answered,
    service_level_of_offered,
)
from cxfusion.results.base import require_metric

__all__ = ["METRICS", "QUANTILES", "Metric", "metric_named"]

Statistic: TypeAlias = Literal["total", "mean", "median", "p90"]

QUANTILES: Final[dict[str, float]] = {"median": 0.5, "p90": 0.9}
"""Statistics that need the values themselves: sums by group do not give them."""


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes
    ----------
    name : str
    unit : {"contacts", "seconds", "share"}
    statistic : {"total", "mean", "median", "p90"}
        What is taken of the values. Quantiles are interpolated between neighbouring values (Hyndman & Fan's type 7).
    among : str
        Over which contacts, in words.
    value : callable
        From a :class:`Log` to a :class:`Figure` or :class:`NotApplicable`. Its docstring states numerator,
        denominator, unit and source.
    is_chained : bool
        Whether it needs to know which contacts followed upon which.
    """

    name: str
    unit: Literal["contacts", "seconds", "share"]
    statistic: Statistic
    among: str
    value: Formula
    is_chained: bool = False

    @property
    def definition(self) -> str:
        """Numerator, denominator, unit and source in words."""
        return (self.value.__doc__ or "").strip()

    @property
    def is_quantile(self) -> bool:
        """Whether it needs the values themselves."""
        return self.statistic in QUANTILES


def volume(log: Log) -> Figure:
    """Contacts offered.

    Numerator: all contacts of the log, abandoned and outbound ones included. Denominator: none. Unit: contacts. Source:
    "offered" in Genesys Cloud, Amazon Connect and Cisco reports.
    """
    return count_of(log.every_contact)


def handled(log: Log) -> Figure:
    """Contacts that reached an agent.

    Numerator: contacts that were not abandoned, or were talked to before. Where a contact's mark is missing, talk
    tells (the agent's id where the log has no talk). Denominator: none. Unit: contacts. Source: "handled" in Genesys
    Cloud, Amazon Connect and Cisco reports.
    """
    return count_of(log.handled, unless_marked(log))


def aht_seconds(log: Log) -> Figure | NotApplicable:
    """Average handle time (AHT).

    Numerator: talk + hold + wrap seconds. Denominator: handled contacts for which each of these parts that the log
    has at all is known. Unit: seconds per contact. Source: the definition that Genesys Cloud, Amazon Connect and Cisco
    share, per contact instead of per leg.
    """
    if "talk_seconds" not in log.filled:
        return NotApplicable("the log has no talk time")
    absent = [name for name in ("hold", "wrap") if f"{name}_seconds" not in log.filled]
    return of_handled(log, handle_seconds(log), f"without {' and '.join(absent)}: the log has none" if absent else None)


def asa_seconds(log: Log) -> Figure | NotApplicable:
    """Average speed of answer (ASA).

    Numerator: seconds in the first queue and ringing, of inbound handled contacts. Denominator: inbound handled
    contacts whose wait is known; abandoned and outbound contacts are left out of both. Unit: seconds per contact.
    Source: Genesys Cloud (tAnswered), Cisco, Amazon Connect.
    """
    if "wait_seconds" not in log.filled:
        return NotApplicable(LACKS["wait_seconds"])
    return mean_of(log, log.answered.ifelse(log.value("wait_seconds"), None), log.answered)


def transfer_rate(log: Log) -> Figure | NotApplicable:
    """Transfer rate.

    Numerator: handled contacts with at least one transfer. Denominator: handled contacts whose transfers are known.
    Unit: share. Source: Genesys Cloud, over contacts that reached an agent.
    """
    if "n_transfers" not in log.filled:
        return NotApplicable(LACKS["n_transfers"])
    return of_handled(log, log.value("n_transfers") >= 1)


def occupancy(_: Log) -> NotApplicable:
    """Occupancy: share of their time on duty for customers that agents handle contacts.

    Numerator: seconds in which agents handle a contact. Denominator: those, and seconds in which they are available.
    Unit: share. Source: Amazon Connect. A contact log does not know who was there and waited, so here it is not
    applicable: ``cx.occupancy`` takes it from a table of the agents' states.
    """
    return NotApplicable("a contact log does not know when agents were free: cx.occupancy takes their states")


def resolved_rate(log: Log) -> Figure | NotApplicable:
    """Resolution as the log itself marks it.

    Numerator: handled contacts marked resolved. Denominator: handled contacts whose mark is known. Unit: share.
    Source: "agent-flagged" resolution; agents are kinder to themselves than customers are (compare ``fcr``).
    """
    if "is_resolved" not in log.filled:
        return NotApplicable(LACKS["is_resolved"])
    return of_handled(log, log.value("is_resolved"))


def fcr(log: Log) -> Figure | NotApplicable:
    """First-contact resolution (FCR): no repeat contact.

    Numerator: contacts of the denominator after which the same customer (and reason, if asked so) did not try again
    within 7 days of its start; abandoned attempts count, outbound contacts and transfers do not. Denominator: handled
    contacts, outbound ones left out, of customers who are known and one person, unless their 7 days pass the end of
    the log. Unit: share. Source: repeat-contact FCR (J.D. Power; Call Centre Helper).
    """
    if log.episodes is None or "customer_id" not in log.filled:
        return NotApplicable(LACKS["customer_id"])
    if log.episodes.same_reason and not log.contacts.has("reason"):
        return NotApplicable("the log has no reasons")
    same = ", for the same reason," if log.episodes.same_reason else ""
    among = log.answered
    resolved = among.ifelse(~log.contacts.rows[RECONTACTED], None)
    return mean_of(log, resolved, among, f"no further attempt{same} within {log.episodes.repeat_days:g} days")


def wait_seconds(log: Log) -> Figure | NotApplicable:
    """Average wait of all inbound contacts, whether answered or abandoned.

    Numerator: seconds in the first queue and ringing, until the answer or until the customer gave up. Denominator:
    inbound contacts whose wait is known. Unit: seconds per contact. Source: ASA as Erlang calculators count it, all
    waits over all calls.
    """
    if "wait_seconds" not in log.filled:
        return NotApplicable(LACKS["wait_seconds"])
    return mean_of(log, log.of_inbound(log.value("wait_seconds")), log.inbound)


def patience_seconds(log: Log) -> Figure | NotApplicable:
    """How long customers are willing to wait, on average.

    Numerator: seconds that all inbound contacts waited, answered or abandoned. Denominator: those that were abandoned
    while waiting and whose wait is known. Unit: seconds. Source: maximum likelihood for exponential patience, where an
    answer ends the observation (Baccelli & Hebuterne; Mandelbaum & Zeltyn); what Erlang A asks for.
    """
    if lacks := lacks_for_abandons(log):
        return NotApplicable(lacks)
    wait = log.of_inbound(log.value("wait_seconds"))
    known = (log.lost & wait.notnull()).sum()
    return Figure(Total((log.sum_of(wait),)), Total((known,)), Total((log.lost.sum(),), minus=(known,)))


def talk_seconds(log: Log) -> Figure | NotApplicable:
    """Average talking time.

    Numerator: seconds talked, without hold. Denominator: handled contacts whose talk is known. Unit: seconds per
    contact. Source: Genesys Cloud (tTalk), per contact instead of per leg.
    """
    return mean_of_handled(log, "talk_seconds")


def hold_seconds(log: Log) -> Figure | NotApplicable:
    """Average time on hold.

    Numerator: seconds on hold. Denominator: handled contacts whose hold is known, those never put on hold (0)
    included. Unit: seconds per contact. Source: Amazon Connect (customer hold time), over all handled contacts.
    """
    return mean_of_handled(log, "hold_seconds")


def wrap_seconds(log: Log) -> Figure | NotApplicable:
    """Average after-call work.

    Numerator: seconds of work after the customer left. Denominator: handled contacts whose wrap is known. Unit:
    seconds per contact. Source: Amazon Connect (after contact work time), Genesys Cloud (tAcw).
    """
    return mean_of_handled(log, "wrap_seconds")


def wait_quantile(log: Log) -> Figure | NotApplicable:
    """Wait that half (median), or nine in ten (90th percentile), of all inbound contacts did not exceed.

    Numerator: none; the quantile of the seconds in the first queue and ringing, until the answer or until the customer
    gave up. Denominator: inbound contacts whose wait is known. Unit: seconds. Source: Hyndman & Fan (1996), type 7.
    """
    return wait_seconds(log)


def handle_quantile(log: Log) -> Figure | NotApplicable:
    """Handle time that half (median), or nine in ten (90th percentile), of handled contacts did not exceed.

    Numerator: none; the quantile of talk + hold + wrap seconds. Denominator: handled contacts for which each of these
    parts that the log has at all is known. Unit: seconds. Source: Hyndman & Fan (1996), type 7.
    """
    return aht_seconds(log)


_OFFERED, _HANDLED = "contacts", "handled contacts"
_INBOUND, _ANSWERED, _EITHER = "inbound contacts", "inbound handled contacts", "inbound handled or abandoned contacts"

METRICS: Final[tuple[Metric, ...]] = (
    Metric("volume", "contacts", "total", _OFFERED, volume),
    Metric("handled", "contacts", "total", _OFFERED, handled),
    Metric("aht_seconds", "seconds", "mean", _HANDLED, aht_seconds),
    Metric("asa_seconds", "seconds", "mean", _ANSWERED, asa_seconds),
    Metric("service_level", "share", "mean", f"{_EITHER} but quick abandons", service_level),
    Metric("service_level_of_offered", "share", "mean", _EITHER, service_level_of_offered),
    Metric("service_level_of_answered", "share", "mean", _ANSWERED, service_level_of_answered),
    Metric("service_level_crediting_abandons", "share", "mean", _EITHER, service_level_crediting_abandons),
    Metric("service_level_crediting_short_abandons", "share", "mean", _EITHER, service_level_crediting_short_abandons),
    Metric("abandonment_rate", "share", "mean", _INBOUND, abandonment_rate),
    Metric(
        "abandonment_rate_without_short",
        "share",
        "mean",
        f"{_INBOUND} but short abandons",
        abandonment_rate_without_short,
    ),
    Metric("transfer_rate", "share", "mean", _HANDLED, transfer_rate),
    Metric("occupancy", "share", "mean", "time on duty", occupancy),
    Metric("resolved_rate", "share", "mean", _HANDLED, resolved_rate),
    Metric("fcr", "share", "mean", _ANSWERED, fcr, is_chained=True),
    Metric("wait_seconds", "seconds", "mean", _INBOUND, wait_seconds),
    Metric("patience_seconds", "seconds", "mean", "inbound abandoned contacts", patience_seconds),
    Metric("talk_seconds", "seconds", "mean", _HANDLED, talk_seconds),
    Metric("hold_seconds", "seconds", "mean", _HANDLED, hold_seconds),
    Metric("wrap_seconds", "seconds", "mean", _HANDLED, wrap_seconds),
    Metric("wait_median_seconds", "seconds", "median", _INBOUND, wait_quantile),
    Metric("wait_p90_seconds", "seconds", "p90", _INBOUND, wait_quantile),
    Metric("handle_median_seconds", "seconds", "median", _HANDLED, handle_quantile),
    Metric("handle_p90_seconds", "seconds", "p90", _HANDLED, handle_quantile),
)
"""In the order in which they are shown; quantiles, and what needs chains of contacts, only where asked for."""


def metric_named(name: str) -> Metric:
    """A metric by its name.

    Raises
    ------
    UnknownNameError
        There is none of that name; the nearest are named.
    """
    by_name = {metric.name: metric for metric in METRICS}
    return by_name[require_metric(name, list(by_name))]
