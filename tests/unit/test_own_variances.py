"""Variances of groups: against a truth, and what they do to how sure a group's figure is."""

from __future__ import annotations

import numpy as np
import pytest

from cxfusion.estimators.own_variances import relative_variances
from cxfusion.estimators.random_intercept import fit_random_intercept


def sums(groups):
    """``n, mean, squares, fourths`` by group."""
    mean = np.array([one.mean() for one in groups])
    powers = [[((one - one.mean()) ** k).sum() for one in groups] for k in (2, 4)]
    return np.array([len(one) for one in groups], dtype=float), mean, *map(np.array, powers)


def test_groups_that_vary_alike_have_one_variance_even_with_long_tails():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(40):
        groups = [np.exp(0.7 * rng.normal(size=n)) for n in rng.choice([30, 60, 300], 40)]
        n, _, squares, fourths = sums(groups)
        found.append(relative_variances(n, squares, fourths))
    assert np.mean([np.ptp(one) == 0 for one in found]) > 0.5
    assert np.std(np.log(found)) < 0.12  # of the plain variances it is 0.7


def test_own_variances_are_nearer_to_the_truth_than_plain_ones_and_than_one_for_all():
    rng = np.random.default_rng(1)
    spread = np.exp(0.5 * rng.normal(size=200))
    n, _, squares, fourths = sums([sd * rng.normal(size=40) for sd in spread])
    found = relative_variances(n, squares, fourths)
    assert (n @ found) / n.sum() == pytest.approx(1)
    truth = np.log(spread**2)

    def off(told):
        return np.std(np.log(told) - truth)

    assert off(found) < 0.99 * off(squares)
    assert off(found) < 0.3 * off(np.ones(200))


def test_a_group_of_which_nothing_varied_is_no_endless_weight():
    rng = np.random.default_rng(2)
    n, _, squares, fourths = sums([*(rng.normal(size=50) for _ in range(20)), np.zeros(50)])
    found = relative_variances(n, squares, fourths)
    assert 0.005 < found[-1] < found[:-1].min()


def test_the_most_variable_fifth_of_groups_is_covered():
    """Forty groups of a hundred, whose standard deviations differ by a factor of e from the tenth to the ninetieth."""
    rng = np.random.default_rng(3)
    covered = {"own": [], "common": []}
    for _ in range(150):
        value, sd = 0.15 * rng.normal(size=40), np.exp(0.4 * rng.normal(size=40))
        n, mean, squares, fourths = sums([m + s * rng.normal(size=100) for m, s in zip(value, sd, strict=True)])
        own = relative_variances(n, squares, fourths)
        most = sd >= np.quantile(sd, 0.8)
        for name, fit in (
            ("own", fit_random_intercept(n, mean, squares, worth=n / own, variation=own)),
            ("common", fit_random_intercept(n, mean, squares)),
        ):
            covered[name].append((abs(fit.estimate - value) <= 1.96 * fit.std_error)[most].mean())
    assert np.mean(covered["common"]) < 0.87
    assert 0.92 < np.mean(covered["own"]) < 0.97
