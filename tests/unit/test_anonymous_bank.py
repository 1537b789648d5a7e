"""A real bank's call log through its example map, against plain pandas."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.tables.books import reading_counts

ROOT = Path(__file__).parents[2]
MAP = ROOT / "examples" / "maps" / "anonymous_bank.toml"


@pytest.fixture(scope="module")
def calls(bank):
    """The file as pandas reads it, without what the documentation says to ignore."""
    calls = pd.read_csv(bank, sep="\t", dtype={"date": str, "call_id": str, "customer_id": str})
    return calls[calls["outcome"] != "PHANTOM"].assign(hour=calls["vru_entry"].str.split(":").str[0].astype(int))


@pytest.fixture(scope="module")
def contacts(bank):
    with cx.Session(threads=2) as session:
        yield cx.read_contacts(bank, map=MAP, session=session)


def plain(calls, by):
    """Volume, speed of answer, handling time (talk only) and abandonment, straight from their definitions."""
    # 97 calls were hung up and have service seconds all the same: an agent was reached, so they count as both
    answered = calls[(calls["outcome"] == "AGENT") | (calls["ser_time"] > 0)].groupby(by)
    everyone = calls.groupby(by)
    return pd.DataFrame(
        {
            "volume": everyone.size(),
            "asa_seconds": answered["q_time"].mean(),
            "aht_seconds": answered["ser_time"].mean(),
            "abandonment_rate": everyone["outcome"].agg(lambda outcome: (outcome == "HANG").mean()),
        }
    )


def figures(diagnosis, by):
    table = diagnosis.table
    wide = table.pivot_table(index=by, columns="metric", values="estimate", aggfunc="first")
    return wide[["volume", "asa_seconds", "aht_seconds", "abandonment_rate"]]


def test_kpis_by_type_equal_plain_pandas(contacts, calls):
    ours, theirs = figures(cx.diagnose(contacts, by="type"), "type"), plain(calls, "type")
    pd.testing.assert_frame_equal(ours, theirs.loc[ours.index], check_names=False, check_dtype=False, rtol=1e-12)
    assert len(ours) == calls["type"].nunique() == 6


def test_every_other_metric_that_the_log_can_tell_equals_plain_pandas(contacts, calls):
    is_answered = (calls["outcome"] == "AGENT") | (calls["ser_time"] > 0)
    gone, wait = ~is_answered, calls["q_time"]
    marks = pd.DataFrame(
        {"AN": is_answered, "AB": gone, "a": is_answered & (wait <= 20), "b": gone & (wait <= 20),
         "c": gone & (wait <= 5), "hung_up": calls["outcome"] == "HANG", "everyone": True}
    )  # fmt: skip
    n = marks.groupby(calls["type"]).sum()
    of_wait, of_service = wait.groupby(calls["type"]), calls["ser_time"].where(is_answered).groupby(calls["type"])
    theirs = {
        "handled": n["AN"],
        "service_level": n["a"] / (n["AN"] + n["AB"] - n["b"]),
        "service_level_of_answered": n["a"] / n["AN"],
        "service_level_of_offered": n["a"] / (n["AN"] + n["AB"]),
        "service_level_crediting_abandons": (n["a"] + n["b"]) / (n["AN"] + n["AB"]),
        "service_level_crediting_short_abandons": (n["a"] + n["c"]) / (n["AN"] + n["AB"]),
        "abandonment_rate_without_short": (n["hung_up"] - n["c"]) / (n["everyone"] - n["c"]),
        "wait_seconds": of_wait.mean(),
        "wait_median_seconds": of_wait.median(),
        "wait_p90_seconds": of_wait.quantile(0.9),
        "patience_seconds": of_wait.sum() / n["AB"],
        "talk_seconds": of_service.mean(),
        "handle_median_seconds": of_service.median(),
        "handle_p90_seconds": of_service.quantile(0.9),
    }
    table = cx.diagnose(contacts, by="type", percentiles=True).table
    ours = table.pivot(index="type", columns="metric", values="estimate")
    for metric, expected in theirs.items():
        assert ours[metric].to_numpy() == pytest.approx(expected.loc[ours.index].to_numpy(dtype=float), rel=1e-12), (
            metric
        )
    told = set(table.loc[table["status"] == "ok", "metric"])
    assert told == {*theirs, "volume", "asa_seconds", "aht_seconds", "abandonment_rate"}


def test_kpis_by_hour_equal_plain_pandas(contacts, calls):
    # February has no change of clocks in Israel: an hour of the day there is the hour that the file writes
    diagnosis = cx.diagnose(contacts, interval="1h")
    wide = diagnosis.table.pivot_table(index="interval_start", columns="metric", values="estimate", aggfunc="first")
    theirs = plain(calls, ["date", "hour"])
    theirs.index = pd.to_datetime([f"{day} {hour:02d}" for day, hour in theirs.index], format="%y%m%d %H")
    ours = wide.loc[theirs.index, list(theirs.columns)]
    pd.testing.assert_frame_equal(
        ours, theirs, check_names=False, check_dtype=False, check_index_type=False, rtol=1e-12
    )
    assert ours["volume"].sum() == len(calls)


def test_everything_that_is_odd_is_counted(contacts, bank):
    raw = pd.read_csv(bank, sep="\t", dtype={"customer_id": str})
    counts = reading_counts(contacts)
    counts["column"] = counts["column"].fillna("")
    counted = counts.set_index(["column", "reason"])["n"].to_dict()
    assert counted == {
        ("", "left_out"): (raw["outcome"] == "PHANTOM").sum(),
        ("agent_id", "missing_by_map"): (raw["server"] == "NO_SERVER").sum(),
        ("customer_id", "missing_by_map"): (raw["customer_id"] == "0").sum(),
        ("ivr_seconds", "negative_duration"): (raw["vru_time"] < 0).sum(),
    }
    assert contacts.n_read == len(raw) == 33_344
    assert contacts.count() + counted[("", "left_out")] == contacts.n_read


def test_a_call_that_is_there_twice_counts_once(bank, tmp_path):
    lines = bank.read_bytes().splitlines(keepends=True)
    twice = tmp_path / "calls.tsv"
    twice.write_bytes(b"".join([*lines[:101], lines[40], lines[7]]))
    with cx.Session(threads=1) as session:
        contacts = cx.read_contacts(twice, map=MAP, session=session)
        counts = reading_counts(contacts).set_index("reason")["n"]
        assert (contacts.count(), counts["duplicate_contact"]) == (100 - counts.get("left_out", 0), 2)


def test_calls_end_after_they_start_past_midnight_too(contacts, calls):
    rows = contacts.to_pandas()
    length = (rows["ended_at"] - rows["started_at"]).dt.total_seconds()
    assert length.between(0, 2 * 3600).all()
    ends = rows["ended_at"].dt.tz_localize("UTC").dt.tz_convert("Asia/Jerusalem")
    starts = rows["started_at"].dt.tz_localize("UTC").dt.tz_convert("Asia/Jerusalem")
    assert (ends.dt.date > starts.dt.date).sum() == 22  # counted in the file: last clock time before the first
    assert (starts.dt.hour.to_numpy() == calls["hour"].to_numpy()).all()
