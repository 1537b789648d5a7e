"""From values per contact to numbers per group: sums in one pass over the log, quantiles in another.

Sums over slots of time add up to sums over intervals and over the whole; quantiles do not, so they are asked for each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from cxfusion.errors import BooksError
from cxfusion.operations.episodes import chains_of
from cxfusion.operations.figures import RECONTACTED, Figure, Log, NotApplicable
from cxfusion.operations.links import Links, plan_of
from cxfusion.operations.metrics import QUANTILES
from cxfusion.operations.slots import Slots
from cxfusion.results.exact import exact_frame
from cxfusion.results.grouping import START, local_starts
from cxfusion.tables.times import to_local

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import ibis.expr.types as ir
    from numpy.typing import NDArray

    from cxfusion.operations.episodes import EpisodePlan
    from cxfusion.operations.figures import Total
    from cxfusion.operations.metrics import Metric
    from cxfusion.results.grouping import Grouping

__all__ = ["Numbers", "chained", "numbers_of"]

Figures: TypeAlias = "Mapping[Metric, Figure | NotApplicable]"


@dataclass(frozen=True, eq=False)
class Numbers:
    """What was counted and summed, one row per group.

    Attributes
    ----------
    groups : pandas.DataFrame
        ``key_0, key_1, …`` for the columns of the log, ``interval_start``, then numbers; no column of the log can have
        such a name by chance. One row, and numbers only, where there is no grouping.
    whole : pandas.DataFrame
        One row: the numbers of the whole log.
    columns : mapping
        The columns that hold each sum, by its meaning (the Ibis operation).
    """

    groups: pd.DataFrame
    whole: pd.DataFrame
    columns: Mapping[Any, str]

    def total(self, rows: pd.DataFrame, total: Total) -> NDArray[np.float64]:
        """A total in each of some rows of ``groups`` or ``whole``."""
        added = sum(rows[self.columns[part.op()]].to_numpy() for part in total.plus)
        return np.asarray(added - sum(rows[self.columns[part.op()]].to_numpy() for part in total.minus), dtype=float)


def chained(log: Log, episodes: EpisodePlan | Links | None) -> Log:
    """The log as metrics need it that look from contact to contact; without links it is sorted whenever it is asked."""
    plan = None if episodes is None else plan_of(episodes)
    if plan is None or "customer_id" not in log.filled:
        return replace(log, episodes=plan)
    if isinstance(episodes, Links):
        rows = episodes.rows
    else:
        chains = chains_of(log.contacts, plan)
        rows = chains.rows.mutate(**{RECONTACTED: chains.is_recontacted(chains.lag)})
    return replace(log, episodes=plan, contacts=replace(log.contacts, rows=rows))


def numbers_of(log: Log, figures: Figures, grouping: Grouping, chains: Log | None = None) -> Numbers:
    """Everything that the figures are made from, by group and for the whole.

    Those of chained metrics are of ``chains`` and asked for by themselves: a sort carries along every column that is
    asked for with it.
    """
    sums: dict[Any, ir.Scalar] = {}
    from_chains: set[Any] = set()
    for metric, figure in figures.items():
        own = {scalar.op(): scalar for scalar in _sums_for(figure)}  # each one once
        sums |= own
        from_chains |= set(own) if metric.is_chained else set()
    columns = {meaning: f"sum_{i}" for i, meaning in enumerate(sums)}
    named = {columns[meaning]: scalar for meaning, scalar in sums.items() if meaning not in from_chains}
    linked = {columns[meaning]: scalar for meaning, scalar in sums.items() if meaning in from_chains}
    parts = [(log, named), (chains or log, linked)]
    found = [_sums_by_group(here, asked, grouping) for here, asked in parts if asked]
    groups = found[0]
    keys = [name for name in groups.columns if name not in set(columns.values())]
    for other in found[1:]:
        groups = _beside(groups, other, keys)
    whole = groups[list(columns.values())].sum().to_frame().T
    quantiles = _quantiles(figures)
    if quantiles:
        whole = whole.assign(**_aggregate(log, quantiles, {}).iloc[0])
        groups = _beside(groups, _quantiles_by_group(log, quantiles, grouping), keys) if keys else whole
    return Numbers(groups, whole, columns)


def _beside(groups: pd.DataFrame, other: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Numbers of the same groups side by side.

    Raises
    ------
    BooksError
        They are not the same groups.
    """
    if not keys:
        return pd.concat([groups, other], axis=1)
    both = groups.merge(other, on=keys)
    if not len(groups) == len(other) == len(both):
        raise BooksError(
            f"Figures of {len(groups):,} groups and of {len(other):,} were put side by side, and {len(both):,} groups"
            " are in both. Expected the same groups. This is a fault of cxfusion, not of the data; please report it."
        )
    return both


def _sums_for(figure: Figure | NotApplicable) -> Iterator[ir.Scalar]:
    if isinstance(figure, Figure):
        for total in (figure.total, figure.n, figure.unknown, figure.doubt and figure.doubt.about):
            if total:
                yield from (*total.plus, *total.minus)


def _quantiles(figures: Figures) -> dict[str, ir.Scalar]:
    return {
        metric.name: figure.value.quantile(QUANTILES[metric.statistic])
        for metric, figure in figures.items()
        if metric.is_quantile and isinstance(figure, Figure) and figure.value is not None
    }


def _sums_by_group(log: Log, sums: Mapping[str, ir.Scalar], grouping: Grouping) -> pd.DataFrame:
    keys = _keys(log, grouping)
    if grouping.interval is None:
        return _aggregate(log, sums, keys)
    slots = Slots(log.contacts.timezone, grouping.interval, log.years)
    found = _aggregate(log, sums, keys | {"slot": slots.number(log.value("started_at"))})
    found[START] = slots.starts(found.pop("slot"))
    return found.groupby([*keys, START], dropna=False, as_index=False).sum()


def _quantiles_by_group(log: Log, quantiles: Mapping[str, ir.Scalar], grouping: Grouping) -> pd.DataFrame:
    keys = _keys(log, grouping)
    if grouping.interval is None:
        return _aggregate(log, quantiles, keys)
    local = to_local(log.value("started_at"), log.contacts.timezone, log.years)
    found = _aggregate(
        log, quantiles, keys | {"number": local.epoch_seconds() // int(grouping.interval.total_seconds())}
    )
    found[START] = local_starts(found.pop("number"), grouping.interval)
    return found


def _keys(log: Log, grouping: Grouping) -> dict[str, ir.Value]:
    return {f"key_{i}": log.contacts.rows[column] for i, column in enumerate(grouping.columns)}


def _aggregate(log: Log, values: Mapping[str, ir.Scalar], keys: Mapping[str, ir.Value]) -> pd.DataFrame:
    rows = log.contacts.rows
    asked = rows.aggregate(_named(values), by=_named(keys))
    asked = asked.order_by(*keys) if keys else asked  # an engine's threads give the groups in any order
    found = exact_frame(log.contacts.session.collect(asked))
    is_sum = [name for name in values if name.startswith("sum_")]
    found[list(values)] = found[list(values)].astype(float)
    found[is_sum] = found[is_sum].fillna(0.0)  # SQL's sum of nothing is null
    return found


def _named(values: Mapping[str, ir.Value]) -> list[ir.Value]:
    return [value.name(name) for name, value in values.items()]
