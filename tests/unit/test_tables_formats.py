"""How times are written is decided from the whole column; what the data do not decide is asked."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pytest

from cxfusion.engine import Session
from cxfusion.errors import InputError
from cxfusion.tables.read import read_contacts, read_surveys

WHEN = datetime(2023, 8, 26, 18, 39)


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


def times(session, cells, **how):
    """Times, day marks and reasons of one column, read as the answers' times of a survey."""
    cells = pa.array(cells) if not isinstance(cells, pa.Array) else cells
    data = pa.table({"contact_id": [str(i) for i in range(len(cells))], "csat": [5] * len(cells), "answered_at": cells})
    surveys = read_surveys(data, session=session, **how)
    rows = surveys.to_arrow().to_pylist()
    bad = {row["source_row"]: row["reason"] for row in session.collect(surveys.set_aside).to_pylist()}
    assert set(bad.values()) <= {"unreadable_time"}
    return [row["answered_at"] for row in rows], [row["answered_at_is_day"] for row in rows], sorted(bad)


@pytest.mark.parametrize(
    "cell",
    [
        "2023-08-26 18:39", "2023-08-26T18:39:00", "2023-08-26T18:39:00.000", "2023-08-26T18:39Z",
        "2023-08-26 18:39:00 UTC",
        "2023-08-27T00:09:00+05:30", "2023-08-27 00:09+0530", "2023-08-26 13:39:00-05", "2023/08/26 18:39",
        "26/08/2023 18:39", "26/08/2023 18:39:00", "26/08/2023 6:39 PM", "8/26/2023 6:39:00 pm", "08/26/23 18:39",
        "26.08.2023 18:39", "26-08-2023 18:39", "26-Aug-23 18:39", "26 August 2023, 18:39", "26-Aug-2023 06:39:00 PM",
        "Aug 26, 2023 6:39PM", "Sat, 26 Aug 2023 18:39:00", "Saturday, August 26, 2023 6:39 PM", "20230826 18:39",
        "1693075140", "1693075140000", "1693075140.0",
    ],
)  # fmt: skip
def test_known_forms_are_one_moment(session, cell):
    assert times(session, [cell]) == ([WHEN], [False], [])


@pytest.mark.parametrize("cell", ["2023-08-26", "26/08/2023", "26-Aug-23", "8/26/2023", "26 Aug 2023", "20230826"])
def test_dates_without_a_time_are_days(session, cell):
    assert times(session, [cell]) == ([datetime(2023, 8, 26)], [True], [])


def test_midnight_is_no_day_where_it_is_written(session):
    found = times(session, ["26/08/2023 00:00", "27/08/2023", "28/08/2023 10:00"])
    assert found[1] == [False, True, False]


def test_one_form_per_column_and_what_does_not_fit_is_named(session):
    values, _, bad = times(
        session, ["26/08/2023 18:39", "2023-08-26 18:39", "25/08/2023 10:00", "soon", "", "31/02/2023 10:00"]
    )
    assert values == [WHEN, None, datetime(2023, 8, 25, 10), None, None, None]
    assert bad == [2, 4, 6]


def test_forms_that_begin_late_in_the_column_are_seen(session):
    cells = ["2023-08-26 18:39"] * 2 + ["26/08/2023 18:39"] * 400
    values, _, bad = times(session, cells)
    assert bad == [1, 2]
    assert values[2:] == [WHEN] * 400


def test_day_and_month_are_asked_where_no_cell_tells(session):
    with pytest.raises(InputError) as caught:
        times(session, ["03/04/2026 10:00", "05/06/2026 11:00"])
    for expected in ("'answered_at'", "'03/04/2026 10:00'", "'05/06/2026 11:00'", "datetime_format"):
        assert expected in str(caught.value)


def test_one_telling_cell_settles_day_and_month(session):
    assert times(session, ["03/04/2026 10:00", "25/06/2026 11:00"])[0][0] == datetime(2026, 4, 3, 10)
    assert times(session, ["03/04/2026 10:00", "06/25/2026 11:00"])[0][0] == datetime(2026, 3, 4, 10)


def test_a_column_with_both_orders_is_asked(session):
    with pytest.raises(InputError, match="datetime_format"):
        times(session, ["25/06/2026 10:00", "06/25/2026 11:00", "03/04/2026 12:00"])


def test_days_that_are_the_same_either_way_need_no_answer(session):
    assert times(session, ["03/03/2026", "05/05/2026"])[0] == [datetime(2026, 3, 3), datetime(2026, 5, 5)]


def test_a_given_format_decides_and_a_column_it_fits_nowhere_is_read_as_usual(session):
    data = [{"contact_id": 1, "started_at": "03/04/2026 10:00", "ended_at": "04-Mar-26 10:05"}]
    contacts = read_contacts(data, map={"datetime_format": "%m/%d/%Y %H:%M"}, session=session)
    row = contacts.to_arrow().to_pylist()[0]
    assert (row["started_at"], row["ended_at"]) == (datetime(2026, 3, 4, 10), datetime(2026, 3, 4, 10, 5))


def test_the_order_of_a_given_format_settles_other_columns(session):
    data = [{"contact_id": 1, "started_at": "03/04/2026 10:00", "ended_at": "03/04/2026"}]
    contacts = read_contacts(data, map={"datetime_format": "%m/%d/%Y %H:%M"}, session=session)
    assert contacts.to_arrow()["ended_at"].to_pylist() == [datetime(2026, 3, 4)]


def test_given_formats_with_an_offset_are_instants(session):
    found = times(
        session, ["260823 1839 +0530"], map={"datetime_format": "%d%m%y %H%M %z"}, timezone="America/New_York"
    )
    assert found == ([datetime(2023, 8, 26, 13, 9)], [False], [])


def test_offsets_are_not_shifted_again_and_local_times_are(session):
    cells = ["2023-08-26T18:39:00Z", "2023-08-26 18:39"]
    assert times(session, cells, timezone="Asia/Kolkata")[0] == [WHEN, datetime(2023, 8, 26, 13, 9)]
    zoned = pa.array([WHEN], pa.timestamp("ms", "America/New_York"))  # Arrow keeps the instant in UTC
    assert times(session, zoned, timezone="Asia/Kolkata")[0] == [WHEN]
    naive = pa.array([WHEN], pa.timestamp("ns"))
    assert times(session, naive, timezone="Asia/Kolkata")[0] == [datetime(2023, 8, 26, 13, 9)]


def test_days_begin_at_local_midnight(session):
    assert times(session, ["26-Aug-23"], timezone="Asia/Kolkata")[0] == [datetime(2023, 8, 25, 18, 30)]


@pytest.mark.parametrize(("number", "kind"), [(1693075140, pa.int64()), (1693075140000.0, pa.float64())])
def test_native_numbers_are_seconds_or_milliseconds(session, number, kind):
    assert times(session, pa.array([number, 42], kind)) == ([WHEN, None], [False, False], [2])


def test_a_format_that_is_given_holds_for_numbers_too(session):
    own = {"columns": {"answered_at": {"column": "answered_at", "format": "%Y%m%d"}}}
    for cells in (pa.array([20230826, None]), pa.array([20230826.0, None])):  # a gap makes floats of whole numbers
        for spec in ({"datetime_format": "%Y%m%d"}, own):
            assert times(session, cells, map=spec) == ([datetime(2023, 8, 26), None], [True, False], [])
    clock = pa.array([230826183900], pa.int64())
    assert times(session, clock, map={"datetime_format": "%y%m%d%H%M%S"}, timezone="Asia/Kolkata")[0] == [
        datetime(2023, 8, 26, 13, 9)
    ]
    both = pa.array([20230826, 1693075140], pa.int64())  # what no format that is given reads, has a reason
    assert times(session, both, map={"datetime_format": "%Y%m%d"})[2] == [2]


def test_a_day_and_its_time_in_twelve_digits_are_no_milliseconds(session):
    # as milliseconds since 1970 they would all lie in one minute of June 1976
    for cells in (["202308261839"], pa.array([202308261839], pa.int64())):
        assert times(session, cells) == ([None], [False], [1])
        assert times(session, cells, map={"datetime_format": "%Y%m%d%H%M"}) == ([WHEN], [False], [])


def test_fill_in_times_are_unreadable(session):
    cells = pa.array([datetime(1900, 1, 1), datetime(2023, 8, 26, 18), datetime(9999, 12, 31)], pa.timestamp("us"))
    assert times(session, cells) == ([None, datetime(2023, 8, 26, 18), None], [False] * 3, [1, 3])
    assert times(session, ["1900-01-01 00:00", "2023-08-26 18:39"])[2] == [1]


def test_the_zone_is_noted_where_none_was_given(session):
    data = [{"contact_id": 1, "started_at": "2026-03-04 10:00"}]
    assert any("read as UTC" in note for note in read_contacts(data, session=session).notes)
    assert not read_contacts(data, timezone="UTC", session=session).notes
    data = [{"contact_id": 1, "started_at": "2026-03-04T10:00:00Z"}]
    assert not read_contacts(data, session=session).notes
    assert read_contacts(data, map={"timezone": "Asia/Kolkata"}, session=session).timezone == "Asia/Kolkata"
