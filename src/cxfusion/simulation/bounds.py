"""What the numbers of a centre may be, as the names of its fields tell: shares from 0 to 1, no time below 0.

A centre is filled in by hand, and draws a whole log before a number that is none would be met.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from cxfusion.errors import number_problems

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["problems_of"]

POSITIVE: Final = ("contacts_per_agent_day", "contacts_per_customer", "annoyance_seconds", "hold_weary_seconds",
                   "talk_weary_seconds", "patience_seconds", "n_days", "most_contacts_per_day")  # fmt: skip
"""What is divided by, or without which there is no log."""
CORRELATIONS: Final = ("load_memory", "noise_link", "skill_pace", "wrap_talk_link", "carried")
SHARES: Final = ("share", "rate", "wait_factor", "after_giving_up")
NOT_NEGATIVE: Final = ("seconds", "each", "hours", "mean", "spread", "factor", "factors", "volumes", "shares", "mix")
"""Last words of names."""


def problems_of(part: Any, called: str = "") -> list[str]:
    """Problems of an error: which fields of a part hold what is no number, or none that fits.

    Parameters
    ----------
    part : dataclass
        Its flags, numbers and tuples of numbers are looked at.
    called : str
        Said before the names of its fields.
    """
    told = ((one.name, getattr(part, one.name), str(one.type)) for one in fields(part))
    return [problem for name, value, kind in told for problem in _of_field(called + name, name, value, kind)]


def _of_field(called: str, name: str, value: Any, kind: str) -> list[str]:
    expected, fits = _bounds(name)
    if kind == "bool" and not isinstance(value, bool):
        return [f"{called} is {value!r}; expected True or False"]
    if kind == "int":
        return number_problems({called: value}, "a whole number, " + expected, lambda n: fits(n) and n == int(n))
    if kind == "float":
        return number_problems({called: value}, expected, fits)
    if kind.startswith("tuple[float"):
        if not isinstance(value, tuple):
            return [f"{called} is {value!r}; expected a tuple of numbers"]
        return [one for number in value for one in number_problems({f"a number of {called}": number}, expected, fits)]
    return []


def _bounds(name: str) -> tuple[str, Callable[[float], bool]]:
    """What a field expects, and whether a number is that."""
    last = name.rpartition("_")[2]
    if name in POSITIVE:
        return "more than 0", lambda number: number > 0
    if name in CORRELATIONS:
        return "a correlation from -1 to 1", lambda number: -1 <= number <= 1
    if last in SHARES or name in SHARES:
        return "a share from 0 to 1", lambda number: 0 <= number <= 1
    if last == "hour":
        return "from 0 to 24", lambda hour: 0 <= hour <= 24
    if last in NOT_NEGATIVE:
        return "0 or more", lambda number: number >= 0
    return "a number", lambda number: True
