"""The experiment rung: a trial that the log marks, as an instrument for the lever that it changed.

What was assigned by chance, and what that did to the lever, is read from the log; the survey then gives the effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from cxfusion.errors import EstimationError, TooFewResponsesError
from cxfusion.estimators.instruments import fit_two_stage
from cxfusion.estimators.jive import STRONG_FROM, fit_ujive, many_strength
from cxfusion.estimators.moments import Block, LinearRows, gather_moments
from cxfusion.estimators.rows import Indicators
from cxfusion.estimators.within import within_groups
from cxfusion.evidence.coding import AGENT_GROUP
from cxfusion.evidence.columns import numbers_of
from cxfusion.evidence.congestion import weakness_of
from cxfusion.evidence.ladder import RungEstimate
from cxfusion.evidence.linear import rung_of_slope
from cxfusion.evidence.trials import ARM, CELL, UNIT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import ibis.expr.types as ir
    import pyarrow as pa

    from cxfusion.engine import Session
    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.ladder import Ladder
    from cxfusion.evidence.sample import Sample
    from cxfusion.evidence.spec import Experiment, LeverSpec
    from cxfusion.fold import Sweep

__all__ = ["RUNG", "experiment_rungs"]

RUNG: Final = "experiment"
QUEUE: Final = "control_queue"
MANY: Final = 10
"""Arms; with more, two-stage least squares would lean towards the naive estimate, and the jackknife is used."""
FEWEST_UNITS: Final = 4
"""In each of two arms: how units differ by themselves is read off the units of an arm, and one or two hardly tell. With
three in each, chance alone gives the most extreme division one time in ten (Hayes & Moulton 2017, *Cluster Randomised
Trials*)."""


def experiment_rungs(
    sample: Sample, spec: LeverSpec, levers: Sequence[Lever], ladder: Ladder
) -> Iterator[RungEstimate]:
    """The effect of each lever that a trial of the spec changed.

    The arms are instruments for the lever: two-stage least squares for a few of them, the unbiased jackknife (UJIVE)
    for many. Contacts outside the trial are left out. Arms that followed each other, one for all until a day and the
    other from then on, are no trial: time decided, not chance. The slope is that of the contacts whose lever the trial
    changed (Imbens & Angrist); where it changes the lever in proportion, that is the estimand of the other rungs.

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
    Imbens & Angrist (1994), Econometrica 62, 467–475; Kolesár (2013); Mikusheva & Sun (2022), Review of Economic
    Studies 89, 2663–2686, for strength with many instruments.
    """
    by_name = {lever.name: lever for lever in levers}
    for i, experiment in enumerate(spec.experiments):
        lever = by_name.get(experiment.lever)
        if lever is None:
            continue
        step = ladder.step_of(lever)
        trial = _trial(sample, experiment, lever, i)
        found = trial.read_off(spec)
        if isinstance(found, str):
            yield RungEstimate(lever, RUNG, found, step)
        else:
            sizes = (found.n, trial.n_clusters, trial.degrees)
            yield rung_of_slope(lever, RUNG, step, (found.slope, found.std_error), sizes, spec.conf_level)


def _trial(sample: Sample, experiment: Experiment, lever: Lever, i: int) -> _Trial:
    rows = sample.rows.filter(sample.rows[f"{ARM}_{i}"].notnull(), sample.rows[lever.name].notnull())
    if QUEUE in rows.columns:
        rows = rows.mutate(**{QUEUE: rows[QUEUE] + 1})  # −1 is the largest queue
    rows = sample.session.materialize(rows)
    arm, session = rows[f"{ARM}_{i}"], sample.session
    cluster = f"{UNIT}_{i}" if experiment.unit else _assigned_whole(session, rows, i)
    facts = {"arms": arm.max(), "seen": arm.nunique(), "cells": rows[f"{CELL}_{i}"].max()}
    facts |= {"last": rows[cluster].max(), "clusters": rows[cluster].nunique()}
    when = {"first": rows["date"].min(), "last": rows["date"].max()}
    by_arm = session.collect(rows.group_by(f"{ARM}_{i}").aggregate(units=rows[cluster].nunique(), **when)).to_pylist()
    found = session.collect(rows.aggregate(**facts)).to_pylist()[0]
    return _Trial(
        sweep=session.sweep(rows),
        values=sample.values,
        lever=lever.name,
        codes=(f"{ARM}_{i}", f"{CELL}_{i}", cluster),
        widths=(int(found["arms"] or 0) + 1, int(found["cells"] or 0) + 1, int(found["last"] or 0) + 1),
        n_arms=int(found["seen"]),
        n_clusters=int(found["clusters"]),
        fewest_units=min((one["units"] for one in by_arm), default=0),
        is_in_turn=_followed_each_other([(one["first"], one["last"]) for one in by_arm]),
    )


def _followed_each_other(spans: list[tuple[int, int]]) -> bool:
    """Whether each of several arms began, at the earliest, on the last day of the one before."""
    spans = sorted(spans)
    return len(spans) > 1 and all(one[1] <= other[0] for one, other in pairwise(spans))


def _assigned_whole(session: Session, rows: ir.Table, i: int) -> str:
    """The widest unit in which no two arms occur: queues, days of the site, days of a queue, else the agents.

    Where all queues change arms together, their answers of a day share the day's mood, and are no separate proofs.
    """
    for unit in (QUEUE, f"{UNIT}_{i}", "group_date"):
        if unit in rows.columns:
            arms = rows.group_by(unit).aggregate(arms=rows[f"{ARM}_{i}"].nunique())
            if session.collect(arms.aggregate(most=arms["arms"].max()))["most"][0].as_py() == 1:
                return unit
    return AGENT_GROUP if AGENT_GROUP in rows.columns else "cluster"


@dataclass(frozen=True)
class _Slope:
    slope: float
    std_error: float
    n: int


@dataclass(frozen=True)
class _Trial:
    """Rows in the trial: score and lever, with arm, cell and cluster as codes."""

    sweep: Sweep
    values: tuple[float, ...]
    lever: str
    codes: tuple[str, str, str]
    widths: tuple[int, int, int]
    n_arms: int
    n_clusters: int
    fewest_units: int  # of an arm
    is_in_turn: bool

    @property
    def degrees(self) -> int:
        """Of freedom of Student's t: units less one, of two arms those of the arm with fewer (Welch's least).

        What the few units of one arm differ by themselves, the many of the other do not tell.
        """
        return (min(self.fewest_units, self.n_clusters) if self.n_arms == 2 else self.n_clusters) - 1

    def read_off(self, spec: LeverSpec) -> _Slope | str:
        """Points of the outcome per unit of the lever, or why there is no such number."""
        if self.n_arms < 2:
            return f"the trial has {self.n_arms} arm with answers; at least 2 are needed to compare"
        if self.is_in_turn:
            return (
                "its arms followed each other, so that whatever else changed in between looks like the trial; read_out"
                " compares before and after with those who did not change"
            )
        if self.n_clusters < spec.min_clusters:
            return f"only {self.n_clusters} units were assigned as a whole; at least {spec.min_clusters} are needed"
        if self.n_arms == 2 and self.fewest_units < FEWEST_UNITS:
            return (
                f"one of its two arms was given to {self.fewest_units} of the units; at least {FEWEST_UNITS} are needed"
            )
        try:
            return self._few(spec) if self.n_arms <= MANY else self._many()
        except (EstimationError, TooFewResponsesError):
            return "the arms of the trial do not differ in the lever, or only as the cells they were drawn in do"

    def _few(self, spec: LeverSpec) -> _Slope | str:
        within = within_groups(gather_moments(self.sweep, self._rows))
        seen = np.flatnonzero(np.diag(within.scatter)[2:] > 0)
        used = [2 + int(arm) for arm in seen[1:]]  # arms sum to one: the first is implied
        fit = fit_two_stage(self.sweep, self._rows, within, 0, 1, used, (), self.widths[2], spec.conf_level)
        weak = weakness_of(fit, spec.min_effective_f, "the arms of the trial")
        return weak or _Slope(fit.estimate, fit.std_error, fit.n)

    def _rows(self, batch: pa.RecordBatch) -> LinearRows:
        """Score, lever and one column per arm, with the cells as groups."""
        rows = self._grouped(batch)
        arms = np.equal.outer(rows.groups.codes[:, 0], np.arange(self.widths[0])).astype(float)
        cells = Indicators(rows.groups.codes[:, 1:], self.widths[1:2])
        return LinearRows(np.column_stack([rows.columns, arms]), cells, rows.weight, rows.cluster)

    def _many(self) -> _Slope | str:
        moments = gather_moments(self.sweep, self._grouped)
        arms, cells = Block(groupings=(0,)), Block(groupings=(1,))
        strength = many_strength(moments, 1, 0, (1,))
        if not strength >= STRONG_FROM:
            return (
                f"the many arms of the trial tell too little of the lever (strength {strength:.1f}, at least"
                f" {STRONG_FROM} is needed)"
            )
        fit = fit_ujive(self.sweep, self._grouped, moments, 0, 1, arms, cells, self.widths[2])
        return _Slope(fit.estimate, fit.std_error, fit.n)

    def _grouped(self, batch: pa.RecordBatch) -> LinearRows:
        """Score and lever, with arms and cells as groups."""
        arm, cell, cluster = (numbers_of(batch, name).astype(np.int64) for name in self.codes)
        score = np.asarray(self.values)[numbers_of(batch, "y").astype(np.int64)]
        groups = Indicators(np.column_stack([arm, cell]), self.widths[:2])
        return LinearRows(
            np.column_stack([score, numbers_of(batch, self.lever)]), groups, numbers_of(batch, "weight"), cluster
        )
