"""Too little room: a model's rows go to a file, an engine's to its folder; where there is none, the message says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from functools import partial

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cxfusion as cx
from cxfusion.engine import FileSource
from cxfusion.errors import ResourceError, UnreadableFileError, UsageError
from cxfusion.estimators import held
from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.estimators.rows import Indicators, Rows
from cxfusion.fold import fold_batches
from cxfusion.room import Room

N = 50_000
RNG = np.random.default_rng(5)
TABLE = pa.table({"x": RNG.normal(size=N), "group": RNG.integers(-1, 6, N), "y": RNG.integers(0, 3, N)})


def make_rows(batch: pa.RecordBatch) -> Rows:
    x, group, y = (batch.column(name).to_numpy() for name in ("x", "group", "y"))
    return Rows(x[:, None], Indicators(group[:, None], (6,)), y, np.ones(len(x)), y)


def fitted(budget_bytes: int) -> np.ndarray:
    sweep = partial(fold_batches, batches=TABLE.to_batches(7_000), threads=2)
    model = held.model_rows(sweep, make_rows, room=Room(budget_bytes))
    fit = fit_cumulative_logit(model.sweep, model.make_rows, 3)
    return np.concatenate([fit.parameters, np.diag(fit.covariance)])


@pytest.mark.parametrize("budget_bytes", [0, 3_000_000])
def test_rows_from_a_file_give_the_same_numbers_to_the_last_bit(budget_bytes):
    np.testing.assert_array_equal(fitted(budget_bytes), fitted(1 << 40))


def test_a_file_is_made_only_beyond_the_budget(monkeypatch):
    made, temporary_file = [], tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **given: made.append(temporary_file(**given)) or made[-1])
    fitted(1 << 40)
    assert not made
    fitted(3_000_000)
    (file,) = made
    assert file.closed


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no disk that is always full")
def test_a_disk_that_is_full_is_told(monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: open("/dev/full", "r+b", buffering=0))  # noqa: SIM115
    with pytest.raises(ResourceError, match="TMPDIR"):
        fitted(0)


def test_too_little_memory_and_no_room_to_spill_is_told(tmp_path):
    path = tmp_path / "log.parquet"
    duckdb.sql(f"COPY (SELECT hash(i)::VARCHAR AS id FROM range(2000000) AS t(i)) TO '{path}' (FORMAT parquet)")
    with cx.Session(memory_limit="30MB", threads=1, temp_dir=str(tmp_path)) as session:
        session._engine._backend.con.execute("SET max_temp_directory_size = '1MB'")
        with pytest.raises(ResourceError, match="memory_limit="):
            session.materialize(session.read(FileSource((str(path),), "parquet")).order_by("id"))
    assert os.listdir(tmp_path) == ["log.parquet"]


FILLING = """
import resource, sys
import cxfusion as cx
from cxfusion.engine import FileSource
from cxfusion.errors import ResourceError
with cx.Session(memory_limit=sys.argv[3], threads=1, temp_dir=sys.argv[2]) as session:
    rows = session.read(FileSource((sys.argv[1],), "parquet"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    try:
        session.materialize(rows.order_by("id"))
    except ResourceError as error:
        print(error.message)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit can be set there")
@pytest.mark.parametrize("memory_limit", ["150MB", "115MB"])
def test_a_disk_that_takes_no_more_is_told(tmp_path, memory_limit):
    """What is spilled and what is packed: a full disk, a quota and a limit of a file's size are told alike."""
    path, folder = tmp_path / "log.parquet", tmp_path / "room"
    folder.mkdir()
    duckdb.sql(f"COPY (SELECT hash(i)::VARCHAR AS id FROM range(1000000) AS t(i)) TO '{path}' (FORMAT parquet)")
    command = [sys.executable, "-c", FILLING, str(path), str(folder), memory_limit]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "--memory" in done.stdout
    assert "temp_dir" in done.stdout
    assert not list(folder.iterdir())


def test_a_temp_dir_that_is_none_is_refused(tmp_path):
    with pytest.raises(UsageError, match="temp_dir"):
        cx.Session(temp_dir=str(tmp_path / "nowhere"))


def test_a_file_that_shrinks_while_it_is_read_is_told(tmp_path):
    path = tmp_path / "log.parquet"
    pq.write_table(TABLE, path, row_group_size=5_000)
    with cx.Session(threads=1) as session:
        rows = session.read(FileSource((str(path),), "parquet"))
        os.truncate(path, path.stat().st_size // 3)
        with pytest.raises(UnreadableFileError):
            session.materialize(rows)


SPILLING = """
import sys, time, duckdb, cxfusion as cx
from cxfusion.cli.ending import ended_in_order
from cxfusion.engine import FileSource
with ended_in_order(), cx.Session(memory_limit="150MB", threads=1, temp_dir=sys.argv[2]) as session:
    rows = session.materialize(session.read(FileSource((sys.argv[1],), "parquet")).order_by("id"))
    print("spilled", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="processes are not asked to end there")
@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_run_leaves_no_temporary_file(tmp_path, asked):
    path, folder = tmp_path / "log.parquet", tmp_path / "room"
    folder.mkdir()
    duckdb.sql(f"COPY (SELECT hash(i)::VARCHAR AS id FROM range(1000000) AS t(i)) TO '{path}' (FORMAT parquet)")
    command = [sys.executable, "-c", SPILLING, str(path), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout.readline() == "spilled\n"
        assert list(folder.rglob("*"))
        process.send_signal(asked)
        process.wait(30)
    assert not list(folder.rglob("*"))


def in_memory(model: held.ModelRows) -> int:
    return sum(part.n_bytes for part in model.sweep.kept if isinstance(part, held._Held))


def test_models_share_the_memory_of_a_session_and_give_it_back():
    room = Room(N * 60)  # of which a model takes about 66 bytes a row
    sweep = partial(fold_batches, batches=TABLE.to_batches(7_000), threads=2)
    first, second = (held.model_rows(sweep, make_rows, room=room) for _ in range(2))
    of_first = in_memory(first)
    assert of_first > 0.6 * N * 60
    assert of_first + in_memory(second) <= N * 60
    assert held.room_of(second.sweep) is room
    del first, second
    assert in_memory(held.model_rows(sweep, make_rows, room=room)) == of_first


def test_rows_that_are_kept_hold_nothing_else_of_their_batch():
    """An engine gives a batch in one piece, which a view of one of its columns would hold as a whole."""
    batch = TABLE.to_batches(7_000)[0]
    kept = held.keep_parts(partial(fold_batches, batches=[batch]), make_rows_held, Room(), part_rows=None).kept
    assert not np.shares_memory(kept[0].rows.outcome, batch.column("y").to_numpy())


@pytest.mark.parametrize(("n", "parts"), [(0, []), (5_000, [5_000]), (5_001, [2_501, 2_500]), (11_000, [2_750] * 4)])
def test_parts_are_about_as_long_as_each_other(n, parts):
    batch = TABLE.slice(0, n).combine_chunks().to_batches()
    kept = held.keep_parts(partial(fold_batches, batches=batch), make_rows_held, Room(), part_rows=5_000).kept
    assert [len(part.rows.outcome) for part in kept] == parts


def make_rows_held(batch: pa.RecordBatch) -> held._Held:
    return held._Held(make_rows(batch), ())


def test_the_limit_is_of_the_whole_process_and_rows_go_to_the_folder_of_the_session(tmp_path):
    with cx.Session(memory_limit="1GB", threads=1, temp_dir=str(tmp_path)) as session:
        assert session.room.threads == 1
        assert session.room.folder.startswith(str(tmp_path))
        of_database, of_rows = session._engine._backend.memory_limit(), session.room._left
        assert 0.5e9 < of_database < of_database + of_rows < 0.8e9
