"""A real support centre: slope of CSAT in log minutes of response time, pooled, within and between agents.

Oracle: R ordinal::clm on the same rows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.estimators.moments import LinearRows, gather_moments
from cxfusion.estimators.rows import Indicators
from cxfusion.estimators.within import within_groups

DATA = Path(__file__).parents[3] / "shared" / "data" / "ecommerce_support"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the data folder ecommerce_support is not here")


@pytest.fixture(scope="module")
def answers():
    contacts = pd.read_csv(DATA / "contacts.csv", dtype=str)
    surveys = pd.read_csv(DATA / "surveys.csv", dtype=str)
    frame = contacts.merge(surveys, on="Unique id")
    times = [pd.to_datetime(frame[name], format="%d/%m/%Y %H:%M") for name in ("Issue_reported at", "issue_responded")]
    frame["minutes"] = (times[1] - times[0]).dt.total_seconds() / 60
    frame = frame[frame["minutes"] >= 0].reset_index(drop=True)
    frame["csat"] = frame["CSAT Score"].astype(int)
    frame["agent"] = pd.factorize(frame["Agent_name"])[0]
    return frame


def test_pooled_slope(answers, array_sample):
    sample = array_sample(np.log1p(answers["minutes"].to_numpy())[:, None], answers["csat"] - 1)
    fit = fit_cumulative_logit(sample.sweep(3), sample.rows, 5)
    assert fit.n == 16_547
    assert fit.coefficients[0] == pytest.approx(-0.1971083, abs=1e-6)
    assert np.sqrt(fit.covariance[4, 4]) == pytest.approx(0.0079354, abs=1e-6)


def test_slopes_within_and_between_agents(answers, array_sample):
    x, agent = np.log1p(answers["minutes"].to_numpy()), answers["agent"].to_numpy()
    groups = Indicators(agent[:, None], (agent.max() + 1,))
    whole = array_sample(x[:, None], answers["csat"] - 1)

    def make(batch):
        at = batch["row"].to_numpy()
        part = Indicators(agent[at, None], groups.widths)
        return LinearRows(x[at, None], part, np.ones(len(at)), at)

    projected = within_groups(gather_moments(whole.sweep(3), make)).projection.predict(groups)
    split = array_sample(np.column_stack([x - projected[:, 0], projected[:, 0]]), answers["csat"] - 1)
    fit = fit_cumulative_logit(split.sweep(), split.rows, 5)
    errors = np.sqrt(np.diag(fit.covariance))[4:]
    assert fit.coefficients == pytest.approx([-0.1825975, -0.3325021], abs=1e-6)
    assert errors == pytest.approx([0.0083612, 0.0260516], abs=1e-6)

    # the within rung's form, column and projection side by side, is the same model
    beside = array_sample(np.column_stack([x, projected[:, 0]]), answers["csat"] - 1)
    again = fit_cumulative_logit(beside.sweep(), beside.rows, 5)
    assert again.coefficients[0] == pytest.approx(-0.1825975, abs=1e-6)
    assert again.coefficients.sum() == pytest.approx(-0.3325021, abs=1e-6)


def test_least_squares_slopes(answers):
    # the linear identity on real, unbalanced data: column + projection = fixed effects
    x, agent, y = np.log1p(answers["minutes"].to_numpy()), answers["agent"].to_numpy(), answers["csat"].to_numpy()
    size = np.bincount(agent)
    x_mean, y_mean = (np.bincount(agent, v) / size for v in (x, y))
    within = (x - x_mean[agent]) @ (y - y_mean[agent]) / ((x - x_mean[agent]) ** 2).sum()
    design = np.column_stack([x, x_mean[agent], np.ones(len(x))])
    beside, extra, _ = np.linalg.lstsq(design, y, rcond=None)[0]
    assert within == pytest.approx(-0.1330499, abs=1e-6)
    assert beside == pytest.approx(within, abs=1e-8)
    assert beside + extra == pytest.approx(-0.2352574, abs=1e-6)
