"""The rungs: each lever alone, among its like, and within the same agent, hour and day; all on the same estimand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from cxfusion.errors import EstimationError
from cxfusion.estimators.absorb import project_on_groups
from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.estimators.effects import Effects, estimate_effects
from cxfusion.evidence.catalogue import MOMENTS, Lever
from cxfusion.evidence.design import Design, learn_basis

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import ibis.expr.types as ir

    from cxfusion.estimators.cumulative_logit import CumulativeLogitFit
    from cxfusion.evidence.sample import Sample
    from cxfusion.evidence.spec import LeverSpec

__all__ = ["RUNGS", "RungEstimate", "climb", "untestable_because"]

RUNGS: Final = ("raw", "adjusted", "within")
NO_VARIATION_BELOW: Final = 1e-6  # share of a lever's variance left within the groups


@dataclass(frozen=True)
class RungEstimate:
    """One lever on one rung: an estimate, or the reason why there is none.

    Attributes
    ----------
    lever : Lever
    rung : str
    reason : str or None
        Why the rung is not applicable; None where it is.
    step : float
        The step used; the one asked for where the rung is not applicable.
    estimate, std_error, conf_low, conf_high, p_value, local_estimate, remove_all : float or None
        In points of the outcome.
    n, n_clusters : int
        Responses and clusters used in this fit; 0 where not applicable.
    """

    lever: Lever
    rung: str
    reason: str | None
    step: float
    estimate: float | None = None
    std_error: float | None = None
    conf_low: float | None = None
    conf_high: float | None = None
    p_value: float | None = None
    local_estimate: float | None = None
    remove_all: float | None = None
    n: int = 0
    n_clusters: int = 0


def untestable_because(lever: Lever, sample: Sample, spec: LeverSpec) -> str | None:
    """Why nothing can be said about a lever in this sample; None where something can."""
    facts = sample.facts[lever.name]
    share = 1 - facts.n_known / sample.n
    if sample.n_clusters < spec.min_clusters:
        return (
            f"the responses come from {_few(sample.n_clusters, spec.cluster)}; at least {spec.min_clusters} are needed"
            " to know how sure an estimate is"
        )
    if share > spec.max_missing_share:
        return f"it is missing in {share:.1%} of the paired contacts; at most {spec.max_missing_share:.0%} may be"
    if facts.n_distinct < 2:
        return "it is the same for every paired contact, so there is nothing to compare"
    return None


def _few(n: int, column: str) -> str:
    noun = column.removesuffix("_id").replace("_", " ")
    return f"only {n} {noun}" + ("s" if n != 1 else "")


def climb(sample: Sample, spec: LeverSpec, levers: Sequence[Lever]) -> Iterator[RungEstimate]:
    """Every lever on every rung, moment by moment.

    Parameters
    ----------
    sample : Sample
    spec : LeverSpec
    levers : sequence of Lever
        Those that can be tested, and the givens they are held against.

    Yields
    ------
    RungEstimate
    """
    for i, moment in enumerate(MOMENTS):
        asked = [lever for lever in levers if lever.moment == moment and lever.role != "given"]
        beside = [lever for lever in levers if lever.moment in MOMENTS[: i + 1] and lever not in asked]
        beside = [lever for lever in beside if lever.role != "placebo"]
        if asked:
            yield from _climb_moment(sample, spec, asked, beside)


def _climb_moment(sample: Sample, spec: LeverSpec, asked: list[Lever], beside: list[Lever]) -> Iterator[RungEstimate]:
    """All rungs of the levers of one moment, on the same rows."""
    together = [*beside, *asked]
    bases = tuple(learn_basis(lever, sample.facts[lever.name]) for lever in together)
    rows = sample.rows.filter(*(sample.rows[lever.name].notnull() for lever in together))
    model = _Model(sample, rows, spec.conf_level)
    controls, groups = tuple(sample.controls.items()), tuple(sample.groups.items())
    for basis in bases[len(beside) :]:
        yield from model.estimate(Design((basis,)), "raw", [basis.lever])
    adjusted = Design(bases, controls)
    yield from model.estimate(adjusted, "adjusted", asked)
    yield from model.within(Design(bases, controls, groups), asked)


@dataclass(frozen=True)
class _Model:
    """Fits designs on some rows of a sample."""

    sample: Sample
    rows: ir.Table
    conf_level: float

    def within(self, design: Design, asked: list[Lever]) -> Iterator[RungEstimate]:
        """The design with projection columns; levers that do not vary within the groups are not applicable."""
        sweep = partial(self.sample.session.fold, self.rows)
        try:
            projection = project_on_groups(sweep, design.make_absorbed)
        except EstimationError as error:
            yield from (_not_applicable(lever, "within", error.message) for lever in asked)
            return
        varying = [
            lever for lever in asked if projection.residual_share[design.columns(lever.name)].max() > NO_VARIATION_BELOW
        ]
        reason = "it does not vary within the same agent, hour and day"
        yield from (_not_applicable(lever, "within", reason) for lever in asked if lever not in varying)
        yield from self.estimate(design.projected(projection), "within", varying)

    def estimate(self, design: Design, rung: str, asked: list[Lever]) -> Iterator[RungEstimate]:
        """One fit, and the effects of the levers that it identifies."""
        sweep = partial(self.sample.session.fold, self.rows)
        try:
            fit = fit_cumulative_logit(sweep, design.make_rows, len(self.sample.values))
        except EstimationError as error:
            yield from (_not_applicable(lever, rung, error.message) for lever in asked)
            return
        identified = [lever for lever in asked if fit.is_identified[design.columns(lever.name)].all()]
        reason = "it cannot be told apart from the other columns of the model"
        yield from (_not_applicable(lever, rung, reason) for lever in asked if lever not in identified)
        if identified:
            effects = self._effects(design, fit, [lever.name for lever in identified])
            yield from _rows_of(effects, identified, rung, self.conf_level)

    def _effects(self, design: Design, fit: CumulativeLogitFit, names: list[str]) -> Effects:
        return estimate_effects(
            partial(self.sample.session.fold, self.rows),
            design.make_rows,
            partial(design.make_levers, levers=names),
            design.terms(names),
            fit,
            self.sample.values,
            self.sample.n_clusters,
        )


def _not_applicable(lever: Lever, rung: str, reason: str) -> RungEstimate:
    return RungEstimate(lever, rung, reason, lever.step)


def _rows_of(effects: Effects, levers: list[Lever], rung: str, conf_level: float) -> Iterator[RungEstimate]:
    low, high = effects.interval(conf_level)
    for j, lever in enumerate(levers):
        found = RungEstimate(
            lever=lever,
            rung=rung,
            reason=None,
            step=float(effects.step[j]),
            estimate=float(effects.estimate[j]),
            std_error=float(effects.std_error[j]),
            conf_low=float(low[j]),
            conf_high=float(high[j]),
            p_value=float(effects.p_value[j]),
            local_estimate=float(effects.local_estimate[j]),
            remove_all=float(effects.remove_all[j]),
            n=effects.n,
            n_clusters=effects.n_clusters,
        )
        numbers = (found.step, found.estimate, found.conf_low, found.conf_high, found.p_value, found.remove_all)
        is_finite = all(number is not None and np.isfinite(number) for number in numbers)
        yield found if is_finite else _not_applicable(lever, rung, "the model gives no finite estimate for it")
