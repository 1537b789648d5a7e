"""Ratings as a checked table: one row per respondent, question and item, and a reason for every row left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cxfusion.engine import session_for
from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW
from cxfusion.errors import (
    MissingColumnError,
    NothingToEstimateError,
    UsageError,
    is_number,
    require_kind,
    require_kind_or_none,
    told_nearest,
)
from cxfusion.perception.ratings.catalogue import load_catalogue
from cxfusion.results.exact import exact_frame
from cxfusion.tables.opening import open_source

if TYPE_CHECKING:
    from pathlib import Path

    from cxfusion.engine import Session
    from cxfusion.tables.opening import Data

__all__ = ["Ratings", "read_ratings", "require_ratings"]

REQUIRED: Final = ("respondent_id", "item", "rating")
OPTIONAL: Final = {"group": "everyone", "question": "rating"}
"""Columns that may be absent, and what then stands in each row."""


@dataclass(frozen=True, eq=False)
class Ratings:
    """Ratings of items by respondents, each of whom belongs to one group.

    Attributes
    ----------
    rows : pandas.DataFrame
        ``respondent_id, group, question, item, dimension, rating``, one row per respondent, question and item.
    scale : tuple of float
        Lowest and highest rating; (0, 1) are marks, whose means are shares.
    n_read : int
        Rows read: as many as ``rows`` and ``audit`` account for together.
    audit : pandas.DataFrame
        ``reason, n``: the rows that were used and those left out.
    """

    rows: pd.DataFrame = field(repr=False)
    scale: tuple[float, float]
    n_read: int
    audit: pd.DataFrame = field(repr=False)

    @property
    def unit(self) -> str:
        """What a mean rating is counted in."""
        return "share" if self.scale == (0, 1) else "rating points"


def require_ratings(value: object) -> None:
    """Refuse what are no ratings that were read.

    Raises
    ------
    UsageError
    """
    require_kind(value, Ratings, "The table of ratings", "read it first, ratings = cx.read_ratings(…, scale=(1, 5)).")


def read_ratings(
    data: Data,
    *,
    scale: tuple[float, float],
    columns: Mapping[str, str] | None = None,
    catalogue: str | Path | pd.DataFrame | None = None,
    session: Session | None = None,
) -> Ratings:
    """Read ratings of items, one row per rating.

    Parameters
    ----------
    data : path or frame
        As of :func:`read_contacts`. Columns ``respondent_id``, ``item`` and ``rating``; ``group`` (leaders, staff,
        customers, companions, a segment or a period) and ``question`` (expected, perceived, importance …) where there
        are several.
    scale : (float, float)
        Lowest and highest rating that could be given; ``(0, 1)`` for marks such as "this they do well".
    columns : mapping of str to str, optional
        From these names to those of the source, where they differ.
    catalogue : str, path or pandas.DataFrame, optional
        As of :func:`load_catalogue`: gives each item its dimension, and sets items aside that it does not know.
    session : Session, optional

    Returns
    -------
    Ratings

    Raises
    ------
    MissingColumnError
        A column is missing, with the nearest that are there.
    UsageError
        A scale without a length, or a name in ``columns`` that means nothing here.
    NothingToEstimateError
        No row could be used; the message counts why.

    Examples
    --------
    >>> rows = [{"respondent_id": i, "item": "price", "rating": r} for i, r in enumerate([1, 3, 5, 9, None])]
    >>> read_ratings(rows, scale=(1, 5)).audit.to_dict("list")
    {'reason': ['used', 'rating_missing', 'rating_out_of_scale'], 'n': [3, 1, 1]}
    """
    if isinstance(scale, str) or np.shape(scale) != (2,) or not all(map(is_number, scale)):
        raise UsageError(f"scale is {scale!r}. Expected its lowest and its highest rating, such as scale=(1, 5).")
    if not scale[0] < scale[1]:
        raise UsageError(f"The scale is {scale[0]:g}–{scale[1]:g}; expected its lowest and its highest rating.")
    require_kind_or_none(columns, Mapping, "columns", "names of columns, such as {'rating': 'Score'}.")
    session = session_for(session)
    rows = session.read(open_source(data))
    found = exact_frame(session.collect(rows.order_by(SOURCE_FILE, SOURCE_ROW)))
    frame = _named(found, columns or {})
    items = None if catalogue is None else load_catalogue(catalogue)
    reason = _reasons(frame, scale, items)
    audit = reason.value_counts().rename_axis("reason").reset_index(name="n")
    audit = audit.sort_values("reason", key=lambda names: names.where(names != "used", ""), ignore_index=True)
    used = frame[reason == "used"]
    if used.empty:
        raise NothingToEstimateError(
            f"None of {len(frame):,} ratings could be used. Expected ratings from {scale[0]:g} to {scale[1]:g} with"
            " their respondent and item; why they were left out:",
            [f"{row.reason}: {row.n:,}" for row in audit.itertuples()],
        )
    known = {} if items is None else dict(zip(items["item"], items["dimension"], strict=True))
    kept = used.assign(dimension=used["item"].map(known).fillna("") if known else "")
    order = ["respondent_id", "group", "question", "item", "dimension", "rating"]
    return Ratings(kept[order].reset_index(drop=True), scale, len(frame), audit)


def _named(found: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    known = (*REQUIRED, *OPTIONAL)
    strange = [name for name in columns if name not in known]
    if strange:
        raise UsageError(
            f"There is no column {', '.join(map(str, strange))} in ratings. Expected some of: {', '.join(known)}."
        )
    sources = {name: columns.get(name, name) for name in known}
    missing = [sources[name] for name in known if sources[name] not in found and (name in REQUIRED or name in columns)]
    if missing:
        raise MissingColumnError(
            f"The ratings have no column {', '.join(missing)}. Expected {', '.join(REQUIRED)}, or their names in"
            " columns={…}.",
            told_nearest(missing, map(str, found.columns)),
        )
    frame = pd.DataFrame(index=found.index)
    for name in ("respondent_id", "item", "group", "question"):
        frame[name] = _text(found[sources[name]]) if sources[name] in found else OPTIONAL.get(name, "")
    number = pd.to_numeric(found[sources["rating"]], errors="coerce").astype(float)
    frame["was_given"] = _text(found[sources["rating"]]).notna()
    frame["rating"] = number.where(np.isfinite(number))
    return frame


def _text(column: pd.Series[Any]) -> pd.Series[str]:
    """Cells without the blanks around them, whole numbers by their digits; nothing but blanks is nothing."""
    known = column.dropna()
    is_whole = pd.api.types.is_float_dtype(column) and bool(((known % 1 == 0) & (known.abs() < 2**53)).all())
    text = (column.astype("Int64") if is_whole else column).astype("string").str.strip()
    return text.where(text.str.len() > 0)


def _reasons(frame: pd.DataFrame, scale: tuple[float, float], items: pd.DataFrame | None) -> pd.Series[str]:
    """``used``, or the first reason why a row is not."""
    rating, key = frame["rating"], ["respondent_id", "question", "item"]
    tests: dict[str, pd.Series[bool]] = {
        "respondent_missing": frame["respondent_id"].isna(),
        "item_missing": frame["item"].isna(),
        "item_unknown": ~frame["item"].isin(items["item"]) if items is not None else pd.Series(False, frame.index),
        "group_missing": frame["group"].isna(),
        "question_missing": frame["question"].isna(),
        "respondent_in_two_groups": frame.groupby("respondent_id")["group"].transform("nunique") > 1,
        "rating_missing": ~frame["was_given"],
        "rating_not_a_number": rating.isna(),
        "rating_out_of_scale": (rating < scale[0]) | (rating > scale[1]),
    }
    reason = pd.Series("used", frame.index, dtype="object")
    for name, is_so in tests.items():
        reason = reason.mask((reason == "used") & is_so.fillna(False).astype(bool), name)
    # of several ratings of one thing by one person none is known to be the one meant; the first is kept
    repeated = frame[reason == "used"].duplicated(key)
    reason[repeated.index[repeated]] = "duplicate_rating"
    return reason
