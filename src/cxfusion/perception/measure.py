"""Measuring a score or the response rate: figures with intervals, for the whole and by group or period.

Answers of one customer are not independent, so they are summed by customer first; few cells are shown with a
warning, fewer not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from cxfusion.errors import UsageError
from cxfusion.pairing.result import require_pairing
from cxfusion.perception.alone import notes_on_alone, require_no_log
from cxfusion.perception.answers import (
    answers_of,
    count_elsewhere,
    count_others,
    given_answers,
    notes_on_untold,
    reached_by,
    scale_of,
    surveys_of,
)
from cxfusion.perception.figures import ESTIMATES, figures_of
from cxfusion.perception.scores import RESPONSE_RATE, SCORES, Reading, readings_of, response_rate
from cxfusion.perception.weights import ResponseWeights, require_weights
from cxfusion.results.base import Result, require_metric
from cxfusion.results.formats import figure as in_words
from cxfusion.results.formats import interval as interval_in_words
from cxfusion.results.grouping import Grouping, grouping_by
from cxfusion.results.labels import metric_label, outcome_label
from cxfusion.results.schemas import PERCEPTION
from cxfusion.tables.relation import Surveys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import altair as alt
    import ibis.expr.types as ir

    from cxfusion.pairing import Pairing
    from cxfusion.tables.relation import Scale

__all__ = ["Measurement", "measure", "measure_scores", "measured", "readings_for"]

_TAKEN: Final = ("metric", *ESTIMATES, "unit", "n", "n_clusters", "status", "reason")


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

    Only customers' answers count; those of companions and others are never mixed in. Variances are
    clustered by customer. Without weights the figures describe those who answered. The response rate is the share of
    contacts that reached an agent and are paired with a customer's scored response; contacts that are younger than the
    lag within which 95 % of the answers come are left out of it, and counted in the notes.

    Parameters
    ----------
    pairing : Pairing or Surveys
        Surveys alone, where there is no contact log: every scored answer then counts, once for each row.
    score : {"csat", "nps", "ces", "response_rate"}
        The response rate takes a pairing.
    by : str or sequence of str, optional
        Columns of the contact log, or of the survey file where surveys are measured alone. A missing value is a group
        of its own.
    interval : {"15min", "30min", "1h", "1d"}, optional
        Counted on the site's clock (``contacts.timezone``) by the contact's start; only where surveys are measured
        alone, by when the answer came.
    weights : ResponseWeights, optional
        From :func:`weigh`, for the same score: the figures then describe all contacts that an agent handled, and their
        metrics end in ``_weighted``. Their variance is that of what the margins of the weights do not explain of the
        answers, since the margins are known. With fewer than two answers for each margin it takes the weights as given,
        which is conservative; ``notes`` then say so.

    Returns
    -------
    Measurement

    Raises
    ------
    UnknownNameError
        No such score, a column that the log does not have, or an interval other than those.
    NoScoreError
        The survey did not ask for this score.
    UsageError
        Weights of another score or pairing, or for a figure that has none; weights or a response rate of surveys alone.

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
        found = measured(pairing, given, score, grouping, None)
        return replace(found, notes=(*found.notes, *notes_on_alone(pairing, given, score, has_interval=bool(interval))))
    require_pairing(pairing)
    grouping = grouping_by(by, interval, pairing.contacts.columns, _TAKEN)
    if weights is not None and score == RESPONSE_RATE:
        raise UsageError(
            "The response rate takes no weights: it is counted over all contacts, not over those that were answered"
            " about. Expected it without weights=."
        )
    readings = readings_for(pairing, score, weights)  # refuses a score that is not there
    if weights is not None:
        require_weights(weights, pairing, score)
    if score == RESPONSE_RATE:
        overall, groups, _ = figures_of(pairing, reached_by(pairing, grouping.columns), readings, grouping)
        notes = (*_notes_on_response(pairing), *notes_on_untold(pairing))
        return Measurement(score, None, overall, groups, grouping, notes)
    return measured(pairing, given_answers(pairing, [score], grouping.columns), score, grouping, weights)


def measure_scores(
    pairing: Pairing, by: str | Sequence[str] | None, weights: ResponseWeights | None
) -> dict[str, Measurement]:
    """Every score that the surveys have, and that of the weights with them besides (``…_weighted``).

    The same as :func:`measure` of each; answers meet their contacts once for all of them.
    """
    grouping = grouping_by(by, None, pairing.contacts.columns, _TAKEN)
    given = given_answers(pairing, list(pairing.surveys.scales), grouping.columns)
    found = {score: measured(pairing, given, score, grouping, None) for score in pairing.surveys.scales}
    if weights is not None:
        found[f"{weights.score}_weighted"] = measured(pairing, given, weights.score, grouping, weights)
    return found


def measured(
    pairing: Pairing | Surveys, given: ir.Table, score: str, grouping: Grouping, weights: ResponseWeights | None
) -> Measurement:
    """The figures of answers that meet their contacts already, by weights that are known to be theirs."""
    readings = readings_for(pairing, score, weights)
    answers = answers_of(given, score, weights)
    overall, groups, is_linearised = figures_of(pairing, answers, readings, grouping, weights)
    notes = _notes(count_others(pairing, [score]), weights, is_linearised=is_linearised)
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
    readings = readings_of(score, scale_of(pairing, score, RESPONSE_RATE))
    if weights is None:
        return readings
    return tuple(replace(reading, metric=f"{reading.metric}_weighted") for reading in readings)


def _notes(n_others: int, weights: ResponseWeights | None, *, is_linearised: bool) -> tuple[str, ...]:
    speaks = ["These figures speak for those who answered; they are not corrected for who did not."]
    if weights is not None:
        speaks = [
            f"These figures speak for all {weights.n_contacts:,} answered contacts, as far as the log tells them."
        ]
        if not is_linearised:
            speaks.append("Their errors take the weights as given, which makes intervals wider than they need be.")
    return (*speaks, *_left_out({"by others than the customer (companions, staff)": n_others}))


def _notes_on_response(pairing: Pairing) -> tuple[str, ...]:
    others = {"by others than the customer (companions, staff)": count_others(pairing, SCORES, is_of_old=True)}
    return _left_out(others | {"about contacts that reached no agent": count_elsewhere(pairing)})


def _left_out(answers: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(f"Left out: {n:,} answer{'s' if n > 1 else ''} {which}." for which, n in answers.items() if n)


def _line(row: Any) -> str:
    told = "" if pd.isna(row.reason) else f"   ({row.reason})"
    ends = interval_in_words(row.conf_low, row.conf_high, row.unit)
    shown = f"{metric_label(row.metric):<28}{in_words(row.estimate, row.unit):>9}"
    return f"  {shown}   {ends}   n = {row.n:,}{told}"
