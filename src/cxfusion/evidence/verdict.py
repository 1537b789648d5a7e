"""One verdict per lever, by the first rule that fits, with a grade and a sentence why: docs/explanation/ladder.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from cxfusion.estimators.distributions import false_discovery_control, norm
from cxfusion.evidence.because import BECAUSE
from cxfusion.evidence.ladder import Shift

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.ladder import RungEstimate

__all__ = ["Control", "Finding", "Verdict", "control_of", "judge"]

Control: TypeAlias = Literal["passed", "failed", "silent", "unusable", "none"]
GRADES: Final = ("correlational", "adjusted", "adjusted and control passed", "quasi-random", "experiment")
JUDGED_AT: Final = 0.95
"""Level of the intervals that verdicts rest on, whatever level is shown."""
DESIGNS: Final = {"experiment": "experiment", "congestion": "quasi-random"}
"""Rungs that stand on assignment instead of adjustment, the strongest first, and the grade each can give."""
NOTHING: Final = ("proxy", "no_effect")
"""Verdicts that a lever does too little to matter."""


@dataclass(frozen=True)
class Finding:
    """All that a verdict needs to know of one lever.

    Attributes
    ----------
    lever : Lever
    rungs : dict of str to RungEstimate
    shift : Shift or None
        What the negative control took away.
    control : {"passed", "failed", "silent", "unusable", "none"}
    control_reason : str or None
        Why the control is unusable or missing.
    is_tied : bool
        Whether the lever goes with after-call work at all.
    by_triads : bool
        Whether the reliability of the control was learned from triads, and from more than one: a single one is as good
        as its marks, which nothing checks.
    smallest_effect : float
        δ for the step used.
    unit : str
        Of the outcome.
    score_sd : float
        Standard deviation of one answer.
    parts : mapping of str to float
        What each block took from the raw effect on the way to the within one; empty where that is not known.
    is_unrepresentative : bool
        Whether the non-response weights failed their test: the grade is then one lower.
    is_picked : bool
        Whether agents were seen to pick whom to ask: the grade is then one lower too, and nothing is settled.
    contradiction_level : float
        Chance below which a design contradicts the estimates.
    who : str or None
        What one of those is called that contacts are compared within; None where the log has none.
    later : RungEstimate or None
        What the lever at a later contact of the customer goes with, which cannot be its effect.
    """

    lever: Lever
    rungs: dict[str, RungEstimate]
    shift: Shift | None
    control: Control
    control_reason: str | None
    is_tied: bool
    by_triads: bool
    smallest_effect: float
    unit: str
    score_sd: float
    parts: Mapping[str, float] = field(default_factory=dict)
    is_unrepresentative: bool = False
    is_picked: bool = False
    contradiction_level: float = 0.01
    who: str | None = "agent"
    later: RungEstimate | None = None

    @property
    def within(self) -> RungEstimate:
        """The within rung."""
        return self.rungs["within"]

    @property
    def centres(self) -> list[RungEstimate]:
        """The within estimate and, where there is one, the corrected one."""
        corrected = self.rungs.get("corrected")
        return [self.within] if corrected is None or corrected.reason is not None else [self.within, corrected]

    @property
    def trial(self) -> RungEstimate | None:
        """A trial that says the same, where nothing else would tell the lever from the mark of a hard case.

        It vouches for the lever and not for the size of the within estimate, which may be too large: its interval
        belongs to what is possible.
        """
        return self.design if _is_defenceless(self) and _is_tried(self, "moves") else None

    @property
    def spans(self) -> list[RungEstimate]:
        """Estimates whose intervals, together, hold what is possible."""
        return [*self.centres, *([] if self.trial is None else [self.trial])]

    @property
    def hull(self) -> tuple[float, float]:
        """From the lowest to the highest end of their intervals, as they are shown."""
        lows = [one.conf_low for one in self.spans if one.conf_low is not None]
        highs = [one.conf_high for one in self.spans if one.conf_high is not None]
        return min(lows), max(highs)

    @property
    def judged(self) -> tuple[float, float]:
        """The same of 95 % intervals, whatever level is shown, and without a trial: by these the rules go."""
        return _ends(self.centres)

    @property
    def told(self) -> tuple[float, float]:
        """The same with a trial: what a sentence says is possible."""
        return _ends(self.spans)

    @property
    def p_value(self) -> float:
        """The larger p at the two centres; 1 where their signs differ."""
        estimates = [one.estimate or 0.0 for one in self.centres]
        if min(estimates) < 0 < max(estimates):
            return 1.0
        return max(one.p_value if one.p_value is not None else 1.0 for one in self.centres)

    @property
    def design(self) -> RungEstimate | None:
        """The strongest applicable design that rests on assignment, where there is one."""
        found = (self.rungs.get(rung) for rung in DESIGNS)
        return next((rung for rung in found if rung is not None and rung.reason is None), None)

    @property
    def is_contradicted(self) -> bool:
        """Whether the design lies farther from the nearer centre than both δ and chance, on one curve for both.

        A design whose equation is not that of the within rung is first moved by how far the two are apart without it:
        a contradiction is of designs, not of curves.
        """
        design = self.design
        if design is None:
            return False
        by_curve = 0.0 if design.unassigned is None else (self.within.estimate or 0.0) - design.unassigned
        nearer = min(self.centres, key=lambda one: abs(_apart(design, one) + by_curve))
        std_error = float(np.hypot(design.std_error or 0.0, nearer.std_error or 0.0))
        reach = float(norm.isf(self.contradiction_level / 2)) * std_error
        return abs(_apart(design, nearer) + by_curve) > max(self.smallest_effect, reach)

    @property
    def best(self) -> RungEstimate:
        """The corrected estimate where there is one, else the within one."""
        return self.centres[-1]

    @property
    def shown_later(self) -> Shift | None:
        """The part of the effect that a later contact of the customer surely shows too; None where it shows none."""
        later, effect = self.later, self.best.estimate or 0.0
        if later is None or later.reason is not None or not later.step:
            return None
        per_step = self.best.step / later.step
        found = Shift((later.estimate or 0.0) * per_step, (later.std_error or 0.0) * per_step)
        return found if found.estimate * effect > 0 and found.is_sure else None

    @property
    def is_of_customers(self) -> bool:
        """Whether what a later contact shows may well be all of the effect."""
        if self.shown_later is None:
            return False
        estimate, std_error = self.best.estimate or 0.0, self.best.std_error or 0.0
        left = Shift(estimate - self.shown_later.estimate, float(np.hypot(std_error, self.shown_later.std_error)))
        return not left.is_sure or left.estimate * estimate < 0


def _ends(estimates: Sequence[RungEstimate]) -> tuple[float, float]:
    ends = [one.interval(JUDGED_AT) for one in estimates]
    return min(low for low, _ in ends), max(high for _, high in ends)


def _apart(one: RungEstimate, other: RungEstimate) -> float:
    return (one.estimate or 0.0) - (other.estimate or 0.0)


@dataclass(frozen=True)
class Verdict:
    """What may be said of a lever.

    Attributes
    ----------
    verdict : {"moves", "proxy", "no_effect", "contested", "unclear", "untestable"}
    grade : str or None
        Strength of the design behind it.
    because : str
        One or two plain sentences, made from the numbers.
    """

    verdict: str
    grade: str | None
    because: str


def control_of(shift: Shift | None, smallest_effect: float, is_usable: bool, has_witness: bool) -> Control:
    """How the negative control came out for one lever."""
    if not has_witness:
        return "none"
    if not is_usable or shift is None:
        return "unusable"
    if abs(shift.estimate) + shift.reach < smallest_effect / 2:
        return "passed"
    return "failed" if shift.is_sure else "silent"


def judge(findings: Sequence[Finding], false_discovery_rate: float) -> list[Verdict]:
    """Verdicts on all testable levers of one outcome.

    Parameters
    ----------
    findings : sequence of Finding
        Levers with a within estimate.
    false_discovery_rate : float
        Of the levers called ``moves``, Benjamini–Hochberg.
    """
    if not findings:
        return []
    p_values = [finding.p_value for finding in findings]
    adjusted = false_discovery_control(p_values)
    within = [_adjusted_at(i, finding.within.p_value or 0.0, p_values) for i, finding in enumerate(findings)]
    return [_verdict(*one, false_discovery_rate) for one in zip(findings, adjusted, within, strict=True)]


def _adjusted_at(place: int, p_value: float, p_values: Sequence[float]) -> float:
    """Adjusted p of one lever, had it another p: what its own correction does, the bar of the others being as it is."""
    changed = [p_value if i == place else other for i, other in enumerate(p_values)]
    return float(false_discovery_control(changed)[place])


def _verdict(finding: Finding, p_adjusted: float, p_within: float, false_discovery_rate: float) -> Verdict:
    if finding.is_contradicted:
        return Verdict("contested", _grade(finding, "contested"), BECAUSE["contradicted"](finding))
    word = _rule(finding, finding.judged, p_adjusted, false_discovery_rate)
    if word is None:
        alone = _rule(finding, finding.within.interval(JUDGED_AT), p_within, false_discovery_rate)
        word = "unclear" if alone is None else "contested"
    elif (objection := _objection(finding, word)) is not None:
        return Verdict("contested", _grade(finding, word), BECAUSE[objection](finding))
    return Verdict(word, _grade(finding, word), BECAUSE[word](finding))


def _objection(finding: Finding, word: str) -> str | None:
    """What stands against a definite verdict, if anything does.

    A trial that says the same answers all of it, but for agents who pick whom to ask: these pick in a trial, too.
    """
    is_tried = _is_tried(finding, word)
    if _is_defenceless(finding) and not is_tried:
        return "defenceless"
    if finding.is_picked:
        return "picked"
    if word != "moves" or is_tried:
        return None
    if finding.is_of_customers:
        return "of_customers"
    # agent, hour and day do not choose it, so holding them equal does not make its takers alike; and after-call work
    # tells how hard the case was, not what kind of person called
    return "self_chosen" if finding.lever.is_customers_own else None


def _rule(finding: Finding, hull: tuple[float, float], p_value: float, false_discovery_rate: float) -> str | None:
    """The definite verdict that an interval and a p-value allow, if any."""
    low, high = hull
    raw, delta = finding.rungs["raw"], finding.smallest_effect
    if -delta < low and high < delta:
        is_tempting = raw.estimate is not None and abs(raw.estimate) >= delta and not _covers_zero(raw)
        return "proxy" if is_tempting else "no_effect"
    return "moves" if p_value <= false_discovery_rate else None


def _covers_zero(rung: RungEstimate) -> bool:
    low, high = rung.interval(JUDGED_AT)
    return low <= 0 <= high


def _is_defenceless(finding: Finding) -> bool:
    """No control that sees anything, and something that hidden difficulty may well have caused.

    A witness who saw nothing clears nobody: that a lever does not go with blind after-call work is no more of an
    alibi than a log without any. How hard a case is shows once it is being handled, so levers from before the contact
    stand without an alibi, unless they go with after-call work that nobody can read.
    """
    if finding.lever.moment == "before":
        return finding.control == "unusable" and finding.is_tied
    return finding.control in ("none", "unusable")


def _is_tried(finding: Finding, word: str) -> bool:
    """Whether a trial, in which neither customers nor hard cases chose their arm, says the same."""
    design = finding.design
    return design is not None and design.rung == "experiment" and _supports(design, finding, word)


def _grade(finding: Finding, word: str) -> str:
    place = GRADES.index(_own_grade(finding, word))
    return GRADES[max(place - (finding.is_unrepresentative or finding.is_picked), 0)]


def _own_grade(finding: Finding, word: str) -> str:
    """By the design alone, whoever answered."""
    design = finding.design
    if design is not None and _supports(design, finding, word):
        return DESIGNS[design.rung]
    place = 2 if finding.control == "passed" else 1
    if finding.control in ("none", "unusable") or not finding.by_triads:
        place -= 1
    return GRADES[place]


def _supports(design: RungEstimate, finding: Finding, word: str) -> bool:
    """Whether a design says the same as a verdict: its own interval excludes 0 on the estimate's side.

    A trial may also show that nothing happens; that supports whatever does not say that the lever moves the score.
    """
    low, high = design.conf_low or 0.0, design.conf_high or 0.0
    delta = finding.smallest_effect
    shows_nothing = design.rung == "experiment" and -delta < low and high < delta
    if design.rung == "experiment" and word in NOTHING:
        return shows_nothing
    shows_as_much = not low <= 0 <= high and (low > 0) == ((finding.best.estimate or 0.0) > 0)
    return shows_as_much or (shows_nothing and word != "moves")
