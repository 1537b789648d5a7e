"""Small-sample errors of clusters: CR2 and Satterthwaite's degrees, in the space of parameters."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxfusion.estimators.clusters import adjusted_influence, effective
from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.estimators.effect_averages import LeverRows, LeverTerm
from cxfusion.estimators.effects import estimate_effects
from cxfusion.estimators.solving import invert_information

DATA = Path(__file__).parent / "data"


def of_least_squares(outcome, design, cluster, place):
    """Standard error and degrees of one coefficient of least squares."""
    inverse = invert_information(design.T @ design)
    residual = outcome - design @ (inverse.matrix @ (design.T @ outcome))
    parts = [cluster == g for g in range(cluster.max() + 1)]
    scores = np.array([design[inside].T @ residual[inside] for inside in parts])
    information = np.array([design[inside].T @ design[inside] for inside in parts])
    influence, degrees = adjusted_influence(scores, information, inverse, inverse.matrix[:, [place]])
    return np.linalg.norm(influence), degrees[0]


def test_errors_and_degrees_are_those_of_club_sandwich():
    # traffic deaths by state and year, every state and year with a dummy; the figures of tests/oracles/r/panel.R
    data = pd.read_csv(DATA / "mortality.csv")
    dummies = pd.get_dummies(data[["state", "year"]].astype(str), dtype=float).to_numpy()
    design = np.column_stack([data["legal"], dummies])
    found = of_least_squares(data["mrate"].to_numpy(), design, pd.factorize(data["state"])[0], 0)
    assert found == pytest.approx((2.433268361069, 25.729332623122), abs=1e-7)


def test_equal_clusters_of_a_mean_have_one_degree_less_than_there_are():
    rng = np.random.default_rng(2)
    cluster = np.repeat(np.arange(9), 4)
    y = rng.normal(size=36)
    error, degrees = of_least_squares(y, np.ones((36, 1)), cluster, 0)
    means = y.reshape(9, 4).mean(axis=1)
    assert error == pytest.approx(means.std(ddof=1) / 3, rel=1e-12)
    assert degrees == pytest.approx(8, rel=1e-12)


def test_degrees_of_many_clusters_take_no_matrix_of_their_size():
    n = 15_000  # its square would be 1.8 GB
    ones = np.ones((n, 1, 1))
    inverse = invert_information(np.array([[float(n)]]))
    tracemalloc.start()
    _, degrees = adjusted_influence(np.ones((n, 1)), ones, inverse, inverse.matrix)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert degrees[0] == pytest.approx(n - 1, rel=1e-9)  # of a mean
    assert most < 100e6


def test_clusters_of_unequal_weight_count_as_fewer():
    shares = np.array([[1, 3, 0, 1], [1, 1, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]], dtype=float)
    assert effective(shares).tolist() == [4.0, 1.6, np.inf, 1.0]


def of_a_lever(array_sample, rng, n_clusters, has_it):
    """p-value of a lever that does nothing, which a contact has with some chance by cluster."""
    cluster = np.repeat(np.arange(n_clusters), 8)
    lever = np.where(rng.random(len(cluster)) < has_it[cluster], rng.gamma(1.5, 1.0, len(cluster)), 0.0)
    mood = rng.normal(0, 0.5, n_clusters)[cluster]
    outcome = np.digitize(mood + rng.logistic(size=len(cluster)), [-1.0, 0.5])
    sample = array_sample(lever[:, None], outcome, cluster=cluster)
    found = fit_cumulative_logit(sample.sweep(), sample.rows, 3)

    def levers(batch):
        return [LeverRows(lever[batch["row"].to_numpy()], np.ones((len(batch), 1)))]

    terms = [LeverTerm(slice(0, 1), 1.0, np.zeros(1))]
    return estimate_effects(sample.sweep(), sample.rows, levers, terms, found, (0, 1, 2), n_clusters)


def test_a_lever_that_few_clusters_have_is_called_real_one_time_in_twenty(array_sample):
    # sixty clusters, of which five have nearly all of it
    has_it = np.where(np.arange(60) < 5, 0.9, 0.02)
    rng = np.random.default_rng(12)
    found = [of_a_lever(array_sample, rng, 60, has_it) for _ in range(400)]
    p_value = np.array([one.p_value[0] for one in found])
    assert np.mean(p_value < 0.05) < 0.08
    assert np.mean([one.degrees[0] for one in found]) < 12
