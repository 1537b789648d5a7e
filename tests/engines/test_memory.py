"""A fold's memory does not grow with the log."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

PROGRAM = """
import resource, sys
import cxfusion as cx
from cxfusion.engine import FileSource

class Total:
    def zero(self): return 0.0
    def step(self, state, batch): return state + batch.column("x").to_numpy().sum()
    def merge(self, left, right): return left + right
    def finish(self, state): return state

with cx.Session(threads=1, memory_limit="200MB") as session:
    print(session.fold(session.read(FileSource((sys.argv[1],), "parquet")), Total()))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_kb(path) -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is counted in kB on Linux only")
def test_ten_times_the_rows_take_the_same_memory(tmp_path):
    part = pa.table({"x": pa.array(range(400_000), pa.float64()), "y": pa.array(range(400_000), pa.float64())})
    for name, times in (("small", 3), ("large", 30)):
        with pq.ParquetWriter(tmp_path / name, part.schema) as writer:
            for _ in range(times):
                writer.write_table(part, row_group_size=100_000)
    assert peak_kb(tmp_path / "large") <= 1.1 * peak_kb(tmp_path / "small")
