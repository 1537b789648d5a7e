"""What is known of each lever, rung by rung, and how it is handed from one piece of the work to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxfusion.estimators.distributions import norm, student_t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cxfusion.estimators.effects import Effects
    from cxfusion.estimators.held import ModelRows
    from cxfusion.estimators.influence import OrdinalFit
    from cxfusion.evidence.catalogue import Lever, Moment
    from cxfusion.evidence.checks import Check
    from cxfusion.evidence.decomposition import Breakdown
    from cxfusion.evidence.design import Design
    from cxfusion.evidence.robustness import Robustness
    from cxfusion.evidence.witness import Kappa

__all__ = ["RUNGS", "FittedModel", "Ladder", "RungEstimate", "Shift", "Untold"]

RUNGS: Final = ("raw", "adjusted", "within", "corrected", "between", "congestion", "experiment")
"""In the order of a table: ever fairer comparisons, then those that stand on other ground."""


@dataclass(frozen=True)
class RungEstimate:
    """One lever on one rung: an estimate, or the reason why there is none.

    Attributes
    ----------
    lever : Lever
    rung : str
    reason : str or None
        Why the rung is not applicable; None where it is.
    step : float
        The step used; the one asked for where the rung is not applicable.
    estimate, std_error, conf_low, conf_high, p_value, local_estimate, remove_all : float or None
        In points of the outcome.
    n, n_clusters : int
        Responses and clusters used in this fit; 0 where not applicable.
    degrees : float or None
        Degrees of freedom of Student's t; clusters less one unless given.
    unassigned : float or None
        Of a design that rests on assignment: the estimate of the same equation on the same rows by adjustment alone.
    """

    lever: Lever
    rung: str
    reason: str | None
    step: float
    estimate: float | None = None
    std_error: float | None = None
    conf_low: float | None = None
    conf_high: float | None = None
    p_value: float | None = None
    local_estimate: float | None = None
    remove_all: float | None = None
    n: int = 0
    n_clusters: int = 0
    degrees: float | None = None
    unassigned: float | None = None

    def interval(self, conf_level: float) -> tuple[float, float]:
        """Ends of its interval at any level, by Student's t."""
        degrees = self.n_clusters - 1 if self.degrees is None else self.degrees
        estimate, reach = self.estimate or 0.0, float(student_t.reach(conf_level, degrees))
        reach *= self.std_error or 0.0
        return estimate - reach, estimate + reach

    def row(self, outcome: str) -> dict[str, Any]:
        """The estimate, or why there is none, in the columns of ``evidence.parquet``."""
        return {
            "outcome": outcome, "lever": self.lever.name, "rung": self.rung, "unit": self.lever.unit,
            "step": self.step, "estimate": self.estimate, "std_error": self.std_error,
            "conf_low": self.conf_low, "conf_high": self.conf_high, "p_value": self.p_value,
            "n": self.n, "n_clusters": self.n_clusters,
            "status": "ok" if self.reason is None else "not_applicable", "reason": self.reason,
        }  # fmt: skip


@dataclass(frozen=True)
class Shift:
    """What of an effect something else may account for: hidden difficulty, or who the customers are.

    Attributes
    ----------
    estimate, std_error : float
        In points of the outcome per step.
    """

    estimate: float
    std_error: float

    @property
    def reach(self) -> float:
        """Half the width of its 95 % interval."""
        return float(norm.isf(0.025)) * self.std_error

    @property
    def is_sure(self) -> bool:
        """Whether that interval excludes 0."""
        return abs(self.estimate) > self.reach


@dataclass(frozen=True)
class FittedModel:
    """The model behind the within rung of one moment, for whoever asks more of it than one step.

    Attributes
    ----------
    moment : str
    rung : {"within", "beside"}
        The within model, or the same with the negative control beside the levers.
    kappa : Kappa or None
        The factor by which the shift that the control shows falls short; None where the levers are not corrected.
    levers : tuple of Lever
        Those that may be changed and that it identifies.
    design : Design
    fit : CumulativeLogitFit or PartialOddsFit
    rows : ModelRows
    few : ModelRows
        Those of the part that stands for all of them where nothing is estimated.
    effects : tuple of Effects
        Of one step of each of the levers.
    values : tuple of float
        What each answer of its rows counts: of marks that none of them gave it knows nothing.
    """

    moment: Moment
    rung: str
    kappa: Kappa | None
    levers: tuple[Lever, ...]
    design: Design
    fit: OrdinalFit
    rows: ModelRows
    few: ModelRows
    effects: tuple[Effects, ...]
    values: tuple[float, ...]

    @property
    def n_cuts(self) -> int:
        """Cuts between its answers."""
        return len(self.values) - 1

    def cuts_among(self, values: Sequence[float]) -> NDArray[np.intp]:
        """Of each cut between the answers of the whole sample its place among the model's, shape (values − 1,).

        On both sides of a mark that none of its rows gave the cut is the same; −1 stands for one below all of its
        answers, ``n_cuts`` for one above.
        """
        return np.searchsorted(self.values, values[:-1], side="right") - 1


@dataclass
class Ladder:
    """All rungs of all levers, and how far the negative control moved each.

    Attributes
    ----------
    rungs : list of RungEstimate
    checks : list of Check
        Of the within rung's form.
    shifts : dict of str to Shift
        By lever; levers that could not be corrected are not in it.
    robustness : list of Robustness
    effects : dict of (str, str) to Effects
        By lever and rung, ``within`` and ``corrected`` only: each cluster's influence, by which levers are compared.
    breakdowns : list of Breakdown
        What took the raw effect of each lever away on the way to the within rung.
    tilted : list of Ladder
        The same, one for each other weights that were asked about.
    models : list of FittedModel
        Behind the within and corrected rungs, moment by moment.
    """

    rungs: list[RungEstimate] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    shifts: dict[str, Shift] = field(default_factory=dict)
    robustness: list[Robustness] = field(default_factory=list)
    effects: dict[tuple[str, str], Effects] = field(default_factory=dict)
    breakdowns: list[Breakdown] = field(default_factory=list)
    tilted: list[Ladder] = field(default_factory=list)
    models: list[FittedModel] = field(default_factory=list)

    def of(self, lever: Lever) -> dict[str, RungEstimate]:
        """The rungs of one lever, by name."""
        return {found.rung: found for found in self.rungs if found.lever is lever}

    def step_of(self, lever: Lever) -> float:
        """The step used on a lever's ladder; the one asked for where it has no estimate."""
        used = [found.step for found in self.rungs if found.lever is lever and found.reason is None]
        return used[-1] if used else lever.step


@dataclass(frozen=True)
class Untold:
    """The levers of one moment, where too few answers tell what its models need.

    Attributes
    ----------
    asked : sequence of Lever
    reason : str
    """

    asked: Sequence[Lever]
    reason: str

    def climb(self, ladder: Ladder) -> None:
        """Every rung says why there is nothing on it."""
        for rung in ("raw", "adjusted", "within"):
            ladder.rungs += self._on(rung)
        for other in ladder.tilted:
            other.rungs += self._on("within")

    def within(self) -> list[RungEstimate]:
        """The within rung alone."""
        return self._on("within")

    def _on(self, rung: str) -> list[RungEstimate]:
        return [RungEstimate(lever, rung, self.reason, lever.step) for lever in self.asked]
