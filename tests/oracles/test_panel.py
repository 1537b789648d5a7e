"""Difference in differences against published figures and R's clubSandwich (tests/oracles/r/panel.R)."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxfusion.errors import EstimationError
from cxfusion.estimators.panel import fit_panel

DATA = Path(__file__).parent / "data"


def mortality():
    data = pd.read_csv(DATA / "mortality.csv")
    unit, period = pd.factorize(data["state"])[0], pd.factorize(data["year"])[0]
    return data["mrate"].to_numpy(), data[["legal"]].to_numpy(), unit, period


def test_the_drinking_age_as_published_and_its_errors_as_in_r():
    outcome, legal, unit, period = mortality()
    fit = fit_panel(outcome, legal, unit, period, np.ones(len(outcome)))
    assert round(float(fit.coefficients[0]), 2) == 7.59  # Mastering 'Metrics, table 5.2: 7.59 (2.50)
    assert fit.coefficients[0] == pytest.approx(7.592036479685, abs=1e-9)
    assert fit.std_error[0] == pytest.approx(2.433268361069, abs=1e-9)
    assert fit.degrees[0] == pytest.approx(25.729332623122, abs=1e-7)
    assert fit.p_value[0] == pytest.approx(0.004421972504, abs=1e-9)


def rows_of_few_units():
    """The rows of the script: 12 units, 6 periods, one to seven rows behind each cell."""
    found = []
    for unit in range(1, 13):
        for period in range(1, 7):
            i = np.arange(1, 2 + (3 * unit + 5 * period) % 7)
            y = np.sin(unit) + np.cos(2 * period) + 0.3 * np.sin(7 * unit * period + i**2)
            found += [(unit - 1, period - 1, float(unit <= 4 and period > 3), value) for value in y]
    return pd.DataFrame(found, columns=["unit", "period", "on", "y"])


def test_cell_means_give_what_the_rows_themselves_give_in_r():
    rows = rows_of_few_units()
    cells = rows.groupby(["unit", "period"]).agg(y=("y", "mean"), on=("on", "first"), n=("y", "size")).reset_index()
    fit = fit_panel(
        cells["y"].to_numpy(), cells[["on"]].to_numpy(), cells["unit"].to_numpy(), cells["period"].to_numpy(),
        cells["n"].to_numpy(float),
    )  # fmt: skip
    found = (fit.coefficients[0], fit.std_error[0], fit.degrees[0], fit.p_value[0])
    assert found == pytest.approx((0.033668816983, 0.028044133757, 5.945572710811, 0.275557467096), abs=1e-9)


def test_few_units_that_differ_by_nothing_are_called_different_one_time_in_twenty():
    """Eight units, three of them treated, errors that last within a unit: the case where plain errors fail."""
    rng, refused, draws = np.random.default_rng(4), 0, 600
    unit, period = np.repeat(np.arange(8), 10), np.tile(np.arange(10), 8)
    on = ((unit < 3) & (period >= 5)).astype(float)[:, None]
    for _ in range(draws):
        lasting = rng.normal(size=(8, 10)).cumsum(axis=1) * 0.5
        fit = fit_panel(lasting.ravel() + rng.normal(size=80), on, unit, period, np.ones(80))
        refused += fit.p_value[0] < 0.05
    assert refused / draws < 0.08


def test_what_units_and_periods_tell_already_is_refused():
    unit, period = np.repeat(np.arange(4), 3), np.tile(np.arange(3), 4)
    with pytest.raises(EstimationError, match="leave nothing"):
        fit_panel(np.arange(12.0), (unit < 2).astype(float)[:, None], unit, period, np.ones(12))


def test_an_effect_that_one_unit_alone_tells_has_no_error():
    """Of two treated units one is known after the day only: CR2 would leave out all that the other one varies."""
    rng = np.random.default_rng(6)
    unit, period = np.repeat(np.arange(8), 10), np.tile(np.arange(10), 8)
    is_known = (unit != 1) | (period >= 5)
    unit, period = unit[is_known], period[is_known]
    on, y = ((unit < 2) & (period >= 5)).astype(float)[:, None], rng.normal(size=len(unit))
    with pytest.raises(EstimationError, match="One unit alone"):
        fit_panel(y, on, unit, period, np.ones(len(unit)))
    with_one_cell = is_known.copy()
    with_one_cell[14] = True  # of the day before
    unit, period = np.repeat(np.arange(8), 10)[with_one_cell], np.tile(np.arange(10), 8)[with_one_cell]
    on, y = ((unit < 2) & (period >= 5)).astype(float)[:, None], rng.normal(size=len(unit))
    assert fit_panel(y, on, unit, period, np.ones(len(unit))).std_error[0] > 0


def test_degrees_of_many_units_take_no_matrix_of_their_size():
    """Two groups before and after are two samples of differences: Welch's degrees at equal spread are n − 2."""
    rng, n = np.random.default_rng(9), 6_000  # its square would be 288 MB
    unit, period = np.repeat(np.arange(n), 2), np.tile([0, 1], n)
    on = ((unit < n // 2) & (period == 1)).astype(float)[:, None]
    tracemalloc.start()
    fit = fit_panel(rng.normal(size=2 * n), on, unit, period, np.ones(2 * n))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fit.degrees[0] == pytest.approx(n - 2, rel=1e-9)
    assert most < 100e6
