"""Whom a lever moves more: its effect in every segment, drawn towards the others, and whether segments differ at all.

Segments are the levels of a column, or bands of a number: tenure, earlier contacts, what has been waited before.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cxfusion.errors import BadControlError, NothingToEstimateError, UnknownNameError, told_nearest
from cxfusion.estimators.distributions import student_t
from cxfusion.estimators.effect_averages import LeverRows, LeverTerm
from cxfusion.estimators.effects import Effects, estimate_effects
from cxfusion.estimators.joint_tests import joint_test
from cxfusion.estimators.pooling import Pooled, known_covariance, pool
from cxfusion.evidence.catalogue import DEFAULT_LEVERS, MOMENTS
from cxfusion.evidence.coding import REST
from cxfusion.evidence.design import Basis, learn_basis
from cxfusion.evidence.ground import Ground, asked_spec, lay_ground
from cxfusion.evidence.sample import KEPT
from cxfusion.evidence.segment_levels import (
    MAX_SEGMENTS,
    SEGMENT,
    SEGMENT_CONTROL,
    Segment,
    Segments,
    segments_of,
    with_numbers,
)
from cxfusion.pairing.result import require_pairing
from cxfusion.perception.answers import levels_of_few
from cxfusion.results.base import Result
from cxfusion.results.display import display_name
from cxfusion.results.formats import change, interval, p_value_in_words
from cxfusion.results.labels import column_label, lever_label, step_in_words
from cxfusion.results.language import in_sentence
from cxfusion.tables.sums import exact_sum

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    import altair as alt
    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.effect_averages import LeverMaker
    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.columns import Key
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.pairing.result import Pairing
    from cxfusion.perception.weights import ResponseWeights

__all__ = ["SegmentEffects", "segment_effects", "segments_on"]

COLUMNS: Final = (
    "outcome", "lever", "by", "segment", "unit", "step", "estimate", "std_error", "conf_low", "conf_high",
    "pooled_estimate", "pooled_low", "pooled_high", "mean_level", "n", "n_clusters", "status", "reason",
)  # fmt: skip
TEST_COLUMNS: Final = (
    "outcome", "lever", "by", "test", "estimate", "std_error", "statistic", "p_value", "status", "reason",
)  # fmt: skip
DIFFER_BELOW: Final = 0.05


@dataclass(frozen=True, eq=False, repr=False)
class SegmentEffects(Result):
    """What one step of a lever does to the score, segment by segment.

    Attributes
    ----------
    spec : LeverSpec
    lever : Lever
    by : str
    segments : pandas.DataFrame
        The same as :attr:`table`, one row per segment: ``outcome, lever, by, segment, unit, step, estimate, std_error,
        conf_low, conf_high, pooled_estimate, pooled_low, pooled_high, mean_level, n, n_clusters, status, reason``.
        ``estimate`` is the segment's own; ``pooled_estimate`` is drawn towards the others as far as it is uncertain.
        The step is the same for all, so that they can be compared.
    tests : pandas.DataFrame
        ``heterogeneity`` (do the segments differ at all?), ``spread`` (standard deviation of their true effects) and,
        where segments are bands of a number, ``trend`` (does the effect grow with it? per unit of it): ``outcome,
        lever, by, test, estimate, std_error, statistic, p_value, status, reason``.
    notes : tuple of str
    n : int
        Responses.
    """

    spec: LeverSpec
    lever: Lever
    by: str
    segments: pd.DataFrame
    tests: pd.DataFrame
    notes: tuple[str, ...]
    n: int

    @property
    def _frame(self) -> pd.DataFrame:
        return self.segments

    def _lines(self) -> list[str]:
        step = step_in_words(self.lever.name, float(self.segments["step"].iloc[0]), self.lever.unit)
        head = f"{lever_label(self.lever.name)} by {in_sentence(column_label(self.by))}: {step} ({self.n:,} responses)"
        rows = [f"  {display_name(row['segment'])}: {_words(row)}" for row in self.segments.to_dict("records")]
        return [head, *rows, *(f"  {line}" for line in self._verdicts()), *self.notes]

    def _verdicts(self) -> list[str]:
        tests = {row["test"]: row for row in self.tests.to_dict("records")}
        lines = []
        for name, yes, no in (
            ("heterogeneity", "Segments differ", "Segments are not told apart"),
            ("trend", f"The effect changes with {in_sentence(column_label(self.by))}", "No trend is told"),
        ):
            if name in tests and tests[name]["status"] == "ok":
                p_value = tests[name]["p_value"]
                lines.append(f"{yes if p_value < DIFFER_BELOW else no} ({p_value_in_words(p_value)}).")
        return lines

    def plot(self, *, width: int = 720) -> alt.TopLevelMixin:
        """Each segment's own effect and the pooled one, with intervals.

        Parameters
        ----------
        width : int
            Whole width in pixels, about.
        """
        from cxfusion.results.interval_charts import segment_chart

        return segment_chart(self.segments, width=width)


def _words(row: dict[Any, Any]) -> str:
    if row["status"] != "ok":
        return f"not applicable, {row['reason']}"
    return f"{change(row['pooled_estimate'])} ({interval(row['pooled_low'], row['pooled_high'], signed=True)})"


def segment_effects(
    pairing: Pairing,
    lever: str,
    by: str,
    outcome: str | None = None,
    *,
    edges: Sequence[float] | None = None,
    levers: Iterable[Lever] | None = None,
    weights: ResponseWeights | None = None,
    spec: LeverSpec | None = None,
) -> SegmentEffects:
    """The effect of one lever in every segment, within the same agent, hour and day.

    Parameters
    ----------
    pairing : Pairing
    lever : str
        One of the levers asked about, by name.
    by : str
        A column of the contact log settled before the lever. The levels of a text are the segments. Numbers are cut
        into bands: counts at 0, 1, 2 and 3 or more; ``tenure_days`` (or ``_months``, ``_years``) at 90 days, one and
        three years; others into quarters of their positive values, none apart.
    outcome : {"csat", "nps", "ces"}, optional
    edges : sequence of float, optional
        Where to cut a number instead.
    levers : iterable of Lever, optional
    weights : ResponseWeights, optional
    spec : LeverSpec, optional

    Returns
    -------
    SegmentEffects

    Raises
    ------
    UnknownNameError
        No such lever or column.
    NothingToEstimateError
        Fewer than two segments are large enough.

    Notes
    -----
    One model for all segments: each has a basis of its own for the lever, with its own projection on agents, hours and
    days; controls are shared. Pooled estimates are empirical Bayes from the estimates and their joint cluster-robust
    covariance, or each one's variance where there are fewer than three agents per segment; the trend is a straight line
    through the estimates, weighted by each one's variance, with a joint error. Segments with fewer answers than
    ``spec.min_level_responses``, or fewer agents than ``spec.min_clusters``, are estimated together, not shown apart,
    as are levels that fewer than five customers tell of.
    Nothing here is corrected for hidden difficulty.

    Examples
    --------
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7)
    >>> found = cx.segment_effects(cx.pair(centre.contacts, centre.surveys), "wait_seconds", by="channel")
    >>> sorted(found.tests["test"])
    ['heterogeneity', 'spread']
    """
    require_pairing(pairing)
    spec = asked_spec(spec, outcome, levers)
    if not (isinstance(by, str) and pairing.contacts.has(by)):
        columns = [name for name in pairing.contacts.columns if not name.startswith("source_")]
        raise UnknownNameError(
            f"The contact log has no column {by!r}. Expected one of: {', '.join(columns)}.",
            told_nearest([str(by)], columns),
        )
    _refuse_later(lever, by, spec)
    ground = lay_ground(pairing, lever, spec, weights, kept=(by,))
    is_text = not pairing.contacts.value(by).type().is_numeric()
    return segments_on(ground, by, edges, levels_of_few(pairing, spec.score, [by])[by] if is_text else ())


def segments_on(
    whole: Ground, by: str, edges: Sequence[float] | None = None, few: Collection[str] = ()
) -> SegmentEffects:
    """The same on a ground that is laid already, with the column kept; one that comes before any lever.

    ``few`` are levels that fewer than five customers tell of.
    """
    whole = with_numbers(whole, by)
    found = segments_of(whole, by, edges, few)
    marked = whole.rows.mutate(**{SEGMENT: found.code.cast("int64")})
    rows = marked.filter(marked[SEGMENT].notnull()).mutate(**{SEGMENT_CONTROL: marked[SEGMENT] - 1}).drop(f"{KEPT}{by}")
    return _estimated(whole.among(rows), found)


def _refuse_later(name: str, by: str, spec: LeverSpec) -> None:
    """Segments that the lever may itself have put contacts into would hide a part of its effect."""
    known = {lever.name: MOMENTS.index(lever.moment) for lever in (*DEFAULT_LEVERS, *spec.levers)}
    if by == name or (by in known and name in known and known[by] > known[name]):
        raise BadControlError(
            f"{by} does not come before {name}: the lever may have decided in which segment a contact is. Expected a"
            " column that was settled before; take another, or look at the levers the other way round."
        )


@dataclass(frozen=True)
class _OfSegment(Basis):
    """A lever's basis in one segment, zero elsewhere."""

    segment: int

    @property
    def key(self) -> Key:
        """Segments are told apart too."""
        return (*super().key, self.segment)

    def of(self, batch: pa.RecordBatch, out: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        columns = super().of(batch, out)
        columns *= _is_in(batch, self.segment)[:, None]
        return columns

    def rows_of(self, batch: pa.RecordBatch) -> LeverRows:
        inside = _is_in(batch, self.segment)
        rows = super().rows_of(batch)
        less = None if rows.one_less is None else rows.one_less * inside[:, None]
        return LeverRows(rows.level, rows.slope * inside[:, None], less, is_counted=inside)


def _is_in(batch: pa.RecordBatch, segment: int) -> NDArray[np.bool_]:
    return np.asarray(batch.column(SEGMENT).to_numpy(zero_copy_only=False) == segment)


def _estimated(ground: Ground, found: Segments) -> SegmentEffects:
    lever, segments = ground.lever, found.segments
    basis = learn_basis(lever, ground.sample.facts[lever.name], few_knots=True)
    parts = [_OfSegment(basis.lever, basis.knots, basis.centre, basis.turn, segment=i) for i in range(len(segments))]
    is_known = f"control_{found.by}" in ground.sample.coding.controls
    controls = () if is_known else ((SEGMENT_CONTROL, len(segments) - 1),)
    within = ground.fit_within(*parts, controls=controls, is_partial=True)
    is_told = [bool(within.is_identified[_place(i, basis)].all()) for i in range(len(segments))]
    shown = [i for i, segment in enumerate(segments) if is_told[i] and not segment.is_rest and segment.mean_level > 0]
    if len(shown) < 2:
        raise NothingToEstimateError(
            f"{lever.name} cannot be compared by {found.by}: {'only one' if shown else 'none'} of its segments has"
            " enough answers, agents and variation of its own. Expected at least two; take a coarser column or a longer"
            " period."
        )
    step = float(np.sign(lever.step) * min(abs(lever.step), _mean_level(ground)))
    at_zero = basis.value(np.zeros(1))[0]
    effects = estimate_effects(
        within.model.sweep,
        within.model.make_rows,
        partial(_only, make_levers=within.model.make_levers, shown=shown),
        [LeverTerm(_place(i, basis), step, at_zero, is_capped=False) for i in shown],
        within.fit,
        ground.values,
        ground.n_clusters,
        ground.n_told,
    )
    pooled = pool(effects.estimate, known_covariance(effects.influence))
    return SegmentEffects(
        spec=ground.spec,
        lever=lever,
        by=found.by,
        segments=_segment_frame(ground, found, shown, effects, pooled),
        tests=_test_frame(ground, found, shown, effects, pooled),
        notes=ground.sample.notes,
        n=within.fit.n,
    )


def _mean_level(ground: Ground) -> float:
    """Weighted, by which the step of the lever table is cut back, too."""
    weight, level = ground.rows["weight"], ground.rows[ground.lever.name]
    asked = ground.rows.aggregate(mean=exact_sum(weight * level) / exact_sum(weight))
    return float(ground.sample.session.collect(asked)["mean"][0].as_py())


def _place(i: int, basis: Basis) -> slice:
    """Columns of the i-th segment."""
    return slice(i * basis.width, (i + 1) * basis.width)


def _only(batch: pa.RecordBatch, make_levers: LeverMaker, shown: list[int]) -> list[LeverRows]:
    levers = make_levers(batch)
    return [levers[i] for i in shown]


def _segment_frame(ground: Ground, found: Segments, shown: list[int], effects: Effects, pooled: Pooled) -> pd.DataFrame:
    conf_level = ground.spec.conf_level
    own = np.minimum(effects.degrees, [found.segments[i].n_clusters - 1 for i in shown])  # a segment has its own agents
    alone = student_t.reach(conf_level, own) * effects.std_error
    low, high = effects.estimate - alone, effects.estimate + alone
    reach = student_t.reach(conf_level, effects.n_told - 1) * pooled.std_error  # it borrows from the others' agents
    rows = []
    for i, segment in enumerate(found.segments):
        row = {"segment": segment.label, "mean_level": segment.mean_level, "n": segment.n}
        row |= {"n_clusters": segment.n_clusters, "step": float(effects.step[0])}
        if i in shown:
            j = shown.index(i)
            row |= {"estimate": effects.estimate[j], "std_error": effects.std_error[j], "status": "ok"}
            row |= {"conf_low": low[j], "conf_high": high[j], "pooled_estimate": pooled.estimate[j]}
            row |= {"pooled_low": pooled.estimate[j] - reach[j], "pooled_high": pooled.estimate[j] + reach[j]}
        else:
            row |= {"status": "not_applicable", "reason": _why_not(segment, len(found.segments) - 1)}
        rows.append(row)
    return pd.DataFrame(rows).assign(**_named(ground, found), unit=ground.lever.unit).reindex(columns=list(COLUMNS))


def _why_not(segment: Segment, n_others: int) -> str:
    if segment.label == REST:
        return "segments with too few answers or agents to stand alone, taken together"
    if segment.is_rest:
        is_last = n_others == MAX_SEGMENTS
        return f"only the {n_others} largest stand alone" if is_last else "too few answers or agents to stand alone"
    return "the lever does not vary enough in it"


def _test_frame(ground: Ground, found: Segments, shown: list[int], effects: Effects, pooled: Pooled) -> pd.DataFrame:
    rows = [_heterogeneity(effects), {"test": "spread", "estimate": pooled.spread, "status": "ok"}]
    places = [found.segments[i].place for i in shown]
    if found.is_banded and sum(place is not None for place in places) >= 2:
        rows.append(_trend(effects, places))
    return pd.DataFrame(rows).assign(**_named(ground, found)).reindex(columns=list(TEST_COLUMNS))


def _named(ground: Ground, found: Segments) -> dict[str, str]:
    return {"outcome": ground.spec.outcome, "lever": ground.lever.name, "by": found.by}


def _heterogeneity(effects: Effects) -> dict[str, Any]:
    """Joint test that every segment's effect equals the first one's."""
    apart = effects.estimate[1:] - effects.estimate[0]
    found = joint_test(apart, effects.influence[:, 1:] - effects.influence[:, :1])
    if found is None:
        return {"test": "heterogeneity", "status": "not_applicable", "reason": "there are too few agents to tell"}
    return {"test": "heterogeneity", "statistic": found.statistic, "p_value": found.p_value, "status": "ok"}


def _trend(effects: Effects, places: list[float | None]) -> dict[str, Any]:
    """Slope of the effect by the number that was cut into bands, each band weighted by its own error.

    The slope's error is joint. Weights by the joint errors would, where agents are few beside bands, seek out what
    looks certain by chance.
    """
    at = [j for j, place in enumerate(places) if place is not None]
    number = np.array([places[j] for j in at], dtype=float)
    design = np.column_stack([np.ones(len(at)), number - number.mean()])
    weighted = design / effects.std_error[at, None] ** 2
    slope_of = np.linalg.solve(design.T @ weighted, weighted.T)[1]
    slope = float(slope_of @ effects.estimate[at])
    error = float(np.sqrt(slope_of @ effects.covariance[np.ix_(at, at)] @ slope_of))
    p_value = float(student_t.p_value(slope / error, effects.degrees[at].min()))
    return {
        "test": "trend", "estimate": slope, "std_error": error, "statistic": slope / error, "p_value": p_value,
        "status": "ok",
    }  # fmt: skip
