"""Whom members pick, against arithmetic by hand, permutations, another package's Poisson fit, and known truths."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from cxfusion.estimators.choosing import expected_values, fit_choosing
from cxfusion.estimators.rows import Indicators


def everyone(member):
    return np.ones(member.max() + 1, bool)


def nothing_known(n):
    return Indicators(np.empty((n, 0), np.int64), ())


def fitted(levels, member, picked, expected, clusters=(), reference=None):
    all_of_them = everyone(member)
    return fit_choosing(
        levels, member, picked, expected, list(clusters), all_of_them, all_of_them if reference is None else reference
    )


def test_without_a_rule_it_is_the_mean_of_those_picked_less_that_of_all():
    expected = np.array([1.0, 2.0, 4.0, 5.0, 3.0, 3.0, 1.0, 1.0])
    picked = np.array([0, 0, 1, 1, 1, 0, 1, 0], bool)
    found = fitted(nothing_known(8), np.repeat([0, 1], 4), picked, expected)
    assert found.excess == pytest.approx([4.5 - 3.0, 2.0 - 2.0])
    assert found.std_error == pytest.approx([np.sqrt(0.25 * 10) / 2, np.sqrt(0.25 * 4) / 2])
    assert found.of_all == pytest.approx([3.0, 2.0])
    assert found.common == 0.0


def test_the_p_value_is_that_of_drawing_at_random_also_where_values_are_skewed():
    rng = np.random.default_rng(5)
    expected = rng.exponential(1.0, 120)
    at_random = np.array([rng.permutation(expected)[:18].mean() for _ in range(40_000)])
    for seen in np.quantile(at_random, [0.5, 0.95, 0.99, 0.999]):
        picked = _nearest(expected, seen, rng)
        found = fitted(nothing_known(120), np.zeros(120, np.int64), picked, expected)
        exact = (at_random >= expected[picked].mean()).mean()
        assert found.p_value[0] == pytest.approx(exact, rel=0.5)


def _nearest(expected, wanted, rng):
    """Some draw of 18 whose mean is about the one wanted."""
    best = min(
        (
            rng.choice(120, 18, replace=False, p=np.exp(0.4 * expected) / np.exp(0.4 * expected).sum())
            for _ in range(3000)
        ),
        key=lambda chosen: abs(expected[chosen].mean() - wanted),
    )
    picked = np.zeros(120, bool)
    picked[best] = True
    return picked


def drawn(rng, *, link="log", n=6_000, g=15, picking=0.0, pickers=0, frank=0):
    """A centre: levels, who, whether asked, expected value, day."""
    member = rng.integers(0, g, n)
    codes = np.column_stack([rng.integers(-1, k - 1, n) for k in (5, 4, 6)])
    levels = Indicators(codes, (4, 3, 5))
    value = levels.times(rng.normal(0, 0.4, levels.width))
    rule = levels.times(rng.normal(0, 0.3, levels.width)) if not frank else np.zeros(n)
    rate = rng.normal(-1.2, 0.6, g)
    rate[g - frank :] = 0 if link == "log" else 50
    own = np.where(np.arange(g) < pickers, picking, 0.0)[member]
    if link == "log":
        chance = np.minimum(np.exp(np.minimum(rate, 0)[member] + rule - rule.max() + own * (value - value.max())), 1)
    else:
        chance = 1 / (1 + np.exp(-(rate[member] + rule + own * value)))
    return levels, member, rng.random(n) < chance, value, rng.integers(0, 20, n)


def test_the_rule_is_that_of_a_poisson_fit_with_an_intercept_each():
    levels, member, picked, value, _ = drawn(np.random.default_rng(1), n=3_000, g=4)
    design = np.hstack([levels.matrix.toarray(), np.eye(4)[member]])
    fit = sm.GLM(picked.astype(float), design, family=sm.families.Poisson()).fit()
    expected_of_picked = np.bincount(member, fit.fittedvalues * value) / np.bincount(member, fit.fittedvalues)
    found = fitted(levels, member, picked, value)
    assert found.of_picked - found.excess == pytest.approx(expected_of_picked, abs=5e-4)  # a little ridge is in ours


def test_expected_values_are_those_of_least_squares_with_an_intercept_each():
    rng = np.random.default_rng(2)
    levels, member, _, value, _ = drawn(rng, n=2_000, g=5)
    score = np.where(rng.random(2_000) < 0.3, value + member + rng.normal(0, 1, 2_000), np.nan)
    known = np.isfinite(score)
    design = np.hstack([levels.matrix.toarray(), np.eye(5)[member]])
    fit = sm.OLS(score[known], design[known]).fit()
    ours, theirs = expected_values(levels, member, score), design[:, :12] @ fit.params[:12]
    assert ours - ours[known].mean() == pytest.approx(theirs - theirs[known].mean(), abs=5e-3)  # ridge
    assert ours[known].mean() == pytest.approx(score[known].mean())


@pytest.mark.parametrize("link", ["log", "logit"])
def test_an_honest_centre_is_accused_no_more_often_than_said(link):
    found = [fitted(*(part := drawn(np.random.default_rng(seed), link=link))[:4], part[4:]) for seed in range(60)]
    p_values = np.concatenate([one.p_value for one in found])  # 900
    assert (p_values < 0.05).mean() < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 900)
    assert (p_values < 0.01).mean() < 0.01 + 3 * np.sqrt(0.01 * 0.99 / 900)
    assert np.mean([one.p_value_all < 0.05 for one in found]) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)


def test_those_who_pick_are_seen_and_the_others_are_not():
    found = [fitted(*drawn(np.random.default_rng(seed), picking=1.5, pickers=5, frank=10)[:4]) for seed in range(10)]
    assert np.mean([one.p_value[:5] < 0.01 for one in found]) > 0.8
    assert np.mean([one.p_value[5:] < 0.01 for one in found]) == 0.0
    assert all(one.p_value_all < 0.001 for one in found)


def test_a_reference_without_those_who_pick_shows_more_of_what_they_do():
    part = drawn(np.random.default_rng(4), picking=1.5, pickers=5, frank=10)[:4]
    others = np.arange(15) >= 5
    among_all, beside_others = fitted(*part), fitted(*part, reference=others)
    assert (beside_others.excess[:5] > among_all.excess[:5]).all()


def test_rows_that_are_picked_together_widen_the_errors():
    rng = np.random.default_rng(6)
    member, day = np.repeat([0, 1], 1_000), np.tile(np.repeat(np.arange(50), 20), 2)
    by_day = rng.normal(0, 1, (2, 50))[member, day]
    picked = rng.random((2, 50))[member, day] < 0.4
    found = fitted(nothing_known(2_000), member, picked, by_day, [day])
    assert found.design_effect == pytest.approx(20, rel=0.35)
    assert fitted(nothing_known(2_000), member, picked, by_day).design_effect == 1.0
