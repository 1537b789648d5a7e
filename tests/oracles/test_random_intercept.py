"""Random intercepts and shrinkage against lme4, and against least squares with everything in one model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from cxfusion.errors import NothingToEstimateError
from cxfusion.estimators.random_intercept import fit_random_intercept, rank_draws
from cxfusion.operations.ranking import _adjusted, _n_sets


class Case(NamedTuple):
    """Three numbers per group, and what lme4 1.1 says: tests/oracles/r/random_intercept.R prints all of it."""

    n: tuple[float, ...]
    mean: tuple[float, ...]
    squares: tuple[float, ...]
    fitted: tuple[float, float, float, float]  # mean, its error, standard deviations between and within
    effects: tuple[float, ...]
    conditional: tuple[float, ...]


DYESTUFF = Case(
    n=(
        5.0,
        5.0,
        5.0,
        5.0,
        5.0,
        5.0,
    ),
    mean=(
        1505.0,
        1528.0,
        1564.0,
        1498.0,
        1600.0,
        1470.0,
    ),
    squares=(
        15900.0,
        4430.0,
        5770.0,
        18880.0,
        10000.0,
        3850.0,
    ),
    fitted=(1527.5, 19.3834121788, 42.0005953104, 49.5100999656),
    effects=(
        -17.6068513669,
        0.3912633637,
        28.5622255507,
        -23.0845384588,
        56.7331877377,
        -44.9952868265,
    ),
    conditional=(
        19.58657009,
        19.58657009,
        19.58657009,
        19.58657009,
        19.58657009,
        19.58657009,
    ),
)
DYESTUFF2 = Case(
    n=(
        5.0,
        5.0,
        5.0,
        5.0,
        5.0,
        5.0,
    ),
    mean=(
        6.2268,
        4.656,
        7.5212,
        5.6848,
        6.0796,
        3.8252,
    ),
    squares=(
        35.4601408,
        101.960128,
        102.5548608,
        28.2139008,
        57.4359232,
        33.0763968,
    ),
    fitted=(5.6656, 0.678388031233, 0.0, 3.71568427448),
    effects=(
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
    ),
    conditional=(
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
    ),
)
SLEEP = Case(
    n=(
        10.0,
        10.0,
        10.0,
        10.0,
        10.0,
        10.0,
        10.0,
        10.0,
        10.0,
        10.0,
        10.0,
        10.0,
        10.0,
        10.0,
        10.0,
        10.0,
        10.0,
        10.0,
    ),
    mean=(
        342.13383,
        215.23298,
        231.00127,
        303.22142,
        309.43605,
        307.30207,
        316.15831,
        295.30205,
        250.07004,
        375.72101,
        275.83447,
        313.60268,
        290.09775,
        337.42154,
        306.03464,
        291.70177,
        294.98404,
        317.88613,
    ),
    squares=(
        57343.62500816,
        1052.1317204,
        4299.16121784,
        4723.48269322,
        6679.43688493,
        37217.50012832,
        8136.87400813,
        15767.02680926,
        1722.37925032,
        31994.96602997,
        16593.00208154,
        36131.04248476,
        7557.94327442,
        20393.8793217,
        12629.55389308,
        31550.51157984,
        11994.18492162,
        11549.45980954,
    ),
    fitted=(298.507891667, 9.04993638459, 35.7538495336, 44.2590688678),
    effects=(
        37.829172338,
        -72.209816115,
        -58.536726603,
        4.087221558,
        9.47608695,
        7.625658048,
        15.305131362,
        -2.779867701,
        -42.001706058,
        66.953479324,
        -19.660706646,
        13.089078908,
        -7.292649984,
        33.743024571,
        6.526636921,
        -5.901763018,
        -3.055622345,
        16.80336849,
    ),
    conditional=(
        13.03296719,
        13.03296719,
        13.03296719,
        13.03296719,
        13.03296719,
        13.03296719,
        13.03296719,
        13.03296719,
        13.03296719,
        13.03296719,
        13.03296719,
        13.03296719,
        13.03296719,
        13.03296719,
        13.03296719,
        13.03296719,
        13.03296719,
        13.03296719,
    ),
)
UNEVEN = Case(
    n=(
        10.0,
        9.0,
        8.0,
        7.0,
        6.0,
        5.0,
        4.0,
        3.0,
        2.0,
        10.0,
        9.0,
        8.0,
        7.0,
        6.0,
        5.0,
        4.0,
        3.0,
        2.0,
    ),
    mean=(
        342.13383,
        214.399544444,
        239.578325,
        303.773557143,
        316.636116667,
        339.03106,
        344.0673,
        348.1896,
        236.50035,
        375.72101,
        280.249055556,
        329.5344625,
        297.214214286,
        363.435066667,
        334.05296,
        341.53135,
        341.626833333,
        366.63265,
    ),
    squares=(
        57343.625008161,
        989.616386122,
        1345.379093475,
        4002.723659757,
        5122.760993608,
        21488.478888412,
        605.52344894,
        1279.95684054,
        1.113778125,
        31994.966029969,
        14839.031175082,
        25895.709836539,
        5130.156833509,
        1197.919479273,
        2864.045640552,
        5183.57793101,
        2227.711937407,
        12.590663805,
    ),
    fitted=(316.874180428, 11.1354413928, 42.7190031619, 44.8494028138),
    effects=(
        22.751875999,
        -91.293900742,
        -67.9357735619,
        -11.3184142037,
        -0.2011175562,
        18.1547482429,
        21.3186271054,
        22.9012814237,
        -51.8168568681,
        53.0045266682,
        -32.6290548163,
        11.127195,
        -16.9854239133,
        39.3348890473,
        14.0758276559,
        19.3305149189,
        18.1018641268,
        32.0791914734,
    ),
    conditional=(
        13.46020301,
        14.11068509,
        14.86561324,
        15.75630783,
        16.82904165,
        18.15567832,
        19.85531445,
        22.14352779,
        25.4636037,
        13.46020301,
        14.11068509,
        14.86561324,
        15.75630783,
        16.82904165,
        18.15567832,
        19.85531445,
        22.14352779,
        25.4636037,
    ),
)


def fit_of(case):
    return fit_random_intercept(*(np.array(part) for part in case[:3]))


@pytest.mark.parametrize("case", [DYESTUFF, SLEEP, UNEVEN], ids=["Dyestuff", "sleepstudy", "unbalanced"])
def test_lme4_agrees(case):
    fit = fit_of(case)
    found = (fit.mean, fit.mean_std_error, fit.sd_between, fit.sd_within)
    assert found == pytest.approx(case.fitted, rel=1e-6)
    assert fit.effect == pytest.approx(np.array(case.effects), rel=1e-5, abs=1e-5)
    assert fit.conditional_sd == pytest.approx(np.array(case.conditional), rel=1e-5)
    assert (fit.std_error > fit.conditional_sd).all()


def test_groups_that_differ_no_more_than_chance_are_drawn_all_the_way():
    fit = fit_of(DYESTUFF2)
    assert fit.sd_between == 0
    assert (fit.effect == 0).all()
    assert (fit.mean, fit.mean_std_error, fit.sd_within) == pytest.approx(
        (DYESTUFF2.fitted[0], DYESTUFF2.fitted[1], DYESTUFF2.fitted[3]), rel=1e-6
    )
    assert fit.p_value > 0.3


def test_the_f_test_is_the_analysis_of_variance():
    from scipy.stats import f

    between, within = 5 * np.var(DYESTUFF.mean, ddof=1), sum(DYESTUFF.squares) / 24
    assert fit_of(DYESTUFF).p_value == pytest.approx(f.sf(between / within, 5, 24), rel=1e-9)


@pytest.mark.parametrize("m", [8, 60])
def test_intervals_of_shrunk_figures_cover_and_their_errors_are_smaller_than_the_raw_ones(m):
    rng = np.random.default_rng(7)
    covered, raw, shrunk = [], [], []
    for _ in range(400):
        n = rng.integers(10, 120, m).astype(float)
        truth = 300 + 20 * rng.standard_normal(m)
        mean = truth + 150 / np.sqrt(n) * rng.standard_normal(m)
        squares = 150**2 * rng.chisquare(n - 1)
        fit = fit_random_intercept(n, mean, squares)
        covered.append(np.abs(fit.estimate - truth) <= 1.96 * fit.std_error)
        raw.append((mean - truth) ** 2)
        shrunk.append((fit.estimate - truth) ** 2)
    assert np.mean(covered) >= (0.9 if m < 10 else 0.93)  # the spread of few groups is hardly known
    assert np.mean(shrunk) < 0.8 * np.mean(raw)


def test_ranks_are_sure_where_groups_lie_apart_and_not_where_they_are_alike():
    ranks = rank_draws(np.array([0.0, 10.0, 20.0, 20.0]), np.array([1.0, 1.0, 1.0, 1.0]))
    assert (ranks[:, 0] == 1).all()
    assert (ranks[:, 1] == 2).all()
    assert (ranks[:, 2] == 3).mean() == pytest.approx(0.5, abs=0.03)
    assert (ranks == rank_draws(np.array([0.0, 10.0, 20.0, 20.0]), np.ones(4))).all()


def test_adjustment_equals_least_squares_with_agents_and_cells_in_one_model():
    rng = np.random.default_rng(8)
    code, cell = rng.integers(0, 12, 90), rng.integers(0, 7, 90)
    n, mean = rng.integers(1, 50, 90).astype(float), rng.standard_normal(90) + code + 3 * cell
    code, cell = np.unique(code, return_inverse=True)[1], np.unique(cell, return_inverse=True)[1]
    design = np.hstack([np.eye(code.max() + 1)[code], np.eye(cell.max() + 1)[cell]])
    root = np.sqrt(n)
    solved = np.linalg.lstsq(design * root[:, None], mean * root, rcond=None)[0]
    found = _adjusted(code, cell, n, mean)
    expected = solved[code.max() + 1 :]
    weight = np.bincount(cell, n)
    usual = (weight * expected).sum() / weight.sum()
    np.testing.assert_allclose(found.shift, expected - usual, atol=1e-8)
    np.testing.assert_allclose(found.value, solved[: code.max() + 1] + usual, atol=1e-8)
    of_value = np.hstack([np.eye(code.max() + 1), np.tile(weight / weight.sum(), (code.max() + 1, 1))])
    variance = of_value @ np.linalg.pinv(design.T @ (n[:, None] * design)) @ of_value.T
    np.testing.assert_allclose(1 / found.worth, np.diag(variance), rtol=1e-8)
    cells_alone = np.bincount(cell, n * mean) / weight
    lost = (n * (mean - cells_alone[cell]) ** 2).sum() - (n * (mean - design @ solved) ** 2).sum()
    assert found.explained == pytest.approx(lost, rel=1e-8)
    assert _n_sets(code, cell) == 1
    assert _n_sets(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2])) == 2


def test_what_cannot_be_compared_says_why():
    with pytest.raises(NothingToEstimateError, match="fewer than two groups"):
        fit_random_intercept(np.array([9.0]), np.array([1.0]), np.array([2.0]))
    with pytest.raises(NothingToEstimateError, match="nothing varies"):
        fit_random_intercept(np.full(3, 9.0), np.arange(3.0), np.zeros(3))


def test_the_optimum_of_groups_of_one_size_is_known_to_the_last_digits():
    """There it is (mean square between − within)/n: engines that sum in another order are to say the same."""
    rng = np.random.default_rng(5)
    for _ in range(20):
        m, n = int(rng.integers(3, 60)), int(rng.integers(2, 500))
        mean, squares = rng.normal(300, 20, m), 900 * rng.chisquare(n - 1, m)
        within = squares.sum() / (m * (n - 1))
        fit = fit_random_intercept(np.full(m, float(n)), mean, squares)
        assert fit.sd_within**2 == pytest.approx(within, rel=1e-12)
        assert fit.sd_between**2 == pytest.approx(mean.var(ddof=1) - within / n, rel=1e-12)
