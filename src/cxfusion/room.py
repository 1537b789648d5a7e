"""What a session lends to models: memory that all their rows share, a folder for the others, and cores.

What a library lets go of stays with the process until its allocator is told to hand it back to the system.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Room", "Share", "hand_back_memory", "room_of"]

DEFAULT_BYTES: Final = 1_500_000_000


class Room:
    """Where the rows of models are kept.

    Parameters
    ----------
    n_bytes : float
        Of memory, for all models together.
    folder : str, optional
        Where rows beyond it go; by default where temporary files go.
    threads : int, optional
        That folds over kept rows may use; all cores by default.
    """

    def __init__(self, n_bytes: float = DEFAULT_BYTES, folder: str | None = None, threads: int | None = None) -> None:
        self.folder = folder
        self.threads = threads or os.cpu_count() or 1
        self._left = n_bytes
        self._lock = RLock()  # a share may be let go of while another one is being taken

    def share(self) -> Share:
        """A part of the memory, which comes back when nothing refers to it any more."""
        return Share(self)

    def change(self, n_bytes: float) -> bool:
        """Take as much memory, or give it back where it is below 0; whether there was enough."""
        with self._lock:
            is_there = n_bytes <= self._left
            self._left -= n_bytes if is_there else 0
            return is_there


class Share:
    """What one set of rows takes of a room."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.n_bytes = 0

    def take(self, n_bytes: int) -> bool:
        """Whether there is as much left; it is ours then."""
        is_there = self.room.change(n_bytes)
        self.n_bytes += n_bytes if is_there else 0
        return is_there

    def __del__(self) -> None:
        self.room.change(-self.n_bytes)


OF_THE_PROCESS: Final = Room()


def room_of(sweep: Any) -> Room:
    """The room of the session whose rows a sweep is over; of other rows that of the process."""
    found: Room = getattr(sweep, "room", OF_THE_PROCESS)
    return found


def hand_back_memory() -> None:
    """Let the system have what was allocated and is free again, where the allocator can be told to."""
    _trim()(0)


@cache
def _trim() -> Callable[[int], Any]:
    trim: Any = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    return trim or (lambda _: None)
