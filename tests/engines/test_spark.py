"""What only Spark must show: frames stay where they are, a lost worker costs nothing, the application is left alone."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from datetime import UTC, datetime, time, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cxfusion as cx
from cxfusion.engine import FileSource, FrameSource, RelationSource
from cxfusion.errors import EmptyTableError, SeparationError, UnreadableFileError, UsageError
from cxfusion.fold import RowsTogether
from engines import conformance, folds
from engines.conformance import *  # noqa: F403 - the tests are taken over

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [  # pyspark leaves sockets to the garbage collector; a busy machine makes a cluster slow
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

CLUSTER = "local-cluster[2,1,1024]"
"""A master and two workers, each a process of its own with one core and 1 GB."""
QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
CLUSTER_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.driver.host": "127.0.0.1",
    "spark.log.level": "OFF",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.adaptive.enabled": "false",  # tiny data: what prepares a query costs more than the query
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.extraJavaOptions": QUICK_START,
    "spark.executor.extraJavaOptions": QUICK_START,
    "spark.network.timeout": "600s",  # where other work shares the machine, an answer may take its time
    "spark.executor.heartbeatInterval": "60s",
}


@pytest.fixture(scope="module")
def spark(tmp_path_factory) -> Iterator[object]:
    """The Spark application of the tests, on a cluster that runs on this machine."""
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        pytest.skip("Spark needs Java, and there is none (Debian's package default-jre-headless has it)")
    if not find_spec("pyspark"):
        pytest.skip("pyspark is not installed (the extra spark has it)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("SPARK_HOME", _home_of_spark(tmp_path_factory.mktemp("spark")))
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master(CLUSTER)
        for name, value in CLUSTER_SETTINGS.items():
            builder = builder.config(name, value)
        started = builder.getOrCreate()
        try:
            yield started
        finally:
            started.stop()


def _home_of_spark(folder) -> str:
    """Spark as installed, in a folder where its workers can write what they log and fetch."""
    import pyspark

    installed = os.path.dirname(pyspark.__file__)
    for name in os.listdir(installed):
        if name != "work":
            os.symlink(os.path.join(installed, name), folder / name)
    return str(folder)


@pytest.fixture
def session(spark) -> Iterator[cx.Session]:
    with cx.Session("spark") as opened:
        yield opened


CALLS = pa.table(
    {
        "contact_id": ["a", "b", "c"],
        "started_at": pa.array([datetime(2026, 1, 5, hour, tzinfo=UTC) for hour in (9, 10, 11)]),
        "wait_seconds": [10.0, 20.0, None],
    }
)


class Rows:
    """Fold: how many rows there are."""

    def zero(self):
        return 0

    def step(self, state, batch):
        return state + len(batch)

    def merge(self, left, right):
        return left + right

    def finish(self, state):
        return state


class Refusing(Rows):
    """Fold: raises as a model does."""

    def step(self, state, batch):
        raise SeparationError("a term predicts the outcome perfectly", ["wait_seconds"])


class Deadly(Rows):
    """Fold: kills the executor that takes its first step."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def step(self, state, batch):
        if not self.mark.exists():
            self.mark.touch()
            os.kill(parent_of(os.getppid()), signal.SIGKILL)
        return super().step(state, batch)


def parent_of(pid: int) -> int:
    """The process that started a process: a worker's Python has a daemon, and that its executor."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.fixture(scope="module", autouse=True)
def _folds_travel_by_value(spark):
    """Workers do not know the files of tests."""
    from pyspark import cloudpickle

    files = (sys.modules[__name__], conformance, folds)
    for file in files:
        cloudpickle.register_pickle_by_value(file)
    yield
    for file in files:
        cloudpickle.unregister_pickle_by_value(file)


def test_a_spark_frame_stays_in_spark_and_its_instants_are_instants(spark):
    frame = spark.createDataFrame(CALLS)
    contacts = cx.read_contacts(frame, timezone="Asia/Kolkata")
    assert contacts.session.supports("parallel_fold")
    assert not contacts.session.supports("rows_here")
    rows = contacts.to_arrow().sort_by("contact_id").to_pydict()
    assert rows["started_at"][0] == datetime(2026, 1, 5, 9)
    surveys = cx.read_surveys([{"contact_id": "b", "csat": 4}], session=contacts.session)
    assert cx.pair(contacts, surveys).n_pairs == 1


def test_a_frame_without_rows_is_told_as_such(spark):
    with pytest.raises(EmptyTableError, match="a header but no rows"):
        cx.read_contacts(spark.createDataFrame([], spark.createDataFrame(CALLS).schema))


def test_wall_clocks_are_those_of_the_site(spark):
    frame = spark.sql("SELECT 'a' AS contact_id, TIMESTAMP_NTZ '2026-01-05 09:00:00' AS started_at")
    rows = cx.read_contacts(frame, timezone="Asia/Kolkata").to_arrow().to_pydict()
    assert rows["started_at"] == [datetime(2026, 1, 5, 3, 30)]


def test_wall_clocks_of_other_frames_are_those_of_the_site_too(spark):
    frame = pa.table({"contact_id": ["a"], "started_at": [datetime(2026, 1, 5, 9)], "over": [datetime(2026, 1, 5, 10)]})
    columns = {"ended_at": "over", "served_seconds": {"from": "started_at", "to": "over"}}
    with cx.Session("spark") as session:
        rows = cx.read_contacts(frame.to_pandas(), map=columns, timezone="Asia/Kolkata", session=session).to_arrow()
    found = {name: rows[name][0].as_py() for name in ("started_at", "ended_at", "served_seconds")}
    start = datetime(2026, 1, 5, 3, 30)
    assert found == {"started_at": start, "ended_at": start + timedelta(hours=1), "served_seconds": 3600.0}


def test_times_written_as_text_are_read_as_elsewhere(spark):
    times = {"a": "05/01/2026 09:00", "b": "25/01/2026 9:30"}
    calls = [{"contact_id": name, "started_at": time} for name, time in times.items()]
    with cx.Session("spark") as session:
        rows = cx.read_contacts(calls, session=session).to_arrow().sort_by("contact_id")["started_at"].to_pylist()
    assert rows == [datetime(2026, 1, 5, 9), datetime(2026, 1, 25, 9, 30)]


def test_lengths_of_time_may_be_kept_as_times_of_day(spark):
    calls = {"contact_id": ["a", "b"], "started_at": ["2026-01-05 09:00"] * 2, "talk time": [time(0, 3, 20), None]}
    with cx.Session("spark") as session:
        rows = cx.read_contacts(pa.table(calls), session=session).to_arrow().sort_by("contact_id")
    assert rows["talk_seconds"].to_pylist() == [200.0, None]


def test_parquet_is_numbered_within_its_files(spark, tmp_path):
    names = ("a b", "c+d", "e%2Bf")
    for name in names:
        pq.write_table(CALLS, tmp_path / f"{name}.parquet")
    paths = tuple(str(tmp_path / f"{name}.parquet") for name in names)
    with cx.Session("spark") as session, cx.Session(threads=1) as plain:
        found = [
            one.collect(one.read(FileSource(paths, "parquet")).order_by("source_file", "source_row")).to_pylist()
            for one in (session, plain)
        ]
    assert [(row["source_file"], row["source_row"]) for row in found[0]] == [(p, n) for p in paths for n in (1, 2, 3)]
    assert [row["contact_id"] for row in found[0]] == [row["contact_id"] for row in found[1]]


def test_parquet_that_spark_cannot_read_is_told_as_such(spark, tmp_path):
    fine = pa.array([datetime(2026, 1, 5, 9)] * 3, pa.timestamp("ns"))
    pq.write_table(CALLS.append_column("over", fine), tmp_path / "nano.parquet")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    with cx.Session("spark") as session:
        for name in ("nano.parquet", "torn.parquet"):
            with pytest.raises(UnreadableFileError, match=f"{name} could not be read by Spark: .+ export them again"):
                session.read(FileSource((str(tmp_path / name),), "parquet"))


def test_each_parquet_file_has_elapsed_times_of_its_own_unit(spark, tmp_path):
    kinds = {"a": pa.duration("ns"), "b": pa.duration("us"), "c": pa.float64()}
    for name, kind in kinds.items():
        seconds = [61.5, None, 2.0]
        talk = [one if one is None or kind == pa.float64() else timedelta(seconds=one) for one in seconds]
        pq.write_table(CALLS.append_column("talk time", pa.array(talk, kind)), tmp_path / f"{name}.parquet")
    paths = tuple(str(tmp_path / f"{name}.parquet") for name in kinds)
    with cx.Session("spark") as session:
        rows = session.collect(session.read(FileSource(paths, "parquet")).order_by("source_file", "source_row"))
    assert rows["talk time"].to_pylist() == [61.5, None, 2.0] * 3
    assert rows["source_row"].to_pylist() == [1, 2, 3] * 3
    assert rows["source_file"].to_pylist() == [path for path in paths for _ in range(3)]


def test_a_worker_that_dies_costs_nothing(spark, tmp_path):
    with cx.Session("spark") as session:
        rows = session.materialize(session.read(FrameSource(pa.table({"x": range(1000)}), "log")))
        mark = tmp_path / "killed"
        assert session.fold(rows, Deadly(mark)) == 1000
        assert mark.exists()
        assert session.collect(rows.aggregate(n=rows.count())).to_pylist() == [{"n": 1000}]


def test_rows_stay_on_the_workers_until_nothing_refers_to_them(spark):
    kept = spark.sparkContext._jsc.getPersistentRDDs
    with cx.Session("spark") as session:
        rows = session.read(FrameSource(CALLS, "log"))
        some = rows.filter(rows["wait_seconds"] > 10)
        asked = [rows, some, some]
        assert [session.fold(one, Rows()) for one in asked] == [3, 1, 1]
        assert len(kept()) == 2
        del some, asked
        assert session.fold(rows, Rows()) == 3
        assert len(kept()) == 1
    assert len(kept()) == 0


def test_what_a_fold_raises_on_a_worker_is_raised_here(spark):
    with cx.Session("spark") as session:
        rows = session.read(FrameSource(CALLS, "log"))
        for refusing in (Refusing(), RowsTogether(rows.schema().to_pyarrow(), ("contact_id",), refuse)):
            with pytest.raises(SeparationError, match="perfectly") as caught:
                session.fold(rows, refusing)
            assert caught.value.problems == ("wait_seconds",)


def test_rows_that_a_fold_holds_do_not_come_here(spark):
    with cx.Session("spark") as session:
        rows = session.materialize(session.read(FrameSource(pa.table({"x": range(1000)}), "log")))
        made = session.fold(rows, RowsTogether(rows.schema().to_pyarrow(), ("source_row",), whereabouts))
    assert made == (1000, [0, 1, 2], made[2])
    assert made[2] != os.getpid()


def whereabouts(rows):
    """How many rows, the first of them, and the process that has them."""
    return len(rows), rows["x"].to_pylist()[:3], os.getpid()


def refuse(rows):
    raise SeparationError("a term predicts the outcome perfectly", ["wait_seconds"])


class Where(Rows):
    """Fold: states by the process that merged them."""

    def merge(self, left, right):
        return {**(left or {}), **(right or {}), os.getpid(): None}

    def zero(self):
        return {}

    def step(self, state, batch):
        return {(int(x),): None for x in batch["x"].to_numpy()}


def test_states_of_many_partitions_are_merged_over_there_in_their_order(spark, monkeypatch):
    from cxfusion.engine import spark_folding

    with cx.Session("spark") as session:
        rows = session.materialize(session.read(FrameSource(pa.table({"x": range(1000)}), "log")))
        (held,) = [session._engine._folded[rows.op()] for _ in [session.fold(rows, Rows())]]
        # kept: repartitioned anew, they might come in another order
        many = spark_folding.RowsOnWorkers(held.packed.repartition(4).persist())
        here = many.fold(Where())
        monkeypatch.setattr(spark_folding, "MOST_STATES", 3)
        there = many.fold(Where())
        many.packed.unpersist()
    told = [[name for name in found if isinstance(name, tuple)] for found in (here, there)]
    assert told[0] == told[1]
    assert len(told[0]) == 1000


def test_the_application_is_left_as_it_was(spark, tmp_path):
    before = spark.conf.get("spark.sql.session.timeZone")
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    spark.createDataFrame(CALLS).createOrReplaceTempView("calls")
    try:
        with cx.Session("spark", temp_dir=f"file:{tmp_path}") as session:
            contacts = cx.read_contacts(spark.table("calls"), session=session)
            assert min(contacts.to_arrow()["started_at"].to_pylist()) == datetime(2026, 1, 5, 9)
            assert list(tmp_path.iterdir())
        assert not list(tmp_path.iterdir())
        assert spark.conf.get("spark.sql.session.timeZone") == "America/New_York"
        assert spark.sql("SHOW VIEWS").toArrow()["viewName"].to_pylist() == ["calls"]
    finally:
        spark.conf.set("spark.sql.session.timeZone", before)
        spark.catalog.dropTempView("calls")


def test_memory_and_cores_are_the_clusters():
    with pytest.raises(UsageError, match=r"spark\.executor"):
        cx.Session("spark", threads=4)


def test_workers_that_share_no_storage_need_to_be_told_of_some():
    from cxfusion.engine.spark import shared_folder

    with pytest.raises(UsageError, match="temp_dir"):
        shared_folder("spark://host:7077", "file:///", None)
    assert shared_folder("yarn", "hdfs://name:8020/", None) == "hdfs://name:8020/tmp"
    assert shared_folder("spark://host:7077", "file:///", "s3a://bucket/tmp/") == "s3a://bucket/tmp"


def test_a_duckdb_session_takes_a_spark_frame_through_this_process(spark):
    with cx.Session(threads=1) as session:
        assert cx.read_contacts(spark.createDataFrame(CALLS), session=session).count() == 3


def test_a_relation_of_ibis_for_spark_is_read_where_it_is(spark):
    rows = ibis.memtable(pa.table({"contact_id": ["a"]}))
    table = ibis.pyspark.connect(spark).create_view("cx_of_a_user", rows, overwrite=True)
    with cx.Session("spark") as session:
        assert session.collect(session.read(RelationSource(table, "view")))["contact_id"].to_pylist() == ["a"]
    spark.catalog.dropTempView("cx_of_a_user")
