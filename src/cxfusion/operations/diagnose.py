"""Diagnosing a log: every metric, for the whole and by group or interval, from one pass over the contacts."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from cxfusion.errors import NothingToEstimateError
from cxfusion.operations.figures import Limits, look_at
from cxfusion.operations.links import Links
from cxfusion.operations.metrics import METRICS
from cxfusion.operations.tallies import chained, numbers_of
from cxfusion.operations.tidy import tidy
from cxfusion.results.base import Result, require_metric
from cxfusion.results.formats import figure as in_words
from cxfusion.results.grouping import Grouping, grouping_by
from cxfusion.results.labels import HEADLINES, metric_label
from cxfusion.results.schemas import OPERATIONS
from cxfusion.tables.persons import FEWEST_PERSONS, groups_of_few
from cxfusion.tables.relation import require_contacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import altair as alt

    from cxfusion.operations.episodes import EpisodePlan
    from cxfusion.operations.tallies import Numbers
    from cxfusion.tables.relation import Contacts

__all__ = ["Diagnosis", "diagnose"]

_TAKEN: Final = ("metric", "estimate", "unit", "n", "status", "reason", *(metric.name for metric in METRICS))
_QUANTILES: Final = frozenset(metric.name for metric in METRICS if metric.is_quantile)


@dataclass(frozen=True, eq=False, repr=False)
class Diagnosis(Result):
    """The operational metrics of a log, for the whole and by group.

    ``.table`` has the grouping columns, ``interval_start`` (the site's clock) where an interval was asked
    for, then ``metric, estimate, unit, n, status, reason``; ``n`` counts the contacts behind the figure.
    Without grouping it is the same as ``overall``.

    Attributes
    ----------
    overall : pandas.DataFrame
        The whole log: ``metric, estimate, unit, n, status, reason``.
    groups : pandas.DataFrame
        The same by group; no rows where no grouping was asked for.
    grouping : Grouping
    timezone : str
        The site's time zone, in which intervals are counted.
    target_seconds, short_abandon_seconds : float
        Limits of the service levels and of short abandons.
    few : tuple of str
        Groups (the values of their columns, in one text) of fewer than five customers: files and pages do not show
        their figures.
    """

    overall: pd.DataFrame
    groups: pd.DataFrame
    grouping: Grouping
    timezone: str
    target_seconds: float
    short_abandon_seconds: float
    few: tuple[str, ...] = ()

    @property
    def _frame(self) -> pd.DataFrame:
        return self.groups if self.grouping.names else self.overall

    def _shown(self) -> pd.DataFrame:
        from cxfusion.results.readable import by_metric, readable

        keys = self.grouping.names
        return by_metric(self._shown_groups(), keys, HEADLINES) if keys else readable(self.overall)

    def pivot(self) -> pd.DataFrame:
        """One row per group, one column per metric; a figure that is not applicable is null."""
        frame, names = self._frame, list(self.overall["metric"])
        keys = frame[list(self.grouping.names)].iloc[:: len(names)].reset_index(drop=True)
        estimates = frame["estimate"].to_numpy(dtype=float).reshape(-1, len(names))
        return pd.concat([keys, pd.DataFrame(estimates, columns=names)], axis=1)

    def as_rows(self) -> pd.DataFrame:
        """The whole (grouping ``all``) and its groups, in the columns of ``results.schemas.OPERATIONS``.

        What files and pages show: of groups of fewer than five customers only how many contacts there were.
        """
        return self.grouping.as_rows(self.overall, self._shown_groups(), OPERATIONS)

    def _shown_groups(self) -> pd.DataFrame:
        if not self.few:
            return self.groups
        columns = self.grouping.names[: len(self.grouping.columns)]
        is_hidden = self.grouping.texts(self.groups, columns).isin(self.few) & (self.groups["unit"] != "contacts")
        shown = self.groups.copy()
        shown.loc[is_hidden, "estimate"] = float("nan")
        shown.loc[is_hidden, "status"] = "suppressed"
        shown.loc[is_hidden, "reason"] = f"fewer than {FEWEST_PERSONS} customers: not shown"
        return shown

    def plot(self, metric: str | None = None, *, width: int = 720) -> alt.TopLevelMixin:
        """A picture of the groups.

        Without an interval: bars by group, the largest groups first, of the headline metrics or of the one named. With
        one: a heat map of one metric (by default the volume) by day and time of day; where there are groups as well,
        of the groups by time of day, all days taken together.

        Parameters
        ----------
        metric : str, optional
            A metric of the table.
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
            No grouping was asked for, no group has a figure, or days of quantiles would have to be taken together.
        """
        from cxfusion.results.charts import kpis_by_group
        from cxfusion.results.time_charts import heat_map

        known = list(self.overall["metric"])
        if metric is not None:
            require_metric(metric, known)
        if self.grouping.interval is None:
            return kpis_by_group(self.as_rows(), metrics=HEADLINES if metric is None else [metric], width=width)
        drawn = metric or known[0]
        if self.grouping.columns and drawn in _QUANTILES:
            raise NothingToEstimateError(
                f"There is no picture of {drawn} by group and time of day: quantiles of single days do not add up to"
                " those of all days. Draw a mean, or diagnose one group alone."
            )
        return heat_map(self.groups, self.grouping, drawn, width=width)

    def _lines(self) -> list[str]:
        volume = in_words(self.overall["estimate"].iloc[0], "contacts")
        by = f" by {self.grouping.title}" if self.grouping.names else ""
        headline = f"Diagnosis of {volume} contacts{by}, site clock {self.timezone}"
        shown = self.overall[self.overall["metric"].isin(HEADLINES)]
        width = 2 + max(len(metric_label(name)) for name in shown["metric"])
        return [headline, *(_line(row, width) for row in shown.itertuples()), *self._further()]

    def _further(self) -> list[str]:
        """What else the table holds, in lines that a terminal shows whole."""
        others = [name for name in self.overall["metric"] if name not in HEADLINES]
        told = f"Also in the table: {', '.join(others)}."
        return textwrap.wrap(told, 96, initial_indent="  ", subsequent_indent="    ")


def diagnose(
    contacts: Contacts,
    by: str | Sequence[str] | None = None,
    interval: str | None = None,
    *,
    target_seconds: float = 20,
    short_abandon_seconds: float = 5,
    percentiles: bool = False,
    episodes: EpisodePlan | Links | None = None,
) -> Diagnosis:
    """Volume, handle time and its parts, waiting, service levels, abandonment and transfers of a contact log.

    Each metric is defined in :mod:`cxfusion.operations.metrics`.

    Parameters
    ----------
    contacts : Contacts
    by : str or sequence of str, optional
        Columns of the log. A missing value is a group of its own.
    interval : {"15min", "30min", "1h", "1d"}, optional
        Counted on the site's clock (``contacts.timezone``) by the contact's start. On the night the clocks go
        back, the hour that is lived twice is one interval.
    target_seconds : float, default 20
        Target of the service levels: a contact that waited exactly so long was served in time.
    short_abandon_seconds : float, default 5
        Who abandoned after at most so long is a short abandon.
    percentiles : bool, default False
        Median and 90th percentile of wait and of handle time as well; exact, so they take queries of their own and
        more memory than sums.
    episodes : EpisodePlan, optional
        First-contact resolution as well, by these rules; it sorts the log by customer, unless that is done already
        (:func:`cxfusion.operations.links.link`).

    Returns
    -------
    Diagnosis

    Raises
    ------
    UnknownNameError
        A column that the log does not have, or an interval other than those.
    UsageError
        Limits below zero.

    Examples
    --------
    >>> import cxfusion as cx
    >>> contacts = cx.read_contacts(
    ...     [
    ...         {"contact_id": "a", "started_at": "2026-01-05 09:00", "queue": "billing", "talk_seconds": 60},
    ...         {"contact_id": "b", "started_at": "2026-01-05 09:10", "queue": "billing", "talk_seconds": 90},
    ...     ]
    ... )
    >>> cx.diagnose(contacts, by="queue").pivot()["aht_seconds"].to_list()
    [75.0]
    """
    require_contacts(contacts)
    grouping = grouping_by(by, interval, contacts.columns, _TAKEN)
    limits = Limits(target_seconds, short_abandon_seconds)
    log = replace(episodes.log, limits=limits) if isinstance(episodes, Links) else look_at(contacts, limits)
    chains = chained(log, episodes)
    asked = [metric for metric in METRICS if percentiles or not metric.is_quantile]
    asked = [metric for metric in asked if episodes or not metric.is_chained]
    figures = {metric: metric.value(chains if metric.is_chained else log) for metric in asked}
    numbers = numbers_of(log, figures, grouping, chains)
    groups = numbers.groups if grouping.names else numbers.groups.iloc[:0]
    return Diagnosis(
        overall=tidy(numbers.whole, numbers, figures, []),
        groups=tidy(groups, numbers, figures, grouping.names),
        grouping=grouping,
        timezone=contacts.timezone,
        target_seconds=target_seconds,
        short_abandon_seconds=short_abandon_seconds,
        few=_few(contacts, grouping, numbers),
    )


def _few(contacts: Contacts, grouping: Grouping, numbers: Numbers) -> tuple[str, ...]:
    """Groups of few customers; an interval is none of persons."""
    if not grouping.columns:
        return ()
    keys = numbers.groups[[f"key_{i}" for i in range(len(grouping.columns))]].drop_duplicates().astype(object)
    known = keys.where(keys.notna(), None).itertuples(index=False, name=None)
    found = groups_of_few(contacts, grouping.columns, known)
    groups = pd.DataFrame(sorted(found, key=str), columns=list(grouping.columns))
    return tuple(grouping.texts(groups, grouping.columns)) if len(groups) else ()


def _line(row: Any, width: int) -> str:
    told = "" if pd.isna(row.reason) else f"   ({row.reason})"
    return f"  {metric_label(row.metric):<{width}}{in_words(row.estimate, row.unit):>12}   n = {row.n:,}{told}"
