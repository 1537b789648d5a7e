"""What must hold for any answers: intervals follow a change of origin, of direction, and of the weights' unit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cxfusion.estimators.intervals import (
    ClusteredSums,
    mean_interval,
    net_interval,
    share_interval,
    weighted_mean,
)

ANSWER = st.tuples(st.sampled_from([-1, 0, 1]), st.floats(0.1, 10), st.integers(0, 12))
ANSWERS = st.lists(ANSWER, min_size=5, max_size=80).filter(lambda rows: len({row[2] for row in rows}) > 2)


def mean_of(x, weights, clusters):
    member = (clusters[:, None] == np.unique(clusters)).astype(float)
    w, wx = weights @ member, (weights * x) @ member
    sums = (len(x), member.shape[1], weights.sum(), weights @ x, weights @ x**2, w @ w, wx @ w, wx @ wx)
    return weighted_mean(ClusteredSums(*(np.array([float(total)]) for total in sums)))


def ends(interval):
    return np.array([interval.low[0], interval.high[0]])


@settings(deadline=None, max_examples=150)
@given(rows=ANSWERS)
def test_mirrored_answers_have_the_mirrored_interval(rows):
    x, w, c = (np.array(column) for column in zip(*rows, strict=True))
    straight, mirrored = mean_of(x, w, c), mean_of(-x, w, c)
    for interval in (net_interval, lambda mean: mean_interval(mean, -1, 1)):
        assert ends(interval(mirrored)) == pytest.approx(-ends(interval(straight))[::-1], abs=1e-9)
    yes, no = mean_of((x > 0) * 1.0, w, c), mean_of((x <= 0) * 1.0, w, c)
    assert ends(share_interval(no)) == pytest.approx(1 - ends(share_interval(yes))[::-1], abs=1e-9)


@settings(deadline=None, max_examples=150)
@given(rows=ANSWERS, factor=st.floats(0.01, 100), shift=st.floats(-5, 5))
def test_units_of_weights_and_origin_of_answers_do_not_matter(rows, factor, shift):
    x, w, c = (np.array(column) for column in zip(*rows, strict=True))
    here, there = mean_of(x, w, c), mean_of(x + shift, w * factor, c)
    moved = ends(mean_interval(there, -1 + shift, 1 + shift)) - shift
    if len(set(x)) > 1:  # equal answers are told from nearly equal ones by their digits
        assert moved == pytest.approx(ends(mean_interval(here, -1, 1)), abs=1e-6)
        assert there.std_error == pytest.approx(here.std_error, abs=1e-7)


@settings(deadline=None, max_examples=150)
@given(rows=ANSWERS)
@example(rows=[(1, 1.0, 0), (1, 1.0, 0), (1, 1.0, 0), (1, 1.0, 1), (1, 1.0, 2)])  # three voices, all promoters
def test_an_interval_holds_its_estimate_and_stays_on_the_scale(rows):
    x, w, c = (np.array(column) for column in zip(*rows, strict=True))
    mean = mean_of(x, w, c)
    for interval in (net_interval(mean), mean_interval(mean, -1, 1)):
        assert -1 <= interval.low[0] <= mean.estimate[0] + 1e-12
        assert mean.estimate[0] - 1e-12 <= interval.high[0] <= 1
    assert 0 < mean.effective_n()[0] <= len(x) + 1e-9
