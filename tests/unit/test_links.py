"""What followed upon each contact, against a search through the log by hand: at once, outbound and unknown ones too."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import cxfusion as cx
from cxfusion.engine import FrameSource, Session
from cxfusion.errors import BooksError
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


@pytest.fixture(scope="module")
def inbound():
    """Forty attempts of six customers; some of them were called back for, and nobody was called by the centre."""
    log = [
        {"contact_id": f"c{i}", "customer_id": f"u{i % 6}", "started_at": f"2026-01-{1 + i // 2:02} 09:00",
         "direction": "callback" if i % 3 else "inbound", "reason": "bill"}
        for i in range(40)
    ]  # fmt: skip
    with Session(threads=1) as session:
        yield cx.read_contacts(log, timezone="UTC", session=session)


def test_directions_that_are_asked_for_are_kept_though_none_is_outbound(inbound):
    plan = EpisodePlan()
    links = link(inbound, plan, "reason", ["customer_id", "direction"])
    chained, apart = (cx.diagnose(inbound, by="direction", episodes=one).table for one in (links, plan))
    assert set(chained["direction"]) == {"callback", "inbound"}
    pd.testing.assert_frame_equal(chained, apart)
    assert set(cx.follow(inbound, by="direction").groups["direction"]) == {"callback", "inbound"}


def test_groups_that_are_not_the_same_are_never_put_side_by_side(inbound):
    links = link(inbound, EpisodePlan(), "reason", ["direction"])
    few = links.rows.filter(links.rows["direction"] == "inbound")
    with pytest.raises(BooksError, match="2 groups and of 1 were put side by side"):
        cx.diagnose(inbound, by="direction", episodes=replace(links, chains=replace(links.chains, rows=few)))
