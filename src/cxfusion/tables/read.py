"""Reading: a source becomes canonical contacts or surveys, and whatever could not be used is listed with a reason.

Look at how cells are written, set bad cells and rows aside, keep the rest, and check the books.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import ibis

from cxfusion.engine import RelationSource
from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW
from cxfusion.errors import InputError
from cxfusion.results.display import display_name
from cxfusion.tables.aside import Rules, sort_rows
from cxfusion.tables.canonical import RESPONDENT_ROLES, SURVEY_LEVELS
from cxfusion.tables.leg_reading import hidden_later, read_legs
from cxfusion.tables.legs import roll_up
from cxfusion.tables.mapping import table_map
from cxfusion.tables.opening import unchanged
from cxfusion.tables.pseudonyms import require_pseudonyms
from cxfusion.tables.quiet import telling_quiet
from cxfusion.tables.relation import Contacts, Surveys
from cxfusion.tables.sources import require_source
from cxfusion.tables.staging import scale_of, start_reading
from cxfusion.tables.steps import ask, compute

if TYPE_CHECKING:
    from collections.abc import Collection

    import ibis.expr.types as ir

    from cxfusion.engine import Session
    from cxfusion.tables.mapping import Map, MapLike
    from cxfusion.tables.opening import Data
    from cxfusion.tables.period import Moment
    from cxfusion.tables.pseudonyms import Pseudonyms
    from cxfusion.tables.reading import Reading
    from cxfusion.tables.relation import Legs
    from cxfusion.tables.sources import Source

__all__ = ["read_contacts", "read_surveys"]


def read_contacts(
    data: Data,
    *,
    map: MapLike | None = None,
    source: str | Source | None = None,
    timezone: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    pseudonyms: Pseudonyms | None = None,
    session: Session | None = None,
) -> Contacts:
    """Read a contact log: one row per contact, as the customer experienced it.

    Canonical names and the usual headings of call-centre exports need no map.

    Parameters
    ----------
    data : path, glob, folder, frame, reader, relation or list of dict
        Files of CSV (also gzipped), JSON lines (nested fields get dotted names), Parquet or Excel; a folder stands for
        the Parquet files in it, and its subfolders ``key=value`` for columns. Or a pandas or Polars frame
        (eager or lazy), an Arrow table, reader or dataset, a DuckDB relation, an Ibis table of any engine. Or the URL
        of a table in a database: ``duckdb://FILE/TABLE``, ``postgres://USER@HOST/DATABASE/SCHEMA.TABLE``, or any other
        that Ibis connects to, with ``?table=TABLE``.
    map : path, Map or mapping, optional
        Column map: a TOML file, its content, or just ``{canonical: source column}``. With ``attributes = []`` only the
        columns that it names, and those with usual headings, are read.
    source : str or Source, optional
        Kind of source, as ``cxfusion sources`` lists them, or one of your own; takes precedence over the map's.
        ``"generic"`` where neither says.
        In a vendor's contact log each row is a leg: ``legs`` of the result keeps them, and its rows are the contacts
        that they make together.
    timezone : str, optional
        IANA name of the zone of times without an offset; takes precedence over the map's. UTC, with a note, where
        neither says.
    since, until : date, datetime or str, optional
        Contacts that started at or after ``since`` and before ``until``, on the site's clock; a date stands for its
        first moment. All others are counted in ``n_outside_period``, and no more of them is read than necessary.
    pseudonyms : Pseudonyms, optional
        Customers, agents and any other listed columns are replaced by a keyed hash on reading. Text that could not be
        read is then withheld from ``set_aside`` too.
    session : Session, optional
        Where the rows live; a default session otherwise.

    Returns
    -------
    Contacts
        Rows with a contact id of their own and a start. All other rows, and cells that could not be read, are in
        ``set_aside``.

    Raises
    ------
    UsageError, ConfigError
        The call, the map, the period or the time zone cannot be used.
    UnknownNameError
        There is no such kind of source, or no such sheet.
    UnreadableFileError, EmptyTableError, MissingColumnError
        The source cannot be used.
    InputError
        Times in which day and month cannot be distinguished.

    Examples
    --------
    >>> log = [{"Call ID": 7, "Start Time": "2026-01-05T09:00:00Z", "Talk Time": "00:03:20"}]
    >>> read_contacts(log).to_pandas()[["contact_id", "talk_seconds"]].to_dict("records")
    [{'contact_id': '7', 'talk_seconds': 200.0}]
    """
    require_pseudonyms(pseudonyms)
    given = table_map(map, "contacts")
    kind = require_source(source or given.table("contacts").source, "contacts")
    between = (since, until)
    with unchanged(data, of_vendor=kind.legs is not None) as paths:
        if kind.legs is None:
            found = _contacts(start_reading("contacts", data, given, timezone, session, source, between, pseudonyms))
        else:
            legs = read_legs(kind, data, given.table("contacts"), timezone, session, pseudonyms)
            found = _of_legs(legs, given, timezone, between, pseudonyms)
        return telling_quiet(found, paths, has_headings=kind.legs is None)


def read_surveys(
    data: Data,
    *,
    map: MapLike | None = None,
    source: str | Source | None = None,
    timezone: str | None = None,
    pseudonyms: Pseudonyms | None = None,
    alone: bool = False,
    session: Session | None = None,
) -> Surveys:
    """Read a survey file: one row per response.

    There is no period to choose: a response whose contact is outside the log's period ends as ``outside_period``.

    Parameters
    ----------
    data, map, source, timezone, pseudonyms, session
        As of :func:`read_contacts`.
    alone : bool, default False
        There is no contact log to pair it with, so no key is needed: for :func:`cxfusion.measure` and
        :func:`cxfusion.compare` of the surveys themselves.

    Returns
    -------
    Surveys
        Every response, scored or not; ``score_status`` is null where a score is usable, else ``score_missing`` or
        ``score_out_of_scale``. A response without an id of its own is identified by its row number.

    Raises
    ------
    NoScoreError
        No score column.
    UsageError, ConfigError, UnreadableFileError, EmptyTableError, MissingColumnError
        As of :func:`read_contacts`; one of the keys ``contact_id, leg_id, case_id, customer_id`` is required
        unless the surveys are ``alone``.
    InputError
        As of :func:`read_contacts`, or a score that is mostly outside its usual scale.

    Examples
    --------
    >>> answers = [{"Call ID": 7, "CSAT": 4}, {"Call ID": 8, "CSAT": 9}, {"Call ID": 9, "CSAT": 5}]
    >>> read_surveys(answers).to_arrow().select(["response_id", "csat", "score_status"]).to_pylist()[1]
    {'response_id': '2', 'csat': None, 'score_status': 'score_out_of_scale'}
    """
    require_pseudonyms(pseudonyms)
    with unchanged(data) as paths:
        reading = start_reading(
            "surveys", data, map, timezone, session, source, pseudonyms=pseudonyms, needs_key=not alone
        )
        _require_scales(reading)
        rows = sort_rows(reading, SURVEY_RULES)
    surveys = Surveys(
        session=reading.session,
        rows=rows.kept,
        n_read=reading.n_rows,
        set_aside=rows.set_aside,
        timezone=reading.zone,
        columns_from=reading.columns_from,
        notes=(*reading.notes, *_survey_notes(reading), *_word_notes(reading, rows.kept)),
        remarked=rows.remarked,
        scales={binding.name: scale_of(binding) for binding in reading.bindings.of_kind("score")},
        private=reading.hidden,
    )
    return telling_quiet(surveys, paths, has_headings=True)


def _contacts(reading: Reading) -> Contacts:
    rows = sort_rows(reading, CONTACT_RULES)
    return Contacts(
        session=reading.session,
        rows=rows.kept,
        n_read=reading.n_rows,
        set_aside=rows.set_aside,
        timezone=reading.zone,
        columns_from=reading.columns_from,
        notes=reading.notes,
        remarked=rows.remarked,
        n_outside_period=rows.n_outside,
        period=reading.period,
        around=_around(reading),
        n_beyond=reading.n_far,
        private=reading.hidden,
    )


def _around(reading: Reading) -> ir.Table | None:
    """What there is outside the period, as it would be kept; nothing of it is computed here."""
    if reading.period is None:
        return None
    is_unusable = ibis.or_(*_contact_faults(reading).values())
    rows = reading.staged.filter(reading.period.is_outside(reading.get("started_at")), ~is_unusable)
    return rows.select(**_contact_values(reading), **{name: reading.staged[name] for name in (SOURCE_FILE, SOURCE_ROW)})


def _of_legs(
    legs: Legs,
    given: Map,
    timezone: str | None,
    between: tuple[Moment | None, Moment | None],
    pseudonyms: Pseudonyms | None,
) -> Contacts:
    """Contacts rolled up from legs, then read like any table: the caller's map and period hold for them too."""
    own = given.table("contacts")
    rolled = RelationSource(roll_up(legs), "contacts rolled up from legs")
    if pseudonyms is not None:  # what the legs have hidden already stays as it is
        later = hidden_later(own, legs.further, pseudonyms)
        lower = {name.lower() for name in later}
        fresh = {name for name, how in own.columns.items() if any(source.lower() in lower for source in how.sources)}
        legs = _hidden(legs, later, pseudonyms)
        pseudonyms = pseudonyms.of_columns(pseudonyms.columns & fresh)
    table = own.model_copy(update={"source": "generic", "leave_out": {}})
    plain = given.model_copy(update={"contacts": table})
    contacts = _contacts(start_reading("contacts", rolled, plain, timezone, legs.session, None, between, pseudonyms))
    words = {name: legs.columns_from.get(told, told) for name, told in contacts.columns_from.items()}
    private = None if contacts.private is None or legs.private is None else contacts.private | legs.private
    return replace(contacts, legs=legs, columns_from=words, notes=(*legs.notes, *contacts.notes), private=private)


def _hidden(legs: Legs, names: Collection[str], pseudonyms: Pseudonyms) -> Legs:
    """Legs that keep nothing in clear of what their contacts hide."""
    if not names:
        return legs
    hidden = {name: pseudonyms.hashed(legs.rows[name]) for name in names}
    return replace(legs, rows=compute(legs.session, legs.rows.mutate(**hidden)))


def _contact_values(reading: Reading) -> dict[str, ir.Value]:
    return {**reading.values(), **reading.attributes()}


def _contact_faults(reading: Reading) -> dict[str, ir.BooleanValue]:
    return {
        **reading.is_left_out(),
        "contact_id_missing": reading.get("contact_id").isnull(),
        "started_at_missing": reading.get("started_at").isnull(),
    }


def _survey_values(reading: Reading) -> dict[str, ir.Value]:
    times = [recipe.name for recipe in reading.recipes if recipe.has_days]
    return {
        **reading.values(),
        **{f"{name}_is_day": reading.get(name, "is_day") for name in times},
        "response_id": _response_id(reading),
        "respondent_role": _role(reading),
        "score_status": _score_status(reading),
        **reading.attributes(),
    }


def _survey_faults(reading: Reading) -> dict[str, ir.BooleanValue]:
    return {**reading.is_left_out(), "empty_row": reading.is_blank()}


def _unscored_last(rows: ir.Table) -> list[ir.Value]:
    return [rows["score_status"].notnull()]


MOST_WORDS: Final = 3  # unknown words that a note names
CONTACT_RULES: Final = Rules(_contact_values, _contact_faults, "contact_id")
SURVEY_RULES: Final = Rules(_survey_values, _survey_faults, "response_id", better=_unscored_last)


def _response_id(reading: Reading) -> ir.StringValue:
    """The response's own id, else its row number, with the file where there are several."""
    row = reading.staged[SOURCE_ROW].cast("string")
    if reading.n_files > 1:
        row = reading.staged[SOURCE_FILE] + ":" + row
    return reading.get("response_id").coalesce(ibis.literal("row ") + row) if reading.has("response_id") else row


def _role(reading: Reading) -> ir.StringValue:
    if not reading.has("respondent_role"):
        return ibis.literal("customer")
    return reading.get("respondent_role").lower().fill_null("customer")


def _score_status(reading: Reading) -> ir.StringValue:
    """Null where any score is usable."""
    scores = [binding.name for binding in reading.bindings.of_kind("score")]
    is_outside = ibis.or_(*((reading.get(name, "reason") == "score_out_of_scale").fill_null(False) for name in scores))
    return ibis.cases(
        (ibis.or_(*(reading.get(name).notnull() for name in scores)), ibis.null("string")),
        (is_outside, "score_out_of_scale"),
        else_="score_missing",
    )


def _require_scales(reading: Reading) -> None:
    """Raise where a score of no declared scale is mostly outside the usual one: another scale is meant."""
    undeclared = [binding for binding in reading.bindings.of_kind("score") if binding.how.scale is None]
    facts: dict[str, ir.Value] = {}
    for binding in undeclared:
        scale, number = scale_of(binding), reading.get(binding.name, "number")
        facts[binding.name] = ibis.struct(
            {
                "n": number.count(),
                "n_outside": (~number.between(scale.low, scale.high)).sum(),
                "low": number.min(),
                "high": number.max(),
            }
        )
    found = ask(reading.session, reading.staged, facts) if facts else {}
    problems = [
        f"{binding.how.column!r} runs from {seen['low']:g} to {seen['high']:g}, but {binding.name} is usually on"
        f" {scale_of(binding).low:g} to {scale_of(binding).high:g}; give its scale with the line"
        f'  {binding.name} = {{ column = "{binding.how.column}", scale = [{seen["low"]:g}, {seen["high"]:g}] }}'
        for binding in undeclared
        if (seen := found[binding.name])["n"] and 2 * seen["n_outside"] > seen["n"]
    ]
    if problems:
        raise InputError("Most scores lie outside the scale they are taken to be on.", problems)


def _word_notes(reading: Reading, rows: ir.Table) -> list[str]:
    """Roles and levels that are none of ours: a typing error here would silently leave answers out."""
    notes = []
    for column, known, meaning in (
        ("respondent_role", RESPONDENT_ROLES, "only customers are measured"),
        ("survey_level", tuple(SURVEY_LEVELS), "taken to ask about a contact"),
    ):
        if not reading.has(column):
            continue
        word = rows[column].lower()
        others = rows.filter(word.notnull(), word.notin(known)).mutate(word=word)
        counts = others.aggregate(by="word", n=others.count())
        found = reading.session.collect(counts.order_by(ibis.desc("n"), "word").limit(MOST_WORDS)).to_pylist()
        told = ", ".join(f"{display_name(row['word'], limit=30)!r} ({row['n']:,})" for row in found)
        if told:
            notes.append(f"{column}: expected {', '.join(known)}; found also {told}: {meaning}")
    return notes


def _survey_notes(reading: Reading) -> list[str]:
    notes = [
        f"{binding.name}: a high number was taken to mean a better experience;"
        " say higher_is_better = false in the map if it counts effort"
        for binding in reading.bindings.of_kind("score")
        if binding.name == "ces" and "higher_is_better" not in binding.how.model_fields_set
    ]
    if not reading.has("response_id"):
        notes.append("the source has no response id: a response is known by its row number")
    return notes
