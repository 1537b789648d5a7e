"""The inner loops of the estimators against plainer ways to the same numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import expit
from threadpoolctl import ThreadpoolController

from cxfusion.estimators import group_system
from cxfusion.estimators.cumulative_logit import _LikelihoodFold
from cxfusion.estimators.left_out import products_without
from cxfusion.estimators.moments import LinearRows, gather_moments
from cxfusion.estimators.row_likelihood import derivatives_at, row_derivatives
from cxfusion.estimators.rows import Indicators, Rows, overlap_of
from cxfusion.estimators.support_points import _as_one
from cxfusion.estimators.within import within_groups
from cxfusion.fold import algebra_in_one_thread, fold_batches

RNG = np.random.default_rng(11)
CUTS = np.array([-2.0, -0.5, 0.1, 3.0])


def test_one_exponential_per_row_gives_what_two_logistic_functions_give():
    eta, outcome = RNG.normal(0, 2, 500), RNG.integers(0, 5, 500)
    found, plain = row_derivatives(CUTS, eta, outcome), derivatives_at(CUTS - eta[:, None], outcome)
    for name in vars(plain):
        np.testing.assert_allclose(getattr(found, name), getattr(plain, name), rtol=1e-11, err_msg=name)
    ends = np.concatenate([[-np.inf], CUTS, [np.inf]])
    upper, lower = expit(ends[outcome + 1] - eta), expit(ends[outcome] - eta)
    np.testing.assert_allclose(found.probability, upper - lower, rtol=1e-11)
    np.testing.assert_allclose([found.above, found.below], [1 - upper, lower], atol=1e-15)
    np.testing.assert_allclose(found.up - found.low, found.above - found.below, atol=1e-12)


def test_the_surface_of_a_cumulative_logit_is_what_small_steps_show():
    x, y, weight = RNG.normal(size=(60, 2)), RNG.integers(0, 5, 60), RNG.uniform(0.5, 2, 60)
    rows = Rows(x, Indicators(np.empty((60, 0), dtype=np.int64), ()), y, weight, np.zeros(60, int))

    def log_likelihood(parameters: np.ndarray) -> float:
        ends = np.concatenate([[-np.inf], parameters[:4], [np.inf]])
        eta = x @ parameters[4:]
        return weight @ np.log(expit(ends[y + 1] - eta) - expit(ends[y] - eta))

    at = np.concatenate([CUTS, [0.3, -0.2]])
    fold = _LikelihoodFold(lambda batch: batch, np.bincount(y, weight, 5), at)
    found = fold_batches(fold, [rows])
    assert found.log_likelihood == pytest.approx(log_likelihood(at), rel=1e-12)
    steps = 1e-4 * np.eye(6)
    slopes = [(log_likelihood(at + h) - log_likelihood(at - h)) / 2e-4 for h in steps]
    np.testing.assert_allclose(found.gradient, slopes, atol=1e-6)
    bends = [
        [sum(s * t * log_likelihood(at + s * g + t * h) for s in (-1, 1) for t in (-1, 1)) / 4e-8 for g in steps]
        for h in steps
    ]
    np.testing.assert_allclose(found.information, -np.array(bends), atol=2e-4)


@pytest.mark.parametrize("eta", [-3000.0, 3000.0])
def test_a_predictor_far_out_has_a_probability_and_no_warning(eta):
    at = row_derivatives(CUTS, np.full(5, eta), np.arange(5))
    assert at.probability[4 if eta > 0 else 0] == 1
    assert all(np.isfinite(value).all() for value in vars(at).values())


@pytest.mark.parametrize("is_ordered", [True, False])
@pytest.mark.parametrize("widths", [(4,), (3, 2, 6), (15, 16), (300, 2, 9), (1, 40, 40, 2)])
def test_products_of_a_design_are_those_of_its_dummies(widths, is_ordered):
    n, dense = 700, RNG.normal(size=(700, 3))
    codes = np.column_stack([RNG.integers(-1, width, n) for width in widths])
    codes = np.repeat(codes[:70], 10, axis=0) if is_ordered else codes
    rows = Rows(dense, Indicators(codes, widths), np.zeros(n, int), np.ones(n), np.zeros(n, int))
    weight, beside = RNG.normal(size=n), RNG.normal(size=(n, 2))
    dummies = [code[:, None] == np.arange(width) for code, width in zip(codes.T, widths, strict=True)]
    whole = np.hstack([dense, *dummies])
    among, with_beside = rows.cross_products(weight, beside)
    np.testing.assert_allclose(among, whole.T @ (whole * weight[:, None]), atol=1e-10)
    np.testing.assert_allclose(with_beside, whole.T @ beside, atol=1e-10)
    for coefficients in (RNG.normal(size=whole.shape[1]), RNG.normal(size=(whole.shape[1], 2))):
        np.testing.assert_allclose(rows.times(coefficients), whole @ coefficients, atol=1e-10)
    np.testing.assert_allclose(rows.transposed_times(weight), whole.T @ weight, atol=1e-10)
    np.testing.assert_allclose(rows.groups.matrix.toarray(), whole[:, 3:])
    shared = overlap_of(rows.groups.met(weight), widths).toarray()
    np.testing.assert_allclose(shared, whole[:, 3:].T @ (whole[:, 3:] * weight[:, None]), atol=1e-10)


@pytest.mark.parametrize("width", [5, 400])
def test_what_is_made_of_codes_takes_no_more_memory_than_it_is_said_to(width):
    n = 5_000
    groups = Indicators(RNG.integers(-1, width, size=(n, 3)), (width,) * 3)
    groups.sums(np.ones(n))
    made, (_, cells) = groups._cells_of_runs, groups._runs
    taken = cells.nbytes + made.data.nbytes + made.indices.nbytes
    assert groups.codes.nbytes + taken <= groups.n_bytes


@pytest.mark.parametrize(("sparse_times", "lead_at_once"), [(0, 512), (1e9, 4), (1e9, 512)])
def test_what_is_within_groups_gives_the_projection_of_any_of_its_columns(monkeypatch, sparse_times, lead_at_once):
    monkeypatch.setattr(group_system, "SPARSE_TIMES", sparse_times)
    monkeypatch.setattr(group_system, "LEAD_AT_ONCE", lead_at_once)
    codes = RNG.integers(0, 9, size=(300, 2))
    columns = RNG.normal(size=(300, 3)) + codes[:, [0]]
    rows = LinearRows(columns, Indicators(codes, (9, 9)), RNG.uniform(0.5, 2, 300), np.zeros(300, int))
    within = within_groups(gather_moments(lambda fold: fold_batches(fold, [rows]), lambda batch: batch))
    part = within.of_columns([2, 0]).projection
    dummies = np.hstack([codes[:, [0]] == np.arange(9), codes[:, [1]] == np.arange(9)]).astype(float)
    root = np.sqrt(rows.weight)[:, None]
    fitted = dummies @ np.linalg.lstsq(dummies * root, columns[:, [2, 0]] * root, rcond=None)[0]
    np.testing.assert_allclose(part.predict(rows.groups), fitted, atol=1e-9)
    left = (columns[:, [2, 0]] - fitted) * root
    np.testing.assert_allclose(part.residual, left.T @ left, rtol=1e-9)


def test_linear_algebra_keeps_to_one_thread_until_the_last_fold_has_ended():
    def threads() -> list[int]:
        return [library["num_threads"] for library in ThreadpoolController().info()]

    before = threads()
    with algebra_in_one_thread():
        with algebra_in_one_thread():
            assert set(threads()) == {1}
        assert set(threads()) == {1}
    assert threads() == before


def test_cells_as_one_number_keep_their_order():
    cells = np.random.default_rng(3).integers(-2, 3, (200, 4))
    expected = np.unique(cells, axis=0, return_inverse=True)[1].reshape(-1)
    assert np.array_equal(_as_one(cells), expected)


def test_products_without_a_part_are_those_of_the_other_rows():
    rng = np.random.default_rng(5)
    targets, part, weight = rng.normal(size=(60, 3)), rng.integers(0, 4, 60), rng.uniform(0.5, 2, 60)
    batch = pa.RecordBatch.from_pydict({"row": np.arange(60)})

    def make_rows(rows: pa.RecordBatch) -> LinearRows:
        at = rows["row"].to_numpy()
        return LinearRows(targets[at], Indicators((at % 2)[:, None], (2,)), weight[at], part[at])

    batches = [batch.slice(0, 23), batch.slice(23)]

    def sweep(fold):
        return fold_batches(fold, batches)

    projection = within_groups(gather_moments(sweep, make_rows)).projection
    found = products_without(sweep, make_rows, projection, 5)
    left = targets - projection.predict(Indicators((np.arange(60) % 2)[:, None], (2,)))
    for one in range(5):  # nobody is in the last part
        kept = part != one
        assert np.allclose(found[one], (left[kept] * weight[kept, None]).T @ left[kept], rtol=1e-12, atol=1e-12)
