"""How far a picture of intervals reaches: what it is about fills it, and what goes on beyond is cut off, with an arrow.

One wide interval would else press all others into a few pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["ARROWS", "cut_to_reach"]

ARROWS: Final = {"beyond_low": "M0.6,-0.8L-0.4,0L0.6,0.8", "beyond_high": "M-0.6,-0.8L0.4,0L-0.6,0.8"}
"""Their outlines, by the column that says which end of an interval lies outside the picture."""
ROOM: Final = 0.5
"""Beside what the picture is about, at either side, as a share of its own width."""


def cut_to_reach(frame: pd.DataFrame, is_main: NDArray[np.bool_]) -> pd.DataFrame:
    """Intervals as far as they lie in the picture.

    Parameters
    ----------
    frame : pandas.DataFrame
        With ``estimate, conf_low, conf_high``.
    is_main : bool array, shape (len(frame),)
        Rows that the picture is about: all of their intervals, and zero, lie in it.

    Returns
    -------
    pandas.DataFrame
        The same rows; ends outside are moved to the edge, an estimate outside is missing, and ``beyond_low`` and
        ``beyond_high`` say which ends these are.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> wide = pd.DataFrame({"estimate": [1.0, 9.0], "conf_low": [0.0, 1.0], "conf_high": [2.0, 17.0]})
    >>> cut_to_reach(wide, np.array([True, False]))["conf_high"].tolist()
    [2.0, 3.0]
    """
    main = frame[is_main] if is_main.any() else frame
    low, high = min(0.0, main["conf_low"].min()), max(0.0, main["conf_high"].max())
    room = ROOM * (high - low)
    low, high = low - room, high + room
    return frame.assign(
        estimate=frame["estimate"].where(frame["estimate"].between(low, high)),
        conf_low=frame["conf_low"].clip(low, high),
        conf_high=frame["conf_high"].clip(low, high),
        beyond_low=frame["conf_low"] < low,
        beyond_high=frame["conf_high"] > high,
    )
