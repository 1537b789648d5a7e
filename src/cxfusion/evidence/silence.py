"""Who is silent, and what of it: by how much an effect would differ, had some been likelier to answer.

To the first order, from the fitted models alone; ``nonresponse_effects`` fits them again.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import exp, log
from typing import TYPE_CHECKING, Final

import numpy as np

from cxfusion.estimators.clusters import CR2_BELOW
from cxfusion.estimators.influence import cluster_influence
from cxfusion.estimators.tilting import SHAPES, TIMES_AS_LIKELY, Tilt, worth_of
from cxfusion.results.formats import times_over

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.rows import RowMaker, Rows
    from cxfusion.evidence.inquiry import Inquiry
    from cxfusion.evidence.ladder import FittedModel
    from cxfusion.evidence.verdict import Finding, Verdict

__all__ = ["notes_on_silence", "pulls_of", "with_silence"]

SAID: Final = {
    "dissatisfied": "Had the least satisfied been {times} times as likely to answer as the most satisfied, it would be"
    " too little to matter.",
    "extremes": "Had those at both ends of the scale been {times} times as likely to answer as those in the middle, it"
    " would be too little to matter.",
}


def pulls_of(found: Inquiry) -> dict[tuple[str, str], float]:
    """What each lever's best estimate loses or gains per unit of log r, had some been r times as likely to answer.

    By lever and shape. Weights are divided by how many times as likely each answer was to be given; who lived what
    stays as it is, so that only answers' scores pull: the inverse information times the scores, summed by answer (of
    very many over a part that stands for all).

    Parameters
    ----------
    found : Inquiry

    References
    ----------
    Newey & McFadden (1994), section 6, for the influence of a row on what is averaged over a fit.
    """
    worth = worth_of(found.sample.values, found.sample.outcome.is_better_above(found.scale))
    places = np.array([-np.log(Tilt(shape, np.e).factors(worth)) for shape in SHAPES])
    by_rung: dict[str, dict[str, NDArray[np.float64]]] = {"within": {}, "beside": {}}
    kappas = {}
    for model in found.ladder.models:
        marks = np.searchsorted(found.sample.values, model.values)
        pulled = -places.take(marks, axis=1) @ _by_answer(model, model.values) * (found.sample.n / found.sample.n_part)
        for j, lever in enumerate(model.levers):
            by_rung[model.rung][lever.name] = pulled[:, j] * float(model.effects[j].step[0])
            if model.kappa is not None:
                kappas[lever.name] = model.kappa.value
    pulls: dict[tuple[str, str], float] = {}
    for name, within in by_rung["within"].items():
        beside = by_rung["beside"].get(name)
        best = within if beside is None else within - kappas[name] * (within - beside)
        pulls |= {(name, shape): float(one) for shape, one in zip(SHAPES, best, strict=True)}
    return pulls


def _by_answer(model: FittedModel, values: tuple[float, ...]) -> NDArray[np.float64]:
    """Influence of all rows with each answer on each lever's effect per unit, shape (answers, levers)."""
    directions = model.fit.inverse.matrix @ np.vstack([one.gradient for one in model.effects]).T
    # not the model itself, which holds the session: what a fold holds may have to travel
    make_rows = partial(_by_their_answer, make_rows=model.few.make_rows)
    n_groups = max(len(values), CR2_BELOW)  # answers are no clusters: nothing is to be corrected for their number
    return cluster_influence(model.few.sweep, make_rows, model.fit, directions, n_groups)[: len(values)]


def _by_their_answer(batch: pa.RecordBatch, make_rows: RowMaker) -> Rows:
    """Rows with their answer in the place of the cluster."""
    rows = make_rows(batch)
    return replace(rows, cluster=rows.outcome)


def with_silence(
    verdicts: Mapping[str, Verdict], findings: Mapping[str, Finding | None], pulls: Mapping[tuple[str, str], float]
) -> dict[str, Verdict]:
    """The verdicts; one that ``moves`` says so where who is silent could make it too little to matter.

    Of both shapes the one that takes less, and only up to twice as likely, as far as the first order may be believed.
    """
    told = dict(verdicts)
    for name, verdict in verdicts.items():
        finding = findings[name]
        if verdict.verdict == "moves" and finding is not None:
            sentence = _sentence(finding, {shape: pulls.get((name, shape), 0.0) for shape in SHAPES})
            told[name] = replace(verdict, because=f"{verdict.because} {sentence}".rstrip())
    return told


def notes_on_silence(
    verdicts: Mapping[str, Verdict], findings: Mapping[str, Finding | None], pulls: Mapping[tuple[str, str], float]
) -> Iterator[str]:
    """What intervals leave out: how much the effects of movers would change, had the answer itself led to answering."""
    movers = {name: found for name, found in findings.items() if found and verdicts[name].verdict == "moves"}
    most = {}
    for shape in SHAPES:
        by_share = [
            log(2) * pulls[name, shape] / finding.best.estimate
            for name, finding in movers.items()
            if (name, shape) in pulls and finding.best.estimate
        ]
        most[shape] = max(by_share, key=abs, default=0.0)
    if any(most.values()):
        shares = {shape: f"{share:+.0%}".replace("-", "−") for shape, share in most.items()}
        yield (
            "Intervals count chance, not silence. Had the least satisfied been twice as likely to answer as the most"
            f" satisfied, effects that move the score would change by up to {shares['dissatisfied']}; had both ends of"
            f" the scale, against the middle, by up to {shares['extremes']}."
        )


def _sentence(finding: Finding, pulls: Mapping[str, float]) -> str:
    estimate = finding.best.estimate or 0.0
    missing = np.copysign(finding.smallest_effect, estimate) - estimate
    if abs(estimate) <= finding.smallest_effect:
        return ""
    furthest = log(max(TIMES_AS_LIKELY))
    reached = {shape: missing / pull for shape, pull in pulls.items() if pull and abs(missing / pull) <= furthest}
    if not reached:
        return ""
    shape = min(reached, key=lambda one: abs(reached[one]))
    return SAID[shape].format(times=times_over(exp(reached[shape])))
