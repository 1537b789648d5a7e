"""A comparison that has to find nothing: each answer beside a contact that its customer had a week or more later.

What came later cannot have caused the answer. Where it goes with it all the same, something about the customer that the
log does not record goes with both: who is let to the front of the queue, who likes to talk.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import ibis

from cxfusion.errors import NothingToEstimateError, TooFewResponsesError
from cxfusion.estimators.joint_tests import JointTest
from cxfusion.evidence.catalogue import WITNESS_LEVER, Lever
from cxfusion.evidence.checks import Check
from cxfusion.evidence.coding import answered_contacts
from cxfusion.evidence.ladder import RungEstimate
from cxfusion.evidence.rungs import within_rungs
from cxfusion.evidence.sample import made_numeric
from cxfusion.evidence.surroundings import SLOT
from cxfusion.evidence.testable import untestable_because
from cxfusion.results.formats import change
from cxfusion.results.labels import lever_label
from cxfusion.tables.sampling import thinned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import ibis.expr.types as ir

    from cxfusion.evidence.sample import Sample
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.evidence.verdict import Finding
    from cxfusion.pairing.result import Pairing

__all__ = ["LATER", "at_later_contacts", "checks_of_later", "notes_on_later"]

LATER: Final = "later_contact"
APART: Final = timedelta(days=7)
"""Sooner than that, a contact may be about the same case, and as hard."""
MOST_RESPONSES: Final = 50_000
"""Looked at; what could be taken for a lever shows in fewer."""
MOST_ANSWERS: Final = 10
"""Of one customer among these; an id with more is no one person."""
SHARE_WORTH_A_NOTE: Final = 0.25
"""Of an effect. Less of it shows at a later contact wherever customers differ in how much of the lever they get: who
waits longer always also waited longer this time, and that is its effect."""


def at_later_contacts(
    pairing: Pairing, spec: LeverSpec, sample: Sample, tested: Sequence[Lever]
) -> dict[str, RungEstimate]:
    """What a step of each lever at a later contact goes with, within that contact's agent, hour and day.

    Only levers that the centre settles contact by contact are asked about: what customers do themselves is known to go
    with who they are. The contact that the answer is about is not held equal: its levers tell as much about the
    customer as the later ones, and would take half of what is looked for.

    Parameters
    ----------
    pairing : Pairing
    spec : LeverSpec
    sample : Sample
    tested : sequence of Lever

    Returns
    -------
    dict of str to RungEstimate
        By lever, each with an estimate or the reason why there is none. The next contact counts that reached an agent a
        week or more later, of each customer's first answer; of more than 50,000 responses, of a sample.

    References
    ----------
    Lipsitch, Tchetgen Tchetgen & Cohen (2010), Epidemiology 21, 383–388 (negative controls); Flanders et al. (2011),
    Epidemiology 22, 59–67 (a later exposure as one).
    """
    asked = [lever for lever in tested if lever.role == "lever" and not lever.is_customers_own]
    if not asked or not pairing.contacts.has("customer_id"):
        return {lever.name: _none(lever, "the log names no customers") for lever in asked}
    levers = (*asked, *(lever for lever in tested if lever.role == "given"))
    spec = replace(spec, experiments=())
    try:
        beside = made_numeric(pairing, spec, levers, _drawn(pairing, spec, sample, levers), sample.coding)
    except (TooFewResponsesError, NothingToEstimateError):
        few = "too few who answered had another contact a week or more later"
        return {lever.name: _none(lever, few) for lever in asked}
    untestable = {lever: untestable_because(lever, beside, spec) for lever in levers}
    usable = [lever for lever, reason in untestable.items() if reason is None]
    found = {lever.name: _none(lever, reason) for lever in asked if (reason := untestable[lever]) is not None}
    return found | {rung.lever.name: replace(rung, rung=LATER) for rung in within_rungs(beside, spec, usable)}


def _none(lever: Lever, reason: str) -> RungEstimate:
    return RungEstimate(lever, LATER, reason, lever.step)


def _drawn(pairing: Pairing, spec: LeverSpec, sample: Sample, levers: Sequence[Lever]) -> ir.Table:
    """Answers as if they were about the later contact."""
    session, log = pairing.session, pairing.contacts
    customer = log.value("customer_id").cast("string")
    whose = log.rows.select("contact_id", "started_at", customer=customer)
    answers = session.materialize(_one_of_each_customer(_answers(sample), whose))
    numbers = dict.fromkeys([*(lever.name for lever in levers), WITNESS_LEVER.name])
    known = [name for name in numbers if log.has(name)]
    others = answered_contacts(log, spec, known, {"customer": customer, "later_at": log.rows["started_at"]})
    others = others.drop("source_file", "source_row").rename(later_contact_id="contact_id")
    others = session.materialize(others.semi_join(answers, "customer"))
    is_later = others["later_at"] >= answers["started_at"] + ibis.interval(APART)
    met = others.join(answers, [others["customer"] == answers["customer"], is_later]).select(
        *(answers[name] for name in answers.columns if name not in ("customer", "started_at")),
        *(others[name] for name in others.columns if name != "customer"),
    )
    order = ["later_at", "later_contact_id"]
    place = ibis.row_number().over(group_by=["response_file", "response_row"], order_by=order)
    first = met.mutate(place=place)
    first = first.filter(first["place"] == 0).drop("place", "later_at", "later_contact_id")
    return session.materialize(first.mutate(**{SLOT: ibis.literal(0)}))


def _answers(sample: Sample) -> ir.Table:
    rows = sample.drawn.select("response_file", "response_row", "contact_id", "score", "weight")
    return thinned(rows, sample.n, MOST_RESPONSES)


def _one_of_each_customer(answers: ir.Table, log: ir.Table) -> ir.Table:
    """The first answer of every customer who is one person, with ``customer, started_at``."""
    whose = answers.inner_join(log.filter(log["customer"].notnull()), "contact_id")
    order = ["started_at", "response_file", "response_row"]
    place = ibis.row_number().over(group_by="customer", order_by=order)
    placed = whose.mutate(n_of_customer=whose.count().over(group_by="customer"), place=place)
    is_first = (placed["place"] == 0) & (placed["n_of_customer"] <= MOST_ANSWERS)
    return placed.filter(is_first).drop("n_of_customer", "place")


def checks_of_later(later: Iterable[RungEstimate]) -> Iterator[Check]:
    """Whether the lever at a later contact goes with the answer: a check of the comparison itself."""
    for found in later:
        if found.reason is not None or not found.std_error:
            yield Check(found.lever, LATER, None, reason=found.reason)
            continue
        statistic = ((found.estimate or 0.0) / found.std_error) ** 2
        test = JointTest(statistic, 1, found.n_clusters - 1, found.p_value or 0.0)
        yield Check(found.lever, LATER, test, shift=found.estimate)


def notes_on_later(findings: Iterable[Finding]) -> Iterator[str]:
    """A sentence on each lever that goes with the answer even at a later contact, and stands all the same."""
    for finding in findings:
        shown, effect = finding.shown_later, finding.best.estimate or 0.0
        if shown is None or finding.is_of_customers:
            continue
        if abs(shown.estimate) > SHARE_WORTH_A_NOTE * abs(effect):
            yield (
                f"{lever_label(finding.lever.name)} at a later contact of the customer goes with the answer too, which"
                f" it cannot have caused: about {change(shown.estimate, finding.unit)} {finding.unit} of the effect"
                " may be something about the customer that the log does not record."
            )
