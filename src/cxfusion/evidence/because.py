"""Why a verdict was given, in one or two plain sentences made from its numbers."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

from cxfusion.estimators.distributions import norm
from cxfusion.evidence.testable import same_within
from cxfusion.results.formats import change, count, interval
from cxfusion.results.labels import step_in_words

if TYPE_CHECKING:
    from cxfusion.evidence.ladder import RungEstimate
    from cxfusion.evidence.verdict import Finding

__all__ = ["BECAUSE"]

POWER: Final = 0.8
BLOCKS: Final = {
    "adjusted": "the kind of case and the hour",
    "within": "the agent, the hour and the day",
    "corrected": "how hard the case was",
    "case_mix": "the kind of case",
    "hour": "the hour of the week",
    "day": "the day",
    "agent": "the agent",
    "levers": "the other levers that come with it",
}
"""What each rung holds equal that the one before it did not, and each block of the way from raw to within."""


def _step(finding: Finding) -> str:
    """The step used, in words; one that was cut back to the lever's mean takes all there is of it."""
    used, asked = finding.within.step, finding.lever.step
    step = step_in_words(finding.lever.name, used)
    is_all = used < 0 and abs(used) < abs(asked)
    of_all = f", all there {'are' if finding.lever.shape == 'count' else 'is'}" if is_all else ""
    return f"{step[:1].upper()}{step[1:]}{of_all}"


def _size(rung: RungEstimate, unit: str) -> str:
    return f"{change(rung.estimate, unit)} {unit}"


def _hull(finding: Finding) -> str:
    return interval(*finding.told, finding.unit, signed=True)


def _held(finding: Finding) -> str:
    if finding.trial is not None:
        return f"{same_within(finding.who)}, and in the trial"
    corrected = ", and corrected for how hard the case was" if len(finding.centres) > 1 else ""
    return f"{same_within(finding.who)}{corrected}"


def _because_moves(finding: Finding) -> str:
    return f"{_step(finding)}: {_size(finding.best, finding.unit)} ({_hull(finding)}), {_held(finding)}."


def _because_proxy(finding: Finding) -> str:
    raw, explained = _size(finding.rungs["raw"], finding.unit), _explained(finding)
    return (
        f"{_step(finding)} goes with {raw} when taken alone, but that is mostly {explained}: {_held(finding)},"
        f" {_hull(finding)} is left, too little to matter."
    )


def _explained(finding: Finding) -> str:
    """What took most of the raw effect away, in words."""
    block, who = _explaining(finding), finding.who
    if who and block in ("agent", "within"):
        return BLOCKS[block].replace("agent", who)
    return "the hour and the day" if block == "within" else BLOCKS[block]


def _explaining(finding: Finding) -> str:
    """The block, or the rung, that took most of the raw effect away."""
    raw = finding.rungs["raw"].estimate or 0.0
    taken = {block: part for block, part in finding.parts.items() if block in BLOCKS} or _by_rung(finding, raw)
    if len(finding.centres) > 1:
        taken = {**taken, "corrected": (finding.within.estimate or 0.0) - (finding.best.estimate or 0.0)}
    return max(taken, key=lambda name: taken[name] * (1 if raw > 0 else -1))


def _by_rung(finding: Finding, raw: float) -> dict[str, float]:
    """What each rung took, where the blocks cannot be told apart."""
    adjusted, within = finding.rungs["adjusted"].estimate, finding.within.estimate or 0.0
    if adjusted is None:
        return {"within": raw - within}
    return {"adjusted": raw - adjusted, "within": adjusted - within}


def _because_no_effect(finding: Finding) -> str:
    return (
        f"{_step(finding)} changes the score by {_hull(finding)} {finding.unit} {_held(finding)}: too little to matter."
    )


def _because_contested(finding: Finding) -> str:
    looks, corrected = _size(finding.within, finding.unit), _size(finding.best, finding.unit)
    return (
        f"{_step(finding)} looks like {looks} {same_within(finding.who)}, but corrected for how hard the case was it"
        f" is {corrected}: anything from {_hull(finding)} is possible. {_pilot(finding)}"
    )


def _because_contradicted(finding: Finding) -> str:
    design = finding.design or finding.within
    unit, ends = finding.unit, (design.conf_low, design.conf_high)
    ground, settle = {
        "experiment": ("in the trial", "Until it is known why, go by the trial."),
        "congestion": ("read off more and less crowded quarters of an hour", _pilot(finding)),
    }[design.rung]
    plain = ""
    if design.unassigned is not None:
        plain = f", where the same equation gives {change(design.unassigned, unit)} {unit} by adjustment alone"
    return (
        f"{_step(finding)} looks like {_size(finding.best, unit)}, {_held(finding)}, but {ground} it is"
        f" {_size(design, unit)} ({interval(*ends, unit, signed=True)}){plain}: both cannot be right. {settle}"
    )


def _because_defenceless(finding: Finding) -> str:
    return (
        f"{_step(finding)} looks like {_size(finding.within, finding.unit)} {same_within(finding.who)}, but nothing"
        f" tells it from the mark of a hard case: {finding.control_reason}. {_pilot(finding)}"
    )


def _because_self_chosen(finding: Finding) -> str:
    return (
        f"{_step(finding)} looks like {_size(finding.best, finding.unit)}, {_held(finding)}, but it is the customers'"
        f" own doing: those with more of it may be of another kind, and no log shows that. {_pilot(finding)}"
    )


def _because_of_customers(finding: Finding) -> str:
    shown = finding.shown_later
    alike = "as much" if shown is None else f"{change(shown.estimate, finding.unit)} {finding.unit}"
    return (
        f"{_step(finding)} looks like {_size(finding.best, finding.unit)}, {_held(finding)}, but the same at a contact"
        f" that the customer had a week or more later goes with {alike}, which it cannot have caused: something about"
        f" the customer that the log does not record may go with both. {_pilot(finding)}"
    )


def _because_picked(finding: Finding) -> str:
    return (
        f"{_step(finding)} looks like {_size(finding.best, finding.unit)}, {_held(finding)}, but agents pick whom to"
        " ask, by more than the log shows: what the others would have said may be anything. Offer the survey by system,"
        " not by agent; new answers will then tell."
    )


def _because_unclear(finding: Finding) -> str:
    return f"{_step(finding)}: anything from {_hull(finding)} {finding.unit} is possible. {_more_responses(finding)}"


def _pilot(finding: Finding) -> str:
    """Answered surveys per arm that a pilot needs to find the within effect, two-sided 5 %, power 80 %."""
    effect = max(abs(finding.within.estimate or 0.0), finding.smallest_effect)
    n = 2 * (float(norm.isf(0.025) + norm.ppf(POWER)) * finding.score_sd / effect) ** 2
    return f"A pilot with about {count(_round_up(n))} answered surveys in each arm would settle it."


def _more_responses(finding: Finding) -> str:
    """Responses that would make the verdict definite at the size it now seems to have, by the root-n law."""
    effect = max(abs(finding.best.estimate or 0.0), finding.smallest_effect)
    needed = float(norm.isf(0.005) + norm.ppf(POWER)) * max(one.std_error or 0.0 for one in finding.centres) / effect
    more = finding.within.n * (needed**2 - 1)
    if more <= 0:
        return "It lies at the edge; a few more weeks of answers would tell."
    return f"About {count(_round_up(more))} more answers would tell."


def _round_up(n: float) -> int:
    """Two leading digits, upwards: a planning figure, not a count."""
    unit = int(10 ** max(len(str(ceil(n))) - 2, 0))
    return ceil(n / unit) * unit


BECAUSE: Final = {
    "moves": _because_moves,
    "proxy": _because_proxy,
    "no_effect": _because_no_effect,
    "contested": _because_contested,
    "contradicted": _because_contradicted,
    "defenceless": _because_defenceless,
    "of_customers": _because_of_customers,
    "self_chosen": _because_self_chosen,
    "picked": _because_picked,
    "unclear": _because_unclear,
}
"""The sentence of each verdict, and of each way in which one is contested."""
