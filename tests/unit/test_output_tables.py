"""What a run leaves can be loaded elsewhere: tables whose columns stay, as Parquet and CSV, and a checked manifest."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

import cxfusion as cx
from cxfusion.config import study_of_options
from cxfusion.delivery.csv_copies import write_csv_copies
from cxfusion.delivery.database import write_database
from cxfusion.delivery.manifest import manifest_schema
from cxfusion.engine.addresses import database_of
from cxfusion.job import diagnose_log
from cxfusion.results import schemas

FROZEN = json.loads((Path(__file__).parent / "output_tables.json").read_text())
PRESENT = {name.lower(): schema for name, schema in vars(schemas).items() if isinstance(schema, pa.Schema)}


def test_the_columns_of_every_table_are_the_frozen_ones():
    """Renamed, retyped, moved or taken away: raise schemas.VERSION. Added at the end: write it down in the file."""
    assert FROZEN["version"] == schemas.VERSION
    tables = {name: {field.name: str(field.type) for field in schema} for name, schema in PRESENT.items()}
    assert {name: list(columns.items()) for name, columns in tables.items()} == {
        name: list(columns.items()) for name, columns in FROZEN["tables"].items()
    }


@pytest.mark.parametrize("name", sorted(PRESENT))
def test_every_table_has_types_that_any_tool_can_load(name):
    assert {str(field.type) for field in PRESENT[name]} <= {"string", "double", "int64", "timestamp[us, tz=UTC]"}
    assert PRESENT[name].metadata == {b"cxfusion.table": name.encode(), b"cxfusion.schema_version": b"1"}


@pytest.fixture(scope="module")
def diagnosed(tmp_path_factory):
    """The directory of a diagnosis of four contacts, one of them dirty, with CSV copies."""
    folder = tmp_path_factory.mktemp("tables")
    rows = [
        {"contact_id": f"c{i}", "started_at": f"2026-01-05 09:0{i}:00", "talk_seconds": talk, "queue": 'a,"b" =1+1'}
        for i, talk in enumerate(("60", "90", "-3", "120"))
    ]
    pd.DataFrame(rows).to_csv(folder / "calls.csv", index=False)
    config = study_of_options(
        None, contacts={"path": str(folder / "calls.csv"), "timezone": "UTC"}, output={"csv": True}
    )
    diagnose_log(config, folder / "out")
    return folder / "out"


def test_every_table_is_there_as_csv_with_the_same_columns_and_rows(diagnosed):
    manifest = json.loads((diagnosed / "manifest.json").read_text())
    assert set(manifest["tables"]) == {"operations", "set_aside"}
    for name in manifest["tables"]:
        table = pq.read_table(diagnosed / f"{name}.parquet")
        types = {field.name: field.type for field in table.schema}
        options = pacsv.ConvertOptions(column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False)
        copy = pacsv.read_csv(diagnosed / f"{name}.csv", convert_options=options)
        assert copy.equals(table.replace_schema_metadata(None))
        assert manifest["tables"][name] == {"schema_version": "1", "rows": len(table)}
        assert f"{name}.csv" in manifest["files"]
    assert pq.read_table(diagnosed / "set_aside.parquet")["original"].to_pylist() == ["-3"]


def test_times_and_hard_text_and_missing_values_survive_as_csv(tmp_path):
    moment = pa.array([1_772_000_000_123_456, None], pa.timestamp("us", "UTC"))
    text = pa.array(['"quoted", über\n🙂', None])
    pq.write_table(pa.table({"at": moment, "text": text, "x": pa.array([0.1, None])}), tmp_path / "t.parquet")
    write_csv_copies(tmp_path)
    assert (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()[1].startswith("2026-02-25 06:13:20,")
    read = pd.read_csv(tmp_path / "t.csv")
    assert read["text"][0] == '"quoted", über\n🙂'
    assert read["x"][0] == 0.1
    assert read.iloc[1].isna().all()


def test_no_text_of_a_csv_copy_is_a_formula_and_numbers_stay_what_they_are(tmp_path):
    texts = ['=cmd|"/C calc"!A0', "-2+3+cmd|x", "@SUM(A1)", "\t=1", "-3", "+49 30 1234", "1.234,5", "a=b", "", None]
    pq.write_table(pa.table({"text": texts, "x": [float(-i) for i in range(10)]}), tmp_path / "t.parquet")
    write_csv_copies(tmp_path)
    read = pd.read_csv(tmp_path / "t.csv", dtype={"text": str}, keep_default_na=False)
    assert read["text"].to_list() == [*("'" + text for text in texts[:4]), *texts[4:9], ""]
    assert read["x"].to_list() == [float(-i) for i in range(10)]


def test_tables_of_no_rows_keep_their_columns_as_csv(tmp_path):
    pq.write_table(PRESENT["set_aside"].empty_table(), tmp_path / "set_aside.parquet")
    write_csv_copies(tmp_path)
    assert list(pd.read_csv(tmp_path / "set_aside.csv").columns) == PRESENT["set_aside"].names


def test_a_database_takes_the_typed_table_and_not_its_copy(diagnosed, tmp_path):
    import duckdb

    write_database(diagnosed, database_of(f"duckdb://{tmp_path}/out.duckdb"))
    with duckdb.connect(str(tmp_path / "out.duckdb")) as connection:
        kinds = dict(
            connection.execute(
                "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'operations'"
            ).fetchall()
        )
    assert kinds["estimate"] == "DOUBLE"
    assert kinds["reason"] == "VARCHAR"


def test_a_run_that_ends_before_its_files_are_safe_leaves_the_database_as_it_was_too(diagnosed, tmp_path, monkeypatch):
    import duckdb

    log, database = tmp_path / "calls.csv", tmp_path / "out.duckdb"
    told = {"contacts": {"path": str(log), "timezone": "UTC"}, "output": {"database": f"duckdb://{database}"}}

    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    def manifests() -> tuple[str, str]:
        with duckdb.connect(str(database)) as connection:
            in_database = connection.execute("SELECT manifest FROM manifest").fetchall()[0][0]
        return in_database, (tmp_path / "out" / "manifest.json").read_text(encoding="utf-8")

    calls = pd.read_csv(diagnosed.parent / "calls.csv")
    calls.head(2).to_csv(log, index=False)
    diagnose_log(study_of_options(None, **told), tmp_path / "out")
    first = manifests()
    calls.to_csv(log, index=False)
    with monkeypatch.context() as patch:
        patch.setattr("cxfusion.delivery.directory._sync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            diagnose_log(study_of_options(None, **told), tmp_path / "out")
    assert manifests() == first
    assert first[0] == first[1]
    diagnose_log(study_of_options(None, **told), tmp_path / "out")
    second = manifests()
    assert second[0] == second[1] != first[1]


def test_a_manifest_with_anything_unknown_or_missing_breaks_its_schema(diagnosed):
    manifest = json.loads((diagnosed / "manifest.json").read_text())
    validator = jsonschema.Draft202012Validator(manifest_schema())
    validator.check_schema(manifest_schema())
    assert validator.is_valid(manifest)
    for broken in (
        {**manifest, "surprise": 1},
        {name: part for name, part in manifest.items() if name != "files"},
        {**manifest, "audit": [{"stage": "contacts", "reason": "used", "n": -1}]},
        {**manifest, "tables": {"operations": {"rows": 1}}},
        {**manifest, "results": {"outcome": "csat"}},
        {**manifest, "manifest_version": 2},
    ):
        assert not validator.is_valid(broken)


def test_every_part_of_the_schema_says_what_it_is():
    assert all(
        part.get("description") or "$ref" in part or "const" in part
        for part in manifest_schema()["properties"].values()
    )


def test_the_schema_lies_in_the_package():
    assert (Path(cx.__file__).parent / "delivery" / "manifest.schema.json").exists()
