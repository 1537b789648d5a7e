"""The language of what people read: English phrases are the keys, a catalogue gives the phrases of another language.

Frames, files and errors stay English; only what is printed on a page or drawn is said in the language of the moment.
"""

from __future__ import annotations

import re
import tomllib
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from cxfusion.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "ENGLISH",
    "LANGUAGES",
    "Language",
    "Untranslated",
    "in_sentence",
    "known_as",
    "label_of",
    "localised",
    "said",
    "say",
    "speaking",
    "spoken",
]

LANGUAGES: Final = ("en", "es")
"""Languages that a page can be in."""
_PLACE: Final = re.compile(r"\{(\w+)\}")
_FIGURE: Final = r"[+−-]?[\d.,]+(?: ?%)?"
_SHAPES: Final = {
    **dict.fromkeys(("n", "low", "high", "a_number", "b_number"), _FIGURE),
    "size": rf"{_FIGURE}(?: \S+){{0,2}}",  # and its unit; a whole sentence is no size
    "ends": f"{_FIGURE} to {_FIGURE}(?: \\w+ points)?",
}
"""Places that hold figures and their units, and nothing else."""
_NUMBER: Final = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\w])|(?<![\w.,])\d+\.\d+(?![\w])")


class Untranslated(str):
    """A text that stays English on a page of another language, so that the page can say so to screen readers."""

    __slots__ = ()


@dataclass(frozen=True)
class Language:
    """How a page speaks.

    Attributes
    ----------
    code : str
        As HTML wants it, such as ``en``.
    decimal, thousands : str
        Marks in numbers.
    phrases : mapping of str to str
        English phrase to phrase; places in braces are filled in.
    labels : mapping of str to str
        The user's own words, by machine name or by English phrase.
    """

    code: str = "en"
    decimal: str = "."
    thousands: str = ","
    phrases: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_english(self) -> bool:
        """Whether phrases are their own translation."""
        return self.code == "en"


ENGLISH: Final = Language()
_SPOKEN: ContextVar[Language] = ContextVar("cxfusion_language", default=ENGLISH)


def spoken() -> Language:
    """The language of the moment."""
    return _SPOKEN.get()


@contextmanager
def speaking(code: str, labels: Mapping[str, str] | None = None) -> Iterator[Language]:
    """Within this block, print in a language and with the user's own words.

    Parameters
    ----------
    code : {"en", "es"}
    labels : mapping of str to str, optional
        The user's own words, by machine name (``wait_seconds``, ``moves``) or by English phrase ("Contested").

    Raises
    ------
    UnknownNameError
        There is no such language.

    Examples
    --------
    >>> with speaking("es", {"wait_seconds": "Cola"}):
    ...     say("Contested"), label_of("wait_seconds")
    ('En disputa', 'Cola')
    """
    if code not in LANGUAGES:
        raise UnknownNameError(f"There is no language {code!r}. Expected one of: {', '.join(LANGUAGES)}.")
    language = replace(_catalogue(code), labels=dict(labels or {}))
    token = _SPOKEN.set(language)
    try:
        yield language
    finally:
        _SPOKEN.reset(token)


def say(phrase: str, **values: Any) -> str:
    """An English phrase in the language of the moment, its places filled in.

    Examples
    --------
    >>> say("{low} to {high}", low=1, high=2)
    '1 to 2'
    """
    language = _SPOKEN.get()
    text = language.labels.get(phrase) or language.phrases.get(phrase, phrase)
    return _PLACE.sub(lambda place: str(values.get(place[1], place[0])), text) if values else text


@contextmanager
def known_as(labels: Mapping[str, str]) -> Iterator[None]:
    """Within this block, call things by these words too, by machine name; words that were there before go before them.

    Examples
    --------
    >>> with known_as({"response_seconds": "Time to first response"}):
    ...     label_of("response_seconds")
    'Time to first response'
    """
    language = _SPOKEN.get()
    token = _SPOKEN.set(replace(language, labels={**labels, **language.labels}))
    try:
        yield
    finally:
        _SPOKEN.reset(token)


def label_of(name: str) -> str | None:
    """The user's own word for a machine name, if there is one."""
    return _SPOKEN.get().labels.get(name)


def in_sentence(label: str) -> str:
    """A label inside a sentence; what begins with two capitals keeps them, as abbreviations do.

    Examples
    --------
    >>> in_sentence("Waiting time"), in_sentence("CRM screens"), in_sentence("Queue × Agent")
    ('waiting time', 'CRM screens', 'queue × agent')
    """
    parts = label.split(" × ")
    return " × ".join(part if part[1:2].isupper() else part[:1].lower() + part[1:] for part in parts)


def localised(number: str) -> str:
    """A number printed the English way, with the marks of the language of the moment.

    Examples
    --------
    >>> with speaking("es"):
    ...     localised("1,234.5")
    '1.234,5'
    """
    language = _SPOKEN.get()
    if language.is_english:
        return number
    return number.translate({ord(","): language.thousands, ord("."): language.decimal})


def said(sentence: str) -> str:
    """A sentence that was made in English before, in the language of the moment; ``Untranslated`` where it has none.

    Sentences with figures are known by their pattern; what stands in their places is said in turn.
    """
    language = _SPOKEN.get()
    own = language.labels.get(sentence)
    if own or language.is_english or not sentence:
        return own or sentence
    return _inner(sentence, language.code) or Untranslated(sentence)


def _said(sentence: str, code: str) -> str | None:
    exact = _catalogue(code).phrases.get(sentence)
    if exact is not None:
        return exact
    for pattern, phrase in _patterns(code):
        found = pattern.fullmatch(sentence)
        if found:
            parts = {name: _part(part, code) for name, part in found.groupdict().items()}
            return _PLACE.sub(lambda place: parts.get(place[1], place[0]), phrase)  # noqa: B023
    return None


def _part(text: str, code: str) -> str:
    """What stood in a place: a phrase, or a text whose numbers alone change."""
    return _inner(text, code) or _NUMBER.sub(lambda number: localised(number[0]), text)


def _inner(text: str, code: str) -> str | None:
    """A phrase that may begin with a capital where the catalogue has none."""
    lowered = text[:1].lower() + text[1:]
    found = _said(text, code) or (_said(lowered, code) if lowered != text else None)
    return found[:1].upper() + found[1:] if found and text[:1].isupper() else found


@cache
def _catalogue(code: str) -> Language:
    if code == ENGLISH.code:
        return ENGLISH
    read = _read(code)
    phrases = {phrase: other for part in read["phrases"].values() for phrase, other in part.items()}
    return Language(code, read["decimal"], read["thousands"], phrases)


@cache
def _read(code: str) -> dict[str, Any]:
    text = files("cxfusion.results").joinpath("languages", f"{code}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def _patterns(code: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Sentences and their pieces as patterns, those with the most words of their own first."""
    parts = _read(code)["phrases"]
    phrases = [pair for name in ("sentences", "pieces") for pair in parts[name].items() if _PLACE.search(pair[0])]
    phrases.sort(key=lambda pair: -len(_PLACE.sub("", pair[0])))
    return tuple((_pattern(phrase), other) for phrase, other in phrases)


def _pattern(phrase: str) -> re.Pattern[str]:
    parts = _PLACE.split(phrase)
    source = ""
    for place, part in enumerate(parts):
        if place % 2 == 0:
            source += re.escape(part)
        else:
            source += f"(?P<{part}>{_SHAPES.get(part, '.+?')})"
    return re.compile(source)
