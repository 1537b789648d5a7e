"""The truth, by intervention: what every answered contact is expected to score with a lever turned.

No estimator is involved: noise is integrated exactly, and what a lever sets off afterwards changes with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxfusion.simulation.satisfaction import expected_csat, expected_nps, satisfaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from cxfusion.simulation.centre import Centre
    from cxfusion.simulation.satisfaction import Lived

__all__ = ["LEVERS", "Lever", "intervene", "truth_frame"]

Floats: TypeAlias = npt.NDArray[np.float64]

TURN: Final = 1e-3
"""How far a lever is turned, both ways, as a share of where it is; the error goes with its square."""


@dataclass(frozen=True)
class Lever:
    """A lever of the story.

    Attributes
    ----------
    name : str
    moment : "before" or "during"
    step : float
        Seconds, or a count.
    role : "lever", "proxy" or "null"
        A proxy has no effect of its own, but marks hard cases, which do; a null marks nothing.
    """

    name: str
    moment: Literal["before", "during"]
    step: float
    role: Literal["lever", "proxy", "null"]


LEVERS: Final = (
    Lever("wait_seconds", "before", -30.0, "lever"),
    Lever("ivr_seconds", "before", -30.0, "null"),
    Lever("n_transfers", "during", -1.0, "lever"),
    Lever("hold_seconds", "during", -30.0, "proxy"),
    Lever("talk_seconds", "during", -60.0, "proxy"),
)


def intervene(lived: Lived, centre: Centre) -> Floats:
    """Sums that the truth is made of, over these contacts; sums of several days add up.

    Returns
    -------
    array, shape (levers, 4)
        Number of contacts, sum of the lever L, and sums of L · m'(L) for CSAT and for NPS, m being the
        expected score (counts: of L · (m(L) − m(L − 1))).
    """
    now = satisfaction(lived, centre)
    return np.array(
        [[len(now), getattr(lived, lever.name).sum(), *_pull(lived, lever, now, centre)] for lever in LEVERS]
    )


def _pull(lived: Lived, lever: Lever, now: Floats, centre: Centre) -> tuple[float, float]:
    if lever.name == "n_transfers":
        return _one_transfer_less(lived, now, centre)
    seconds = getattr(lived, lever.name)
    more = satisfaction(replace(lived, **{lever.name: seconds * (1 + TURN)}), centre)
    less = satisfaction(replace(lived, **{lever.name: seconds * (1 - TURN)}), centre)
    csat, nps = _gained(more, less, np.ones(len(now)), centre)
    return csat / (2 * TURN), nps / (2 * TURN)


def _one_transfer_less(lived: Lived, now: Floats, centre: Centre) -> tuple[float, float]:
    moved = np.flatnonzero(lived.n_transfers)
    some = lived.take(moved)
    spared = replace(
        some, n_transfers=some.n_transfers - 1, rewait_seconds=some.rewait_seconds - some.last_rewait_seconds
    )
    return _gained(now[moved], satisfaction(spared, centre), some.n_transfers.astype(np.float64), centre)


def _gained(more: Floats, less: Floats, weight: Floats, centre: Centre) -> tuple[float, float]:
    """Weighted sums of what the expected scores gain; where nothing moved, exactly nothing."""
    differs = np.flatnonzero(more != less)
    more, less, weight = more[differs], less[differs], weight[differs]

    def gain(expected: Callable[[Floats, Centre], Floats]) -> float:
        return float(np.sum(weight * (expected(more, centre) - expected(less, centre))))

    return gain(expected_csat), gain(expected_nps)


def truth_frame(sums: Floats) -> pd.DataFrame:
    """The truth of the whole log, from the sums of all its days.

    An effect is step × E[L · m'(L)] / E[L] over all answered contacts: what the step does where it is taken in
    proportion to where the lever is, in score points (CSAT 1 to 5) and NPS points. A step is no larger than the
    lever's mean: nobody can remove more transfers than there are.

    Returns
    -------
    pandas.DataFrame
        ``lever, moment, step, csat_effect, nps_effect, role_in_story, is_identified``.
    """
    rows = []
    for lever, (n_answered, total, csat, nps) in zip(LEVERS, sums, strict=True):
        step = -min(-lever.step, total / n_answered)
        is_there = bool(total > 0)  # a centre without a single transfer cannot tell what one does
        per_step = step / total if is_there else 0.0
        effects = (per_step * csat + 0.0, per_step * nps + 0.0)  # an exact null is 0, not −0
        rows.append((lever.name, lever.moment, step + 0.0, *effects, lever.role, is_there))
    return pd.DataFrame(
        rows,
        columns=["lever", "moment", "step", "csat_effect", "nps_effect", "role_in_story", "is_identified"],
    )
