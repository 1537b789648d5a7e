"""Values from the data as a person may be shown them: one printable line each, not too long, told apart."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

__all__ = ["LONGEST_TOLD", "display_name", "display_names"]

LONGEST_TOLD: Final = 1_000
"""Letters of what is told in a few sentences, such as why a verdict was given; the longest of these have some 500."""
_JOINERS: Final = frozenset("\u200c\u200d")  # needed by Indic and Persian script and by emoji


def display_name(value: Any, limit: int = 60) -> str:
    r"""A value from the data as one printable line, at most ``limit`` characters long.

    Control and direction-changing characters become "�", so that a hostile name cannot rearrange a page
    or break an SVG; a null reads "(missing)". Escaping is the printer's work, not done here.

    Examples
    --------
    >>> display_name("Retentions\nTeam", limit=12)
    'Retentions�…'
    """
    if bool(pd.isna(value)):
        return "(missing)"
    text = "".join(c if c.isprintable() or c in _JOINERS else "�" for c in str(value)).strip()
    shown = text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
    return shown or "(blank)"


def display_names(values: list[Any], limit: int = 60) -> list[str]:
    """Display names that stay different where the values are: shortened twins get a number.

    Examples
    --------
    >>> display_names(["Claims abroad", "Claims about"], limit=9)
    ['Claims a…', 'Claims a… (2)']
    """
    names: dict[Any, str] = {}
    taken: set[str] = set()
    for value in values:
        if value not in names:
            names[value] = _unused(display_name(value, limit), taken)
            taken.add(names[value])
    return [names[value] for value in values]


def _unused(name: str, taken: set[str]) -> str:
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name} ({number})"
    return candidate
