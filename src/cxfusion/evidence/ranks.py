"""Which lever is the largest, and how sure one can be of the order: ranks drawn from the joint covariance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cxfusion.estimators.influence import covariance_of
from cxfusion.estimators.joint_draws import drawn_errors, rank_ends, ranks_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cxfusion.estimators.effects import Effects
    from cxfusion.evidence.ladder import Ladder

__all__ = ["RANK_COLUMNS", "Ranks", "rank_levers"]

RANK_COLUMNS: Final = ("outcome", "lever", "place", "probability")
CENTRES: Final = ("within", "corrected")


@dataclass(frozen=True)
class Ranks:
    """Levers in the order of the size of their effects; 1 is the largest.

    Attributes
    ----------
    levers : tuple of str
        Those that have an estimate.
    rank : int array, shape (m,)
        By the corrected estimate, where there is one, else the within one.
    low, high : int arrays, shape (m,)
        Hull of the 95 % intervals of the rank about both estimates.
    up_to : array, shape (m, m)
        Probability of being among the first 1, 2, … m, about the estimates that give the rank.
    covariance : array, shape (m, m)
        Of the estimates that give the rank.
    """

    levers: tuple[str, ...]
    rank: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    up_to: NDArray[np.float64]
    covariance: NDArray[np.float64]

    def of(self, lever: str) -> dict[str, int | None]:
        """``rank, rank_low, rank_high`` of one lever; empty for one that has no estimate."""
        if lever not in self.levers:
            return {"rank": None, "rank_low": None, "rank_high": None}
        at = self.levers.index(lever)
        return {"rank": int(self.rank[at]), "rank_low": int(self.low[at]), "rank_high": int(self.high[at])}

    @property
    def errors(self) -> pd.DataFrame:
        """The covariance, with levers as its names."""
        names = list(self.levers)
        return pd.DataFrame(self.covariance, index=names, columns=names)

    def frame(self, outcome: str) -> pd.DataFrame:
        """One row per lever and place, in ``RANK_COLUMNS``."""
        rows = [
            (outcome, lever, place + 1, float(self.up_to[at, place]))
            for at, lever in enumerate(self.levers)
            for place in range(len(self.levers))
        ]
        return pd.DataFrame(rows, columns=list(RANK_COLUMNS))


def rank_levers(ladder: Ladder, levers: Sequence[str], conf_level: float) -> Ranks:
    """Rank levers by the absolute effect of their steps.

    Their errors are drawn together, from each cluster's influence on every estimate, across the models of all moments.

    Parameters
    ----------
    ladder : Ladder
    levers : sequence of str
    conf_level : float
    """
    known = tuple(lever for lever in levers if (lever, "within") in ladder.effects)
    if not known:
        none = np.empty(0, dtype=np.int64)
        return Ranks((), none, none, none, np.empty((0, 0)), np.empty((0, 0)))
    about = [[_centre(ladder, lever, upto) for lever in known] for upto in (1, 2)]
    covariances = [_covariance(effects) for effects in about]
    drawn = [_drawn_ranks(effects, covariance) for effects, covariance in zip(about, covariances, strict=True)]
    ends = np.array([rank_ends(ranks, conf_level) for ranks in drawn])
    best = np.array([float(_centre(ladder, lever, 2).estimate[0]) for lever in known])
    places = np.arange(1, len(known) + 1)
    return Ranks(
        levers=known,
        rank=ranks_of(-np.abs(best)[None])[0],
        low=ends[:, 0].min(axis=0),
        high=ends[:, 1].max(axis=0),
        up_to=(drawn[1][:, :, None] <= places).mean(axis=0),
        covariance=covariances[1],
    )


def _centre(ladder: Ladder, lever: str, upto: int) -> Effects:
    """The last of the first ``upto`` centres that the lever has."""
    found = [ladder.effects[lever, centre] for centre in CENTRES[:upto] if (lever, centre) in ladder.effects]
    return found[-1]


def _covariance(effects: Sequence[Effects]) -> NDArray[np.float64]:
    """Joint covariance of effects from several fits on the same clusters, shape (m, m)."""
    n_rows = max(len(effect.influence) for effect in effects)  # κ's error, where there is one, comes last
    padded = [np.pad(effect.influence[:, 0], (0, n_rows - len(effect.influence))) for effect in effects]
    return covariance_of(np.column_stack(padded))


def _drawn_ranks(effects: Sequence[Effects], covariance: NDArray[np.float64]) -> NDArray[np.int64]:
    """Ranks in draws about the estimates, shape (draws, m)."""
    estimates = np.array([float(effect.estimate[0]) for effect in effects])
    return ranks_of(-np.abs(estimates + drawn_errors(covariance)))
