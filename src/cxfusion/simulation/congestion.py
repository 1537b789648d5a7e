"""When contacts arrive and how crowded it then is: a backlog carried from one quarter of an hour to the next.

Everything is relative to planned capacity, so that a small and a large centre wait alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from cxfusion.simulation.centre import Centre

__all__ = ["SLOT_SECONDS", "Calendar", "Congestion", "draw_calendar", "draw_congestion", "week_volumes"]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

SLOT_SECONDS: Final = 900
QUICK_SECONDS: Final = 6.0  # mean wait with hardly any load; grows as the load nears capacity
QUICK_ROOM: Final = 1.15
LEAST_LOAD_FOR_BACKLOG: Final = 1.0
BACKLOG_KEPT: Final = 0.6  # of a backlog, what overtime and callers who give up leave for the next quarter


@dataclass(frozen=True)
class Calendar:
    """The days of a log.

    Attributes
    ----------
    volumes : array, shape (days,)
        Contacts on each day.
    badness : array, shape (days, queues)
        How bad a day it is for each queue; 0 on most.
    """

    volumes: Ints
    badness: Floats


@dataclass(frozen=True)
class Congestion:
    """One day's arrivals and crowding, by queue and quarter of an hour.

    Attributes
    ----------
    arrival_shares : array, shape (queues, slots)
        Probability that a contact of the day falls there.
    mean_wait_seconds : array, shape (queues, slots)
    """

    arrival_shares: Floats
    mean_wait_seconds: Floats


def draw_calendar(centre: Centre, n_contacts: int, rng: np.random.Generator) -> Calendar:
    """Spread the contacts over the days, and say which days are bad for whom."""
    n_days = centre.days_for(n_contacts)
    weekday = (centre.first_day.weekday() + np.arange(n_days)) % 7
    volume = np.asarray(centre.weekday_volumes)[weekday]
    shape = (n_days, len(centre.queues))
    badness = rng.exponential(size=shape) * (rng.random(shape) < centre.bad_day_share)
    return Calendar(rng.multinomial(n_contacts, volume / volume.sum()), badness)


@lru_cache(maxsize=8)
def week_volumes(opening_hour: int, closing_hour: int) -> Floats:
    """Planned volume of each quarter of an hour relative to the busiest: a morning and an afternoon hump."""
    hour = np.arange(opening_hour, closing_hour, SLOT_SECONDS / 3600)
    volume = np.exp(-(((hour - 10.5) / 2.2) ** 2)) + 0.8 * np.exp(-(((hour - 15.5) / 2.8) ** 2)) + 0.15
    profile: Floats = volume / volume.max()
    profile.flags.writeable = False
    return profile


def draw_congestion(centre: Centre, badness: Floats, rng: np.random.Generator) -> Congestion:
    """One day's arrivals and mean waits.

    Parameters
    ----------
    centre : Centre
    badness : array, shape (queues,)
        How bad a day it is for each queue.
    rng : numpy.random.Generator
    """
    plan = week_volumes(centre.opening_hour, centre.closing_hour)
    surprise = np.exp(centre.load_surprise * _wandering(len(badness), len(plan), centre.load_memory, rng))
    planned_load = centre.load_quiet + (centre.load_peak - centre.load_quiet) * plan
    load = planned_load * surprise * (1 + centre.bad_day_load * badness[:, None])
    shares = np.array([queue.share for queue in centre.queues])[:, None] * plan * surprise
    quick_seconds = QUICK_SECONDS / (QUICK_ROOM - np.minimum(load, 1.0))
    return Congestion(shares / shares.sum(), quick_seconds + _backlog_seconds(load))


def _wandering(n_queues: int, n_slots: int, memory: float, rng: np.random.Generator) -> Floats:
    """Standard normal paths that remember, shape (queues, slots)."""
    steps = rng.standard_normal((n_queues, n_slots))
    for slot in range(1, n_slots):
        steps[:, slot] = memory * steps[:, slot - 1] + np.sqrt(1 - memory**2) * steps[:, slot]
    return steps


def _backlog_seconds(load: Floats) -> Floats:
    """Work that waits ahead of a newcomer, shape (queues, slots): Lindley's recursion, as a fluid."""
    backlog = np.zeros_like(load)
    waiting = np.zeros(len(load))
    for slot in range(load.shape[1]):
        overload = SLOT_SECONDS * (load[:, slot] - LEAST_LOAD_FOR_BACKLOG)
        waiting = np.maximum(0.0, BACKLOG_KEPT * waiting + overload)
        backlog[:, slot] = waiting
    return backlog
