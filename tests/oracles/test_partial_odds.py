"""Partial proportional odds against R's ordinal::clm(nominal =), saturated tables, and numeric derivatives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import chi2

from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.estimators.effect_averages import LeverRows, LeverTerm
from cxfusion.estimators.effects import estimate_effects
from cxfusion.estimators.joint_tests import efficient_scores
from cxfusion.estimators.partial_odds import fit_partial_odds, freed

DATA = Path(__file__).parent / "data"
TURN = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])


def both(sample, n_categories, turn, n_batches=3):
    proportional = fit_cumulative_logit(sample.sweep(), sample.rows, n_categories)
    return proportional, fit_partial_odds(sample.sweep(n_batches), sample.rows, freed(proportional, turn))


@pytest.fixture(scope="module")
def wine(array_sample):
    frame = pd.read_csv(DATA / "wine.csv", comment="#")
    return array_sample(np.column_stack([frame.temp == "warm", frame.contact == "yes"]), frame.rating - 1)


@pytest.fixture(scope="module")
def housing(array_sample):
    frame = pd.read_csv(DATA / "housing.csv", comment="#")
    columns = [("Infl", "Medium"), ("Infl", "High"), ("Type", "Apartment"), ("Type", "Atrium")]
    columns += [("Type", "Terrace"), ("Cont", "High")]
    dense = np.column_stack([frame[name] == level for name, level in columns])
    return array_sample(dense, frame["Sat"].map({"Low": 0, "Medium": 1, "High": 2}), weight=frame["Freq"])


def test_wine_with_contact_by_threshold_as_ordinal_clm(wine):
    # ordinal::clm(rating ~ temp, nominal = ~ contact)
    _, found = both(wine, 5, np.eye(2)[:, [1]])
    assert found.log_likelihood == pytest.approx(-86.20855323, abs=1e-6)
    assert found.coefficients[0] == pytest.approx(2.519044774, abs=1e-6)
    by_threshold = -found.coefficients_of(slice(1, 2))[0]
    assert by_threshold == pytest.approx([-1.615059212, -1.511567331, -1.674755697, -1.050622928], abs=1e-5)


@pytest.mark.parametrize(("column", "ratio", "p_value"), [(0, 3.1749771, 0.36543), (1, 0.5667403, 0.90400)])
def test_likelihood_ratios_as_nominal_test(wine, column, ratio, p_value):
    proportional, partial = both(wine, 5, np.eye(2)[:, [column]])
    found = 2 * (partial.log_likelihood - proportional.log_likelihood)
    assert found == pytest.approx(ratio, abs=1e-5)
    assert chi2.sf(found, 3) == pytest.approx(p_value, abs=1e-5)


@pytest.mark.parametrize(("columns", "ratio"), [([0, 1], 1.106), ([2, 3, 4], 5.734), ([5], 2.445)])
def test_likelihood_ratios_of_the_housing_survey(housing, columns, ratio):
    proportional, partial = both(housing, 3, np.eye(6)[:, columns])
    assert 2 * (partial.log_likelihood - proportional.log_likelihood) == pytest.approx(ratio, abs=6e-4)


def test_one_freed_indicator_saturates_its_table(array_sample):
    x = np.repeat([0.0, 1.0], [60, 40])
    outcome = np.concatenate([np.repeat([0, 1, 2], [30, 20, 10]), np.repeat([0, 1, 2], [5, 5, 30])])
    _, found = both(array_sample(x[:, None], outcome), 3, np.eye(1))
    below = np.array([[30 / 60, 50 / 60], [5 / 40, 10 / 40]])
    odds = np.log(below / (1 - below))
    assert found.cuts == pytest.approx(odds[0], abs=1e-6)
    assert found.coefficients_of(slice(0, 1))[0] == pytest.approx(odds[0] - odds[1], abs=1e-6)


@pytest.fixture(scope="module")
def mixed(array_sample):
    """Four categories, groups, weights, and a column whose push differs by cut."""
    rng = np.random.default_rng(12)
    n = 900
    x = rng.normal(size=(n, 3))
    codes = rng.integers(-1, 4, (n, 1))
    latent = x @ [0.5, -0.4, 0.3] + 0.2 * codes[:, 0] + rng.logistic(size=n) * np.exp(0.25 * x[:, 0])
    outcome = np.digitize(latent, [-1.5, 0.0, 1.2])
    return array_sample(
        x, outcome, weight=rng.uniform(0.5, 2, n), cluster=rng.integers(0, 45, n), codes=codes, widths=(4,)
    )


def whole(sample):
    return sample.rows(pa.RecordBatch.from_pydict({"row": np.arange(len(sample.outcome))}))


def test_gradient_and_information_are_derivatives_of_the_likelihood(mixed, require_derivatives):
    proportional, _ = both(mixed, 4, TURN)
    start = freed(proportional, TURN)
    point = start.at(start.parameters + np.random.default_rng(0).normal(0, 0.02, len(start.parameters)))
    require_derivatives(mixed, point, 1e-3)


def test_score_test_agrees_with_the_likelihood_ratio(mixed):
    proportional, partial = both(mixed, 4, TURN[:, :1])
    null = freed(proportional, TURN[:, :1])
    found = efficient_scores(mixed.sweep(2), mixed.rows, null, null.extra_places.ravel(), 45)
    ratio = 2 * (partial.log_likelihood - proportional.log_likelihood)
    assert found.score @ np.linalg.solve(found.information, found.score) == pytest.approx(ratio, rel=0.2)
    assert ratio > 10


def test_effects_of_the_partial_model_and_their_error_by_hand(mixed):
    _, fit = both(mixed, 4, TURN)
    values = np.array([1.0, 2.0, 4.0, 5.0])
    level = np.abs(mixed.dense[:, 0])

    def levers(batch):
        at = batch["row"].to_numpy()
        return [LeverRows(level[at], np.ones((len(at), 1)))]

    terms = [LeverTerm(slice(0, 1), 0.1, np.zeros(1))]
    effects = estimate_effects(mixed.sweep(3), mixed.rows, levers, terms, fit, values, 45)
    rows = whole(mixed)

    def gains(parameters):
        model = fit.at(parameters)
        tails = 1 / (1 + np.exp(-model.predictors(rows)))
        return (tails * (1 - tails) * model.coefficients_of(slice(0, 1))) @ np.diff(values)

    w = mixed.weight * level / (mixed.weight @ level)
    gain = gains(fit.parameters)
    assert effects.estimate[0] == pytest.approx(0.1 * w @ gain, rel=1e-9)
    steps = np.eye(len(fit.parameters)) * 1e-5
    gradient = np.array([w @ (gains(fit.parameters + h) - gains(fit.parameters - h)) / 2e-5 for h in steps])
    scores = fit.scores_times(rows, fit.predictors(rows), np.eye(len(fit.parameters)))
    by_row = 0.1 * (scores @ fit.inverse.matrix @ gradient + w * (gain - w @ gain))
    by_cluster = np.bincount(mixed.cluster, by_row, 45)
    assert effects.std_error[0] == pytest.approx(np.sqrt((by_cluster**2).sum() * 45 / 44), rel=1e-6)


def test_nothing_freed_changes_nothing(mixed):
    proportional, _ = both(mixed, 4, TURN)
    same = fit_partial_odds(mixed.sweep(), mixed.rows, freed(proportional, np.zeros((3, 1))))
    assert same.coefficients == pytest.approx(proportional.coefficients, abs=1e-7)
    terms = [LeverTerm(slice(0, 1), 0.1, np.zeros(1))]

    def levers(batch):
        at = batch["row"].to_numpy()
        return [LeverRows(np.abs(mixed.dense[at, 0]), np.ones((len(at), 1)))]

    one, two = (
        estimate_effects(mixed.sweep(), mixed.rows, levers, terms, fit, (1, 2, 3, 4), 45)
        for fit in (proportional, same)
    )
    assert one.estimate == pytest.approx(two.estimate, rel=1e-6)
    assert one.std_error == pytest.approx(two.std_error, rel=1e-6)
