"""What the days and queues of a trial tell: what of the calendar is held equal, and what was assigned as a whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxfusion.evidence.timetable import Timetable

N_DAYS, N_QUEUES = 84, 6


def timetable(arm_of, *, n_queues=N_QUEUES, per_cell=20, has_places=True):
    """A queue's day has as many answers in each arm as ``arm_of(queue, day)`` gives as the share of arm 1."""
    rows = []
    for queue in range(n_queues):
        for day in range(N_DAYS):
            n = round(per_cell * arm_of(queue, day))
            rows += [(queue, 20_517 + day, arm, count) for arm, count in ((0, per_cell - n), (1, n)) if count]
    return Timetable(pd.DataFrame(rows, columns=["place", "day", "arm", "n"]), has_places)


COIN = np.random.default_rng(0).random((N_QUEUES, N_DAYS)) < 0.5
WEEKS = np.random.default_rng(1).permutation(np.arange(12) % 2)

DESIGNS = {
    "contact by contact": (lambda queue, day: 0.5, 1, None),
    "by queue": (lambda queue, day: queue % 2, 1, N_QUEUES),
    "rolled out queue by queue": (lambda queue, day: day >= 12 * queue + 6, 1, N_QUEUES),
    "rolled out at noon": (lambda queue, day: min(max(day - 12 * queue - 5.5, 0), 1), 1, N_QUEUES),
    "two queues first, then all": (lambda queue, day: day >= (14 if queue < 2 else 60), 1, N_QUEUES),
    "more and more contacts": (lambda queue, day: day / N_DAYS, 1, None),
    "all by days": (lambda queue, day: COIN[0, day], 7, N_DAYS),
    "every other day": (lambda queue, day: day % 2, 7, N_DAYS),
    "all by weeks": (lambda queue, day: WEEKS[day // 7], 0, 12),
    "each queue by days": (lambda queue, day: COIN[queue, day], 1, N_QUEUES * N_DAYS),
    "each queue by weeks": (lambda queue, day: WEEKS[(day // 7 + 2 * queue) % 12], 1, 12 * N_QUEUES),
    "one queue by days": (lambda queue, day: queue == 0 and day % 2, 1, N_QUEUES * N_DAYS),
    "on and off again": (lambda queue, day: 30 <= day < 50, 0, 3),
}


@pytest.mark.parametrize(("arm_of", "length", "n_units"), DESIGNS.values(), ids=DESIGNS.keys())
def test_a_design_tells_what_is_held_equal_and_what_its_units_are(arm_of, length, n_units):
    found = timetable(arm_of)
    assert found.calendar.length == length
    assert (found.units and found.units.n) == n_units
    assert not found.is_in_turn


def test_few_answers_are_compared_within_weeks():
    """To hold 84 days equal would spend one answer of eight."""
    found = timetable(lambda queue, day: 0.5, n_queues=1, per_cell=8)
    assert found.calendar.length == 7


@pytest.mark.parametrize("since", [40, 40.5, "40 to 45"])
def test_one_arm_for_all_and_then_the_other_are_in_turn(since):
    def arm_of(queue, day):
        return day >= 40 + queue if since == "40 to 45" else min(max(day + 1 - since, 0), 1)

    found = timetable(arm_of)
    assert found.is_in_turn
    assert found.units.n == 1


def test_units_are_found_again_by_queue_and_day():
    found = timetable(lambda queue, day: WEEKS[(day // 7 + queue) % 12])
    units = found.units
    assert units.n == units.of.max() + 1 == 12 * N_QUEUES
    for queue in range(N_QUEUES):
        assert len(set(units.of[queue])) == 12
    assert not set(units.of[0]) & set(units.of[1])
    assert units.fewest == units.n / 2


@pytest.mark.parametrize(
    ("design", "spent"),
    [
        ("by queue", 0),
        ("rolled out queue by queue", 0),
        ("all by days", 11 + 3),
        ("all by weeks", 3),
        ("each queue by days", N_DAYS - 1),
        ("each queue by weeks", 11),
    ],
)
def test_units_with_days_of_their_own_pay_for_what_is_held_equal(design, spent):
    found = timetable(DESIGNS[design][0])
    assert found.spent_on(found.units) == spent


def test_the_calendar_gives_weeks_from_the_first_day_or_a_curve_that_bends():
    day = np.arange(20_517, 20_517 + N_DAYS)
    weeks = timetable(lambda queue, day: COIN[0, day]).calendar
    assert weeks.periods(day).tolist() == [k // 7 for k in range(N_DAYS)]
    assert (weeks.n_periods, weeks.curve(day).shape) == (12, (N_DAYS, 3))
    curve = timetable(lambda queue, day: WEEKS[day // 7]).calendar
    assert curve.n_periods == 1
    columns = np.column_stack([np.ones(N_DAYS), curve.curve(day)])
    cubic = (day - 20_530.0) ** 3 / 1e4
    assert columns @ np.linalg.lstsq(columns, cubic, rcond=None)[0] == pytest.approx(cubic)
