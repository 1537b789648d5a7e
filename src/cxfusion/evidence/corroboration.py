"""Corroboration without a survey: does a lever also keep customers from being in touch again?

The same ladder, with contact within a week as the outcome. The log knows that of everyone, answered or not, so that
nobody's silence can bend it; and it is what customers do, not what they say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import ibis
import pandas as pd

from cxfusion.errors import NothingToEstimateError, TooFewResponsesError, require_number
from cxfusion.evidence.fit import require_evidence
from cxfusion.evidence.inquiry import Inquiry, conclude, inquire
from cxfusion.evidence.spec import RECONTACT, outcome_named
from cxfusion.operations.episodes import EpisodePlan, recontacts
from cxfusion.pairing.reasons import PAIRED
from cxfusion.pairing.result import require_pairing
from cxfusion.results.base import Result
from cxfusion.results.formats import change
from cxfusion.results.labels import lever_label, standing_label, verdict_label
from cxfusion.tables.coding import answered
from cxfusion.tables.relation import Scale
from cxfusion.tables.sampling import share_sampled, thinned

if TYPE_CHECKING:
    import altair as alt
    import ibis.expr.types as ir

    from cxfusion.evidence.fit import LeverEvidence
    from cxfusion.pairing.result import Pairing
    from cxfusion.tables.relation import Contacts

__all__ = ["Corroboration", "corroborate"]

COLUMNS: Final = (
    "lever", "outcome", "outcome_unit", "step", "estimate", "verdict", "recontact_step", "recontact_estimate",
    "recontact_corrected_estimate", "recontact_conf_low", "recontact_conf_high", "recontact_verdict", "agreement",
    "status", "reason",
)  # fmt: skip
MAX_CONTACTS: Final = 100_000
NOTHING: Final = ("no_effect", "proxy")


@dataclass(frozen=True, eq=False, repr=False)
class Corroboration(Result):
    """What customers say beside what they do, lever by lever.

    Attributes
    ----------
    levers : pandas.DataFrame
        The same as :attr:`table`, one row per lever: ``lever, outcome, outcome_unit, step, estimate, verdict`` of the
        evidence; ``recontact_step, recontact_estimate, recontact_corrected_estimate, recontact_conf_low,
        recontact_conf_high, recontact_verdict`` of the same ladder with contact within a week as the outcome, in
        percentage points (fewer are better), and its ``status, reason``. ``agreement``: ``agrees`` (what is called a
        mover surely sends customers the same way, or neither moves), ``contradicts`` (it surely sends them the other
        way), ``differs`` (only one of the two moves), ``open`` (one of the two is not settled).
    n : int
        Contacts of which it is known whether another one followed.
    rate : float
        Share of the log's customers that were used.
    recontact_rate : float
        Share of these contacts that were followed by another within a week.
    """

    levers: pd.DataFrame
    n: int
    rate: float
    recontact_rate: float

    @property
    def _frame(self) -> pd.DataFrame:
        return self.levers

    def _lines(self) -> list[str]:
        of_whom = "" if self.rate == 1 else f" of {self.rate:.1%} of the customers, picked by a hash"
        return [
            f"What customers do beside what they say: contact again within a week ({self.n:,} contacts{of_whom},"
            f" {self.recontact_rate:.1%} followed by another)",
            *(_line(row) for row in self.levers.itertuples()),
        ]

    def plot(self, *, width: int = 720) -> alt.TopLevelMixin:
        """Each lever's effect on contact within a week, with its interval.

        Parameters
        ----------
        width : int
            Whole width in pixels, about.

        Raises
        ------
        NothingToEstimateError
            No lever has an estimate.
        """
        from cxfusion.results.interval_charts import recontact_chart

        return recontact_chart(self.levers, width=width)


def _line(row: Any) -> str:
    said = f"  {lever_label(row.lever)}: {standing_label(row.agreement).lower()}."
    if pd.isna(row.recontact_estimate):
        return f"{said} {row.reason}"
    return (
        f"{said} What they say: {verdict_label(row.verdict).lower()}; contact again: {change(row.recontact_estimate)}"
        f" percentage points ({change(row.recontact_conf_low)} to {change(row.recontact_conf_high)}),"
        f" {verdict_label(row.recontact_verdict).lower()}"
    )


def corroborate(evidence: LeverEvidence, pairing: Pairing, *, max_contacts: int = MAX_CONTACTS) -> Corroboration:
    """Run the ladder once more with contact within seven days as the outcome, and lay it beside the evidence.

    Parameters
    ----------
    evidence : LeverEvidence
    pairing : Pairing
        The one that the evidence is of.
    max_contacts : int, default 100,000
        Of a larger log customers are thinned by an MD5 of their id, each with all contacts; every customer is as
        likely as any other, so nothing needs a weight.

    Returns
    -------
    Corroboration

    Raises
    ------
    NothingToEstimateError
        The log names no customers, none came back, or all did.
    TooFewResponsesError
        Too few contacts are known to have been followed by another or not.

    Notes
    -----
    Whether another contact followed is a rating with two marks: same estimand, same rungs, same negative control. The
    smallest effect that matters is one percentage point. A lever may please without keeping anybody from calling
    again, so ``differs`` is no objection by itself; ``contradicts`` is one. Contacts of one customer are no independent
    draws; errors are clustered as in the evidence.

    Examples
    --------
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7, world="repeat_contacts")
    >>> pairing = cx.pair(centre.contacts, centre.surveys)
    >>> found = cx.corroborate(cx.fit_levers(pairing), pairing, max_contacts=8_000)
    >>> sorted(found.table["lever"])[:2]
    ['hold_seconds', 'n_prior_contacts']
    """
    require_evidence(evidence)
    require_pairing(pairing)
    contacts = pairing.contacts
    if not contacts.has("customer_id"):
        raise NothingToEstimateError(
            "Nothing can be corroborated: the log names no customers, so nobody knows who was in touch again. Expected"
            " a customer_id."
        )
    require_number("max_contacts", max_contacts, "a number of contacts, at least 1", lambda number: number >= 1)
    rows, rate = _followed(contacts, max_contacts)
    found = _asked_of(evidence, replace(pairing, rows=rows, surveys=_with_scale(pairing)))
    said = evidence.levers.set_index("lever")
    outcome = outcome_named(evidence.spec.outcome)
    better = 1.0 if outcome.is_better_above(pairing.surveys.scales[outcome.score]) else -1.0
    told = _recontact(found)
    levers = [_beside(name, said.loc[name], one, better) for name, one in told.items() if name in said.index]
    again = float(contacts.session.collect(rows.aggregate(share=rows[RECONTACT.score].mean()))["share"][0].as_py())
    return Corroboration(pd.DataFrame(levers, columns=list(COLUMNS)), found.sample.n, rate, again)


def _followed(contacts: Contacts, max_contacts: int) -> tuple[ir.Table, float]:
    """Answered contacts in the shape of pairs, scored by whether another followed; and the share of customers used."""
    session = contacts.session
    log = answered(contacts)
    known = recontacts(contacts, EpisodePlan())
    known = known.filter(known["is_recontacted"].notnull())
    rows = log.inner_join(known, "contact_id").select(
        "contact_id", "started_at", "customer_id", response_id="contact_id", response_file="source_file",
        response_row="source_row", reason=ibis.literal(PAIRED[0]), respondent_role=ibis.literal("customer"),
        **{RECONTACT.score: known["is_recontacted"].cast("float64")},
    )  # fmt: skip
    rows = session.materialize(rows)
    n = session.count(rows)
    if n <= max_contacts:
        return rows, 1.0
    kept = thinned(rows, n, max_contacts, "customer_id")
    return session.materialize(kept), share_sampled(max_contacts / n)


def _with_scale(pairing: Pairing) -> Any:
    scale = Scale(0.0, 1.0, higher_is_better=False)
    return replace(pairing.surveys, scales={**pairing.surveys.scales, RECONTACT.score: scale})


def _asked_of(evidence: LeverEvidence, followed: Pairing) -> Inquiry:
    """The ladder of the same levers; smallest effects that were given in score points do not apply."""
    levers = tuple(replace(lever, smallest_effect=None) for lever in evidence.spec.levers)
    spec = replace(evidence.spec, outcome=RECONTACT.name, levers=levers, with_links=False)
    try:
        return inquire(followed, spec, None)
    except TooFewResponsesError as few:
        raise TooFewResponsesError(
            "Nothing can be corroborated: of too few answered contacts it is known whether the customer was in touch"
            f" again within a week; expected at least {spec.min_responses}. Read a longer period."
        ) from few


def _recontact(found: Inquiry) -> dict[str, dict[str, Any]]:
    """What the ladder says of each lever, with names of its own."""
    findings, verdicts = conclude(found, found.ladder)
    told = {}
    for lever in found.asked:
        finding, verdict = findings[lever.name], verdicts[lever.name]
        one: dict[str, Any] = {"recontact_verdict": verdict.verdict, "status": "ok", "reason": None}
        if finding is None:
            one |= {"status": "not_applicable", "reason": verdict.because}
        else:
            low, high = finding.hull
            one |= {
                "recontact_step": finding.within.step, "recontact_estimate": finding.within.estimate,
                "recontact_corrected_estimate": finding.best.estimate if len(finding.centres) > 1 else None,
                "recontact_conf_low": low, "recontact_conf_high": high,
            }  # fmt: skip
        told[lever.name] = one
    return told


def _beside(name: str, said: Any, recontact: dict[str, Any], better: float) -> dict[str, Any]:
    told = {column: said[column] for column in ("outcome", "outcome_unit", "step", "estimate", "verdict")}
    low, high = recontact.get("recontact_conf_low"), recontact.get("recontact_conf_high")
    sends = 0 if low is None or high is None or low <= 0 <= high else -1 if high < 0 else 1
    pleases = 1 if better * float(said["estimate"] or 0.0) > 0 else -1
    agreement = agreement_of(str(said["verdict"]), str(recontact["recontact_verdict"]), pleases, sends)
    return {"lever": name, **told, **recontact, "agreement": agreement}


def agreement_of(said: str, done: str, pleases: int, sends: int) -> str:
    """Whether what customers do agrees with what they say.

    Parameters
    ----------
    said, done : str
        Verdicts by the survey and by contact within a week.
    pleases : {-1, 1}
        Direction of the effect on the answer, 1 for the better.
    sends : {-1, 0, 1}
        Whether fewer or more customers surely come back; 0 where that is not sure.
    """
    if said == "moves" and done in ("moves", *NOTHING) and sends:
        return "agrees" if pleases != sends else "contradicts"
    if not {said, done} <= {"moves", *NOTHING}:
        return "open"
    return "agrees" if said in NOTHING and done in NOTHING else "differs"
