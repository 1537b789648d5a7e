"""Does the within model hold for each lever: is it straight, does it push alike at every point, and not also spread?

Where a lever's odds are not proportional and that moves its effect, the effect is taken from the model that lets them
differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxfusion.errors import ConvergenceError
from cxfusion.estimators.effect_averages import Question, average
from cxfusion.estimators.influence import cluster_influence
from cxfusion.estimators.joint_tests import EfficientScores, JointTest, efficient_scores, joint_test
from cxfusion.estimators.partial_odds import PartialOddsFit, fit_partial_odds, freed, surface_at
from cxfusion.estimators.scale_effects import equally_spread
from cxfusion.estimators.solving import invert_information, solve_information
from cxfusion.results.labels import lever_label

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from cxfusion.estimators.cumulative_logit import CumulativeLogitFit
    from cxfusion.estimators.effect_averages import LeverTerm
    from cxfusion.estimators.effects import Effects
    from cxfusion.estimators.held import ModelRows
    from cxfusion.estimators.newton import Surface
    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.design import Design

__all__ = [
    "CHECK_COLUMNS",
    "REJECTED_BELOW",
    "SHARE_OF_ERROR",
    "SHARE_OF_SMALLEST",
    "Check",
    "FormChecks",
    "check_form",
    "nearby",
    "note_on_part",
    "notes_on_freed",
    "refitted",
]

REJECTED_BELOW: Final = 0.01
SHARE_OF_ERROR: Final = 0.25
"""A shift of a quarter of its standard error takes less than one in a hundred from what an interval covers."""
SHARE_OF_SMALLEST: Final = 0.1
CHECK_COLUMNS: Final = (
    "outcome", "lever", "check", "statistic", "p_value", "shift", "is_freed", "status", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class Check:
    """One check of one lever.

    Attributes
    ----------
    lever : Lever
    check : {"linearity", "proportional_odds", "spread", "same_days", "later_contact", "answered_before_wrap"}
    test : JointTest or None
    shift : float or None
        About how far letting the odds differ, or comparing only contacts of the same days of an agent, would move the
        effect, in points of the outcome; of a later contact, what a step of the lever goes with there; of answers
        before after-call work ended, by how much the correction differs.
    is_freed : bool
        Whether the effect comes from a model that lets them differ, or from contacts of the same days of an agent.
    reason : str or None
        Why the check is not applicable, or why the odds could not be freed.
    """

    lever: Lever
    check: str
    test: JointTest | None
    shift: float | None = None
    is_freed: bool = False
    reason: str | None = None

    def refused(self, reason: str) -> Check:
        """The same check where the odds could not be freed."""
        return replace(self, is_freed=False, reason=reason) if self.is_freed else self

    def row(self, outcome: str) -> dict[str, Any]:
        """The check in ``CHECK_COLUMNS``."""
        return {
            "outcome": outcome,
            "lever": self.lever.name,
            "check": self.check,
            "statistic": None if self.test is None else self.test.statistic,
            "p_value": None if self.test is None else self.test.p_value,
            "shift": self.shift,
            "is_freed": self.is_freed,
            "status": "not_applicable" if self.test is None else "ok",
            "reason": self.reason,
        }


@dataclass(frozen=True)
class FormChecks:
    """All checks of one fit.

    Attributes
    ----------
    checks : list of Check
    freed : tuple of Lever
        Whose odds should be free to differ between cuts.
    """

    checks: list[Check]
    freed: tuple[Lever, ...]


def check_form(
    model: ModelRows,
    design: Design,
    fit: CumulativeLogitFit,
    levers: Sequence[Lever],
    terms: Sequence[LeverTerm],
    effects: Effects,
    values: Sequence[float],
    smallest_effects: Sequence[float],
) -> FormChecks:
    """Test each lever of a within model for linearity, proportional odds and equal spread; a few folds.

    Parameters
    ----------
    model : ModelRows
        Its levers are those asked about.
    design : Design
        With its projection: what varies within the groups is tested, the lever less its projection.
    fit : CumulativeLogitFit
    levers : sequence of Lever
    terms : sequence of LeverTerm
    effects : Effects
        Of the levers, from this fit.
    values : sequence of float
    smallest_effects : sequence of float
        δ of each lever: its effect is freed only where that moves it by a tenth of δ and a quarter of its standard
        error.

    References
    ----------
    Brant (1990), Biometrics 46, 1171–1178 (the question); Boos (1992), The American Statistician 46, 327–333 (the
    robust score test used here).
    """
    null = freed(fit, _turn(design, levers))
    surface = surface_at(model.sweep, model.make_rows, null)
    n_cuts = len(fit.cuts)
    columns = [design.columns(lever.name) for lever in levers]
    bends = np.concatenate([n_cuts + np.arange(at.start + 1, at.stop) for at in columns]).astype(np.int64)
    influence = _influence(model, null, surface, bends, effects.n_clusters)
    of_bends, of_scores = np.split(influence, [len(bends)], axis=1)
    scores = EfficientScores(of_scores, surface.information[len(fit.parameters) :, len(fit.parameters) :])
    straight = _straight(levers, columns, fit.parameters[bends], of_bends)
    owner = np.concatenate([np.full(at.stop - at.start, j) for j, at in enumerate(columns)])
    tests = [scores.test(np.tile(owner == j, n_cuts - 1)) for j in range(len(levers))]
    rejected = [test is not None and test.p_value < REJECTED_BELOW for test in tests]
    shifts = _shifts(model, null, surface, terms, values, np.array(rejected)[owner], effects) if any(rejected) else None
    checks, free = list(straight), []
    for j, (lever, test, smallest) in enumerate(zip(levers, tests, smallest_effects, strict=True)):
        shift = None if shifts is None or not rejected[j] else float(shifts[j])
        least = max(SHARE_OF_ERROR * float(effects.std_error[j]), SHARE_OF_SMALLEST * smallest)
        is_freed = shift is not None and abs(shift) > least
        free += [lever] if is_freed else []
        reason = None if test is not None else _why_not(n_cuts)
        checks.append(Check(lever, "proportional_odds", test, shift, is_freed, reason))
    return FormChecks([*checks, *_spread(model, design, fit, levers, effects.n_clusters)], tuple(free))


def nearby(model: ModelRows, design: Design, fit: CumulativeLogitFit) -> CumulativeLogitFit:
    """A fit of all rows as one of the few that a model is to be checked on: one Newton step away.

    Both optima are near the truth and so near each other, where one step ends as close as any further one (Le Cam's
    one-step estimate). So many decide what all would: a lever is freed only where that moves its effect by a tenth of
    the smallest that matters, which is some times what 200,000 responses leave unsure about the move.
    """
    none = np.zeros((design.n_dense, 0))
    surface = surface_at(model.sweep, model.make_rows, freed(fit, none))
    inverse = invert_information(surface.information)
    cuts, coefficients = np.split(fit.parameters + inverse.matrix @ surface.gradient, [len(fit.cuts)])
    return replace(fit, cuts=cuts, coefficients=coefficients, inverse=inverse, log_likelihood=surface.log_likelihood)


def refitted(
    model: ModelRows, design: Design, fit: CumulativeLogitFit, free: Sequence[Lever]
) -> PartialOddsFit | ConvergenceError:
    """The fit with the odds of some levers free to differ between cuts, or why there is none."""
    try:
        return fit_partial_odds(model.sweep, model.make_rows, freed(fit, _turn(design, free)))
    except ConvergenceError as error:
        return error


def _why_not(n_cuts: int) -> str:
    return "the outcome has two categories" if n_cuts < 2 else "there are too few groups to tell"


def _turn(design: Design, levers: Sequence[Lever]) -> NDArray[np.float64]:
    """Columns of the levers less their projections, as combinations of the dense columns."""
    own = np.concatenate([np.arange(at.start, at.stop) for at in map(design.columns, (one.name for one in levers))])
    turn = np.zeros((2 * design.width, len(own)))
    turn[own, np.arange(len(own))] = 1
    turn[design.width + own, np.arange(len(own))] = -1
    return turn


def _spread(
    model: ModelRows, design: Design, fit: CumulativeLogitFit, levers: Sequence[Lever], n_clusters: int
) -> list[Check]:
    """Whether answers lie further apart, not only higher or lower, where there is more of a lever."""
    why_not = _why_not(len(fit.cuts))
    if len(fit.cuts) < 2:
        return [Check(lever, "spread", None, reason=why_not) for lever in levers]
    lines = np.zeros((2 * design.width, len(levers)))
    for j, lever in enumerate(levers):
        first = design.columns(lever.name).start
        lines[[first, design.width + first], j] = 1, -1
    start = equally_spread(fit, lines)
    scores = efficient_scores(model.sweep, model.make_rows, start, start.scale_places, n_clusters)
    tests = [scores.test(slice(j, j + 1)) for j in range(len(levers))]
    return [
        Check(lever, "spread", test, reason=None if test is not None else why_not)
        for lever, test in zip(levers, tests, strict=True)
    ]


def _influence(
    model: ModelRows, null: PartialOddsFit, surface: Surface, bends: NDArray[np.int64], n_clusters: int
) -> NDArray[np.float64]:
    """Clusters' influence on the coefficients that bend, then their efficient scores of what is held at zero."""
    tested = null.extra_places.ravel()
    q, q_fit = len(null.parameters), len(null.parameters) - len(tested)
    directions = np.zeros((q, len(bends) + len(tested)))
    directions[:q_fit, : len(bends)] = null.inverse.matrix[:, bends]
    directions[:q_fit, len(bends) :] = -null.inverse.matrix @ surface.information[:q_fit, q_fit:]
    directions[tested, len(bends) + np.arange(len(tested))] = 1
    inverse = invert_information(surface.information)
    return cluster_influence(model.sweep, model.make_rows, null, directions, n_clusters, inverse)


def _straight(
    levers: Sequence[Lever], columns: Sequence[slice], bending: NDArray[np.float64], influence: NDArray[np.float64]
) -> list[Check]:
    found, start = [], 0
    for lever, at in zip(levers, columns, strict=True):
        own = slice(start, start + at.stop - at.start - 1)
        start = own.stop
        if own.start == own.stop:
            found.append(Check(lever, "linearity", None, reason="it enters as a straight line"))
            continue
        test = joint_test(bending[own], influence[:, own])
        found.append(Check(lever, "linearity", test, reason=None if test else "there are too few groups to tell"))
    return found


def _shifts(
    model: ModelRows,
    null: PartialOddsFit,
    surface: Surface,
    terms: Sequence[LeverTerm],
    values: Sequence[float],
    is_free: NDArray[np.bool_],
    effects: Effects,
) -> NDArray[np.float64]:
    """What one Newton step towards free odds does to each effect, shape (levers,)."""
    places = null.extra_places[:, is_free].ravel()
    kept = np.concatenate([np.arange(len(null.parameters) - null.extra.size), places])
    direction = np.zeros(len(null.parameters))
    direction[kept] = solve_information(surface.information[np.ix_(kept, kept)], surface.gradient[kept])
    question = Question(model.make_rows, model.make_levers, terms, null, values, effects.n_clusters)
    return effects.step * (average(model.sweep, question).gradient_per_unit @ direction)


def notes_on_freed(checks: Sequence[Check]) -> Iterator[str]:
    """A sentence on each lever whose effect comes from a model that lets its odds differ."""
    for check in checks:
        if check.is_freed and check.check == "proportional_odds":
            yield (
                f"{lever_label(check.lever.name)} does not push alike at every point of the scale: its effect is taken"
                " from a model that lets its odds differ (partial proportional odds)."
            )


def note_on_part(n: int, n_part: int) -> Iterator[str]:
    """What was not looked at on all responses, where a part of them stood for all."""
    if n_part < n:
        yield (
            f"Estimates are of all {n:,} responses; the form of their models, silence, what-ifs and driver charts were"
            f" looked at on a sample of {n_part:,} of these."
        )
