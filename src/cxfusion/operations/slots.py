"""Intervals of the site's clock: rows fall into numbered slots of UTC, a division that any engine can do.

Only these few slots, never the rows, are moved to local time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pandas as pd

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["Slots"]


@dataclass(frozen=True)
class Slots:
    """Pieces of UTC time that each lie within one interval of the site's clock.

    Attributes
    ----------
    timezone : str
        The site's (IANA name).
    interval : timedelta
    years : tuple of int
        First and last year (UTC) that occur.
    """

    timezone: str
    interval: timedelta
    years: tuple[int, int]

    @property
    def past_the_hour(self) -> tuple[int, ...]:
        """Seconds that the zone's offsets leave beyond whole hours: (1800,) for +05:30, mostly (0,)."""
        zone = ZoneInfo(self.timezone)
        offsets = (
            datetime(year, month, 1, tzinfo=zone).utcoffset() or timedelta()
            for year in range(self.years[0], self.years[1] + 1)
            for month in range(1, 13)
        )
        return tuple(sorted({offset.seconds % 3600 for offset in offsets}))

    @property
    def size(self) -> tuple[int, int]:
        """Seconds that a slot lasts and that the first one begins before 1970: local hours, or UTC quarters."""
        past = self.past_the_hour
        return (3600, past[0]) if self.interval >= timedelta(hours=1) and len(past) == 1 else (900, 0)

    def number(self, instant: ir.TimestampValue) -> ir.Value:
        """Number of the slot that an instant lies in."""
        seconds, before = self.size
        return (instant.epoch_seconds() + before) // seconds

    def starts(self, numbers: pd.Series[int]) -> pd.Series[pd.Timestamp]:
        """Start of each slot's interval on the site's clock, without a zone."""
        seconds, before = self.size
        instants = pd.to_datetime(numbers * seconds - before, unit="s", utc=True)
        return instants.dt.tz_convert(self.timezone).dt.tz_localize(None).dt.floor(self.interval)
