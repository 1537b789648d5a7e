"""Queues in steady state: what waiting so many agents give (Erlang C, and Erlang A for customers who lose patience).

Pure numbers on arrays. Poisson arrivals, exponential handling, first come first served; in Erlang A exponential
patience. Load is in erlangs: arrivals per second × handle time.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Queue", "erlang_a", "erlang_c", "fewest_between", "log_erlang_b"]

Floats: TypeAlias = "NDArray[np.float64]"
Flags: TypeAlias = "NDArray[np.bool_]"
NEGLIGIBLE: Final = 46.0  # beyond where a density has fallen to e⁻⁴⁶ = 1e-20 of its top, nothing of it counts
PATIENCES: Final = 30.0  # after so many nobody is left: beyond them the density may last on, of another scale
NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)
PANELS: Final = 8
SCENARIOS_AT_ONCE: Final = 2_000


@dataclass(frozen=True)
class Queue:
    """A queue in steady state; all arrays have one shape, an element per scenario.

    Attributes
    ----------
    wait_probability : ndarray
        Share of contacts that do not find a free agent.
    asa_seconds : ndarray
        Mean wait of answered contacts.
    wait_seconds : ndarray
        Mean wait of all contacts, answered or not.
    service_level : ndarray
        Answered within the target, over all but those who abandoned within it.
    service_level_of_offered : ndarray
        Answered within the target, over all.
    abandonment_rate : ndarray
    occupancy : ndarray
        Share of their time that agents handle contacts.
    """

    wait_probability: Floats
    asa_seconds: Floats
    wait_seconds: Floats
    service_level: Floats
    service_level_of_offered: Floats
    abandonment_rate: Floats
    occupancy: Floats

    @classmethod
    def joined(cls, parts: list[Queue]) -> Queue:
        """Several in one."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


def log_erlang_b(load: Floats, agents: Floats) -> Floats:
    """Logarithm of the Erlang B probability that all agents are busy when nobody can wait.

    Parameters
    ----------
    load : ndarray, shape (m,)
        Above zero.
    agents : ndarray, shape (m,)
        Whole numbers from 0.

    Notes
    -----
    By the recursion 1/B(n) = 1 + (n/a) / B(n − 1), which only adds positive numbers.

    Examples
    --------
    >>> float(np.exp(log_erlang_b(np.array([20.0]), np.array([25.0])))[0]).__round__(6)
    0.050222
    """
    log_inverse = np.zeros(len(load))
    for n in range(1, int(agents.max(initial=0)) + 1):
        step = np.logaddexp(0.0, np.log(n / load) + log_inverse)
        log_inverse = np.where(agents >= n, step, log_inverse)
    return -log_inverse


def erlang_c(load: Floats, agents: Floats, aht_seconds: Floats, target_seconds: Floats) -> Queue:
    """Everybody waits until answered.

    Parameters
    ----------
    load : ndarray, shape (m,)
        Erlangs, above zero and below ``agents``: a queue that grows for ever has no mean wait.
    agents : ndarray, shape (m,)
        Whole numbers.
    aht_seconds, target_seconds : ndarray, shape (m,)

    References
    ----------
    Erlang (1917); Gans, Koole & Mandelbaum (2003), M&SOM 5(2), section 4.

    Examples
    --------
    >>> one = np.ones(1)
    >>> float(erlang_c(10 * one, 14 * one, 180 * one, 20 * one).service_level.round(4)[0])
    0.8884
    """
    busy = np.exp(log_erlang_b(load, agents))
    wait_probability = busy / (1 - load / agents * (1 - busy))
    spare = (agents - load) / aht_seconds  # contacts per second that could be handled besides
    asa = wait_probability / spare
    level = 1 - wait_probability * np.exp(-spare * target_seconds)
    return Queue(wait_probability, asa, asa, level, level, np.zeros(len(load)), load / agents)


def erlang_a(
    load: Floats, agents: Floats, aht_seconds: Floats, target_seconds: Floats, patience_seconds: Floats
) -> Queue:
    """Customers who wait longer than their patience lasts hang up.

    Parameters
    ----------
    load : ndarray, shape (m,)
        Erlangs, above zero; more than ``agents`` is fine, since abandonment keeps the queue in check.
    agents : ndarray, shape (m,)
        Whole numbers from 1.
    aht_seconds, target_seconds : ndarray, shape (m,)
    patience_seconds : ndarray, shape (m,)
        Mean time after which a customer who is still waiting gives up.

    Notes
    -----
    The offered wait (what an infinitely patient customer would wait) has an atom at zero and the density
    λ·exp(λ(1 − e^{−θx})/θ − nμx) beyond, up to a constant; everything is an integral over it, done by Gauss–Legendre
    quadrature.

    References
    ----------
    Palm (1957); Baccelli & Hebuterne (1981); Mandelbaum & Zeltyn (2005), "The Palm/Erlang-A queue, with applications
    to call centers".

    Examples
    --------
    >>> one = np.ones(1)
    >>> queue = erlang_a(10 * one, 10 * one, 180 * one, 20 * one, 180 * one)
    >>> float(queue.abandonment_rate.round(6)[0])  # handling and patience alike: so many are there as come, Poisson(10)
    0.12511
    """
    given = (load, agents, aht_seconds, target_seconds, patience_seconds)
    parts = [
        _erlang_a(*(values[start : start + SCENARIOS_AT_ONCE] for values in given))
        for start in range(0, max(len(load), 1), SCENARIOS_AT_ONCE)
    ]
    return Queue.joined(parts)


def _erlang_a(load: Floats, agents: Floats, aht: Floats, target: Floats, patience: Floats) -> Queue:
    offered = _OfferedWait(load, agents, aht, patience)
    zero, end = np.zeros(len(load)), offered.end()
    cut = np.minimum(target, end)
    log_at_once = -log_erlang_b(load, agents - 1)  # the atom at zero
    scale = np.maximum(log_at_once, offered.top)  # with agents to spare the atom is beyond floats, else the density
    settled = np.clip(PATIENCES * patience, cut, end)
    soon = offered.parts(zero, cut, scale)
    later = offered.parts(cut, settled, scale) + offered.parts(settled, end, scale)
    at_once = np.exp(log_at_once - scale)
    whole = at_once + soon.all + later.all
    answered = (at_once + soon.answered + later.answered) / whole
    abandoned = (soon.abandoned + later.abandoned) / whole
    in_time = (at_once + soon.answered) / whole
    gone_in_time = (soon.abandoned - later.all * np.expm1(-target / patience)) / whole
    return Queue(
        wait_probability=(soon.all + later.all) / whole,
        asa_seconds=(soon.waited_answered + later.waited_answered) / whole / answered,
        wait_seconds=abandoned * patience,
        service_level=in_time / (1 - gone_in_time),
        service_level_of_offered=in_time,
        abandonment_rate=abandoned,
        occupancy=load * answered / agents,
    )


@dataclass(frozen=True)
class _Parts:
    """Integrals of the offered wait's density over an interval, by what became of the customer."""

    all: Floats
    answered: Floats
    abandoned: Floats
    waited_answered: Floats

    def __add__(self, other: _Parts) -> _Parts:
        return _Parts(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(self)))


@dataclass(frozen=True)
class _OfferedWait:
    """Density of the offered wait beyond zero, divided by what keeps every number from overflowing."""

    load: Floats
    agents: Floats
    aht: Floats
    patience: Floats

    def _log(self, x: Floats) -> Floats:
        """Logarithm of the density without its leading λ; concave in x."""
        shape = (-1, *[1] * (x.ndim - 1))
        load, agents, aht, patience = (v.reshape(shape) for v in (self.load, self.agents, self.aht, self.patience))
        return -load / aht * patience * np.expm1(-x / patience) - agents / aht * x

    @property
    def peak(self) -> Floats:
        """Where the density is highest: at zero unless the queue is overloaded."""
        return self.patience * np.log(np.maximum(self.load / self.agents, 1.0))

    @property
    def top(self) -> Floats:
        """Logarithm of the density's top."""
        return self._log(self.peak)

    def end(self) -> Floats:
        """Where the density has become negligible, found by doubling and halving."""
        top, low = self.top, self.peak
        step = self.aht / self.agents
        while (is_near := self._log(low + step) > top - NEGLIGIBLE).any():
            step = np.where(is_near, 2 * step, step)
        return low + step

    def parts(self, start: Floats, stop: Floats, scale: Floats) -> _Parts:
        """Integrals from ``start`` to ``stop``, divided by exp(``scale``); an empty stretch costs nothing."""
        is_open = stop > start
        found = np.zeros((len(fields(_Parts)), len(start)))
        if is_open.any():
            here = _OfferedWait(*(getattr(self, field.name)[is_open] for field in fields(self)))
            found[:, is_open] = here._integrals(start[is_open], stop[is_open], scale[is_open])
        return _Parts(*found)

    def _integrals(self, start: Floats, stop: Floats, scale: Floats) -> Floats:
        """Of :class:`_Parts`, each over so many panels; shape (4, m)."""
        edges = np.linspace(0.0, 1.0, PANELS + 1)
        within = (edges[:-1, None] + (NODES + 1) / 2 / PANELS).ravel()
        x = start[:, None] + (stop - start)[:, None] * within
        weight = np.tile(WEIGHTS / 2 / PANELS, PANELS) * (stop - start)[:, None]
        rate = (self.load / self.aht)[:, None]
        density = rate * np.exp(self._log(x) - scale[:, None]) * weight
        answered = density * np.exp(-x / self.patience[:, None])
        abandoned = density * -np.expm1(-x / self.patience[:, None])
        return np.stack([part.sum(axis=1) for part in (density, answered, abandoned, answered * x)])


def fewest_between(least: Floats, enough: Floats, meets: Callable[[Floats], Flags]) -> Floats:
    """Fewest whole agents that serve well enough, by bisection: more never serve worse.

    Parameters
    ----------
    least, enough : array
        Too few, or the fewest that may be asked about; and enough.
    meets : callable
        Whether so many, shape as these, serve well enough.
    """
    while (enough - least > 1).any():
        middle = np.maximum(np.floor((least + enough) / 2), 1.0)
        is_enough = meets(np.where(enough - least > 1, middle, enough))
        is_open = enough - least > 1
        enough = np.where(is_open & is_enough, middle, enough)
        least = np.where(is_open & ~is_enough, middle, least)
    return enough
