"""The truth, by intervention: what every answered contact is expected to score with a lever turned.

No estimator is involved: noise is integrated exactly, and what a lever sets off afterwards changes with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxfusion.simulation.satisfaction import annoyance, expected_csat, expected_nps, satisfaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from cxfusion.simulation.centre import Centre
    from cxfusion.simulation.satisfaction import Lived

__all__ = ["LEVERS", "Lever", "intervene", "truth_frame"]

Floats: TypeAlias = npt.NDArray[np.float64]

TRUTH_COLUMNS: Final = (
    "lever", "moment", "step", "csat_effect", "nps_effect", "role_in_story", "is_identified", "why_not",
)  # fmt: skip
TURN: Final = 1e-3
"""How far a lever is turned, both ways, as a share of where it is; the error goes with its square."""


@dataclass(frozen=True)
class Lever:
    """A lever whose truth is told.

    Attributes
    ----------
    name : str
    moment : "before" or "during"
    step : float
        Seconds, or a count.
    """

    name: str
    moment: Literal["before", "during"]
    step: float

    @property
    def is_count(self) -> bool:
        """Whether it is taken away one by one."""
        return self.name.startswith("n_")


LEVERS: Final = (
    Lever("wait_seconds", "before", -30.0),
    Lever("ivr_seconds", "before", -30.0),
    Lever("n_transfers", "during", -1.0),
    Lever("hold_seconds", "during", -30.0),
    Lever("talk_seconds", "during", -60.0),
    Lever("n_prior_contacts", "before", -1.0),
)
"""The last one is told where customers come back."""


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
    if lever.is_count:
        return _one_less(lived, lever, now, centre)
    more, less = (satisfaction(_turned(lived, lever, factor, centre), centre) for factor in (1 + TURN, 1 - TURN))
    csat, nps = _gained(more, less, np.ones(len(now)), centre)
    return csat / (2 * TURN), nps / (2 * TURN)


def _turned(lived: Lived, lever: Lever, factor: float, centre: Centre) -> Lived:
    """What the same customers live with a lever turned, and with what that sets off: who waits more talks more."""
    turned = replace(lived, **{lever.name: getattr(lived, lever.name) * factor})
    if lever.name != "wait_seconds":
        return turned
    before, after = (annoyance(seconds, centre) for seconds in (lived.wait_seconds, turned.wait_seconds))
    return replace(turned, talk_seconds=lived.talk_seconds * np.exp(centre.talk_venting * (after - before)))


def _one_less(lived: Lived, lever: Lever, now: Floats, centre: Centre) -> tuple[float, float]:
    """One transfer less, and the wait that it set off; or one earlier contact less."""
    some_had = np.flatnonzero(getattr(lived, lever.name))
    some = lived.take(some_had)
    count = getattr(some, lever.name)
    spared = replace(some, **{lever.name: count - 1})
    if lever.name == "n_transfers":
        spared = replace(spared, rewait_seconds=some.rewait_seconds - some.last_rewait_seconds)
    return _gained(now[some_had], satisfaction(spared, centre), count.astype(np.float64), centre)


def _gained(more: Floats, less: Floats, weight: Floats, centre: Centre) -> tuple[float, float]:
    """Weighted sums of what the expected scores gain; where nothing moved, exactly nothing."""
    differs = np.flatnonzero(more != less)
    more, less, weight = more[differs], less[differs], weight[differs]

    def gain(expected: Callable[[Floats, Centre], Floats]) -> float:
        return float(np.sum(weight * (expected(more, centre) - expected(less, centre))))

    return gain(expected_csat), gain(expected_nps)


def truth_frame(sums: Floats, centre: Centre) -> pd.DataFrame:
    """The truth of the whole log, from the sums of all its days.

    An effect is step × E[L · m'(L)] / E[L] over all answered contacts: what the step does where it is taken in
    proportion to where the lever is, in score points (CSAT 1 to 5) and NPS points. A step is no larger than the
    lever's mean: nobody can remove more transfers than there are.

    Returns
    -------
    pandas.DataFrame
        ``lever, moment, step, csat_effect, nps_effect, role_in_story, is_identified, why_not``. The role is ``lever``
        (it has an effect), ``proxy`` (it has none, but marks what has) or ``null``.
    """
    rows = []
    for lever, (n_answered, total, csat, nps) in zip(LEVERS, sums, strict=True):
        if lever.name == "n_prior_contacts" and centre.repeats is None:
            continue
        step = -min(-lever.step, total / n_answered)
        per_step = step / total if total > 0 else 0.0
        effects = (per_step * csat + 0.0, per_step * nps + 0.0)  # an exact null is 0, not −0
        role = "lever" if any(effects) else "proxy" if _is_mark(lever, centre) else "null"
        why_not = dict(centre.cannot_tell).get(lever.name, "") if total > 0 else "the log has none of it"
        rows.append((lever.name, lever.moment, step + 0.0, *effects, role, not why_not, why_not))
    return pd.DataFrame(rows, columns=list(TRUTH_COLUMNS))


def _is_mark(lever: Lever, centre: Centre) -> bool:
    """Whether something else moves both the lever and the score."""
    match lever.name:
        case "wait_seconds":
            return bool((centre.bad_day_load and centre.bad_day_mood) or centre.priority)
        case "ivr_seconds":
            return False
        case "n_prior_contacts":
            return True
        case "talk_seconds" if centre.mood_talk:
            return True
        case _:
            return bool(centre.difficulty_effect)
