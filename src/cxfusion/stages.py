"""The stages of one run: each is announced as it begins, timed and logged."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

from cxfusion.errors import UsageError
from cxfusion.fold import algebra_in_one_thread
from cxfusion.room import hand_back_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LOGGER", "OnStage", "Stages"]

OnStage: TypeAlias = Callable[[str, int | None], None]
"""Told the name of each stage as it begins, with the rows it works on; told again once these are known, if later."""

LOGGER: Final = logging.getLogger("cxfusion")
LOGGER.addHandler(logging.NullHandler())  # else Python prints warnings of a library that nobody listens to


class Stages:
    """The stages of one run, one after the other.

    Parameters
    ----------
    on_stage : callable, optional

    Attributes
    ----------
    seconds : dict of str to float
        How long each stage took that is done.
    """

    def __init__(self, on_stage: OnStage | None = None) -> None:
        self.seconds: dict[str, float] = {}
        if on_stage is not None and not callable(on_stage):
            raise UsageError(f"on_stage is {on_stage!r}. Expected a function of a stage's name and of its rows.")
        self._on_stage = on_stage

    @contextmanager
    def __call__(self, name: str, n: int | None = None) -> Iterator[Callable[[int], None]]:
        """One stage; what it yields is told the rows once they are known, where that is later."""

        def tell(rows: int | None) -> None:
            nonlocal n
            n = rows
            if self._on_stage is not None:
                self._on_stage(name, rows)

        tell(n)
        hand_back_memory()  # of the stage before
        began = time.perf_counter()
        with algebra_in_one_thread():
            yield tell
        self.seconds[name] = round(time.perf_counter() - began, 3)
        LOGGER.info("%s: %s%.1f s", name, "" if n is None else f"{n:,} rows, ", self.seconds[name])
