"""From when to when a log goes: a few starts far from all others do not count, whatever lies between them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from cxfusion.tables.span import span_among

MONDAY = datetime(2026, 1, 5)


def days_of(*counted):
    """Days so many after the Monday, with their contacts: the first starts at 9, the last at 10."""
    return [
        {"day": MONDAY.toordinal() + day, "n": n, "first": MONDAY + timedelta(days=day, hours=9),
         "last": MONDAY + timedelta(days=day, hours=10)}
        for day, n in counted
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("counted", "first", "last", "n_beyond"),
    [
        ([(0, 50), (1, 50)], 0, 1, 0),
        ([(0, 50), (1, 50), (20_000, 1)], 0, 1, 1),  # 1 of 101
        ([(0, 50), (1, 49), (20_000, 1)], 0, 20_000, 0),  # 1 of 100 is one in a hundred, and no longer fewer
        ([(0, 50), (1, 50), (61, 1)], 0, 61, 0),  # 60 days later
        ([(0, 50), (1, 50), (62, 1)], 0, 1, 1),  # 61
        ([(20_000, 1), (-9_000, 1), (1, 150), (-5_000, 1), (0, 150)], 0, 1, 3),  # in whatever order they come
        ([(-9_000, 2), (-5_000, 2), (0, 300)], -5_000, 0, 2),  # 4 of 304 are more than one in a hundred, 2 are fewer
        ([(0, 300), (100, 1), (200, 300)], 0, 200, 0),  # what lies between is not beyond
    ],
)
def test_the_ends_of_a_log_by_hand(counted, first, last, n_beyond):
    span = span_among(days_of(*counted))
    assert span.first == MONDAY + timedelta(days=first, hours=9)
    assert span.last == MONDAY + timedelta(days=last, hours=10)
    assert span.n_beyond == n_beyond
    assert span.seconds == (last - first) * 86_400 + 3_600


def test_a_log_of_nothing_has_no_ends():
    span = span_among([])
    assert (span.first, span.last, span.n_beyond, span.seconds) == (None, None, 0, 0.0)
