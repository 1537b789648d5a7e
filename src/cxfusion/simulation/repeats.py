"""Customers who come back within a week about the same thing: only a week of them is ever held."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from cxfusion.simulation.arrivals import Arrivals
    from cxfusion.simulation.ingredients import Repeats

__all__ = ["Comebacks", "Returning"]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

LATEST_DAYS: Final = 6
MOST_PRIOR_CONTACTS: Final = 4  # then they give up; four gaps of at most six days lie within a month
MOST_LIKELY: Final = 0.8


@dataclass(frozen=True)
class Returning:
    """Customers who come back on one day. All arrays have shape (customers,)."""

    customer: Ints
    queue: Ints
    reason: Ints
    n_prior_contacts: Ints
    earlier_difficulty: Floats

    def take(self, rows: npt.NDArray[Any]) -> Returning:
        """Only these."""
        return Returning(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


class Comebacks:
    """Who will come back on which day.

    Parameters
    ----------
    repeats : Repeats
    """

    def __init__(self, repeats: Repeats) -> None:
        self._repeats = repeats
        self._waiting: dict[int, list[Returning]] = defaultdict(list)

    def due(self, day: int) -> Returning | None:
        """Those who come back on this day; they are told once."""
        parts = self._waiting.pop(day, [])
        if not parts:
            return None
        return Returning(
            **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Returning)}
        )

    def schedule(
        self, day: int, arrivals: Arrivals, hidden: Floats, displeasure: Floats, rng: np.random.Generator
    ) -> None:
        """Draw who of a day's customers comes back, and when."""
        repeats = self._repeats
        chance = repeats.rate * np.exp(repeats.by_displeasure * displeasure)
        chance = np.where(arrivals.is_abandoned, repeats.after_giving_up, np.minimum(chance, MOST_LIKELY))
        chance[arrivals.n_prior_contacts >= MOST_PRIOR_CONTACTS] = 0.0
        back = np.flatnonzero(rng.random(len(chance)) < chance)
        everyone = Returning(
            arrivals.customer, arrivals.queue, arrivals.reason, arrivals.n_prior_contacts + 1,
            np.where(arrivals.is_abandoned, arrivals.earlier_difficulty, hidden),
        )  # fmt: skip
        later = rng.integers(1, LATEST_DAYS + 1, len(back))
        for days in range(1, LATEST_DAYS + 1):
            self._waiting[day + days].append(everyone.take(back[later == days]))
