"""Perception gaps: the same items rated by several groups, how far the groups are apart, and on what they agree."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cxfusion.errors import NothingToEstimateError, require_conf_level, require_number
from cxfusion.estimators.distributions import norm
from cxfusion.perception.differences import Known, Side, known, tested, with_readings
from cxfusion.perception.ratings.cells import FEW, SHOWN, TOO_FEW, interval_columns, means_of, one_of, status_of
from cxfusion.perception.ratings.read import require_ratings
from cxfusion.results.base import Result
from cxfusion.results.formats import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    import altair as alt

    from cxfusion.perception.ratings.read import Ratings

__all__ = ["PerceptionGaps", "perception_gaps"]

KEYS: Final = ("question", "dimension", "item")
MIN_ITEMS: Final = 5
"""Fewest items on which the profiles of two groups can be compared."""
READINGS: Final = ("different", "similar", "not told apart")


@dataclass(frozen=True, eq=False, repr=False)
class PerceptionGaps(Result):
    """Where groups see the same thing differently.

    ``.table`` has one row per question, item and pair of groups: ``question, dimension, item, group, other_group,
    estimate`` (the first group's mean less the other's), ``std_error, conf_low, conf_high, p_value, q_value, unit, n,
    n_other, reading, status, reason``. ``q_value`` controls the false-discovery rate over the whole table (Benjamini &
    Hochberg); ``reading`` is ``similar`` (the gap is smaller than ``smallest_gap``, at twice the tail of
    ``conf_level``), else ``different`` (q ≤ 1 − ``conf_level``), else ``not told apart``. ``status`` is ``small`` where
    a group has fewer than 30 people.

    Attributes
    ----------
    gaps : pandas.DataFrame
        The same as ``.table``.
    scores : pandas.DataFrame
        One row per question, item and group: ``mean``, its interval, ``n``, ``top_share`` and ``bottom_share`` (of the
        two highest and two lowest ratings, where the scale has five points or more), ``consensus`` (r_wg: 1 where all
        of a group give the same rating, 0 where they spread as chance would).
    agreement : pandas.DataFrame
        One row per question and pair of groups: rank correlation of their item means, with its interval.
    smallest_gap : float
        A gap smaller than this does not matter.
    conf_level : float
    """

    gaps: pd.DataFrame
    scores: pd.DataFrame
    agreement: pd.DataFrame
    smallest_gap: float
    conf_level: float

    @property
    def _frame(self) -> pd.DataFrame:
        return self.gaps

    def plot(self, question: str | None = None, *, width: int = 720) -> alt.TopLevelMixin:
        """A dumbbell per item: the groups' means on one line, widest gap first.

        Parameters
        ----------
        question : str, optional
            The first, unless given.
        width : int
            Whole width in pixels.

        Raises
        ------
        UsageError
            No such question.
        NothingToEstimateError
            No item was rated by enough people.
        """
        from cxfusion.results.rating_charts import dumbbells

        drawn = one_of(self.scores, "question", question)
        return dumbbells(self.scores[self.scores["question"] == drawn], width=width)

    def _lines(self) -> list[str]:
        counts = self.gaps["reading"].value_counts()
        groups = self.scores["group"].nunique()
        items = self.scores["item"].nunique()
        told = ", ".join(f"{counts[name]} {name}" for name in READINGS if name in counts) or "no gap could be compared"
        head = f"Perception gaps: {items} item{'s' if items != 1 else ''}, {groups} groups; of the gaps {told}"
        widest = self.gaps[self.gaps["reading"] == "different"]
        widest = widest.reindex(widest["estimate"].abs().sort_values(ascending=False, kind="stable").index).head(5)
        return [head, *(_line(row) for row in widest.itertuples())]


def _line(row: Any) -> str:
    more = "higher" if row.estimate > 0 else "lower"
    ends = f"{number(row.conf_low, 2)} to {number(row.conf_high, 2)}"
    return f"  {row.item}: {row.group} rate it {number(abs(row.estimate), 2)} {more} than {row.other_group} ({ends})"


def perception_gaps(ratings: Ratings, *, smallest_gap: float | None = None, conf_level: float = 0.95) -> PerceptionGaps:
    """Compare how groups rate the same items.

    Parameters
    ----------
    ratings : Ratings
        Of two groups or more. The groups must have answered the same question of the same items.
    smallest_gap : float, optional
        Smallest gap that matters, in rating points (or as a share); a tenth of the scale unless given.
    conf_level : float, default 0.95

    Returns
    -------
    PerceptionGaps

    Raises
    ------
    NothingToEstimateError
        There is one group only.
    UsageError
        ``smallest_gap`` is not positive, or ``conf_level`` no share.

    References
    ----------
    Welch (1947), Biometrika 34, 28–35 (difference of means); Zou & Donner (2008), Statistics in Medicine 27, 1693–1702
    (where all of a group gave the same rating, the end of its interval that faces the other group); Schuirmann (1987),
    Journal of Pharmacokinetics and Biopharmaceutics 15, 657–680 (two one-sided tests of being similar); Benjamini &
    Hochberg (1995), JRSS B 57, 289–300; James, Demaree & Wolf (1984), Journal of Applied Psychology 69, 85–98 (r_wg);
    Bonett & Wright (2000), Psychometrika 65, 23–28 (interval of a rank correlation).

    Examples
    --------
    >>> import cxfusion as cx
    >>> rows = [
    ...     {"respondent_id": f"{group}{i}", "group": group, "item": "promptness", "rating": rating}
    ...     for group, ratings in {"leaders": [5, 5, 4, 5, 5, 4], "customers": [2, 1, 3, 2, 2, 1]}.items()
    ...     for i, rating in enumerate(ratings)
    ... ]
    >>> gaps = cx.perception_gaps(cx.read_ratings(rows, scale=(1, 5)))
    >>> gaps.table[["group", "other_group", "reading"]].values.tolist()
    [['customers', 'leaders', 'different']]
    """
    require_ratings(ratings)
    require_conf_level(conf_level)
    low, high = ratings.scale
    smallest = (high - low) / 10 if smallest_gap is None else smallest_gap
    require_number("smallest_gap", smallest, f"a positive number of {ratings.unit}", lambda number: number > 0)
    groups = sorted(ratings.rows["group"].unique())
    if len(groups) < 2:
        raise NothingToEstimateError(
            f"All ratings come from one group, {groups[0]}. Expected two or more to compare; name the column that tells"
            " them apart with columns={'group': …}."
        )
    scores = _scores(ratings, conf_level)
    gaps = pd.DataFrame(list(_gaps(scores, ratings, groups, smallest, conf_level)))
    if gaps.empty:
        raise NothingToEstimateError(
            "No item was rated by two groups. Expected items that several groups rated, written alike in each."
        )
    return PerceptionGaps(
        gaps=with_readings(gaps, KEYS, conf_level),
        scores=scores,
        agreement=pd.DataFrame(list(_agreement(scores, groups, conf_level))),
        smallest_gap=smallest,
        conf_level=conf_level,
    )


def _scores(ratings: Ratings, conf_level: float) -> pd.DataFrame:
    rows, (low, high) = ratings.rows, ratings.scale
    keys = [rows[name] for name in (*KEYS, "group")]
    middle = 0.0 if ratings.unit == "share" else (low + high) / 2
    cells, mean = means_of(rows["rating"] - middle, keys)
    figures = interval_columns(mean, low - middle, high - middle, conf_level)
    columns: dict[str, Any] = {name: figures[name] + middle for name in ("estimate", "conf_low", "conf_high")}
    columns |= {"std_error": figures["std_error"], "variance": mean.variance, "unit": ratings.unit}
    frame = cells.assign(**columns, n=mean.n.astype(np.int64))
    has_ends = high - low >= 4
    for name, is_so in (("top_share", rows["rating"] >= high - 1), ("bottom_share", rows["rating"] <= low + 1)):
        share = means_of(is_so.astype(float), keys)[1].estimate
        frame[name] = share if has_ends else np.nan
    frame["consensus"] = _consensus(mean.variance * mean.n / np.maximum(mean.n - 1, 1), low, high)
    frame = frame.join(status_of(mean.n))
    hidden = ~frame["status"].isin(SHOWN)
    shown = ["estimate", "std_error", "conf_low", "conf_high", "variance", "top_share", "bottom_share", "consensus"]
    frame.loc[hidden, shown] = np.nan
    order = [*KEYS, "group", "estimate", "std_error", "conf_low", "conf_high", "unit", "n", "top_share"]
    return frame[[*order, "bottom_share", "consensus", "status", "reason"]]


def _consensus(variance: np.ndarray, low: float, high: float) -> np.ndarray:
    """r_wg: one less the variance over that of ratings spread evenly over the points of the scale; 0 at least."""
    points = high - low + 1
    return np.asarray(np.maximum(1 - variance / ((points**2 - 1) / 12), 0.0))


def _gaps(
    scores: pd.DataFrame, ratings: Ratings, groups: list[str], smallest: float, conf_level: float
) -> Iterator[dict[str, Any]]:
    """One row per item and pair of groups that both rated it."""
    moments = ratings.rows.groupby([*KEYS, "group"])["rating"].agg(["mean", "var", "size"])
    moments = moments.join(scores.set_index([*KEYS, "group"])[["estimate", "conf_low", "conf_high", "n", "unit"]])
    key: Any
    for key, _ in scores.groupby(list(KEYS), sort=True):
        of_group = moments.loc[key]
        for one, other in combinations(groups, 2):
            if one in of_group.index and other in of_group.index:
                named = dict(zip(KEYS, key, strict=True)) | {"group": one, "other_group": other, "unit": ratings.unit}
                yield named | _welch(of_group.loc[one], of_group.loc[other], smallest, conf_level)


def _welch(one: Any, other: Any, smallest: float, conf_level: float) -> dict[str, Any]:
    """Difference of two means with unequal variances, and whether it is smaller than ``smallest``."""
    n, n_other = int(one["size"]), int(other["size"])
    found: dict[str, Any] = {"n": n, "n_other": n_other, "is_similar": False}
    if min(n, n_other) < TOO_FEW:
        return found | {"status": "suppressed", "reason": f"fewer than {TOO_FEW} people in one of the groups"}
    found["estimate"] = gap = float(one["mean"] - other["mean"])
    ours, theirs = (
        known(cell, float(np.sqrt(cell["var"] / cell["n"])), cell["n"] - 1, conf_level) for cell in (one, other)
    )
    below, above = _side(ours.below, theirs.above, ours, theirs), _side(ours.above, theirs.below, ours, theirs)
    flag = {"status": "ok", "reason": None}
    if min(n, n_other) < FEW:
        flag = {"status": "small", "reason": f"fewer than {FEW} people in one of the groups"}
    return found | tested(gap, below, above, smallest, conf_level) | flag


def _side(error: float, error_of_other: float, one: Known, other: Known) -> Side:
    """Of a difference, with Welch's degrees of freedom."""
    parts = np.array([error**2, error_of_other**2])
    used = float((parts**2 / np.array([one.df, other.df])).sum())
    return Side(float(np.sqrt(parts.sum())), float(parts.sum() ** 2) / used if used else np.inf)


def _agreement(scores: pd.DataFrame, groups: list[str], conf_level: float) -> Iterator[dict[str, Any]]:
    """Rank correlation of the item means of every two groups, by question."""
    shown = scores[scores["status"].isin(SHOWN)]
    for question, rows in shown.groupby("question", sort=True):
        means = rows.pivot_table(index="item", columns="group", values="estimate")
        for one, other in combinations(groups, 2):
            both = means.reindex(columns=[one, other]).dropna()
            yield {"question": question, "group": one, "other_group": other, **_correlation(both, conf_level)}


def _correlation(both: pd.DataFrame, conf_level: float) -> dict[str, Any]:
    n = len(both)
    nothing: dict[str, Any] = dict.fromkeys(["estimate", "conf_low", "conf_high", "mean_gap"], np.nan)
    found: dict[str, Any] = nothing | {"n_items": n, "status": "not_applicable"}
    if n:
        found["mean_gap"] = float((both.iloc[:, 0] - both.iloc[:, 1]).abs().mean())
    if n < MIN_ITEMS:
        return found | {"reason": f"{n} items rated by both; at least {MIN_ITEMS} are needed to compare profiles"}
    if (both.max() == both.min()).any():
        return found | {"reason": "one of the groups rates all items alike"}
    rho = float(both.iloc[:, 0].rank().corr(both.iloc[:, 1].rank()))
    reach = float(norm.isf((1 - conf_level) / 2)) * np.sqrt((1 + rho**2 / 2) / (n - 3))
    centre = np.arctanh(np.clip(rho, -0.9999, 0.9999))
    ends = {"conf_low": float(np.tanh(centre - reach)), "conf_high": float(np.tanh(centre + reach))}
    return found | {"estimate": rho, **ends, "status": "ok", "reason": None}
