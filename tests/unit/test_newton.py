"""Newton's steps with a sample of the rows: fewer looks at all of them, and the same maximum whatever the sample."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cxfusion.errors import SeparationError
from cxfusion.estimators import first_look
from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.estimators.rows import Indicators, Rows
from cxfusion.fold import fold_batches

N, CUTS = 40_000, [-2.0, -0.5, 0.5, 2.5]
RNG = np.random.default_rng(8)
X = RNG.standard_normal((N, 3))
LEVEL = np.where(RNG.random(N) < 0.01, 2, RNG.integers(-1, 2, N))
Y = np.searchsorted(CUTS, X @ [0.8, -0.4, 0.0] + 0.3 * LEVEL + RNG.logistic(size=N))
WEIGHT = RNG.uniform(0.2, 3, N)


class Sweep:
    """Over rows split at some places, counted; where ``may_keep_rows`` is false there is no sample."""

    def __init__(self, rows: Rows, edges: list[int], may_keep_rows: bool = True) -> None:
        ends = [0, *edges, len(rows.outcome)]
        self.parts = [rows.where(np.arange(*pair)) for pair in itertools.pairwise(ends)]
        self.may_keep_rows = may_keep_rows
        self.n_looks = 0

    def __call__(self, fold):
        self.n_looks += 1
        return fold_batches(fold, self.parts)


def rows_of(x=X, y=Y, level=LEVEL) -> Rows:
    return Rows(x, Indicators(level[:, None], (3,)), y, WEIGHT[: len(y)], np.zeros(len(y), int))


def fitted(sweep: Sweep, n_categories: int = 5, start: np.ndarray | None = None):
    return fit_cumulative_logit(sweep, lambda rows: rows, n_categories, start)


def numbers(fit) -> np.ndarray:
    return np.concatenate([fit.parameters, np.sqrt(np.diag(fit.covariance)), [fit.log_likelihood]])


PLAIN = Sweep(rows_of(), [], may_keep_rows=False)
WHOLE = fitted(Sweep(rows_of(), [], may_keep_rows=False), start=fitted(PLAIN).parameters)


@pytest.mark.parametrize("edges", [[], [1, 9_000, 25_000], list(range(7, N, 101))])
def test_a_sample_saves_looks_and_ends_at_the_same_maximum(edges):
    sweep = Sweep(rows_of(), edges)
    found = fitted(sweep)
    assert sweep.n_looks < PLAIN.n_looks
    np.testing.assert_allclose(numbers(found), numbers(WHOLE), rtol=1e-9)


def test_order_and_a_start_nearby_lead_to_the_same_maximum():
    order = RNG.permutation(N)
    shuffled = rows_of().where(order)
    near = WHOLE.parameters + 0.05
    for found in (fitted(Sweep(shuffled, [500])), fitted(Sweep(rows_of(), [20_000]), start=near)):
        np.testing.assert_allclose(numbers(found), numbers(WHOLE), rtol=1e-9)


def test_a_level_that_the_sample_lacks_or_sees_in_one_answer_alone_is_told_by_all_rows():
    level = LEVEL.copy()
    level[level == 2] = -1
    level[1:300] = 2  # of these the sample has some twenty …
    y = Y.copy()
    y[np.arange(0, 300, first_look.EVERY)] = 4  # … of one answer
    lacking = np.where(np.arange(N) % first_look.EVERY == 0, -1, LEVEL)
    for rows in (rows_of(y=y, level=level), rows_of(level=lacking)):
        plain, found = (fitted(Sweep(rows, [], may_keep_rows=keeps)) for keeps in (False, True))
        np.testing.assert_allclose(numbers(found), numbers(plain), rtol=1e-9)
        assert not found.is_separated.any()


def test_an_answer_that_the_sample_lacks_makes_it_no_sample():
    y = np.where((np.arange(N) % first_look.EVERY == 0) & (Y == 4), 3, Y)
    sweep = Sweep(rows_of(y=y), [])
    plain = Sweep(rows_of(y=y), [], may_keep_rows=False)
    assert np.array_equal(numbers(fitted(sweep)), numbers(fitted(plain)))
    assert sweep.n_looks == plain.n_looks


def test_separation_is_seen_whatever_the_sample_has_seen():
    y = np.where(LEVEL == 2, 4, Y)
    assert fitted(Sweep(rows_of(y=y), [])).is_separated.tolist() == [False, False, False, False, False, True]
    few = np.zeros((N, 1))
    few[5:25] = 1  # twenty rows of one answer, one of them in the sample
    with pytest.raises(SeparationError, match="dense column 3"):
        fitted(Sweep(rows_of(x=np.hstack([X, few]), y=np.where(few[:, 0] > 0, 4, Y)), []))


def test_a_sample_of_a_large_table_is_thinned_evenly(monkeypatch):
    monkeypatch.setattr(first_look, "MOST_ROWS", 700)
    place = np.arange(N, dtype=float)[:, None]
    rows = Rows(place, Indicators(np.empty((N, 0), int), ()), Y, WEIGHT, np.zeros(N, int))
    for edges in ([], [3_000, 3_100, 20_000]):
        look = first_look.look_first(Sweep(rows, edges), lambda part: part, 5)
        kept = np.concatenate([piece.dense[:, 0] for piece in look.pieces])
        assert (look.n, look.every) == (N, 64)
        assert len(kept) == pytest.approx(N / 64, abs=4)
        assert np.diff(kept).max() <= 128
        np.testing.assert_allclose(look.weight, np.bincount(Y, WEIGHT))
