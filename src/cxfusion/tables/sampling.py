"""The one hash by which rows are sampled: every engine computes it alike, and a key is always in or always out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["in_sample", "share_sampled", "thinned"]

DIGITS: Final = 7
"""Hexadecimal digits of the hash that are looked at."""


def thinned(rows: ir.Table, n: int, most: int, key: str = "contact_id") -> ir.Table:
    """About ``most`` of n rows; all of them where there are no more.

    Parameters
    ----------
    rows : ibis.Table
    n, most : int
    key : str
        Column whose hash decides: rows that share a value are all kept or all left out.
    """
    return rows if n <= most else rows.filter(in_sample(rows[key].cast("string"), most / n))


def in_sample(key: ir.StringValue, share: float) -> ir.BooleanValue:
    """Whether rows of this key are among the share that is kept; the share is below 1.

    The whole hash sorts before so many digits just where its own first ones do.
    """
    return key.hexdigest("md5") < ibis.literal(f"{_limit(share):0{DIGITS}x}")


def share_sampled(share: float) -> float:
    """The share that is kept where this one is asked for: so many whole steps of the hash.

    Examples
    --------
    >>> share_sampled(0.5)
    0.5
    """
    return _limit(share) / 16**DIGITS


def _limit(share: float) -> int:
    return int(share * 16**DIGITS)
