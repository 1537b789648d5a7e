"""A typical week of a log: arrivals, handle time and waits by queue and hour, and the agents who would give such waits.

Agents are counted in parts: what Erlang gives for whole numbers is joined up, so that a little more work takes a little
more of an agent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import ibis
import numpy as np
import pandas as pd

from cxfusion.operations.erlang import erlang_a, erlang_c, fewest_between
from cxfusion.operations.figures import handle_seconds, look_at
from cxfusion.tables.coding import HOUR_OF_WEEK, local_time, text
from cxfusion.tables.span import span_of
from cxfusion.tables.sums import exact_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cxfusion.operations.figures import Log
    from cxfusion.tables.relation import Contacts

__all__ = ["SHORTEST_WAIT", "Workload", "agents_for", "typical_week", "waits_with"]

FEWEST_ABANDONED: Final = 20
"""With fewer, patience is not known, and nobody is taken to hang up."""
SHORTEST_WAIT: Final = 0.1
"""Seconds; below, no number of agents can be told from any larger one."""
HOURS_A_DAY: Final = 24
SECONDS_AN_HOUR: Final = 3600.0


@dataclass(frozen=True)
class Workload:
    """Hours of a typical week in each queue, in which there were inbound contacts that waited and were handled.

    All arrays have one element per queue and hour of the week.

    Attributes
    ----------
    arrivals : array
        Inbound contacts per hour; where patience is not known, without those who hung up, since Erlang C serves all.
    aht_seconds : array
        Mean of the handle times that are known.
    wait_seconds : array
        Mean wait of answered contacts.
    patience_seconds : array
        Infinite where too few hung up after a known wait to know.
    level : mapping of str to array
        Mean of each lever.
    contacts_a_week : float
        All inbound contacts, abandoned ones too, of hours that are left out as well.
    n_hours : int
        Hours of the week in which any queue is open.
    n_left_out : int
        Inbound contacts of hours that tell no wait or no handle time.
    n : int
        Inbound contacts.
    n_beyond : int
        Further ones, that start months before or after all others and count nowhere here: a wrong clock.
    """

    arrivals: NDArray[np.float64]
    aht_seconds: NDArray[np.float64]
    wait_seconds: NDArray[np.float64]
    patience_seconds: NDArray[np.float64]
    level: dict[str, NDArray[np.float64]]
    contacts_a_week: float
    n_hours: int
    n_left_out: int
    n: int
    n_beyond: int = 0

    def agents(self) -> NDArray[np.float64]:
        """Agents on the phone who would give such waits, in each hour."""
        return agents_for(self.arrivals, self.aht_seconds, self.patience_seconds, self.wait_seconds)


def typical_week(contacts: Contacts, levers: Sequence[str]) -> Workload:
    """The typical week of a log: of its inbound contacts, who come when they like and wait.

    Parameters
    ----------
    contacts : Contacts
        With waits and talk times.
    levers : sequence of str
        Columns whose means are wanted, as far as the log has them.
    """
    log, n_beyond = _counted(contacts)
    session, contacts = contacts.session, log.contacts
    names = [name for name in dict.fromkeys(levers) if contacts.has(name)]
    clock = local_time(contacts)
    is_answered = ~contacts.value("is_abandoned").fill_null(False)
    rows = contacts.rows.select(
            queue=text(contacts, "queue"), date=clock["date"], hour=clock[HOUR_OF_WEEK], is_answered=is_answered,
            is_gone=log.gone, handle=handle_seconds(log).cast("float64"),
            wait=contacts.value("wait_seconds").cast("float64"),
            **{f"level_{i}": contacts.value(name).cast("float64") for i, name in enumerate(names)},
    )  # fmt: skip
    answered = rows["is_answered"]
    levels = {f"level_{i}": exact_mean(answered.ifelse(rows[f"level_{i}"], ibis.null())) for i in range(len(names))}
    cells = session.collect(
        rows.group_by("queue", "hour").aggregate(
            n=rows.count(),
            first=rows["date"].min(),
            last=rows["date"].max(),
            n_gone=rows["is_gone"].sum(),
            n_gone_waited=(rows["is_gone"] & rows["wait"].notnull()).sum(),
            n_waited=rows["wait"].count(),
            wait_of_all=exact_mean(rows["wait"]),
            wait=exact_mean(answered.ifelse(rows["wait"], ibis.null())),
            aht=exact_mean(answered.ifelse(rows["handle"], ibis.null())),
            **levels,
        )
    ).to_pandas()
    return _week(cells.sort_values(["queue", "hour"], ignore_index=True), names, n_beyond)


def _counted(contacts: Contacts) -> tuple[Log, int]:
    """The log of the contacts that count in a typical week, and how many do not since their clock was wrong.

    Nobody waits in a queue for an outbound contact, and agents choose when to make it.
    """
    log = look_at(contacts)
    if log.outbound:
        contacts = replace(contacts, rows=contacts.rows.filter(log.inbound))
    span = span_of(contacts)
    if span.n_beyond:
        contacts = replace(contacts, rows=contacts.rows.filter(span.holds(contacts.rows["started_at"])))
    return replace(log, contacts=contacts), span.n_beyond


def _week(cells: pd.DataFrame, names: Sequence[str], n_beyond: int) -> Workload:
    days = np.arange(cells["first"].min(), cells["last"].max() + 1) if len(cells) else np.empty(0, dtype=np.int64)
    weekday = (days + 3) % 7  # 1970-01-01, day 0, was a Thursday
    n_days = np.bincount(weekday, minlength=7)[cells["hour"].to_numpy() // HOURS_A_DAY]
    waited = cells["n_waited"] * cells["wait_of_all"].fillna(0.0)
    by_queue = pd.DataFrame({"queue": cells["queue"], "waited": waited, "gone": cells["n_gone_waited"]})
    totals = by_queue.groupby("queue")[["waited", "gone"]].transform("sum")
    is_known = (totals["gone"] >= FEWEST_ABANDONED).to_numpy()
    patience = np.where(is_known, totals["waited"] / np.maximum(totals["gone"], 1), np.inf)
    kept = ((cells["wait"] >= SHORTEST_WAIT) & (cells["aht"] > 0)).to_numpy()
    n_served = np.where(is_known, cells["n"], cells["n"] - cells["n_gone"])  # to Erlang C nobody hangs up: all are work
    n_weeks = np.maximum(n_days, 1)
    return Workload(
        arrivals=(n_served / n_weeks)[kept],
        aht_seconds=cells["aht"].to_numpy(float)[kept],
        wait_seconds=cells["wait"].to_numpy(float)[kept],
        patience_seconds=patience[kept],
        level={name: cells[f"level_{i}"].fillna(0.0).to_numpy(float)[kept] for i, name in enumerate(names)},
        contacts_a_week=float((cells["n"].to_numpy(float) / n_weeks).sum()),
        n_hours=int(cells["hour"][kept].nunique()),
        n_left_out=int(cells["n"][~kept].sum()),
        n=int(cells["n"].sum()),
        n_beyond=n_beyond,
    )


def agents_for(
    arrivals: NDArray[np.float64],
    aht_seconds: NDArray[np.float64],
    patience_seconds: NDArray[np.float64],
    wait_seconds: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Agents, in parts, with whom answered contacts wait so long on average; all shapes (m,).

    Parameters
    ----------
    arrivals : array
        Per hour.
    aht_seconds, patience_seconds : array
        Infinite patience: nobody hangs up.
    wait_seconds : array
        Above zero. Where customers hang up and even one agent gives a shorter one, the answer is one.

    Examples
    --------
    >>> one = np.ones(1)
    >>> agents = agents_for(200 * one, 180 * one, np.inf * one, 40 * one)
    >>> waits_with(200 * one, 180 * one, np.inf * one, agents).round(6).tolist()
    [40.0]
    """
    load = arrivals / SECONDS_AN_HOUR * aht_seconds
    low = np.where(np.isfinite(patience_seconds), 0.0, np.floor(load))  # too few, or the fewest that may be asked about
    high = np.floor(load + 4 * np.sqrt(load)) + 2
    while (short := _waits(load, aht_seconds, patience_seconds, high) > wait_seconds).any():
        low, high = np.where(short, high, low), np.where(short, 2 * high, high)
    high = fewest_between(low, high, lambda agents: _waits(load, aht_seconds, patience_seconds, agents) <= wait_seconds)
    low = high - 1
    enough = _waits(load, aht_seconds, patience_seconds, high)
    few = _waits(load, aht_seconds, patience_seconds, low)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.log(few / wait_seconds) / np.log(few / enough)
    joined = low + np.clip(share, 0.0, 1.0) * (high - low)
    steep = np.where(np.isfinite(patience_seconds), high, load + (high - load) * enough / wait_seconds)
    return np.asarray(np.where(np.isfinite(few), joined, steep))


def waits_with(
    arrivals: NDArray[np.float64],
    aht_seconds: NDArray[np.float64],
    patience_seconds: NDArray[np.float64],
    agents: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Mean wait of answered contacts with so many agents, in parts; infinite where the queue would grow for ever."""
    load = arrivals / SECONDS_AN_HOUR * aht_seconds
    low, high = np.floor(agents), np.ceil(agents)
    few = _waits(load, aht_seconds, patience_seconds, low)
    enough = _waits(load, aht_seconds, patience_seconds, high)
    with np.errstate(divide="ignore", invalid="ignore"):
        joined = np.where(high > low, np.exp(np.log(few) + (agents - low) * (np.log(enough) - np.log(few))), enough)
        steep = np.where(agents > load, enough * (high - load) / (agents - load), np.inf)
    return np.asarray(np.where(np.isfinite(few), joined, steep))


def _waits(
    load: NDArray[np.float64],
    aht: NDArray[np.float64],
    patience: NDArray[np.float64],
    agents: NDArray[np.float64],
) -> NDArray[np.float64]:
    """With whole numbers of agents; infinite where there is no steady state."""
    found = np.full(len(load), np.inf)
    hangs_up = np.isfinite(patience) & (agents >= 1)
    waits = ~np.isfinite(patience) & (agents > load)
    zero = np.zeros(len(load))
    if waits.any():
        found[waits] = erlang_c(load[waits], agents[waits], aht[waits], zero[waits]).asa_seconds
    if hangs_up.any():
        here = (values[hangs_up] for values in (load, agents, aht, zero, patience))
        found[hangs_up] = erlang_a(*here).asa_seconds
    return found
