"""Differences of two groups against a computation by hand, customer by customer, and against Welch's test."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import cxfusion as cx
from cxfusion.errors import NothingToEstimateError, UnknownNameError, UsageError

RNG = np.random.default_rng(3)
N = 600


def pairing_of(queue, score, customer=None, started="2026-01-05 09:00", name="csat"):
    contacts = pd.DataFrame({"contact_id": [f"c{i}" for i in range(len(queue))], "started_at": started, "queue": queue})
    surveys = pd.DataFrame({"contact_id": contacts["contact_id"], name: score})
    if customer is not None:
        contacts["customer_id"] = customer
    return cx.pair(cx.read_contacts(contacts), cx.read_surveys(surveys))


def test_without_shared_customers_it_is_welchs_test_of_the_means():
    queue = np.repeat(["a", "b"], [250, 350])
    score = np.concatenate([RNG.integers(1, 6, 250), RNG.integers(2, 6, 350)])
    (row,) = cx.compare(pairing_of(queue, score), "csat", by="queue").of("csat_mean").itertuples()
    welch = stats.ttest_ind(score[:250], score[250:], equal_var=False)
    assert row.estimate == pytest.approx(score[:250].mean() - score[250:].mean())
    assert row.std_error == pytest.approx(row.estimate / welch.statistic)
    assert row.p_value == pytest.approx(2 * stats.t.sf(abs(welch.statistic), 249))
    assert (row.n, row.n_other, row.reading) == (250, 350, "different")


@pytest.mark.parametrize(("name", "metric", "factor"), [("csat", "csat_mean", 1), ("nps", "nps", 100)])
def test_customers_who_answered_in_both_groups_count_in_both(name, metric, factor):
    customer = RNG.integers(0, 80, N)
    queue = RNG.choice(["a", "b"], N)
    mood = RNG.normal(0, 1.5, 80)[customer]
    score = np.clip(np.round((3 if name == "csat" else 7) + mood + RNG.normal(0, 1, N)), 1, 5 if name == "csat" else 10)
    (row,) = cx.compare(pairing_of(queue, score, customer, name=name), name, by="queue").of(metric).itertuples()
    x = score if name == "csat" else (score >= 9).astype(float) - (score <= 6)
    variance = 0.0
    psi = np.zeros((80, 2))
    for j, group in enumerate("ab"):
        here = queue == group
        psi[:, j] = np.bincount(customer[here], x[here] - x[here].mean(), 80) / here.sum()
        there = len(set(customer[here]))
        own = (psi[:, j] ** 2).sum() * there / (there - 1)
        if name == "nps":  # shares are known with divisor n, not n − 1
            own *= (here.sum() - 1) / here.sum()
        variance += own
    variance -= 2 * psi[:, 0] @ psi[:, 1]
    assert row.estimate == pytest.approx(factor * (x[queue == "a"].mean() - x[queue == "b"].mean()))
    assert row.std_error == pytest.approx(factor * np.sqrt(variance))
    naive = psi[:, 0] @ psi[:, 0] + psi[:, 1] @ psi[:, 1]
    assert row.std_error < 0.8 * factor * np.sqrt(naive)  # sharing customers makes the difference surer here


def test_alike_is_shown_not_assumed():
    queue = np.tile(["a", "b"], 30_000)
    score = np.tile([3, 3, 4, 4, 5, 5], 10_000)
    many = cx.compare(pairing_of(queue, score), "csat", by="queue").of("csat_mean")
    few = cx.compare(pairing_of(queue[:60], score[:60]), "csat", by="queue").of("csat_mean")
    assert many["reading"].to_list() == ["similar"]
    assert few["reading"].to_list() == ["not told apart"]
    wide = cx.compare(pairing_of(queue[:60], score[:60]), "csat", by="queue", smallest_difference=0.7)
    assert wide.of("csat_mean")["reading"].to_list() == ["similar"]


def test_periods_missing_groups_and_small_cells():
    started = np.repeat(["2026-01-05 09:00", "2026-01-06 09:00"], 40)
    score = np.concatenate([RNG.integers(1, 3, 40), RNG.integers(4, 6, 40)])
    by_day = cx.compare(pairing_of(["a"] * 80, score, started=started), "csat", interval="1d").of("csat_mean")
    assert by_day[["group", "reading"]].to_numpy().tolist() == [["2026-01-05 00:00", "different"]]
    queue = ["a"] * 40 + [None] * 37 + ["tiny"] * 3
    found = cx.compare(pairing_of(queue, score), "csat", by="queue").of("csat_mean")
    status = {(row.group, row.other_group): row.status for row in found.itertuples()}
    assert sorted(status.values()) == ["ok", "suppressed", "suppressed"]
    assert found.loc[found["status"] == "suppressed", ["estimate", "reading"]].isna().all(axis=None)


def test_groups_with_long_numbers_are_told_apart():
    contacts = pd.DataFrame({"contact_id": [f"c{i}" for i in range(90)], "started_at": "2026-01-05 09:00"})
    contacts["site"] = pd.array([1234567, 1234568, None] * 30, dtype="Int64")
    surveys = pd.DataFrame({"contact_id": contacts["contact_id"], "csat": [1, 3, 5] * 15 + [2, 4, 4] * 15})
    found = cx.compare(cx.pair(cx.read_contacts(contacts), cx.read_surveys(surveys)), "csat", by="site")
    rows = found.of("csat_mean")
    assert rows[["group", "other_group"]].values.tolist() == [
        ["1234567", "1234568"], ["1234567", "(missing)"], ["1234568", "(missing)"],
    ]  # fmt: skip
    assert rows["estimate"].to_list() == pytest.approx([1.5 - 3.5, 1.5 - 4.5, 3.5 - 4.5])


def welchs(one, other):
    return one.mean() - other.mean(), np.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other))


def test_a_missing_value_and_one_that_says_so_are_two_groups():
    queue, score = np.array(["a", "(missing)", None] * 30, dtype=object), RNG.integers(1, 6, 90)
    found = cx.compare(pairing_of(queue, score), "csat", by="queue").of("csat_mean")
    said, first, missing = score[1::3], score[::3], score[2::3]  # as they are sorted, missing ones last
    assert found["group"].to_list() == ["(missing)", "(missing)", "a"]
    assert found["other_group"].to_list() == ["a", "(missing)", "(missing)"]
    by_hand = [welchs(said, first), welchs(said, missing), welchs(first, missing)]
    assert found[["estimate", "std_error"]].to_numpy(float) == pytest.approx(np.array(by_hand))
    with pytest.raises(UsageError, match=r"\(missing\) names several groups: queue '\(missing\)'; queue missing"):
        cx.compare(pairing_of(queue, score), "csat", by="queue", groups=["(missing)", "a"])


def test_groups_whose_joined_names_are_the_same_are_compared():
    contacts = pd.DataFrame({"contact_id": [f"c{i}" for i in range(90)], "started_at": "2026-01-05 09:00"})
    contacts["queue"], contacts["site"] = ["A × B", "A"] * 45, ["C", "B × C"] * 45
    contacts["customer_id"] = np.repeat(np.arange(45), 2)  # each in both: what they share is taken off
    score = np.clip(np.repeat(RNG.integers(1, 5, 45), 2) + RNG.integers(0, 2, 90), 1, 5)
    surveys = pd.DataFrame({"contact_id": contacts["contact_id"], "csat": score})
    pairing = cx.pair(cx.read_contacts(contacts), cx.read_surveys(surveys))
    (row,) = cx.compare(pairing, "csat", by=["queue", "site"]).of("csat_mean").itertuples()
    gap, apart = welchs(score[1::2], score[::2])
    assert (row.group, row.other_group) == ("A × B × C", "A × B × C")
    assert row.estimate == pytest.approx(gap)
    assert row.std_error == pytest.approx(np.sqrt(apart**2 - 2 * np.cov(score[1::2], score[::2], ddof=0)[0, 1] / 45))
    with pytest.raises(UsageError, match="queue 'A', site 'B × C'; queue 'A × B', site 'C'"):
        cx.compare(pairing, "csat", by=["queue", "site"], groups=["A × B × C"])


def test_a_response_rate_is_compared_too():
    contacts = pd.DataFrame({"contact_id": [str(i) for i in range(400)], "started_at": "2026-01-05", "queue": "a"})
    contacts.loc[200:, "queue"] = "b"
    surveys = pd.DataFrame({"contact_id": [str(i) for i in [*range(60), *range(200, 230)]], "csat": 4})
    pairing = cx.pair(cx.read_contacts(contacts), cx.read_surveys(surveys))
    (row,) = cx.compare(pairing, "response_rate", by="queue").table.itertuples()
    assert row.estimate == pytest.approx(0.3 - 0.15)
    assert row.std_error == pytest.approx(np.sqrt(0.3 * 0.7 / 200 + 0.15 * 0.85 / 200))


def test_a_group_whose_answers_are_all_alike_is_as_sure_as_its_own_interval():
    pairing = pairing_of(["a"] * 6 + ["b"] * 100, [5] * 76 + [3] * 30)
    mean, top = cx.compare(pairing, "csat", by="queue").table.itertuples()
    # Wilson's lower end of 6 of 6 is n / (n + z²); its distance from 1 over z is z / (n + z²), with 99 degrees left
    z = stats.norm.isf(0.025)
    error = np.hypot(z / (6 + z**2), np.sqrt(0.7 * 0.3 / 100))
    reach = stats.t.isf(0.025, 99)
    assert (top.estimate, top.std_error) == pytest.approx((0.3, error))
    assert top.p_value == pytest.approx(2 * stats.t.sf(0.3 / error, 99))
    assert top.conf_low == pytest.approx(0.3 - reach * error)
    assert top.conf_high == pytest.approx(0.3 + reach * np.sqrt(0.7 * 0.3 / 100))  # a share of 1 is no higher
    assert top.p_value > 0.1  # Fisher's exact test says 0.18
    assert (top.reading, top.status) == ("not told apart", "small")
    # of the mean: six fives, half a one and half a five; t with 5 degrees
    squares = (6 * 25 + 0.5 * 26) / 7 - (33 / 7) ** 2
    t = stats.t.isf(0.025, 5)
    own = (5 - (33 / 7 - t * np.sqrt(squares / 7))) / t
    error = np.hypot(own, np.std([5] * 70 + [3] * 30, ddof=1) / 10)
    assert (mean.estimate, mean.std_error) == pytest.approx((0.6, error))
    assert mean.p_value == pytest.approx(2 * stats.t.sf(0.6 / error, 5))


def test_a_response_rate_of_nothing_is_not_known_for_sure():
    contacts = pd.DataFrame({"contact_id": [str(i) for i in range(408)], "started_at": "2026-01-05", "queue": "b"})
    contacts.loc[400:, "queue"] = "a"
    surveys = pd.DataFrame({"contact_id": [str(i) for i in range(80)], "csat": 4})
    (row,) = cx.compare(
        cx.pair(cx.read_contacts(contacts), cx.read_surveys(surveys)), "response_rate", by="queue"
    ).table.itertuples()
    z = stats.norm.isf(0.025)
    assert row.std_error == pytest.approx(np.hypot(z / (8 + z**2), 0.02))
    assert (row.estimate, row.reading) == (pytest.approx(-0.2), "not told apart")


def test_two_groups_of_equal_answers_are_alike_as_far_as_they_are_many():
    queue = np.repeat(["a", "b"], [5, 600])
    few, _ = cx.compare(pairing_of(queue, [5] * 605), "csat", by="queue").table.itertuples()
    assert (few.status, few.estimate, few.p_value, few.reading) == ("small", 0, 1, "not told apart")
    assert few.conf_low < -1 < 0 < few.conf_high < 0.02  # few fives may hide less than 5, many fives hardly
    many, _ = cx.compare(pairing_of(np.repeat(["a", "b"], 600), [5] * 1200), "csat", by="queue").table.itertuples()
    assert many.reading == "similar"


def test_what_goes_the_same_way_in_every_customer_has_no_interval():
    customer = np.tile(np.arange(40), 2)
    score = np.tile([10, 3, 8, 9], 20)
    found = cx.compare(pairing_of(np.repeat(["a", "b"], 40), score, customer, name="nps"), "nps", by="queue")
    (row,) = found.table.itertuples()
    assert (row.status, row.estimate) == ("not_applicable", 0)
    assert "differ by the same" in row.reason


def test_what_cannot_be_compared_says_why():
    pairing = pairing_of(["a"] * 30 + ["b"] * 30, [5] * 60)
    with pytest.raises(UsageError, match="by="):
        cx.compare(pairing, "csat")
    with pytest.raises(UsageError, match="no group c"):
        cx.compare(pairing, "csat", by="queue", groups=["a", "c"])
    with pytest.raises(UsageError, match="positive"):
        cx.compare(pairing, "csat", by="queue", smallest_difference=0)
    with pytest.raises(NothingToEstimateError, match="one group"):
        cx.compare(pairing, "csat", by="queue", groups=["a"])
    with pytest.raises(UnknownNameError, match="csat_mean"):
        cx.compare(pairing, "csat", by="queue").of("csat_men")


def test_a_comparison_is_shown_drawn_and_kept():
    score = np.concatenate([RNG.integers(1, 4, 300), RNG.integers(3, 6, 300)])
    found = cx.compare(pairing_of(np.repeat(["a", "b"], 300), score), "csat", by="queue")
    assert found.summary().splitlines()[0] == "Comparison by queue: of 2 differences 2 different"
    assert "a less b" in found.summary()
    assert pickle.loads(pickle.dumps(found)).table.equals(found.table)
    assert "CSAT" in found.plot().to_json()
