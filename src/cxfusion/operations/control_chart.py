"""Is it signal? A metric from interval to interval, with the limits that it stays within while nothing changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cxfusion.errors import NothingToEstimateError, UnknownNameError, UsageError, require_kind, told_nearest
from cxfusion.estimators.control_limits import (
    RULES,
    count_limits,
    false_alarm_rate,
    mean_limits,
    p_limits,
    signals,
    xmr_limits,
)
from cxfusion.operations.metrics import metric_named
from cxfusion.operations.series import season_of, series_of
from cxfusion.results.base import Result
from cxfusion.results.formats import change, plain
from cxfusion.results.formats import figure as in_words
from cxfusion.results.grouping import START, TEXT, Grouping, grouping_by
from cxfusion.results.labels import metric_label
from cxfusion.tables.relation import require_contacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import altair as alt
    from numpy.typing import NDArray

    from cxfusion.operations.episodes import EpisodePlan
    from cxfusion.tables.relation import Contacts

__all__ = ["ControlChart", "control_chart"]

FEWEST: Final = 10
"""Points of a baseline with fewer of them say nothing about limits."""
FEWEST_PER_SEASON: Final = 4
FIXED: Final = "at this weekday or hour the share is 0 or 1 throughout"
NEVER: Final = "at this weekday or hour the count is 0 throughout the baseline"
USUAL: Final = ("beyond_limits", "two_of_three", "run_of_nine")
POINTS: Final = ("estimate", "n", "centre", "low", "high", "z", "signals", "status", "reason")


@dataclass(frozen=True, eq=False, repr=False)
class ControlChart(Result):
    """A metric by interval with its control limits, one chart per group.

    ``.table`` has one row per group and interval: the grouping columns, ``interval_start``, ``estimate, n, centre, low,
    high`` (three sigmas on either side), ``z`` (distance from the centre in sigmas), ``signals`` (the rules that the
    point completes, or null), ``status, reason``.

    Attributes
    ----------
    metric, unit : str
    kind : {"xmr", "xbar", "p"}
        By which law the limits are made: of single numbers (of counts, as wide as the root of their centre), of means
        of n, of shares of n.
    grouping : Grouping
    points : pandas.DataFrame
        The same as ``.table``.
    rules : tuple of str
    is_seasonal : bool
        Whether weekdays (hours of the week, for shorter intervals) have centres of their own.
    """

    metric: str
    unit: str
    kind: str
    grouping: Grouping
    points: pd.DataFrame
    rules: tuple[str, ...]
    is_seasonal: bool

    @property
    def _frame(self) -> pd.DataFrame:
        return self.points

    @property
    def n_charts(self) -> int:
        """Groups with limits."""
        known = self.points[self.points["status"] == "ok"]
        columns = list(self.grouping.names[:-1])
        return int(known.groupby(columns, dropna=False).ngroups) if columns else int(len(known) > 0)

    @property
    def expected_false_alarms(self) -> float:
        """Points that the rules would flag by chance alone, over all groups together, at most about so many."""
        return float((self.points["status"] == "ok").sum() * false_alarm_rate(self.rules))

    def plot(self, *, width: int = 720) -> alt.TopLevelMixin:
        """One panel per group (the largest ones): points, centre and limits, signals marked.

        Raises
        ------
        NothingToEstimateError
            No group has limits.
        """
        from cxfusion.results.control_charts import control_charts

        return control_charts(self.points, self.grouping, self.metric, self.unit, width=width)

    def _lines(self) -> list[str]:
        known = self.points[self.points["status"] == "ok"]
        flagged = known[known["signals"].notna()]
        charts = f"{self.n_charts:,} chart{'s' if self.n_charts != 1 else ''}"
        head = (
            f"{metric_label(self.metric)}: {len(flagged):,} of {len(known):,} points in {charts} are signals; by chance"
            f" alone about {plain(self.expected_false_alarms)} would be"
        )
        if known.empty:
            head = f"{metric_label(self.metric)}: no limits, {_first_reason(self.points)}"
        compared = "with their own weekday or hour" if self.is_seasonal else "with one another"
        rows = flagged.assign(size=flagged["z"].abs()).sort_values("size", ascending=False, kind="stable").head(8)
        told = [self._in_words(name, row) for name, row in zip(self._texts(rows), rows.itertuples(), strict=True)]
        return [head, f"  points are compared {compared}; rules: {', '.join(self.rules)}", *told]

    def _texts(self, rows: pd.DataFrame) -> list[str]:
        return list(self.grouping.texts(rows)) if len(rows) else []

    def _in_words(self, name: str, row: Any) -> str:
        return f"  {name}: {in_words(row.estimate, self.unit)}, {change(row.z, 'nps')} sigma ({row.signals})"


def _first_reason(points: pd.DataFrame) -> str:
    reasons = points["reason"].dropna()
    return str(reasons.iloc[0]) if len(reasons) else "there are no intervals"


def control_chart(
    contacts: Contacts,
    metric: str,
    by: str | Sequence[str] | None = None,
    interval: str = "1d",
    *,
    baseline_until: str | pd.Timestamp | None = None,
    rules: Sequence[str] = USUAL,
    seasonal: bool | None = None,
    overdispersed: bool = True,
    episodes: EpisodePlan | None = None,
) -> ControlChart:
    """Which intervals stand out from what the metric does anyway?

    Parameters
    ----------
    contacts : Contacts
    metric : str
        Of :func:`diagnose`. Counts and quantiles get XmR limits; those of means and shares know how many contacts are
        behind each point. Of counts, an interval without contacts is a point of 0 at the weekdays (hours of the week)
        at which its group ever has any, from the first interval of the log to the last.
    by : str or sequence of str, optional
        One chart per group, a queue or an agent each.
    interval : {"15min", "30min", "1h", "1d"}, default "1d"
    baseline_until : str or Timestamp, optional
        The limits are made from the intervals before this moment of the site's clock; from all of them by default.
    rules : sequence of {"beyond_limits", "two_of_three", "four_of_five", "run_of_nine"}
        What counts as a signal: a point beyond three sigmas; two of three beyond two, four of five beyond one, nine in
        a row on one side of the centre.
    seasonal : bool, optional
        Compare weekdays with themselves (hours of the week, for shorter intervals). By default where each of them has
        at least four points in the baseline.
    overdispersed : bool, default True
        For shares: widen the limits by what the shares vary beyond chance (Laney's p′).
    episodes : EpisodePlan, optional
        For ``fcr``.

    Returns
    -------
    ControlChart
        A group with fewer than ten points in the baseline has no limits, and its rows say so.

    Raises
    ------
    UnknownNameError
        No such metric, column, interval or rule.
    UsageError
        No rule at all, ``fcr`` without ``episodes``, or an end of the baseline that is no time.

    Notes
    -----
    Many charts together flag many points by chance: ``expected_false_alarms`` says how many, for independent normal
    points. Ask for ``rules=["beyond_limits"]`` where there are hundreds of groups.

    Examples
    --------
    >>> import cxfusion as cx
    >>> contacts = cx.simulate(n_contacts=20_000, seed=7).contacts
    >>> chart = cx.control_chart(contacts, "aht_seconds", rules=["beyond_limits"])
    >>> chart.kind, len(chart.table)
    ('xbar', 60)
    """
    require_kind(rules, Iterable, "rules", f"some of {', '.join(RULES)}, in a list.")
    unknown = [str(rule) for rule in rules if rule not in RULES]
    if unknown:
        told = told_nearest(unknown, RULES)
        raise UnknownNameError(f"There is no such run rule. Expected some of: {', '.join(RULES)}.", told)
    if not rules:
        raise UsageError(f"No run rule was asked for. Expected at least one of: {', '.join(RULES)}.")
    require_contacts(contacts)
    kind = metric_named(metric)
    if kind.is_chained and episodes is None:
        raise UsageError(f"{metric} looks from contact to contact. Expected episodes=EpisodePlan() as well.")
    if interval is None:
        raise UsageError("A chart goes from interval to interval. Expected one, such as interval='1d'.")
    grouping = grouping_by(by, interval, contacts.columns, POINTS)
    series = series_of(contacts, kind, grouping, episodes)
    of_numbers = "count" if kind.statistic == "total" else "xmr"
    law = "p" if kind.unit == "share" else "xbar" if "squares" in series else of_numbers
    season = season_of(series[START], grouping.interval)
    is_base = series[START] < _end_of_baseline(baseline_until, contacts.timezone)
    columns = list(grouping.names[:-1])
    number = series.groupby(columns, dropna=False, sort=False).ngroup() if columns else pd.Series(0, series.index)
    chosen = _is_seasonal(number, season, is_base & series["estimate"].notna()) if seasonal is None else seasonal
    marked = series.assign(number=number, season=season if chosen else 0, is_base=is_base)
    points = _limited(marked.sort_values(["number", START], ignore_index=True), law, overdispersed, list(rules))
    return ControlChart(
        metric=metric,
        unit=kind.unit,
        kind="xmr" if law == "count" else law,
        grouping=grouping,
        points=points[[*grouping.names, *POINTS]],
        rules=tuple(rules),
        is_seasonal=bool(chosen),
    )


def _end_of_baseline(moment: str | pd.Timestamp | None, zone: str) -> pd.Timestamp:
    """On the site's clock, as the starts of intervals are."""
    if moment is None:
        return pd.Timestamp.max
    try:
        at = pd.Timestamp(moment)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"baseline_until={moment!r} is no date or time. Expected one such as '2026-03-01', on the site's clock."
        ) from error
    return at if at.tzinfo is None else at.tz_convert(zone).tz_localize(None)


def _is_seasonal(number: pd.Series[int], season: pd.Series[int], is_base: pd.Series[bool]) -> bool:
    """Whether every weekday or hour that a group has occurs often enough in its baseline, in most groups."""
    counts = is_base.groupby([number, season]).sum()
    if counts.empty:
        return False
    fewest = counts.groupby(level=0).min()
    return bool((fewest >= FEWEST_PER_SEASON).mean() >= 0.5 and season.min() < season.max())


def _limited(series: pd.DataFrame, law: str, overdispersed: bool, rules: list[str]) -> pd.DataFrame:
    """Series of all groups, one after the other, with their limits or the reasons why they have none."""
    values, n, season, is_base, squares = _columns(series)
    centre, sigma, z = (np.full(len(series), np.nan) for _ in range(3))
    told, reasons = np.full(len(series), None, dtype=object), series["reason"].to_numpy(object)
    known = ~np.isnan(values)
    edges = np.flatnonzero(np.diff(series["number"].to_numpy(), prepend=-1, append=-1))
    for start, stop in pairwise(edges):
        at = start + np.flatnonzero(known[start:stop])
        if law in ("p", "count"):
            is_fixed = _is_fixed(law, values[at], n[at], season[at], is_base[at])
            reasons[at[is_fixed]] = FIXED if law == "p" else NEVER
            at = at[~is_fixed]
        try:
            _require_points(int(is_base[at].sum()))
            if law == "p":
                limits = p_limits(values[at], n[at], season[at], is_base[at], overdispersed=overdispersed)
            elif law == "count":
                limits = count_limits(values[at], season[at], is_base[at])
            elif law == "xmr":
                limits = xmr_limits(values[at], season[at], is_base[at])
            else:
                within = _within(values[at], n[at], squares[at], is_base[at])
                limits = mean_limits(values[at], n[at], within, season[at], is_base[at])
        except NothingToEstimateError as nothing:
            reasons[at] = nothing.message
            continue
        centre[at], sigma[at], z[at] = limits.centre, limits.sigma, limits.z(values[at])
        told[at] = _names(signals(z[at], rules))
    return series.assign(
        centre=centre,
        low=np.maximum(centre - 3 * sigma, 0.0),  # no metric of a log is below zero
        high=np.minimum(centre + 3 * sigma, 1.0) if law == "p" else centre + 3 * sigma,
        z=z,
        signals=pd.Series(told, series.index, dtype=TEXT),
        status=np.where(np.isnan(centre), "not_applicable", "ok"),
        reason=pd.Series(reasons, series.index, dtype=TEXT),
    )


def _columns(series: pd.DataFrame) -> tuple[NDArray[Any], ...]:
    """Figures, the numbers behind them, seasons, whether in the baseline, sums of squares (0 where not asked for)."""
    squares = series["squares"].to_numpy(float) if "squares" in series else np.zeros(len(series))
    names = ("estimate", "n", "season", "is_base")
    values, n, season, is_base = (series[name].to_numpy() for name in names)
    return values.astype(float), n.astype(float), season.astype(np.int64), is_base.astype(bool), squares


def _is_fixed(
    law: str,
    values: NDArray[np.float64],
    n: NDArray[np.float64],
    season: NDArray[np.int64],
    is_base: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Points of a weekday or hour whose baseline is 0 throughout, or a share of 1, where others are not: no limits."""
    _, code = np.unique(season, return_inverse=True)
    weight = n if law == "p" else np.ones(len(n))
    hits, behind = (np.bincount(code, own * is_base) for own in (values * weight, weight))
    is_fixed = (behind > 0) & ((hits <= 0) | ((hits >= behind) & (law == "p")))
    return np.asarray(is_fixed[code] & ~is_fixed.all(), dtype=bool)


def _within(
    values: NDArray[np.float64], n: NDArray[np.float64], squares: NDArray[np.float64], is_base: NDArray[np.bool_]
) -> float:
    """Standard deviation of single contacts about the mean of their own interval, over the baseline."""
    about, degrees = np.maximum(squares - n * values**2, 0.0), (n - 1)[is_base].sum()
    return float(np.sqrt(about[is_base].sum() / degrees)) if degrees > 0 else 0.0


def _require_points(n: int) -> None:
    if n < FEWEST:
        raise NothingToEstimateError(f"{n} intervals in the baseline, at least {FEWEST} are needed for limits")


def _names(flags: dict[str, NDArray[np.bool_]]) -> NDArray[np.object_]:
    """By point, the rules that it completes, or None."""
    names = np.full(len(next(iter(flags.values()))), None, dtype=object)
    for rule, hits in flags.items():
        for i in np.flatnonzero(hits):
            names[i] = rule if names[i] is None else f"{names[i]}, {rule}"
    return names
