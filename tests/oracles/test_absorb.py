"""A column and its projection, in a linear model, are the fixed-effects estimate: exactly, for any groupings."""

from __future__ import annotations

import numpy as np
import pytest

from cxfusion.estimators.moments import LinearRows, gather_moments
from cxfusion.estimators.rows import Indicators
from cxfusion.estimators.within import within_groups


def two_way_panel(seed: int, n: int = 900):
    rng = np.random.default_rng(seed)
    agent = rng.integers(0, 40, n)
    day = (agent // 3 + rng.integers(0, 9, n) ** 2 // 6) % 25  # unbalanced, and days depend on agents
    control = rng.normal(size=n) + 0.2 * day
    x = rng.normal(size=n) + 0.4 * agent - 0.3 * day + 0.5 * control
    y = 0.7 * x + 0.1 * agent**1.5 + np.sin(day) * 3 + control + rng.normal(size=n)
    return agent, day, control, x, y, rng.uniform(0.5, 2.0, n)


def projection_of(array_sample, agent, day, columns, weight, n_batches):
    codes = np.column_stack([agent, day])
    sample = array_sample(columns, np.zeros(len(columns)), codes=codes, widths=(40, 25))

    def make(batch):
        at = batch["row"].to_numpy()
        return LinearRows(columns[at], Indicators(codes[at], (40, 25)), weight[at], at)

    found = within_groups(gather_moments(sample.sweep(n_batches), make)).projection
    return found, found.predict(Indicators(codes, (40, 25)))


def least_squares(y, weight, *columns):
    root = np.sqrt(weight)
    return np.linalg.lstsq(np.column_stack(columns) * root[:, None], y * root, rcond=None)[0]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("n_batches", [1, 7])
def test_projection_column_equals_two_way_fixed_effects(array_sample, seed, n_batches):
    agent, day, control, x, y, weight = two_way_panel(seed)
    dummies = np.column_stack([np.eye(40)[agent], np.eye(25)[day], control])
    fixed_effects = least_squares(y, weight, x, dummies)[0]
    columns = np.column_stack([x, control])
    _, projected = projection_of(array_sample, agent, day, columns, weight, n_batches)
    within = least_squares(y, weight, columns, projected, np.ones_like(x))[0]
    assert within == pytest.approx(fixed_effects, abs=1e-8)


def test_separate_group_means_are_not_enough():
    # why the projection is needed: with the two groupings' own means the estimate is another one
    agent, day, _, x, y, weight = two_way_panel(1)
    fixed_effects = least_squares(y, weight, x, np.eye(40)[agent], np.eye(25)[day])[0]
    means = [(np.bincount(g, weight * x) / np.bincount(g, weight))[g] for g in (agent, day)]
    mundlak = least_squares(y, weight, x, *means, np.ones_like(x))[0]
    assert abs(mundlak - fixed_effects) > 1e-3


def test_residual_share_is_what_the_groups_leave(array_sample):
    agent, day, _, x, _, weight = two_way_panel(2)
    found, projected = projection_of(array_sample, agent, day, x[:, None], weight, 1)
    residual = x - projected[:, 0]
    total = x - np.average(x, weights=weight)
    expected = (weight @ residual**2) / (weight @ total**2)
    assert found.residual_share[0] == pytest.approx(expected, rel=1e-9)
    assert found.residual[0, 0] == pytest.approx(weight @ residual**2, rel=1e-9)


def test_a_column_that_the_groups_determine_has_no_residual(array_sample):
    agent, day, _, _, _, weight = two_way_panel(3)
    column = agent * 2.0 - day
    found, projected = projection_of(array_sample, agent, day, column[:, None], weight, 1)
    assert found.residual_share[0] == pytest.approx(0.0, abs=1e-10)
    assert projected[:, 0] == pytest.approx(column, abs=1e-8)
