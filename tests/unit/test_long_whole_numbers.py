"""Account numbers of sixteen digits, some of them missing: two that a float cannot tell apart stay two."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pyarrow as pa
import pytest

import cxfusion as cx

ONE, OTHER = 2**53, 2**53 + 1
N = 120
ACCOUNT = [None if i % 3 == 0 else ONE + i % 2 for i in range(N)]  # forty of each
CSAT = [2 + 2 * (i % 2) + i // 2 % 2 for i in range(N)]  # of the one half 2 and half 3, of the other half 4 and half 5


@pytest.fixture(scope="module")
def pairing():
    columns = {
        "contact_id": [f"c{i}" for i in range(N)],
        "customer_id": [f"k{i}" for i in range(N)],
        "started_at": [datetime(2026, 1, 5, 9)] * N,
        "talk_seconds": [100.0 + i for i in range(N)],
        "account": pa.array(ACCOUNT, pa.int64()),
    }
    surveys = cx.read_surveys(pa.table({"contact_id": columns["contact_id"], "csat": CSAT}))
    return cx.pair(cx.read_contacts(pa.table(columns), timezone="UTC"), surveys)


def test_frames_keep_every_digit(pairing):
    for frame in (pairing.contacts.to_pandas(), pairing.contacts.head(N)):
        found = frame.set_index("contact_id")["account"]
        told = [found[f"c{i}"] for i in range(N)]
        assert [None if pd.isna(account) else int(account) for account in told] == ACCOUNT


def test_groups_of_them_stay_apart(pairing):
    names = ["(missing)", str(ONE), str(OTHER)]
    diagnosis = cx.diagnose(pairing.contacts, by="account")
    volume = diagnosis.groups[diagnosis.groups["metric"] == "volume"]
    assert sorted(zip(diagnosis.grouping.texts(volume), volume["estimate"], strict=True)) == [
        (name, 40) for name in names
    ]
    measured = cx.measure(pairing, "csat", by="account")
    means = measured.groups[measured.groups["metric"] == "csat_mean"]
    found = dict(zip(measured.grouping.texts(means), means["estimate"], strict=True))
    assert (sorted(found), found[str(ONE)], found[str(OTHER)]) == (names, 2.5, 4.5)
    (row,) = cx.compare(pairing, "csat", by="account", groups=names[1:]).of("csat_mean").itertuples()
    assert row.estimate == pytest.approx(-2)
