"""Triads on marks of one factor whose strength is known, a rare mark among them."""

from __future__ import annotations

import numpy as np
import pytest

from cxfusion.estimators.triads import least_triad, triads_of

N, PARTS, STRENGTH = 12_000, 50, 0.7


def products(rng, rate, shared=0.0):
    """Cross-products of a mark that is 49 % factor, two clear marks and a count of that mean; whole, then in parts."""
    factor, slow = rng.normal(size=(2, N))
    mark = STRENGTH * factor + shared * slow + rng.normal(size=N) * np.sqrt(1 - STRENGTH**2 - shared**2)
    one = 0.5 * factor + 0.75 * rng.normal(size=N) + (0.5 * slow if shared else 0.0)
    other = 0.5 * factor + 0.85 * rng.normal(size=N)
    columns = np.column_stack([mark, one, other, rng.poisson(rate * np.exp(0.5 * factor))])
    left = (columns - columns.mean(axis=0)).reshape(PARTS, -1, 4)
    by_part = np.einsum("pni,pnj->pij", left, left)
    return np.concatenate([by_part.sum(axis=0, keepdims=True), by_part.sum(axis=0) - by_part])


def test_exact_products_give_the_strength_itself():
    loadings = np.array([0.7, 0.5, 0.6, 0.4])
    exact = np.outer(loadings, loadings) + np.diag(1 - loadings**2)
    triads = triads_of(np.repeat(exact[None], 11, axis=0), 3)
    assert [triad.value for triad in triads] == pytest.approx([0.49] * 3)
    assert [triad.std_error for triad in triads] == pytest.approx([0.0] * 3)


@pytest.mark.parametrize("rate", [0.005, 0.14])
def test_a_rare_mark_does_not_decide(rate):
    rng = np.random.default_rng(3)
    drawn = [products(rng, rate) for _ in range(60)]
    found = [least_triad(triads_of(one, 3)).value for one in drawn]
    lowest = [min(one[0, 0, a] * one[0, 0, b] / (one[0, a, b] * one[0, 0, 0]) for a, b in [(1, 2), (1, 3), (2, 3)])
              for one in drawn]  # fmt: skip
    assert np.median(found) == pytest.approx(STRENGTH**2, abs=0.03)
    if rate < 0.01:
        assert np.median(lowest) < STRENGTH**2 - 0.1  # what is lowest by chance would have corrected far too much


def test_shared_noise_is_seen_where_the_marks_can_tell():
    rng = np.random.default_rng(4)
    found = [least_triad(triads_of(products(rng, 0.5, shared=0.4), 3)).value for _ in range(40)]
    assert np.median(found) == pytest.approx(STRENGTH**2, abs=0.03)  # the pair without the shared noise


def test_the_error_of_a_triad_is_its_spread():
    rng = np.random.default_rng(5)
    triads = [triads_of(products(rng, 0.3), 3)[0] for _ in range(80)]
    spread = np.std([triad.value for triad in triads])
    assert np.mean([triad.std_error for triad in triads]) == pytest.approx(spread, rel=0.2)


def test_marks_that_do_not_go_together_give_no_triad():
    rng = np.random.default_rng(6)
    left = rng.normal(size=(PARTS, 200, 4))
    by_part = np.einsum("pni,pnj->pij", left, left)
    apart = np.concatenate([by_part.sum(axis=0, keepdims=True), by_part.sum(axis=0) - by_part])
    assert triads_of(apart, 3) == []
