"""What weights cannot fix: the score, had the dissatisfied been r times as likely to answer, all else in the log alike.

Nobody can see whether they were. So the score is shown for r from a half to twice, and where a statement would flip.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from cxfusion.errors import ConvergenceError, UsageError, is_number, require_kind, require_number
from cxfusion.estimators.held import model_rows
from cxfusion.estimators.rows import Indicators, Rows
from cxfusion.estimators.tilting import SHAPES, TIMES_AS_LIKELY, Tilt, crossing, tilted, weighted_totals, worth_of
from cxfusion.pairing.result import require_pairing
from cxfusion.perception.answers import given_answers, scored_pairs
from cxfusion.perception.measure import measured
from cxfusion.perception.weights import ResponseWeights, require_weights, weigh
from cxfusion.results.base import Result, require_metric
from cxfusion.results.formats import figure, plain, times_over
from cxfusion.results.grouping import Grouping
from cxfusion.results.labels import metric_label, tilt_label

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import altair as alt
    import ibis.expr.types as ir
    from numpy.typing import NDArray

    from cxfusion.estimators.held import ModelRows
    from cxfusion.pairing.result import Pairing

__all__ = ["NOBODY_SEES", "NonresponseCurve", "nonresponse_curve", "times_asked"]

COLUMNS: Final = (
    "score", "shape", "times", "metric", "estimate", "std_error", "conf_low", "conf_high", "unit", "n", "status",
    "reason",
)  # fmt: skip
TIPPING_COLUMNS: Final = ("score", "metric", "shape", "target", "times", "status", "reason")
NOBODY_SEES: Final = (
    "Nobody can see how likely those who did not answer were to be dissatisfied; at 1 the log tells all."
)


@dataclass(frozen=True, eq=False, repr=False)
class NonresponseCurve(Result):
    """A score under other beliefs about who did not answer.

    Attributes
    ----------
    score : str
    curve : pandas.DataFrame
        The same as :attr:`table`: ``score, shape, times, metric, estimate, std_error, conf_low, conf_high, unit, n,
        status, reason``. ``shape`` is ``dissatisfied`` (the less satisfied, the more likely to answer) or ``extremes``
        (both ends more likely than the middle); ``times`` how many times as likely, the ends compared; at 1 the log
        tells all.
    tipping : pandas.DataFrame
        Where a figure crosses its target: ``score, metric, shape, target, times, status, reason``; no row without a
        target.
    notes : tuple of str
    """

    score: str
    curve: pd.DataFrame
    tipping: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def _frame(self) -> pd.DataFrame:
        return self.curve

    def _lines(self) -> list[str]:
        first = self._metrics()[0]
        rows = self.curve[self.curve["metric"] == first]
        lines = [f"{metric_label(first)}, had others answered"]
        for shape in SHAPES:
            own = {row["times"]: row for row in rows[rows["shape"] == shape].to_dict("records")}
            low, high = min(own), max(own)  # of those for which weights were found
            less, now, more = (figure(own[at]["estimate"], own[at]["unit"]) for at in (low, 1.0, high))
            lines.append(
                f"  {tilt_label(shape)} {plain(low)} to {plain(high)} times as likely to answer:"
                f" {less} to {more} (as likely: {now})"
            )
        return [*lines, *(f"  {_tips(row)}" for row in self.tipping.to_dict("records")), *self.notes]

    def _metrics(self) -> list[str]:
        """What there are figures of; rows without weights are of none."""
        return list(dict.fromkeys(self.curve["metric"].dropna()))

    def plot(self, metric: str | None = None, *, width: int = 720) -> alt.TopLevelMixin:
        """One figure by how many times as likely the dissatisfied, or both extremes, were to answer.

        Parameters
        ----------
        metric : str, optional
            A metric of the table; by default its first.
        width : int
            Whole width in pixels, about.
        """
        from cxfusion.results.curve_charts import nonresponse_chart

        known = self._metrics()
        drawn = require_metric(metric or known[0], known)
        return nonresponse_chart(self.curve[self.curve["metric"] == drawn], self.tipping, width=width)


def _tips(row: dict[Any, Any]) -> str:
    target = f"{metric_label(row['metric'])} of {plain(row['target'])}"
    if row["status"] != "ok":
        return f"{target}: {row['reason']} ({tilt_label(row['shape']).lower()})."
    return f"{target} is crossed at {times_over(row['times'])} times ({tilt_label(row['shape']).lower()})."


def nonresponse_curve(
    pairing: Pairing,
    score: str = "csat",
    *,
    target: float | None = None,
    metric: str | None = None,
    weights: ResponseWeights | None = None,
    times: Sequence[float] = TIMES_AS_LIKELY,
) -> NonresponseCurve:
    """The figures of a score, had the dissatisfied (or both extremes) been r times as likely to answer.

    Parameters
    ----------
    pairing : Pairing
    score : {"csat", "nps", "ces"}
    target : float, optional
        A value of ``metric`` that a statement rests on ("we are above 4"): where would it flip?
    metric : str, optional
        For the target; by default the score's first figure.
    weights : ResponseWeights, optional
        From :func:`weigh`; made here if not given.
    times : sequence of float
        How many times as likely.

    Returns
    -------
    NonresponseCurve

    Raises
    ------
    NothingToEstimateError
        Nobody or everybody answered, or no weights reach the log's margins.
    UsageError
        Weights of another score, or times that are not positive.

    Notes
    -----
    Weights are divided by how many times as likely each answer was to be given (evenly in the log between the ends of
    the scale), then raked to the log's margins again, so that what the log knows stays true throughout. Where no
    weights reach the margins any more, the row says so.

    References
    ----------
    Rotnitzky, Robins & Scharfstein (1998), JASA 93, 1321–1339 (exponential tilts of the response).

    Examples
    --------
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7)
    >>> found = cx.nonresponse_curve(cx.pair(centre.contacts, centre.surveys), "csat", times=(0.5, 1, 2))
    >>> mean = found.table.query("metric == 'csat_mean_weighted' and shape == 'dissatisfied'")["estimate"]
    >>> bool(mean.is_monotonic_increasing)
    True
    """
    asked = times_asked(times)
    if target is not None:
        require_number("target", target, "a value of the metric, such as 4")
    require_pairing(pairing)
    if weights is None:
        weights = weigh(pairing, score)
    require_weights(weights, pairing, score)
    answers = _Answers.of(pairing, weights)
    rows = list(_rows(pairing, answers, weights, asked))
    curve = pd.concat(rows, ignore_index=True).reindex(columns=list(COLUMNS))
    known = list(dict.fromkeys(curve["metric"].dropna()))
    named = require_metric(metric or known[0], known)
    tipping = [_tipping(curve[curve["metric"] == named], shape, target) for shape in SHAPES if target is not None]
    return NonresponseCurve(score, curve, pd.DataFrame(tipping, columns=list(TIPPING_COLUMNS)), (NOBODY_SEES,))


def times_asked(times: Sequence[float]) -> list[float]:
    """How many times as likely is asked about, in order; 1 is always among them.

    Raises
    ------
    UsageError
        Times that are no positive numbers.
    """
    require_kind(times, Iterable, "times", "positive numbers, such as (0.5, 2).")
    asked = list(times)
    for one in asked:
        if not (is_number(one) and one > 0):
            raise UsageError(f"times holds {one}; expected positive numbers such as 0.5 or 2.")
    return sorted({*map(float, asked), 1.0})


def _tipping(curve: pd.DataFrame, shape: str, target: float | None) -> dict[str, Any]:
    own = curve[(curve["shape"] == shape) & curve["estimate"].notna()].sort_values("times")
    row = {"score": curve["score"].iloc[0], "metric": curve["metric"].iloc[0], "shape": shape, "target": target}
    if own.empty:
        return {**row, "status": "not_applicable", "reason": curve["reason"].iloc[0]}
    found = crossing(own["times"].to_numpy(float), own["estimate"].to_numpy(float), float(target or 0.0))
    if found is not None:
        return {**row, "times": found, "status": "ok"}
    reason = f"not crossed between {plain(own['times'].min())} and {plain(own['times'].max())} times"
    return {**row, "status": "not_applicable", "reason": reason}


def _rows(
    pairing: Pairing, answers: _Answers, weights: ResponseWeights, times: Sequence[float]
) -> Iterator[pd.DataFrame]:
    given, grouping = given_answers(pairing, [weights.score], ()), Grouping((), ())
    for shape in SHAPES:
        for one in times:
            named: dict[str, Any] = {"score": weights.score, "shape": shape, "times": one}
            try:
                there = answers.tilted(Tilt(shape, one), weights)
            except ConvergenceError:
                reason = "no weights reach the log's margins"
                yield pd.DataFrame([{**named, "status": "not_applicable", "reason": reason}])
            else:
                yield measured(pairing, given, weights.score, grouping, there).table.assign(**named)


@dataclass(frozen=True)
class _Answers:
    """Answers with what the log's margins need of them, and how good each was."""

    rows: ir.Table  # contact_id, weight, codes, score
    codes: tuple[tuple[str, int], ...]
    scores: NDArray[np.float64]
    worth: NDArray[np.float64]
    model: ModelRows
    totals: NDArray[np.float64]

    @classmethod
    def of(cls, pairing: Pairing, weights: ResponseWeights) -> _Answers:
        """Join the scores to the weights' margins."""
        session, scored = pairing.session, scored_pairs(pairing, weights.score)
        given = scored.group_by("contact_id").aggregate(score=scored[weights.score].mean())
        rows = session.materialize(weights.coded.inner_join(given, "contact_id").order_by("contact_id"))
        scores = np.sort(session.collect(rows.select("score").distinct())["score"].to_numpy().astype(float))
        sweep = session.sweep(rows)
        model = model_rows(sweep, partial(_margins, codes=weights.codes, scores=scores))
        scale = pairing.surveys.scales[weights.score]
        worth = worth_of([scale.low, scale.high, *scores], scale.higher_is_better)[2:]
        totals = weighted_totals(model.sweep, model.make_rows)
        return cls(rows, weights.codes, scores, worth, model, totals)

    def tilted(self, tilt: Tilt, weights: ResponseWeights) -> ResponseWeights:
        """The weights, tilted and raked again."""
        factors = tilt.factors(self.worth)
        found = tilted(self.model.sweep, self.model.make_rows, factors, self.totals)
        if found.raking is None:
            return weights
        constant, coefficients = float(found.raking.coefficients[0]), found.raking.coefficients[1:]
        by_score = self.rows["score"].cases(*zip(self.scores.tolist(), factors.tolist(), strict=True), else_=1.0)
        rows = _with_predictor(self.rows.mutate(by_score=by_score), self.codes, coefficients)
        again = (rows["again"] + constant).exp()
        codes = [name for name, _ in self.codes]
        rows = rows.select("contact_id", *codes, weight=rows["weight"] * rows["by_score"] * again)
        coded = weights.session.materialize(rows)
        return replace(weights, rows=coded.select("contact_id", "weight"), coded=coded)


def _margins(batch: pa.RecordBatch, codes: tuple[tuple[str, int], ...], scores: NDArray[np.float64]) -> Rows:
    """Rows of the raking; the outcome is the score's place among those given."""
    n = len(batch)
    return Rows(
        dense=np.empty((n, 0)),
        groups=Indicators.named(codes, lambda name: batch.column(name).to_numpy(), n),
        outcome=np.searchsorted(scores, batch.column("score").to_numpy().astype(float)),
        weight=batch.column("weight").to_numpy(),
        cluster=np.zeros(n, dtype=np.int64),
    )


def _with_predictor(rows: ir.Table, codes: tuple[tuple[str, int], ...], coefficients: NDArray[np.float64]) -> ir.Table:
    """The rows with their linear predictor, ``again``, one coefficient per code in the order of the codes.

    Coefficients are joined: an expression that lists them takes engines longer to plan than to compute.
    """
    parts, start = [], 0
    for code, width in codes:
        if width:
            own = {code: pa.array(range(-1, width), pa.int32())}
            own |= {f"again_{code}": pa.array([0.0, *coefficients[start : start + width]])}
            rows = rows.inner_join(ibis.memtable(pa.table(own)), code)
            parts.append(f"again_{code}")
        start += width
    total: ir.FloatingValue = sum((rows[part] for part in parts), start=ibis.literal(0.0))
    return rows.mutate(again=total).drop(*parts)
