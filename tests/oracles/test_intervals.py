"""Intervals against statsmodels, scipy, published examples, hand computation and simulation."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from cxfusion.estimators.intervals import (
    ClusteredSums,
    mean_interval,
    net_interval,
    net_variance,
    share_interval,
    weighted_mean,
)

DRAWS = 5_000


def sums_of(values, weights=None, clusters=None):
    """Sums of one group's answers, or of many groups (rows) of answers that share no customer."""
    x = np.atleast_2d(np.asarray(values, dtype=float))
    w = np.ones_like(x) if weights is None else np.atleast_2d(np.asarray(weights, dtype=float))
    labels = np.arange(x.shape[1]) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    cw, cwx = w, w * x
    if clusters is not None:
        member = (labels[:, None] == np.arange(labels.max() + 1)).astype(float)
        cw, cwx = cw @ member, cwx @ member
    size = np.ones(len(x))
    return ClusteredSums(
        n=size * x.shape[1],
        n_clusters=size * (labels.max() + 1),
        w=w.sum(1),
        wx=(w * x).sum(1),
        wxx=(w * x * x).sum(1),
        cluster_ww=(cw * cw).sum(1),
        cluster_wxw=(cwx * cw).sum(1),
        cluster_wxwx=(cwx * cwx).sum(1),
    )


def test_std_error_of_independent_answers_is_the_textbook_one():
    values = np.array([5, 4, 1, 3, 5, 2, 4.0])
    mean = weighted_mean(sums_of(values))
    assert mean.estimate[0] == pytest.approx(values.mean(), abs=1e-14)
    assert mean.std_error[0] == pytest.approx(stats.sem(values), abs=1e-14)
    assert mean.design_effect[0] == pytest.approx(1, abs=1e-12)
    assert mean.effective_n()[0] == pytest.approx(7, abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_clustered_variance_equals_statsmodels(weighted):
    rng = np.random.default_rng(3)
    clusters = rng.integers(0, 60, 300)
    values = rng.integers(1, 6, 300) + 0.5 * (clusters % 3)
    weights = rng.uniform(0.2, 3, 300) if weighted else np.ones(300)
    model = sm.WLS(values, np.ones(300), weights=weights)
    oracle = model.fit(cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": True})
    mean = weighted_mean(sums_of(values, weights, clusters))
    assert mean.estimate[0] == pytest.approx(oracle.params[0], rel=1e-12)
    assert mean.std_error[0] == pytest.approx(oracle.bse[0], rel=1e-10)


def test_design_effect_of_weights_alone_is_that_of_kish():
    # Weights unrelated to the answers: each weight meets each answer once, so 1 + cv² of the weights holds exactly.
    weights, values = (part.ravel() for part in np.meshgrid([1.0, 1.0, 4.0], np.tile([0.0, 1.0], 500)))
    effect = weighted_mean(sums_of(values, weights)).design_effect[0]
    assert effect == pytest.approx(1 + np.var([1, 1, 4]) / 2**2, rel=1e-10)


def test_a_customer_who_answers_twice_alike_counts_once():
    once = np.array([5, 4, 1, 3, 5, 2, 4, 4, 5, 3.0])
    alone = weighted_mean(sums_of(once))
    twice = weighted_mean(sums_of(np.repeat(once, 2), clusters=np.repeat(np.arange(10), 2)))
    assert twice.std_error[0] == pytest.approx(alone.std_error[0], rel=1e-12)
    assert twice.design_effect[0] == pytest.approx(2 * 19 / 18, rel=1e-10)  # s² has 19 degrees instead of 9


def test_share_interval_is_wilsons():
    answers = np.repeat([1.0, 0.0], [23, 17])
    ours = share_interval(weighted_mean(sums_of(answers)))
    assert (ours.low[0], ours.high[0]) == pytest.approx(proportion_confint(23, 40, method="wilson"), abs=1e-12)


def test_share_interval_of_clusters_uses_the_effective_number():
    answers = np.repeat([1.0, 0.0], [46, 34])  # 40 customers, each heard twice with one voice
    mean = weighted_mean(sums_of(answers, clusters=np.repeat(np.arange(40), 2)))
    n = 80 / (2 * 79 / 78) * (stats.t.ppf(0.975, 79) / stats.t.ppf(0.975, 39)) ** 2
    ours = share_interval(mean)
    assert (ours.low[0], ours.high[0]) == pytest.approx(proportion_confint(n * 0.575, n, method="wilson"), abs=1e-12)


def test_net_variance_of_a_half_and_a_sixth():
    assert net_variance(1 / 2, 1 / 6) == pytest.approx(5 / 9, abs=1e-15)
    mean = weighted_mean(sums_of([1, 1, 1, 0, 0, -1]))
    assert mean.variance[0] == pytest.approx(5 / 9, abs=1e-15)
    assert mean.share_std_error[0] == pytest.approx(np.sqrt(5 / 9 / 6), abs=1e-14)


def test_net_interval_by_hand():
    # 20 promoters, 10 passives, 10 detractors. With 3/4, 3/2, 3/4: 20.75 and 10.75 of 43, difference 10/43,
    # variance 31.5/43 − (10/43)² = 0.678475, standard error √(0.678475/43) = 0.125613.
    ours = net_interval(weighted_mean(sums_of(np.repeat([1, 0, -1], [20, 10, 10]))))
    assert (ours.low[0], ours.high[0]) == pytest.approx(
        (10 / 43 - 1.959964 * 0.125613, 10 / 43 + 1.959964 * 0.125613), abs=2e-6
    )


@pytest.mark.parametrize("conf_level", [0.5, 0.8, 0.95])
def test_an_interval_holds_its_estimate_at_either_end(conf_level):
    worst, best = (net_interval(weighted_mean(sums_of(np.full(30, end))), conf_level) for end in (-1.0, 1.0))
    assert (worst.low[0], best.high[0]) == (-1, 1)
    assert worst.high[0] == pytest.approx(-best.low[0], rel=1e-12)


def test_error_of_a_share_of_clusters_is_that_of_the_mean_with_divisor_n():
    answers = np.repeat([1.0, 0.0, 1.0, 0.0], [12, 9, 3, 16])
    mean = weighted_mean(sums_of(answers, clusters=np.arange(40) // 5))
    by_cluster = np.bincount(np.arange(40) // 5, answers - answers.mean())
    of_mean = np.sqrt(8 / 7 * (by_cluster**2).sum()) / 40
    assert mean.std_error[0] == pytest.approx(of_mean, rel=1e-12)
    assert mean.share_std_error[0] == pytest.approx(of_mean * np.sqrt(39 / 40), rel=1e-12)


def test_mean_interval_by_hand():
    # Answers 4, 4, 5, 5, 2 and half a 1 and half a 5: 6 answers, sum 23, sum of squares 99.
    ours = mean_interval(weighted_mean(sums_of([4, 4, 5, 5, 2])), 1, 5)
    half = stats.t.ppf(0.975, 4) * np.sqrt((99 / 6 - (23 / 6) ** 2) / 6)
    assert (ours.low[0], ours.high[0]) == pytest.approx((23 / 6 - half, 5.0))


def test_mean_interval_tends_to_students():
    values = np.tile([5, 5, 4, 3, 1.0], 4_000)
    ours = mean_interval(weighted_mean(sums_of(values)), 1, 5)
    oracle = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    assert (ours.low[0], ours.high[0]) == pytest.approx(oracle, abs=1e-4)


def test_answers_far_from_zero_keep_their_digits_when_taken_from_the_middle():
    values = np.array([1e6 + 1, 1e6 + 2, 1e6 + 3])
    assert weighted_mean(sums_of(values - 1e6)).std_error[0] == pytest.approx(1 / np.sqrt(3), abs=1e-14)


def test_one_customer_has_an_estimate_but_no_interval():
    mean = weighted_mean(sums_of([5, 4, 4, 5, 3, 5], clusters=np.zeros(6)))
    assert mean.estimate[0] == pytest.approx(26 / 6)
    for value in (mean.std_error, mean.share_std_error, mean.effective_n(), mean_interval(mean, 1, 5).low):
        assert np.isnan(value[0])


def test_equal_answers_still_have_an_interval_with_a_width():
    mean = weighted_mean(sums_of(np.ones(20)))
    low = share_interval(mean).low[0]
    assert low == pytest.approx(proportion_confint(20, 20, method="wilson")[0], abs=1e-12)
    assert mean_interval(weighted_mean(sums_of(np.full(20, 2.0))), -2, 2).low[0] < 2 - 0.05
    # of ten customers who each answered twice, alike: ten voices, on nine degrees
    twice = weighted_mean(sums_of(np.ones(20), clusters=np.repeat(np.arange(10), 2)))
    assert twice.effective_n()[0] == pytest.approx(
        10 * (stats.t.ppf(0.975, 19) / stats.t.ppf(0.975, 9)) ** 2, rel=1e-12
    )


def test_equal_answers_are_as_many_as_their_weights_say_however_sums_are_rounded():
    # An engine adds up each weighted answer to eight decimals; of seven that are all 2, (Σw)² / Σw² count (Kish)
    rng = np.random.default_rng(5)
    for weights in rng.uniform(0.3, 3, (40, 7)):
        w, wx, wxx = (np.round(weights * x, 8).sum(keepdims=True) for x in (1, 2, 4))
        ww, wxw, wxwx = (np.round(weights**2 * x, 8).sum(keepdims=True) for x in (1, 2, 4))
        seven, kish = np.array([7.0]), weights.sum() ** 2 / (weights**2).sum()
        for residual in (None, np.zeros(1)):  # weights as given, and calibrated ones whose margins leave nothing
            mean = weighted_mean(ClusteredSums(seven, seven, w, wx, wxx, ww, wxw, wxwx, residual))
            assert mean.effective_n()[0] == pytest.approx(kish, rel=1e-6)
            assert mean.std_error[0] == 0
            # half an answer at each end of −2 … 2 besides
            centre = 2 * kish / (kish + 1)
            half = stats.t.ppf(0.975, 6) * np.sqrt(((4 * kish + 4) / (kish + 1) - centre**2) / (kish + 1))
            assert mean_interval(mean, -2, 2).low[0] == pytest.approx(max(centre - half, -2), rel=1e-5)


ANSWERS = {  # shares of 1 … 5
    "even": (0.2, 0.2, 0.2, 0.2, 0.2),
    "good": (0.05, 0.05, 0.10, 0.25, 0.55),
    "both ends": (0.30, 0.05, 0.05, 0.10, 0.50),
    "a shop's support": (0.13, 0.015, 0.03, 0.13, 0.695),
    "mostly fives": (0.03, 0.01, 0.02, 0.09, 0.85),
}


def coverage(interval, truth):
    return np.mean((interval.low <= truth) & (truth <= interval.high))


def least_and_most(n):
    return (0.94, 0.96) if n >= 200 else (0.93, 1.0)


@pytest.mark.parametrize("n", [30, 200])
@pytest.mark.parametrize("shares", ANSWERS.values(), ids=ANSWERS)
def test_mean_interval_covers(shares, n):
    rng = np.random.default_rng(20)
    answers = rng.choice(np.arange(1, 6), size=(DRAWS, n), p=shares) - 3
    covered = coverage(mean_interval(weighted_mean(sums_of(answers)), -2, 2), np.dot(shares, np.arange(-2, 3)))
    least, most = least_and_most(n)
    assert least <= covered <= most


@pytest.mark.parametrize("n", [30, 200])
@pytest.mark.parametrize("shares", ANSWERS.values(), ids=ANSWERS)
def test_share_interval_covers(shares, n):
    rng = np.random.default_rng(21)
    share = shares[3] + shares[4]
    answers = rng.random((DRAWS, n)) < share
    least, most = least_and_most(n)
    assert least <= coverage(share_interval(weighted_mean(sums_of(answers))), share) <= most


@pytest.mark.parametrize("n", [30, 200])
def test_share_interval_covers_on_average_exactly_as_often_as_it_says(n):
    # Coverage of one share swings with its distance from a multiple of 1/n; so it is averaged, without any draw.
    counts = np.arange(n + 1)
    possible = share_interval(weighted_mean(sums_of(counts[:, None] > np.arange(n))))
    covered = [
        stats.binom.pmf(counts, n, share)[(possible.low <= share) & (share <= possible.high)].sum()
        for share in np.linspace(0.1, 0.9, 401)
    ]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.005)
    assert min(covered) > 0.92


@pytest.mark.parametrize("n", [30, 200])
@pytest.mark.parametrize("shares", [(1 / 6, 1 / 3, 1 / 2), (0.08, 0.22, 0.7), (0.4, 0.1, 0.5), (0.33, 0.34, 0.33)])
def test_net_interval_covers(shares, n):
    rng = np.random.default_rng(22)
    answers = rng.choice([-1, 0, 1], size=(DRAWS, n), p=shares)
    least, most = least_and_most(n)
    assert least <= coverage(net_interval(weighted_mean(sums_of(answers))), shares[2] - shares[0]) <= most


def test_intervals_cover_when_customers_repeat_and_bare_ones_do_not():
    # 100 customers with three answers each; a customer's mood shifts all of them.
    rng = np.random.default_rng(23)
    mood = rng.normal(0, 1, (DRAWS, 100)).repeat(3, axis=1)
    happy = (mood + rng.normal(0, 0.7, mood.shape) > 0).astype(float)
    clusters = np.repeat(np.arange(100), 3)
    known = share_interval(weighted_mean(sums_of(happy, clusters=clusters)))
    ignored = share_interval(weighted_mean(sums_of(happy)))
    assert 0.94 <= coverage(known, 0.5) <= 0.96
    assert coverage(ignored, 0.5) < 0.87


@pytest.mark.parametrize(
    ("sizes", "least"),
    [((40,) + (1,) * 60, 0.93), ((100, 50) + (1,) * 150, 0.86), ((10,) * 20, 0.94)],
    ids=["one who answers often", "two who give half", "all alike"],
)
def test_intervals_know_that_few_customers_gave_most_answers(sizes, least):
    """With as many degrees as customers, the first two cover in 84 and 75 of a hundred draws."""
    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    mood = rng.normal(0, 1, (DRAWS, len(sizes)))[:, clusters]
    happy = (mood + rng.normal(0, 0.7, mood.shape) > 0).astype(float)
    assert coverage(share_interval(weighted_mean(sums_of(happy, clusters=clusters))), 0.5) >= least


def test_clusters_in_effect_are_those_of_kish():
    """Five customers, one with eight answers: 12²/(64 + 4) = 144/68."""
    mean = weighted_mean(sums_of(np.arange(12.0)[None, :], clusters=np.array([0] * 8 + [1, 2, 3, 4])))
    assert mean.clusters_in_effect[0] == pytest.approx(144 / 68)
