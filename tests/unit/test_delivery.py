"""An output directory is old or new and always whole, whatever is killed, and what is not ours is never touched."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cxfusion.delivery import directory as delivery
from cxfusion.delivery.directory import deliver, rejected_directory, require_ours
from cxfusion.errors import OutputDirectoryError

N_FILES = 4

RUN = """
import os, signal, sys
from pathlib import Path
from cxfusion.delivery import directory as delivery

directory, kill_at, can_exchange = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "exchange"
if not can_exchange:
    delivery._exchange = lambda one, other: False
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "open"}
seen = 0

def hook(event, args):
    global seen
    if event not in CHANGES or Path(directory).name not in str(args[0]):
        return
    seen += 1
    if seen == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)

def write(folder):
    for i in range(4):
        (folder / f"part{i}.txt").write_text("new")
    (folder / "manifest.json").write_text('{"product": "cxfusion", "run": "new"}')

sys.addaudithook(hook)
delivery.deliver(directory, write)
"""


def writer(run: str):
    def write(folder: Path) -> None:
        for i in range(N_FILES):
            (folder / f"part{i}.txt").write_text(run)
        (folder / "manifest.json").write_text(json.dumps({"product": "cxfusion", "run": run}))

    return write


def content(directory: Path) -> set[str]:
    """What the parts say; fails where the directory is not whole."""
    parts = sorted(directory.glob("part*.txt"))
    assert len(parts) == N_FILES
    said = {part.read_text() for part in parts}
    assert said == {json.loads((directory / "manifest.json").read_text())["run"]}
    return said


def mode_of(directory: Path) -> int:
    return stat.S_IMODE(directory.stat().st_mode)


def beside(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.parent.iterdir() if entry != directory)


@pytest.fixture(params=["exchange", "two renames"])
def way(request, monkeypatch) -> str:
    if request.param == "two renames":
        monkeypatch.setattr(delivery, "_exchange", lambda one, other: False)
    return request.param


@pytest.mark.usefixtures("way")
def test_a_directory_is_made_and_then_replaced_and_nothing_is_left_beside(tmp_path):
    out = tmp_path / "deep" / "out"
    deliver(out, writer("first"))
    assert content(out) == {"first"}
    (out / "dropped.txt").write_text("of the first run")
    deliver(out, writer("second"))
    assert content(out) == {"second"}
    assert not (out / "dropped.txt").exists()
    assert beside(out) == []


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("mode", [0o700, 0o750, 0o2775])
def test_a_directory_that_is_replaced_is_as_open_as_before_and_never_more(tmp_path, mode):
    out, meanwhile = tmp_path / "out", []

    def write(folder: Path) -> None:
        meanwhile.append(mode_of(folder))
        writer("second")(folder)

    deliver(out, writer("first"))
    out.chmod(mode)
    deliver(out, write)
    assert content(out) == {"second"}
    assert [mode_of(out), *meanwhile] == [mode, mode]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root may give a file to any group")
def test_a_group_that_could_look_into_the_directory_still_can_and_no_other(tmp_path, monkeypatch):
    out = tmp_path / "out"
    deliver(out, writer("first"))
    os.chown(out, -1, 12_345)
    out.chmod(0o750)
    deliver(out, writer("second"))
    assert (out.stat().st_gid, mode_of(out)) == (12_345, 0o750)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    deliver(out, writer("third"))
    assert (content(out), mode_of(out)) == ({"third"}, 0o700)


@pytest.mark.parametrize(
    ("its_own", "other", "expected"),
    [
        (None, 0o700, 0o700),
        (None, 0o2750, 0o2750),
        (0o755, 0o700, 0o700),
        (0o700, 0o755, 0o700),
        (0o750, 0o705, 0o700),
        (None, None, 0o755),
    ],
)
def test_a_directory_may_be_no_wider_than_another(tmp_path, its_own, other, expected):
    out, rejected, meanwhile = tmp_path / "out", tmp_path / "out.rejected", []

    def write(folder: Path) -> None:
        meanwhile.append(mode_of(folder))
        writer("second")(folder)

    before = os.umask(0o022)
    try:
        for directory, mode in ((out, other), (rejected, its_own)):
            if mode is not None:
                deliver(directory, writer("first"))
                directory.chmod(mode)
        deliver(rejected, write, no_wider_than=out)
    finally:
        os.umask(before)
    assert content(rejected) == {"second"}
    assert [mode_of(rejected), *meanwhile] == [expected] * 2


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root may give a file to any group")
def test_a_group_that_cannot_look_into_the_other_directory_can_look_into_neither(tmp_path):
    out, rejected = tmp_path / "out", tmp_path / "out.rejected"
    for directory, group in ((out, 12_345), (rejected, 12_346)):
        deliver(directory, writer("first"))
        os.chown(directory, -1, group)
        directory.chmod(0o750)
    deliver(rejected, writer("second"), no_wider_than=out)
    assert mode_of(rejected) == 0o700


@pytest.mark.usefixtures("way")
def test_an_empty_directory_is_ours_to_fill(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    require_ours(out)
    deliver(out, writer("first"))
    assert content(out) == {"first"}


def test_a_link_to_a_directory_stays_a_link(tmp_path):
    deliver(tmp_path / "real", writer("first"))
    link = tmp_path / "link"
    link.symlink_to("real")
    deliver(link, writer("second"))
    assert link.is_symlink()
    assert content(tmp_path / "real") == {"second"}


@pytest.mark.skipif(sys.platform != "linux", reason="exchange in one step is a Linux call")
def test_where_the_system_can_the_two_are_exchanged_in_one_step(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert delivery._exchange(tmp_path / "one", tmp_path / "other")
    assert (tmp_path / "one" / "other").exists()
    assert (tmp_path / "other" / "one").exists()


@pytest.mark.parametrize("way_of_run", ["exchange", "two renames"])
def test_a_run_killed_at_any_step_leaves_old_or_new_and_the_next_start_cleans_up(tmp_path, way_of_run):
    found, kill_at = set(), 0
    while True:
        kill_at += 1
        out = tmp_path / str(kill_at) / "out"
        deliver(out, writer("old"))
        command = [sys.executable, "-c", RUN, str(out), str(kill_at), way_of_run]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        if way_of_run == "exchange":
            content(out)  # whole even before anybody puts anything right
        require_ours(out)
        found |= content(out)
        assert beside(out) == []
    assert found == {"old", "new"}
    assert kill_at > 15  # it was killed at this many different steps before one run got through


def test_a_run_killed_between_the_two_renames_is_put_right_by_the_next_start(tmp_path):
    out = tmp_path / "out"
    deliver(out, writer("old"))
    out.rename(tmp_path / ".out.old")
    (tmp_path / ".out.new").mkdir()
    (tmp_path / ".out.new" / "part0.txt").write_text("new, half")
    require_ours(out)
    assert content(out) == {"old"}
    assert beside(out) == []


def test_a_writer_that_fails_leaves_the_last_good_one(tmp_path):
    out = tmp_path / "out"
    deliver(out, writer("old"))

    def fail(folder: Path) -> None:
        (folder / "part0.txt").write_text("new")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        deliver(out, fail)
    assert content(out) == {"old"}
    assert beside(out) == []


def test_what_others_cannot_be_shown_is_not_delivered(tmp_path):
    out = tmp_path / "out"
    deliver(out, writer("old"))
    shown = []

    def fail(folder: Path) -> None:
        shown.extend([content(folder), content(out)])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        deliver(out, writer("new"), publish=fail)
    assert shown == [{"new"}, {"old"}]
    assert content(out) == {"old"}
    deliver(out, writer("new"), publish=lambda folder: shown.append(content(folder)))
    assert shown[2:] == [content(out)] == [{"new"}]
    with pytest.raises(OutputDirectoryError, match="no manifest"):
        deliver(out, lambda folder: None, publish=fail)
    assert len(shown) == 3


def test_a_second_rename_that_fails_brings_the_first_one_back(tmp_path, monkeypatch):
    out = tmp_path / "out"
    deliver(out, writer("old"))
    monkeypatch.setattr(delivery, "_exchange", lambda one, other: False)
    rename = Path.rename

    def stubborn(path: Path, target: Path) -> Path:
        if path.name == ".out.new":
            raise OSError(16, "Device or resource busy")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", stubborn)
    with pytest.raises(OutputDirectoryError, match="busy"):
        deliver(out, writer("new"))
    assert content(out) == {"old"}
    assert beside(out) == []


def test_a_full_disk_is_said_in_words(tmp_path):
    def fail(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputDirectoryError, match=r"No space left on device.*untouched"):
        deliver(tmp_path / "out", fail)
    assert not (tmp_path / "out").exists()


def test_what_has_no_manifest_is_not_delivered(tmp_path):
    with pytest.raises(OutputDirectoryError, match=r"no manifest\.json with product 'cxfusion'"):
        deliver(tmp_path / "out", lambda folder: (folder / "part0.txt").touch())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "manifest",
    [None, "not json", "[]", '{"product": "other"}', '{"product": "cxfusion", "files": ["part0.txt"]}'],
)
@pytest.mark.parametrize("call", [require_ours, lambda out: deliver(out, writer("new"))])
def test_a_directory_that_is_not_ours_is_refused_and_left_alone(tmp_path, manifest, call):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.docx").write_text("ten years of work")
    if manifest is not None:
        (out / "manifest.json").write_text(manifest)
    before = sorted(out.iterdir())
    with pytest.raises(OutputDirectoryError, match=r"'thesis.docx'.*(Name|Move)") as caught:
        call(out)
    assert caught.value.exit_code == 2
    assert sorted(out.iterdir()) == before
    assert beside(out) == []


def test_files_that_the_manifest_lists_may_be_replaced(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "part0.txt").touch()
    (out / "manifest.json").write_text('{"product": "cxfusion", "files": ["part0.txt"]}')
    require_ours(out)


def test_a_file_the_working_directory_and_a_mount_are_refused(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(OutputDirectoryError, match="is a file"):
        require_ours(tmp_path / "file")
    (tmp_path / "here" / "below").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "below")
    for directory in (".", ".."):
        with pytest.raises(OutputDirectoryError, match="working directory"):
            require_ours(directory)
    monkeypatch.setattr(os.path, "ismount", lambda path: True)
    with pytest.raises(OutputDirectoryError, match="mounted"):
        require_ours(tmp_path / "mount")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system nobody can write to")
def test_a_parent_that_cannot_be_written_is_refused_early(tmp_path):
    with pytest.raises(OutputDirectoryError, match=r"cannot be written: .*name a directory"):
        require_ours("/proc/out")
    with pytest.raises(OutputDirectoryError, match="cannot be written"):
        require_ours("/proc/self/status/out")
    if os.geteuid() != 0:
        tmp_path.chmod(0o555)
        with pytest.raises(OutputDirectoryError, match="Permission denied"):
            require_ours(tmp_path / "out")


def test_two_runs_on_one_directory_never_mix(tmp_path):
    out, n_runs, inside, most = tmp_path / "out", 6, 0, 0

    def run(name: str) -> None:
        def write(folder: Path) -> None:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            time.sleep(0.02)
            writer(name)(folder)
            inside -= 1

        deliver(out, write)

    threads = [threading.Thread(target=run, args=(f"run {i}",)) for i in range(n_runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert content(out) <= {f"run {i}" for i in range(n_runs)}
    assert beside(out) == []


def test_a_run_that_holds_the_directory_for_ever_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(delivery, "_PATIENCE_SECONDS", 0.2)
    out = tmp_path / "out"
    with pytest.raises(OutputDirectoryError, match=r"Another run .* holds \.out\.lock"):
        deliver(out, lambda folder: require_ours(out))
    assert not out.exists()


def test_the_rejected_directory_lies_beside(tmp_path):
    rejected = rejected_directory(tmp_path / "out")
    assert rejected == tmp_path / "out.rejected"
    deliver(rejected, writer("audit"))
    assert content(rejected) == {"audit"}


SPILLING = """
import sys
from cxfusion.delivery.directory import spill_directory

with spill_directory(sys.argv[1]) as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


def nobody(*_: object) -> None:
    raise ProcessLookupError


def test_what_a_dead_process_had_spilled_is_cleared_and_that_of_a_living_one_stays(tmp_path, monkeypatch):
    out, other = tmp_path / "out", tmp_path / ".other.spill-x"
    other.mkdir()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", SPILLING, out], **pipes, text=True) as process:
        theirs = Path(process.stdout.readline().strip())
        (theirs / "duckdb_temp_block-1.block").touch()
        with delivery.spill_directory(out) as mine:
            with monkeypatch.context() as patch:
                patch.setattr(os, "kill", nobody)  # as in another container, where its number is nobody's
                require_ours(out)
            assert (mine.exists(), theirs.exists()) == (True, True)
            process.kill()
            process.wait()
            require_ours(out)
            assert (mine.exists(), theirs.exists()) == (True, False)
    require_ours(out)
    assert beside(out) == [".other.spill-x"]
