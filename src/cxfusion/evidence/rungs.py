"""The ladder: each lever alone, among its like, within the same agent, hour and day, and corrected for difficulty.

All rungs of one moment stand on the same rows and the same estimand, so that what moves between them is the design.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.estimators.effects import combined
from cxfusion.evidence.catalogue import MOMENTS, WITNESS_LEVER, Lever, up_to
from cxfusion.evidence.cluster_facts import ClusterCounts, clusters_among
from cxfusion.evidence.decomposition import break_down
from cxfusion.evidence.design import Basis, Design, learn_basis
from cxfusion.evidence.fitting import Fitted, Fitting
from cxfusion.evidence.known_rows import KnownRows, know_rows
from cxfusion.evidence.ladder import FittedModel, Ladder, RungEstimate, Shift, Untold
from cxfusion.evidence.linear import LinearDesign
from cxfusion.evidence.robustness import robustness_of
from cxfusion.evidence.testable import too_few_because

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cxfusion.estimators.effects import Effects
    from cxfusion.evidence.reweighted import TiltPlan
    from cxfusion.evidence.sample import Sample
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.evidence.witness import Kappa, Witness

__all__ = ["climb", "within_rungs"]


def climb(
    sample: Sample,
    spec: LeverSpec,
    levers: Sequence[Lever],
    witness: Witness | None,
    plan: TiltPlan | None = None,
) -> Ladder:
    """Every lever on every rung, moment by moment.

    Parameters
    ----------
    sample : Sample
    spec : LeverSpec
    levers : sequence of Lever
        Those that can be tested, and the givens they are held against.
    witness : Witness or None
        The negative control, where the sample can use one.
    plan : TiltPlan, optional
        Other weights; each gives a ladder of its own in ``tilted``.
    """
    ladder = Ladder(tilted=[Ladder() for _ in (() if plan is None else plan.tilts)])
    for held in _moments(sample, spec, levers, witness):
        if plan is not None and isinstance(held, _Moment):
            own = plan.at(np.searchsorted(sample.values, held.on.known.values))
            replace(held, on=replace(held.on, plan=own)).climb(ladder)
        else:
            held.climb(ladder)
    return ladder


def within_rungs(sample: Sample, spec: LeverSpec, levers: Sequence[Lever]) -> list[RungEstimate]:
    """Every lever on the within rung alone; parameters as of :func:`climb`."""
    return [found for held in _moments(sample, spec, levers, None) for found in held.within()]


def _moments(
    sample: Sample, spec: LeverSpec, levers: Sequence[Lever], witness: Witness | None
) -> Iterator[_Moment | Untold]:
    """The moments that have levers, each with the rows that tell all it needs; those of the same rows share them."""
    questions = [question for question in _questions(levers, witness) if question.asked]
    counts: dict[tuple[str, ...], ClusterCounts] = {}
    known: dict[tuple[str, ...], KnownRows] = {}
    for question in questions:
        gaps = sample.gaps(question.needed)
        if gaps not in counts:
            counts[gaps] = clusters_among(sample, sample.rows_that_tell(question.needed))
        if (reason := too_few_because(counts[gaps], spec)) is not None:
            yield Untold(question.asked, reason)
            continue
        if gaps not in known:
            known[gaps] = _known(sample, [one for one in questions if sample.gaps(one.needed) == gaps])
        on = Fitting(sample, known[gaps], counts[gaps], spec)
        yield _Moment(question.asked, question.beside, question.witness, on)


@dataclass(frozen=True)
class _Question:
    """The levers of one moment, held against what came before and stands beside them."""

    asked: list[Lever]
    beside: list[Lever]
    witness: Witness | None

    @property
    def witness_levers(self) -> tuple[Lever, ...]:
        return () if self.witness is None else (WITNESS_LEVER,)

    @property
    def needed(self) -> set[str]:
        return {lever.name for lever in (*self.beside, *self.asked, *self.witness_levers)}


def _questions(levers: Sequence[Lever], witness: Witness | None) -> Iterator[_Question]:
    for moment in MOMENTS:
        asked = [lever for lever in levers if lever.moment == moment and lever.role != "given"]
        beside = [lever for lever in levers if lever.moment in up_to(moment) and lever not in asked]
        beside = [lever for lever in beside if lever.role != "placebo"]
        yield _Question(asked, beside, witness if moment != "after" else None)


def _known(sample: Sample, questions: Sequence[_Question]) -> KnownRows:
    """The rows that some moments share, with the columns of all of them; the witness stands last."""
    levers = [lever for one in questions for lever in (*one.beside, *one.asked)]
    every = dict.fromkeys([*levers, *(lever for one in questions for lever in one.witness_levers)])
    bases = {lever: learn_basis(lever, sample.facts[lever.name]) for lever in every}
    design = Design.within(bases.values(), sample.coding)
    asked = dict.fromkeys(lever for one in questions for lever in one.asked)
    needed = set().union(*(one.needed for one in questions))
    rows, values = sample.with_own_marks(sample.rows_that_tell(needed))
    session = sample.session
    part = None if sample.n_part == sample.n else session.sweep(sample.part_of(rows))
    return know_rows(session.sweep(rows), design, [bases[lever] for lever in asked], values, part)


@dataclass(frozen=True)
class _Moment(_Question):
    """The same on the rows that tell all it needs."""

    on: Fitting

    def climb(self, ladder: Ladder) -> None:
        """All rungs of this moment's levers."""
        bases = [self._basis(lever) for lever in (*self.beside, *self.asked)]
        design = Design.within(bases, self.on.sample.coding)
        for basis in bases[len(self.beside) :]:
            ladder.rungs += self._rungs(self.on.fit(Design((basis,)), [basis.lever]), "raw", [basis.lever])
        adjusted = self.on.fit(replace(design, groups=()), self.asked)
        ladder.rungs += self._rungs(adjusted, "adjusted", self.asked)
        within = self.on.fit_within(design, self.asked, None, adjusted)
        ladder.rungs += self._rungs(within, "within", self.asked)
        ladder.checks += within.checks
        ladder.effects |= {(lever.name, "within"): of for lever in self.asked if (of := within.of(lever)) is not None}
        ladder.models += self._model(within, "within")
        for place, other in enumerate(ladder.tilted):
            other.rungs += self._rungs(within.at_tilt(place), "within", self.asked)
        self._read_linear_model(ladder, design)
        if self.witness is not None:
            self._hear_witness(ladder, design, within)

    def _read_linear_model(self, ladder: Ladder, design: Design) -> None:
        """How robust the within effects are, and what took the raw ones away: both are of the linear model."""
        steps = {found.lever.name: found.step for found in ladder.rungs if found.rung == "within"}
        straight = replace(design, bases=tuple(basis.straight() for basis in design.bases))
        linear = LinearDesign(straight, self.on.known.values)
        lines = self.on.known.lines(design.bases)
        fewer = self.on.known.lines(design.bases, self.on.known.without_reason)
        ladder.robustness += robustness_of(lines, fewer, linear, self.asked, steps, self.on.spec.conf_level)
        ladder.breakdowns += break_down(lines, linear, self.on.sample.coding.queue_of_hour, self.asked, ladder)

    def _hear_witness(self, ladder: Ladder, design: Design, within: Fitted) -> None:
        """The corrected rung, from the within model once more with the negative control beside the levers."""
        with_witness = replace(design, bases=(*design.bases, self._basis(WITNESS_LEVER)))
        beside = self.on.fit_within(with_witness, self.asked, within.freed, within)
        self._correct(ladder, within, beside)
        if beside.levers == within.levers:
            ladder.models += self._model(beside, "beside")
        for place, other in enumerate(ladder.tilted):
            self._correct(other, within.at_tilt(place), beside.at_tilt(place))

    def within(self) -> Iterator[RungEstimate]:
        """The within rung alone."""
        design = Design.within(map(self._basis, (*self.beside, *self.asked)), self.on.sample.coding)
        yield from self._rungs(self.on.fit_within(design, self.asked, None), "within", self.asked)

    def _model(self, fitted: Fitted, rung: str) -> Iterator[FittedModel]:
        """The model behind what was fitted, if it says anything of a lever that may be changed."""
        kappa = self._kappa()
        levers = tuple(lever for lever in fitted.levers if lever.role != "placebo")
        if fitted.behind is not None and levers and (rung == "within" or kappa is not None):
            effects = tuple(of for lever in levers if (of := fitted.of(lever)) is not None)
            yield FittedModel(self.asked[0].moment, rung, kappa, levers, *fitted.behind, effects, self.on.known.values)

    def _kappa(self) -> Kappa | None:
        """κ, given the levers of this moment; None where there is no negative control."""
        return self.witness.kappa([lever.name for lever in (*self.beside, *self.asked)]) if self.witness else None

    def _basis(self, lever: Lever) -> Basis:
        return learn_basis(lever, self.on.sample.facts[lever.name])

    def _rungs(self, fitted: Fitted, rung: str, asked: list[Lever]) -> Iterator[RungEstimate]:
        for lever in asked:
            effects = fitted.of(lever)
            if effects is None:
                yield RungEstimate(lever, rung, fitted.reasons[lever.name], lever.step)
            else:
                yield _rung(effects, lever, rung, self.on.spec.conf_level)

    def _correct(self, ladder: Ladder, within: Fitted, beside: Fitted) -> None:
        """Corrected = within − κ·(within − within with the witness added), with the joint variance and that of κ."""
        kappa = self._kappa()
        for lever in self.asked:
            here, there = within.of(lever), beside.of(lever)
            if kappa is None or here is None or there is None:
                reason = within.reasons.get(lever.name) or beside.reasons.get(lever.name)
                reason = reason or "after-call work says hardly more than the levers themselves"
                ladder.rungs.append(RungEstimate(lever, "corrected", reason, lever.step))
                continue
            added = combined([(1.0, here), (-1.0, there)])
            shift = combined([(kappa.value, added)]).with_error(kappa.std_error * added.estimate)
            ladder.shifts[lever.name] = Shift(float(shift.estimate[0]), float(shift.std_error[0]))
            corrected = combined([(1 - kappa.value, here), (kappa.value, there)])
            corrected = corrected.with_error(-kappa.std_error * added.estimate)
            ladder.effects[lever.name, "corrected"] = corrected
            ladder.rungs.append(_rung(corrected, lever, "corrected", self.on.spec.conf_level))


def _rung(effects: Effects, lever: Lever, rung: str, conf_level: float) -> RungEstimate:
    """The rung of the one lever that the effects are of."""
    low, high = effects.interval(conf_level)
    found = RungEstimate(
        lever=lever,
        rung=rung,
        reason=None,
        step=float(effects.step[0]),
        estimate=float(effects.estimate[0]),
        std_error=float(effects.std_error[0]),
        conf_low=float(low[0]),
        conf_high=float(high[0]),
        p_value=float(effects.p_value[0]),
        local_estimate=float(effects.local_estimate[0]),
        remove_all=float(effects.remove_all[0]),
        n=effects.n,
        n_clusters=effects.n_told,
        degrees=float(effects.degrees[0]),
    )
    numbers = (found.step, found.estimate, found.conf_low, found.conf_high, found.p_value, found.remove_all)
    if all(number is not None and np.isfinite(number) for number in numbers):
        return found
    return RungEstimate(lever, rung, "the model gives no finite estimate for it", lever.step)
