"""A proposed map: what is guessed from cells is in it with its reason, and can be used as it is; no more is guessed."""

from __future__ import annotations

import pytest

import cxfusion as cx
from cxfusion.tables.mapping import load_map
from cxfusion.tables.proposal import propose_map


@pytest.fixture
def propose(tmp_path):
    """The proposal for rows as CSV, its map, and the file."""

    def proposed(header, *rows, section=None):
        path = tmp_path / "file.csv"
        path.write_text("\n".join([header, *rows]) + "\n")
        with cx.Session(threads=1) as session:
            proposal = propose_map(str(path), session, section)
        (tmp_path / "map.toml").write_text(proposal.toml)
        return proposal, load_map(tmp_path / "map.toml"), path

    return proposed


def calls(header, *cells):
    return header, *(f"c{i},2026-03-02 10:00:0{i},{cell}" for i, cell in enumerate(cells))


def test_milliseconds_are_seen_by_their_size(propose):
    header = "Call ID,Start Time,Talk Time,Hold Time,Wait Time"
    proposal, given, path = propose(*calls(header, "240000,0,9000", "180000,20000,31000", "95000,30000,00:00:40"))
    columns = given.table("contacts").columns
    assert (columns["talk_seconds"].unit, columns["hold_seconds"].unit, columns["wait_seconds"].unit) == (
        "ms", "ms", None)  # fmt: skip
    assert "# Doubtful: talk_seconds: half of talk_seconds or more would be 10,000 s or longer" in proposal.toml
    assert proposal.to_decide == ()
    contacts = cx.read_contacts(path, map=given)
    assert sorted(contacts.to_arrow()["talk_seconds"].to_pylist()) == [95, 180, 240]


def test_minutes_are_seen_by_the_talk(propose):
    proposal, given, _ = propose(*calls("Call ID,Start Time,Talk Time,Hold Time", "4.5,0", "3.2,1", "7,0"))
    columns = given.table("contacts").columns
    assert (columns["talk_seconds"].unit, columns["hold_seconds"].unit) == ("min", None)
    assert "are other durations minutes too?" in proposal.toml


def test_seconds_and_units_that_are_told_raise_no_doubt(propose):
    header = "Call ID,Start Time,Talk Time,Hold (ms),Wrap (min)"
    proposal, given, _ = propose(*calls(header, "240,20000,1", "95,30000,2", "12000,0,1"))
    assert "Doubtful" not in proposal.toml
    units = {name: how.unit for name, how in given.table("contacts").columns.items()}
    assert (units["talk_seconds"], units["hold_seconds"], units["wrap_seconds"]) == (None, "ms", "min")


def test_a_scale_that_a_heading_tells_stands_in_the_map(propose):
    _, given, path = propose("Contact ID,Satisfaction (1-7)", "c1,6", "c2,7", section="surveys")
    assert given.table("surveys").columns["csat"].scale == (1, 7)
    assert cx.read_surveys(path, map=given).scales["csat"].high == 7


def test_usual_words_get_their_places(propose):
    rows = ["1,Very satisfied", "2,satisfied", "3,Neither satisfied nor dissatisfied", "4,Very Dissatisfied", "5,"]
    proposal, given, path = propose("Call ID,Customer Satisfaction", *rows)
    answers = given.table("surveys").columns["csat"].answers
    assert answers == {"Very satisfied": 5, "satisfied": 4, "Neither satisfied nor dissatisfied": 3,
                       "Very Dissatisfied": 1}  # fmt: skip
    assert "# Doubtful: csat: which word counts what is a guess" in proposal.toml
    surveys = cx.read_surveys(path, map=given)
    assert surveys.to_arrow().sort_by("contact_id")["csat"].to_pylist() == [5, 4, 3, 1, None]


def test_an_effort_in_five_words_is_not_on_seven(propose):
    _, given, _ = propose("Call ID,Customer Effort", "1,Very easy", "2,Difficult", "3,Neutral")
    how = given.table("surveys").columns["ces"]
    assert (how.scale, how.answers["Difficult"]) == ((1, 5), 2)


def test_other_words_are_to_decide(propose):
    proposal, given, _ = propose("Call ID,CSAT", "1,Top", "2,Flop", "3,5")
    (problem,) = proposal.to_decide
    assert 'answers = { "Flop" = …, "Top" = … }' in problem
    assert "# To decide: 'CSAT' holds words" in proposal.toml
    assert given.table("surveys").columns["csat"].answers == {}


def test_a_day_and_its_time_apart_are_put_together(propose):
    rows = ["A,25/03/2026,14:05,120", "B,26/03/2026,09:30,80"]
    proposal, given, path = propose("Call ID,Call Date,Call Time,Talk Time", *rows)
    how = given.table("contacts").columns["started_at"]
    assert (how.date, how.time) == ("Call Date", ("Call Time",))
    assert '# Doubtful: "Call Date" and "Call Time" were taken for the start' in proposal.toml
    started = cx.read_contacts(path, map=given).to_arrow().sort_by("contact_id")["started_at"].to_pylist()
    assert [time.isoformat(" ") for time in started] == ["2026-03-25 14:05:00", "2026-03-26 09:30:00"]


def test_a_time_of_day_under_the_heading_of_a_start_needs_its_day(propose):
    _, given, path = propose("Call ID,Start Date,Start Time,Talk Time", "A,25/03/2026,2:05 PM,120")
    assert given.table("contacts").columns["started_at"].date == "Start Date"
    (started,) = cx.read_contacts(path, map=given).to_arrow()["started_at"].to_pylist()
    assert started.isoformat(" ") == "2026-03-25 14:05:00"


def test_a_duration_beside_a_date_is_no_time_of_day(propose):
    proposal, _, _ = propose("Call ID,Date,Call Time", "A,25/03/2026,340", "B,26/03/2026,15")
    assert "date =" not in proposal.toml
    assert any("started_at" in problem for problem in proposal.to_decide)


def test_a_vendors_export_is_known_by_its_headings(propose):
    header = ("CALL ID,TIMESTAMP,CAMPAIGN,CALL TYPE,AGENT,DISPOSITION,ANI,IVR TIME,QUEUE WAIT TIME,RING TIME,TALK TIME,"
              "HOLD TIME,AFTER CALL WORK TIME,HANDLE TIME,TRANSFERS,HOLDS,SKILL")  # fmt: skip
    proposal, _, _ = propose(header, '1,"Thu, 27 Oct 2016 14:51:34",c,Inbound,a,x,5,,,,,,,,,,')
    assert '# Perhaps: source = "five9_call_log" knows the columns of such exports' in proposal.toml
    plain, _, _ = propose(*calls("Call ID,Start Time,Talk Time", "240"))
    assert "Perhaps" not in plain.toml


def test_a_survey_of_a_vendor_is_no_log_though_its_score_is_to_be_named(propose):
    header = "StartDate,EndDate,Status,Progress,Finished,RecordedDate,ResponseId,ExternalReference,Q1"
    proposal, _, _ = propose(header, "2026-03-02 10:00:00,2026-03-02 10:05:00,0,100,1,2026-03-02 10:05:01,R_1,c1,9")
    assert "[surveys]" in proposal.toml
    assert "[contacts]" not in proposal.toml
    assert '# Perhaps: source = "qualtrics" knows the columns of such exports' in proposal.toml


def test_a_proposal_for_a_database_tells_no_password(tmp_path):
    import duckdb

    with duckdb.connect(str(tmp_path / "log.duckdb")) as connection:
        connection.execute("CREATE TABLE calls AS SELECT 1 AS call_id, TIMESTAMP '2026-03-02' AS start_time")
    with cx.Session(threads=1) as session:
        proposal = propose_map(f"duckdb://{tmp_path}/log.duckdb/calls?password=7up", session)
    assert "7up" not in proposal.toml
    assert f'path = "duckdb://{tmp_path}/log.duckdb/calls' in proposal.toml
