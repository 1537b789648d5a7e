"""A run that is killed at any point leaves the last good directory or the whole new one: a few of the kills."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = Path(__file__).parents[2] / "benchmarks" / "kills.py"


@pytest.mark.skipif(sys.platform != "linux", reason="it forks")
def test_killed_runs_leave_a_whole_directory_and_nothing_beside_it():
    command = [sys.executable, str(KILLS), "--kills", "2", "--contacts", "1000", "--seed", "3"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    *rows, last = ended.stdout.splitlines()
    assert last.startswith("2 runs killed")
    assert [json.loads(row)["problems"] for row in rows] == [[], []]
