"""UJIVE against its definition with dense hat matrices, and against the truth of a simulated assignment.

ManyIV's own data are not at hand here; the definition below is written out from the paper, row by row.
"""

from __future__ import annotations

import numpy as np
import pytest

from cxfusion.errors import EstimationError
from cxfusion.estimators.instruments import fit_two_stage
from cxfusion.estimators.jive import fit_ujive
from cxfusion.estimators.moments import Block, gather_moments
from cxfusion.estimators.within import within_groups


def assignments(linear_sample, seed, n=240, n_agents=30, n_slots=8, weighted=True, skill=0.6):
    """Agents by chance within slots; hidden moods move both lever and outcome; the true effect is 1."""
    rng = np.random.default_rng(seed)
    slot = rng.integers(0, n_slots, n)
    agent = rng.integers(0, n_agents, n)
    mood, control = rng.normal(size=(2, n))
    lever = skill * rng.normal(size=n_agents)[agent] + 0.3 * slot + 0.5 * control + mood
    y = lever + 0.8 * slot - control + 1.5 * mood + rng.normal(size=n)
    weight = rng.uniform(0.5, 2, n) if weighted else None
    return linear_sample(np.column_stack([y, lever, control]), np.column_stack([slot, agent]), weight=weight)


def ujive(sample, n_batches=3, n_clusters=None):
    moments = gather_moments(sample.sweep(n_batches), sample.rows)
    controls, instruments = Block((2,), (0,)), Block(groupings=(1,))
    return fit_ujive(sample.sweep(n_batches), sample.rows, moments, 0, 1, instruments, controls, n_clusters)


def dense(sample):
    """The estimator as a matrix: hat matrix of the instruments given the controls, its diagonal taken out."""
    root = np.sqrt(sample.weight)
    few = np.column_stack([sample.dummies(0), sample.columns[:, 2]]) * root[:, None]
    every = np.column_stack([few, sample.dummies(1) * root[:, None]])
    hat_few, hat_all = few @ np.linalg.pinv(few), every @ np.linalg.pinv(every)
    h_few, h_all = np.diag(hat_few), np.diag(hat_all)
    one = np.eye(len(root))
    matrix = hat_all - hat_few - ((h_all - h_few) / (1 - h_all))[:, None] * (one - hat_all)
    return matrix, one - hat_few, one - hat_all, sample.columns[:, 0] * root, sample.columns[:, 1] * root


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("n_batches", [1, 5])
def test_as_its_definition(linear_sample, seed, n_batches):
    sample = assignments(linear_sample, seed)
    matrix, without_controls, without_all, y, lever = dense(sample)
    prediction = matrix @ lever
    estimate = prediction @ y / (prediction @ lever)
    residual = without_controls @ (y - estimate * lever)
    textbook = prediction * residual
    differing = textbook + (without_all @ lever) * (matrix.T @ (y - estimate * lever))
    found = ujive(sample, n_batches)
    assert found.n_set_aside == 0
    assert found.estimate == pytest.approx(estimate, rel=1e-8)
    for error, scores in ((found.std_error_constant_effect, textbook), (found.std_error, differing)):
        assert error == pytest.approx(np.sqrt(scores @ scores) / (prediction @ lever), rel=1e-8)


def test_controls_added_to_the_lever_change_no_prediction(linear_sample):
    # what sets this estimator apart: the first stage of rows left out does not depend on the controls' slopes
    sample = assignments(linear_sample, 3)
    matrix, *_ = dense(sample)
    root = np.sqrt(sample.weight)
    assert np.abs(np.diag(matrix)).max() < 1e-12
    assert matrix @ (root * sample.columns[:, 2]) == pytest.approx(np.zeros(240), abs=1e-10)
    moved = sample.columns.copy()
    moved[:, 1] += 5 * sample.columns[:, 2] - sample.codes[:, 0] ** 2
    moved[:, 0] += 5 * sample.columns[:, 2] - sample.codes[:, 0] ** 2  # so that outcome − lever stays as it was
    found = ujive(linear_sample(moved, sample.codes, weight=sample.weight))
    shifted = matrix @ (root * sample.columns[:, 1])
    estimate = shifted @ (root * moved[:, 0]) / (shifted @ (root * moved[:, 1]))
    assert found.estimate == pytest.approx(estimate, rel=1e-8)


def test_leave_one_out_by_refitting(linear_sample):
    # one instrument grouping and no controls but the constant: predictions are means of the agent's other rows
    sample = assignments(linear_sample, 4, weighted=False)
    moments = gather_moments(sample.sweep(), sample.rows)
    found = fit_ujive(sample.sweep(), sample.rows, moments, 0, 1, Block(groupings=(1,)))
    y, lever, agent = sample.columns[:, 0], sample.columns[:, 1], sample.codes[:, 1]
    n = len(y)
    size = np.bincount(agent)[agent]
    others = (np.bincount(agent, lever)[agent] - lever) / (size - 1)
    everyone = (lever.sum() - lever) / (n - 1)
    # leave-one-out on agents less leave-one-out on all, times what the row's own agent leaves of the constant's fit
    prediction = (others - everyone) * (n - 1) / n
    assert found.estimate == pytest.approx(prediction @ y / (prediction @ lever), rel=1e-9)


def test_unbiased_where_two_stage_least_squares_is_not(linear_sample):
    jackknife, naive, errors = [], [], []
    for seed in range(40):
        sample = assignments(linear_sample, 100 + seed, n=400, n_agents=60, weighted=False, skill=0.9)
        found = ujive(sample, n_batches=1)
        jackknife.append(found.estimate)
        errors.append(found.std_error)
        agent = (sample.codes[:, [1]] == np.unique(sample.codes[:, 1])[1:]).astype(float)
        wide = linear_sample(np.column_stack([sample.columns, agent]), sample.codes[:, [0]])
        within = within_groups(gather_moments(wide.sweep(1), wide.rows))
        naive.append(
            fit_two_stage(wide.sweep(1), wide.rows, within, 0, 1, range(3, wide.columns.shape[1]), [2]).estimate
        )
    assert np.mean(jackknife) == pytest.approx(1.0, abs=3 * np.std(jackknife) / np.sqrt(40))
    assert np.mean(naive) > 1.15
    assert np.median(errors) == pytest.approx(np.std(jackknife), rel=0.35)


def test_rows_alone_with_their_agent_are_set_aside(linear_sample):
    sample = assignments(linear_sample, 5)
    codes = sample.codes.copy()
    codes[:3, 1] = [30, 31, 32]  # three agents with one contact each
    alone = linear_sample(sample.columns, codes, weight=sample.weight)
    is_alone = np.bincount(codes[:, 1])[codes[:, 1]] == 1
    with np.errstate(divide="ignore", invalid="ignore"):
        matrix, _, _, y, lever = dense(alone)
    prediction = np.where(is_alone, 0.0, matrix @ lever)
    found = ujive(alone)
    assert (found.n, found.n_set_aside) == (240, is_alone.sum())
    assert found.estimate == pytest.approx(prediction @ y / (prediction @ lever), rel=1e-8)
    assert found.std_error > 0


def test_a_lever_that_the_controls_determine_is_refused(linear_sample):
    sample = assignments(linear_sample, 7)
    columns = np.column_stack(
        [sample.columns[:, 0], 2 * sample.columns[:, 2] + sample.codes[:, 0], sample.columns[:, 2]]
    )
    with pytest.raises(EstimationError, match="first stage"):
        ujive(linear_sample(columns, sample.codes))


def test_instruments_that_say_nothing_new_are_refused(linear_sample):
    sample = assignments(linear_sample, 6)
    same = linear_sample(sample.columns, sample.codes[:, [0, 0]])
    with pytest.raises(EstimationError, match="first stage"):
        ujive(same)


def test_clusters_without_rows_count_for_nothing(linear_sample):
    sample = assignments(linear_sample, 8)
    half = linear_sample(sample.columns, sample.codes, weight=sample.weight, cluster=np.arange(240) // 20)
    found, with_empty = ujive(half, n_clusters=12), ujive(half, n_clusters=300)
    assert with_empty.std_error == pytest.approx(found.std_error, rel=1e-12)
    assert with_empty.std_error_constant_effect == pytest.approx(found.std_error_constant_effect, rel=1e-12)
