"""The weighted cumulative logit and its linearised variance against svyolr of R's survey (Lumley)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.estimators.influence import cluster_influence, covariance_of, std_error_of

COLUMNS = ["avg.ed", "mobility", "H", "M"]
# with its optimiser told to go on to the end (tests/oracles/r/svyolr.R); as it comes it stops at five digits, such as
# -2.6999217 for avg.ed
PLAIN = [-2.6999076215859, 0.0325043766977, -1.7574815093040, -0.6191451839030]
PLAIN_CUTS = [-8.8578676915051, -6.5864188432239, -4.9248988058854]
UNEVEN = [-2.3078263972125, 0.0250891986023, -1.7676778348526, -0.7054107826301]
UNEVEN_CUTS = [-8.0353525112425, -5.8298615977129, -4.0784298323752]
OF_DISTRICTS = {
    "pw": [3.7232090027366, 3.1401018946097, 2.8921451770657, 1.1456225103682, 0.0208643176297, 0.7065632508240,
           0.3127563362523],
    "weight": [4.0175630290165, 3.3721245190123, 3.0730219693879, 1.2156053996379, 0.0153620178038, 0.6532311111580,
               0.3415345254085],
}  # fmt: skip
OF_SCHOOLS = [1.6206372957348, 1.4451124651532, 1.2945610191806, 0.4998722340866, 0.0141933403769, 0.4705685111329,
              0.3254325798737]  # fmt: skip


@pytest.fixture(scope="module")
def schools():
    read = pd.read_csv(Path(__file__).parent / "data" / "apiclus1_meals.csv", comment="#")
    return read.assign(H=(read.stype == "H") * 1.0, M=(read.stype == "M") * 1.0)


def fitted(schools, weight, array_sample):
    """Fit, and each school's influence on every parameter, the cuts first."""
    sample = array_sample(schools[COLUMNS], schools.level, weight=schools[weight])
    fit = fit_cumulative_logit(sample.sweep(3), sample.rows, 4)

    return fit, cluster_influence(sample.sweep(3), sample.rows, fit, fit.covariance, len(schools))


@pytest.mark.parametrize(
    ("weight", "coefficients", "cuts"), [("pw", PLAIN, PLAIN_CUTS), ("weight", UNEVEN, UNEVEN_CUTS)]
)
def test_coefficients_as_svyolr(schools, array_sample, weight, coefficients, cuts):
    fit, _ = fitted(schools, weight, array_sample)
    assert fit.coefficients == pytest.approx(coefficients, rel=1e-6)
    assert fit.cuts == pytest.approx(cuts, rel=1e-6)


def test_errors_of_schools_drawn_one_by_one_as_svyolr(schools, array_sample):
    # few schools are of the high or middle kind: cxfusion itself would correct further (CR2)
    _, influence = fitted(schools, "weight", array_sample)
    scaled = influence * np.sqrt(len(schools) / (len(schools) - 1))
    assert std_error_of(scaled) == pytest.approx(OF_SCHOOLS, rel=1e-6)
    assert np.sqrt(np.diag(covariance_of(scaled))) == pytest.approx(OF_SCHOOLS, rel=1e-6)


@pytest.mark.parametrize("weight", ["pw", "weight"])
def test_errors_of_schools_drawn_by_district_as_svyolr(schools, array_sample, weight):
    # fifteen districts: cxfusion itself would correct so few clusters further (CR2); the sum by district is survey's
    _, influence = fitted(schools, weight, array_sample)
    by_district = pd.DataFrame(influence).groupby(schools.dnum.to_numpy()).sum().to_numpy()
    assert len(by_district) == 15
    assert np.sqrt((by_district**2).sum(axis=0) * 15 / 14) == pytest.approx(OF_DISTRICTS[weight], rel=1e-6)
