"""What agents do with the contacts of a day.

Difficulty drives hold, talk, wrap and transfers alike; the log shows only what the reason tells of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from cxfusion.simulation.satisfaction import annoyance
from cxfusion.simulation.staff import BANDS, Staff

if TYPE_CHECKING:
    from cxfusion.simulation.arrivals import Arrivals
    from cxfusion.simulation.centre import Centre

__all__ = ["Handling", "draw_handling", "wrap_up"]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

MOST_TRANSFERS: Final = 3
MOST_HOLDS: Final = 9
HOLD_SHAPE: Final = 1.5


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
    talk_seconds, hold_seconds, rewait_seconds : array, shape (contacts,)
        Whole seconds.
    last_rewait_seconds : array, shape (contacts,)
        The part of ``rewait_seconds`` that the last transfer set off.
    log_wrap : array, shape (contacts,)
        What case, agent and chance add to the log of wrap.
    """

    agent: Ints
    first_agent: Ints
    hidden_difficulty: Floats
    n_holds: Ints
    n_transfers: Ints
    talk_seconds: Floats
    hold_seconds: Floats
    rewait_seconds: Floats
    last_rewait_seconds: Floats
    log_wrap: Floats


def draw_handling(
    centre: Centre, staff: Staff, weekday: int, arrivals: Arrivals, mood: Floats, rng: np.random.Generator
) -> Handling:
    """Draw what agents do, in the order in which things happen, with customers of some mood."""
    n = len(arrivals.queue)
    first_agent, last_agent = _draw_agents(centre, staff, weekday, arrivals, rng)
    hidden = _hidden_difficulty(centre, arrivals, rng)
    difficulty = hidden + np.array([reason.difficulty for reason in centre.reasons])[arrivals.reason]
    n_transfers = np.minimum(
        rng.poisson(centre.transfers_mean * np.exp(centre.transfer_difficulty * difficulty)), MOST_TRANSFERS
    )
    agent = np.where(n_transfers > 0, last_agent, first_agent)
    rewait, last_rewait = _draw_rewaits(centre, n_transfers, rng)
    pace = centre.agent_pace * staff.speed[agent]
    with_customers = pace + centre.agent_pace * staff.brisk[agent]
    n_holds = np.minimum(
        rng.poisson(centre.holds_mean * np.exp(centre.hold_difficulty * difficulty - with_customers)), MOST_HOLDS
    )
    venting = centre.talk_venting * annoyance(arrivals.wait_seconds, centre)
    chance, wrap_chance = rng.standard_normal(n), rng.standard_normal(n)
    if link := centre.wrap_talk_link:
        wrap_chance = link * chance + np.sqrt(1 - link**2) * wrap_chance
    log_talk = centre.talk_difficulty * difficulty - with_customers + venting + centre.talk_spread * chance
    log_talk += centre.mood_talk * mood
    style = centre.agent_wrap_style * staff.wrap_style[agent] - pace
    paperwork = np.array([reason.paperwork for reason in centre.reasons])[arrivals.reason]
    log_wrap = centre.wrap_difficulty * difficulty + style + centre.wrap_spread * wrap_chance
    return Handling(
        agent=agent,
        first_agent=first_agent,
        hidden_difficulty=hidden,
        n_holds=n_holds,
        n_transfers=n_transfers,
        talk_seconds=np.rint(centre.talk_seconds * np.exp(log_talk)),
        hold_seconds=_draw_holds(centre, n_holds, rng),
        rewait_seconds=rewait,
        last_rewait_seconds=last_rewait,
        log_wrap=log_wrap + paperwork,
    )


def wrap_up(centre: Centre, handling: Handling, displeasure: Floats) -> Floats:
    """Seconds of after-call work, shape (contacts,): written when the customer has left, displeased or not."""
    return np.rint(centre.wrap_seconds * np.exp(handling.log_wrap + centre.wrap_displeasure * displeasure))


def _hidden_difficulty(centre: Centre, arrivals: Arrivals, rng: np.random.Generator) -> Floats:
    """Drawn anew, but for what a customer who comes back brings along."""
    hidden = rng.standard_normal(len(arrivals.queue))
    if centre.repeats is None:
        return hidden
    carried = centre.repeats.carried
    still = carried * arrivals.earlier_difficulty + np.sqrt(1 - carried**2) * hidden
    return np.where(arrivals.n_prior_contacts > 0, still, hidden)


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
