"""One outcome, looked into: the sample is drawn, the negative control learned, every rung fitted; then the verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxfusion.errors import NothingToEstimateError, require_kind_or_none
from cxfusion.estimators.tilting import worth_of
from cxfusion.evidence.agent_days import compared_over_time
from cxfusion.evidence.alibi import answered_before_wrap
from cxfusion.evidence.between import between_rungs
from cxfusion.evidence.congestion import congestion_rung
from cxfusion.evidence.difficulty import hear_witness
from cxfusion.evidence.experiment import experiment_rungs
from cxfusion.evidence.history import look_back
from cxfusion.evidence.later import at_later_contacts, checks_of_later
from cxfusion.evidence.recontact import check_weights
from cxfusion.evidence.reweighted import TiltPlan
from cxfusion.evidence.rungs import climb
from cxfusion.evidence.sample import draw_sample
from cxfusion.evidence.spec import RECONTACT, usable_levers
from cxfusion.evidence.testable import untestable_because, who_is_held
from cxfusion.evidence.verdict import Finding, Verdict, control_of, judge
from cxfusion.evidence.witness import Witness, no_witness
from cxfusion.pairing.result import require_pairing
from cxfusion.perception.offers import OfferCheck
from cxfusion.results.labels import lever_label

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cxfusion.estimators.tilting import Tilt
    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.ladder import Ladder, RungEstimate
    from cxfusion.evidence.recontact import WeightsCheck
    from cxfusion.evidence.sample import Sample
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.operations.links import Links
    from cxfusion.pairing.result import Pairing
    from cxfusion.perception.weights import ResponseWeights
    from cxfusion.tables.relation import Scale

__all__ = ["Inquiry", "conclude", "inquire"]


@dataclass(frozen=True)
class Inquiry:
    """One outcome, looked into.

    Attributes
    ----------
    pairing : Pairing
        With the history that the levers ask for.
    spec : LeverSpec
    told : tuple of str
        What a reader should know about the history, and which given factors were left out.
    scale : Scale
    present : tuple of Lever
        Of the spec, as far as the log has them.
    tested : list of Lever
        Those that can be tested, and the givens.
    untestable : mapping of str to (str or None)
        Why the others cannot.
    sample : Sample
    witness : Witness
    ladder : Ladder
    weights_check : WeightsCheck or None
        None where nothing is weighted.
    is_picked : bool
        Whether agents were seen to pick whom to ask.
    later : mapping of str to RungEstimate
        What each lever at a later contact of the customer goes with.
    """

    pairing: Pairing
    spec: LeverSpec
    told: tuple[str, ...]
    scale: Scale
    present: tuple[Lever, ...]
    tested: list[Lever]
    untestable: Mapping[str, str | None]
    sample: Sample
    witness: Witness
    ladder: Ladder
    weights_check: WeightsCheck | None
    is_picked: bool
    later: Mapping[str, RungEstimate]

    @property
    def asked(self) -> list[Lever]:
        """Levers that get a verdict."""
        return [lever for lever in self.present if lever.role in ("lever", "influenceable")]


def inquire(
    pairing: Pairing,
    spec: LeverSpec,
    weights: ResponseWeights | None,
    tilts: Sequence[Tilt] = (),
    offers: OfferCheck | None = None,
    kept: tuple[str, ...] = (),
    links: Links | None = None,
) -> Inquiry:
    """Draw the sample, hear the witness and climb the ladder.

    Parameters
    ----------
    pairing : Pairing
    spec : LeverSpec
    weights : ResponseWeights or None
    tilts : sequence of Tilt
        Other weights; each gives a ladder of its own in ``ladder.tilted``.
    offers : OfferCheck, optional
        Whether agents pick whom to ask.
    kept : tuple of str
        Further columns of the log that the sample carries along.
    links : Links, optional
        The log as it is chained already.

    Raises
    ------
    NothingToEstimateError
        No lever has an estimate on any rung.
    """
    require_pairing(pairing)
    pairing, told = look_back(pairing, spec)
    present = usable_levers(spec, pairing.contacts)
    require_kind_or_none(offers, OfferCheck, "offers", "check them first, offers = cx.check_offers(pairing).")
    sample = draw_sample(pairing, spec, present, weights, kept)
    sample, over_time = compared_over_time(sample, spec, present)
    untestable = {lever.name: untestable_because(lever, sample, spec) for lever in present}
    told = (*told, *_left_out_givens(present, untestable))
    tested = [lever for lever in present if untestable.get(lever.name) is None]
    witness = _witness(pairing, spec, sample, tested)
    scale = pairing.surveys.scales[spec.score]
    plan = TiltPlan(tuple(tilts), worth_of(sample.values, sample.outcome.is_better_above(scale))) if tilts else None
    ladder = climb(sample, spec, tested, witness if witness.reason is None else None, plan)
    crowded = congestion_rung(sample, spec, tested, ladder)
    ladder.rungs += [
        *between_rungs(sample, spec, tested, ladder),
        *(() if crowded is None else (crowded,)),
        *experiment_rungs(sample, spec, tested, ladder),
    ]
    _require_an_estimate(ladder, present, untestable)
    is_said = spec.outcome != RECONTACT.name  # what customers do next is no answer that a later contact could go with
    later = at_later_contacts(pairing, spec, sample, tested) if is_said else {}
    ladder.checks += [*over_time, *checks_of_later(later.values())]
    if is_said:
        ladder.checks += answered_before_wrap(pairing, spec, sample, tested, witness, ladder)
    for other in ladder.tilted:  # what other weights do not touch stays as it is
        other.rungs += [found for found in ladder.rungs if found.rung not in ("within", "corrected")]
        other.breakdowns += ladder.breakdowns
    check = None if weights is None else check_weights(pairing, weights, links)
    is_picked = offers is not None and offers.status == "failed"
    return Inquiry(
        pairing, spec, told, scale, present, tested, untestable, sample, witness, ladder, check, is_picked, later
    )


def _require_an_estimate(ladder: Ladder, present: Sequence[Lever], untestable: Mapping[str, str | None]) -> None:
    """Raise where no rung of any lever has an estimate, with all the reasons."""
    if any(found.reason is None for found in ladder.rungs):
        return
    raise NothingToEstimateError(
        "No lever could be estimated on any rung. The reasons:",
        [f"{lever.name}: {why}" for lever in present if (why := untestable[lever.name]) and lever.role != "given"]
        + [f"{found.lever.name}, {found.rung}: {found.reason}" for found in ladder.rungs],
    )


def _left_out_givens(present: Sequence[Lever], untestable: Mapping[str, str | None]) -> Iterator[str]:
    """What was to be held equal and is not."""
    for lever in present:
        reason = untestable[lever.name]
        if lever.role == "given" and reason is not None:
            yield f"{lever_label(lever.name)} is not held equal: {reason}."


def _witness(pairing: Pairing, spec: LeverSpec, sample: Sample, tested: Sequence[Lever]) -> Witness:
    """The negative control, if there is a lever that it could correct."""
    levers = [lever for lever in tested if lever.moment != "after"]
    return hear_witness(pairing, spec, sample, levers) if levers else no_witness("there is no lever to correct")


def _finding(lever: Lever, found: Inquiry, ladder: Ladder) -> Finding | None:
    """What the verdict needs; None where the lever has no within estimate."""
    rungs, sample, witness = ladder.of(lever), found.sample, found.witness
    if "within" not in rungs or rungs["within"].reason is not None:
        return None
    smallest = sample.smallest_for(lever)
    shift = ladder.shifts.get(lever.name)
    is_usable = witness.reason is None
    corrected = rungs.get("corrected")
    return Finding(
        lever=lever,
        rungs=rungs,
        shift=shift,
        control=control_of(shift, smallest, is_usable, witness.source != "none"),
        control_reason=witness.reason or (corrected.reason if corrected is not None else None),
        is_tied=lever.name in witness.columns and witness.is_tied_to(lever.name),
        by_triads=witness.source == "triads" and len(witness.triads) > 1,
        smallest_effect=smallest,
        unit=sample.outcome.unit,
        score_sd=sample.score_sd,
        parts=next((part.parts for part in ladder.breakdowns if part.lever == lever.name), {}),
        is_unrepresentative=found.weights_check is not None and found.weights_check.status == "failed",
        is_picked=found.is_picked,
        contradiction_level=found.spec.contradiction_level,
        who=who_is_held(sample.coding, found.spec),
        later=found.later.get(lever.name),
    )


def conclude(found: Inquiry, ladder: Ladder) -> tuple[dict[str, Finding | None], dict[str, Verdict]]:
    """What is known of every lever asked about, and a verdict on it, testable or not.

    Parameters
    ----------
    found : Inquiry
    ladder : Ladder
        The inquiry's own, or one of those under other weights.
    """
    findings = {lever.name: _finding(lever, found, ladder) for lever in found.asked}
    testable = [finding for finding in findings.values() if finding is not None]
    judged = judge(testable, found.spec.false_discovery_rate)
    verdicts = {finding.lever.name: verdict for finding, verdict in zip(testable, judged, strict=True)}
    for lever in found.asked:
        if lever.name not in verdicts:
            reason = found.untestable[lever.name] or ladder.of(lever)["within"].reason
            verdicts[lever.name] = Verdict("untestable", None, f"It could not be tested: {reason}.")
    return findings, verdicts
