"""When which arm of a trial ran: what of the calendar is held equal, and what changed arms as a whole.

All of it is read off the numbers of answers by queue, day and arm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import ibis
import numpy as np

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd
    from numpy.typing import NDArray

    from cxfusion.engine import Session

__all__ = ["Calendar", "Sizes", "Timetable", "Units"]

MIXED_BELOW: Final = 0.15
"""Answers of one unit in different arms, as a share of what chance by answer would give, up to which the unit counts as
assigned whole: the day on which it changed, and single wrong marks, make it no other design."""
STRAY_BELOW: Final = 0.05  # share of a unit's answers that an arm must have to have been given to it
LEFT_BY_WEEKS: Final = 0.25
"""Share of what arms vary by beside a smooth curve that weeks must leave to be held equal. A roll-out in few large
steps leaves little more; arms that everybody took in turn by weeks leave nothing."""
LEFT_BY_DAYS: Final = 2 / 3
"""Share of what is then left that days must leave: not where everybody switched by days, or nearly."""
ANSWERS_A_DAY: Final = 10  # fewer, and days held equal would spend more than a tenth of what is known
DEGREE: Final = 3
"""Of the smooth curve over all days, where days cannot be held equal."""


@dataclass(frozen=True)
class Calendar:
    """What of the calendar is held equal.

    Attributes
    ----------
    first, last : int
        Days since 1970.
    length : int
        Days of a period: 1, 7 (from the first day), or 0 where there are none. Periods longer than a day go with a
        smooth curve over all days.
    """

    first: int
    last: int
    length: int

    @property
    def n_periods(self) -> int:
        """Periods from the first day to the last."""
        return int(self.periods(np.array([self.last]))[0]) + 1

    @property
    def n_columns(self) -> int:
        """Columns of the curve; none where days are held equal."""
        return 0 if self.length == 1 else DEGREE

    def periods(self, day: NDArray[np.int64]) -> NDArray[np.int64]:
        """Codes from 0."""
        if not self.length:
            return np.zeros_like(day)
        return np.asarray((day - self.first) // self.length)

    def curve(self, day: NDArray[np.int64]) -> NDArray[np.float64]:
        """Columns of the smooth curve, shape (n, n_columns)."""
        x = 2 * (day - self.first) / max(self.last - self.first, 1) - 1
        return np.asarray(np.polynomial.legendre.legvander(x, self.n_columns)[:, 1:])


@dataclass(frozen=True)
class Sizes:
    """How many units were assigned as a whole.

    Attributes
    ----------
    n : int
    fewest : int
        Those of the arm that has the fewest.
    width : int
        Their codes are below it.
    longest : int
        Days from the first to the last of the one that took longest.
    """

    n: int
    fewest: int
    width: int
    longest: int


@dataclass(frozen=True)
class Units(Sizes):
    """What was assigned as a whole, where queues and days tell.

    Attributes
    ----------
    of : array, shape (places, days)
        Code of the unit, by queue and day since the first; −1 where there are no answers.
    """

    of: NDArray[np.int64]


@dataclass(frozen=True)
class Timetable:
    """Answers by place (queue), day and arm.

    Attributes
    ----------
    counts : pandas.DataFrame
        ``place, day, arm, n``.
    has_places : bool
        Whether the log tells queues apart.
    """

    counts: pd.DataFrame
    has_places: bool

    @classmethod
    def of(cls, session: Session, rows: ir.Table, arm: str, place: str | None) -> Timetable:
        """Counted from the rows of a trial."""
        where = rows[place] if place is not None else ibis.literal(0)
        asked = rows.group_by(place=where, day=rows["date"], arm=rows[arm]).aggregate(n=rows.count())
        found = session.collect(asked.order_by("place", "day", "arm")).to_pandas().astype(np.int64)
        return cls(found, place is not None)

    @cached_property
    def n_arms(self) -> int:
        """Of those with answers."""
        return int(self.counts["arm"].nunique())

    @cached_property
    def calendar(self) -> Calendar:
        """The finest periods that leave something to compare.

        Arms beside each other leave it within every day; arms that all take in turn by days, within weeks; by weeks,
        beside a curve. A roll-out leaves hardly more beside a curve than within days: when all have the same arm,
        days tell of the calendar alone.
        """
        day, n = self.counts["day"], self.counts["n"].sum()
        days, weeks, curve = (Calendar(int(day.min()), int(day.max()), length) for length in (1, 7, 0))
        coarse = weeks if self._left_by(weeks) >= LEFT_BY_WEEKS * self._left_by(curve) else curve
        is_dear = n < ANSWERS_A_DAY * day.nunique()
        return coarse if is_dear or self._left_by(days) < LEFT_BY_DAYS * self._left_by(coarse) else days

    def _left_by(self, calendar: Calendar) -> float:
        """Sum of squares of the arms, once the calendar is held equal."""
        by_day = self.counts.groupby(["day", "arm"])["n"].sum().unstack("arm", fill_value=0)
        day, count = by_day.index.to_numpy(), by_day.to_numpy(dtype=np.float64)
        size = count.sum(axis=1, keepdims=True)
        within_days = float((count * (1 - count / size)).sum())
        if calendar.length == 1:
            return within_days
        period = np.equal.outer(calendar.periods(day), np.arange(calendar.n_periods))
        columns = np.sqrt(size) * np.column_stack([period, calendar.curve(day)])
        shares = count / np.sqrt(size)
        between = shares - columns @ np.linalg.lstsq(columns, shares, rcond=None)[0]
        return within_days + float((between**2).sum())

    def spent_on(self, units: Sizes) -> int:
        """Units that what is held equal takes, where each of them has its own days; none where all go on throughout.

        Of seven days in a week that is held equal, only six tell anything of the arms, however many answers they have.
        """
        calendar = self.calendar
        span = calendar.last - calendar.first
        if 2 * units.longest > span:
            return 0
        # days that are held equal inside of weeks that were given an arm take no more than these weeks
        n_periods = span // max(calendar.length, units.longest + 1) + 1 if calendar.length else 1
        return n_periods - 1 + calendar.n_columns

    @property
    def is_in_turn(self) -> bool:
        """Whether one arm ran for everybody, then the next, and none ever came back."""
        if not self._is_whole(["day"]):
            return False
        arm = _commonest(self.counts.assign(where=0))["arm"].to_numpy()
        return len(set(arm)) > 1 and not _returns(arm)

    @cached_property
    def units(self) -> Units | None:
        """The widest of queues, days of the site and days of a queue that have one arm each; None where none has.

        Where all queues change arms together, their answers of a day share the day's mood, and are no separate proofs.
        Neither are the days of a queue that changed arms once and for all: then the queue is what was assigned.
        """
        if self.has_places and self._is_whole(["place"]):
            return self._units_of(["place"])
        if self._is_whole(["day"]):
            return self._units_of(["where", "piece"], where=np.zeros(len(self.counts), dtype=np.int64))
        if self.has_places and self._is_whole(["place", "day"]):
            return self._units_of(["where", "piece"], where=self.counts["place"].to_numpy())
        return None

    def _is_whole(self, keys: list[str]) -> bool:
        """Whether two answers of one unit hardly ever differ in their arm, next to any two."""
        own, size = _sizes(self.counts, keys)
        arm, n = _sizes(self.counts, [])
        apart, shared = float((size**2).sum() - (own**2).sum()), float((size**2 - size).sum())
        by_chance, in_all = float((n**2).sum() - (arm**2).sum()), float((n**2 - n).sum())
        return shared > 0 and apart * in_all <= MIXED_BELOW * by_chance * shared

    def _units_of(self, keys: list[str], where: NDArray[np.int64] | None = None) -> Units:
        counts = self.counts if where is None else _in_pieces(self.counts.assign(where=where))
        counts = counts.assign(unit=counts.groupby(keys).ngroup())
        own, size = _sizes(counts, ["unit"])
        has_arm = own[own >= STRAY_BELOW * size.reindex(own.index, level="unit")]
        place, day = counts["place"].to_numpy(), counts["day"].to_numpy() - self.calendar.first
        of = np.full((int(place.max()) + 1, int(day.max()) + 1), -1, dtype=np.int64)
        of[place, day] = counts["unit"].to_numpy()
        lasted = counts.groupby("unit")["day"].agg(np.ptp)
        return Units(len(size), int(has_arm.groupby("arm").size().min()), len(size), int(lasted.max()), of)


def _sizes(counts: pd.DataFrame, keys: list[str]) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Answers by unit and arm, and by unit."""
    own = counts.groupby([*keys, "arm"])["n"].sum().astype(np.float64)
    return own, own.groupby(level=keys).sum() if keys else own.groupby(np.zeros(len(own))).sum()


def _commonest(counts: pd.DataFrame) -> pd.DataFrame:
    """``where, day, arm``: the arm that most answers of each day had, in order."""
    n = counts.groupby(["where", "day", "arm"])["n"].sum().reset_index()
    return (
        n.sort_values("n", kind="stable")
        .drop_duplicates(["where", "day"], keep="last")
        .sort_values(["where", "day"], ignore_index=True)
    )


def _returns(arm: NDArray[np.int64]) -> bool:
    """Whether an arm came back after another one, day by day."""
    return 1 + int((arm[1:] != arm[:-1]).sum()) > len(set(arm))


def _in_pieces(counts: pd.DataFrame) -> pd.DataFrame:
    """``counts`` with ``piece``: the part of its place's days that were given an arm together.

    Where arms come back, that is as many days as an arm lasts where it is short: days, weeks. Where they do not, all
    days of a place are one piece, for it changed once and for all.
    """
    days = _commonest(counts)
    is_new = (days["arm"] != days["arm"].shift()) | (days["where"] != days["where"].shift())
    days["spell"] = is_new.cumsum()
    by_place = [arm.to_numpy() for _, arm in days.groupby("where")["arm"]]
    changed = [arm for arm in by_place if len(set(arm)) > 1]
    if not changed or sum(map(_returns, changed)) < len(changed) / 2:
        days["piece"] = 0
    else:
        length = days.groupby("spell")["day"].transform("size")
        # the first and the last spell of a place may have been cut short by the log
        inside = ~days["spell"].isin(days.groupby("where")["spell"].agg(["min", "max"]).to_numpy().ravel())
        usual = int(length[inside & is_new].quantile(0.1, interpolation="lower"))
        place_in_spell = days.groupby("spell").cumcount()
        n_pieces = np.maximum(length // usual, 1)
        days["piece"] = days["spell"] * len(days) + place_in_spell * n_pieces // length
    pieces: pd.DataFrame = counts.merge(days[["where", "day", "piece"]], on=["where", "day"])
    return pieces
