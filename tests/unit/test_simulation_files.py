"""A simulated centre's files: same seed same bytes, whole books, times that add up, memory bounded by a day."""

from __future__ import annotations

import sys
import tracemalloc

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cxfusion.errors import OutputDirectoryError, UsageError
from cxfusion.simulation import Centre, Queue, simulate, write_centre
from cxfusion.simulation.files import ParquetFile
from cxfusion.tables.canonical import CONTACT_COLUMNS, SURVEY_COLUMNS

N_CONTACTS = 20_000
HANDLING = ["talk_seconds", "hold_seconds", "wrap_seconds", "rewait_seconds", "n_holds", "n_transfers"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_centre(tmp_path_factory.mktemp("centre"), N_CONTACTS, 7)


@pytest.fixture(scope="module")
def contacts(files):
    return pd.read_parquet(files.contacts)


@pytest.fixture(scope="module")
def surveys(files):
    return pd.read_parquet(files.surveys)


def test_same_seed_same_bytes_and_another_seed_another_centre(files, tmp_path):
    again = write_centre(tmp_path / "again", N_CONTACTS, 7)
    other = write_centre(tmp_path / "other", N_CONTACTS, 8)
    for first, second, third in zip(files, again, other, strict=True):
        assert first.read_bytes() == second.read_bytes()
        assert first.read_bytes() != third.read_bytes()


def test_columns_are_canonical_and_typed(files):
    contacts, surveys = pq.read_schema(files.contacts), pq.read_schema(files.surveys)
    assert set(contacts.names) <= {column.name for column in CONTACT_COLUMNS}
    assert set(surveys.names) <= {column.name for column in SURVEY_COLUMNS}
    for schema in (contacts, surveys):
        for field in schema:
            if field.name.endswith("_at"):
                assert field.type == pa.timestamp("us", tz="UTC")
            elif field.name.endswith("_id") or field.name in {"queue", "channel", "direction", "reason"}:
                assert field.type == pa.string()
            elif field.name != "is_abandoned":
                assert field.type == pa.int32()


def test_contacts_are_as_many_as_asked_each_once_and_in_order(contacts):
    assert len(contacts) == N_CONTACTS
    assert contacts["contact_id"].tolist() == [f"c{number:09d}" for number in range(N_CONTACTS)]
    assert contacts["started_at"].is_monotonic_increasing
    assert contacts["started_at"].dt.date.nunique() == 60
    assert contacts["started_at"].dt.hour.between(7, 20).all()


def test_abandoned_contacts_have_no_agent_and_no_handling_and_answered_ones_have_all(contacts):
    gone = contacts["is_abandoned"]
    handled = [*HANDLING, "agent_id", "first_agent_id"]
    assert 0.02 < gone.mean() < 0.10
    assert contacts.loc[gone, handled].isna().all(axis=None)
    assert contacts.loc[~gone].notna().all(axis=None)
    everyone = contacts.drop(columns=handled)
    assert everyone.notna().all(axis=None)


def test_no_duration_or_count_is_negative(contacts):
    numbers = contacts[["wait_seconds", "ivr_seconds", *HANDLING]]
    assert (numbers.min() >= 0).all()
    assert ((contacts["hold_seconds"] > 0) == (contacts["n_holds"] > 0)).all()
    assert (contacts.loc[contacts["n_transfers"] == 0, "rewait_seconds"] == 0).all()
    only_transfers_change_agents = contacts["agent_id"] != contacts["first_agent_id"]
    assert (contacts.loc[only_transfers_change_agents & ~contacts["is_abandoned"], "n_transfers"] > 0).all()


def test_a_contact_ends_when_its_parts_are_over(contacts):
    parts = ["ivr_seconds", "wait_seconds", "rewait_seconds", "talk_seconds", "hold_seconds"]
    lasted = (contacts["ended_at"] - contacts["started_at"]).dt.total_seconds()
    assert (lasted == contacts[parts].fillna(0).sum(axis=1)).all()


def test_responses_belong_to_answered_contacts_once_and_come_after_them(contacts, surveys):
    assert surveys["response_id"].tolist() == [f"r{number:09d}" for number in range(len(surveys))]
    assert surveys["contact_id"].is_unique
    both = surveys.merge(contacts, on="contact_id", suffixes=("", "_of_contact"), validate="1:1")
    assert len(both) == len(surveys)
    assert not both["is_abandoned"].any()
    assert (both["customer_id"] == both["customer_id_of_contact"]).all()
    assert (both["invited_at"] - both["ended_at"]).dt.total_seconds().between(120, 900).all()
    assert (both["answered_at"] >= both["invited_at"]).all()


def test_about_one_in_eight_answers_and_scores_are_top_heavy(contacts, surveys):
    assert len(surveys) / (~contacts["is_abandoned"]).sum() == pytest.approx(0.12, abs=0.015)
    assert set(surveys["csat"]) == {1, 2, 3, 4, 5}
    assert set(surveys["nps"]) == set(range(11))
    assert 0.60 < (surveys["csat"] >= 4).mean() < 0.75
    assert surveys["csat"].corr(surveys["nps"]) > 0.5


def test_customers_come_back_a_few_of_them_often(contacts):
    visits = contacts["customer_id"].value_counts()
    assert 1.5 < visits.mean() < 4
    assert visits.median() <= 2
    assert 10 < visits.max() < 100


def test_hold_and_talk_tempt_and_the_menu_does_not(contacts, surveys):
    pairs = surveys.merge(contacts, on="contact_id")
    slopes = pairs[["csat", "hold_seconds", "talk_seconds", "ivr_seconds", "wait_seconds"]].corr()["csat"]
    noise = 1 / np.sqrt(len(pairs))
    assert (slopes[["hold_seconds", "talk_seconds", "wait_seconds"]] < -4 * noise).all()
    assert abs(slopes["ivr_seconds"]) < 4 * noise


def test_a_bigger_log_has_more_days_not_bigger_ones():
    centre = Centre(most_contacts_per_day=1_000)
    assert centre.days_for(20_000) == 60
    assert centre.days_for(100_001) == 101


def after_each_day(monkeypatch, look):
    """Have something done whenever a day is written."""
    module = sys.modules[write_centre.__module__]
    drawn = module.draw_days

    def days(*args):
        for day in drawn(*args):
            yield day
            look()

    monkeypatch.setattr(module, "draw_days", days)


def test_memory_is_bounded_by_a_day_whatever_the_size(tmp_path, monkeypatch):
    arrow = []
    after_each_day(monkeypatch, lambda: arrow.append(pa.total_allocated_bytes()))
    monkeypatch.setattr(ParquetFile, "ROW_GROUP", 1_000)  # else one row group of surveys takes 800,000 contacts

    def peak(n_contacts: int) -> float:
        arrow.clear()
        tracemalloc.start()
        write_centre(
            tmp_path,
            n_contacts,
            1,
            Centre(n_days=1, most_contacts_per_day=20_000, weekday_volumes=(1.0,) * 7),  # no day longer than others
        )
        peak_numpy = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak_numpy + max(arrow)

    peak(20_000)  # what the first run loads and keeps is not the second's
    assert peak(400_000) < 1.1 * peak(100_000)


def test_a_run_that_dies_leaves_the_last_good_files(tmp_path, monkeypatch):
    before = [path.read_bytes() for path in write_centre(tmp_path, 1_000, 1)]

    def die() -> None:
        raise KeyboardInterrupt

    after_each_day(monkeypatch, die)
    with pytest.raises(KeyboardInterrupt):
        write_centre(tmp_path, 1_000, 2)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["contacts.parquet", "surveys.parquet", "truth.csv"]
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == before


def test_what_cannot_be_drawn_or_written_is_said_clearly(tmp_path):
    with pytest.raises(UsageError, match="at least 1,000"):
        write_centre(tmp_path, 999, 1)
    with pytest.raises(UsageError, match="not negative"):
        write_centre(tmp_path, 1_000, -1)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputDirectoryError, match="could not be written"):
        write_centre(tmp_path / "file", 1_000, 1)


def test_files_that_no_centre_left_are_not_replaced(tmp_path):
    (tmp_path / "contacts.parquet").write_text("a year of calls")
    with pytest.raises(OutputDirectoryError, match=r"contacts\.parquet, which would be replaced, and no truth"):
        simulate(1_000, 1, out=tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("contacts.parquet", "a year of calls")]
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "map.toml").write_text("")
    files = write_centre(tmp_path / "own", 1_000, 1)  # canonical files have no map
    write_centre(tmp_path / "own", 1_000, 2)
    assert files.map.read_text() == ""


def test_parts_of_a_centre_that_do_not_fit_are_all_named():
    with pytest.raises(UsageError) as caught:
        Centre(queues=(Queue("short", 1.0, (1.0,)),), channel_shares=(1.0,))
    assert caught.value.problems == ("queue 'short' has a mix of 1 reasons", "1 channel shares")


def test_simulate_hands_over_what_was_written(tmp_path):
    drawn = simulate(2_000, 3, out=tmp_path)
    files = write_centre(tmp_path / "again", 2_000, 3)
    assert drawn.contacts.count() == 2_000
    assert drawn.surveys.count() == pq.read_metadata(files.surveys).num_rows
    assert drawn.centre == Centre()
    pd.testing.assert_frame_equal(drawn.truth, pd.read_csv(tmp_path / "truth.csv", keep_default_na=False))
    assert (tmp_path / "contacts.parquet").read_bytes() == files.contacts.read_bytes()


def test_simulate_without_a_folder_outlives_its_files():
    drawn = simulate(1_000, 3)
    assert len(drawn.contacts.to_pandas()) == 1_000
