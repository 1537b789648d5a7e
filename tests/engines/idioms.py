"""What the house asks of relations, each with its answer: an engine that understands these can run a study."""

from __future__ import annotations

from datetime import UTC, datetime

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from cxfusion.engine.functions import greatest_of, whole_part
from cxfusion.tables.coding import number_of
from cxfusion.tables.formats import TimeForm, microseconds, read_epoch
from cxfusion.tables.sums import PER_ANSWER, exact_sum
from cxfusion.tables.times import to_local


def near(one: ir.Table, other: ir.Table) -> ir.Table:
    """Rows of a group beside the one before."""
    return one.join(other, [one["g"] == other["h"], other["y"] < one["x"], other["y"] >= one["x"] - 13])


def _to_steps(value: float) -> float:
    """A number to the nearest step of exact sums of answers."""
    return round(value * PER_ANSWER) / PER_ANSWER


DATED = TimeForm("pattern", "%d/%m/%Y", ("%d/%m/%Y %H:%M",))
# Of rows id = c0 … c99, x = 0 … 99, g = x modulo 13, at = an hour each: what is made of them, the question, the answer.
IDIOMS = {
    "a window in a total order": (
        lambda t: t.mutate(place=ibis.row_number().over(group_by="g", order_by=["x", "id"])).filter(ibis._.g == 3),
        lambda t: t["place"].max(),
        7,
    ),
    "numbers of texts": (
        lambda t: t.mutate(
            number=number_of(t["g"].cast("string")), n=t.count().over(group_by=number_of(t["g"].cast("string")))
        ),
        lambda t: t["number"].nunique() * 1000 + t["n"].max() + (t["number"] <= 0).sum(),
        13_008,
    ),
    "a range around a row": (
        lambda t: t.mutate(n=t.count().over(ibis.range_window(order_by=t["x"], preceding=(2, 1)))),
        lambda t: t["n"].sum(),
        0 + 1 + 98 * 2,
    ),
    "a running sum": (
        lambda t: t.mutate(s=t["x"].sum().over(ibis.window(order_by="x", preceding=None, following=0))),
        lambda t: t["s"].max(),
        4950,
    ),
    "the last by several columns": (
        lambda t: t.aggregate(
            last=ibis.struct({"g": t["g"], "id": t["id"]}).argmax(ibis.struct({"g": t["g"], "x": t["x"]}))
        ),
        lambda t: t["last"]["id"].max(),
        "c90",
    ),
    "the last two by several columns": (
        lambda t: t.aggregate(by="g", last=greatest_of(ibis.struct({"y": t["x"] % 2, "x": t["x"], "id": t["id"]}), 2)),
        lambda t: t["last"][0]["x"].sum() * 1000 + t["last"][1]["x"].sum(),
        sum(sorted((x % 2, x) for x in range(g, 100, 13))[-1][1] for g in range(13)) * 1000
        + sum(sorted((x % 2, x) for x in range(g, 100, 13))[-2][1] for g in range(13)),
    ),
    "the last two of some": (
        lambda t: t.aggregate(by="g", last=greatest_of(ibis.struct({"x": t["x"]}), 2, where=t["x"] < 39)),
        lambda t: t["last"][0]["x"].sum() * 1000 + t["last"][1]["x"].sum(),
        sum(range(26, 39)) * 1000 + sum(range(13, 26)),
    ),
    "numbers with a fraction": (
        lambda t: t.mutate(half=t["x"] / 2),
        lambda t: (t["half"] != whole_part(t["half"])).sum(),
        50,
    ),
    "infinite numbers": (
        lambda t: t.mutate(y=ibis.cases((t["x"] == 3, float("inf")), (t["x"] == 5, float("-inf")), else_=t["x"])),
        lambda t: t["y"].isinf().sum() * 100 + t["x"].isinf().sum(),
        200,
    ),
    "slices of time by a shift": (
        lambda t: t.mutate(slice=microseconds(t["at"]) >> 36),
        lambda t: t["slice"].nunique(),
        len({int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() + 3600 * x) * 10**6 >> 36 for x in range(100)}),
    ),
    "rows for each element": (
        lambda t: t.mutate(y=ibis.array([t["x"], t["x"] + 1])).unnest("y"),
        lambda t: t["y"].sum(),
        2 * 4950 + 100,
    ),
    "rows that another table has not": (
        lambda t: t.anti_join(t.filter(t["x"] < 60).select("id"), "id"),
        lambda t: t.count(),
        40,
    ),
    "rows that another table has": (
        lambda t: t.semi_join(t.filter(t["x"] < 60).select("id"), "id"),
        lambda t: t.count(),
        60,
    ),
    "a range join": (lambda t: near(t, t.select(y="x", h="g")), lambda t: t.count(), 100 - 13),
    "an interpolated quantile": (lambda t: t, lambda t: t["x"].quantile(0.1, where=t["x"] > 0), 10.8),
    "missing is left out": (
        lambda t: t.mutate(y=ibis.ifelse(t["x"] < 10, t["x"], ibis.null("float64"))),
        lambda t: t["y"].mean(),
        4.5,
    ),
    "nothing by nothing": (
        lambda t: t,
        lambda t: (t["x"].sum() / t["x"].count(where=t["x"] < 0).nullif(0)).fill_null(-1.0),
        -1.0,
    ),
    "exact sums": (lambda t: t, lambda t: exact_sum(t["x"] / 10), 495.0),
    "exact sums of products of exact sums": (
        lambda t: t.aggregate(by="g", s=exact_sum(t["x"] / 7, PER_ANSWER)),
        lambda t: exact_sum(t["s"] * t["s"], PER_ANSWER),
        sum(_to_steps(sum(_to_steps(x / 7) for x in range(g, 100, 13)) ** 2) for g in range(13)),
    ),
    "different values": (lambda t: t, lambda t: t["g"].nunique(), 13),
    "a union": (lambda t: ibis.union(t.select("x"), t.select("x")), lambda t: t["x"].sum(), 9900.0),
    "a list that travels along": (
        lambda t: t.inner_join(ibis.memtable(pa.table({"g": [1, 2], "code": [10, 20]})), "g"),
        lambda t: t["code"].sum(),
        8 * 10 + 8 * 20,
    ),
    "text to a number": (lambda t: t, lambda t: t["id"].re_extract(r"^c(\d+)$", 1).try_cast("float64").sum(), 4950.0),
    "what is no number": (lambda t: t, lambda t: t["id"].try_cast("float64").count(), 0),
    "shapes of text": (lambda t: t, lambda t: t["id"].re_search(r"^c\d$").sum(), 10),
    "text replaced": (lambda t: t, lambda t: t["id"].re_replace("^c(9+)$", r"a\1").min(), "a9"),
    "seconds since 1970": (lambda t: t, lambda t: t["at"].epoch_seconds().max(), 1_767_225_600 + 99 * 3600),
    "instants by microseconds": (lambda t: t, lambda t: microseconds(t["at"]).min(), 1_767_225_600_000_000),
    "numbers as instants": (
        lambda t: t.mutate(then=read_epoch(t["x"] + 1.7e9)),
        lambda t: (t["then"].epoch_seconds() - 1_700_000_000).max(),
        99,
    ),
    "wall clocks of a site": (
        lambda t: t.mutate(local=to_local(t["at"], "America/New_York", (2025, 2026))),
        lambda t: t["local"].hour().min(where=t["x"] < 5),
        19,
    ),
    "times of day as text": (lambda t: t, lambda t: t["at"].strftime("%H:%M:%S").max(), "23:00:00"),
    "days as text": (lambda t: t, lambda t: t["at"].date().cast("string").min(), "2026-01-01"),
    "weekdays": (lambda t: t, lambda t: t["at"].day_of_week.index().min(where=t["x"] == 0), 3),
    "intervals": (
        lambda t: t.mutate(end=t["at"] + (t["x"] * 1e6).round().cast("int64").as_interval("us")),
        lambda t: (t["end"].epoch_seconds() - t["at"].epoch_seconds()).max(),
        99,
    ),
    "microseconds between": (
        lambda t: t,
        lambda t: t["at"].delta(ibis.literal(datetime(2026, 1, 1)), unit="microsecond").max(),
        99 * 3_600_000_000,
    ),
    "hours": (lambda t: t.mutate(hour=t["at"].truncate("D")), lambda t: t["hour"].nunique(), 5),
    "times written as text": (
        lambda t: t.mutate(at=DATED.read(ibis.literal("05/01/2026 09:30"))),
        lambda t: t["at"].epoch_seconds().max(),
        1_767_605_400,
    ),
    "times as ISO 8601": (
        lambda t: t.mutate(at=TimeForm("iso", "ISO 8601").read(ibis.literal("2026-01-05T09:30:00+02:00"))),
        lambda t: t["at"].epoch_seconds().max(),
        1_767_605_400 - 7200,
    ),
}
