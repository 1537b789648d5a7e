"""What took the raw effect of a lever away, block by block and in no order (Gelbach), from the linear model.

What differs between queues counts as kind of case; hours are compared within a queue, days within its hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxfusion.errors import EstimationError, TooFewResponsesError
from cxfusion.estimators.decomposition import Part, parts_of_change
from cxfusion.estimators.least_squares import fit_least_squares
from cxfusion.evidence.coding import AGENT_DAYS, AGENT_GROUP, CLUSTER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy import sparse

    from cxfusion.estimators.least_squares import LeastSquaresFit
    from cxfusion.estimators.within import Within
    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.ladder import Ladder
    from cxfusion.evidence.linear import LinearDesign

__all__ = ["BLOCKS", "DECOMPOSITION_COLUMNS", "Breakdown", "break_down"]

BLOCKS: Final = ("case_mix", "hour", "day", "agent", "levers", "link")
DECOMPOSITION_COLUMNS: Final = ("outcome", "lever", "block", "estimate", "status", "reason")
HOUR, DAY, HOUR_CONTROL = "group_hour", "group_date", "control_hour_of_week"


@dataclass(frozen=True)
class Breakdown:
    """The way from a lever's raw effect to the within one.

    Attributes
    ----------
    lever : str
    parts : dict of str to float
        What each block took, in points of the outcome per step; with ``link``, what the curved model takes besides,
        they sum to raw − within.
    reason : str or None
        Why there are no parts; None where there are.
    """

    lever: str
    parts: dict[str, float]
    reason: str | None = None

    def rows(self, outcome: str) -> list[dict[str, Any]]:
        """One row per block, in ``DECOMPOSITION_COLUMNS``."""
        if self.reason is not None:
            nothing = {"estimate": None, "status": "not_applicable", "reason": self.reason}
            return [{"outcome": outcome, "lever": self.lever, "block": "all", **nothing}]
        return [
            {"outcome": outcome, "lever": self.lever, "block": block, "estimate": self.parts[block], "status": "ok"}
            for block in BLOCKS
            if block in self.parts
        ]


def break_down(
    within: Within, linear: LinearDesign, queue_of_hour: NDArray[np.int64], levers: Sequence[Lever], ladder: Ladder
) -> list[Breakdown]:
    """Break down what each lever of a moment lost between the raw and the within rung.

    Parameters
    ----------
    within : Within
        Moments of the linear design with all its groupings held fixed.
    linear : LinearDesign
        Straight bases.
    queue_of_hour : int array
        Queue of each queue × hour of the week.
    levers : sequence of Lever
    ladder : Ladder
        With both rungs.

    References
    ----------
    Gelbach (2016), "When do covariates matter? And which ones, and how much?", Journal of Labor Economics 34,
    509–543.
    """
    every = tuple(range(1, linear.width))
    try:
        after = fit_least_squares(within, 0, every)
    except TooFewResponsesError as error:
        return [Breakdown(lever.name, {}, error.message) for lever in levers]
    with_hour = within.moments.overlap[:, within.moments.positions([linear.groupings.index(HOUR)])]
    found = []
    for lever in levers:
        rungs = ladder.of(lever)
        raw, fair = rungs["raw"].estimate, rungs["within"].estimate
        (own,) = linear.places(lever.name)
        if raw is None or fair is None or not after.is_identified[own - 1]:
            found.append(Breakdown(lever.name, {}, "there is no raw or no within estimate"))
            continue
        scale = rungs["within"].step * linear.per_unit(lever.name)
        try:
            parts = _parts(after, linear, queue_of_hour, with_hour, own)
        except EstimationError:
            reason = "agents, hours and days repeat one another, so that their parts cannot be told apart"
            found.append(Breakdown(lever.name, {}, reason))
            continue
        steps = {block: part * scale for block, part in parts.items()}
        found.append(Breakdown(lever.name, {**steps, "link": raw - fair - sum(steps.values())}))
    return found


def _parts(
    after: LeastSquaresFit,
    linear: LinearDesign,
    queue_of_hour: NDArray[np.int64],
    with_hour: sparse.csr_array,
    own: int,
) -> dict[str, float]:
    """What each block took from the slope of one column; the blocks of the linear model sum exactly."""
    moments = after.within.moments
    alone, by_group = moments.scatter[own], moments.group_scatter[:, own]
    at = {name: moments.positions([i]) for i, name in enumerate(linear.groupings)}
    hour = at[HOUR]
    by_queue = np.bincount(queue_of_hour, by_group[hour]).astype(float)
    of_queue = np.bincount(queue_of_hour, moments.group_weight[hour]).astype(float)
    in_queue = _ratio(by_queue, of_queue)[queue_of_hour]
    in_hour = _ratio(by_group[hour], moments.group_weight[hour])
    queue_mean, hour_mean = with_hour @ in_queue, with_hour @ in_hour  # of any groups' effects, seen from the lever
    by_day = "agent" if AGENT_DAYS in at else "day"  # days of a queue repeat those of its agents
    of_agents = {CLUSTER: "agent", AGENT_GROUP: "agent", AGENT_DAYS: by_day}
    block_of = of_agents | {HOUR: "hour", DAY: by_day, HOUR_CONTROL: "hour"}
    block_of = {name: block for name, block in block_of.items() if name in at}
    blocks = {name: np.zeros_like(by_group) for name in block_of.values()} | {"case_mix": by_group.copy()}
    blocks["case_mix"][np.concatenate([at[name] for name in block_of])] = 0.0
    for name, block in block_of.items():
        if name in (DAY, AGENT_DAYS):
            blocks[block][at[name]] = (by_group - hour_mean)[at[name]]
            _share_out(blocks, "hour", at[name], hour_mean, queue_mean)
        else:
            _share_out(blocks, block, at[name], by_group, queue_mean)
    nothing = np.zeros_like(alone)
    parts = {name: Part(nothing, to_groups) for name, to_groups in blocks.items()}
    beside = alone.copy()
    beside[[0, own]] = 0.0
    if len(alone) > 2:
        parts["levers"] = Part(beside, np.zeros_like(by_group))
    taken = parts_of_change(after, parts, float(np.sqrt(alone[own])))
    return {name: value / float(alone[own]) for name, value in taken.items()}


def _share_out(
    blocks: dict[str, NDArray[np.float64]],
    block: str,
    groups: NDArray[np.intp],
    whole: NDArray[np.float64],
    queue_mean: NDArray[np.float64],
) -> None:
    """Give a block what its groups say within a queue, and the kind of case what their queue's mean says."""
    blocks[block][groups] += (whole - queue_mean)[groups]
    blocks["case_mix"][groups] += queue_mean[groups]


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
