"""What every engine must do. Each engine has a file of its own, which takes these tests over and adds to them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from datetime import datetime, timedelta

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pytest

import cxfusion as cx
from cxfusion.engine import FrameSource, RelationSource, StreamSource
from cxfusion.operations.workload import typical_week
from cxfusion.tables.span import span_of
from engines.analyses import tables_of_analyses
from engines.folds import (
    KEEPS_ROWS_HERE,
    Case,
    RecordingEngine,
    apart,
    ask_further,
    fold_classes,
    numbers_of,
    tables_of,
)
from engines.idioms import IDIOMS

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


def in_order(session, rows):
    """Rows by their number; which comes first is nobody's promise."""
    return session.collect(rows.order_by("source_row")).to_pydict()


def read(session):
    return session.read(FrameSource(TABLE, "log"))


def test_reading_keeps_every_row_and_numbers_it(session):
    rows = in_order(session, read(session))
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
        found = in_order(session, rows)
        assert found["source_row"] == list(range(1, 101))
        assert set(found["source_file"]) == {"log"}
        told = (
            found["contact_id"]
            if kind != "own relation"
            else sorted(found["contact_id"], key=lambda name: int(name[1:]))
        )
        assert told == TABLE["contact_id"].to_pylist()  # a relation of the engine has an order only where it is asked


def test_groups_by_a_time_of_day_are_listed_alike(session):
    clock = [dt.time(8), dt.time(14, 30), dt.time(14, 30, 0, 500_000), None]
    log = [{"contact_id": f"c{i}", "started_at": "2026-03-02 09:00", "shift": clock[i % 4]} for i in range(40)]
    rows = cx.diagnose(cx.read_contacts(log, session=session), by="shift").as_rows()
    assert set(rows["group"]) - {"all", "(missing)"} == {"08:00:00", "14:30:00", "14:30:00.500000"}


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


@pytest.fixture
def hundred(session):
    """Rows for the idioms."""
    times = [datetime(2026, 1, 1) + timedelta(hours=i) for i in range(100)]
    columns = {"id": [f"c{i}" for i in range(100)], "x": [float(i) for i in range(100)], "at": pa.array(times)}
    table = pa.table({**columns, "g": pa.array([i % 13 for i in range(100)], pa.int64())})
    rows = session.read(FrameSource(table, "log"))
    return session.materialize(rows.mutate(at=rows["at"].cast("timestamp")))


def test_every_idiom_of_the_house_is_understood(session, hundred):
    wrong = {}
    for name, (shape, question, answer) in IDIOMS.items():
        shaped = shape(hundred)
        found = session.collect(shaped.aggregate(answer=question(shaped)))["answer"][0].as_py()
        if found != (answer if isinstance(answer, str) else pytest.approx(answer, rel=1e-12)):
            wrong[name] = found, answer
    assert not wrong, wrong


@pytest.fixture
def spec() -> cx.LeverSpec:
    """Of the study that every engine does: one lever, with which every kind of model is fitted."""
    wait = tuple(lever for lever in cx.LeverSpec().levers if lever.name == "wait_seconds")
    return cx.LeverSpec(levers=wait, case_mix=("queue",))


def study_of(session, centre, spec):
    """The study, of the same rows on every engine."""
    return cx.fuse(*tables_of(session, centre), spec=spec)


@dataclass(frozen=True)
class Told:
    """What the embedded engine tells with one thread, found out once, and every fold that it ran."""

    study: cx.Study
    analyses: dict[str, pd.DataFrame]
    cases: dict[type, Case]


PLAIN: dict[cx.LeverSpec, Told] = {}


def plain(centre, spec) -> Told:
    if spec not in PLAIN:
        cases: dict[type, Case] = {}
        with cx.Session(RecordingEngine(cases)) as session:
            study = study_of(session, centre, spec)
            analyses = tables_of_analyses(*tables_of(session, centre))
            ask_further(session, cases)
        PLAIN[spec] = Told(study, analyses, cases)
    return PLAIN[spec]


def test_every_fold_of_the_house_tells_the_same(session, centre, spec):
    cases = plain(centre, spec).cases
    assert fold_classes() - set(cases) == KEEPS_ROWS_HERE  # a new fold has to be asked for by a study, or above
    relations, wrong = {}, {}
    for kind, case in cases.items():
        if case.number not in relations:
            relations[case.number] = session.materialize(ibis.memtable(case.rows))
        found = numbers_of(session.fold(relations[case.number], case.fold))
        if not apart(found, numbers_of(case.answer)) < 1e-9:
            wrong[kind.__name__] = apart(found, numbers_of(case.answer))
    assert not wrong, wrong


def test_the_whole_job_needs_nothing_but_the_contract(session, centre, spec):
    # the same study, on every engine: only the contract's methods are called, so the numbers are the same
    there, here = study_of(session, centre, spec), plain(centre, spec).study
    for column in ("estimate", "std_error", "conf_low"):
        assert there.evidence.rungs[column].to_numpy(float) == pytest.approx(
            here.evidence.rungs[column].to_numpy(float), rel=1e-9, nan_ok=True
        )
    assert there.evidence.rungs["reason"].equals(here.evidence.rungs["reason"])
    assert there.audit.equals(here.audit)
    assert same(there.operations_rows(), here.operations_rows())
    assert same(there.perception_rows(), here.perception_rows())
    assert same(there.decisions.as_rows(), here.decisions.as_rows())


def test_every_analysis_tells_the_same(session, centre, spec):
    here, there = plain(centre, spec).analyses, tables_of_analyses(*tables_of(session, centre))
    assert list(there) == list(here)
    for name, table in here.items():
        assert same(there[name], table), name


def same(one, other) -> bool:
    """Whether two tables say the same, to nine digits."""
    pd.testing.assert_frame_equal(one, other, rtol=1e-9, atol=1e-12, check_dtype=False)
    return True


def test_who_is_counted_in_operations_does_not_depend_on_the_engine(session):
    """Three came in on one Monday and one on the next; two more were dialled."""
    rows = [
        # id  started at          direction       wait  talk  abandoned
        ("a", "2026-01-05 09:00", "Inbound", 10.0, 60.0, False),
        ("b", "2026-01-05 09:10", None, 30.0, 60.0, False),
        ("c", "2026-01-05 09:20", "in", 50.0, None, True),
        ("d", "2026-01-12 09:30", "inbound", 20.0, 60.0, False),
        ("e", "2026-01-12 09:40", " OUTBOUND", 0.0, 300.0, False),
        ("f", "2026-01-12 09:50", "outbound", None, None, True),
    ]
    names = ("contact_id", "started_at", "direction", "wait_seconds", "talk_seconds", "is_abandoned")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    contacts = cx.read_contacts(pa.table({**columns, "queue": ["q"] * 6}), timezone="UTC", session=session)
    found = cx.diagnose(contacts).pivot().iloc[0]
    assert found["volume"] == 6
    assert found["service_level"] == 2 / 4  # a and d, of a, b, c and d
    assert found["asa_seconds"] == (10 + 30 + 20) / 3
    assert found["wait_seconds"] == (10 + 30 + 50 + 20) / 4
    assert found["abandonment_rate"] == 1 / 4
    assert found["aht_seconds"] == (60 + 60 + 60 + 300) / 4
    week = typical_week(contacts, [])
    assert (week.arrivals.tolist(), week.wait_seconds.tolist()) == ([3 / 2], [20.0])  # one hung up: patience unknown
    assert week.contacts_a_week == 4 / 2


def test_a_wrong_clock_is_seen_on_every_engine(session):
    starts = [datetime(2026, 1, 5, 9) + timedelta(hours=i) for i in range(150)]
    table = pa.table({"contact_id": [f"c{i}" for i in range(151)], "started_at": [*starts, datetime(1971, 3, 1, 8)]})
    contacts = cx.read_contacts(table, timezone="UTC", session=session)
    span = span_of(contacts)
    assert (span.first, span.last, span.n_beyond) == (starts[0], starts[-1], 1)
    assert session.count(contacts.rows.filter(span.holds(contacts.rows["started_at"]))) == 150
