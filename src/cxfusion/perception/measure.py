"""Measuring a score or the response rate: figures with intervals, for the whole and by group or period.

Answers of one customer are not independent, so they are summed by customer first; few cells are shown with a
warning, fewer not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import ibis
import numpy as np
import pandas as pd

from cxfusion.errors import NoScoreError, UnknownNameError, UsageError, nearest_names
from cxfusion.estimators.intervals import ClusteredSums, weighted_mean
from cxfusion.pairing.result import require_pairing
from cxfusion.perception.alone import notes_on_alone, require_no_log
from cxfusion.perception.answers import (
    answers_of,
    count_responses,
    count_young,
    given_answers,
    in_intervals,
    reached_by,
    sums_of,
    surveys_of,
)
from cxfusion.perception.linearised import GROUP, add_residuals, weighted_answers
from cxfusion.perception.scores import RESPONSE_RATE, SCORES, Reading, readings_of, response_rate
from cxfusion.results.base import Result, require_metric
from cxfusion.results.formats import figure as in_words
from cxfusion.results.formats import interval as interval_in_words
from cxfusion.results.grouping import Grouping, grouping_by, local_starts
from cxfusion.results.labels import metric_label, outcome_label
from cxfusion.results.schemas import PERCEPTION
from cxfusion.tables.look import compute
from cxfusion.tables.relation import Surveys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import altair as alt
    import ibis.expr.types as ir
    from numpy.typing import NDArray

    from cxfusion.pairing import Pairing
    from cxfusion.perception.weights import ResponseWeights
    from cxfusion.tables.relation import Scale

__all__ = [
    "FEW",
    "SHOWN",
    "TOO_FEW",
    "Measurement",
    "figures_of",
    "measure",
    "measure_scores",
    "numbered",
    "readings_for",
]

FEW: Final = 30
"""Below so many answers (contacts, for the response rate) a figure is flagged as small."""
TOO_FEW: Final = 5
"""Below so many answers, or customers, there is no figure: it would tell what single persons said."""
SHOWN: Final = ("ok", "small")
"""Statuses of rows that have a figure."""
_FIGURES: Final = ("estimate", "std_error", "conf_low", "conf_high")
_TAKEN: Final = ("metric", *_FIGURES, "unit", "n", "n_clusters", "status", "reason")


@dataclass(frozen=True, eq=False, repr=False)
class Measurement(Result):
    """A score as those who answered gave it, or how many answered: for the whole, and by group or period.

    ``.table`` has the grouping columns, ``interval_start`` (the site's clock) where an interval was asked for, then
    ``metric, estimate, std_error, conf_low, conf_high, unit, n, n_clusters, status, reason``: intervals at 95 %, ``n``
    answers (contacts, for the response rate) of ``n_clusters`` customers; ``status`` is ``ok``, ``small`` (fewer than
    30), ``suppressed`` (fewer than 5: no figure) or ``not_applicable``. Without grouping it is the same as ``overall``.

    Attributes
    ----------
    score : {"csat", "nps", "ces", "response_rate"}
    scale : Scale or None
        None for the response rate.
    overall : pandas.DataFrame
        The figures of the whole.
    groups : pandas.DataFrame
        The same by group; no rows where no grouping was asked for.
    grouping : Grouping
    notes : tuple of str
        What a reader of the figures should know.
    """

    score: str
    scale: Scale | None
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

    def plot(self, metric: str | None = None, *, width: int = 720) -> alt.TopLevelMixin:
        """A picture of the groups with their intervals: best first, or over time where an interval was asked for.

        Parameters
        ----------
        metric : str, optional
            A metric of the table; by default its first.
        width : int
            Whole width in pixels, about.

        Returns
        -------
        altair chart

        Raises
        ------
        UnknownNameError
            The table has no such metric.
        NothingToEstimateError
            No grouping was asked for, or no group has a figure.
        """
        from cxfusion.results.charts import scores_by_group
        from cxfusion.results.time_charts import score_over_time

        known = list(self.overall["metric"])
        drawn = require_metric(metric or known[0], known)
        if self.grouping.interval is None:
            return scores_by_group(self.as_rows(), drawn, width=width)
        return score_over_time(self.groups, self.grouping, drawn, width=width)

    def _lines(self) -> list[str]:
        by = f" by {self.grouping.title}" if self.grouping.names else ""
        headline = f"Measurement of {outcome_label(self.score)}{by}: {self.overall['n'].iloc[0]:,} {self._counted()}"
        return [
            headline,
            *(_line(row) for row in self.overall.itertuples()),
            *(f"  {note}" for note in self.notes),
        ]

    def _counted(self) -> str:
        if self.scale is None:
            return "contacts that reached an agent"
        better = "higher" if self.scale.higher_is_better else "lower"
        return f"answers on {self.scale.low:g}–{self.scale.high:g}, {better} is better"


def measure(
    pairing: Pairing | Surveys,
    score: str,
    by: str | Sequence[str] | None = None,
    interval: str | None = None,
    *,
    weights: ResponseWeights | None = None,
) -> Measurement:
    """The figures of a score, with 95 % intervals: CSAT mean and top-2-box, NPS, or mean CES; or the response rate.

    Only answers of customers count; those of companions and others are never mixed in. Variances are
    clustered by customer. Without weights the figures speak for those who answered. The response rate is the share of
    contacts that reached an agent with which a customer's scored response is paired; contacts that are younger than the
    lag within which 95 % of the answers come are left out of it, and counted in the notes.

    Parameters
    ----------
    pairing : Pairing or Surveys
        Surveys alone, where there is no contact log: every scored answer then counts, once for each row.
    score : {"csat", "nps", "ces", "response_rate"}
        The response rate takes a pairing.
    by : str or sequence of str, optional
        Columns of the contact log; of surveys alone, their own. A missing value is a group of its own.
    interval : {"15min", "30min", "1h", "1d"}, optional
        Counted on the site's clock (``contacts.timezone``) by the contact's start, not by when the answer came; of
        surveys alone by the latter.
    weights : ResponseWeights, optional
        From :func:`weigh`, for the same score: the figures then speak for all answered contacts, and their metrics
        end in ``_weighted``. Their variance is that of what the margins of the weights leave of the answers, as the
        margins are known. Of more than five million answers, and of fewer than two for each margin, it takes the
        weights as given, which is conservative; ``notes`` then say so.

    Returns
    -------
    Measurement

    Raises
    ------
    UnknownNameError
        No such score, a column that the log does not have, or an interval other than those.
    NoScoreError
        The survey did not ask this score.
    UsageError
        Weights of another score, or for a figure that has none; weights or a response rate of surveys alone.

    Examples
    --------
    >>> import cxfusion as cx
    >>> calls = [{"contact_id": str(i), "started_at": "2026-01-05 09:00"} for i in range(80)]
    >>> answers = [{"contact_id": str(i), "nps": 10 if i < 20 else 8} for i in range(40)]
    >>> pairing = cx.pair(cx.read_contacts(calls), cx.read_surveys(answers))
    >>> cx.measure(pairing, "nps").table["estimate"].to_list()
    [50.0]
    >>> cx.measure(pairing, "response_rate").table["estimate"].to_list()
    [0.5]
    >>> cx.measure(cx.read_surveys(answers), "nps").table["estimate"].to_list()
    [50.0]
    """
    if isinstance(pairing, Surveys):
        require_no_log(score, weights)
        grouping = grouping_by(by, interval, pairing.columns, _TAKEN)
        readings_for(pairing, score, None)  # refuses a score that is not there
        given = given_answers(pairing, [score], grouping.columns)
        found = _measured(pairing, given, score, grouping, None)
        return replace(found, notes=(*found.notes, *notes_on_alone(pairing, given, score, has_interval=bool(interval))))
    require_pairing(pairing)
    grouping = grouping_by(by, interval, pairing.contacts.columns, _TAKEN)
    if weights is not None and weights.score != score:
        raise UsageError(
            f"The weights are for {weights.score}, the figure asked for is {score}. Expected weights of the same score:"
            f" weigh(pairing, {score!r})."
        )
    readings = readings_for(pairing, score, weights)  # refuses a score that is not there
    if score == RESPONSE_RATE:
        overall, groups, _ = figures_of(pairing, reached_by(pairing, grouping.columns), readings, grouping)
        notes = _notes_on_response(overall, *count_responses(pairing, SCORES, is_of_old=True))
        notes = (*notes, *notes_on_young(pairing))
        return Measurement(score, None, overall, groups, grouping, notes)
    return _measured(pairing, given_answers(pairing, [score], grouping.columns), score, grouping, weights)


def measure_scores(
    pairing: Pairing, by: str | Sequence[str] | None, weights: ResponseWeights | None
) -> dict[str, Measurement]:
    """Every score that the surveys have, and that of the weights with them besides (``…_weighted``).

    The same as :func:`measure` of each; answers meet their contacts once for all of them.
    """
    grouping = grouping_by(by, None, pairing.contacts.columns, _TAKEN)
    given = given_answers(pairing, list(pairing.surveys.scales), grouping.columns)
    found = {score: _measured(pairing, given, score, grouping, None) for score in pairing.surveys.scales}
    if weights is not None:
        found[f"{weights.score}_weighted"] = _measured(pairing, given, weights.score, grouping, weights)
    return found


def _measured(
    pairing: Pairing | Surveys, given: ir.Table, score: str, grouping: Grouping, weights: ResponseWeights | None
) -> Measurement:
    readings = readings_for(pairing, score, weights)
    answers = answers_of(given, score, weights)
    overall, groups, is_linearised = figures_of(pairing, answers, readings, grouping, weights)
    notes = _notes(count_responses(pairing, [score])[1], weights, is_linearised=is_linearised)
    return Measurement(score, surveys_of(pairing).scales[score], overall, groups, grouping, notes)


def readings_for(pairing: Pairing | Surveys, score: str, weights: ResponseWeights | None) -> tuple[Reading, ...]:
    """The figures that are read off a score of a pairing or of surveys; weighted ones say so in their names.

    Raises
    ------
    UnknownNameError, NoScoreError
        As of :func:`measure`.
    """
    if score == RESPONSE_RATE:
        return (response_rate(),)
    readings = readings_of(score, _scale_of(pairing, score))
    if weights is None:
        return readings
    return tuple(replace(reading, metric=f"{reading.metric}_weighted") for reading in readings)


def _scale_of(pairing: Pairing | Surveys, score: str) -> Scale:
    if score not in SCORES:
        known = (*SCORES, RESPONSE_RATE)
        near = ", ".join(nearest_names(score, known) or known)
        raise UnknownNameError(f"There is no score {score!r}. Expected one of: {near}.")
    scales = surveys_of(pairing).scales
    if score not in scales:
        there = ", ".join(scales) or "none"
        raise NoScoreError(
            f"The survey has no {score}. Scores that it has: {there}. Measure one of them, or name the column"
            f" that holds it: [surveys.columns] {score} = …"
        )
    return scales[score]


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
        sums = pairing.session.collect(sums_of(rows, values, keys)).to_pandas()
    else:
        rows = compute(pairing.session, numbered(rows, keys))
        sums = pairing.session.collect(sums_of(rows, values, [*keys, GROUP] if keys else [])).to_pandas()
        answers = weighted_answers(pairing.session, rows, readings, weights.codes)
        sums = add_residuals(sums, answers, len(readings))
        is_linearised = answers is not None and bool(sums["residual_0"].notna().all())
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
    status = _status(mean.n, mean.n_clusters, reading.not_applicable)
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
            "reason": pd.Series(_reasons(status, mean.n, reading), dtype="str"),
        }
    )
    frame.loc[~frame["status"].isin(SHOWN), list(_FIGURES)] = np.nan
    return frame


def _status(n: NDArray[np.float64], n_customers: NDArray[np.float64], not_applicable: str | None) -> list[str]:
    if not_applicable:
        return ["not_applicable"] * len(n)
    kinds = np.select([n == 0, n_customers < TOO_FEW, n < FEW], ["not_applicable", "suppressed", "small"], "ok")
    return [str(kind) for kind in kinds]


def _reasons(status: Sequence[str], n: NDArray[np.float64], reading: Reading) -> list[str | None]:
    """Why there is no figure, or why to take it with care."""
    words = {
        "not_applicable": reading.not_applicable or reading.nothing,
        "small": f"fewer than {FEW} {reading.counted}",
    }
    hidden = (reading.counted if few < TOO_FEW else "customers" for few in n)
    return [
        f"fewer than {TOO_FEW} {which}: not shown" if kind == "suppressed" else words.get(kind)
        for kind, which in zip(status, hidden, strict=True)
    ]


def _notes(n_others: int, weights: ResponseWeights | None, *, is_linearised: bool) -> tuple[str, ...]:
    speaks = ["These figures speak for those who answered; they are not corrected for who did not."]
    if weights is not None:
        speaks = [
            f"These figures speak for all {weights.n_contacts:,} answered contacts, as far as the log tells them."
        ]
        if not is_linearised:
            speaks.append("Their errors take the weights as given, which makes intervals wider than they need be.")
    return (*speaks, *_left_out({"by others than the customer (companions, staff)": n_others}))


def _notes_on_response(overall: pd.DataFrame, n_customers: int, n_others: int) -> tuple[str, ...]:
    estimate, n = overall["estimate"].iloc[0], overall["n"].iloc[0]
    answered = 0 if n == 0 else n_customers if np.isnan(estimate) else round(estimate * n)  # too few to tell: no note
    n_elsewhere = n_customers - answered
    others = {"by others than the customer (companions, staff)": n_others}
    return _left_out(others | {"about contacts that reached no agent": n_elsewhere})


def notes_on_young(pairing: Pairing) -> tuple[str, ...]:
    """How many contacts a rate leaves out, since more of them will yet be answered about."""
    n_young = count_young(pairing)
    return (pairing.answer_lag.note(n_young),) if pairing.answer_lag is not None and n_young else ()


def _left_out(answers: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(f"Left out: {n:,} answer{'s' if n > 1 else ''} {which}." for which, n in answers.items() if n)


def _line(row: Any) -> str:
    told = "" if pd.isna(row.reason) else f"   ({row.reason})"
    ends = interval_in_words(row.conf_low, row.conf_high, row.unit)
    shown = f"{metric_label(row.metric):<28}{in_words(row.estimate, row.unit):>9}"
    return f"  {shown}   {ends}   n = {row.n:,}{told}"
