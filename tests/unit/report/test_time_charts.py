"""Pictures over time: what is drawn where, weighted by what stands behind it."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from cxfusion.errors import NothingToEstimateError
from cxfusion.results.drawing import as_svg
from cxfusion.results.grouping import grouping_by
from cxfusion.results.time_charts import MAX_PANELS, MAX_PERIODS, MAX_ROWS, heat_map, score_over_time

SVG = "{http://www.w3.org/2000/svg}"


def rows(chart) -> list[dict]:
    return [row for data in chart.to_dict()["datasets"].values() for row in data]


def texts(chart) -> set[str]:
    return {"".join(element.itertext()) for element in ET.fromstring(as_svg(chart)).iter(f"{SVG}text")}


def figures(starts, metric="asa_seconds", unit="seconds", **columns) -> pd.DataFrame:
    frame = pd.DataFrame(columns | {"interval_start": pd.to_datetime(starts), "metric": metric, "unit": unit})
    return frame.assign(conf_low=frame["estimate"] - 1, conf_high=frame["estimate"] + 1)


def by(*columns, interval="1h"):
    return grouping_by(columns, interval, columns, ())


def test_without_groups_a_row_is_a_day_and_a_column_a_time_of_day():
    starts = ["2026-01-05 09:00", "2026-01-05 10:00", "2026-01-06 09:00"]
    chart = heat_map(figures(starts, estimate=[10.0, 75.0, np.nan], n=[3, 4, 5]), by(), "asa_seconds")
    assert [(row["row"], row["column"], row["text"]) for row in rows(chart)] == [
        ("2026-01-05", "09:00", "10 s"),
        ("2026-01-05", "10:00", "1 min 15 s"),
    ]
    assert {"Average speed of answer", "09:00", "2026-01-05"} <= texts(chart)


def test_with_groups_days_are_taken_together_by_what_stands_behind_them():
    starts = ["2026-01-05 09:00", "2026-01-06 09:00", "2026-01-05 09:00"]
    columns = {"queue": ["a", "a", None], "estimate": [10.0, 40.0, 7.0], "n": [200, 100, 1]}
    means = rows(heat_map(figures(starts, **columns), by("queue"), "asa_seconds"))
    assert [(row["row"], row["estimate"], row["n"]) for row in means] == [("a", 20.0, 300), ("(missing)", 7.0, 1)]
    counts = rows(heat_map(figures(starts, metric="volume", unit="contacts", **columns), by("queue"), "volume"))
    assert [row["estimate"] for row in counts] == [50.0, 7.0]


def test_days_fill_weeks():
    starts = pd.date_range("2026-01-04", periods=9)  # a Sunday, a week, a Monday
    chart = heat_map(figures(starts, estimate=np.arange(9.0), n=1), by(interval="1d"), "asa_seconds")
    cells = [(row["row"], row["column"]) for row in rows(chart)]
    assert cells[:2] == [("2025-12-29", "Sun"), ("2026-01-05", "Mon")]
    assert cells[-1] == ("2026-01-12", "Mon")
    assert chart.to_dict()["encoding"]["x"]["sort"] == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def test_only_the_latest_days_and_the_largest_groups_are_drawn():
    days = pd.date_range("2026-01-01", periods=40)
    drawn = rows(heat_map(figures(days, estimate=1.0, n=1), by(), "asa_seconds"))
    assert [row["row"] for row in drawn] == [f"{day:%Y-%m-%d}" for day in days[-MAX_ROWS:]]
    queues = {"queue": [f"q{i:02d}" for i in range(40)], "estimate": np.arange(40.0), "n": np.arange(1, 41)}
    drawn = rows(heat_map(figures([days[0]] * 40, **queues), by("queue"), "asa_seconds"))
    assert {row["row"] for row in drawn} == {f"q{i:02d}" for i in range(40 - MAX_ROWS, 40)}
    lines = rows(score_over_time(figures([days[0]] * 40, **queues), by("queue"), "asa_seconds"))
    assert len(lines) == MAX_PANELS
    long = figures(pd.date_range("2026-01-01", periods=6000, freq="h"), estimate=1.0, n=1)
    assert len(rows(score_over_time(long, by(), "asa_seconds"))) == MAX_PERIODS


def test_a_score_over_time_has_a_panel_per_group():
    starts = ["2026-01-05", "2026-01-06", "2026-01-05"]
    scores = figures(
        starts, metric="csat_mean", unit="score points", queue=["<b>", "<b>", "sales"], estimate=[4.0, 4.5, 3.0], n=9
    )
    chart = score_over_time(scores, by("queue", interval="1d"), "csat_mean")
    assert {"Satisfaction (CSAT), average", "<b>", "sales"} <= texts(chart)
    assert sorted(row["estimate"] for row in rows(chart)) == [3.0, 4.0, 4.5]
    alone = score_over_time(scores[scores["queue"] == "sales"].drop(columns="queue"), by(interval="1d"), "csat_mean")
    assert "Satisfaction (CSAT), average" in texts(alone)


@pytest.mark.parametrize("draw", [heat_map, score_over_time])
def test_without_figures_there_is_nothing_to_draw(draw):
    with pytest.raises(NothingToEstimateError, match="asa_seconds over time"):
        draw(figures(["2026-01-05"], estimate=[np.nan], n=0), by(), "asa_seconds")
