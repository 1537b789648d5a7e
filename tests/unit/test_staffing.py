"""Staffing questions: the inverse undoes the forward answer, and what has no answer says why."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cxfusion as cx
from cxfusion.errors import NothingToEstimateError, UsageError


@settings(max_examples=40, deadline=None)
@given(
    arrivals=st.integers(1, 2_000),
    aht=st.floats(20, 900),
    patience=st.one_of(st.none(), st.floats(20, 2_000)),
    target=st.sampled_from(
        [{"service_level": 0.8}, {"service_level": 0.95}, {"asa_seconds": 15.0}, {"occupancy": 0.85},
         {"service_level": 0.7, "occupancy": 0.8}]
    ),
)  # fmt: skip
def test_the_fewest_agents_are_enough_and_one_less_is_not(arrivals, aht, patience, target):
    found = cx.required_agents(arrivals, aht, patience_seconds=patience, **target).table.iloc[0]
    assert found["status"] == "ok"

    def meets(row):
        return row["status"] == "ok" and all(
            row[name] >= value if name == "service_level" else row[name] <= value for name, value in target.items()
        )

    forward = cx.staffing(arrivals, aht, [found["agents"], max(found["agents"] - 1, 0)], patience_seconds=patience)
    assert meets(forward.table.iloc[0])
    assert not meets(forward.table.iloc[1])
    pd.testing.assert_series_equal(forward.table.iloc[0], found, check_names=False)


def test_a_whole_day_at_once_and_what_has_no_answer_says_why():
    table = cx.staffing([0, 200, 200, 200, np.nan], [180, 180, 180, 180, 180], [5, 14, 10, 0, 5]).table
    assert [None if pd.isna(reason) else reason for reason in table["reason"]] == [
        "no contacts arrive",
        None,
        "10 erlangs of work are too much for 10 agents: the queue would grow for ever",
        "without agents nobody is ever answered",
        "a number is missing",
    ]
    assert table["asa_seconds"].notna().to_list() == [False, True, False, False, False]


def test_overload_has_an_answer_where_customers_hang_up():
    row = cx.staffing(400, 180, 10, patience_seconds=120).table.iloc[0]
    assert row["status"] == "ok"
    assert row["abandonment_rate"] == pytest.approx(0.5, abs=0.01)  # twice the work that fits
    assert row["asa_seconds"] > row["wait_seconds"]  # who gives up has waited less than who stays


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_agents_to_spare_serve_everybody_at_once_whether_customers_hang_up_or_not():
    given = ([20, 200, 2000], 180, [200, 300, 1000])
    patient, hasty = (cx.staffing(*given, patience_seconds=patience).table for patience in (None, 120))
    assert hasty["status"].eq("ok").all()
    assert hasty["service_level"].tolist() == [1, 1, 1]
    assert hasty["abandonment_rate"].to_numpy() == pytest.approx(0, abs=1e-12)
    figures = ["asa_seconds", "occupancy", "service_level"]
    np.testing.assert_allclose(hasty[figures], patient[figures], rtol=1e-12, atol=1e-12)


def test_shrinkage_schedules_more():
    found = cx.required_agents([100, 200], 180, shrinkage=0.3).table
    assert found["scheduled_agents"].to_list() == [np.ceil(n / 0.7) for n in found["agents"]] == [12, 20]
    assert cx.staffing(100, 180, 7, shrinkage=0.3).table["scheduled_agents"].to_list() == [10]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: cx.staffing(-1, 180, 5), "arrivals is -1"),
        (lambda: cx.staffing(10, 0, 5), "aht_seconds is 0"),
        (lambda: cx.staffing(10, 180, 2.5), "whole number"),
        (lambda: cx.staffing(10, 180, -1), "agents is -1"),
        (lambda: cx.staffing(10, 180, 5, patience_seconds=-3), "patience_seconds is -3"),
        (lambda: cx.staffing(10, 180, 5, interval_seconds=0), "interval_seconds"),
        (lambda: cx.staffing(10, 180, 5, shrinkage=1), "shrinkage"),
        (lambda: cx.staffing(10, pd.to_timedelta([180], unit="s"), 5), "aht_seconds is"),  # would be microseconds
        (lambda: cx.staffing([1, 2], [180, 180, 180], 5), "different lengths"),
        (lambda: cx.required_agents(10, 180, service_level=1.2), "service_level is 1.2"),
        (lambda: cx.required_agents(10, 180, asa_seconds=0), "some always wait"),
        (lambda: cx.required_agents(10, 180, abandonment_rate=0.03), "patience_seconds as well"),
    ],
)
def test_an_impossible_question_is_refused(call, told):
    with pytest.raises(UsageError, match=told):
        call()


def test_no_more_agents_are_asked_for_than_staffing_takes():
    found = cx.required_agents([360, 1_200_000], 600, service_level=0.99).table
    assert found["status"].tolist() == ["ok", "not_applicable"]
    assert found["reason"].iloc[1] == (
        "200,000 erlangs of work are too much for 100,000 agents: the queue would grow for ever"
    )
    assert found["agents"].iloc[0] < 100
    assert pd.isna(found["asa_seconds"].iloc[1])


def test_the_result_shows_itself_and_pickles():
    found = cx.staffing(200, 180, 12, patience_seconds=180, shrinkage=0.25)
    assert "12 agents (16 scheduled): ASA 8.5 s" in found.summary()
    assert "abandoned 5.3 %" in found.summary()
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(found)).table, found.table)
    assert "<table" in found._repr_html_()


def test_the_picture_has_a_panel_per_figure():
    found = cx.staffing(200, 180, [10, 12, 14, 16], patience_seconds=240)
    panels = found.plot().to_dict()["concat"]
    titles = [panel["title"]["text"] if "title" in panel else panel["layer"][0]["title"]["text"] for panel in panels]
    assert titles == ["Average speed of answer", "Service level", "Occupancy", "Abandoned"]
    assert len(cx.staffing(200, 180, [10, 12, 14]).plot().to_dict()["concat"]) == 3  # nobody hangs up
    (rows,) = cx.staffing(200, 180, [10, 12, 14]).plot().to_dict()["datasets"].values()
    assert [row["agents"] for row in rows] == [12, 14]  # ten have no answer
    for none in (cx.staffing([100, 200], 180, [12, 14]), cx.staffing(200, 180, 12)):
        with pytest.raises(NothingToEstimateError, match="several numbers of agents"):
            none.plot()
