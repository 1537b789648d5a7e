"""The read-out of a pilot or of a dated change: who changed, against who did not, before against after.

Operations and perception at once, so that one sees whether the customer gained, the business, both or neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cxfusion.decisions.panel_cells import OUTCOMES, PanelCells, cells_of
from cxfusion.decisions.pilot_words import conclusion, effect_in_words, notes_on
from cxfusion.errors import (
    EstimationError,
    NothingToEstimateError,
    UnknownNameError,
    UsageError,
    require_conf_level,
    require_kind,
    require_number,
    told_nearest,
)
from cxfusion.estimators.distributions import student_t
from cxfusion.estimators.panel import PanelFit, fit_panel
from cxfusion.pairing.result import Pairing
from cxfusion.results.base import Result
from cxfusion.tables.relation import Contacts, require_contacts

if TYPE_CHECKING:
    import altair as alt
    from numpy.typing import NDArray

__all__ = ["ReadOut", "read_out"]

EFFECT_COLUMNS: Final = (
    "outcome", "side", "unit", "treated_before", "treated_after", "others_before", "others_after", "estimate",
    "std_error", "conf_low", "conf_high", "p_value", "degrees", "pre_trend_p_value", "detectable", "n", "n_treated",
    "n_others", "status", "reason",
)  # fmt: skip
EVENT_COLUMNS: Final = ("outcome", "unit", "period", "day", "estimate", "std_error", "conf_low", "conf_high", "n")
FEWEST_UNITS: Final = 2
POWER: Final = 0.8
EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, eq=False, repr=False)
class ReadOut(Result):
    """What a pilot or a change did.

    Attributes
    ----------
    effects : pandas.DataFrame
        The same as :attr:`table`, one row per outcome: ``outcome, side, unit, treated_before, treated_after,
        others_before, others_after, estimate, std_error, conf_low, conf_high, p_value, degrees, pre_trend_p_value,
        detectable, n, n_treated, n_others, status, reason``. ``side`` is ``customers`` or ``business``; ``detectable``
        is the smallest effect that this read-out would have found four times in five.
    events : pandas.DataFrame
        The same period by period, against the last one before the change: ``outcome, unit, period, day, estimate,
        std_error, conf_low, conf_high, n``; ``period`` 0 begins with the change, ``day`` counts from it.
    conclusion : str
        Whether the customers gained, the business, both or neither.
    notes : tuple of str
    """

    effects: pd.DataFrame
    events: pd.DataFrame
    conclusion: str
    notes: tuple[str, ...]

    @property
    def _frame(self) -> pd.DataFrame:
        return self.effects

    def _lines(self) -> list[str]:
        return [self.conclusion, *(effect_in_words(row) for row in self.effects.to_dict("records")), *self.notes]

    def plot(self, *, width: int = 720) -> alt.TopLevelMixin:
        """Event-study pictures: the difference in every period against the last one before, with intervals.

        Raises
        ------
        NothingToEstimateError
            No outcome has more than one period.
        """
        from cxfusion.results.event_charts import event_study

        return event_study(self.events, width=width)


def read_out(
    data: Pairing | Contacts,
    column: str,
    treated: str | float,
    since: str | date,
    *,
    unit: str = "agent_id",
    period_days: int = 7,
    conf_level: float = 0.95,
) -> ReadOut:
    """Difference in differences of a finished pilot or of a change on a certain day.

    Parameters
    ----------
    data : Pairing or Contacts
        A log alone shows the operations only.
    column : str
        Column of the contact log that tells who changed: the arm of a pilot, or the queue that got the new system.
    treated : str, number or bool
        Its value for those who changed: of a column of flags ``True``, ``"true"`` and ``1`` are one.
    since : str or date
        First day of the change, on the site's clock.
    unit : str
        Column of what changed as a whole; each unit is compared with itself, and answers of one unit err together.
    period_days : int
        Length of the periods; made longer where there would be more than 24.
    conf_level : float

    Returns
    -------
    ReadOut

    Raises
    ------
    UnknownNameError
        No such column.
    UsageError
        A date or a level of confidence that is none; or units that changed only for some of their contacts.
    NothingToEstimateError
        Nobody changed, nobody did not, or there is no contact on one side of the date.

    Notes
    -----
    The column may name the units that changed all along, as the arm of a pilot does, or turn with the change. Where it
    turns for most of those that have the value after the day, units that had it before, all or in part, are left out
    and counted.

    Units and periods are held fixed, and cells count by their contacts (or answers). Errors are CR2 with
    Satterthwaite's degrees of freedom, so that few units give wide intervals and not false certainty. It assumes that
    both would have gone alike without the change; whether they did before it, ``pre_trend_p_value`` tests (a common
    slope of their difference over the periods before).

    References
    ----------
    Bell & McCaffrey (2002); Pustejovsky & Tipton (2018), JBES 36, 672–683.

    Examples
    --------
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7)
    >>> pairing = cx.pair(centre.contacts, centre.surveys)
    >>> found = cx.read_out(pairing, "queue", "billing", "2025-10-01", unit="queue")
    >>> found.table["side"].unique().tolist()
    ['customers', 'business']
    """
    pairing, contacts = (data, data.contacts) if isinstance(data, Pairing) else (None, data)
    require_contacts(contacts)
    for name in (column, unit):
        if not (isinstance(name, str) and contacts.has(name)):
            raise UnknownNameError(
                f"The contact log has no column {name!r}. Name one that it has.",
                told_nearest([str(name)], contacts.columns),
            )
    require_number("period_days", period_days, "at least 1", lambda days: days >= 1)
    require_conf_level(conf_level)
    cells = cells_of(contacts, pairing, column, treated, _day(since), unit, period_days)
    _require_two_groups(cells, column, treated, unit)
    effects, events = [], []
    for outcome in cells.outcomes:
        row, periods = _effect(cells, outcome, conf_level)
        effects.append(row)
        events += periods
    frame = pd.DataFrame(effects, columns=list(EFFECT_COLUMNS))
    of_periods = pd.DataFrame(events, columns=list(EVENT_COLUMNS))
    return ReadOut(frame, of_periods, conclusion(frame, cells.is_better_above), tuple(notes_on(cells, frame)))


def _day(since: str | date) -> int:
    try:
        day = date.fromisoformat(since) if isinstance(since, str) else since
    except ValueError as error:
        raise UsageError(f"since is {since!r}; expected a day such as 2026-03-01.") from error
    day = day.date() if isinstance(day, datetime) else day
    require_kind(day, date, "since", "the first day of the change, such as '2026-03-01'.")
    return (day - EPOCH).days


def _require_two_groups(cells: PanelCells, column: str, treated: str | float, unit: str) -> None:
    """Refuse what leaves nothing to compare."""
    units = cells.units
    if not len(units):
        raise NothingToEstimateError(
            f"No answered contact from the day on names its {unit}, so that nothing can be compared. Name another"
            " column, or a day within the log."
        )
    if cells.n_mixed > len(units) / 2:
        raise UsageError(
            f"{cells.n_mixed:,} of {len(units):,} units ({unit}) changed only for some of their contacts after the day."
            " Expected units that changed as a whole; where chance decided contact by contact, name the column as an"
            " Experiment instead."
        )
    n_treated, n_others = int((units["arm"] == 1).sum()), int((units["arm"] == 0).sum())
    if not n_treated:
        raise NothingToEstimateError(
            f"No {unit} has {column} = {treated!r} after the day: nobody changed. Expected some; look at the spelling"
            " of the value, or name an earlier day."
        )
    if not n_others:
        raise NothingToEstimateError(
            f"Every {unit} has {column} = {treated!r} after the day, or had it before: nobody is left to compare with,"
            " and what else happened on that day cannot be told from the change. See what_changed for the difference"
            " before and after."
        )


def _effect(cells: PanelCells, outcome: str, conf_level: float) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One outcome: the row of its effect, and those of its periods."""
    side, unit = OUTCOMES[outcome].side, OUTCOMES[outcome].unit
    frame = cells.of(outcome)
    row: dict[str, Any] = dict.fromkeys(EFFECT_COLUMNS) | {"outcome": outcome, "side": side, "unit": unit}
    if outcome in cells.refused:
        nobody = {"n": 0, "n_treated": 0, "n_others": 0}
        return {**row, **nobody, "status": "not_applicable", "reason": cells.refused[outcome]}, []
    row |= _means(frame)
    own = frame.groupby("arm")["unit"].nunique()
    row |= {"n": int(frame["n"].sum()), "n_treated": int(own.get(1, 0)), "n_others": int(own.get(0, 0))}
    reason = _not_applicable(frame, own)
    if reason is not None:
        return {**row, "status": "not_applicable", "reason": reason}, []
    is_on = ((frame["arm"] == 1) & (frame["period"] >= 0)).to_numpy().astype(float)[:, None]
    try:
        fit = _fit(frame, is_on)
    except EstimationError as refusal:
        return {**row, "status": "not_applicable", "reason": refusal.message}, []
    low, high = fit.interval(conf_level)
    error, df = float(fit.std_error[0]), float(fit.degrees[0])
    row |= {
        "estimate": float(fit.coefficients[0]), "std_error": error, "conf_low": float(low[0]),
        "conf_high": float(high[0]), "p_value": float(fit.p_value[0]), "degrees": df,
        "detectable": float(student_t.reach(conf_level, df) + student_t.ppf(POWER, df)) * error,
        "pre_trend_p_value": _pre_trend(frame), "status": "ok",
    }  # fmt: skip
    return row, _events(frame, outcome, unit, cells.period_days, conf_level)


def _fit(frame: pd.DataFrame, regressors: NDArray[np.float64]) -> PanelFit:
    return fit_panel(
        frame["mean"].to_numpy(float),
        regressors,
        pd.factorize(frame["unit"])[0].astype(np.int64),
        pd.factorize(frame["period"])[0].astype(np.int64),
        frame["n"].to_numpy(float),
    )


def _means(frame: pd.DataFrame) -> dict[str, Any]:
    found = {}
    for arm, who in ((1, "treated"), (0, "others")):
        for is_after, when in ((False, "before"), (True, "after")):
            own = frame[(frame["arm"] == arm) & ((frame["period"] >= 0) == is_after)]
            found[f"{who}_{when}"] = float(np.average(own["mean"], weights=own["n"])) if len(own) else None
    return found


def _not_applicable(frame: pd.DataFrame, own: pd.Series[Any]) -> str | None:
    if not len(frame):
        return "no contact has it"
    sides = frame.groupby("arm")["period"].agg(["min", "max"])
    if len(sides) < 2:
        return "only one of the two groups has it"
    if (sides["min"] >= 0).any() or (sides["max"] < 0).any():
        return "it is not known on both sides of the day for both groups"
    if own.min() < FEWEST_UNITS:
        return "one of the two groups is a single unit: how units differ by themselves cannot be told"
    if frame["mean"].nunique() < 2:
        return "it is always the same"
    return None


def _pre_trend(frame: pd.DataFrame) -> float | None:
    """That the difference of the groups had no slope over the periods before; None where there are fewer than three."""
    before = frame[frame["period"] < 0]
    if before["period"].nunique() < 3:
        return None
    try:
        fit = _fit(before, (before["arm"] * before["period"]).to_numpy(float)[:, None])
    except EstimationError:
        return None
    found = float(fit.p_value[0])
    return found if np.isfinite(found) else None


def _events(frame: pd.DataFrame, outcome: str, unit: str, days: int, conf_level: float) -> list[dict[str, Any]]:
    """The difference in each period that two units of both groups have, against the last one before the change."""
    n_units = frame.groupby(["period", "arm"])["unit"].nunique().unstack(fill_value=0)
    kept = frame[frame["period"].isin(n_units.index[(n_units >= FEWEST_UNITS).all(axis=1)])]
    periods = sorted(kept["period"].unique())
    before = [period for period in periods if period < 0]
    if not before:
        return []
    asked = [period for period in periods if period != before[-1]]
    own = kept["period"].to_numpy()[:, None] == np.array(asked)
    try:
        fit = _fit(kept, (own & (kept["arm"].to_numpy()[:, None] == 1)).astype(float))
    except EstimationError:
        return []
    low, high = fit.interval(conf_level)
    n = kept.groupby("period")["n"].sum()
    rows = [
        (outcome, unit, int(period), int(period) * days, fit.coefficients[j], fit.std_error[j], low[j], high[j])
        for j, period in enumerate(asked)
    ]
    rows.append((outcome, unit, int(before[-1]), int(before[-1]) * days, 0.0, 0.0, 0.0, 0.0))
    return [
        dict(zip(EVENT_COLUMNS, (*map(_plain, row), int(n[row[2]])), strict=True))
        for row in sorted(rows, key=lambda one: one[2])
    ]


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, np.floating) else value
