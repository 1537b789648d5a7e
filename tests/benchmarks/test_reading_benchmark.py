"""The reading benchmark on a small log: both ways read every contact, and say how long they took."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

READING = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "reading.py"))


def test_it_prints_both_times_and_their_ratio(capsys):
    READING["main"](["--contacts", "3000", "--repeats", "1", "--threads", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["clock", "processor"]
    assert all(re.search(r"plain +[\d.]+ s +cxfusion +[\d.]+ s +ratio [\d.]+$", line) for line in lines)


def test_the_log_is_clean(tmp_path):
    import cxfusion as cx

    READING["write_log"](tmp_path / "log.parquet", 1000)
    with cx.Session(threads=1) as session:
        contacts = cx.read_contacts(tmp_path / "log.parquet", session=session)
        assert (contacts.count(), len(session.collect(contacts.set_aside))) == (1000, 0)
