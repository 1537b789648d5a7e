"""Maps are checked as a whole, without data."""

from __future__ import annotations

import pytest

from cxfusion.errors import ConfigError
from cxfusion.tables.mapping import ColumnMap, Map, load_map, table_map

WHOLE = """
[contacts]
timezone = "Asia/Kolkata"
datetime_format = "%d/%m/%Y %H:%M"
[contacts.columns]
contact_id = "Unique id"
response_seconds = { from = "a", to = "b" }
is_abandoned = { column = "State", true = "Lost", false = ["Won", "Open"] }
[surveys.columns]
csat = { column = "CSAT Score", scale = [1, 5] }
[levers.response_seconds]
moment = "before"
step = -600
shape = "log1p"
"""


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_a_whole_map_is_read(tmp_path):
    read = load_map(write(tmp_path / "map.toml", WHOLE))
    assert read.contacts.timezone == "Asia/Kolkata"
    assert read.contacts.datetime_format == ("%d/%m/%Y %H:%M",)
    assert read.contacts.columns["response_seconds"].sources == ("a", "b")
    assert read.contacts.columns["is_abandoned"].true == ("Lost",)
    assert read.surveys.columns["csat"].scale == (1, 5)
    assert (read.levers["response_seconds"].step, read.levers["response_seconds"].role) == (-600, None)


def test_byte_order_mark_is_no_fault(tmp_path):
    (tmp_path / "map.toml").write_bytes(b"\xef\xbb\xbf" + WHOLE.encode())
    assert load_map(tmp_path / "map.toml").levers.keys() == {"response_seconds"}


def test_a_dict_may_be_a_map_a_section_or_just_columns():
    whole = table_map({"surveys": {"columns": {"csat": "S"}}}, "surveys")
    section = table_map({"columns": {"csat": "S"}}, "surveys")
    columns = table_map({"csat": "S"}, "surveys")
    assert whole == section == columns == Map(surveys={"columns": {"csat": "S"}})
    assert table_map(None, "contacts").table("contacts").columns == {}
    assert table_map(whole, "surveys") is whole


def test_every_problem_is_told_at_once_with_its_place_and_nearest_name():
    wrong = {
        "contacts": {
            "timezon": "UTC",
            "timezone": "Asia/Kolkatta",
            "datetime_format": ["%d/%m/%Y", "%Q"],
            "columns": {"a": {"from": "x"}, "b": {"colum": "x", "column": "x", "kind": "flagg"}, "c": 3},
        },
        "levers": {"x": {"rol": 1, "role": "leverr", "smallest_effect": -1}},
        "survey": {},
    }
    with pytest.raises(ConfigError) as caught:
        table_map(wrong, "contacts")
    told = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 11
    for expected in (
        "contacts.timezon is not known; nearest: timezone",
        "contacts.timezone: There is no time zone 'Asia/Kolkatta'. Expected an IANA name; nearest",
        "contacts.datetime_format.1: '%Q'",
        "contacts.columns.a: expected either `column`, `from` and `to` together",
        "contacts.columns.b.colum is not known; nearest: column",
        "contacts.columns.b.kind = 'flagg' is not one of the choices; nearest: flag",
        "contacts.columns.c = 3",
        "levers.x.rol is not known; nearest: role",
        "levers.x.role = 'leverr' is not one of the choices; nearest: lever",
        "levers.x.smallest_effect = -1",
        "survey is not known; nearest: surveys",
    ):
        assert expected in told


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ({"column": "x", "scale": [5, 1]}, "low to high"),
        ({"column": "x", "false": "N"}, "needs `true`"),
        ({"column": "x", "from": "a", "to": "b"}, "expected either"),
        ({}, "expected either"),
        ({"column": "x", "format": "no directive"}, "holds no %"),
    ],
)
def test_a_column_that_contradicts_itself_is_refused(column, reason):
    with pytest.raises(ConfigError) as caught:
        table_map({"csat": column}, "surveys")
    assert reason in caught.value.problems[0]


def test_missing_and_broken_files_are_config_errors(tmp_path):
    with pytest.raises(ConfigError, match="could not be read"):
        load_map(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="line 1"):
        load_map(write(tmp_path / "bad.toml", "contacts = \n"))
    with pytest.raises(ConfigError, match="list"):
        table_map([1], "contacts")


def test_maps_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        ColumnMap(column="x").column = "y"
