"""Association shares against R's relaimpo on the Swiss fertility data (Grömping 2006), and against brute force."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cxfusion.errors import EstimationError, UsageError
from cxfusion.estimators.cluster_moments import gather_cluster_moments
from cxfusion.estimators.shares import association_shares, jackknife_shares

# Agriculture, Examination, Education, Catholic, Infant.Mortality
SWISS = {
    "lmg": [0.05709122, 0.17117303, 0.26013468, 0.10557015, 0.11276592],
    "first": [0.12466491, 0.41716447, 0.44061565, 0.21500350, 0.17351893],
    "last": [0.04286961, 0.00738742, 0.16196269, 0.06237263, 0.05694526],
    "johnson": [0.04841690, 0.15470825, 0.27196410, 0.11468003, 0.11696572],
    "car": [0.00056747, 0.15113399, 0.32326807, 0.11507318, 0.11669228],
}


@pytest.fixture(scope="module")
def swiss():
    return pd.read_csv(Path(__file__).parent / "data" / "swiss.csv", comment="#").to_numpy()


@pytest.mark.parametrize("measure", SWISS)
def test_swiss_as_relaimpo(swiss, measure):
    shares = association_shares(np.cov(swiss.T))
    assert getattr(shares, measure) == pytest.approx(SWISS[measure], abs=5e-9)
    assert shares.r_squared == pytest.approx(0.7067350, abs=5e-8)


def r2_of(columns, on):
    if not on:
        return 0.0
    y, design = columns[:, 0] - columns[:, 0].mean(), columns[:, on] - columns[:, on].mean(axis=0)
    residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return 1 - residual @ residual / (y @ y)


def test_lmg_is_the_average_over_all_orders(swiss):
    gains = np.zeros(5)
    orders = list(itertools.permutations(range(1, 6)))
    for order in orders:
        for at, column in enumerate(order):
            gains[column - 1] += r2_of(swiss, list(order[: at + 1])) - r2_of(swiss, list(order[:at]))
    assert association_shares(np.cov(swiss.T)).lmg == pytest.approx(gains / len(orders), abs=1e-12)


def test_a_column_given_twice_shares_what_it_had(swiss):
    once = association_shares(np.cov(swiss[:, [0, 1, 3]].T))
    twice = association_shares(np.cov(swiss[:, [0, 1, 3, 3]].T))
    assert twice.r_squared == pytest.approx(once.r_squared, abs=1e-12)
    assert twice.lmg[1] == pytest.approx(twice.lmg[2], abs=1e-12)
    assert twice.last[1:] == pytest.approx([0, 0], abs=1e-12)
    assert [part.sum() for part in (twice.lmg, twice.johnson, twice.car)] == pytest.approx([once.r_squared] * 3)


def test_scale_does_not_matter(swiss):
    scaled = swiss * [1, 1e-6, 1e4, 3, 1e8, 1] + 1e3
    here, there = association_shares(np.cov(swiss.T)), association_shares(np.cov(scaled.T))
    assert there.lmg == pytest.approx(here.lmg, rel=1e-6)


@pytest.fixture(scope="module")
def clustered(linear_sample):
    rng = np.random.default_rng(2)
    cluster = rng.integers(0, 25, 600)
    agent = rng.normal(size=(25, 3))[cluster]
    x = rng.normal(size=(600, 3)) @ [[1, 0.5, 0], [0, 1, 0], [0, 0.3, 1]] + agent
    y = x @ [1.0, 0.3, 0.0] + rng.normal(size=600) + rng.normal(size=25)[cluster]
    return linear_sample(np.column_stack([y, x]), weight=rng.uniform(0.5, 2, 600), cluster=cluster)


@pytest.mark.parametrize("n_batches", [1, 6])
def test_jackknife_leaves_out_one_cluster_at_a_time(clustered, n_batches):
    found = jackknife_shares(gather_cluster_moments(clustered.sweep(n_batches), clustered.rows, 25), 0, [1, 2, 3])

    def lmg(is_kept):
        return association_shares(np.cov(clustered.columns[is_kept].T, aweights=clustered.weight[is_kept])).lmg

    each = np.array([lmg(clustered.cluster != left_out) for left_out in range(25)])
    assert found.shares.lmg == pytest.approx(lmg(np.ones(600, dtype=bool)), rel=1e-10)
    assert found.std_error.lmg == pytest.approx(np.sqrt(24) * each.std(axis=0), rel=1e-8)
    assert found.n_clusters == 25


def test_jackknife_error_is_the_spread_over_new_samples(linear_sample):
    def draw(seed):
        rng = np.random.default_rng(seed)
        cluster = np.repeat(np.arange(40), 20)
        x = rng.normal(size=(800, 2)) + rng.normal(size=(40, 2))[cluster]
        y = x @ [1.0, 0.5] + rng.normal(size=800) + rng.normal(size=40)[cluster]
        sample = linear_sample(np.column_stack([y, x]), cluster=cluster)
        return jackknife_shares(gather_cluster_moments(sample.sweep(1), sample.rows, 40), 0, [1, 2])

    found = [draw(seed) for seed in range(60)]
    spread = np.std([f.shares.lmg for f in found], axis=0)
    claimed = np.sqrt(np.mean([f.std_error.lmg**2 for f in found], axis=0))
    assert claimed == pytest.approx(spread, rel=0.25)  # 60 draws know a spread to about 9 %


def test_clusters_without_rows_do_no_harm(clustered):
    few = jackknife_shares(gather_cluster_moments(clustered.sweep(), clustered.rows, 25), 0, [1, 2])
    many = jackknife_shares(gather_cluster_moments(clustered.sweep(), clustered.rows, 40), 0, [1, 2])
    assert many.n_clusters == 25
    assert many.std_error.lmg == pytest.approx(few.std_error.lmg, rel=1e-12)


def test_intervals_are_students_and_stay_on_the_scale(clustered):
    found = jackknife_shares(gather_cluster_moments(clustered.sweep(), clustered.rows, 25), 0, [1, 2, 3])
    reach = stats.t.isf(0.2, 24) * found.std_error.lmg[0]
    low, high = found.interval(0.6)
    assert (low.lmg[0], high.lmg[0]) == pytest.approx(found.shares.lmg[0] + np.array([-reach, reach]), rel=1e-9)
    low, high = found.interval(0.9999)
    assert (low.last == 0).any()
    assert (low.lmg <= found.shares.lmg).all()
    assert (high.lmg >= found.shares.lmg).all()
    assert max(high.first.max(), high.r_squared) <= 1


def test_one_cluster_says_nothing_about_errors(linear_sample):
    sample = linear_sample(np.random.default_rng(3).normal(size=(30, 3)), cluster=np.zeros(30))
    with pytest.raises(EstimationError, match="at least two"):
        jackknife_shares(gather_cluster_moments(sample.sweep(), sample.rows, 1), 0, [1, 2])


def test_more_than_twenty_levers_are_refused():
    with pytest.raises(UsageError, match="at most 20"):
        association_shares(np.eye(22))


def test_a_constant_lever_is_refused():
    with pytest.raises(EstimationError, match="column 2"):
        association_shares(np.diag([1.0, 1.0, 0.0]))
