"""What a study moves: bytes of answers and of states of folds that come back from an engine, stage by stage.

``python benchmarks/moved.py --contacts 20000 200000 --out moved.json`` runs ``cx.fuse`` on simulated centres in an
engine whose every answer is weighed. Rows are taken to live elsewhere, as on a cluster: a model's rows are made
anew in every fold, and what a fold brings back is its state, once for each worker. ``--engine spark`` does the work
on two cores of Spark, or on the cluster that ``--master`` names; its processor seconds are those of all its
processes on this machine. ``--paths`` takes logs that are there already, of files ``contacts*.parquet`` and
``surveys*.parquet``.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cxfusion as cx
from cxfusion.engine.duckdb import DuckDBEngine

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir
    import pyarrow as pa

    from cxfusion.engine import Engine

READ: Final = "read"
SPARK: Final = {
    "spark.ui.enabled": "false",
    "spark.driver.memory": "4g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.shuffle.partitions": "4",
    "spark.log.level": "ERROR",
    "spark.ui.showConsoleProgress": "false",
}


@dataclass
class Moved:
    """What came back in a stage."""

    queries: int = 0
    answer_bytes: int = 0
    largest_answer: int = 0
    folds: int = 0
    state_bytes: int = 0
    largest_state: int = 0
    kept: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0

    def answered(self, n_bytes: int) -> None:
        self.queries += 1
        self.answer_bytes += n_bytes
        self.largest_answer = max(self.largest_answer, n_bytes)

    def folded(self, n_bytes: int) -> None:
        self.folds += 1
        self.state_bytes += n_bytes
        self.largest_state = max(self.largest_state, n_bytes)


class Weighed:
    """A fold whose state is weighed before its answer is made of it: what one worker sends.

    Of one that holds rows the answer is weighed, which is made over there.
    """

    def __init__(self, fold: Any) -> None:
        self.fold = fold
        self.holds_rows = getattr(fold, "holds_rows", False)

    def zero(self) -> Any:
        return self.fold.zero()

    def step(self, state: Any, batch: pa.RecordBatch) -> Any:
        return self.fold.step(state, batch)

    def merge(self, left: Any, right: Any) -> Any:
        return self.fold.merge(left, right)

    def finish(self, state: Any) -> tuple[int, Any]:
        answer = self.fold.finish(state)
        return len(pickle.dumps(answer if self.holds_rows else state, protocol=5)), answer


class MeteredEngine:
    """An engine whose answers are weighed, and whose rows live elsewhere."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.stages: dict[str, Moved] = {READ: Moved()}
        self._now = READ
        self._began = time.perf_counter(), processor_seconds()

    def enter(self, stage: str | None) -> None:
        """Let what comes belong to a stage; of none what comes is nobody's."""
        clock, spent = time.perf_counter(), processor_seconds()
        self._moved.seconds += clock - self._began[0]
        self._moved.processor_seconds += spent - self._began[1]
        self._began = clock, spent
        self._now = stage or "after"

    @property
    def _moved(self) -> Moved:
        return self.stages.setdefault(self._now, Moved())

    def read(self, source: Any) -> ir.Table:
        return self._engine.read(source)

    def materialize(self, relation: ir.Table) -> ir.Table:
        self._moved.kept += 1
        return self._engine.materialize(relation)

    def collect(self, relation: ir.Table) -> pa.Table:
        rows = self._engine.collect(relation)
        self._moved.answered(rows.nbytes)
        return rows

    def fold(self, relation: ir.Table, fold: Any) -> Any:
        n_bytes, answer = self._engine.fold(relation, Weighed(fold))
        self._moved.folded(n_bytes)
        return answer

    def supports(self, capability: Any) -> bool:
        return capability != "rows_here" and self._engine.supports(capability)

    def close(self) -> None:
        self._engine.close()


def processor_seconds() -> float:
    """Of this process and of all below it, those that ended among them."""
    of: dict[int, tuple[int, float]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            told = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        of[int(path.parent.name)] = int(told[1]), sum(map(int, told[11:15])) / os.sysconf("SC_CLK_TCK")
    return sum(spent for process, (_, spent) in of.items() if _is_ours(process, of))


def _is_ours(process: int, of: dict[int, tuple[int, float]]) -> bool:
    while process not in (0, 1):
        if process == os.getpid():
            return True
        process = of.get(process, (0, 0.0))[0]
    return False


def opened(engine: str, master: str) -> Engine:
    """The engine that does the work."""
    if engine == "duckdb":
        return DuckDBEngine()
    from pyspark.sql import SparkSession

    from cxfusion.engine.spark import open_spark

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master(master)
    for name, value in SPARK.items():
        builder = builder.config(name, value)
    builder.getOrCreate()
    return open_spark()


def measured(log: Path, engine: str, master: str) -> dict[str, Any]:
    """One study, in this process."""
    metered = MeteredEngine(opened(engine, master))
    with cx.Session(metered) as session:
        metered.enter(READ)
        contacts = cx.read_contacts(str(log / "contacts*.parquet"), session=session)
        surveys = cx.read_surveys(str(log / "surveys*.parquet"), session=session)
        cx.fuse(contacts, surveys, on_stage=lambda stage, _: metered.enter(stage))
        metered.enter(None)
        n = {"contacts": contacts.n_read, "responses": surveys.n_read}
    return {**n, "stages": {name: asdict(moved) for name, moved in metered.stages.items()}}


def apart(log: Path, given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One study in a process of its own, which nothing before has warmed up."""
    out = folder / "one.json"
    options = ["--paths", str(log), "--engine", given.engine, "--master", given.master, "--out", str(out)]
    subprocess.run([sys.executable, __file__, *options], check=True, stdout=subprocess.DEVNULL)
    (found,) = json.loads(out.read_text())["logs"]
    return dict(found)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all logs, print a table of each, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, nargs="*", default=[], help="sizes to draw")
    parser.add_argument("--paths", type=Path, nargs="*", default=[], help="folders that hold logs already")
    parser.add_argument("--engine", choices=("duckdb", "spark"), default="duckdb")
    parser.add_argument("--master", default="local[2]", help="of Spark")
    parser.add_argument("--out", type=Path, default=Path("moved.json"), help="JSON file to write")
    given = parser.parse_args(arguments)
    from cxfusion.simulation.simulate import write_centre

    found = []
    with tempfile.TemporaryDirectory() as folder:
        drawn = [Path(folder) / str(n) for n in given.contacts]
        for log, n in zip(drawn, given.contacts, strict=True):
            write_centre(log, n, seed=7)
        logs = [*drawn, *given.paths]
        for log in logs:
            found.append(
                measured(log, given.engine, given.master) if len(logs) == 1 else apart(log, given, Path(folder))
            )
            print(table_of(found[-1]), flush=True)
    versions = {"cores": os.cpu_count(), "python": sys.version.split()[0], "engine": given.engine}
    given.out.write_text(json.dumps({"benchmark": "bytes moved", **versions, "logs": found}, indent=2) + "\n")


def table_of(found: dict[str, Any]) -> str:
    """What a study moved, to be read in a terminal; ``benchmarks/scale_page.py`` writes it into the documentation."""
    lines = [
        f"{found['contacts']:,} contacts, {found['responses']:,} responses",
        f"{'':<18}{'queries':>9}{'their MB':>10}{'folds':>9}{'their MB':>10}{'kept':>7}{'processor s':>13}",
    ]
    for name, one in found["stages"].items():
        moved = Moved(**one)
        answers = f"{moved.queries:>9}{moved.answer_bytes / 1e6:>10.3f}"
        states = f"{moved.folds:>9}{moved.state_bytes / 1e6:>10.3f}"
        lines.append(f"{name:<18}{answers}{states}{moved.kept:>7}{moved.processor_seconds:>13.1f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
