"""A panel of wages (Cornwell & Rupert 1988): each person against themselves, and Mundlak's two slopes, as R 4.2.2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxfusion.estimators.least_squares import fit_least_squares
from cxfusion.estimators.moments import gather_moments
from cxfusion.estimators.rows import Indicators
from cxfusion.estimators.within import within_groups

OTHERS = ["occupation", "industry", "south", "smsa", "married"]


@pytest.fixture(scope="module")
def people():
    """Log wages by person and year."""
    frame = pd.read_csv(Path(__file__).parent / "data" / "psid.csv", comment="#")
    return frame.assign(log_wage=np.log(frame["wage"]), squared=frame["experience"] ** 2)


@pytest.fixture(scope="module")
def within_people(people, linear_sample):
    def build(names, n_batches=3):
        sample = linear_sample(people[["log_wage", *names]], people[["id"]].to_numpy() - 1)
        return within_groups(gather_moments(sample.sweep(n_batches), sample.rows))

    return build


def as_printed(*figures):
    """Equal to each figure as far as it is printed: within half of its last digit."""
    return [pytest.approx(float(one), abs=0.5 * 10.0 ** -len(one.partition(".")[2]), rel=0) for one in figures]


def slopes_of(sample, n_regressors):
    """Of least squares without groups: column 0 on those that follow."""
    moments = gather_moments(sample.sweep(), sample.rows)
    return fit_least_squares(within_groups(moments, []), 0, range(1, n_regressors + 1)).coefficients


@pytest.mark.parametrize("n_batches", [1, 5])
def test_each_person_against_themselves_as_r(within_people, n_batches):
    # R's errors are the classical ones: one variance for all rows, which have 595 means and 9 slopes to fit
    within = within_people(["experience", "squared", "weeks", "union", *OTHERS], n_batches)
    fit = fit_least_squares(within, 0, range(1, 10))
    assert fit.dof == 4165 - 595 - 9
    assert fit.coefficients[:4].tolist() == as_printed("0.1132081696", "-0.000418353", "0.000835955", "0.0327846")
    assert fit.std_error[[0, 2, 3]].tolist() == as_printed("0.0024710", "0.000599669", "0.0149229")


def test_a_column_and_its_projection_have_mundlaks_two_slopes(people, within_people, linear_sample):
    # one grouping, so that projections are people's means
    names = ["weeks", "union"]
    projection = within_people(names).projection.of_columns([1, 2])
    means = projection.predict(Indicators(people[["id"]].to_numpy() - 1, (595,)))
    assert means == pytest.approx(people.groupby("id")[names].transform("mean").to_numpy(), abs=1e-9)
    slopes = slopes_of(linear_sample(np.column_stack([people[["log_wage", *names]], means])), 4)
    weeks, union, weeks_more, union_more = slopes.tolist()
    assert [weeks, union] == as_printed("0.000939249", "0.054048539")  # of one person's better and worse years
    assert [weeks + weeks_more, union + union_more] == as_printed("0.012412908", "0.026830897")  # of different people
    pooled = slopes_of(linear_sample(people[["log_wage", *names]]), 2)
    assert pooled[:1].tolist() == as_printed("0.005520450")
