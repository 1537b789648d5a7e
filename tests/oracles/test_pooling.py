"""Partial pooling against R's metafor and lme4, and by simulation of known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import helmert

from cxfusion.estimators.distributions import student_t
from cxfusion.estimators.pooling import known_covariance, pool

ESTIMATE = np.array([0.12, 0.05, 0.31, -0.02, 0.18, 0.09])
TRIED = np.geomspace(1e-5, 1e3, 60)
VARIANCE = np.array([0.0025, 0.0009, 0.0100, 0.0016, 0.0036, 0.0064])


def test_independent_groups_as_metafor_rma():
    # tests/oracles/r/pooling.R
    found = pool(ESTIMATE, np.diag(VARIANCE))
    assert found.spread**2 == pytest.approx(0.006455008243247, rel=1e-12)
    assert (found.mean, found.mean_std_error) == pytest.approx((0.100784091670220, 0.040495691698286), rel=1e-12)
    blup = [0.114635429748412, 0.056214225870537, 0.182855786373948, 0.003991849646383, 0.151638285808593]
    errors = [0.043930362805962, 0.028538145626677, 0.067293925845732, 0.036699979347865, 0.050212570157456]
    assert found.estimate == pytest.approx([*blup, 0.095368972573445], rel=1e-12)
    assert found.given_spread == pytest.approx([*errors, 0.060167826187845], rel=1e-12)
    assert (found.std_error > found.given_spread).all()


def test_groups_with_shared_errors_as_metafor_rma_mv():
    covariance = np.diag(VARIANCE)
    for i, j, shared in ((0, 1, 0.0006), (3, 4, -0.0008), (2, 5, 0.002)):
        covariance[i, j] = covariance[j, i] = shared
    found = pool(ESTIMATE, covariance)
    assert found.spread**2 == pytest.approx(0.0057612693, abs=2e-7)
    assert (found.mean, found.mean_std_error) == pytest.approx((0.0962126500, 0.0393185844), abs=1e-6)
    apart = [0.01962010921, -0.04173612785, 0.08019338223, -0.08614947470, 0.04420361101, -0.01613149989]
    assert found.estimate - found.mean == pytest.approx(apart, abs=2e-6)


def test_dyestuff_batches_as_lme4():
    # lme4::Dyestuff: five samples from each of six batches, residual standard deviation 49.5101 by REML
    batches = np.array([1505.0, 1528.0, 1564.0, 1498.0, 1600.0, 1470.0])
    found = pool(batches, np.eye(6) * 49.5101**2 / 5)
    assert found.mean == pytest.approx(1527.5, abs=1e-6)
    assert found.spread == pytest.approx(42.0006, abs=1e-3)
    apart = [-17.60685, 0.39126, 28.56223, -23.08454, 56.73319, -44.99529]
    assert found.estimate - found.mean == pytest.approx(apart, abs=1e-3)


def test_groups_of_equal_error_and_two_groups_as_by_hand():
    batches = np.array([1505.0, 1528.0, 1564.0, 1498.0, 1600.0, 1470.0])
    found = pool(batches, np.eye(6) * 480.0)
    assert found.spread**2 == pytest.approx(batches.var(ddof=1) - 480.0, rel=1e-12)
    two = pool(np.array([0.0, 1.0]), np.array([[0.1, 0.02], [0.02, 0.2]]))
    assert two.spread**2 == pytest.approx((1.0 - (0.1 + 0.2 - 2 * 0.02)) / 2, rel=1e-12)


def test_groups_that_do_not_differ_are_one():
    found = pool(np.array([0.10, 0.11, 0.09, 0.10]), np.eye(4) * 0.04)
    assert found.spread == 0.0  # not nearly so
    assert found.estimate == pytest.approx(np.full(4, 0.1))
    alike = pool(np.full(3, 0.1), np.diag([0.01, 0.02, 0.03]))
    assert alike.spread == 0.0


def restricted_loss(estimate: np.ndarray, covariance: np.ndarray, variance: float) -> float:
    """Minus twice the restricted log-likelihood as books print it, up to a constant."""
    inverse = np.linalg.inv(covariance + variance * np.eye(len(estimate)))
    left = estimate - inverse.sum(axis=0) @ estimate / inverse.sum()
    return float(-np.linalg.slogdet(inverse)[1] + np.log(inverse.sum()) + left @ inverse @ left)


def test_no_other_spread_is_likelier():
    rng = np.random.default_rng(1)
    for _ in range(100):
        m = int(rng.integers(2, 8))
        mixed, sizes = rng.standard_normal((m, m + 2)), np.exp(rng.normal(0, 1.5, m))
        covariance = mixed @ mixed.T * np.outer(sizes, sizes) / m
        estimate = rng.standard_normal(m) * np.exp(rng.normal(0, 1.5))
        least = restricted_loss(estimate, covariance, pool(estimate, covariance).spread ** 2)
        assert least <= min(restricted_loss(estimate, covariance, tried) for tried in (0.0, *TRIED)) + 1e-9


def test_the_likelier_of_two_peaks_is_found():
    """Differences whose errors are very unlike: the surest says that nothing varies, a less sure one that much does."""
    turn = np.vstack([np.full(4, 0.5), helmert(4)])
    covariance = turn.T @ np.diag([1.0, 0.3, 7.0, 25.0]) @ turn
    for apart, is_far in ((61.0, True), (49.0, False)):
        estimate = turn.T @ np.sqrt([0.0, 0.02, apart, 6.0])
        losses = np.array([restricted_loss(estimate, covariance, tried) for tried in (0.0, *TRIED)])
        valleys = np.flatnonzero((losses < np.append(losses[1:], np.inf)) & (losses <= np.append(np.inf, losses[:-1])))
        assert len(valleys) == 2
        assert valleys[0] == 0
        found = pool(estimate, covariance).spread ** 2
        assert (found > 1) == is_far == (losses[valleys[1]] < losses[0])
        assert found == 0 or is_far


def test_pooled_intervals_cover_and_pooled_estimates_are_nearer():
    rng = np.random.default_rng(4)
    inside, nearer, n = [], [], 400
    for spread in (0.0, 0.05, 0.2):
        for _ in range(n):
            truth = rng.normal(0.3, spread, 8)
            variance = rng.uniform(0.002, 0.02, 8)
            shared = 0.3 * np.sqrt(np.outer(variance, variance))
            np.fill_diagonal(shared, variance)
            seen = rng.multivariate_normal(truth, shared)
            found = pool(seen, shared)
            inside.append((np.abs(found.estimate - truth) < 1.96 * found.std_error).mean())
            nearer.append(((found.estimate - truth) ** 2).mean() < ((seen - truth) ** 2).mean())
        # normal intervals although the spread is estimated from eight groups
        assert np.mean(inside[-n:]) > 0.93
        assert np.mean(nearer[-n:]) > 0.55


@pytest.mark.parametrize("n_clusters", [12, 18])
def test_groups_that_few_clusters_tell_of_are_not_taken_for_certain(n_clusters):
    """Of 15 groups that are alike, 12 clusters leave a covariance of rank 11: some combinations would have no error."""
    rng = np.random.default_rng(7)
    alike, sd = 0.1, 0.2
    spreads, covered = [], []
    for _ in range(200):
        by_cluster = rng.normal(alike, sd, (n_clusters, 15))
        estimate = by_cluster.mean(axis=0)
        influence = (by_cluster - estimate) / np.sqrt(n_clusters * (n_clusters - 1))
        found = pool(estimate, known_covariance(influence))
        reach = student_t.reach(0.95, n_clusters - 1) * found.std_error
        spreads.append(found.spread)
        covered.append(np.abs(found.estimate - alike) < reach)
    assert np.median(spreads) < 0.5 * sd / np.sqrt(n_clusters)
    assert np.mean(covered) > 0.93


def test_a_joint_covariance_is_kept_where_clusters_tell_it():
    influence = np.random.default_rng(8).normal(size=(45, 15))
    assert known_covariance(influence) == pytest.approx(influence.T @ influence, rel=1e-12)
    empty = np.vstack([influence[:44], np.zeros((9, 15))])  # clusters without rows tell nothing
    assert known_covariance(empty) == pytest.approx(np.diag((influence[:44] ** 2).sum(axis=0)), rel=1e-12)
