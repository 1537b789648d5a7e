"""Solving with an information matrix that may have directions the data cannot tell apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_solve

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Inverse", "invert_information", "solve_information"]

ALIASED_BELOW = 1e-10  # share of the largest eigenvalue of the scaled matrix; float64 keeps 16 digits
SAFE_PIVOT = 1e-8  # far above rounding, so that Cholesky's answer is good where every pivot is larger
NAMED_BY = 1e-6  # part that a column has in an aliased direction before it counts as not identified


@dataclass(frozen=True)
class Inverse:
    """Inverse of a symmetric matrix on the directions that it determines.

    Attributes
    ----------
    root : array, shape (q, r)
        ``root @ root.T`` is the inverse; r is the number of determined directions.
    is_identified : bool array, shape (q,)
        False for parameters that take part in an undetermined direction.
    """

    root: NDArray[np.float64]
    is_identified: NDArray[np.bool_]

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The inverse, shape (q, q)."""
        return self.root @ self.root.T


def invert_information(information: NDArray[np.float64]) -> Inverse:
    """Invert an information matrix, leaving out aliased directions.

    The matrix is scaled to a unit diagonal first, so that units do not decide what counts as aliased. Estimable
    quantities do not depend on which generalised inverse is used.

    Parameters
    ----------
    information : array, shape (q, q)
        Symmetric, positive semi-definite.
    """
    scale = _scale(information)
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    kept = values > ALIASED_BELOW * values[-1]
    root = vectors[:, kept] / np.sqrt(values[kept]) / scale[:, None]
    return Inverse(root, np.abs(vectors[:, ~kept]).max(axis=1, initial=0.0) < NAMED_BY)


def solve_information(information: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solution of ``information @ x = right`` on the directions that the matrix determines.

    Parameters
    ----------
    information : array, shape (q, q)
    right : array, shape (q,)
        Without a part in aliased directions, as gradients are.
    """
    scale = _scale(information)
    try:
        factor = np.linalg.cholesky(information / np.outer(scale, scale))
    except np.linalg.LinAlgError:
        factor = np.zeros((1, 1))
    if np.diag(factor).min() ** 2 < SAFE_PIVOT:  # an aliased direction: slower, but it can be left out
        root = invert_information(information).root
        return np.asarray(root @ (root.T @ right))
    return np.asarray(cho_solve((factor, True), right / scale) / scale)


def _scale(information: NDArray[np.float64]) -> NDArray[np.float64]:
    diagonal = np.diag(information)
    return np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
