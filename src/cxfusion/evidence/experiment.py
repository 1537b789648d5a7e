"""The experiment rung: a trial that the log marks, as an instrument for the lever that it changed.

What was assigned by chance, and what that did to the lever, is read from the log; the survey then gives the effect.
"""

from __future__ import annotations

from dataclasses import dataclass
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
from cxfusion.evidence.timetable import Sizes, Timetable, Units
from cxfusion.evidence.trials import ARM, CELL, UNIT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import ibis.expr.types as ir
    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.engine import Session
    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.ladder import Ladder
    from cxfusion.evidence.sample import Sample
    from cxfusion.evidence.spec import Experiment, LeverSpec
    from cxfusion.fold import Sweep

__all__ = ["RUNG", "experiment_rungs"]

RUNG: Final = "experiment"
QUEUE: Final = "control_queue"
REPEATED_BELOW: Final = 1e-8  # share of an arm that the arms before it leave
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
            sizes = (found.n, trial.sizes.n, trial.degrees)
            slope = (found.slope, found.std_error * trial.widening)
            yield rung_of_slope(lever, RUNG, step, slope, sizes, spec.conf_level)


def _trial(sample: Sample, experiment: Experiment, lever: Lever, i: int) -> _Trial:
    arm, cell = f"{ARM}_{i}", f"{CELL}_{i}"
    rows = sample.rows.filter(sample.rows[arm].notnull(), sample.rows[lever.name].notnull())
    place = QUEUE if QUEUE in rows.columns else None
    if place is not None:
        rows = rows.mutate(**{place: rows[place] + 1})  # −1 is the largest queue
    rows = sample.session.materialize(rows)
    timetable = Timetable.of(sample.session, rows, arm, place)
    unit = _unit_of(rows, timetable, f"{UNIT}_{i}" if experiment.unit else None)
    widest = sample.session.collect(rows.aggregate(arm=rows[arm].max(), cell=rows[cell].max()))
    return _Trial(
        sweep=sample.session.sweep(rows),
        values=sample.values,
        lever=lever.name,
        codes=(arm, cell),
        widths=(int(widest["arm"][0].as_py() or 0) + 1, int(widest["cell"][0].as_py() or 0) + 1),
        timetable=timetable,
        unit=unit,
        sizes=unit if isinstance(unit, Units) else _sizes(sample.session, rows, unit, arm),
    )


def _unit_of(rows: ir.Table, timetable: Timetable, named: str | None) -> str | Units:
    """What was assigned as a whole: what the trial names, queues or days, else the agents."""
    if named is not None or not timetable.n_arms:
        return named or "cluster"
    return timetable.units or (AGENT_GROUP if AGENT_GROUP in rows.columns else "cluster")


def _sizes(session: Session, rows: ir.Table, unit: str, arm: str) -> Sizes:
    code = rows[unit]
    by_unit = rows.group_by(unit=code).aggregate(days=rows["date"].max() - rows["date"].min())
    facts = {"n": by_unit.count(), "last": by_unit["unit"].max(), "longest": by_unit["days"].max()}
    every = session.collect(by_unit.aggregate(**facts)).to_pylist()[0]
    by_arm = session.collect(rows.group_by(arm).aggregate(n=code.nunique()))["n"].to_numpy()
    fewest = int(by_arm.min(initial=every["n"]))
    return Sizes(int(every["n"]), fewest, int(every["last"] or 0) + 1, int(every["longest"] or 0))


@dataclass(frozen=True)
class _Slope:
    slope: float
    std_error: float
    n: int


@dataclass(frozen=True)
class _Trial:
    """Rows in the trial: score and lever, with arm and cell as codes, and what of them was assigned as a whole."""

    sweep: Sweep
    values: tuple[float, ...]
    lever: str
    codes: tuple[str, str]
    widths: tuple[int, int]
    timetable: Timetable
    unit: str | Units
    sizes: Sizes

    @property
    def degrees(self) -> int:
        """Of freedom of Student's t: units less one, of two arms those of the arm with fewer (Welch's least).

        What the few units of one arm differ by themselves, the many of the other do not tell.
        """
        n, fewest = self.n_telling, self.sizes.fewest
        return (min(fewest, n) if self.timetable.n_arms == 2 else n) - 1

    @property
    def n_telling(self) -> int:
        """Units, less those that the calendar takes."""
        return self.sizes.n - self.timetable.spent_on(self.sizes)

    @property
    def widening(self) -> float:
        """Of the standard error, whose own correction counts answers and not units."""
        return float(np.sqrt((self.sizes.n - 1) / (self.n_telling - 1)))

    def read_off(self, spec: LeverSpec) -> _Slope | str:
        """Points of the outcome per unit of the lever, or why there is no such number."""
        reason = self._reason(spec.min_clusters)
        if reason is not None:
            return reason
        try:
            return self._few(spec) if self.timetable.n_arms <= MANY else self._many()
        except (EstimationError, TooFewResponsesError):
            return "the arms of the trial do not differ in the lever, or only as the cells they were drawn in do"

    def _reason(self, min_clusters: int) -> str | None:
        """Why its arms cannot be compared, whatever they did to the lever; None where they can."""
        n_arms, sizes, left = self.timetable.n_arms, self.sizes, 2 * FEWEST_UNITS
        if n_arms < 2:
            return f"the trial has {n_arms} arm with answers; at least 2 are needed to compare"
        if self.timetable.is_in_turn:
            return (
                "its arms followed each other, so that whatever else changed in between looks like the trial; read_out"
                " compares before and after with those who did not change"
            )
        if sizes.n < min_clusters:
            return f"only {sizes.n} units were assigned as a whole; at least {min_clusters} are needed"
        if n_arms == 2 and sizes.fewest < FEWEST_UNITS:
            return f"one of its two arms was given to {sizes.fewest} of the units; at least {FEWEST_UNITS} are needed"
        if self.n_telling < left:
            return (
                f"only {max(self.n_telling, 0)} units are left to compare once the calendar is held equal; at least"
                f" {left} are needed"
            )
        return None

    @property
    def _controls(self) -> list[int]:
        """Columns of the curve over the days."""
        return list(range(2, 2 + self.timetable.calendar.n_columns))

    def _few(self, spec: LeverSpec) -> _Slope | str:
        within = within_groups(gather_moments(self.sweep, self._rows))
        first = 2 + len(self._controls)
        used = [first + arm for arm in _independent(within.scatter[first:, first:])]
        fit = fit_two_stage(
            self.sweep, self._rows, within, 0, 1, used, self._controls, self.sizes.width, spec.conf_level
        )
        weak = weakness_of(fit, spec.min_effective_f, "the arms of the trial")
        return weak or _Slope(fit.estimate, fit.std_error, fit.n)

    def _rows(self, batch: pa.RecordBatch) -> LinearRows:
        """Score, lever, the curve over the days and one column per arm, with cells and periods as groups."""
        rows = self._grouped(batch)
        arms = np.equal.outer(rows.groups.codes[:, 0], np.arange(self.widths[0])).astype(float)
        held = Indicators(rows.groups.codes[:, 1:], rows.groups.widths[1:])
        return LinearRows(np.column_stack([rows.columns, arms]), held, rows.weight, rows.cluster)

    def _many(self) -> _Slope | str:
        moments = gather_moments(self.sweep, self._grouped)
        arms, held = Block(groupings=(0,)), Block(tuple(self._controls), (1, 2))
        strength = many_strength(moments, 1, 0, held)
        if not strength >= STRONG_FROM:
            return (
                f"the many arms of the trial tell too little of the lever (strength {strength:.1f}, at least"
                f" {STRONG_FROM} is needed)"
            )
        fit = fit_ujive(self.sweep, self._grouped, moments, 0, 1, arms, held, self.sizes.width)
        return _Slope(fit.estimate, fit.std_error, fit.n)

    def _grouped(self, batch: pa.RecordBatch) -> LinearRows:
        """Score, lever and the curve over the days, with arms, cells and periods as groups."""
        arm, cell, day = (numbers_of(batch, name).astype(np.int64) for name in (*self.codes, "date"))
        calendar = self.timetable.calendar
        score = np.asarray(self.values)[numbers_of(batch, "y").astype(np.int64)]
        groups = np.column_stack([arm, cell, calendar.periods(day)])
        return LinearRows(
            np.column_stack([score, numbers_of(batch, self.lever), calendar.curve(day)]),
            Indicators(groups, (*self.widths, calendar.n_periods)),
            numbers_of(batch, "weight"),
            self._cluster(batch, day),
        )

    def _cluster(self, batch: pa.RecordBatch, day: NDArray[np.int64]) -> NDArray[np.int64]:
        if isinstance(self.unit, str):
            return numbers_of(batch, self.unit).astype(np.int64)
        place = numbers_of(batch, QUEUE).astype(np.int64) if self.timetable.has_places else np.zeros_like(day)
        return self.unit.of[place, day - self.timetable.calendar.first]


def _independent(scatter: NDArray[np.float64]) -> list[int]:
    """Arms that do not repeat those before them: with what is held equal, they sum to one, or some of them do."""
    kept: list[int] = []
    left = scatter.copy()
    for arm, own in enumerate(np.diag(scatter)):
        if left[arm, arm] > REPEATED_BELOW * own > 0:
            kept.append(arm)
            left = left - np.outer(left[:, arm], left[arm]) / left[arm, arm]
    return kept
