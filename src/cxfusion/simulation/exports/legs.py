"""A contact taken apart into one leg per agent, with times that fit: what telephone systems record.

The canonical row tells sums only, so the parts are made up, but what they add up to is not.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Leg", "legs_of"]


@dataclass(frozen=True)
class Leg:
    """One wait and, unless the customer gave up, one agent. Seconds that the log lost are None.

    Attributes
    ----------
    number : int
        0 for the first one of a contact.
    agent : str or None
        None where nobody answered.
    started_at, queued_at, answered_at, left_at : datetime
        When it began, entered the queue, left it, and when its agent had done with the customer.
    wait_seconds, talk_seconds, hold_seconds, wrap_seconds, n_holds : int or None
    is_last : bool
    """

    number: int
    agent: str | None
    started_at: dt.datetime
    queued_at: dt.datetime
    answered_at: dt.datetime
    left_at: dt.datetime
    wait_seconds: int
    talk_seconds: int | None
    hold_seconds: int | None
    wrap_seconds: int | None
    n_holds: int
    is_last: bool


def legs_of(contact: Mapping[str, Any]) -> list[Leg]:
    """Legs of one canonical contact, in order.

    The first agent has the first leg, the last agent the last; every agent but the last has an equal part of the talk;
    hold and after-call work are the last agent's. All queueing after transfers is in the first of them.
    """
    n_transfers = contact["n_transfers"] or 0
    talk, at = contact["talk_seconds"], contact["started_at"]
    early = 0 if talk is None else talk // (n_transfers + 2)
    legs = []
    for number in range(n_transfers + 1):
        is_last = number == n_transfers
        wait = contact["wait_seconds"] if number == 0 else (contact["rewait_seconds"] if number == 1 else 0)
        queued = _later(at, contact["ivr_seconds"] if number == 0 else 0)
        answered = _later(queued, wait)
        own_talk = None if talk is None else talk - n_transfers * early if is_last else early
        left = contact["ended_at"] if is_last else _later(answered, own_talk)
        legs.append(
            Leg(
                number=number,
                agent=contact["agent_id"] if is_last else contact["first_agent_id"],
                started_at=at,
                queued_at=queued,
                answered_at=answered,
                left_at=left,
                wait_seconds=wait,
                talk_seconds=own_talk,
                hold_seconds=contact["hold_seconds"] if is_last else 0,
                wrap_seconds=contact["wrap_seconds"] if is_last else 0,
                n_holds=(contact["n_holds"] or 0) if is_last else 0,
                is_last=is_last,
            )
        )
        at = left
    return legs


def _later(at: dt.datetime, seconds: int | None) -> dt.datetime:
    """So many seconds later; impossible durations take no time."""
    return at + dt.timedelta(seconds=max(seconds or 0, 0))
