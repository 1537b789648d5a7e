"""Measuring a score: its figures with intervals, for all customers who answered and by group.

Answers of one customer are not independent, so they are summed by customer first; few cells are shown with a
warning, fewer not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cxfusion.errors import NoScoreError, UnknownNameError, nearest_names
from cxfusion.estimators.intervals import ClusteredSums, weighted_mean
from cxfusion.perception.answers import answers_of, count_others, sums_of
from cxfusion.perception.scores import SCORES, Reading, readings_of
from cxfusion.results.base import Result
from cxfusion.results.formats import figure as in_words
from cxfusion.results.formats import interval as interval_in_words
from cxfusion.results.grouping import Grouping, grouping_by
from cxfusion.results.labels import metric_label, outcome_label
from cxfusion.results.schemas import PERCEPTION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cxfusion.pairing import Pairing
    from cxfusion.tables.relation import Scale

__all__ = ["FEW", "TOO_FEW", "Measurement", "measure"]

FEW: Final = 30
"""Below so many answers a figure is flagged as small."""
TOO_FEW: Final = 5
"""Below so many answers there is no figure: it would tell what single persons said."""
_SHOWN: Final = ("ok", "small")
_FIGURES: Final = ("estimate", "std_error", "conf_low", "conf_high")
_TAKEN: Final = ("metric", *_FIGURES, "unit", "n", "n_clusters", "status", "reason")


@dataclass(frozen=True, eq=False, repr=False)
class Measurement(Result):
    """A score as those who answered gave it, for all of them and by group.

    ``.table`` has the grouping columns, then ``metric, estimate, std_error, conf_low, conf_high, unit, n,
    n_clusters, status, reason``: intervals at 95 %, ``n`` answers of ``n_clusters`` customers; ``status`` is
    ``ok``, ``small`` (fewer than 30 answers), ``suppressed`` (fewer than 5: no figure) or ``not_applicable``.
    Without grouping it is the same as ``overall``.

    Attributes
    ----------
    score : {"csat", "nps", "ces"}
    scale : Scale
    overall : pandas.DataFrame
        The figures of all customers who answered.
    groups : pandas.DataFrame
        The same by group; no rows where no grouping was asked for.
    grouping : Grouping
    notes : tuple of str
        What a reader of the figures should know.
    """

    score: str
    scale: Scale
    overall: pd.DataFrame
    groups: pd.DataFrame
    grouping: Grouping
    notes: tuple[str, ...]

    @property
    def _frame(self) -> pd.DataFrame:
        return self.groups if self.grouping.names else self.overall

    def as_rows(self) -> pd.DataFrame:
        """All (grouping ``all``) and the groups, in the columns of ``results.schemas.PERCEPTION``."""
        return self.grouping.as_rows(self.overall, self.groups, PERCEPTION)

    def _lines(self) -> list[str]:
        by = f" by {' × '.join(self.grouping.columns)}" if self.grouping.names else ""
        n, better = self.overall["n"].iloc[0], "higher" if self.scale.higher_is_better else "lower"
        ends = f"{self.scale.low:g}–{self.scale.high:g}, {better} is better"
        headline = f"Measurement of {outcome_label(self.score)}{by}: {n:,} answers on {ends}"
        return [
            headline,
            *(_line(row) for row in self.overall.itertuples()),
            *(f"  {note}" for note in self.notes),
        ]

    def __repr__(self) -> str:
        return f"Measurement({self._lines()[0]})"


def measure(pairing: Pairing, score: str, by: str | Sequence[str] | None = None) -> Measurement:
    """The figures of a score, with 95 % intervals: CSAT mean and top-2-box, NPS, or mean CES.

    Only answers of customers count; those of companions and others are never mixed in. Variances are
    clustered by customer. The figures speak for those who answered: they are not weighted for those who did
    not.

    Parameters
    ----------
    pairing : Pairing
    score : {"csat", "nps", "ces"}
    by : str or sequence of str, optional
        Columns of the contact log. A missing value is a group of its own.

    Returns
    -------
    Measurement

    Raises
    ------
    UnknownNameError
        No such score, or a column that the log does not have.
    NoScoreError
        The survey did not ask this score.

    Examples
    --------
    >>> import cxfusion as cx
    >>> calls = [{"contact_id": str(i), "started_at": "2026-01-05 09:00"} for i in range(40)]
    >>> answers = [{"contact_id": str(i), "nps": 10 if i < 20 else 8} for i in range(40)]
    >>> pairing = cx.pair(cx.read_contacts(calls), cx.read_surveys(answers))
    >>> cx.measure(pairing, "nps").table["estimate"].to_list()
    [50.0]
    """
    grouping = grouping_by(by, pairing.contacts.columns, _TAKEN)
    scale = _scale_of(pairing, score)
    readings = readings_of(score, scale)
    overall, groups = _figures(pairing, score, readings, grouping)
    n_others = count_others(pairing, score)
    return Measurement(score, scale, overall, groups, grouping, _notes(n_others))


def _scale_of(pairing: Pairing, score: str) -> Scale:
    if score not in SCORES:
        near = ", ".join(nearest_names(score, SCORES) or SCORES)
        raise UnknownNameError(f"There is no score {score!r}. Expected one of: {near}.")
    scales = pairing.surveys.scales
    if score not in scales:
        there = ", ".join(scales) or "none"
        raise NoScoreError(
            f"The survey has no {score}. Scores that it has: {there}. Measure one of them, or name the column"
            f" that holds it: [surveys.columns] {score} = …"
        )
    return scales[score]


def _figures(
    pairing: Pairing, score: str, readings: Sequence[Reading], grouping: Grouping
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The figures of the whole, and those by group with the grouping columns before them."""
    keys = [f"key_{i}" for i in range(len(grouping.names))]
    answers = answers_of(pairing, score, grouping.columns)
    sums = pairing.session.collect(sums_of(answers, [reading.value for reading in readings], keys)).to_pandas()
    is_whole = sums["is_whole"].to_numpy(dtype=bool)
    groups = sums[~is_whole].sort_values(keys, ignore_index=True) if keys else sums[~is_whole]
    renamed = dict(zip(keys, grouping.names, strict=True))
    return _long(sums[is_whole], [], readings), _long(groups, keys, readings).rename(columns=renamed)


def _long(sums: pd.DataFrame, keys: list[str], readings: Sequence[Reading]) -> pd.DataFrame:
    """One row per group and figure, group by group."""
    parts = [_rows_of(reading, _clustered(sums, i)) for i, reading in enumerate(readings)]
    stacked = pd.concat([sums[keys].reset_index(drop=True).join(part) for part in parts], ignore_index=True)
    group_by_group = np.arange(len(stacked)).reshape(len(readings), -1).T.ravel()
    return stacked.iloc[group_by_group].reset_index(drop=True)


def _clustered(sums: pd.DataFrame, i: int) -> ClusteredSums:
    """The sums of the i-th figure, out of the columns that all figures share and its own."""
    names = (field.name for field in fields(ClusteredSums))
    columns = (name if name in sums else f"{name}_{i}" for name in names)
    return ClusteredSums(*(np.asarray(sums[column].fillna(0), dtype=np.float64) for column in columns))


def _rows_of(reading: Reading, sums: ClusteredSums) -> pd.DataFrame:
    """The figure's rows, one per group."""
    mean = weighted_mean(sums)
    interval = reading.interval(mean)
    status = _status(mean.n, reading.not_applicable)
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
            "reason": pd.Series(_reasons(status, mean.n_clusters, reading.not_applicable), dtype="str"),
        }
    )
    frame.loc[~frame["status"].isin(_SHOWN), list(_FIGURES)] = np.nan
    return frame


def _status(n: NDArray[np.float64], not_applicable: str | None) -> list[str]:
    if not_applicable:
        return ["not_applicable"] * len(n)
    kinds = np.select([n == 0, n < TOO_FEW, n < FEW], ["not_applicable", "suppressed", "small"], "ok")
    return [str(kind) for kind in kinds]


def _reasons(status: Sequence[str], n_clusters: NDArray[np.float64], not_applicable: str | None) -> list[str | None]:
    """Why there is no figure, or no interval, or why to take it with care."""
    words = {
        "not_applicable": not_applicable or "no customer answered",
        "suppressed": f"fewer than {TOO_FEW} answers: not shown",
        "small": f"fewer than {FEW} answers",
    }
    alone = "all from one customer: no interval"
    told = (
        [words.get(kind, ""), alone if n == 1 and kind in _SHOWN else ""]
        for kind, n in zip(status, n_clusters, strict=True)
    )
    return ["; ".join(part for part in parts if part) or None for parts in told]


def _notes(n_others: int) -> tuple[str, ...]:
    unweighted = "These figures speak for those who answered; they are not yet corrected for who did not."
    others = f"Left out: {n_others:,} answers by others than the customer (companions, staff)."
    return (unweighted, others) if n_others else (unweighted,)


def _line(row: Any) -> str:
    told = "" if pd.isna(row.reason) else f"   ({row.reason})"
    ends = interval_in_words(row.conf_low, row.conf_high, row.unit)
    shown = f"{metric_label(row.metric):<28}{in_words(row.estimate, row.unit):>9}"
    return f"  {shown}   {ends}   n = {row.n:,}{told}"
