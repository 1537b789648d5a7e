"""What the log says of the negative control: how much of after-call work is difficulty, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from cxfusion.estimators.distributions import chi2
from cxfusion.estimators.left_out import jackknife_error
from cxfusion.estimators.triads import CLEAR_FROM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Kappa", "Source", "Witness", "no_witness"]

Source: TypeAlias = Literal["triads", "case mix", "none"]
TIED_BELOW: Final = 0.001


@dataclass(frozen=True)
class Kappa:
    """By how much adding the noisy witness falls short: (1 − R²)/(ρ² − R²).

    Attributes
    ----------
    value, std_error : float
        The error is that of ρ² and R² in the log.
    """

    value: float
    std_error: float


@dataclass(frozen=True)
class Witness:
    """How much after-call work says about hidden difficulty.

    Everything is given agent, queue × hour of the week, queue × date and case mix.

    Attributes
    ----------
    source : {"triads", "case mix", "none"}
        Where the reliability comes from.
    reliability : float or None
        ρ², share of after-call work's variance that is difficulty; None where it cannot be known.
    triads : tuple of float
        One estimate of ρ² per pair of other indicators that go together; the one whose interval ends lowest is
        ``reliability``.
    n : int
        Contacts it was learned from.
    reason : str or None
        Why it cannot serve as a control; None where it can.
    covariance : array, shape (1 + basis columns, 1 + basis columns)
        Residual cross-products of log(1 + wrap) and the levers' bases.
    columns : mapping of str to slice
        Where each lever's basis stands in ``covariance``.
    reliability_without : array, shape (parts,)
        ``reliability`` without each part of the contacts in turn.
    covariance_without : array, shape (parts, …)
        ``covariance`` without each part in turn.
    """

    source: Source
    reliability: float | None
    triads: tuple[float, ...]
    n: int
    reason: str | None
    covariance: NDArray[np.float64]
    columns: Mapping[str, slice]
    reliability_without: NDArray[np.float64]
    covariance_without: NDArray[np.float64]

    def explained_by(self, levers: Sequence[str]) -> float:
        """R² of after-call work on some levers' bases."""
        return float(_explained(self.covariance[None], self._at(levers))[0])

    def kappa(self, levers: Sequence[str]) -> Kappa | None:
        """κ given some levers; None where ρ² is not clearly above R²."""
        if self.reliability is None or self.reason is not None:
            return None
        explained = self.explained_by(levers)
        gap = self.reliability - explained
        explained_without = _explained(self.covariance_without, self._at(levers))
        gap_without = self.reliability_without - explained_without
        if not gap > CLEAR_FROM * jackknife_error(gap_without):
            return None
        return Kappa((1 - explained) / gap, jackknife_error((1 - explained_without) / gap_without))

    def is_tied_to(self, lever: str) -> bool:
        """Whether a lever goes with after-call work at all: n·R² on all columns of its basis, p < .001."""
        own = self.columns[lever]
        tie = self.n * min(self.explained_by([lever]), 1.0)
        return bool(chi2.sf(tie, own.stop - own.start) < TIED_BELOW)

    def _at(self, levers: Sequence[str]) -> NDArray[np.int64]:
        return np.concatenate([np.arange(self.columns[name].start, self.columns[name].stop) for name in levers])


def _explained(covariances: NDArray[np.float64], at: NDArray[np.int64]) -> NDArray[np.float64]:
    """R² of the first column on some others, for each of several covariances."""
    told = [of[at, 0] @ np.linalg.lstsq(of[np.ix_(at, at)], of[at, 0], rcond=None)[0] for of in covariances]
    own = covariances[:, 0, 0]
    return np.divide(told, own, out=np.zeros(len(own)), where=own > 0)


def no_witness(reason: str) -> Witness:
    """A log without a negative control, and why."""
    return Witness("none", None, (), 0, reason, np.zeros((1, 1)), {}, np.zeros(0), np.zeros((0, 1, 1)))
