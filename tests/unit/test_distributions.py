"""Distributions of test statistics beside scipy.stats, which no study has to load."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cxfusion.estimators import distributions
from cxfusion.estimators.power import CERTAIN, Arms, power_of

DF = np.array([0.5, 1, 2, 3.7, 10, 99, 1e4, 1e6])[:, None]
P = np.array([0, 1e-100, 1e-12, 1e-5, 0.005, 0.025, 0.1, 0.5, 0.8, 0.975, 1 - 1e-9, 1, np.nan])
X = np.array([-np.inf, -3, 0, 1e-9, 0.3, 1, 2.5, 6, 40, 1e5, np.inf, np.nan])


@pytest.mark.parametrize(
    ("name", "function", "values"),
    [
        ("t", "sf", (X, DF)),
        ("t", "isf", (P, DF)),
        ("t", "ppf", (P, DF)),
        ("norm", "sf", (X,)),
        ("norm", "isf", (P,)),
        ("norm", "ppf", (P,)),
        ("f", "sf", (X, 3, DF)),
        ("f", "isf", (P, 3, DF)),
        ("chi2", "sf", (X, DF)),
        ("gamma", "sf", (X, DF)),
        ("gamma", "cdf", (X, DF)),
    ],
)
def test_they_are_those_of_scipy_stats(name, function, values):
    ours = getattr(distributions, {"t": "student_t", "f": "fisher_f"}.get(name, name))
    expected = getattr(getattr(stats, name), function)(*values)
    np.testing.assert_allclose(getattr(ours, function)(*values), expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("df", [1, 2, 18, 400, 10_000])
@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.2])
def test_the_noncentral_t_is_that_of_scipy_stats_wherever_power_asks(df, alpha):
    edge = stats.t.isf(alpha / 2, df)
    for shift in np.linspace(0, min(edge, 50) + CERTAIN, 12):
        for t in [edge, -edge] if shift < CERTAIN else [edge]:
            theirs = np.nan_to_num(stats.nct.cdf(t, df, shift))  # nan where next to nothing lies below
            assert distributions.noncentral_t.cdf(t, df, shift) == pytest.approx(theirs, abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_false_discoveries_are_controlled_as_scipy_does(p_values):
    np.testing.assert_array_equal(
        distributions.false_discovery_control(p_values), stats.false_discovery_control(p_values)
    )


def test_the_whole_job_is_loaded_without_scipy_stats():
    """It takes as long to load as everything else of scipy, pandas and Arrow together."""
    asked = "import sys, cxfusion.job, cxfusion.page; print('scipy.stats' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_power_that_scipy_stats_has_no_number_for():
    """Its noncentral t is nan where next to nothing lies below, and the power came out as nan."""
    arms = Arms(clusters=10, per_cluster=50, icc=0.0)
    for effect in np.linspace(0.5, 2, 40):
        assert 0 <= power_of(arms, float(effect), alpha=0.001) <= 1
