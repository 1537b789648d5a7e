"""Non-response weights where the truth is known (Kang & Schafer 2007, Statistical Science 22, 523-539).

Everyone has four covariates and a value that is linear in them, 210 on average and 200 among those who answer. Whoever
sees the covariates themselves can mend that; whoever sees only four smooth functions of them cannot quite.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import norm

import cxfusion as cx
from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.estimators.raking import fit_raking
from cxfusion.perception.weights import _Base

TRUTH, SLOPES, ODDS = 210.0, np.array([27.4, 13.7, 13.7, 13.7]), np.array([-1.0, 0.5, -0.25, -0.1])
N, N_DRAWS = 1000, 200


@dataclass(frozen=True)
class World:
    right: np.ndarray
    wrong: np.ndarray
    noise: np.ndarray
    value: np.ndarray
    is_answered: np.ndarray

    @classmethod
    def draw(cls, rng, n):
        z, noise = rng.normal(size=(n, 4)), rng.normal(size=n)
        a, b, c, d = z.T
        wrong = np.column_stack([np.exp(a / 2), b / (1 + np.exp(a)) + 10, (a * c / 25 + 0.6) ** 3, (b + d + 20) ** 2])
        is_answered = rng.random(n) < 1 / (1 + np.exp(-z @ ODDS))
        return cls(z, wrong, noise, TRUTH + z @ SLOPES + noise, is_answered)


def everything(sample):
    return sample.rows(pa.RecordBatch.from_pydict({"row": np.arange(len(sample.outcome))}))


def propensity_weights(build, seen, is_answered):
    """As :func:`cxfusion.weigh` has them before it rakes them; and before it trims them."""
    sample = build(seen, is_answered)
    fit = fit_cumulative_logit(sample.sweep(), sample.rows, 2)
    base = _Base(sample.rows, fit.coefficients, float(fit.cuts[0]), is_answered.mean())
    rows = pa.RecordBatch.from_pydict({"row": np.flatnonzero(is_answered)})
    return base(rows).weight, base.stabilised(sample.rows(rows))


def raked(build, seen, is_answered, weight):
    """Weights of the answers that give them everyone's means."""
    answers = build(seen[is_answered], np.zeros(is_answered.sum()), weight=weight)
    totals = np.append(len(seen), seen.sum(axis=0)) * is_answered.mean()
    return fit_raking(answers.sweep(), answers.rows, totals).weights(everything(answers))


def by_regression(seen, world):
    """Mean that a line through the answers gives everyone."""
    design = np.column_stack([np.ones(len(seen)), seen])
    answered = world.is_answered
    return float((design @ np.linalg.lstsq(design[answered], world.value[answered], rcond=None)[0]).mean())


@pytest.fixture(scope="module")
def draws(array_sample):
    """By estimator, how far its figure is from the truth in each of 200 draws of 1,000 people."""
    rng = np.random.default_rng(16)
    figures = []
    for _ in range(N_DRAWS):
        world = World.draw(rng, N)
        answered, value = world.is_answered, world.value[world.is_answered]
        figures.append({"everyone": world.value.mean(), "unweighted": value.mean()})
        for name, seen in (("right", world.right), ("wrong", world.wrong)):
            trimmed, plain = propensity_weights(array_sample, seen, answered)
            weights = {
                "propensity": plain,
                "raking": raked(array_sample, seen, answered, np.ones(len(value))),
                "both": raked(array_sample, seen, answered, trimmed),
            }
            figures[-1] |= {f"{how} {name}": np.average(value, weights=weight) for how, weight in weights.items()}
            figures[-1][f"regression {name}"] = by_regression(seen, world)
    return pd.DataFrame(figures) - TRUTH


def root_mean_square(errors):
    return float(np.sqrt(np.mean(np.square(errors))))


# bias and root mean square error of 1,000 draws in R; the propensity's weights divided by their sum, as ours
@pytest.mark.parametrize(
    ("how", "bias", "rmse"),
    [("regression right", 0.04, 1.15), ("regression wrong", -0.78, 1.68), ("propensity right", -0.04, 1.69)],
)
def test_the_world_is_theirs(draws, how, bias, rmse):
    # four standard errors of the difference of two simulations; a root mean square's is 1/√2 of a mean's
    four_errors = 4 * rmse * np.sqrt(1 / N_DRAWS + 1 / 1000)
    assert draws[how].mean() == pytest.approx(bias, abs=four_errors)
    assert root_mean_square(draws[how]) == pytest.approx(rmse, abs=four_errors / np.sqrt(2))


def test_those_who_answer_are_theirs(draws):
    # the paper has 200 for them, in whole numbers, and 36.2 for how much of the value the covariates make vary
    assert np.linalg.norm(SLOPES) == pytest.approx(36.2, abs=0.05)
    assert draws["unweighted"].mean() == pytest.approx(200 - TRUTH, abs=0.5 + 4 * draws["unweighted"].sem())


def test_weights_that_balance_the_covariates_leave_of_the_value_its_noise(array_sample):
    # exactly: totals are met within 1e-10 of the answers' number, times slopes of 68.5 together
    world = World.draw(np.random.default_rng(7), N)
    answered = world.is_answered
    for base in (np.ones(answered.sum()), propensity_weights(array_sample, world.right, answered)[0]):
        weight = raked(array_sample, world.right, answered, base)
        found, left = (np.average(values[answered], weights=weight) for values in (world.value, world.noise))
        assert found - world.value.mean() == pytest.approx(left - world.noise.mean(), abs=1e-8)


@pytest.mark.parametrize("how", ["raking", "both"])
def test_with_the_right_covariates_weights_do_as_well_as_the_regression(draws, how):
    # had everyone answered, the error would be that of a mean of 1,000: 36.2/√1000 = 1.146
    errors, spread = draws[f"{how} right"], np.sqrt(SLOPES @ SLOPES + 1) / np.sqrt(N)
    assert abs(errors.mean()) < 4 * spread / np.sqrt(N_DRAWS)
    assert root_mean_square(errors) == pytest.approx(spread, abs=4 * spread / np.sqrt(2 * N_DRAWS))
    # without what everyone's mean varies by, only noise is left: little more than of least squares, which have least
    own, best = (draws[name] - draws["everyone"] for name in (f"{how} right", "regression right"))
    assert abs(own.mean()) < 4 * own.sem()
    assert root_mean_square(best) < root_mean_square(own) < 1.25 * root_mean_square(best)


@pytest.mark.parametrize("how", ["raking", "both"])
def test_with_the_wrong_covariates_weights_do_not_go_astray_as_a_propensity_does(draws, how):
    # some of its weights are huge: in R its bias is 4.92 and its root mean square error 12.17. Its errors' tails are
    # heavy, so that these draws may tell other figures: weights are held against both
    errors, astray = draws[f"{how} wrong"], draws["propensity wrong"]
    assert abs(errors.mean()) + 4 * errors.sem() < 4.92
    assert abs(errors.mean()) < astray.mean()
    assert root_mean_square(errors) < min(12.17, root_mean_square(astray)) / 2


def test_fifths_of_the_right_covariates_leave_a_tenth_of_the_bias():
    # Cochran (1968), Biometrics 24, 295-313: fifths of a normal covariate have 89.7 % of its variance between them.
    # That is to first order in the odds to answer; one draw's share varies by 0.008, and of fourths 0.14 would be left
    world = World.draw(np.random.default_rng(3), 40_000)
    places = world.right.argsort(axis=0).argsort(axis=0)  # only their order counts
    log = pd.DataFrame(places, columns=["wait_seconds", "talk_seconds", "hold_seconds", "n_transfers"])
    log = log.assign(contact_id=log.index.astype(str), started_at=pd.Timestamp("2026-03-02"))
    answers = log.loc[world.is_answered, ["contact_id"]].assign(csat=4)
    weights = cx.weigh(cx.pair(cx.read_contacts(log), cx.read_surveys(answers))).to_pandas()
    everyone, plain = world.value.mean(), world.value[world.is_answered].mean()
    weighted = np.average(world.value[weights["contact_id"].astype(int)], weights=weights["weight"])
    borders = norm.pdf(norm.ppf([0.0, 0.2, 0.4, 0.6, 0.8, 1.0]))
    left = 1 - 5 * np.square(np.diff(borders)).sum()
    assert (weighted - everyone) / (plain - everyone) == pytest.approx(left, abs=0.03)
