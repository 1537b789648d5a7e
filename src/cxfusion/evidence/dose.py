"""Dose and response: the expected score at every level of a lever, where it bends, and what its bands look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cxfusion.estimators.curves import Curve, estimate_curve, rearranged
from cxfusion.estimators.joint_tests import coefficient_influence, joint_test
from cxfusion.evidence.dose_bases import (
    band_edges,
    bending_of,
    counted_levels,
    curve_levels,
    learn_bands,
    learn_spline,
)
from cxfusion.evidence.ground import Ground, WithinFit, asked_spec, lay_ground
from cxfusion.evidence.threshold import Threshold, find_threshold, plan_search
from cxfusion.results.base import Result
from cxfusion.results.formats import duration_in_words, figure, p_value_in_words, plain
from cxfusion.results.labels import lever_label, outcome_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import altair as alt
    from numpy.typing import NDArray

    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.design import Basis
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.pairing.result import Pairing
    from cxfusion.perception.weights import ResponseWeights

__all__ = ["DoseResponse", "dose_on", "dose_response"]

BENDS_BELOW: Final = 0.05
CURVE_COLUMNS: Final = (
    "outcome", "lever", "unit", "level", "estimate", "std_error", "conf_low", "conf_high", "n",
)  # fmt: skip
BAND_COLUMNS: Final = (
    "outcome", "lever", "unit", "low", "high", "level", "raw_estimate", "estimate", "std_error", "conf_low",
    "conf_high", "n",
)  # fmt: skip
TEST_COLUMNS: Final = (
    "outcome", "lever", "test", "statistic", "p_value", "kind", "estimate", "conf_low", "conf_high", "status", "reason",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class DoseResponse(Result):
    """What the score would be at each level of a lever.

    Attributes
    ----------
    spec : LeverSpec
    lever : Lever
    curve : pandas.DataFrame
        The same as :attr:`table`: the expected score were the lever at one level for every response, everything else
        as it is; ``outcome, lever, unit, level, estimate, std_error, conf_low, conf_high, n``, intervals pointwise.
    bands : pandas.DataFrame
        The same by bands, with no assumption on the shape, beside the mean score observed there (``raw_estimate``):
        ``outcome, lever, unit, low, high, level, raw_estimate, estimate, std_error, conf_low, conf_high, n``; a band
        holds levels above ``low`` and up to ``high``, ``level`` is their mean.
    tests : pandas.DataFrame
        ``linearity`` (is a straight line enough?) and ``threshold`` (does it bend or drop somewhere, and where?):
        ``outcome, lever, test, statistic, p_value, kind, estimate, conf_low, conf_high, status, reason``.
    threshold : Threshold
    is_monotone : bool
        Whether the curve was made monotone.
    notes : tuple of str
    n : int
        Responses.
    """

    spec: LeverSpec
    lever: Lever
    curve: pd.DataFrame
    bands: pd.DataFrame
    tests: pd.DataFrame
    threshold: Threshold
    is_monotone: bool
    notes: tuple[str, ...]
    n: int

    @property
    def _frame(self) -> pd.DataFrame:
        return self.curve

    def _lines(self) -> list[str]:
        name, score = lever_label(self.lever.name), outcome_label(self.spec.outcome)
        first, last = self.curve.iloc[0], self.curve.iloc[-1]
        head = (
            f"{name} and {score}: {figure(first['estimate'], None)} at {self._level(first['level'])},"
            f" {figure(last['estimate'], None)} at {self._level(last['level'])} ({self.n:,} responses)"
        )
        return [head, *(f"  {line}" for line in (self._linearity(), self._threshold())), *self.notes]

    def _level(self, level: float) -> str:
        return duration_in_words(level) if self.lever.unit == "seconds" else plain(level)

    def _linearity(self) -> str:
        row = self.tests[self.tests["test"] == "linearity"].to_dict("records")[0]
        if row["status"] != "ok":
            return f"Whether a straight line would do: not applicable, {row['reason']}."
        word = "A straight line would not do" if row["p_value"] < BENDS_BELOW else "A straight line would do"
        return f"{word} ({p_value_in_words(row['p_value'])})."

    def _threshold(self) -> str:
        found = self.threshold
        if found.estimate is None or found.conf_low is None or found.conf_high is None:
            tested = "" if found.p_value is None else f" ({p_value_in_words(found.p_value)})"
            return f"No threshold: {found.reason}{tested}."
        low = "below " if found.is_open_low else ""
        high = " or beyond" if found.is_open_high else ""
        ends = f"{low}{self._level(found.conf_low)} to {self._level(found.conf_high)}{high}"
        return f"{_bend_in_words(found)} {self._level(found.estimate)} ({ends}; {p_value_in_words(found.p_value)})."

    def plot(self, *, width: int = 720) -> alt.TopLevelMixin:
        """The curve with its band of error, the bands as points, and the threshold with its interval.

        Parameters
        ----------
        width : int
            Whole width in pixels, about.
        """
        from cxfusion.results.curve_charts import dose_curve

        return dose_curve(self.curve, self.bands, self.tests, is_log=self.lever.shape == "log1p", width=width)


def _bend_in_words(found: Threshold) -> str:
    before, after = found.before or 0.0, found.after or 0.0
    if found.kind == "drop":
        return "The score drops past" if after < 0 else "The score jumps up past"
    way = "falls" if after < 0 else "rises"
    if abs(after) > abs(before):
        return f"The score {way} faster past"
    return f"The score {way} less past" if before * after > 0 else "The score turns at"


def dose_response(
    pairing: Pairing,
    lever: str,
    outcome: str | None = None,
    *,
    bands: Sequence[float] | None = None,
    is_monotone: bool = False,
    levers: Iterable[Lever] | None = None,
    weights: ResponseWeights | None = None,
    spec: LeverSpec | None = None,
) -> DoseResponse:
    """The expected score at every level of one lever, within the same agent, hour and day.

    Parameters
    ----------
    pairing : Pairing
    lever : str
        One of the levers asked about, by name.
    outcome : {"csat", "nps", "ces"}, optional
        CSAT by default.
    bands : sequence of float, optional
        Inner edges of the bands, in the lever's unit; by default eighths of its positive values, none apart, and every
        count by itself where none is above 20. Bands with fewer answers than ``spec.min_level_responses`` are joined
        with the next.
    is_monotone : bool
        Make the curve, and both ends of its intervals, rise or fall throughout.
    levers : iterable of Lever, optional
        Instead of the catalogue's; those of earlier moments and beside it are held equal.
    weights : ResponseWeights, optional
    spec : LeverSpec, optional

    Returns
    -------
    DoseResponse

    Raises
    ------
    UnknownNameError
        No such lever.
    NothingToEstimateError
        The lever cannot be tested, and why.

    Notes
    -----
    A cumulative logit with a restricted cubic spline of five knots (in log(1 + level) for levers of shape ``log1p``;
    counts band by band), its projection on agents, hours and days, and the other levers. ``n`` and the mix of
    contacts are those of the whole sample at every level. Intervals are pointwise, clustered by agent.

    References
    ----------
    Harrell, *Regression Modeling Strategies*, 2nd ed., section 2.4; Chernozhukov, Fernández-Val & Galichon (2009),
    Biometrika 96, 559–575 (monotone curves).

    Examples
    --------
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7)
    >>> dose = cx.dose_response(cx.pair(centre.contacts, centre.surveys), "wait_seconds", is_monotone=True)
    >>> bool(dose.table["estimate"].is_monotonic_decreasing)
    True
    """
    spec = asked_spec(spec, outcome, levers)
    return dose_on(lay_ground(pairing, lever, spec, weights), bands, is_monotone=is_monotone)


def dose_on(ground: Ground, bands: Sequence[float] | None = None, *, is_monotone: bool = False) -> DoseResponse:
    """The same on a ground that is laid already."""
    edges, observed = band_edges(ground, bands)
    banded = learn_bands(ground, edges, observed)
    basis: Basis = banded if ground.lever.shape == "count" else learn_spline(ground)
    own, search = (banded,) if basis is banded else (banded, basis), plan_search(ground)
    known = ground.know(*own, beside=() if isinstance(search, str) else search.bases)
    by_band = ground.fit_within(banded, known=known)
    steps = _curve(ground, by_band, banded.columns_of(np.eye(len(edges) + 1)))
    if basis is banded:
        levels, within, curve = counted_levels(ground, edges), by_band, steps
    else:
        levels, within = curve_levels(ground), ground.fit_within(basis, known=known)
        curve = _curve(ground, within, basis.value(levels))
    threshold = find_threshold(ground, search, known, ground.spec.conf_level)
    tests = [_linearity(ground, within, basis, levels), _placed(ground, threshold)]
    return DoseResponse(
        spec=ground.spec,
        lever=ground.lever,
        curve=_curve_frame(ground, levels, curve, within.fit.n, is_monotone),
        bands=_band_frame(ground, edges, observed, steps),
        tests=pd.DataFrame(tests, columns=list(TEST_COLUMNS)),
        threshold=threshold,
        is_monotone=is_monotone,
        notes=ground.sample.notes,
        n=within.fit.n,
    )


def _curve(ground: Ground, within: WithinFit, levels: NDArray[np.float64]) -> Curve:
    model = within.model
    return estimate_curve(
        model.sweep, model.make_rows, within.columns, levels, within.fit, ground.values, ground.n_clusters
    )


def _named(ground: Ground, unit: bool = True) -> dict[str, str]:
    named = {"outcome": ground.spec.outcome, "lever": ground.lever.name}
    return {**named, "unit": ground.lever.unit} if unit else named


def _curve_frame(ground: Ground, levels: NDArray[np.float64], curve: Curve, n: int, is_monotone: bool) -> pd.DataFrame:
    low, high = curve.interval(ground.spec.conf_level)
    columns = {"estimate": curve.estimate, "conf_low": low, "conf_high": high}
    if is_monotone:
        rises = bool(np.polyfit(levels, curve.estimate, 1)[0] > 0)
        columns = {name: rearranged(column, rises) for name, column in columns.items()}
    frame = pd.DataFrame({"level": levels, **columns, "std_error": curve.std_error}).assign(**_named(ground), n=n)
    return frame[list(CURVE_COLUMNS)]


def _band_frame(ground: Ground, edges: Sequence[float], observed: pd.DataFrame, steps: Curve) -> pd.DataFrame:
    low, high = steps.interval(ground.spec.conf_level)
    found = ground.sample.facts[ground.lever.name]
    frame = pd.DataFrame(
        {
            "low": [float("-inf"), *edges],
            "high": [*edges, found.high],
            "level": observed["level"].to_numpy(),
            "raw_estimate": observed["mean"].to_numpy(),
            "estimate": steps.estimate,
            "std_error": steps.std_error,
            "conf_low": low,
            "conf_high": high,
            "n": observed["n"].to_numpy(),
        }
    )
    return frame.assign(**_named(ground))[list(BAND_COLUMNS)]


def _linearity(ground: Ground, within: WithinFit, basis: Basis, levels: NDArray[np.float64]) -> dict[str, object]:
    """Test of all columns that bend: of a spline all but the first, of counts the differences between steps."""
    row: dict[str, object] = {**_named(ground, unit=False), "test": "linearity", "status": "ok"}
    if basis.width < 2:
        return {**row, "status": "not_applicable", "reason": "the lever has too few different values"}
    n_cuts, model = len(within.fit.cuts), within.model
    places = n_cuts + np.arange(basis.width)
    influence = coefficient_influence(model.sweep, model.make_rows, within.fit, places, ground.n_clusters)
    bends = bending_of(basis, levels)
    found = joint_test(bends @ within.fit.coefficients[within.columns], influence @ bends.T)
    if found is None:
        return {**row, "status": "not_applicable", "reason": "there are too few groups to tell"}
    return {**row, "statistic": found.statistic, "p_value": found.p_value}


def _placed(ground: Ground, found: Threshold) -> dict[str, object]:
    status = "ok" if found.p_value is not None else "not_applicable"
    return {
        **_named(ground, unit=False), "test": "threshold", "p_value": found.p_value, "kind": found.kind,
        "estimate": found.estimate, "conf_low": found.conf_low, "conf_high": found.conf_high, "status": status,
        "reason": found.reason,
    }  # fmt: skip
