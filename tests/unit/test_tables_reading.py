"""Sources of every accepted kind, and what becomes of rows that cannot stay."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from threading import Event, Thread

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cxfusion.engine import Session
from cxfusion.errors import (
    BooksError,
    ConfigError,
    EmptyTableError,
    InputError,
    MissingColumnError,
    UnreadableFileError,
    UsageError,
)
from cxfusion.tables import aside
from cxfusion.tables.read import read_contacts, read_surveys
from cxfusion.tables.relation import Scale
from cxfusion.tables.steps import step_by_step

LOG = "Call ID,Start Time,Talk Time,Plan\n7,2026-01-05 09:00,00:03:20,gold\n8,2026-01-05 09:05,45,\n"


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def aside_rows(relation):
    names = ["source_row", "column", "reason", "original"]
    return [tuple(row[name] for name in names) for row in relation.session.collect(relation.set_aside).to_pylist()]


@pytest.mark.parametrize(
    "text",
    [
        LOG,
        "\ufeff" + LOG,
        LOG.replace("\n", "\r\n"),
        LOG.replace(",", ";"),
        LOG.replace(",", "\t"),
        LOG.replace("gold", '"gold"'),
    ],
    ids=["plain", "byte order mark", "CRLF", "semicolon", "tab", "quoted"],
)
def test_csv_dialects(session, tmp_path, text):
    contacts = read_contacts(write(tmp_path / "log.csv", text), session=session)
    rows = contacts.to_arrow().to_pylist()
    assert [row["contact_id"] for row in rows] == ["7", "8"]
    assert [row["talk_seconds"] for row in rows] == [200, 45]
    assert [row["plan"] for row in rows] == ["gold", None]
    assert [row["source_row"] for row in rows] == [1, 2]
    assert contacts.columns_from == {
        "contact_id": "Call ID", "started_at": "Start Time", "talk_seconds": "Talk Time", "plan": "Plan",
    }  # fmt: skip


def test_newlines_in_quotes_belong_to_the_cell(session, tmp_path):
    text = 'contact_id,csat,comment\n1,5,"good;\nreally, good"\n2,3,x\n'
    surveys = read_surveys(write(tmp_path / "s.csv", text), session=session)
    assert surveys.to_arrow()["comment"].to_pylist() == ["good;\nreally, good", "x"]
    assert surveys.n_read == 2


def test_every_kind_of_source_reads_the_same(session, tmp_path):
    records = [
        {"contact_id": 7, "started_at": datetime(2026, 1, 5, 9), "talk_seconds": 200.0},
        {"contact_id": 8, "started_at": datetime(2026, 1, 5, 9, 5), "wrap_seconds": 3},
    ]
    frame, table = pd.DataFrame(records), pa.Table.from_pandas(pd.DataFrame(records))
    pq.write_table(table, tmp_path / "log.parquet")
    sources = [records, frame, table, tmp_path / "log.parquet", str(tmp_path), str(tmp_path / "*.parquet")]
    expected = [("7", datetime(2026, 1, 5, 9), 200.0, None), ("8", datetime(2026, 1, 5, 9, 5), None, 3.0)]
    for source in sources:
        rows = read_contacts(source, session=session).to_arrow().to_pylist()
        assert [
            tuple(r[n] for n in ("contact_id", "started_at", "talk_seconds", "wrap_seconds")) for r in rows
        ] == expected


def test_several_files_are_one_table_with_rows_counted_per_file(session, tmp_path):
    write(tmp_path / "a.csv", "contact_id,csat\n1,5\n2,4\n")
    write(tmp_path / "b.csv", "contact_id,csat\n3,2\n")
    rows = read_surveys(str(tmp_path / "*.csv"), session=session).to_arrow().to_pylist()
    assert [(Path(row["source_file"]).name, row["source_row"]) for row in rows] == [
        ("a.csv", 1),
        ("a.csv", 2),
        ("b.csv", 1),
    ]
    assert [row["response_id"].rsplit("/", 1)[1] for row in rows] == ["a.csv:1", "a.csv:2", "b.csv:1"]


def test_frames_with_mixed_columns_and_categories(session):
    frame = pd.DataFrame(
        {
            "contact_id": [1.0, 2.0],
            "started_at": ["2026-01-05", "2026-01-06"],
            "mix": [1, "a"],
            "ref": [12.0, "A7"],  # as a file would hold it
            "kind": pd.Categorical(["x", "y"]),
        }
    )
    rows = read_contacts(frame, session=session).to_arrow().to_pylist()
    assert [(row["contact_id"], row["mix"], row["ref"], row["kind"]) for row in rows] == [
        ("1", "1", "12", "x"),
        ("2", "a", "A7", "y"),
    ]


def test_records_whose_names_are_numbers_lose_no_cell(session):
    answers = [{"contact_id": "a", 1: 5}, {"contact_id": "b", 1: 4}]
    assert read_surveys(answers, map={"csat": "1"}, session=session).to_arrow()["csat"].to_pylist() == [5, 4]


def test_contacts_that_cannot_stay_are_listed(session):
    data = [
        {"contact_id": "a", "started_at": "2026-01-05 09:00"},
        {"contact_id": None, "started_at": "2026-01-05 09:01"},
        {"contact_id": "b", "started_at": "at noon"},
        {"contact_id": "a", "started_at": "2026-01-05 08:00"},
        {"contact_id": "c", "started_at": ""},
        {"contact_id": "d", "started_at": "2026-01-05 09:02"},
        {"contact_id": "a", "started_at": "2026-01-05 07:00"},
    ]
    contacts = read_contacts(data, session=session)
    assert contacts.to_arrow()["source_row"].to_pylist() == [1, 6]
    assert aside_rows(contacts) == [
        (2, None, "contact_id_missing", None),
        (3, "started_at", "unreadable_time", "at noon"),
        (3, None, "started_at_missing", "b"),
        (4, None, "duplicate_contact", "a"),
        (5, None, "started_at_missing", "c"),
        (7, None, "duplicate_contact", "a"),
    ]
    assert (contacts.n_read, contacts.count()) == (7, 2)


def test_of_repeated_responses_the_first_with_a_score_stays(session):
    data = [
        {"response_id": "r1", "contact_id": "1", "csat": None},
        {"response_id": "r1", "contact_id": "1", "csat": 4},
        {"response_id": "r1", "contact_id": "1", "csat": 5},
        {"response_id": None, "contact_id": "2", "csat": 3},
        {"response_id": "r2", "contact_id": None, "csat": None},
        {"response_id": None, "contact_id": None, "csat": None},
    ]
    surveys = read_surveys(data, session=session)
    rows = surveys.to_arrow().to_pylist()
    assert [(row["response_id"], row["csat"], row["score_status"]) for row in rows] == [
        ("r1", 4, None), ("row 4", 3, None), ("r2", None, "score_missing"),
    ]  # fmt: skip
    assert [(row, reason) for row, _, reason, _ in aside_rows(surveys)] == [
        (1, "duplicate_response"), (3, "duplicate_response"), (6, "empty_row"),
    ]  # fmt: skip


def test_surveys_say_who_answered_and_on_which_scale(session):
    data = [
        {"contact_id": 1, "csat": 4, "effort": 2, "Role": " Companion "},
        {"contact_id": 2, "csat": 9, "effort": 7, "Role": None},
    ]
    spec = {"csat": {"column": "csat", "scale": [1, 10]}, "ces": {"column": "effort", "higher_is_better": False}}
    surveys = read_surveys(data, map=spec, session=session)
    assert surveys.to_arrow()["respondent_role"].to_pylist() == ["companion", "customer"]
    assert surveys.scales == {"csat": Scale(1, 10), "ces": Scale(1, 7, higher_is_better=False)}
    assert surveys.to_arrow()["csat"].to_pylist() == [4, 9]
    assert any("row number" in note for note in surveys.notes)
    assert any("ces: a high number" in note for note in read_surveys(data, session=session).notes)


def test_all_scores_missing_is_a_reason_on_every_row(session):
    surveys = read_surveys([{"contact_id": 1, "csat": ""}, {"contact_id": 2, "csat": "NA"}], session=session)
    assert surveys.to_arrow()["score_status"].to_pylist() == ["score_missing"] * 2


def test_scores_mostly_outside_their_scale_are_another_scale(session):
    with pytest.raises(InputError) as caught:
        read_surveys([{"contact_id": i, "csat": i} for i in range(1, 12)], session=session)
    assert caught.value.problems == (
        "'csat' runs from 1 to 11, but csat is usually on 1 to 5; give its scale with the line"
        '  csat = { column = "csat", scale = [1, 11] }',
    )


def test_empty_sources(session, tmp_path):
    write(tmp_path / "empty.csv", "")
    write(tmp_path / "header.csv", "contact_id,started_at\n")
    pq.write_table(
        pa.table({"contact_id": pa.array([], pa.string()), "started_at": pa.array([], pa.string())}),
        tmp_path / "p.parquet",
    )
    for source in (
        tmp_path / "empty.csv",
        tmp_path / "header.csv",
        tmp_path / "p.parquet",
        [],
        pd.DataFrame({"a": []}),
    ):
        with pytest.raises(EmptyTableError):
            read_contacts(source, session=session)


def test_sources_that_are_not_there_or_not_tables(session, tmp_path):
    for source in (tmp_path / "none.csv", tmp_path, str(tmp_path / "*.parquet")):
        with pytest.raises(UnreadableFileError, match="matches no file"):
            read_contacts(source, session=session)
    with pytest.raises(UnreadableFileError, match=r"only Parquet files are read.*/\*\.csv"):
        read_contacts(tmp_path, session=session)
    write(tmp_path / "text.parquet", "not parquet")
    with pytest.raises(UnreadableFileError):
        read_contacts(tmp_path / "text.parquet", session=session)
    for source in (3, {"a": 1}, tmp_path / "log.pdf"):
        Path(tmp_path / "log.pdf").touch()
        with pytest.raises(UsageError, match="Expected"):
            read_contacts(source, session=session)


def test_a_broken_line_is_named(session, tmp_path):
    lines = "".join(f"{i},2026-01-05 09:00\n" for i in range(30_000))
    write(tmp_path / "log.csv", f"contact_id,started_at\n{lines}1,2,3,4\n")
    with pytest.raises(UnreadableFileError) as caught:
        read_contacts(tmp_path / "log.csv", session=session)
    assert "30002" in str(caught.value)


def test_columns_that_cannot_be_told_apart(session):
    with pytest.raises(InputError, match="more than once"):
        read_contacts(pd.DataFrame([[1, 2]], columns=["contact_id", "Contact_ID"]), session=session)
    with pytest.raises(InputError, match="source_row"):
        read_contacts([{"contact_id": 1, "started_at": "2026-01-05", "source_row": 1}], session=session)


def test_required_columns_and_zones_are_checked(session):
    with pytest.raises(MissingColumnError, match="started_at was not found"):
        read_contacts([{"contact_id": 1}], session=session)
    with pytest.raises(ConfigError, match="Asia/Kolkata"):
        read_contacts([{"contact_id": 1}], timezone="Asia/Kolkatta", session=session)


def test_books_that_do_not_balance_are_our_fault(session, monkeypatch):
    monkeypatch.setattr(aside, "_second_copies", lambda rows, rules: rows.select(rules.key, *aside.PLACE).limit(0))
    monkeypatch.setattr(aside, "compute", lambda session, relation: session.materialize(relation.limit(1)))
    with pytest.raises(BooksError, match="2 rows were read, but 1 kept, 0 set aside and 0 found outside"):
        read_contacts([{"contact_id": i, "started_at": "2026-01-05 09:00"} for i in (1, 2)], session=session)


def test_surveys_that_were_written_can_be_read_again(session, tmp_path):
    answers = [{"response_id": "r1", "contact_id": "a", "csat": 5, "answered_at": "2026-07-01 10:00"}]
    first = read_surveys(answers, timezone="UTC", session=session).to_pandas()
    first.drop(columns=["source_file", "source_row"]).to_csv(tmp_path / "answers.csv", index=False)
    (again,) = read_surveys(tmp_path / "answers.csv", timezone="UTC", session=session).to_arrow().to_pylist()
    assert (again["answered_at"], again["answered_at_is_day"]) == (datetime(2026, 7, 1, 10), False)
    assert again["answered_at_is_day_2"] == "False"  # the file's own column keeps its cells


def test_roles_and_levels_that_are_none_of_ours_are_told():
    rows = [
        {"contact_id": str(n), "csat": 4, "respondent_role": role, "survey_level": level}
        for n, (role, level) in enumerate(
            [("Customer", "transaction"), ("client", None), ("client", "Relational"), ("companion", "yearly")]
        )
    ]
    notes = [note for note in read_surveys(rows).notes if note.startswith(("respondent_role", "survey_level"))]
    assert notes == [
        "respondent_role: expected customer, companion, agent, leader, evaluator; found also 'client' (2): only"
        " customers are measured",
        "survey_level: expected transaction, transactional, relationship, relational; found also 'yearly' (1): taken to"
        " ask about a contact",
    ]
    assert not [note for note in read_surveys(rows[:1]).notes if "respondent_role" in note]


def test_threads_that_read_at_once_leave_the_setting_of_ibis_as_it_was():
    is_in, others_in, is_out, found = Event(), Event(), Event(), ibis.options.sql.fuse_selects

    def first() -> None:
        with step_by_step():
            is_in.set()
            others_in.wait(10)
        is_out.set()

    def second() -> None:
        is_in.wait(10)
        with step_by_step():
            others_in.set()
            is_out.wait(10)

    threads = [Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ibis.options.sql.fuse_selects is found
