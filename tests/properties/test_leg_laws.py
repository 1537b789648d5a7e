"""Laws of legs: a contact is what the written rule says, whatever the order of its legs; no log ends in a traceback."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import groupby

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxfusion.engine import FrameSource, Session
from cxfusion.errors import CxfusionError
from cxfusion.tables.leg_reading import cells_of
from cxfusion.tables.legs import roll_up, with_roots
from cxfusion.tables.relation import Legs
from cxfusion.tables.sources.contact_logs import CONTACT_LOGS

START = datetime(2026, 3, 2, 9)
SOMETIMES = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
OFTEN = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("contact_id", "agent_id", "queue", "reason", "source_file")),
        ("source_row", pa.int64()),
        *((name, pa.timestamp("us")) for name in ("started_at", "ended_at")),
        *((f"{name}_seconds", pa.float64()) for name in ("ivr", "wait", "ring", "talk", "hold", "wrap")),
        ("n_transfers", pa.float64()),
        *((name, pa.bool_()) for name in ("is_handled", "is_transfer_out", "is_abandoned")),
    ]
)

seconds = st.none() | st.integers(0, 400).map(float)
flags = st.none() | st.booleans()
legs = st.fixed_dictionaries(
    {
        "contact_id": st.sampled_from([f"c{number}" for number in range(8)]),
        "agent_id": st.none() | st.sampled_from(["ann", "ben", "cai"]),
        "queue": st.none() | st.sampled_from(["sales", "help"]),
        "reason": st.none() | st.sampled_from(["bill", "move"]),
        "source_file": st.just("log"),
        "started_at": st.integers(0, 20).map(lambda minute: START + timedelta(minutes=minute)),
        "ended_at": st.none() | st.integers(20, 60).map(lambda minute: START + timedelta(minutes=minute)),
        **{f"{name}_seconds": seconds for name in ("ivr", "wait", "ring", "talk", "hold", "wrap")},
        "n_transfers": st.one_of(st.none(), st.none(), st.integers(0, 3).map(float)),
        **dict.fromkeys(("is_handled", "is_transfer_out", "is_abandoned"), flags),
    }
)


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


def rolled(session, rows):
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    relation = session.read(FrameSource(table, "log"))
    found = session.collect(roll_up(Legs(session, relation, len(rows), relation.limit(0))))
    return {row["contact_id"]: row for row in found.to_pylist()}


def total(rows, name):
    known = [row[name] for row in rows if row[name] is not None]
    return sum(known) if known else None


def expected(rows):
    """A contact by the rule as it is written, leg after leg."""
    rows = sorted(rows, key=lambda row: (row["started_at"], row["source_row"]))
    handled = [row for row in rows if row["is_handled"]]
    before = rows[: rows.index(handled[0]) + 1] if handled else rows
    after = rows[len(before) :]
    agents = [row["agent_id"] for row in handled if row["agent_id"]]
    ends = []
    for row in rows:
        lived = sum(row[f"{part}_seconds"] or 0.0 for part in ("ivr", "wait", "talk", "hold"))
        ends.append(row["ended_at"] or row["started_at"] + timedelta(seconds=lived))
    reasons = [row["reason"] for row in handled or rows if row["reason"]]
    counted = total(rows, "n_transfers")
    if counted is None:
        counted = len(handled) - 1 + bool(handled[-1]["is_transfer_out"]) if handled else 0
    rewait = total(after, "wait_seconds") or 0.0
    return {
        "started_at": rows[0]["started_at"],
        "ended_at": max(ends),
        "wait_seconds": total(before, "wait_seconds"),
        "rewait_seconds": rewait if handled and total(rows, "wait_seconds") is not None else None,
        "ivr_seconds": total(before, "ivr_seconds"),
        "ring_seconds": handled[0]["ring_seconds"] if handled else None,
        **{name: total(handled, name) for name in ("talk_seconds", "hold_seconds", "wrap_seconds")},
        "agent_id": agents[-1] if agents else None,
        "first_agent_id": agents[0] if agents else None,
        "n_agents": None if handled and not agents else len(set(agents)),
        "n_transfers": counted,
        "is_abandoned": False if handled else (True if any(row["is_abandoned"] for row in rows) else None),
        "queue": next((row["queue"] for row in rows if row["queue"]), None),
        "reason": reasons[-1] if reasons else None,
    }


def numbered(rows):
    return [row | {"source_row": number} for number, row in enumerate(rows, start=1)]


@SOMETIMES
@given(st.lists(legs, min_size=20, max_size=60).map(numbered), st.randoms(use_true_random=False))
def test_contacts_follow_the_rule_in_any_order_of_rows(session, rows, random):
    by_contact = sorted(rows, key=lambda row: row["contact_id"])
    wanted = {key: expected(list(group)) for key, group in groupby(by_contact, key=lambda row: row["contact_id"])}
    for order in (rows, random.sample(rows, len(rows))):
        found = rolled(session, order)
        assert set(found) == set(wanted)
        for contact, cells in wanted.items():
            told = {name: found[contact].get(name) for name in cells}
            times = {name: told[name].replace(tzinfo=None) for name in ("started_at", "ended_at")}
            assert told | times == cells


@SOMETIMES
@given(st.dictionaries(st.integers(1, 40), st.integers(0, 39), max_size=40))
def test_chains_lead_to_where_they_begin(session, parents):
    """A leg continues one with a smaller number, so that no chain bites its own tail."""
    parents = {child: parent for child, parent in parents.items() if parent < child}
    rows = [{"leg_id": f"l{n}", "contact_id": f"k{n}", "continues": None} for n in range(41)]
    for child, parent in parents.items():
        rows[child]["continues"] = f"l{parent}" if child % 2 else f"k{parent}"
    schema = pa.schema([(name, pa.string()) for name in rows[0]])
    relation = session.read(FrameSource(pa.Table.from_pylist(rows, schema=schema), "log"))
    found = {row["leg_id"]: row["contact_id"] for row in session.collect(with_roots(session, relation)).to_pylist()}
    for number in range(41):
        root = number
        while root in parents:
            root = parents[root]
        assert found[f"l{number}"] == f"k{root}"


KEYS = st.sampled_from(
    [
        *("ContactId", "InitiationTimestamp", "Agent", "Queue", "conversationId", "conversationStart", "participants"),
        *("sessions", "metrics", "segments", "purpose", "name", "value", "emitDate", "segmentStart", "queueId"),
        *("CALL ID", "TIMESTAMP", "AGENT", "TALK TIME", "Interaction ID", "Contact ID", "Started At", "contactId"),
        *("contactStart", "agentSeconds", "holdSeconds", "id", "created_at", "talk_time", "completion_status"),
        *("DateTime", "RouterCallKeyDay", "RouterCallKey", "CallDisposition", "LocalQTime", "Duration", "calls"),
    ]
)
CELLS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["acd", "agent", "tAcd", "tTalk", "7"])
)
VALUES = st.recursive(
    CELLS | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6)
)
LINES = st.lists(
    st.sampled_from(["1", "1e999", "c", "q", "CONNECT", "ENTERQUEUE", "ABANDON", "NaN", "", "-5"]), max_size=9
)


PLAIN = {
    **{
        "ContactId": "1",
        "InitiationTimestamp": "2026-03-02T09:00:00Z",
        "conversationId": "1",
        "conversationStart": "x",
    },
    **{"CALL ID": 1, "TIMESTAMP": "x", "Interaction ID": 1, "Contact ID": 1, "Started At": "x", "contactId": 1},
    **{
        "conversationStart": "x",
        "contactStart": "x",
        "id": 1,
        "created_at": "x",
        "DateTime": "x",
        "RouterCallKeyDay": 1,
        "RouterCallKey": 1,
    },
}
"""What makes a record one of each export, so that its other cells are looked at."""
RECORDS = st.lists(st.dictionaries(KEYS, VALUES, max_size=12).map(lambda odd: odd | PLAIN | odd), max_size=4)


def read_or_refused(kind, path):
    """The legs of a file, or the message of the error that refuses it."""
    try:
        return list(kind.legs.read(str(path))), None
    except CxfusionError as error:
        return [], str(error)


@pytest.mark.parametrize("kind", CONTACT_LOGS, ids=lambda kind: kind.name)
@OFTEN
@given(RECORDS, st.lists(LINES, max_size=8), st.binary(max_size=60))
def test_no_log_ends_in_a_traceback(tmp_path, kind, records, lines, binary):
    """Whatever a file holds, it is legs as text, rows set aside, or an error of ours that names the file."""
    path = tmp_path / "log"
    piped = "\n".join("|".join(line) for line in lines).encode()
    names = [source for how in kind.legs.columns.values() for source in how.sources]
    for content in (json.dumps(records).encode(), piped, piped.replace(b"|", b","), binary):
        path.write_bytes(content)
        rows, refusal = read_or_refused(kind, path)
        assert refusal is None or str(path) in refusal
        assert all(row.number > 0 for row in rows)
        assert all(isinstance(cell, str | None) for name in names for cell in cells_of(rows, name))
