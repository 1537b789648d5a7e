"""Results as valid JSON: what is not a number or not there is null, times are ISO 8601."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date
from typing import Any

__all__ = ["to_json"]


def to_json(value: Any) -> str:
    """Indented JSON of nested mappings and sequences of plain, NumPy and pandas values.

    Examples
    --------
    >>> print(to_json({"estimate": float("nan"), "n": 3}))
    {
      "estimate": null,
      "n": 3
    }
    """
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, indent=2)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):  # a NumPy scalar
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if type(value).__name__ in ("NAType", "NaTType"):  # pandas' own nulls, without importing pandas
        return None
    return value.isoformat() if isinstance(value, date) else str(value)
