"""Prices against Erlang by hand, ranks, hotspots, and pilots against simulated trials."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from datetime import datetime

import ibis
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.integrate import quad

import cxfusion as cx
from cxfusion.decisions import prices
from cxfusion.decisions.decide import _hotspot_line
from cxfusion.decisions.panel_cells import cells_of
from cxfusion.decisions.prices import Costs, _price, _ranks, price_list
from cxfusion.errors import UnknownNameError, UsageError
from cxfusion.estimators.power import Arms, fewest_answers, fewest_clusters, power_of, smallest_effect
from cxfusion.operations.workload import agents_for, typical_week, waits_with
from cxfusion.results.schemas import DECISIONS


@pytest.fixture(scope="module")
def decisions(evidence, pairing):
    return cx.decide(evidence, pairing, cost_per_hour=30, currency="EUR", measures={"n_transfers": 5000})


def own(frame, lever):
    return frame[frame["lever"] == lever].iloc[0]


@pytest.mark.parametrize(
    ("verdict", "told"), [("moves", "the whole step, read along"), ("contested", "it is not sure")]
)
def test_a_lever_that_moves_is_not_said_to_be_unsure_where_only_so_large_a_step_is(verdict, told):
    row = {"cost": 1000.0, "verdict": verdict, "estimate": 0.03, "conf_low": -0.08, "conf_high": 0.16}
    assert _price(row, 1.0)["reason"].startswith(told)
    sure = _price({**row, "conf_low": 0.01}, 1.0)
    assert ("price" in sure) == (verdict == "moves")


@pytest.mark.parametrize("patience", [np.inf, 200.0])
def test_agents_in_parts_agree_with_whole_ones_and_with_their_own_inverse(patience):
    arrivals, aht = np.array([90.0, 200.0, 7.0]), np.array([240.0, 180.0, 400.0])
    given = None if np.isinf(patience) else patience
    whole = cx.staffing(arrivals, aht, [9, 13, 3], patience_seconds=given).table["asa_seconds"].to_numpy()
    many = np.full(3, patience)
    assert agents_for(arrivals, aht, many, whole) == pytest.approx([9, 13, 3], abs=1e-6)
    assert waits_with(arrivals, aht, many, np.array([9.0, 13.0, 3.0])) == pytest.approx(whole, rel=1e-9)
    waits = np.geomspace(0.2, 100, 25)
    agents = agents_for(np.full(25, 90.0), np.full(25, 240.0), np.full(25, patience), waits)
    assert (np.diff(agents) < 0).all()
    assert waits_with(np.full(25, 90.0), np.full(25, 240.0), np.full(25, patience), agents) == pytest.approx(waits)


def test_the_typical_week_is_the_logs_own(session_log):
    week = typical_week(session_log, ["hold_seconds"])
    # two weeks, Mondays at 9: three contacts in all, one hung up, which does not tell patience
    assert (week.arrivals.tolist(), week.contacts_a_week) == ([1.0], 1.5)
    assert week.aht_seconds.tolist() == [(100 + 20 + 10 + 60) / 2]
    assert week.wait_seconds.tolist() == [30.0]
    assert week.level["hold_seconds"].tolist() == [10.0]
    assert (week.n, week.n_left_out, week.n_hours) == (3, 0, 1)


@pytest.fixture
def session_log():
    return cx.read_contacts(
        [
            {"contact_id": "a", "started_at": "2026-01-05 09:10", "queue": "q", "wait_seconds": 20, "talk_seconds": 100,
             "hold_seconds": 20, "wrap_seconds": 10, "is_abandoned": False},
            {"contact_id": "b", "started_at": "2026-01-12 09:50", "queue": "q", "wait_seconds": 40, "talk_seconds": 60,
             "hold_seconds": 0, "wrap_seconds": 0, "is_abandoned": False},
            {"contact_id": "c", "started_at": "2026-01-12 09:55", "queue": "q", "wait_seconds": 50,
             "talk_seconds": None, "hold_seconds": None, "wrap_seconds": None, "is_abandoned": True},
        ]
    )  # fmt: skip


def handled(*wraps):
    """Contacts of one Monday at 9, all of which took 60 seconds of talk and 20 of hold."""
    return [
        {"contact_id": f"h{i}", "started_at": "2026-01-05 09:10", "queue": "q", "wait_seconds": 20, "talk_seconds": 60,
         "hold_seconds": 20, "wrap_seconds": wrap, "is_abandoned": False, "agent_id": "ann", "arm": "new"}
        for i, wrap in enumerate(wraps)
    ]  # fmt: skip


@pytest.mark.parametrize(("wraps", "mean"), [((None, 10.0), 90.0), ((None, None), 80.0)], ids=["of one", "of none"])
def test_a_missing_part_makes_the_handle_time_unknown_wherever_it_is_asked_for(wraps, mean):
    contacts = cx.read_contacts(handled(*wraps))
    since = int(np.datetime64("2026-01-05").astype(int))
    assert cx.diagnose(contacts).pivot()["aht_seconds"].to_list() == [mean]
    assert typical_week(contacts, []).aht_seconds.tolist() == [mean]
    cells = cells_of(contacts, None, "arm", "new", since, "agent_id", 7)
    assert cells.of("aht_seconds")["mean"].to_list() == [mean]


@pytest.mark.parametrize(("n_told", "patience"), [(25, (30 * 20 + 25 * 40) / 25), (15, np.inf)], ids=["many", "few"])
def test_the_patience_of_a_week_is_that_of_the_diagnosis(n_told, patience):
    gone = [
        {"contact_id": f"g{i}", "started_at": "2026-01-05 09:20", "queue": "q", "is_abandoned": True,
         "wait_seconds": 40 if i < n_told else None}
        for i in range(n_told + 10)
    ]  # fmt: skip
    contacts = cx.read_contacts([*handled(*[10.0] * 30), *gone])
    assert typical_week(contacts, []).patience_seconds.tolist() == [patience]
    told = cx.diagnose(contacts).pivot()["patience_seconds"][0]
    assert patience in (told, np.inf)


@pytest.mark.parametrize(("n_told", "work"), [(25, 65.0), (15, 30.0), (0, 30.0)])
def test_who_hung_up_is_work_only_where_erlang_lets_them_hang_up(n_told, work):
    """30 were handled and 35 hung up: to Erlang C, which serves all, 65 would be more than twice the work there was."""
    gone = [
        {"contact_id": f"g{i}", "started_at": "2026-01-05 09:20", "queue": "q", "is_abandoned": True,
         "wait_seconds": 40 if i < n_told else None}
        for i in range(35)
    ]  # fmt: skip
    week = typical_week(cx.read_contacts([*handled(*[10.0] * 30), *gone]), [])
    assert (week.arrivals.tolist(), week.contacts_a_week) == ([work], 65.0)


def test_hours_without_waits_are_no_staffing_but_contacts_that_come_in():
    """Two Mondays: at 9 two contacts that waited, at 10 four that did not, one of which hung up."""
    at_ten = [
        {**call, "contact_id": f"t{i}", "started_at": f"2026-01-{day} 10:00", "wait_seconds": 0, "is_abandoned": i == 0}
        for i, (day, call) in enumerate(zip(("05", "05", "12", "12"), handled(*[10.0] * 4), strict=True))
    ]
    week = typical_week(cx.read_contacts([*handled(10.0, 10.0), *at_ten]), [])
    assert (week.arrivals.tolist(), week.n_left_out, week.contacts_a_week) == ([1.0], 4, 3.0)


def test_the_volume_of_a_hotspot_does_not_hang_on_whether_waits_are_told(evidence, pairing, decisions):
    rows = pairing.contacts.rows
    waits = (rows["queue"] == "billing").ifelse(0.0, rows["wait_seconds"])
    contacts = replace(pairing.contacts, rows=rows.mutate(wait_seconds=waits))
    found = cx.decide(evidence, replace(pairing, contacts=contacts), cost_per_hour=30).hotspots
    assert len(found)
    pd.testing.assert_frame_equal(found, decisions.hotspots)


def test_calls_that_agents_make_are_no_arrivals():
    inbound = [call | {"direction": "inbound"} for call in handled(*[10.0] * 40)]
    dialled = [
        call | {"contact_id": f"d{i}", "direction": "Outbound", "wait_seconds": 0, "talk_seconds": 300}
        for i, call in enumerate(handled(*[10.0] * 25))
    ]
    week = typical_week(cx.read_contacts([*inbound, *dialled]), ["talk_seconds"])
    # one Monday at 9: 40 came in, waited 20 s and took 60 + 20 + 10 s
    assert week.arrivals.tolist() == [40.0]
    assert (week.wait_seconds.tolist(), week.aht_seconds.tolist()) == ([20.0], [90.0])
    assert week.level["talk_seconds"].tolist() == [60.0]
    assert (week.n, week.n_left_out, week.n_hours) == (40, 0, 1)


def calls_at(starts, **columns):
    """Calls of one queue that waited 30 s and were talked to for 180."""
    return [
        {"contact_id": f"c{i}", "started_at": start, "queue": "q", "wait_seconds": 30, "talk_seconds": 180,
         "is_abandoned": False, **columns}
        for i, start in enumerate(starts)
    ]  # fmt: skip


def test_one_call_of_another_century_does_not_make_the_week_a_quiet_one():
    mondays = [f"2026-01-{day} 09:{minute:02d}" for day in ("05", "12", "19", "26") for minute in range(60)]
    week = typical_week(cx.read_contacts(calls_at([*mondays, "2000-01-03 09:00"]), timezone="UTC"), [])
    assert week.arrivals.tolist() == [60.0]  # 240 calls on four Mondays
    assert (week.n, week.n_left_out, week.n_beyond, week.n_hours) == (240, 0, 1, 1)
    quiet = typical_week(cx.read_contacts(calls_at([*mondays[:99], "2000-01-03 09:00"]), timezone="UTC"), [])
    assert quiet.n_beyond == 0  # one in a hundred
    assert quiet.arrivals.max() < 0.1


def test_one_call_of_another_century_changes_neither_pilots_nor_prices(evidence, pairing, decisions):
    rows = pairing.contacts.rows
    one = pairing.contacts.session.collect(rows.order_by("started_at").limit(1, offset=5_000))["contact_id"][0].as_py()
    started = (rows["contact_id"] == one).ifelse(ibis.literal(datetime(1999, 1, 4, 9)), rows["started_at"])
    contacts = replace(pairing.contacts, rows=rows.mutate(started_at=started))
    found = cx.decide(evidence, replace(pairing, contacts=contacts), cost_per_hour=30, measures={"n_transfers": 2_000})
    assert len(found.pilots)
    pd.testing.assert_frame_equal(found.pilots, decisions.pilots)
    agents, usual = (own(told.prices, "wait_seconds")["agents"] for told in (found, decisions))
    assert agents == pytest.approx(usual, rel=0.01)
    note = "1 contact starts more than 60 days before or after all others, by a wrong clock it seems; left out of"
    assert sum(told.startswith(note) for told in found.notes) == 1
    assert not any(told.startswith(note) for told in decisions.notes)


def test_the_price_of_waiting_is_erlangs_agents_by_the_hour(decisions, evidence, pairing):
    row, week = own(decisions.prices, "wait_seconds"), typical_week(pairing.contacts, [])
    points = evidence.population.points
    mean = points.weight @ points.level[:, evidence.population.place("wait_seconds")]
    shorter = week.wait_seconds * (1 + row["step"] / mean)
    hours = sum(
        agents_for(*(np.array([x]) for x in (a, h, p, then)))[0]
        - agents_for(*(np.array([x]) for x in (a, h, p, now)))[0]
        for a, h, p, now, then in zip(
            week.arrivals, week.aht_seconds, week.patience_seconds, week.wait_seconds, shorter, strict=True
        )
    )
    assert row["cost"] == pytest.approx(hours * 30 * 365.25 / 7, rel=1e-9)
    assert row["agents"] == pytest.approx(hours / week.n_hours)
    gain = cx.what_if(evidence, {"wait_seconds": -30}).table.iloc[0]
    assert row["estimate"] == pytest.approx(gain["corrected_estimate"], rel=1e-9)
    assert row["price"] == pytest.approx(row["cost"] / gain["corrected_estimate"], rel=1e-9)
    assert row["price_low"] == pytest.approx(row["cost"] / gain["conf_high"], rel=1e-9)


def with_wait_step(evidence, step):
    """The evidence as if another step of waiting had been asked about, of a wait that may go to zero."""
    forms = [
        replace(form, low=0.0, basis=replace(form.basis, lever=replace(form.lever, step=step)))
        if form.lever.name == "wait_seconds"
        else form
        for form in evidence.population.levers
    ]
    return replace(evidence, population=replace(evidence.population, levers=tuple(forms)))


@pytest.mark.parametrize("patience", ["of the log", "infinite"])
def test_no_number_of_agents_takes_all_waiting_away(evidence, pairing, patience):
    week = typical_week(pairing.contacts, [])
    if patience == "infinite":
        week = replace(week, patience_seconds=np.full(len(week.arrivals), np.inf))
    costs = Costs(30.0, "EUR", 0.0, {"wait_seconds": 1000.0}, {})
    for step in (-30.0, -500.0):
        row = own(pd.DataFrame(price_list(with_wait_step(evidence, step), week, costs)), "wait_seconds")
        is_all = step == -500
        assert pd.isna(row["cost"]) == pd.isna(row["price"]) == pd.isna(row["agents"]) == pd.isna(row["rank"]) == is_all
        assert ("takes all waiting away" in str(row["reason"])) == is_all
        assert row["estimate"] > 0  # what it would bring is told all the same


def test_a_cost_that_erlang_cannot_tell_is_none_and_says_why(evidence, pairing, monkeypatch):
    monkeypatch.setattr(prices, "agents_for", lambda arrivals, *_: np.full(len(arrivals), np.nan))
    row = own(cx.decide(evidence, pairing, cost_per_hour=30).prices, "wait_seconds")
    assert row[["agents", "cost", "price", "rank"]].isna().all()
    assert "no number of agents" in row["reason"]


def test_seconds_of_what_is_no_column_of_the_log_have_no_cost(evidence, pairing):
    """Such as of earlier contacts, which are counted from the log and stand in no column of it."""
    costs = Costs(30.0, "EUR", 0.0, {}, {"n_transfers": 90.0})
    row = own(pd.DataFrame(price_list(evidence, typical_week(pairing.contacts, []), costs)), "n_transfers")
    assert pd.isna(row["cost"])
    assert "no column of the log" in row["reason"]


def test_shrinkage_and_hourly_cost_scale_and_measures_add(evidence, pairing, decisions):
    other = cx.decide(evidence, pairing, cost_per_hour=60, shrinkage=0.5, measures={"wait_seconds": 1000})
    once, again = own(decisions.prices, "wait_seconds")["cost"], own(other.prices, "wait_seconds")["cost"]
    assert again == pytest.approx(4 * once + 1000)


@pytest.mark.parametrize("is_better_above", [True, False])
@pytest.mark.parametrize("lever", ["talk_seconds", "hold_seconds"])
def test_shorter_handling_saves_agents_and_shortens_waits(evidence, pairing, lever, is_better_above):
    """Longer handling the other way round; the step goes where it does good, by the corrected estimate."""
    turned = replace(evidence, population=replace(evidence.population, is_better_above=is_better_above))
    row = own(cx.decide(turned, pairing, cost_per_hour=30).prices, lever)
    best = cx.what_if(evidence, {lever: -30}).table["corrected_estimate"].iloc[0]
    assert np.sign(row["estimate"]) == (1 if is_better_above else -1)
    is_shorter = row["step"] < 0
    assert is_shorter == ((best > 0) == is_better_above)
    assert (row["cost"] < 0) == (row["agents"] < 0) == is_shorter
    assert (row["with_wait"] > row["estimate"]) == is_shorter


def test_only_what_moves_the_score_has_a_price_and_a_place(decisions, evidence):
    for row in decisions.prices.to_dict("records"):
        if row["verdict"] == "moves":
            assert 1 <= row["rank_low"] <= row["rank"] <= row["rank_high"]
        else:
            assert pd.isna(row["price"])
            assert pd.isna(row["rank"])
            assert row["reason"]


def test_what_saves_comes_before_what_costs_and_what_does_no_good_last():
    cost = np.array([10.0, -5.0, 10.0, -50.0, 1.0])
    gain = np.array([[2.0, 0.1, 5.0, 0.1, -1.0]])
    assert _ranks(cost, gain).tolist() == [[4, 2, 3, 1, 5]]


def test_missing_or_zero_costs_say_so_and_count_agents_all_the_same(evidence, pairing):
    for cost, says in ((None, "no hourly cost"), (0, "prices nothing")):
        found = cx.decide(evidence, pairing, cost_per_hour=cost)
        row = own(found.prices, "wait_seconds")
        assert row["agents"] > 0
        assert pd.isna(row["cost"])
        assert says in row["reason"]
        assert says in found.summary()
    alone = cx.decide(evidence)
    assert "Erlang cannot tell" in alone.summary()
    assert alone.prices["estimate"].notna().all()


def test_costs_that_cannot_be_are_refused(evidence):
    with pytest.raises(UsageError, match="cost_per_hour is -3"):
        cx.decide(evidence, cost_per_hour=-3)
    with pytest.raises(UsageError, match="shrinkage is 1"):
        cx.decide(evidence, shrinkage=1)
    with pytest.raises(UnknownNameError, match="hold_seconds"):
        cx.decide(evidence, measures={"hold": 3})


def test_where_nothing_moves_it_says_so(evidence, pairing):
    still = replace(evidence, levers=evidence.levers.assign(verdict="unclear"))
    found = cx.decide(still, pairing, cost_per_hour=30)
    assert "No lever is sure to move the score" in found.summary()
    assert found.prices["price"].isna().all()
    assert found.prices["estimate"].notna().all()
    assert set(found.pilots["lever"]) == set(still.levers["lever"])


def test_given_levers_are_listed_and_not_changed(pairing, evidence):
    given = cx.Lever("n_agents", "before", 1, role="given", shape="count")
    found = cx.decide(replace(evidence, spec=replace(evidence.spec, levers=(*evidence.spec.levers, given))), pairing)
    assert own(found.prices, "n_agents")[["group", "status"]].tolist() == ["given", "not_applicable"]


def test_a_hotspot_is_share_by_effect_by_headroom(decisions, evidence):
    spots = decisions.hotspots
    assert spots["estimate"].notna().all()
    row = spots[(spots["lever"] == "n_transfers") & (spots["segment_column"] == "queue")].iloc[0]
    gain = cx.what_if(evidence, {"n_transfers": row["step"]}, segment={"queue": row["segment"]}).table.iloc[0]
    assert row["estimate"] == pytest.approx(row["share"] * gain["corrected_estimate"])
    assert row["mean_level"] + row["step"] == pytest.approx(row["target"])
    assert (spots["n"] >= 30).all()
    moving = (spots["verdict"] == "moves").to_numpy()
    assert (np.diff(moving.astype(int)) <= 0).all()
    first = spots[moving]["estimate"].to_numpy()
    assert (np.diff(first) <= 1e-12).all()


def test_the_rows_of_the_file_keep_to_their_schema(decisions):
    table = decisions.to_arrow()
    assert table.schema.equals(DECISIONS)
    counts = table.to_pandas()["section"].value_counts()
    assert counts["price"] == len(decisions.prices)
    assert counts["hotspot"] == len(decisions.hotspots)
    assert pickle.loads(pickle.dumps(decisions)).table.equals(decisions.table)


def trial_power(arms, effect, draws, seed=1):
    """Share of simulated trials whose weighted t test of the clusters finds the effect."""
    rng = np.random.default_rng(seed)
    k, found = arms.clusters, 0
    for _ in range(draws):
        spread = arms.size_cv * arms.per_cluster
        sizes = np.full(2 * k, arms.per_cluster)
        if spread:
            shape = 1 / arms.size_cv**2
            sizes = np.maximum(np.round(rng.gamma(shape, arms.per_cluster / shape, 2 * k)), 1)
        error = np.sqrt(arms.icc + (1 - arms.icc) / sizes)
        mean = rng.normal(0, error) + np.where(np.arange(2 * k) < k, effect, 0)
        weight = error**-2
        centre = [np.average(mean[arm], weights=weight[arm]) for arm in (slice(0, k), slice(k, None))]
        rest = np.concatenate([mean[:k] - centre[0], mean[k:] - centre[1]])
        scale = (weight * rest**2).sum() / (2 * k - 2)
        t = (centre[0] - centre[1]) / np.sqrt(scale * (1 / weight[:k].sum() + 1 / weight[k:].sum()))
        found += abs(t) > stats.t.isf(0.025, 2 * k - 2)
    return found / draws


@pytest.mark.parametrize(
    ("arms", "effect"),
    [
        (Arms(20, 50, 0.05), 0.25),
        (Arms(5, 30, 0.02), 0.35),
        (Arms(40, 12, 0.10), 0.22),
        (Arms(25, 40, 0.04, size_cv=0.6), 0.2),
    ],
)
def test_power_agrees_with_simulated_trials_within_two_points(arms, effect):
    assert power_of(arms, effect) == pytest.approx(trial_power(arms, effect, 8_000), abs=0.02)


def test_power_of_single_answers_is_that_of_the_t_test():
    from statsmodels.stats.power import TTestIndPower

    assert power_of(Arms(64, 1.0, 0.0), 0.5) == pytest.approx(TTestIndPower().power(0.5, 64, 0.05), abs=1e-9)
    assert fewest_clusters(1.0, 0.0, 0.0, 0.5, 0.8) == 64  # Cohen's table


def test_a_large_effect_is_found_for_certain_and_the_smallest_is_where_the_power_is():
    for clusters in (2, 5, 37, 300):
        arms = Arms(clusters, 1e6, 0.03)
        found = [power_of(arms, effect) for effect in np.geomspace(0.01, 50, 60)]
        assert (np.diff(found) >= -1e-9).all()
        assert found[-1] == pytest.approx(1)
        assert power_of(arms, smallest_effect(arms, 0.8)) == pytest.approx(0.8, abs=1e-6)


def test_sizes_are_the_fewest_that_do():
    for icc, cv in ((0.02, 0.0), (0.08, 0.5)):
        k = fewest_clusters(30, icc, cv, 0.2, 0.8)
        assert power_of(Arms(k, 30, icc, cv), 0.2) >= 0.8 > power_of(Arms(k - 1, 30, icc, cv), 0.2)
        assert smallest_effect(Arms(k, 30, icc, cv), 0.8) <= 0.2
        for effect in (0.19, 0.21, 0.23, 0.25, 0.27, 0.29, 0.31):
            m = fewest_answers(2 * k, icc, cv, effect, 0.8)
            assert power_of(Arms(2 * k, m, icc, cv), effect) >= 0.8
            assert m == 1 or power_of(Arms(2 * k, m - 1, icc, cv), effect) < 0.8
    assert fewest_answers(5, 0.10, 0.0, 0.2, 0.8) is None


def test_single_answers_are_looked_at_up_to_a_hundred_thousand_in_each_arm():
    """One NPS point of answers that vary by seventy takes 77,000: none were looked at between 65,536 and 100,000."""
    normal = 2 * (stats.norm.isf(0.025) + stats.norm.ppf(0.8)) ** 2  # of the z test, which with so many is the t test
    assert fewest_clusters(1.0, 0.0, 0.0, 1 / 70, 0.8) == pytest.approx(normal * 70**2, abs=2)
    assert fewest_clusters(1.0, 0.0, 0.0, 1 / 80, 0.8) is None


@pytest.mark.parametrize("effect", [3.0, 12.0, 19.0, 30.0, 80.0])
def test_power_of_two_clusters_in_each_arm_is_its_integral(effect):
    """The squared error that two degrees leave is exponential, so that it may hide even a wide shift."""
    edge = stats.t.isf(0.005, 2)

    def found(square: float) -> float:
        size = edge * np.sqrt(square)
        return np.exp(-square) * (stats.norm.sf(size - effect) + stats.norm.cdf(-size - effect))

    parts = [quad(found, low, low + 1, epsabs=1e-13)[0] for low in range(60)]
    arms = Arms(2, 1.0, 0.0)  # the difference of two means of two single answers each has variance 1
    assert power_of(arms, effect, alpha=0.01) == pytest.approx(sum(parts), abs=1e-9)


def test_icc_and_cluster_sizes_come_from_the_answers(evidence, pairing):
    pairs = pairing.pairs.filter(pairing.pairs["csat"].notnull()).select("contact_id", "csat")
    rows = pairs.inner_join(pairing.contacts.rows.select("contact_id", "agent_id"), "contact_id")
    frame = pairing.session.collect(rows).to_pandas()
    groups = [own["csat"].to_numpy(float) for _, own in frame.groupby("agent_id")]
    between = sum(len(g) * (g.mean() - frame["csat"].mean()) ** 2 for g in groups) / (len(groups) - 1)
    within = sum(((g - g.mean()) ** 2).sum() for g in groups) / (len(frame) - len(groups))
    sizes = np.array([len(g) for g in groups])
    typical = (sizes.sum() - (sizes**2).sum() / sizes.sum()) / (len(groups) - 1)
    facts = evidence.clusters
    assert facts.icc == pytest.approx((between - within) / (between + (typical - 1) * within), rel=1e-6)
    assert (facts.n_clusters, facts.mean_size) == (len(groups), sizes.mean())


def test_what_a_group_would_bring_is_told_as_finely_as_its_ends_and_in_one_line():
    row = {"lever": "wait_seconds", "segment_column": "queue", "segment": "or\nders", "share": 0.18, "step": -8.4,
           "unit": "seconds", "estimate": 0.0053, "conf_low": 0.0038, "conf_high": 0.0057,
           "outcome_unit": "CSAT points"}  # fmt: skip
    assert _hotspot_line(row) == (
        "  Waiting time, queue or�ders (18% of contacts): 8.4 seconds less waiting → 0.005 CSAT points for all"
        " (0.004 to 0.006)"
    )


def test_one_week_is_one_week(evidence):
    many = cx.design_pilot(evidence, "hold_seconds", effect=0.3, answers_a_week=1e6, weeks=1).summary()
    assert "(1 week)" in many
    assert "(1 weeks)" not in many
    few = cx.design_pilot(evidence, "hold_seconds", effect=0.3, answers_a_week=50).summary()
    assert re.search(r"\(\d+ weeks\)", few)


@pytest.mark.parametrize(("word", "size"), [("unclear", 0.11), ("contested", 0.2)])
def test_a_pilot_of_an_unclear_lever_finds_what_is_left_when_it_is_corrected(evidence, word, size):
    """Of a contested one it has to find what it looks like: that is what is in question."""
    at = evidence.levers["lever"] == "hold_seconds"
    own = {"verdict": word, "estimate": 0.2, "corrected_estimate": -0.11}
    levers = evidence.levers.copy()
    levers.loc[at, list(own)] = list(own.values())
    assert cx.design_pilot(replace(evidence, levers=levers), "hold_seconds").table["effect"].tolist() == [size] * 2
    levers.loc[at, "corrected_estimate"] = None
    assert cx.design_pilot(replace(evidence, levers=levers), "hold_seconds").table["effect"].tolist() == [0.2] * 2


def asked_about(which):
    """A contact an hour for sixty days; some are answered about, two hours later."""
    starts = pd.date_range("2026-01-05", periods=1_440, freq="h")
    log = pd.DataFrame({"contact_id": [f"c{i}" for i in range(1_440)], "started_at": starts})
    answers = log.iloc[list(which)][["contact_id"]].assign(csat=np.resize([3, 4, 5, 5], len(which)))
    answers["answered_at"] = starts[list(which)] + pd.Timedelta("2h")
    return cx.pair(cx.read_contacts(log), cx.read_surveys(answers))


@pytest.mark.parametrize("asked", [range(936, 1_440, 3), range(0, 504, 3)], ids=["launched", "ended"])
def test_pilots_go_at_the_pace_of_the_weeks_in_which_the_survey_ran(evidence, asked):
    """Three weeks, in which each third contact is answered about: 56 answers a week."""
    pairing = asked_about(asked)
    assert pairing.n_pairs == 168
    pilots = cx.decide(replace(evidence, n=168), pairing).pilots
    by_contact = pilots[pilots["design"] == "contacts"]
    assert len(by_contact)
    n = by_contact["answers_per_arm"].to_numpy(float)
    assert by_contact["contacts_per_arm"].to_numpy(float) == pytest.approx(3 * n, rel=0.02)
    assert by_contact["weeks"].to_numpy(float) == pytest.approx(np.ceil(2 * n / 56), rel=0.02, abs=1)


def test_answers_that_are_all_too_young_tell_no_pace_of_pilots(evidence):
    pairing = asked_about(range(1_200, 1_440, 3))
    lag = replace(pairing.answer_lag, last_answer_at=datetime(2026, 2, 1), asked_from=None)
    pilots = cx.decide(replace(evidence, n=80), replace(pairing, answer_lag=lag)).pilots
    assert len(pilots)
    assert pilots[["weeks", "contacts_per_arm"]].isna().all(axis=None)


def test_a_pilot_that_never_had_power_says_so(evidence):
    few = replace(evidence, clusters=replace(evidence.clusters, n_clusters=6, icc=0.1))
    found = cx.design_pilot(few, "hold_seconds", effect=0.1, answers_a_week=500, response_rate=0.2)
    whole, single = found.table.to_dict("records")
    assert whole["status"] == "not_applicable"
    assert "no length of pilot" in whole["reason"]
    assert whole["detectable"] > 0.1
    assert single["status"] == "ok"
    assert single["contacts_per_arm"] == pytest.approx(single["answers_per_arm"] / 0.2)
    assert "not possible" in found.summary()
    three = replace(evidence, clusters=replace(evidence.clusters, n_clusters=3))
    whole = cx.design_pilot(three, "hold_seconds", effect=0.1).table.iloc[0]
    assert whole["reason"] == "each arm takes at least two of them, and there are 3"
    assert pd.isna(whole["detectable"])  # what one cluster in each arm would find has no size
    with pytest.raises(UsageError, match=r"power is 1\.2"):
        cx.design_pilot(evidence, "hold_seconds", power=1.2)
    with pytest.raises(UsageError, match="response_rate is 15; expected a share above 0 and at most 1"):
        cx.design_pilot(evidence, "hold_seconds", response_rate=15)  # per cent
    with pytest.raises(UsageError, match=r"answers_a_week is 0; expected more than 0") as refused:
        cx.design_pilot(evidence, "hold_seconds", answers_a_week=0, response_rate=-0.1)
    assert "response_rate is -0.1" in str(refused.value)
    with pytest.raises(UnknownNameError, match="hold_seconds"):
        cx.design_pilot(evidence, "hold")


def test_what_is_best_near_where_it_is_has_neither_a_price_nor_a_hotspot():
    # scores are best at 310 seconds, a little above the mean: a small step up does good, a large one either way harm
    rng, n = np.random.default_rng(4), 6_000
    menu = rng.normal(300, 40, n).clip(1).round()
    latent = 2.0 - ((menu - 310) / 60) ** 2 + rng.logistic(0, 0.5, n)
    log = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)],
            "started_at": pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 20 * 86_400, n), "s"),
            "agent_id": [f"a{i}" for i in rng.integers(0, 40, n)],
            "queue": rng.choice(["help", "sales"], n),
            "menu_seconds": menu,
        }
    )
    answers = log[["contact_id"]].assign(csat=np.digitize(latent, [-1.0, 0.0, 0.7, 1.4]) + 1)
    pairing = cx.pair(cx.read_contacts(log), cx.read_surveys(answers))
    evidence = cx.fit_levers(pairing, levers=[cx.Lever("menu_seconds", "before", -100)])
    less, more = (cx.what_if(evidence, {"menu_seconds": step}).table.iloc[0] for step in (-100, 100))
    assert evidence.table["verdict"].item() == "moves"
    assert max(less["conf_high"], more["conf_high"]) < 0
    decisions = cx.decide(evidence, measures={"menu_seconds": 1_000})
    priced = decisions.prices.iloc[0]
    assert priced["cost"] == 1_000
    assert pd.isna(priced["price"])
    assert "more and less of it both do harm" in priced["reason"]
    assert (decisions.hotspots["estimate"] > 0).all()
