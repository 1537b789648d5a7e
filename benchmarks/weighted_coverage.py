"""Do the intervals of weighted scores cover? Draws of answers from a log, weighted as ``weigh`` does, and counted.

    python benchmarks/weighted_coverage.py [--draws 5000] [--sizes 200 30]

Of a log of 8,000 contacts of three queues and two channels a part answers, by chance and by these; scores hang on
the same. Each draw is weighted by a logistic propensity and raking, and the 95 % intervals of the CSAT mean, top-2-box
and NPS are held against the log's own figures, with the errors of what the margins leave and with the weights as given.
"""

from __future__ import annotations

import argparse

import numpy as np

from cxfusion.errors import CxfusionError
from cxfusion.estimators.calibrated import calibration_residuals, leverages
from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.estimators.intervals import ClusteredSums, mean_interval, net_interval, share_interval, weighted_mean
from cxfusion.estimators.raking import fit_raking
from cxfusion.estimators.rows import Indicators, Rows

LOG = 8_000
BY_CHANCE_BELOW = 100
WIDTHS = (2, 1)  # three queues, two channels: levels that 30 answers can be raked to


def the_log(seed: int = 1):
    """Codes, response propensities up to a factor, and the scores that all would give."""
    rng = np.random.default_rng(seed)
    codes = np.column_stack([rng.choice([-1, 0, 1], LOG, p=[0.5, 0.3, 0.2]), rng.choice([-1, 0], LOG, p=[0.6, 0.4])])
    queue, channel = codes.T + 1
    tilt = np.exp(0.5 * (queue == 2) - 0.4 * channel)
    latent = 0.9 - 0.8 * queue + 0.5 * channel + rng.logistic(0, 0.8, LOG)
    csat = 1 + np.searchsorted([-2.0, -1.0, 0.0, 1.2], latent)
    nps = np.searchsorted([-1.5, 0.8], latent) - 1
    return codes, tilt, {"csat_mean": csat - 3.0, "csat_top2box": (csat >= 4) * 1.0, "nps": nps * 1.0}


def pooled(codes, is_answered):
    """Levels with fewer than 30 answers share one, as weigh has it; of few answers all do."""
    made = []
    for level in codes.T:
        found, place = np.unique(level, return_inverse=True)
        answers = np.bincount(place, is_answered, len(found))
        own = np.flatnonzero(answers >= 30)
        new = np.full(len(found), -1 if len(own) == 0 else len(own) - 1 if answers[answers < 30].sum() >= 30 else -1)
        order = own[np.argsort(-answers[own], kind="stable")]
        new[order] = np.arange(len(own)) - 1
        made.append(new[place])
    return np.column_stack(made)


def rows_of(codes, weight, outcome):
    n = len(codes)
    return Rows(np.empty((n, 0)), Indicators(codes, WIDTHS), outcome, weight, np.zeros(n, np.int64))


def once(fold_rows):
    return lambda fold: fold.finish(fold.step(fold.zero(), fold_rows))


def weighted(codes, is_answered):
    """Weights of the answers, as weigh makes them."""
    n, k = len(codes), int(is_answered.sum())
    everyone = rows_of(codes, np.ones(n), is_answered.astype(np.int64))
    fit = fit_cumulative_logit(once(everyone), lambda rows: rows, 2)
    odds = everyone.times(fit.coefficients)[is_answered] - float(fit.cuts[0])
    base = np.minimum(k / n * (1 + np.exp(-odds)), 6.0)
    answers = rows_of(codes[is_answered], base, np.zeros(k, np.int64))
    totals = np.concatenate([[n], everyone.groups.sums(np.ones(n))]) * (k / n)
    raking = fit_raking(once(answers), lambda rows: rows, totals)
    return raking.weights(answers)


def mean_of(codes, weight, value, *, is_linearised):
    n = len(value)
    mean = np.average(value, weights=weight)
    rows = Rows(np.ones((n, 1)), Indicators(codes, WIDTHS), np.zeros(n, np.int64), weight, np.arange(n))
    without = weight / (1 - np.minimum(leverages(rows), 0.5))
    found = calibration_residuals(rows, without, value - mean, np.zeros(n, np.int64), 1)
    residual = found.squares if is_linearised else np.array([np.nan])
    count, w, wx = np.array([float(n)]), np.array([weight.sum()]), np.array([weight @ value])
    wxx, ww = np.array([weight @ value**2]), np.array([weight @ weight])
    wxw, wxwx = np.array([weight**2 @ value]), np.array([weight**2 @ value**2])
    return weighted_mean(ClusteredSums(count, count, w, wx, wxx, ww, wxw, wxwx, residual))


def interval_of(metric, mean):
    if metric == "csat_mean":
        return mean_interval(mean, -2.0, 2.0)
    return share_interval(mean) if metric == "csat_top2box" else net_interval(mean)


def coverage(size: int, draws: int, seed: int = 2) -> dict[tuple[str, bool], tuple[float, float]]:
    """Share of intervals that cover, and their mean width, by metric and kind of error."""
    codes, tilt, scores = the_log()
    rng = np.random.default_rng(seed)
    tilt = tilt if size >= BY_CHANCE_BELOW else np.ones(LOG)
    chance = np.minimum(tilt * size / tilt.sum(), 1.0)
    found: dict[tuple[str, bool], list[tuple[bool, float]]] = {}
    for _ in range(draws):
        is_answered = rng.random(LOG) < chance
        coded = pooled(codes, is_answered)
        try:
            weight = weighted(coded, is_answered)
        except CxfusionError:  # nobody answered in a level: weigh says so too
            continue
        for metric, value in scores.items():
            for is_linearised in (True, False):
                mean = mean_of(coded[is_answered], weight, value[is_answered], is_linearised=is_linearised)
                ends = interval_of(metric, mean)
                covers = bool(ends.low[0] <= value.mean() <= ends.high[0])
                found.setdefault((metric, is_linearised), []).append((covers, float(ends.high[0] - ends.low[0])))
    return {
        key: (float(np.mean([c for c, _ in rows])), float(np.mean([w for _, w in rows]))) for key, rows in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=5_000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 30])
    asked = parser.parse_args()
    print(f"{'answers':>8} {'metric':<14} {'residuals':>18} {'weights as given':>18}")
    for size in asked.sizes:
        found = coverage(size, asked.draws)
        for metric in dict.fromkeys(metric for metric, _ in found):
            (left, width), (given, wide) = found[metric, True], found[metric, False]
            print(f"{size:>8} {metric:<14} {left:>9.1%} {width:>8.3f} {given:>9.1%} {wide:>8.3f}")


if __name__ == "__main__":
    main()
