"""How answers are to be paired, decided and checked before any data are read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, TypeAlias, get_args

from cxfusion.errors import ConfigError

__all__ = ["Eligible", "Key", "PairingPlan"]

Key: TypeAlias = Literal["contact_id", "customer_id"]
Eligible: TypeAlias = Literal["answered", "all"]

KEYS: Final[tuple[Key, ...]] = get_args(Key)
WINDOW_FORM: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(d|h|min|m|s)\s*")
SECONDS_OF: Final = {"d": 86_400, "h": 3_600, "min": 60, "m": 60, "s": 1}
LONGEST_WINDOW: Final = timedelta(days=3_660)


@dataclass(frozen=True)
class PairingPlan:
    """Which keys and which contacts may pair, and how far back an answer reaches.

    Attributes
    ----------
    by : {"contact_id", "customer_id"}, optional
        The one key to use. Without it: the contact id where a response has one, else the customer with the window.
    within : str or timedelta, default "72h"
        By customer only: how long before the anchor a contact may have started. ``"72h"``, ``"3d"``, ``"90m"``,
        ``"30min"``, ``"45s"``; above zero, at most ten years.
    one_per_contact : bool, default True
        Keep one response per contact and respondent role, the first answered.
    eligible : {"answered", "all"}, default "answered"
        By customer only: whether abandoned contacts may pair too. A contact id is believed either way.

    Raises
    ------
    ConfigError
        With every problem of the plan.

    Examples
    --------
    >>> PairingPlan(by="customer_id", within="3d").window
    datetime.timedelta(days=3)
    """

    by: Key | None = None
    within: str | timedelta = "72h"
    one_per_contact: bool = True
    eligible: Eligible = "answered"

    def __post_init__(self) -> None:
        problems = [
            *_choice_problems("by", self.by, (None, *KEYS)),
            *_choice_problems("eligible", self.eligible, get_args(Eligible)),
            *_window_problems(self.within),
        ]
        if problems:
            raise ConfigError("This pairing plan cannot be used.", problems)

    @property
    def keys(self) -> tuple[Key, ...]:
        """Keys in the order in which they are tried."""
        return KEYS if self.by is None else (self.by,)

    @property
    def window(self) -> timedelta:
        """``within`` as a length of time."""
        return _length(self.within)


def _choice_problems(name: str, value: object, known: tuple[object, ...]) -> list[str]:
    if value in known:
        return []
    return [f"{name}={value!r}; expected one of {', '.join(repr(choice) for choice in known)}"]


def _window_problems(within: object) -> list[str]:
    try:
        fits = isinstance(within, str | timedelta) and timedelta(0) < _length(within) <= LONGEST_WINDOW
    except (ValueError, OverflowError):
        fits = False
    if fits:
        return []
    return [
        f"within={within!r}; expected a number with its unit such as '72h', '3d', '90m', '30min' or '45s'"
        " (or a timedelta), above zero and at most ten years"
    ]


def _length(within: str | timedelta) -> timedelta:
    if isinstance(within, timedelta):
        return within
    form = WINDOW_FORM.fullmatch(within)
    if form is None:
        raise ValueError(within)
    return timedelta(seconds=float(form[1]) * SECONDS_OF[form[2]])
