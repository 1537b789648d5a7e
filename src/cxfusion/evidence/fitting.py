"""The models of one moment: fitted on its rows, checked, freed where odds differ from cut to cut, and their effects."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.errors import ConvergenceError, EstimationError
from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.estimators.effects import Effects, estimate_effects
from cxfusion.evidence.checks import Check, check_form, nearby, refitted
from cxfusion.evidence.reweighted import reweighted_effects
from cxfusion.evidence.testable import alike_within_because, inseparable_because, used_up_because

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.cumulative_logit import CumulativeLogitFit
    from cxfusion.estimators.effect_averages import LeverMaker, LeverRows
    from cxfusion.estimators.held import ModelRows
    from cxfusion.estimators.influence import OrdinalFit
    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.cluster_facts import ClusterCounts
    from cxfusion.evidence.design import Design
    from cxfusion.evidence.known_rows import KnownRows
    from cxfusion.evidence.reweighted import TiltPlan
    from cxfusion.evidence.sample import Sample
    from cxfusion.evidence.spec import LeverSpec

__all__ = ["Fitted", "Fitting", "in_a_clause"]


@dataclass(frozen=True)
class Fitted:
    """Effects of the levers that one design identifies, and the reasons for the others."""

    effects: Effects | None
    levers: list[Lever]
    reasons: Mapping[str, str]
    checks: list[Check] = field(default_factory=list)
    freed: tuple[Lever, ...] = ()
    tilted: list[Effects | ConvergenceError] = field(default_factory=list)
    behind: tuple[Design, OrdinalFit, ModelRows, ModelRows] | None = None

    def at_tilt(self, place: int) -> Fitted:
        """The same under the weights of one tilt."""
        if not self.tilted:
            return self
        there = self.tilted[place]
        if isinstance(there, ConvergenceError):
            reasons = dict.fromkeys((lever.name for lever in self.levers), in_a_clause(there))
            return Fitted(None, [], {**self.reasons, **reasons})
        return replace(self, effects=there)

    def of(self, lever: Lever) -> Effects | None:
        """The effect of one lever, if it has one."""
        if self.effects is None or lever not in self.levers:
            return None
        return self.effects.only(self.levers.index(lever))


@dataclass(frozen=True)
class Fitting:
    """The rows on which the models of a moment are fitted.

    Attributes
    ----------
    sample : Sample
    known : KnownRows
        Its rows that tell all that the models need.
    counts : ClusterCounts
        Of these rows.
    spec : LeverSpec
    plan : TiltPlan or None
        Other weights, under which effects within groups are wanted too.
    """

    sample: Sample
    known: KnownRows
    counts: ClusterCounts
    spec: LeverSpec
    plan: TiltPlan | None = None

    def fit_within(
        self, design: Design, asked: Sequence[Lever], free: Sequence[Lever] | None, near: Fitted | None = None
    ) -> Fitted:
        """The design with its projection columns; a lever that does not vary within the groups has no estimate."""
        projection = self.known.projection(design)
        left = {lever: projection.residual_share[design.columns(lever.name)].max() for lever in asked}
        told = {lever: alike_within_because(lever, self.sample, self.spec, left[lever]) for lever in asked}
        if (reason := used_up_because(self.known, self.spec)) is not None:
            told = {lever: why or reason for lever, why in told.items()}
        varying = [lever for lever in asked if told[lever] is None]
        fitted = self.fit(design.projected(projection), varying, free, near)
        still = {lever.name: reason for lever, reason in told.items() if reason is not None}
        return replace(fitted, reasons={**fitted.reasons, **still})

    def fit(
        self, design: Design, asked: list[Lever], free: Sequence[Lever] | None = (), near: Fitted | None = None
    ) -> Fitted:
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
            return Fitted(None, [], dict.fromkeys(names, in_a_clause(error)))
        is_identified = [bool(fit.is_identified[design.columns(lever.name)].all()) for lever in asked]
        untold = [name for name, is_known in zip(names, is_identified, strict=True) if not is_known]
        reasons = {name: inseparable_because(name, untold) for name in untold}
        if not any(is_identified):
            return Fitted(None, [], reasons)
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
    ) -> Fitted:
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
        return Fitted(effects, levers, reasons, checks, tuple(free or ()), tilted, behind)

    def _few(
        self, model: ModelRows, design: Design, fit: CumulativeLogitFit, levers: list[Lever]
    ) -> tuple[ModelRows, CumulativeLogitFit]:
        """A model and its fit on the part of the rows on which its form is checked."""
        if self.known.part is None:
            return model, fit
        few = self.known.part.side_by_side(design, design.bases_of([lever.name for lever in levers]))
        return few, nearby(few, design, fit)


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
