"""What moves a score besides everything simulated: noises of several shapes, none of them logistic.

Each has its exact distribution function, so that truths need no drawing, and draws both scores' noise with one link.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincc, gammainccinv, ndtr, stdtr, stdtrit

__all__ = ["HeavyNoise", "MixedNoise", "Noise", "SkewedNoise", "UniformNoise"]

Floats: TypeAlias = npt.NDArray[np.float64]

GAMMA_SHAPE = 2.0


class Noise(Protocol):
    """A distribution of latent points about zero."""

    def below(self, x: Floats) -> Floats:
        """Probability that the noise stays below ``x``, exactly."""
        ...

    def draw(self, linked: Floats, rng: np.random.Generator) -> Floats:
        """Noise of both scores, shape (2, n), made from standard normal draws that carry their link."""
        ...


@dataclass(frozen=True)
class MixedNoise:
    """Mostly normal, now and then something went wrong.

    A mixture of a normal (standard deviation ``usual_spread``) and a Student t with 3 degrees of freedom
    (``wrong_spread``, shifted by ``wrong_shift``): skewed, heavy-tailed, and wrong on the same contacts in both scores.

    Attributes
    ----------
    usual_spread, wrong_spread, wrong_shift : float
        Latent points.
    wrong_share : float
        Share of contacts on which something went wrong.
    """

    usual_spread: float = 0.80
    wrong_share: float = 0.15
    wrong_shift: float = -0.90
    wrong_spread: float = 0.90

    def below(self, x: Floats) -> Floats:
        """Probability that the noise stays below ``x``, exactly."""
        t = (x - self.wrong_shift) / self.wrong_spread / np.sqrt(3.0)
        wrong = 0.5 + (t / (1 + t**2) + np.arctan(t)) / np.pi  # Student t, 3 degrees of freedom
        below: Floats = (1 - self.wrong_share) * ndtr(x / self.usual_spread) + self.wrong_share * wrong
        return below

    def draw(self, linked: Floats, rng: np.random.Generator) -> Floats:
        """Noise of both scores, shape (2, n)."""
        n = linked.shape[1]
        is_wrong = rng.random(n) < self.wrong_share
        tail = self.wrong_spread / np.sqrt(rng.chisquare(3, n) / 3)
        drawn: Floats = np.where(is_wrong, self.wrong_shift, 0.0) + np.where(is_wrong, tail, self.usual_spread) * linked
        return drawn


@dataclass(frozen=True)
class UniformNoise:
    """Equally likely everywhere up to ``half_width`` latent points on either side, and impossible beyond."""

    half_width: float = 1.7

    def below(self, x: Floats) -> Floats:
        """Probability that the noise stays below ``x``, exactly."""
        return np.clip(0.5 + x / (2 * self.half_width), 0.0, 1.0)

    def draw(self, linked: Floats, rng: np.random.Generator) -> Floats:
        """Noise of both scores, shape (2, n)."""
        drawn: Floats = self.half_width * (2 * ndtr(linked) - 1)
        return drawn


@dataclass(frozen=True)
class SkewedNoise:
    """Hardly ever better than expected, sometimes far worse: the negative of a gamma with shape 2, about its mean."""

    scale: float = 0.7

    def below(self, x: Floats) -> Floats:
        """Probability that the noise stays below ``x``, exactly."""
        return np.asarray(gammaincc(GAMMA_SHAPE, np.maximum(GAMMA_SHAPE - x / self.scale, 0.0)), dtype=np.float64)

    def draw(self, linked: Floats, rng: np.random.Generator) -> Floats:
        """Noise of both scores, shape (2, n)."""
        return np.asarray(self.scale * (GAMMA_SHAPE - gammainccinv(GAMMA_SHAPE, ndtr(linked))), dtype=np.float64)


@dataclass(frozen=True)
class HeavyNoise:
    """A Student t with few degrees of freedom: mostly little, now and then anything."""

    scale: float = 0.65
    degrees: float = 2.5

    def below(self, x: Floats) -> Floats:
        """Probability that the noise stays below ``x``, exactly."""
        return np.asarray(stdtr(self.degrees, x / self.scale), dtype=np.float64)

    def draw(self, linked: Floats, rng: np.random.Generator) -> Floats:
        """Noise of both scores, shape (2, n)."""
        return np.asarray(self.scale * stdtrit(self.degrees, ndtr(linked)), dtype=np.float64)
