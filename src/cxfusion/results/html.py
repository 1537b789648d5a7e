"""A frame as an HTML table for a notebook: escaped, compact, with headings a screen reader can follow."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from cxfusion.results.display import LONGEST_TOLD, display_name
from cxfusion.results.formats import DASH, count, number
from cxfusion.results.readable import FIGURES

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["frame_as_html"]

MOST_ROWS: Final = 60
_TABLE = "border-collapse:collapse;font-variant-numeric:tabular-nums"
_CAPTION = "caption-side:top;text-align:left;padding:.2em .6em;font-weight:600"
_CELL = "padding:.2em .6em;vertical-align:top"


def frame_as_html(frame: pd.DataFrame, caption: str) -> str:
    """A frame as one HTML table; everything that comes from the data is escaped.

    Parameters
    ----------
    frame : pandas.DataFrame
        Any columns; the first one heads the rows. Those that its ``attrs`` call figures are aligned like numbers.
    caption : str
        One line above the table.

    Returns
    -------
    str
        A ``<table>`` without scripts or outside references; its last line says how many rows were left out.

    Examples
    --------
    >>> table = frame_as_html(pd.DataFrame({"queue": ["<b>"], "n": [1200]}), "Volume")
    >>> "&lt;b&gt;" in table, "1,200" in table, "<b>" in table
    (True, True, False)
    """
    figures = frame.attrs.get(FIGURES, ())
    numeric = [name in figures or _is_number(dtype) for name, dtype in frame.dtypes.items()]
    heads = "".join(_head(name, right) for name, right in zip(frame.columns, numeric, strict=True))
    shown = frame.head(MOST_ROWS)
    rows = "".join(_row(values, numeric) for values in shown.itertuples(index=False, name=None))
    return (
        f'<table style="{_TABLE}"><caption style="{_CAPTION}">{escape(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}{_left_out(frame)}</tbody></table>"
    )


def _is_number(dtype: Any) -> bool:
    return bool(pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype))


def _style(right: bool) -> str:
    return f'style="text-align:{"right" if right else "left"};{_CELL}"'


def _head(name: object, right: bool) -> str:
    return f'<th scope="col" {_style(right)}>{escape(display_name(name))}</th>'


def _row(values: Iterable[Any], numeric: list[bool]) -> str:
    cells = [
        f'<th scope="row" {_style(right)}>{_text(value)}</th>' if i == 0 else f"<td {_style(right)}>{_text(value)}</td>"
        for i, (value, right) in enumerate(zip(values, numeric, strict=True))
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _text(value: Any) -> str:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return DASH
    if pd.api.types.is_bool(value):
        return "yes" if value else "no"
    if pd.api.types.is_integer(value):
        return count(int(value))
    if pd.api.types.is_float(value):
        return number(float(value))
    return escape(display_name(value, limit=LONGEST_TOLD))


def _left_out(frame: pd.DataFrame) -> str:
    rest = len(frame) - MOST_ROWS
    if rest <= 0:
        return ""
    more = "1 more row" if rest == 1 else f"{count(rest)} more rows"
    return f'<tr><td colspan="{frame.shape[1]}" {_style(False)}>… and {more}</td></tr>'
