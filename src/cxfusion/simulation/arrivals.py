"""Who calls on a day, when and about what, until an agent answers or the customer gives up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from cxfusion.simulation.congestion import SLOT_SECONDS
from cxfusion.simulation.customers import has_priority

if TYPE_CHECKING:
    from cxfusion.simulation.centre import Centre
    from cxfusion.simulation.congestion import Congestion
    from cxfusion.simulation.repeats import Returning

__all__ = ["Arrivals", "draw_arrivals"]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

WAIT_SHAPE: Final = 2.5  # of the gamma spread of single waits about the mean of their quarter of an hour
PATIENCE_SHAPE: Final = 1.3
IVR_SHAPE: Final = 4.0
FREQUENT_CALLERS: Final = 0.002  # the smaller, the heavier the tail of contacts per customer


@dataclass(frozen=True)
class Arrivals:
    """The contacts of a day in order of their start, until an agent answers or the customer gives up.

    Attributes
    ----------
    start_second : array, shape (contacts,)
        Seconds since midnight UTC.
    queue, channel, reason, customer : array, shape (contacts,)
        Numbers.
    n_prior_contacts : array, shape (contacts,)
        Earlier contacts about the same thing.
    earlier_difficulty : array, shape (contacts,)
        Hidden difficulty of the last of them; 0 where there was none.
    ivr_seconds, wait_seconds : array, shape (contacts,)
        Whole seconds; the wait of those who gave up is the time until they did.
    is_abandoned : array, shape (contacts,)
    """

    start_second: Ints
    queue: Ints
    channel: Ints
    reason: Ints
    customer: Ints
    n_prior_contacts: Ints
    earlier_difficulty: Floats
    ivr_seconds: Floats
    wait_seconds: Floats
    is_abandoned: Flags


def draw_arrivals(
    centre: Centre,
    n_contacts: int,
    congestion: Congestion,
    newcomers: int | range,
    customer_key: int,
    returning: Returning | None,
    rng: np.random.Generator,
) -> Arrivals:
    """Draw a day's arrivals.

    Parameters
    ----------
    centre : Centre
    n_contacts : int
    congestion : Congestion
    newcomers : int or range
        Customers who might call; a range numbers new ones, one per contact.
    customer_key : int
        What lasts about them hangs on it besides their number.
    returning : Returning, optional
        Those who come back, in place of as many others.
    rng : numpy.random.Generator
    """
    shares = congestion.arrival_shares
    counts = rng.multinomial(n_contacts, shares.ravel())
    cell = np.repeat(np.arange(shares.size), counts)
    start = (
        centre.opening_hour * 3600 + (cell % shares.shape[1]) * SLOT_SECONDS + rng.integers(0, SLOT_SECONDS, n_contacts)
    )
    order = np.argsort(start, kind="stable")
    cell, start = cell[order], start[order]
    queue = cell // shares.shape[1]
    spread = rng.standard_gamma(WAIT_SHAPE, n_contacts) / WAIT_SHAPE
    wait = rng.exponential(centre.ring_seconds, n_contacts) + congestion.mean_wait_seconds.ravel()[cell] * spread
    patience = centre.patience_seconds * rng.weibull(PATIENCE_SHAPE, n_contacts)
    arrivals = Arrivals(
        start_second=start,
        queue=queue,
        channel=_pick(rng.random(n_contacts), np.array(centre.channel_shares)),
        reason=_draw_reasons(centre, queue, rng),
        customer=_draw_customers(newcomers, n_contacts, rng),
        n_prior_contacts=np.zeros(n_contacts, dtype=np.int64),
        earlier_difficulty=np.zeros(n_contacts),
        ivr_seconds=np.rint(rng.standard_gamma(IVR_SHAPE, n_contacts) * (centre.ivr_seconds / IVR_SHAPE)),
        wait_seconds=wait,
        is_abandoned=np.zeros(n_contacts, dtype=bool),
    )
    if returning is not None:
        _let_in(arrivals, returning, rng)
    if centre.priority is not None:
        wait[has_priority(arrivals.customer, customer_key, centre.priority)] *= centre.priority.wait_factor
    return replace(arrivals, wait_seconds=np.rint(np.minimum(wait, patience)), is_abandoned=patience < wait)


def _let_in(arrivals: Arrivals, returning: Returning, rng: np.random.Generator) -> None:
    """Put those who come back in the places of others of their queue, as far as there are any."""
    for queue in np.unique(returning.queue):
        places = rng.permutation(np.flatnonzero(arrivals.queue == queue))
        back = np.flatnonzero(returning.queue == queue)[: len(places)]
        places = places[: len(back)]
        for name in ("customer", "reason", "n_prior_contacts", "earlier_difficulty"):
            getattr(arrivals, name)[places] = getattr(returning, name)[back]


def _pick(luck: Floats, shares: Floats) -> Ints:
    """Number of the share that each uniform draw falls into."""
    edges = np.cumsum(shares[:-1]) / shares.sum()
    return np.searchsorted(edges, luck, side="right")


def _draw_reasons(centre: Centre, queue: Ints, rng: np.random.Generator) -> Ints:
    luck = rng.random(len(queue))
    reason = np.empty(len(queue), dtype=np.int64)
    for number, parameters in enumerate(centre.queues):
        here = np.flatnonzero(queue == number)
        reason[here] = _pick(luck[here], np.array(parameters.mix))
    return reason


def _draw_customers(newcomers: int | range, n_contacts: int, rng: np.random.Generator) -> Ints:
    """Customers' numbers: density falling as (x + c)^-½ over the customer base, so that some call often."""
    if isinstance(newcomers, range):
        return np.arange(newcomers.start, newcomers.stop)
    low, high = np.sqrt(FREQUENT_CALLERS), np.sqrt(1 + FREQUENT_CALLERS)
    place = (low + rng.random(n_contacts) * (high - low)) ** 2 - FREQUENT_CALLERS
    customer: Ints = np.minimum((place * newcomers).astype(np.int64), newcomers - 1)
    return customer
