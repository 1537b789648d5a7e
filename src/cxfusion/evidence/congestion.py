"""The congestion rung: the part of a wait that others' waits in the same quarter of an hour account for.

How crowded a queue happens to be, beyond its usual hour and that day, is nobody's choice and no property of the case.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from cxfusion.errors import EstimationError, TooFewResponsesError
from cxfusion.estimators.instruments import TwoStageFit, fit_two_stage
from cxfusion.estimators.least_squares import fit_least_squares
from cxfusion.estimators.moments import LinearRows, gather_moments
from cxfusion.estimators.within import Within, within_groups
from cxfusion.evidence.coding import CLUSTER
from cxfusion.evidence.columns import numbers_of
from cxfusion.evidence.design import Design, learn_basis
from cxfusion.evidence.ladder import RungEstimate
from cxfusion.evidence.linear import LinearDesign, rung_of_slope
from cxfusion.evidence.surroundings import AGENT_LOAD, CROWD, SLOT, WAIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.design import Basis
    from cxfusion.evidence.ladder import Ladder
    from cxfusion.evidence.sample import Sample
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.fold import Sweep

__all__ = ["RUNG", "congestion_rung", "weakness_of"]

RUNG: Final = "congestion"
NOT_APART: Final = "how long others waited does not vary beyond the hour and the day, or does not go with the own wait"
PARTS_NOT_TOLD: Final = "Others' waits do not tell the parts of the wait apart. Expected more crowded quarters."
LEAST_QUARTERS: Final = 4
"""Of a queue and date, on average. In one quarter alone, others' mean says nothing but what the own wait leaves."""
NOT_BEFORE: Final = "waiting is not taken as something before the contact"
ONE_MOMENT: Final = "the contacts of a day fall into too few quarters of an hour"
TOO_FEW: Final = "too few contacts tell both how long others waited just then and how busy their agent had been"


def congestion_rung(sample: Sample, spec: LeverSpec, levers: Sequence[Lever], ladder: Ladder) -> RungEstimate | None:
    """What waiting does, read off quarters of an hour more crowded than usual; None where no wait is asked about.

    Two-stage least squares of the score on the wait's own basis, so that the slope is that of the estimand. Instruments
    are the same basis at the mean wait of all other contacts of the queue in the same quarter of an hour. Held fixed
    are queue × hour of the week, queue × date, agent, case mix, the other levers from before the contact, and how much
    work the agent had begun in the hour before (and its square), so that a hurried agent does not pass for a long wait.
    Clustered by queue × quarter of an hour. The same equation by plain least squares stands beside it
    (``unassigned``), so that what the design says can be compared with adjustment on one curve and the same rows.

    Parameters
    ----------
    sample : Sample
    spec : LeverSpec
    levers : sequence of Lever
        Those that can be tested.
    ladder : Ladder
        The other rungs, whose step is used.

    Notes
    -----
    With basis b and mean slopes c = E[w·L·b′(L)]/E[w·L], the estimand per unit is θ = β·c. As β·b(L) = (θ/c₁)·b₁(L) +
    β₂·(b₂(L) − (c₂/c₁)·b₁(L)), it is a coefficient of the model itself, and its strength is the conditional F of
    Sanderson & Windmeijer. c counts as known.

    References
    ----------
    Angrist, Graddy & Imbens (2000), Review of Economic Studies 67, 499–527, for what a straight slope would average
    over; Sanderson & Windmeijer (2016), Journal of Econometrics 190, 212–221.
    """
    lever = next((lever for lever in levers if lever.name == WAIT and lever.role != "given"), None)
    if lever is None:
        return None
    step = ladder.step_of(lever)
    found = _fit(sample, spec, levers, lever)
    if isinstance(found, str):
        return RungEstimate(lever, RUNG, found, step)
    fit, per_unit, plain = found
    weak = weakness_of(fit, spec.min_effective_f, "others' waits in the same quarter of an hour")
    if weak is not None:
        return RungEstimate(lever, RUNG, weak, step)
    slope = (fit.estimate * per_unit, fit.std_error * abs(per_unit))
    rung = rung_of_slope(lever, RUNG, step, slope, (fit.n, fit.dof + 1, fit.dof), spec.conf_level)
    return replace(rung, unassigned=plain * step)


def _fit(
    sample: Sample, spec: LeverSpec, levers: Sequence[Lever], lever: Lever
) -> tuple[TwoStageFit, float, float] | str:
    """The fit, what turns its slope into points per second, and these without the design; or why there is none."""
    if lever.moment != "before":
        return NOT_BEFORE
    if sample.n_slots < LEAST_QUARTERS * sample.coding.groups["group_date"]:
        return ONE_MOMENT
    before = [one for one in levers if one.moment == "before" and one.role != "placebo"]
    needed = [CROWD, AGENT_LOAD, *(one.name for one in before)]
    read = dict.fromkeys(["y", "weight", CLUSTER, SLOT, *needed, *sample.coding.controls, *sample.coding.groups])
    known = sample.rows.filter(*(sample.rows[name].notnull() for name in needed))
    sweep = sample.session.sweep(known.select(*read))
    try:
        return _crowding(sample, before).fit(sweep, sample.n_slots, spec.conf_level)
    except TooFewResponsesError:
        return TOO_FEW
    except EstimationError:
        return NOT_APART


def _crowding(sample: Sample, before: Sequence[Lever]) -> _Crowding:
    bases = [learn_basis(one, sample.facts[one.name], few_knots=True) for one in before]
    own = next(basis for basis in bases if basis.lever.name == WAIT)
    straight = (own, *(basis.straight() for basis in bases if basis is not own))
    return _Crowding(LinearDesign(Design.within(straight, sample.coding), sample.values), own)


@dataclass(frozen=True)
class _Crowding:
    """Columns: score, the wait's basis, other levers, the basis at others' mean wait, L·b′(L), the agent's load."""

    linear: LinearDesign
    basis: Basis

    def rows(self, batch: pa.RecordBatch) -> LinearRows:
        wait, hours = numbers_of(batch, WAIT), numbers_of(batch, AGENT_LOAD) / 3600
        by_level = wait[:, None] * self.basis.rows(wait).slope
        crowd = self.basis.value(numbers_of(batch, CROWD))
        return self.linear.rows(batch, np.column_stack([crowd, by_level, wait, hours, hours**2]), SLOT)

    def fit(self, sweep: Sweep, n_slots: int, conf_level: float) -> tuple[TwoStageFit, float, float]:
        """The fit, from its slope to points of the outcome per second, and these by plain least squares."""
        within = within_groups(gather_moments(sweep, self.rows))
        k, first = self.basis.width, self.linear.width
        own, others = self.linear.places(WAIT), range(1 + self.basis.width, self.linear.width)
        instruments = range(first, first + k)
        mean, after = within.moments.mean, first + 2 * k
        slopes = mean[first + k : after] / mean[after]  # c: the mean slopes of the basis, by level
        controls = (*others, after + 1, after + 2)
        turned = _turned(within, own, tuple(instruments), controls, slopes)
        width = len(controls) + 3

        def make_rows(batch: pa.RecordBatch) -> LinearRows:
            rows = self.rows(batch)
            return replace(rows, columns=rows.columns @ turned)

        fit = fit_two_stage(
            sweep, make_rows, _combined(within, turned), 0, 1, [2], range(3, width), n_slots, conf_level
        )
        plain = fit_least_squares(within, 0, (*own, *controls)).coefficients[:k]
        return fit, float(slopes[0]), float(plain @ slopes)


def _combined(within: Within, turned: NDArray[np.float64]) -> Within:
    """The same for linear combinations of the columns, shape (m, k)."""
    moments = replace(
        within.moments,
        mean=within.moments.mean @ turned,
        scatter=turned.T @ within.moments.scatter @ turned,
        group_scatter=within.moments.group_scatter @ turned,
    )
    return Within(
        moments,
        within.system,
        turned.T @ within.scatter @ turned,
        within.group_effects @ turned,
        within.constant @ turned,
    )


def _turned(
    within: Within,
    own: tuple[int, ...],
    instruments: tuple[int, ...],
    controls: tuple[int, ...],
    slopes: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Columns to outcome, lever, instrument and controls, such that the lever's coefficient times c₁ is the estimand.

    With one basis column these are the columns themselves. With two, the second is turned until only the first carries
    the estimand, and is then partialled out: from the instruments, from the lever (Sanderson & Windmeijer), and, with
    its own coefficient, from the outcome.
    """
    m = len(within.moments.mean)
    unit = np.eye(m)
    if len(own) == 1:
        return unit[:, [0, own[0], instruments[0], *controls]]
    rest = unit[:, own[1]] - slopes[1] / slopes[0] * unit[:, own[0]]
    cleared = [fit_least_squares(within, place, controls).contrast for place in instruments]
    z = np.column_stack(cleared)
    left = within.scatter
    with_rest = z.T @ left @ rest
    among = z.T @ left @ z
    if np.linalg.matrix_rank(among, hermitian=True) < len(own) or not with_rest.any():
        raise EstimationError(PARTS_NOT_TOLD)
    inverse = np.linalg.inv(among)
    hidden = float(with_rest @ inverse @ (z.T @ left @ unit[:, own[0]]) / (with_rest @ inverse @ with_rest))
    instrument = z @ np.array([with_rest[1], -with_rest[0]])
    size = float(instrument @ left @ instrument)
    if not size > 0:  # nothing but rounding is left of it
        raise EstimationError(PARTS_NOT_TOLD)
    both = np.linalg.solve(z.T @ left @ np.column_stack([unit[:, own[0]], rest]), z.T @ left[:, 0])
    lever = unit[:, own[0]] - hidden * rest
    outcome = unit[:, 0] - (both[1] + both[0] * hidden) * rest
    return np.column_stack([outcome, lever, instrument / np.sqrt(size), unit[:, list(controls)]])


def weakness_of(fit: TwoStageFit, least: float, what: str) -> str | None:
    """Why an instrumental fit must not be shown as a number; None where it may."""
    if not fit.effective_f >= least:
        return f"{what} tell too little of the lever (effective F {fit.effective_f:.1f}, at least {least:g} is needed)"
    if fit.anderson_rubin.is_empty:
        return "no effect of any size fits both the lever and the scores (the Anderson–Rubin set is empty)"
    if not fit.anderson_rubin.is_bounded:
        return "effects of any size fit (the Anderson–Rubin set is unbounded)"
    return None
