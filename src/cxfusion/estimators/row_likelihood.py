"""How likely each answer is at given parameters of an ordinal model, and how that changes with the predictor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RowDerivatives", "derivatives_at", "logistic", "row_derivatives"]

FAR: Final = 500.0
"""Linear predictor beyond which a probability is 0 or 1 anyway; its exponential stays finite."""


@dataclass
class RowDerivatives:
    """Likelihood of each row at given parameters, and what Newton's method needs of it. All shapes (n,).

    ``upper`` and ``lower`` are P(Y ≤ y) and P(Y < y); ``d_upper`` and ``d_lower`` the logistic densities there, and
    ``up`` and ``low`` these per probability.
    """

    probability: NDArray[np.float64]
    upper: NDArray[np.float64]
    lower: NDArray[np.float64]
    d_upper: NDArray[np.float64]
    d_lower: NDArray[np.float64]
    up: NDArray[np.float64]
    low: NDArray[np.float64]


def row_derivatives(cuts: NDArray[np.float64], eta: NDArray[np.float64], outcome: NDArray[np.int64]) -> RowDerivatives:
    """Likelihood of each row and its parts, with one exponential per row.

    Parameters
    ----------
    cuts : array, shape (categories − 1,)
    eta : array, shape (n,)
        Linear predictor.
    outcome : int array, shape (n,)

    Notes
    -----
    With u = e^η, a = e^−cut above and b = e^−cut below, P(Y ≤ y) = 1/(1 + u·a), P(Y < y) = 1/(1 + u·b), and their
    difference u·(b − a)/((1 + u·a)·(1 + u·b)) keeps its digits where both are near 0 or near 1. Below the lowest
    category b is infinite, and stands for 1/0.
    """
    falls = np.exp(-cuts)
    above, below = np.append(falls, 0.0), np.append(1.0, falls)
    is_inner = np.append(0.0, np.ones(len(cuts)))
    apart = np.append(1.0, np.append(-falls[:-1] * np.expm1(-np.diff(cuts)), falls[-1]))
    u = np.exp(np.clip(eta, -FAR, FAR))
    at_upper, at_lower = u * above[outcome], u * below[outcome]
    upper, inner = 1 / (1 + at_upper), is_inner[outcome]
    over = 1 / (inner + at_lower)
    lower = inner * over
    part = apart[outcome]
    return RowDerivatives(
        probability=u * part * upper * over,
        upper=upper,
        lower=lower,
        d_upper=at_upper * upper * upper,
        d_lower=at_lower * lower * over,
        up=above[outcome] / part * (inner + at_lower) * upper,
        low=inner * below[outcome] / part * (1 + at_upper) * over,
    )


def logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """1/(1 + e^−x), to the digits and in half the time of ``scipy.special.expit``."""
    with np.errstate(over="ignore"):  # far out the exponential is infinite, and the answer 0
        return np.asarray(1 / (1 + np.exp(-x)))


def derivatives_at(predictors: NDArray[np.float64], outcome: NDArray[np.int64]) -> RowDerivatives:
    """The same from the predictor of every cut, shape (n, cuts)."""
    n = len(outcome)
    end = np.full((1, n), np.inf)
    ends = np.vstack([-end, predictors.T, end]).ravel()
    place = outcome * n + np.arange(n)
    above, below = ends[place + n], ends[place]
    upper, lower = logistic(above), logistic(below)
    # F(a) − F(b) = F(a)·F(−b)·(1 − e^(b−a)) keeps its digits where both are near 0 or near 1
    probability = upper * logistic(-below) * -np.expm1(below - above)
    d_upper, d_lower = upper * (1 - upper), lower * (1 - lower)
    return RowDerivatives(probability, upper, lower, d_upper, d_lower, d_upper / probability, d_lower / probability)
