"""One day of a simulated centre, drawn contact by contact in the order in which things happen.

Difficulty drives hold, talk, wrap and transfers alike; the log shows only what the reason tells of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from cxfusion.simulation.congestion import SLOT_SECONDS, Congestion, draw_congestion
from cxfusion.simulation.satisfaction import Lived, annoyance
from cxfusion.simulation.staff import BANDS, Staff

if TYPE_CHECKING:
    from cxfusion.simulation.centre import Centre

__all__ = ["Arrivals", "Day", "Handling", "draw_day"]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

MOST_TRANSFERS: Final = 3
MOST_HOLDS: Final = 9
WAIT_SHAPE: Final = 2.5  # of the gamma spread of single waits about the mean of their quarter of an hour
HOLD_SHAPE: Final = 1.5
PATIENCE_SHAPE: Final = 1.3
IVR_SHAPE: Final = 4.0
FREQUENT_CALLERS: Final = 0.002  # the smaller, the heavier the tail of contacts per customer


@dataclass(frozen=True)
class Arrivals:
    """The contacts of a day in order of their start, until an agent answers or the customer gives up.

    Attributes
    ----------
    start_second : array, shape (contacts,)
        Seconds since midnight UTC.
    queue, channel, reason, customer : array, shape (contacts,)
        Numbers.
    ivr_seconds, wait_seconds : array, shape (contacts,)
        Whole seconds; the wait of those who gave up is the time until they did.
    is_abandoned : array, shape (contacts,)
    """

    start_second: Ints
    queue: Ints
    channel: Ints
    reason: Ints
    customer: Ints
    ivr_seconds: Floats
    wait_seconds: Floats
    is_abandoned: Flags


@dataclass(frozen=True)
class Handling:
    """What agents did, one entry per contact; entries of abandoned contacts mean nothing.

    Attributes
    ----------
    agent, first_agent : array, shape (contacts,)
        Numbers; they differ where a contact was transferred.
    hidden_difficulty : array, shape (contacts,)
        Standard normal; no log shows it.
    n_holds, n_transfers : array, shape (contacts,)
    talk_seconds, hold_seconds, wrap_seconds, rewait_seconds : array, shape (contacts,)
        Whole seconds.
    last_rewait_seconds : array, shape (contacts,)
        The part of ``rewait_seconds`` that the last transfer set off.
    """

    agent: Ints
    first_agent: Ints
    hidden_difficulty: Floats
    n_holds: Ints
    n_transfers: Ints
    talk_seconds: Floats
    hold_seconds: Floats
    wrap_seconds: Floats
    rewait_seconds: Floats
    last_rewait_seconds: Floats


@dataclass(frozen=True)
class Day:
    """A day: its contacts, how they were handled, and what the answered customers lived.

    Attributes
    ----------
    arrivals : Arrivals
    handling : Handling
    answered : array, shape (answered,)
        Which contacts reached an agent.
    lived : Lived
        One entry per answered contact.
    """

    arrivals: Arrivals
    handling: Handling
    answered: Ints
    lived: Lived

    @property
    def ended_second(self) -> Ints:
        """When each customer left, in seconds since midnight UTC; shape (contacts,)."""
        arrivals, handling = self.arrivals, self.handling
        served = handling.rewait_seconds + handling.talk_seconds + handling.hold_seconds
        lasted = arrivals.ivr_seconds + arrivals.wait_seconds + np.where(arrivals.is_abandoned, 0.0, served)
        return arrivals.start_second + lasted.astype(np.int64)


def draw_day(
    centre: Centre,
    staff: Staff,
    *,
    weekday: int,
    n_contacts: int,
    badness: Floats,
    n_customers: int,
    mood_key: int,
    rng: np.random.Generator,
) -> Day:
    """Draw one day.

    Parameters
    ----------
    centre : Centre
    staff : Staff
    weekday : int
        0 on Mondays.
    n_contacts : int
    badness : array, shape (queues,)
        How bad a day it is for each queue.
    n_customers : int
        Customers who might call.
    mood_key : int
        What customers' moods hang on besides their number: the same on every day of a log.
    rng : numpy.random.Generator
    """
    arrivals = _draw_arrivals(centre, n_contacts, draw_congestion(centre, badness, rng), n_customers, rng)
    handling = _draw_handling(centre, staff, weekday, arrivals, rng)
    answered = np.flatnonzero(~arrivals.is_abandoned)
    background = _background(centre, staff, arrivals, handling, badness, mood_key)
    lived = Lived(
        wait_seconds=arrivals.wait_seconds[answered],
        ivr_seconds=arrivals.ivr_seconds[answered],
        talk_seconds=handling.talk_seconds[answered],
        hold_seconds=handling.hold_seconds[answered],
        n_transfers=handling.n_transfers[answered],
        rewait_seconds=handling.rewait_seconds[answered],
        last_rewait_seconds=handling.last_rewait_seconds[answered],
        background=background[answered],
    )
    return Day(arrivals, handling, answered, lived)


def _draw_arrivals(
    centre: Centre, n_contacts: int, congestion: Congestion, n_customers: int, rng: np.random.Generator
) -> Arrivals:
    shares = congestion.arrival_shares
    counts = rng.multinomial(n_contacts, shares.ravel())
    cell = np.repeat(np.arange(shares.size), counts)
    start = (
        centre.opening_hour * 3600 + (cell % shares.shape[1]) * SLOT_SECONDS + rng.integers(0, SLOT_SECONDS, n_contacts)
    )
    order = np.argsort(start, kind="stable")
    cell, start = cell[order], start[order]
    queue = cell // shares.shape[1]
    spread = rng.standard_gamma(WAIT_SHAPE, n_contacts) / WAIT_SHAPE
    wait = rng.exponential(centre.ring_seconds, n_contacts) + congestion.mean_wait_seconds.ravel()[cell] * spread
    patience = centre.patience_seconds * rng.weibull(PATIENCE_SHAPE, n_contacts)
    return Arrivals(
        start_second=start,
        queue=queue,
        channel=_pick(rng.random(n_contacts), np.array(centre.channel_shares)),
        reason=_draw_reasons(centre, queue, rng),
        customer=_draw_customers(n_customers, rng.random(n_contacts)),
        ivr_seconds=np.rint(rng.standard_gamma(IVR_SHAPE, n_contacts) * (centre.ivr_seconds / IVR_SHAPE)),
        wait_seconds=np.rint(np.minimum(wait, patience)),
        is_abandoned=patience < wait,
    )


def _pick(luck: Floats, shares: Floats) -> Ints:
    """Number of the share that each uniform draw falls into."""
    edges = np.cumsum(shares[:-1]) / shares.sum()
    return np.searchsorted(edges, luck, side="right")


def _draw_reasons(centre: Centre, queue: Ints, rng: np.random.Generator) -> Ints:
    luck = rng.random(len(queue))
    reason = np.empty(len(queue), dtype=np.int64)
    for number, parameters in enumerate(centre.queues):
        here = np.flatnonzero(queue == number)
        reason[here] = _pick(luck[here], np.array(parameters.mix))
    return reason


def _draw_customers(n_customers: int, luck: Floats) -> Ints:
    """Customers' numbers: density falling as (x + c)^-½ over the customer base, so that some call often."""
    low, high = np.sqrt(FREQUENT_CALLERS), np.sqrt(1 + FREQUENT_CALLERS)
    place = (low + luck * (high - low)) ** 2 - FREQUENT_CALLERS
    customer: Ints = np.minimum((place * n_customers).astype(np.int64), n_customers - 1)
    return customer


def _draw_handling(
    centre: Centre, staff: Staff, weekday: int, arrivals: Arrivals, rng: np.random.Generator
) -> Handling:
    n = len(arrivals.queue)
    first_agent, last_agent = _draw_agents(centre, staff, weekday, arrivals, rng)
    hidden = rng.standard_normal(n)
    difficulty = hidden + np.array([reason.difficulty for reason in centre.reasons])[arrivals.reason]
    n_transfers = np.minimum(
        rng.poisson(centre.transfers_mean * np.exp(centre.transfer_difficulty * difficulty)), MOST_TRANSFERS
    )
    agent = np.where(n_transfers > 0, last_agent, first_agent)
    rewait, last_rewait = _draw_rewaits(centre, n_transfers, rng)
    pace = centre.agent_pace * staff.speed[agent]
    n_holds = np.minimum(
        rng.poisson(centre.holds_mean * np.exp(centre.hold_difficulty * difficulty - pace)), MOST_HOLDS
    )
    venting = centre.talk_venting * annoyance(arrivals.wait_seconds, centre)
    log_talk = centre.talk_difficulty * difficulty - pace + venting + centre.talk_spread * rng.standard_normal(n)
    style = centre.agent_wrap_style * staff.wrap_style[agent] - pace
    log_wrap = centre.wrap_difficulty * difficulty + style + centre.wrap_spread * rng.standard_normal(n)
    return Handling(
        agent=agent,
        first_agent=first_agent,
        hidden_difficulty=hidden,
        n_holds=n_holds,
        n_transfers=n_transfers,
        talk_seconds=np.rint(centre.talk_seconds * np.exp(log_talk)),
        hold_seconds=_draw_holds(centre, n_holds, rng),
        wrap_seconds=np.rint(centre.wrap_seconds * np.exp(log_wrap)),
        rewait_seconds=rewait,
        last_rewait_seconds=last_rewait,
    )


def _draw_agents(
    centre: Centre, staff: Staff, weekday: int, arrivals: Arrivals, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    open_seconds = (centre.closing_hour - centre.opening_hour) * 3600
    band = (arrivals.start_second - centre.opening_hour * 3600) * BANDS // open_seconds
    luck = rng.random((2, len(band)))
    roster = staff.rosters[weekday]
    return roster.pick(arrivals.queue, band, luck[0]), roster.pick(arrivals.queue, band, luck[1])


def _draw_rewaits(centre: Centre, n_transfers: Ints, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Queueing after all transfers, and after the last one, in whole seconds."""
    moved = np.flatnonzero(n_transfers)
    each = np.rint(rng.exponential(centre.rewait_seconds, (len(moved), MOST_TRANSFERS)))
    each *= np.arange(MOST_TRANSFERS) < n_transfers[moved, None]
    total, last = np.zeros(len(n_transfers)), np.zeros(len(n_transfers))
    total[moved] = each.sum(axis=1)
    last[moved] = each[np.arange(len(moved)), n_transfers[moved] - 1]
    return total, last


def _draw_holds(centre: Centre, n_holds: Ints, rng: np.random.Generator) -> Floats:
    """Seconds on hold: a gamma for each, added up; no hold lasts less than a second."""
    held = np.flatnonzero(n_holds)
    seconds = np.zeros(len(n_holds))
    scale = centre.hold_seconds_each / HOLD_SHAPE
    seconds[held] = np.maximum(1.0, np.rint(scale * rng.standard_gamma(HOLD_SHAPE * n_holds[held])))
    return seconds


def _background(
    centre: Centre, staff: Staff, arrivals: Arrivals, handling: Handling, badness: Floats, mood_key: int
) -> Floats:
    """What satisfaction is without any waiting or transfer, in latent points."""
    by_reason = np.array([reason.mood - centre.difficulty_effect * reason.difficulty for reason in centre.reasons])
    return (
        by_reason[arrivals.reason]
        - centre.difficulty_effect * handling.hidden_difficulty
        - centre.bad_day_mood * badness[arrivals.queue]
        + centre.skill_effect * staff.skill[handling.agent]
        + centre.mood_effect * _moods(arrivals.customer, mood_key)
    )


def _moods(customer: Ints, key: int) -> Floats:
    """Customers' lasting moods, standard normal: hashed from their numbers (SplitMix64), so none is kept."""
    z = customer.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    mood: Floats = ndtri(((z >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52)
    return mood
