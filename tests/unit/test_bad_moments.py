"""What goes wrong while a command runs: no half of an output, nothing left beside it, and words that say what to do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from typer.testing import CliRunner

import cxfusion as cx
from cxfusion.cli import app
from cxfusion.errors import UnreadableFileError
from cxfusion.tables import leg_reading, read
from cxfusion.tables.aside import sort_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TABLES = ("contacts", "surveys")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """A small centre as files of Parquet."""
    folder = tmp_path_factory.mktemp("drawn")
    cx.simulate(n_contacts=3_000, seed=1, out=folder)
    return folder


@pytest.fixture
def files(drawn, tmp_path) -> list[str]:
    """The same as CSV, which is read more than once."""
    paths = [tmp_path / f"{name}.csv" for name in TABLES]
    for name, path in zip(TABLES, paths, strict=True):
        duckdb.sql(f"COPY (FROM '{drawn / name}.parquet') TO '{path}'")
    return [str(path) for path in paths]


def grow(path: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write("more\n")


CHANGES: dict[str, Callable[[str], None]] = {
    "shrinks": lambda path: os.truncate(path, os.path.getsize(path) // 3),
    "is emptied": lambda path: os.truncate(path, 0),
    "grows": grow,
    "is taken away": os.unlink,
    "is written anew": lambda path: os.utime(path, (0, 0)),
}


@pytest.mark.parametrize(("which", "change"), [("contacts", change) for change in CHANGES] + [("surveys", "shrinks")])
def test_a_file_that_changes_while_it_is_read(files, tmp_path, monkeypatch, which, change):
    path = files[TABLES.index(which)]

    def late(reading: Any, rules: Any) -> Any:
        """After the first look at it, before its rows are computed."""
        if reading.section == which:
            CHANGES[change](path)
        return sort_rows(reading, rules)

    monkeypatch.setattr(read, "sort_rows", late)
    result = CliRunner().invoke(app, ["fuse", *files, "--out", str(tmp_path / "out"), "--quiet"])
    assert result.exit_code == 3, result.stderr
    assert f"{path} was changed while it was read" in result.stderr
    assert "run again" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["folder", "dict"])
def test_a_file_in_a_vendors_folder_that_changes_while_it_is_read(tmp_path, monkeypatch, name):
    folder = tmp_path / "night"
    folder.mkdir()
    path = folder / "queue_log"
    path.write_text(
        "1772445600|1772445590.1|sales|NONE|ENTERQUEUE||111|1\n1772445620|1772445590.1|sales|NONE|ABANDON|1|1|20\n"
    )

    def late(reading: Any, rules: Any) -> Any:
        grow(str(path))
        return sort_rows(reading, rules)

    monkeypatch.setattr(leg_reading, "sort_rows", late)
    with pytest.raises(UnreadableFileError, match="was changed while it was read"):
        read.read_contacts(folder if name == "folder" else {"queue_log": folder}, source="asterisk_queue_log")


def test_too_little_memory(drawn, tmp_path):
    paths = [str(drawn / f"{name}.parquet") for name in TABLES]
    result = CliRunner().invoke(app, ["fuse", *paths, "--out", str(tmp_path / "out"), "--quiet", "--memory", "4MB"])
    assert result.exit_code == 2
    assert "--memory" in result.stderr
    assert list(tmp_path.iterdir()) == []


NO_ROOM = """
import resource, signal, sys
from cxfusion.cli import main
sys.argv = ["cxfusion", "diagnose", sys.argv[1], "--out", sys.argv[2], "--quiet"]
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit can be set there")
def test_an_output_that_the_disk_does_not_take(drawn, tmp_path):
    """A limit of a file's size stands for a disk that is full; an earlier output stays."""
    out, log = tmp_path / "out", str(drawn / "contacts.parquet")
    assert CliRunner().invoke(app, ["diagnose", log, "--out", str(out), "--quiet"]).exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    command = [sys.executable, "-c", NO_ROOM, log, str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "Free some room" in done.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


LATE = """
import os, signal, sys
from cxfusion.cli import main

class Late:
    def __del__(self, kill=os.kill, process=os.getpid(), number=signal.SIGINT):
        kill(process, number)

late = Late()
sys.argv = ["cxfusion", "version"]
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="processes are not asked to end there")
def test_ctrl_c_while_python_tidies_up_changes_no_exit_code():
    ended = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


FROM_TEXT = """
import sys, cxfusion.job
from cxfusion.cli import main

def interrupted(*_, **__):
    exec("raise KeyboardInterrupt")  # as dataclasses run what they write

cxfusion.job.diagnose_log = interrupted
sys.argv = ["cxfusion", "diagnose", "calls.csv", "--out", sys.argv[1]]
main()
"""


def test_ctrl_c_in_code_that_was_written_on_the_way_has_the_exit_code_of_any(tmp_path):
    (tmp_path / "run_here.py").write_text(FROM_TEXT)
    command = [sys.executable, "-m", "run_here", str(tmp_path / "out")]  # only of a module Python looks back at it
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (130, "Interrupted.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="processes are not asked to end there")
def test_being_asked_to_end_leaves_nothing(drawn, tmp_path):
    (tmp_path / "temporary").mkdir()
    words = [*(str(drawn / f"{name}.parquet") for name in TABLES), "--out", str(tmp_path / "out")]
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    command = [sys.executable, "-m", "cxfusion", "fuse", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("pair"):
            pass
        process.send_signal(signal.SIGTERM)
        told = process.stderr.read()
    assert (process.returncode, told.splitlines()[-1]) == (130, "Interrupted.")
    assert [path.name for path in tmp_path.rglob("*")] == ["temporary"]
