"""Ordinary headings need no map; what could be two things is asked, never guessed."""

from __future__ import annotations

import pytest

from cxfusion.errors import ConfigError, InputError, MissingColumnError, NoScoreError
from cxfusion.tables.binding import bind
from cxfusion.tables.headings import read_heading
from cxfusion.tables.mapping import Map, table_map

# Header lines of real exports (Five9, Talkdesk, CXone), ambiguous twins left out.
FIVE9 = [
    "CALL ID", "TIMESTAMP", "CAMPAIGN", "AGENT NAME", "DISPOSITION", "ANI", "DNIS", "CALL TIME", "IVR TIME",
    "QUEUE WAIT TIME", "RING TIME", "TALK TIME", "HOLD TIME", "AFTER CALL WORK TIME", "TRANSFERS", "HOLDS", "ABANDONED",
]  # fmt: skip
CXONE = ["contactId", "contactStart", "skillName", "mediaTypeName", "preQueueSeconds", "inQueueSeconds", "holdSeconds",
         "ACWSeconds", "holdCount", "abandoned"]  # fmt: skip


def sources(section, found, given=None):
    return {b.name: b.how.column for b in bind(section, found, given or Map()).columns}


def test_five9_headings():
    assert sources("contacts", FIVE9) == {
        "contact_id": "CALL ID", "started_at": "TIMESTAMP", "customer_id": "ANI", "agent_id": "AGENT NAME",
        "wait_seconds": "QUEUE WAIT TIME", "ivr_seconds": "IVR TIME", "ring_seconds": "RING TIME",
        "talk_seconds": "TALK TIME", "hold_seconds": "HOLD TIME", "wrap_seconds": "AFTER CALL WORK TIME",
        "n_holds": "HOLDS", "n_transfers": "TRANSFERS", "is_abandoned": "ABANDONED",
    }  # fmt: skip


def test_camel_case_headings_with_units():
    bindings = bind("contacts", CXONE, Map())
    units = {b.name: b.how.unit for b in bindings.columns if b.kind == "duration"}
    assert units == {"wait_seconds": "s", "ivr_seconds": "s", "hold_seconds": "s", "wrap_seconds": "s"}
    assert sources("contacts", CXONE)["channel"] == "mediaTypeName"


@pytest.mark.parametrize(
    ("heading", "name", "scale"),
    [
        ("CSAT (1-5)", "csat", (1, 5)),
        ("Customer Satisfaction [1 to 7]", "csat", (1, 7)),
        ("NPS 0–10", "nps", (0, 10)),
        ("Satisfaction score (0-100)", "csat", (0, 100)),
        ("CSAT", "csat", None),
    ],
)
def test_a_scale_in_a_heading_is_the_scale_of_its_score_with_a_map_and_without(heading, name, scale):
    found = ["contact_id", heading]
    (named,) = [b for b in bind("surveys", found, Map()).columns if b.name == name]
    assert (named.how.column, named.how.scale) == (heading, scale)
    mapped = bind("surveys", found, table_map({name: heading}, "surveys")).columns
    assert [b.how.scale for b in mapped if b.name == name] == [scale]
    own = bind("surveys", found, table_map({name: {"column": heading, "scale": [1, 3]}}, "surveys")).columns
    assert [b.how.scale for b in own if b.name == name] == [(1, 3)]


def test_a_scale_in_a_heading_is_that_of_a_score_of_ones_own_too():
    given = table_map({"mood": {"column": "Mood (1-7)", "kind": "score"}}, "surveys")
    (mood,) = [b for b in bind("surveys", ["contact_id", "csat", "Mood (1-7)"], given).columns if b.name == "mood"]
    assert mood.how.scale == (1, 7)


@pytest.mark.parametrize("heading", ["CSAT 2025-10", "Q1-5", "Ease 1-2", "1-5"])
def test_what_looks_like_a_scale_and_is_none_is_left_alone(heading):
    assert read_heading(heading).scale is None


@pytest.mark.parametrize(
    ("heading", "name", "unit"),
    [
        ("Talk Time (s)", "talk_seconds", "s"),
        ("talk_secs", "talk_seconds", "s"),
        ("Hold (ms)", "hold_seconds", "ms"),
        ("Speed of answer in seconds", "wait_seconds", "s"),
        ("Wait time (min)", "wait_seconds", "min"),
        ("ACW (HH:MM:SS)", "wrap_seconds", "hh:mm:ss"),
        ("Ring Time", "ring_seconds", None),
        ("wait_seconds", "wait_seconds", None),
    ],
)
def test_units_at_the_end_of_a_heading(heading, name, unit):
    bound = {b.name: b for b in bind("contacts", ["contact_id", "started_at", heading], Map()).columns}
    assert (bound[name].how.column, bound[name].how.unit) == (heading, unit)


@pytest.mark.parametrize(
    ("name", "how", "unit"),
    [
        ("response_seconds", {"column": "First response (min)"}, "min"),
        ("response_seconds", {"column": "first response (MIN)"}, "min"),
        ("response_seconds", {"column": "First response (min)", "unit": "h"}, "h"),
        ("reply", {"column": "replyMs", "kind": "duration"}, "ms"),
        ("reply_min", {"column": "reply_min", "kind": "duration"}, "min"),
        ("reply_seconds", {"column": "reply_seconds"}, None),
        ("response_minutes", {"column": "First response (min)", "kind": "number"}, None),
    ],
)
def test_the_unit_of_a_heading_is_that_of_a_duration_of_ones_own_too(name, how, unit):
    found = ["contact_id", "started_at", "First response (min)", "replyMs", "reply_min", "reply_seconds"]
    bound = {b.name: b for b in bind("contacts", found, table_map({name: how}, "contacts")).columns}
    assert bound[name].how.unit == unit


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("CSAT Score", "csat"), ("Likelihood to recommend", "nps"), ("Customer Effort Score", "ces"),
        ("Response Date", "answered_at"), ("Survey_sent_at", "invited_at"), ("Issue resolved?", "is_resolved_reported"),
    ],
)  # fmt: skip
def test_survey_headings(heading, name):
    found = ["Interaction ID", heading] + (["NPS"] if name != "nps" else [])
    assert sources("surveys", found)[name] == heading


def test_the_exact_name_wins_over_a_usual_heading():
    assert (
        sources("contacts", ["Call ID", "contact_id", "started_at", "Agent Name", "Agent ID"])["agent_id"] == "Agent ID"
    )
    assert sources("contacts", ["Contact ID", "contact_id", "started_at"])["contact_id"] == "contact_id"


def test_two_columns_for_one_name_are_asked_with_the_deciding_line():
    with pytest.raises(ConfigError) as caught:
        bind("contacts", ["Call ID", "Interaction ID", "Start Time", "Queue Name", "Skill"], Map())
    assert caught.value.problems == (
        "'Call ID' and 'Interaction ID' could each be contact_id; decide with the line  contact_id = \"Call ID\"",
        "'Queue Name' and 'Skill' could each be queue; decide with the line  queue = \"Queue Name\"",
    )


def test_a_slip_of_one_letter_is_taken_and_noted():
    bindings = bind("contacts", ["Contct_ID", "started_at", "channells"], Map())
    assert {b.name: b.how.column for b in bindings.columns}["contact_id"] == "Contct_ID"
    assert any("'Contct_ID' was taken for contact_id" in note for note in bindings.notes)


@pytest.mark.parametrize(
    "heading", ["season", "duration", "cause_id", "holidays", "waited for nothing", "first_agency"]
)
def test_words_that_only_resemble_stay_attributes(heading):
    bindings = bind("contacts", ["contact_id", "started_at", heading], Map())
    assert [b.name for b in bindings.columns] == ["contact_id", "started_at"]
    assert list(bindings.attributes.values()) == [heading]


def test_what_is_missing_is_listed_once_with_nearest_and_line():
    with pytest.raises(MissingColumnError) as caught:
        bind("contacts", ["Cal ID", "Begin"], table_map({"queue": "Qeue"}, "contacts"))
    assert "Columns found: Cal ID, Begin" in str(caught.value)
    first, second, third = caught.value.problems
    assert first.startswith("queue = 'Qeue' of the map: no such column")
    assert "nearest: Cal ID" in second and 'contact_id = "Cal ID"' in second  # noqa: PT018  one sentence
    assert third.startswith("started_at was not found")


def test_no_score_and_no_key():
    with pytest.raises(NoScoreError):
        bind("surveys", ["Call ID", "comment"], Map())
    with pytest.raises(MissingColumnError) as caught:
        bind("surveys", ["comment"], Map())
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["no key was found", "no score was found"]


def test_own_columns_take_their_kind_from_map_name_or_lever():
    given = table_map(
        {
            "contacts": {
                "columns": {
                    "response_seconds": {"from": "a", "to": "b"},
                    "is_vip": "v",
                    "loyalty": {"column": "l", "kind": "number"},
                    "tries": "t",
                    "plan": "p",
                }
            },
            "levers": {"tries": {}, "pressure": {}},
        },
        "contacts",
    )
    found = ["contact_id", "started_at", "a", "b", "v", "l", "t", "p", "Pressure", "z"]
    bindings = bind("contacts", found, given)
    assert {b.name: b.kind for b in bindings.columns[2:]} == {
        "response_seconds": "duration", "is_vip": "flag", "loyalty": "number", "tries": "number", "plan": "text",
        "pressure": "number",
    }  # fmt: skip
    assert dict(bindings.attributes) == {"z": "z"}


@pytest.mark.parametrize(
    ("own", "nearest"),
    [("wait_second", "wait_seconds"), ("n_hold", "n_holds"), ("Qeue", "queue"), ("talk_time", None), ("team", None)],
)
def test_a_slip_in_a_name_of_the_map_is_noted(own, nearest):
    found = ["contact_id", "started_at", "X"]
    notes = bind("contacts", found, table_map({own: "X"}, "contacts")).notes
    told = f"the map's column {own!r} was read as one of its own: nearest of the contacts is {nearest}"
    assert list(notes) == ([told] if nearest else [])


def test_a_source_column_may_feed_two_columns():
    given = table_map({"reason": "Topic", "queue": "Topic"}, "contacts")
    bound = sources("contacts", ["contact_id", "started_at", "Topic"], given)
    assert (bound["reason"], bound["queue"]) == ("Topic", "Topic")


def test_map_entries_that_do_not_suit_their_column_are_told_together():
    given = table_map(
        {
            "queue": {"column": "q", "unit": "s"},
            "talk_seconds": {"column": "q", "scale": [1, 5]},
            "started_at": {"from": "q", "to": "q"},
            "score_status": "q",
            "QUEUE": "q",
            "mood": {"column": "q", "kind": "score"},
        },
        "contacts",
    )
    with pytest.raises(ConfigError) as caught:
        bind("contacts", ["contact_id", "q"], given)
    told = "\n".join(caught.value.problems)
    for expected in ("`unit` does not apply", "`scale` does not apply", "`from` does not apply",
                     "score_status is a name",
                     "queue is a name that is taken", "mood is a score of no usual scale"):  # fmt: skip
        assert expected in told


def test_attributes_get_free_snake_case_names():
    given = table_map({"reason": "Topic"}, "contacts")
    found = ["contact_id", "started_at", "Topic", "Reason ", "Reason!", "Tenure Bucket"]
    assert dict(bind("contacts", found, given).attributes) == {
        "reason_2": "Reason ",
        "reason_3": "Reason!",
        "tenure_bucket": "Tenure Bucket",
    }


def test_attributes_may_be_chosen():
    given = table_map({"attributes": ["plan"]}, "contacts")
    assert dict(bind("contacts", ["contact_id", "started_at", "plan", "x"], given).attributes) == {"plan": "plan"}
    with pytest.raises(MissingColumnError, match="plan"):
        bind("contacts", ["contact_id", "started_at", "plam"], given)


def test_a_column_under_a_name_of_ours_is_refused():
    with pytest.raises(InputError, match="source_file"):
        bind("contacts", ["contact_id", "started_at", "source_file", "source_file_1", "source_row"], Map())
