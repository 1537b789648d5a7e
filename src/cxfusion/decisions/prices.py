"""What a point costs: the agents that a lever's step takes or saves, priced by the hour, against what the step brings.

Waits are bought with agents. Handle time costs agents, or leaves them free: as long as they stay, everyone waits less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxfusion.decisions.answers import Answer, answer
from cxfusion.decisions.changes import Change, change_made
from cxfusion.errors import UsageError, number_problems
from cxfusion.estimators.joint_draws import drawn_errors, rank_ends, ranks_of
from cxfusion.operations.workload import SHORTEST_WAIT, agents_for, waits_with

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.fit import LeverEvidence
    from cxfusion.evidence.population import LeverForm, Population
    from cxfusion.operations.workload import Workload

__all__ = ["PRICE_COLUMNS", "Costs", "price_list"]

WEEKS_A_YEAR: Final = 365.25 / 7
WAIT: Final = "wait_seconds"
HANDLE_SECONDS: Final = {"talk_seconds": 1.0, "hold_seconds": 1.0}
"""Agents' seconds that one unit of a lever takes."""
GROUPS: Final = {"lever": "ours", "influenceable": "customers", "given": "given"}
PRICE_COLUMNS: Final = (
    "lever", "group", "verdict", "grade", "outcome_unit", "unit", "step", "estimate", "conf_low", "conf_high",
    "with_wait", "agents", "cost", "currency", "price", "price_low", "price_high", "rank", "rank_low", "rank_high",
    "status", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class Costs:
    """What is known of costs.

    Parameters
    ----------
    per_hour : float, optional
        Of one paid hour of an agent.
    currency : str
        As it is to be shown.
    shrinkage : float
        Share of paid time in which agents are not on the phone.
    measures : mapping of str to float
        By lever: what making its step happen costs in a year besides agents, such as training or tools.
    handle_seconds : mapping of str to float
        By lever: agents' seconds that one unit of it takes, such as those of a transfer.

    Raises
    ------
    UsageError
        Costs below zero, or a share that is none.
    """

    per_hour: float | None
    currency: str
    shrinkage: float
    measures: Mapping[str, float]
    handle_seconds: Mapping[str, float]

    def __post_init__(self) -> None:
        problems = []
        if self.per_hour is not None:
            hour = {"cost_per_hour": self.per_hour}
            problems += number_problems(hour, "what a paid hour costs, such as 32.50", lambda cost: cost >= 0)
        problems += number_problems(
            {"shrinkage": self.shrinkage}, "a share from 0 to below 1, such as 0.3", lambda share: 0 <= share < 1
        )
        for name, given in (("measures", self.measures), ("handle_seconds", self.handle_seconds)):
            of_levers = {f"{name} of {lever}": value for lever, value in given.items()}
            problems += number_problems(of_levers, "0 or more", lambda number: number >= 0)
        if problems:
            raise UsageError("These costs cannot be used.", problems)

    @property
    def why_no_agents(self) -> str | None:
        """Why agents have no price; None where they have one."""
        if self.per_hour is None:
            return "no hourly cost of an agent was given"
        return "an hourly cost of 0 prices nothing" if self.per_hour == 0 else None


def price_list(evidence: LeverEvidence, week: Workload | None, costs: Costs) -> list[dict[str, Any]]:
    """One row per lever in ``PRICE_COLUMNS``, the best price first; levers without one after them.

    Parameters
    ----------
    evidence : LeverEvidence
    week : Workload or None
        None where the log tells no waits or handle times.
    costs : Costs
    """
    population = evidence.population
    forms = {} if population is None else {form.lever.name: form for form in population.levers}
    table = evidence.levers.set_index("lever")
    rows, gains = [], {}
    for lever in evidence.spec.levers:
        if lever.role == "placebo" or (lever.name not in table.index and lever.role != "given"):
            continue
        row = _blank(lever, table, costs)
        if lever.name in forms and population is not None:
            change = _gaining(population, forms[lever.name])
            gains[lever.name] = answer(population, population.points, [change])
            row |= _gain(population, change, gains[lever.name])
            row |= _cost(population, change, week, costs)
            row |= _price(row, sign=1.0 if population.is_better_above else -1.0)
        rows.append(row)
    if population is not None:
        _rank(rows, gains, population)
    return sorted(rows, key=lambda row: (row["rank"] is None, row["rank"] or 0, row["status"] != "ok"))


def _blank(lever: Lever, table: pd.DataFrame, costs: Costs) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(PRICE_COLUMNS)
    row |= {"lever": lever.name, "group": GROUPS[lever.role], "unit": lever.unit, "currency": costs.currency or None}
    row |= {"status": "not_applicable", "reason": "it is given and cannot be changed"}
    if lever.name in table.index:
        own = table.loc[lever.name]
        row |= {"verdict": own["verdict"], "grade": own["grade"], "outcome_unit": own["outcome_unit"]}
        row["reason"] = str(own["because"])
    return row


def _gaining(population: Population, form: LeverForm) -> Change:
    """The lever's step in the direction that does good, or the step itself where that is not known."""
    sign = 1.0 if population.is_better_above else -1.0
    step, back = (Change(form, way * form.lever.step, None) for way in (1, -1))
    good, good_back = (sign * answer(population, population.points, [change]).best[0] for change in (step, back))
    return back if good < 0 < good_back else step  # along a curve both may do harm


def _gain(population: Population, change: Change, found: Answer) -> dict[str, Any]:
    return {
        "step": change_made(population, population.points, change), "estimate": found.best[0],
        "conf_low": found.low[0], "conf_high": found.high[0], "status": "ok", "reason": None,
    }  # fmt: skip


def _cost(population: Population, change: Change, week: Workload | None, costs: Costs) -> dict[str, Any]:
    """Agents of a step, what they and the measure cost in a year, and what the wait does if agents stay as they are."""
    name = change.form.lever.name
    own = costs.measures.get(name)
    seconds = costs.handle_seconds.get(name, HANDLE_SECONDS.get(name))
    if name != WAIT and seconds is None:
        reason = None if own is not None else "nothing in the log says what changing it costs: give it in measures"
        return {"cost": own, "reason": reason}
    reason = _why_no_hours(population, change, week)
    if week is None or reason is not None:
        return {"cost": None, "reason": reason}
    hours, waits = _agent_hours(population, change, week, seconds)
    if not np.isfinite(hours):
        return {"cost": None, "reason": "Erlang finds no number of agents that gives these waits"}
    paid = hours / (1 - costs.shrinkage)
    found: dict[str, Any] = {"agents": hours / week.n_hours, "with_wait": waits}
    if costs.why_no_agents is not None:
        return {**found, "cost": None, "reason": costs.why_no_agents}
    return {**found, "cost": paid * WEEKS_A_YEAR * (costs.per_hour or 0.0) + (own or 0.0)}


def _why_no_hours(population: Population, change: Change, week: Workload | None) -> str | None:
    """Why Erlang cannot tell the agents of a step; None where it can."""
    name = change.form.lever.name
    if week is None or not len(week.arrivals):
        return "the log tells no waits or handle times, so that Erlang has nothing to go by"
    if name == WAIT:
        left = float(week.arrivals @ week.wait_seconds / week.arrivals.sum()) * (1 + _rate(population, change))
        if left >= SHORTEST_WAIT:
            return None
        return "its step takes all waiting away, which no number of agents does: ask about a smaller one"
    if name in week.level:
        return None
    return "it is no column of the log, so that its seconds belong to no hour: give its cost in measures instead"


def _rate(population: Population, change: Change) -> float:
    """The step as a share of the lever's mean."""
    mean = population.mean_level(population.points, change.form.lever.name)
    return change_made(population, population.points, change) / mean if mean > 0 else 0.0


def _agent_hours(
    population: Population, change: Change, week: Workload, seconds: float | None
) -> tuple[float, float | None]:
    """Agents' hours a week more; and what shorter waits would bring besides, were the agents left as they are."""
    rate, now = _rate(population, change), week.agents()
    if change.form.lever.name == WAIT:
        then = agents_for(week.arrivals, week.aht_seconds, week.patience_seconds, week.wait_seconds * (1 + rate))
        return float((then - now).sum()), None
    aht = np.maximum(week.aht_seconds + rate * week.level[change.form.lever.name] * (seconds or 0.0), 1.0)
    then = agents_for(week.arrivals, aht, week.patience_seconds, week.wait_seconds)
    return float((then - now).sum()), _with_wait(population, change, week, now, aht)


def _with_wait(
    population: Population, change: Change, week: Workload, agents: NDArray[np.float64], aht: NDArray[np.float64]
) -> float | None:
    """The step's effect together with that of the waits that it makes shorter or longer; None where that has none."""
    forms = {form.lever.name: form for form in population.levers}
    waits = waits_with(week.arrivals, aht, week.patience_seconds, agents)
    if WAIT not in forms or not np.isfinite(waits).all():
        return None
    share = float(week.arrivals @ waits / (week.arrivals @ week.wait_seconds)) - 1
    both = [Change(forms[WAIT], None, share), change]
    return float(answer(population, population.points, both).best[0])


def _price(row: Mapping[str, Any], sign: float) -> dict[str, Any]:
    """Cost of a step over what it brings: of one point in a year. What is not sure to move the score has none."""
    cost, ends = row["cost"], sorted(map(abs, (row["conf_low"], row["conf_high"])))
    if cost is None:
        return {}
    if row["verdict"] != "moves":
        return {"reason": "it is not sure to move the score, so that no price can be put on a point"}
    if row["conf_low"] * row["conf_high"] <= 0:  # the verdict is on a small change, and this is a large one
        why = "the whole step, read along its curve, is not sure to move the score: ask about a smaller one"
        return {"reason": f"{why}, so that a price can be put on a point"}
    if sign * row["estimate"] < 0:  # along a curve more and less of it may both do harm
        why = "more and less of it both do harm: it is best near where it is, so that no point can be bought by it"
        return {"reason": why}
    low, high = sorted(cost / end for end in ends)
    return {"price": cost / abs(row["estimate"]), "price_low": low, "price_high": high}


def _rank(rows: Sequence[dict[str, Any]], gains: Mapping[str, Answer], population: Population) -> None:
    """The order of the prices, and how sure it is: gains drawn together about both estimates, as of the lever table."""
    priced = [row for row in rows if row["price"] is not None]
    if not priced:
        return
    answers = [gains[row["lever"]] for row in priced]
    cost = np.array([row["cost"] for row in priced])
    sign = 1.0 if population.is_better_above else -1.0
    drawn = [_drawn(population, answers, centre) * sign for centre in (0, -1)]
    ranks = [_ranks(cost, gain) for gain in drawn]
    ends = np.array([rank_ends(found, population.conf_level) for found in ranks])
    order = _ranks(cost, sign * np.array([[one.best[0] for one in answers]]))[0]
    for j, row in enumerate(priced):
        row["rank"] = int(order[j])
        row["rank_low"], row["rank_high"] = int(ends[:, 0, j].min()), int(ends[:, 1, j].max())


def _drawn(population: Population, answers: Sequence[Answer], centre: int) -> NDArray[np.float64]:
    """Gains drawn from their joint distribution about one centre, shape (draws, m)."""
    gradients = np.array([one.gradients[centre][0] for one in answers])
    errors = drawn_errors(gradients @ population.covariance @ gradients.T)
    return np.asarray(np.array([one.centres[centre][0] for one in answers]) + errors)


def _ranks(cost: NDArray[np.float64], gain: NDArray[np.float64]) -> NDArray[np.int64]:
    """1 for the best: what saves and does good (the larger saving first), then by price, then what does no good."""
    with np.errstate(divide="ignore", invalid="ignore"):
        price = np.where(cost < 0, cost, cost / gain)
    price = np.where(gain > 0, price, np.inf)
    return ranks_of(price)
