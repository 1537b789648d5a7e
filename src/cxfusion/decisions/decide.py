"""Decisions: what a point costs by each lever, where little brings much, and how to settle what is not settled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from cxfusion.decisions.hotspots import HOTSPOT_COLUMNS, hotspots
from cxfusion.decisions.pilots import PILOT_COLUMNS, UNSETTLED, PilotPlan, pilot_rows
from cxfusion.decisions.prices import PRICE_COLUMNS, Costs, price_list
from cxfusion.decisions.what_if import WhatIf, what_if
from cxfusion.errors import UnknownNameError, require_kind_or_none, told_nearest
from cxfusion.evidence.fit import require_evidence
from cxfusion.operations.workload import Workload, typical_week
from cxfusion.pairing.result import require_pairing
from cxfusion.results.base import Result
from cxfusion.results.display import display_name
from cxfusion.results.formats import change, interval, number
from cxfusion.results.labels import column_label, lever_label, step_in_words
from cxfusion.results.language import in_sentence
from cxfusion.results.schemas import DECISIONS, typed_frame
from cxfusion.tables.span import note_on_beyond, span_of

if TYPE_CHECKING:
    import pyarrow as pa

    from cxfusion.evidence.fit import LeverEvidence
    from cxfusion.pairing.result import Pairing

__all__ = ["Decisions", "decide"]

NEEDED: Final = ("wait_seconds", "talk_seconds")
SHOWN: Final = 5
GROUPS: Final = {"ours": "In our hands", "customers": "The customer's part, which we can influence", "given": "Given"}


@dataclass(frozen=True, eq=False, repr=False)
class Decisions(Result):
    """What to do on Monday.

    Attributes
    ----------
    evidence : LeverEvidence
    prices : pandas.DataFrame
        One row per lever, the best price first: ``lever, group, verdict, grade, outcome_unit, unit, step, estimate,
        conf_low, conf_high, with_wait, agents, cost, currency, price, price_low, price_high, rank, rank_low, rank_high,
        status, reason``. ``step`` is the change in the direction that does good and ``estimate`` what it brings,
        corrected for hidden difficulty where that could be; ``with_wait`` what it brings together with the waits that
        it changes, if agents stay as they are; ``agents`` how many it takes, in every open hour, if waits are to stay
        as they are; ``cost`` and ``price`` (per point) are of a year.
    hotspots : pandas.DataFrame
        One row per segment and lever with something to gain, the largest first: ``lever, verdict, segment_column,
        segment, outcome_unit, unit, mean_level, target, step, share, within_segment, estimate, conf_low, conf_high,
        contacts_a_week, n``. ``estimate`` is what the whole would gain if this segment reached its ``target``,
        the same figure as of the prices.
    pilots : pandas.DataFrame
        Two designs for each lever that is contested or unclear; see :func:`design_pilot`.
    notes : tuple of str
    """

    evidence: LeverEvidence
    prices: pd.DataFrame
    hotspots: pd.DataFrame
    pilots: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def _frame(self) -> pd.DataFrame:
        return self.prices

    def what_if(self, changes: Mapping[str, float | str], *, segment: Mapping[str, str] | None = None) -> WhatIf:
        """What a set of lever changes would do: see :func:`cxfusion.what_if`."""
        return what_if(self.evidence, changes, segment=segment)

    def as_rows(self) -> pd.DataFrame:
        """Prices, hotspots and pilots below each other, in the columns of ``decisions.parquet``."""
        parts = {"price": self.prices, "hotspot": self.hotspots.assign(status="ok", reason=None), "pilot": self.pilots}
        outcome = self.evidence.spec.outcome
        rows = [
            {**dict.fromkeys(DECISIONS.names), **row, "section": section, "outcome": outcome}
            for section, frame in parts.items()
            for row in frame.astype(object).where(frame.notna(), None).to_dict("records")
        ]
        return pd.DataFrame(rows, columns=DECISIONS.names)

    def to_arrow(self) -> pa.Table:
        """The rows of ``decisions.parquet``."""
        from cxfusion.results.schemas import as_arrow

        return as_arrow(self.as_rows(), DECISIONS)

    def _lines(self) -> list[str]:
        priced = self.prices["price"].notna().sum()
        levers = "1 lever" if len(self.prices) == 1 else f"{len(self.prices)} levers"
        lines = [f"Decisions about {levers}, {priced} of them with a price"]
        for group, title in GROUPS.items():
            own = self.prices[self.prices["group"] == group]
            if len(own):
                lines += [f"{title}:", *(_price_line(row) for row in own.to_dict("records"))]
        sure = self.hotspots[self.hotspots["verdict"] == "moves"].head(SHOWN)
        if len(sure):
            lines += ["Where little brings much:", *map(_hotspot_line, sure.to_dict("records"))]
        return [*lines, *self.notes]


def _price_line(row: dict[Any, Any]) -> str:
    name = lever_label(row["lever"])
    if row["status"] != "ok":
        return f"  {name}: {row['reason']}"
    unit = row["outcome_unit"]
    gain = f"{step_in_words(row['lever'], row['step'], row['unit'])} → {change(row['estimate'], unit)} {unit}"
    span = interval(row["conf_low"], row["conf_high"], unit, signed=True)
    return f"  {name}: {gain} ({span}), {_priced(row)}"


def _priced(row: dict[Any, Any]) -> str:
    currency = "" if pd.isna(row["currency"]) else f" {row['currency']}"
    if pd.isna(row["cost"]):
        agents = "" if pd.isna(row["agents"]) else f"{change(row['agents'])} agents; "
        return f"{agents}no price: {row['reason']}"
    saves = row["cost"] < 0
    told = f"{'saves' if saves else 'costs'} {number(abs(row['cost']), 0)}{currency} a year"
    if pd.isna(row["price"]):
        return f"{told}; {row['reason']}"
    return told if saves else f"{told}, {number(row['price'], 0)}{currency} per point"


def _hotspot_line(row: dict[Any, Any]) -> str:
    unit = row["outcome_unit"]
    where = f"{in_sentence(column_label(row['segment_column']))} {display_name(row['segment'])}"
    span = f"{number(row['conf_low'], 3)} to {number(row['conf_high'], 3)}"
    return (
        f"  {lever_label(row['lever'])}, {where} ({row['share']:.0%} of contacts):"
        f" {step_in_words(row['lever'], row['step'], row['unit'])} →"
        f" {number(row['estimate'], 3)} {unit} for all ({span})"
    )


def decide(
    evidence: LeverEvidence,
    pairing: Pairing | None = None,
    *,
    cost_per_hour: float | None = None,
    currency: str = "",
    shrinkage: float = 0.0,
    measures: Mapping[str, float] | None = None,
    handle_seconds: Mapping[str, float] | None = None,
    pilot_weeks: float = 8,
    power: float = 0.8,
) -> Decisions:
    """From the evidence to what to do: prices, hotspots, pilots.

    Parameters
    ----------
    evidence : LeverEvidence
    pairing : Pairing, optional
        The log behind it, for what Erlang says of agents and waits and for volumes; without it there are no prices.
    cost_per_hour : float, optional
        Of one paid hour of an agent; without it agents are counted and not priced.
    currency : str
        As it is to be shown, such as ``"EUR"``.
    shrinkage : float
        Share of paid time in which agents are not on the phone.
    measures : mapping of str to float, optional
        By lever: what making its step happen costs in a year besides agents (training, tools).
    handle_seconds : mapping of str to float, optional
        By lever: agents' seconds that one unit of it takes, such as those of a transfer. Talk and hold take one each.
    pilot_weeks : float
        How long a pilot may last.
    power : float
        Of a pilot.

    Returns
    -------
    Decisions

    Raises
    ------
    UsageError
        Costs below zero, or shares that are none.
    UnknownNameError
        Costs of what is no lever.

    Notes
    -----
    Waits are bought with agents. For every queue and hour of a typical week, the agents are found with whom Erlang
    gives the waits of the log (Erlang A where enough hang up to know their patience, else Erlang C); then those who
    would give waits shorter in the same proportion. Handle time changes the work: its cost, or saving, is that of the
    agents who keep everyone's wait as it is. Queues are taken as separate, and each hour as steady. Only levers whose
    verdict is ``moves`` have a price and a rank; costs are taken as known, gains as drawn from their joint errors.

    Examples
    --------
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7)
    >>> pairing = cx.pair(centre.contacts, centre.surveys)
    >>> evidence = cx.fit_levers(pairing, "csat")
    >>> decisions = cx.decide(evidence, pairing, cost_per_hour=30, measures={"n_transfers": 2000})
    >>> decisions.table["lever"].iloc[0], int(decisions.table["rank"].iloc[0])
    ('n_transfers', 1)
    """
    require_evidence(evidence)
    if pairing is not None:
        require_pairing(pairing)
    for name, given in (("measures", measures), ("handle_seconds", handle_seconds)):
        require_kind_or_none(given, Mapping, name, "numbers by lever, such as {'n_transfers': 60}.")
    _require_levers(evidence, {**(measures or {}), **(handle_seconds or {})})
    costs = Costs(cost_per_hour, currency, shrinkage, dict(measures or {}), dict(handle_seconds or {}))
    week = None if pairing is None else _week(evidence, pairing)
    plan = _pilot_plan(evidence, pairing, pilot_weeks, power)
    pilots = [
        row
        for lever, verdict in zip(evidence.levers["lever"], evidence.levers["verdict"], strict=True)
        if verdict in UNSETTLED and evidence.clusters is not None
        for row in pilot_rows(evidence, lever, plan)
    ]
    volume = None if week is None else week.contacts_a_week
    return Decisions(
        evidence=evidence,
        prices=typed_frame(price_list(evidence, week, costs), PRICE_COLUMNS, DECISIONS),
        hotspots=typed_frame(hotspots(evidence, volume), HOTSPOT_COLUMNS, DECISIONS),
        pilots=typed_frame(pilots, PILOT_COLUMNS, DECISIONS),
        notes=tuple(_notes(evidence, week, costs)),
    )


def _require_levers(evidence: LeverEvidence, named: Mapping[str, float]) -> None:
    """Refuse costs of what is no lever."""
    known = [lever.name for lever in evidence.spec.levers]
    unknown = [name for name in named if name not in known]
    if unknown:
        raise UnknownNameError(
            f"There are costs of what is no lever: {', '.join(map(str, unknown))}. Expected levers asked about:"
            f" {', '.join(known)}.",
            told_nearest(unknown, known),
        )


def _week(evidence: LeverEvidence, pairing: Pairing) -> Workload | None:
    """The typical week, where the log tells waits and handle times."""
    if not all(pairing.contacts.has(name) for name in NEEDED):
        return None
    return typical_week(pairing.contacts, [lever.name for lever in evidence.spec.levers])


def _pilot_plan(evidence: LeverEvidence, pairing: Pairing | None, weeks: float, power: float) -> PilotPlan:
    """At the pace of the contacts whose silence means something: none from before a launch, none too young."""
    if pairing is None:
        return PilotPlan(power, 0.05, weeks, None, None)
    log, pairs = pairing.contacts.rows, pairing.pairs
    contacts = replace(pairing.contacts, rows=log.filter(~pairing.is_untold(log)))
    n = contacts.session.count(contacts.rows.filter(~contacts.value("is_abandoned").fill_null(False)))
    lasted = span_of(contacts).seconds / 604_800
    told = pairing.session.count(pairs.filter(~pairing.is_untold(pairs))) / pairing.n_pairs if pairing.n_pairs else 1.0
    n_answers = evidence.n * told
    a_week = n_answers / lasted if n_answers and lasted > 0 else None
    return PilotPlan(power, 0.05, weeks, a_week, min(n_answers / n, 1.0) if n_answers and n else None)


def _notes(evidence: LeverEvidence, week: Workload | None, costs: Costs) -> list[str]:
    notes = []
    verdicts = set(evidence.levers["verdict"])
    if "moves" not in verdicts:
        notes.append("No lever is sure to move the score: what is shown here is what could be, not what to do.")
    if week is None:
        notes.append("Without waits and talk times of a log, Erlang cannot tell the agents of a change.")
    elif costs.why_no_agents is not None:
        notes.append(f"Agents are counted and not priced: {costs.why_no_agents}.")
    if week is not None and week.n_left_out:
        notes.append(
            f"{week.n_left_out:,} of {week.n:,} contacts lie in hours that tell no wait or no handle time; they are"
            " left out of staffing."
        )
    if week is not None and week.n_beyond:
        notes.append(note_on_beyond(week.n_beyond, "staffing"))
    return notes
