"""What lasts about a customer: the same at every contact, hashed from the number, so that nothing is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

if TYPE_CHECKING:
    from cxfusion.simulation.ingredients import Priority

__all__ = ["has_priority", "moods"]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

OF_PRIORITY = 0x5851F42D4C957F2D  # another key for another trait


def moods(customer: Ints, key: int) -> Floats:
    """Customers' lasting moods, standard normal."""
    mood: Floats = ndtri(_uniform(customer, key))
    return mood


def has_priority(customer: Ints, key: int, priority: Priority) -> Flags:
    """Whether customers are let to the front of the queue."""
    return _uniform(customer, key ^ OF_PRIORITY) < priority.share


def _uniform(customer: Ints, key: int) -> Floats:
    """A number between 0 and 1 for each customer (SplitMix64)."""
    z = customer.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return ((z >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
