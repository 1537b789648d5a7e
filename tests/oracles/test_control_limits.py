"""Control limits against the NIST handbook, and run rules against counting and chance."""

from __future__ import annotations

import numpy as np
import pytest

from cxfusion.errors import NothingToEstimateError
from cxfusion.estimators.control_limits import (
    RULES,
    count_limits,
    false_alarm_rate,
    mean_limits,
    p_limits,
    signals,
    xmr_limits,
)


def codes(n):
    return np.zeros(n, dtype=np.int64), np.ones(n, dtype=bool)


def test_individuals_of_the_nist_handbook():
    # NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.2, flow rates of 10 batches: 50.81, 55.8041, 45.8159
    flow = np.array([49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1])
    limits = xmr_limits(flow, *codes(10))
    assert limits.centre == pytest.approx(np.full(10, 50.81))
    assert (limits.centre + 3 * limits.sigma)[0] == pytest.approx(55.8041, abs=5e-5)
    assert (limits.centre - 3 * limits.sigma)[0] == pytest.approx(45.8159, abs=5e-5)


def test_proportions_of_the_nist_handbook():
    # 6.3.3.2: 30 wafers of 50 chips, average fraction defective .2313, limits .4102 and .0524 (the counts here are
    # others with the same sum: the limits only know the average)
    counts = np.full(30, 11.0)
    counts[:17] += 1
    assert counts.sum() / 1500 == pytest.approx(0.2313, abs=5e-5)
    limits = p_limits(counts / 50, np.full(30, 50.0), *codes(30), overdispersed=False)
    assert (limits.centre + 3 * limits.sigma)[0] == pytest.approx(0.4102, abs=5e-5)
    assert (limits.centre - 3 * limits.sigma)[0] == pytest.approx(0.0524, abs=5e-5)


def test_shares_that_vary_as_chance_makes_them_are_not_widened_and_others_are():
    rng = np.random.default_rng(3)
    n = rng.integers(500, 5_000, 4_000).astype(float)
    plain = rng.binomial(n.astype(int), 0.1) / n
    assert p_limits(plain, n, *codes(4_000)).dispersion == pytest.approx(1, abs=0.05)
    true_share = np.clip(0.1 + 0.02 * rng.standard_normal(4_000), 0.01, 0.99)
    wild = rng.binomial(n.astype(int), true_share) / n
    assert p_limits(wild, n, *codes(4_000)).dispersion > 2
    z = p_limits(wild, n, *codes(4_000)).z(wild)
    assert (np.abs(z) > 3).mean() < 0.02
    narrow = p_limits(wild, n, *codes(4_000), overdispersed=False)
    assert (np.abs(narrow.z(wild)) > 3).mean() > 0.2  # what the plain p chart would cry


def test_means_of_equal_n_have_the_limits_of_single_numbers():
    flow = np.array([49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1])
    of_means = mean_limits(flow, np.full(10, 25.0), 3.0, *codes(10))
    assert (of_means.centre + 3 * of_means.sigma)[0] == pytest.approx(55.8041, abs=5e-5)  # of the NIST handbook, again
    none_within = mean_limits(flow, np.arange(1.0, 11.0), 0.0, *codes(10))
    assert none_within.sigma == pytest.approx(xmr_limits(flow, *codes(10)).sigma)
    # more than half of the variance of means is chance already: never narrower than that
    assert mean_limits(flow, np.full(10, 4.0), 12.0, *codes(10)).sigma == pytest.approx(np.full(10, 6.0))


@pytest.mark.parametrize("between", [0.0, 2.0, 20.0])
def test_limits_of_means_hold_for_few_and_for_many(between):
    rng = np.random.default_rng(9)
    n = np.tile([4.0, 40.0, 400.0], 8_000)
    means = 300 + between * rng.standard_normal(len(n)) + 60 / np.sqrt(n) * rng.standard_normal(len(n))
    limits = mean_limits(means, n, 60.0, *codes(len(n)))
    assert limits.sigma**2 == pytest.approx(between**2 + 3600 / n, rel=0.06, abs=0.5)
    out = np.abs(limits.z(means)) > 3
    assert all(out[n == size].mean() < 0.005 for size in (4, 40, 400))
    if between < 10:  # limits that do not know n cry at the days of few contacts
        alike = np.abs(xmr_limits(means, *codes(len(n))).z(means)) > 3
        assert alike[n == 4].mean() > 0.02


def test_seasons_have_centres_of_their_own_and_sigma_is_not_shrunk_by_them():
    rng = np.random.default_rng(4)
    season = np.arange(70) % 7
    sigmas = [
        xmr_limits(50.0 * season + rng.standard_normal(70), season, np.ones(70, dtype=bool)).sigma[0]
        for _ in range(400)
    ]
    assert np.mean(sigmas) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("widened", [1, 3])
def test_limits_of_counts_hold_at_busy_hours_and_at_quiet_ones(widened):
    rng = np.random.default_rng(12)
    season = np.arange(90_000) % 3
    mean = np.array([100.0, 400.0, 900.0])[season]
    counts = mean + widened * (rng.poisson(mean) - mean)  # varies so many times as far as chance makes it
    limits = count_limits(counts, season, np.ones(len(mean), dtype=bool))
    assert limits.sigma == pytest.approx(widened * np.sqrt(mean), rel=0.02)
    out = np.abs(limits.z(counts)) > 3
    assert all(out[season == one].mean() == pytest.approx(0.0027, abs=0.0009) for one in range(3))
    alike = np.abs(xmr_limits(counts, season, np.ones(len(mean), dtype=bool)).z(counts)) > 3
    assert alike[season == 2].mean() > 0.02
    assert not alike[season == 0].any()


def by_hand(z, many, window, beyond):
    found = []
    for i in range(len(z)):
        last = z[max(0, i - window + 1) : i + 1]
        above, below = sum(v > beyond for v in last), sum(-v > beyond for v in last)
        found.append((z[i] > beyond and above >= many) or (-z[i] > beyond and below >= many))
    return found


@pytest.mark.parametrize("rule", sorted(RULES))
def test_run_rules_equal_counting(rule):
    rng = np.random.default_rng(5)
    z = np.concatenate([rng.standard_normal(300) * 1.5, np.full(12, 0.4), np.full(12, -0.4)])
    assert signals(z, [rule])[rule].tolist() == by_hand(z, *RULES[rule])


@pytest.mark.parametrize("rule", sorted(RULES))
def test_the_stated_false_alarm_rate_is_that_of_chance(rule):
    rng = np.random.default_rng(6)
    z = rng.standard_normal(400_000)
    assert signals(z, [rule])[rule].mean() == pytest.approx(false_alarm_rate([rule]), rel=0.12)


def test_counts_of_one_season_have_the_limits_of_single_numbers():
    flow = np.array([49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1])
    assert count_limits(flow, *codes(10)).sigma == pytest.approx(xmr_limits(flow, *codes(10)).sigma)


def test_what_has_no_limits_says_why():
    with pytest.raises(NothingToEstimateError, match="0 throughout the baseline"):
        count_limits(np.zeros(20), *codes(20))
    with pytest.raises(NothingToEstimateError, match="does not vary"):
        xmr_limits(np.full(20, 3.0), *codes(20))
    with pytest.raises(NothingToEstimateError, match="0 or 1 throughout"):
        p_limits(np.ones(20), np.full(20, 9.0), *codes(20))
    with pytest.raises(NothingToEstimateError, match="no point in the baseline"):
        xmr_limits(np.arange(20.0), np.arange(20), np.arange(20) < 10)
