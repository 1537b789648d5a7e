"""What a point is worth, on customers whose truth is known, and outcomes that cannot be used."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats

import cxfusion as cx
from cxfusion.errors import InputError, MissingColumnError, NothingToEstimateError, TooFewResponsesError, UsageError

TRUTH = -6.0


def centre(skill=0.5, n=6_000, agents=60, seed=0):
    """A point takes six percentage points of churn; those who are loyal anyway score higher and stay."""
    rng = np.random.default_rng(seed)
    agent, loyal = rng.integers(0, agents, n), rng.normal(0, 1, n)
    mood = 3.5 + rng.normal(0, skill, agents)[agent] + 0.6 * loyal + rng.normal(0, 0.8, n)
    csat = np.clip(np.round(mood), 1, 5)
    chance = np.clip(0.25 + TRUTH / 100 * (csat - 3.5) - 0.06 * loyal, 0, 1)
    started = pd.Timestamp("2026-01-05") + pd.to_timedelta(
        rng.integers(0, 30, n) * 86_400 + rng.integers(30_000, 60_000, n), unit="s"
    )
    contacts = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)], "customer_id": [f"k{i}" for i in range(n)],
            "started_at": started.strftime("%Y-%m-%d %H:%M:%S"), "agent_id": [f"a{a}" for a in agent],
            "queue": rng.choice(["x", "y"], n), "talk_seconds": 100,
        }
    )  # fmt: skip
    answers = pd.DataFrame({"contact_id": contacts["contact_id"], "csat": csat.astype(int)})
    churned = pd.DataFrame({"customer_id": contacts["customer_id"], "churned": rng.random(n) < chance})
    return contacts, answers, churned


@pytest.fixture(scope="module")
def told():
    contacts, answers, churned = centre()
    pairing = cx.pair(cx.read_contacts(contacts), cx.read_surveys(answers))
    return pairing, churned, cx.worth(pairing, churned)


def test_the_agents_tell_what_the_loyal_would_hide(told):
    _, _, found = told
    rows = found.table.set_index("rung")
    assert found.grade == "quasi-random"
    assert rows.loc["agents", "conf_low"] < TRUTH < rows.loc["agents", "conf_high"]
    assert rows.loc["adjusted", "conf_high"] < TRUTH  # too much is credited to satisfaction
    assert not found.higher_is_better
    assert "all that agents differ in reaches loyalty through satisfaction" in found.summary()
    assert pickle.loads(pickle.dumps(found)).table.equals(found.table)


def slope_within(frame, *groups):
    """Of y on csat beside one dummy per level of each of the groups."""
    dummies = [pd.get_dummies(frame[name], dtype=float).to_numpy() for name in groups]
    return np.linalg.lstsq(np.column_stack([frame["csat"], *dummies]), frame["y"], rcond=None)[0][0]


def test_raw_and_adjusted_are_the_regressions_of_statsmodels(told):
    import statsmodels.formula.api as smf

    pairing, churned, found = told
    pairs = pairing.session.collect(
        pairing.pairs.select("contact_id", "csat").inner_join(
            pairing.contacts.rows.select("contact_id", "customer_id", "agent_id", "queue", "started_at"), "contact_id"
        )
    ).to_pandas()
    frame = pairs.merge(churned, on="customer_id")
    hour = frame["started_at"].dt.day_of_week * 24 + frame["started_at"].dt.hour
    frame = frame.assign(
        y=100.0 * frame["churned"], cell=frame["queue"] + hour.astype(str), date=frame["started_at"].dt.date
    )
    rows, groups = found.table.set_index("rung"), pd.factorize(frame["agent_id"])[0]
    raw = smf.ols("y ~ csat", frame).fit(cov_type="cluster", cov_kwds={"groups": groups})
    assert rows.loc["raw", "estimate"] == pytest.approx(raw.params["csat"], abs=1e-8)
    assert rows.loc["raw", "std_error"] == pytest.approx(raw.bse["csat"], rel=1e-6)
    assert rows.loc["adjusted", "estimate"] == pytest.approx(slope_within(frame, "agent_id", "cell", "date"), abs=1e-6)


def came_and_went(n, period=180, agents=40, seed=0):
    """A score does nothing to churn. It rose as time went on, half of the agents came or went, and who was in touch
    earlier has had longer to leave."""
    rng = np.random.default_rng(seed)
    is_there = np.arange(agents) < agents // 2
    first = np.where(is_there, 0, rng.integers(0, period * 5 // 6, agents))
    last = np.where(is_there, rng.integers(period // 6, period + 1, agents), period)
    day = rng.integers(0, period, n)
    agent = np.array([rng.choice(np.flatnonzero((first <= one) & (one <= last))) for one in day])
    csat = np.clip(np.round(3.3 + rng.normal(0, 0.3, agents)[agent] + 0.8 * day / period + rng.normal(0, 1, n)), 1, 5)
    started = pd.Timestamp("2026-01-05") + pd.to_timedelta(day * 86_400 + rng.integers(30_000, 60_000, n), unit="s")
    contacts = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)], "customer_id": [f"k{i}" for i in range(n)],
            "started_at": started.strftime("%Y-%m-%d %H:%M:%S"), "agent_id": [f"a{a}" for a in agent],
        }
    )  # fmt: skip
    answers = pd.DataFrame({"contact_id": contacts["contact_id"], "csat": csat.astype(int)})
    is_gone = rng.random(n) < 1 - np.exp(-0.45 * (1 - day / period))
    return contacts, answers, pd.DataFrame({"customer_id": contacts["customer_id"], "churned": is_gone})


def test_customers_of_one_time_are_compared_since_earlier_ones_have_had_longer_to_leave():
    contacts, answers, churned = came_and_went(4_000)
    found = cx.worth(cx.pair(cx.read_contacts(contacts), cx.read_surveys(answers)), churned)
    rows = found.table.set_index("rung")
    assert rows.loc["raw", "conf_high"] < 0  # as if a point kept customers
    assert rows.loc["adjusted", "conf_low"] < 0 < rows.loc["adjusted", "conf_high"]
    assert rows.loc["agents", "conf_low"] < 0 < rows.loc["agents", "conf_high"]
    assert "Same agent, kind of case, hour and day: " in found.summary()


def test_of_few_customers_some_days_are_compared_together():
    """400 customers in 180 days, 40 agents and some 60 hours of the week: a day at a time leaves too few of them."""
    contacts, answers, churned = came_and_went(400)
    found = cx.worth(cx.pair(cx.read_contacts(contacts), cx.read_surveys(answers)), churned).table.set_index("rung")
    frame = contacts.merge(answers, on="contact_id").merge(churned, on="customer_id")
    started = pd.to_datetime(frame["started_at"])
    days = (started.to_numpy().astype("datetime64[D]") - np.datetime64("1970-01-01")).astype(int)
    hour = started.dt.day_of_week * 24 + started.dt.hour
    frame = frame.assign(y=100.0 * frame["churned"], hour=hour)
    own = {one: slope_within(frame.assign(days=days // one), "agent_id", "hour", "days") for one in (1, 2, 4, 7)}
    n_groups = frame["agent_id"].nunique() + hour.nunique()
    at_a_time = next(one for one in own if 1.5 * (n_groups + 180 / one) <= 400)
    assert found.loc["adjusted", "estimate"] == pytest.approx(own[at_a_time], abs=1e-6)
    assert at_a_time > 1
    assert len({round(slope, 3) for slope in own.values()}) == len(own)


def test_agents_who_are_all_alike_tell_nothing_and_that_is_said():
    contacts, answers, churned = centre(skill=0.0, n=3_000)
    found = cx.worth(cx.pair(cx.read_contacts(contacts), cx.read_surveys(answers)), churned)
    assert found.grade == "adjusted"
    assert found.table.set_index("rung").loc["agents", "status"] == "not_applicable"
    assert "agents move the score too little" in found.summary()


def test_agents_of_whose_customers_nothing_is_known_do_not_count(told):
    """Some agents' customers have no outcome: the others keep the codes of all, of which there are more than agents."""
    import statsmodels.formula.api as smf

    pairing, churned, _ = told
    contacts, answers, _ = centre()
    frame = contacts.merge(answers, on="contact_id").merge(churned, on="customer_id")
    frame = frame[frame["agent_id"] >= "a3"]  # the last of them, in the order of their names
    found = cx.worth(pairing, frame[["customer_id", "churned"]]).table.set_index("rung")
    groups = pd.factorize(frame["agent_id"])[0]
    raw = smf.ols("y ~ csat", frame.assign(y=100.0 * frame["churned"])).fit(
        cov_type="cluster", cov_kwds={"groups": groups}
    )
    assert found["n_agents"].to_list() == [groups.max() + 1] * 3
    assert found.loc["raw", "std_error"] == pytest.approx(raw.bse["csat"], rel=1e-6)
    reach = stats.t.isf(0.025, groups.max()) * raw.bse["csat"]
    assert found.loc["raw", "conf_high"] == pytest.approx(raw.params["csat"] + reach, rel=1e-6)


@pytest.mark.parametrize(("agents", "said"), [(1, "only 1 agent;"), (9, "only 9 agents;")])
def test_customers_of_a_few_agents_are_not_taken_for_so_many_of_their_own(agents, said):
    """Nine agents are nine draws, however many customers they have: an error by customers would be far too small."""
    contacts, answers, churned = centre(n=600, agents=agents)
    found = cx.worth(cx.pair(cx.read_contacts(contacts), cx.read_surveys(answers)), churned)
    why = f"{said} at least 10 are needed"
    assert found.table["n_agents"].tolist() == [agents] * 3
    assert found.table[["status", "reason"]].to_numpy().tolist() == [["not_applicable", why]] * 3
    assert found.table[["estimate", "std_error", "conf_low", "conf_high", "p_value"]].isna().all(axis=None)
    assert found.summary().splitlines() == [
        f"One point of csat: not applicable, {why}", "600 customers have both an answer and churned."
    ]  # fmt: skip
    assert why in found._repr_html_()
    with pytest.raises(NothingToEstimateError, match=said):
        found.beside(SimpleNamespace(prices=pd.DataFrame(), evidence=priced_evidence()), value=200)


def by_rows(y, design, cluster, place):
    """CR2 error of a coefficient and Satterthwaite's degrees by their definitions, in matrices of all rows."""
    bread = np.linalg.pinv(design.T @ design)
    left = np.eye(len(y)) - design @ bread @ design.T
    moved, scores = [], []
    for g in np.unique(cluster):
        inside = cluster == g
        values, vectors = np.linalg.eigh(left[np.ix_(inside, inside)])
        powers = np.where(values > 1e-8, np.maximum(values, 1e-8) ** -0.5, 0)
        weights = (vectors * powers) @ vectors.T @ design[inside] @ bread[:, place]
        scores.append(weights @ (left @ y)[inside])
        moved.append(left[:, inside] @ weights)
    moved = np.column_stack(moved)
    own = np.linalg.eigvalsh(moved.T @ moved)
    return np.linalg.norm(scores), own.sum() ** 2 / (own**2).sum()


@pytest.mark.parametrize("agents", [10, 29])
def test_errors_of_few_agents_are_corrected_and_have_the_degrees_that_these_leave(agents):
    """Ten agents, of whom three have most of the customers: CR1 with nine degrees takes them for ten alike."""
    contacts, answers, churned = centre(n=600, agents=agents)
    few = (contacts["contact_id"].str[-1] > "2") & (contacts["agent_id"] > "a2")
    contacts["agent_id"] = contacts["agent_id"].where(~few, "a1")
    found = cx.worth(cx.pair(cx.read_contacts(contacts), cx.read_surveys(answers)), churned).table.set_index("rung")
    frame = contacts.merge(answers, on="contact_id").merge(churned, on="customer_id")
    started, y = pd.to_datetime(frame["started_at"]), 100.0 * frame["churned"].to_numpy()
    cell = frame["queue"] + (started.dt.day_of_week * 24 + started.dt.hour).astype(str)
    held = (frame["agent_id"], cell, started.dt.date)
    raw = np.column_stack([frame["csat"], np.ones(600)])
    every = np.column_stack([raw, *(pd.get_dummies(one, dtype=float) for one in held)])
    cluster = pd.factorize(frame["agent_id"])[0]
    assert found["n_agents"].tolist() == [agents] * 3
    for rung, design in (("raw", raw), ("adjusted", every)):
        error, degrees = by_rows(y, design, cluster, 0)
        row, slope = found.loc[rung], (np.linalg.pinv(design) @ y)[0]
        assert degrees < agents - 2
        assert row["std_error"] == pytest.approx(error, rel=1e-6)
        assert row["conf_low"] == pytest.approx(slope - stats.t.isf(0.025, degrees) * error, rel=1e-6)
        assert row["p_value"] == pytest.approx(2 * stats.t.sf(abs(slope) / error, degrees), rel=1e-6)


def test_with_too_many_columns_to_decompose_errors_are_those_of_clusters_alike(monkeypatch):
    import statsmodels.formula.api as smf

    monkeypatch.setattr("cxfusion.estimators.least_squares.MOST_COLUMNS", 1)
    contacts, answers, churned = centre(n=600, agents=10)
    row = cx.worth(cx.pair(cx.read_contacts(contacts), cx.read_surveys(answers)), churned).table.iloc[0]
    frame = contacts.merge(answers, on="contact_id").merge(churned, on="customer_id")
    groups = pd.factorize(frame["agent_id"])[0]
    raw = smf.ols("y ~ csat", frame.assign(y=100.0 * frame["churned"])).fit(
        cov_type="cluster", cov_kwds={"groups": groups}
    )
    assert row["std_error"] == pytest.approx(raw.bse["csat"], rel=1e-6)
    assert row["conf_low"] == pytest.approx(raw.params["csat"] - stats.t.isf(0.025, 9) * raw.bse["csat"], rel=1e-6)


def test_of_a_log_without_agents_some_customers_may_have_no_outcome():
    contacts, answers, churned = centre(n=600)
    pairing = cx.pair(cx.read_contacts(contacts.drop(columns="agent_id")), cx.read_surveys(answers))
    rows = cx.worth(pairing, churned.iloc[100:]).table.set_index("rung")
    assert rows["n"].to_list() == [500] * 3
    assert rows.loc["raw", "status"] == "ok"
    assert rows.loc["agents", "reason"] == "the log names none"


def test_a_customer_counts_once_by_the_last_answer():
    contacts, answers, churned = centre(n=400, agents=12)
    earlier = contacts.assign(contact_id="e" + contacts["contact_id"], started_at="2026-01-02 10:00:00")
    said = pd.concat([answers, answers.assign(contact_id="e" + answers["contact_id"], csat=1)])
    found = cx.worth(cx.pair(cx.read_contacts(pd.concat([contacts, earlier])), cx.read_surveys(said)), churned)
    alone = cx.worth(cx.pair(cx.read_contacts(contacts), cx.read_surveys(answers)), churned)
    assert found.table["n"].iloc[0] == 400
    assert found.table["estimate"].iloc[0] == pytest.approx(alone.table["estimate"].iloc[0], abs=1e-9)


def test_ids_meet_those_of_the_log_however_they_are_kept():
    contacts, answers, churned = centre(n=1_500, agents=30)
    numbers = 9_100_000_000_000_000 + np.arange(1_500)  # more than a float can tell apart
    pairing = cx.pair(cx.read_contacts(contacts.assign(customer_id=numbers)), cx.read_surveys(answers))
    as_text = cx.worth(pairing, churned.assign(customer_id=[f" {number} " for number in numbers]))
    ids = pa.array([*numbers.tolist(), None])  # a row without an id
    as_numbers = cx.worth(pairing, pa.table({"customer_id": ids, "churned": [*churned["churned"], True]}))
    assert as_numbers.table.equals(as_text.table)
    assert as_numbers.table["n"].max() == 1_500


def test_outcomes_may_be_words_or_amounts(told):
    pairing, churned, found = told
    words = churned.assign(churned=np.where(churned["churned"], "Yes", "no"))
    assert cx.worth(pairing, words).table["estimate"].equals(found.table["estimate"])
    spent = churned.assign(revenue=100.0 - 40 * churned["churned"])
    money = cx.worth(pairing, spent, "revenue")
    assert money.table["unit"].iloc[0] == "revenue"
    assert money.higher_is_better
    assert money.best["estimate"] == pytest.approx(-0.4 * found.best["estimate"])


def test_the_books_add_up(told):
    pairing, churned, _ = told
    some = churned.assign(churned=churned["churned"].astype(object)).iloc[1000:]
    some.iloc[:10, 1] = None
    extra = pd.DataFrame({"customer_id": ["never seen"], "churned": [True]})
    audit = cx.worth(pairing, pd.concat([some, extra])).audit.set_index("reason")["n"]
    assert audit.to_dict() == {
        "answer_and_outcome": 4990, "outcome_without_answer": 1, "outcome_missing": 10, "answer_without_outcome": 1010,
    }  # fmt: skip


def test_outcomes_that_cannot_be_used_say_why(told):
    pairing, churned, _ = told
    other = churned.assign(customer_id="00" + churned["customer_id"])
    for outcomes, column, error, says in (
        (other, "churned", NothingToEstimateError, "No customer is in both tables"),
        (pd.concat([other, churned.head(20)]), "churned", TooFewResponsesError, "at least 50"),
        (churned.assign(churned=False), "churned", NothingToEstimateError, "the same churned"),
        (churned, "churn", MissingColumnError, "nearest: churned"),
        (pd.concat([churned, churned.head(3)]), "churned", InputError, "3 rows are of a customer"),
        (churned.assign(churned="maybe"), "churned", InputError, "neither yes nor no"),
        (churned.assign(churned=pd.Timestamp("2026-03-01")), "churned", InputError, "neither yes nor no"),
        (churned.assign(churned=date(2026, 3, 1)), "churned", InputError, "neither yes nor no"),
        (churned.assign(churned=[np.inf, *range(len(churned) - 1)]), "churned", InputError, "nor a number: inf"),
    ):
        with pytest.raises(error) as caught:
            cx.worth(pairing, outcomes, column)
        assert says in str(caught.value)


def priced_evidence(outcome="csat", *, is_better_above=True):
    spec = cx.LeverSpec(outcome=outcome)
    return SimpleNamespace(spec=spec, population=SimpleNamespace(is_better_above=is_better_above))


def test_the_price_stands_beside_the_worth(told):
    _, _, found = told
    prices = pd.DataFrame(
        {"lever": ["wait_seconds", "hold_seconds", "talk_seconds"], "currency": "EUR", "price": [1e3, 9e9, None],
         "price_low": [5e2, 8e9, None], "price_high": [2e3, 1e10, None]}
    )  # fmt: skip
    decisions = SimpleNamespace(prices=prices, evidence=priced_evidence())
    beside = found.beside(decisions, value=200)
    assert beside["lever"].tolist() == ["wait_seconds", "hold_seconds"]
    assert beside["worth"].iloc[0] == pytest.approx(-found.best["estimate"] / 100 * 6_000 * 200)
    assert beside["pays"].tolist() == [True, False]
    with pytest.raises(UsageError, match="what a customer who stays is worth"):
        found.beside(decisions, value=0)
    with pytest.raises(UsageError, match="the same score"):
        replace(found, score="nps").beside(decisions, value=1)
    with pytest.raises(UsageError, match=r"prices are of csat_top2box.*outcome='csat'"):  # not in points
        found.beside(SimpleNamespace(prices=prices, evidence=priced_evidence("csat_top2box")), value=200)


def test_a_point_of_effort_less_is_worth_what_a_point_more_would_cost(told):
    """Where a higher score is the worse one, a price is of a point down, and so is the worth beside it."""
    _, _, found = told
    row = {"lever": "wait_seconds", "currency": "EUR", "price": 1e3, "price_low": 5e2, "price_high": 2e3}
    told_of = found.rungs.assign(**{name: -found.rungs[name] for name in ("estimate", "conf_low", "conf_high")})
    told_of = told_of.rename(columns={"conf_low": "conf_high", "conf_high": "conf_low"})  # effort goes with churn
    effort = replace(found, score="ces", rungs=told_of)
    decisions = SimpleNamespace(prices=pd.DataFrame([row]), evidence=priced_evidence("ces", is_better_above=False))
    (beside,) = effort.beside(decisions, value=200).to_dict("records")
    assert beside["worth"] == pytest.approx(-found.best["estimate"] / 100 * 6_000 * 200)
    assert 0 < beside["worth_low"] < beside["worth"] < beside["worth_high"]
    assert beside["pays"] is True


def test_a_point_of_nps_is_told_as_finely_as_it_is_known(told):
    _, _, found = told
    small = {"estimate": -0.082, "conf_low": -0.118, "conf_high": -0.046, "status": "ok"}
    summary = replace(found, score="nps", rungs=found.rungs.assign(**small)).summary()
    assert "One point of nps: −0.08 percentage points of churned (−0.12 to −0.05)" in summary  # sure to be below none
    assert "Alone: −0.08 percentage points (−0.12 to −0.05)" in summary
