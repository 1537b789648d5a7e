"""What followed upon each contact, against a search through the log by hand: at once, outbound and unknown ones too."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from cxfusion.engine import FrameSource, Session
from cxfusion.operations.episodes import EpisodePlan, recontacts
from cxfusion.operations.figures import RECONTACTED
from cxfusion.operations.links import LAG, NEXT, link
from cxfusion.tables.relation import Contacts

HOUR = 3_600_000_000
N = 400


@pytest.fixture(scope="module", params=[0.2, 0.0], ids=["outbound", "inbound"])
def log(request):
    """Forty customers within three days, by the hour, so that many attempts of one fall on the same instant."""
    draw = np.random.default_rng(5)
    hours = draw.integers(0, 72, N)
    customers = [None if i % 17 == 0 else f"u{k}" for i, k in enumerate(draw.integers(0, 40, N))]
    table = {
        "contact_id": [f"c{i}" for i in range(N)],
        "customer_id": customers,
        "started_at": pa.array([datetime(2026, 1, 1) + timedelta(hours=int(h)) for h in hours], pa.timestamp("us")),
        "reason": [None if i % 11 == 0 else "abc"[k] for i, k in enumerate(draw.integers(0, 3, N))],
        "direction": draw.choice(["inbound", "outbound"], N, p=[1 - request.param, request.param]).tolist(),
    }
    with Session() as session:
        rows = session.materialize(session.read(FrameSource(pa.table(table), "log")))
        yield Contacts(session, rows, N, rows.limit(0), "UTC"), table | {"hour": hours.tolist()}


@pytest.mark.parametrize("same_reason", [False, True])
def test_the_next_attempt_is_the_one_that_a_search_through_the_log_finds(log, same_reason):
    contacts, told = log
    plan = EpisodePlan(repeat_days=0.5, same_reason=same_reason)
    found = contacts.session.collect(link(contacts, plan, "reason").rows).to_pandas().set_index("contact_id")
    apart = contacts.session.collect(recontacts(contacts, plan)).to_pandas().set_index("contact_id")["is_recontacted"]
    last = max(told["hour"])
    n_at_once = 0
    for i, (who, hour, why) in enumerate(zip(told["customer_id"], told["hour"], told["reason"], strict=True)):
        own = found.loc[f"c{i}"]
        later = [
            j
            for j in range(N)
            if who is not None and told["customer_id"][j] == who and told["direction"][j] == "inbound"
            and told["hour"][j] > hour and (not same_reason or why == told["reason"][j])
        ]  # fmt: skip
        is_known = who is not None and hour + 12 <= last and not (same_reason and why is None)
        if not is_known:
            assert own[RECONTACTED] is None
            assert apart[f"c{i}"] is None
            continue
        first = min((told["hour"][j] for j in later), default=None)
        assert own[RECONTACTED] == apart[f"c{i}"] == (first is not None and first - hour <= 12)
        if first is None or told["direction"][i] == "outbound":  # what an outbound contact led to is not asked
            continue
        assert own[LAG] == (first - hour) * HOUR
        about = sorted(told["reason"][j] or "~" for j in later if told["hour"][j] == first)
        assert (own[NEXT] if isinstance(own[NEXT], str) else "~") == about[0]
        n_at_once += len(about) > 1
    assert same_reason or n_at_once > 5
