"""The truth against brute force: the world written out again by hand, intervened on, its scores drawn many times."""

from __future__ import annotations

import numpy as np
import pytest

from cxfusion.simulation.centre import Centre
from cxfusion.simulation.satisfaction import draw_scores
from cxfusion.simulation.simulate import draw_days
from cxfusion.simulation.truth import LEVERS, intervene, truth_frame

CENTRE = Centre(n_days=3)
DAYS = [drawn.day for drawn in draw_days(9_000, 11, CENTRE)]
TRUTH = truth_frame(sum(intervene(day.lived, CENTRE) for day in DAYS), CENTRE).set_index("lever")
N_REDRAWS = 200


def lived(name: str) -> np.ndarray:
    return np.concatenate([getattr(day.lived, name) for day in DAYS]).astype(float)


def annoying(seconds: np.ndarray) -> np.ndarray:
    past = np.where(seconds > 15, seconds - 15, 0) / 300
    return 1 - np.exp(-past * past)


def latent(wait: np.ndarray, n_transfers: np.ndarray, rewait: np.ndarray) -> np.ndarray:
    return lived("background") - 2.0 * annoying(wait) - 0.55 * n_transfers - 0.5 * annoying(rewait)


def drawn_gains(more: np.ndarray, less: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted sums of what drawn CSAT and NPS gain, one row per redraw; both sides share their noise."""
    gains = []
    for seed in range(N_REDRAWS):
        (csat, nps), (csat_less, nps_less) = (
            draw_scores(side, CENTRE, np.random.default_rng(seed)) for side in (more, less)
        )
        points = [100.0 * ((score >= 9).astype(int) - (score <= 6)) for score in (nps, nps_less)]
        gains.append([weight @ (csat - csat_less), weight @ (points[0] - points[1])])
    return np.array(gains)


def assert_same_effect(lever: str, effects: np.ndarray, curvature: float) -> None:
    """``effects``: one row per redraw; ``curvature``: relative error that a finite turn may have."""
    truth = TRUTH.loc[lever, ["csat_effect", "nps_effect"]].to_numpy(float)
    std_error = effects.std(axis=0, ddof=1) / np.sqrt(len(effects))
    assert (std_error < 0.05 * truth).all(), "too few redraws to tell"
    assert (np.abs(effects.mean(axis=0) - truth) < 4 * std_error + curvature * truth).all()


def test_wait_is_what_drawing_again_with_other_waits_gives():
    wait, n_transfers, rewait = lived("wait_seconds"), lived("n_transfers"), lived("rewait_seconds")
    turn = 0.05
    gains = drawn_gains(
        latent(wait * (1 + turn), n_transfers, rewait),
        latent(wait * (1 - turn), n_transfers, rewait),
        np.ones(len(wait)),
    )
    assert_same_effect("wait_seconds", -30 * gains / (2 * turn) / wait.sum(), curvature=0.01)


def test_transfers_are_what_drawing_again_with_one_less_gives_its_queueing_included():
    wait, n_transfers, rewait = lived("wait_seconds"), lived("n_transfers"), lived("rewait_seconds")
    has_any = n_transfers > 0
    without = np.where(has_any, rewait - lived("last_rewait_seconds"), rewait)
    gains = drawn_gains(latent(wait, n_transfers, rewait), latent(wait, n_transfers - has_any, without), n_transfers)
    step = TRUTH.loc["n_transfers", "step"]
    assert_same_effect("n_transfers", step * gains / n_transfers.sum(), curvature=0.0)


def test_real_levers_help_as_much_as_the_story_says():
    assert 0.05 < TRUTH.loc["wait_seconds", "csat_effect"] < 0.12
    assert 0.05 < TRUTH.loc["n_transfers", "csat_effect"] < 0.15
    assert (TRUTH.loc[["wait_seconds", "n_transfers"], "nps_effect"] > 1).all()


@pytest.mark.parametrize("lever", ["hold_seconds", "talk_seconds", "ivr_seconds"])
def test_proxies_and_nulls_do_exactly_nothing(lever):
    assert TRUTH.loc[lever, ["csat_effect", "nps_effect"]].tolist() == [0.0, 0.0]


def test_no_step_takes_more_than_there_is():
    assert TRUTH.loc["n_transfers", "step"] == pytest.approx(-lived("n_transfers").mean())
    assert TRUTH["step"].drop("n_transfers").to_dict() == {
        lever.name: lever.step for lever in LEVERS if not lever.is_count
    }


def test_the_story_has_a_lever_a_proxy_and_a_null():
    assert set(TRUTH["role_in_story"]) == {"lever", "proxy", "null"}
    assert TRUTH["is_identified"].all()
    assert list(TRUTH.reset_index().columns) == [
        "lever",
        "moment",
        "step",
        "csat_effect",
        "nps_effect",
        "role_in_story",
        "is_identified",
        "why_not",
    ]


def test_a_lever_that_is_never_there_has_no_step_and_is_not_identified():
    centre = Centre(n_days=1, transfers_mean=0.0)
    truth = truth_frame(sum(intervene(drawn.day.lived, centre) for drawn in draw_days(1_000, 1, centre)), centre)
    row = truth.set_index("lever").loc["n_transfers"]
    assert row[["step", "csat_effect", "nps_effect"]].tolist() == [0.0, 0.0, 0.0]
    assert not row["is_identified"]
    assert row["why_not"] == "the log has none of it"


def test_without_effects_of_waiting_and_transfers_there_is_nothing_to_find():
    blind = Centre(n_days=3, wait_effect=0.0, transfer_effect=0.0, rewait_effect=0.0)
    truth = truth_frame(sum(intervene(day.lived, blind) for day in DAYS), blind)
    assert (truth[["csat_effect", "nps_effect"]] == 0).all(axis=None)
