"""Laws of the linear estimators: any split and order of the rows, parts that sum, order that does not matter."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student_t

from cxfusion.errors import EstimationError
from cxfusion.estimators.cluster_moments import gather_cluster_moments
from cxfusion.estimators.instruments import fit_two_stage
from cxfusion.estimators.jive import fit_ujive
from cxfusion.estimators.least_squares import fit_least_squares, robust_covariance
from cxfusion.estimators.moments import Block, LinearRows, gather_moments
from cxfusion.estimators.rows import Indicators
from cxfusion.estimators.sensitivity import adjusted_estimate, robustness_value
from cxfusion.estimators.shares import association_shares
from cxfusion.estimators.within import within_groups
from cxfusion.fold import fold_batches
from gelbach import decompose_change

N = 600
RNG = np.random.default_rng(30)
AGENT = RNG.integers(0, 12, N)
HOUR = (AGENT // 3 + RNG.integers(0, 5, N)) % 7
CODES = np.column_stack([AGENT, HOUR])
X = RNG.normal(size=(N, 4)) @ RNG.normal(size=(4, 4)) + 0.4 * AGENT[:, None] - 0.2 * HOUR[:, None]
Y = X @ [1.0, -0.5, 0.3, 0.0] + AGENT + np.sin(HOUR) + RNG.normal(size=N)
COLUMNS = np.column_stack([Y, X]) + 50.0
WEIGHT = RNG.uniform(0.0, 2.0, N)
BATCH = pa.RecordBatch.from_pydict({"row": np.arange(N)})


def make_rows(batch: pa.RecordBatch) -> LinearRows:
    at = batch["row"].to_numpy()
    return LinearRows(COLUMNS[at], Indicators(CODES[at], (12, 7)), WEIGHT[at], AGENT[at])


def numbers(batches: list[pa.RecordBatch]) -> np.ndarray:
    """Everything the linear estimators say about these rows, as one vector."""

    def sweep(fold):
        return fold_batches(fold, batches)

    moments = gather_moments(sweep, make_rows)
    fit = fit_least_squares(within_groups(moments, [1]), 0, [1, 2, 3])
    clusters = gather_cluster_moments(sweep, make_rows, 12)
    stages = fit_two_stage(sweep, make_rows, within_groups(moments, [1]), 0, 1, [3, 4], [2], 12)
    jackknife = fit_ujive(sweep, make_rows, moments, 0, 1, Block(groupings=(0,)), Block((2,), (1,)))
    return np.concatenate(
        [
            fit.coefficients,
            fit.std_error,
            robust_covariance(sweep, make_rows, fit).ravel(),
            robust_covariance(sweep, make_rows, fit, 12).ravel(),
            clusters.total_scatter().ravel(),
            np.concatenate(list(clusters.scatters_without_one())).ravel(),
            [stages.estimate, stages.std_error, stages.effective_f],
            [jackknife.estimate, jackknife.std_error],
        ]
    )


WHOLE = numbers([BATCH])


def split(edges: list[int]) -> list[pa.RecordBatch]:
    ends = [0, *sorted(edges), N]
    return [BATCH.slice(start, stop - start) for start, stop in itertools.pairwise(ends)]


@pytest.mark.parametrize("n_batches", [7, 300])
def test_number_of_batches_does_not_matter(n_batches):
    edges = np.linspace(0, N, n_batches + 1).astype(int)[1:-1].tolist()
    assert numbers(split(edges)) == pytest.approx(WHOLE, rel=1e-9, abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(edges=st.lists(st.integers(0, N), max_size=6), order=st.randoms(use_true_random=False))
def test_any_split_in_any_order_gives_the_same_numbers(edges, order):
    batches = split(edges)  # with repeated edges, some batches are empty
    order.shuffle(batches)
    assert numbers(batches) == pytest.approx(WHOLE, rel=1e-9, abs=1e-9)


def test_states_of_parts_merge_to_the_state_of_the_whole():
    def sweep(fold):
        states = [fold.step(fold.zero(), batch) for batch in split([100, 101, 400])]
        left, right = fold.merge(states[0], states[1]), fold.merge(states[2], states[3])
        return fold.finish(fold.merge(fold.merge(fold.zero(), right), left))

    moments = gather_moments(sweep, make_rows)
    whole = gather_moments(lambda fold: fold_batches(fold, [BATCH]), make_rows)
    assert moments.scatter == pytest.approx(whole.scatter, rel=1e-12)
    assert moments.group_scatter == pytest.approx(whole.group_scatter, abs=1e-11)
    assert moments.overlap.toarray() == pytest.approx(whole.overlap.toarray(), rel=1e-12)
    assert moments.n == whole.n


MOMENTS = gather_moments(lambda fold: fold_batches(fold, [BATCH]), make_rows)
BLOCKS = {
    "first": Block((2,)),
    "second": Block((3, 4)),
    "agent": Block(groupings=(0,)),
    "hour": Block(groupings=(1,)),
}


@pytest.mark.parametrize("names", [c for r in range(1, 5) for c in itertools.combinations(BLOCKS, r)])
def test_parts_of_a_change_sum_to_it_in_any_order(names):
    found = decompose_change(MOMENTS, 0, 1, {name: BLOCKS[name] for name in names})
    turned = decompose_change(MOMENTS, 0, 1, {name: BLOCKS[name] for name in reversed(names)})
    assert sum(found.parts.values()) == pytest.approx(found.base - found.full, abs=1e-10)
    assert turned.parts == pytest.approx(found.parts, abs=1e-10)


def test_each_part_is_the_bias_that_its_own_columns_make():
    # Gelbach's formula with dense dummies: slopes of the added columns on the lever, times their coefficients
    root = np.sqrt(WEIGHT)[:, None]
    base = np.column_stack([COLUMNS[:, 1], np.ones(N), COLUMNS[:, 2]]) * root
    dummies = np.eye(12)[AGENT][:, 1:] * root
    added = COLUMNS[:, 3:] * root
    full = np.linalg.lstsq(np.hstack([base, added, dummies]), COLUMNS[:, 0] * root[:, 0], rcond=None)[0]
    slopes = np.linalg.lstsq(base, np.hstack([added, dummies]), rcond=None)[0][0]
    found = decompose_change(MOMENTS, 0, 1, {"x": Block((3, 4)), "agent": Block(groupings=(0,))}, Block((2,)))
    assert found.parts["x"] == pytest.approx(slopes[:2] @ full[3:5], abs=1e-9)
    assert found.parts["agent"] == pytest.approx(slopes[2:] @ full[5:], abs=1e-9)


def nested(batch: pa.RecordBatch) -> LinearRows:
    """Queue × hour and queue × day: both hold the queue, so what the queue took is neither's alone."""
    rows = make_rows(batch)
    queue, hour, day = rows.cluster // 4, rows.cluster % 4, batch["row"].to_numpy() % 5
    return LinearRows(
        rows.columns, Indicators(np.column_stack([queue * 4 + hour, queue * 5 + day]), (12, 15)), rows.weight, hour
    )


def test_blocks_that_repeat_one_another_are_refused_apart_and_taken_together():
    moments = gather_moments(lambda fold: fold_batches(fold, [BATCH]), nested)
    with pytest.raises(EstimationError, match="as one"):
        decompose_change(moments, 0, 1, {"hour": Block(groupings=(0,)), "day": Block(groupings=(1,))})
    found = decompose_change(moments, 0, 1, {"when": Block(groupings=(0, 1)), "x": Block((2,))})
    assert sum(found.parts.values()) == pytest.approx(found.base - found.full, abs=1e-10)


@settings(max_examples=40, deadline=None)
@given(
    statistic=st.floats(-60, 60),
    dof=st.integers(5, 10_000),
    conf_level=st.one_of(st.none(), st.floats(0.5, 0.99)),
)
def test_a_factor_as_strong_as_the_robustness_value_succeeds(statistic, dof, conf_level):
    value = robustness_value(statistic, dof, conf_level)
    assert 0 <= value < 1
    if conf_level is None and value > 0:
        left = adjusted_estimate(statistic, 1.0, dof, value, value)
        assert left.estimate == pytest.approx(0, abs=1e-6 * max(abs(statistic), 1))
    elif value > 0:
        left = adjusted_estimate(statistic, 1.0, dof, value, min(value, 1.0))
        critical = student_t.isf((1 - conf_level) / 2, dof - 1)
        assert abs(left.estimate) <= critical * left.std_error + 1e-6 or value > 1 - critical**2 / (dof - 1)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), p=st.integers(1, 7))
def test_shares_that_should_sum_to_r_squared_do(seed, p):
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(p + 1, p + 1))
    shares = association_shares(mix @ mix.T)
    for part in (shares.lmg, shares.johnson, shares.car):
        assert part.sum() == pytest.approx(shares.r_squared, abs=1e-9)
        assert (part >= -1e-12).all()
    assert (shares.first >= -1e-12).all()
    assert (shares.last <= shares.r_squared + 1e-12).all()
