"""Diagnosing a log: every metric, for the whole and by group or interval, from one pass over the contacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pandas as pd

from cxfusion.operations.metrics import METRICS, PARTIAL, Figure, Log, Metric, NotApplicable, is_handled
from cxfusion.operations.slots import Slots, require_interval
from cxfusion.results.base import Result
from cxfusion.results.formats import figure as in_words
from cxfusion.results.grouping import Grouping, grouping_by
from cxfusion.results.labels import metric_label
from cxfusion.results.schemas import OPERATIONS

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.tables.relation import Contacts

__all__ = ["Diagnosis", "diagnose"]

_START: Final = "interval_start"
_TAKEN: Final = (_START, "metric", "estimate", "unit", "n", "status", "reason", *(m.name for m in METRICS))
_COUNTED_BY: Final = {"contacts": "volume", "handled contacts": "handled"}

Figures: TypeAlias = Mapping[str, Figure | NotApplicable]


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
    """

    overall: pd.DataFrame
    groups: pd.DataFrame
    grouping: Grouping
    timezone: str

    @property
    def _frame(self) -> pd.DataFrame:
        return self.groups if self.grouping.names else self.overall

    def pivot(self) -> pd.DataFrame:
        """One row per group, one column per metric; a figure that is not applicable is null."""
        frame, names = self._frame, [metric.name for metric in METRICS]
        keys = frame[list(self.grouping.names)].iloc[:: len(names)].reset_index(drop=True)
        estimates = frame["estimate"].to_numpy(dtype=float).reshape(-1, len(names))
        return pd.concat([keys, pd.DataFrame(estimates, columns=names)], axis=1)

    def as_rows(self) -> pd.DataFrame:
        """The whole (grouping ``all``) and its groups, in the columns of ``results.schemas.OPERATIONS``."""
        return self.grouping.as_rows(self.overall, self.groups, OPERATIONS)

    def _lines(self) -> list[str]:
        volume = in_words(self.overall["estimate"].iloc[0], "contacts")
        by = f" by {' × '.join(self.grouping.columns)}" if self.grouping.names else ""
        headline = f"Diagnosis of {volume} contacts{by}, site clock {self.timezone}"
        return [headline, *(_line(row) for row in self.overall.itertuples())]

    def __repr__(self) -> str:
        return f"Diagnosis({self._lines()[0]})"


def diagnose(contacts: Contacts, by: str | Sequence[str] | None = None, interval: str | None = None) -> Diagnosis:
    """Volume, AHT, ASA, abandonment, transfers and hold of a contact log.

    Each metric is defined in :mod:`cxfusion.operations.metrics`.

    Parameters
    ----------
    contacts : Contacts
    by : str or sequence of str, optional
        Columns of the log. A missing value is a group of its own.
    interval : {"15min", "30min", "1h", "1d"}, optional
        Counted on the site's clock (``contacts.timezone``) by the contact's start. On the night the clocks go
        back, the hour that is lived twice is one interval.

    Returns
    -------
    Diagnosis

    Raises
    ------
    UnknownNameError
        A column that the log does not have, or an interval other than those.

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
    grouping = grouping_by(by, contacts.columns, _TAKEN)
    length = None if interval is None else require_interval(interval)
    log, years = _look_at(contacts)
    figures = {metric.name: metric.value(log) for metric in METRICS}
    slots = None if length is None else Slots(contacts.timezone, length, years)
    sums = _sums(log, figures, grouping.columns, slots)
    if slots:
        grouping = Grouping((*grouping.columns, _START), (*grouping.names, _START))
    keys = list(sums.columns[: len(grouping.names)])
    total = sums.drop(columns=keys).sum().to_frame().T
    groups = _long(sums if keys else sums.iloc[:0], keys, figures)
    return Diagnosis(
        overall=_long(total, [], figures),
        groups=groups.rename(columns=dict(zip(keys, grouping.names, strict=True))),
        grouping=grouping,
        timezone=contacts.timezone,
    )


def _look_at(contacts: Contacts) -> tuple[Log, tuple[int, int]]:
    """Which columns hold anything, and the years that the log spans."""
    rows, started_at = contacts.rows, contacts.rows["started_at"]
    counts = {name: rows[name].count() for name in PARTIAL if contacts.has(name)}
    years = {"first": started_at.min().year(), "last": started_at.max().year()}
    seen = contacts.session.collect(rows.aggregate(**counts, **years)).to_pylist()[0]
    filled = frozenset(name for name in contacts.columns if seen.get(name, 1))
    return Log(contacts, filled), (seen["first"] or 1970, seen["last"] or 1970)  # an empty log spans nothing


def _sums(log: Log, figures: Figures, columns: Sequence[str], slots: Slots | None) -> pd.DataFrame:
    """One row per group: ``key_0, key_1, …``, the interval, and each metric's sum and number of values."""
    rows = log.contacts.rows
    keys = {f"key_{i}": rows[column] for i, column in enumerate(columns)}
    times = {"slot": slots.number(rows["started_at"])} if slots else {}
    sums = _aggregates(log, figures)
    found = log.contacts.session.collect(rows.aggregate(_named(sums), by=_named(keys | times))).to_pandas()
    found[list(sums)] = found[list(sums)].astype(float).fillna(0.0)  # SQL's sum of nothing is null
    if slots:
        found[_START] = slots.starts(found["slot"])
    by = [*keys, _START] if slots else list(keys)
    return found.groupby(by, dropna=False, as_index=False)[list(sums)].sum() if by else found


def _aggregates(log: Log, figures: Figures) -> dict[str, ir.Value]:
    handled = is_handled(log)
    sums: dict[str, ir.Value] = {}
    for metric in METRICS:
        figure = figures[metric.name]
        if isinstance(figure, Figure):
            of_handled = metric.among == "handled contacts"
            value = handled.ifelse(figure.value, None) if of_handled else figure.value
            sums |= {f"sum_{metric.name}": value.sum(), f"count_{metric.name}": value.count()}
    return sums


def _named(values: Mapping[str, ir.Value]) -> list[ir.Value]:
    return [value.name(name) for name, value in values.items()]


def _long(sums: pd.DataFrame, keys: list[str], figures: Figures) -> pd.DataFrame:
    """One row per group and metric, group by group."""
    stacked = pd.concat([_rows_of(metric, figures[metric.name], sums) for metric in METRICS])
    group_by_group = np.arange(len(stacked)).reshape(len(METRICS), -1).T.ravel()
    of_group = sums[keys].iloc[np.repeat(np.arange(len(sums)), len(METRICS))]
    frames = (of_group, stacked.iloc[group_by_group])
    return pd.concat([frame.reset_index(drop=True) for frame in frames], axis=1)


def _rows_of(metric: Metric, figure: Figure | NotApplicable, sums: pd.DataFrame) -> pd.DataFrame:
    """The metric's rows, one per group."""
    estimate, n = np.full(len(sums), np.nan), np.zeros(len(sums))
    reasons: list[str | None] = [figure.reason if isinstance(figure, NotApplicable) else figure.caveat] * len(sums)
    if isinstance(figure, Figure):
        total, n = (sums[f"{what}_{metric.name}"].to_numpy() for what in ("sum", "count"))
        if metric.statistic == "total":
            estimate = n = total
        else:
            estimate = np.divide(total, n, out=estimate, where=n > 0)
            among = sums[f"sum_{_COUNTED_BY[metric.among]}"]
            reasons = [_reason(metric, figure, *counts) for counts in zip(n, among, strict=True)]
    return pd.DataFrame(
        {
            "metric": metric.name,
            "estimate": estimate,
            "unit": metric.unit,
            "n": n.astype(np.int64),
            "status": np.where(np.isnan(estimate), "not_applicable", "ok"),
            "reason": pd.Series(reasons, dtype="str"),
        }
    )


def _reason(metric: Metric, figure: Figure, n: float, among: float) -> str | None:
    """Why there is no figure, or what a reader of it should know."""
    if n == 0:
        return f"no {metric.among}" if among == 0 else f"known for none of {among:,.0f} {metric.among}"
    partly = f"known for {n:,.0f} of {among:,.0f} {metric.among}" if n < among else ""
    return "; ".join(part for part in (figure.caveat or "", partly) if part) or None


def _line(row: Any) -> str:
    told = "" if pd.isna(row.reason) else f"   ({row.reason})"
    return f"  {metric_label(row.metric):<24}{in_words(row.estimate, row.unit):>14}   n = {row.n:,}{told}"
