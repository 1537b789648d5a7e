"""The basis of a lever: does the average over contacts by how much they have come out, whatever the curve?"""

from __future__ import annotations

import numpy as np
import pytest

from cxfusion.evidence.catalogue import Lever
from cxfusion.evidence.design import learn_basis
from cxfusion.evidence.lever_facts import KNOT_SHARES, LeverFacts

LEVER = Lever("wait_seconds", "before", -30)
N = 40_000


def levels() -> dict[str, np.ndarray]:
    """Levers as logs have them, of fixed draws; drawn by how busy it was, now and then very long, mostly zero."""
    rng = np.random.default_rng(8)
    busy = np.exp(0.8 * rng.standard_normal(N))
    return {
        "lognormal": np.exp(4 + 0.8 * rng.standard_normal(N)),
        "heavy": np.exp(3.5 + 1.4 * rng.standard_normal(N)),
        "weibull": 60 * rng.weibull(0.6, N),
        "busy": 50 * busy * rng.exponential(1.0, N),
        "rare": np.where(rng.random(N) < 0.9, rng.exponential(20.0, N), 200 + rng.exponential(300.0, N)),
        "zeros": np.where(rng.random(N) < 0.5, 0.0, rng.exponential(60.0, N)),
    }


def curves(level: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Curves and their slopes: thresholds at three places, saturation early and late, a kink, a root."""
    positive = level[level > 0]
    found = []
    for share in (0.5, 0.8, 0.95):
        at = np.quantile(positive, share)
        width = 0.15 * at
        found.append((np.clip((level - at) / width, 0, 1), ((level > at) & (level < at + width)) / width))
    half = np.quantile(positive, 0.7)
    found.append((level / (level + half), half / (level + half) ** 2))
    late, grace = np.quantile(positive, [0.9, 0.2])
    past = np.maximum(level - grace, 0) / late
    found.append((-np.expm1(-(past**2)), np.exp(-(past**2)) * 2 * past / late))
    found.append((np.maximum(level - late, 0), (level > late) * 1.0))
    found.append((np.sqrt(level), 0.5 / np.sqrt(np.maximum(level, 1e-3))))
    return found


def misses(level: np.ndarray, shares: tuple[float, ...]) -> np.ndarray:
    """How far least squares on the basis misses E[L·m′(L)]/E[L], relative to it, curve by curve."""
    knots = tuple(np.quantile(level[level > 0], shares))
    basis = learn_basis(LEVER, LeverFacts(N, N, level.mean(), level.max(), knots))
    x = np.column_stack([np.ones(N), basis.value(level)])
    slopes = np.append(0.0, level @ basis.slope(level) / level.sum())
    values, truths = zip(*[(value, level @ slope / level.sum()) for value, slope in curves(level)], strict=True)
    found = slopes @ np.linalg.lstsq(x, np.column_stack(values), rcond=None)[0]
    return found / np.array(truths) - 1


def test_the_average_is_right_whatever_the_curve():
    five = np.abs([misses(level, KNOT_SHARES) for level in levels().values()])
    three = np.abs([misses(level, (0.1, 0.5, 0.9)) for level in levels().values()])
    assert five.mean() < 0.03
    assert five.max() < 0.25
    assert three.max() > 0.5
    assert (five.mean(axis=1) < three.mean(axis=1)).all()


@pytest.mark.parametrize("name", levels())
def test_columns_do_not_look_alike_and_the_first_is_straight(name):
    level = levels()[name]
    knots = tuple(np.quantile(level[level > 0], KNOT_SHARES))
    basis = learn_basis(LEVER, LeverFacts(N, N, level.mean(), level.max(), knots))
    assert basis.width == 4
    assert np.linalg.cond(np.corrcoef(basis.value(level), rowvar=False)) < 1_000
    first = basis.value(np.array([0.0, 10.0, 500.0]))[:, 0]
    assert (first[1] - first[0]) * basis.first_unit == pytest.approx(10.0)
    assert (first[2] - first[0]) * basis.first_unit == pytest.approx(500.0)


def test_slopes_are_derivatives():
    basis = learn_basis(LEVER, LeverFacts(100, 90, 50.0, 900.0, (5.0, 20.0, 45.0, 120.0, 400.0)))
    at = np.array([3.0, 17.0, 60.0, 300.0, 700.0])
    steps = (basis.value(at + 1e-4) - basis.value(at - 1e-4)) / 2e-4
    assert basis.slope(at) == pytest.approx(steps, rel=1e-5, abs=1e-9)


def test_knots_that_coincide_count_once_and_fewer_than_three_are_a_line():
    facts = LeverFacts(100, 9, 12.0, 60.0, (10.0, 10.0, 20.0, 30.0, 40.0))
    assert learn_basis(LEVER, facts).knots == (10.0, 20.0, 30.0, 40.0)
    assert learn_basis(LEVER, facts, few_knots=True).knots == pytest.approx((10.0, 13.333, 32.222), abs=1e-3)
    assert learn_basis(LEVER, LeverFacts(100, 9, 12.0, 60.0, (10.0, 10.0, 10.0, 10.0, 40.0))).width == 1
