"""Least squares against NIST's certified digits, and against statsmodels with every dummy written out."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse
from scipy.sparse.linalg import splu

from cxfusion.errors import EstimationError, TooFewResponsesError
from cxfusion.estimators.least_squares import fit_least_squares, robust_covariance
from cxfusion.estimators.moments import LinearRows, gather_moments
from cxfusion.estimators.rows import Indicators, Rows
from cxfusion.estimators.within import within_groups
from cxfusion.fold import fold_batches

# NIST Statistical Reference Datasets, Longley, certified values
LONGLEY = {
    "deflator": (15.0618722713733, 84.9149257747669),
    "gnp": (-0.358191792925910e-01, 0.334910077722432e-01),
    "unemployed": (-2.02022980381683, 0.488399681651699),
    "armed_forces": (-1.03322686717359, 0.214274163161675),
    "population": (-0.511041056535807e-01, 0.226073200069370),
    "year": (1829.15146461355, 455.478499142212),
}


def fit_of(sample, outcome, regressors, groupings=None, n_batches=3):
    moments = gather_moments(sample.sweep(n_batches), sample.rows)
    return fit_least_squares(within_groups(moments, groupings), outcome, regressors)


@pytest.mark.parametrize("n_batches", [1, 5])
def test_longley_keeps_nists_digits(linear_sample, n_batches):
    frame = pd.read_csv(Path(__file__).parent / "data" / "longley.csv", comment="#")
    fit = fit_of(linear_sample(frame), 0, range(1, 7), n_batches=n_batches)
    certified, errors = np.array(list(LONGLEY.values())).T
    assert list(frame.columns[1:]) == list(LONGLEY)
    assert fit.coefficients == pytest.approx(certified, rel=1e-10)
    assert fit.std_error == pytest.approx(errors, rel=1e-10)
    assert fit.intercept == pytest.approx(-3482258.63459582, rel=1e-10)
    assert np.sqrt(fit.residual_variance) == pytest.approx(304.854073561965, rel=1e-11)
    assert fit.r_squared == pytest.approx(0.995479004577296, rel=1e-13)
    assert fit.dof == 9


def test_a_large_offset_costs_no_digits(linear_sample):
    # raw sums of squares around 1e12 would leave four digits here
    rng = np.random.default_rng(1)
    x = rng.normal(size=300)
    y = 2 * x + rng.normal(size=300)
    there = fit_of(linear_sample(np.column_stack([y + 1e6, x + 1e6])), 0, [1], n_batches=7)
    here = fit_of(linear_sample(np.column_stack([y, x])), 0, [1], n_batches=1)
    assert there.coefficients == pytest.approx(here.coefficients, rel=1e-9)
    assert there.std_error == pytest.approx(here.std_error, rel=1e-9)


@pytest.fixture(scope="module")
def panel(linear_sample):
    rng = np.random.default_rng(5)
    n = 700
    agent = rng.integers(0, 30, n)
    slot = (agent // 4 + rng.integers(0, 6, n) ** 2 // 5) % 12  # unbalanced, slots depend on agents
    queue = rng.integers(-1, 3, n)  # -1: the reference
    x = rng.normal(size=(n, 2)) + 0.3 * agent[:, None] - 0.2 * slot[:, None]
    noise = rng.normal(size=n) * (1 + np.abs(x[:, 0])) + rng.normal(size=30)[agent]
    y = x @ [0.5, -1.0] + np.sin(agent) + slot**1.5 + queue + noise
    codes = np.column_stack([slot, agent, queue])
    return linear_sample(np.column_stack([y, x]), codes, (12, 30, 3), rng.uniform(0.5, 2.0, n), cluster=agent % 17)


def statsmodels_fit(panel, *groupings):
    from statsmodels.api import WLS

    design = np.column_stack([panel.columns[:, 1:], panel.dummies(*groupings)])
    keep = [0]
    for column in range(1, design.shape[1]):  # statsmodels counts columns, so give it independent ones
        if np.linalg.matrix_rank(design[:, [*keep, column]]) > len(keep):
            keep.append(column)
    return WLS(panel.columns[:, 0], design[:, keep], weights=panel.weight)


@pytest.mark.parametrize("groupings", [(), (1,), (0, 1), (0, 1, 2)])
def test_as_statsmodels_with_all_dummies(panel, groupings):
    fit = fit_of(panel, 0, [1, 2], groupings)
    model = statsmodels_fit(panel, *groupings)
    classical = model.fit()
    assert fit.coefficients == pytest.approx(classical.params[:2], rel=1e-9)
    assert fit.covariance == pytest.approx(classical.cov_params()[:2, :2], rel=1e-9)
    assert fit.r_squared == pytest.approx(classical.rsquared, rel=1e-10)
    assert fit.dof == classical.df_resid
    hc1 = robust_covariance(panel.sweep(), panel.rows, fit)
    assert hc1 == pytest.approx(model.fit(cov_type="HC1").cov_params()[:2, :2], rel=1e-9)
    by_cluster = model.fit(cov_type="cluster", cov_kwds={"groups": panel.cluster})
    clustered = robust_covariance(panel.sweep(4), panel.rows, fit, n_clusters=17)
    assert clustered == pytest.approx(by_cluster.cov_params()[:2, :2], rel=1e-9)
    with_empty = robust_covariance(panel.sweep(4), panel.rows, fit, n_clusters=40)  # of which 23 have no rows
    assert with_empty == pytest.approx(clustered, rel=1e-12)


@pytest.mark.parametrize("groupings", [(), (1,), (0, 1, 2)])
def test_leverage_and_residuals_as_the_hat_matrix(panel, groupings):
    fit = fit_of(panel, 0, [1, 2], groupings)
    root = np.sqrt(panel.weight)
    design = np.column_stack([panel.columns[:, 1:], panel.dummies(*groupings)]) * root[:, None]
    hat = design @ np.linalg.pinv(design)
    rows = panel.rows(pa.RecordBatch.from_pydict({"row": np.arange(len(root))}))
    assert fit.leverage(rows) == pytest.approx(np.diag(hat), abs=1e-10)
    y = panel.columns[:, 0] * root
    assert fit.residuals(rows) * root == pytest.approx(y - hat @ y, abs=1e-9)


def test_leverage_through_many_groups_takes_memory_for_one_inverse():
    rng = np.random.default_rng(8)
    n, n_agents, n_days = 20_000, 5_000, 100
    groups = Indicators(np.column_stack([np.arange(n) % n_agents, rng.integers(0, n_days, n)]), (n_agents, n_days))
    rows = LinearRows(np.zeros((n, 1)), groups, np.ones(n), np.zeros(n, dtype=int))
    system = within_groups(gather_moments(lambda fold: fold_batches(fold, [rows]), lambda batch: batch)).system
    some = Indicators(groups.codes[:50], groups.widths)
    tracemalloc.start()
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(system.leverage, [some] * 4))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.6 * 8 * n_agents * n_days

    assert system.leverage(groups).sum() == pytest.approx(system.rank, rel=1e-9)
    dummies = groups.matrix[:, :-1]  # of the days the last one is the reference
    equations, alone = sparse.csc_array(dummies.T @ dummies), dummies[:50].toarray()
    expected = np.einsum("ij,ji->i", alone, splu(equations).solve(alone.T))
    for one in found:
        assert one == pytest.approx(expected, abs=1e-10)


def test_nested_groupings_are_counted_once(linear_sample):
    rng = np.random.default_rng(6)
    n = 400
    queue, hour, day = rng.integers(0, 4, n), rng.integers(0, 5, n), rng.integers(0, 6, n)
    codes = np.column_stack([queue * 5 + hour, queue * 6 + day, queue])
    sample = linear_sample(rng.normal(size=(n, 2)), codes)
    within = within_groups(gather_moments(sample.sweep(), sample.rows))
    assert within.system.rank == np.linalg.matrix_rank(sample.dummies(0, 1, 2))


def test_what_the_groups_determine_is_not_identified(linear_sample):
    rng = np.random.default_rng(7)
    agent = rng.integers(0, 8, 200)
    x = rng.normal(size=200)
    columns = np.column_stack([rng.normal(size=200), x, agent * 3.0 - 1, 2 * x])
    fit = fit_of(linear_sample(columns, agent[:, None]), 0, [1, 2, 3])
    assert fit.is_identified.tolist() == [False, False, False]  # x and 2x repeat one another
    alone = fit_of(linear_sample(columns, agent[:, None]), 0, [1, 2])
    assert alone.is_identified.tolist() == [True, False]
    assert alone.dof == 200 - 8 - 1


def test_rows_of_weight_zero_do_not_count(linear_sample):
    rng = np.random.default_rng(8)
    columns = rng.normal(size=(60, 2))
    weight = np.ones(60)
    weight[40:] = 0.0
    fit = fit_of(linear_sample(columns, weight=weight), 0, [1])
    kept = fit_of(linear_sample(columns[:40]), 0, [1])
    assert (fit.n, fit.dof) == (40, 38)
    assert fit.std_error == pytest.approx(kept.std_error, rel=1e-12)


def test_as_much_to_fit_as_rows_is_refused(linear_sample):
    with pytest.raises(TooFewResponsesError, match="more responses than"):
        fit_of(linear_sample(np.eye(3)), 0, [1, 2], n_batches=1)


def test_no_rows_at_all_are_refused(linear_sample):
    sample = linear_sample(np.ones((4, 2)), weight=np.zeros(4))
    with pytest.raises(TooFewResponsesError, match="positive weight"):
        gather_moments(sample.sweep(), sample.rows)


def test_scores_of_a_categorical_model_are_column_zero():
    rows = Rows(
        dense=np.array([[1.0], [2.0]]),
        groups=Indicators(np.array([[0], [1]]), (2,)),
        outcome=np.array([2, 0]),
        weight=np.array([1.0, 3.0]),
        cluster=np.array([0, 1]),
    )
    linear = LinearRows.of_scores(rows, (-100, 0, 100))
    assert linear.columns.tolist() == [[100.0, 1.0], [-100.0, 2.0]]
    assert linear.weight is rows.weight


def test_one_cluster_tells_no_error(linear_sample):
    sample = linear_sample(np.random.default_rng(9).normal(size=(30, 2)), cluster=np.full(30, 4))
    with pytest.raises(EstimationError, match="one cluster"):
        robust_covariance(sample.sweep(), sample.rows, fit_of(sample, 0, [1]), n_clusters=5)
