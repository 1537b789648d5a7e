"""Read-outs of pilots whose truth is known, and of those that cannot be read."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.errors import NothingToEstimateError, UnknownNameError, UsageError

SINCE = "2026-02-16"


def pilot(effect=0.0, handling=0.0, drift=0.0, agents=24, n=9_000, seed=0, turned=None):
    """Twelve weeks of contacts; from the seventh on, every other agent works in the new way.

    ``turned`` names the score on which 1 is the best; else they are marks of CSAT.
    """
    rng = np.random.default_rng(seed)
    day, agent = rng.integers(0, 84, n), rng.integers(0, agents, n)
    is_pilot = agent % 2 == 0
    is_on = is_pilot & (day >= 42)
    skill = rng.normal(0, 0.4, agents)[agent]
    mood = 3.6 + skill + effect * is_on + drift * is_pilot * (day - 42) / 42 + rng.normal(0, 1.0, n)
    talk = np.maximum(220 + 30 * skill + handling * is_on + rng.normal(0, 50, n), 10)
    started = pd.Timestamp("2026-01-05") + pd.to_timedelta(day * 86_400 + rng.integers(30_000, 60_000, n), unit="s")
    contacts = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)], "started_at": started.strftime("%Y-%m-%d %H:%M:%S"),
            "agent_id": [f"a{a:02d}" for a in agent], "queue": "q", "talk_seconds": talk.round(),
            "wait_seconds": rng.exponential(40, n).round(), "arm": np.where(is_pilot, "pilot", "usual"),
        }
    )  # fmt: skip
    csat = np.clip(np.round(mood), 1, 5).astype(int)
    answers = pd.DataFrame({"contact_id": contacts["contact_id"], turned or "csat": 6 - csat if turned else csat})
    scale = {"column": turned, "scale": [1, 5], "higher_is_better": False}
    own_map = {"columns": {"contact_id": "contact_id", turned: scale}} if turned else None
    return cx.pair(cx.read_contacts(contacts), cx.read_surveys(answers[::2], map=own_map))


@pytest.fixture(scope="module")
def good():
    return cx.read_out(pilot(effect=0.4, handling=-25), "arm", "pilot", SINCE)


def own(found, outcome):
    return found.table.set_index("outcome").loc[outcome]


def test_both_gain_where_both_gain(good):
    assert good.conclusion == "Both gained: the customers and the business."
    csat, talk = own(good, "csat_mean"), own(good, "talk_seconds")
    assert csat["conf_low"] < 0.35 < csat["conf_high"]  # 0.4 on a scale that ends at 5
    assert talk["conf_low"] < -25 < talk["conf_high"]
    assert own(good, "csat_top2box")["estimate"] > 0
    assert (csat["n_treated"], csat["n_others"]) == (12, 12)


def test_the_estimate_is_the_regression_of_the_rows_themselves(good):
    """Against statsmodels on the answers, with a dummy for every agent and every week."""
    import statsmodels.formula.api as smf

    pairing = pilot(effect=0.4, handling=-25)
    pairs = pairing.pairs.select("contact_id", "csat").inner_join(
        pairing.contacts.rows.select("contact_id", "agent_id", "started_at", "arm"), "contact_id"
    )
    frame = pairing.session.collect(pairs).to_pandas()
    day = (frame["started_at"].dt.tz_localize(None) - pd.Timestamp(SINCE)).dt.days
    frame = frame.assign(week=day // 7, on=((frame["arm"] == "pilot") & (day >= 0)).astype(float))
    fit = smf.ols("csat ~ on + C(agent_id) + C(week)", frame).fit()
    assert own(good, "csat_mean")["estimate"] == pytest.approx(fit.params["on"], abs=1e-9)
    clustered = fit.get_robustcov_results("cluster", groups=pd.factorize(frame["agent_id"])[0])
    place = list(fit.params.index).index("on")
    assert own(good, "csat_mean")["std_error"] == pytest.approx(clustered.bse[place], rel=0.12)  # CR1, not CR2


def turning(earlier, turned, agents=24):
    """A pilot's log whose column turns with the change: some agents had the new way all along, others from the day."""
    pairing = pilot(effect=0.0, agents=agents, seed=3)
    contacts = pairing.contacts.to_pandas()
    agent = contacts["agent_id"].str[1:].astype(int)
    is_after = pd.to_datetime(contacts["started_at"]).dt.tz_localize(None) >= pd.Timestamp(SINCE)
    is_new = (agent < earlier) | ((agent < earlier + turned) & is_after)
    rng = np.random.default_rng(1)
    contacts = contacts[["contact_id", "started_at", "agent_id", "talk_seconds"]].assign(is_new=is_new.astype(int))
    csat = np.clip(np.round(3.4 + 0.6 * is_new + rng.normal(0, 0.9, len(is_new))), 1, 5).astype(int)
    answers = pd.DataFrame({"contact_id": contacts["contact_id"], "csat": csat})
    frame = contacts.assign(csat=csat, agent=agent, is_after=is_after)
    return cx.pair(cx.read_contacts(contacts), cx.read_surveys(answers)), frame


def test_who_had_changed_before_the_day_tells_nothing_of_it():
    pairing, frame = turning(earlier=4, turned=6)
    found = cx.read_out(pairing, "is_new", 1, SINCE)
    csat = own(found, "csat_mean")
    frame = frame[frame["agent"] >= 4]
    means = frame.groupby([frame["agent"] < 10, "is_after"])["csat"].mean()
    by_hand = means[True, True] - means[True, False] - means[False, True] + means[False, False]
    assert csat["estimate"] == pytest.approx(by_hand, abs=0.05)  # agents and weeks are of nearly one size
    assert csat["conf_low"] < 0.55 < csat["conf_high"]  # 0.6 on a scale that ends at 5
    assert (csat["n_treated"], csat["n_others"]) == (6, 14)
    assert "4 units had changed before the day, all or in part, and are left out." in found.notes


def test_one_unit_that_had_changed_before_the_day_is_told_as_one():
    found = cx.read_out(turning(earlier=1, turned=6)[0], "is_new", 1, SINCE)
    assert "1 unit had changed before the day, all or in part, and is left out." in found.notes


def test_where_few_of_those_who_changed_turned_it_is_said():
    found = cx.read_out(turning(earlier=6, turned=4)[0], "is_new", 1, SINCE)
    assert (own(found, "csat_mean")["n_treated"], own(found, "csat_mean")["n_others"]) == (10, 14)
    assert "6 of 10 units count as changed, but had the value before the day too." in found.notes


def test_the_event_study_is_flat_before_and_lifted_after(good):
    csat = good.events[good.events["outcome"] == "csat_mean"].set_index("period")
    assert csat.index.tolist() == list(range(-6, 6))
    assert csat.loc[-1, "estimate"] == 0
    assert (csat.loc[-6:-2, "conf_low"] < 0).all()
    assert csat.loc[0:, "estimate"].mean() - csat.loc[:-1, "estimate"].mean() == pytest.approx(0.38, abs=0.15)
    assert "Days since the change" in good.plot().to_json()


def test_where_nothing_happened_nothing_is_said_to_have(good):
    found = cx.read_out(pilot(seed=2), "arm", "pilot", SINCE)
    assert found.conclusion == "The customers show no sure change; the business shows no sure change."
    assert "could not have been found" in found.summary()


@pytest.mark.parametrize("score", ["ces", "csat"])
def test_a_score_on_which_less_is_good_is_read_as_such(good, score):
    found = cx.read_out(pilot(effect=0.4, handling=-25, turned=score), "arm", "pilot", SINCE)
    assert own(found, f"{score}_mean")["estimate"] == pytest.approx(-own(good, "csat_mean")["estimate"], abs=1e-9)
    assert found.conclusion == "Both gained: the customers and the business."
    assert "a higher score means a worse experience" in found.summary()
    assert "worse experience" not in good.summary()
    if score == "csat":  # the share of the best marks rises, whichever end they are at
        best, usual = (own(one, "csat_top2box")["estimate"] for one in (found, good))
        assert best == pytest.approx(usual, abs=1e-9)


@pytest.mark.parametrize(
    ("score", "scale", "outcome", "reason"),
    [
        ("csat", [0, 1], "csat_top2box", "a scale of 0–1 has no two top points among three or more"),
        ("csat", [0, 100], "csat_top2box", "a scale of 0–100 does not say how far its two top points are apart"),
        ("nps", [1, 10], "nps", "NPS is defined on a 0–10 scale, this one is 1–10"),
    ],
)
def test_what_a_scale_does_not_allow_is_not_read_off_it(score, scale, outcome, reason):
    pairing = pilot(n=3_000)
    said = pairing.session.collect(pairing.pairs.select("contact_id", "csat")).to_pandas()
    marks = scale[0] + ((said["csat"] - 1) * (scale[1] - scale[0]) / 4).round()
    answers = pd.DataFrame({"contact_id": said["contact_id"], "mark": marks})
    own_map = {"columns": {"contact_id": "contact_id", score: {"column": "mark", "scale": scale}}}
    found = cx.read_out(cx.pair(pairing.contacts, cx.read_surveys(answers, map=own_map)), "arm", "pilot", SINCE)
    assert (own(found, outcome)["status"], own(found, outcome)["reason"]) == ("not_applicable", reason)
    assert np.isnan(own(found, outcome)["estimate"])
    assert outcome not in set(found.events["outcome"])
    assert reason in found.summary()


def test_groups_that_drifted_apart_before_are_not_credited():
    found = cx.read_out(pilot(drift=1.0), "arm", "pilot", SINCE)
    assert own(found, "csat_mean")["p_value"] < 0.01  # the drift goes on, and looks like an effect
    assert own(found, "csat_mean")["pre_trend_p_value"] < 0.05
    assert found.conclusion.startswith("The customers show no sure change")
    assert "drifting apart before" in found.summary()


def test_a_log_alone_shows_the_operations(good):
    found = cx.read_out(pilot(handling=30).contacts, "arm", "pilot", SINCE)
    assert "csat_mean" not in found.table["outcome"].tolist()
    assert "the business lost" in found.conclusion


def test_a_wrong_clock_changes_nothing_but_a_note():
    """Three contacts of 1999 would make one period of all before the day."""
    log = pilot(handling=30, n=3_000).contacts.to_pandas().drop(columns=["source_file", "source_row"])
    far = log.iloc[:3].assign(contact_id=["x", "y", "z"], started_at=pd.Timestamp("1999-01-01 10:00"))
    plain, spoiled = (cx.read_out(cx.read_contacts(one), "arm", "pilot", SINCE) for one in (log, pd.concat([far, log])))
    pd.testing.assert_frame_equal(plain.effects, spoiled.effects)
    pd.testing.assert_frame_equal(plain.events, spoiled.events)
    assert [note for note in spoiled.notes if note not in plain.notes] == [
        "3 contacts start more than 60 days before or after all others, by a wrong clock it seems; left out of the"
        " comparison."
    ]


def test_results_pickle(good):
    assert pickle.loads(pickle.dumps(good)).table.equals(good.table)


def test_what_cannot_be_read_says_why():
    pairing = pilot(n=2_000)
    for args, error, says in (
        (("arms", "pilot", SINCE), UnknownNameError, "arm"),
        (("arm", "nobody", SINCE), NothingToEstimateError, "nobody changed. Expected some; look at the spelling"),
        (("queue", "q", SINCE), NothingToEstimateError, "nobody is left to compare"),
        (("arm", "pilot", "16.2.2026"), UsageError, "a day such as"),
    ):
        with pytest.raises(error, match=says):
            cx.read_out(pairing, *args)
    late = cx.read_out(pairing, "arm", "pilot", "2026-01-01")
    assert late.table["status"].eq("not_applicable").all()
    assert "both sides of the day" in late.summary()
    assert late.conclusion == "The customers cannot be read; the business cannot be read."


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (int, (1, "1", 1.0, "1.0", True, "true", np.int64(1), np.True_)),
        (float, (1, "1", "1.0", True, "TRUE")),
        (bool, (True, "true", "True", 1, "1", np.True_)),
        (str, (1, "1")),
    ],
)
def test_who_changed_is_named_as_the_column_means_it(kind, names):
    day, agent = (grid.ravel() for grid in np.meshgrid(np.arange(56), np.arange(8)))
    log = pd.DataFrame(
        {
            "contact_id": np.arange(len(day)).astype(str),
            "started_at": pd.Timestamp("2026-01-05 09:00") + pd.to_timedelta(day, unit="D"),
            "agent_id": [f"a{a}" for a in agent],
            "talk_seconds": 300.0 + agent + day % 7 - 30 * ((agent % 2 == 1) & (day >= 28)),
            "pilot": (agent % 2).astype(int).astype(kind),
        }
    )
    contacts = cx.read_contacts(log, timezone="UTC")
    for treated in names:
        talk = own(cx.read_out(contacts, "pilot", treated, "2026-02-02"), "talk_seconds")
        assert (talk["estimate"], talk["n_treated"], talk["n_others"]) == (pytest.approx(-30), 4, 4)
    with pytest.raises(NothingToEstimateError if kind is str else UsageError, match="trained"):
        cx.read_out(contacts, "pilot", "trained", "2026-02-02")


def test_arms_drawn_contact_by_contact_are_sent_to_the_experiment():
    pairing = pilot(n=2_000)
    rows = pairing.contacts.rows
    mixed = rows.mutate(arm=(rows["contact_id"].right(1).cast("int64") < 5).ifelse("pilot", "usual"))
    from dataclasses import replace

    with pytest.raises(UsageError, match="Experiment"):
        cx.read_out(replace(pairing.contacts, rows=pairing.session.materialize(mixed)), "arm", "pilot", SINCE)


def test_one_unit_against_one_has_no_error_of_its_own():
    found = cx.read_out(pilot(agents=2, n=2_000), "arm", "pilot", SINCE)
    assert found.table["reason"].str.contains("single unit").all()


def few_agents(is_there):
    """Ten agents over twelve weeks, of whom two change with the seventh; some are there in some weeks only."""
    rng = np.random.default_rng(5)
    agent, day = np.repeat(np.arange(10), 840), np.tile(np.arange(84), 100)
    kept = is_there(agent, day // 7)
    agent, day = agent[kept], day[kept]
    return cx.read_contacts(
        pd.DataFrame(
            {
                "contact_id": [f"c{i}" for i in range(len(agent))],
                "started_at": pd.Timestamp("2026-01-05 10:00") + pd.to_timedelta(day, unit="D"),
                "agent_id": [f"a{a}" for a in agent], "arm": np.where(agent < 2, "pilot", "usual"),
                "talk_seconds": rng.normal(220, 40, len(agent)).round(),
            }
        )
    )  # fmt: skip


def test_an_effect_that_one_agent_alone_tells_is_not_told():
    late = cx.read_out(few_agents(lambda agent, week: (agent != 1) | (week >= 6)), "arm", "pilot", SINCE)
    assert own(late, "talk_seconds")["status"] == "not_applicable"
    assert own(late, "talk_seconds")["reason"].startswith("One unit alone tells the effect")
    away = cx.read_out(few_agents(lambda agent, week: (agent != 1) | (week != 8)), "arm", "pilot", SINCE)
    assert own(away, "talk_seconds")["status"] == "ok"
    periods = away.events.loc[away.events["outcome"] == "talk_seconds", "period"].to_list()
    assert periods == [week for week in range(-6, 6) if week != 2]  # of one agent nothing is known of that week
