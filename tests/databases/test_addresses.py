"""URLs of databases: taken apart, and never told with a password."""

from __future__ import annotations

import pytest

from cxfusion.engine.addresses import database_of, is_url, started_at_folder, table_of
from cxfusion.errors import CxfusionError, UsageError, redacted


@pytest.mark.parametrize(
    ("url", "kind", "target", "schema", "table"),
    [
        ("postgres://db/sales/calls", "postgres", "postgresql://db/sales", None, "calls"),
        ("postgresql://db:5433/sales/cx.calls", "postgres", "postgresql://db:5433/sales", "cx", "calls"),
        ("postgres://db/sales/cx/calls", "postgres", "postgresql://db/sales", "cx", "calls"),
        ("postgres://db/sales?table=cx.calls&sslmode=require", "postgres", "postgresql://db/sales?sslmode=require",
         "cx", "calls"),
        ("postgres://k:a%2Fb@db/sales/my%20calls", "postgres", "postgresql://k:a%2Fb@db/sales", None, "my calls"),
        ("duckdb://logs/calls.duckdb/calls", "duckdb", "logs/calls.duckdb", None, "calls"),
        ("duckdb:///srv/calls.db/cx/calls", "duckdb", "/srv/calls.db", "cx", "calls"),
        ("duckdb:///srv/v1.2/calls.db?table=cx.calls", "duckdb", "/srv/v1.2/calls.db", "cx", "calls"),
        ("sqlite://logs/calls.db?table=calls", "sqlite", "sqlite://logs/calls.db", None, "calls"),
        ("mysql://k:p@db/asterisk?table=cel.log&ssl=1", "mysql", "mysql://k:p@db/asterisk?ssl=1", "cel", "log"),
    ],
)  # fmt: skip
def test_a_url_names_a_table(url, kind, target, schema, table, tmp_path):
    if "v1.2" in url:  # a folder with a dot is no file: only what is there tells
        (tmp_path / "v1.2").mkdir()
        (tmp_path / "v1.2" / "calls.db").touch()
        url, target = url.replace("/srv", str(tmp_path)), target.replace("/srv", str(tmp_path))
    found = table_of(url)
    assert (found.kind, found.target, found.schema, found.table) == (kind, target, schema, table)


@pytest.mark.parametrize("url", ["postgres://db/sales", "duckdb://a.duckdb", "sqlite://a.db", "postgres://d/a/b/c/d"])
def test_a_url_without_a_table_is_refused_with_an_example(url):
    with pytest.raises(UsageError, match=r"does not name one table.*calls"):
        table_of(url)


def test_a_port_that_is_none_is_refused():
    with pytest.raises(UsageError, match="is not a URL"):
        table_of("postgres://kim:7up@db:port/sales/calls")


@pytest.mark.parametrize(
    ("url", "schema", "expected"),
    [
        ("postgres://db/sales/cx", None, "cx"),
        ("postgres://db/sales?schema=cx", None, "cx"),
        ("postgres://db/sales/other", "cx", "cx"),
        ("duckdb://out.duckdb", None, None),
        ("duckdb://out.duckdb/cx", None, "cx"),
    ],
)
def test_a_url_names_where_to_write(url, schema, expected):
    assert database_of(url, schema).schema == expected


@pytest.mark.parametrize("url", ["sqlite://out.db", "postgres://db/sales/cx/calls", "duckdb://a.db?table=calls"])
def test_other_places_to_write_are_refused(url):
    with pytest.raises(UsageError):
        database_of(url)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("postgres://kim:7up@db/s", "postgres://kim@db/s"),
        ("at postgresql://kim:a%40b:c@db:5432/s, no", "at postgresql://kim@db:5432/s, no"),
        ("postgres://kim:p@ss@db/s", "postgres://kim@db/s"),
        ("postgres://db/s?user=kim&password=7up&sslmode=require", "postgres://db/s?user=kim&password=&sslmode=require"),
        ("x://db/s?motherduck_token=abc", "x://db/s?motherduck_token="),
        ("postgres://kim@db/s", "postgres://kim@db/s"),
        ("postgres:/kim:7up@db/s", "postgres:/kim@db/s"),
        ("C:/logs/a@b.csv at 10:30", "C:/logs/a@b.csv at 10:30"),
    ],
)
def test_passwords_are_left_out(text, told):
    assert redacted(text) == told
    assert str(CxfusionError(text, [text])) == f"{told}\n  - {told}"  # no message has one, whoever wrote it


def test_an_address_tells_no_password():
    address = table_of("postgres://kim:7up@db/sales/calls?password=7up")
    assert "7up" in address.target
    assert "7up" not in f"{address} {address!r} {address.shown}"


def test_only_letters_and_slashes_make_a_url(tmp_path):
    assert is_url("md://x")
    assert not any(is_url(given) for given in ("calls.csv", "C:\\calls.csv", "C://calls.csv", tmp_path, 7))


def test_a_duckdb_file_may_start_at_a_folder(tmp_path):
    assert started_at_folder("duckdb://a.db/calls", tmp_path) == f"duckdb://{tmp_path}/a.db/calls"
    assert started_at_folder("duckdb:///srv/a.db", tmp_path) == "duckdb:///srv/a.db"
    assert started_at_folder("postgres://db/s/t", tmp_path) == "postgres://db/s/t"
