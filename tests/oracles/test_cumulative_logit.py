"""The cumulative logit against R's ordinal::clm and MASS::polr, and against statsmodels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels

from cxfusion.errors import SeparationError
from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.estimators.effect_averages import LeverRows, LeverTerm
from cxfusion.estimators.effects import estimate_effects

DATA = Path(__file__).parent / "data"
UCLA = Path(statsmodels.__file__).parent / "miscmodels/tests/results/ologit_ucla.csv"


def fit(sample, n_categories, n_batches=1):
    return fit_cumulative_logit(sample.sweep(n_batches), sample.rows, n_categories)


@pytest.fixture(scope="module")
def wine(array_sample):
    frame = pd.read_csv(DATA / "wine.csv", comment="#")
    dense = np.column_stack([frame.temp == "warm", frame.contact == "yes"])
    return array_sample(dense, frame.rating - 1)


@pytest.fixture(scope="module")
def ucla(array_sample):
    frame = pd.read_csv(UCLA)
    levels = {"unlikely": 0, "somewhat likely": 1, "very likely": 2}
    return array_sample(frame[["pared", "public", "gpa"]], frame["apply"].map(levels))


def test_wine_as_ordinal_clm(wine):
    # ordinal::clm(rating ~ temp + contact), Christensen's vignette
    found = fit(wine, 5)
    assert found.cuts == pytest.approx([-1.344383411, 1.250808798, 3.466886926, 5.006404204], abs=1e-6)
    assert found.coefficients == pytest.approx([2.503102008, 1.527797658], abs=1e-6)
    assert np.sqrt(np.diag(found.covariance))[4:] == pytest.approx([0.5286801, 0.4766226], abs=1e-6)
    assert found.log_likelihood == pytest.approx(-86.49192337, abs=1e-6)
    assert found.n == 72


def test_wine_with_contact_as_a_group_is_the_same_model(wine, array_sample):
    as_group = array_sample(wine.dense[:, :1], wine.outcome, codes=wine.dense[:, 1:] - 1, widths=(1,))
    found = fit(as_group, 5)
    assert found.coefficients == pytest.approx([2.503102008, 1.527797658], abs=1e-6)


def test_likelihood_ratio_for_contact(wine, array_sample):
    without = array_sample(wine.dense[:, :1], wine.outcome)
    ratio = 2 * (fit(wine, 5).log_likelihood - fit(without, 5).log_likelihood)
    assert ratio == pytest.approx(11.043, abs=5e-4)


@pytest.fixture(scope="module")
def housing():
    """Influence, type of home and contact as indicators; satisfaction; how many said so."""
    frame = pd.read_csv(DATA / "housing.csv", comment="#")
    columns = [("Infl", "Medium"), ("Infl", "High"), ("Type", "Apartment"), ("Type", "Atrium")]
    columns += [("Type", "Terrace"), ("Cont", "High")]
    dense = np.column_stack([frame[name] == level for name, level in columns]).astype(float)
    return dense, frame["Sat"].map({"Low": 0, "Medium": 1, "High": 2}), frame["Freq"].to_numpy(float)


def test_housing_with_frequency_weights_as_mass_polr(housing, array_sample):
    dense, satisfaction, n = housing
    found = fit(array_sample(dense, satisfaction, weight=n), 3)
    expected = [0.5663937, 1.2888191, -0.5723501, -0.3661866, -1.0910149, 0.3602841]
    errors = [0.1046528, 0.1271561, 0.1192380, 0.1551733, 0.1514860, 0.0955358]
    assert found.coefficients == pytest.approx(expected, abs=1e-6)
    assert np.sqrt(np.diag(found.covariance))[2:] == pytest.approx(errors, abs=1e-6)
    assert found.cuts == pytest.approx([-0.4961353, 0.6907083], abs=1e-6)
    assert -2 * found.log_likelihood == pytest.approx(3479.149299, abs=1e-6)


def test_housing_where_influence_differs_by_type_of_home(housing, array_sample):
    dense, satisfaction, n = housing
    products = [dense[:, influence] * dense[:, home] for influence in (0, 1) for home in (2, 3, 4)]
    found = fit(array_sample(np.column_stack([dense, *products]), satisfaction, weight=n), 3)
    assert -2 * found.log_likelihood == pytest.approx(3456.639952, abs=1e-4)  # MASS::polr, whose BFGS stops early


@pytest.mark.parametrize(
    ("influence", "expected"),
    [
        ((0, 0), (0.448896, 0.271295, 0.279809)),
        ((1, 0), (0.319991, 0.277569, 0.402440)),
        ((0, 1), (0.188819, 0.235809, 0.575372)),  # top minus bottom: 55.56 points more than with little influence
    ],
)
def test_housing_had_everyone_the_same_influence(housing, array_sample, influence, expected):
    dense, satisfaction, n = housing
    found = fit(array_sample(dense, satisfaction, weight=n), 3)
    eta = np.column_stack([np.tile(influence, (len(n), 1)), dense[:, 2:]]) @ found.coefficients
    up_to = [np.average(1 / (1 + np.exp(eta - cut)), weights=n) for cut in found.cuts]
    assert (up_to[0], up_to[1] - up_to[0], 1 - up_to[1]) == pytest.approx(expected, abs=2e-6)


def test_ucla_applications(ucla):
    # the published figures come from MASS::polr, whose BFGS stops 2e-4 short of the optimum (its own log-likelihood
    # is lower in the eighth digit); statsmodels' Newton goes all the way
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    found = fit(ucla, 3)
    exact = OrderedModel(ucla.outcome, ucla.dense, distr="logit").fit(method="newton", disp=False, tol=1e-13)
    assert found.coefficients == pytest.approx(exact.params[:3], abs=1e-6)
    assert np.sqrt(np.diag(found.covariance))[2:] == pytest.approx(exact.bse[:3], rel=2e-5)  # numeric there
    assert found.log_likelihood == pytest.approx(exact.llf, abs=1e-8)
    assert found.coefficients == pytest.approx([1.047690, -0.058786, 0.615941], abs=2e-4)
    assert np.sqrt(np.diag(found.covariance))[2:] == pytest.approx([0.265789, 0.297861, 0.260634], abs=4e-6)
    assert found.cuts == pytest.approx([2.203915, 4.299363], abs=7e-4)
    assert found.log_likelihood == pytest.approx(-358.512436, abs=1e-6)


def test_ucla_marginal_effects_in_points(ucla):
    # top-minus-bottom in points per unit of gpa (19.8053) and of pared 0 → 1 (the sum of its category effects)
    found = fit(ucla, 3)

    def levers(batch):
        rows = ucla.rows(batch)
        gpa = LeverRows(rows.dense[:, 2], np.ones((len(batch), 1)))
        pared = LeverRows(rows.dense[:, 0], np.ones((len(batch), 1)), rows.dense[:, :1] - 1)
        return [gpa, pared]

    at_zero = np.zeros(1)
    terms = [LeverTerm(slice(2, 3), 1.0, at_zero), LeverTerm(slice(0, 1), 1.0, at_zero)]
    effects = estimate_effects(ucla.sweep(), ucla.rows, levers, terms, found, (-100, 0, 100), 400)
    assert effects.local_estimate[0] == pytest.approx(19.8053, abs=0.01)  # polr stops short, see above
    # pared over everyone: P(top) +0.118089336, P(bottom) −0.251264917; remove_all goes 1 → 0 over the mean of pared
    share = ucla.dense[:, 0].mean()
    everyone = ucla.dense.copy()
    everyone[:, 0] = 1
    eta_with, eta_without = everyone @ found.coefficients, (everyone - [1, 0, 0]) @ found.coefficients
    cut_low, cut_high = found.cuts

    def points(eta):
        return 100 * (1 / (1 + np.exp(cut_high - eta)) - 1 / (1 + np.exp(eta - cut_low)))

    average_for_all = (points(eta_with) - points(eta_without)).mean()
    assert average_for_all == pytest.approx(100 * (0.118089336 + 0.251264917), abs=0.01)
    has_it = ucla.dense[:, 0] == 1
    average_where_present = (points(eta_with) - points(eta_without))[has_it].mean()
    assert effects.estimate[1] == pytest.approx(average_where_present * share, rel=1e-9)  # step capped at the mean
    assert effects.remove_all[1] == pytest.approx(-average_where_present * share, rel=1e-9)


def test_statsmodels_finds_the_same_optimum(array_sample):
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    rng = np.random.default_rng(11)
    dense = rng.normal(size=(1500, 4))
    outcome = np.digitize(dense @ [0.5, -0.3, 0.0, 1.0] + rng.logistic(size=1500), [-1.5, 0.0, 1.0, 2.5])
    theirs = OrderedModel(outcome, dense, distr="logit").fit(method="newton", disp=False, tol=1e-12)
    found = fit(array_sample(dense, outcome), 5)
    assert found.coefficients == pytest.approx(theirs.params[:4], abs=1e-6)
    assert found.log_likelihood == pytest.approx(theirs.llf, abs=1e-6)
    assert np.sqrt(np.diag(found.covariance))[4:] == pytest.approx(theirs.bse[:4], rel=1e-4)


def test_binary_model_equals_logistic_regression_with_clustered_errors(array_sample):
    # one cut is a logit; the clustered sandwich of its slope is known to statsmodels
    import statsmodels.api as sm

    rng = np.random.default_rng(5)
    cluster = np.repeat(np.arange(60), 20)
    x = rng.normal(size=1200) + rng.normal(size=60)[cluster]
    outcome = (0.7 * x + rng.normal(size=60)[cluster] + rng.logistic(size=1200) > 0).astype(int)
    theirs = sm.Logit(outcome, sm.add_constant(x)).fit(
        disp=False, tol=1e-12, cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": True}
    )
    sample = array_sample(x[:, None] - x.min(), outcome, cluster=cluster)
    found = fit(sample, 2)
    assert found.coefficients[0] == pytest.approx(theirs.params[1], abs=1e-8)

    # average marginal effect by the delta method, with the lever's level held at 1 so that E[w·L·…]/E[w·L] is plain;
    # the averaging part of the influence is added by hand
    def levers(batch):
        return [LeverRows(np.ones(len(batch)), np.ones((len(batch), 1)))]

    terms = [LeverTerm(slice(0, 1), 1.0, np.zeros(1))]
    effects = estimate_effects(sample.sweep(), sample.rows, levers, terms, found, (0, 1), 60)
    marginal = theirs.get_margeff()
    assert effects.estimate[0] == pytest.approx(marginal.margeff[0], rel=1e-7)
    p = theirs.predict(sm.add_constant(x))
    slope = theirs.params[1] * p * (1 - p)
    design = sm.add_constant(x)
    gradient = ((1 - 2 * p) * slope) @ design / 1200 + np.array([0, (p * (1 - p)).mean()])
    information = (design * (p * (1 - p))[:, None]).T @ design
    by_row = (design * (outcome - p)[:, None]) @ np.linalg.solve(information, gradient) + (slope - slope.mean()) / 1200
    by_cluster = np.bincount(cluster, by_row)
    assert effects.std_error[0] == pytest.approx(np.sqrt((by_cluster**2).sum() * 60 / 59), rel=1e-7)


def test_effect_of_a_count_and_its_error_are_those_of_the_stacked_equations(array_sample):
    # one contact more or less, weighted by the count; gradient by numeric derivatives, scores by statsmodels
    import statsmodels.api as sm
    from scipy.stats import t as student_t

    rng = np.random.default_rng(21)
    cluster, count = np.repeat(np.arange(60), 20), rng.poisson(0.8, 1200).astype(float)
    beside = rng.normal(size=1200) + 0.3 * rng.normal(size=60)[cluster]
    latent = -0.6 * count + 0.5 * beside + 0.5 * rng.normal(size=60)[cluster] + rng.logistic(size=1200)
    outcome = (latent > 0).astype(int)
    is_inside = rng.random(1200) < 0.5
    design = np.column_stack([np.ones(1200), count, beside])
    theirs = sm.Logit(outcome, design).fit(disp=False, tol=1e-12)
    sample = array_sample(np.column_stack([count, beside]), outcome, cluster=cluster)
    found = fit(sample, 2)

    def levers(batch):
        at = batch.column("row").to_numpy()
        given = (count[at], np.ones((len(at), 1)), count[at, None] - 1)
        return [*(LeverRows(*given) for _ in range(3)), LeverRows(*given, is_inside[at])]

    asked = [(-0.5, True), (-5.0, True), (-5.0, False), (-0.5, True)]
    terms = [LeverTerm(slice(0, 1), step, np.zeros(1), is_capped) for step, is_capped in asked]
    effects = estimate_effects(sample.sweep(3), sample.rows, levers, terms, found, (0, 1), 60)
    assert effects.step == pytest.approx([-0.5, -count.mean(), -5.0, -0.5], rel=1e-12)

    def gain(parameters):
        return theirs.model.cdf(design @ parameters) - theirs.model.cdf((design - [0, 1, 0]) @ parameters)

    for j, inside in ((0, np.ones(1200)), (3, is_inside)):
        level = count * inside / (count * inside).sum()
        mean = level @ gain(theirs.params)
        gradient = [level @ (gain(theirs.params + h) - gain(theirs.params - h)) / 2e-5 for h in np.eye(3) * 1e-5]
        by_row = theirs.model.score_obs(theirs.params) @ theirs.cov_params() @ gradient
        by_row += level * (gain(theirs.params) - mean)
        error = np.sqrt((np.bincount(cluster, by_row) ** 2).sum() * 60 / 59)
        assert effects.estimate[j] == pytest.approx(-0.5 * mean, rel=1e-7)
        assert effects.std_error[j] == pytest.approx(0.5 * error, rel=1e-6)
    statistic = np.abs(effects.estimate / effects.std_error)
    assert effects.p_value == pytest.approx(2 * student_t.sf(statistic, effects.degrees), rel=1e-9)
    reach = student_t.isf(0.05, effects.degrees) * effects.std_error
    assert effects.interval(0.9)[0] == pytest.approx(effects.estimate - reach, rel=1e-9)
    assert effects.interval(0.9)[1] == pytest.approx(effects.estimate + reach, rel=1e-9)
    assert effects.estimate[2] == pytest.approx(10 * effects.estimate[0], rel=1e-12)


def test_few_clusters_get_cr2_as_defined_on_rows(array_sample):
    # one cut is a logit with constant −cut; Bell & McCaffrey's definition needs matrices of a cluster's size
    rng = np.random.default_rng(8)
    cluster = np.repeat(np.arange(12), 15)
    x = rng.normal(size=180) + rng.normal(size=12)[cluster]
    outcome = (0.7 * x + rng.normal(size=12)[cluster] + rng.logistic(size=180) > 0).astype(int)
    sample = array_sample(x[:, None], outcome, cluster=cluster)
    found = fit(sample, 2)

    def levers(batch):
        return [LeverRows(np.ones(len(batch)), np.ones((len(batch), 1)))]

    terms = [LeverTerm(slice(0, 1), 1.0, np.zeros(1))]
    effects = estimate_effects(sample.sweep(), sample.rows, levers, terms, found, (0, 1), 12)

    design = np.column_stack([np.ones(180), x])
    slope = found.coefficients[0]
    p = 1 / (1 + np.exp(found.cuts[0] - slope * x))
    root = np.sqrt(p * (1 - p))
    working, residual = design * root[:, None], (outcome - p) / root
    inverse = np.linalg.inv(working.T @ working)
    gradient = ((1 - 2 * p) * slope * root**2) @ design / 180 + np.array([0, (root**2).mean()])
    variance = 0.0
    for g in range(12):
        inside = cluster == g
        values, vectors = np.linalg.eigh(np.eye(15) - working[inside] @ inverse @ working[inside].T)
        half = vectors @ np.diag(values**-0.5) @ vectors.T
        score = working[inside].T @ half @ residual[inside]
        own = (slope * root[inside] ** 2 - (slope * root**2).mean()).sum() / 180
        variance += (gradient @ inverse @ score + own) ** 2
    assert effects.std_error[0] == pytest.approx(np.sqrt(variance), rel=1e-6)


def test_perfect_prediction_is_refused_with_a_reason(array_sample):
    x = np.repeat([0.0, 1.0], 50)
    with pytest.raises(SeparationError, match="predicts the answers perfectly"):
        fit(array_sample(x[:, None], x), 2)


def test_a_group_without_variation_does_not_disturb_the_others(array_sample):
    rng = np.random.default_rng(3)
    x = rng.normal(size=400)
    outcome = (0.8 * x + rng.logistic(size=400) > 0).astype(int)
    plain = fit(array_sample(x[:, None], outcome), 2)
    # ten more rows, alone in a group, all answering 1: they say nothing about x
    codes = np.concatenate([np.full(400, -1), np.zeros(10, dtype=int)])[:, None]
    padded = array_sample(
        np.append(x, rng.normal(size=10))[:, None], np.append(outcome, np.ones(10)), codes=codes, widths=(1,)
    )
    found = fit(padded, 2)
    assert found.coefficients[0] == pytest.approx(plain.coefficients[0], abs=1e-4)
    assert found.is_separated.tolist() == [False, True]


def test_aliased_columns_are_named_and_the_others_stand(array_sample):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(500, 2))
    outcome = np.digitize(x @ [1.0, -0.5] + rng.logistic(size=500), [-1.0, 1.0])
    plain = fit(array_sample(x, outcome), 3)
    doubled = fit(array_sample(np.column_stack([x, x[:, 1] * 3]), outcome), 3)
    assert doubled.is_identified.tolist() == [True, False, False]
    assert doubled.coefficients[0] == pytest.approx(plain.coefficients[0], abs=1e-8)
    assert doubled.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-8)
