"""One day of a simulated centre, drawn contact by contact in the order in which things happen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from cxfusion.simulation.arrivals import Arrivals, draw_arrivals
from cxfusion.simulation.congestion import draw_congestion
from cxfusion.simulation.customers import has_priority, moods
from cxfusion.simulation.handling import Handling, draw_handling, wrap_up
from cxfusion.simulation.satisfaction import Lived, satisfaction

if TYPE_CHECKING:
    from cxfusion.simulation.centre import Centre
    from cxfusion.simulation.repeats import Returning
    from cxfusion.simulation.staff import Staff

__all__ = ["Arrivals", "Day", "Handling", "draw_day"]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Day:
    """A day: its contacts, how they were handled, and what the answered customers lived.

    Attributes
    ----------
    arrivals : Arrivals
    handling : Handling
    wrap_seconds : array, shape (contacts,)
        Whole seconds.
    answered : array, shape (answered,)
        Which contacts reached an agent.
    lived : Lived
        One entry per answered contact.
    latent : array, shape (answered,)
        Satisfaction before noise.
    picking : array, shape (answered,)
        How much the agent picks whom to ask.
    """

    arrivals: Arrivals
    handling: Handling
    wrap_seconds: Floats
    answered: Ints
    lived: Lived
    latent: Floats
    picking: Floats

    @property
    def ended_second(self) -> Ints:
        """When each customer left, in seconds since midnight UTC; shape (contacts,)."""
        arrivals, handling = self.arrivals, self.handling
        served = handling.rewait_seconds + handling.talk_seconds + handling.hold_seconds
        lasted = arrivals.ivr_seconds + arrivals.wait_seconds + np.where(arrivals.is_abandoned, 0.0, served)
        return arrivals.start_second + lasted.astype(np.int64)

    @property
    def displeasure(self) -> Floats:
        """Latent points, shape (contacts,); 0 where nobody answered."""
        return _spread(-self.latent, self.answered, len(self.arrivals.queue))


def draw_day(
    centre: Centre,
    staff: Staff,
    *,
    weekday: int,
    n_contacts: int,
    badness: Floats,
    newcomers: int | range,
    customer_key: int,
    rng: np.random.Generator,
    returning: Returning | None = None,
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
    newcomers : int or range
        Customers who might call; a range numbers new ones, one per contact.
    customer_key : int
        What lasts about customers hangs on it besides their number: the same on every day of a log.
    rng : numpy.random.Generator
    returning : Returning, optional
        Those who come back.
    """
    congestion = draw_congestion(centre, badness, rng)
    arrivals = draw_arrivals(centre, n_contacts, congestion, newcomers, customer_key, returning, rng)
    mood = moods(arrivals.customer, customer_key)
    handling = draw_handling(centre, staff, weekday, arrivals, mood, rng)
    answered = np.flatnonzero(~arrivals.is_abandoned)
    background = _background(centre, staff, arrivals, handling, badness, mood)
    if centre.priority is not None:
        background[has_priority(arrivals.customer, customer_key, centre.priority)] += centre.priority.mood
    lived = Lived(
        wait_seconds=arrivals.wait_seconds[answered],
        ivr_seconds=arrivals.ivr_seconds[answered],
        talk_seconds=handling.talk_seconds[answered],
        hold_seconds=handling.hold_seconds[answered],
        n_transfers=handling.n_transfers[answered],
        n_prior_contacts=arrivals.n_prior_contacts[answered],
        rewait_seconds=handling.rewait_seconds[answered],
        last_rewait_seconds=handling.last_rewait_seconds[answered],
        background=background[answered],
    )
    latent = satisfaction(lived, centre)
    wrap = wrap_up(centre, handling, _spread(-latent, answered, n_contacts))
    return Day(arrivals, handling, wrap, answered, lived, latent, staff.picking[handling.agent[answered]])


def _spread(values: Floats, answered: Ints, n_contacts: int) -> Floats:
    everyone = np.zeros(n_contacts)
    everyone[answered] = values
    return everyone


def _background(
    centre: Centre, staff: Staff, arrivals: Arrivals, handling: Handling, badness: Floats, mood: Floats
) -> Floats:
    """What satisfaction is without any waiting or transfer, in latent points."""
    by_reason = np.array([reason.mood - centre.difficulty_effect * reason.difficulty for reason in centre.reasons])
    return (
        by_reason[arrivals.reason]
        - centre.difficulty_effect * handling.hidden_difficulty
        - centre.bad_day_mood * badness[arrivals.queue]
        + centre.skill_effect * staff.skill[handling.agent]
        + centre.mood_effect * mood
    )
