"""Joint tests and curves against statsmodels, closed forms and numeric derivatives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.multivariate import test_mvmean as hotelling

from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.estimators.curves import estimate_curve, rearranged
from cxfusion.estimators.effect_averages import LeverRows, LeverTerm
from cxfusion.estimators.effects import estimate_effects
from cxfusion.estimators.influence import n_telling
from cxfusion.estimators.joint_tests import (
    EfficientScores,
    coefficient_influence,
    efficient_scores,
    joint_test,
    sup_p_value,
)


def binary(n=400, n_clusters=50, seed=3):
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, n_clusters, n)
    x = rng.normal(size=(n, 3)) + 0.3 * rng.normal(size=n_clusters)[cluster][:, None]
    y = (0.8 * x[:, 0] - 0.3 * x[:, 1] + 0.4 * rng.normal(size=n_clusters)[cluster] + rng.logistic(size=n) > 0.2) * 1
    return x, y, cluster


def test_joint_test_is_hotellings():
    sample = np.random.default_rng(1).normal([0.1, 0.2, 0.0], 1.0, (40, 3))
    theirs = hotelling(sample, np.zeros(3))
    found = joint_test(sample.mean(axis=0), (sample - sample.mean(axis=0)) / 40)
    assert found.statistic == pytest.approx(theirs.statistic, rel=1e-10)
    assert found.p_value == pytest.approx(theirs.pvalue, rel=1e-10)
    assert (found.df, found.df_denominator) == (3, 37)


def test_joint_test_counts_a_repeated_number_once():
    influence = np.random.default_rng(2).normal(size=(50, 2))
    twice = influence[:, [0, 1, 1]]
    estimate = np.array([1.0, -2.0, -2.0])
    once, again = joint_test(estimate[:2], influence), joint_test(estimate, twice)
    assert again.df == 2
    assert again.statistic == pytest.approx(once.statistic, rel=1e-9)


def test_joint_test_needs_more_clusters_than_numbers():
    assert joint_test(np.ones(4), np.random.default_rng(0).normal(size=(4, 4))) is None
    assert joint_test(np.ones(1), np.zeros((9, 1))) is None


def test_coefficient_influence_is_the_clustered_sandwich(array_sample):
    x, y, cluster = binary()
    theirs = sm.Logit(y, sm.add_constant(x)).fit(
        disp=False, tol=1e-12, cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False}
    )
    sample = array_sample(x, y, cluster=cluster)
    fit = fit_cumulative_logit(sample.sweep(), sample.rows, 2)
    influence = coefficient_influence(sample.sweep(3), sample.rows, fit, np.array([1, 2, 3]), 50)
    assert np.sqrt((influence**2).sum(axis=0)) == pytest.approx(theirs.bse[1:], rel=1e-6)


def test_efficient_scores_give_the_score_test(array_sample):
    # every row a cluster of its own: statsmodels' robust score test without its small-sample factor
    x, y, _ = binary()
    small = sm.Logit(y, sm.add_constant(x[:, :1])).fit(disp=False, tol=1e-12)
    sample = array_sample(x, y)
    narrow = array_sample(x[:, :1], y)
    fit = fit_cumulative_logit(narrow.sweep(), narrow.rows, 2)
    padded = replace(fit, coefficients=np.append(fit.coefficients, [0.0, 0.0]))
    found = efficient_scores(sample.sweep(4), sample.rows, padded, np.array([2, 3]), len(y))
    model_based = found.score @ np.linalg.solve(found.information, found.score)
    design = sm.add_constant(x)
    p = small.predict(sm.add_constant(x[:, :1]))
    score = design.T @ (y - p)
    by_hand = score @ np.linalg.solve((design * (p * (1 - p))[:, None]).T @ design, score)
    assert model_based == pytest.approx(by_hand, rel=1e-7)
    theirs = sm.GLM(y, sm.add_constant(x[:, :1]), family=sm.families.Binomial()).fit(tol=1e-12)
    assert model_based == pytest.approx(theirs.model.score_test(theirs.params, exog_extra=x[:, 1:])[0], rel=1e-6)


def test_sup_p_value_of_independent_scores_is_known():
    for largest in (2.0, 6.0, 10.0):
        single = stats.chi2.sf(largest, 1)
        assert sup_p_value(largest, np.eye(5)) == pytest.approx(1 - (1 - single) ** 5, abs=0.01)
    assert sup_p_value(3.84, np.ones((5, 5))) == pytest.approx(0.05, abs=0.006)  # five times the same score
    assert sup_p_value(5.0, np.eye(3)) == sup_p_value(5.0, np.eye(3))


def test_efficient_scores_vary_as_the_clusters_that_have_rows():
    influence = np.random.default_rng(4).normal(0.3, 1.0, (12, 2))
    influence[3, 0] = 0.0  # by chance, or because its rows are alike: it has a part in the other score
    found = EfficientScores(np.vstack([influence, np.zeros((5, 2))]), np.eye(2))
    assert found.covariance == pytest.approx(12 * np.cov(influence, rowvar=False), rel=1e-12)
    theirs = hotelling(influence, np.zeros(2))
    assert found.test().p_value == pytest.approx(theirs.pvalue, rel=1e-10)
    assert n_telling(found.influence) == 12


def test_curve_and_its_error_are_those_of_the_stacked_equations(array_sample):
    # mean prediction with x0 set to a level, by hand: numeric gradient, scores, and each row's own part
    x, y, cluster = binary(n=600)
    outcome = y + (np.random.default_rng(8).random(600) < 0.3)  # three categories
    sample = array_sample(x, outcome, cluster=cluster)
    fit = fit_cumulative_logit(sample.sweep(), sample.rows, 3)
    levels, values = np.array([[-1.0], [0.5]]), np.array([1.0, 2.0, 5.0])
    found = estimate_curve(sample.sweep(5), sample.rows, slice(0, 1), levels, fit, values, 50)

    def predictions(parameters, level):
        moved = np.column_stack([np.full(600, level), x[:, 1:]])
        tails = 1 / (1 + np.exp(-(parameters[:2] - (moved @ parameters[2:])[:, None])))
        return values[0] + (1 - tails) @ np.diff(values)

    def score_by_row(parameters):
        steps = np.eye(5) * 1e-5
        return np.column_stack([(logs(parameters + h) - logs(parameters - h)) / 2e-5 for h in steps])

    def logs(parameters):
        tails = 1 / (1 + np.exp(-(parameters[:2] - (x @ parameters[2:])[:, None])))
        below = np.column_stack([np.zeros(600), tails, np.ones(600)])
        return np.log(np.diff(below, axis=1)[np.arange(600), outcome])

    for k, level in enumerate(levels[:, 0]):
        mean = predictions(fit.parameters, level)
        gradient = np.array(
            [
                (predictions(fit.parameters + h, level).mean() - predictions(fit.parameters - h, level).mean()) / 2e-5
                for h in np.eye(5) * 1e-5
            ]
        )
        by_row = score_by_row(fit.parameters) @ fit.covariance @ gradient + (mean - mean.mean()) / 600
        by_cluster = np.bincount(cluster, by_row, 50)
        assert found.estimate[k] == pytest.approx(mean.mean(), rel=1e-9)
        assert found.std_error[k] == pytest.approx(np.sqrt((by_cluster**2).sum() * 50 / 49), rel=1e-5)


def test_rearranging_sorts():
    wavy = np.array([1.0, 3.0, 2.0, 4.0])
    assert rearranged(wavy, is_increasing=True).tolist() == [1, 2, 3, 4]
    assert rearranged(wavy, is_increasing=False).tolist() == [4, 3, 2, 1]


def test_clusters_without_rows_change_nothing(array_sample):
    """Of the clusters of a whole log, the rows that tell a lever may leave some without any."""
    x, y, cluster = binary()
    found = []
    for codes, n_codes in ((cluster, 50), (3 * cluster + 7, 200)):
        sample = array_sample(x, y, cluster=codes)
        fit = fit_cumulative_logit(sample.sweep(), sample.rows, 2)

        def levers(batch, sample=sample):
            return [LeverRows(np.exp(sample.rows(batch).dense[:, 0]), np.ones((len(batch), 1)))]

        terms = [LeverTerm(slice(0, 1), 0.1, np.zeros(1))]
        effects = estimate_effects(sample.sweep(), sample.rows, levers, terms, fit, (0, 1), n_codes)
        curve = estimate_curve(sample.sweep(), sample.rows, slice(0, 1), np.array([[0.5]]), fit, (0, 1), n_codes)
        influence = coefficient_influence(sample.sweep(), sample.rows, fit, np.array([1, 2, 3]), n_codes)
        test = joint_test(fit.coefficients, influence)
        padded = replace(fit, coefficients=np.insert(fit.coefficients[:2], 2, 0.0))
        scores = efficient_scores(sample.sweep(), sample.rows, padded, np.array([3]), n_codes)
        assert (test.df_denominator, scores.test().df_denominator) == (47, 49)
        numbers = [*effects.std_error, *curve.interval()[1], test.p_value]
        found.append([*numbers, scores.test().p_value, *scores.covariance.ravel()])
    assert found[1] == pytest.approx(found[0], rel=1e-9)
