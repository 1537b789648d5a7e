"""A simulated centre as files and as relations, drawn day by day: a day bounds the memory, whatever the size.

One random stream per day and fixed ones for staff and calendar: the same seed gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pandas as pd

from cxfusion.errors import OutputDirectoryError, UsageError, is_number, require_path
from cxfusion.simulation.centre import Centre
from cxfusion.simulation.congestion import draw_calendar
from cxfusion.simulation.draw import Day, draw_day
from cxfusion.simulation.exports.formats import FileFormat, find_format
from cxfusion.simulation.faults import spoil_contacts, spoil_surveys
from cxfusion.simulation.files import contacts_table, surveys_table, with_invitations
from cxfusion.simulation.repeats import Comebacks
from cxfusion.simulation.responses import draw_responses
from cxfusion.simulation.staff import draw_staff
from cxfusion.simulation.truth import LEVERS, intervene, truth_frame
from cxfusion.simulation.worlds import find_world
from cxfusion.tables.read import read_contacts, read_surveys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cxfusion.engine import Session
    from cxfusion.tables.relation import Contacts, Surveys

__all__ = ["CentreFiles", "DrawnDay", "SimulatedCentre", "draw_days", "simulate", "write_centre"]

TRUTH_FILE: Final = "truth.csv"
MAP_FILE: Final = "map.toml"
FEWEST_CONTACTS: Final = 1_000  # fewer leave days without contacts, and a truth that hangs on single ones


@dataclass(frozen=True, eq=False)
class SimulatedCentre:
    """A centre's log and surveys, as any centre has them, and the truth, which none has.

    Attributes
    ----------
    contacts : Contacts
    surveys : Surveys
    truth : pandas.DataFrame
        ``lever, moment, step, csat_effect, nps_effect, role_in_story, is_identified, why_not``; effects are in
        score points and NPS points per step. Where no method could tell an effect from the log, ``why_not`` says why.
    centre : Centre
        What was drawn from.
    """

    contacts: Contacts
    surveys: Surveys
    truth: pd.DataFrame = field(repr=False)
    centre: Centre = field(repr=False)


class CentreFiles(NamedTuple):
    """Where a simulated centre was written."""

    contacts: Path
    surveys: Path
    truth: Path

    @property
    def map(self) -> Path:
        """The map that reads raw exports; there is none of canonical files."""
        return self.truth.with_name(MAP_FILE)


@dataclass(frozen=True)
class DrawnDay:
    """A day of a log, its date and its place in the log.

    Attributes
    ----------
    date : datetime.date
    day : Day
    first_number : int
        Number of its first contact in the log.
    agents : tuple of str
        Ids of all agents of the centre, by number.
    rng : numpy.random.Generator
        The day's own stream, where drawing the contacts left it.
    """

    date: dt.date
    day: Day
    first_number: int
    agents: tuple[str, ...]
    rng: np.random.Generator


def simulate(
    n_contacts: int = 200_000,
    seed: int = 7,
    *,
    world: str | None = None,
    centre: Centre | None = None,
    out: str | os.PathLike[str] | None = None,
    session: Session | None = None,
) -> SimulatedCentre:
    """Draw a call centre whose truth is known.

    Parameters
    ----------
    n_contacts : int, default 200,000
        At least 1,000.
    seed : int, default 7
        The same seed gives the same centre, byte for byte.
    world : str, optional
        A named centre, such as ``"bad_days"``; the demo's otherwise.
    centre : Centre, optional
        A centre of one's own, instead of a named one.
    out : path, optional
        A folder that keeps ``contacts.parquet``, ``surveys.parquet`` and ``truth.csv``.
    session : Session, optional
        Where the relations live; the default session otherwise.

    Returns
    -------
    SimulatedCentre

    Raises
    ------
    UsageError
        Too few contacts, a negative seed, or both a world and a centre.
    UnknownNameError
        No such world.
    OutputDirectoryError
        The folder cannot be written, or holds files of the same names that no simulated centre left.

    Examples
    --------
    >>> import cxfusion as cx
    >>> simulated = cx.simulate(n_contacts=2_000, seed=1)
    >>> simulated.contacts.count()
    2000
    >>> simulated.truth["lever"].tolist()
    ['wait_seconds', 'ivr_seconds', 'n_transfers', 'hold_seconds', 'talk_seconds']
    >>> truth = cx.simulate(n_contacts=2_000, seed=1, world="bad_days").truth
    >>> float(truth["csat_effect"][0])  # a wait that does nothing
    0.0
    """
    if world is not None and centre is not None:
        raise UsageError("Both world and centre were given. Expected one of them; leave the other out.")
    centre = centre or (Centre() if world is None else find_world(world).centre)
    with _folder(out) as folder:
        files = write_centre(folder, n_contacts, seed, centre)
        return SimulatedCentre(
            contacts=read_contacts(files.contacts, session=session),
            surveys=read_surveys(files.surveys, session=session),
            truth=pd.read_csv(files.truth, keep_default_na=False),
            centre=centre,
        )


def write_centre(
    folder: str | os.PathLike[str],
    n_contacts: int,
    seed: int,
    centre: Centre | None = None,
    *,
    file_format: str = "parquet",
) -> CentreFiles:
    """Draw a call centre into files, any size, in memory bounded by a day.

    Parameters
    ----------
    folder : path
        Made if it does not exist. Files of an earlier centre are replaced once the new ones are complete.
    n_contacts : int
        At least 1,000.
    seed : int
        The same seed gives the same bytes (with the same versions of NumPy and PyArrow).
    centre : Centre, optional
    file_format : {"parquet", "amazon_connect", "genesys_cloud"}
        Canonical tables, or raw exports of the contact log, with the responses as a Qualtrics CSV and a ``map.toml``
        that reads both.

    Returns
    -------
    CentreFiles
        Paths of ``contacts.parquet``, ``surveys.parquet`` and ``truth.csv``; raw exports are ``contacts.jsonl`` and
        ``surveys.csv``.

    Raises
    ------
    UsageError
        Too few contacts, or a negative seed.
    UnknownNameError
        No such format.
    OutputDirectoryError
        The folder cannot be written, or holds files of the same names that no simulated centre left.
    """
    how, days = find_format(file_format), draw_days(n_contacts, seed, centre)
    _require_ours(_files(folder, how), has_map=how.map_text is not None)
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as partial:
            _write_days(_files(partial, how), how, days, centre or Centre())
            for path in sorted(Path(partial).iterdir()):
                os.replace(path, Path(folder) / path.name)
    except OSError as error:
        raise OutputDirectoryError(
            f"The simulated centre could not be written to {os.fspath(folder)}: {error.strerror or error}."
            " Expected a folder that can be written, with room for it; choose another one."
        ) from error
    return _files(folder, how)


def _files(folder: str | os.PathLike[str], how: FileFormat) -> CentreFiles:
    return CentreFiles(*(Path(folder) / name for name in (how.contacts, how.surveys, TRUTH_FILE)))


def _require_ours(files: CentreFiles, *, has_map: bool) -> None:
    """Raise where files would be replaced that no simulated centre left: such a one is known by its truth."""
    replaced = (files.contacts, files.surveys, files.map) if has_map else (files.contacts, files.surveys)
    there = [path.name for path in replaced if path.exists()]
    if there and not files.truth.exists():
        raise OutputDirectoryError(
            f"{files.truth.parent} holds {', '.join(there)}, which would be replaced, and no {TRUTH_FILE}, by which a"
            " simulated centre is known. It is left alone. Name another folder, or clear this one yourself."
        )


def _write_days(files: CentreFiles, how: FileFormat, days: Iterator[DrawnDay], centre: Centre) -> None:
    sums, n_responses = np.zeros((len(LEVERS), 4)), 0
    with how.open_contacts(files.contacts) as contacts, how.open_surveys(files.surveys) as surveys:
        for drawn in days:
            where = (drawn.date, drawn.first_number)
            log = contacts_table(centre, drawn.day, *where, drawn.agents)
            responses = draw_responses(centre, drawn.day, drawn.rng)
            told = surveys_table(drawn.day, responses, *where, n_responses)
            n_responses += told.num_rows
            contacts.write(spoil_contacts(log, centre.faults, drawn.rng))
            told = spoil_surveys(told, log, responses.contact, centre.faults, drawn.rng)
            if centre.selection.lists_invitations and how.source is None:
                told = with_invitations(told, drawn.day, responses, *where, n_responses)
                n_responses += len(responses.silent)
            surveys.write(told)
            sums += intervene(drawn.day.lived, centre)
    truth_frame(sums, centre).to_csv(files.truth, index=False, float_format="%.12g")
    if how.map_text is not None:
        files.map.write_text(how.map_text, encoding="utf-8")


def draw_days(n_contacts: int, seed: int, centre: Centre | None = None) -> Iterator[DrawnDay]:
    """The days of a log, one after the other; only the one in hand is held.

    Raises
    ------
    UsageError
        Too few contacts, or a negative seed.
    """
    if not (is_number(n_contacts) and n_contacts >= FEWEST_CONTACTS):
        raise UsageError(f"n_contacts={n_contacts} was asked for; expected at least {FEWEST_CONTACTS:,}. Ask for more.")
    if not (is_number(seed) and seed >= 0 and seed == int(seed)):
        raise UsageError(f"seed={seed} was asked for; expected a whole number that is not negative. Choose another.")
    return _days(int(n_contacts), np.random.SeedSequence(int(seed)), centre or Centre())


def _days(n_contacts: int, root: np.random.SeedSequence, centre: Centre) -> Iterator[DrawnDay]:
    for_staff, for_calendar, for_customers, for_days = root.spawn(4)
    n_agents = centre.agents_for(n_contacts)
    staff = draw_staff(centre, n_agents, _stream(for_staff))
    agents = tuple(f"agent_{number:05d}" for number in range(n_agents))
    calendar = draw_calendar(centre, n_contacts, _stream(for_calendar))
    forms = for_staff.spawn(len(calendar.volumes))
    comebacks = None if centre.repeats is None else Comebacks(centre.repeats)
    n_customers = centre.customers_for(n_contacts)
    first_number = 0
    for index, (volume, seeds) in enumerate(zip(calendar.volumes, for_days.spawn(len(calendar.volumes)), strict=True)):
        date, rng = centre.first_day + dt.timedelta(days=index), _stream(seeds)
        day = draw_day(
            centre,
            staff if centre.form is None else staff.on_day(centre.form, _stream(forms[index])),
            weekday=date.weekday(),
            n_contacts=int(volume),
            badness=calendar.badness[index],
            newcomers=range(first_number, first_number + int(volume)) if comebacks else n_customers,
            customer_key=int(for_customers.generate_state(1, np.uint64)[0]),
            rng=rng,
            returning=comebacks.due(index) if comebacks else None,
        )
        if comebacks:
            comebacks.schedule(index, day.arrivals, day.handling.hidden_difficulty, day.displeasure, rng)
        yield DrawnDay(date, day, first_number, agents, rng)
        first_number += int(volume)


def _stream(seeds: np.random.SeedSequence) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seeds))


@contextmanager
def _folder(out: str | os.PathLike[str] | None) -> Iterator[Path]:
    """The folder that was asked for, or one that lasts until its files have been read."""
    if out is not None:
        require_path(out, "out")
        yield Path(out)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
