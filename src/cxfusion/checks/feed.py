"""Checking a feed: one pass over each table, what reading had set aside, and the run before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

import ibis
import pandas as pd

from cxfusion.checks.catalogue import LEVELS, CheckPlan
from cxfusion.checks.change import changes
from cxfusion.checks.finding import Finding, finding
from cxfusion.checks.probes import of_contacts, of_pairs, of_surveys
from cxfusion.checks.profile import categories_of, moment_of, profile_facts, profile_from
from cxfusion.errors import FeedRefusedError, UsageError, require_kind_or_none
from cxfusion.pairing.result import Pairing
from cxfusion.results.base import Result
from cxfusion.tables.books import reading_counts
from cxfusion.tables.pseudonyms import may_tell_a_person
from cxfusion.tables.quiet import QUIET
from cxfusion.tables.relation import Contacts, Surveys
from cxfusion.tables.steps import ask
from cxfusion.tables.times import years_asked, years_told
from cxfusion.tables.validation import validated

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.checks.probes import Probe
    from cxfusion.tables.relation import ReadTable

__all__ = ["FeedCheck", "check_feed"]

EXAMPLES: Final = 3
LONGEST_EXAMPLE: Final = 40
COLUMNS: Final = ("level", "check", "table", "column", "n", "of", "told", "examples")
CHECK_OF_REASON: Final = {
    **dict.fromkeys(("duplicate_contact", "duplicate_response", "redelivery"), "duplicate_id"),
    **dict.fromkeys(
        ("contact_id_missing", "started_at_missing", "empty_row", "unreadable_record", "not_a_record"), "unusable_row"
    ),
    **dict.fromkeys(("negative_duration", "negative_count"), "negative_value"),
    **dict.fromkeys(("not_a_number", "not_finite", "out_of_range", "not_a_flag", "unreadable_time"), "unreadable_cell"),
    "score_out_of_scale": "score_out_of_scale",
}
"""Why reading set something aside, to the check that tells it; what is not here was left out on purpose."""
NUMBERS: Final = ("negative_duration", "negative_count", "out_of_range", "score_out_of_scale")
"""Reasons for which a number stands there, and nothing that somebody wrote."""
NO_LOSS: Final = ("redelivery",)
"""A row that came twice is not lost."""


@dataclass(frozen=True, eq=False, repr=False)
class FeedCheck(Result):
    """What checks found in a feed, the loudest first.

    ``.table`` has ``level, check, table, column, n, of, told, examples``; ``n`` of ``of`` rows or cells are concerned.

    Attributes
    ----------
    findings : tuple of Finding
    profile : mapping
        Table to its figures: rows read and kept, days, rows per day, share missing by column, rows by category. What
        the next run compares its own with.
    plan : CheckPlan
        From where on checks speak.
    is_compared : bool
        Whether there was a run before to compare with.
    """

    findings: tuple[Finding, ...]
    profile: Mapping[str, Any] = field(repr=False)
    plan: CheckPlan
    is_compared: bool = False

    @property
    def _frame(self) -> pd.DataFrame:
        rows = [{**asdict(one), "examples": "; ".join(one.examples)} for one in self.findings]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def compared_with(self, before: Mapping[str, Any] | None) -> FeedCheck:
        """The same, and what has changed since an earlier run.

        Parameters
        ----------
        before : mapping, optional
            The manifest of that run, or the ``profile`` of its check; without one nothing is compared.
        """
        require_kind_or_none(before, Mapping, "The run before", "its manifest, as json.load gives it.")
        profile = (before or {}).get("feed", before)
        if not profile:
            return self
        told = (*self.findings, *changes(self.profile, profile, self.plan))
        return replace(self, findings=tuple(sorted(told, key=lambda one: one.order)), is_compared=True)

    def require_usable(self) -> FeedCheck:
        """The same, unless a check says that the feed cannot be used.

        Raises
        ------
        FeedRefusedError
            ``problems`` lists what stops it.
        """
        stops = [one for one in self.findings if one.level == "stop"]
        if stops:
            raise FeedRefusedError(
                "The feed cannot be used as it is. Expected what the checks of the study allow; look at what is listed"
                " below, or change its level under [checks.levels] in a STUDY.toml for `cxfusion run`.",
                [f"{one.check}, {one.table}: {one.told}" for one in stops],
            )
        return self

    def _lines(self) -> list[str]:
        counts = {level: sum(one.level == level for one in self.findings) for level in LEVELS}
        told = ", ".join(f"{n} {level.replace('_', ' ')}" for level, n in counts.items() if n)
        against = "" if self.is_compared else "; nothing to compare with"
        return [f"Checks: {told or 'nothing found'}{against}", *(_line(one) for one in self.findings)]


def check_feed(
    feed: Contacts | Surveys | Pairing,
    *,
    against: Mapping[str, Any] | None = None,
    plan: CheckPlan | Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> FeedCheck:
    """Check tables that were read, and compare them with those of an earlier run.

    Parameters
    ----------
    feed : Contacts, Surveys or Pairing
        Of a pairing both its tables are checked, and the clocks of one against the other.
    against : mapping, optional
        The manifest of an earlier run, or just the ``profile`` of an earlier check.
    plan : CheckPlan or mapping, optional
        Thresholds and levels, as under ``[checks]`` of a STUDY.toml.
    now : datetime, optional
        What lies after it is in the future; by default the clock of this computer. Without a zone it is UTC.

    Returns
    -------
    FeedCheck
        It raises nothing, whatever it finds: see :meth:`FeedCheck.require_usable`.

    Raises
    ------
    UsageError
        Something else than a feed was given.
    ConfigError
        The plan cannot be used.

    Examples
    --------
    >>> import cxfusion as cx
    >>> log = [{"contact_id": i, "started_at": "2026-01-05 09:00", "talk_seconds": 90_000 * i} for i in (1, 2)]
    >>> found = cx.check_feed(cx.read_contacts(log, timezone="Europe/Berlin"))
    >>> found.table[["level", "check", "n", "examples"]].values.tolist()
    [['warn', 'absurd_duration', 2, 'row 1: 90000.0; row 2: 180000.0']]
    """
    if not isinstance(feed, Contacts | Surveys | Pairing):
        raise UsageError(
            f"A {type(feed).__name__} was given to check. Expected contacts, surveys or a pairing of them."
        )
    chosen = plan if isinstance(plan, CheckPlan) else validated(CheckPlan, plan or {}, "The plan of checks")
    require_kind_or_none(now, datetime, "now", "a moment, such as datetime.now(UTC).")
    moment = (now or datetime.now(UTC)).astimezone(UTC) if now is None or now.tzinfo else now
    moment = moment.replace(tzinfo=None)
    tables = (feed.contacts, feed.surveys) if isinstance(feed, Pairing) else (feed,)
    findings: list[Finding] = []
    profile: dict[str, Any] = {}
    for table in tables:
        told, profile[_kind(table)] = _table(table, chosen, moment)
        findings += told
    if isinstance(feed, Pairing):
        findings += _judged(feed.contacts, feed.pairs, [of_pairs(feed, chosen)], {})[0]
    found = tuple(sorted(findings, key=lambda one: one.order))
    return FeedCheck(found, profile, chosen).compared_with(against)


def _kind(table: ReadTable) -> str:
    return type(table).__name__.lower()


def _table(table: Contacts | Surveys, plan: CheckPlan, now: datetime) -> tuple[list[Finding], dict[str, Any]]:
    """What is found in one table, and its profile."""
    moment, years = moment_of(table), (1970, 1970)
    if moment is not None:
        years = years_told(ask(table.session, table.rows, years_asked(moment)))
    probes = list(of_contacts(table, plan, now, years) if isinstance(table, Contacts) else of_surveys(table, plan, now))
    findings, counted = _judged(table, table.rows, probes, profile_facts(table, years))
    legs = [table.legs] if isinstance(table, Contacts) and table.legs else []
    for read in (table, *legs):
        findings += [*_set_aside(read, plan), *_remarks(read, plan)]
    return findings, profile_from(table, counted) | {"categories": categories_of(table)}


def _judged(
    table: Contacts | Surveys, rows: ir.Table, probes: list[Probe], further: Mapping[str, ir.Scalar]
) -> tuple[list[Finding], dict[str, Any]]:
    """What probes find in rows of a table, or that it is part of, and what else was to be counted in the same pass."""
    facts = {f"{i}:{name}": fact for i, probe in enumerate(probes) for name, fact in probe.facts.items()}
    counted = ask(table.session, rows, {**facts, **further})
    findings = [
        replace(one, examples=_examples(table, rows, probe))
        for i, probe in enumerate(probes)
        for one in probe.judge({name: counted[f"{i}:{name}"] for name in probe.facts})
    ]
    return findings, counted


def _examples(table: Contacts | Surveys, rows: ir.Table, probe: Probe) -> tuple[str, ...]:
    """The first rows that a probe is about; of long numbers only where they are, if persons are hidden."""
    if probe.bad is None or probe.shown is None:
        return ()
    file, row = ("source_file", "source_row") if "source_row" in rows.columns else ("response_file", "response_row")
    shown = probe.shown.cast("string")
    if table.private is not None and probe.shown.type().is_numeric():
        shown = ibis.ifelse(may_tell_a_person(shown), ibis.null("string"), shown)
    bad = rows.filter(probe.bad).select(file=rows[file], row=rows[row], shown=shown)
    found = table.session.collect(bad.order_by("file", "row").limit(EXAMPLES)).to_pylist()
    return tuple(_example(one) for one in found)


def _example(found: Mapping[str, Any]) -> str:
    """A place in the source, and what stands there."""
    name = PurePath(found["file"] or "").name
    place = f"{name} row {found['row']}" if "." in name else f"row {found['row']}"
    shown = found["shown"]
    return place if shown is None else f"{place}: {shown[:LONGEST_EXAMPLE]}"


def _set_aside(table: ReadTable, plan: CheckPlan) -> list[Finding]:
    """What reading set aside, by reason and column."""
    kind, counts = _kind(table), reading_counts(table)
    findings = []
    for row in counts.to_dict("records"):
        if (check := CHECK_OF_REASON.get(row["reason"])) is not None:
            column = None if pd.isna(row["column"]) else row["column"]
            s = "" if row["n"] == 1 else "s"
            what = f"row{s} of the {kind}" if column is None else f"value{s} of {column}"
            told = f"{row['n']:,} {what}: {row['reason'].replace('_', ' ')}"
            examples = _places(table, column, row["reason"])
            findings += [
                replace(one, examples=examples)
                for one in finding(plan, check, kind, column, row["n"], table.n_read, told)
            ]
    lost = counts[counts["column"].isna() & counts["reason"].isin(set(CHECK_OF_REASON) - set(NO_LOSS))]["n"].sum()
    if lost > plan.set_aside_share * table.n_read:
        told = f"{lost:,} of {table.n_read:,} rows could not be used"
        findings += finding(plan, "rows_set_aside", kind, None, int(lost), table.n_read, told)
    return findings


def _places(table: ReadTable, column: str | None, reason: str) -> tuple[str, ...]:
    """Where a few of those rows or cells are, and what stands there where that is a number."""
    aside = table.set_aside
    is_there = aside["column"].isnull() if column is None else aside["column"] == column
    rows = aside.filter(is_there, aside["reason"] == reason).order_by("source_file", "source_row").limit(EXAMPLES)
    found = table.session.collect(rows).to_pylist()
    is_number = reason in NUMBERS
    shown = [one["original"] if is_number else None for one in found]
    return tuple(
        _example({"file": one["source_file"], "row": one["source_row"], "shown": text})
        for one, text in zip(found, shown, strict=True)
    )


def _remarks(table: ReadTable, plan: CheckPlan) -> list[Finding]:
    """What reading noticed of files and times that it read all the same."""
    kind = _kind(table)
    told = {
        "date_without_time": "{n:,} of {of:,} values of {column} are a date without a time",
        "skipped_time": "{n:,} of {of:,} values of {column} lie in an hour that the clocks skipped",
    }
    quiet = table.remarked.get(QUIET, {})
    n, named = sum(quiet.values()), tuple(quiet)[:EXAMPLES]
    s = " holds" if n == 1 else "s hold"
    of_files = finding(plan, QUIET, kind, None, n, n, f"{n:,} file{s} no row") if n else []
    return [replace(one, examples=named) for one in of_files] + [
        one
        for check, words in told.items()
        for column, n in table.remarked.get(check, {}).items()
        for one in finding(
            plan, check, kind, column, n, table.n_read, words.format(n=n, of=table.n_read, column=column)
        )
    ]


def _line(one: Finding) -> str:
    where = f" ({'; '.join(one.examples)})" if one.examples else ""
    return f"  {one.level.replace('_', ' '):<10}{one.check:<24}{one.table}: {one.told}{where}"
