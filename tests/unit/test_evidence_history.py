"""What came before a contact as a lever: looked up where the log reaches back, said where it does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import ibis
import pandas as pd
import pytest

import cxfusion as cx


def pairing_over(n_days):
    centre = cx.simulate(n_contacts=6_000, seed=5, centre=cx.Centre(n_days=n_days, response_rate=0.4))
    return cx.pair(centre.contacts, centre.surveys)


@pytest.fixture(scope="module")
def long_pairing():
    return pairing_over(300)


@pytest.fixture(scope="module")
def short_pairing():
    return pairing_over(60)


def test_a_long_log_is_looked_up(long_pairing):
    evidence = cx.fit_levers(long_pairing, "csat")
    rungs = evidence.rungs.set_index(["lever", "rung"])
    assert "n_prior_contacts" in set(evidence.table["lever"])
    log = long_pairing.contacts.to_pandas()
    pairs = long_pairing.session.collect(long_pairing.pairs.select("contact_id", "started_at", "csat")).to_pandas()
    has_history = pairs["started_at"] >= log["started_at"].min() + pd.Timedelta(days=30)
    n = int((has_history & pairs["csat"].notna()).sum())
    assert n < len(pairs)
    assert rungs.loc[("n_prior_contacts", "raw"), "n"] == rungs.loc[("wait_seconds", "raw"), "n"] == n
    assert not any("cannot be tested" in note for note in evidence.notes)
    step = rungs.loc[("n_prior_contacts", "within"), "step"]
    customers = log.sort_values("started_at")[["customer_id", "started_at", "contact_id"]]
    asked = customers[customers["contact_id"].isin(pairs.loc[has_history & pairs["csat"].notna(), "contact_id"])]
    both = asked.merge(customers, on="customer_id", suffixes=("", "_other"))
    gap = both["started_at"] - both["started_at_other"]
    n_prior = (gap.gt(pd.Timedelta(0)) & gap.le(pd.Timedelta(days=30))).groupby(both["contact_id"]).sum()
    assert step == pytest.approx(-n_prior.mean())  # a step of one, capped at the mean: nobody can remove more


def test_a_short_log_says_why_earlier_contacts_are_no_lever(short_pairing):
    evidence = cx.fit_levers(short_pairing, "csat")
    assert "n_prior_contacts" not in set(evidence.table["lever"])
    (told,) = [note for note in evidence.notes if "first 30 days" in note]
    assert told.startswith("Earlier contacts cannot be tested: ")


def test_one_call_of_another_century_gives_a_short_log_no_history(short_pairing):
    contacts, start = short_pairing.contacts, short_pairing.contacts.rows["started_at"]
    is_first = start == contacts.to_pandas()["started_at"].min()
    far = contacts.rows.mutate(started_at=is_first.ifelse(ibis.literal(datetime(1999, 1, 4, 9)), start))
    wrong = replace(short_pairing, contacts=replace(contacts, rows=far))
    for pairing in (short_pairing, wrong):
        (told,) = [note for note in cx.fit_levers(pairing, "csat").notes if "first 30 days" in note]
        assert told.startswith("Earlier contacts cannot be tested: ")


def test_history_asked_for_by_name_is_looked_up_even_where_it_cannot_be_tested(short_pairing):
    levers = [cx.DEFAULT_LEVERS[0], cx.Lever("prior_wait_seconds", "before", -30)]
    table = cx.fit_levers(short_pairing, "csat", levers=levers).table.set_index("lever")
    assert table.loc["prior_wait_seconds", "verdict"] == "untestable"
    assert "missing in" in table.loc["prior_wait_seconds", "because"]
