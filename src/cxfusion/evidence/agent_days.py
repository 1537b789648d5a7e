"""Whether agents change while the log is written: then only contacts of the same days of an agent are compared.

An agent has bad days: talks are long and scores are low, and talk seems to do what the bad day does. New agents become
faster and better at once, and talk seems to do what a lack of practice does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from cxfusion.errors import EstimationError, TooFewResponsesError
from cxfusion.estimators.joint_tests import JointTest, joint_test
from cxfusion.estimators.least_squares import fit_least_squares
from cxfusion.estimators.moments import gather_moments
from cxfusion.estimators.robust import cluster_scores
from cxfusion.estimators.within import within_groups
from cxfusion.evidence.catalogue import MOMENTS
from cxfusion.evidence.checks import REJECTED_BELOW, SHARE_OF_ERROR, SHARE_OF_SMALLEST, Check
from cxfusion.evidence.coding import AGENT_DAYS
from cxfusion.evidence.design import Design, learn_basis
from cxfusion.evidence.linear import LinearDesign
from cxfusion.evidence.testable import untestable_because
from cxfusion.results.labels import lever_label

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.least_squares import LeastSquaresFit
    from cxfusion.estimators.moments import LinearRows
    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.coding import Coding
    from cxfusion.evidence.sample import Sample
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.fold import Sweep

__all__ = ["SAME_DAYS", "compared_over_time", "notes_on_days"]

SAME_DAYS: Final = "same_days"
NO_AGENTS: Final = "the log names no agents"
TOO_FEW: Final = "each agent has too few answers to compare those of the same days"
ALIKE: Final = "it does not vary within the same days of an agent"


def compared_over_time(sample: Sample, spec: LeverSpec, levers: Sequence[Lever]) -> tuple[Sample, list[Check]]:
    """The sample, whose contacts are compared within the same days of an agent where that matters; and the checks.

    Each lever's slope in the linear model is compared within agents and within the same days of agents. Where the two
    differ for one of them (p below 0.01, over the number of levers) by more than a quarter of the slope's error and a
    tenth of the smallest effect that matters, agents changed, and their days are held equal for all levers. No lever is
    lost by it: where one does not vary within the days of an agent, agents are compared as before.

    Parameters
    ----------
    sample : Sample
    spec : LeverSpec
    levers : sequence of Lever
        Those that the log has.

    Returns
    -------
    (Sample, list of Check)
        A check for each lever that may be changed.

    References
    ----------
    Hausman (1978), Econometrica 46, 1251–1271, for the comparison; its error is clustered by agent.
    """
    used = [lever for lever in levers if lever.moment != MOMENTS[-1] and lever.role != "placebo"]
    used = [lever for lever in used if untestable_because(lever, sample, spec) is None]
    asked = [lever for lever in used if lever.role != "given"]
    if sample.coding.agent_days is None or not asked:
        reason = TOO_FEW if sample.coding.agents else NO_AGENTS
        return sample, [Check(lever, SAME_DAYS, None, reason=reason) for lever in asked]
    try:
        found = _compared(sample, used)
    except (TooFewResponsesError, EstimationError):
        return sample, [Check(lever, SAME_DAYS, None, reason=TOO_FEW) for lever in asked]
    level = REJECTED_BELOW / len(asked)
    is_held = all(one.is_told for one in found) and any(one.matters(sample, level) for one in found)
    checks = [one.check(is_held) for one in found]
    return (replace(sample, coding=sample.coding.by_days()) if is_held else sample), checks


def notes_on_days(coding: Coding, checks: Sequence[Check]) -> Iterator[str]:
    """A sentence, where contacts are compared within the same days of an agent."""
    held = [check for check in checks if check.check == SAME_DAYS and check.is_freed]
    if held and coding.agent_days is not None:
        most = max(held, key=lambda check: check.test.statistic if check.test else 0.0)
        days = coding.agent_days.days
        at_once = f" ({days} at a time)" if days > 1 else ""
        yield (
            f"Agents have good and bad days, or change: {lever_label(most.lever.name)} looks different within the same"
            f" days of an agent{at_once} than within all contacts of one. So only contacts of the same days of an agent"
            " are compared."
        )


@dataclass(frozen=True)
class _Comparison:
    """A step of a lever within agents, and by how much it moves within the same days of agents.

    ``test`` is None where one of the two does not tell.
    """

    lever: Lever
    std_error: float
    shift: float
    test: JointTest | None

    @property
    def is_told(self) -> bool:
        return self.test is not None

    def matters(self, sample: Sample, level: float) -> bool:
        """Whether what is compared makes a difference."""
        least = max(SHARE_OF_ERROR * self.std_error, SHARE_OF_SMALLEST * sample.smallest_for(self.lever))
        return self.test is not None and self.test.p_value < level and abs(self.shift) > least

    def check(self, is_held: bool) -> Check:
        if self.test is None:
            return Check(self.lever, SAME_DAYS, None, reason=ALIKE)
        return Check(self.lever, SAME_DAYS, self.test, self.shift, is_held)


def _compared(sample: Sample, levers: Sequence[Lever]) -> list[_Comparison]:
    """Every lever that may be changed, beside those of its moment and of earlier ones."""
    linear = _linear(sample, levers)
    sweep = sample.session.sweep(sample.part_of(sample.rows_that_tell([lever.name for lever in levers])))
    moments = gather_moments(sweep, linear.rows)
    names = linear.groupings
    both = [
        within_groups(moments, [place for place, name in enumerate(names) if name != left_out])
        for left_out in (AGENT_DAYS, sample.coding.agents)
    ]
    found = []
    for i, moment in enumerate(MOMENTS[:-1]):
        beside = [lever for lever in levers if lever.moment in MOMENTS[: i + 1]]
        asked = [lever for lever in beside if lever.moment == moment and lever.role != "given"]
        if asked:
            on = [linear.places(lever.name)[0] for lever in beside]
            coarse, fine = (fit_least_squares(within, 0, on) for within in both)
            parts = _influence(sweep, linear, (coarse, fine), sample.coding.n_clusters)
            for lever in asked:
                by_step = _step(sample, lever) * linear.per_unit(lever.name)
                found.append(_comparison(lever, beside.index(lever), (coarse, fine), parts, by_step))
    return found


def _linear(sample: Sample, levers: Sequence[Lever]) -> LinearDesign:
    """Straight levers, with both agents and their days among the groups."""
    coding = sample.coding
    lines = tuple(learn_basis(lever, sample.facts[lever.name]).straight() for lever in levers)
    n_groups = coding.agent_days.n if coding.agent_days else 0
    groups = (*coding.groups.items(), (AGENT_DAYS, n_groups))
    return LinearDesign(Design(lines, tuple(coding.controls.items()), groups), sample.values)


def _step(sample: Sample, lever: Lever) -> float:
    """No larger than the lever's mean, as on the ladder."""
    return float(np.sign(lever.step)) * min(abs(lever.step), sample.facts[lever.name].mean)


def _influence(
    sweep: Sweep, linear: LinearDesign, fits: Sequence[LeastSquaresFit], n_clusters: int
) -> list[NDArray[np.float64]]:
    """Each agent's part in the errors of each fit's slopes, shape (n_clusters, p)."""

    def scores(batch: pa.RecordBatch) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        rows = linear.rows(batch)
        return np.hstack([_slope_scores(fit, rows) for fit in fits]), rows.cluster

    width = sum(len(fit.regressors) for fit in fits)
    return np.split(cluster_scores(sweep, scores, width, n_clusters), len(fits), axis=1)


def _slope_scores(fit: LeastSquaresFit, rows: LinearRows) -> NDArray[np.float64]:
    columns = fit.within.residuals(rows)
    left = rows.weight * (columns @ fit.contrast)
    return np.asarray((columns[:, list(fit.regressors)] * left[:, None]) @ fit.inverse.matrix)


def _comparison(
    lever: Lever,
    place: int,
    fits: tuple[LeastSquaresFit, LeastSquaresFit],
    parts: Sequence[NDArray[np.float64]],
    by_step: float,
) -> _Comparison:
    coarse, fine = fits
    if not (coarse.is_identified[place] and fine.is_identified[place]):
        return _Comparison(lever, 0.0, 0.0, None)
    by_step_of_few = by_step * np.sqrt(coarse.n / coarse.dof)  # hours and days of queues take from what is left, too
    moved = (parts[1] - parts[0])[:, [place]] * by_step_of_few
    shift = float(fine.coefficients[place] - coarse.coefficients[place]) * by_step
    std_error = float(np.linalg.norm(parts[0][:, place])) * abs(by_step_of_few)
    return _Comparison(lever, std_error, shift, joint_test(np.array([shift]), moved))
