"""How large a pilot would have to be to settle what is contested or unclear, agent by agent or contact by contact."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from cxfusion.errors import NothingToEstimateError, UsageError, number_problems, require_number, share_problems
from cxfusion.estimators.power import (
    MOST_ANSWERS,
    MOST_CLUSTERS,
    Arms,
    fewest_answers,
    fewest_clusters,
    power_of,
    smallest_effect,
)
from cxfusion.evidence.fit import require_evidence
from cxfusion.evidence.ground import lever_named
from cxfusion.evidence.spec import OUTCOMES
from cxfusion.results.base import Result
from cxfusion.results.formats import count
from cxfusion.results.labels import lever_label, step_in_words
from cxfusion.results.language import in_sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cxfusion.evidence.cluster_facts import ClusterFacts
    from cxfusion.evidence.fit import LeverEvidence

__all__ = ["PILOT_COLUMNS", "UNSETTLED", "PilotDesign", "PilotPlan", "design_pilot", "pilot_rows"]

PILOT_COLUMNS: Final = (
    "lever", "verdict", "design", "outcome_unit", "unit", "step", "effect", "power", "weeks", "clusters_per_arm",
    "answers_per_arm", "contacts_per_arm", "detectable", "status", "reason",
)  # fmt: skip
UNSETTLED: Final = ("contested", "unclear")


@dataclass(frozen=True, eq=False, repr=False)
class PilotDesign(Result):
    """What a pilot of one lever takes.

    Attributes
    ----------
    designs : pandas.DataFrame
        The same as :attr:`table`, one row per ``design``: ``clusters`` (whole agents change their ways, or not) and
        ``contacts`` (chance decides contact by contact): ``lever, verdict, design, outcome_unit, unit, step, effect,
        power, weeks, clusters_per_arm, answers_per_arm, contacts_per_arm, detectable, status, reason``. ``detectable``
        is the smallest effect that the design finds with that power.
    notes : tuple of str
    """

    designs: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def _frame(self) -> pd.DataFrame:
        return self.designs

    def _lines(self) -> list[str]:
        first = self.designs.iloc[0]
        step = step_in_words(first["lever"], first["step"], first["unit"])
        head = (
            f"A pilot of {in_sentence(lever_label(first['lever']))}: {step}, to find {first['effect']:.3f}"
            f" {first['outcome_unit']} with {first['power']:.0%} power"
        )
        return [head, *(_line(row) for row in self.designs.to_dict("records")), *self.notes]


def _line(row: dict[Any, Any]) -> str:
    if row["status"] != "ok":
        return f"  {_DESIGNS[row['design']]}: not possible, {row['reason']}"
    agents = "" if pd.isna(row["clusters_per_arm"]) else f"{row['clusters_per_arm']:,.0f} agents or groups, "
    contacts = "" if pd.isna(row["contacts_per_arm"]) else f", {count(row['contacts_per_arm'])} contacts"
    weeks = "" if pd.isna(row["weeks"]) else f" ({_weeks(row['weeks'])})"
    return f"  {_DESIGNS[row['design']]}: {agents}{count(row['answers_per_arm'])} answers{contacts} per arm{weeks}"


def _weeks(n: float) -> str:
    text = count(n)
    return f"{text} week" if text == "1" else f"{text} weeks"


_DESIGNS: Final = {"clusters": "Whole agents by chance", "contacts": "Contacts by chance"}


@dataclass(frozen=True)
class PilotPlan:
    """What a pilot is to reach, and how fast answers come in."""

    power: float
    alpha: float
    weeks: float
    answers_a_week: float | None
    response_rate: float | None

    def __post_init__(self) -> None:
        problems = share_problems({"power": self.power, "alpha": self.alpha})
        pace = {} if self.answers_a_week is None else {"answers_a_week": self.answers_a_week}
        amounts = {"weeks": self.weeks, **pace}
        problems += number_problems(amounts, "more than 0", lambda amount: amount > 0)
        if self.response_rate is not None:
            rate = {"response_rate": self.response_rate}
            problems += number_problems(rate, "a share above 0 and at most 1", lambda share: 0 < share <= 1)
        if problems:
            raise UsageError("This pilot cannot be planned.", problems)


def design_pilot(
    evidence: LeverEvidence,
    lever: str,
    *,
    effect: float | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
    weeks: float = 8,
    answers_a_week: float | None = None,
    response_rate: float | None = None,
) -> PilotDesign:
    """How many agents, answers and contacts a pilot of one lever takes.

    Parameters
    ----------
    evidence : LeverEvidence
    lever : str
    effect : float, optional
        To be found, in points of the outcome. By default that of the lever's step as it looks within agents and days
        (corrected for hidden difficulty where the verdict is ``unclear``), and at least the smallest that matters.
    power : float
        Chance of finding it.
    alpha : float
        Of the two-sided test.
    weeks : float
        That the pilot may last; used where ``answers_a_week`` is known.
    answers_a_week : float, optional
        Of all agents together.
    response_rate : float, optional
        Answers per answered contact, above 0 and at most 1, to tell contacts from answers.

    Returns
    -------
    PilotDesign

    Raises
    ------
    UnknownNameError
        No such lever.
    UsageError
        A power or level that is no share, or weeks, answers or a response rate that are none.
    NothingToEstimateError
        The evidence holds too little to plan with.

    Notes
    -----
    How alike the answers of one agent are (ICC) and how unevenly agents are answered about comes from the evidence's
    own answers. The test is a t test of the clusters; with whole agents, more answers per agent help only so far, and
    where there are too few agents no length of pilot has power: the row says so, and what could be found at best.

    Examples
    --------
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7)
    >>> evidence = cx.fit_levers(cx.pair(centre.contacts, centre.surveys), outcome="csat")
    >>> cx.design_pilot(evidence, "hold_seconds", effect=0.2).table["design"].tolist()
    ['clusters', 'contacts']
    """
    require_evidence(evidence)
    plan = PilotPlan(power, alpha, weeks, answers_a_week, response_rate)
    lever_named(lever, [one for one in evidence.spec.levers if one.name in set(evidence.levers["lever"])])
    rows = pilot_rows(evidence, lever, plan, effect)
    return PilotDesign(pd.DataFrame(rows, columns=list(PILOT_COLUMNS)), tuple(_notes(evidence)))


def _notes(evidence: LeverEvidence) -> list[str]:
    facts = evidence.clusters
    if facts is None or facts.column is None:
        return []
    return [
        f"From {facts.n_clusters:,} clusters ({facts.column}) with {facts.mean_size:.0f} answers each:"
        f" {facts.icc:.1%} of the variance of an answer lies between them."
    ]


def pilot_rows(
    evidence: LeverEvidence, lever: str, plan: PilotPlan, effect: float | None = None
) -> list[dict[str, Any]]:
    """Both designs of a pilot of one lever, in ``PILOT_COLUMNS``."""
    facts = evidence.clusters
    if facts is None or facts.sd == 0:
        raise NothingToEstimateError("The evidence holds no answers by cluster, so that no pilot can be sized.")
    own = evidence.levers.set_index("lever").loc[lever]
    smallest = evidence.smallest_effect(lever)
    wanted = effect if effect is not None else max(_seeming(own.to_dict()), smallest)
    size = f"the size to be found, in {own['outcome_unit']}, above 0"
    require_number("effect", wanted, size, lambda effect: effect > 0)
    base = {
        "lever": lever, "verdict": own["verdict"], "unit": own["unit"], "step": own["step"], "effect": wanted,
        "outcome_unit": OUTCOMES[evidence.spec.outcome].unit, "power": plan.power,
    }  # fmt: skip
    return [{**base, **_by_clusters(facts, plan, wanted)}, {**base, **_by_contacts(facts.sd, plan, wanted)}]


def _seeming(own: Mapping[Any, Any]) -> float:
    """How large the effect looks: what is contested is the within estimate, what is unclear the corrected one."""
    names = ("corrected_estimate", "estimate") if own["verdict"] == "unclear" else ("estimate",)
    return next((abs(float(own[name])) for name in names if pd.notna(own[name])), 0.0)


def _by_clusters(facts: ClusterFacts, plan: PilotPlan, effect: float) -> dict[str, Any]:
    """Whole clusters in each arm: as many as it takes in the given weeks, else all of them for as long as it takes."""
    if facts.column is None:
        return _impossible("clusters", "the log names nobody who could be given an arm as a whole")
    size = effect / facts.sd
    per_week = None if plan.answers_a_week is None else plan.answers_a_week / facts.n_clusters
    per_cluster = facts.mean_size if per_week is None else max(per_week * plan.weeks, 1.0)
    weeks = None if per_week is None else plan.weeks
    most = facts.n_clusters // 2
    if most < 2:
        return _impossible("clusters", f"each arm takes at least two of them, and there are {facts.n_clusters:,}")
    clusters = fewest_clusters(per_cluster, facts.icc, facts.size_cv, size, plan.power, plan.alpha)
    if clusters is None or clusters > most:
        answers = fewest_answers(most, facts.icc, facts.size_cv, size, plan.power, plan.alpha)
        if answers is None:
            widest = Arms(most, MOST_ANSWERS, facts.icc, facts.size_cv)
            best = smallest_effect(widest, plan.power, plan.alpha) * facts.sd
            told = (
                f"with {facts.n_clusters:,} of them no length of pilot would find it: answers of one are too much"
                f" alike. At best it would find {best:.3f}"
            )
            return _impossible("clusters", told) | {"detectable": best}
        clusters, per_cluster = most, float(answers)
        weeks = None if per_week is None else ceil(answers / per_week)
    arms = Arms(clusters, per_cluster, facts.icc, facts.size_cv)
    return {
        "design": "clusters", "weeks": weeks, "clusters_per_arm": clusters, **_answers(clusters * per_cluster, plan),
        "power": power_of(arms, size, plan.alpha),
        "detectable": smallest_effect(arms, plan.power, plan.alpha) * facts.sd, "status": "ok",
    }  # fmt: skip


def _by_contacts(sd: float, plan: PilotPlan, effect: float) -> dict[str, Any]:
    """Each contact an arm by chance: answers are then as good as independent between arms."""
    answers = fewest_clusters(1.0, 0.0, 0.0, effect / sd, plan.power, plan.alpha)
    if answers is None:
        return _impossible("contacts", f"even {MOST_CLUSTERS:,} answers in each arm would not find {effect:.3g}")
    weeks = None if plan.answers_a_week is None else ceil(2 * answers / plan.answers_a_week)
    return {
        "design": "contacts", "weeks": weeks, **_answers(answers, plan), "detectable": effect, "status": "ok",
        "power": power_of(Arms(answers, 1.0, 0.0), effect / sd, plan.alpha),
    }  # fmt: skip


def _impossible(design: str, why: str) -> dict[str, Any]:
    return {"design": design, "status": "not_applicable", "reason": why}


def _answers(answers: float, plan: PilotPlan) -> dict[str, Any]:
    contacts = None if not plan.response_rate else ceil(answers / plan.response_rate)
    return {"answers_per_arm": ceil(answers), "contacts_per_arm": contacts}
