"""Persons are hidden on the way in, and groups of few persons on the way out."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import logging
import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cxfusion as cx
from cxfusion.config import load_study, study_of_options
from cxfusion.errors import ConfigError, UnknownNameError
from cxfusion.job import _trackers as trackers_of
from cxfusion.job import check, diagnose_log
from cxfusion.job import run as run_job

KEY = b"correct horse battery staple"
SECRET = "+49 170 1234567"


@pytest.fixture(scope="module")
def session():
    with cx.Session(threads=1) as session:
        yield session


def expected(identifier: str, key: bytes = KEY) -> str:
    """The definition, written down a second time."""
    inner, outer = (hmac.digest(key, b"cxfusion " + which, "sha256").hex() for which in (b"inner", b"outer"))
    return hashlib.sha256(f"{outer}{hashlib.sha256(f'{inner}{identifier}'.encode()).hexdigest()}".encode()).hexdigest()[
        :32
    ]


def test_the_engine_and_python_give_the_same_pseudonyms(session):
    names = ["kim", "Zoë", "  kim ", "9007199254740993", "", None, "a" * 500]
    log = [{"contact_id": i, "started_at": "2026-03-02 09:00", "agent_id": name} for i, name in enumerate(names)]
    hidden = cx.Pseudonyms(KEY)
    contacts = cx.read_contacts(log, pseudonyms=hidden, session=session)
    told = contacts.to_arrow()["agent_id"].to_pylist()
    assert told == [expected(name.strip()) if name and name.strip() else None for name in names]
    assert hidden.of("kim") == expected("kim") == told[2]
    assert any("pseudonyms stand in the place" in note for note in contacts.notes)
    numbers = pd.DataFrame({"contact_id": [1, 2], "started_at": ["2026-03-02"] * 2, "customer_id": [17.0, None]})
    assert cx.read_contacts(numbers, pseudonyms=hidden, session=session).to_arrow()["customer_id"].to_pylist() == [
        expected("17"), None,
    ]  # fmt: skip


def test_a_single_column_to_hide_may_be_given_by_its_name(session):
    log = [{"contact_id": 1, "started_at": "2026-03-02 09:00", "customer_id": "kim", "agent_id": "bo"}]
    contacts = cx.read_contacts(log, pseudonyms=cx.Pseudonyms(KEY, "customer_id"), session=session)
    (row,) = contacts.to_arrow().to_pylist()
    assert (row["customer_id"], row["agent_id"]) == (expected("kim"), "bo")


def test_tables_still_join_and_another_key_gives_other_names(session):
    calls = [{"contact_id": f"c{i}", "started_at": f"2026-03-02 09:0{i}", "customer_id": f"k{i}"} for i in range(5)]
    answers = [{"customer_id": f"k{i}", "csat": 4, "answered_at": "2026-03-02 12:00"} for i in range(5)]
    one, other = cx.Pseudonyms(KEY), cx.Pseudonyms(KEY + b"!")
    contacts = cx.read_contacts(calls, pseudonyms=one, session=session)
    assert cx.pair(contacts, cx.read_surveys(answers, pseudonyms=one, session=session)).n_pairs == 5
    assert cx.pair(contacts, cx.read_surveys(answers, pseudonyms=other, session=session)).n_pairs == 0


def test_all_that_is_read_from_a_private_column_is_hidden(session):
    log = [{"Phone": SECRET, "Start Time": "2026-03-02 09:00", "Lead": "pat", "Note": "hello"}]
    given = {"contact_id": "Phone", "customer_id": "Phone", "started_at": "Start Time"}
    hidden = cx.Pseudonyms(KEY, columns=["customer_id", "lead"])
    row = cx.read_contacts(log, map=given, pseudonyms=hidden, session=session).to_arrow().to_pylist()[0]
    assert row["contact_id"] == row["customer_id"] == expected(SECRET)
    assert (row["lead"], row["note"]) == (expected("pat"), "hello")


def test_legs_are_hidden_once(session, tmp_path):
    record = {
        "ContactId": "a", "InitiationMethod": "INBOUND", "InitiationTimestamp": "2026-03-02T09:00:00Z",
        "Channel": "VOICE", "LastUpdateTimestamp": "2026-03-02T10:00:00Z", "CustomerEndpoint": {"Address": SECRET},
        "Queue": {"Name": "sales", "EnqueueTimestamp": "2026-03-02T09:00:00Z", "Duration": 10},
        "Agent": {
            "Username": "kim", "ConnectedToAgentTimestamp": "2026-03-02T09:00:10Z", "AgentInteractionDuration": 9
        },
        "Attributes": {"vip": "9431"},
    }  # fmt: skip
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(record) + '\n{"ContactId": "' + SECRET)
    options = {"source": "amazon_connect", "session": session, "pseudonyms": cx.Pseudonyms(KEY)}
    contacts = cx.read_contacts(str(path), **options)
    row = contacts.to_arrow().to_pylist()[0]
    assert (row["agent_id"], row["first_agent_id"], row["customer_id"]) == (*[expected("kim")] * 2, expected(SECRET))
    mapped = cx.read_contacts(str(path), map={"customer_id": "Attributes.vip"}, **options)
    assert mapped.to_arrow()["customer_id"].to_pylist() == [expected("9431")]
    assert mapped.legs.to_arrow()["Attributes.vip"].to_pylist() == [expected("9431")]
    options["pseudonyms"] = cx.Pseudonyms(KEY, ["attributes_vip"])
    kept = cx.read_contacts(str(path), map={"columns": {}, "attributes": ["Attributes.vip"]}, **options)
    assert kept.to_arrow()["attributes_vip"].to_pylist() == [expected("9431")]
    assert kept.legs.to_arrow()["Attributes.vip"].to_pylist() == [expected("9431")]
    assert kept.to_arrow()["customer_id"].to_pylist() == [SECRET]  # not asked for
    aside = session.collect(contacts.legs.set_aside).to_pylist()
    assert [(one["reason"], one["original"]) for one in aside] == [("unreadable_record", None)]


@pytest.mark.parametrize("columns", [("customer_id",), ("customer_id", "CustomerEndpoint.Address")])
@pytest.mark.parametrize("spelled", ["CustomerEndpoint.Address", "customerendpoint.address"])
def test_a_map_may_name_the_vendors_own_field_of_a_person(session, spelled, columns):
    log = [
        {
            "ContactId": contact, "InitiationMethod": "INBOUND", "InitiationTimestamp": "2026-03-02T09:00:00Z",
            "Channel": "VOICE", "LastUpdateTimestamp": "2026-03-02T10:00:00Z", "CustomerEndpoint": {"Address": address},
        }
        for contact, address in (("a", SECRET), ("b", "anonymous"))
    ]  # fmt: skip
    given = {"customer_id": {"column": spelled, "null": ["anonymous"]}, "phone": spelled}
    options = {"source": "amazon_connect", "session": session, "pseudonyms": cx.Pseudonyms(KEY, columns)}
    contacts = cx.read_contacts(log, map=given, **options)
    rows = contacts.to_arrow().sort_by("contact_id").to_pylist()
    assert [row["customer_id"] for row in rows] == [expected(SECRET), None]
    assert [row["phone"] for row in rows] == [expected(SECRET), expected("anonymous")]  # read from the same column
    assert contacts.remarked["missing_by_map"] == {"customer_id": 1}
    assert SECRET not in repr([*rows, *contacts.legs.to_arrow().to_pylist()])
    answers = [{"customer_id": SECRET, "csat": 4, "answered_at": "2026-03-02 12:00"}]
    surveys = cx.read_surveys(answers, pseudonyms=cx.Pseudonyms(KEY), session=session)
    assert cx.pair(contacts, surveys).n_pairs == 1


TALKS = {5: "secret 0170 1234567", 6: "491701234567"}


def files(folder):
    """A study in which whatever names a person holds the word "secret"."""
    n = 150
    calls = pd.DataFrame(
        {
            "contact_id": [f"c{max(i, 1)}" for i in range(n)],
            "started_at": [f"2026-03-{i % 14 + 1:02d} 09:{i % 60:02d}:00" for i in range(n)],
            "customer_id": [f"secret k{i % 40}" for i in range(n)],
            "agent_id": [f"secret a{i % 15}" for i in range(n)],
            "wait_seconds": [(i * 7) % 90 for i in range(n)],
            "talk_seconds": [TALKS.get(i, str(60 + i % 50)) for i in range(n)],
            "remark": "a secret that the customer wrote",
        }
    )
    answers = pd.DataFrame({"customer_id": calls["customer_id"], "csat": [1 + (i * i + i // 7) % 5 for i in range(n)]})
    answers.loc[9, "csat"] = 491709876543
    answers["answered_at"] = [f"2026-03-{i % 14 + 1:02d} 18:{i % 60:02d}:00" for i in range(n)]
    answers["comment"] = "another secret"
    calls.to_csv(folder / "calls.csv", index=False)
    answers.to_csv(folder / "answers.csv", index=False)
    panel = answers[["customer_id"]].head(20).assign(Month="2026-03-01", liking=7)
    panel.to_csv(folder / "panel.csv", index=False)
    (folder / "key").write_bytes(KEY + b"\n")


def everything_in(folder) -> bytes:
    """All that an output directory says, Parquet files as text."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    tables = [path for path in paths if path.suffix == ".parquet"]
    texts = [pq.read_table(path).to_pandas().to_csv().encode() for path in tables]
    return b"".join([*texts, *(path.read_bytes() for path in paths if path not in tables)])


def test_no_person_and_no_key_is_in_any_file_of_a_run(tmp_path):
    files(tmp_path)
    (tmp_path / "study.toml").write_text(
        '[contacts]\npath = "calls.csv"\n[surveys]\npath = "answers.csv"\n[study]\nby = "agent_id"\n'
        '[privacy]\nkey_file = "key"\n[engine]\nthreads = 1\n'
        '[trackers."Customer panel"]\npath = "panel.csv"\ndate = "Month"\n'
    )
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    logging.getLogger().addHandler(handler)
    try:
        study = run_job(load_study(tmp_path / "study.toml"), tmp_path / "out")
    finally:
        logging.getLogger().removeHandler(handler)
    panel = study.sources.table.set_index("source").loc["Customer panel"]
    assert (panel["n"], panel["linked_share"]) == (20, 1.0)  # its customers are hidden as those of the log are
    told = everything_in(tmp_path / "out")
    assert b"Customer panel" in told
    assert b"secret" not in told
    assert b"0170 1234567" not in told
    assert b"491701234567" not in told
    assert b"491709876543" not in told
    assert KEY not in told + heard.getvalue().encode()
    assert cx.Pseudonyms(KEY)._inner.encode() not in told + heard.getvalue().encode()
    assert expected("secret a3").encode() in told  # the grouping that was asked for
    assert b"What people wrote is nowhere on this page" in told
    aside = pq.read_table(tmp_path / "out" / "set_aside.parquet").to_pandas()
    assert set(aside["reason"]) >= {"not_a_number", "out_of_range", "score_out_of_scale"}
    assert aside.loc[aside["column"].notna(), "original"].isna().all()
    plain = tmp_path / "plain"
    run_job(load_study(tmp_path / "study.toml", privacy={"key_file": None}), plain)
    assert expected("secret a3").encode() in everything_in(plain)  # an option that was not given changes nothing


def test_no_person_whom_the_study_leaves_out_is_in_the_manifest(tmp_path):
    (tmp_path / "key").write_bytes(KEY)
    log = [{"call": i, "start": "2026-03-02 09:00", "agent": ("kim", "bo", "test phone 7")[i % 3]} for i in range(60)]
    pd.DataFrame(log).to_csv(tmp_path / "calls.csv", index=False)
    (tmp_path / "map.toml").write_text(
        'contacts.leave_out = { agent = ["kim"] }\n[contacts.columns]\ncontact_id = "call"\nstarted_at = "start"\n'
        'agent_id = { column = "agent", null = ["test phone 7"] }\n'
    )
    given = {"path": str(tmp_path / "calls.csv"), "timezone": "UTC"}
    config = study_of_options(tmp_path / "map.toml", contacts=given, privacy={"key_file": str(tmp_path / "key")})
    _, books = diagnose_log(config, tmp_path / "out")
    assert books.n("contacts", "left_out") == 20
    text = (tmp_path / "out" / "manifest.json").read_text()
    assert "kim" not in text
    assert "test phone 7" not in text
    told = json.loads(text)["config"]["contacts"]
    assert told["leave_out"] == {"agent": [expected("kim")]}
    assert told["columns"]["agent_id"] == {"column": "agent", "null": [expected("test phone 7")]}
    assert told["columns"]["contact_id"] == {"column": "call"}


def test_of_what_is_no_number_of_its_column_only_short_numbers_are_told(session):
    talks = {"a": "491701234567", "b": "-1701234567", "c": "-5", "d": "1e12", "e": "7"}
    row = {"started_at": "2026-03-02 09:00"}
    log = [row | {"contact_id": f"{name} 1234567", "talk_seconds": talk} for name, talk in talks.items()]
    scores = {"a": 491701234567, "b": 9, "c": 4, "d": 5}
    answers = [{"contact_id": name, "csat": score} for name, score in scores.items()]
    for hidden in (cx.Pseudonyms(KEY), None):
        contacts = cx.read_contacts([*log, log[0]], pseudonyms=hidden, session=session)
        surveys = cx.read_surveys(answers, pseudonyms=hidden, session=session)
        aside = [(row["reason"], row["original"]) for row in session.collect(contacts.set_aside).to_pylist()]
        long = None if hidden else "491701234567"
        assert ("out_of_range", long) in aside
        assert ("out_of_range", "1e12") in aside
        assert ("negative_duration", "-5") in aside
        assert ("negative_duration", None if hidden else "-1701234567") in aside
        assert ("duplicate_contact", "a 1234567") in aside  # by its id a row is known
        assert [row["original"] for row in session.collect(surveys.set_aside).to_pylist()] == [long, "9"]


def test_a_column_to_hide_that_no_table_has_is_told(tmp_path):
    files(tmp_path)
    study = tmp_path / "study.toml"
    text = (
        '[contacts]\npath = "calls.csv"\n[surveys]\npath = "answers.csv"\n[trackers.panel]\npath = "panel.csv"\n'
        '[engine]\nthreads = 1\n[privacy]\nkey_file = "key"\ncolumns = '
    )
    study.write_text(f'{text}["customer_id", "first_agent_id", "remark", "comment", "liking"]\n')
    pairing, _ = check(load_study(study))  # columns of the log, of the surveys, of the tracker; one that may be missing
    assert pairing.contacts.private == {"customer_id", "remark"}
    assert pairing.surveys.private == {"customer_id", "comment"}
    study.write_text(f'{text}["customer_id", "agnet_id", "zzz"]\n')
    with pytest.raises(UnknownNameError, match="no table has: agnet_id, zzz") as raised:
        check(load_study(study))
    assert [problem.split(",")[0] for problem in raised.value.problems] == ["'agnet_id': nearest are agent_id"]


def test_ids_of_trackers_are_cleaned_before_they_are_hidden(tmp_path, session):
    files(tmp_path)
    pd.DataFrame({"customer_id": [17.0, None], "date": "2026-03-01"}).to_parquet(tmp_path / "panel.parquet")
    (tmp_path / "study.toml").write_text(
        '[contacts]\npath = "calls.csv"\n[surveys]\npath = "answers.csv"\n[trackers.panel]\npath = "panel.parquet"\n'
        '[privacy]\nkey_file = "key"\n'
    )
    tracker = trackers_of(load_study(tmp_path / "study.toml"), session)["panel"]
    assert session.collect(tracker)["customer_id"].to_pylist() == [expected("17"), None]


def test_keys_that_cannot_be_used_are_told(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="has 5 bytes"):
        cx.Pseudonyms(b"short")
    with pytest.raises(ConfigError, match="could not be read"):
        cx.Pseudonyms.from_file(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="NO_KEY is not set"):
        cx.Pseudonyms.from_environment("NO_KEY")
    monkeypatch.setenv("HOUSE_KEY", KEY.decode())
    assert cx.Pseudonyms.from_environment("HOUSE_KEY").of("kim") == expected("kim")
    with pytest.raises(ConfigError, match="both name a key"):
        study_of_options(None, privacy={"key_file": "a", "key_variable": "B"})
    hidden = cx.Pseudonyms(KEY)
    assert repr(hidden) == "Pseudonyms(agent_id, customer_id, first_agent_id)"
    with pytest.raises(TypeError, match="not written anywhere"):
        pickle.dumps(hidden)


def test_figures_of_few_customers_are_in_no_file(tmp_path, session):
    # "rare" has eight calls of four customers, "common" eight of five, "lone" four of unknown customers.
    queues = ["rare"] * 8 + ["common"] * 8 + ["lone"] * 4
    customers = [f"k{i % 4}" for i in range(8)] + [f"m{i % 5}" for i in range(8)] + [None] * 4
    calls = pa.table(
        {
            "contact_id": [str(i) for i in range(20)],
            "started_at": ["2026-03-02 09:00"] * 20,
            "queue": queues,
            "customer_id": customers,
            "talk_seconds": [60.0] * 20,
        }
    )
    contacts = cx.read_contacts(calls, session=session)
    diagnosis = cx.diagnose(contacts, by="queue")
    rows = diagnosis.as_rows().set_index(["group", "metric"])
    assert rows.loc[("rare", "volume"), "estimate"] == 8
    assert rows.loc[("common", "aht_seconds"), "estimate"] == 60
    for queue in ("rare", "lone"):
        hidden = rows.loc[(queue, "aht_seconds")]
        assert (hidden["status"], hidden["reason"]) == ("suppressed", "fewer than 5 customers: not shown")
        assert pd.isna(hidden["estimate"])
    hours = cx.diagnose(contacts, by="queue", interval="1h").as_rows().set_index(["group", "metric"])
    assert hours.loc[("common × 2026-03-02 09:00", "aht_seconds"), "estimate"] == 60
    assert hours.loc[("rare × 2026-03-02 09:00", "aht_seconds"), "status"] == "suppressed"
    assert cx.diagnose(contacts, interval="1h").as_rows()["status"].ne("suppressed").all()
    path = tmp_path / "calls.parquet"
    pq.write_table(calls, path)
    diagnose_log(study_of_options(None, contacts={"path": str(path)}, study={"by": ["queue"]}), tmp_path / "out")
    written = pq.read_table(tmp_path / "out" / "operations.parquet").to_pandas().set_index(["group", "metric"])
    assert written.loc[("rare", "aht_seconds"), "status"] == "suppressed"


def test_sites_with_long_numbers_are_told_apart_and_the_small_one_hidden(session):
    # the column has gaps, so that its numbers come back with a fraction
    sites = [1234567] * 8 + [1234568] * 3 + [None] * 6
    calls = pa.table(
        {
            "contact_id": [str(i) for i in range(17)],
            "started_at": ["2026-03-02 09:00"] * 17,
            "site": pa.array(sites, pa.int64()),
            "talk_seconds": [60.0] * 17,
        }
    )
    rows = cx.diagnose(cx.read_contacts(calls, session=session), by="site").as_rows()
    handling = rows[rows["metric"] == "aht_seconds"].set_index("group")["status"]
    assert handling.to_dict() == {"all": "ok", "1234567": "ok", "1234568": "suppressed", "(missing)": "ok"}


def centre_with_a_small_queue(seed=0, n=1_400):
    """Sixty of the contacts, all answered, are of queue "vip": three customers, who wait long; 20 are of one's line."""
    rng = np.random.default_rng(seed)
    queue = rng.choice(["a", "b"], n).astype(object)
    reason = rng.choice(["bill", "move"], n).astype(object)
    customer = np.array([f"k{i}" for i in rng.integers(0, 900, n)], dtype=object)
    queue[:60], customer[:60] = "vip", [f"v{i % 3}" for i in range(60)]
    reason[60:80], customer[60:80] = "line", "one"
    wait = np.where(queue == "vip", 400.0 + rng.integers(-60, 61, n), rng.exponential(60, n).round())
    started = pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 20 * 86_400, n), "s")
    log = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)], "customer_id": customer, "queue": queue, "reason": reason,
            "agent_id": [f"agent {i}" for i in rng.integers(0, 20, n)], "wait_seconds": wait, "talk_seconds": 100.0,
            "started_at": started.strftime("%Y-%m-%d %H:%M:%S"),
        }
    )  # fmt: skip
    score = np.clip(np.round(4.2 - 0.012 * wait + rng.logistic(0, 0.5, n)), 1, 5).astype(int)
    has_answered = (rng.random(n) < 0.7) | (np.arange(n) < 80)
    return log, pd.DataFrame({"contact_id": log["contact_id"], "csat": score})[has_answered]


def test_no_segment_of_few_customers_is_told(session):
    log, answers = centre_with_a_small_queue()
    contacts, surveys = cx.read_contacts(log, session=session), cx.read_surveys(answers, session=session)
    study = cx.fuse(contacts, surveys, by="queue")
    hidden = {"vip", "line"}
    assert study.evidence.table.set_index("lever").loc["wait_seconds", "verdict"] == "moves"
    hot, told = set(study.decisions.hotspots["segment"]), set(study.balance["level"])
    assert {"a", "b"} & hot
    assert {"a", "b", "bill", "move"} <= told
    assert not hidden & (hot | told)
    places = [found for found in study.details if isinstance(found, cx.SegmentEffects)]
    assert [sorted(found.table["segment"]) for found in places] == [["a", "b"]]
    with pytest.raises(UnknownNameError, match="five customers"):
        cx.what_if(study.evidence, {"wait_seconds": -10}, segment={"queue": "vip"})
    alone = cx.segment_effects(cx.pair(contacts, surveys), "wait_seconds", by="queue").table
    assert sorted(alone["segment"]) == ["a", "b"]
