"""What customers made of it: latent satisfaction, skewed and heavy-tailed noise, and cuts into scores.

Only waits, transfers and the waits after them are read here; so hold, talk and the menu have no effect.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

if TYPE_CHECKING:
    from cxfusion.simulation.centre import Centre, Noise

__all__ = [
    "Lived",
    "annoyance",
    "draw_scores",
    "expected_csat",
    "expected_nps",
    "noise_cdf",
    "satisfaction",
]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

PASSIVE_FROM: Final = 7
PROMOTER_FROM: Final = 9


@dataclass(frozen=True)
class Lived:
    """What answered customers lived, one entry each: the levers, and all that no lever changes.

    Attributes
    ----------
    wait_seconds, ivr_seconds, talk_seconds, hold_seconds, n_transfers : array, shape (answered,)
    rewait_seconds : array, shape (answered,)
        Queueing after all transfers.
    last_rewait_seconds : array, shape (answered,)
        The part of ``rewait_seconds`` that the last transfer set off.
    background : array, shape (answered,)
        Latent satisfaction without any waiting or transfer.
    """

    wait_seconds: Floats
    ivr_seconds: Floats
    talk_seconds: Floats
    hold_seconds: Floats
    n_transfers: Ints
    rewait_seconds: Floats
    last_rewait_seconds: Floats
    background: Floats

    def take(self, rows: Ints) -> Lived:
        """Only these entries."""
        return Lived(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def annoyance(seconds: Floats, centre: Centre) -> Floats:
    """How annoying a wait is, 0 to 1: flat at first, then steepening, then saturating."""
    past_grace = np.maximum(seconds - centre.grace_seconds, 0.0) / centre.annoyance_seconds
    annoying: Floats = -np.expm1(-(past_grace**2))
    return annoying


def satisfaction(lived: Lived, centre: Centre) -> Floats:
    """Latent satisfaction before noise, shape (answered,)."""
    return (
        lived.background
        - centre.wait_effect * annoyance(lived.wait_seconds, centre)
        - centre.transfer_effect * lived.n_transfers
        - centre.rewait_effect * annoyance(lived.rewait_seconds, centre)
    )


def noise_cdf(x: Floats, noise: Noise) -> Floats:
    """Probability that the noise stays below ``x``, exactly."""
    t = (x - noise.wrong_shift) / noise.wrong_spread / np.sqrt(3.0)
    wrong = 0.5 + (t / (1 + t**2) + np.arctan(t)) / np.pi  # Student t, 3 degrees of freedom
    below: Floats = (1 - noise.wrong_share) * ndtr(x / noise.usual_spread) + noise.wrong_share * wrong
    return below


def expected_csat(latent: Floats, centre: Centre) -> Floats:
    """Mean CSAT (1 to 5) over the noise, exactly, at each latent satisfaction."""
    beyond = [1 - noise_cdf(cut - latent, centre.noise) for cut in centre.csat_cuts]
    return np.asarray(1.0 + sum(beyond))


def expected_nps(latent: Floats, centre: Centre) -> Floats:
    """Mean NPS (points: 100 for a promoter, −100 for a detractor) over the noise, exactly."""
    carried = centre.nps_carry * latent
    promoter = 1 - noise_cdf(centre.nps_cuts[PROMOTER_FROM - 1] - carried, centre.noise)
    detractor = noise_cdf(centre.nps_cuts[PASSIVE_FROM - 1] - carried, centre.noise)
    return np.asarray(100 * (promoter - detractor))


def draw_scores(latent: Floats, centre: Centre, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Draw CSAT (1 to 5) and likelihood to recommend (0 to 10) at each latent satisfaction."""
    csat_noise, nps_noise = _draw_noise(len(latent), centre, rng)
    csat = 1 + np.searchsorted(centre.csat_cuts, latent + csat_noise)
    nps = np.searchsorted(centre.nps_cuts, centre.nps_carry * latent + nps_noise)
    return csat, nps


def _draw_noise(n: int, centre: Centre, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Noise of both scores: each a mixture of its own, linked, and wrong on the same contacts."""
    noise, link = centre.noise, centre.noise_link
    first, second = rng.standard_normal((2, n))
    second = link * first + np.sqrt(1 - link**2) * second
    is_wrong = rng.random(n) < noise.wrong_share
    tail = noise.wrong_spread / np.sqrt(rng.chisquare(3, n) / 3)
    scale = np.where(is_wrong, tail, noise.usual_spread)
    shift = np.where(is_wrong, noise.wrong_shift, 0.0)
    return shift + scale * first, shift + scale * second
