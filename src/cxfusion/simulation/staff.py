"""The agents: who they are, and who is on shift when a contact arrives.

Queues, shifts and days off go round by number, so that somebody is always there; the rest is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from cxfusion.simulation.centre import Centre
    from cxfusion.simulation.ingredients import Form

__all__ = ["BANDS", "Roster", "Staff", "draw_staff"]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

BANDS: Final = 3
"""Parts of the day. The early shift works the first two, the late shift the last two."""

TWO_QUEUES_SHARE: Final = 0.5


@dataclass(frozen=True)
class Roster:
    """Who is on shift on one day of the week.

    Attributes
    ----------
    agents : array, shape (entries,)
        Agent numbers, cell after cell.
    first, size : array, shape (queues * bands,)
        Where the entries of a cell (queue * bands + band) begin, and how many they are.
    """

    agents: Ints
    first: Ints
    size: Ints

    def pick(self, queue: Ints, band: Ints, luck: Floats) -> Ints:
        """One of those on shift for each contact; ``luck`` is uniform on [0, 1)."""
        cell = queue * BANDS + band
        picked: Ints = self.agents[self.first[cell] + (luck * self.size[cell]).astype(np.int64)]
        return picked


@dataclass(frozen=True)
class Staff:
    """The agents, one entry each.

    Attributes
    ----------
    skill, speed, wrap_style : array, shape (agents,)
        Standard normal.
    brisk : array, shape (agents,)
        By how many units of speed each is quicker with customers than usual; after-call work does not follow.
    picking : array, shape (agents,)
        How strongly each picks whom to ask for an answer; 0 for half of them.
    rosters : tuple of Roster
        One per day of the week, Monday first.
    """

    skill: Floats
    speed: Floats
    wrap_style: Floats
    brisk: Floats
    picking: Floats
    rosters: tuple[Roster, ...]

    def on_day(self, form: Form, rng: np.random.Generator) -> Staff:
        """The same agents on one of their days."""
        up = rng.standard_normal(len(self.skill))
        return replace(self, brisk=form.speed * up, skill=self.skill + form.skill * up)


def draw_staff(centre: Centre, n_agents: int, rng: np.random.Generator) -> Staff:
    """Draw the agents of a centre."""
    skill, own_pace, wrap_style = rng.standard_normal((3, n_agents))
    speed = centre.skill_pace * skill + np.sqrt(1 - centre.skill_pace**2) * own_pace
    n_queues = len(centre.queues)
    first_queue = np.arange(n_agents) % n_queues
    other = (first_queue + rng.integers(1, max(2, n_queues), n_agents)) % n_queues
    second_queue = np.where(rng.random(n_agents) < TWO_QUEUES_SHARE, other, first_queue)
    picking = np.maximum(rng.standard_normal(n_agents), 0.0)
    rosters = tuple(_roster(weekday, n_queues, first_queue, second_queue) for weekday in range(7))
    return Staff(skill, speed, wrap_style, np.zeros(n_agents), picking, rosters)


def _roster(weekday: int, n_queues: int, first_queue: Ints, second_queue: Ints) -> Roster:
    number = np.arange(len(first_queue))
    is_late = (number // n_queues) % 2 == 1
    first_day_off = (number // (2 * n_queues)) % 7
    at_work = (weekday - first_day_off) % 7 > 1  # two days off in a row
    cells = []
    for queue in range(n_queues):
        serves = at_work & ((first_queue == queue) | (second_queue == queue))
        for band in range(BANDS):
            on_shift = serves & ~is_late if band == 0 else serves & is_late if band == BANDS - 1 else serves
            cells.append(np.flatnonzero(on_shift))
    size = np.array([len(cell) for cell in cells])
    return Roster(np.concatenate(cells), np.cumsum(size) - size, size)
