"""Minimal residuals (MINRES) for many right-hand sides at once: the matrix is read once per round for all of them.

Each column takes its own steps, as if it were alone, and stands still once it has arrived.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

__all__ = ["minimal_residuals"]


def minimal_residuals(
    matrix: sparse.csr_array, right: NDArray[np.float64], enough: NDArray[np.float64], max_rounds: int
) -> NDArray[np.float64]:
    """Solutions of ``matrix @ x = right``, shape (q, m).

    Parameters
    ----------
    matrix : sparse array, shape (q, q)
        Symmetric, singular or not; the equations are consistent.
    right : array, shape (q, m)
    enough : array, shape (m,)
        Norm of each residual at which its column has arrived.
    max_rounds : int

    References
    ----------
    Paige & Saunders (1975), SIAM Journal on Numerical Analysis 12, 617–629.
    """
    norm = np.linalg.norm(right, axis=0)
    moving = np.flatnonzero(norm > enough)
    solution = np.zeros_like(right)
    state = _Lanczos(right[:, moving], norm[moving])
    for _ in range(max_rounds):
        if not len(moving):
            break
        solution[:, moving] += state.advance(matrix)
        has_arrived = (np.abs(state.residual) <= enough[moving]) | (state.beta <= 0)
        if has_arrived.any():
            moving = moving[~has_arrived]
            state.keep(~has_arrived)
    return solution


class _Lanczos:
    """Lanczos vectors of some columns and the rotations that make their tridiagonal matrices triangular."""

    def __init__(self, right: NDArray[np.float64], norm: NDArray[np.float64]) -> None:
        self._vector, self._before = right / norm, np.zeros_like(right)
        self._step, self._last_step = np.zeros_like(right), np.zeros_like(right)
        self.beta, self.residual = np.zeros_like(norm), norm.copy()
        self._cosine, self._sine = np.full_like(norm, -1.0), np.zeros_like(norm)
        self._last_cosine, self._last_sine = self._cosine.copy(), self._sine.copy()

    def keep(self, is_kept: NDArray[np.bool_]) -> None:
        """Let go of the other columns."""
        for name, value in vars(self).items():
            setattr(self, name, np.ascontiguousarray(value[..., is_kept]))

    def advance(self, matrix: sparse.csr_array) -> NDArray[np.float64]:
        """The next step of every column, shape (q, k)."""
        image = matrix @ self._vector
        alpha = np.einsum("ij,ij->j", self._vector, image)
        image -= alpha * self._vector
        image -= self.beta * self._before
        beta = np.linalg.norm(image, axis=0)
        # the last two rotations, applied to the new column (beta before, alpha, beta) of the tridiagonal matrix
        far = self._last_sine * self.beta
        near = -self._last_cosine * self.beta
        over = self._cosine * near + self._sine * alpha
        corner = self._sine * near - self._cosine * alpha
        radius = np.maximum(np.hypot(corner, beta), np.finfo(float).tiny)
        step = (self._vector - over * self._step - far * self._last_step) / radius
        self._last_cosine, self._last_sine = self._cosine, self._sine
        self._cosine, self._sine = corner / radius, beta / radius
        taken = self._cosine * self.residual
        self.residual = self._sine * self.residual
        self._step, self._last_step = step, self._step
        self._before, self._vector = self._vector, image / np.where(beta > 0, beta, 1.0)
        self.beta = beta
        return np.asarray(taken * step)
