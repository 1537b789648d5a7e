"""Comparing agents without a league table: shrunk figures, and the ranks that each of them could have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import ibis
import numpy as np
import pandas as pd

from cxfusion.errors import NothingToEstimateError, UsageError
from cxfusion.estimators.distributions import NORMAL_95
from cxfusion.estimators.own_variances import relative_variances
from cxfusion.estimators.random_intercept import fit_random_intercept, rank_draws
from cxfusion.operations.figures import Figure, Limits, NotApplicable, look_at
from cxfusion.operations.metrics import metric_named
from cxfusion.operations.tallies import chained
from cxfusion.results.base import Result
from cxfusion.results.display import display_name
from cxfusion.results.formats import difference
from cxfusion.results.formats import figure as in_words
from cxfusion.results.formats import interval as between
from cxfusion.results.grouping import as_columns, grouping_by
from cxfusion.results.labels import column_label, metric_label
from cxfusion.results.language import in_sentence
from cxfusion.tables.relation import require_contacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import altair as alt
    import ibis.expr.types as ir
    from numpy.typing import NDArray

    from cxfusion.operations.episodes import EpisodePlan
    from cxfusion.operations.figures import Log
    from cxfusion.tables.relation import Contacts

__all__ = ["Ranking", "rank_groups"]

COLUMNS: Final = (
    "n", "raw", "adjusted", "estimate", "std_error", "conf_low", "conf_high", "rank", "rank_low", "rank_high",
    "p_lowest_fifth", "p_highest_fifth",
)  # fmt: skip
FEWEST: Final = 30
"""Contacts of a group that is shown by itself; those of smaller groups are left out, and counted."""
MOST_CELLS: Final = 4_000
"""Combinations of what is adjusted for: how well each is tied to the others takes a matrix of that size."""
TIED_ABOVE: Final = 1e-10  # share of a cell's contacts that must be of groups that work elsewhere too


@dataclass(frozen=True, eq=False, repr=False)
class Ranking(Result):
    """Groups compared on one metric, each with how sure its place is.

    ``.table`` has one row per group, the lowest figure first: the group, ``n`` (contacts behind it), ``raw`` (its own
    mean), ``adjusted`` (the same at the whole's case mix), ``estimate`` (the latter drawn towards the mean by how
    little it tells), ``std_error, conf_low, conf_high``, ``rank`` (1 is the lowest figure, whatever that means),
    ``rank_low, rank_high`` (95 % interval of the rank), ``p_lowest_fifth, p_highest_fifth`` (probability of being
    among that fifth).

    Attributes
    ----------
    metric, unit, by : str
    adjust_for : tuple of str
    groups : pandas.DataFrame
        The same as ``.table``; no rows where there is a reason.
    mean, sd_between, sd_within : float or None
        Of the groups, among them, and among contacts of one group.
    p_value : float or None
        Of the test that all groups are alike.
    n_left_out : int
        Groups with too few contacts.
    n_sets : int
        Sets of groups that share no combination of ``adjust_for`` with each other; 1 where all can be compared.
    reason : str or None
        Why nothing could be compared.
    """

    metric: str
    unit: str
    by: str
    adjust_for: tuple[str, ...]
    groups: pd.DataFrame
    mean: float | None = None
    sd_between: float | None = None
    sd_within: float | None = None
    p_value: float | None = None
    n_left_out: int = 0
    n_sets: int = 1
    reason: str | None = None

    @property
    def _frame(self) -> pd.DataFrame:
        return self.groups

    def plot(self, *, width: int = 720) -> alt.TopLevelMixin:
        """Shrunk figures with their intervals, lowest first, raw ones as hollow points.

        Raises
        ------
        NothingToEstimateError
            Nothing could be compared.
        """
        from cxfusion.results.rankings import ranking_chart

        if self.reason is not None:
            raise NothingToEstimateError(f"There is no picture of {self.metric} by {self.by}: {self.reason}.")
        return ranking_chart(self.groups, self.by, self.metric, self.unit, self.mean or 0.0, width=width)

    def _lines(self) -> list[str]:
        label, by = metric_label(self.metric), in_sentence(column_label(self.by))
        left = f"; {self.n_left_out:,} with fewer than {FEWEST} contacts left out" if self.n_left_out else ""
        if self.reason is not None or self.sd_between is None or self.p_value is None:
            return [f"{label} by {by}: not compared, {self.reason}{left}"]
        adjusted = f", at the same {' and '.join(self.adjust_for)}" if self.adjust_for else ""
        head = f"{label} by {by}{adjusted}: {len(self.groups):,} compared{left}"
        differ = (
            f"  mean {in_words(self.mean, self.unit)}; beyond chance they differ by"
            f" {difference(self.sd_between, self.unit).removeprefix('+')} (standard deviation), {_chance(self.p_value)}"
        )
        apart = [
            f"  they form {self.n_sets} sets that share no {' × '.join(self.adjust_for)}: between sets, other work is"
            " not taken out"
        ]
        return [
            head,
            differ,
            *(apart if self.n_sets > 1 else []),
            *(self._in_words(row) for row in self._ends().itertuples(index=False)),
        ]

    def _ends(self) -> pd.DataFrame:
        return self.groups if len(self.groups) <= 8 else pd.concat([self.groups.head(4), self.groups.tail(4)])

    def _in_words(self, row: Any) -> str:
        interval = between(row.conf_low, row.conf_high, self.unit)
        return (
            f"  {display_name(row[0])}: {in_words(row.estimate, self.unit)} ({interval}), rank {row.rank_low:.0f} to"
            f" {row.rank_high:.0f} of {len(self.groups)}"
        )


def _chance(p_value: float) -> str:
    return "which chance hardly explains (p < 0.001)" if p_value < 0.001 else f"p = {p_value:.3f}"


def rank_groups(
    contacts: Contacts,
    metric: str,
    by: str = "agent_id",
    *,
    adjust_for: str | Sequence[str] = (),
    target_seconds: float = 20,
    short_abandon_seconds: float = 5,
    episodes: EpisodePlan | None = None,
) -> Ranking:
    """Which agents differ, and by how much, once chance and case mix are taken out?

    Parameters
    ----------
    contacts : Contacts
    metric : str
        A mean over contacts, or the share of contacts with something, of :func:`diagnose`.
    by : str, default "agent_id"
    adjust_for : str or sequence of str
        Columns whose groups are compared with themselves: queue, reason, channel.
    target_seconds, short_abandon_seconds, episodes
        As of :func:`diagnose`.

    Returns
    -------
    Ranking

    Raises
    ------
    UnknownNameError
        No such metric or column.
    UsageError
        ``adjust_for`` makes more than 4,000 combinations.

    Notes
    -----
    The adjusted figure is the group's effect beside those of every combination of ``adjust_for``, by least squares; it
    is known no better than these are, which few contacts may tie together.
    Groups are then taken as drawn from one normal population, whose spread is estimated by REML; a group of few
    contacts is drawn far towards the mean, one of many hardly. Of seconds each group has its own variance, drawn
    towards the common one; of shares all have the common one. Groups with fewer than 30 contacts, and contacts without
    a group, are left out. Adjustment sees only what the log records: who gets the hard cases looks slow.

    References
    ----------
    Goldstein & Spiegelhalter (1996), "League tables and their limitations", JRSS A 159; Efron & Morris (1977);
    Smyth (2004), "Linear models and empirical Bayes methods", for the variances.

    Examples
    --------
    >>> import cxfusion as cx
    >>> contacts = cx.simulate(n_contacts=20_000, seed=7).contacts
    >>> ranking = cx.rank_groups(contacts, "aht_seconds", adjust_for=["queue", "reason"])
    >>> len(ranking.table), bool(ranking.table["estimate"].std() < ranking.table["adjusted"].std())
    (40, True)
    """
    require_contacts(contacts)
    kind = metric_named(metric)
    within = tuple(as_columns(adjust_for))
    name = grouping_by([by], None, contacts.columns, COLUMNS).names[0]
    grouping_by(list(within), None, contacts.columns, ())
    log = look_at(contacts, Limits(target_seconds, short_abandon_seconds))
    log = chained(log, episodes) if kind.is_chained else log
    found = kind.value(log)
    reason = _reason(found, is_mean=kind.statistic == "mean", is_unchained=kind.is_chained and episodes is None)
    none = pd.DataFrame(columns=[name, *COLUMNS])
    if reason is None and isinstance(found, Figure) and found.value is not None:
        cells = _cells(log, found.value, by, within)
        sizes = cells.groupby("group")["n"].sum()
        kept = cells[(cells["n"] > 0) & (cells["group"].map(sizes) >= FEWEST)].reset_index(drop=True)
        n_left_out = int((sizes < FEWEST).sum())
        empty = Ranking(metric, kind.unit, by, within, none, n_left_out=n_left_out)
        try:
            return _compared(kept, name, empty)
        except NothingToEstimateError as nothing:
            why = nothing.message.removeprefix("Groups cannot be compared: ").rstrip(".")
            return replace(empty, reason=why)
    return Ranking(metric, kind.unit, by, within, none, reason=reason)


def _reason(found: Figure | NotApplicable, *, is_mean: bool, is_unchained: bool) -> str | None:
    if is_unchained:
        return "it takes episodes=EpisodePlan()"
    if isinstance(found, NotApplicable):
        return found.reason
    if not is_mean or found.value is None:
        return "it is no mean over contacts"
    return None


def _cells(log: Log, value: ir.Value, by: str, within: tuple[str, ...]) -> pd.DataFrame:
    """``group, cell, n, mean, squares, cubes, fourths`` by group and combination of the columns adjusted for.

    The last three are sums of powers about the mean; ``n`` may be 0.
    """
    session, rows = log.contacts.session, log.contacts.rows
    number = value.cast("float64")
    centre = session.collect(rows.aggregate(centre=number.mean()))["centre"][0].as_py() or 0.0
    named = {f"within_{i}": rows[column].cast("string") for i, column in enumerate(within)}
    from_centre = number - ibis.literal(float(centre))  # sums of squares of numbers near zero keep their digits
    square = from_centre * from_centre
    asked = rows.group_by(group=rows[by], **named).aggregate(
        n=number.count(),
        total=from_centre.sum(),
        squares=square.sum(),
        cubes=(square * from_centre).sum(),
        fourths=(square * square).sum(),
    )
    keys = ["group", *named]
    found = session.collect(asked.filter(asked["group"].notnull()).order_by(keys)).to_pandas()
    cell = found.groupby(list(named), dropna=False).ngroup() if named else pd.Series(0, found.index)
    n, mean = found["n"], found["total"] / found["n"]
    squares = (found["squares"] - n * mean**2).clip(lower=0.0)
    cubes = found["cubes"] - 3 * mean * found["squares"] + 2 * n * mean**3
    fourths = found["fourths"] - 4 * mean * found["cubes"] + 6 * mean**2 * found["squares"] - 3 * n * mean**4
    return pd.DataFrame(
        {
            "group": found["group"],
            "cell": cell,
            "n": n,
            "mean": mean + centre,
            "squares": squares,
            "cubes": cubes,
            "fourths": fourths.clip(lower=0.0),
        }
    )


def _compared(cells: pd.DataFrame, name: str, empty: Ranking) -> Ranking:
    code, groups = pd.factorize(cells["group"], sort=True)
    if len(groups) < 2:
        raise NothingToEstimateError("Groups cannot be compared: fewer than two groups.")
    n, mean = cells["n"].to_numpy(float), cells["mean"].to_numpy(float)
    cell = pd.factorize(cells["cell"])[0]
    mix = _adjusted(code, cell, n, mean)
    size, adjusted = np.bincount(code, n).astype(float), mix.value
    squares, fourths = _powers(cells, code, mean - mix.shift[cell] - adjusted[code])
    # the variance of a share follows from the share itself: no news of its own, and an error in both
    own = (
        relative_variances(size, squares, fourths) if empty.unit == "seconds" and squares.any() else np.ones(len(size))
    )
    worth = 1 / ((own - 1) / size + 1 / mix.worth)
    n_lost, explained = len(mix.shift) - mix.n_sets, (mix.explained, len(size) - mix.n_sets)
    fit = fit_random_intercept(size, adjusted, squares, n_lost, worth, explained, own)
    draws = rank_draws(fit.estimate, fit.std_error)
    fifth = max(round(len(size) / 5), 1)
    table = pd.DataFrame(
        {
            name: groups,
            "n": size.astype(np.int64),
            "raw": np.bincount(code, n * mean) / size,
            "adjusted": adjusted,
            "estimate": fit.estimate,
            "std_error": fit.std_error,
            "conf_low": fit.estimate - NORMAL_95 * fit.std_error,
            "conf_high": fit.estimate + NORMAL_95 * fit.std_error,
            "rank": pd.Series(fit.estimate).rank(method="first").astype(np.int64),
            "rank_low": np.quantile(draws, 0.025, axis=0, method="lower").astype(np.int64),
            "rank_high": np.quantile(draws, 0.975, axis=0, method="higher").astype(np.int64),
            "p_lowest_fifth": (draws <= fifth).mean(axis=0),
            "p_highest_fifth": (draws > len(size) - fifth).mean(axis=0),
        }
    ).sort_values("rank", ignore_index=True)
    return Ranking(
        empty.metric, empty.unit, empty.by, empty.adjust_for, table, fit.mean, fit.sd_between, fit.sd_within,
        fit.p_value, empty.n_left_out, mix.n_sets,
    )  # fmt: skip


def _powers(cells: pd.DataFrame, code: Any, off: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums of second and fourth powers by group, about values from which the cells' means are ``off``."""
    n, squares, cubes, fourths = (cells[name].to_numpy(float) for name in ("n", "squares", "cubes", "fourths"))
    about = fourths + 4 * off * cubes + 6 * off**2 * squares + n * off**4
    second, fourth = (np.bincount(code, sums).astype(np.float64) for sums in (squares + n * off**2, about))
    return second, fourth


@dataclass(frozen=True)
class _Adjusted:
    """Least squares of groups beside cells.

    ``shift`` (by cell) is about its mean over all; ``value`` (by group) what is left of its mean, ``worth`` the
    observations that it is worth: cells that few contacts tie together are known no better than by these, and neither
    are their groups. ``explained`` is the sum of squares that groups explain beside cells.
    """

    shift: NDArray[np.float64]
    value: NDArray[np.float64]
    worth: NDArray[np.float64]
    explained: float
    n_sets: int


def _adjusted(code: Any, cell: Any, n: Any, mean: Any) -> _Adjusted:
    from scipy.sparse import coo_array

    weight, size = np.bincount(cell, n), np.bincount(code, n)
    if len(weight) > MOST_CELLS:
        raise UsageError(
            f"adjust_for makes {len(weight):,} combinations. Expected at most {MOST_CELLS:,}; adjust for fewer columns."
        )
    total = n * (mean - np.average(mean, weights=n))
    by_cell = (coo_array((n, (cell, code))) / size).tocsr()  # shares of each group, shape (cells, groups)
    root = np.sqrt(weight)
    tied = np.diag(weight) - (by_cell @ coo_array((n, (code, cell))).tocsr()).toarray()
    values, vectors = np.linalg.eigh(tied / np.outer(root, root))
    kept = values > TIED_ABOVE
    inverse = vectors[:, kept] / np.sqrt(values[kept]) / root[:, None]
    shift = inverse @ (inverse.T @ (np.bincount(cell, total) - by_cell @ np.bincount(code, total)))
    value = np.bincount(code, n * (mean - shift[cell])) / size
    about = value - np.average(value, weights=size)
    explained = size @ about**2 - (np.bincount(cell, n * about[code]) ** 2 / weight).sum()
    worth = 1 / (1 / size + ((by_cell.T @ inverse) ** 2).sum(axis=1))
    return _Adjusted(shift, value, worth, max(float(explained), 0.0), _n_sets(code, cell))


def _n_sets(code: Any, cell: Any) -> int:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n_groups, n_cells = int(code.max()) + 1, int(cell.max()) + 1
    shape = (n_groups + n_cells,) * 2
    return int(connected_components(coo_array((np.ones(len(code)), (code, cell + n_groups)), shape), directed=False)[0])
