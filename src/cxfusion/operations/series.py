"""A metric from interval to interval: one series per group, with the intervals in which nothing happened."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cxfusion.operations.figures import Figure, NotApplicable, Total, count_of, look_at
from cxfusion.operations.metrics import METRICS, Metric
from cxfusion.operations.tallies import chained, numbers_of
from cxfusion.operations.tidy import tidy
from cxfusion.results.grouping import START, Grouping
from cxfusion.tables.span import span_among
from cxfusion.tables.sums import exact_sum

if TYPE_CHECKING:
    from cxfusion.operations.episodes import EpisodePlan
    from cxfusion.operations.tallies import Numbers
    from cxfusion.tables.relation import Contacts

__all__ = ["season_of", "series_of"]


def series_of(contacts: Contacts, kind: Metric, grouping: Grouping, episodes: EpisodePlan | None) -> pd.DataFrame:
    """One metric by group and interval; of a mean over contacts also the sum of their squares."""
    log = look_at(contacts)
    chains = chained(log, episodes) if kind.is_chained else None
    volume, offered = METRICS[0], count_of(log.every_contact)  # always there: its groups are those of the log
    figure = kind.value(chains or log)
    figures: dict[Metric, Figure | NotApplicable] = {volume: offered, kind: figure}
    squares = None
    if isinstance(figure, Figure) and figure.value is not None and kind.statistic == "mean" and kind.unit != "share":
        squares = Total((exact_sum(figure.value * figure.value, per_unit=1.0),))
        figures[replace(volume, name="squares")] = Figure(squares, squares)
    numbers = numbers_of(log, figures, grouping, chains)
    if kind.statistic == "total":
        numbers = replace(numbers, groups=_with_zeros(numbers, offered.n, grouping, contacts.timezone))
    found = tidy(numbers.groups, numbers, {kind: figure}, grouping.names).drop(columns=["metric", "unit"])
    return found if squares is None else found.assign(squares=numbers.total(numbers.groups, squares))


def _with_zeros(numbers: Numbers, contacts: Total, grouping: Grouping, zone: str) -> pd.DataFrame:
    """Groups and intervals, those without contacts too: an outage is a point of 0, a Sunday that is always closed none.

    Contacts that a wrong clock puts years away are points, but no years of zeros lead to them.
    """
    found = numbers.groups
    if found.empty:
        return found
    keys = list(found.columns[: len(grouping.columns)])
    group = found.groupby(keys, dropna=False, sort=False).ngroup() if keys else pd.Series(0, found.index)
    day = found[START].dt.normalize()
    n = pd.Series(numbers.total(found, contacts), found.index).groupby(day).sum()
    days = pd.DatetimeIndex(n.index)
    span = span_among([{"day": at.toordinal(), "first": at, "last": at, "n": n[at]} for at in days])
    starts = _starts(found.loc[(day >= span.first) & (day <= span.last), START], grouping.interval, zone)
    every = pd.DataFrame({START: starts, "season": season_of(starts, grouping.interval)})
    seen = pd.DataFrame({"group": group, "season": season_of(found[START], grouping.interval)}).drop_duplicates()
    due = pd.MultiIndex.from_frame(seen.merge(every, on="season")[["group", START]])
    absent = due[~due.isin(pd.MultiIndex.from_arrays([group, found[START]]))].to_frame(index=False)
    named = found.loc[~group.duplicated(), keys].take(absent["group"].to_numpy()).reset_index(drop=True)
    zeros = named.assign(**{START: absent[START]}).reindex(columns=found.columns, fill_value=0.0)
    return pd.concat([found, zeros], ignore_index=True)


def _starts(seen: pd.Series[Any], interval: timedelta | None, zone: str) -> pd.Series[Any]:
    """All intervals of the site's clock from the first one seen to the last, but those that it skips in spring."""
    told = pd.date_range(seen.min(), seen.max(), freq=interval)
    there = told.tz_localize(zone, ambiguous=np.ones(len(told), dtype=bool), nonexistent="shift_forward")
    return pd.Series(there.tz_localize(None).floor(interval).unique())


def season_of(starts: pd.Series[Any], interval: timedelta | None) -> pd.Series[int]:
    """Weekday; hour of the week where intervals are shorter than a day."""
    is_daily = interval is not None and interval >= timedelta(days=1)
    code = starts.dt.day_of_week if is_daily else starts.dt.day_of_week * 24 + starts.dt.hour
    return pd.Series(code.to_numpy(np.int64), starts.index)
