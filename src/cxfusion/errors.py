"""Every error cxfusion raises on purpose, as one tree.

::

    CxfusionError
    ├── UsageError (ValueError)              the call or the configuration is wrong          exit code 2
    │   ├── ConfigError                      a map, STUDY.toml or spec that cannot be used
    │   ├── UnknownNameError (LookupError)   a name that does not exist, with the nearest that do
    │   ├── SessionMismatchError             relations of two sessions were mixed
    │   ├── BadControlError                  a lever would be adjusted for what it sets off
    │   ├── OutputDirectoryError (OSError)   the output directory cannot be written, or is not ours
    │   └── OutputDatabaseError              the output database cannot be written, or a table there is not ours
    ├── InputError (ValueError)              the data cannot be used                         exit code 3
    │   ├── UnreadableFileError (OSError)    missing, not a table, or broken on a named line
    │   ├── EmptyTableError                  no rows at all
    │   ├── MissingColumnError (LookupError) a required column was not found
    │   ├── NoScoreError                     there is no score to analyse
    │   └── FeedRefusedError                 a check of the study says that the feed cannot be used
    ├── NothingToEstimateError               read well, but no answer is possible            exit code 4
    │   ├── NothingPairedError               no response could be paired with a contact
    │   └── TooFewResponsesError             fewer responses than any model needs
    ├── EstimationError (ArithmeticError)    a model has no finite optimum                   exit code 4
    │   ├── SeparationError                  a term predicts the outcome perfectly
    │   └── ConvergenceError                 the optimum was not reached
    ├── ResourceError (RuntimeError)         memory, disk or a server gave out               exit code 2
    └── BooksError (RuntimeError)            rows in ≠ rows used + rows set aside: our fault exit code 1

A message says what happened, what was expected, and what to do. Problems of one input are collected
and raised once: ``error.problems`` lists them.
"""

from __future__ import annotations

import difflib
import math
import os
import re
from numbers import Real
from typing import TYPE_CHECKING, Any, Final, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = [
    "BadControlError",
    "BooksError",
    "ConfigError",
    "ConvergenceError",
    "CxfusionError",
    "EmptyTableError",
    "EstimationError",
    "FeedRefusedError",
    "InputError",
    "MissingColumnError",
    "NoScoreError",
    "NothingPairedError",
    "NothingToEstimateError",
    "OutputDatabaseError",
    "OutputDirectoryError",
    "ResourceError",
    "SeparationError",
    "SessionMismatchError",
    "TooFewResponsesError",
    "UnknownNameError",
    "UnreadableFileError",
    "UsageError",
    "is_number",
    "nearest_names",
    "number_problems",
    "redacted",
    "require_conf_level",
    "require_kind",
    "require_kind_or_none",
    "require_number",
    "require_path",
    "share_problems",
    "told_nearest",
]

LONGEST_WORD: Final = 160
LONGEST_TEXT: Final = 1_500
PASSWORD: Final = re.compile(r"(\w:/{1,2}[^\s:/@'\"]*):[^\s'\"]*@")  # to the last @: it may have any letter in it
SECRET: Final = re.compile(r"([?&])([^\s=&'\"]*(?:passw|pwd|token|secret|key)[^\s=&'\"]*=)[^\s&#'\"]*", re.IGNORECASE)
MOST_PROBLEMS: Final = 20  # that a message lists


class CxfusionError(Exception):
    """Root of the tree; catch it to catch everything cxfusion raises on purpose.

    Parameters
    ----------
    message : str
        What happened, what was expected, what to do.
    problems : sequence of str, optional
        Each single problem, where one raise reports several.
    """

    exit_code = 1

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        self.message = _printable(message)
        self.problems = tuple(map(_printable, problems))
        super().__init__(self.message, self.problems)

    def __str__(self) -> str:
        told = [f"  - {problem}" for problem in self.problems[:MOST_PROBLEMS]]
        more = len(self.problems) - MOST_PROBLEMS
        return "\n".join([self.message, *told, *([f"  - and {more:,} more"] if more > 0 else [])])


def _printable(text: str) -> str:
    """What a message quotes may come from anywhere: no password, control characters escaped, what is endless cut."""
    told = redacted(text)
    plain = "".join(one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode() for one in told)
    short = re.sub(rf"\S{{{LONGEST_WORD},}}", lambda word: f"{word[0][: LONGEST_WORD // 2]}…", plain)
    return short if len(short) <= LONGEST_TEXT else f"{short[:LONGEST_TEXT]}… ({len(short):,} letters)"


def redacted(text: str) -> str:
    """A text without the passwords of the URLs in it.

    Examples
    --------
    >>> redacted("postgres://kim:7up@db.example/sales?sslkey=abc&connect_timeout=3")
    'postgres://kim@db.example/sales?sslkey=&connect_timeout=3'
    """
    return SECRET.sub(r"\1\2", PASSWORD.sub(r"\1@", text))


class UsageError(CxfusionError, ValueError):
    """The call or the configuration is wrong, not the data."""

    exit_code = 2


class ConfigError(UsageError):
    """A map, a STUDY.toml or a spec that cannot be used."""


class UnknownNameError(UsageError, LookupError):
    """A name that does not exist; the message lists the nearest ones that do."""


class SessionMismatchError(UsageError):
    """Relations of two sessions were given to one call."""


class BadControlError(UsageError):
    """A lever would be adjusted for something it sets off itself."""


class OutputDirectoryError(UsageError, OSError):
    """The output directory cannot be written, or holds something that is not ours."""


class OutputDatabaseError(UsageError):
    """The output database cannot be written, or has a table by the name of one of ours that is not ours."""


class InputError(CxfusionError, ValueError):
    """The data cannot be used."""

    exit_code = 3


class UnreadableFileError(InputError, OSError):
    """A file is missing, is not a table, or is broken on a named line."""


class EmptyTableError(InputError):
    """A source has no rows at all."""


class MissingColumnError(InputError, LookupError):
    """A required column was not found."""


class NoScoreError(InputError):
    """There is no score to analyse."""


class FeedRefusedError(InputError):
    """A check whose level is "stop" found something: the feed cannot be used."""


class NothingToEstimateError(CxfusionError):
    """The data were read well, but no answer is possible."""

    exit_code = 4


class NothingPairedError(NothingToEstimateError):
    """No response could be paired with a contact."""


class TooFewResponsesError(NothingToEstimateError):
    """Fewer responses than any model needs."""


class EstimationError(CxfusionError, ArithmeticError):
    """A model has no finite optimum on these data."""

    exit_code = 4


class SeparationError(EstimationError):
    """A term predicts the outcome perfectly, so its effect has no finite estimate."""


class ConvergenceError(EstimationError):
    """The optimum was not reached within the allowed number of steps."""


class ResourceError(CxfusionError, RuntimeError):
    """Memory or disk ran out, or a server broke off; nothing is wrong with the data. The message says what to do."""

    exit_code = 2


class BooksError(CxfusionError, RuntimeError):
    """Rows in do not equal rows used plus rows set aside: a fault of cxfusion, never of the data."""


def require_kind(value: object, kind: type, called: str, advice: str) -> None:
    """Refuse an argument of another kind in the words of the call, before anything is done with it.

    Raises
    ------
    UsageError

    Examples
    --------
    >>> require_kind("calls.csv", dict, "contacts", "read them first.")
    Traceback (most recent call last):
    ...
    cxfusion.errors.UsageError: contacts is a str. Expected dict: read them first.
    """
    if not isinstance(value, kind):
        given = type(value).__name__
        raise UsageError(
            f"{called} is {'an' if given[:1] in 'AEIOUaeiou' else 'a'} {given}. Expected {kind.__name__}: {advice}"
        )


def require_kind_or_none(value: object, kind: type, called: str, advice: str) -> None:
    """As :func:`require_kind`, of an argument that may be left out."""
    if value is not None:
        require_kind(value, kind, called, advice)


def require_path(value: object, called: str) -> None:
    """Refuse what names no place among files.

    Raises
    ------
    UsageError

    Examples
    --------
    >>> require_path(5, "out")
    Traceback (most recent call last):
    ...
    cxfusion.errors.UsageError: out is 5. Expected a path.
    """
    if not isinstance(value, str | os.PathLike):
        raise UsageError(f"{called} is {value!r}. Expected a path.")


def require_conf_level(conf_level: float) -> None:
    """Refuse a level of confidence that is none, before anything is done: of 95 every interval would be missing.

    Raises
    ------
    UsageError

    Examples
    --------
    >>> require_conf_level(95)
    Traceback (most recent call last):
    ...
    cxfusion.errors.UsageError: conf_level is 95; expected a share above 0 and below 1, such as 0.95.
    """
    for problem in share_problems({"conf_level": conf_level}):
        raise UsageError(f"{problem}, such as 0.95.")


def share_problems(shares: Mapping[str, Any]) -> list[str]:
    """Problems of an error: which shares are not above 0 and below 1.

    Examples
    --------
    >>> share_problems({"power": 1.2, "alpha": 0.05})
    ['power is 1.2; expected a share above 0 and below 1']
    """
    return number_problems(shares, "a share above 0 and below 1", lambda share: 0 < share < 1)


def is_number(value: object) -> TypeGuard[float]:
    """Whether something is a finite number: no text, no True or False, no NaN, nothing missing."""
    if isinstance(value, bool):
        return False
    return isinstance(value, Real) and math.isfinite(value)


def number_problems(
    numbers: Mapping[str, object], expected: str, fits: Callable[[float], bool] = lambda number: True
) -> list[str]:
    """Problems of an error: which of these are no numbers, or none that fits.

    Examples
    --------
    >>> number_problems({"weeks": "eight", "power": 0.8}, "more than 0", lambda number: number > 0)
    ['weeks is eight; expected more than 0']
    """
    return [
        f"{name} is {f'{value:g}' if isinstance(value, float) else value}; expected {expected}"
        for name, value in numbers.items()
        if not (is_number(value) and fits(value))
    ]


def require_number(
    called: str, value: object, expected: str, fits: Callable[[float], bool] = lambda number: True
) -> None:
    """Refuse what is no number, or none that fits, in the words of the call, before anything is done with it.

    Raises
    ------
    UsageError

    Examples
    --------
    >>> require_number("period_days", "a week", "at least 1", lambda number: number >= 1)
    Traceback (most recent call last):
    ...
    cxfusion.errors.UsageError: period_days is a week; expected at least 1.
    """
    for problem in number_problems({called: value}, expected, fits):
        raise UsageError(f"{problem}.")


def told_nearest(unknown: Iterable[str], known: Iterable[str]) -> list[str]:
    """Problems of an error: of each unknown name that resembles any known ones, which.

    Examples
    --------
    >>> told_nearest(["que", "zzz"], ["queue", "reason"])
    ["'que': nearest are queue"]
    """
    names = list(known)
    return [f"{name!r}: nearest are {', '.join(near)}" for name in unknown if (near := nearest_names(name, names))]


def nearest_names(name: object, known: Iterable[str], limit: int = 3) -> list[str]:
    """Names that look most like what was given for one, best first; letter case is ignored.

    Examples
    --------
    >>> nearest_names("Wait_secs", ["wait_seconds", "talk_seconds", "queue"])
    ['wait_seconds']
    """
    by_lower = {candidate.lower(): candidate for candidate in known}
    return [by_lower[match] for match in difflib.get_close_matches(str(name).lower(), by_lower, n=limit)]
