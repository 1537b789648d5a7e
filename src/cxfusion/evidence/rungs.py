"""The ladder: each lever alone, among its like, within the same agent, hour and day, and corrected for difficulty.

All rungs of one moment stand on the same rows and the same estimand, so that what moves between them is the design.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.errors import ConvergenceError, EstimationError
from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.estimators.effects import Effects, combined, estimate_effects
from cxfusion.evidence.catalogue import MOMENTS, WITNESS_LEVER, Lever, up_to
from cxfusion.evidence.checks import Check, check_form, nearby, refitted
from cxfusion.evidence.cluster_facts import ClusterCounts, clusters_among
from cxfusion.evidence.decomposition import break_down
from cxfusion.evidence.design import Basis, Design, learn_basis
from cxfusion.evidence.known_rows import KnownRows, know_rows
from cxfusion.evidence.ladder import FittedModel, Ladder, RungEstimate, Shift, Untold
from cxfusion.evidence.linear import LinearDesign
from cxfusion.evidence.reweighted import reweighted_effects
from cxfusion.evidence.robustness import robustness_of
from cxfusion.evidence.testable import alike_within_because, inseparable_because, too_few_because

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.cumulative_logit import CumulativeLogitFit
    from cxfusion.estimators.effect_averages import LeverMaker, LeverRows
    from cxfusion.estimators.held import ModelRows
    from cxfusion.estimators.influence import OrdinalFit
    from cxfusion.evidence.reweighted import TiltPlan
    from cxfusion.evidence.sample import Sample
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.evidence.witness import Kappa, Witness

__all__ = ["climb", "in_a_clause", "within_rungs"]


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
            own = plan.at(np.searchsorted(sample.values, held.known.values))
            replace(held, plan=own).climb(ladder)
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
        yield _Moment(sample, known[gaps], counts[gaps], spec, question.asked, question.beside, question.witness)


@dataclass(frozen=True)
class _Question:
    """The levers of one moment, and what they are held against."""

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
class _Fitted:
    """Effects of the levers that one design identifies, and the reasons for the others."""

    effects: Effects | None
    levers: list[Lever]
    reasons: Mapping[str, str]
    checks: list[Check] = field(default_factory=list)
    freed: tuple[Lever, ...] = ()
    tilted: list[Effects | ConvergenceError] = field(default_factory=list)
    behind: tuple[Design, OrdinalFit, ModelRows, ModelRows] | None = None

    def at_tilt(self, place: int) -> _Fitted:
        """The same under the weights of one tilt."""
        if not self.tilted:
            return self
        there = self.tilted[place]
        if isinstance(there, ConvergenceError):
            reasons = dict.fromkeys((lever.name for lever in self.levers), in_a_clause(there))
            return _Fitted(None, [], {**self.reasons, **reasons})
        return replace(self, effects=there)

    def of(self, lever: Lever) -> Effects | None:
        """The effect of one lever, if it has one."""
        if self.effects is None or lever not in self.levers:
            return None
        return self.effects.only(self.levers.index(lever))


@dataclass(frozen=True)
class _Moment:
    """The levers of one moment, held against what came before and stands beside them."""

    sample: Sample
    known: KnownRows
    counts: ClusterCounts
    spec: LeverSpec
    asked: list[Lever]
    beside: list[Lever]
    witness: Witness | None
    plan: TiltPlan | None = None

    def climb(self, ladder: Ladder) -> None:
        """All rungs of this moment's levers."""
        bases = [self._basis(lever) for lever in (*self.beside, *self.asked)]
        design = Design.within(bases, self.sample.coding)
        for basis in bases[len(self.beside) :]:
            ladder.rungs += self._rungs(self._fit(Design((basis,)), [basis.lever]), "raw", [basis.lever])
        adjusted = self._fit(replace(design, groups=()), self.asked)
        ladder.rungs += self._rungs(adjusted, "adjusted", self.asked)
        within = self._fit_within(design, None, adjusted)
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
        linear = LinearDesign(straight, self.known.values)
        lines = self.known.lines(design.bases)
        fewer = self.known.lines(design.bases, self.known.without_reason)
        ladder.robustness += robustness_of(lines, fewer, linear, self.asked, steps)
        ladder.breakdowns += break_down(lines, linear, self.sample.coding.queue_of_hour, self.asked, ladder)

    def _hear_witness(self, ladder: Ladder, design: Design, within: _Fitted) -> None:
        """The corrected rung, from the within model once more with the negative control beside the levers."""
        with_witness = replace(design, bases=(*design.bases, self._basis(WITNESS_LEVER)))
        beside = self._fit_within(with_witness, within.freed, within)
        self._correct(ladder, within, beside)
        if beside.levers == within.levers:
            ladder.models += self._model(beside, "beside")
        for place, other in enumerate(ladder.tilted):
            self._correct(other, within.at_tilt(place), beside.at_tilt(place))

    def within(self) -> Iterator[RungEstimate]:
        """The within rung alone."""
        design = Design.within(map(self._basis, (*self.beside, *self.asked)), self.sample.coding)
        yield from self._rungs(self._fit_within(design, None), "within", self.asked)

    def _model(self, fitted: _Fitted, rung: str) -> Iterator[FittedModel]:
        """The model behind what was fitted, if it says anything of a lever that may be changed."""
        kappa = self._kappa()
        levers = tuple(lever for lever in fitted.levers if lever.role != "placebo")
        if fitted.behind is not None and levers and (rung == "within" or kappa is not None):
            effects = tuple(of for lever in levers if (of := fitted.of(lever)) is not None)
            yield FittedModel(self.asked[0].moment, rung, kappa, levers, *fitted.behind, effects, self.known.values)

    def _kappa(self) -> Kappa | None:
        """κ, given the levers of this moment; None where there is no negative control."""
        return self.witness.kappa([lever.name for lever in (*self.beside, *self.asked)]) if self.witness else None

    def _basis(self, lever: Lever) -> Basis:
        return learn_basis(lever, self.sample.facts[lever.name])

    def _fit_within(self, design: Design, free: Sequence[Lever] | None, near: _Fitted | None = None) -> _Fitted:
        """The design with its projection columns; a lever that does not vary within the groups has no estimate."""
        projection = self.known.projection(design)
        left = {lever: projection.residual_share[design.columns(lever.name)].max() for lever in self.asked}
        told = {lever: alike_within_because(lever, self.sample, self.spec, left[lever]) for lever in self.asked}
        varying = [lever for lever in self.asked if told[lever] is None]
        fitted = self._fit(design.projected(projection), varying, free, near)
        still = {lever.name: reason for lever, reason in told.items() if reason is not None}
        return replace(fitted, reasons={**fitted.reasons, **still})

    def _fit(
        self, design: Design, asked: list[Lever], free: Sequence[Lever] | None = (), near: _Fitted | None = None
    ) -> _Fitted:
        """One fit, begun where a fit of fewer columns ended, and the effects of the levers that it identifies.

        The odds of the ``free`` ones may differ from cut to cut; None: those of whom the fit itself says that they do.
        """
        names = [lever.name for lever in asked]
        model = self.known.side_by_side(design, design.bases_of(names))
        try:
            n = len(self.known.values)
            start = None if near is None or near.behind is None else _start(design, *near.behind[:2], n - 1)
            fit = fit_cumulative_logit(model.sweep, model.make_rows, n, start)
        except EstimationError as error:
            return _Fitted(None, [], dict.fromkeys(names, in_a_clause(error)))
        is_identified = [bool(fit.is_identified[design.columns(lever.name)].all()) for lever in asked]
        untold = [name for name, is_known in zip(names, is_identified, strict=True) if not is_known]
        reasons = {name: inseparable_because(name, untold) for name in untold}
        if not any(is_identified):
            return _Fitted(None, [], reasons)
        identified = list(compress(asked, is_identified))
        model = replace(model, make_levers=partial(_compressed, make_levers=model.make_levers, is_kept=is_identified))
        return self._effects(model, design, fit, identified, reasons, free)

    def _effects(
        self,
        model: ModelRows,
        design: Design,
        fit: CumulativeLogitFit,
        levers: list[Lever],
        reasons: Mapping[str, str],
        free: Sequence[Lever] | None,
    ) -> _Fitted:
        """Effects of some levers at a fit, or at one whose odds may differ between cuts."""
        terms, values = design.terms([lever.name for lever in levers]), self.known.values
        clusters = self.sample.coding.n_clusters, self.counts.told(is_within=design.projection is not None)

        def effects_at(fit: OrdinalFit) -> Effects:
            return estimate_effects(model.sweep, model.make_rows, model.make_levers, terms, fit, values, *clusters)

        checks: list[Check] = []
        effects = effects_at(fit) if not free else None
        if free is None and effects is not None:
            smallest = [self.sample.smallest_for(lever) for lever in levers]
            few, near = self._few(model, design, fit, levers)
            found = check_form(few, design, near, levers, terms, effects, values, smallest)
            checks, free = found.checks, found.freed
        freed_fit = refitted(model, design, fit, free) if free else None
        if isinstance(freed_fit, ConvergenceError):
            checks = [check.refused(freed_fit.message) for check in checks]
            freed_fit, free = None, ()
        if freed_fit is not None or effects is None:
            effects = effects_at(freed_fit or fit)
        tilted: list[Effects | ConvergenceError] = []
        if self.plan is not None and design.projection is not None:
            tilted = reweighted_effects(model, freed_fit or fit, design.width, terms, values, *clusters, self.plan)
        bases = design.bases_of([lever.name for lever in levers])
        rows, few = self.known.model(design, bases), (self.known.part or self.known).model(design, bases)
        behind = (design, freed_fit or fit, rows, few)
        return _Fitted(effects, levers, reasons, checks, tuple(free or ()), tilted, behind)

    def _few(
        self, model: ModelRows, design: Design, fit: CumulativeLogitFit, levers: list[Lever]
    ) -> tuple[ModelRows, CumulativeLogitFit]:
        """A model and its fit on the part of the rows on which its form is checked."""
        if self.known.part is None:
            return model, fit
        few = self.known.part.side_by_side(design, design.bases_of([lever.name for lever in levers]))
        return few, nearby(few, design, fit)

    def _rungs(self, fitted: _Fitted, rung: str, asked: list[Lever]) -> Iterator[RungEstimate]:
        for lever in asked:
            effects = fitted.of(lever)
            if effects is None:
                yield RungEstimate(lever, rung, fitted.reasons[lever.name], lever.step)
            else:
                yield _rung(effects, lever, rung, self.spec.conf_level)

    def _correct(self, ladder: Ladder, within: _Fitted, beside: _Fitted) -> None:
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
            ladder.rungs.append(_rung(corrected, lever, "corrected", self.spec.conf_level))


def in_a_clause(error: EstimationError) -> str:
    """What went wrong, as the second half of a sentence."""
    first, _, _ = error.message.partition(". ")
    return f"{first[:1].lower()}{first[1:].rstrip('.')}"


def _start(design: Design, known: Design, fit: OrdinalFit, n_cuts: int) -> NDArray[np.float64]:
    """The parameters of a fit with the same controls and fewer columns, those that it lacks at zero."""
    cuts, found, of_controls, _ = np.split(
        fit.parameters, np.cumsum([n_cuts, known.n_dense, sum(width for _, width in known.controls)])
    )
    dense = np.zeros(design.n_dense)
    for basis in known.bases:
        own, there = design.columns(basis.lever.name), known.columns(basis.lever.name)
        dense[own] = found[there]
        if known.projection is not None:
            after = slice(known.width + there.start, known.width + there.stop)
            dense[design.width + own.start : design.width + own.stop] = found[after]
    return np.concatenate([cuts, dense, of_controls])


def _compressed(batch: pa.RecordBatch, make_levers: LeverMaker, is_kept: list[bool]) -> list[LeverRows]:
    return list(compress(make_levers(batch), is_kept))


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
