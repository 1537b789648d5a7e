"""A simulated day as canonical tables, and tables of many days as one Parquet file.

What an abandoned contact never had (an agent, talk, transfers) is null there: missing is not zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from cxfusion.simulation.centre import Centre
    from cxfusion.simulation.draw import Day
    from cxfusion.simulation.responses import Responses

__all__ = ["CONTACTS", "SURVEYS", "ParquetFile", "contacts_table", "surveys_table", "with_invitations"]

Ints: TypeAlias = npt.NDArray[np.int64]
Column: TypeAlias = "pa.Array[Any]"

MICROSECONDS: Final = 1_000_000
ID_DIGITS: Final = 9

TEXT: Final = pa.string()
NAME: Final = pa.dictionary(pa.int32(), pa.string())
TIME: Final = pa.timestamp("us", tz="UTC")
WHOLE: Final = pa.int32()

CONTACT_TYPES: Final[dict[str, pa.DataType]] = {
    "contact_id": TEXT,
    "started_at": TIME,
    "ended_at": TIME,
    "customer_id": TEXT,
    "agent_id": NAME,
    "first_agent_id": NAME,
    "queue": NAME,
    "channel": NAME,
    "direction": NAME,
    "reason": NAME,
    "wait_seconds": WHOLE,
    "rewait_seconds": WHOLE,
    "ivr_seconds": WHOLE,
    "talk_seconds": WHOLE,
    "hold_seconds": WHOLE,
    "wrap_seconds": WHOLE,
    "n_holds": WHOLE,
    "n_transfers": WHOLE,
    "is_abandoned": pa.bool_(),
}

SURVEY_TYPES: Final[dict[str, pa.DataType]] = {
    "response_id": TEXT,
    "contact_id": TEXT,
    "customer_id": TEXT,
    "invited_at": TIME,
    "answered_at": TIME,
    "csat": WHOLE,
    "nps": WHOLE,
}

CONTACTS: Final = pa.schema(CONTACT_TYPES)
SURVEYS: Final = pa.schema(SURVEY_TYPES)


def contacts_table(centre: Centre, day: Day, date: dt.date, first_number: int, agents: Sequence[str]) -> pa.Table:
    """One day's contacts, in order of their start.

    Parameters
    ----------
    centre : Centre
    day : Day
    date : datetime.date
    first_number : int
        Number of the day's first contact in the log.
    agents : sequence of str
        Agents' ids, by number.
    """
    arrivals, handling, gone = day.arrivals, day.handling, day.arrivals.is_abandoned
    numbers = first_number + np.arange(len(gone))
    columns: dict[str, Column] = {
        "contact_id": _ids("c", numbers),
        "started_at": _times(date, arrivals.start_second),
        "ended_at": _times(date, day.ended_second),
        "customer_id": _ids("u", arrivals.customer),
        "agent_id": _names(handling.agent, agents, gone),
        "first_agent_id": _names(handling.first_agent, agents, gone),
        "queue": _names(arrivals.queue, [queue.name for queue in centre.queues]),
        "channel": _names(arrivals.channel, centre.channels),
        "direction": _names(np.zeros_like(numbers), ["inbound"]),
        "reason": _names(arrivals.reason, [reason.name for reason in centre.reasons]),
        "wait_seconds": _whole(arrivals.wait_seconds),
        "ivr_seconds": _whole(arrivals.ivr_seconds),
        "is_abandoned": pa.array(gone),
    }
    columns["wrap_seconds"] = _whole(day.wrap_seconds, gone)
    handled = {name: _whole(getattr(handling, name), gone) for name in CONTACTS.names if name not in columns}
    return pa.table(columns | handled).select(CONTACTS.names).cast(CONTACTS)


def surveys_table(day: Day, responses: Responses, date: dt.date, first_contact: int, first_response: int) -> pa.Table:
    """One day's responses, in order of their contacts.

    Parameters
    ----------
    day : Day
    responses : Responses
    date : datetime.date
    first_contact, first_response : int
        Numbers of the day's first contact and first response in the log.
    """
    columns: dict[str, Column] = {
        "response_id": _ids("r", first_response + np.arange(len(responses.contact))),
        "contact_id": _ids("c", first_contact + responses.contact),
        "customer_id": _ids("u", day.arrivals.customer[responses.contact]),
        "invited_at": _times(date, responses.invited_second),
        "answered_at": _times(date, responses.answered_second),
        "csat": _whole(responses.csat),
        "nps": _whole(responses.nps),
    }
    return pa.table(columns, schema=SURVEYS)


def with_invitations(
    answers: pa.Table, day: Day, responses: Responses, date: dt.date, first_contact: int, first_response: int
) -> pa.Table:
    """One day's responses, told complete, and below them the invitations that nobody answered.

    Parameters
    ----------
    answers : pyarrow.Table
        Of :func:`surveys_table`.
    day, responses, date, first_contact
        As there.
    first_response : int
        Number of the day's first invitation in the log.
    """
    silent = responses.silent
    columns: dict[str, Column] = {
        "response_id": _ids("r", first_response + np.arange(len(silent))),
        "contact_id": _ids("c", first_contact + silent),
        "customer_id": _ids("u", day.arrivals.customer[silent]),
        "invited_at": _times(date, responses.silent_invited_second),
    }
    rest = {name: pa.nulls(len(silent), SURVEYS.field(name).type) for name in SURVEYS.names if name not in columns}
    invitations = pa.table(columns | rest, schema=SURVEYS)
    fates = pa.array(["complete"] * answers.num_rows + ["no answer"] * len(silent))
    return pa.concat_tables([answers, invitations]).append_column("disposition", fates)


def _times(date: dt.date, seconds: Ints) -> Column:
    midnight = np.datetime64(date, "us").astype(np.int64)
    return pa.array(midnight + seconds * MICROSECONDS, type=TIME)


def _whole(values: npt.NDArray[Any], missing: npt.NDArray[np.bool_] | None = None) -> Column:
    return pa.array(values.astype(np.int32), mask=missing)


def _names(numbers: Ints, names: Sequence[str], missing: npt.NDArray[np.bool_] | None = None) -> Column:
    return pa.DictionaryArray.from_arrays(_whole(numbers, missing), pa.array(names))


def _ids(letter: str, numbers: Ints) -> Column:
    """Text such as ``c000000123``, written digit by digit into one buffer."""
    digits = max(ID_DIGITS, len(str(numbers.max(initial=0))))
    text = np.empty((len(numbers), digits + 1), dtype=np.uint8)
    text[:, 0] = ord(letter)
    rest = numbers
    for place in range(digits, 0, -1):
        rest, digit = np.divmod(rest, 10)
        text[:, place] = digit + ord("0")
    ends = np.arange(len(numbers) + 1, dtype=np.int32) * (digits + 1)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(ends.tobytes()), pa.py_buffer(text.tobytes()))


class ParquetFile:
    """A Parquet file written a day at a time, with the columns of the first one.

    Small days are gathered until a row group is worth writing.

    Parameters
    ----------
    path : pathlib.Path
    """

    ROW_GROUP: Final = 100_000

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []

    def write(self, table: pa.Table) -> None:
        """Add rows."""
        self._waiting.append(table)
        if sum(part.num_rows for part in self._waiting) >= self.ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            if self._writer is None:
                schema = self._waiting[0].schema
                self._writer = pq.ParquetWriter(self._path, schema, compression="zstd", store_schema=False)
            self._writer.write_table(pa.concat_tables(self._waiting).combine_chunks())
        self._waiting = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        if self._writer is not None:
            self._writer.close()
