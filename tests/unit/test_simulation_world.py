"""The world behind the log: hidden difficulty explains the proxies away, crowds make waits, answering hides nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cxfusion.simulation.centre import Centre
from cxfusion.simulation.congestion import draw_calendar, draw_congestion
from cxfusion.simulation.noise import HeavyNoise, MixedNoise, SkewedNoise, UniformNoise
from cxfusion.simulation.responses import draw_responses
from cxfusion.simulation.satisfaction import (
    annoyance,
    draw_scores,
    expected_csat,
    expected_nps,
    satisfaction,
)
from cxfusion.simulation.simulate import draw_days

CENTRE = Centre()


@pytest.fixture(scope="module")
def day():
    """One big day of agents who differ in pace but not in skill, which would be a second reason to be tempted."""
    return next(draw_days(60_000, 5, Centre(n_days=1, skill_effect=0.0))).day


def residual(values: np.ndarray, *others: np.ndarray) -> np.ndarray:
    columns = np.column_stack([np.ones(len(values)), *others])
    return values - columns @ np.linalg.lstsq(columns, values, rcond=None)[0]


@pytest.mark.parametrize("lever", ["hold_seconds", "talk_seconds"])
def test_a_proxy_says_nothing_once_hidden_difficulty_is_known(day, lever):
    latent = satisfaction(day.lived, CENTRE)
    reason = np.eye(len(CENTRE.reasons))[day.arrivals.reason[day.answered]][:, 1:]
    hidden = day.handling.hidden_difficulty[day.answered]
    seconds = np.log1p(getattr(day.lived, lever))
    other = [*reason.T, day.lived.n_transfers, annoyance(day.lived.wait_seconds, CENTRE)]
    known = [*other, hidden, hidden**2]
    tempting = np.corrcoef(residual(latent, *other), residual(seconds, *other))[0, 1]
    explained = np.corrcoef(residual(latent, *known), residual(seconds, *known))[0, 1]
    assert tempting < -0.15
    assert abs(explained) < 4 / np.sqrt(len(latent))


def test_answering_tells_nothing_that_the_log_does_not(day):
    answered = day.answered
    hidden = day.handling.hidden_difficulty[answered]
    responding = np.isin(answered, draw_responses(CENTRE, day, np.random.default_rng(1)).contact)
    recorded = [
        *np.eye(len(CENTRE.reasons))[day.arrivals.reason[answered]][:, 1:].T,
        *np.eye(len(CENTRE.channels))[day.arrivals.channel[answered]][:, 1:].T,
    ]
    told = residual(responding.astype(float), *recorded)
    for unseen in (hidden, day.lived.background - day.lived.background.mean()):
        assert abs(np.corrcoef(told, residual(unseen, *recorded))[0, 1]) < 4 / np.sqrt(len(answered))


def test_those_who_waited_and_those_on_the_app_answer_more(day):
    responding = np.zeros(len(day.arrivals.queue), dtype=bool)
    responding[draw_responses(CENTRE, day, np.random.default_rng(1)).contact] = True
    on_app = day.arrivals.channel[day.answered] == CENTRE.channels.index("app_call")
    answers = responding[day.answered]
    assert answers[on_app].mean() > 1.2 * answers[~on_app].mean()


NOISES = {
    "mixed": (MixedNoise(), lambda x: 0.85 * stats.norm.cdf(x, scale=0.8) + 0.15 * stats.t.cdf(x, 3, -0.9, 0.9)),
    "uniform": (UniformNoise(), lambda x: stats.uniform.cdf(x, -1.7, 3.4)),
    "skewed": (SkewedNoise(), lambda x: 1 - stats.gamma.cdf(-x, 2, loc=-1.4, scale=0.7)),
    "heavy": (HeavyNoise(), lambda x: stats.t.cdf(x, 2.5, scale=0.65)),
}


@pytest.mark.parametrize("name", NOISES)
def test_noise_has_the_distribution_that_it_says(name):
    noise, cdf = NOISES[name]
    x = np.linspace(-6, 3, 13)
    np.testing.assert_allclose(noise.below(x), cdf(x), atol=1e-12)


@pytest.mark.parametrize("name", NOISES)
def test_drawn_scores_average_to_the_expected_ones(name):
    centre, n = Centre(noise=NOISES[name][0]), 200_000
    for level in (-2.0, -0.5, 0.8):
        latent = np.full(n, level)
        csat, nps = draw_scores(latent, centre, np.random.default_rng(3))
        points = 100 * ((nps >= 9).astype(float) - (nps <= 6))
        assert csat.mean() == pytest.approx(expected_csat(latent[:1], centre)[0], abs=4 * csat.std() / np.sqrt(n))
        assert points.mean() == pytest.approx(expected_nps(latent[:1], centre)[0], abs=4 * points.std() / np.sqrt(n))
        assert np.corrcoef(csat, nps)[0, 1] > 0.3


def test_annoyance_is_flat_then_steepens_then_saturates():
    at = annoyance(np.array([0.0, 15.0, 60.0, 105.0, 1_500.0, 3_000.0]), CENTRE)
    assert at[0] == at[1] == 0
    assert at[3] - at[2] > at[2] - at[1] > 0
    assert at[5] - at[4] < 1e-6 < 1 - 1e-6 < at[5] <= 1
    assert annoyance(np.array([315.0]), CENTRE)[0] == pytest.approx(1 - np.exp(-1))


def test_a_customer_keeps_his_mood_from_day_to_day():
    centre = Centre(difficulty_effect=0.0, skill_effect=0.0, bad_day_mood=0.0)
    moods: dict[int, float] = {}
    met_again = 0
    for drawn in draw_days(2_000, 2, centre):
        arrivals, answered = drawn.day.arrivals, drawn.day.answered
        by_reason = np.array([reason.mood for reason in centre.reasons])[arrivals.reason[answered]]
        for customer, mood in zip(arrivals.customer[answered], drawn.day.lived.background - by_reason, strict=True):
            met_again += customer in moods
            assert moods.setdefault(int(customer), mood) == pytest.approx(mood, abs=1e-12)
    assert met_again > 500
    assert np.std(list(moods.values())) == pytest.approx(centre.mood_effect, rel=0.1)


def test_bad_days_lengthen_waits_and_crowds_last():
    calm, bad = (
        np.mean([draw_congestion(CENTRE, np.full(5, badness), np.random.default_rng(seed)).mean_wait_seconds
                 for seed in range(40)], axis=0)
        for badness in (0.0, 3.0)
    )  # fmt: skip
    assert bad.mean() > 2 * calm.mean()
    single = draw_congestion(CENTRE, np.zeros(5), np.random.default_rng(1)).mean_wait_seconds
    assert np.corrcoef(single[:, 1:].ravel(), single[:, :-1].ravel())[0, 1] > 0.5


def test_the_calendar_spreads_every_contact_over_the_week():
    calendar = draw_calendar(CENTRE, 700_000, np.random.default_rng(1))
    assert calendar.volumes.sum() == 700_000
    weeks = calendar.volumes[:56].reshape(8, 7).mean(axis=0)
    np.testing.assert_allclose(weeks / weeks.sum(), np.array(CENTRE.weekday_volumes) / 6.65, rtol=0.02)
    assert (calendar.badness > 0).mean() == pytest.approx(CENTRE.bad_day_share, abs=0.07)
