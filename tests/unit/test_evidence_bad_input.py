"""Logs that cannot answer: a result with a reason or a typed error, never a warning, never a NaN shown as a number.

Warnings are errors in these tests, so that a numeric library that mutters fails them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import cxfusion as cx
from cxfusion.errors import BadControlError, ConfigError, NothingToEstimateError, TooFewResponsesError
from cxfusion.evidence.catalogue import Lever

FIGURES = ("estimate", "std_error", "conf_low", "conf_high", "p_value")


def log(n=1_500, seed=0, n_agents=20, n_queues=2):
    rng = np.random.default_rng(seed)
    talk, hold = rng.gamma(4, 60, n), rng.gamma(1, 20, n)
    wait = rng.gamma(2.0, 30.0, n)
    return pd.DataFrame(
        {
            "contact_id": [f"c{i:05}" for i in range(n)],
            "started_at": pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 12 * 86_400, n), "s"),
            "agent_id": [f"a{i}" for i in rng.integers(0, n_agents, n)],
            "queue": [f"q{i}" for i in rng.integers(0, n_queues, n)],
            "reason": rng.choice(["bill", "fault"], n),
            "wait_seconds": wait.round(),
            "talk_seconds": talk.round(),
            "hold_seconds": hold.round(),
            "wrap_seconds": rng.gamma(2, 20, n).round(),
            "csat": np.digitize(1.5 - 0.01 * wait + rng.normal(0, 1.2, n), [-1.0, 0.0, 0.7, 1.4]) + 1,
        }
    )


@cache
def evidence_of_case(case):
    return evidence_of(CASES[case](log()))


def evidence_of(frame, **options):
    contacts = cx.read_contacts(frame.drop(columns=["csat"]))
    return cx.fit_levers(cx.pair(contacts, cx.read_surveys(frame[["contact_id", "csat"]])), **options)


def require_honest(evidence):
    """Every row is a whole set of finite figures, or none and a reason; every lever has a verdict and its sentence."""
    for row in evidence.rungs.itertuples():
        figures = [getattr(row, name) for name in FIGURES]
        if row.status == "ok":
            assert all(np.isfinite(figure) for figure in figures), row
            assert row.std_error > 0, row
        else:
            assert all(pd.isna(figure) for figure in figures), row
            assert row.reason, row
    table = evidence.table
    assert table["verdict"].notna().all()
    assert table["because"].str.endswith(".").all()
    assert not table["because"].str.contains("nan", case=False).any()
    known = table[table["estimate"].notna()]
    assert np.isfinite(known[["conf_low", "conf_high"]].to_numpy(float)).all()
    for frame in (evidence.decomposition, evidence.associations):
        assert (frame["estimate"].notna() == (frame["status"] == "ok")).all()
    assert evidence.summary()
    assert evidence.to_arrow().num_rows == len(table)


def with_rare_mark(frame, mark):
    """One answer alone gives the mark, about the one contact whose talk is unknown."""
    others = frame["csat"].where(frame["csat"] != mark, mark + 1 if mark < 5 else 4)
    is_it = frame.index == 3
    return frame.assign(csat=others.where(~is_it, mark), talk_seconds=frame["talk_seconds"].where(~is_it))


CASES = {
    "a lever that never changes": lambda frame: frame.assign(hold_seconds=12.0),
    "a lever that is all missing": lambda frame: frame.assign(hold_seconds=np.nan),
    "one queue": lambda frame: frame.assign(queue="q0"),
    "no wrap": lambda frame: frame.drop(columns=["wrap_seconds"]),
    "no agent": lambda frame: frame.drop(columns=["agent_id"]),
    "agents mostly unknown": lambda frame: frame.assign(agent_id=frame["agent_id"].where(frame.index % 10 == 0)),
    "one hour of one day": lambda frame: frame.assign(started_at=pd.Timestamp("2026-03-02 08:30")),
    "every day its own queue": lambda frame: frame.assign(queue=frame["started_at"].dt.strftime("%F")),
    "talk is twice hold": lambda frame: frame.assign(talk_seconds=2 * frame["hold_seconds"] + 1),
    "a reason whose customers all agree": lambda frame: frame.assign(
        csat=frame["csat"].where(frame["reason"] == "bill", 5)
    ),
    "a lever that separates the scores": lambda frame: frame.assign(
        csat=np.where(frame["wait_seconds"] > 60, 1, 5), hold_seconds=frame["hold_seconds"]
    ),
    "one odd answer": lambda frame: frame.assign(csat=np.where(frame.index == 3, 1, 5)),
    "huge and tiny values": lambda frame: frame.assign(
        wait_seconds=frame["wait_seconds"] * 1e7, hold_seconds=frame["hold_seconds"] * 1e-6
    ),
    "sixty responses": lambda frame: frame.head(60),
    "two transfers in all": lambda frame: frame.assign(n_transfers=np.where(frame.index.isin([5, 9]), 1, 0)),
    "the one odd answer where the hold is unknown": lambda frame: frame.assign(
        csat=np.where(frame.index == 3, 1, 5), hold_seconds=frame["hold_seconds"].where(frame.index != 3)
    ),
    "the one rare mark where the talk is unknown": lambda frame: with_rare_mark(frame, 3),
}


@pytest.mark.parametrize("case", CASES)
def test_a_log_that_cannot_answer_says_why(case):
    refused = None
    try:
        evidence = evidence_of_case(case)
    except (NothingToEstimateError, TooFewResponsesError) as error:
        refused = str(error)
    if refused is None:
        require_honest(evidence)
    else:
        assert refused.count(" ") > 10  # what happened, and what to do


def test_the_reasons_are_the_right_ones():
    constant = evidence_of_case("a lever that never changes").table.set_index("lever").loc["hold_seconds"]
    assert "the same for every paired contact" in constant["because"]
    missing = evidence_of_case("a lever that is all missing").table.set_index("lever").loc["hold_seconds"]
    assert "missing in 100.0%" in missing["because"]
    rungs = evidence_of_case("one hour of one day").rungs
    crowded = rungs[rungs["rung"] == "congestion"].iloc[0]
    assert "too few quarters of an hour" in crowded["reason"]


def test_answers_all_alike_where_a_lever_is_known_are_a_reason():
    alike = evidence_of_case("the one odd answer where the hold is unknown").table.set_index("lever")
    told = "It could not be tested: all answers that could be used are the same, so nothing can be said to move them."
    assert alike.loc["hold_seconds", "because"] == told
    assert alike.loc["talk_seconds", "because"] == told


TALK = (Lever("talk_seconds", "during", -60),)


@pytest.mark.parametrize(("mark", "spoils"), [(1, False), (3, True), (5, True)])
def test_a_mark_that_is_rare_costs_no_lever_its_estimate(mark, spoils):
    frame = log().drop(columns=["wrap_seconds"])
    if spoils:  # long talks please, but for those that end at the bottom: the odds differ from cut to cut
        talk = frame["talk_seconds"]
        is_spoilt = np.random.default_rng(5).random(len(frame)) < talk / 600
        frame["csat"] = np.where(is_spoilt, 1, np.clip(frame["csat"] + (talk > 240), 1, 5))
    rare = with_rare_mark(frame, mark)
    whole, without = (evidence_of(one, levers=TALK) for one in (rare, rare.drop(index=3)))  # it tells nothing of talk
    assert any("partial proportional odds" in note for note in whole.notes) == spoils
    found, expected = (one.rungs.query("rung in ('raw', 'adjusted', 'within')") for one in (whole, without))
    assert (found["status"] == "ok").all()
    for name in FIGURES:
        assert found[name].to_numpy(float) == pytest.approx(expected[name].to_numpy(float), rel=1e-6)
    json.dumps(whole.population.to_plain(), allow_nan=False)
    ours, theirs = (cx.what_if(one, {"talk_seconds": -60}).table.set_index("metric") for one in (whole, without))
    apart = 1e-3 if spoils else 1e-6  # points are grouped by the mean over cuts, one of which stands there twice
    for name in ("estimate", "conf_low", "conf_high"):
        assert ours[name].to_numpy(float) == pytest.approx(theirs[name].to_numpy(float), rel=apart)


def test_a_mark_that_is_rare_costs_nothing_that_is_asked_further():
    rare = with_rare_mark(log().drop(columns=["wrap_seconds"]), 3)
    whole, without = (
        cx.pair(cx.read_contacts(one.drop(columns=["csat"])), cx.read_surveys(one[["contact_id", "csat"]]))
        for one in (rare, rare.drop(index=3))
    )
    for ask in (
        lambda pairing: cx.dose_response(pairing, "talk_seconds", levers=TALK),
        lambda pairing: cx.segment_effects(pairing, "talk_seconds", "reason", levers=TALK),
        lambda pairing: cx.nonresponse_effects(pairing, times=(0.5, 1, 2), spec=cx.LeverSpec(levers=TALK)),
    ):
        found, expected = ask(whole).table, ask(without).table
        assert found["estimate"].to_numpy(float) == pytest.approx(expected["estimate"].to_numpy(float), rel=1e-6)


def test_sentences_about_what_cannot_be_told_are_whole():
    separated = evidence_of_case("a lever that separates the scores").table.set_index("lever").loc["wait_seconds"]
    assert separated["because"] == (
        "It could not be tested: a column predicts the answers perfectly, so its effect has no finite estimate."
    )
    doubled = evidence_of_case("talk is twice hold").table.set_index("lever")
    for name, other in (("talk_seconds", "Time on hold"), ("hold_seconds", "Talking time")):
        assert doubled.loc[name, "because"] == (
            f"It could not be tested: it cannot be told apart from “{other}” and what else is held equal: leave one"
            " out, or wait for more answers."
        )


def test_after_call_work_that_is_asked_about_as_a_lever_is_no_control_of_itself():
    centre = cx.simulate(n_contacts=6000, seed=1)
    levers = [*cx.DEFAULT_LEVERS[:4], cx.Lever("wrap_seconds", "during", -30)]
    found = cx.fit_levers(cx.pair(centre.contacts, centre.surveys), "csat", levers=levers)
    assert "wrap_seconds" in set(found.table["lever"])
    assert set(found.table["control"]) == {"none"}
    assert any("no negative control: after-call work is itself asked about" in note for note in found.notes)


def test_levers_of_few_answers_are_not_said_to_be_one_another():
    centre = cx.simulate(n_contacts=3000, seed=7)
    pairing = cx.pair(centre.contacts, centre.surveys)
    told = cx.fit_levers(pairing, "csat").table.set_index("lever")
    assert "what is held equal takes up all but" in told.loc["talk_seconds", "because"]
    any_number = cx.LeverSpec(min_responses=1)
    both = cx.fit_levers(pairing, spec=any_number).table.set_index("lever")
    assert "from “Transfers” and what else is held equal" in both.loc["talk_seconds", "because"]
    others = [one for one in cx.DEFAULT_LEVERS if one.name != "n_transfers"]
    apart = cx.fit_levers(pairing, spec=any_number, levers=others)
    # without the other it is no easier to tell: the few answers are why
    assert apart.table.set_index("lever").loc["talk_seconds", "verdict"] == "untestable"


def test_numbers_that_are_all_missing_are_numbers():
    centre = cx.simulate(n_contacts=2_000, seed=1)
    evidence = cx.fit_levers(cx.pair(centre.contacts, centre.surveys), outcome="csat")
    assert set(evidence.table["verdict"]) == {"untestable"}
    decided = cx.decide(evidence)
    for frame in (evidence.table, evidence.rungs, decided.prices, decided.hotspots, decided.pilots):
        columns = frame[[name for name in ("estimate", "conf_low", "rank", "step", "n") if name in frame]]
        assert len(columns.columns) == len(columns.select_dtypes("number").columns), columns.dtypes
    assert evidence.table["estimate"].round(3).isna().all()


def test_a_lever_of_a_few_clusters_is_untestable_however_many_have_none():
    few = evidence_of_case("two transfers in all").table.set_index("lever").loc["n_transfers"]
    assert few["verdict"] == "untestable"
    assert "told apart by the answers of only 2 agents; at least 10" in few["because"]
    frame = log(500)
    flag = evidence_of(
        frame.assign(is_new=~frame["agent_id"].isin(["a0", "a1"])),
        levers=(Lever("wait_seconds", "before", -30), Lever("is_new", "before", -1, shape="count")),
    )
    assert "2 agents" in flag.table.set_index("lever").loc["is_new", "because"]
    grade = evidence_of(
        frame.assign(grade=1 + frame["agent_id"].isin(["a0", "a1"])),
        levers=(Lever("wait_seconds", "before", -30), Lever("grade", "before", -1, shape="linear")),
    )
    told = "told apart by the answers of only 2 agents"  # of a lever without a zero, too
    assert told in grade.table.set_index("lever").loc["grade", "because"]


@pytest.mark.parametrize("usual", [1, 5])
def test_a_lever_that_hardly_ever_differs_is_untestable_whatever_it_usually_is(usual):
    # marks of which all but three answers are about the same one: what these three say has no error that is known
    frame, odd = log(500), [3, 50, 400]
    frame["mark"] = usual
    frame.loc[odd, "mark"] = [2, 3, 4]
    levers = (Lever("wait_seconds", "before", -30), Lever("mark", "before", -1, shape="linear"))
    n_agents = frame.loc[odd, "agent_id"].nunique()
    for one, told in (
        (frame, f"the answers of only {n_agents} agents"),
        (frame.drop(columns="agent_id"), "only 3 answers"),
    ):
        evidence = evidence_of(one, levers=levers)
        require_honest(evidence)
        row = evidence.table.set_index("lever").loc["mark"]
        assert row["verdict"] == "untestable"
        assert f"it is told apart by {told}; at least 10 are needed" in row["because"]


def known_on(frame, name, rows):
    return frame.assign(**{name: frame[name].where(rows)})


def test_what_too_few_answers_tell_together_is_untestable_and_the_rest_is_not():
    # each of three levers is missing in a fifth of the pairs, and not in the same: two fifths tell all of them
    frame, place = log(100).drop(columns="wrap_seconds"), np.arange(100)
    frame["tone"] = np.random.default_rng(1).normal(5, 1, 100)
    for i, name in enumerate(("talk_seconds", "hold_seconds", "tone")):
        frame = known_on(frame, name, (place < 20 * i) | (place >= 20 * (i + 1)))
    evidence = evidence_of(frame, levers=(*cx.DEFAULT_LEVERS, Lever("tone", "during", 1, shape="linear")))
    require_honest(evidence)
    table = evidence.table.set_index("lever")
    for lever in ("talk_seconds", "hold_seconds", "tone"):
        assert table.loc[lever, "because"] == (
            "It could not be tested: only 40 responses tell it and all that it is held against; at least 50 are needed."
        )
    raw = evidence.rungs.query("rung == 'raw'").set_index("lever")
    assert (raw.loc["wait_seconds", "status"], raw.loc["wait_seconds", "n"]) == ("ok", 100)


def test_one_lever_in_detail_is_refused_where_too_few_answers_tell_all_it_needs():
    # each of three levers is missing in 18 % of the pairs, and not in the same: 88 less three times 16 leave 40
    frame, place = log(88).drop(columns="wrap_seconds"), np.arange(88)
    frame["tone"] = np.random.default_rng(1).normal(5, 1, 88)
    for i, name in enumerate(("talk_seconds", "hold_seconds", "tone")):
        frame = known_on(frame, name, (place < 16 * i) | (place >= 16 * (i + 1)))
    levers = (*cx.DEFAULT_LEVERS, Lever("tone", "during", 1, shape="linear"))
    spec = cx.LeverSpec(levers=levers)
    pairing = cx.pair(cx.read_contacts(frame.drop(columns="csat")), cx.read_surveys(frame[["contact_id", "csat"]]))
    because = cx.fit_levers(pairing, spec=spec).table.set_index("lever").loc["talk_seconds", "because"]
    told = "only 40 responses tell it and all that it is held against; at least 50 are needed"
    assert because == f"It could not be tested: {told}."
    for ask in (
        lambda: cx.dose_response(pairing, "talk_seconds", spec=spec),
        lambda: cx.segment_effects(pairing, "talk_seconds", "queue", spec=spec),
        lambda: cx.mediate(pairing, "talk_seconds", ["hold_seconds"], spec=spec),
    ):
        with pytest.raises(NothingToEstimateError) as caught:
            ask()
        assert told in str(caught.value)


def test_levers_that_no_answer_tells_together_break_nothing():
    # talk is known of every second contact, hold of the others: a log of two channels, and a spec that allows it
    frame, place = log(600).drop(columns="wrap_seconds"), np.arange(600)
    frame = known_on(known_on(frame, "talk_seconds", place % 2 == 0), "hold_seconds", place % 2 == 1)
    evidence = evidence_of(frame, spec=cx.LeverSpec(max_missing_share=0.6))
    require_honest(evidence)
    table = evidence.table.set_index("lever")
    assert "only 0 responses tell it" in table.loc["hold_seconds", "because"]
    assert table.loc["wait_seconds", "verdict"] != "untestable"
    tilted = cx.nonresponse_effects(
        cx.pair(cx.read_contacts(frame.drop(columns="csat")), cx.read_surveys(frame[["contact_id", "csat"]])),
        spec=cx.LeverSpec(max_missing_share=0.6),
        times=(0.5, 1, 2),
    )
    assert (tilted.table.query("lever == 'hold_seconds'")["verdict"] == "untestable").all()


@pytest.mark.parametrize("shape", ["spline", "log1p"])
def test_a_lever_below_zero_is_untestable_and_says_why(shape):
    mood = np.random.default_rng(1).normal(0, 3, 500).round()
    levers = (Lever("wait_seconds", "before", -30), Lever("mood", "before", -1, shape=shape))
    evidence = evidence_of(log(500).assign(mood=mood), levers=levers)
    require_honest(evidence)
    row = evidence.table.set_index("lever").loc["mood"]
    assert row["verdict"] == "untestable"
    assert "values below 0" in row["because"]


@pytest.mark.parametrize(
    ("values", "shape", "told"),
    [
        (np.nan, "spline", "missing in 100.0%"),
        (np.where(np.arange(500) % 2, 3.0, np.nan), "spline", "missing in 50.0%"),
        (-3.0 * (np.arange(500) % 2), "log1p", "no log1p"),
    ],
)
def test_a_given_that_cannot_be_held_equal_leaves_the_models_and_is_told(values, shape, told):
    levers = (Lever("wait_seconds", "before", -30), Lever("age", "before", 1, role="given", shape=shape))
    evidence = evidence_of(log(500).assign(age=values), levers=levers)
    require_honest(evidence)
    assert evidence.rungs.query("rung == 'within' and lever == 'wait_seconds'")["n"].item() == 500
    assert any("Age is not held equal" in note and told in note for note in evidence.notes)


def test_a_given_below_zero_is_held_equal():
    levers = (Lever("wait_seconds", "before", -30), Lever("balance", "before", 1, role="given"))
    evidence = evidence_of(log(500).assign(balance=np.random.default_rng(1).normal(0, 3, 500)), levers=levers)
    assert not any("not held equal" in note for note in evidence.notes)


@pytest.mark.parametrize(
    ("column", "role", "told"),
    [
        (lambda frame: frame["started_at"], "lever", "type timestamp"),
        (lambda frame: frame["reason"], "lever", "such as 'bill'"),
        (lambda frame: frame["reason"], "given", "belongs in case_mix"),
    ],
)
def test_what_is_no_number_is_no_lever(column, role, told):
    frame = log(100)
    levers = (Lever("wait_seconds", "before", -30), Lever("plan", "before", 1, role=role))
    with pytest.raises(ConfigError, match=told):
        evidence_of(frame.assign(plan=column(frame)), levers=levers)


def test_numbers_written_as_text_are_a_lever():
    levers = (Lever("wait_seconds", "before", -30), Lever("tries", "before", -1))
    tries = np.random.default_rng(1).integers(0, 4, 500)
    as_text = evidence_of(log(500).assign(tries=tries.astype(str)), levers=levers)
    assert as_text.table.equals(evidence_of(log(500).assign(tries=tries), levers=levers).table)


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (log(n_agents=1), "only 1 agent"),
        (log().assign(csat=3), "one answer"),
        (log(n=49), "49 responses"),
    ],
)
def test_what_leaves_nothing_is_a_typed_error(frame, told):
    with pytest.raises((NothingToEstimateError, TooFewResponsesError), match=told):
        evidence_of(frame)


def test_handle_time_beside_its_parts_is_refused():
    levers = [Lever(name, "during", -30) for name in ("aht_seconds", "talk_seconds", "hold_seconds")]
    with pytest.raises(BadControlError, match="sum of its parts"):
        evidence_of(log().assign(aht_seconds=1.0), levers=levers)


@pytest.mark.parametrize("kind", ["equal", "huge"])
def test_weights_all_equal_or_one_huge(pairing, evidence, kind):
    weights = cx.weigh(pairing, "csat")
    frame = pairing.session.collect(weights.rows).to_pandas()
    frame["weight"] = 1.0
    if kind == "huge":
        frame.loc[0, "weight"] = 1e9
    rows = pairing.session.read(cx.engine.FrameSource(pa.Table.from_pandas(frame, preserve_index=False), "weights"))
    weighted = cx.fit_levers(pairing, "csat", weights=replace(weights, rows=rows))
    require_honest(weighted)
    if kind == "equal":
        plain = evidence.rungs["estimate"].to_numpy(float)
        assert weighted.rungs["estimate"].to_numpy(float) == pytest.approx(plain, rel=1e-9, nan_ok=True)
