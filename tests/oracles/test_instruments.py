"""Two-stage least squares against Card's returns to schooling, and its robust parts against their dense definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f as fisher_f

from cxfusion.errors import EstimationError
from cxfusion.estimators.instruments import fit_two_stage
from cxfusion.estimators.least_squares import fit_least_squares
from cxfusion.estimators.moments import gather_moments
from cxfusion.estimators.within import within_groups

LWAGE, EDUC, NEARC4, CONTROLS = 0, 1, 2, range(3, 9)


@pytest.fixture(scope="module")
def card(linear_sample):
    frame = pd.read_csv(Path(__file__).parent / "data" / "card.csv", comment="#")
    frame.insert(4, "expersq", frame["exper"] ** 2)
    return linear_sample(frame.drop(columns="region"), frame[["region"]])


def two_stage(sample, instruments, controls, outcome=0, lever=1, **kwargs):
    within = within_groups(gather_moments(sample.sweep(), sample.rows))
    return fit_two_stage(sample.sweep(), sample.rows, within, outcome, lever, instruments, controls, **kwargs)


def test_card_as_published(card):
    within = within_groups(gather_moments(card.sweep(), card.rows))
    ols = fit_least_squares(within, LWAGE, [EDUC, *CONTROLS])
    first = fit_least_squares(within, EDUC, [NEARC4, *CONTROLS])
    assert (ols.coefficients[0], ols.std_error[0]) == pytest.approx((0.0746933, 0.0034983), abs=5e-8)
    assert (first.coefficients[0], first.std_error[0]) == pytest.approx((0.3198989, 0.0878638), abs=5e-8)
    fit = two_stage(card, [NEARC4], CONTROLS)
    assert (fit.estimate, fit.classical_std_error) == pytest.approx((0.1315038, 0.0549637), abs=5e-8)
    assert fit.first_stage[0] == pytest.approx(0.3198989, abs=5e-8)


def test_one_instrument_has_the_robust_f_of_the_first_stage(card):
    from statsmodels.api import OLS

    design = np.column_stack([card.columns[:, [NEARC4, *CONTROLS]], card.dummies(0)[:, 1:]])
    robust = OLS(card.columns[:, EDUC], design).fit(cov_type="HC1")
    assert two_stage(card, [NEARC4], CONTROLS).effective_f == pytest.approx(robust.tvalues[0] ** 2, rel=1e-8)


@pytest.fixture(scope="module")
def several(linear_sample):
    # three instruments, unequal variances, clusters that share shocks
    rng = np.random.default_rng(12)
    n = 900
    cluster = rng.integers(0, 45, n)
    group = rng.integers(0, 6, n)
    z = rng.normal(size=(n, 3)) @ [[1, 0.4, 0], [0, 1, 0], [0, 0, 2.0]] + group[:, None]
    hidden = rng.normal(size=n) + rng.normal(size=45)[cluster]
    w = rng.normal(size=n)
    lever = z @ [0.25, 0.15, 0.1] + 0.5 * w + hidden
    y = 0.7 * lever - w + 2 * hidden + rng.normal(size=n) * (1 + np.abs(z[:, 0])) + group
    weight = rng.uniform(0.5, 1.5, n)
    return linear_sample(np.column_stack([y, lever, z, w]), group[:, None], weight=weight, cluster=cluster)


def partialled(sample, columns, *others):
    root = np.sqrt(sample.weight)[:, None]
    out = np.column_stack([sample.dummies(0)[:, 1:], *others]) * root
    scaled = columns * root
    return scaled - out @ np.linalg.lstsq(out, scaled, rcond=None)[0]


@pytest.mark.parametrize("n_clusters", [None, 45])
def test_errors_and_strength_from_their_dense_definitions(several, n_clusters):
    fit = two_stage(several, [2, 3, 4], [5], n_clusters=n_clusters)
    y, lever, *z = partialled(several, several.columns[:, :5], several.columns[:, 5]).T
    z, n, used = np.array(z).T, len(y), 6 + 1
    fitted = z @ np.linalg.lstsq(z, lever, rcond=None)[0]
    estimate = fitted @ y / (fitted @ lever)
    by = np.arange(n) if n_clusters is None else several.cluster

    def sandwich(columns, residual, k):
        sums = pd.DataFrame(columns * residual[:, None]).groupby(by).sum().to_numpy()
        factor = n / (n - k) if n_clusters is None else 45 / 44 * (n - 1) / (n - k)
        return factor * sums.T @ sums

    structural = y - estimate * lever
    assert fit.estimate == pytest.approx(estimate, rel=1e-9)
    middle = sandwich(fitted[:, None], structural, used + 1)[0, 0]
    assert fit.std_error == pytest.approx(np.sqrt(middle) / (fitted @ fitted), rel=1e-9)
    orthonormal = np.linalg.qr(z)[0]
    trace = np.trace(sandwich(orthonormal, lever - fitted, used + 3))
    assert fit.effective_f == pytest.approx(((orthonormal.T @ lever) ** 2).sum() / trace, rel=1e-9)


def anderson_rubin_p(sample, effect, instruments):
    """Robust test of the instruments in a regression of outcome − effect · lever, by statsmodels."""
    from statsmodels.api import WLS

    design = np.column_stack([sample.columns[:, [*instruments, 5]], sample.dummies(0)[:, 1:]])
    outcome = sample.columns[:, 0] - effect * sample.columns[:, 1]
    fit = WLS(outcome, design, weights=sample.weight).fit(cov_type="cluster", cov_kwds={"groups": sample.cluster})
    k = len(instruments)
    found, covariance = fit.params[:k], fit.cov_params()[:k, :k]
    return fisher_f.sf(found @ np.linalg.solve(covariance, found) / k, k, 44)


@pytest.mark.parametrize("instruments", [[2], [2, 3], [2, 3, 4]])
def test_ends_of_the_anderson_rubin_set_are_where_the_test_turns(several, instruments):
    found = two_stage(several, instruments, [5], n_clusters=45).anderson_rubin
    assert found.is_bounded
    ((low, high),) = found.intervals
    for end in (low, high):
        assert anderson_rubin_p(several, end, instruments) == pytest.approx(0.05, abs=1e-7)
    assert anderson_rubin_p(several, (low + high) / 2, instruments) > 0.05
    grid = np.linspace(low - 20, high + 20, 60)
    assert [effect in found for effect in grid] == [anderson_rubin_p(several, b, instruments) > 0.05 for b in grid]


def test_clusters_without_rows_count_for_nothing(several):
    """Codes run over a whole log; of a trial, or of the rows that tell a lever, some clusters have none."""
    fit, with_empty = (two_stage(several, [2, 3, 4], [5], n_clusters=n) for n in (45, 400))
    assert (fit.dof, with_empty.dof) == (44, 44)
    for name in ("std_error", "effective_f"):
        assert getattr(with_empty, name) == pytest.approx(getattr(fit, name), rel=1e-12)
    assert with_empty.anderson_rubin.intervals[0] == pytest.approx(fit.anderson_rubin.intervals[0], rel=1e-9)


def weak_sample(linear_sample, strength, direct, seed=13, n=400):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 2))
    hidden = rng.normal(size=n)
    lever = z @ [strength, strength] + hidden
    y = lever + hidden + z @ [direct, -direct] + rng.normal(size=n)
    columns = np.column_stack([y, lever, z, np.zeros(n), rng.normal(size=n)])
    return linear_sample(columns, rng.integers(0, 2, (n, 1)), cluster=np.arange(n) % 45)


def test_weak_instruments_leave_the_set_unbounded(linear_sample):
    sample = weak_sample(linear_sample, 0.01, 0.0)
    fit = two_stage(sample, [2, 3], [5], n_clusters=45)
    assert fit.effective_f < 10
    assert not fit.anderson_rubin.is_bounded
    grid = np.linspace(-30, 30, 121)
    inside = [anderson_rubin_p(sample, b, [2, 3]) > 0.05 for b in grid]
    assert [effect in fit.anderson_rubin for effect in grid] == inside


def test_instruments_that_contradict_one_another_leave_it_empty(linear_sample):
    fit = two_stage(weak_sample(linear_sample, 1.0, 1.0), [2, 3], [5], n_clusters=45)
    assert fit.anderson_rubin.is_empty
    assert fit.anderson_rubin.intervals == ()


def test_instruments_that_do_not_vary_are_refused(linear_sample):
    rng = np.random.default_rng(14)
    group = rng.integers(0, 4, 200)
    columns = np.column_stack([rng.normal(size=(200, 2)), group * 2.0])
    with pytest.raises(EstimationError, match="vary on its own"):
        two_stage(linear_sample(columns, group[:, None]), [2], [])


def test_a_lever_that_nothing_moves_is_refused(linear_sample):
    z = np.tile([1.0, -1.0], 100)
    lever = np.repeat([1.0, -1.0], 100)
    y = np.random.default_rng(15).normal(size=200)
    with pytest.raises(EstimationError, match="first stage"):
        two_stage(linear_sample(np.column_stack([y, lever, z])), [2], [])


def test_a_lever_that_the_controls_determine_is_refused(linear_sample):
    z, w = np.random.default_rng(16).normal(size=(2, 200))
    y = np.random.default_rng(17).normal(size=200)
    with pytest.raises(EstimationError, match="controls determine it"):
        two_stage(linear_sample(np.column_stack([y, 3 * w, z, w])), [2], [3])
