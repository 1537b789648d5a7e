"""What the commands take: every argument and option, declared once with its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

__all__ = [
    "DEBUG_VARIABLE",
    "Against",
    "AnyFile",
    "AsCsv",
    "AsJson",
    "By",
    "ContactLog",
    "ContactsSource",
    "CostPerHour",
    "Currency",
    "Debug",
    "EngineUrl",
    "FileFormatName",
    "Interval",
    "KeyFile",
    "Kind",
    "LittleMemory",
    "MapFile",
    "Memory",
    "NContacts",
    "NoReport",
    "OneCore",
    "Out",
    "Outcome",
    "PairBy",
    "Quiet",
    "Seed",
    "Since",
    "StudyFile",
    "SurveyFile",
    "SurveysSource",
    "Threads",
    "Timezone",
    "To",
    "Until",
    "Within",
    "WorldName",
]

DEBUG_VARIABLE: Final = "CXFUSION_DEBUG"
EVERYWHERE: Final = "Options of every command"

ContactLog = Annotated[
    str,
    typer.Argument(
        metavar="CONTACTS",
        help="The contact log: a file, a glob, a folder or a table of a database; `cxfusion sources` lists formats.",
    ),
]
SurveyFile = Annotated[
    str, typer.Argument(metavar="SURVEYS", help="The survey answers: a file, a glob, a folder or a table.")
]
StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study: tables, pairing, question, engine.")]
AnyFile = Annotated[
    str, typer.Argument(metavar="FILE", help="The table to look at: a file, a glob, a folder or a table of a database.")
]
Out = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Directory to write; replaced as a whole or not at all.")
]
To = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="URL",
        help="Write the tables to a database too, all or none: postgres://USER@HOST/DATABASE/SCHEMA or duckdb://FILE.",
    ),
]
AsCsv = Annotated[bool, typer.Option("--csv", help="Write every table as CSV too, for tools that read no Parquet.")]
Against = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Output directory of an earlier run: tell what has suddenly changed since."),
]
PairBy = Annotated[
    str | None,
    typer.Option(
        metavar="KEY",
        help="Key to pair by: leg_id, contact_id, case_id or customer_id; several, separated by commas, are tried in"
        " their order. By default the most exact that an answer gives.",
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--pseudonymise-key-file",
        metavar="FILE",
        help="Customers and agents become keyed hashes on the way in; FILE holds the key, which is kept nowhere.",
    ),
]
Within = Annotated[
    str, typer.Option(metavar="TIME", help="Pairing by customer: how long before the answer a contact may lie.")
]
Outcome = Annotated[
    Literal["csat", "nps", "ces", "csat_top2box"] | None,
    typer.Option(help="The score to be moved; by default the first there is."),
]
MapFile = Annotated[
    Path | None, typer.Option("--map", metavar="FILE.toml", help="What the columns mean; `cxfusion map` proposes one.")
]
ContactsSource = Annotated[
    str | None, typer.Option(metavar="SOURCE", help="Where the contact log comes from, as `cxfusion sources` lists.")
]
SurveysSource = Annotated[
    str | None, typer.Option(metavar="SOURCE", help="Where the answers come from, as `cxfusion sources` lists.")
]
Timezone = Annotated[
    str | None,
    typer.Option(metavar="ZONE", help="Zone of times without an offset, such as Europe/Berlin; by default the map's."),
]
Since = Annotated[
    str | None,
    typer.Option(metavar="DATE", help="Only contacts that started from this date or time on, on the site's clock."),
]
Until = Annotated[
    str | None,
    typer.Option(metavar="DATE", help="Only contacts that started before this date or time, on the site's clock."),
]
CostPerHour = Annotated[
    float | None,
    typer.Option(metavar="AMOUNT", help="What a paid hour of an agent costs: puts a price on a point of each lever."),
]
Currency = Annotated[str | None, typer.Option(metavar="NAME", help="Of the costs, as it is to be shown, such as EUR.")]
By = Annotated[
    list[str] | None,
    typer.Option("--by", metavar="COLUMN", help="Group by this column; repeat it, or separate several by commas."),
]
Interval = Annotated[
    str | None, typer.Option(metavar="LENGTH", help="Count by this interval of the site's clock: 15min, 30min, 1h, 1d.")
]
Kind = Annotated[
    Literal["contacts", "surveys"] | None,
    typer.Option(help="What the file holds; by default what its headings say, which may be both."),
]
NContacts = Annotated[int, typer.Option("--contacts", metavar="N", help="How many contacts to draw, at least 1,000.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same centre.")]
WorldName = Annotated[
    str | None,
    typer.Option(
        "--world",
        metavar="NAME",
        help="A named centre, such as bad_days; by default the demo's. The reference lists all.",
    ),
]
FileFormatName = Annotated[
    Literal["parquet", "amazon_connect", "genesys_cloud"],
    typer.Option("--format", help="Canonical tables, or raw exports of such a system with the map that reads them."),
]
NoReport = Annotated[bool, typer.Option("--no-report", help="Leave out report.html.")]
Threads = Annotated[
    int | None, typer.Option(metavar="N", help="Cores to use; by default all.", rich_help_panel=EVERYWHERE)
]
Memory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Memory that the whole process keeps near, such as 4GB; what does not fit is spilled to disk.",
        rich_help_panel=EVERYWHERE,
    ),
]
EngineUrl = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="URL",
        help="PostgreSQL database that does the work: postgres://USER@HOST/DATABASE. By default it is done here.",
    ),
]
OneCore = Annotated[
    int | None,
    typer.Option(
        "--threads", metavar="N", help="Taken everywhere; this command uses one core.", rich_help_panel=EVERYWHERE
    ),
]
LittleMemory = Annotated[
    str | None,
    typer.Option(
        "--memory", metavar="SIZE", help="Taken everywhere; this command needs little.", rich_help_panel=EVERYWHERE
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.", rich_help_panel=EVERYWHERE)]
Quiet = Annotated[
    bool, typer.Option("--quiet", help="Print no progress on standard error.", rich_help_panel=EVERYWHERE)
]
Debug = Annotated[  # read by Command
    bool,
    typer.Option(
        "--debug",
        help=f"Print the traceback of an error; {DEBUG_VARIABLE}=1 does the same.",
        rich_help_panel=EVERYWHERE,
    ),
]
