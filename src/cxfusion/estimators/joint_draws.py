"""Draws from the joint distribution of several estimates, and how sure they leave the estimates' order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DRAWS", "drawn_errors", "rank_ends", "ranks_of"]

DRAWS: Final = 20_000


def drawn_errors(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Errors of several estimates, drawn together from a normal distribution, shape (draws, m).

    Parameters
    ----------
    covariance : array, shape (m, m)
    """
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(np.random.default_rng(0).standard_normal((DRAWS, len(root))) @ root.T)


def ranks_of(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Ranks within each row, 1 for the smallest value; equal ones as they stand."""
    order = np.argsort(values, axis=1, kind="stable")
    return np.argsort(order, axis=1, kind="stable").astype(np.int64) + 1


def rank_ends(ranks: NDArray[np.int64], conf_level: float) -> NDArray[np.int64]:
    """Ends of the interval of each rank over the draws, shape (2, m) from (draws, m)."""
    tail = (1 - conf_level) / 2
    return np.asarray(np.quantile(ranks, [tail, 1 - tail], axis=0, method="inverted_cdf").astype(np.int64))
