"""Hand-worked cases: one small log, and for every reason an answer that ends there."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pytest

from cxfusion.engine import FrameSource, Session
from cxfusion.errors import BooksError, SessionMismatchError, UsageError
from cxfusion.pairing import PairingPlan, pair
from cxfusion.pairing.reasons import PAIRED, RESPONSE_REASONS
from cxfusion.tables.read import read_contacts, read_surveys
from cxfusion.tables.relation import Contacts, Legs, Surveys

TIME, TEXT, FLAG, NUMBER = pa.timestamp("us"), pa.string(), pa.bool_(), pa.float64()
CONTACT_TYPES = {
    "contact_id": TEXT, "case_id": TEXT, "customer_id": TEXT, "started_at": TIME, "ended_at": TIME,
    "wait_seconds": NUMBER, "talk_seconds": NUMBER, "wrap_seconds": NUMBER, "is_abandoned": FLAG,
}  # fmt: skip
SURVEY_TYPES = {
    "response_id": TEXT, "leg_id": TEXT, "contact_id": TEXT, "case_id": TEXT, "customer_id": TEXT,
    "invited_at": TIME, "invited_at_is_day": FLAG,
    "answered_at": TIME, "answered_at_is_day": FLAG, "csat": NUMBER, "score_status": TEXT, "respondent_role": TEXT,
    "survey_level": TEXT,
}  # fmt: skip
LEG_TYPES = {
    "leg_id": TEXT, "contact_id": TEXT, "own_contact_id": TEXT, "agent_id": TEXT, "queue": TEXT, "started_at": TIME,
    "talk_seconds": NUMBER,
}  # fmt: skip
ASIDE_TYPES = {"stage": TEXT, "column": TEXT, "reason": TEXT, "original": TEXT}


def at(text):
    return None if text is None else datetime.fromisoformat(f"2026-03-{text}")


def contact(contact_id, customer_id, started, ended=None, **more):
    times = {"started_at": at(started), "ended_at": at(ended)}
    return {"contact_id": contact_id, "customer_id": customer_id, **times, **more}


def answer(response_id="r", invited=None, answered=None, *, day=False, **more):
    times = {"invited_at": at(invited), "answered_at": at(answered)}
    days = {"invited_at_is_day": day, "answered_at_is_day": day}
    return {"response_id": response_id, "csat": 4.0, "respondent_role": "customer", **times, **days, **more}


LOG = [
    contact("ann-1", "ann", "02T09:00", "02T09:10"),
    contact("ann-2", "ann", "03T10:00", "03T10:20"),
    contact("bob-1", "bob", "05T12:00", wait_seconds=60.0, talk_seconds=120.0, wrap_seconds=600.0),
    contact("cat-1", "cat", "05T08:00", "05T08:02", is_abandoned=True),
    contact("dan-1", "dan", "06T08:00", "06T08:30"),
    contact("dan-2", "dan", "06T08:10", "06T08:30"),
    contact("dan-3", "dan", "06T08:10", "06T08:30"),
    contact("eve-1", "eve", "06T08:00", "06T12:00"),
    contact("eve-2", "eve", "06T09:00", "06T09:30"),
    contact("fay-1", "fay", "06T20:00", "07T00:00"),
    contact("nobody", None, "06T08:00", "06T08:30"),
    contact("tie-1", "gus", "08T09:00", "08T09:10", case_id="T"),
    contact("tie-2", "gus", "08T10:00", "08T10:10", case_id="T", is_abandoned=True),
    contact("tie-3", "gus", "08T11:00", "08T11:10", case_id="T"),
    contact("tie-4", "gus", "08T11:05", "08T11:10", case_id="T"),
    contact("gone", "hal", "08T09:00", "08T09:01", case_id="G", is_abandoned=True),
]


def leg(leg_id, contact_id, started, agent, queue, own=None):
    times = {"started_at": at(started), "talk_seconds": 60.0}
    own = own or contact_id
    return {
        "leg_id": leg_id,
        "contact_id": contact_id,
        "own_contact_id": own,
        "agent_id": agent,
        "queue": queue,
    } | times


LEGS = [
    leg("ann-2", "ann-2", "03T10:00", "ivo", "front"),
    leg("ann-2b", "ann-2", "03T10:10", "jan", "back"),
    leg("ann-2c", "ann-2", "03T10:20", None, None, own="survey-flow"),
    leg("lost", "not-in-the-log", "03T10:00", "ivo", "front"),
]


@pytest.fixture
def session():
    with Session(threads=1) as opened:
        yield opened


def relation(session, rows, types, *left_out):
    kept = {name: kind for name, kind in types.items() if name not in left_out}
    columns = {name: pa.array([row.get(name) for row in rows], kind) for name, kind in kept.items()}
    return session.materialize(session.read(FrameSource(pa.table(columns), "frame")))


def log(session, rows=LOG, aside=(), *left_out, n_read=None, legs=LEGS):
    n_aside = sum(row["column"] is None for row in aside)
    table = relation(session, rows, CONTACT_TYPES, *left_out)
    nothing = relation(session, [], ASIDE_TYPES)
    of_legs = Legs(session, relation(session, legs, LEG_TYPES), len(legs), nothing) if legs else None
    return Contacts(session, table, n_read or len(rows) + n_aside, relation(session, aside, ASIDE_TYPES), legs=of_legs)


def answers(session, rows, aside=(), *left_out):
    n_aside = sum(row["column"] is None for row in aside)
    table = relation(session, rows, SURVEY_TYPES, *left_out)
    return Surveys(session, table, len(rows) + n_aside, relation(session, aside, ASIDE_TYPES))


def only_row(session, row, plan=None, rows=LOG, legs=LEGS):
    (found,) = pair(log(session, rows, legs=legs), answers(session, [row]), plan).to_arrow().to_pylist()
    return found


CASES = {
    # by contact id
    "its contact": (answer(contact_id="ann-1"), "paired_contact_id", "ann-1"),
    "its contact, whatever the customer": (answer(contact_id="ann-1", customer_id="bob"), "paired_contact_id", "ann-1"),
    "a week later": (answer(contact_id="ann-1", invited="09T09:00"), "paired_contact_id", "ann-1"),
    "an abandoned contact": (answer(contact_id="cat-1", invited="05T09:00"), "paired_contact_id", "cat-1"),
    "answered during the contact": (answer(contact_id="ann-2", answered="03T10:05"), "paired_contact_id", "ann-2"),
    "answered as it began": (answer(contact_id="ann-2", answered="03T10:00"), "paired_contact_id", "ann-2"),
    "answered before it began": (
        answer(contact_id="ann-2", answered="03T09:59:59"), "answered_before_contact", None),
    "invited before, answered after": (
        answer(contact_id="ann-2", invited="03T09:00", answered="03T11:00"), "paired_contact_id", "ann-2"),
    "answered on its day": (answer(contact_id="ann-2", answered="03", day=True), "paired_contact_id", "ann-2"),
    "answered the day before": (answer(contact_id="ann-2", answered="02", day=True), "answered_before_contact", None),
    "not in the log, customer is": (
        answer(contact_id="zzz", customer_id="ann", invited="03T11:00"), "unknown_contact", None),
    # by leg id, and by the id of a child contact
    "its leg": (answer(leg_id="ann-2b"), "paired_leg_id", "ann-2"),
    "its leg, whatever the contact": (answer(leg_id="ann-2b", contact_id="bob-1"), "paired_leg_id", "ann-2"),
    "its leg, answered before": (answer(leg_id="ann-2b", answered="03T09:00"), "answered_before_contact", None),
    "a leg of nothing, with a contact": (
        answer(leg_id="zzz", contact_id="ann-1", customer_id="bob"), "paired_contact_id", "ann-1"),
    "a leg of nothing, with a customer": (
        answer(leg_id="zzz", customer_id="ann", invited="03T11:00"), "unknown_leg", None),
    "a leg whose contact is not in the log": (answer(leg_id="lost"), "unknown_leg", None),
    "the child of its contact": (answer(contact_id="survey-flow"), "paired_contact_id", "ann-2"),
    "a leg named as the contact": (answer(contact_id="ann-2b"), "paired_contact_id", "ann-2"),
    # by case
    "the last of the case": (answer(case_id="T", invited="08T12:00"), "paired_case_id", "tie-4"),
    "the last of the case so far": (answer(case_id="T", invited="08T11:09"), "paired_case_id", "tie-1"),
    "as it ended": (answer(case_id="T", invited="08T11:10"), "paired_case_id", "tie-4"),
    "a month later": (answer(case_id="T", invited="28T11:10"), "paired_case_id", "tie-4"),
    "the case's day": (answer(case_id="T", invited="08", day=True), "paired_case_id", "tie-4"),
    "a case without a time": (answer(case_id="T"), "paired_case_id", "tie-4"),
    "the case before the customer": (
        answer(case_id="T", customer_id="ann", invited="08T12:00"), "paired_case_id", "tie-4"),
    "the contact before the case": (
        answer(case_id="T", contact_id="ann-1", invited="08T12:00"), "paired_contact_id", "ann-1"),
    "before the case": (answer(case_id="T", invited="08T08:00"), "answered_before_contact", None),
    "the day before the case": (answer(case_id="T", invited="07", day=True), "answered_before_contact", None),
    "while the case's first lasted": (answer(case_id="T", invited="08T09:05"), "outside_window", None),
    "a case of abandoned ones": (answer(case_id="G", invited="08T12:00"), "not_eligible", None),
    "nobody knows the case": (answer(case_id="zzz", customer_id="ann", invited="03T11:00"), "unknown_case", None),
    # about the relationship
    "all that was lived": (
        answer(customer_id="gus", invited="09T12:00", survey_level="Relationship"), "paired_exposure", None),
    "even if it was abandoned": (
        answer(customer_id="hal", invited="09T12:00", survey_level="relationship"), "paired_exposure", None),
    "a relationship without a customer": (
        answer(contact_id="ann-1", invited="09T12:00", survey_level="relationship"), "no_key", None),
    "a relationship with nobody we know": (
        answer(customer_id="zoe", invited="09T12:00", survey_level="relationship"), "unknown_customer", None),
    "a relationship before it began": (
        answer(customer_id="gus", invited="01T12:00", survey_level="relationship"), "answered_before_contact", None),
    "a relationship at no time": (answer(customer_id="gus", survey_level="relationship"), "no_anchor", None),
    # by customer and window
    "the last contact": (answer(customer_id="ann", invited="03T11:00"), "paired_window", "ann-2"),
    "answered, not invited": (answer(customer_id="ann", answered="03T11:00"), "paired_window", "ann-2"),
    "invited before it was answered": (
        answer(customer_id="ann", invited="02T10:00", answered="03T11:00"), "paired_window", "ann-1"),
    "invited as it ended": (answer(customer_id="ann", invited="03T10:20"), "paired_window", "ann-2"),
    "invited while it lasted": (answer(customer_id="ann", invited="03T10:19"), "paired_window", "ann-1"),
    "72 hours after the start": (answer(customer_id="ann", invited="06T10:00"), "paired_window", "ann-2"),
    "and a second": (answer(customer_id="ann", invited="06T10:00:01"), "outside_window", None),
    "the end is start + wait + talk": (answer(customer_id="bob", invited="05T12:03"), "paired_window", "bob-1"),
    "not yet ended": (answer(customer_id="bob", invited="05T12:02:59"), "outside_window", None),
    "before the customer's first": (answer(customer_id="bob", invited="05T11:59"), "answered_before_contact", None),
    "ties by start, then by id": (answer(customer_id="dan", invited="06T09:00"), "paired_window", "dan-3"),
    "the latest end, not the latest start": (answer(customer_id="eve", invited="06T13:00"), "paired_window", "eve-1"),
    "the day of the contact": (answer(customer_id="ann", invited="03", day=True), "paired_window", "ann-2"),
    "three days later": (answer(customer_id="ann", invited="06", day=True), "paired_window", "ann-2"),
    "four days later": (answer(customer_id="ann", invited="07", day=True), "outside_window", None),
    "the day before the first": (answer(customer_id="ann", invited="01", day=True), "answered_before_contact", None),
    "the day in which it had not ended": (answer(customer_id="fay", invited="06", day=True), "outside_window", None),
    "the midnight at which it ended": (answer(customer_id="fay", invited="07T00:00"), "paired_window", "fay-1"),
    "abandoned only": (answer(customer_id="cat", invited="05T09:00"), "not_eligible", None),
    "abandoned long ago": (answer(customer_id="cat", invited="15T09:00"), "outside_window", None),
    "nobody knows the customer": (answer(customer_id="zoe", invited="05T09:00"), "unknown_customer", None),
    "no time": (answer(customer_id="ann"), "no_anchor", None),
    # neither
    "no key": (answer(invited="03T11:00"), "no_key", None),
    "no score": (answer(contact_id="ann-1", csat=None, score_status="score_missing"), "score_missing", None),
    "no score and no key": (answer(csat=None, score_status="score_out_of_scale"), "score_out_of_scale", None),
}  # fmt: skip


def test_every_answer_ends_where_it_should(session):
    surveys = answers(session, [{**row, "response_id": case} for case, (row, _, _) in CASES.items()])
    paired = pair(log(session), surveys, PairingPlan(one_per_contact=False)).to_arrow().to_pylist()
    found = {row["response_id"]: (row["reason"], row["contact_id"]) for row in paired}
    assert found == {case: (reason, contact_id) for case, (_, reason, contact_id) in CASES.items()}


def test_the_cases_reach_every_reason():
    elsewhere = {"duplicate_response", "doubtful_link", "outside_period"}
    assert {reason for _, reason, _ in CASES.values()} | elsewhere == set(RESPONSE_REASONS)


def test_a_doubtful_link_tells_how_doubtful_it_is(session):
    found = only_row(session, answer(customer_id="ann", invited="03T11:00"))
    assert found["n_candidates"] == 2
    assert found["gap_seconds"] == 40 * 60  # 10:20 to 11:00
    assert found["next_gap_seconds"] == (25 * 60 + 50) * 60  # 09:10 of the day before to 11:00
    assert found["started_at"] == at("03T10:00")


def test_the_runner_up_may_have_ended_at_the_same_moment(session):
    found = only_row(session, answer(customer_id="dan", invited="06T09:00"))
    assert (found["n_candidates"], found["gap_seconds"], found["next_gap_seconds"]) == (3, 1800, 1800)


def test_gaps_of_a_day_are_counted_to_its_end(session):
    found = only_row(session, answer(customer_id="ann", invited="03", day=True))
    assert (found["anchor_at"], found["anchor_is_day"]) == (at("03"), True)
    assert found["gap_seconds"] == (13 * 60 + 40) * 60  # 10:20 to midnight


def test_by_contact_id_the_gap_can_be_negative_or_unknown(session):
    during = only_row(session, answer(contact_id="ann-2", answered="03T10:19:59.5"))
    assert (during["gap_seconds"], during["n_candidates"], during["next_gap_seconds"]) == (-0.5, 1, None)
    assert only_row(session, answer(contact_id="ann-2"))["gap_seconds"] is None


@pytest.mark.parametrize(
    ("row", "n"),
    [
        (answer(customer_id="zoe", invited="05T09:00"), 0),
        (answer(customer_id="cat", invited="05T09:00"), 0),
        (answer(contact_id="zzz"), 0),
        (answer(customer_id="ann"), None),  # without a time nothing was looked up
        (answer(), None),
        (answer(contact_id="ann-1", score_status="score_missing"), None),
    ],
)
def test_what_was_not_looked_up_has_no_count_of_candidates(session, row, n):
    assert only_row(session, row)["n_candidates"] == n


def test_an_end_before_its_start_counts_as_the_start(session):
    rows = [contact("odd", "ann", "03T10:00", "01T10:00")]
    early = only_row(session, answer(customer_id="ann", invited="03T09:00"), rows=rows)
    late = only_row(session, answer(customer_id="ann", invited="03T10:30"), rows=rows)
    assert (early["reason"], late["gap_seconds"]) == ("answered_before_contact", 1800)


def test_abandoned_contacts_pair_where_the_plan_says_so(session):
    row = answer(customer_id="cat", invited="05T09:00")
    assert only_row(session, row, PairingPlan(eligible="all"))["contact_id"] == "cat-1"


def test_an_abandoned_contact_does_not_hide_an_answered_one(session):
    rows = [contact("ok", "cat", "05T07:00", "05T07:05"), *LOG]
    found = only_row(session, answer(customer_id="cat", invited="05T09:00"), rows=rows)
    assert (found["contact_id"], found["n_candidates"], found["next_gap_seconds"]) == ("ok", 1, None)


def test_one_key_only_where_the_plan_names_it(session):
    both = answer(contact_id="ann-1", customer_id="ann", invited="03T11:00")
    assert only_row(session, both, PairingPlan(by="customer_id"))["contact_id"] == "ann-2"
    by_customer_alone = answer(customer_id="ann", invited="03T11:00")
    assert only_row(session, by_customer_alone, PairingPlan(by="contact_id"))["reason"] == "no_key"


@pytest.mark.parametrize(
    ("keys", "row", "reason", "contact_id"),
    [
        (("contact_id", "customer_id"), {"contact_id": "zzz"}, "paired_window", "ann-2"),
        (("contact_id", "customer_id"), {"contact_id": "ann-1"}, "paired_contact_id", "ann-1"),
        (("contact_id", "customer_id"), {"contact_id": "survey-flow"}, "paired_contact_id", "ann-2"),
        (("customer_id", "contact_id"), {"contact_id": "ann-1"}, "paired_window", "ann-2"),
        (("leg_id", "case_id", "customer_id"), {"leg_id": "zzz", "case_id": "zzz"}, "paired_window", "ann-2"),
        (("leg_id", "case_id", "customer_id"), {"leg_id": "zzz", "case_id": "T"}, "answered_before_contact", None),
        (("leg_id", "case_id"), {"leg_id": "zzz"}, "unknown_leg", None),
        (("leg_id", "case_id"), {"leg_id": "zzz", "case_id": "zzz"}, "unknown_case", None),
        ("case_id", {"case_id": "T", "contact_id": "ann-1"}, "answered_before_contact", None),
        ("leg_id", {"contact_id": "ann-1"}, "no_key", None),
    ],
)
def test_what_one_key_does_not_know_goes_to_the_next_that_the_plan_names(session, keys, row, reason, contact_id):
    asked = answer(customer_id="ann", invited="03T11:00", **row)
    found = only_row(session, asked, PairingPlan(by=keys))
    assert (found["reason"], found["contact_id"]) == (reason, contact_id)


def test_keys_that_the_log_does_not_have_leave_the_choice_to_the_others(session):
    row = answer(leg_id="zzz", case_id="zzz", customer_id="ann", invited="03T11:00")
    contacts = log(session, LOG, (), "case_id", legs=None)
    assert pair(contacts, answers(session, [row])).to_arrow()["contact_id"].to_pylist() == ["ann-2"]
    alone = [answer("r1", leg_id="zzz"), answer("r2", case_id="zzz"), answer("r3", case_id="zzz", contact_id="ann-1")]
    found = pair(contacts, answers(session, alone)).to_arrow()["reason"].to_pylist()
    assert found == ["unknown_leg", "unknown_case", "paired_contact_id"]


def test_a_doubtful_case_tells_how_doubtful_it_is(session):
    found = only_row(session, answer(case_id="T", invited="08T12:00"))
    assert (found["n_candidates"], found["gap_seconds"], found["next_gap_seconds"]) == (3, 50 * 60, 50 * 60)
    early = only_row(session, answer(case_id="T", invited="08T10:30"))
    assert (early["n_candidates"], early["gap_seconds"], early["next_gap_seconds"]) == (1, 80 * 60, None)


def test_a_relationship_counts_what_was_lived(session):
    found = only_row(session, answer(customer_id="gus", invited="09T12:00", survey_level="relationship"))
    assert (found["n_candidates"], found["gap_seconds"], found["survey_level"]) == (4, None, "relationship")
    short = PairingPlan(exposure="25h")
    found = only_row(session, answer(customer_id="gus", invited="09T11:30", survey_level="relationship"), short)
    assert found["n_candidates"] == 2


def test_a_transferred_contact_tells_which_leg_an_answer_speaks_of(session):
    rows = [answer("by leg", leg_id="ann-2b"), answer("by contact", contact_id="ann-2", respondent_role="companion")]
    paired = pair(log(session), answers(session, rows))
    assert paired.to_arrow()["leg_id"].to_pylist() == ["ann-2b", None]
    legs = paired.leg_pairs().to_arrow().to_pylist()
    told = ("response_id", "place", "n_legs", "leg_id", "agent_id", "queue", "is_meant", "csat")
    assert [tuple(row[name] for name in told) for row in legs] == [
        ("by leg", 1, 3, "ann-2", "ivo", "front", False, 4.0),
        ("by leg", 2, 3, "ann-2b", "jan", "back", True, 4.0),
        ("by leg", 3, 3, "ann-2c", None, None, False, 4.0),
        ("by contact", 1, 3, "ann-2", "ivo", "front", None, 4.0),
        ("by contact", 2, 3, "ann-2b", "jan", "back", None, 4.0),
        ("by contact", 3, 3, "ann-2c", None, None, None, 4.0),
    ]


def test_a_log_without_legs_has_no_pairs_of_legs(session):
    paired = pair(log(session, legs=None), answers(session, [answer(contact_id="ann-1")]))
    with pytest.raises(UsageError, match="one row per contact and no legs"):
        paired.leg_pairs()


def test_the_view_without_doubt_keeps_the_books(session):
    rows = [
        answer("doubtful", customer_id="ann", invited="03T11:00"),
        answer("clear", customer_id="bob", invited="05T13:00"),
        answer("named", contact_id="ann-1"),
        answer("case", case_id="T", invited="08T12:00"),
        answer("relationship", customer_id="gus", invited="09T12:00", survey_level="relationship"),
    ]
    paired = pair(log(session), answers(session, rows))
    clear = paired.unambiguous()
    found = {row["response_id"]: (row["reason"], row["contact_id"]) for row in clear.to_arrow().to_pylist()}
    assert found == {
        "doubtful": ("doubtful_link", None),
        "clear": ("paired_window", "bob-1"),
        "named": ("paired_contact_id", "ann-1"),
        "case": ("doubtful_link", None),
        "relationship": ("paired_exposure", None),
    }
    assert (paired.n_pairs, clear.n_pairs, clear.n_exposures) == (4, 2, 1)
    assert clear.books.n("contacts", "no_response") == len(LOG) - 2
    aside = session.collect(clear.set_aside).to_pylist()
    assert sorted((row["reason"], row["original"]) for row in aside) == [
        ("doubtful_link", "case"), ("doubtful_link", "doubtful"),
    ]  # fmt: skip


def test_a_contact_reached_by_several_keys_counts_by_the_most_exact(session):
    rows = [
        answer("leg", leg_id="ann-2b", respondent_role="agent"),
        answer("contact", contact_id="ann-2", respondent_role="evaluator"),
        answer("window", customer_id="ann", invited="03T11:00"),
    ]
    paired = pair(log(session), answers(session, rows))
    assert paired.n_pairs == 3
    assert [paired.books.n("contacts", reason) for reason in PAIRED] == [1, 0, 0, 0]


def test_shorthands_replace_what_the_plan_says(session):
    rows = answers(session, [answer(customer_id="ann", invited="03T11:00")])
    paired = pair(log(session), rows, PairingPlan(by="contact_id"), by="customer_id", within="1h")
    assert paired.plan == PairingPlan(by="customer_id", within="1h")
    assert paired.n_pairs == 1
    assert pair(log(session), rows, within="30min").n_pairs == 0


RIVALS = [
    answer("late", "03T12:00", contact_id="ann-2"),
    answer("again", "03T11:00", "03T15:00", contact_id="ann-2"),
    answer("first", "03T11:00", "03T14:00", customer_id="ann"),
    answer("unknown time", contact_id="ann-2"),
    answer("companion", "04T12:00", contact_id="ann-2", respondent_role="companion"),
    answer("bad score", "03T10:30", contact_id="ann-2", score_status="score_missing"),
]


def test_the_first_answer_of_a_role_is_kept(session):
    found = {row["response_id"]: row for row in pair(log(session), answers(session, RIVALS)).to_arrow().to_pylist()}
    assert {name: row["reason"] for name, row in found.items()} == {
        "late": "duplicate_response",
        "again": "duplicate_response",
        "first": "paired_window",
        "unknown time": "duplicate_response",
        "companion": "paired_contact_id",
        "bad score": "score_missing",
    }
    assert found["late"]["contact_id"] is None
    assert found["late"]["gap_seconds"] is None


def test_duplicates_pair_where_the_plan_says_so(session):
    paired = pair(log(session), answers(session, RIVALS), PairingPlan(one_per_contact=False))
    assert paired.n_pairs == 5
    assert paired.books.n("contacts", "paired_contact_id") == 1  # one contact, and the contact id counts
    assert paired.books.n("contacts", "paired_window") == 0


def test_an_answer_is_kept_by_its_id_where_all_times_are_equal(session):
    rows = [answer(name, "03T11:00", contact_id="ann-2") for name in ("b", "a", "c")]
    assert session.collect(pair(log(session), answers(session, rows)).pairs)["response_id"].to_pylist() == ["a"]


def test_the_books_count_rows_and_cells_apart(session):
    contacts = log(
        session,
        LOG,
        [
            {"stage": "contacts", "column": None, "reason": "duplicate_contact", "original": "ann-1"},
            {"stage": "contacts", "column": "talk_seconds", "reason": "negative_duration", "original": "-3"},
            {"stage": "contacts", "column": "wait_seconds", "reason": "negative_duration", "original": "-1"},
        ],
    )
    surveys = answers(
        session,
        [answer("r1", contact_id="ann-1"), answer("r2", customer_id="dan", invited="06T09:00"), answer("r3")],
        [{"stage": "surveys", "column": None, "reason": "empty_row", "original": None}],
    )
    paired = pair(contacts, surveys)
    assert [tuple(row) for row in paired.audit.itertuples(index=False)] == [
        ("legs", "in_contact", len(LEGS)),
        ("contacts", "paired_contact_id", 1),
        ("contacts", "paired_window", 1),
        ("contacts", "no_response", len(LOG) - 2),
        ("contacts", "duplicate_contact", 1),
        ("responses", "paired_contact_id", 1),
        ("responses", "paired_window", 1),
        ("responses", "empty_row", 1),
        ("responses", "no_key", 1),
        ("contact_cells", "negative_duration", 2),
    ]
    assert [tuple(row) for row in paired.cells.itertuples(index=False)] == [
        ("contact_cells", "talk_seconds", "negative_duration", 1),
        ("contact_cells", "wait_seconds", "negative_duration", 1),
    ]
    aside = session.collect(paired.set_aside).to_pylist()
    assert len(aside) == 5
    unpaired = {"stage": "pairing", "column": None, "reason": "no_key", "original": "r3"}
    assert {**unpaired, "source_file": "frame", "source_row": 3} in aside


def test_books_that_do_not_balance_are_our_fault_and_say_so(session):
    with pytest.raises(BooksError, match=f"Of {len(LOG) + 1} contacts read, {len(LOG)} ended") as caught:
        pair(log(session, n_read=len(LOG) + 1), answers(session, [answer(contact_id="ann-1")]))
    assert caught.value.problems == ("paired_contact_id: 1", f"no_response: {len(LOG) - 1}")


def test_nothing_paired_still_tells_why(session):
    paired = pair(log(session), answers(session, [answer(contact_id="zzz"), answer("s")]))
    assert paired.n_pairs == 0
    assert session.collect(paired.pairs).num_rows == 0
    assert paired.summary().splitlines() == [
        "0 of 2 responses paired with a contact (0.0%)",
        "responses:",
        "  no_key                               1",
        "  unknown_contact                      1",
        "contacts:",
        "  no_response                         16",
        "legs:",
        "  in_contact                           4",
    ]


def test_rows_come_in_the_order_of_the_survey_file_with_typed_columns(session):
    rows = [answer(name, contact_id="ann-1") for name in ("z", "a", "m")]
    table = pair(log(session), answers(session, rows)).to_arrow()
    assert table["response_id"].to_pylist() == ["z", "a", "m"]
    assert table.schema.names == [
        "response_file", "response_row", "response_id", "reason", "contact_id", "leg_id", "started_at", "n_candidates",
        "gap_seconds", "next_gap_seconds", "anchor_at", "anchor_is_day", "respondent_role", "survey_level", "csat",
        "nps", "ces", "customer_id",
    ]  # fmt: skip
    assert table.schema.field("nps").type == NUMBER
    assert table.schema.field("anchor_at").type == TIME
    assert table.schema.field("n_candidates").type == pa.int64()


def test_columns_that_a_source_lacks_are_unknown_not_wrong(session):
    contacts = log(session, LOG, (), "customer_id", "ended_at", "is_abandoned", "wait_seconds", "talk_seconds")
    surveys = answers(
        session,
        [answer("r1", contact_id="ann-1"), answer("r2")],
        (),
        *("customer_id", "invited_at", "invited_at_is_day", "answered_at", "answered_at_is_day"),
    )
    assert [row["reason"] for row in pair(contacts, surveys).to_arrow().to_pylist()] == ["paired_contact_id", "no_key"]


def test_relations_of_two_sessions_do_not_mix(session):
    with Session(threads=1) as other, pytest.raises(SessionMismatchError):
        pair(log(session), answers(other, [answer(contact_id="ann-1")]))


def test_a_pairing_shows_itself_and_its_books_cannot_be_changed(session):
    paired = pair(log(session), answers(session, [answer(contact_id="ann-1")]))
    assert repr(paired) == "Pairing(1 of 1 responses paired with a contact (100.0%))"
    assert "paired_contact_id" in paired._repr_html_()
    audit = paired.audit
    audit.loc[0, "n"] = 99
    assert paired.books.n("contacts") == len(LOG)


# 25 October 2026 lasts 25 hours in Berlin, 29 March 23: in UTC until 23:00 of the one, and until 22:00 of the other
@pytest.mark.parametrize(
    ("day", "started", "reasons"),
    [
        ("2026-10-25", "2026-10-25 23:30", ["paired_contact_id", "paired_window"]),
        ("2026-10-24", "2026-10-25 00:10", ["answered_before_contact"] * 2),
        ("2026-03-29", "2026-03-29 23:30", ["paired_contact_id", "paired_window"]),
        ("2026-03-29", "2026-03-30 00:10", ["answered_before_contact"] * 2),
    ],
)
def test_a_day_on_which_clocks_change_ends_at_its_midnight(session, day, started, reasons):
    call = {"contact_id": "a", "customer_id": "ann", "started_at": started, "talk_seconds": 60}
    by_id, by_customer = {"contact_id": "a", "answered_at": day}, {"customer_id": "ann", "answered_at": day}
    told = [{**own, "csat": 4, "respondent_role": role} for own, role in ((by_id, "customer"), (by_customer, "leader"))]
    zone = {"timezone": "Europe/Berlin", "session": session}
    paired = pair(read_contacts([call], **zone), read_surveys(told, **zone))
    assert paired.to_arrow()["reason"].to_pylist() == reasons


@pytest.mark.parametrize(
    ("answered", "chosen", "n"),
    [
        ("03T10:00", "first", 1),
        ("03T15:09:59", "first", 1),
        ("03T15:10", "second", 2),
        ("04T08:00", "second", 2),
        ("03T00:00", "second", 2),  # midnight sharp may be a day, too
        (None, "second", 2),
    ],
)
def test_nobody_who_was_invited_on_a_day_speaks_of_what_came_after_the_answer(session, answered, chosen, n):
    rows = [contact("first", "ann", "03T09:00", "03T09:10"), contact("second", "ann", "03T15:00", "03T15:10")]
    asked = answer(customer_id="ann", invited="03", answered=answered, day=True) | {"answered_at_is_day": False}
    found = only_row(session, asked, rows=rows)
    assert (found["contact_id"], found["n_candidates"]) == (chosen, n)
    before = answer(customer_id="ann", invited="03", answered="02T10:00", day=True) | {"answered_at_is_day": False}
    assert only_row(session, before, rows=rows)["contact_id"] == "second"  # a wrong clock does not say when it was
