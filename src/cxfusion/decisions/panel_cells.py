"""Cells of a pilot: the mean of every outcome by unit and period, and which units changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pandas as pd

from cxfusion.operations.figures import handle_seconds, look_at
from cxfusion.perception.answers import CUSTOMER
from cxfusion.perception.scores import readings_of, why_not
from cxfusion.tables.coding import is_value, local_time
from cxfusion.tables.span import span_of
from cxfusion.tables.sums import exact_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import ibis.expr.types as ir

    from cxfusion.pairing.result import Pairing
    from cxfusion.tables.relation import Contacts

__all__ = ["OUTCOMES", "PanelCells", "PanelOutcome", "cells_of"]

MOST_PERIODS: Final = 24
MIXED: Final = (0.05, 0.95)
"""Shares of changed contacts after the day between which a unit changed only in part."""
IN_PART: Final = -1
EARLIER: Final = -2


@dataclass(frozen=True)
class PanelOutcome:
    """What is compared.

    Attributes
    ----------
    side : {"customers", "business"}
    unit : str
    is_better_above : bool
        Of a score, unless its scale says otherwise.
    """

    side: str
    unit: str
    is_better_above: bool


OUTCOMES: Final = {
    "csat_mean": PanelOutcome("customers", "CSAT points", True),
    "csat_top2box": PanelOutcome("customers", "percentage points", True),
    "nps": PanelOutcome("customers", "NPS points", True),
    "ces_mean": PanelOutcome("customers", "CES points", True),
    "wait_seconds": PanelOutcome("customers", "seconds", False),
    "aht_seconds": PanelOutcome("business", "seconds", False),
    "talk_seconds": PanelOutcome("business", "seconds", False),
    "hold_seconds": PanelOutcome("business", "seconds", False),
    "wrap_seconds": PanelOutcome("business", "seconds", False),
    "transfer_rate": PanelOutcome("business", "percentage points", False),
}
SCORES: Final = {"csat_mean": "csat", "nps": "nps", "ces_mean": "ces"}
"""Score of the responses by the outcome that turns with its scale; a share of best marks does not."""
READ_OFF: Final = {**SCORES, "csat_top2box": "csat"}
"""Score of the responses that an outcome is read off."""


@dataclass(frozen=True)
class PanelCells:
    """Means by unit and period.

    Attributes
    ----------
    frame : pandas.DataFrame
        ``outcome, unit, arm, period, mean, n``.
    units : pandas.DataFrame
        ``unit, arm, was_on``: 1 changed, 0 did not, −1 changed in part, −2 had changed before the day; whether it had
        the new way before, missing where it was not there.
    period_days : int
    is_better_above : mapping of str to bool
        By outcome, on the scales that were offered.
    n_beyond : int
        Contacts that are left out, as a wrong clock has put them months before or after all others.
    refused : mapping of str to str
        Outcomes of the answers that their scale does not allow, and why.
    """

    frame: pd.DataFrame
    units: pd.DataFrame
    period_days: int
    is_better_above: Mapping[str, bool]
    n_beyond: int
    refused: Mapping[str, str]

    @property
    def outcomes(self) -> list[str]:
        """In the order of the catalogue."""
        there = {*self.frame["outcome"], *self.refused}
        return [name for name in OUTCOMES if name in there]

    @property
    def n_mixed(self) -> int:
        """Units that changed only for some of their contacts."""
        return int((self.units["arm"] == IN_PART).sum())

    @property
    def n_earlier(self) -> int:
        """Units that had changed before the day."""
        return int((self.units["arm"] == EARLIER).sum())

    def of(self, outcome: str) -> pd.DataFrame:
        """Cells of one outcome, of units that changed as a whole or not at all."""
        own = self.frame[(self.frame["outcome"] == outcome) & (self.frame["arm"] >= 0)]
        return own.sort_values(["unit", "period"], ignore_index=True)


def cells_of(
    contacts: Contacts,
    pairing: Pairing | None,
    column: str,
    treated: str | float,
    since: int,
    unit: str,
    period_days: int,
) -> PanelCells:
    """Gather the cells of a log and, where there is one, of its answers.

    Parameters
    ----------
    contacts : Contacts
    pairing : Pairing or None
    column : str
    treated : str, number or bool
        Who changed.
    since : int
        Days from 1970.
    unit : str
    period_days : int
    """
    session, operations, span = contacts.session, _operations(contacts), span_of(contacts)
    date = local_time(contacts)["date"]
    base = contacts.rows.filter(span.holds(contacts.rows["started_at"])).select(
        "contact_id",
        unit=contacts.value(unit).cast("string"),
        date=date,
        is_on=is_value(contacts.rows[column], treated),
        is_answered=~contacts.value("is_abandoned").fill_null(False),
        **operations,
    )
    rows = session.materialize(base.filter(base["unit"].notnull(), base["is_answered"]))
    ends = session.collect(rows.aggregate(first=rows["date"].min(), last=rows["date"].max())).to_pylist()[0]
    days = _period(ends["first"], ends["last"], since, period_days)
    period = (rows["date"] - since).cast("float64").__truediv__(days).floor().cast("int64")
    rows = session.materialize(rows.mutate(period=period))
    before, after = (_shares(contacts, rows.filter(own)) for own in (rows["period"] < 0, rows["period"] >= 0))
    units = _arms(after.rename("after").to_frame().join(before.rename("before")))
    frames, refused = [_means(contacts, rows, list(operations))], _refused(pairing)
    if pairing is not None:
        frames += _perception(pairing, rows, refused)
    cells = pd.concat(frames, ignore_index=True).merge(units[["unit", "arm"]], on="unit")
    return PanelCells(cells, units, days, _directions(pairing), span.n_beyond, refused)


def _shares(contacts: Contacts, rows: ir.Table) -> pd.Series[float]:
    """Of each unit's contacts, those of the new way."""
    share = exact_mean(rows["is_on"].fill_null(False).cast("float64"))
    found = contacts.session.collect(rows.group_by("unit").aggregate(share=share)).to_pandas()
    return found.set_index("unit")["share"].sort_index()


def _arms(units: pd.DataFrame) -> pd.DataFrame:
    """``unit, arm, was_on`` from each unit's shares ``before`` (missing where it was not there) and ``after``.

    A column may name the units that changed all along, or turn with the change. In the latter case, which is told by
    most of these units turning, one that had the new way before tells nothing of the day: neither as changed, nor as
    one that goes on as ever.
    """
    arm = (units["after"] > 0.5).astype(int)
    was_on = (units["before"] > MIXED[0]).astype("boolean").mask(units["before"].isna())
    is_turning = 2 * was_on[arm == 1].sum() <= was_on[arm == 1].count()
    arm = arm.mask(was_on.fillna(False), EARLIER) if is_turning else arm
    arm = arm.mask(units["after"].between(*MIXED, inclusive="neither"), IN_PART)
    return pd.DataFrame({"arm": arm, "was_on": was_on}).reset_index()


def _refused(pairing: Pairing | None) -> dict[str, str]:
    """Outcomes that the scales do not allow, and why."""
    scales = {} if pairing is None else pairing.surveys.scales
    told = {name: why_not(name, scales[score]) for name, score in READ_OFF.items() if score in scales}
    return {name: reason for name, reason in told.items() if reason is not None}


def _directions(pairing: Pairing | None) -> dict[str, bool]:
    """Whether more of an outcome is better; effort, or a mark of which 1 is the best, is not."""
    scales = {} if pairing is None else pairing.surveys.scales
    own = {name: scales[score].higher_is_better for name, score in SCORES.items() if score in scales}
    return {name: outcome.is_better_above for name, outcome in OUTCOMES.items()} | own


def _period(first: int | None, last: int | None, since: int, days: int) -> int:
    """Days of a period: so many that there are not too many of them."""
    span = (last or since) - (first or since) + 1
    return days * max(1, -(-span // (days * MOST_PERIODS)))


def _operations(contacts: Contacts) -> dict[str, ir.Value]:
    """What the log itself tells, one value per contact."""
    seconds = {
        name: contacts.value(name).cast("float64")
        for name in ("wait_seconds", "talk_seconds", "hold_seconds", "wrap_seconds")
        if contacts.has(name)
    }
    found: dict[str, ir.Value] = dict(seconds)
    if "talk_seconds" in seconds:
        found["aht_seconds"] = handle_seconds(look_at(contacts)).cast("float64")
    if contacts.has("n_transfers"):
        found["transfer_rate"] = (contacts.value("n_transfers") > 0).cast("float64") * 100
    return found


def _perception(pairing: Pairing, rows: ir.Table, refused: Mapping[str, str]) -> Iterator[pd.DataFrame]:
    """What customers said about contacts of the rows, as far as the scales allow it."""
    pairs, scales = pairing.pairs, pairing.surveys.scales
    scores: dict[str, ir.Value] = {}
    for name, scale in scales.items():
        for reading in readings_of(name, scale):
            if reading.metric in OUTCOMES and reading.metric not in refused:
                times = reading.factor * (100 if reading.unit == "share" else 1)
                scores[reading.metric] = reading.origin + times * reading.value(pairs[name].cast("float64"))
    if not scores:
        return
    said = pairs.filter(pairs["respondent_role"] == CUSTOMER).select("contact_id", **scores)
    joined = rows.select("contact_id", "unit", "period").inner_join(said, "contact_id")
    yield _means(pairing.contacts, joined, list(scores))


def _means(contacts: Contacts, rows: ir.Table, names: list[str]) -> pd.DataFrame:
    """``outcome, unit, period, mean, n`` of some columns."""
    asked = {f"mean_{i}": exact_mean(rows[name]) for i, name in enumerate(names)}
    asked |= {f"n_{i}": rows[name].count() for i, name in enumerate(names)}
    found = contacts.session.collect(rows.group_by("unit", "period").aggregate(**asked)).to_pandas()
    parts = [
        found[["unit", "period"]].assign(outcome=name, mean=found[f"mean_{i}"], n=found[f"n_{i}"])
        for i, name in enumerate(names)
    ]
    long = pd.concat(parts, ignore_index=True)
    return long[long["n"] > 0].sort_values(["outcome", "unit", "period"], ignore_index=True)
