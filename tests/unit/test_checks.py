"""Each check finds what it says, no less and no more, and a run tells what has changed since the one before."""

from __future__ import annotations

import json
import pickle
from datetime import datetime

import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.checks.catalogue import CHECKS, LEVELS, CheckPlan
from cxfusion.checks.change import changes
from cxfusion.config import study_of_options
from cxfusion.delivery.directory import manifest_of
from cxfusion.errors import ConfigError, FeedRefusedError, UsageError
from cxfusion.job import check, diagnose_log
from cxfusion.job import run as run_job

NOW = datetime(2026, 6, 1)
HIDDEN = cx.Pseudonyms(b"correct horse battery staple")


@pytest.fixture(scope="module")
def session():
    with cx.Session(threads=1) as session:
        yield session


def log_of(n=40, **columns):
    """Calls of one morning, a minute apart; a column may be a value for all, or a function of the call's number."""
    rows = [
        {"contact_id": f"c{i}", "started_at": f"2026-03-02 09:{i:02d}:30", "talk_seconds": 100 + i} for i in range(n)
    ]
    return [row | {k: v(i) if callable(v) else v for k, v in columns.items()} for i, row in enumerate(rows)]


def contacts_of(session, rows, timezone="Europe/Berlin", **options):
    return cx.read_contacts(rows, timezone=timezone, session=session, **options)


def told(feed, **options):
    """``check, column, n, of`` of what is found, notes of constant columns apart."""
    found = cx.check_feed(feed, now=NOW, **options).table
    found = found[~found["check"].isin(["constant_column"])]
    return [(r.check, r.column, r.n, r.of) for r in found.astype(object).where(found.notna(), None).itertuples()]


def test_an_ordinary_log_gives_rise_to_nothing(session):
    found = cx.check_feed(contacts_of(session, log_of()), now=NOW)
    assert found.table.empty
    assert found.summary() == "Checks: nothing found; nothing to compare with"
    assert list(found.table.columns) == ["level", "check", "table", "column", "n", "of", "told", "examples"]


CASES = {
    "absurd": ({"hold_seconds": lambda i: 90_000 if i == 7 else 5}, ("absurd_duration", "hold_seconds", 1, 40)),
    "a day is not absurd": ({"hold_seconds": lambda i: 86_400 if i == 7 else i}, None),
    "milliseconds": ({"talk_seconds": lambda i: 9_000 + 50 * i}, ("unit_too_large", "talk_seconds", 20, 40)),
    "just seconds": ({"talk_seconds": lambda i: 8_999 + 50 * i}, None),
    "minutes": ({"talk_seconds": lambda i: 5 + 0.25 * i}, ("unit_too_small", "talk_seconds", 20, 40)),
    "not minutes": ({"talk_seconds": lambda i: 5.1 + 0.25 * i}, ("unit_too_small", "talk_seconds", 20, 40)),
    "short waits": ({"wait_seconds": lambda i: i / 10}, None),
    "ended early": (
        {"ended_at": lambda i: "2026-03-02 08:00" if i == 3 else "2026-03-02 11:00"},
        ("ended_before_start", "ended_at", 1, 40),
    ),
    "midnight": (
        {"started_at": lambda i: f"2026-03-{i // 2 + 1:02d} 00:00:00" if i < 21 else f"2026-03-02 10:{i}"},
        ("mostly_midnight", "started_at", 21, 40),
    ),
    "half at midnight": (
        {"started_at": lambda i: f"2026-03-{i // 2 + 1:02d} 00:00:00" if i < 20 else f"2026-03-02 10:{i}"},
        None,
    ),
    "date": (
        {"started_at": lambda i: "2026-03-02" if i < 2 else f"2026-03-02 10:{i:02d}"},
        ("date_without_time", "started_at", 2, 40),
    ),
    "skipped": (
        {"started_at": lambda i: "2026-03-29 02:30" if i < 2 else f"2026-03-02 10:{i:02d}"},
        ("skipped_time", "started_at", 2, 40),
    ),
    "empty": ({"agent_id": None, "wrap_seconds": ""}, ("empty_column", "wrap_seconds", 40, 40)),
    "negative": ({"hold_seconds": lambda i: -1 if i < 3 else i}, ("negative_value", "hold_seconds", 3, 40)),
    "unreadable": ({"hold_seconds": lambda i: "x" if i < 3 else i}, ("unreadable_cell", "hold_seconds", 3, 40)),
    "beyond any": ({"hold_seconds": lambda i: 1e10 if i < 3 else i}, ("unreadable_cell", "hold_seconds", 3, 40)),
    "twice": ({"contact_id": lambda i: f"c{i // 39}" if i > 37 else f"d{i}"}, None),
    "really twice": ({"contact_id": lambda i: f"c{max(i, 1)}"}, ("duplicate_id", None, 1, 40)),
    "no id": ({"contact_id": lambda i: i or None}, ("unusable_row", None, 1, 40)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_contact_log_is_told_what_is_wrong_with_it(session, case):
    columns, expected = CASES[case]
    found = told(contacts_of(session, log_of(**columns)))
    if expected is None:
        assert found == []
    elif case == "empty":
        assert set(found) == {expected, ("empty_column", "agent_id", 40, 40)}
    elif case == "not minutes":
        assert (found[0][0], found[0][2]) == ("unit_too_small", 20)  # 5.1, 5.35, …, 9.85: twenty of forty
    else:
        assert found == [expected]


def test_the_future_begins_a_day_after_the_run(session):
    # The site's clock is two hours ahead: 02:00 there is midnight in UTC, one day after NOW.
    rows = log_of(started_at=lambda i: "2026-06-02 02:00:01" if i == 3 else "2026-06-02 02:00:00")
    assert ("future_time", "started_at", 1, 40) in told(contacts_of(session, rows))
    assert told(contacts_of(session, rows), plan={"future_seconds": 86_401, "levels": {"mostly_midnight": "off"}}) == []


@pytest.mark.parametrize(("n_far", "n_told"), [(1, 1), (0, 0), (2, 0)])
def test_starts_far_from_all_others_are_told(session, n_far, n_told):
    # two of 120 are more than one in a hundred, and no slip of a clock
    rows = [row | {"contact_id": f"c{i}"} for i, row in enumerate(log_of() * 3)]
    for row in rows[70 : 70 + n_far]:
        row["started_at"] = "2000-01-03 09:00:30"
    found = cx.check_feed(contacts_of(session, rows), now=NOW).table.set_index("check")
    assert ("far_time" in found.index) == bool(n_told)
    if n_told:
        far = found.loc["far_time"]
        assert far[["level", "table", "column", "n", "of"]].tolist() == ["warn", "contacts", "started_at", 1, 120]
        assert far["examples"].startswith("row 71: 2000-01-03 08:00:30")


def test_examples_are_places_and_numbers_never_ids(session):
    rows = log_of(hold_seconds=lambda i: 90_000 if i in (4, 30) else 5, contact_id=lambda i: f"secret{max(i, 1)}")
    rows[6]["talk_seconds"] = "please call back"
    found = cx.check_feed(contacts_of(session, rows), now=NOW).table.set_index("check")["examples"]
    assert found["absurd_duration"] == "row 5: 90000.0; row 31: 90000.0"
    assert found["duplicate_id"] == "row 2"
    assert found["unreadable_cell"] == "row 7"


def test_examples_tell_no_long_number_where_persons_are_hidden(session):
    rows = log_of(hold_seconds=lambda i: {4: 2_125_550_123, 9: 90_000}.get(i, 5))
    rows[6]["started_at"] = "2026-07-02 09:00:00"
    for hidden, told in ((None, "row 5: 2125550123.0; row 10: 90000.0"), (HIDDEN, "row 5; row 10: 90000.0")):
        found = cx.check_feed(contacts_of(session, rows, pseudonyms=hidden), now=NOW).table.set_index("check")
        assert found.loc["absurd_duration", "examples"] == told
        assert found.loc["future_time", "examples"].startswith("row 7: 2026-07-02 07:00:00")  # a time is none


def surveys_of(session, n=40, **columns):
    rows = [{"contact_id": f"c{i}", "nps": i % 11, "answered_at": f"2026-03-02 12:{i:02d}"} for i in range(n)]
    rows = [row | {k: v(i) if callable(v) else v for k, v in columns.items()} for i, row in enumerate(rows)]
    return cx.read_surveys(rows, timezone="Europe/Berlin", session=session)


def test_a_survey_file_is_told_what_is_wrong_with_it(session):
    assert told(surveys_of(session)) == []
    assert told(surveys_of(session, nps=lambda i: i % 6)) == [("scale_too_wide", "nps", 40, 40)]
    assert told(surveys_of(session, nps=lambda i: i % 7)) == []
    assert told(surveys_of(session, nps=lambda i: 77 if i < 2 else i % 11)) == [("score_out_of_scale", "nps", 2, 40)]
    assert told(surveys_of(session, invited_at=lambda i: f"2026-03-02 12:{max(i, 1):02d}")) == [
        ("answered_before_invited", "answered_at", 1, 40)
    ]
    assert told(surveys_of(session, answered_at="2026-03-02")) == [("date_without_time", "answered_at", 40, 40)]


def test_clocks_that_disagree_are_seen_in_the_pairs(session):
    # Contact i ends at 09:i:30 + 100 + i seconds; an answer at 09:i:30 came 100 + i seconds before that.
    contacts = contacts_of(session, log_of())
    surveys = surveys_of(session, answered_at=lambda i: f"2026-03-02 09:{i:02d}:30" if i < 10 else "2026-03-02 12:00")
    pairing = cx.pair(contacts, surveys)
    assert told(pairing) == [("answered_before_end", None, 10, 40)]
    (skewed,) = cx.check_feed(pairing, now=NOW).table.query("check == 'answered_before_end'")["told"]
    assert skewed.endswith("before their contact had ended: another time zone?")
    assert told(pairing, plan={"clock_skew_seconds": 105}) == [("answered_before_end", None, 4, 40)]  # 106 … 109
    few = cx.check_feed(pairing, now=NOW, plan={"clock_skew_seconds": 108, "clock_skew_share": 0.05}).table
    assert few.loc[few["check"] == "answered_before_end", ["level", "n"]].values.tolist() == [["note", 1]]


def test_levels_can_be_changed_and_a_stop_refuses_the_feed(session):
    contacts = contacts_of(session, log_of(contact_id=lambda i: f"c{max(i, 1)}"))
    assert told(contacts, plan={"levels": {"duplicate_id": "off"}}) == []
    found = cx.check_feed(contacts, plan={"levels": {"duplicate_id": "stop"}})
    assert found.table["level"].tolist() == ["stop"]
    with pytest.raises(FeedRefusedError, match="duplicate_id, contacts: 1 row of the contacts") as caught:
        found.require_usable()
    assert caught.value.exit_code == 3
    mostly_bad = contacts_of(session, log_of(contact_id=lambda i: i if i < 19 else None))
    assert cx.check_feed(mostly_bad).table["check"].tolist()[0] == "rows_set_aside"
    asked = {"columns": {"contact_id": "contact_id"}, "leave_out": {"kind": ["test"]}}
    left_out = contacts_of(session, log_of(kind=lambda i: "test" if i > 1 else "call"), map=asked)
    assert cx.check_feed(left_out).table.empty  # left out on purpose


def test_a_plan_that_cannot_be_used_is_told_as_a_whole(session):
    contacts = contacts_of(session, log_of())
    with pytest.raises(ConfigError) as caught:
        cx.check_feed(contacts, plan={"midnight_share": 2, "longest": 3, "levels": {"duplicate_ids": "warn"}})
    problems = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 3
    assert "nearest: longest_seconds" in problems
    assert "nearest: duplicate_id" in problems
    with pytest.raises(UsageError, match="A list was given to check"):
        cx.check_feed([])


def test_a_check_pickles_and_outlives_its_session():
    with cx.Session(threads=1) as session:
        found = cx.check_feed(contacts_of(session, log_of()), now=NOW)
    again = pickle.loads(pickle.dumps(found))
    assert again.profile == found.profile
    assert again.compared_with({"feed": found.profile}).summary() == "Checks: nothing found"


def test_every_check_is_in_the_catalogue_once_with_its_threshold():
    assert len({one.name for one in CHECKS}) == len(CHECKS)
    assert {one.level for one in CHECKS} == set(LEVELS)
    named = {one.threshold for one in CHECKS} - {None}
    assert named | {"clock_skew_share", "levels"} == set(CheckPlan.model_fields)


def queue(i):
    return "rare" if i < 4 else ["sales", "service"][i % 2]


def test_the_profile_holds_volumes_shares_and_categories_but_no_person(session):
    one_customer = log_of(
        queue=queue, channel=lambda i: "fax" if i < 20 else "phone", reason=lambda i: f"words {i}" * 9
    )
    rows = [
        row | {"customer_id": f"k{i % 20 if i >= 20 else i % 4}", "note": f"n{i}"} for i, row in enumerate(one_customer)
    ]
    profile = cx.check_feed(contacts_of(session, rows)).profile["contacts"]
    assert profile["rows"] == profile["read"] == profile["per_day"] == 40
    assert (profile["days"], profile["first"]) == (1, "2026-03-02T08:00:30")
    assert profile["missing"] == dict.fromkeys(profile["missing"], 0.0)
    # "rare" has four contacts, "fax" four customers; what people wrote is no category.
    assert profile["categories"] == {"queue": {"sales": 18, "service": 18}, "channel": {"phone": 20}}


def test_days_of_a_profile_are_those_of_the_sites_clock(session):
    # 19:30 in New York is 00:30 of the next day in UTC: it makes one day of calls no two
    nights = [
        [f"2026-01-05 10:{i:02d}:00" for i in range(60)],
        [*(f"2026-01-06 10:{i:02d}:00" for i in range(59)), "2026-01-06 19:30:00"],
    ]
    first, second = (
        contacts_of(session, log_of(60, started_at=starts.__getitem__), timezone="America/New_York")
        for starts in nights
    )
    before, now = (cx.check_feed(contacts, now=NOW) for contacts in (first, second))
    for found in (before, now):
        assert (found.profile["contacts"]["days"], found.profile["contacts"]["per_day"]) == (1, 60)
    assert "volume_changed" not in now.compared_with(before.profile).table["check"].tolist()
    rows = [{"contact_id": f"c{i}", "nps": i % 11, "answered_at": start} for i, start in enumerate(nights[1])]
    surveys = cx.read_surveys(rows, timezone="America/New_York", session=session)
    assert cx.check_feed(surveys, now=NOW).profile["surveys"]["days"] == 1


def test_what_changed_against_the_profile_before(session):
    before = cx.check_feed(contacts_of(session, log_of(queue=queue, wait_seconds=3))).profile
    rows = log_of(
        39, queue=lambda i: "new" if i % 2 else "sales", talk_seconds=lambda i: i if i > 4 else None, note="a"
    )
    rows = rows[:15] + [row | {"started_at": row["started_at"].replace("02 09", "03 09")} for row in rows[15:]]
    now = cx.check_feed(contacts_of(session, rows), against={"feed": before}, now=NOW).table
    now = now[now["check"] != "constant_column"]
    assert now[["level", "check", "column", "n"]].astype(object).where(now.notna(), None).values.tolist() == [
        ["warn", "category_lost", "queue", 0],
        ["warn", "column_lost", "wait_seconds", 39],
        ["warn", "missing_changed", "talk_seconds", 5],
        ["warn", "volume_changed", None, 39],
        ["note", "category_new", "queue", 19],
        ["note", "column_new", "note", 39],
    ]
    assert "19.5 contacts per day instead of 40" in now["told"].tolist()
    assert "talk_seconds is missing in 12.8% of the contacts instead of 0.0%" in now["told"].tolist()
    assert changes({"contacts": before["contacts"]}, before, CheckPlan()) == []


def files(folder, n=300, missing=0, queues=("sales", "service")):
    calls = [
        {
            "contact_id": f"c{i}", "started_at": f"2026-03-{i % 14 + 1:02d} 09:{i % 60:02d}:00",
            "queue": queues[i % 2],
            "agent_id": f"a{i % 15}", "wait_seconds": (i * 7) % 90,
            "talk_seconds": None if i < missing else 60 + i % 50,
        }
        for i in range(n)
    ]  # fmt: skip
    answers = [{"contact_id": f"c{i}", "csat": 1 + (i * i + i // 7) % 5} for i in range(n)]
    pd.DataFrame(calls).to_csv(folder / "calls.csv", index=False)
    pd.DataFrame(answers).to_csv(folder / "answers.csv", index=False)
    return str(folder / "calls.csv"), str(folder / "answers.csv")


def run(folder, out, *, with_report=False, **sections):
    calls, answers = folder / "calls.csv", folder / "answers.csv"
    config = study_of_options(
        None,
        contacts={"path": str(calls), "timezone": "Europe/Berlin"},
        surveys={"path": str(answers), "timezone": "Europe/Berlin"},
        engine={"threads": 1},
        **sections,
    )
    return run_job(config, out, with_report=with_report)


def bytes_of(out):
    told = {path.name: path.read_bytes() for path in out.iterdir() if path.name != "manifest.json"}
    return told | {"manifest": {k: v for k, v in manifest_of(out).items() if k != "seconds"}}


def test_a_run_is_compared_with_the_run_before_and_a_rerun_changes_nothing(tmp_path):
    out = tmp_path / "out"
    files(tmp_path)
    run(tmp_path, out, with_report=True)
    first = bytes_of(out)
    assert "before" not in first["manifest"]
    assert b"Since the run before" not in first["report.html"]
    run(tmp_path, out, with_report=True)
    assert bytes_of(out) == first
    files(tmp_path, missing=120, queues=("sales", "help"))
    study = run(tmp_path, out, with_report=True)
    second = bytes_of(out)
    assert second["manifest"]["before"]["feed"] == first["manifest"]["feed"]
    found = {(one["check"], one["column"]) for one in second["manifest"]["checks"]}
    assert {("category_lost", "queue"), ("category_new", "queue"), ("missing_changed", "talk_seconds")} <= found
    page = second["report.html"].decode()
    assert "Since the run before" in page
    assert "Missing: Talking time" in page
    assert "is gone from the values of queue" in page
    run(tmp_path, out, with_report=True)
    assert bytes_of(out) == second
    assert study.feed.is_compared


def test_scores_that_were_corrected_are_compared_with_the_run_before_and_are_no_rerun(tmp_path):
    out = tmp_path / "out"
    _, answers = files(tmp_path)
    run(tmp_path, out)
    first = manifest_of(out)
    upside_down = pd.read_csv(answers)
    upside_down.assign(csat=6 - upside_down["csat"]).to_csv(answers, index=False)
    study = run(tmp_path, out, with_report=True)
    second = bytes_of(out)
    assert second["manifest"]["feed"] == first["feed"]
    assert second["manifest"]["results"]["estimate"] == pytest.approx(6 - first["results"]["estimate"])
    assert second["manifest"]["before"] == {part: first[part] for part in ("counts", "feed", "results")}
    assert b"Since the run before" in second["report.html"]
    assert study.feed.is_compared
    run(tmp_path, out, with_report=True)
    assert bytes_of(out) == second


def test_a_diagnosis_that_is_repeated_says_again_what_has_changed(tmp_path):
    calls, _ = files(tmp_path)
    config = study_of_options(None, contacts={"path": calls}, engine={"threads": 1})
    out = tmp_path / "out"
    diagnose_log(config, out)
    files(tmp_path, missing=120)
    told = []
    for _ in range(2):
        diagnose_log(config, out)
        told.append(bytes_of(out))
    assert "missing_changed" in {one["check"] for one in told[0]["manifest"]["checks"]}
    assert told[1] == told[0]


def test_a_feed_that_is_stopped_leaves_the_last_good_output_and_says_why(tmp_path):
    out = tmp_path / "out"
    files(tmp_path)
    run(tmp_path, out)
    first = bytes_of(out)
    files(tmp_path, missing=200)
    with pytest.raises(FeedRefusedError, match="missing_changed"):
        run(tmp_path, out, checks={"levels": {"missing_changed": "stop"}})
    assert bytes_of(out) == first
    rejected = manifest_of(tmp_path / "out.rejected")
    assert rejected["error"]["type"] == "FeedRefusedError"
    assert any(one["level"] == "stop" for one in rejected["checks"])


def test_check_alone_compares_with_a_directory(tmp_path):
    out = tmp_path / "out"
    calls, answers = files(tmp_path)
    run(tmp_path, out)
    config = study_of_options(None, contacts={"path": calls}, surveys={"path": answers}, engine={"threads": 1})
    _, feed = check(config, out)
    assert feed.is_compared
    with pytest.raises(UsageError, match="holds no manifest"):
        check(config, tmp_path)


def test_a_diagnosis_that_is_stopped_says_where_every_row_went(tmp_path):
    calls, _ = files(tmp_path)
    table = pd.read_csv(calls)
    table.loc[table.index >= 100, "contact_id"] = None
    table.to_csv(calls, index=False)
    config = study_of_options(None, contacts={"path": calls}, engine={"threads": 1})
    with pytest.raises(FeedRefusedError, match=r"rows_set_aside.*") as caught:
        diagnose_log(config, tmp_path / "out")
    assert "in a STUDY.toml for `cxfusion run`" in caught.value.message
    rejected = tmp_path / "out.rejected"
    audit = pd.read_csv(rejected / "contacts_audit.csv").set_index("reason")["n"]
    assert audit.to_dict() == {"used": 100, "contact_id_missing": 200}
    assert len(pd.read_parquet(rejected / "set_aside.parquet")) == 200
    told = manifest_of(rejected)
    assert told["counts"] == {"contacts_read": 300, "contacts_used": 100}
    assert {one["check"] for one in told["checks"]} >= {"rows_set_aside", "unusable_row"}


def test_a_diagnosis_alone_is_checked_too(tmp_path):
    calls, _ = files(tmp_path)
    config = study_of_options(None, contacts={"path": calls}, engine={"threads": 1})
    diagnose_log(config, tmp_path / "out")
    files(tmp_path, missing=100)
    diagnose_log(config, tmp_path / "out")
    assert {one["check"] for one in manifest_of(tmp_path / "out")["checks"]} >= {"missing_changed"}
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["feed"]["contacts"]["rows"] == 300
