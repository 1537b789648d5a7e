"""The between rung: agents compared with agents, by their own means over the whole log.

It is confounded by other things than the within rung: agents' skill instead of cases' difficulty. Where both disagree,
comparing agents' averages would mislead.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from cxfusion.errors import EstimationError, TooFewResponsesError
from cxfusion.estimators.least_squares import fit_least_squares, robust_covariance
from cxfusion.estimators.moments import LinearRows, gather_moments
from cxfusion.estimators.within import within_groups
from cxfusion.evidence.catalogue import MOMENTS, up_to
from cxfusion.evidence.coding import CLUSTER
from cxfusion.evidence.columns import numbers_of
from cxfusion.evidence.design import Design
from cxfusion.evidence.ladder import RungEstimate
from cxfusion.evidence.linear import LinearDesign, rung_of_slope
from cxfusion.evidence.surroundings import mean_of
from cxfusion.results.labels import lever_label

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.ladder import Ladder
    from cxfusion.evidence.sample import Sample
    from cxfusion.evidence.spec import LeverSpec

__all__ = ["RUNG", "between_rungs", "simpson_warnings"]

RUNG: Final = "between"
NOT_APART: Final = "agents do not differ in it, or it cannot be told apart from how they differ in other levers"
SAME: Final = 1e-4
"""Means no farther apart than this are the same: sums are taken in steps of a hundred-thousandth."""
FAR: Final = 2.58
"""Standard errors by which within and between must lie apart, and each from 0, before anyone is warned."""


def between_rungs(sample: Sample, spec: LeverSpec, levers: Sequence[Lever], ladder: Ladder) -> list[RungEstimate]:
    """The score's slope on agents' means of each lever, given case mix and hour of the week.

    Means are over all contacts that an agent answered, surveyed or not, so that few answers do not blur them. Least
    squares on the levers of one moment and those before, clustered by agent; errors have the degrees of freedom of a
    regression of agents on agents. The step is that of the other rungs.

    Parameters
    ----------
    sample : Sample
    spec : LeverSpec
    levers : sequence of Lever
        Those that can be tested.
    ladder : Ladder
        The other rungs, whose step is used.

    References
    ----------
    Donald & Lang (2007), Review of Economics and Statistics 89, 221–233.
    """
    found = []
    for moment in MOMENTS[:-1]:
        beside = [lever for lever in levers if lever.moment in up_to(moment) and lever.role != "placebo"]
        asked = [lever for lever in beside if lever.moment == moment and lever.role != "given"]
        if asked:
            found += list(_compared(sample, spec, asked, beside, ladder))
    return found


def _compared(
    sample: Sample, spec: LeverSpec, asked: Sequence[Lever], beside: Sequence[Lever], ladder: Ladder
) -> Iterator[RungEstimate]:
    found = _slopes(sample, spec, [mean_of(lever.name) for lever in beside])
    for lever in asked:
        step = ladder.step_of(lever)
        slope = found if isinstance(found, str) else found.by_lever[beside.index(lever)]
        if isinstance(found, str) or isinstance(slope, str):
            yield RungEstimate(lever, RUNG, str(slope), step)
        else:
            yield rung_of_slope(lever, RUNG, step, slope, found.sizes, spec.conf_level)


@dataclass(frozen=True)
class _Slopes:
    """Each lever's slope and its error, or why it has none; rows, agents and degrees of freedom."""

    by_lever: list[tuple[float, float] | str]
    sizes: tuple[int, int, int]


def _slopes(sample: Sample, spec: LeverSpec, names: Sequence[str]) -> _Slopes | str:
    """Slopes on agents' means; or why nobody can be compared."""
    if not set(names) <= set(sample.rows.columns):
        return f"the log has no {spec.cluster}, so nobody can be compared"
    known = sample.rows_that_tell(names)
    spreads = {name: known[name].max() - known[name].min() for name in names}
    who = sample.coding.agents or CLUSTER
    facts = sample.session.collect(known.aggregate(n=known[who].nunique(), **spreads)).to_pylist()[0]
    n_agents = int(facts["n"])
    if n_agents < spec.min_clusters + len(names):
        return f"only {n_agents} agents can be compared, in {len(names)} levers at once"
    read = dict.fromkeys(["y", "weight", CLUSTER, who, *names, *sample.coding.controls])
    sweep = sample.session.sweep(known.select(*read))
    linear = LinearDesign(Design((), tuple(sample.coding.controls.items())), sample.values)
    make_rows = partial(_rows, linear=linear, names=names, who=who)
    try:
        fit = fit_least_squares(within_groups(gather_moments(sweep, make_rows)), 0, range(1, 1 + len(names)))
    except (TooFewResponsesError, EstimationError) as error:
        return error.message
    degrees = n_agents - 1 - len(names)  # the regressors are agents' own, one value each
    scale = (n_agents - 1) / degrees
    errors = np.sqrt(scale * np.diag(robust_covariance(sweep, make_rows, fit, sample.coding.n_agents)))
    is_told = fit.is_identified & (np.array([facts[name] for name in names]) >= SAME)
    slopes = zip(fit.coefficients.tolist(), errors.tolist(), strict=True)
    told = [slope if is_one else NOT_APART for slope, is_one in zip(slopes, is_told, strict=True)]
    return _Slopes(told, (fit.n, n_agents, degrees))


def _rows(batch: pa.RecordBatch, linear: LinearDesign, names: Sequence[str], who: str) -> LinearRows:
    return linear.rows(batch, np.column_stack([numbers_of(batch, name) for name in names]), who)


def simpson_warnings(ladder: Ladder, levers: Sequence[Lever]) -> Iterator[str]:
    """One sentence per lever whose agents' averages point the other way than each agent's own contacts."""
    for lever in levers:
        rungs = ladder.of(lever)
        within, between = rungs.get("within"), rungs.get(RUNG)
        if within is None or between is None or within.estimate is None or between.estimate is None:
            continue
        ends = [(one.estimate or 0.0) / (one.std_error or np.inf) for one in (within, between)]
        if ends[0] * ends[1] < 0 and min(abs(end) for end in ends) > FAR:
            yield (
                f"{lever_label(lever.name)}: comparing agents' averages points the wrong way. Agents with less of it"
                f" have {_better(between, lever)} scores, but with one and the same agent less of it goes with"
                f" {_better(within, lever)} ones (Simpson's paradox)."
            )


def _better(rung: RungEstimate, lever: Lever) -> str:
    """What less of the lever goes with."""
    of_less = (rung.estimate or 0.0) * (-1 if lever.step > 0 else 1)
    return "higher" if of_less > 0 else "lower"
