"""Non-response weights on a small log worked out by hand, and on centres whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.errors import NothingToEstimateError, UsageError


def centre_of(log: pd.DataFrame, answers: pd.DataFrame) -> cx.Pairing:
    return cx.pair(cx.read_contacts(log), cx.read_surveys(answers))


def two_channels() -> tuple[pd.DataFrame, pd.DataFrame]:
    """400 calls and 400 chats; 160 callers answer and 40 chatters do. Callers score 5, chatters 2."""
    log = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(800)],
            "started_at": pd.Timestamp("2026-03-02 10:00"),
            "channel": ["call"] * 400 + ["chat"] * 400,
        }
    )
    answered = [*range(160), *range(400, 440)]
    answers = log.loc[answered, ["contact_id"]].assign(csat=[5] * 159 + [4] + [2] * 39 + [1])
    return log, answers


def test_weights_are_those_of_the_hand():
    # shares answering .4 and .1, overall .25: weights .25/.4 and .25/.1
    pairing = centre_of(*two_channels())
    weights = cx.weigh(pairing, "csat")
    merged = weights.to_pandas().merge(pairing.contacts.to_pandas(), on="contact_id")
    by_channel = merged.groupby("channel")["weight"]
    assert by_channel.mean().to_dict() == pytest.approx({"call": 0.25 / 0.4, "chat": 0.25 / 0.1})
    assert by_channel.std().max() == pytest.approx(0.0, abs=1e-12)
    assert weights.effective_n == pytest.approx(200**2 / (160 * 0.625**2 + 40 * 2.5**2))
    channel = weights.balance[weights.balance["column"] == "channel"].set_index("level")
    assert channel["share_of_answers"].to_dict() == pytest.approx({"call": 0.8, "chat": 0.2})
    assert channel["share_weighted"].to_dict() == pytest.approx({"call": 0.5, "chat": 0.5})
    assert channel["difference_before"].to_dict() == pytest.approx({"call": 0.6, "chat": -0.6})


def test_everybody_or_nobody_answered_is_refused():
    log, answers = two_channels()
    everybody = log[["contact_id"]].assign(csat=np.tile([3, 4], 400))
    with pytest.raises(NothingToEstimateError, match="800 of 800"):
        cx.weigh(centre_of(log, everybody))
    with pytest.raises(NothingToEstimateError, match="0 of 800"):
        cx.weigh(centre_of(log, answers.assign(csat=None, nps=7)), "csat")


def test_a_channel_that_never_answers_is_pooled_with_what_is_rare():
    log, answers = two_channels()
    silent = log.head(20).assign(contact_id=[f"s{i}" for i in range(20)], channel="letter")
    weights = cx.weigh(centre_of(pd.concat([log, silent]), answers))
    assert weights.n_contacts == 820
    assert weights.balance["share_weighted"].notna().all()


def test_simulated_answers_become_like_everyone(centre, pairing):
    weights = cx.weigh(pairing, "csat")
    before, after = weights.largest_difference
    assert before > 0.1
    assert after < 0.1  # what is left are hours of the week with few answers, pooled for weighting
    calibrated = weights.balance[weights.balance["column"].isin(["queue", "channel", "wait_seconds", "n_transfers"])]
    assert calibrated["difference_after"].abs().max() < 1e-6
    assert weights.to_pandas()["weight"].mean() == pytest.approx(1.0)
    assert weights.effective_n < weights.n_answers


def test_a_share_of_the_silent_stands_for_all_of_them(pairing, monkeypatch):
    from cxfusion.perception import weights as module

    whole = cx.weigh(pairing, "csat")
    monkeypatch.setattr(module, "MAX_SILENT", 10_000)
    sampled = cx.weigh(pairing, "csat")
    assert sampled.n_contacts == whole.n_contacts
    both = whole.to_pandas().merge(sampled.to_pandas(), on="contact_id")
    assert np.corrcoef(both["weight_x"], both["weight_y"])[0, 1] > 0.9


def test_a_weighted_score_is_that_of_everyone():
    # by hand: callers average 4.99375, chatters 1.975; half of all contacts each
    pairing = centre_of(*two_channels())
    weights = cx.weigh(pairing, "csat")
    plain, weighted = cx.measure(pairing, "csat"), cx.measure(pairing, "csat", weights=weights)
    assert plain.table["estimate"][0] == pytest.approx(0.8 * 4.99375 + 0.2 * 1.975)
    assert weighted.table["metric"].to_list() == ["csat_mean_weighted", "csat_top2box_weighted"]
    assert weighted.table["estimate"][0] == pytest.approx(0.5 * 4.99375 + 0.5 * 1.975)
    assert weighted.table["estimate"][1] == pytest.approx(0.5)
    by_channel = cx.measure(pairing, "csat", by="channel", weights=weights).table
    means = by_channel[by_channel["metric"] == "csat_mean_weighted"].set_index("channel")["estimate"]
    assert means.to_dict() == pytest.approx({"call": 4.99375, "chat": 1.975})


def test_weights_of_another_score_are_refused(pairing):
    with pytest.raises(UsageError, match="weigh"):
        cx.measure(pairing, "nps", weights=cx.weigh(pairing, "csat"))


def test_the_study_weights_its_outcome_or_says_why_not(centre):
    study = cx.fuse(centre.contacts, centre.surveys)
    assert "csat_mean_weighted" in set(study.perception_rows()["metric"])
    assert any("are weighted to all" in note for note in study.notes)
    assert study.balance is not None
    log, _ = two_channels()
    everybody = log.assign(wait_seconds=np.arange(800) % 90, agent_id=[f"a{i % 20}" for i in range(800)])
    scores = everybody[["contact_id"]].assign(csat=np.arange(800) % 5 + 1)
    whole = cx.fuse(cx.read_contacts(everybody), cx.read_surveys(scores))
    assert whole.balance is None
    assert any("800 of 800" in note for note in whole.notes)
