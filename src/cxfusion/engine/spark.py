"""Spark behind the engine contract: relations stay on the cluster, folds run there, and only their states come back.

A relation that is materialised is written to storage that all workers share: its plan stays short however long the
study, and a worker that is lost takes nothing with it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import weakref
from collections import deque
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pyarrow as pa
from ibis.backends.pyspark import Backend
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as sf

from cxfusion.engine.contract import (
    SOURCE_FILE,
    SOURCE_ROW,
    Capability,
    FileSource,
    LibraryFrameSource,
    RelationSource,
    Source,
)
from cxfusion.engine.databases import BATCH_ROWS, first_line
from cxfusion.engine.elapsed import by_elapsed
from cxfusion.engine.naming import new_name
from cxfusion.engine.rows_here import rows_here
from cxfusion.engine.spark_backend import SparkBackend, frame_of
from cxfusion.engine.spark_folding import RowsOnWorkers, rows_on_workers
from cxfusion.errors import UnreadableFileError, UsageError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from ibis.expr.operations import Node
    from pyspark.sql import DataFrame

    from cxfusion.engine.elapsed import Elapsed
    from cxfusion.fold import Fold

__all__ = ["SparkEngine", "open_spark", "shared_folder"]

State = TypeVar("State")
Answer = TypeVar("Answer")

CAPABILITIES: Final[frozenset[Capability]] = frozenset({"files", "frames", "streaming_fold", "parallel_fold"})
SETTINGS: Final = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",  # a division by zero is missing, as everywhere else
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH_ROWS),
}
"""Of our own session within the application; that of the caller keeps its settings."""
LOW_BITS: Final = (1 << 33) - 1  # of monotonically_increasing_id: the place within the partition
TEMPORARY: Final = "/tmp"  # noqa: S108 - of the cluster's file system; a folder of a name nobody can guess is made in it
PART, PLACE, FIRST = "cx_part", "cx_place", "cx_first"


class SparkEngine:
    """Spark behind the engine contract.

    Parameters
    ----------
    application : pyspark.sql.SparkSession
        Whose cluster is used. Its settings and views are left alone.
    temp_dir : str, optional
        Folder for materialised relations, which every worker can read and write.

    Raises
    ------
    UsageError
        The workers share no storage that is known, and ``temp_dir`` names none.
    """

    def __init__(self, application: SparkSession, temp_dir: str | None = None) -> None:
        spark = application.newSession()
        for name, value in SETTINGS.items():
            spark.conf.set(name, value)
        context: Any = spark.sparkContext
        default = str(context._jsc.hadoopConfiguration().get("fs.defaultFS"))
        self._folder = f"{shared_folder(str(context.master), default, temp_dir)}/{new_name('cxfusion')}"
        self._backend = SparkBackend(spark)
        self._folded: weakref.WeakKeyDictionary[Node, RowsOnWorkers] = weakref.WeakKeyDictionary()
        self._unreachable: deque[RowsOnWorkers] = deque()

    def read(self, source: Source) -> ir.Table:
        """Relation of every row of a source, with ``source_file`` and ``source_row`` added.

        What is neither Parquet nor a table of Spark goes through the memory of this process on its way to the cluster.
        """
        match source:
            case FileSource(format="parquet"):
                frame = _from_parquet(self._backend.spark, source)
            case LibraryFrameSource():
                frame = self._numbered(self._backend.adopted(source.frame), source.name)
            case RelationSource() if isinstance(there := source.relation.get_backend(), Backend):
                frame = self._numbered(self._backend.adopted(frame_of(there, source.relation)), source.name)
            case _:
                rows = rows_here(source)
                return self._backend.relation(self._backend.uploaded(rows), clocks=_clocks(rows.schema))
        return self._backend.relation(frame)

    def materialize(self, relation: ir.Table) -> ir.Table:
        """The same rows, computed once and kept until the engine is closed."""
        return self._backend.relation(self._kept(self._backend.frame(relation)), relation.schema())

    def collect(self, relation: ir.Table) -> pa.Table:
        """The rows, in memory."""
        rows: pa.Table = self._backend.frame(relation).toArrow()
        return rows.cast(relation.schema().to_pyarrow())

    def fold(self, relation: ir.Table, fold: Fold[State, Answer]) -> Answer:
        """Answer of a fold: every partition is folded where it is, and the states are merged here, in their order.

        The rows stay on the workers for as long as something refers to the relation.
        """
        while self._unreachable:
            self._unreachable.popleft().let_go()
        asked = relation.op()
        if asked not in self._folded:
            self._folded[asked] = rows_on_workers(self._backend.frame(relation), relation.schema().to_pyarrow())
            # not at once: whatever lets go of a relation may do so in the midst of a call
            weakref.finalize(asked, self._unreachable.append, self._folded[asked]).atexit = False
        return self._folded[asked].fold(fold)

    def supports(self, capability: Capability) -> bool:
        """Whether the engine declares a capability."""
        return capability in CAPABILITIES

    def close(self) -> None:
        """Let go of every relation and temporary file; the application goes on."""
        context: Any = self._backend.spark.sparkContext
        if context._jsc is None:  # the application has ended, and nothing can be asked of it any more
            return
        self._backend.drop_views()
        for rows in (*self._folded.values(), *self._unreachable):
            rows.let_go()
        path = context._jvm.org.apache.hadoop.fs.Path(self._folder)
        path.getFileSystem(context._jsc.hadoopConfiguration()).delete(path, True)

    def _kept(self, frame: DataFrame) -> DataFrame:
        """The rows of a frame in a folder of their own."""
        path = f"{self._folder}/{new_name('rows')}"
        frame.write.parquet(path)
        return self._backend.spark.read.schema(frame.schema).parquet(path)

    def _numbered(self, frame: DataFrame, name: str) -> DataFrame:
        """A frame's rows, numbered in the order of its partitions; kept, since it need not give them so twice."""
        place = sf.monotonically_increasing_id()
        within = {PART: sf.shiftrightunsigned(place, 33), PLACE: place.bitwiseAND(LOW_BITS)}
        kept = self._kept(frame.withColumns(within))
        sizes = kept.groupBy(PART).count().orderBy(PART).toArrow()
        counts = sizes["count"].to_pylist()  # none, of a frame without rows
        before = pa.array(list(accumulate(counts, initial=1))[: len(counts)], pa.int64())
        firsts = self._backend.uploaded(pa.table([sizes[PART].cast(pa.int64()), before], [PART, FIRST]))
        numbered = kept.join(sf.broadcast(firsts), PART)
        row = (sf.col(FIRST) + sf.col(PLACE)).cast("bigint")
        return numbered.withColumns({SOURCE_FILE: sf.lit(name), SOURCE_ROW: row}).drop(PART, PLACE, FIRST)


def open_spark(temp_dir: str | None = None) -> SparkEngine:
    """The engine on the Spark application that is running, or on one that is started with its default settings.

    Raises
    ------
    UsageError
        Spark does not start, or its workers share no storage that is known.
    """
    running = SparkSession.getActiveSession()
    if running is not None:
        return SparkEngine(running, temp_dir)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else workers take whichever python3 they find
    try:
        started = SparkSession.builder.appName("cxfusion").getOrCreate()
    except PySparkException as error:
        raise UsageError(
            f"Spark did not start: {error}. It needs Java 17 or newer (java on the PATH, or JAVA_HOME). Or start it"
            " yourself and give its frames to read_contacts."
        ) from error
    return SparkEngine(started, temp_dir)


def _clocks(schema: pa.Schema) -> tuple[str, ...]:
    """Columns of times without a zone."""
    return tuple(one.name for one in schema if pa.types.is_timestamp(one.type) and one.type.tz is None)


def _from_parquet(spark: SparkSession, source: FileSource) -> DataFrame:
    """Rows of Parquet files, numbered within their file."""
    whole, *others = (
        _some_parquet(spark, paths, elapsed, is_partitioned=source.is_partitioned)
        for elapsed, paths in by_elapsed(source.paths).items()
    )
    for frame in others:
        whole = whole.unionByName(frame, allowMissingColumns=True)
    return whole


def _some_parquet(spark: SparkSession, paths: list[str], elapsed: Elapsed, *, is_partitioned: bool) -> DataFrame:
    """Files of the same elapsed times, as seconds: Spark knows no unit but that of whole numbers."""
    reader = spark.read.option("mergeSchema", "true")
    if not is_partitioned:
        reader = reader.option("recursiveFileLookup", "true")  # folders named key=value are no columns then
    try:
        frame = reader.parquet(*paths)
    except (PySparkException, Py4JError) as error:
        raise UnreadableFileError(
            f"{', '.join(paths)} could not be read by Spark: {first_line(error)}. Expected whole Parquet files of types"
            " that Spark knows, which has times to the microsecond and none to the nanosecond; export them again."
        ) from error
    seconds = {name: sf.col(f"`{name.replace('`', '``')}`") / per_second for name, per_second in elapsed}
    address = sf.regexp_replace("_metadata.file_path", "^file:/+", "/")
    path = sf.url_decode(sf.regexp_replace(address, "[+]", "%2B"))  # of an address, but in a form, a plus is a plus
    row = (sf.col("_metadata.row_index") + 1).cast("bigint")
    placed = frame.select("*", path.alias(SOURCE_FILE), row.alias(SOURCE_ROW))
    return placed.withColumns(seconds) if seconds else placed


def shared_folder(master: str, default: str, temp_dir: str | None) -> str:
    """Where all workers can read and write.

    Parameters
    ----------
    master : str
        Of the application.
    default : str
        The cluster's own file system.
    temp_dir : str, optional
        Goes before both.

    Raises
    ------
    UsageError
        There is no such place that is known.
    """
    if temp_dir is not None:
        return temp_dir.rstrip("/")
    if not default.startswith("file:"):
        return f"{default.rstrip('/')}{TEMPORARY}"
    if master.startswith("local"):
        return f"file:{tempfile.gettempdir()}"
    raise UsageError(
        "Spark's workers share no storage that is known. Name a folder that all of them can read and write, such as"
        ' Session(engine="spark", temp_dir="hdfs:///tmp") or temp_dir="s3a://bucket/tmp".'
    )
