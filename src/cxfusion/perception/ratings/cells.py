"""Figures of one cell of a table of ratings: mean, share at the top and at the bottom, and how far its people agree.

Cells of fewer than five people are not shown; those of fewer than thirty are marked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cxfusion.errors import UsageError
from cxfusion.estimators.intervals import ClusteredSums, Mean, mean_interval, share_interval, weighted_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["FEW", "SHOWN", "TOO_FEW", "interval_columns", "means_of", "one_of", "status_of"]

FEW: Final = 30
TOO_FEW: Final = 5
SHOWN: Final = ("ok", "small")


def means_of(values: pd.Series[float], keys: Sequence[pd.Series[Any]]) -> tuple[pd.DataFrame, Mean]:
    """Means of some numbers by cell.

    Parameters
    ----------
    values : pandas.Series
        One per person and cell.
    keys : sequence of pandas.Series
        What the cells are formed by.

    Returns
    -------
    pandas.DataFrame
        The keys of each cell, sorted.
    Mean
        In the same order.
    """
    grouped = pd.DataFrame({"n": 1.0, "x": values, "xx": values**2}).groupby(list(keys), sort=True).sum()
    n, x, xx = (grouped[name].to_numpy(dtype=float) for name in ("n", "x", "xx"))
    sums = ClusteredSums(n=n, n_clusters=n, w=n, wx=x, wxx=xx, cluster_ww=n, cluster_wxw=x, cluster_wxwx=xx)
    return grouped.index.to_frame(index=False), weighted_mean(sums)


def interval_columns(mean: Mean, low: float, high: float, conf_level: float) -> dict[str, NDArray[np.float64]]:
    """``estimate, std_error, conf_low, conf_high`` of a mean on a scale, or of a share where the scale is 0–1."""
    is_share = (low, high) == (0, 1)
    ends = share_interval(mean, conf_level) if is_share else mean_interval(mean, low, high, conf_level)
    return {
        "estimate": mean.estimate,
        "std_error": mean.share_std_error if is_share else mean.std_error,
        "conf_low": ends.low,
        "conf_high": ends.high,
    }


def one_of(frame: pd.DataFrame, column: str, wanted: str | None) -> str:
    """The group or question that is to be drawn: the first, unless another is wanted.

    Raises
    ------
    UsageError
        There is no such group or question.
    """
    known = [str(value) for value in frame[column].unique()]
    if wanted is not None and wanted not in known:
        raise UsageError(f"There is no {column} {wanted!r}. Expected one of: {', '.join(known)}.")
    return known[0] if wanted is None else wanted


def status_of(n: NDArray[np.float64]) -> pd.DataFrame:
    """``status, reason`` of cells by their number of people: ``ok``, ``small`` or ``suppressed``."""
    status = np.select([n < TOO_FEW, n < FEW], ["suppressed", "small"], "ok").astype(object)
    words = {"suppressed": f"fewer than {TOO_FEW} people: not shown", "small": f"fewer than {FEW} people", "ok": None}
    return pd.DataFrame({"status": status, "reason": [words[kind] for kind in status]})
