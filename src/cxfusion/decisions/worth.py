"""What a point is worth: how satisfaction goes with what customers do afterwards, as far as that can be told.

Customers who score alike because they met the same agent stand in for a trial: that holds if all that agents differ in
reaches loyalty through satisfaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cxfusion.decisions.customers import Customers, customers_of
from cxfusion.errors import (
    EstimationError,
    NothingToEstimateError,
    TooFewResponsesError,
    UsageError,
    require_conf_level,
    require_number,
)
from cxfusion.estimators.distributions import norm, student_t
from cxfusion.estimators.jive import STRONG_FROM, fit_ujive, many_strength
from cxfusion.estimators.least_squares import cluster_errors, fit_least_squares
from cxfusion.estimators.moments import Block, LinearRows, gather_moments
from cxfusion.estimators.rows import Indicators
from cxfusion.estimators.within import within_groups
from cxfusion.pairing.result import require_pairing
from cxfusion.results.base import Result
from cxfusion.results.formats import change, decimals, interval

if TYPE_CHECKING:
    import pyarrow as pa

    from cxfusion.decisions.decide import Decisions
    from cxfusion.estimators.moments import LinearMaker
    from cxfusion.pairing.result import Pairing
    from cxfusion.tables.opening import Data

__all__ = ["Worth", "worth"]

WORTH_COLUMNS: Final = (
    "rung", "estimate", "std_error", "conf_low", "conf_high", "p_value", "strength", "unit", "n", "n_agents", "status",
    "reason",
)  # fmt: skip
BESIDE_COLUMNS: Final = (
    "lever", "currency", "price", "price_low", "price_high", "worth", "worth_low", "worth_high", "pays",
)  # fmt: skip
FEWEST_AGENTS: Final = 10
LABELS: Final = {
    "raw": "Alone",
    "adjusted": "Same agent, kind of case, hour and day",
    "agents": "Through the agent who happened to answer",
}


@dataclass(frozen=True, eq=False, repr=False)
class Worth(Result):
    """What one point of a score goes with in what customers do afterwards.

    Attributes
    ----------
    rungs : pandas.DataFrame
        The same as :attr:`table`: ``rung, estimate, std_error, conf_low, conf_high, p_value, strength, unit, n,
        n_agents, status, reason``. ``raw`` compares all customers; ``adjusted`` those of the same agent, kind of
        case, hour and day; ``agents`` reads the effect off the agents whom chance gave to customers.
    score, outcome : str
        Of the point, and of what it is worth.
    grade : str
        ``quasi-random`` where the agents tell, else ``adjusted``; ``correlational`` where only ``raw`` is left.
    rung : str
        The rung that is believed; where even ``raw`` is not applicable, nothing can be told.
    higher_is_better : bool
        Whether more of the outcome is good.
    n_customers : int
        Different customers of the log.
    audit : pandas.DataFrame
        ``reason, n``: where the customers of the outcomes ended.
    notes : tuple of str
    """

    rungs: pd.DataFrame
    score: str
    outcome: str
    grade: str
    rung: str
    higher_is_better: bool
    n_customers: int
    audit: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def _frame(self) -> pd.DataFrame:
        return self.rungs

    @property
    def best(self) -> dict[Any, Any]:
        """The row that is believed."""
        return next(row for row in self.rungs.to_dict("records") if row["rung"] == self.rung)

    def _lines(self) -> list[str]:
        row, what = self.best, f"One point of {self.score}"
        if row["status"] != "ok":
            return [f"{what}: not applicable, {row['reason']}", *self.notes]
        head = (
            f"{what}: {_told(row)} {row['unit']} of {self.outcome}"
            f" ({interval(row['conf_low'], row['conf_high'], row['unit'], signed=True)}), {self.grade}"
        )
        return [head, *(_line(one) for one in self.rungs.to_dict("records")), *self.notes]

    def beside(self, decisions: Decisions, *, value: float, customers: float | None = None) -> pd.DataFrame:
        """What a point of improvement costs by each lever beside what it is worth in a year.

        Parameters
        ----------
        decisions : Decisions
            With prices of the same score.
        value : float
            Money of one customer who stays (or of one unit of the outcome, where it is no yes or no).
        customers : float, optional
            Whom the point reaches in a year; by default the different customers of the log.

        Returns
        -------
        pandas.DataFrame
            ``lever, currency, price, price_low, price_high, worth, worth_low, worth_high, pays``: ``pays`` is true
            where the price lies below the worth at both ends of both intervals, false where above, else null.

        Raises
        ------
        UsageError
            Prices of another outcome than the score itself, or a value that is no amount.
        NothingToEstimateError
            What a point is worth cannot be told, and why.
        """
        evidence = decisions.evidence
        if evidence.spec.outcome != self.score:
            raise UsageError(
                f"The prices are of {evidence.spec.outcome}, the worth is of {self.score}. Expected the same score:"
                f" decide on levers fitted with outcome={self.score!r}."
            )
        require_number("value", value, "what a customer who stays is worth, above 0", lambda amount: amount > 0)
        if customers is not None:
            require_number("customers", customers, "a number of customers, 0 or more", lambda number: number >= 0)
        row, reached = self.best, float(self.n_customers if customers is None else customers)
        if row["status"] != "ok":
            raise NothingToEstimateError(
                f"What a point of {self.score} is worth cannot be told: {row['reason']}. Read a longer period or more"
                " agents."
            )
        share = 0.01 if row["unit"] == "percentage points" else 1.0
        is_raised = evidence.population is None or evidence.population.is_better_above
        sign = 1 if self.higher_is_better == is_raised else -1  # a price is of a point of improvement
        scale = sign * share * reached * value
        low, high = sorted((row["conf_low"] * scale, row["conf_high"] * scale))
        rows = [
            {**{name: one[name] for name in BESIDE_COLUMNS[:5]}, "worth": row["estimate"] * scale, "worth_low": low,
             "worth_high": high, "pays": _pays(one, low, high)}
            for one in decisions.prices.to_dict("records")
            if pd.notna(one["price"])
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(BESIDE_COLUMNS))


def _pays(price: dict[Any, Any], low: float, high: float) -> bool | None:
    if price["price_high"] < low:
        return True
    return False if price["price_low"] > high else None


def _line(row: dict[Any, Any]) -> str:
    if row["status"] != "ok":
        return f"  {LABELS[row['rung']]}: not applicable, {row['reason']}"
    span = interval(row["conf_low"], row["conf_high"], row["unit"], signed=True)
    return f"  {LABELS[row['rung']]}: {_told(row)} {row['unit']} ({span})"


def _told(row: dict[Any, Any]) -> str:
    """The estimate, finer where it is small: a point of an NPS is a hundredth of what one customer counts."""
    is_small = abs(row["estimate"]) < 10 ** (1 - decimals(row["unit"]))
    return change(row["estimate"], row["unit"], finer=int(is_small))


def worth(
    pairing: Pairing,
    outcomes: Data,
    outcome: str = "churned",
    *,
    score: str = "csat",
    higher_is_better: bool | None = None,
    conf_level: float = 0.95,
) -> Worth:
    """What a point of satisfaction is worth in retention or revenue.

    Parameters
    ----------
    pairing : Pairing
        Its log names customers.
    outcomes : path or frame
        One row per customer: ``customer_id`` and the outcome; whatever :func:`read_contacts` takes.
    outcome : str
        Its column: yes or no (``churned``, ``repurchased``), or an amount (``revenue``).
    score : {"csat", "nps", "ces"}
        NPS counts −100, 0 and 100 for detractors, passives and promoters.
    higher_is_better : bool, optional
        Whether more of the outcome is good; by default not where its name speaks of churn, cancelling or leaving.
    conf_level : float

    Returns
    -------
    Worth

    Raises
    ------
    UsageError
        ``conf_level`` is no share above 0 and below 1.
    MissingColumnError
        The outcomes lack a column, or the log names no customers.
    InputError
        A customer twice, or cells that are neither yes nor no nor a number.
    NothingToEstimateError
        No customer is in both tables, or all did the same.

    Notes
    -----
    Each customer counts once, by the last contact answered about. ``adjusted`` holds agent, case mix, queue × hour of
    the week and date equal (some days together where customers are few): who was in touch earlier has had more time to
    leave. Errors of both are clustered by agent; those of fewer than thirty agents are corrected (CR2) and have the
    degrees of freedom that these leave; with fewer than ten nothing is told. ``agents`` uses which agent answered as an
    instrument for the score, by the unbiased jackknife (UJIVE), given case mix, queue × hour and date; it is believed
    where agents move scores enough (√(k/2)·(F − 1) ≥ 4.14 with k agents) and its interval excludes 0. It assumes that
    chance gave customers their agents, and that all that agents differ in reaches loyalty through satisfaction; neither
    can be tested here. Else the adjusted estimate is shown: those who are loyal anyway may also score higher, so that
    it may be too large.

    References
    ----------
    Kolesár (2013); Goldsmith-Pinkham, Hull & Kolesár (2025), arXiv 2511.03572; Mikusheva & Sun (2022), Review of
    Economic Studies 89, 2663–2686.

    Examples
    --------
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7)
    >>> pairing = cx.pair(centre.contacts, centre.surveys)
    >>> customers = pairing.contacts.to_pandas()["customer_id"].dropna().unique()
    >>> stayed = [{"customer_id": name, "stayed": i % 3 > 0} for i, name in enumerate(sorted(customers))]
    >>> cx.worth(pairing, stayed, "stayed").grade
    'adjusted'
    """
    require_pairing(pairing)
    require_conf_level(conf_level)
    found = customers_of(pairing, outcomes, outcome, score)
    all_groups = tuple(range(len(found.groups)))
    rungs = [
        _regression(found, "raw", (), conf_level),
        _regression(found, "adjusted", all_groups, conf_level),
        _by_agents(found, conf_level),
    ]
    frame = pd.DataFrame(rungs, columns=list(WORTH_COLUMNS))
    by_rung = frame.set_index("rung")
    agents = by_rung.loc["agents"]
    is_told = agents["status"] == "ok" and agents["conf_low"] * agents["conf_high"] > 0
    rung = "agents" if is_told else "adjusted" if by_rung.loc["adjusted", "status"] == "ok" else "raw"
    grade = {"agents": "quasi-random", "adjusted": "adjusted", "raw": "correlational"}[rung]
    is_good = not _is_loss(outcome) if higher_is_better is None else higher_is_better
    return Worth(
        frame, score, outcome, grade, rung, is_good, found.n_customers, found.audit, tuple(_notes(rung, by_rung, found))
    )


def _is_loss(name: str) -> bool:
    return any(word in name.lower() for word in ("churn", "cancel", "left", "lost", "leav", "defect"))


def _notes(rung: str, by_rung: pd.DataFrame, found: Customers) -> list[str]:
    notes = [*found.notes]
    if by_rung.loc[rung, "status"] != "ok":
        return notes
    if rung == "agents":
        notes.append("Read off the agents: right if all that agents differ in reaches loyalty through satisfaction.")
    else:
        why = str(by_rung.loc["agents", "reason"] or "what they say is too uncertain")
        notes.append(
            f"Not read off the agents: {why}. Those who are loyal anyway may score higher, so it may be too large."
        )
    return notes


def _regression(found: Customers, rung: str, groups: tuple[int, ...], conf_level: float) -> dict[str, Any]:
    """Slope of the outcome on the score, some groups held fixed; errors clustered by agent, however few."""
    make, row, few = _maker(found), _row(found, rung), _few_agents(found)
    if few is not None:
        return {**row, "status": "not_applicable", "reason": few}
    try:
        fit = fit_least_squares(within_groups(gather_moments(found.sweep, make), groups), 0, (1,))
    except TooFewResponsesError as refusal:
        return {**row, "status": "not_applicable", "reason": refusal.message}
    if not fit.is_identified[0]:
        return {**row, "status": "not_applicable", "reason": "the score does not vary within agents, cases and hours"}
    error, df = (float(one[0]) for one in cluster_errors(found.sweep, make, fit, found.n_agents))
    reach = float(student_t.reach(conf_level, df))
    return row | _interval(
        float(fit.coefficients[0]), error, reach, float(student_t.p_value(fit.coefficients[0] / error, df))
    )


def _few_agents(found: Customers) -> str | None:
    """Why errors cannot be clustered by agent; None where they can, or where each customer stands alone."""
    if not found.has_agents or found.n_agents >= FEWEST_AGENTS:
        return None
    return f"only {found.n_agents} agent{'s' * (found.n_agents > 1)}; at least {FEWEST_AGENTS} are needed"


def _by_agents(found: Customers, conf_level: float) -> dict[str, Any]:
    """The same with the agent as instrument; the first grouping is the agent's."""
    row, few = _row(found, "agents"), _few_agents(found) if found.has_agents else "the log names none"
    if few is not None:
        return {**row, "status": "not_applicable", "reason": few}
    make, others = _maker(found), Block(groupings=tuple(range(1, len(found.groups))))
    try:
        moments = gather_moments(found.sweep, make)
        strength = many_strength(moments, 1, 0, others)
        row["strength"] = strength
        if not strength >= STRONG_FROM:
            why = f"agents move the score too little (strength {strength:.1f}, at least {STRONG_FROM} is needed)"
            return {**row, "status": "not_applicable", "reason": why}
        fit = fit_ujive(found.sweep, make, moments, 0, 1, Block(groupings=(0,)), others)
    except (EstimationError, TooFewResponsesError):
        return {
            **row,
            "status": "not_applicable",
            "reason": "the agents repeat the hours and cases, or each has one answer",
        }
    p_value = float(2 * norm.sf(abs(fit.estimate) / fit.std_error))
    return row | _interval(fit.estimate, fit.std_error, float(norm.isf((1 - conf_level) / 2)), p_value)


def _row(found: Customers, rung: str) -> dict[str, Any]:
    unit = "percentage points" if found.is_share else found.outcome
    return dict.fromkeys(WORTH_COLUMNS) | {"rung": rung, "unit": unit, "n": found.n, "n_agents": found.n_agents}


def _interval(estimate: float, error: float, reach: float, p_value: float) -> dict[str, Any]:
    return {
        "estimate": estimate, "std_error": error, "conf_low": estimate - reach * error,
        "conf_high": estimate + reach * error, "p_value": p_value, "status": "ok",
    }  # fmt: skip


def _maker(found: Customers) -> LinearMaker:
    """What makes rows of batches; without the session, since it is sent to the workers of a cluster."""
    return partial(_rows, groups=found.groups, widths=found.widths)


def _rows(batch: pa.RecordBatch, groups: tuple[str, ...], widths: tuple[int, ...]) -> LinearRows:
    """Outcome and score, with agent, hour and case mix as groups."""
    columns = np.column_stack([batch.column(name).to_numpy(zero_copy_only=False) for name in ("outcome", "score")])
    codes = [batch.column(name).to_numpy(zero_copy_only=False).astype(np.int64) for name in groups]
    stacked = np.column_stack(codes) if codes else np.empty((len(batch), 0), dtype=np.int64)
    agent = batch.column("cluster").to_numpy(zero_copy_only=False).astype(np.int64)
    return LinearRows(columns.astype(float), Indicators(stacked, widths), np.ones(len(batch)), agent)
