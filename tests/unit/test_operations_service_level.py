"""Service levels and abandonment: ICMI's worked example, and logs that do not say everything."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pyarrow as pa
import pytest

from cxfusion.engine import FrameSource, Session
from cxfusion.operations.diagnose import diagnose
from cxfusion.tables.relation import Contacts

# AN = 1000 answered, 860 of them within 20 s; AB = 60 abandoned, 20 within 20 s, of which 10 within 5 s
ANSWERED = [20.0] * 860 + [21.0] * 140
ABANDONED = [5.0] * 10 + [20.0] * 10 + [300.0] * 40


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


def diagnosis_of(session, answered=ANSWERED, abandoned=ABANDONED, marks=None, directions=None, **options):
    n = len(answered) + len(abandoned)
    marks = [False] * len(answered) + [True] * len(abandoned) if marks is None else marks
    columns = {
        "contact_id": [f"c{i}" for i in range(n)],
        "started_at": [datetime(2026, 1, 5)] * n,
        "wait_seconds": pa.array([*answered, *abandoned], pa.float64()),
        "is_abandoned": pa.array(marks, pa.bool_()),
        **({} if directions is None else {"direction": directions}),
    }
    rows = session.materialize(session.read(FrameSource(pa.table(columns), "log")))
    return diagnose(Contacts(session, rows, n, rows.limit(0)), **options).table.set_index("metric")


WORKED = [
    ("service_level", 82.69, 1040),  # 860 / (1000 + 60 − 20)
    ("service_level_of_answered", 86.00, 1000),  # 860 / 1000
    ("service_level_of_offered", 81.13, 1060),  # 860 / 1060
    ("service_level_crediting_abandons", 83.02, 1060),  # (860 + 20) / 1060
    ("service_level_crediting_short_abandons", 82.08, 1060),  # (860 + 10) / 1060
    ("abandonment_rate", 5.66, 1060),  # 60 / 1060
    ("abandonment_rate_without_short", 4.76, 1050),  # (60 − 10) / (1060 − 10)
]


@pytest.mark.parametrize(("metric", "percent", "n"), WORKED)
def test_the_worked_example(session, metric, percent, n):
    found = diagnosis_of(session).loc[metric]
    assert round(100 * found["estimate"], 2) == percent
    assert found["n"] == n


# 500 calls that agents made, beside the 1060: each rang for five seconds, and all were answered
DIALLED = {
    "answered": [*ANSWERED, *[5.0] * 500],
    "directions": ["Inbound"] * 860 + [None] * 140 + ["outbound"] * 250 + [" Outbound campaign"] * 250 + ["in"] * 60,
}


@pytest.mark.parametrize(
    ("metric", "expected", "n"),
    [
        *((metric, percent / 100, n) for metric, percent, n in WORKED),
        ("asa_seconds", 20.14, 1000),  # (860 · 20 + 140 · 21) / 1000
        ("wait_seconds", 30.5566, 1060),  # (20,140 + 10 · 5 + 10 · 20 + 40 · 300) / 1060
        ("patience_seconds", 539.8333, 60),  # 32,390 / 60
        ("wait_median_seconds", 20, 1060),
        ("wait_p90_seconds", 21, 1060),
        ("volume", 1560, 1560),
        ("handled", 1500, 1500),
    ],
)
def test_calls_that_agents_make_were_not_answered_in_time(session, metric, expected, n):
    found = diagnosis_of(session, **DIALLED, percentiles=True).loc[metric]
    assert found["estimate"] == pytest.approx(expected, abs=5e-5)
    assert found["n"] == n
    assert "known for" not in str(found["reason"])


def test_a_group_of_outbound_contacts_has_no_service_level(session):
    table = diagnosis_of(session, **DIALLED, by="direction")
    (level,) = table[table["direction"] == "outbound"].loc[["service_level"]].itertuples()
    assert (level.status, level.n) == ("not_applicable", 0)
    assert level.reason == "no inbound handled or abandoned contacts but quick abandons"


def test_calls_that_nobody_took_lack_no_wait(session):
    directions = ["inbound"] * 1000 + ["outbound"] * 30
    table = diagnosis_of(session, abandoned=[None] * 30, directions=directions)
    level = table.loc["service_level"]
    assert (level["estimate"], level["n"], level["reason"]) == (pytest.approx(0.86), 1000, "within 20 s")
    assert table.loc["abandonment_rate", ["estimate", "n"]].to_list() == [0, 1000]


def test_limits_are_as_asked_and_said(session):
    table = diagnosis_of(session, target_seconds=21, short_abandon_seconds=20)
    assert table.loc["service_level_of_answered", "estimate"] == 1
    assert table.loc["service_level_crediting_short_abandons", "estimate"] == pytest.approx(1020 / 1060)
    assert table.loc["abandonment_rate_without_short", "estimate"] == pytest.approx(40 / 1040)
    assert table.loc["service_level", "reason"] == "within 21 s"
    told = "within 21 s; abandons within 20 s count as met"
    assert table.loc["service_level_crediting_short_abandons", "reason"] == told
    assert table.loc["abandonment_rate_without_short", "reason"] == "abandons within 20 s left out"


def test_a_log_that_does_not_say_who_abandoned(session):
    table = diagnosis_of(session, abandoned=[], marks=[None] * 1000)
    lacking = table[table["status"] == "not_applicable"]["reason"]
    assert lacking["service_level"] == "the log has no mark of abandoned contacts"
    answered = table.loc["service_level_of_answered"]
    assert answered["estimate"] == pytest.approx(0.86)
    assert answered["reason"] == "within 20 s; all contacts: the log does not say who abandoned"


def test_a_log_without_the_wait_of_abandoned_contacts(session):
    table = diagnosis_of(session, abandoned=[None] * 60)
    reason = "the log has no waiting time of abandoned contacts"
    needing = ["service_level", "service_level_crediting_abandons", "service_level_crediting_short_abandons"]
    for metric in (*needing, "abandonment_rate_without_short"):
        assert (table.loc[metric, "status"], table.loc[metric, "reason"]) == ("not_applicable", reason)
    assert table.loc["service_level_of_offered", "estimate"] == pytest.approx(860 / 1060)
    assert table.loc["service_level_of_answered", "estimate"] == pytest.approx(0.86)
    assert table.loc["abandonment_rate", "estimate"] == pytest.approx(60 / 1060)


def test_abandoned_contacts_whose_wait_is_unknown_count_as_late_and_not_short(session):
    table = diagnosis_of(session, abandoned=[5.0] * 10 + [None] * 50)
    level, rate = table.loc["service_level"], table.loc["abandonment_rate_without_short"]
    assert (level["estimate"], level["n"]) == (pytest.approx(860 / 1050), 1050)
    told = "within 20 s; 50 abandoned contacts without a waiting time count as not met"
    assert level["reason"] == told
    assert rate["estimate"] == pytest.approx(50 / 1050)
    assert rate["reason"].endswith("50 abandoned contacts without a waiting time count as not short")
    assert pd.isna(table.loc["abandonment_rate", "reason"])


def test_answered_contacts_whose_wait_is_unknown_are_left_out_and_counted(session):
    table = diagnosis_of(session, answered=[*ANSWERED[:900], *[None] * 100])
    level = table.loc["service_level"]
    assert (level["estimate"], level["n"]) == (pytest.approx(860 / 940), 940)
    told = "known for 940 of 1,040 inbound handled or abandoned contacts but quick abandons"
    assert level["reason"] == f"within 20 s; {told}"
    assert table.loc["asa_seconds", "n"] == 900


def test_nobody_abandoned(session):
    table = diagnosis_of(session, abandoned=[])
    assert table.loc["service_level", "estimate"] == pytest.approx(0.86)
    assert table.loc["abandonment_rate_without_short", "estimate"] == 0


def test_all_abandoned_in_time(session):
    level = diagnosis_of(session, answered=[], abandoned=[3.0, 20.0]).loc["service_level"]
    assert (level["status"], level["n"]) == ("not_applicable", 0)
    assert level["reason"] == "no inbound handled or abandoned contacts but quick abandons"
