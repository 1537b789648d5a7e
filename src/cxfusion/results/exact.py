"""Arrow tables as pandas frames in which whole numbers keep all their digits.

Beside missing ones pandas makes floats of them, and of two long account numbers one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["exact_frame"]

MOST: Final = 2**53
"""Up to it a float tells every whole number from its neighbours."""


def exact_frame(rows: pa.Table) -> pd.DataFrame:
    """A table as a pandas frame; a column of longer whole numbers with gaps is one of ``Int64``.

    Examples
    --------
    >>> import pyarrow as pa
    >>> exact_frame(pa.table({"account": [9_007_199_254_740_993, None]}))["account"].tolist()
    [9007199254740993, <NA>]
    """
    import pandas as pd
    import pyarrow as pa

    whole: dict[pa.DataType, Any] = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}
    frame = rows.to_pandas()
    for place, column in enumerate(rows.columns):
        if column.type in whole and column.null_count and _is_long(column):
            frame.isetitem(place, column.to_pandas(types_mapper=whole.get).array)
    return frame


def _is_long(column: pa.ChunkedArray[Any]) -> bool:
    import pyarrow.compute as pc

    low, high = pc.min(column).as_py(), pc.max(column).as_py()
    return low is not None and max(-low, high) > MOST
