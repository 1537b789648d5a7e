"""A run of many inputs: each reader's cases in turn, what became of them, and every failure with its number."""

from __future__ import annotations

import gc
import multiprocessing
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from cxfusion.engine import Session
from fuzz.changes import case_of
from fuzz.judge import LONGEST, Found, Verdict, judge, read
from fuzz.thrift import thrifty

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fuzz.readers import Reader

__all__ = ["PER_SESSION", "Tally", "run", "run_apart", "table_of"]

PER_SESSION: Final = 100
Told: TypeAlias = "tuple[int, str, Verdict]"


@dataclass
class Tally:
    """What became of a reader's inputs.

    Attributes
    ----------
    reader : str
    outcomes : Counter of str
    failures : list of (int, str, str)
        Number of the case, what was changed, what was wrong.
    """

    reader: str
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str, str]] = field(default_factory=list)

    def __add__(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(self.reader, self.outcomes + other.outcomes, [*self.failures, *other.failures])


def run(reader: Reader, numbers: Iterable[int], seed: int = 0) -> Tally:
    """Try a reader with the cases of these numbers."""
    tally = Tally(reader.name)
    for told in _told(reader, list(numbers), seed):
        _note(tally, *told)
    return tally


def run_apart(reader: Reader, numbers: Sequence[int], seed: int = 0) -> Tally:
    """The same, a few at a time in processes of their own: an input that ends its process is told too."""
    tally, waiting = Tally(reader.name), list(numbers)
    while waiting:
        slice_, done = waiting[:PER_SESSION], 0
        for told in _from_child(reader, slice_, seed):
            _note(tally, *told)
            done += 1
        if done < len(slice_):
            _note(tally, slice_[done], "?", Verdict("ended", ("the process ended, or did not end",)))
            done += 1
        waiting = waiting[done:]
    return tally


def _note(tally: Tally, number: int, change: str, verdict: Verdict) -> None:
    tally.outcomes[verdict.outcome] += 1
    tally.failures += [(number, change, told) for told in verdict.failures]


def _told(reader: Reader, numbers: Sequence[int], seed: int) -> Iterator[Told]:
    """Number, change and verdict of each case, with one sound table to compare all of them with."""
    with Session(threads=1) as session, TemporaryDirectory() as folder, thrifty(session) as empty:
        base = sound(reader, session, Path(folder))
        for number in numbers:
            empty()
            case = case_of(reader, number, random.Random(f"{seed}/{reader.name}/{number}"))
            yield number, case.change, judge(reader, case, base, session, Path(folder))


def _from_child(reader: Reader, numbers: Sequence[int], seed: int) -> Iterator[Told]:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_tell, args=(theirs, reader, numbers, seed))
    child.start()
    theirs.close()
    try:
        while ours.poll(10 * LONGEST) and (told := ours.recv()) is not None:
            yield told
    except EOFError:
        pass
    child.kill()
    child.join()


def _tell(pipe: Any, reader: Reader, numbers: Sequence[int], seed: int) -> None:
    gc.freeze()  # what the parent had lives on in it anyway
    gc.set_threshold(100_000, 20, 100)
    for told in _told(reader, numbers, seed):
        pipe.send(told)
    pipe.send(None)


def sound(reader: Reader, session: Session, folder: Path) -> Found:
    """The table of a reader's sound input."""
    written = reader.form.write(reader.records)
    if isinstance(written, bytes):
        path = folder / f"sound{reader.form.suffix}"
        path.write_bytes(written)
        written = path
    return read(reader, written, session)


def table_of(tallies: Sequence[Tally]) -> str:
    """The table that a run prints."""
    head = ("reader", "tried", "clear error", "set aside", "read clean", "failed")
    lines = [
        (t.reader, t.outcomes.total(), *(t.outcomes[one] for one in ("error", "set aside", "clean")), _n_failed(t))
        for t in tallies
    ]
    whole = ("all", *(sum(int(line[i]) for line in lines) for i in range(1, 6)))
    rows = [head, *lines, whole]
    return "\n".join(f"{row[0]:<28}" + "".join(f"{cell!s:>13}" for cell in row[1:]) for row in rows)


def _n_failed(tally: Tally) -> int:
    return len({number for number, *_ in tally.failures})
