"""What is said of the difference of two figures: its interval, and whether the two differ or are alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cxfusion.estimators.distributions import false_discovery_control, student_t

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["tested", "with_readings"]

_READINGS: Final = ("similar", "different", "not told apart")
"""In the order in which they are tried."""

_COLUMNS: Final = (
    "group", "other_group", "estimate", "std_error", "conf_low", "conf_high", "p_value", "q_value", "unit", "n",
    "n_other", "reading", "status", "reason",
)  # fmt: skip


def tested(gap: float, std_error: float, df: float, smallest: float, conf_level: float) -> dict[str, Any]:
    """Interval and p value by Student's t, and whether two one-sided tests say that the gap is below ``smallest``."""
    reach = float(student_t.reach(conf_level, df)) * std_error
    return {
        "std_error": std_error, "conf_low": gap - reach, "conf_high": gap + reach,
        "p_value": float(student_t.p_value(gap / std_error, df)),
        "is_similar": abs(gap) + float(student_t.isf(1 - conf_level, df)) * std_error < smallest,
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
