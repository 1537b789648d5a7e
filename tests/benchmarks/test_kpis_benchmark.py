"""The KPI benchmark on a small log: all contestants find the same figures, and say how long they took."""

from __future__ import annotations

import json
import runpy
from importlib.util import find_spec
from pathlib import Path

import pytest

KPIS = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "kpis.py"))


def test_it_prints_a_table_and_writes_json(tmp_path, capsys):
    KPIS["main"](["--contacts", "3000", "--repeats", "1", "--out", str(tmp_path / "kpis.json")])
    found = json.loads((tmp_path / "kpis.json").read_text())
    names = ["plain SQL", "tuned SQL", "cxfusion", "cxfusion, percentiles", "pandas"]
    assert list(found["ratio_to_plain_sql"]) == names + ["Polars"] * bool(find_spec("polars"))
    assert found["ratio_to_plain_sql"]["plain SQL"] == 1
    assert found["n_contacts"] == 3000
    printed = capsys.readouterr().out
    assert all(name in printed for name in names)


def test_figures_that_differ_stop_it(tmp_path):
    import cxfusion as cx

    KPIS["write_log"](tmp_path / "log.parquet", 500)
    with cx.Session(threads=1) as session:
        contacts = cx.read_contacts(str(tmp_path / "log.parquet"), session=session)
        ours = cx.diagnose(contacts, by="queue", interval="1h")
        theirs = contacts.rows.get_backend().con.execute(KPIS["plain_sql"](KPIS["table_of"](contacts))).df()
    KPIS["require_same"](ours, theirs)
    with pytest.raises(AssertionError):
        KPIS["require_same"](ours, theirs.assign(n_in_time=theirs["n_in_time"] + 1))
