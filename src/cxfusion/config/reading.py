"""A study from where it is told: from a STUDY.toml, or from the options of a command line and a map."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from cxfusion.config.model import StudyConfig, StudyMap
from cxfusion.engine.addresses import is_url, started_at_folder
from cxfusion.errors import ConfigError
from cxfusion.tables.mapping import Section
from cxfusion.tables.places import place_table
from cxfusion.tables.validation import validated

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["load_study", "study_of_options"]

SECTIONS: Final[tuple[Section, ...]] = get_args(Section)
PLACES: Final = {"engine": "temp_dir", "privacy": "key_file", "context": "path", "evaluations": "path"}
"""Sections with a path that starts where the study is, besides the tables and the trackers."""
STANDS_FOR: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "output": {"database": ("schema",)},
    "privacy": {"key_file": ("key_variable",), "key_variable": ("key_file",)},
}
"""By section: what an option takes the place of besides, since the two belong together or exclude each other."""


def load_study(path: str | Path, **options: Mapping[str, Any]) -> StudyConfig:
    """The study of a STUDY.toml; its relative paths start where the file is.

    Parameters
    ----------
    path : path
    **options
        As of :func:`study_of_options`: they go before what the file says.

    Raises
    ------
    ConfigError
        The file is missing or not TOML, or cannot be used; ``problems`` lists everything wrong with it, tables that
        cannot be read included. These alone are no fault of the study: their reader refuses them.
    """
    what = f"The study {path}"
    content = {key: _copy(value) for key, value in _toml(path, what).items()}
    problems: list[str] = []
    absent: list[str] = []
    folder = Path(path).parent
    for section in SECTIONS:
        table = content.setdefault(section, {})
        if isinstance(table, dict):
            wrong, unread = place_table(section, table, folder)
            problems, absent = [*problems, *wrong], [*absent, *unread]
    trackers = content.get("trackers")
    told = [(words, "path") for words in trackers.values()] if isinstance(trackers, dict) else []
    told += [(content.get(part), key) for part, key in PLACES.items()]
    for words, key in told:
        if isinstance(words, dict) and isinstance(words.get(key), str):
            words[key] = started_at_folder(words[key], folder)
    output = content.get("output")
    if isinstance(output, dict) and is_url(output.get("database")):
        output["database"] = started_at_folder(output["database"], folder)
    try:
        return validated(StudyConfig, _with_options(content, options), what, problems)
    except ConfigError as error:
        raise ConfigError(error.message, [*error.problems, *absent]) from None


def study_of_options(map_file: str | Path | None, **sections: Mapping[str, Any]) -> StudyConfig:
    """The study that the options of a command line describe.

    Parameters
    ----------
    map_file : path, optional
        A map; what an option says goes before it.
    **sections
        Of :class:`StudyConfig`, by name; an option that was not given is None.

    Raises
    ------
    ConfigError
        The map cannot be used, or an option.
    """
    content = {} if map_file is None else _toml(map_file, f"The map {map_file}")
    if map_file is not None:
        validated(StudyMap, content, f"The map {map_file}")
    return validated(StudyConfig, _with_options(content, sections), "The command line")


def _with_options(content: dict[str, Any], sections: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The content, and the options that were given in the place of what it says."""
    for name, options in sections.items():
        given = {key: value for key, value in options.items() if value is not None}
        said = content.get(name, {})
        if given and isinstance(said, dict):
            stands_for = STANDS_FOR.get(name, {})
            gone = {other for key in given for other in stands_for.get(key, ())}
            content = {**content, name: {key: said[key] for key in said if key not in gone} | given}
    return content


def _toml(path: str | Path, what: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{what} could not be read: {error.strerror or error}. Expected a TOML file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{what} is not TOML: {error}. Mend that line.") from error


def _copy(value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else value
