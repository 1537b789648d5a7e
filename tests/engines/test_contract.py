"""What every engine must do, on every engine there is."""

from __future__ import annotations

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pytest

import cxfusion as cx
from cxfusion.engine import FileSource, FrameSource, RelationSource, StreamSource, require_one_session
from cxfusion.errors import SessionMismatchError, UnknownNameError, UnreadableFileError, UsageError

TABLE = pa.table({"contact_id": [f"c{i}" for i in range(100)], "wait_seconds": [float(i % 13) for i in range(100)]})


class Total:
    """Fold: rows and sum of one column."""

    def zero(self):
        return (0, 0.0)

    def step(self, state, batch):
        return (state[0] + len(batch), state[1] + pc.sum(batch.column("wait_seconds")).as_py())

    def merge(self, left, right):
        return (left[0] + right[0], left[1] + right[1])

    def finish(self, state):
        return state


class Rows(Total):
    """Fold: rows alone."""

    def step(self, state, batch):
        return (state[0] + len(batch), 0.0)


def read(session):
    return session.read(FrameSource(TABLE, "log"))


def test_reading_keeps_every_row_and_numbers_it(session):
    rows = session.collect(read(session)).to_pydict()
    assert rows["source_row"] == list(range(1, 101))
    assert set(rows["source_file"]) == {"log"}
    assert rows["contact_id"] == TABLE["contact_id"].to_pylist()


@pytest.mark.parametrize("kind", ["dataset", "stream", "own relation", "foreign relation"])
def test_every_kind_of_frame_is_the_same_rows(session, kind):
    source = {
        "dataset": lambda: FrameSource(pads.dataset(TABLE), "log"),
        "stream": lambda: StreamSource(pa.RecordBatchReader.from_batches(TABLE.schema, TABLE.to_batches(7)), "log"),
        "own relation": lambda: RelationSource(session.materialize(ibis.memtable(TABLE)), "log"),
        "foreign relation": lambda: RelationSource(ibis.memtable(TABLE).filter(ibis._.wait_seconds >= 0), "log"),
    }[kind]()
    rows = session.read(source)
    for _ in range(2):  # what comes only once is kept
        found = session.collect(rows).to_pydict()
        assert found["source_row"] == list(range(1, 101))
        assert set(found["source_file"]) == {"log"}
        assert found["contact_id"] == TABLE["contact_id"].to_pylist()


def test_a_fold_sees_every_row_once(session):
    rows = session.materialize(read(session))
    assert session.fold(rows, Total()) == (100, sum(TABLE["wait_seconds"].to_pylist()))


def test_a_fold_over_an_expression_is_a_fold_over_its_rows(session):
    rows = read(session)
    assert session.fold(rows.filter(rows["wait_seconds"] > 10), Total())[0] == 14


def test_materialised_rows_can_be_grouped_and_joined(session):
    rows = session.materialize(read(session))
    by_wait = session.materialize(rows.group_by("wait_seconds").aggregate(n=rows.count()))
    joined = rows.inner_join(by_wait, "wait_seconds")
    assert session.collect(joined.aggregate(n=joined["n"].sum()))["n"][0].as_py() == 9 * 8**2 + 4 * 7**2


def test_the_whole_job_needs_nothing_but_the_contract(session, centre):
    # the same study, on every engine: only the contract's methods are called, so the numbers are the same
    contacts = centre.contacts.to_arrow().slice(0, 6000).drop_columns(["source_file", "source_row"])
    surveys = centre.surveys.to_arrow().drop_columns(["source_file", "source_row", "score_status"])
    there = cx.fuse(cx.read_contacts(contacts, session=session), cx.read_surveys(surveys, session=session))
    with cx.Session(threads=1) as plain:
        here = cx.fuse(cx.read_contacts(contacts, session=plain), cx.read_surveys(surveys, session=plain))
    for column in ("estimate", "std_error", "conf_low"):
        assert there.evidence.rungs[column].to_numpy(float) == pytest.approx(
            here.evidence.rungs[column].to_numpy(float), rel=1e-9, nan_ok=True
        )
    assert there.evidence.rungs["reason"].equals(here.evidence.rungs["reason"])
    assert there.audit.equals(here.audit)


def test_a_closed_session_says_what_happened():
    session = cx.Session()
    rows = read(session)
    session.close()
    session.close()  # closing twice is no error
    with pytest.raises(UsageError, match="closed"):
        session.collect(rows)


def test_relations_of_two_sessions_do_not_mix():
    with cx.Session() as one, cx.Session() as other:
        assert require_one_session(one, one) is one
        with pytest.raises(SessionMismatchError, match="different sessions"):
            require_one_session(one, other)


@pytest.mark.parametrize(
    ("settings", "error", "told"),
    [
        ({"engine": "duckbd"}, UnknownNameError, "duckdb"),
        ({"threads": 0}, UsageError, "at least 1"),
        ({"memory_limit": "plenty"}, UsageError, "4GB"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, error, told):
    with pytest.raises(error, match=told):
        cx.Session(**settings)


def test_a_line_with_too_many_cells_is_named(tmp_path):
    path = tmp_path / "calls.csv"
    path.write_text("contact_id,wait\n" + "".join(f"c{i},3\n" for i in range(500)) + "c501,3,4,5\nc502,1\n")
    with cx.Session() as session, pytest.raises(UnreadableFileError, match=r"calls\.csv"):
        session.materialize(session.read(FileSource((str(path),), "csv")))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"contact_id,wait\nc1,3\n", [("c1", "3")]),
        (b"\xef\xbb\xbfcontact_id,wait\r\nc1,3\r\nc2,\r\n", [("c1", "3"), ("c2", None)]),
        (b"contact_id;wait\nc1;3,5\n", [("c1", "3,5")]),
        (b"contact_id\twait\nc1\t3", [("c1", "3")]),
        (b'contact_id,wait\r\n"c\n1","a ""b"", c"\r\n', [("c\n1", 'a "b", c')]),
        (b'"contact\nid",wait\nc1,3\n\n\nc2,4\n', [("c1", "3"), ("c2", "4")]),
        (b"contact_id,wait\n", []),
    ],
)
def test_csv_dialects(tmp_path, content, expected):
    path = tmp_path / "calls.csv"
    path.write_bytes(content)
    with cx.Session() as session:
        rows = session.collect(session.read(FileSource((str(path),), "csv"))).to_pydict()
    assert list(zip(*list(rows.values())[:2], strict=True)) == expected
    assert rows["source_row"] == list(range(1, len(expected) + 1))


@pytest.mark.parametrize("tail", [b"c501\n", b'c501,"3\n', b"c501,\xff\xfe\n", b"c501,3,4\n"])
def test_a_broken_line_is_an_error_and_never_a_lost_row(tmp_path, tail):
    path = tmp_path / "calls.csv"
    path.write_bytes(b"contact_id,wait\n" + b"".join(b"c%d,3\n" % i for i in range(500)) + tail)
    source = FileSource((str(path),), "csv")
    with cx.Session() as session:
        for use in (session.materialize, session.collect, lambda rows: session.fold(rows, Rows())):
            with pytest.raises(UnreadableFileError):
                use(session.read(source))


def test_repeated_and_empty_headings_get_names_of_their_own(tmp_path):
    path = tmp_path / "calls.csv"
    path.write_text("id,wait,Wait,\nc1,1,2,3\n")
    with cx.Session() as session:
        rows = session.read(FileSource((str(path),), "csv"))
        assert rows.columns[:4] == ("id", "wait", "Wait_2", "column_4")
