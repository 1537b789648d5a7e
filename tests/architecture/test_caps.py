"""The dependency caps: once one of these fails, its cap in pyproject.toml can go (and the test with it)."""

from __future__ import annotations

import inspect
from importlib.metadata import version

import ibis.backends.duckdb


def test_ibis_still_streams_through_a_method_that_duckdb_2_lacks():
    # duckdb<2: ibis 12's own batches call DuckDBPyConnection.fetch_record_batch, deprecated in 1.5, gone in 2
    assert "fetch_record_batch" in inspect.getsource(ibis.backends.duckdb.Backend.to_pyarrow_batches)


def test_ibis_has_no_release_made_for_newer_sqlglot():
    # sqlglot<30.18: ibis 12 builds its CREATE TABLE … AS from a frame in a way that sqlglot 30.18 refuses; an ibis
    # after 12 is the first that can have been made for it
    assert int(version("ibis-framework").partition(".")[0]) <= 12
