"""Progress on standard error: a line for each stage that is done, and on a terminal a clock of the one under way."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from cxfusion.cli.ending import heard_or_not

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["StageLines", "line_of"]


class StageLines:
    """Told each stage as it begins (an ``OnStage``), says what each one took.

    Parameters
    ----------
    quiet : bool
        Say nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._name: str | None = None
        self._n: int | None = None
        self._began = 0.0
        self._live: Any = None

    def __call__(self, name: str, n: int | None = None) -> None:
        """Begin a stage, or say how many rows the present one has."""
        if name != self._name:
            self._end_stage()
            self._name, self._began = name, time.perf_counter()
            if self._live is not None:
                self._live.reset(self._live.task_ids[0])
        self._n = n
        if self._live is not None:
            self._live.update(self._live.task_ids[0], description=_in_progress(name, n), refresh=True)

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            self._live = _clock()
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._end_stage()
        if self._live is not None:
            self._live.stop()

    def _end_stage(self) -> None:
        if self._name is None or self._quiet or self._n == 0:  # of nothing there is nothing to tell
            return
        line = line_of(self._name, self._n, time.perf_counter() - self._began)
        if self._live is not None:
            self._live.console.print(line, highlight=False, markup=False, style="dim")
        else:
            with heard_or_not(sys.stderr):
                print(line, file=sys.stderr)


def _clock() -> Any:
    """What is done now and for how long, drawn ten times a second and gone in the end."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    drawn = Progress(*columns, console=Console(stderr=True), transient=True)
    drawn.add_task("start", total=None)
    return drawn


def line_of(name: str, n: int | None, seconds: float) -> str:
    """A stage that is done, with its rows and rate where rows are known.

    Examples
    --------
    >>> line_of("pair", 1_900_000, 0.8)
    'pair                1,900,000 rows     0.8 s    2,375,000 rows/s'
    """
    rows = "" if n is None else f"{n:,} rows"
    rate = "" if not n else f"{n / max(seconds, 0.001):>12,.0f} rows/s"
    return f"{name:<16}{rows:>18}{seconds:>8.1f} s {rate}".rstrip()


def _in_progress(name: str, n: int | None) -> str:
    return name if n is None else f"{name} ({n:,} rows)"
