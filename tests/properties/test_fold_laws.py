"""Fold laws: a neutral zero, any split and any order of the rows give the same numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.estimators.effect_averages import LeverRows, LeverTerm
from cxfusion.estimators.effects import estimate_effects
from cxfusion.estimators.moments import LinearRows, gather_moments
from cxfusion.estimators.rows import Indicators, Rows
from cxfusion.estimators.within import within_groups
from cxfusion.fold import fold_batches

N = 3000
RNG = np.random.default_rng(20)
LEVEL = RNG.gamma(1.5, 60.0, N)
GROUP = RNG.integers(-1, 5, N)
CLUSTER = RNG.integers(0, 50, N)
OUTCOME = np.digitize(-LEVEL / 80 + 0.3 * GROUP + RNG.logistic(size=N), [-3.0, -1.5, 0.0, 1.0])
WEIGHT = RNG.uniform(0.5, 2.0, N)
BATCH = pa.RecordBatch.from_pydict({"row": np.arange(N)})


def make_rows(batch: pa.RecordBatch, cluster: np.ndarray = CLUSTER) -> Rows:
    at = batch["row"].to_numpy()
    groups = Indicators(GROUP[at, None], (5,))
    return Rows(LEVEL[at, None] / 60, groups, OUTCOME[at], WEIGHT[at], cluster[at])


def make_few(batch: pa.RecordBatch) -> Rows:
    return make_rows(batch, CLUSTER % 12)


def make_levers(batch: pa.RecordBatch) -> list[LeverRows]:
    at = batch["row"].to_numpy()
    return [LeverRows(LEVEL[at], np.full((len(at), 1), 1 / 60))]


def numbers(batches: list[pa.RecordBatch]) -> np.ndarray:
    """Everything the estimators say about these rows, as one vector."""

    def sweep(fold):
        return fold_batches(fold, batches)

    fit = fit_cumulative_logit(sweep, make_rows, 5)
    terms = [LeverTerm(slice(0, 1), -30.0, np.zeros(1))]
    found = [fit.parameters, np.diag(fit.covariance), [fit.log_likelihood]]
    for make, n_clusters in ((make_rows, 50), (make_few, 12)):
        effects = estimate_effects(sweep, make, make_levers, terms, fit, (1, 2, 3, 4, 5), n_clusters)
        found += [effects.estimate, effects.std_error, effects.local_estimate, effects.remove_all]

    def absorb(batch):
        rows = make_rows(batch)
        return LinearRows(rows.dense, Indicators(rows.cluster[:, None], (50,)), rows.weight, rows.cluster)

    found.append(within_groups(gather_moments(sweep, absorb)).projection.residual_share)
    return np.concatenate(found)


WHOLE = numbers([BATCH])


def split(edges: list[int]) -> list[pa.RecordBatch]:
    ends = [0, *sorted(edges), N]
    return [BATCH.slice(start, stop - start) for start, stop in itertools.pairwise(ends)]


@pytest.mark.parametrize("n_batches", [1, 7, 1000])
def test_number_of_batches_does_not_matter(n_batches):
    edges = np.linspace(0, N, n_batches + 1).astype(int)[1:-1].tolist()
    assert numbers(split(edges)) == pytest.approx(WHOLE, rel=1e-12, abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(edges=st.lists(st.integers(0, N), max_size=9), order=st.randoms(use_true_random=False))
def test_any_split_in_any_order_gives_the_same_numbers(edges, order):
    batches = split(edges)  # with repeated edges, some batches are empty
    order.shuffle(batches)
    # order changes rounding of sums over 3,000 rows, which Newton's last digit amplifies a little
    assert numbers(batches) == pytest.approx(WHOLE, rel=1e-10, abs=1e-10)


def test_states_of_parts_merge_to_the_state_of_the_whole():
    # how two workers share a fold: each steps its own batches, then states merge, in any tree
    def sweep(fold):
        states = [fold.step(fold.zero(), batch) for batch in split([500, 501, 1800])]
        left, right = fold.merge(states[0], states[1]), fold.merge(states[2], states[3])
        return fold.finish(fold.merge(fold.merge(fold.zero(), right), left))

    fit = fit_cumulative_logit(sweep, make_rows, 5)
    terms = [LeverTerm(slice(0, 1), -30.0, np.zeros(1))]
    effects = estimate_effects(sweep, make_rows, make_levers, terms, fit, (1, 2, 3, 4, 5), 50)
    n = len(fit.parameters)
    assert fit.parameters == pytest.approx(WHOLE[:n], rel=1e-12, abs=1e-12)
    assert effects.estimate[0] == pytest.approx(WHOLE[2 * n + 1], rel=1e-12)
    assert effects.std_error[0] == pytest.approx(WHOLE[2 * n + 2], rel=1e-12)
