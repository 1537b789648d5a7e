"""Events joined to contacts by time: who is marked, whose effect it frees, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.errors import InputError
from cxfusion.evidence.catalogue import Lever
from cxfusion.evidence.spec import LeverSpec

CALLS = [
    {"contact_id": "a", "started_at": "2026-01-05 08:59:59", "queue": "sales"},
    {"contact_id": "b", "started_at": "2026-01-05 09:00:00", "queue": "sales"},
    {"contact_id": "c", "started_at": "2026-01-05 09:30:00", "queue": "help"},
    {"contact_id": "d", "started_at": "2026-01-05 10:00:00", "queue": "help"},
    {"contact_id": "e", "started_at": "2026-01-09 10:00:00", "queue": None},
]


def marks(events, **options):
    contacts = cx.add_context(cx.read_contacts(CALLS, **options), events)
    frame = contacts.to_pandas().set_index("contact_id")
    return {name: frame.index[frame[name]].tolist() for name in frame if name.startswith("context_")}


def test_the_start_belongs_to_an_event_and_the_end_does_not():
    assert marks([{"start": "2026-01-05 09:00", "end": "2026-01-05 10:00", "kind": "Outage"}]) == {
        "context_outage": ["b", "c"]
    }


def test_an_event_may_touch_one_queue_and_last_for_ever():
    events = [
        {"start": "2026-01-05 09:00", "end": "2026-01-05 11:00", "kind": "IVR: broken", "queue": "help"},
        {"start": "2026-01-05 09:30", "end": None, "kind": "price change", "queue": None},
        {"start": "2026-01-05 08:00", "end": "2026-01-05 09:00", "kind": "price change", "queue": None},
    ]
    assert marks(events) == {"context_ivr_broken": ["c", "d"], "context_price_change": ["a", "c", "d", "e"]}


def test_times_are_those_of_the_sites_clock_unless_they_say_otherwise():
    one = [{"start": "2026-01-05 09:00", "end": "2026-01-05 10:00", "kind": "x"}]
    utc = [{"start": "2026-01-05 08:00+00:00", "end": "2026-01-05T09:00Z", "kind": "x"}]
    zone = {"map": {"contacts": {"timezone": "Europe/Berlin"}}}
    assert marks(one, **zone) == marks(utc, **zone) == {"context_x": ["b", "c"]}


@pytest.mark.parametrize("hour", ["2026-10-25 02:30", "2026-03-29 02:30"])  # twice on the clock, and never
def test_an_hour_when_the_clocks_change_is_the_same_for_events_as_for_contacts(hour):
    contacts = cx.read_contacts([{"contact_id": "a", "started_at": f"{hour}:30"}], timezone="Europe/Berlin")
    event = {"start": hour, "end": hour.replace(":30", ":31"), "kind": "x"}
    assert cx.add_context(contacts, [event]).to_pandas()["context_x"].tolist() == [True]


def test_everything_wrong_is_told_at_once():
    with pytest.raises(InputError) as raised:
        marks(
            [
                {"start": "soon", "end": "2026-01-05", "kind": "x", "queue": None},
                {"start": "2026-01-05", "end": "2026-01-04", "kind": "x", "queue": None},
                {"start": "2026-01-05", "end": "2026-01-06", "kind": " ", "queue": "sale"},
            ]
        )
    told = str(raised.value)
    for words in ("row 1", "start cannot be read", "row 2", "ends before it starts", "no kind", "nearest: sales"):
        assert words in told
    with pytest.raises(InputError, match="start cannot be read"):
        marks([{"start": "05/01/2026", "end": "2026-01-06", "kind": "x"}])  # the fifth of January, or the first of May
    with pytest.raises(InputError, match="no kind"):
        marks([{"start": "2026-01-05", "end": "2026-01-06"}])


def test_a_queue_may_be_a_number_and_a_time_may_not():
    calls = [{"contact_id": str(i), "started_at": "2026-01-05 09:00", "queue": 11 + i} for i in (1, 2)]
    event = {"start": "2026-01-05 08:00", "end": "2026-01-05 10:00"}
    events = [{**event, "kind": "outage", "queue": 12}, {**event, "kind": "strike", "queue": None}]
    frame = cx.add_context(cx.read_contacts(calls), events).to_pandas()
    assert (frame["context_outage"].tolist(), frame["context_strike"].tolist()) == ([True, False], [True, True])
    with pytest.raises(InputError, match="start cannot be read"):  # 09:00 that day, in seconds since 1970
        marks([{"start": 1_767_603_600, "end": None, "kind": "outage"}])


def test_an_outage_that_lengthens_waits_and_sours_moods_is_no_effect_of_waiting():
    rng = np.random.default_rng(0)
    n = 12_000
    start = pd.Timestamp("2026-03-02") + pd.to_timedelta(rng.integers(0, 10 * 86_400, n), "s")
    events = pd.DataFrame({"start": pd.date_range("2026-03-02 03:00", periods=21, freq="11h20min"), "kind": "outage"})
    events["end"] = events["start"] + pd.Timedelta("97min")
    since = (start - pd.Timestamp("2026-03-02 03:00")) % pd.Timedelta("11h20min")
    is_out = (since < pd.Timedelta("97min")) & (start >= pd.Timestamp("2026-03-02 03:00"))
    wait = rng.gamma(2, 30, n) * np.where(is_out, 3, 1)
    frame = pd.DataFrame(
        {
            "contact_id": [f"c{i:05}" for i in range(n)],
            "started_at": start,
            "agent_id": [f"a{i}" for i in rng.integers(0, 30, n)],
            "wait_seconds": wait.round(),
        }
    )
    score = np.clip((3.6 - 1.2 * is_out + rng.normal(0, 1, n)).round(), 1, 5)
    surveys = cx.read_surveys(frame[["contact_id"]].assign(csat=score))
    spec = LeverSpec(levers=(Lever("wait_seconds", "before", -30),))
    plain = cx.read_contacts(frame)
    without, given = (
        cx.fit_levers(cx.pair(contacts, surveys), spec=spec).rungs.set_index("rung")
        for contacts in (plain, cx.add_context(plain, events))
    )
    assert without.loc["adjusted", "estimate"] > 5 * without.loc["adjusted", "std_error"]
    assert abs(given.loc["adjusted", "estimate"]) < 3 * given.loc["adjusted", "std_error"]
    assert abs(given.loc["within", "estimate"]) < 3 * given.loc["within", "std_error"]
