"""What non-response could change: every verdict, had the dissatisfied been r times as likely to answer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cxfusion.estimators.tilting import SHAPES, TIMES_AS_LIKELY, Tilt, crossing
from cxfusion.evidence.ground import asked_spec
from cxfusion.evidence.inquiry import conclude, inquire
from cxfusion.perception.nonresponse import NOBODY_SEES, times_asked
from cxfusion.results.base import Result
from cxfusion.results.formats import plain
from cxfusion.results.labels import lever_label, tilt_label, verdict_label
from cxfusion.results.readable import best_estimates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import altair as alt

    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.inquiry import Inquiry
    from cxfusion.evidence.ladder import Ladder
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.pairing.result import Pairing
    from cxfusion.perception.offers import OfferCheck
    from cxfusion.perception.weights import ResponseWeights

__all__ = ["NonresponseEffects", "nonresponse_effects"]

COLUMNS: Final = (
    "outcome", "lever", "shape", "times", "unit", "step", "estimate", "corrected_estimate", "conf_low", "conf_high",
    "verdict", "status", "reason",
)  # fmt: skip
FLIP_COLUMNS: Final = ("outcome", "lever", "shape", "verdict", "times", "becomes", "status", "reason")
ORDER_COLUMNS: Final = ("outcome", "larger", "smaller", "shape", "times", "status", "reason")


@dataclass(frozen=True, eq=False, repr=False)
class NonresponseEffects(Result):
    """Effects and verdicts under other beliefs about who did not answer.

    Attributes
    ----------
    spec : LeverSpec
    effects : pandas.DataFrame
        The same as :attr:`table`: ``outcome, lever, shape, times, unit, step, estimate, corrected_estimate, conf_low,
        conf_high, verdict, status, reason``; ``shape`` and ``times`` as of :class:`NonresponseCurve`, the interval the
        hull that the verdict rests on.
    flips : pandas.DataFrame
        One row per lever and shape: ``outcome, lever, shape, verdict, times, becomes, status, reason``: the times
        nearest to 1, of those tried, at which the verdict would be another.
    orders : pandas.DataFrame
        One row per two levers and shape: ``outcome, larger, smaller, shape, times, status, reason``: where the smaller
        effect would become the larger one.
    notes : tuple of str
    n : int
        Responses.
    """

    spec: LeverSpec
    effects: pd.DataFrame
    flips: pd.DataFrame
    orders: pd.DataFrame
    notes: tuple[str, ...]
    n: int

    @property
    def _frame(self) -> pd.DataFrame:
        return self.effects

    def _lines(self) -> list[str]:
        low, high = self.effects["times"].min(), self.effects["times"].max()
        head = f"Levers had others answered, {plain(low)} to {plain(high)} times as likely ({self.n:,} responses)"
        return [head, *(f"  {_flip_words(row)}" for row in self.flips.to_dict("records")), *self.notes]

    def plot(self, *, width: int = 720) -> alt.TopLevelMixin:
        """Each lever's effect by how many times as likely the dissatisfied, or both extremes, were to answer.

        Parameters
        ----------
        width : int
            Whole width in pixels, about.
        """
        from cxfusion.results.curve_charts import nonresponse_panels

        return nonresponse_panels(self.effects, width=width)


def _flip_words(row: dict[Any, Any]) -> str:
    who = tilt_label(row["shape"]).lower()
    name, now = lever_label(row["lever"]), verdict_label(row["verdict"]).lower()
    if row["status"] != "ok":
        return f"{name}: {now}, {row['reason']} ({who})."
    return f"{name}: {now}; at {plain(row['times'])} times: {verdict_label(row['becomes']).lower()} ({who})."


def nonresponse_effects(
    pairing: Pairing,
    outcome: str | None = None,
    *,
    levers: Iterable[Lever] | None = None,
    weights: ResponseWeights | None = None,
    spec: LeverSpec | None = None,
    times: Sequence[float] = TIMES_AS_LIKELY,
    offers: OfferCheck | None = None,
) -> NonresponseEffects:
    """Effects and verdicts had the dissatisfied (or both extremes) been r times as likely to answer.

    Parameters
    ----------
    pairing : Pairing
    outcome, levers, weights, spec, offers
        As of :func:`fit_levers`, so that the verdicts are the same ones.
    times : sequence of float
        How many times as likely.

    Returns
    -------
    NonresponseEffects

    Raises
    ------
    UsageError
        Times that are not positive.
    CxfusionError
        As of :func:`fit_levers`.

    Notes
    -----
    Weights are divided by how many times as likely each answer was to be given, then raked so that the shares of case
    mix and hours and the means of the levers stay what they are. The models are fitted again from the optimum nearby;
    what is projected on agents, hours and days, and the reliability of the negative control, stay as they are.

    Examples
    --------
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7)
    >>> pairing = cx.pair(centre.contacts, centre.surveys)
    >>> found = cx.nonresponse_effects(pairing, times=(0.5, 1, 2))
    >>> found.flips[["lever", "shape", "verdict"]].head(1).values.tolist()
    [['wait_seconds', 'dissatisfied', 'moves']]
    """
    tilts = tuple(Tilt(shape, one) for shape in SHAPES for one in times_asked(times))
    found = inquire(pairing, asked_spec(spec, outcome, levers), weights, tilts, offers)
    effects = pd.DataFrame(
        [row for tilt, ladder in zip(tilts, found.ladder.tilted, strict=True) for row in _rows(found, tilt, ladder)],
        columns=list(COLUMNS),
    )
    return NonresponseEffects(
        spec=found.spec,
        effects=effects,
        flips=pd.DataFrame(_flips(effects), columns=list(FLIP_COLUMNS)),
        orders=pd.DataFrame(_orders(effects), columns=list(ORDER_COLUMNS)),
        notes=(NOBODY_SEES,),
        n=found.sample.n,
    )


def _rows(found: Inquiry, tilt: Tilt, ladder: Ladder) -> Iterator[dict[str, Any]]:
    """Every lever at one tilt."""
    findings, verdicts = conclude(found, ladder)
    for lever in found.asked:
        finding, verdict = findings[lever.name], verdicts[lever.name]
        row = {"outcome": found.spec.outcome, "lever": lever.name, "shape": tilt.shape, "times": tilt.times}
        row |= {"unit": lever.unit, "verdict": verdict.verdict}
        if finding is None:
            yield {**row, "status": "not_applicable", "reason": verdict.because}
            continue
        corrected = finding.rungs.get("corrected")
        low, high = finding.hull
        yield {
            **row, "step": finding.within.step, "estimate": finding.within.estimate,
            "corrected_estimate": None if corrected is None else corrected.estimate, "conf_low": low,
            "conf_high": high, "status": "ok",
        }  # fmt: skip


def _flips(effects: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Where the verdict on each lever changes."""
    for (lever, shape), rows in effects.groupby(["lever", "shape"], sort=False):
        fitted = rows[rows["status"] == "ok"]  # that a fit fails under some weights says nothing of the lever
        tried = rows if fitted.empty else fitted
        verdicts = dict(zip(tried["times"], tried["verdict"], strict=True))
        now = verdicts[1.0]
        changed = sorted((times for times in verdicts if verdicts[times] != now), key=lambda one: abs(np.log(one)))
        row = {"outcome": rows["outcome"].iloc[0], "lever": lever, "shape": shape, "verdict": now}
        if changed:
            yield {**row, "times": changed[0], "becomes": verdicts[changed[0]], "status": "ok"}
        else:
            reason = f"whether {plain(min(verdicts))} or {plain(max(verdicts))} times as likely"
            yield {**row, "status": "not_applicable", "reason": reason}


def _orders(effects: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Where two levers change places."""
    best = best_estimates(effects).abs()
    wide = effects.assign(size=best).pivot_table(index=["shape", "times"], columns="lever", values="size", sort=False)
    known = [name for name in dict.fromkeys(effects["lever"]) if name in wide.columns]
    for one, other in combinations(known, 2):
        for shape in SHAPES:
            sizes = wide.loc[shape].sort_index()
            larger, smaller = (one, other) if sizes.loc[1.0, one] >= sizes.loc[1.0, other] else (other, one)
            row = {"outcome": effects["outcome"].iloc[0], "larger": larger, "smaller": smaller, "shape": shape}
            apart = (sizes[larger] - sizes[smaller]).dropna()
            times = crossing(apart.index.to_numpy(float), apart.to_numpy(float), 0.0)
            if times is None:
                yield {**row, "status": "not_applicable", "reason": "the order stays"}
            else:
                yield {**row, "times": times, "status": "ok"}
