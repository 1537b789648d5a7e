"""Every operational metric on a log small enough to be worked out by hand."""

from __future__ import annotations

import pickle
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from cxfusion.engine import FrameSource, Session
from cxfusion.errors import UnknownNameError, UsageError
from cxfusion.operations.diagnose import diagnose
from cxfusion.operations.metrics import METRICS
from cxfusion.results.schemas import OPERATIONS, as_arrow
from cxfusion.tables.relation import Contacts

NAMES = [metric.name for metric in METRICS if metric.statistic in {"total", "mean"} and not metric.is_chained]
PERCENTILES = ["wait_median_seconds", "wait_p90_seconds", "handle_median_seconds", "handle_p90_seconds"]

# Eight contacts. g hung up while waiting, h after having been talked to (so h is handled as well).
#                a        b        c        d        e        f        g        h
QUEUE = ["billing", "billing", "billing", "billing", "repair", "repair", "repair", None]
MINUTE = [0, 10, 59, 60, 0, 30, 61, 119]  # after 09:00 UTC
WAIT = [10, 20, 30, 40, 0, 100, 300, 50]
TALK = [100, 200, 300, 400, 50, 150, None, 20]
HOLD = [0, 0, 60, 20, 0, None, None, 0]
WRAP = [30, 30, 30, 30, 10, 20, None, 0]
TRANSFERS = [0, 1, 0, 2, 0, 0, None, 0]
ABANDONED = [False, False, False, False, False, False, True, True]


def log(**changes):
    columns = {
        "contact_id": list("abcdefgh"),
        "started_at": [datetime(2026, 1, 5, 9) + timedelta(minutes=m) for m in MINUTE],
        "queue": QUEUE,
        "wait_seconds": pa.array(WAIT, pa.float64()),
        "talk_seconds": pa.array(TALK, pa.float64()),
        "hold_seconds": pa.array(HOLD, pa.float64()),
        "wrap_seconds": pa.array(WRAP, pa.float64()),
        "n_transfers": pa.array(TRANSFERS, pa.float64()),
        "is_abandoned": ABANDONED,
    }
    columns |= changes
    return pa.table({name: values for name, values in columns.items() if values is not None})


def contacts_of(session, table, timezone="UTC"):
    rows = session.materialize(session.read(FrameSource(table, "log")))
    return Contacts(session, rows, table.num_rows, rows.limit(0), timezone)


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


def row(frame, metric, **group):
    keep = frame["metric"] == metric
    for name, value in group.items():
        keep &= frame[name].isna() if value is None else frame[name] == value
    (found,) = frame[keep].itertuples()
    return found


@pytest.mark.parametrize(
    ("metric", "estimate", "n", "unit"),
    [
        ("volume", 8, 8, "contacts"),
        ("handled", 7, 7, "contacts"),  # all but g
        # a 130, b 230, c 390, d 450, e 60, h 20; f's hold is unknown, so f is in neither: 1,280 / 6
        ("aht_seconds", 1280 / 6, 6, "seconds"),
        ("asa_seconds", 250 / 7, 7, "seconds"),  # 10+20+30+40+0+100+50, without g's 300
        ("abandonment_rate", 2 / 8, 8, "share"),  # g, h
        ("transfer_rate", 2 / 7, 7, "share"),  # b and d; d's two transfers count once
        ("hold_seconds", 80 / 6, 6, "seconds"),  # 60 and 20 over a, b, c, d, e, h
        ("talk_seconds", 1220 / 7, 7, "seconds"),
        ("wrap_seconds", 150 / 7, 7, "seconds"),
        ("wait_seconds", 550 / 8, 8, "seconds"),  # g's 300 as well
        ("patience_seconds", 550, 1, "seconds"),  # only g gave up, in all those 550 seconds of waiting
        # within 20 s: a, b (exactly 20) and e, of seven handled; only g was never answered, after 300 s
        ("service_level", 3 / 8, 8, "share"),
        ("service_level_of_offered", 3 / 8, 8, "share"),
        ("service_level_of_answered", 3 / 7, 7, "share"),
        ("service_level_crediting_abandons", 3 / 8, 8, "share"),
        ("service_level_crediting_short_abandons", 3 / 8, 8, "share"),
        ("abandonment_rate_without_short", 2 / 8, 8, "share"),
        ("wait_median_seconds", 35, 8, "seconds"),  # of 0 10 20 30 40 50 100 300
        ("wait_p90_seconds", 160, 8, "seconds"),  # 0.9 · 7 = 6.3 steps up: 100 + 0.3 · 200
        ("handle_median_seconds", 180, 6, "seconds"),  # of 20 60 130 230 390 450
        ("handle_p90_seconds", 420, 6, "seconds"),  # 4.5 steps up
    ],
)
def test_each_metric_of_the_whole_log(session, metric, estimate, n, unit):
    found = row(diagnose(contacts_of(session, log()), percentiles=True).table, metric)
    assert found.estimate == pytest.approx(estimate, abs=1e-12)
    assert (found.n, found.unit, found.status) == (n, unit, "ok")


@pytest.mark.parametrize(
    ("metric", "billing", "repair", "missing"),
    [
        ("volume", 4, 3, 1),
        ("handled", 4, 2, 1),
        ("aht_seconds", 1200 / 4, 60, 20),
        ("asa_seconds", 25, 50, 50),
        ("abandonment_rate", 0, 1 / 3, 1),
        ("transfer_rate", 0.5, 0, 0),
        ("hold_seconds", 20, 0, 0),
        ("service_level", 0.5, 1 / 3, 0),
        ("wait_median_seconds", 25, 100, 50),
        ("wait_p90_seconds", 37, 260, 50),
        ("handle_median_seconds", 310, 60, 20),
    ],
)
def test_each_metric_by_queue_and_a_missing_queue_is_a_group(session, metric, billing, repair, missing):
    table = diagnose(contacts_of(session, log()), by="queue", percentiles=True).table
    found = [row(table, metric, queue=queue).estimate for queue in ("billing", "repair", None)]
    assert found == pytest.approx([billing, repair, missing], abs=1e-12)


def test_what_is_unknown_for_some_is_said(session):
    diagnosis = diagnose(contacts_of(session, log()), by="queue")
    assert row(diagnosis.overall, "aht_seconds").reason == "known for 6 of 7 handled contacts"
    assert row(diagnosis.table, "hold_seconds", queue="repair").reason == "known for 1 of 2 handled contacts"
    assert pd.isna(row(diagnosis.table, "aht_seconds", queue="billing").reason)
    assert pd.isna(row(diagnosis.overall, "volume").reason)


@pytest.mark.parametrize("wrap", [None, pa.nulls(8, pa.float64())], ids=["no column", "no value"])
def test_a_part_that_the_log_lacks_is_named_and_not_counted_as_zero(session, wrap):
    found = row(diagnose(contacts_of(session, log(wrap_seconds=wrap))).table, "aht_seconds")
    # 100, 200, 360, 420, 50, 20
    assert found.estimate == pytest.approx(1150 / 6)
    assert found.status == "ok"
    assert found.reason == "without wrap: the log has none; known for 6 of 7 handled contacts"


def test_two_parts_that_the_log_lacks(session):
    found = row(diagnose(contacts_of(session, log(wrap_seconds=None, hold_seconds=None))).table, "aht_seconds")
    assert found.estimate == pytest.approx(1220 / 7)
    assert found.reason == "without hold and wrap: the log has none"


def test_a_metric_without_its_columns_is_not_applicable(session):
    names = ("wait_seconds", "talk_seconds", "hold_seconds", "wrap_seconds", "n_transfers", "is_abandoned")
    table = diagnose(contacts_of(session, log(**dict.fromkeys(names))), by="queue").table
    found = row(table, "aht_seconds", queue="repair")
    assert (found.status, found.n, found.reason) == ("not_applicable", 0, "the log has no talk time")
    assert np.isnan(found.estimate)
    assert row(table, "handled", queue="repair").estimate == 3
    assert row(table, "handled", queue="repair").reason == "all contacts: the log does not say who abandoned"
    assert set(table["status"]) == {"ok", "not_applicable"}
    lacks = table[table["queue"].eq("repair") & table["status"].eq("not_applicable")].set_index("metric")["reason"]
    assert lacks.to_dict() == {
        "aht_seconds": "the log has no talk time",
        "asa_seconds": "the log has no waiting time",
        "service_level": "the log has no waiting time",
        "service_level_of_offered": "the log has no waiting time",
        "service_level_of_answered": "the log has no waiting time",
        "service_level_crediting_abandons": "the log has no waiting time",
        "service_level_crediting_short_abandons": "the log has no waiting time",
        "abandonment_rate": "the log has no mark of abandoned contacts",
        "abandonment_rate_without_short": "the log has no waiting time",
        "transfer_rate": "the log has no count of transfers",
        "occupancy": "a contact log does not know when agents were free: cx.occupancy takes their states",
        "resolved_rate": "the log has no mark of resolved contacts",
        "wait_seconds": "the log has no waiting time",
        "patience_seconds": "the log has no waiting time",
        "talk_seconds": "the log has no talk time",
        "hold_seconds": "the log has no hold time",
        "wrap_seconds": "the log has no after-call work",
    }


def test_a_group_without_handled_contacts_has_no_handle_time(session):
    abandoned = [True] * 4 + ABANDONED[4:]
    nothing = pa.array([None] * 4 + TALK[4:], pa.float64())
    table = diagnose(contacts_of(session, log(is_abandoned=abandoned, talk_seconds=nothing)), by="queue").table
    found = row(table, "asa_seconds", queue="billing")
    assert (found.status, found.n, found.reason) == ("not_applicable", 0, "no inbound handled contacts")
    assert row(table, "handled", queue="billing").estimate == 0


def test_where_abandonment_is_unknown_talk_tells_and_else_the_agent(session):
    unknown = log(is_abandoned=pa.array([None, None, False, True, True, False, True, False]))
    # a and b were talked to, d and e too although marked abandoned, g not
    assert row(diagnose(contacts_of(session, unknown)).table, "handled").estimate == 7
    assert row(diagnose(contacts_of(session, unknown)).table, "abandonment_rate").n == 6
    agents = pa.array(["x", None, "x", "x", None, None, None, None], pa.string())
    without_talk = unknown.drop_columns("talk_seconds").append_column("agent_id", agents)
    # a (an agent), c, f, h (not abandoned); b has neither mark nor agent
    assert row(diagnose(contacts_of(session, without_talk)).table, "handled").estimate == 4


def test_intervals_are_on_the_sites_clock(session):
    # Kolkata is at +05:30. a and e 14:30, b 14:40; f 15:00, c 15:29, d 15:30, g 15:31; h 16:29.
    table = diagnose(contacts_of(session, log(), "Asia/Kolkata"), interval="1h").table
    volume = table[table["metric"] == "volume"].set_index("interval_start")["estimate"]
    assert volume.to_dict() == {pd.Timestamp(2026, 1, 5, 14 + i): n for i, n in enumerate([3, 4, 1])}


@pytest.mark.parametrize(
    ("interval", "starts"),
    [
        ("15min", ["09:00", "09:30", "09:45", "10:00", "10:45"]),
        ("30min", ["09:00", "09:30", "10:00", "10:30"]),
        ("1h", ["09:00", "10:00"]),
        ("1d", ["00:00"]),
    ],
)
def test_each_interval(session, interval, starts):
    table = diagnose(contacts_of(session, log()), interval=interval).table
    assert list(table["interval_start"].dt.strftime("%H:%M").unique()) == starts
    assert table.loc[table["metric"] == "volume", "estimate"].sum() == 8


def test_clock_changes(session):
    # 2026-03-29 01:00 UTC: Paris goes from 02:00 to 03:00. 2026-10-25 01:00 UTC: from 03:00 back to 02:00.
    utc = ["2026-03-29 00:59", "2026-03-29 01:00", "2026-10-25 00:30", "2026-10-25 01:30"]
    started = pa.array([datetime.fromisoformat(text) for text in utc])
    contacts = contacts_of(session, log().slice(0, 4).set_column(1, "started_at", started), "Europe/Paris")
    table = diagnose(contacts, interval="1h").table
    volume = table[table["metric"] == "volume"].set_index("interval_start")["estimate"]
    assert volume.to_dict() == {
        pd.Timestamp(2026, 3, 29, 1): 1,
        pd.Timestamp(2026, 3, 29, 3): 1,
        pd.Timestamp(2026, 10, 25, 2): 2,  # the hour that is lived twice
    }


def test_groups_and_intervals_together_add_up_to_the_whole(session):
    diagnosis = diagnose(contacts_of(session, log()), by=["queue", "is_abandoned"], interval="30min")
    assert list(diagnosis.table.columns[:4]) == ["queue", "is_abandoned", "interval_start", "metric"]
    wide = diagnosis.pivot()
    assert wide["volume"].sum() == 8
    assert wide["handled"].sum() == row(diagnosis.overall, "handled").estimate
    assert (wide["volume"] * wide["abandonment_rate"]).sum() == pytest.approx(2)


def test_pivot_has_a_column_per_metric(session):
    wide = diagnose(contacts_of(session, log()), by="queue").pivot()
    assert list(wide.columns) == ["queue", *NAMES]
    assert wide.loc[wide["queue"] == "repair", "asa_seconds"].item() == 50
    whole = diagnose(contacts_of(session, log())).pivot()
    assert whole["handled"].to_list() == [7]


def test_rows_for_the_file(session):
    rows = diagnose(contacts_of(session, log()), by=["queue", "is_abandoned"], interval="1h").as_rows()
    assert list(rows.columns) == OPERATIONS.names
    assert as_arrow(rows, OPERATIONS).schema.equals(OPERATIONS)
    assert list(rows["grouping"].unique()) == ["all", "queue × is_abandoned × interval_start"]
    assert (rows.loc[rows["grouping"] == "all", "group"] == "all").all()
    assert "billing × False × 2026-01-05 09:00" in set(rows["group"])
    assert "(missing) × True × 2026-01-05 10:00" in set(rows["group"])
    assert list(diagnose(contacts_of(session, log())).as_rows()["metric"]) == NAMES


def test_a_column_with_a_name_of_the_frame_is_told_apart(session):
    table = log().append_column("reason", pa.array(["bill"] * 4 + ["fault"] * 4))
    diagnosis = diagnose(contacts_of(session, table), by="reason")
    assert row(diagnosis.table, "volume", contact_reason="bill").estimate == 4
    assert set(diagnosis.as_rows()["grouping"]) == {"all", "reason"}


def test_two_columns_never_share_one_name(session):
    table = log().append_column("reason", pa.array(["bill"] * 4 + ["fault"] * 4))
    table = table.append_column("contact_reason", pa.array(["new", "old"] * 4))
    diagnosis = diagnose(contacts_of(session, table), by=["reason", "contact_reason"])
    assert diagnosis.grouping.names == ("contact_contact_reason", "contact_reason")
    assert row(diagnosis.table, "volume", contact_contact_reason="bill", contact_reason="old").estimate == 2
    assert len(diagnosis.as_rows()["group"].unique()) == 5


def test_odd_column_names_do_not_collide_with_the_querys_own(session):
    table = log().append_column("quarter", pa.array(QUEUE)).append_column("sum_volume", pa.array([1] * 8))
    wide = diagnose(contacts_of(session, table), by=["quarter", "sum_volume"], interval="15min").pivot()
    assert wide["volume"].sum() == 8
    assert set(wide["quarter"].dropna()) == {"billing", "repair"}


def test_unknown_names_are_refused_with_the_nearest(session):
    contacts = contacts_of(session, log())
    with pytest.raises(UnknownNameError, match=r"'Queu'.*nearest are queue") as refused:
        diagnose(contacts, by=["Queu", "chanel"])
    assert "'Queu', 'chanel'" in refused.value.message
    with pytest.raises(UnknownNameError, match="15min, 30min, 1h, 1d"):
        diagnose(contacts, interval="2h")
    for limits in ({"target_seconds": -1}, {"short_abandon_seconds": float("nan")}):
        with pytest.raises(UsageError, match=next(iter(limits))):
            diagnose(contacts, **limits)


def test_a_log_without_rows(session):
    diagnosis = diagnose(contacts_of(session, log().slice(0, 0)), by="queue", interval="1h")
    assert diagnosis.table.empty
    assert row(diagnosis.overall, "volume").estimate == 0
    assert row(diagnosis.overall, "aht_seconds").status == "not_applicable"


def test_groups_come_in_the_order_of_their_keys_the_unnamed_last(session):
    names = [f"q{i:03}" for i in range(200)]
    queues = np.random.default_rng(0).permutation([*names, None])
    table = pa.table(
        {
            "contact_id": [str(i) for i in range(201)],
            "started_at": [datetime(2026, 1, 5, 9)] * 201,
            "queue": pa.array(queues.tolist(), pa.string()),
        }
    )
    for interval in (None, "1h"):
        frame = diagnose(contacts_of(session, table), by="queue", interval=interval, percentiles=True).table
        in_order = frame["queue"].drop_duplicates()
        assert [None if pd.isna(name) else name for name in in_order] == [*names, None]


def test_a_diagnosis_outlives_its_session_and_is_not_changed_by_its_table():
    with Session(threads=1) as session:
        diagnosis = diagnose(contacts_of(session, log()), by="queue")
    copy = pickle.loads(pickle.dumps(diagnosis))
    table = copy.table
    table["estimate"] = 0
    pd.testing.assert_frame_equal(copy.table, diagnosis.table)
    assert copy.to_arrow().num_rows == len(copy.table)


def test_summary_says_what_was_found(session):
    text = diagnose(contacts_of(session, log()), by="queue").summary()
    assert text.splitlines()[0] == "Diagnosis of 8 contacts by queue, site clock UTC"
    assert "3 min 33 s" in text  # 1,280 / 6 seconds
    assert "(within 20 s)" in text
    assert "Also in the table: service_level_of_offered," in text
    assert repr(diagnose(contacts_of(session, log()))) == "Diagnosis(Diagnosis of 8 contacts, site clock UTC)"
    assert "25.0 %" in text
    assert "(known for 6 of 7 handled contacts)" in text


def test_every_metric_states_its_definition():
    for metric in METRICS:
        for word in ("Numerator:", "Denominator:", "Unit:", "Source:"):
            assert word in metric.definition, (metric.name, word)
