"""Two files with ordinary headings, one command, no map: five invented companies, each with its own words and forms."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from cxfusion.cli import app

if TYPE_CHECKING:
    from pathlib import Path

N = 420
STARTED = pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(np.arange(N) * 37, "min")
DRAWN = np.random.default_rng(4)
WAIT = DRAWN.gamma(2.0, 40.0, N).round()
TALK = DRAWN.gamma(3.0, 80.0, N).round()
AGENT = np.arange(N) * 7 % 12
CSAT = np.digitize(1.5 - WAIT / 100 + DRAWN.normal(0, 1, N), [-0.5, 0.2, 0.8, 1.4]) + 1


def clock(seconds: np.ndarray) -> list[str]:
    return [f"{int(s) // 3600:02d}:{int(s) // 60 % 60:02d}:{int(s) % 60:02d}" for s in seconds]


def bank() -> tuple[pd.DataFrame, pd.DataFrame]:
    calls = {
        "Interaction ID": [f"INT-{i:05d}" for i in range(N)],
        "Start Date/Time": STARTED.strftime("%d/%m/%Y %H:%M:%S"),
        "Queue Name": np.where(np.arange(N) % 3, "Cards", "Loans"),
        "Agent ID": AGENT, "Time in Queue (sec)": WAIT, "Talk Time (sec)": TALK, "Transfers": np.arange(N) % 2,
    }  # fmt: skip
    answers = {"Interaction ID": calls["Interaction ID"], "Satisfaction Score": CSAT}
    return pd.DataFrame(calls), pd.DataFrame(answers)


def telecom() -> tuple[pd.DataFrame, pd.DataFrame]:
    calls = {
        "call_id": np.arange(N) + 70_000, "call_start": STARTED.strftime("%Y-%m-%dT%H:%M:%SZ"), "skill": "broadband",
        "agent_name": [f"Agent {i}" for i in AGENT], "wait_time_ms": WAIT * 1000, "talk_time_ms": TALK * 1000,
        "hold_time_ms": WAIT * 100, "acw_ms": 15_000,
    }  # fmt: skip
    answers = {
        "call_id": calls["call_id"], "survey_date": (STARTED + pd.Timedelta(days=1)).strftime("%Y-%m-%d"),
        "nps": np.clip(CSAT * 2, 0, 10), "csat": CSAT,
    }  # fmt: skip
    return pd.DataFrame(calls), pd.DataFrame(answers)


def airline() -> tuple[pd.DataFrame, pd.DataFrame]:
    calls = {
        "Contact ID": [f"{i:x}" for i in range(4096, 4096 + N)],
        "Contact Start Time": STARTED.strftime("%m/%d/%Y %I:%M:%S %p"), "Skill Name": "Bookings",
        "Agent": [f"a{i}" for i in AGENT], "Queue Wait Time": clock(WAIT), "Talk Time": clock(TALK),
        "Hold Time": clock(WAIT / 4), "After Call Work Time": clock(TALK / 10), "Abandoned": "No",
        "Reason": np.where(np.arange(N) % 2, "refund", "seat"),
    }  # fmt: skip
    answers = {"Contact ID": calls["Contact ID"], "Response Date": calls["Contact Start Time"], "CSAT Score": CSAT}
    return pd.DataFrame(calls), pd.DataFrame(answers)


def utility() -> tuple[pd.DataFrame, pd.DataFrame]:
    calls = {
        "Customer Number": [f"K{i:06d}" for i in range(N)], "Call Reference": [f"R{i}" for i in range(N)],
        "Call Date": STARTED.strftime("%d.%m.%Y"), "Call Time": STARTED.strftime("%H:%M:%S"), "Split": "Gas",
        "Operator": AGENT, "Speed of Answer (min)": WAIT / 60, "Talk Duration (min)": TALK / 60,
    }  # fmt: skip
    answers = {
        "Customer Number": calls["Customer Number"], "Call Reference": calls["Call Reference"],
        "Date Submitted": (STARTED + pd.Timedelta(hours=2)).strftime("%d.%m.%Y %H:%M"),
        "Overall Satisfaction": CSAT,
    }  # fmt: skip
    return pd.DataFrame(calls), pd.DataFrame(answers)


def shop() -> tuple[pd.DataFrame, pd.DataFrame]:
    calls = {
        "customer_id": [f"c{i}" for i in range(N)], "ticket_id": np.arange(N) + 5, "call_id": np.arange(N) + 9_000,
        "started_at": STARTED.strftime("%Y-%m-%d %H:%M:%S+01:00"), "queue": np.where(np.arange(N) % 2, "web", "store"),
        "agent": AGENT, "wait_seconds": WAIT, "handle_time": TALK + 20, "talk_seconds": TALK, "wrap_seconds": 20,
    }  # fmt: skip
    answers = {
        "customer_id": calls["customer_id"],
        "submitted_at": (STARTED + pd.Timedelta(hours=3)).strftime("%Y-%m-%d %H:%M:%S+01:00"), "star_rating": CSAT,
    }  # fmt: skip
    return pd.DataFrame(calls), pd.DataFrame(answers)


COMPANIES = {one.__name__: one for one in (bank, telecom, airline, utility, shop)}


def run(command: str, folder: Path, name: str, *words: object) -> Result:
    paths = []
    for frame, which in zip(COMPANIES[name](), ("calls", "answers"), strict=True):
        paths.append(folder / f"{which}.csv")
        frame.to_csv(paths[-1], index=False)
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, [command, *map(str, (*paths, *words))])


@pytest.mark.parametrize("name", COMPANIES)
def test_every_answer_finds_its_contact(name, tmp_path):
    result = run("check", tmp_path, name, "--json")
    assert result.exit_code == 0, result.output
    audit = json.loads(result.stdout)["audit"]
    paired = sum(row["n"] for row in audit if row["stage"] == "responses" and row["reason"].startswith("paired_"))
    assert paired == N
    assert not [row for row in audit if row["stage"] in ("contact_cells", "response_cells")]


def test_one_command_makes_the_report(tmp_path):
    result = run("fuse", tmp_path, "airline", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Waiting time" in page
    assert "Traceback" not in result.output
