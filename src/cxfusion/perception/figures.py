"""From the rows behind a score to its figures: sums by customer and group, estimates, intervals, and what to hide."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Final, NamedTuple

import ibis
import numpy as np
import pandas as pd

from cxfusion.estimators.intervals import ClusteredSums, weighted_mean
from cxfusion.perception.answers import in_intervals, sums_of
from cxfusion.perception.linearised import GROUP, add_residuals, residuals_of
from cxfusion.results.exact import exact_frame
from cxfusion.results.grouping import TEXT, local_starts
from cxfusion.tables.steps import compute

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir
    from numpy.typing import NDArray

    from cxfusion.estimators.intervals import Mean
    from cxfusion.pairing import Pairing
    from cxfusion.perception.scores import Reading
    from cxfusion.perception.weights import ResponseWeights
    from cxfusion.results.grouping import Grouping
    from cxfusion.tables.relation import Surveys

__all__ = ["ESTIMATES", "FEW", "SHOWN", "TOO_FEW", "Figures", "figures_of", "numbered", "statuses"]

FEW: Final = 30
"""Below so many answers (contacts, for the response rate) a figure is flagged as small."""
TOO_FEW: Final = 5
"""Below so many answers, or customers, there is no figure: it would tell what single persons said. Of customers who
answered unequally often, as many are counted as would tell as much."""
DOMINATED: Final = "a few customers gave most of the answers: not shown"
SHOWN: Final = ("ok", "small")
"""Statuses of rows that have a figure."""
ESTIMATES: Final = ("estimate", "std_error", "conf_low", "conf_high")


class Figures(NamedTuple):
    """Figures of the whole and by group, and whether their errors know what the margins of the weights explain."""

    overall: pd.DataFrame
    groups: pd.DataFrame
    is_linearised: bool


def figures_of(
    pairing: Pairing | Surveys,
    rows: ir.Table,
    readings: Sequence[Reading],
    grouping: Grouping,
    weights: ResponseWeights | None = None,
) -> Figures:
    """The figures of the whole, and those by group with the grouping columns before them.

    With weights, the rows are weighted answers with the codes of the margins.
    """
    is_linearised = False
    keys = [f"key_{i}" for i in range(len(grouping.names))]
    if grouping.interval:
        rows = in_intervals(rows, pairing, grouping.interval, keys[-1])
    values = [reading.value for reading in readings]
    if weights is None:
        sums = exact_frame(pairing.session.collect(sums_of(rows, values, keys)))
    else:
        rows = compute(pairing.session, numbered(rows, keys))
        sums = exact_frame(pairing.session.collect(sums_of(rows, values, [*keys, GROUP] if keys else [])))
        n_groups = int((~sums["is_whole"].to_numpy(bool)).sum())
        found = residuals_of(pairing.session, rows, readings, weights.codes, n_groups)
        sums, is_linearised = add_residuals(sums, found), found is not None
    is_whole = sums["is_whole"].to_numpy(dtype=bool)
    groups = sums[~is_whole].sort_values(keys, ignore_index=True) if keys else sums[~is_whole]
    if grouping.interval:
        groups[keys[-1]] = local_starts(groups[keys[-1]], grouping.interval)
    renamed = dict(zip(keys, grouping.names, strict=True))
    by_group = _long(groups, keys, readings).rename(columns=renamed)
    return Figures(_long(sums[is_whole], [], readings), by_group, is_linearised)


def numbered(rows: ir.Table, keys: Sequence[str]) -> ir.Table:
    """The rows with the number of their group, from 0, as ``group_number``."""
    if not keys:
        return rows.mutate(**{GROUP: ibis.literal(0, "int64")})
    return rows.mutate(**{GROUP: ibis.dense_rank().over(order_by=[rows[key] for key in keys])})


def _long(sums: pd.DataFrame, keys: list[str], readings: Sequence[Reading]) -> pd.DataFrame:
    """One row per group and figure, group by group."""
    parts = [_rows_of(reading, _clustered(sums, i)) for i, reading in enumerate(readings)]
    stacked = pd.concat([sums[keys].reset_index(drop=True).join(part) for part in parts], ignore_index=True)
    group_by_group = np.arange(len(stacked)).reshape(len(readings), -1).T.ravel()
    return stacked.iloc[group_by_group].reset_index(drop=True)


def _clustered(sums: pd.DataFrame, i: int) -> ClusteredSums:
    """The sums of the i-th figure, out of the columns that all figures share and its own."""
    names = [field.name for field in fields(ClusteredSums) if field.name != "residual"]
    columns = (name if name in sums else f"{name}_{i}" for name in names)
    found = [np.asarray(sums[column].fillna(0), dtype=np.float64) for column in columns]
    if f"residual_{i}" in sums:
        found.append(np.asarray(sums[f"residual_{i}"], dtype=np.float64))
    return ClusteredSums(*found)


def _rows_of(reading: Reading, sums: ClusteredSums) -> pd.DataFrame:
    """The figure's rows, one per group."""
    mean = weighted_mean(sums)
    interval = reading.interval(mean)
    status, reasons = statuses(mean, reading)
    frame = pd.DataFrame(
        {
            "metric": reading.metric,
            "estimate": reading.origin + reading.factor * mean.estimate,
            "std_error": reading.factor * reading.std_error(mean),
            "conf_low": reading.origin + reading.factor * interval.low,
            "conf_high": reading.origin + reading.factor * interval.high,
            "unit": reading.unit,
            "n": mean.n.astype(np.int64),
            "n_clusters": mean.n_clusters.astype(np.int64),
            "status": status,
            "reason": pd.Series(reasons, dtype=TEXT),
        }
    )
    frame.loc[~frame["status"].isin(SHOWN), list(ESTIMATES)] = np.nan
    return frame


def statuses(mean: Mean, reading: Reading) -> tuple[list[str], list[str | None]]:
    """Status and reason of each of some figures: which of them to hide, or to take with care, and why."""
    status = _status(mean.n, mean.clusters_in_effect, reading.not_applicable)
    return status, _reasons(status, mean, reading)


def _status(n: NDArray[np.float64], n_in_effect: NDArray[np.float64], not_applicable: str | None) -> list[str]:
    if not_applicable:
        return ["not_applicable"] * len(n)
    kinds = np.select([n == 0, n_in_effect < TOO_FEW, n < FEW], ["not_applicable", "suppressed", "small"], "ok")
    return [str(kind) for kind in kinds]


def _reasons(status: Sequence[str], mean: Mean, reading: Reading) -> list[str | None]:
    """Why there is no figure, or why to take it with care."""
    words = {
        "not_applicable": reading.not_applicable or reading.nothing,
        "small": f"fewer than {FEW} {reading.counted}",
    }
    few, few_customers = (f"fewer than {TOO_FEW} {which}: not shown" for which in (reading.counted, "customers"))
    hidden = np.select([mean.n < TOO_FEW, mean.n_clusters < TOO_FEW], [few, few_customers], DOMINATED)
    return [str(why) if kind == "suppressed" else words.get(kind) for kind, why in zip(status, hidden, strict=True)]
