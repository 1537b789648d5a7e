"""How answers are to be paired, decided and checked before any data are read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from cxfusion.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["KEYS", "Eligible", "Key", "PairingPlan"]

Key: TypeAlias = Literal["leg_id", "contact_id", "case_id", "customer_id"]
Eligible: TypeAlias = Literal["answered", "all"]

KEYS: Final[tuple[Key, ...]] = get_args(Key)
"""From the most exact to the least."""
WINDOW_FORM: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(d|h|min|m|s)\s*")
SECONDS_OF: Final = {"d": 86_400, "h": 3_600, "min": 60, "m": 60, "s": 1}
LONGEST_WINDOW: Final = timedelta(days=3_660)


@dataclass(frozen=True)
class PairingPlan:
    """Which keys and which contacts may pair, and how far back an answer reaches.

    Attributes
    ----------
    by : key or sequence of keys, optional
        Of ``"leg_id", "contact_id", "case_id", "customer_id"``. One key: only that one is used. Several: in their
        order, and what the log does not know by one key is looked up by the next. Without it: the most exact key that
        a response gives and the log has decides, so that an answer about a contact outside the log stays unpaired.
    within : str or timedelta, default "72h"
        By customer only: how long before the anchor a contact may have started. ``"72h"``, ``"3d"``, ``"90m"``,
        ``"30min"``, ``"45s"``; above zero, at most ten years.
    one_per_contact : bool, default True
        Keep one response per contact and respondent role, the first answered.
    eligible : {"answered", "all"}, default "answered"
        By case and by customer: whether abandoned contacts may pair too. A leg or contact id is believed either way.
    exposure : str or timedelta, default "90d"
        Of relationship surveys: how long before the anchor a contact may have started to count as lived.

    Raises
    ------
    ConfigError
        With every problem of the plan.

    Examples
    --------
    >>> PairingPlan(by="customer_id", within="3d").window
    datetime.timedelta(days=3)
    >>> PairingPlan(by=["contact_id", "customer_id"]).keys
    ('contact_id', 'customer_id')
    """

    by: Key | Sequence[Key] | None = None
    within: str | timedelta = "72h"
    one_per_contact: bool = True
    eligible: Eligible = "answered"
    exposure: str | timedelta = "90d"

    def __post_init__(self) -> None:
        if isinstance(self.by, Iterable) and not isinstance(self.by, str):
            keys = tuple(self.by)
            object.__setattr__(self, "by", keys[0] if len(keys) == 1 else keys)
        problems = [
            *_key_problems(self.by),
            *_choice_problems("eligible", self.eligible, get_args(Eligible)),
            *_choice_problems("one_per_contact", self.one_per_contact, (True, False)),
            *_window_problems("within", self.within),
            *_window_problems("exposure", self.exposure),
        ]
        if problems:
            raise ConfigError("This pairing plan cannot be used.", problems)

    @property
    def keys(self) -> tuple[Key, ...]:
        """Keys in the order in which they are tried."""
        if self.by is None:
            return KEYS
        return (self.by,) if isinstance(self.by, str) else tuple(self.by)

    @property
    def falls_through(self) -> bool:
        """Whether what the log does not know by one key is looked up by the next."""
        return self.by is not None

    @property
    def window(self) -> timedelta:
        """``within`` as a length of time."""
        return _length(self.within)

    @property
    def exposure_window(self) -> timedelta:
        """``exposure`` as a length of time."""
        return _length(self.exposure)


def _key_problems(by: object) -> list[str]:
    if by is None or (isinstance(by, str) and by in KEYS):
        return []
    known = ", ".join(repr(key) for key in KEYS)
    if not isinstance(by, tuple) or not by:
        return [f"by={by!r}; expected one of {known}, or several of them in the order in which to try them"]
    problems = [f"by={key!r}; expected one of {known}" for key in by if key not in KEYS]
    twice = sorted({key for key in by if isinstance(key, str) and by.count(key) > 1})
    return problems + [f"by names {key!r} twice; expected each key once" for key in twice]


def _choice_problems(name: str, value: object, known: tuple[object, ...]) -> list[str]:
    return [] if value in known else [f"{name}={value!r}; expected one of {', '.join(map(repr, known))}"]


def _window_problems(name: str, given: object) -> list[str]:
    try:
        fits = isinstance(given, str | timedelta) and timedelta(0) < _length(given) <= LONGEST_WINDOW
    except (ValueError, OverflowError):
        fits = False
    if fits:
        return []
    return [
        f"{name}={given!r}; expected a number with its unit such as '72h', '3d', '90m', '30min' or '45s'"
        " (or a timedelta), above zero and at most ten years"
    ]


def _length(within: str | timedelta) -> timedelta:
    if isinstance(within, timedelta):
        return within
    form = WINDOW_FORM.fullmatch(within)
    if form is None:
        raise ValueError(within)
    return timedelta(seconds=float(form[1]) * SECONDS_OF[form[2]])
