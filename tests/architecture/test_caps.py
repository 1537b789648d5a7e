"""What the versions in pyproject.toml promise: caps, of which one can go once its test fails, and the oldest pandas."""

from __future__ import annotations

import inspect
import re
from importlib.metadata import version
from pathlib import Path

import ibis.backends.duckdb
import pandas as pd

import cxfusion
from cxfusion.results.grouping import TEXT

SOURCE = Path(cxfusion.__file__).parent


def test_ibis_still_streams_through_a_method_that_duckdb_2_lacks():
    # duckdb<2: ibis 12's own batches call DuckDBPyConnection.fetch_record_batch, deprecated in 1.5, gone in 2
    assert "fetch_record_batch" in inspect.getsource(ibis.backends.duckdb.Backend.to_pyarrow_batches)


def test_ibis_has_no_release_made_for_newer_sqlglot():
    # sqlglot<30.18: ibis 12 builds its CREATE TABLE … AS from a frame in a way that sqlglot 30.18 refuses; an ibis
    # after 12 is the first that can have been made for it
    assert int(version("ibis-framework").partition(".")[0]) <= 12


def test_gaps_in_text_are_gaps_in_every_pandas_that_is_allowed():
    # pandas 2 makes the word "None" of a gap where it is asked for "str", which is pandas 3's own type of text
    texts = {path.name: path.read_text() for path in SOURCE.rglob("*.py")}
    assert len(texts) > 200
    asking = [name for name, text in texts.items() if re.search(r'pd\.(Series|array)\([^\n]*dtype="str"', text)]
    assert not asking, "take cxfusion.results.grouping.TEXT"
    assert pd.Series(["a", None], dtype=TEXT).isna().tolist() == [False, True]
