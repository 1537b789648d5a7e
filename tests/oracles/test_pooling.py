"""Partial pooling against R's metafor and lme4, and by simulation of known truth."""

from __future__ import annotations

import numpy as np
import pytest

from cxfusion.estimators.pooling import pool

ESTIMATE = np.array([0.12, 0.05, 0.31, -0.02, 0.18, 0.09])
VARIANCE = np.array([0.0025, 0.0009, 0.0100, 0.0016, 0.0036, 0.0064])


def test_independent_groups_as_metafor_rma():
    # tests/oracles/r/pooling.R
    found = pool(ESTIMATE, np.diag(VARIANCE))
    assert found.spread**2 == pytest.approx(0.0064550082, abs=2e-7)
    assert (found.mean, found.mean_std_error) == pytest.approx((0.1007840917, 0.0404956917), abs=1e-6)
    blup = [0.114635429748, 0.056214225871, 0.182855786374, 0.003991849646, 0.151638285809, 0.095368972573]
    errors = [0.04393036281, 0.02853814563, 0.06729392585, 0.03669997935, 0.05021257016, 0.06016782619]
    assert found.estimate == pytest.approx(blup, abs=2e-6)
    assert found.given_spread == pytest.approx(errors, abs=2e-6)
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


def test_groups_that_do_not_differ_are_one():
    found = pool(np.array([0.10, 0.11, 0.09, 0.10]), np.eye(4) * 0.04)
    assert found.spread == 0
    assert found.estimate == pytest.approx(np.full(4, 0.1))


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
