"""Solving with an information matrix that may have directions the data cannot tell apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Inverse", "invert_information"]

ALIASED_BELOW = 1e-10  # share of the largest eigenvalue of the scaled matrix; float64 keeps 16 digits
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
    diagonal = np.diag(information)
    scale = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    kept = values > ALIASED_BELOW * values[-1]
    root = vectors[:, kept] / np.sqrt(values[kept]) / scale[:, None]
    return Inverse(root, np.abs(vectors[:, ~kept]).max(axis=1, initial=0.0) < NAMED_BY)
