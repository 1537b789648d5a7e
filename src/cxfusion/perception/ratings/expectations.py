"""Expectations: what people hope for, what they would put up with, and what they got, person by person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cxfusion.errors import NothingToEstimateError, require_conf_level, require_kind
from cxfusion.perception.ratings.cells import SHOWN, interval_columns, means_of, one_of, status_of
from cxfusion.perception.ratings.read import require_ratings
from cxfusion.results.base import Result
from cxfusion.results.formats import number

if TYPE_CHECKING:
    import altair as alt

    from cxfusion.perception.ratings.read import Ratings

__all__ = ["Expectations", "expectations"]

KEYS = ("dimension", "item", "group")
FIGURES = ("estimate", "std_error", "conf_low", "conf_high")


@dataclass(frozen=True, eq=False, repr=False)
class Expectations(Result):
    """How what was perceived compares with what was desired and what was adequate.

    ``.table`` has one row per item, group and metric: ``dimension, item, group, metric, estimate, std_error, conf_low,
    conf_high, unit, n, status, reason``. Metrics, each over the people who gave the ratings it needs: ``superiority``
    (perceived less desired), ``adequacy`` (perceived less adequate), ``zone_of_tolerance`` (desired less adequate), and
    the shares ``share_below_zone``, ``share_within_zone``, ``share_above_zone`` of people whose perception lies there,
    and ``share_contradictory`` of those whose adequate level lies above the desired one.

    Attributes
    ----------
    figures : pandas.DataFrame
        The same as ``.table``.
    levels : pandas.DataFrame
        ``dimension, item, group, question, estimate, n``: the mean of each kind of rating, for the picture.
    """

    figures: pd.DataFrame
    levels: pd.DataFrame

    @property
    def _frame(self) -> pd.DataFrame:
        return self.figures

    def plot(self, group: str | None = None, *, width: int = 720) -> alt.TopLevelMixin:
        """Per item the zone from adequate to desired as a bar, and what was perceived as a point.

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
        from cxfusion.results.rating_charts import zones

        drawn = one_of(self.figures, "group", group)
        return zones(self.levels[self.levels["group"] == drawn], width=width)

    def _lines(self) -> list[str]:
        items = self.figures["item"].nunique()
        told = self.figures[self.figures["status"].isin(SHOWN)]
        metric = "adequacy" if (told["metric"] == "adequacy").any() else "superiority"
        worst = told[told["metric"] == metric].sort_values("estimate", kind="stable").head(5)
        against = "adequate" if metric == "adequacy" else "desired"
        lines = [f"  {row.item} ({row.group}): {_signed(row.estimate)} against {against}" for row in worst.itertuples()]
        return [f"Expectations of {items} item{'s' if items != 1 else ''}, worst first", *lines]


def _signed(value: Any) -> str:
    return ("+" if value > 0 else "") + number(value, 2)


def expectations(
    ratings: Ratings,
    *,
    perceived: str = "perceived",
    desired: str = "desired",
    adequate: str = "adequate",
    conf_level: float = 0.95,
) -> Expectations:
    """Compare perceived service with desired and adequate service, item by item and group by group.

    Parameters
    ----------
    ratings : Ratings
        With the questions named below: perceived, and desired or adequate or both.
    perceived, desired, adequate : str
        What these questions are called in the ratings; SERVQUAL's "expected" is ``desired="expected"``.
    conf_level : float, default 0.95

    Returns
    -------
    Expectations

    Raises
    ------
    UsageError
        ``conf_level`` is no share above 0 and below 1.
    NothingToEstimateError
        Nobody gave a perceived rating and one to compare it with.

    References
    ----------
    Zeithaml, Berry & Parasuraman (1993), Journal of the Academy of Marketing Science 21, 1–12 (zone of tolerance);
    Parasuraman, Zeithaml & Berry (1994), Journal of Retailing 70, 201–230 (measures of adequacy and superiority).

    Examples
    --------
    >>> import cxfusion as cx
    >>> rows = [
    ...     {"respondent_id": i, "item": "promptness", "question": question, "rating": rating}
    ...     for i in range(6)
    ...     for question, rating in {"desired": 6 + i % 2, "adequate": 4, "perceived": 5}.items()
    ... ]
    >>> found = cx.expectations(cx.read_ratings(rows, scale=(1, 7))).table.set_index("metric")["estimate"]
    >>> found[["superiority", "adequacy", "zone_of_tolerance", "share_within_zone"]].to_list()
    [-1.5, 1.0, 2.5, 1.0]
    """
    require_ratings(ratings)
    require_conf_level(conf_level)
    names = {"perceived": perceived, "desired": desired, "adequate": adequate}
    for name, question in names.items():
        require_kind(question, str, name, "the question that tells it.")
    asked = ratings.rows[ratings.rows["question"].isin(list(names.values()))]
    wide = asked.pivot(index=["respondent_id", *KEYS], columns="question", values="rating").reset_index()
    known = {name: wide.get(own, pd.Series(np.nan, wide.index)) for name, own in names.items()}
    length = ratings.scale[1] - ratings.scale[0]
    parts = [
        _cells(wide, values, metric, ends, "share" if metric.startswith("share") else ratings.unit, conf_level)
        for metric, values, ends in _metrics(known, length)
    ]
    figures = pd.concat([part for part in parts if part is not None] or [pd.DataFrame({"metric": []})])
    if not figures["metric"].isin(["superiority", "adequacy"]).any():
        there = ", ".join(sorted(ratings.rows["question"].unique()))
        raise NothingToEstimateError(
            f"Nobody rated one item both as {perceived!r} and as {desired!r} or {adequate!r}. Expected these questions;"
            f" the ratings answer: {there}. Name them with perceived=, desired= and adequate=."
        )
    order = {metric: place for place, metric in enumerate(dict.fromkeys(figures["metric"]))}
    figures = figures.sort_values(
        [*KEYS, "metric"], key=lambda column: column.map(order) if column.name == "metric" else column, kind="stable"
    )
    return Expectations(figures.reset_index(drop=True), _levels(asked, {own: name for name, own in names.items()}))


def _metrics(
    known: dict[str, pd.Series[float]], length: float
) -> list[tuple[str, pd.Series[float], tuple[float, float]]]:
    """Each metric, its value per person (missing where a rating is), and the ends it can reach."""
    perceived, desired, adequate = known["perceived"], known["desired"], known["adequate"]
    has_all = perceived.notna() & desired.notna() & adequate.notna()
    gap, share = (-length, length), (0.0, 1.0)
    below, above = perceived < adequate, perceived > desired

    def marked(is_so: pd.Series[bool]) -> pd.Series[float]:
        return is_so.astype(float).where(has_all)

    return [
        ("superiority", perceived - desired, gap),
        ("adequacy", perceived - adequate, gap),
        ("zone_of_tolerance", desired - adequate, gap),
        ("share_below_zone", marked(below), share),
        ("share_within_zone", marked(~below & ~above), share),
        ("share_above_zone", marked(above & ~below), share),
        ("share_contradictory", marked(adequate > desired), share),
    ]


def _cells(
    wide: pd.DataFrame,
    values: pd.Series[float],
    metric: str,
    ends: tuple[float, float],
    unit: str,
    conf_level: float,
) -> pd.DataFrame | None:
    """One metric by item and group; None where nobody has it."""
    there = values.notna()
    if not there.any():
        return None
    cells, mean = means_of(values[there], [wide.loc[there, name] for name in KEYS])
    columns: dict[str, Any] = dict(interval_columns(mean, *ends, conf_level))
    frame = cells.assign(metric=metric, **columns, unit=unit, n=mean.n.astype(np.int64)).join(status_of(mean.n))
    frame.loc[~frame["status"].isin(SHOWN), list(FIGURES)] = np.nan
    return frame


def _levels(asked: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """Mean of each kind of rating, with few people left out."""
    keys = [asked[name] for name in KEYS]
    cells, mean = means_of(asked["rating"], [*keys, asked["question"].map(names)])
    frame = cells.assign(estimate=mean.estimate, n=mean.n.astype(np.int64))
    return frame[status_of(mean.n)["status"].isin(SHOWN)].reset_index(drop=True)
