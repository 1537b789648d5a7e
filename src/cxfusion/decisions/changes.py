"""Changes of levers as people state them, and what they make of each point: in proportion, and inside support.

"30 seconds less hold" takes more from long holds than from short ones, and nothing where there was none; a transfer
less means that each transfer is avoided with the same chance.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import comb

from cxfusion.errors import UnknownNameError, UsageError, is_number, require_kind, told_nearest
from cxfusion.evidence.population import COUNTED_TO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cxfusion.evidence.population import LeverForm, Points, Population

__all__ = ["Change", "States", "change_made", "read_changes", "states_of"]

PERCENT: Final = re.compile(r"^\s*([+\-−]?\s*\d+(?:[.,]\d+)?)\s*%\s*$")


@dataclass(frozen=True)
class Change:
    """One lever, and by how much its mean is to change.

    Attributes
    ----------
    form : LeverForm
    amount : float or None
        Change of the mean, in the lever's unit.
    factor : float or None
        The same as a share of the mean; one of the two is given.
    """

    form: LeverForm
    amount: float | None
    factor: float | None

    def asked(self, mean: float) -> float:
        """The change of the mean, in the lever's unit."""
        return self.amount if self.amount is not None else mean * (self.factor or 0.0)

    def rate(self, mean: float) -> float:
        """The change as a share of what there is, of at least −1; 0 where there is nothing."""
        return max(self.asked(mean) / mean, -1.0) if mean > 0 else 0.0


@dataclass(frozen=True)
class States:
    """What becomes of the points: each is in one or more states, with a chance.

    Attributes
    ----------
    point : int array, shape (states,)
    chance : array, shape (states,)
        Sums to 1 within a point.
    level : mapping of str to array of shape (states,)
        Of the changed levers.
    """

    point: NDArray[np.int64]
    chance: NDArray[np.float64]
    level: Mapping[str, NDArray[np.float64]]


def read_changes(forms: Sequence[LeverForm], asked: Mapping[str, float | str]) -> list[Change]:
    """The changes asked for, in the order of the levers.

    Raises
    ------
    UsageError
        No change, or one that is neither a number nor a percentage.
    UnknownNameError
        A lever that has no model; the nearest are named.
    """
    require_kind(asked, Mapping, "changes", "changes by lever, such as {'hold_seconds': -30}.")
    if not asked:
        raise UsageError("No change is asked about. Expected at least one, such as {'hold_seconds': -30}.")
    known = {form.lever.name: form for form in forms}
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise UnknownNameError(
            f"There is no model of {', '.join(map(str, unknown))}. Expected levers that the evidence could test:"
            f" {', '.join(known)}.",
            told_nearest(unknown, known),
        )
    return [_read(known[name], asked[name]) for name in known if name in asked]


def _read(form: LeverForm, value: float | str) -> Change:
    if isinstance(value, str):
        found = PERCENT.match(value)
        if found:
            text = found.group(1).replace("−", "-").replace(",", ".").replace(" ", "")
            return Change(form, None, float(text) / 100)
    elif is_number(value):
        return Change(form, float(value), None)
    raise UsageError(
        f"The change of {form.lever.name} is {value!r}; expected a number in its own unit, such as"
        f" {form.lever.step:g}, or a percentage of it, such as '-20 %'."
    )


def states_of(points: Points, places: Sequence[int], changes: Sequence[Change]) -> States:
    """Every point under the changes.

    Parameters
    ----------
    points : Points
    places : sequence of int
        Columns of the changed levers in the points' levels.
    changes : sequence of Change
    """
    point = np.arange(len(points.weight))
    states = States(point, np.ones(len(point)), {})
    for place, change in zip(places, changes, strict=True):
        level = points.level[:, place]
        mean = float(points.weight @ level)
        if change.form.lever.shape == "count":
            states = _chances(states, level, mean, change)
        else:
            moved = _stretched(level, change.rate(mean), change.form)
            states = States(states.point, states.chance, {**states.level, change.form.lever.name: moved[states.point]})
    return states


def change_made(population: Population, points: Points, change: Change) -> float:
    """By how much the mean of a lever changes, inside of support."""
    place = population.place(change.form.lever.name)
    states = states_of(points, [place], [change])
    weight = points.weight[states.point] * states.chance
    return float(weight @ (states.level[change.form.lever.name] - points.level[states.point, place]))


def _stretched(level: NDArray[np.float64], rate: float, form: LeverForm) -> NDArray[np.float64]:
    """Levels in proportion, but not past the ends of support, unless they lay there before."""
    moved = level * (1 + rate)
    return np.clip(moved, np.minimum(level, form.low), np.maximum(level, form.high))


def _chances(states: States, level: NDArray[np.float64], mean: float, change: Change) -> States:
    """Counts: each unit is taken away, or doubled, with the same chance; a share is given to those without it."""
    rate, form = change.rate(mean), change.form
    here = level[states.point]
    if rate > 0 and form.is_share:
        lacking = np.maximum(1.0 - here, 0.0)  # nobody lacks it twice over where a few have two
        steps, n, chance = 1.0, lacking, min(change.asked(mean) / (1 - mean), 1.0) if mean < 1 else 0.0
    else:
        steps, n, chance = math.copysign(1.0, rate), here, min(abs(rate), 1.0)
    is_counted = n <= COUNTED_TO
    parts = [States(states.point[~is_counted], states.chance[~is_counted], _kept(states, ~is_counted))]
    news = [_stretched(here[~is_counted], rate, form)]
    for k in range(COUNTED_TO + 1):
        chances = np.where(is_counted & (n >= k), comb(n, k) * chance**k * (1 - chance) ** np.maximum(n - k, 0), 0.0)
        kept = chances > 0
        parts.append(States(states.point[kept], states.chance[kept] * chances[kept], _kept(states, kept)))
        new = here[kept] + steps * k
        news.append(np.minimum(new, np.maximum(here[kept], form.high)))
    names = list(states.level)
    return States(
        np.concatenate([part.point for part in parts]),
        np.concatenate([part.chance for part in parts]),
        {
            **{name: np.concatenate([part.level[name] for part in parts]) for name in names},
            form.lever.name: np.concatenate(news),
        },
    )


def _kept(states: States, is_kept: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
    return {name: level[is_kept] for name, level in states.level.items()}
