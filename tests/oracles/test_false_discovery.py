"""Benjamini & Hochberg (1995), section 4.1: fifteen p-values of a trial, of which four are rejected at 5 %."""

from __future__ import annotations

import numpy as np

from cxfusion.estimators.distributions import false_discovery_control

P_VALUES = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0,
]  # fmt: skip


def test_four_are_rejected_whatever_their_order():
    order = np.random.default_rng(1).permutation(len(P_VALUES))
    adjusted = np.asarray(false_discovery_control(np.array(P_VALUES)[order]))
    assert sorted(order[adjusted <= 0.05]) == [0, 1, 2, 3]


def test_the_fourth_is_as_large_as_its_bar():
    """By hand: 15/4 of 0.0095 is less than 15/5 of 0.0201, so that nothing after it lowers it."""
    assert float(false_discovery_control(P_VALUES)[3]) == 0.0095 * 15 / 4
