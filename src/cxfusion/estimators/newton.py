"""The maximum of a log-likelihood by Newton's steps, each of which looks at all rows once.

A sample of the rows makes the looks fewer: its own maximum is near that of all rows, and what its likelihood has beyond
a parabola bends each step, so that no more than that part's sampling error is left for the next look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from cxfusion.errors import ConvergenceError
from cxfusion.estimators.solving import solve_information

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["CONVERGED_AT", "Peak", "Sample", "Surface", "climb"]

CONVERGED_AT: Final = 1e-16
"""Newton decrement per unit of weight, about twice the distance of the mean log-likelihood from its maximum. Its root
is about the error that is left in the information, as a share of it; with a sample, a tenth of that."""
NOTHING_TO_ADD: Final = 0.01
"""Share of it at which a sample does not make the information any better that counts."""
AS_CHANCE: Final = 10.0
"""Decrement of a sample per parameter up to which its maximum is no better to begin at: chance alone makes it 1."""
LEAST_TO_BEGIN: Final = 500
"""Rows of a sample for each parameter, to begin at its maximum: with fewer, an ordinary step comes as near to that of
all rows, and what few rows say of a rare level may lead far away."""
MAX_STEPS: Final = 50
MAX_HALVINGS: Final = 20


@dataclass
class Surface:
    """Log-likelihood of some rows at some parameters, its gradient, and the observed information.

    Attributes
    ----------
    log_likelihood : float
    gradient : array, shape (q,)
    information : array, shape (q, q)
    """

    log_likelihood: float
    gradient: NDArray[np.float64]
    information: NDArray[np.float64]

    @classmethod
    def flat(cls, q: int) -> Surface:
        """That of no rows."""
        return cls(0.0, np.zeros(q), np.zeros((q, q)))

    def add(self, other: Surface) -> Surface:
        """That of the rows of both, in the memory of this one."""
        self.log_likelihood += other.log_likelihood
        self.gradient += other.gradient
        self.information += other.information
        return self


@dataclass(frozen=True)
class Peak:
    """Where a log-likelihood is highest.

    Attributes
    ----------
    parameters : array, shape (q,)
    information : array, shape (q, q)
    log_likelihood : float
        As it was seen last, a negligible step before.
    first_information : array, shape (q,)
        Of each parameter, where the first step began.
    n_steps : int
        Steps taken, the last one included.
    """

    parameters: NDArray[np.float64]
    information: NDArray[np.float64]
    log_likelihood: float
    first_information: NDArray[np.float64]
    n_steps: int


@dataclass(frozen=True)
class Sample:
    """Some of the rows.

    Attributes
    ----------
    look : callable
        Gives their surface at any parameters.
    n : int
    scale : float
        Weight of all rows for one of theirs.
    weight : float
        Of one of them, on average.
    """

    look: Callable[[NDArray[np.float64]], Surface]
    n: int
    scale: float
    weight: float

    def begun(self, begin: NDArray[np.float64]) -> NDArray[np.float64]:
        """Parameters near the maximum, or those given where the sample is too small or they are as near."""
        if self.n < LEAST_TO_BEGIN * len(begin):
            return begin
        try:
            peak = climb(self.look, begin, AS_CHANCE * len(begin) * self.weight)
        except ConvergenceError:  # what a few rows do not settle, all rows may
            return begin
        return begin if peak.n_steps == 1 else peak.parameters

    def bent(
        self, here: NDArray[np.float64], direction: NDArray[np.float64], surface: Surface
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """A Newton step of all rows, bent as the likelihood of the sample departs from its parabola; information there.

        References
        ----------
        Jordan, Lee & Yang (2019), JASA 114, 668–681 (the likelihood of a part for what the whole's has beyond a few
        derivatives).
        """
        few, moved = self.look(here), self.look(here + direction)
        if not np.isfinite(moved.log_likelihood):
            return direction, surface.information
        information = surface.information + self.scale * (moved.information - few.information)
        left = self.scale * (moved.gradient - few.gradient + few.information @ direction)
        bend = solve_information(information, left)
        # as long as the bend is the shorter part of it, the step leads uphill
        is_short = 4 * (bend @ surface.information @ bend) < surface.gradient @ direction
        return (direction + bend, information) if is_short else (direction, surface.information)


def climb(
    look: Callable[[NDArray[np.float64]], Surface],
    begin: NDArray[np.float64],
    close: float,
    sample: Sample | None = None,
    name: str = "The cumulative logit",
) -> Peak:
    """Climb to the maximum.

    Parameters
    ----------
    look : callable
        Gives the surface at any parameters; one fold each.
    begin : array, shape (q,)
    close : float
        Newton decrement at which one step more is negligible.
    sample : Sample, optional
    name : str
        Of the model, for whoever is to read why it has no maximum.

    Raises
    ------
    ConvergenceError
        The maximum was not reached.
    """
    here, surface = begin, look(begin)
    first_information = np.diag(surface.information)
    for n_steps in range(1, MAX_STEPS + 1):
        step = solve_information(surface.information, surface.gradient)
        information, decrement = surface.information, surface.gradient @ step
        if sample is not None and decrement > close * NOTHING_TO_ADD:
            step, information = sample.bent(here, step, surface)
        if decrement < close:
            return Peak(here + step, information, surface.log_likelihood, first_information, n_steps)
        here, surface = _step(look, here, step, surface, name)
    raise ConvergenceError(
        f"{name} did not settle within {MAX_STEPS} Newton steps. Expected a log-likelihood with a maximum; look for a"
        " lever or control that predicts the answers perfectly, for very large values, or for more columns than the"
        " answers can tell apart."
    )


def _step(
    look: Callable[[NDArray[np.float64]], Surface],
    here: NDArray[np.float64],
    step: NDArray[np.float64],
    surface: Surface,
    name: str,
) -> tuple[NDArray[np.float64], Surface]:
    """One step, halved until the likelihood does not fall."""
    allowance = 1e-10 * abs(surface.log_likelihood)  # rounding of a long sum
    for halving in range(MAX_HALVINGS):
        trial = here + step * 0.5**halving
        there = look(trial)  # where two cuts have crossed, the likelihood is no number
        if there.log_likelihood >= surface.log_likelihood - allowance:
            return trial, there
    raise ConvergenceError(
        f"{name} found no better point along a Newton step. Expected a smooth likelihood; look for infinite or"
        " extremely large values among the levers, or use fewer columns that differ between cuts."
    )
