"""Responses as Qualtrics exports them: a CSV with three lines of headings."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    import pyarrow as pa

__all__ = ["QUALTRICS_COLUMNS", "QualtricsFile"]

HEADINGS: Final = {  # column: its words, its ImportId
    "StartDate": ("Start Date", "startDate"),
    "EndDate": ("End Date", "endDate"),
    "Status": ("Response Type", "status"),
    "Progress": ("Progress", "progress"),
    "Finished": ("Finished", "finished"),
    "RecordedDate": ("Recorded Date", "recordedDate"),
    "ResponseId": ("Response ID", "_recordId"),
    "ExternalReference": ("External Data Reference", "externalDataReference"),
    "DistributionChannel": ("Distribution Channel", "distributionChannel"),
    "Q1": ("Overall, how satisfied were you\nwith this call, from 1 to 5?", "QID1"),
    "Q2": ("How likely are you to recommend us, from 0 to 10?", "QID2"),
    "customer": ("customer", "customer"),
    "invited": ("invited", "invited"),
}
QUALTRICS_COLUMNS: Final[dict[str, Any]] = {
    "contact_id": "ExternalReference",
    "customer_id": "customer",
    "invited_at": "invited",
    "csat": {"column": "Q1", "scale": [1, 5]},
    "nps": {"column": "Q2", "scale": [0, 10]},
}
"""What the questions and the embedded data mean."""


class QualtricsFile:
    """An export of responses, written a day at a time.

    Parameters
    ----------
    path : pathlib.Path
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(HEADINGS)
        self._writer.writerow(words for words, _ in HEADINGS.values())
        self._writer.writerow(json.dumps({"ImportId": name, "timeZone": "UTC"}) for _, name in HEADINGS.values())

    def write(self, table: pa.Table) -> None:
        """Add rows of canonical responses."""
        for response in table.to_pylist():
            answered = _time(response["answered_at"])
            self._writer.writerow(
                {
                    "StartDate": answered,
                    "EndDate": answered,
                    "Status": 0,
                    "Progress": 100,
                    "Finished": 1,
                    "RecordedDate": answered,
                    "ResponseId": response["response_id"],
                    "ExternalReference": response["contact_id"] or "",
                    "DistributionChannel": "email",
                    "Q1": response["csat"],
                    "Q2": response["nps"],
                    "customer": response["customer_id"],
                    "invited": _time(response["invited_at"]),
                }.values()
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _time(at: dt.datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")
