"""The ladder on small logs whose answer is known, and on logs that have none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.errors import NothingToEstimateError, TooFewResponsesError, UnknownNameError, UsageError
from cxfusion.evidence.design import learn_basis
from cxfusion.evidence.lever_facts import LeverFacts

N = 4_000


def log(seed: int = 0, n: int = N, n_agents: int = 40) -> pd.DataFrame:
    """A log of one queue; CSAT falls by waiting and by the agent's own habit of letting people wait."""
    rng = np.random.default_rng(seed)
    agent = rng.integers(0, n_agents, n)
    style = np.linspace(-1, 1, n_agents)[agent]
    wait = rng.gamma(2.0, 30.0, n) * np.exp(0.5 * style)
    latent = 2.0 - 0.012 * wait - 1.5 * style + rng.normal(0, 1.2, n)
    return pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)],
            "started_at": pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 30 * 86_400, n), "s"),
            "agent_id": [f"agent {i}" for i in agent],
            "queue": "sales",
            "reason": rng.choice(["bill", "fault"], n),
            "wait_seconds": wait.round(),
            "csat": np.digitize(latent, [-1.0, 0.0, 0.7, 1.4]) + 1,
        }
    )


def pairing_of(frame: pd.DataFrame) -> cx.Pairing:
    contacts = cx.read_contacts(frame.drop(columns=["csat"]))
    return cx.pair(contacts, cx.read_surveys(frame[["contact_id", "csat"]]))


def rung(evidence: cx.LeverEvidence, lever: str, name: str) -> pd.Series:
    rungs = evidence.rungs
    return rungs[(rungs["lever"] == lever) & (rungs["rung"] == name)].iloc[0]


def test_within_undoes_what_agents_bring_along():
    # by hand: scaling the wait by (1 + t) in the world above, agents' style held as it is
    frame = log(n=40_000)
    evidence = cx.fit_levers(pairing_of(frame), "csat")
    rng = np.random.default_rng(99)
    style = np.linspace(-1, 1, 40)[frame["agent_id"].str.removeprefix("agent ").astype(int)]
    noise = rng.normal(0, 1.2, (40, len(frame)))

    def mean_score(scale: float) -> float:
        latent = 2.0 - 0.012 * frame["wait_seconds"].to_numpy() * scale - 1.5 * style + noise
        return float(np.digitize(latent, [-1.0, 0.0, 0.7, 1.4]).mean())

    t = 0.05
    truth = (mean_score(1 - t) - mean_score(1 + t)) / (2 * t) * 30 / frame["wait_seconds"].mean()
    within, raw = rung(evidence, "wait_seconds", "within"), rung(evidence, "wait_seconds", "raw")
    assert abs(within["estimate"] - truth) < 3 * within["std_error"]
    assert raw["estimate"] > truth + 3 * raw["std_error"]  # what a driver chart would have said


def n_left(frame: pd.DataFrame) -> int:
    """Answers beside what is held equal, by the rank of its indicators."""
    hour = frame["started_at"].dt.strftime("%a %H")
    held = pd.get_dummies(frame[["agent_id", "reason"]].assign(hour=hour, date=frame["started_at"].dt.date.astype(str)))
    return len(frame) - int(np.linalg.matrix_rank(np.column_stack([np.ones(len(frame)), held.to_numpy(float)])))


def test_where_what_is_held_equal_takes_nearly_all_answers_nothing_is_told_within():
    # three answers a day over four months: effects ran to the ends of the scale, and their errors looked small
    first = pd.Timestamp("2026-03-02 08:00")
    frame = log(n=330).assign(started_at=lambda table: first + 4 * (table["started_at"] - first))
    left = n_left(frame)
    assert 0 < left < 50
    evidence = cx.fit_levers(pairing_of(frame), "csat")
    within = rung(evidence, "wait_seconds", "within")
    told = f"what is held equal takes up all but {left} of the 330 responses; at least 50 must be left"
    assert within["status"] == "not_applicable"
    assert within["reason"] == told
    assert evidence.table["verdict"].tolist() == ["untestable"]
    with pytest.raises(NothingToEstimateError, match=f"all but {left} of the 330"):
        cx.dose_response(pairing_of(frame), "wait_seconds")
    enough = cx.LeverSpec(min_responses=left)
    assert rung(cx.fit_levers(pairing_of(frame), spec=enough), "wait_seconds", "within")["status"] == "ok"


def test_the_rungs_have_one_row_per_lever_and_rung(evidence):
    levers = ["wait_seconds", "hold_seconds", "talk_seconds", "n_transfers"]
    expected = {lever: ["raw", "adjusted", "within", "corrected", "between"] for lever in levers}
    expected["wait_seconds"].append("congestion")
    expected["wrap_seconds"] = ["raw", "adjusted", "within"]  # a placebo is not corrected by itself
    assert evidence.rungs.groupby("lever", sort=False)["rung"].apply(list).to_dict() == expected
    assert (evidence.rungs["status"] == "ok").all()
    assert evidence.table["lever"].tolist() == levers


def test_step_of_a_count_is_capped_at_its_mean(pairing, evidence):
    transfers = rung(evidence, "n_transfers", "within")
    frame = pairing.contacts.to_pandas()
    paired = frame[frame["contact_id"].isin(pairing.to_pandas()["contact_id"]) & ~frame["is_abandoned"]]
    assert transfers["step"] == pytest.approx(-paired["n_transfers"].mean(), rel=1e-9)


def test_nps_effects_are_in_points(pairing):
    evidence = cx.fit_levers(pairing, "nps")
    assert set(evidence.table["outcome_unit"]) == {"NPS points"}
    assert 1 < rung(evidence, "wait_seconds", "within")["estimate"] < 8  # truth of the centre is about 3.8


def test_results_outlive_their_session_and_do_not_change():
    import pickle

    with cx.Session() as session:
        frame = log()
        contacts = cx.read_contacts(frame.drop(columns=["csat"]), session=session)
        evidence = cx.fit_levers(cx.pair(contacts, cx.read_surveys(frame[["contact_id", "csat"]], session=session)))
    before = evidence.table
    taken = evidence.table
    taken["estimate"] = 0.0
    pd.testing.assert_frame_equal(evidence.table, before)
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(evidence)).table, before)


def test_same_rows_in_any_order_give_the_same_numbers():
    frame = log()
    one = cx.fit_levers(pairing_of(frame)).rungs
    other = cx.fit_levers(pairing_of(frame.sample(frac=1, random_state=1))).rungs
    assert one["estimate"].to_numpy(float) == pytest.approx(other["estimate"].to_numpy(float), rel=1e-9, nan_ok=True)


def test_constant_lever_is_untestable_and_disturbs_nothing():
    frame = log()
    frame["hold_seconds"] = 20.0
    evidence = cx.fit_levers(pairing_of(frame))
    hold = evidence.table.set_index("lever").loc["hold_seconds"]
    assert hold["verdict"] == "untestable"
    assert "the same for every paired contact" in hold["because"]
    assert pd.isna(hold["estimate"])
    alone = rung(cx.fit_levers(pairing_of(log())), "wait_seconds", "within")
    assert rung(evidence, "wait_seconds", "within")["estimate"] == pytest.approx(alone["estimate"], rel=1e-12)


def test_lever_that_is_mostly_missing_is_untestable():
    frame = log()
    frame["hold_seconds"] = np.where(np.arange(N) % 2, np.nan, np.arange(N) % 97)
    hold = cx.fit_levers(pairing_of(frame)).table.set_index("lever").loc["hold_seconds"]
    assert hold["verdict"] == "untestable"
    assert "missing in 50.0%" in hold["because"]


def test_two_levers_that_are_one_are_told():
    frame = log()
    frame["hold_seconds"] = frame["wait_seconds"] % 50
    frame["talk_seconds"] = frame["hold_seconds"] * 2
    rungs = cx.fit_levers(pairing_of(frame)).rungs
    adjusted = rungs[rungs["lever"].isin(["hold_seconds", "talk_seconds"]) & (rungs["rung"] != "raw")]
    assert (adjusted["status"] == "not_applicable").all()
    assert adjusted["reason"].str.contains("told apart").all()
    assert adjusted["estimate"].isna().all()
    assert rung(cx.fit_levers(pairing_of(frame)), "wait_seconds", "within")["status"] == "ok"


def test_lever_without_variation_within_agents_is_not_applicable_there():
    frame = log()
    frame["hold_seconds"] = frame["agent_id"].str.removeprefix("agent ").astype(float)
    evidence = cx.fit_levers(pairing_of(frame))
    assert rung(evidence, "hold_seconds", "adjusted")["status"] == "ok"
    within = rung(evidence, "hold_seconds", "within")
    assert within["reason"] == "it does not vary within the same agent, hour and day"
    assert evidence.table.set_index("lever").loc["hold_seconds", "verdict"] == "untestable"


def test_a_lever_that_differs_within_few_agents_has_no_estimate_there():
    """All but one agent always do the same: the estimate would rest on him, and its cluster error on nothing."""
    frame = log()
    number = frame["agent_id"].str.removeprefix("agent ").astype(int)
    frame["is_guided"] = np.where(number == 20, np.arange(N) % 2, number > 20)
    guided = cx.Lever("is_guided", "before", -1, shape="count")
    pairing = pairing_of(frame)
    evidence = cx.fit_levers(pairing, levers=(guided,))
    assert rung(evidence, "is_guided", "adjusted")["status"] == "ok"
    within = rung(evidence, "is_guided", "within")
    told = "it differs within only 1 agent; at least 10 are needed to know how sure an estimate is"
    assert within["reason"] == told
    assert evidence.table["because"].tolist() == [f"It could not be tested: {told}."]
    with pytest.raises(NothingToEstimateError, match="differs within only 1 agent"):
        cx.dose_response(pairing, "is_guided", levers=(guided,))
    switched = np.where(number < 10, np.arange(N) % 2, number > 20)
    enough = cx.fit_levers(pairing_of(frame.assign(is_guided=switched)), levers=(guided,))
    assert rung(enough, "is_guided", "within")["status"] == "ok"


def test_agents_known_of_three_are_too_few_to_compare_within():
    frame = log()
    frame["agent_id"] = frame["agent_id"].where(frame["agent_id"].isin(["agent 0", "agent 1", "agent 2"]))
    within = rung(cx.fit_levers(pairing_of(frame)), "wait_seconds", "within")
    assert within["reason"].startswith("it differs within only 3 agents; at least 10")


def test_one_agent_leaves_nothing_to_estimate():
    with pytest.raises(NothingToEstimateError, match="only 1 agent"):
        cx.fit_levers(pairing_of(log(n_agents=1)))


def test_few_responses_are_refused_with_the_count():
    with pytest.raises(TooFewResponsesError, match=r"49 responses.*Read a longer period"):
        cx.fit_levers(pairing_of(log(n=49)))


def test_scores_in_words_are_told_as_the_reason_where_no_longer_period_helps():
    frame = log(n=400)
    words = frame["csat"].map({1: "bad", 2: "poor", 3: "ok", 4: "good", 5: "great"})
    answers = frame[["contact_id"]].assign(csat=words)
    pairing = cx.pair(cx.read_contacts(frame.drop(columns="csat")), cx.read_surveys(answers))
    with pytest.raises(TooFewResponsesError, match="400 values of csat are no numbers: say in the map") as refused:
        cx.fit_levers(pairing, "csat")
    assert "longer period" not in refused.value.message


def test_equal_answers_are_refused():
    with pytest.raises(NothingToEstimateError, match="one answer"):
        cx.fit_levers(pairing_of(log().assign(csat=5)))


def test_a_log_without_levers_lists_those_it_could_have():
    frame = log().drop(columns=["wait_seconds"])
    with pytest.raises(UnknownNameError, match=r"wait_seconds, hold_seconds.*spec=cx.LeverSpec\(levers="):
        cx.fit_levers(pairing_of(frame))


def test_own_lever_that_is_no_column_names_the_nearest():
    levers = [cx.Lever("waiting_seconds", "before", -30)]
    with pytest.raises(UnknownNameError, match="wait_seconds"):
        cx.fit_levers(pairing_of(log()), levers=levers)


def test_log_without_agents_and_queues_says_so():
    frame = log().drop(columns=["agent_id", "queue"])
    evidence = cx.fit_levers(pairing_of(frame))
    assert any("no agent_id" in note for note in evidence.notes)
    assert any("no queue" in note for note in evidence.notes)
    assert rung(evidence, "wait_seconds", "within")["n_clusters"] == N
    assert not evidence.table["because"].str.contains("agent").any()
    assert evidence.table["because"].str.contains("within the same hour and day").any()
    picture = str(evidence.plot().to_dict())
    assert "Same hour and day" in picture
    assert "Same agent" not in picture
    design = cx.design_pilot(evidence, "wait_seconds", effect=0.2)
    whole, single = design.table.to_dict("records")
    assert (whole["status"], single["status"]) == ("not_applicable", "ok")
    assert "agents" not in design.summary().replace("Whole agents by chance: not possible", "")
    still = cx.fit_levers(pairing_of(frame.assign(hold_seconds=frame["started_at"].dt.day)))
    assert rung(still, "hold_seconds", "within")["reason"] == "it does not vary within the same hour and day"


def test_intervals_shown_at_another_level_change_no_verdict():
    pairing = pairing_of(log())
    usual, narrow = (cx.fit_levers(pairing, spec=cx.LeverSpec(conf_level=level)) for level in (0.95, 0.2))
    assert narrow.table[["verdict", "because"]].equals(usual.table[["verdict", "because"]])
    assert (narrow.table["conf_low"] > usual.table["conf_low"]).all()
    usual_share, narrow_share = (one.sensitivity["robustness_value_significant"] for one in (usual, narrow))
    assert (narrow_share > usual_share).all()  # a narrow interval is not as easily brought to 0
    assert ("95 % interval" in usual._repr_html_(), "20 % interval" in narrow._repr_html_()) == (True, True)


def test_spline_with_coinciding_knots_becomes_a_line():
    lever = cx.Lever("hold_seconds", "during", -30)
    basis = learn_basis(lever, LeverFacts(100, 3, 4.0, 30.0, (30.0, 30.0, 30.0)))
    assert basis.width == 1
    assert basis.rows(np.array([0.0, 30.0])).slope[:, 0] == pytest.approx(1 / basis.first_unit)


def test_weights_give_the_effect_over_everyone():
    # waiting hurts callers (effect A) and not chatters; callers answer four times as often, so the unweighted effect
    # leans to callers. With the known response rates as weights the effect is that of the mix of all contacts.
    rng = np.random.default_rng(5)
    n = 40_000
    is_call = rng.random(n) < 0.5
    frame = log(n=n).assign(channel=np.where(is_call, "call", "chat"))
    latent = 1.0 - 0.015 * frame["wait_seconds"] * is_call + rng.normal(0, 1.2, n)
    frame["csat"] = np.digitize(latent, [-1.0, 0.0, 0.7, 1.4]) + 1
    everyone = cx.fit_levers(pairing_of(frame))
    answers = frame[rng.random(n) < np.where(is_call, 0.4, 0.1)]
    pairing = cx.pair(cx.read_contacts(frame.drop(columns=["csat"])), cx.read_surveys(answers[["contact_id", "csat"]]))
    unweighted, weighted = (cx.fit_levers(pairing, weights=w) for w in (None, cx.weigh(pairing, "csat")))
    truth = rung(everyone, "wait_seconds", "within")["estimate"]
    found, naive = (rung(evidence, "wait_seconds", "within") for evidence in (weighted, unweighted))
    assert abs(found["estimate"] - truth) < 2.5 * found["std_error"]
    assert naive["estimate"] > truth + 3 * naive["std_error"]


def test_weights_of_another_score_are_refused(pairing):
    with pytest.raises(UsageError, match="weigh"):
        cx.fit_levers(pairing, "nps", weights=cx.weigh(pairing, "csat"))


def test_robustness_is_that_of_least_squares_with_all_dummies():
    frame = log(n=1500)
    evidence = cx.fit_levers(pairing_of(frame))
    keys = {
        "agent": frame["agent_id"],
        "hour": frame["started_at"].dt.strftime("%w %H"),
        "date": frame["started_at"].dt.strftime("%F"),
        "reason": frame["reason"],
    }
    dummies = pd.get_dummies(pd.DataFrame(keys)).to_numpy(float)
    both = frame[["wait_seconds", "csat"]].to_numpy(float)
    lever, score = (both - dummies @ np.linalg.lstsq(dummies, both, rcond=None)[0]).T
    partial_r2 = (lever @ score) ** 2 / (lever @ lever) / (score @ score)
    f2 = partial_r2 / (1 - partial_r2)
    found = evidence.sensitivity.iloc[0]
    assert found["partial_r2"] == pytest.approx(partial_r2, rel=1e-6)
    assert found["robustness_value"] == pytest.approx((np.sqrt(f2**2 + 4 * f2) - f2) / 2, rel=1e-6)
    assert evidence.table["robustness"].iloc[0] == found["robustness_value"]


def test_a_small_centre_keeps_what_can_be_estimated():
    """Groups outnumber its few hundred answers: the linear model has nothing left, the rungs have."""
    with cx.Session(threads=1) as session:
        drawn = cx.simulate(3_000, 1325928, world="calm", session=session)
        pairing = cx.pair(drawn.contacts, drawn.surveys)
        evidence = cx.fit_levers(pairing, "csat")
    assert evidence.n < 400
    of_hold = evidence.rungs.query("lever == 'hold_seconds'").set_index("rung")
    assert of_hold.loc[["raw", "adjusted"], "status"].eq("ok").all()
    assert "as much to fit as there are responses" in evidence.decomposition.iloc[0]["reason"]
    assert set(evidence.levers["verdict"]) <= {"untestable", "unclear", "contested"}


def test_agents_with_one_answer_are_no_clusters_of_what_is_compared_within_agents():
    # twelve agents with a hundred answers each, and three hundred with one: these say nothing of a wait within agents
    frame = log(n=1_500, n_agents=12)
    frame.loc[1_200:, "agent_id"] = [f"temp {i}" for i in range(300)]
    evidence = cx.fit_levers(pairing_of(frame), "csat")
    raw, within = (rung(evidence, "wait_seconds", name) for name in ("raw", "within"))
    assert (raw["n_clusters"], within["n_clusters"]) == (312, 12)
    # upper 2.5 % points of Student's t, from the tables: 2.201 at 11 degrees of freedom, the most that twelve agents
    # leave, 2.262 at 9 and 2.086 at 20: twelve of the 312 agents give four answers in five
    reach = {one["rung"]: (one["conf_high"] - one["estimate"]) / one["std_error"] for one in (raw, within)}
    assert 2.201 <= reach["within"] < 2.262
    assert 2.086 < reach["raw"] < 2.201
    found = cx.what_if(evidence, {"wait_seconds": -30}).table.iloc[0]
    assert (found["conf_high"] - found["estimate"]) / found["std_error"] == pytest.approx(reach["within"], abs=1e-6)


@pytest.mark.parametrize(("column", "n_clusters"), [("team_id", 14), ("customer_id", 900)])
def test_what_errs_together_is_not_what_contacts_are_compared_within(column, n_clusters):
    # agents' own habits are held equal whoever errs together: the estimate is the same, its error is not
    frame = log(n=1_800)
    team = frame["agent_id"].str.removeprefix("agent ").astype(int) // 3
    frame = frame.assign(team_id="t" + team.astype(str), customer_id=[f"u{i % 900}" for i in range(1_800)])
    usual, other = (
        cx.fit_levers(pairing_of(frame), spec=cx.LeverSpec(cluster=name, levers=(cx.DEFAULT_LEVERS[0],)))
        for name in ("agent_id", column)
    )
    for name in ("raw", "adjusted", "within", "between"):
        ours, theirs = (rung(one, "wait_seconds", name) for one in (other, usual))
        assert ours["estimate"] == pytest.approx(theirs["estimate"], rel=1e-6)
    within = rung(other, "wait_seconds", "within")
    assert within["n_clusters"] == n_clusters
    assert within["std_error"] != pytest.approx(rung(usual, "wait_seconds", "within")["std_error"], rel=1e-3)
    assert "within the same agent, hour and day" in other.table["because"].item()
    parts = [one.decomposition.set_index("block")["estimate"] for one in (other, usual)]
    assert parts[0].to_dict() == pytest.approx(parts[1].to_dict(), rel=1e-4, abs=1e-9)
    assert other.clusters.n_clusters == n_clusters
