"""Everything that one run found, as one frozen result, and how it becomes a page, pictures or a workbook."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxfusion.errors import OutputDirectoryError, require_path
from cxfusion.evidence.beliefs import BeliefComparison, compare_beliefs
from cxfusion.results.base import Result
from cxfusion.results.grouping import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from cxfusion.checks.feed import FeedCheck
    from cxfusion.decisions.decide import Decisions
    from cxfusion.evidence.dose import DoseResponse
    from cxfusion.evidence.fit import LeverEvidence
    from cxfusion.evidence.relationship import LevelComparison
    from cxfusion.evidence.segments import SegmentEffects
    from cxfusion.operations.diagnose import Diagnosis
    from cxfusion.operations.follow import FollowUps
    from cxfusion.perception.measure import Measurement
    from cxfusion.perception.offers import OfferCheck
    from cxfusion.perception.resolution import Resolution
    from cxfusion.perception.sources import SourceAudit
    from cxfusion.report.content import Drawn

__all__ = ["Study"]


@dataclass(frozen=True, eq=False, repr=False)
class Study(Result):
    """Everything one run found. Holds numbers, plan and names only; pickles, and outlives its session.

    Attributes
    ----------
    evidence : LeverEvidence
    decisions : Decisions
        Prices, hotspots and pilots.
    details : tuple of results
        Dose–response and segments of the levers that move most.
    levels : LevelComparison, optional
        The levers of the contact beside those of the relationship, where surveys ask about it.
    diagnosis : Diagnosis
    by_interval : Diagnosis, optional
        The same by an interval of the site's clock, where one was asked for.
    measurements : mapping of str to Measurement
        By score.
    offers : OfferCheck
        Whether agents pick whom to ask.
    resolution : Resolution or None
        Resolution as customers report it beside repeat contacts, where the survey asks.
    followed : FollowUps, optional
        Which contacts breed further ones, where the log names customers and what contacts are about.
    sources : SourceAudit
        What is already known, and what can be concluded from it.
    audit, cells : pandas.DataFrame
        The pairing's books.
    balance : pandas.DataFrame or None
        Who answered and who could have, by every attribute, before and after weighting; None where nothing is weighted.
    notes : tuple of str
    feed : FeedCheck
        What the checks of the data found.
    beliefs : BeliefComparison, optional
        What leaders believe beside the evidence, where that was told (:meth:`with_beliefs`).
    manifest : mapping
        Counts, plan, versions and timings in seconds.
    """

    evidence: LeverEvidence
    decisions: Decisions
    levels: LevelComparison | None
    diagnosis: Diagnosis
    by_interval: Diagnosis | None
    measurements: Mapping[str, Measurement]
    offers: OfferCheck
    resolution: Resolution | None
    sources: SourceAudit
    audit: pd.DataFrame
    cells: pd.DataFrame
    balance: pd.DataFrame | None
    notes: tuple[str, ...]
    feed: FeedCheck
    manifest: Mapping[str, Any]
    beliefs: BeliefComparison | None = None
    details: tuple[DoseResponse | SegmentEffects, ...] = ()
    followed: FollowUps | None = None

    @property
    def _frame(self) -> pd.DataFrame:
        return self.evidence.levers

    def _lines(self) -> list[str]:
        counts = self.manifest["counts"]
        head = (
            f"{counts['contacts_read']:,} contacts and {counts['responses_read']:,} responses read,"
            f" {counts['pairs']:,} paired"
        )
        return [head, "", *self.evidence.summary().splitlines(), "", *self.diagnosis.summary().splitlines()]

    def _shown(self) -> pd.DataFrame:
        return self.evidence._shown()

    def perception_rows(self) -> pd.DataFrame:
        """All measurements, and resolution as reported, in the columns of ``perception.parquet``."""
        import pandas as pd

        told = [] if self.resolution is None else [self.resolution.as_rows()]
        return pd.concat([*(found.as_rows() for found in self.measurements.values()), *told], ignore_index=True)

    def operations_rows(self) -> pd.DataFrame:
        """The diagnosis, and that by interval, in the columns of ``operations.parquet``."""
        import pandas as pd

        rows = self.diagnosis.as_rows()
        if self.by_interval is None:
            return rows
        fine = self.by_interval.as_rows()
        return pd.concat([rows, fine[fine["grouping"] != EVERYTHING]], ignore_index=True)

    def with_beliefs(self, beliefs: pd.DataFrame | Mapping[str, Any]) -> Study:
        """The same study with what leaders believe beside the evidence; arguments as of :func:`compare_beliefs`."""
        return replace(self, beliefs=compare_beliefs(self.evidence, beliefs))

    def report(
        self,
        path: str | Path,
        *,
        title: str = "What moves our customers",
        subtitle: str = "",
        period: str = "",
        details: Sequence[Drawn] = (),
        language: str = "en",
        labels: Mapping[str, str] | None = None,
    ) -> Path:
        """Write the study as one self-contained HTML page.

        Parameters
        ----------
        path : path
            File to write; its folder must exist.
        title, subtitle : str
            Of the page; the subtitle stands above the period.
        period : str
            The time that the log covers, in words; by default its first and last day.
        details : sequence of results
            Further results to show, each with its picture: of :func:`dose_response`, :func:`segment_effects`,
            :func:`nonresponse_curve`, :func:`nonresponse_effects` or :func:`corroborate`.
        language : {"en", "es"}
            Of the page.
        labels : mapping of str to str, optional
            Your own words, by machine name (``{"wait_seconds": "Queue"}``) or by the page's English phrase
            (``{"Contested": "To be tried"}``).

        Returns
        -------
        Path
            The page.

        Raises
        ------
        UnknownNameError
            There is no such language.
        OutputDirectoryError
            There is no such folder.
        """
        from cxfusion.page import content_of
        from cxfusion.report import render_report

        _require_folder(path)
        content = content_of(
            self, labels, title=title, subtitle=subtitle, period=period, details=self._drawn(details), language=language
        )
        Path(path).write_text(render_report(content), encoding="utf-8")
        return Path(path)

    def _drawn(self, further: Sequence[Drawn]) -> tuple[Drawn, ...]:
        """What the page shows in detail."""
        return (*([] if self.beliefs is None else [self.beliefs]), *self.details, *further)

    def charts(
        self,
        folder: str | Path,
        *,
        formats: Sequence[str] = ("svg", "png"),
        width: int = 960,
        details: Sequence[Drawn] = (),
        language: str = "en",
        labels: Mapping[str, str] | None = None,
    ) -> list[Path]:
        """Write every picture of the page as files for slides: SVG, and PNG of twice the width.

        Parameters
        ----------
        folder : path
            Made if need be.
        formats : sequence of {"svg", "png"}
        width : int
            In pixels.
        details, language, labels
            As of :meth:`report`.

        Returns
        -------
        list of Path
            The pictures; those without figures are left out.

        Raises
        ------
        UnknownNameError
            There is no such format, or no such language.
        """
        from cxfusion.page import content_of
        from cxfusion.report.pictures import write_pictures

        require_path(folder, "folder")
        content = content_of(self, labels, title="", subtitle="", details=self._drawn(details), language=language)
        return write_pictures(content, folder, formats=formats, width=width)

    def to_excel(self, path: str | Path, *, language: str = "en", labels: Mapping[str, str] | None = None) -> Path:
        """Write the tables of the study as one Excel workbook, a sheet each.

        Texts from the data stay texts, whatever they begin with; no row of a person and no verbatim is in it.

        Parameters
        ----------
        path : path
        language, labels
            Of the names of the sheets; columns keep the names that they have in the files.

        Returns
        -------
        Path
            The workbook.

        Raises
        ------
        UsageError
            openpyxl is not installed.
        OutputDirectoryError
            There is no such folder.
        """
        from cxfusion.page import sheets_of, words_of
        from cxfusion.report.workbook import write_workbook

        _require_folder(path)
        return write_workbook(path, sheets_of(self), language=language, labels=words_of(self, labels))


def _require_folder(path: str | Path) -> None:
    """Refuse a file in a folder that is not there, before anything is made of it."""
    require_path(path, "path")
    folder = Path(path).parent
    if not folder.is_dir():
        raise OutputDirectoryError(f"{path} cannot be written: there is no folder {folder}. Make it first.")
