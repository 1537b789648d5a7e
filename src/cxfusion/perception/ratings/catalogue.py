"""Catalogues of items to rate, as data files: what SERVQUAL, the 7 P and the 7 S ask about, and what a user adds."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cxfusion.errors import InputError, UnknownNameError, nearest_names, require_kind

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CATALOGUES", "load_catalogue"]

CATALOGUES: Final = ("servqual", "seven_p", "seven_s", "four_questions")
"""Catalogues that come with the library."""
COLUMNS: Final = ("item", "dimension", "statement")


def load_catalogue(catalogue: str | Path | pd.DataFrame) -> pd.DataFrame:
    """A catalogue of items.

    Parameters
    ----------
    catalogue : str, path or pandas.DataFrame
        One of ``"servqual"``, ``"seven_p"``, ``"seven_s"``, ``"four_questions"``; or a CSV file or a frame of one's own
        with the columns ``item, dimension, statement``, each item once.

    Returns
    -------
    pandas.DataFrame
        ``item, dimension, statement``. The statements are our own short wording; replace them by those that were asked.

    Raises
    ------
    UnknownNameError
        No such catalogue and no such file.
    InputError
        A column is missing, or an item stands there twice.

    References
    ----------
    Parasuraman, Zeithaml & Berry (1988), Journal of Retailing 64, 12–40 (the dimensions of SERVQUAL); Booms & Bitner
    (1981), in Donnelly & George, Marketing of Services, 47–51 (7 P); Waterman, Peters & Phillips (1980), Business
    Horizons 23, 14–26 (7 S).

    Examples
    --------
    >>> load_catalogue("servqual").groupby("dimension").size().to_dict()
    {'assurance': 4, 'empathy': 5, 'reliability': 5, 'responsiveness': 4, 'tangibles': 4}
    """
    import pandas as pd

    if isinstance(catalogue, pd.DataFrame):
        return _checked(catalogue, "the catalogue")
    require_kind(str(catalogue) if isinstance(catalogue, Path) else catalogue, str, "catalogue", "its name, or a file.")
    if str(catalogue) in CATALOGUES:
        with (files("cxfusion.perception.ratings") / "catalogues" / f"{catalogue}.csv").open(encoding="utf-8") as file:
            return _checked(pd.read_csv(file, dtype="str"), str(catalogue))
    if not os.path.isfile(catalogue):
        near = ", ".join(nearest_names(str(catalogue), CATALOGUES) or CATALOGUES)
        raise UnknownNameError(
            f"There is no catalogue {str(catalogue)!r}, and no such file. Expected one of {near}, or a CSV file with"
            f" the columns {', '.join(COLUMNS)}."
        )
    return _checked(pd.read_csv(catalogue, dtype="str"), str(catalogue))


def _checked(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing:
        raise InputError(
            f"{name} has no column {', '.join(missing)}. Expected {', '.join(COLUMNS)}: what is rated, what it belongs"
            " to, and the words in which it was asked."
        )
    frame = frame.assign(item=frame["item"].astype("string").str.strip())  # as ratings name it, numbered items too
    twice = sorted(set(frame.loc[frame["item"].duplicated(), "item"]))
    if twice:
        raise InputError(f"{name} has items more than once: {', '.join(map(str, twice))}. Expected each once.")
    return frame[list(COLUMNS)].reset_index(drop=True)
