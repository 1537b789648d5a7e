"""Sensitivity against sensemakr's published Darfur example, and against regressions with the confounder at hand."""

from __future__ import annotations

from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student_t

from cxfusion.errors import EstimationError
from cxfusion.estimators.moments import Block, gather_moments
from cxfusion.estimators.sensitivity import (
    Benchmark,
    ConfounderBound,
    NotComputable,
    adjusted_estimate,
    benchmark_of,
    confounder_bound,
    partial_r2,
    robustness_value,
    sensitivity_of,
)
from cxfusion.estimators.within import within_groups

CONTROLS = ["age", "farmer_dar", "herder_dar", "pastvoted", "hhsize_darfur", "female"]


@pytest.fixture(scope="module")
def darfur(linear_sample):
    frame = pd.read_csv(Path(__file__).parent / "data" / "darfur.csv", comment="#")
    sample = linear_sample(frame[["peacefactor", "directlyharmed", *CONTROLS]], frame[["village"]])
    moments = gather_moments(sample.sweep(), sample.rows)
    controls = Block(columns=tuple(range(2, 8)), groupings=(0,))
    return sensitivity_of(
        within_groups(moments, controls.groupings),
        0,
        1,
        controls,
        {"female": Block(columns=(7,)), "village": Block(groupings=(0,))},
    )


def test_darfur_as_sensemakr(darfur):
    assert darfur.estimate == pytest.approx(0.09731582, abs=5e-9)
    assert darfur.std_error == pytest.approx(0.02325654, abs=5e-9)
    assert darfur.estimate / darfur.std_error == pytest.approx(4.18445, abs=5e-6)
    assert darfur.dof == 783
    assert darfur.partial_r2 == pytest.approx(0.02187, abs=5e-6)
    assert darfur.robustness_value == pytest.approx(0.13878, abs=5e-6)
    assert darfur.robustness_value_significant == pytest.approx(0.07626, abs=5e-6)


@pytest.mark.parametrize(
    ("multiple", "r2_lever", "r2_outcome", "estimate", "std_error"),
    [
        (1, 0.009164, 0.124641, 0.0752203, 0.0218733),
        (2, 0.018329, 0.249324, 0.0529152, 0.0203501),
        (3, 0.027493, 0.374050, 0.0303960, 0.0186701),
    ],
)
def test_darfur_bounds_by_being_female(darfur, multiple, r2_lever, r2_outcome, estimate, std_error):
    bound = next(b for b in darfur.bounds if b.benchmark == "female" and b.multiple == multiple)
    assert bound.r2_lever == pytest.approx(r2_lever, abs=5e-7)
    assert bound.r2_outcome == pytest.approx(r2_outcome, abs=5e-7)
    assert bound.adjusted.estimate == pytest.approx(estimate, abs=5e-8)
    assert bound.adjusted.std_error == pytest.approx(std_error, abs=5e-8)


def test_darfur_interval_at_three_times_female(darfur):
    bound = next(b for b in darfur.bounds if b.benchmark == "female" and b.multiple == 3)
    assert (bound.adjusted.conf_low, bound.adjusted.conf_high) == pytest.approx((-0.006253, 0.067045), abs=5e-7)


def test_a_grouping_as_benchmark_equals_its_dummies(linear_sample):
    # the same factor once as a grouping, once as dense columns
    rng = np.random.default_rng(3)
    reason = rng.integers(0, 4, 300)
    lever = rng.normal(size=300) + 0.3 * reason
    columns = np.column_stack([lever + reason**2 + rng.normal(size=300), lever, np.eye(4)[reason][:, 1:]])
    sample = linear_sample(columns, reason[:, None])
    moments = gather_moments(sample.sweep(), sample.rows)
    ways = [(within_groups(moments, (0,)), Block(groupings=(0,))), (within_groups(moments, ()), Block((2, 3, 4)))]
    grouped, dense = (benchmark_of(within, 0, 1, reason, "reason", reason) for within, reason in ways)
    assert grouped.r2_lever == pytest.approx(dense.r2_lever, rel=1e-10)
    assert grouped.r2_outcome == pytest.approx(dense.r2_outcome, rel=1e-10)
    grouped, dense = (sensitivity_of(within, 0, 1, reason, {"reason": reason}) for within, reason in ways)
    assert grouped.dof == dense.dof


def test_adjusted_estimate_is_the_regression_with_the_confounder():
    # exact algebra: fit with and without z by plain least squares, and compare with what the partial R² alone say
    rng = np.random.default_rng(4)
    n = 80
    z = rng.normal(size=n)
    lever = 0.6 * z + rng.normal(size=n)
    y = lever + 0.8 * z + rng.normal(size=n)

    def ols(target, *columns):
        design = np.column_stack([*columns, np.ones(n)])
        found, *_ = np.linalg.lstsq(design, target, rcond=None)
        residual = target - design @ found
        dof = n - design.shape[1]
        error = np.sqrt(residual @ residual / dof * np.linalg.inv(design.T @ design)[0, 0])
        return found[0], error, dof, residual @ residual

    short, error, dof, left = ols(y, lever)
    long, long_error, long_dof, long_left = ols(y, lever, z)
    r2_lever = 1 - ols(lever, z)[3] / ((lever - lever.mean()) ** 2).sum()
    found = adjusted_estimate(short, error, dof, r2_lever, 1 - long_left / left)
    assert found.estimate == pytest.approx(long, rel=1e-10)
    assert found.std_error == pytest.approx(long_error, rel=1e-10)
    reach = student_t.isf(0.025, long_dof) * long_error
    assert (found.conf_low, found.conf_high) == pytest.approx((long - reach, long + reach), rel=1e-10)


@pytest.mark.parametrize("statistic", [0.5, 2.5, 4.18, -6.0, 300.0])
@pytest.mark.parametrize("dof", [12, 783])
@pytest.mark.parametrize("conf_level", [None, 0.95])
def test_robustness_value_is_where_the_worst_factor_just_succeeds(statistic, dof, conf_level):
    # by search over all factors that explain at most the value, not by the formula
    value = robustness_value(statistic, dof, conf_level=conf_level)
    critical = 0.0 if conf_level is None else student_t.isf(0.025, dof - 1)

    def worst(limit):
        shares = np.linspace(0, min(limit, 1 - 1e-12), 801)
        found = [adjusted_estimate(abs(statistic), 1.0, dof, shares[-1], share) for share in shares[:-1]]
        return min(f.estimate - critical * f.std_error for f in found)

    if abs(statistic) <= critical * np.sqrt(dof / (dof - 1)):
        assert value == 0.0
        return
    assert worst(value * 0.999) > 0
    assert worst(min(value * 1.001, 1 - 1e-9)) < 0


def test_partial_r2_is_the_explained_share():
    rng = np.random.default_rng(9)
    x, y = rng.normal(size=(2, 50))
    r = np.corrcoef(x, y)[0, 1]
    statistic = r * np.sqrt(48 / (1 - r**2))
    assert partial_r2(statistic, 48) == pytest.approx(r**2, rel=1e-12)


@pytest.mark.parametrize(
    ("benchmark", "reason"),
    [
        (Benchmark("reason", 0.4, 0.01), "all of the lever"),
        (Benchmark("reason", 0.01, 0.4), "all of the outcome"),
        (Benchmark("reason", 0.01, 1.0), "nothing of the lever or the outcome"),
    ],
)
def test_too_strong_a_factor_is_not_computable_and_never_clipped(benchmark, reason):
    bound = confounder_bound(0.1, 0.02, 500, benchmark, 3)
    assert isinstance(bound, NotComputable)
    assert reason in bound.reason
    weaker = confounder_bound(0.1, 0.02, 500, Benchmark("reason", 0.01, 0.01), 3)
    assert isinstance(weaker, ConfounderBound)


def test_a_lever_that_the_controls_determine_is_refused(linear_sample):
    rng = np.random.default_rng(10)
    agent = rng.integers(0, 5, 100)
    sample = linear_sample(np.column_stack([rng.normal(size=100), agent * 1.5]), agent[:, None])
    moments = gather_moments(sample.sweep(), sample.rows)
    with pytest.raises(EstimationError, match="vary within them"):
        sensitivity_of(within_groups(moments, (0,)), 0, 1, Block(groupings=(0,)), {})


def test_a_benchmark_outside_the_controls_is_refused(linear_sample):
    sample = linear_sample(np.random.default_rng(11).normal(size=(50, 3)))
    moments = gather_moments(sample.sweep(), sample.rows)
    with pytest.raises(ValueError, match="part of the controls"):
        sensitivity_of(within_groups(moments, ()), 0, 1, Block(), {"x": Block(columns=(2,))})


@pytest.mark.parametrize("f", [1e-9, 1.0, 1e4, 1e7, 1e12])
def test_robustness_value_keeps_its_digits_however_sure_an_estimate_is(f):
    """Against the published formula in eighty digits: in sixteen, nothing of it is left at 10⁸."""
    with localcontext(prec=80):
        exact = ((Decimal(f) ** 4 + 4 * Decimal(f) ** 2).sqrt() - Decimal(f) ** 2) / 2
    assert robustness_value(f * 10.0, 100) == pytest.approx(float(exact), rel=1e-12)


def test_one_degree_of_freedom_is_too_few_for_one_more_factor(linear_sample):
    sample = linear_sample(np.random.default_rng(2).normal(size=(4, 2)), np.array([[0], [0], [1], [1]]))
    within = within_groups(gather_moments(sample.sweep(1), sample.rows))
    with pytest.raises(EstimationError, match="one degree of freedom"):
        sensitivity_of(within, 0, 1, Block(groupings=(0,)), {})
