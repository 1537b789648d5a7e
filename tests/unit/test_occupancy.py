"""Occupancy from agents' states: by hand, across intervals and changes of clocks, and with whatever is odd."""

from __future__ import annotations

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.errors import MissingColumnError, UnknownNameError


def state(agent, name, start, end, **more):
    return {
        "agent_id": agent,
        "state": name,
        "started_at": f"2026-01-05 {start}",
        "ended_at": f"2026-01-05 {end}",
        **more,
    }


# Kim: 30 min available, 60 handling (two chats at once for 15 of them), 30 on break. Lou: 60 available.
STATES = [
    state("kim", "AVAILABLE", "09:00", "09:30", team="a"),
    state("kim", "On-Call", "09:30", "10:00", team="a"),
    state("kim", "after_call_work", "10:00", "10:15", team="a"),
    state("kim", "on call", "10:00", "10:30", team="a"),
    state("kim", "Lunch", "10:30", "11:00", team="a"),
    state("lou", "ready", "09:30", "10:30", team="b"),
]


@pytest.fixture(scope="module")
def session():
    with cx.Session(threads=1) as session:
        yield session


def test_by_hand(session):
    found = cx.occupancy(STATES, timezone="UTC", session=session)
    row = found.table.iloc[0]
    assert row[["handling_seconds", "available_seconds", "other_seconds"]].to_list() == [3600, 5400, 1800]
    assert (row["estimate"], row["status"]) == (pytest.approx(0.4), "ok")
    listed = found.states.set_index("state")
    assert listed["counts_as"].to_dict() == {
        "AVAILABLE": "available",
        "ready": "available",
        "On-Call": "handling",
        "on call": "handling",
        "after_call_work": "handling",
        "Lunch": "other",
    }
    assert listed["seconds"].sum() == 3600 + 5400 + 1800  # what overlaps counts once
    assert "Occupancy 40.0 %" in found.summary()
    assert "Lunch counts as other" in found.summary()
    assert pickle.loads(pickle.dumps(found)).table.equals(found.table)


# Kim stays available from 9 to 17 and is on call from 10 to 14, Lou is on call before and while available.
PRESENT = [
    state("kim", "Available", "09:00", "17:00", team="a"),
    state("kim", "On call", "10:00", "14:00", team=None),
    state("lou", "Available", "10:00", "11:00", team="b"),
    state("lou", "On call", "09:30", "10:30", team="b"),
]


def test_who_stays_available_while_handling_is_there_once(session):
    kim = cx.occupancy(PRESENT[:2], timezone="UTC", session=session)
    assert kim.table["estimate"].to_list() == [0.5]  # 4 of 8 hours
    assert dict(zip(kim.states["state"], kim.states["seconds"], strict=True)) == {"Available": 14400, "On call": 14400}
    by_agent = cx.occupancy(PRESENT, by="agent_id", timezone="UTC", session=session).table.set_index("agent_id")
    assert by_agent["estimate"].to_dict() == pytest.approx({"kim": 0.5, "lou": 2 / 3})
    by_team = cx.occupancy(PRESENT, by="team", timezone="UTC", session=session).table  # each minute where its row is
    assert by_team["available_seconds"].to_list() == [14400, 1800, 0]
    by_hour = cx.occupancy(PRESENT[:2], interval="1h", timezone="UTC", session=session).table
    assert by_hour["handling_seconds"].to_list() == [0, *[3600] * 4, *[0] * 3]
    assert by_hour["available_seconds"].to_list() == [3600, *[0] * 4, *[3600] * 3]


def test_every_minute_of_an_agent_counts_once_however_states_lie(session):
    rng, rows, minutes = np.random.default_rng(4), [], {}
    for _ in range(300):
        agent, name = f"a{rng.integers(5)}", str(rng.choice(["idle", "ready", "talk", "hold", "lunch"]))
        start = int(rng.integers(0, 1_200))
        end = start + int(rng.integers(1, 120 if name in ("idle", "ready") else 12))  # long presence, short contacts
        rows.append(state(agent, name, *(f"{at // 60:02}:{at % 60:02}" for at in (start, end))))
        kind = {"idle": "available", "ready": "available", "lunch": "other"}.get(name, "handling")
        minutes.setdefault((agent, kind), set()).update(range(start, end))
    found = cx.occupancy(rows, by="agent_id", timezone="UTC", session=session).table.set_index("agent_id")
    for agent, row in found.iterrows():
        handling, available = (minutes[agent, kind] for kind in ("handling", "available"))
        expected = [handling, available - handling, minutes[agent, "other"]]
        told = row[["handling_seconds", "available_seconds", "other_seconds"]].to_list()
        assert told == pytest.approx([60 * len(one) for one in expected])
    assert len(found) == 5


def test_by_agent_and_team(session):
    by_agent = cx.occupancy(STATES, by="agent_id", timezone="UTC", session=session).table.set_index("agent_id")
    assert by_agent["estimate"].to_dict() == pytest.approx({"kim": 2 / 3, "lou": 0.0})
    by_team = cx.occupancy(STATES, by="team", timezone="UTC", session=session).table
    assert by_team["team"].to_list() == ["a", "b"]


def test_states_of_several_files_all_count(session, tmp_path):
    first, second = state("kim", "Available", "09:00", "10:00"), state("kim", "On call", "10:00", "11:00")
    pd.DataFrame([first]).to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame([second]).to_csv(tmp_path / "b.csv", index=False)
    found = cx.occupancy(str(tmp_path / "*.csv"), timezone="UTC", session=session)
    assert found.table["estimate"].to_list() == [0.5]
    assert found.n_without_length == 0


def test_a_state_counts_in_each_interval_for_its_part(session):
    found = cx.occupancy(STATES, interval="1h", timezone="UTC", session=session)
    rows = found.table.set_index("interval_start")
    assert rows["handling_seconds"].to_list() == [1800, 1800]
    assert rows["available_seconds"].to_list() == [1800 + 1800, 1800]
    assert rows.index.to_list() == [pd.Timestamp("2026-01-05 09:00"), pd.Timestamp("2026-01-05 10:00")]
    quarters = cx.occupancy(STATES, by="agent_id", interval="15min", timezone="UTC", session=session).table
    assert quarters[["handling_seconds", "available_seconds", "other_seconds"]].sum().to_list() == [3600, 5400, 1800]
    assert quarters["handling_seconds"].max() == 900
    assert found.plot().to_dict()["mark"]["type"] == "rect"


def test_a_missing_group_has_rows_of_its_own(session):
    states = [
        state("kim", "on call", "09:00", "09:30", team="a"),
        state("lou", "on call", "09:00", "09:30", team=None),
    ]
    for interval in (None, "1h"):
        found = cx.occupancy(states, by="team", interval=interval, timezone="UTC", session=session).table
        assert found["team"].isna().to_list() == [False, True]
        assert found["handling_seconds"].to_list() == [1800, 1800]


def test_groups_in_intervals_take_no_memory_for_those_that_do_not_occur(session):
    # 600 agents, each there in an hour of their own: 600 rows take 1 MB, their 360,000 combinations 20 MB
    starts = pd.date_range("2026-01-05", periods=600, freq="h")
    states = pd.DataFrame({"agent_id": [f"a{i:03}" for i in range(600)], "state": "idle", "started_at": starts})
    states["ended_at"] = states["started_at"] + pd.Timedelta(hours=1)
    # the first use imports what it needs, which is not counted
    cx.occupancy(states[:2], by="agent_id", interval="1h", timezone="UTC", session=session)
    tracemalloc.start()
    try:
        found = cx.occupancy(states, by="agent_id", interval="1h", timezone="UTC", session=session).table
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found["available_seconds"].to_list() == [3600] * 600
    assert peak < 6_000_000


def test_the_night_the_clocks_go_back_has_no_lost_hour(session):
    # Berlin, 25 October 2026: 0:00 to 4:00 on the clock are five hours
    night = [
        {
            "agent_id": "kim",
            "state": "idle",
            "started_at": "2026-10-25 00:00+02:00",
            "ended_at": "2026-10-25 04:00+01:00",
        }
    ]
    rows = cx.occupancy(night, interval="1h", timezone="Europe/Berlin", session=session).table
    assert rows["available_seconds"].to_list() == [3600, 3600, 7200, 3600]
    assert rows["interval_start"].dt.hour.to_list() == [0, 1, 2, 3]


def test_other_names_and_other_states(session):
    rows = [{"User": "kim", "Status": "Mail", "From": "2026-01-05 09:00", "To": "2026-01-05 10:00"}]
    names = {"agent_id": "User", "state": "Status", "started_at": "From", "ended_at": "To"}
    nobody = cx.occupancy(rows, columns=names, timezone="UTC", session=session)
    assert nobody.table["status"].to_list() == ["not_applicable"]
    assert nobody.table["reason"].to_list() == ["nobody was handling or available"]
    mails = cx.occupancy(rows, columns=names, handling=["mail"], timezone="UTC", session=session)
    assert mails.table["estimate"].to_list() == [1.0]


def test_rows_that_are_no_time_of_an_agent_are_counted(session):
    odd = [
        *STATES,
        state("kim", "idle", "12:00", "11:00"),
        state("kim", "idle", "12:00", "12:00"),
        state(None, "idle", "12:00", "13:00"),
        {"agent_id": "kim", "state": "idle", "started_at": "2026-01-05 14:00", "ended_at": None},
    ]
    found = cx.occupancy(odd, timezone="UTC", session=session)
    assert found.n_without_length == 4
    assert found.table["estimate"].to_list() == pytest.approx([0.4])
    none = cx.occupancy(odd[-2:], timezone="UTC", session=session)
    assert none.table["reason"].to_list() == ["no state has a length"]


def test_what_is_not_there_is_named(session):
    with pytest.raises(MissingColumnError, match="ended_at"):
        cx.occupancy([{"agent_id": "kim", "state": "idle", "started_at": "2026-01-05 09:00"}], session=session)
    with pytest.raises(UnknownNameError, match="squad"):
        cx.occupancy(STATES, by="squad", timezone="UTC", session=session)


def test_without_states_occupancy_is_not_applicable(session):
    contacts = cx.read_contacts([{"contact_id": "a", "started_at": "2026-01-05 09:00"}], session=session)
    row = cx.diagnose(contacts).table.set_index("metric").loc["occupancy"]
    assert (row["status"], row["n"]) == ("not_applicable", 0)
    assert "cx.occupancy" in row["reason"]


@pytest.mark.parametrize("name", ["kind", "seconds", "start", "stop", "slot"])
def test_a_column_to_group_by_may_have_any_name(session, name):
    states = [{**{key: value for key, value in row.items() if key != "team"}, name: row["team"]} for row in STATES]
    found = cx.occupancy(states, by=name, timezone="UTC", session=session).table
    assert dict(zip(found[name], found["estimate"], strict=True)) == pytest.approx({"a": 2 / 3, "b": 0.0})
    by_hour = cx.occupancy(states, by=name, interval="1h", timezone="UTC", session=session).table
    assert by_hour[["handling_seconds", "available_seconds", "other_seconds"]].sum().to_list() == [3600, 5400, 1800]


@pytest.mark.parametrize("name", ["Queue", "queue", "Channel", "Call ID", "contact_id"])
def test_a_column_to_group_by_may_be_one_that_a_contact_log_has(session, name):
    states = [{**row, name: row["team"]} for row in STATES]
    found = cx.occupancy(states, by=name, timezone="UTC", session=session).table
    assert dict(zip(found[name], found["estimate"], strict=True)) == pytest.approx({"a": 2 / 3, "b": 0.0})
