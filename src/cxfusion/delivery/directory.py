"""An output directory is replaced as a whole or not at all, whenever and wherever a run is killed.

For a directory ``out`` three siblings may exist while a run is alive: ``.out.lock`` (held by one run at a time),
``.out.new`` (being written) and ``.out.old`` (moved away for the blink between two renames, on systems that cannot
exchange two directories in one step); and ``.out.spill-…``, what did not fit into memory (locked, too, while its run
lives). What a killed run leaves behind, the next start puts right.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import glob
import json
import os
import shutil
import stat
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cxfusion.errors import CxfusionError, OutputDirectoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = [
    "MANIFEST",
    "PRODUCT",
    "deliver",
    "manifest_of",
    "rejected_directory",
    "require_apart",
    "require_ours",
    "spill_directory",
]

MANIFEST: Final = "manifest.json"
PRODUCT: Final = "cxfusion"
"""What the manifest of a directory of ours says under ``product``."""
_PATIENCE_SECONDS: Final = 120.0
_SPILL: Final = "spill-"
_IN_USE: Final = "in-use"
_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2


def deliver(
    directory: str | os.PathLike[str],
    write: Callable[[Path], None],
    *,
    publish: Callable[[Path], None] | None = None,
    no_wider_than: str | os.PathLike[str] | None = None,
) -> None:
    """Build an output directory beside its place and put it there in one step.

    Parameters
    ----------
    directory : path
        Replaced as a whole, with the permissions that it has; untouched where anything fails or the run is killed.
        Missing parents are made.
    write : callable
        Writes every file into the folder it is given, among them a ``manifest.json`` that says
        ``{"product": "cxfusion"}``, by which the next run knows the directory as ours.
    publish : callable, optional
        Lets others see the folder as well, once it is whole and safe on the disk; should it fail, nothing is delivered.
    no_wider_than : path, optional
        Another directory: where it exists, whoever cannot look into it cannot look into this one either.

    Raises
    ------
    OutputDirectoryError
        As :func:`require_ours`, or ``write`` left no manifest of ours.
    """
    place = _place(directory)
    with _alone(place):
        _recover(place)
        _check(place)
        fresh = _sibling(place, "new")
        try:
            _make(fresh, [place] if no_wider_than is None else [place, Path(no_wider_than)])
            write(fresh)
            if not _is_ours(fresh):
                raise OutputDirectoryError(
                    f"What was written for {place} has no {MANIFEST} with product {PRODUCT!r}, so that the next run"
                    f" would refuse to replace it. Nothing was delivered; write the manifest."
                )
            _sync(fresh)
            if publish is not None:
                publish(fresh)
            _put(fresh, place)
        finally:
            _recover(place)


def require_ours(directory: str | os.PathLike[str]) -> None:
    """Refuse an output directory early that could not be replaced later; put right what a killed run left.

    Parameters
    ----------
    directory : path
        Fine are: a path that does not exist, an empty directory, and a directory of ours.

    Raises
    ------
    OutputDirectoryError
        It is a file, holds something that is not ours, cannot be replaced, or its parent cannot be written.
    """
    place = _place(directory)
    with _alone(place):
        _recover(place)
        _check(place)


def require_apart(directory: str | os.PathLike[str], given: Iterable[str]) -> None:
    """Refuse an output directory that holds what the job reads: a simulated centre, or an earlier output, is ours too.

    Parameters
    ----------
    directory : path
    given : iterable of str
        Files, folders and patterns.

    Raises
    ------
    OutputDirectoryError
        Replacing the directory would delete one of them.
    """
    place = _place(directory)
    for one in given:
        paths = [one] if os.path.exists(one) else glob.iglob(one, recursive=True)
        if any(_place(path).is_relative_to(place) for path in paths):
            raise OutputDirectoryError(
                f"{place} holds what is to be read, {one}: replacing the directory would delete it."
                " Name another directory."
            )


def rejected_directory(directory: str | os.PathLike[str]) -> Path:
    """Where the audit of a job without result goes: ``out.rejected`` beside ``out``.

    Examples
    --------
    >>> rejected_directory("results/out").name
    'out.rejected'
    """
    place = _place(directory)
    return place.with_name(f"{place.name}.rejected")


@contextlib.contextmanager
def spill_directory(directory: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder beside ``out`` for what does not fit into memory, removed at the end, or by the next start.

    Whoever lives holds its lock: numbers of processes say nothing where machines or containers share a file system.
    """
    place = _place(directory)
    with _alone(place):  # else another start could take it for abandoned before it is locked
        spill = Path(tempfile.mkdtemp(prefix=_sibling(place, _SPILL).name, dir=place.parent))
        handle = os.open(spill / _IN_USE, os.O_CREAT | os.O_RDWR, 0o600)
        _try_lock(handle)
    try:
        yield spill
    finally:
        os.close(handle)
        shutil.rmtree(spill, ignore_errors=True)


def _place(directory: str | os.PathLike[str]) -> Path:
    """The directory itself, links followed: a link to it stays a link to it."""
    return Path(directory).resolve()


def _sibling(place: Path, kind: str) -> Path:
    return place.with_name(f".{place.name}.{kind}")


def _check(place: Path) -> None:
    if place.exists() and not place.is_dir():
        raise OutputDirectoryError(f"{place} is a file, but a directory is needed. Name another one.")
    if os.path.ismount(place):
        raise OutputDirectoryError(
            f"{place} is where a file system is mounted, and cannot be replaced as a whole. Name a folder inside it."
        )
    if Path.cwd().is_relative_to(place):
        raise OutputDirectoryError(
            f"{place} is the working directory or holds it, and would be pulled from under your feet."
            " Name a folder inside it."
        )
    if place.is_dir():
        _check_content(place)


def _check_content(place: Path) -> None:
    found = sorted(entry.name for entry in place.iterdir())
    if not found:
        return
    if not _is_ours(place):
        raise OutputDirectoryError(
            f"{place} is not empty and has no {MANIFEST} of cxfusion; found {_some(found)}."
            " It is left alone. Name an empty or new directory, or clear this one yourself."
        )
    written = manifest_of(place).get("files")
    foreign = sorted({*found} - {*written, MANIFEST}) if isinstance(written, list) else []
    if foreign:
        raise OutputDirectoryError(
            f"{place} holds what cxfusion did not write: {_some(foreign)}. Replacing the directory would delete it."
            " Move it elsewhere, or name another directory."
        )


def _some(names: list[str]) -> str:
    more = len(names) - 3
    return ", ".join(map(repr, names[:3])) + (f" and {more} more" if more > 0 else "")


def manifest_of(place: Path) -> dict[str, Any]:
    """The manifest of a directory; empty where it has none that can be read."""
    try:
        content = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _is_ours(place: Path) -> bool:
    return manifest_of(place).get("product") == PRODUCT


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Hold the directory's lock, which dies with the process; taking it proves that the parent can be written."""
    lock = _sibling(place, "lock")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle = _locked(lock)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # some systems cannot remove an open file; it does no harm
                lock.unlink()
            os.close(handle)
    except CxfusionError:
        raise
    except OSError as error:
        raise OutputDirectoryError(
            f"{place} cannot be written: {error.strerror or error}. What was there before is untouched."
            " Free some room, or name a directory in a place you may write to."
        ) from error


def _locked(lock: Path) -> int:
    """An open handle that holds the lock; waits for the run that has it."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        handle = os.open(lock, os.O_CREAT | os.O_RDWR, 0o666)
        if _try_lock(handle) and _is_still(lock, handle):
            return handle
        os.close(handle)
        time.sleep(0.05)
    raise OutputDirectoryError(
        f"Another run has been writing in {lock.parent} for {_PATIENCE_SECONDS:.0f} seconds and holds {lock.name}."
        " Wait for it to end, or name another directory."
    )


def _try_lock(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _is_still(lock: Path, handle: int) -> bool:
    """Whether the lock's name still means the file we hold: the run before may have just removed it."""
    try:
        return os.path.samestat(lock.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _recover(place: Path) -> None:
    """Undo a replacement left half-way and clear what is beside; the lock is held, so nobody is at work there."""
    old = _sibling(place, "old")
    if old.exists() and not place.exists():
        old.rename(place)
    for leftover in (old, _sibling(place, "new"), *_abandoned_spills(place)):
        shutil.rmtree(leftover, ignore_errors=True)  # what stays is met again, and named, by the next mkdir


def _abandoned_spills(place: Path) -> list[Path]:
    """What runs that live no more had spilled."""
    start = _sibling(place, _SPILL).name
    found = [path for path in place.parent.iterdir() if path.name.startswith(start)]
    return [path for path in found if not _is_in_use(path)]


def _is_in_use(spill: Path) -> bool:
    """Whether the run that made it lives; where that cannot be told, it is taken to."""
    try:
        handle = os.open(spill / _IN_USE, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:  # of another user
        return True
    try:
        return not _try_lock(handle)
    finally:
        os.close(handle)


def _make(fresh: Path, models: Sequence[Path]) -> None:
    """Make the folder to be written: who could look into each of its models can look into it, and nobody else."""
    seen = [model.stat() for model in models if model.is_dir()]
    if not seen:
        fresh.mkdir()
        return
    fresh.mkdir(mode=stat.S_IRWXU)
    mode, group = stat.S_IMODE(seen[0].st_mode), seen[0].st_gid
    for other in seen[1:]:
        mode &= stat.S_IMODE(other.st_mode) if other.st_gid == group else ~stat.S_IRWXG & other.st_mode
    mode |= stat.S_IRWXU  # we must be able to write
    if fresh.stat().st_gid != group:
        try:
            os.chown(fresh, -1, group)
        except OSError:  # we are not in that group, and what it was allowed is not for ours
            mode &= ~stat.S_IRWXG
    fresh.chmod(mode)


def _sync(folder: Path) -> None:
    """Have the disk hold every file before the directory gets its name."""
    for parent, _, names in os.walk(folder):
        for name in names:
            _sync_one(Path(parent, name))
        _sync_one(Path(parent))


def _sync_one(path: Path) -> None:
    if path.is_dir() and sys.platform == "win32":
        return  # directories cannot be opened there
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put(fresh: Path, place: Path) -> None:
    """Give the fresh directory its name; what was there before ends in a sibling."""
    if not place.exists():
        fresh.rename(place)
    elif not _exchange(fresh, place):
        place.rename(_sibling(place, "old"))
        fresh.rename(place)
    _sync_one(place.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two directories in one step; False where the system or the file system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
        return False
    raise OSError(code, os.strerror(code), str(other))
