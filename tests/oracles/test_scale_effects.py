"""Scale effects against R's ordinal::clm(scale =), numeric derivatives, and a simulation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.estimators.joint_tests import efficient_scores
from cxfusion.estimators.partial_odds import fit_partial_odds
from cxfusion.estimators.scale_effects import equally_spread

DATA = Path(__file__).parent / "data"
TURN = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])


def test_wine_with_scale_by_temperature_as_ordinal_clm(array_sample):
    # ordinal::clm(rating ~ temp + contact, scale = ~ temp)
    frame = pd.read_csv(DATA / "wine.csv", comment="#")
    sample = array_sample(np.column_stack([frame.temp == "warm", frame.contact == "yes"]), frame.rating - 1)
    plain = fit_cumulative_logit(sample.sweep(), sample.rows, 5)
    found = fit_partial_odds(sample.sweep(3), sample.rows, equally_spread(plain, np.eye(2)[:, [0]]))
    assert found.log_likelihood == pytest.approx(-86.43946288, abs=1e-6)
    assert found.log_scale == pytest.approx([0.09535916685], abs=1e-6)
    place = found.scale_places[0]
    assert found.inverse.matrix[place, place] ** 0.5 == pytest.approx(0.29414247, abs=1e-5)


@pytest.fixture(scope="module")
def mixed(array_sample):
    """Four categories, groups, weights, clusters, and a column that spreads answers: log spread 0.4 per unit."""
    rng = np.random.default_rng(12)
    n = 3_000
    x = rng.normal(size=(n, 3))
    codes = rng.integers(-1, 4, (n, 1))
    latent = x @ [0.5, -0.4, 0.3] + 0.2 * codes[:, 0] + rng.logistic(size=n) * np.exp(0.4 * x[:, 1])
    outcome = np.digitize(latent, [-1.5, 0.0, 1.2])
    cluster = rng.integers(0, 60, n)
    return array_sample(x, outcome, rng.uniform(0.5, 2, n), cluster, codes=codes, widths=(4,))


def test_gradient_and_information_are_derivatives_of_the_likelihood(mixed, require_derivatives):
    start = equally_spread(fit_cumulative_logit(mixed.sweep(), mixed.rows, 4), TURN)
    point = start.at(start.parameters + np.random.default_rng(0).normal(0, 0.05, len(start.parameters)))
    require_derivatives(mixed, point, 3e-3)


def test_the_score_test_sees_which_column_spreads_answers(mixed):
    start = equally_spread(fit_cumulative_logit(mixed.sweep(), mixed.rows, 4), TURN)
    found = efficient_scores(mixed.sweep(2), mixed.rows, start, start.scale_places, 60)
    level, spread = found.test(slice(0, 1)), found.test(slice(1, 2))
    assert level.p_value > 0.01
    assert spread.p_value < 1e-6
    fitted = fit_partial_odds(mixed.sweep(), mixed.rows, start)
    error = np.sqrt(np.diag(fitted.inverse.matrix))[fitted.scale_places]
    assert (np.abs(fitted.log_scale - [0.0, 0.4]) < 3 * error).all()


def test_a_spread_turns_the_probabilities_as_it_says(array_sample):
    # one 0/1 column, three categories: four free shares, four parameters (two cuts, a push, a spread)
    x = np.repeat([0.0, 1.0], [600, 600])
    outcome = np.concatenate([np.repeat([0, 1, 2], [200, 250, 150]), np.repeat([0, 1, 2], [250, 100, 250])])
    sample = array_sample(x[:, None], outcome)
    plain = fit_cumulative_logit(sample.sweep(), sample.rows, 3)
    found = fit_partial_odds(sample.sweep(), sample.rows, equally_spread(plain, np.eye(1)))
    assert found.log_scale[0] > 0
    assert expit(found.cuts) == pytest.approx([200 / 600, 450 / 600], abs=1e-6)
    spread = (found.cuts - found.coefficients) * np.exp(-found.log_scale)
    assert expit(spread) == pytest.approx([250 / 600, 350 / 600], abs=1e-6)
