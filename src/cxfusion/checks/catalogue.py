"""Every check: what it looks for, from where on it speaks, how loud it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

from pydantic import AfterValidator, Field

from cxfusion.errors import nearest_names
from cxfusion.tables.column_map import Model

__all__ = ["CHECKS", "LEVELS", "Check", "CheckPlan", "Level", "check_named"]

Level: TypeAlias = Literal["stop", "warn", "set_aside", "note"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
"""From the loudest: the feed cannot be used; look at it; rows or cells were set aside; good to know."""
Wanted: TypeAlias = Literal["stop", "warn", "note", "off"]


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes
    ----------
    name : str
    level : {"stop", "warn", "set_aside", "note"}
        Unless the plan says otherwise.
    meaning : str
        What it counts.
    advice : str
        What to do about it.
    threshold : str, optional
        The field of :class:`CheckPlan` that says from where on it speaks.
    """

    name: str
    level: Level
    meaning: str
    advice: str
    threshold: str | None = None


CHECKS: Final[tuple[Check, ...]] = (
    Check(
        "rows_set_aside",
        "stop",
        "A larger share of a table's rows could not be used at all; rows that were left out on purpose do not count.",
        "Look at the map, or at what has become of the export.",
        "set_aside_share",
    ),
    Check(
        "duplicate_id",
        "set_aside",
        "Rows whose id another row has.",
        "Are these legs? Then name their source. Else tell its owner.",
    ),
    Check(
        "unusable_row",
        "set_aside",
        "Rows without an id or a start, empty rows, broken records.",
        "Look at the map and at `datetime_format`.",
    ),
    Check(
        "file_without_rows",
        "warn",
        "Files that are empty, or hold nothing but a line of headings, among others that hold rows.",
        "Was there nothing to tell, or did the export fail?",
    ),
    Check("negative_value", "set_aside", "Durations and counts below zero.", "Tell the owner of the source."),
    Check(
        "unreadable_cell",
        "set_aside",
        "Text in a number, a time that cannot be read, neither yes nor no, infinite, beyond any duration or count.",
        "Name the cells that mean “missing” with `null`; give `format`.",
    ),
    Check("score_out_of_scale", "set_aside", "Scores outside their scale.", "Give the scale in the map."),
    Check(
        "absurd_duration",
        "warn",
        "Durations of a contact, each longer than this many seconds.",
        "Is the unit right? Was a contact left open?",
        "longest_seconds",
    ),
    Check(
        "unit_too_large",
        "warn",
        "Of a duration's values above zero the median is at least this many seconds: milliseconds?",
        'Say `unit = "ms"` in the map, if they are.',
        "unit_high_seconds",
    ),
    Check(
        "unit_too_small",
        "warn",
        "Of the talk times above zero the median is below this many seconds: minutes?",
        'Say `unit = "min"` in the map, if they are.',
        "unit_low_seconds",
    ),
    Check(
        "ended_before_start",
        "warn",
        "Contacts that ended before they began.",
        "Look at the time zones of both columns.",
    ),
    Check(
        "answered_before_end",
        "warn",
        "Answers, paired by an id, given this many seconds before their contact had ended, or more. A note where they"
        " are fewer than `clock_skew_share` of such pairs.",
        "Look at the time zones and clocks of both files.",
        "clock_skew_seconds",
    ),
    Check("answered_before_invited", "warn", "Answers given before their invitation.", "Look at the time zones."),
    Check(
        "future_time",
        "warn",
        "Times that lie more than this many seconds after the run itself.",
        "Look at the time zone and at the order of day and month.",
        "future_seconds",
    ),
    Check(
        "far_time",
        "warn",
        "Contacts that start more than 60 days before or after all others, at either end fewer than one in a hundred."
        " Prices, lengths of pilots and first-contact resolution take the log to begin and to end without them.",
        "Look at the clock of the source, and at the order of day and month.",
    ),
    Check(
        "skipped_time",
        "warn",
        "Times that no clock at the site showed: in the hour that is left out when clocks go forward. They are moved"
        " forward by what the clock jumped.",
        "Is the time zone right? Many exports are in UTC or in standard time.",
    ),
    Check(
        "date_without_time",
        "warn",
        "Dates without a time of day. A response's stands for its whole day, a contact's for its first moment.",
        "Map a column with times, if there is one.",
    ),
    Check(
        "mostly_midnight",
        "warn",
        "A larger share of the contacts start at midnight sharp: dates that were written as times?",
        "Map a column with times, if there is one.",
        "midnight_share",
    ),
    Check(
        "scale_too_wide",
        "warn",
        "No score lies in the upper part of its scale, beyond this share of it: another scale?",
        "Give the scale in the map.",
        "scale_share",
    ),
    Check(
        "constant_column", "note", "All values of a column are the same: nothing can be learned from it.", "Nothing."
    ),
    Check("empty_column", "note", "A column has no value at all.", "Look at the map."),
    Check(
        "volume_changed",
        "warn",
        "Rows per day by this factor more or fewer than in the run before.",
        "Is the export whole? Was the period changed?",
        "volume_factor",
    ),
    Check(
        "missing_changed",
        "warn",
        "The share of a column's missing values differs by more than this from the run before.",
        "Ask the owner of the source what has changed.",
        "missing_change",
    ),
    Check(
        "category_new",
        "note",
        "A queue, channel or the like that the run before did not have, with at least this share of the rows.",
        "Was it renamed?",
        "category_share",
    ),
    Check(
        "category_lost",
        "warn",
        "A queue, channel or the like that had at least this share of the rows in the run before, and is gone.",
        "Was it renamed? Is the export whole?",
        "category_share",
    ),
    Check("column_new", "note", "A column that the run before did not have.", "Nothing."),
    Check("column_lost", "warn", "A column that the run before had.", "Ask the owner of the source."),
)


def check_named(name: str) -> Check:
    """One check of the catalogue."""
    return next(check for check in CHECKS if check.name == name)


def _known(levels: dict[str, Any]) -> dict[str, Any]:
    names = [check.name for check in CHECKS]
    unknown = [name for name in levels if name not in names]
    if unknown:
        told = (f"{name!r}, nearest: {', '.join(nearest_names(name, names) or names)}" for name in unknown)
        raise ValueError(f"there is no check {'; '.join(told)}")
    return levels


Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Seconds: TypeAlias = Annotated[float, Field(gt=0)]


class CheckPlan(Model):
    """From where on checks speak, and how loud: ``[checks]`` of a STUDY.toml.

    Attributes
    ----------
    set_aside_share : float
        Of ``rows_set_aside``.
    longest_seconds : float
        Of ``absurd_duration``.
    unit_high_seconds, unit_low_seconds : float
        Of ``unit_too_large`` and ``unit_too_small``.
    clock_skew_seconds, clock_skew_share : float
        Of ``answered_before_end``.
    future_seconds : float
        Of ``future_time``.
    midnight_share : float
        Of ``mostly_midnight``.
    scale_share : float
        Of ``scale_too_wide``.
    volume_factor : float
        Of ``volume_changed``.
    missing_change : float
        Of ``missing_changed``.
    category_share : float
        Of ``category_new`` and ``category_lost``.
    levels : mapping of str to {"stop", "warn", "note", "off"}
        Check to its level, where it is to be another than the catalogue's. What stops makes a run end with exit code 3
        and leaves the last good output.
    """

    set_aside_share: Share = 0.5
    longest_seconds: Seconds = 86_400
    unit_high_seconds: Seconds = 10_000
    unit_low_seconds: Seconds = 10
    clock_skew_seconds: Annotated[float, Field(ge=0)] = 60
    clock_skew_share: Share = 0.05
    future_seconds: Annotated[float, Field(ge=0)] = 86_400
    midnight_share: Share = 0.5
    scale_share: Share = 0.5
    volume_factor: Annotated[float, Field(gt=1)] = 2
    missing_change: Share = 0.1
    category_share: Share = 0.01
    levels: Annotated[dict[str, Wanted], AfterValidator(_known)] = Field(default_factory=dict)

    def level_of(self, name: str, usual: Level | None = None) -> Level | None:
        """How loud a check is; None where it is off."""
        wanted = self.levels.get(name, usual or check_named(name).level)
        return None if wanted == "off" else wanted
