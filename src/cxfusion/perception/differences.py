"""What is said of the difference of two figures: its interval, and whether the two differ or are alike.

A group whose answers are all alike is not known without error: its own interval says how far from them it may be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd

from cxfusion.estimators.distributions import false_discovery_control, student_t

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LEAST_VARIANCE", "Known", "Side", "known", "tested", "with_readings"]

LEAST_VARIANCE: Final = 1e-20
"""Less is what rounding leaves of answers that are all alike."""
_OF_NORMAL: Final = ("share", "NPS points")
"""Units whose intervals are made with quantiles of the normal distribution; those of means with Student's t."""

_READINGS: Final = ("similar", "different", "not told apart")
"""In the order in which they are tried."""

_COLUMNS: Final = (
    "group", "other_group", "estimate", "std_error", "conf_low", "conf_high", "p_value", "q_value", "unit", "n",
    "n_other", "reading", "status", "reason",
)  # fmt: skip


class Known(NamedTuple):
    """How well a group's figure is known: its standard error towards lower and towards higher values."""

    below: float
    above: float
    df: float
    is_alike: bool


class Side(NamedTuple):
    """How well a difference is known towards lower, or towards higher values."""

    std_error: float
    df: float


def known(figure: Any, std_error: float, df: float, conf_level: float) -> Known:
    """How well a group's figure is known, also where its answers are all alike.

    Their spread says nothing then; the ends of the figure's interval do, and its quantile turns their distances into
    standard errors. No variance is estimated from them, so they have the degrees of freedom of that quantile.

    Parameters
    ----------
    figure : mapping
        ``estimate, conf_low, conf_high, n, unit``.
    std_error, df : float
        By the spread of the answers.
    conf_level : float
        Of the figure's interval.

    References
    ----------
    Newcombe (1998), Statistics in Medicine 17, 873–890; Zou & Donner (2008), Statistics in Medicine 27, 1693–1702
    (both build the interval of a difference from those of its parts).
    """
    if std_error**2 > LEAST_VARIANCE:
        return Known(std_error, std_error, df, is_alike=False)
    df = np.inf if figure["unit"] in _OF_NORMAL else float(figure["n"] - 1)
    ends = figure["estimate"] - figure["conf_low"], figure["conf_high"] - figure["estimate"]
    below, above = (max(float(end), 0.0) / float(student_t.reach(conf_level, df)) for end in ends)
    return Known(below, above, df, is_alike=True)


def tested(gap: float, below: Side, above: Side, smallest: float, conf_level: float) -> dict[str, Any]:
    """Interval and p value by Student's t, and whether two one-sided tests say that the gap is below ``smallest``.

    The test against 0 goes by the side on which 0 lies, as that end of the interval does: the two always agree.
    """
    to_zero = max(below, above) if gap == 0 else below if gap > 0 else above
    down, up = (side.std_error * float(student_t.reach(conf_level, side.df)) for side in (below, above))
    least, most = (side.std_error * float(student_t.isf(1 - conf_level, side.df)) for side in (below, above))
    return {
        "std_error": to_zero.std_error, "conf_low": gap - down, "conf_high": gap + up,
        "p_value": float(student_t.p_value(gap / to_zero.std_error, to_zero.df)),
        "is_similar": max(least - gap, most + gap) < smallest,
    }  # fmt: skip


def with_readings(found: pd.DataFrame, keys: Sequence[str], conf_level: float) -> pd.DataFrame:
    """Differences with q values over all of them and a reading each, in the columns of their table.

    Parameters
    ----------
    found : pandas.DataFrame
        At least one row; ``is_similar``, and ``p_value`` where the difference was tested.
    keys : sequence of str
        Columns that stand before the groups.
    conf_level : float
    """
    order = [*keys, *_COLUMNS]
    found = found.reindex(columns=[*dict.fromkeys([*found.columns, *order])])
    is_tested = found["p_value"].notna()
    if is_tested.any():
        found.loc[is_tested, "q_value"] = false_discovery_control(found.loc[is_tested, "p_value"].astype(float))
    is_different = found["q_value"].astype(float) <= 1 - conf_level
    reading = np.select([found["is_similar"].astype(bool), is_different, is_tested], _READINGS, "")
    found["reading"] = pd.Series(reading, found.index).replace("", None)
    return found[order]
