"""Does the score bend or drop at some level of a lever, and where? A sup-test, and an interval for the place.

Against the straight line of the within model stand many kinks and many drops, one at each of some levels; the largest
of their scores is judged by the joint distribution of all of them, so that searching costs what it should.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from cxfusion.errors import EstimationError
from cxfusion.estimators.cumulative_logit import CumulativeLogitFit, fit_cumulative_logit
from cxfusion.estimators.distributions import student_t
from cxfusion.estimators.effect_averages import LeverRows, LeverTerm
from cxfusion.estimators.effects import estimate_effects
from cxfusion.estimators.held import ModelRows, model_rows
from cxfusion.estimators.influence import n_telling
from cxfusion.estimators.joint_tests import EfficientScores, efficient_scores, sup_p_value
from cxfusion.evidence.design import Basis, learn_basis

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.rows import RowMaker, Rows
    from cxfusion.evidence.columns import Key, Source
    from cxfusion.evidence.design import Design
    from cxfusion.evidence.ground import Ground
    from cxfusion.evidence.known_rows import KnownRows

__all__ = ["Search", "Threshold", "find_threshold", "plan_search"]

Kind: TypeAlias = Literal["kink", "drop"]
SEARCHED: Final = np.linspace(0.1, 0.9, 17)
"""Shares of the lever's positive values that lie below the levels searched first."""
N_PROFILED: Final = 15
"""Levels near the best one at which the model is fitted again, to find the ends of the interval."""
FOUND_BELOW: Final = 0.05
LEAST_LEVELS: Final = 3
UNTOLD_BELOW: Final = 1e-8  # share of a column's information that the other columns leave it


@dataclass(frozen=True)
class Threshold:
    """A level of the lever at which the score bends or drops, or why none is told.

    Attributes
    ----------
    p_value : float or None
        Of the sup-test against a straight line.
    kind : {"kink", "drop"} or None
        Whether the slope changes there, or the score itself.
    estimate, conf_low, conf_high : float or None
        The level, in the lever's unit, and its interval.
    is_open_low, is_open_high : bool
        Whether the interval reaches the end of the levels searched, so that it may go on beyond.
    before, after : float or None
        Points of the outcome per unit of the lever just below and just above; for a drop, ``after`` is its height.
    reason : str or None
        Why there is no threshold.
    """

    p_value: float | None
    kind: Kind | None = None
    estimate: float | None = None
    conf_low: float | None = None
    conf_high: float | None = None
    is_open_low: bool = False
    is_open_high: bool = False
    before: float | None = None
    after: float | None = None
    reason: str | None = None


def plan_search(ground: Ground) -> Search | str:
    """Where to look for a kink or a drop, or why there is nowhere to look."""
    if ground.lever.shape == "count":
        return "counts are compared level by level"
    levels = np.unique(ground.quantiles([float(share) for share in SEARCHED], positive=True))
    if len(levels) < LEAST_LEVELS:
        return "the lever has too few different values to search among"
    return Search.at(ground, levels, ("kink", "drop"))


def find_threshold(ground: Ground, search: Search | str, known: KnownRows, conf_level: float = 0.95) -> Threshold:
    """Search for a kink or a drop in what a lever does to the score.

    Parameters
    ----------
    ground : Ground
    search : Search or str
        As planned.
    known : KnownRows
        With the columns of the search.
    conf_level : float
        Of the interval for the place.

    Notes
    -----
    A drop counts only in the direction in which the lever moves the score as a straight line. The interval holds the
    levels whose likelihood is not significantly below the best one's, by the cluster-robust
    scale of the score there. A drop's place has its own limit law (Hansen 2000), hence wider limits.

    References
    ----------
    Davies (1987), Biometrika 74, 33–43; Hansen (1996), Econometrica 64, 413–430; Hansen (2000), Econometrica 68,
    575–603.
    """
    if isinstance(search, str):
        return Threshold(None, reason=search)
    try:
        return _searched(_Bends.of(ground, search, known), conf_level)
    except EstimationError as error:
        return Threshold(None, reason=error.message)


def _searched(bends: _Bends, conf_level: float) -> Threshold:
    ground, levels = bends.ground, bends.search.levels
    straight = bends.fit(None)
    scores = bends.scores(straight)
    told = np.diag(scores.information) > UNTOLD_BELOW * np.diag(scores.information).max()
    variance = np.where(told, np.diag(scores.covariance), 1.0)
    # a drop against the lever's own direction is only how a step sees a bend: it is no candidate
    is_against = np.sign(scores.score) != np.sign(straight.coefficients[0])
    is_against[: len(levels)] = False
    robust = np.where(told & ~is_against, scores.score**2 / variance, 0.0)
    best = int(robust.argmax())
    kept = np.flatnonzero(told)
    p_value = sup_p_value(float(robust[best]), scores.covariance[np.ix_(kept, kept)])
    if p_value > FOUND_BELOW:
        return Threshold(p_value, reason="no bend or drop is told from a straight line")
    kind: Kind = "kink" if best < len(levels) else "drop"
    at_best = best % len(levels)
    drop = len(levels) + at_best
    over = float(scores.covariance[drop, drop] / scores.information[drop, drop])  # robust over model variance
    reach = over * _critical(kind, conf_level, n_telling(scores.influence))
    near = _bracket(levels, scores, slice(0, len(levels)) if kind == "kink" else slice(len(levels), None), reach)
    return replace(_placed(ground, near, kind, reach), p_value=p_value)


def _critical(kind: Kind, conf_level: float, n_clusters: int) -> float:
    """How far twice the log-likelihood may fall inside the interval, where the model's variance is right."""
    if kind == "kink":
        return float(student_t.reach(conf_level, n_clusters - 1) ** 2)
    return float(-2 * np.log1p(-np.sqrt(conf_level)))


def _bracket(levels: NDArray[np.float64], scores: EfficientScores, family: slice, reach: float) -> NDArray[np.float64]:
    """Levels to fit at: evenly over those that a glance at the scores does not rule out, and one more at each side."""
    information = np.diag(scores.information)[family]
    gain = np.where(information > 0, scores.score[family] ** 2 / np.where(information > 0, information, 1.0), 0.0)
    possible = np.flatnonzero(gain >= gain.max() - 2 * reach)
    low, high = max(possible[0] - 1, 0), min(possible[-1] + 1, len(levels) - 1)
    return np.linspace(levels[low], levels[high], N_PROFILED)


def _placed(ground: Ground, levels: NDArray[np.float64], kind: Kind, reach: float) -> Threshold:
    """The best of some levels, and the ends of its interval."""
    search = Search.at(ground, levels, (kind,))
    bends = _Bends.of(ground, search, ground.know(beside=search.bases))
    start, fits = bends.without(bends.fit(None)), []
    for j in range(len(levels)):
        fits.append(bends.fit(j, start))
        start = fits[-1].parameters  # the next level is near
    fall = 2 * (max(fit.log_likelihood for fit in fits) - np.array([fit.log_likelihood for fit in fits]))
    best = int(fall.argmin())
    low, is_open_low = _crossing(levels[best::-1], fall[best::-1], reach)
    high, is_open_high = _crossing(levels[best:], fall[best:], reach)
    before, after = bends.sizes(best, fits[best], kind)
    return Threshold(
        p_value=None,
        kind=kind,
        estimate=float(levels[best]),
        conf_low=low,
        conf_high=high,
        is_open_low=is_open_low,
        is_open_high=is_open_high,
        before=before,
        after=after,
    )


def _crossing(levels: NDArray[np.float64], fall: NDArray[np.float64], reach: float) -> tuple[float, bool]:
    """The level, going outwards, from which on the likelihood has fallen too far; and whether it never does."""
    inside = np.flatnonzero(fall <= reach)
    last = int(inside[-1])
    if last == len(levels) - 1:
        return float(levels[last]), True
    share = (reach - fall[last]) / (fall[last + 1] - fall[last])
    return float(levels[last] + share * (levels[last + 1] - levels[last])), False


@dataclass(frozen=True)
class _Bend(Basis):
    """Kinks and drops of a lever at the levels of its knots, one column each; drops after kinks."""

    kinds: tuple[Kind, ...]

    @property
    def key(self) -> Key:
        """Kinks and drops at the same levels are told apart."""
        return (*super().key, self.kinds)

    def raw(self, level: NDArray[np.float64]) -> NDArray[np.float64]:
        own, at = level, np.array(self.knots)[:, None]
        if self.lever.shape == "log1p":
            own, at = np.log1p(own), np.log1p(at)
        parts = [np.maximum(own - at, 0.0) if kind == "kink" else (own > at).astype(float) for kind in self.kinds]
        return np.vstack(parts)

    def raw_slope(self, level: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.zeros((len(self.knots) * len(self.kinds), len(level)))


@dataclass(frozen=True)
class Search:
    """What is looked for.

    Attributes
    ----------
    straight : Basis
        The lever as a straight line.
    bend : Basis
        A kink and a drop, or one of them, at each level.
    """

    straight: Basis
    bend: _Bend

    @property
    def bases(self) -> tuple[Basis, Basis]:
        """How the lever stands in its models."""
        return self.straight, self.bend

    @property
    def levels(self) -> NDArray[np.float64]:
        """Levels of the lever."""
        return np.array(self.bend.knots)

    @classmethod
    def at(cls, ground: Ground, levels: NDArray[np.float64], kinds: tuple[Kind, ...]) -> Search:
        """Search at some levels."""
        lever = ground.lever
        shape: Literal["log1p", "linear"] = "log1p" if lever.shape == "log1p" else "linear"
        straight = learn_basis(replace(lever, shape=shape), ground.sample.facts[lever.name])
        scale = np.concatenate(
            [np.ones(len(levels)) * (straight.first_unit if kind == "kink" else 1.0) for kind in kinds]
        )
        bend = _Bend(straight.lever, tuple(levels.tolist()), np.zeros(len(scale)), np.diag(1 / scale), kinds)
        return cls(straight, bend)


@dataclass(frozen=True)
class _Bends:
    """The within model with a straight lever, and columns that could be added, cleared of the groups."""

    ground: Ground
    search: Search
    model: ModelRows
    n_plain: int  # dense columns without the bends

    @classmethod
    def of(cls, ground: Ground, search: Search, known: KnownRows) -> _Bends:
        plain, n_bends = ground.design(*search.bases), search.bend.width
        design = plain.projected(known.projection(plain))
        model = model_rows(known.sweep, partial(_cleared, design, n_bends), part_rows=None)
        return cls(ground, search, model, 2 * (design.width - n_bends))

    def fit(self, column: int | None, start: NDArray[np.float64] | None = None) -> CumulativeLogitFit:
        """The straight model, or that with one bend added, perhaps from parameters of one like it."""
        kept = np.arange(self.n_plain) if column is None else np.append(np.arange(self.n_plain), self.n_plain + column)
        n_categories = len(self.ground.values)
        return fit_cumulative_logit(self.model.sweep, self._rows_of(kept), n_categories, start)

    def without(self, straight: CumulativeLogitFit) -> NDArray[np.float64]:
        """Parameters of a model with one bend that does nothing."""
        return np.insert(straight.parameters, len(straight.cuts) + self.n_plain, 0.0)

    def _rows_of(self, kept: NDArray[np.int64]) -> RowMaker:
        """What makes rows of some columns, without what holds the session: a fold may have to travel."""
        return partial(_only, self.model.make_rows, kept)

    def scores(self, straight: CumulativeLogitFit) -> EfficientScores:
        """Scores of all bends at the straight model."""
        zeros = np.zeros(self.search.bend.width)
        padded = replace(straight, coefficients=np.insert(straight.coefficients, self.n_plain, zeros))
        tested = len(straight.cuts) + self.n_plain + np.arange(self.search.bend.width)
        return efficient_scores(self.model.sweep, self.model.make_rows, padded, tested, self.ground.n_clusters)

    def sizes(self, column: int, fit: CumulativeLogitFit, kind: Kind) -> tuple[float, float]:
        """Points per unit of the lever before and after; a drop's height stands for the latter."""
        make_rows = self._rows_of(np.append(np.arange(self.n_plain), self.n_plain + column))

        def ones(batch: pa.RecordBatch) -> list[LeverRows]:
            n = len(make_rows(batch).outcome)
            return [LeverRows(np.ones(n), np.ones((n, 1)))] * 2

        at_zero = np.zeros(1)
        places = (slice(0, 1), slice(self.n_plain, self.n_plain + 1))
        terms = [LeverTerm(place, 1.0, at_zero, is_capped=False) for place in places]
        effects = estimate_effects(
            self.model.sweep, make_rows, ones, terms, fit, self.ground.values, self.ground.n_clusters
        )  # fmt: skip
        level, straight = self.search.bend.knots[column], self.search.straight
        per_unit = (1 / (1 + level) if straight.lever.shape == "log1p" else 1.0) / straight.first_unit
        line, bend = (float(value) for value in effects.estimate)
        return line * per_unit, (line + bend) * per_unit if kind == "kink" else bend


def _cleared(design: Design, n_bends: int, batch: Source) -> Rows:
    """Rows whose bends stand last, less their projections; the straight lever stands first."""
    rows = design.make_rows(batch)
    own, projected = np.hsplit(rows.dense, 2)
    bends = slice(1, 1 + n_bends)
    plain = [np.delete(part, bends, axis=1) for part in (own, projected)]
    return replace(rows, dense=np.hstack([*plain, own[:, bends] - projected[:, bends]]))


def _only(make_rows: RowMaker, kept: NDArray[np.int64], batch: pa.RecordBatch) -> Rows:
    """Rows of some columns."""
    rows = make_rows(batch)
    return replace(rows, dense=rows.dense.T[kept].T)  # each column in one piece
