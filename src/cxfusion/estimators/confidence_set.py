"""Confidence sets of one effect that need not be an interval: they may be unbounded, in pieces, or empty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import eig

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ConfidenceSet", "quadratic_confidence_set"]

REAL_BELOW = 1e-6  # imaginary part, relative, that rounding may leave to a real root


@dataclass(frozen=True)
class ConfidenceSet:
    """Union of intervals, in increasing order.

    Attributes
    ----------
    intervals : tuple of (float, float)
        Ends may be infinite.
    """

    intervals: tuple[tuple[float, float], ...]

    @property
    def is_empty(self) -> bool:
        """No effect fits: the model behind the test is rejected."""
        return not self.intervals

    @property
    def is_bounded(self) -> bool:
        """Whether the data rule out effects of any size in both directions."""
        return all(np.isfinite(end) for interval in self.intervals for end in interval)

    def __contains__(self, effect: float) -> bool:
        return any(low <= effect <= high for low, high in self.intervals)


def quadratic_confidence_set(
    moments: NDArray[np.float64],
    covariance: NDArray[np.float64],
    critical: float,
    around: tuple[float, float],
) -> ConfidenceSet:
    """Effects b at which g(b)′ Ω(b)⁻¹ g(b) ≤ critical, where g = moments @ (1, −b) and Ω is its covariance.

    The ends are roots of det [[Ω, g], [g′, critical]], a polynomial of degree 2k in b, found as eigenvalues; between
    neighbouring ends the test itself decides. So no grid is searched, and no piece is missed.

    Parameters
    ----------
    moments : array, shape (k, 2)
    covariance : array, shape (2k, 2k)
        Of the two columns of ``moments``, one after the other.
    critical : float
    around : tuple of float
        A centre and a width near which ends are likely, for the digits' sake.

    References
    ----------
    Tisseur & Meerbergen (2001), "The quadratic eigenvalue problem", SIAM Review 43, 235–286.
    """
    centre, width = around
    k = len(moments)
    change = np.array([[1.0, 0.0], [-centre, -width]])  # with b = centre + width·t, g is moments @ change @ (1, t)
    wide = np.kron(change, np.eye(k))
    near = wide.T @ covariance @ wide
    scale = np.sqrt(np.trace(near[:k, :k]) / k)
    local = _Quadratic(moments @ change / scale, near / scale**2, critical)
    ends = local.ends()
    points = [ends[0] - 1.0, *((ends[1:] + ends[:-1]) / 2), ends[-1] + 1.0] if len(ends) else [0.0]
    borders = [-np.inf, *(centre + width * ends), np.inf]
    pieces: list[tuple[float, float]] = []
    for low, high, point in zip(borders[:-1], borders[1:], points, strict=True):
        if local.statistic(point) <= critical:
            touches = bool(pieces) and pieces[-1][1] == low
            pieces.append((pieces.pop()[0] if touches else float(low), float(high)))
    return ConfidenceSet(tuple(pieces))


@dataclass(frozen=True)
class _Quadratic:
    """The test as a function of t, with g = moments @ (1, t)."""

    moments: NDArray[np.float64]
    covariance: NDArray[np.float64]
    critical: float

    def statistic(self, t: float) -> float:
        """Value of the test at t."""
        k = len(self.moments)
        at = np.kron(np.array([[1.0], [t]]), np.eye(k))
        g = self.moments @ np.array([1.0, t])
        return float(g @ np.linalg.solve(at.T @ self.covariance @ at, g))

    def ends(self) -> NDArray[np.float64]:
        """Real roots of the bordered determinant, in increasing order."""
        constant, linear, square = self._bordered()
        size = len(constant)
        zero, one = np.zeros((size, size)), np.eye(size)
        left = np.block([[zero, one], [-constant, -linear]])
        right = np.block([[one, zero], [zero, square]])
        (alpha, beta), _ = eig(left, right, homogeneous_eigvals=True)
        finite = np.abs(beta) > 1e-12 * np.abs(alpha)
        roots = alpha[finite] / beta[finite]
        return np.sort(roots.real[np.abs(roots.imag) <= REAL_BELOW * (1 + np.abs(roots.real))])

    def _bordered(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Coefficients of 1, t and t² in [[Ω, g], [g′, critical]]."""
        k = len(self.moments)
        own, cross, other = self.covariance[:k, :k], self.covariance[:k, k:], self.covariance[k:, k:]
        constant, linear, square = (np.zeros((k + 1, k + 1)) for _ in range(3))
        constant[:k, :k], linear[:k, :k], square[:k, :k] = own, cross + cross.T, other
        constant[:k, k] = constant[k, :k] = self.moments[:, 0]
        linear[:k, k] = linear[k, :k] = self.moments[:, 1]
        constant[k, k] = self.critical
        return constant, linear, square
