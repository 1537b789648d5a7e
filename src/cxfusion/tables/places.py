"""Where a study says that its tables are: paths that start at its folder, and what keeps a table from being read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from cxfusion.engine import FileSource
from cxfusion.engine.addresses import is_url, started_at_folder
from cxfusion.errors import CxfusionError, EmptyTableError, InputError, UnreadableFileError, UsageError
from cxfusion.tables.opening import nearest_files, open_source
from cxfusion.tables.sources import require_source
from cxfusion.tables.sources.records import paths_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cxfusion.tables.mapping import Section

__all__ = ["place_table", "unreadable"]


def place_table(section: Section, table: dict[str, Any], folder: Path) -> tuple[list[str], list[str]]:
    """Let a table's path start at the study's folder.

    Parameters
    ----------
    section : {"contacts", "surveys"}
    table : dict
        What the study says of it; its path is changed.
    folder : path
        Where the study is.

    Returns
    -------
    list of str
        What is wrong with what the study says.
    list of str
        What keeps the files there from being read: a matter of the data, which may come yet.
    """
    given = table.get("path")
    if given is None:
        return [f'{section}.path is missing; say where the {section} are: path = "{section}.csv"'], []
    if not isinstance(given, str):
        return [], []
    table["path"] = started_at_folder(given, folder)
    error = unreadable(section, table["path"], table.get("source"))
    if error is None:
        return [], []
    near = nearest_files(table["path"]) if isinstance(error, UnreadableFileError) else ""
    told = [f"{section}.path = {given!r}: {f'no such file; nearest: {near}' if near else error.message}"]
    return ([], told) if isinstance(error, InputError) else (told, [])


def unreadable(section: Section, path: str, source: Any) -> CxfusionError | None:
    """What keeps a table from being read, before it is; None where nothing does. A database is not asked yet."""
    try:
        paths = _files_of(section, path, source)
    except EmptyTableError:
        return None  # it can be read; that there is nothing in it is a matter of its own
    except CxfusionError as error:
        return error
    barred = [path for path in paths if not os.access(path, os.R_OK)]
    return UnreadableFileError(f"no permission to read {', '.join(barred)}") if barred else None


def _files_of(section: Section, path: str, source: Any) -> Sequence[str]:
    """Files that a table is in, if it can be opened: a vendor's log has endings of its own."""
    try:
        legs = require_source(source, section).legs if isinstance(source, str) else None
    except UsageError:  # told where the study is looked at as a whole
        legs = None
    if legs is not None and not is_url(path):
        return paths_of(path, legs.what)
    opened = open_source(path)
    return opened.paths if isinstance(opened, FileSource) else ()
