"""Importance and performance side by side: which items matter more than others and are done worse than others.

The usual cross of two means cannot tell an item near the middle from one far out; here an interval decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cxfusion.errors import NothingToEstimateError, require_conf_level, require_kind
from cxfusion.perception.ratings.cells import SHOWN, interval_columns, means_of, one_of, status_of
from cxfusion.perception.ratings.read import require_ratings
from cxfusion.results.base import Result

if TYPE_CHECKING:
    import altair as alt

    from cxfusion.perception.ratings.read import Ratings

__all__ = ["Priorities", "priorities"]

KEYS: Final = ("group", "dimension", "item")
ADVICE: Final = {
    ("above", "below"): "improve first",
    ("above", "above"): "keep it up",
    ("below", "below"): "can wait",
    ("below", "above"): "perhaps too much",
}
"""By importance and performance against the other items."""


@dataclass(frozen=True, eq=False, repr=False)
class Priorities(Result):
    """What matters to people against how well it is done.

    ``.table`` has one row per group and item: ``group, dimension, item``; ``importance`` and ``performance``, the mean
    ratings; ``importance_difference`` and ``performance_difference``, how the item is rated against the other items by
    the same people, with ``…_low`` and ``…_high``; ``advice``: ``improve first``, ``keep it up``, ``can wait``,
    ``perhaps too much``, or ``not told apart`` where one of the intervals holds 0; ``n, status, reason``.

    Attributes
    ----------
    items : pandas.DataFrame
        The same as ``.table``.
    """

    items: pd.DataFrame

    @property
    def _frame(self) -> pd.DataFrame:
        return self.items

    def plot(self, group: str | None = None, *, width: int = 720) -> alt.TopLevelMixin:
        """Importance against performance, each relative to the other items, with both intervals.

        Parameters
        ----------
        group : str, optional
            The first, unless given.
        width : int
            Whole width in pixels.

        Raises
        ------
        UsageError
            No such group.
        NothingToEstimateError
            No item was rated by enough people.
        """
        from cxfusion.results.rating_charts import cross

        return cross(self.items[self.items["group"] == one_of(self.items, "group", group)], width=width)

    def _lines(self) -> list[str]:
        told = {advice: self.items.loc[self.items["advice"] == advice, "item"] for advice in ADVICE.values()}
        lines = [f"  {advice}: {', '.join(names)}" for advice, names in told.items() if len(names)]
        return [f"Importance and performance of {self.items['item'].nunique()} items", *lines]


def priorities(
    ratings: Ratings, *, importance: str = "importance", performance: str = "performance", conf_level: float = 0.95
) -> Priorities:
    """Find the items that matter more than others and are done worse than others.

    Each rating is taken less its person's mean over all items of that question, so that people who rate everything high
    do not decide.

    Parameters
    ----------
    ratings : Ratings
        With two questions, how important an item is and how well it is done.
    importance, performance : str
        What these questions are called in the ratings.
    conf_level : float, default 0.95

    Returns
    -------
    Priorities

    Raises
    ------
    UsageError
        ``conf_level`` is no share above 0 and below 1.
    NothingToEstimateError
        One of the questions was not answered, or of one item only.

    References
    ----------
    Martilla & James (1977), Journal of Marketing 41, 77–79, with intervals instead of the crosshair.

    Examples
    --------
    >>> import cxfusion as cx
    >>> rows = [
    ...     {"respondent_id": i, "item": item, "question": question, "rating": rating + i % 2}
    ...     for i in range(40)
    ...     for item, answers in {"promptness": (5, 1), "letters": (1, 4)}.items()
    ...     for question, rating in zip(("importance", "performance"), answers)
    ... ]
    >>> cx.priorities(cx.read_ratings(rows, scale=(1, 6))).table[["item", "advice"]].values.tolist()
    [['letters', 'perhaps too much'], ['promptness', 'improve first']]
    """
    require_ratings(ratings)
    require_conf_level(conf_level)
    sides = {"importance": importance, "performance": performance}
    found = [_side(ratings, name, question, conf_level) for name, question in sides.items()]
    items = found[0].merge(found[1], on=list(KEYS), how="outer", sort=True)
    items["n"] = items[["n_importance", "n_performance"]].min(axis=1).fillna(0).astype(np.int64)
    items = items.join(status_of(items["n"].to_numpy(dtype=float)))
    figures = [column for column in map(str, items) if column.startswith(("importance", "performance"))]
    items.loc[~items["status"].isin(SHOWN), figures] = np.nan
    items["advice"] = [_advice(row) for row in items.itertuples()]
    return Priorities(items[[*KEYS, *figures, "advice", "n", "status", "reason"]])


def _side(ratings: Ratings, name: str, question: str, conf_level: float) -> pd.DataFrame:
    """Mean of each item, and its difference from the person's other items, by group."""
    require_kind(question, str, name, "the question that tells it.")
    rows = ratings.rows[ratings.rows["question"] == question]
    of_person = rows.groupby("respondent_id")["rating"]
    rows = rows[of_person.transform("size") > 1]
    if rows.empty:
        there = ", ".join(sorted(ratings.rows["question"].unique()))
        raise NothingToEstimateError(
            f"Nobody answered {question!r} for two items or more. Expected ratings of importance and of performance;"
            f" the ratings answer: {there}. Name the questions with importance= and performance=."
        )
    keys = [rows[key] for key in KEYS]
    difference = rows["rating"] - rows.groupby("respondent_id")["rating"].transform("mean")
    length = ratings.scale[1] - ratings.scale[0]
    cells, mean = means_of(rows["rating"], keys)
    figures = interval_columns(means_of(difference, keys)[1], -length, length, conf_level)
    columns: dict[str, Any] = {
        name: mean.estimate,
        f"{name}_difference": figures["estimate"],
        f"{name}_low": figures["conf_low"],
        f"{name}_high": figures["conf_high"],
        f"n_{name}": mean.n,
    }
    return cells.assign(**columns)


def _advice(row: Any) -> str | None:
    if pd.isna(row.importance_low) or pd.isna(row.performance_low):
        return None
    sides = tuple(
        "above" if low > 0 else "below" if high < 0 else "near"
        for low, high in ((row.importance_low, row.importance_high), (row.performance_low, row.performance_high))
    )
    return ADVICE.get((sides[0], sides[1]), "not told apart")
