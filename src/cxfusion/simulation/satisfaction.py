"""What customers made of it: latent satisfaction, noise on top, and cuts into scores.

In the default centre only waits, transfers and the waits after them count; hold, talk and the menu have no effect.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from cxfusion.simulation.centre import Centre

__all__ = [
    "Lived",
    "annoyance",
    "draw_scores",
    "expected_csat",
    "expected_nps",
    "satisfaction",
]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

PASSIVE_FROM: Final = 7
PROMOTER_FROM: Final = 9
THRESHOLD_SECONDS: Final = 20.0  # over which a wait past the threshold goes from fine to annoying


@dataclass(frozen=True)
class Lived:
    """What answered customers lived, one entry each: the levers, and all that no lever changes.

    Attributes
    ----------
    wait_seconds, ivr_seconds, talk_seconds, hold_seconds, n_transfers, n_prior_contacts : array, shape (answered,)
    rewait_seconds : array, shape (answered,)
        Queueing after all transfers.
    last_rewait_seconds : array, shape (answered,)
        The part of ``rewait_seconds`` that the last transfer set off.
    background : array, shape (answered,)
        Latent satisfaction without anything of the above.
    """

    wait_seconds: Floats
    ivr_seconds: Floats
    talk_seconds: Floats
    hold_seconds: Floats
    n_transfers: Ints
    n_prior_contacts: Ints
    rewait_seconds: Floats
    last_rewait_seconds: Floats
    background: Floats

    def take(self, rows: Ints) -> Lived:
        """Only these entries."""
        return Lived(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def annoyance(seconds: Floats, centre: Centre) -> Floats:
    """How annoying a wait is, 0 to 1: flat at first, then steepening, then saturating; or past a threshold."""
    if centre.wait_threshold_seconds:
        return np.clip((seconds - centre.wait_threshold_seconds) / THRESHOLD_SECONDS, 0.0, 1.0)
    past_grace = np.maximum(seconds - centre.grace_seconds, 0.0) / centre.annoyance_seconds
    annoying: Floats = -np.expm1(-(past_grace**2))
    return annoying


def satisfaction(lived: Lived, centre: Centre) -> Floats:
    """Latent satisfaction before noise, shape (answered,)."""
    latent = (
        lived.background
        - centre.wait_effect * annoyance(lived.wait_seconds, centre)
        - centre.transfer_effect * lived.n_transfers
        - centre.rewait_effect * annoyance(lived.rewait_seconds, centre)
    )
    if centre.hold_effect or centre.last_straw_effect:
        weary = lived.hold_seconds / (lived.hold_seconds + centre.hold_weary_seconds)
        straw = centre.last_straw_effect * annoyance(lived.wait_seconds, centre)
        latent -= (centre.hold_effect + straw) * weary
    if centre.talk_effect:
        squared = (lived.talk_seconds / centre.talk_weary_seconds) ** 2
        latent -= centre.talk_effect * squared / (1 + squared)
    if centre.repeat_effect:
        latent -= centre.repeat_effect * np.sqrt(lived.n_prior_contacts)
    return latent


def expected_csat(latent: Floats, centre: Centre) -> Floats:
    """Mean CSAT (1 to 5) over the noise, exactly, at each latent satisfaction."""
    beyond = [1 - centre.noise.below(cut - latent) for cut in centre.csat_cuts]
    return np.asarray(1.0 + sum(beyond))


def expected_nps(latent: Floats, centre: Centre) -> Floats:
    """Mean NPS (points: 100 for a promoter, −100 for a detractor) over the noise, exactly."""
    carried = centre.nps_carry * latent
    promoter = 1 - centre.noise.below(centre.nps_cuts[PROMOTER_FROM - 1] - carried)
    detractor = centre.noise.below(centre.nps_cuts[PASSIVE_FROM - 1] - carried)
    return np.asarray(100 * (promoter - detractor))


def draw_scores(latent: Floats, centre: Centre, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Draw CSAT (1 to 5) and likelihood to recommend (0 to 10) at each latent satisfaction; their noises are linked."""
    linked, link = rng.standard_normal((2, len(latent))), centre.noise_link
    linked[1] = link * linked[0] + np.sqrt(1 - link**2) * linked[1]
    csat_noise, nps_noise = centre.noise.draw(linked, rng)
    csat = 1 + np.searchsorted(centre.csat_cuts, latent + csat_noise)
    nps = np.searchsorted(centre.nps_cuts, centre.nps_carry * latent + nps_noise)
    return csat, nps
