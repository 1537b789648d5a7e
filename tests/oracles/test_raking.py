"""Raking against R's survey (Lumley) on the California schools, and against its own definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxfusion.errors import ConvergenceError
from cxfusion.estimators.calibrated import CalibratedRows, calibration_residuals, leverages
from cxfusion.estimators.raking import fit_raking
from cxfusion.estimators.rows import Indicators, Rows
from cxfusion.estimators.solving import invert_information
from cxfusion.fold import fold_batches

N, HIGH, MIDDLE, API99, NOT_WIDE = 6194, 755, 1018, 3_914_069, 1072


@pytest.fixture(scope="module")
def schools():
    return pd.read_csv(Path(__file__).parent / "data" / "apiclus1.csv", comment="#")


def weights_of(sample, totals, n_batches=1):
    fit = fit_raking(sample.sweep(n_batches), sample.rows, np.asarray(totals, dtype=float))
    everything = np.arange(len(sample.outcome))
    import pyarrow as pa

    return fit.weights(sample.rows(pa.RecordBatch.from_pydict({"row": everything})))


def residuals_of(rows, weight, value, domain, n_domains, batches=None, **how):
    """Of one figure, from rows that come in some batches: places of rows."""
    size = np.bincount(rows.cluster)[rows.cluster]
    whole = CalibratedRows(rows, weight, value[:, None], domain[:, None], size)
    batches = [np.arange(len(weight))] if batches is None else batches

    def make(at):
        arrays = (whole.weight[at], whole.values[at], whole.domains[at], whole.size[at])
        return CalibratedRows(rows.where(at), *arrays)

    def sweep(fold):
        return fold_batches(fold, batches)

    sweep.may_keep_rows = False
    return calibration_residuals(sweep, make, n_domains, **how)


def test_raking_distance_as_survey_calibrate(schools, array_sample):
    dense = np.column_stack([schools.stype == "H", schools.stype == "M", schools.api99])
    weight = weights_of(array_sample(dense, np.zeros(len(schools)), weight=schools.pw), [N, HIGH, MIDDLE, API99])
    assert weight == pytest.approx(schools.raked, rel=1e-7)
    assert [weight.min(), weight.max()] == pytest.approx([18.08212716, 67.51667645], rel=1e-8)
    assert np.average(schools.api00, weights=weight) == pytest.approx(665.3938, abs=5e-5)
    assert weight @ schools.enroll == pytest.approx(3_616_588.6, abs=0.05)


@pytest.mark.parametrize("n_batches", [1, 5])
def test_raking_two_margins_as_survey_rake(schools, array_sample, n_batches):
    codes = np.column_stack(
        [schools.stype.map({"E": -1, "H": 0, "M": 1}), np.where(schools["sch.wide"] == "No", 0, -1)]
    )
    empty = np.empty((len(schools), 0))
    sample = array_sample(empty, np.zeros(len(schools)), weight=schools.pw, codes=codes, widths=(2, 1))
    weight = weights_of(sample, [N, HIGH, MIDDLE, NOT_WIDE], n_batches)
    # 641.23025 in print, where rake stops at a miss of one school; 641.2303209 when it goes on
    assert np.average(schools.api00, weights=weight) == pytest.approx(641.2303209, abs=1e-6)
    assert weight @ schools.enroll == pytest.approx(3_647_280, abs=0.5)
    assert weight.sum() == pytest.approx(N, rel=1e-9)


def test_it_is_entropy_balancing(array_sample):
    # the same weights by maximising entropy directly, for a handful of rows
    from scipy.optimize import minimize

    rng = np.random.default_rng(1)
    x = rng.normal(size=(12, 2))
    target = np.array([12.0, 2.0, -1.5])
    weight = weights_of(array_sample(x, np.zeros(12)), target)
    design = np.column_stack([np.ones(12), x])
    direct = minimize(
        lambda w: (w * np.log(w) - w).sum(),
        np.ones(12),
        bounds=[(1e-9, None)] * 12,
        constraints={"type": "eq", "fun": lambda w: design.T @ w - target},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert weight == pytest.approx(direct.x, abs=1e-4)


def test_margins_that_repeat_one_another_do_no_harm(schools, array_sample):
    dense = np.column_stack([schools.stype == "H", schools.stype == "H", schools.stype == "M"])
    weight = weights_of(array_sample(dense, np.zeros(len(schools)), weight=schools.pw), [N, HIGH, HIGH, MIDDLE])
    assert weight[schools.stype == "H"].sum() == pytest.approx(HIGH, rel=1e-8)


def test_a_total_that_nobody_can_reach_is_refused(array_sample):
    x = np.array([[0.0], [1.0], [2.0]])
    with pytest.raises(ConvergenceError, match="answered in every group"):
        weights_of(array_sample(x, np.zeros(3)), [3.0, 9.0])


@pytest.fixture(scope="module")
def design(schools):
    """Standard errors of a mean and of a total, given the margins' columns and both weights, as survey has them."""

    def errors(dense, weight, base=schools.pw, y=schools.api00, domain=None):
        n = len(schools)
        where = np.zeros(n, np.int64) if domain is None else domain
        cluster = np.unique(schools.dnum, return_inverse=True)[1]
        none = Indicators(np.empty((n, 0), np.int64), ())
        rows = Rows(np.column_stack([np.ones(n), dense]), none, np.zeros(n), np.asarray(base, float), cluster)
        total = np.bincount(where, weight)
        mean = np.bincount(where, weight * y) / total
        n_districts, k = 15, int(where.max()) + 1
        small = np.sqrt(n_districts / (n_districts - 1) * (1 - n_districts / schools.fpc[0]))
        of_mean = residuals_of(rows, weight, np.asarray(y, float), where, k)
        of_total = residuals_of(rows, weight, np.asarray(schools.enroll, float), where, k, is_mean=False)
        return mean, small * np.sqrt(of_mean.squares[0]) / total, small * np.sqrt(of_total.squares[0])

    return errors


def linear_weights(schools, dense, totals):
    """The GREG estimator's, in closed form."""
    columns, base = np.column_stack([np.ones(len(schools)), dense]), schools.pw.to_numpy()
    missing = np.asarray(totals) - columns.T @ base
    return base * (1 + columns @ np.linalg.solve(columns.T @ (base[:, None] * columns), missing))


def test_errors_of_survey_without_calibration(schools, design):
    assert (
        float(np.sqrt(15 / 14 * (1 - 15 / schools.fpc[0])))
        * np.sqrt(
            (schools.assign(e=schools.pw * (schools.api00 - schools.api00.mean())).groupby("dnum").e.sum() ** 2).sum()
        )
        / schools.pw.sum()
    ) == pytest.approx(23.5422406938, rel=1e-10)


@pytest.mark.parametrize(
    ("names", "totals", "mean", "mean_error", "total_error"),
    [
        (["H", "M"], [N, HIGH, MIDDLE], 642.310788212, 23.9204864451, 406292.636295),
        (["H", "M", "api99"], [N, HIGH, MIDDLE, API99], 665.309071166, 3.4417531164, 385524.427352),
    ],
)
def test_errors_of_greg_as_survey_calibrate(schools, design, names, totals, mean, mean_error, total_error):
    dense = np.column_stack([schools.stype == name if len(name) == 1 else schools[name] for name in names]).astype(
        float
    )
    found = design(dense, linear_weights(schools, dense, totals))
    assert [float(part[0]) for part in found] == pytest.approx([mean, mean_error, total_error], rel=1e-10)


def test_errors_of_raking_as_survey_calibrate_and_rake(schools, design, array_sample):
    dense = np.column_stack([schools.stype == "H", schools.stype == "M", schools.api99]).astype(float)
    weight = weights_of(array_sample(dense, np.zeros(len(schools)), weight=schools.pw), [N, HIGH, MIDDLE, API99])
    found = design(dense, weight)
    assert [float(part[0]) for part in found] == pytest.approx([665.393795995, 3.43775353949, 387618.630781], rel=1e-7)
    dense = np.column_stack([schools.stype == "H", schools.stype == "M", schools["sch.wide"] == "Yes"]).astype(float)
    margins = array_sample(dense, np.zeros(len(schools)), weight=schools.pw)
    weight = weights_of(margins, [N, HIGH, MIDDLE, N - NOT_WIDE])
    found = design(dense, weight)
    assert [float(part[0]) for part in found] == pytest.approx([641.230320924, 23.7036168884, 400603.257109], rel=1e-7)
    level = schools.stype.map({"E": 0, "H": 1, "M": 2}).to_numpy()
    mean, error, _ = design(dense, weight, domain=level)  # svyby
    assert mean == pytest.approx([647.446579228, 621.291861056, 629.021538266], rel=1e-7)
    assert error == pytest.approx([22.8084121945, 36.7431448772, 29.9628809590], rel=1e-7)


def test_margins_as_codes_and_clusters_of_one_are_the_same_sums(schools):
    n = len(schools)
    level = schools.stype.map({"E": -1, "H": 0, "M": 1}).to_numpy()
    value, weight = schools.api00.to_numpy(float) - 640, schools.raked.to_numpy()
    domain = (schools["sch.wide"] == "Yes").to_numpy().astype(np.int64)
    ones, none = np.ones((n, 1)), Indicators(np.empty((n, 0), np.int64), ())
    dense = np.column_stack([ones, level == 0, level == 1]).astype(float)
    for cluster in (np.arange(n), np.arange(n) // 2, schools.dnum.factorize()[0]):
        by_code = Rows(ones, Indicators(level[:, None], (2,)), np.zeros(n), weight, cluster)
        by_column = Rows(dense, none, np.zeros(n), weight, cluster)
        found, expected = (residuals_of(rows, weight, value, domain, 2, is_mean=False) for rows in (by_code, by_column))
        assert found.squares == pytest.approx(expected.squares, rel=1e-10)
        slopes = np.linalg.lstsq(
            dense * np.sqrt(weight)[:, None], np.sqrt(weight)[:, None] * value[:, None] * np.eye(2)[domain]
        )
        residual = weight[:, None] * (value[:, None] * np.eye(2)[domain] - dense @ slopes[0])
        by_cluster = np.array([residual[cluster == c].sum(axis=0) for c in np.unique(cluster)])
        assert found.squares[0] == pytest.approx((by_cluster**2).sum(axis=0), rel=1e-9)  # they sum to 0
        assert found.n_margins == 3
        pairs = residuals_of(by_code, weight, value, domain, 2, is_mean=False, is_pairwise=True)
        assert pairs.products[0] == pytest.approx(by_cluster.T @ by_cluster, rel=1e-9)
        assert pairs.squares == pytest.approx(found.squares, rel=1e-12)


def test_means_of_groups_that_are_no_margin_vary_about_their_own_weighted_mean(schools):
    n, weight = len(schools), schools.raked.to_numpy()
    level = schools.stype.map({"E": -1, "H": 0, "M": 1}).to_numpy()
    value, domain = schools.api00.to_numpy(float), (schools["sch.wide"] == "Yes").to_numpy().astype(np.int64)
    cluster = schools.dnum.factorize()[0]
    rows = Rows(np.ones((n, 1)), Indicators(level[:, None], (2,)), np.zeros(n), weight, cluster)
    mean = np.array([np.average(value[domain == d], weights=weight[domain == d]) for d in (0, 1)])
    apart = (value - mean[domain])[:, None] * np.eye(2)[domain]
    dense = np.column_stack([np.ones(n), level == 0, level == 1])
    slopes = np.linalg.lstsq(dense * np.sqrt(weight)[:, None], np.sqrt(weight)[:, None] * apart)[0]
    residual = weight[:, None] * (apart - dense @ slopes)
    by_cluster = np.array([residual[cluster == c].sum(axis=0) for c in np.unique(cluster)])
    found = residuals_of(rows, weight, value, domain, 2, np.array_split(np.arange(n), 3))
    assert found.squares[0] == pytest.approx((by_cluster**2).sum(axis=0), rel=1e-9)
    assert found.total == pytest.approx([weight[domain == d].sum() for d in (0, 1)], rel=1e-12)


@pytest.mark.parametrize("is_pairwise", [False, True])
def test_clusters_that_come_in_pieces_are_put_together(schools, is_pairwise):
    n = len(schools)
    level = schools.stype.map({"E": -1, "H": 0, "M": 1}).to_numpy()
    value, weight = schools.api00.to_numpy(float), schools.raked.to_numpy()
    domain, cluster = (schools["sch.wide"] == "Yes").to_numpy().astype(np.int64), schools.dnum.factorize()[0]
    rows = Rows(np.ones((n, 1)), Indicators(level[:, None], (2,)), np.zeros(n), weight, cluster)
    in_any_order = np.random.default_rng(0).permutation(n)
    how = {"is_pairwise": is_pairwise, "most_leverage": 0.5}
    expected = residuals_of(rows, weight, value, domain, 2, **how)
    for batches in (np.array_split(np.argsort(cluster), 7), np.array_split(in_any_order, 40), [in_any_order, []]):
        found = residuals_of(rows, weight, value, domain, 2, [np.asarray(b, np.int64) for b in batches], **how)
        assert found.products == pytest.approx(expected.products, rel=1e-10)
        assert found.total == pytest.approx(expected.total, rel=1e-12)
        assert (found.n, found.n_margins) == (expected.n, expected.n_margins)


def test_leverages_are_the_diagonal_of_the_weighted_hat_matrix(schools):
    n = len(schools)
    level = schools.stype.map({"E": -1, "H": 0, "M": 1}).to_numpy()
    wide = np.where(schools["sch.wide"] == "No", 0, -1)
    weight = schools.raked.to_numpy()
    rows = Rows(
        np.column_stack([np.ones(n), schools.api99 / 600]), Indicators(np.column_stack([level, wide]), (2, 1)),
        np.zeros(n), weight, np.arange(n),
    )  # fmt: skip
    dense = np.column_stack([rows.dense, level == 0, level == 1, wide == 0]) * np.sqrt(weight)[:, None]
    assert leverages(rows, invert_information(rows.cross_product(weight))) == pytest.approx(
        np.diag(dense @ np.linalg.pinv(dense)), rel=1e-9
    )
