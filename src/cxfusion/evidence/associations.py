"""What correlation and importance charts would have said of each lever: association, shown only beside the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cxfusion.errors import CxfusionError
from cxfusion.estimators.cluster_moments import ClusterMoments, gather_cluster_moments
from cxfusion.estimators.distributions import student_t
from cxfusion.estimators.left_out import jackknife_errors
from cxfusion.estimators.moments import LinearRows
from cxfusion.estimators.rows import Indicators
from cxfusion.estimators.shares import AssociationShares, association_shares, jackknife_shares
from cxfusion.evidence.columns import numbers_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.evidence.sample import Sample

__all__ = ["ASSOCIATION_COLUMNS", "MEASURES", "associations_of"]

ASSOCIATION_COLUMNS: Final = (
    "outcome", "lever", "measure", "estimate", "std_error", "conf_low", "conf_high", "n", "is_named", "misled",
    "status", "reason",
)  # fmt: skip
MEASURES: Final = ("correlation", "shapley", "johnson")
PARTS: Final = 50
"""Clusters are put together into at most so many, each of which is left out in turn."""
JACKKNIFED_UP_TO: Final = 10
"""Levers; with more, shares stand without an interval."""
NOTHING_THERE: Final = frozenset({"proxy", "no_effect"})


@dataclass(frozen=True)
class _Measured:
    """One measure of all levers, each array of shape (p,)."""

    estimate: NDArray[np.float64]
    std_error: NDArray[np.float64] | None
    conf_low: NDArray[np.float64] | None
    conf_high: NDArray[np.float64] | None
    is_named: NDArray[np.bool_]


def associations_of(
    sample: Sample, levers: Sequence[str], verdicts: Mapping[str, str], conf_level: float
) -> pd.DataFrame:
    """Correlation with the score, and shares of R² by Shapley (LMG) and Johnson, as a driver chart has them.

    Nothing is weighted or held equal; of very many responses a part stands for all (``n``). Intervals leave out one
    part of the clusters at a time. A correlation names a lever a driver where its interval excludes 0; a share does
    where it is more than an equal part of R². ``misled`` says where that contradicts the verdict: ``"false_alarm"`` for
    one that is a proxy or has no effect, ``"missed"`` for one that moves the score.

    Parameters
    ----------
    sample : Sample
    levers : sequence of str
        All with values that differ.
    verdicts : mapping of str to str
    conf_level : float

    References
    ----------
    Lindeman, Merenda & Gold (1980); Johnson (2000), Multivariate Behavioral Research 35, 1–19; Grömping (2006),
    Journal of Statistical Software 17(1).
    """
    if not levers:
        return pd.DataFrame(columns=list(ASSOCIATION_COLUMNS))
    rows = sample.part_of(sample.rows)
    sweep = sample.session.sweep(rows.filter(*(rows[lever].notnull() for lever in levers)))
    try:
        moments = gather_cluster_moments(sweep, partial(_rows, levers=levers, values=sample.values), PARTS)
        measured = _measure(moments, len(levers), conf_level)
    except CxfusionError as error:
        nothing = {"status": "not_applicable", "reason": error.message}
        rows = [_row(sample, lever, measure) | nothing for lever in levers for measure in MEASURES]
        return pd.DataFrame(rows, columns=list(ASSOCIATION_COLUMNS))
    n = round(float(moments.weight.sum()))
    rows = [
        _row(sample, lever, measure) | {"n": n, "status": "ok"} | _figures(measured[measure], at, verdicts.get(lever))
        for at, lever in enumerate(levers)
        for measure in MEASURES
    ]
    return pd.DataFrame(rows, columns=list(ASSOCIATION_COLUMNS))


def _row(sample: Sample, lever: str, measure: str) -> dict[str, Any]:
    return {"outcome": sample.outcome.name, "lever": lever, "measure": measure}


def _figures(measured: _Measured, at: int, verdict: str | None) -> dict[str, Any]:
    is_named = bool(measured.is_named[at])
    misled = "false_alarm" if is_named and verdict in NOTHING_THERE else None
    if verdict == "moves" and not is_named:
        misled = "missed"
    ends = (measured.std_error, measured.conf_low, measured.conf_high)
    figures = dict(
        zip(("std_error", "conf_low", "conf_high"), (None if e is None else float(e[at]) for e in ends), strict=True)
    )
    return {"estimate": float(measured.estimate[at]), **figures, "is_named": is_named, "misled": misled}


def _measure(moments: ClusterMoments, p: int, conf_level: float) -> dict[str, _Measured]:
    """Every measure, of all levers."""
    correlations = {"correlation": _correlations(moments, conf_level)}
    if p > JACKKNIFED_UP_TO:
        shares = association_shares(moments.total_scatter())
        equal = shares.r_squared / p
        unsure = {name: _Measured(part, None, None, None, part > equal) for name, part in _wanted(shares).items()}
        return correlations | unsure
    found = jackknife_shares(moments, 0, range(1, p + 1))
    equal = found.shares.r_squared / p
    errors, (low, high) = _wanted(found.std_error), (_wanted(end) for end in found.interval(conf_level))
    return correlations | {
        name: _Measured(part, errors[name], low[name], high[name], part > equal)
        for name, part in _wanted(found.shares).items()
    }


def _wanted(shares: AssociationShares) -> dict[str, NDArray[np.float64]]:
    return {"shapley": shares.lmg, "johnson": shares.johnson}


def _correlations(moments: ClusterMoments, conf_level: float) -> _Measured:
    estimate = _correlation(moments.total_scatter())
    each = np.array([_correlation(scatter) for scatter in moments.scatters_without_one()])
    std_error = jackknife_errors(each)
    reach = float(student_t.reach(conf_level, len(each) - 1)) * std_error
    return _Measured(estimate, std_error, estimate - reach, estimate + reach, np.abs(estimate) > reach)


def _correlation(scatter: NDArray[np.float64]) -> NDArray[np.float64]:
    size = np.sqrt(np.diag(scatter))
    return np.asarray(scatter[0, 1:] / (size[0] * size[1:]))


def _rows(batch: pa.RecordBatch, levers: Sequence[str], values: tuple[float, ...]) -> LinearRows:
    score = np.asarray(values)[batch.column("y").to_numpy(zero_copy_only=False)]
    columns = np.column_stack([score, *(numbers_of(batch, lever) for lever in levers)])
    none = Indicators(np.empty((len(batch), 0), dtype=np.int64), ())
    part = batch.column("cluster").to_numpy(zero_copy_only=False) % PARTS
    return LinearRows(columns, none, np.ones(len(batch)), part)
