"""What changed? A difference in a ratio is split into other work (mix) and work done otherwise (rate), group by group.

The parts add up to the difference exactly: Kitagawa's decomposition, with cells that came or went told apart.
"""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import ibis
import numpy as np
import pandas as pd

from cxfusion.errors import NothingToEstimateError, UsageError
from cxfusion.operations.figures import Figure, Limits, NotApplicable, look_at
from cxfusion.operations.metrics import metric_named
from cxfusion.operations.tallies import chained, numbers_of
from cxfusion.results.base import Result
from cxfusion.results.formats import difference as _signed
from cxfusion.results.formats import figure as in_words
from cxfusion.results.grouping import TEXT, Grouping, as_columns, grouping_by
from cxfusion.results.labels import column_label, metric_label
from cxfusion.results.language import in_sentence
from cxfusion.tables.coding import is_value
from cxfusion.tables.period import period_of
from cxfusion.tables.relation import require_contacts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    import altair as alt
    import ibis.expr.types as ir

    from cxfusion.operations.episodes import EpisodePlan
    from cxfusion.operations.metrics import Metric
    from cxfusion.tables.period import Moment
    from cxfusion.tables.relation import Contacts

__all__ = ["PARTS", "Change", "decompose", "what_changed"]

Span: TypeAlias = "tuple[Moment | None, Moment | None]"
_Side: TypeAlias = "tuple[Callable[[ir.Table], ir.Value], tuple[str, str]]"
SIDE: Final = "cx:side"
PARTS: Final = ("mix", "rate", "entry", "exit")
"""Other shares; other figures at the same shares; groups that were not there before; groups that are no more."""
_WORDS: Final = {"mix": "mix", "rate": "rate", "entry": "new here", "exit": "no longer here"}
CELLS: Final = ("n_before", "n_after", "share_before", "share_after", "before", "after", *PARTS, "change")
UNSHARED: Final = "waits of groups in which nobody abandoned belong to no group's figure"
"""Of patience alone: in every other metric, whoever adds to the numerator is counted in the denominator."""


@dataclass(frozen=True, eq=False, repr=False)
class Change(Result):
    """Why a metric differs between two periods or two groups.

    ``.table`` has one row per group, the largest contribution first: the grouping columns, ``n_before, n_after``
    (the metric's own denominators), ``share_before, share_after, before, after`` (the metric in the group), ``mix,
    rate, entry, exit`` (its contributions, in the metric's unit) and ``change``, their sum. All groups' changes add up
    to the whole difference.

    Attributes
    ----------
    metric, unit : str
    grouping : Grouping
    cells : pandas.DataFrame
        The same as ``.table``; no rows where there is a reason.
    before, after : float or None
        The metric on either side.
    labels : tuple of (str, str)
        What the two sides are called.
    reason : str or None
        Why there is nothing to split.
    """

    metric: str
    unit: str
    grouping: Grouping
    cells: pd.DataFrame
    before: float | None
    after: float | None
    labels: tuple[str, str]
    reason: str | None = None

    @property
    def _frame(self) -> pd.DataFrame:
        return self.cells

    @property
    def parts(self) -> pd.DataFrame:
        """``part, estimate, unit``: what mix, rate, entry and exit contribute in all, and their sum, ``change``."""
        totals = [float(self.cells[part].sum()) for part in PARTS]
        return pd.DataFrame({"part": [*PARTS, "change"], "estimate": [*totals, sum(totals)], "unit": self.unit})

    def plot(self, *, width: int = 720) -> alt.TopLevelMixin:
        """The waterfall from one side to the other.

        Raises
        ------
        NothingToEstimateError
            There is nothing to split.
        """
        from cxfusion.results.waterfall import waterfall

        if self.reason is not None or self.before is None or self.after is None:
            raise NothingToEstimateError(f"There is no waterfall of {self.metric}: {self.reason}.")
        steps = self._steps()
        return waterfall(self.before, self.after, steps, self.unit, metric_label(self.metric), self.labels, width=width)

    def _steps(self, most: int = 6) -> list[tuple[str, float]]:
        """The mix as one step, the groups that moved most by themselves, and the rest."""
        own = self.cells["rate"] + self.cells["entry"] + self.cells["exit"]
        order = own.abs().sort_values(ascending=False, kind="stable").index
        shown = [index for index in order[:most] if own[index] != 0]
        names = self.grouping.texts(self.cells) if len(self.cells) else pd.Series(dtype=TEXT)
        steps = [("Other mix", float(self.cells["mix"].sum()))]
        steps += [(str(names[index]), float(own[index])) for index in shown]
        if rest := [index for index in order if index not in shown and own[index] != 0]:
            steps.append((f"{len(rest)} others", float(own[rest].sum())))
        return steps

    def _lines(self) -> list[str]:
        label, (first, second) = metric_label(self.metric), self.labels
        if self.reason is not None or self.before is None or self.after is None:
            return [f"Change of {label}, {first} → {second}: not applicable, {self.reason}"]
        head = (
            f"{label}: {in_words(self.before, self.unit)} ({first}) → {in_words(self.after, self.unit)} ({second}),"
            f" {_signed(self.after - self.before, self.unit)}"
        )
        told = [
            f"{_WORDS[part]} {_signed(value, self.unit)}"
            for part, value in zip(PARTS, self.parts["estimate"], strict=False)
            if value
        ]
        shown = zip(self.grouping.texts(self.cells)[:8], self.cells[:8].itertuples(), strict=True)
        by = in_sentence(column_label(self.grouping.title))
        return [
            head,
            f"  of this, by {by}: {', '.join(told) or 'nothing'}",
            *(f"  {name}: {self._in_words(row)}" for name, row in shown),
        ]

    def _in_words(self, row: Any) -> str:
        parts = [f"{_WORDS[part]} {_signed(getattr(row, part), self.unit)}" for part in PARTS if getattr(row, part)]
        return f"{_signed(row.change, self.unit)} ({', '.join(parts) or 'nothing'})"


def what_changed(
    contacts: Contacts,
    metric: str,
    by: str | Sequence[str],
    *,
    since: Moment | None = None,
    periods: tuple[Span, Span] | None = None,
    groups: tuple[str, Any, Any] | None = None,
    target_seconds: float = 20,
    short_abandon_seconds: float = 5,
    episodes: EpisodePlan | None = None,
) -> Change:
    """Why does a metric differ: is the work another one, or is it done otherwise?

    Parameters
    ----------
    contacts : Contacts
    metric : str
        A mean or a share of :func:`diagnose`.
    by : str or sequence of str
        Columns whose groups are told apart.
    since : date, datetime or str
        Contacts before that moment of the site's clock, against those from then on.
    periods : pair of (since, until)
        One period against another; either end may be None.
    groups : (column, first, second)
        One group of the log against another: ``("site", "north", "south")``.
    target_seconds, short_abandon_seconds, episodes
        As of :func:`diagnose`; ``fcr`` takes ``episodes``.

    Returns
    -------
    Change

    Raises
    ------
    UsageError
        No column in ``by``, not exactly one of ``since``, ``periods`` and ``groups``, or periods that overlap.
    UnknownNameError
        No such metric or column.

    Notes
    -----
    With shares s of the metric's denominator and r the metric in a group, mix = Δs·(r̄ − R̄) and rate = s̄·Δr, where a
    bar is the mean of both sides and R the whole's figure; a group that is only there afterwards contributes
    s·(r − R̄), one that is no longer there −s·(r − R̄). Quantiles of groups do not add up to the whole's, so they are not
    applicable; nor is patience where nobody abandoned in some group, as the waits there belong to no group's figure.

    References
    ----------
    Kitagawa (1955), "Components of a difference between two rates", JASA 50.

    Examples
    --------
    >>> import cxfusion as cx
    >>> days = {"05": [("a", 60), ("a", 60), ("b", 100)], "06": [("a", 60), ("b", 120), ("b", 120)]}
    >>> log = [
    ...     {"contact_id": f"{day}{i}", "started_at": f"2026-01-{day} 09:00", "queue": queue, "talk_seconds": talk}
    ...     for day, rows in days.items()
    ...     for i, (queue, talk) in enumerate(rows)
    ... ]
    >>> contacts = cx.read_contacts(log, timezone="UTC")
    >>> change = cx.what_changed(contacts, "talk_seconds", by="queue", since="2026-01-06")
    >>> change.parts.round(2).values.tolist()[:2]
    [['mix', 16.67, 'seconds'], ['rate', 10.0, 'seconds']]
    """
    require_contacts(contacts)
    kind = metric_named(metric)
    columns = as_columns(by)
    if not columns:
        raise UsageError("No column was named whose groups are told apart. Expected one or more, such as by='queue'.")
    grouping = grouping_by(columns, None, contacts.columns, CELLS)
    side, labels = _side(contacts, since, periods, groups)
    log = look_at(contacts, Limits(target_seconds, short_abandon_seconds))
    log = chained(log, episodes) if kind.is_chained else log
    rows = log.contacts.rows.mutate(**{SIDE: side(log.contacts.rows)})
    log = replace(log, contacts=replace(log.contacts, rows=rows.filter(rows[SIDE].notnull())))
    found = kind.value(log)
    reason = _reason(kind, found, log.episodes is None)
    none = pd.DataFrame(columns=[*grouping.names, *CELLS])
    if reason is not None or not isinstance(found, Figure):
        return Change(metric, kind.unit, grouping, none, None, None, labels, reason)
    numbers = numbers_of(log, {kind: found}, Grouping((SIDE, *grouping.columns), (SIDE, *grouping.names)))
    keys = [f"key_{i}" for i in range(1, len(grouping.columns) + 1)]
    totals = numbers.groups[["key_0", *keys]].assign(
        total=numbers.total(numbers.groups, found.total), n=numbers.total(numbers.groups, found.n)
    )
    cells, before, after = decompose(totals, keys)
    if before is None or after is None:
        reason = f"no {kind.among}: {labels[0] if before is None else labels[1]}"
    if ((totals["n"] == 0) & (totals["total"] != 0)).any():  # cells leave that out, and with it both figures
        reason, before, after = reason or UNSHARED, None, None
    if reason is not None:
        return Change(metric, kind.unit, grouping, none, before, after, labels, reason)
    cells = cells.rename(columns=dict(zip(keys, grouping.names, strict=True)))
    return Change(metric, kind.unit, grouping, cells, before, after, labels)


def decompose(totals: pd.DataFrame, keys: list[str]) -> tuple[pd.DataFrame, float | None, float | None]:
    """Cells and their contributions, and the figure of either side (None where nothing is behind it).

    Parameters
    ----------
    totals : pandas.DataFrame
        ``key_0`` (0 before, 1 after), the keys, ``total`` and ``n``: numerator and denominator of the ratio.
    keys : list of str
    """
    counted = totals[totals["n"] > 0]
    sides = [counted[counted["key_0"] == side].drop(columns="key_0") for side in (0, 1)]
    figures = [float(side["total"].sum() / side["n"].sum()) if len(side) else None for side in sides]
    if figures[0] is None or figures[1] is None:
        return pd.DataFrame(), figures[0], figures[1]
    cells = sides[0].merge(sides[1], on=keys, how="outer", suffixes=("_before", "_after"))
    for when in ("before", "after"):
        cells[when] = cells[f"total_{when}"] / cells[f"n_{when}"]
        cells[f"n_{when}"] = cells[f"n_{when}"].fillna(0).astype(np.int64)
        cells[f"share_{when}"] = cells[f"n_{when}"] / cells[f"n_{when}"].sum()
    middle = (figures[0] + figures[1]) / 2
    stays = cells["before"].notna() & cells["after"].notna()
    came, went = cells["before"].isna(), cells["after"].isna()
    shift, turn = cells["share_after"] - cells["share_before"], cells["after"] - cells["before"]
    level = (cells["before"] + cells["after"]) / 2
    cells["mix"] = (shift * (level - middle)).where(stays, 0.0)
    cells["rate"] = ((cells["share_before"] + cells["share_after"]) / 2 * turn).where(stays, 0.0)
    cells["entry"] = (cells["share_after"] * (cells["after"] - middle)).where(came, 0.0)
    cells["exit"] = (-cells["share_before"] * (cells["before"] - middle)).where(went, 0.0)
    cells["change"] = cells[list(PARTS)].sum(axis=1)
    order = cells["change"].abs().sort_values(ascending=False, kind="stable").index
    return cells.loc[order, [*keys, *CELLS]].reset_index(drop=True), figures[0], figures[1]


def _reason(kind: Metric, found: Figure | NotApplicable, is_unchained: bool) -> str | None:
    if kind.is_quantile:
        return "quantiles of groups do not add up to the quantile of the whole"
    if kind.statistic == "total":
        return "it is a count: compare the counts themselves"
    if kind.is_chained and is_unchained:
        return "it takes episodes=EpisodePlan()"
    return found.reason if isinstance(found, NotApplicable) else None


def _side(
    contacts: Contacts,
    since: Moment | None,
    periods: tuple[Span, Span] | None,
    groups: tuple[str, Any, Any] | None,
) -> _Side:
    if sum(asked is not None for asked in (since, periods, groups)) != 1:
        raise UsageError(
            "Two sides are to be compared. Expected exactly one of since='2026-03-01', periods=((a, b), (c, d)) and"
            " groups=('site', 'north', 'south')."
        )
    return _of_periods(contacts, since, periods) if groups is None else _of_groups(contacts, groups)


def _of_groups(contacts: Contacts, groups: tuple[str, Any, Any]) -> _Side:
    if not _are(3, groups):
        raise UsageError(f"groups is {groups!r}. Expected a column and two of its values: ('site', 'north', 'south').")
    column, first, second = groups
    grouping_by(column, None, contacts.columns, ())
    if first == second:
        raise UsageError(f"Both sides are {column} {first!r}. Expected two different groups.")
    named = (str(first), str(second))
    return lambda rows: _either(is_value(rows[column], first), is_value(rows[column], second)), named


def _of_periods(contacts: Contacts, since: Moment | None, periods: tuple[Span, Span] | None) -> _Side:
    spans = ((None, since), (since, None)) if periods is None else periods
    if not _are(2, spans) or not all(_are(2, span) for span in spans):
        raise UsageError(
            f"periods is {periods!r}. Expected two, each with its beginning and its end: ((a, b), (c, d))."
        )
    one, other = (period_of(*span, contacts.timezone) for span in spans)
    if one is None or other is None:
        raise UsageError("A period without both ends is the whole log. Expected two periods that do not overlap.")
    if _begins_before(other.since, one.until) and _begins_before(one.since, other.until):
        raise UsageError(f"The periods overlap: {spans[0]} and {spans[1]}. Expected each contact in at most one.")
    named = ("before", f"since {since}") if periods is None else (_named(spans[0]), _named(spans[1]))
    return lambda rows: _either(~one.is_outside(rows["started_at"]), ~other.is_outside(rows["started_at"])), named


def _are(n: int, values: object) -> bool:
    """Whether something is a sequence of so many values; a text, of whatever length, is one value."""
    return isinstance(values, Sized) and not isinstance(values, str) and len(values) == n


def _begins_before(since: datetime | None, until: datetime | None) -> bool:
    """Whether a period that begins then has begun when another ends; both may be open."""
    return since is None or until is None or since < until


def _either(first: ir.BooleanValue, second: ir.BooleanValue) -> ir.IntegerValue:
    return ibis.cases((first.fill_null(False), 0), (second.fill_null(False), 1), else_=ibis.null("int8"))


def _named(span: Span) -> str:
    since, until = span
    if since is None or until is None:
        return f"before {until}" if since is None else f"since {since}"
    return f"{since} to {until}"
