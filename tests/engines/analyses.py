"""Analyses that the whole job does not do, each of which has to run on every engine and tell the same there."""

from __future__ import annotations

from dataclasses import fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

import cxfusion as cx

if TYPE_CHECKING:
    from collections.abc import Callable

ADDED: Final = ["source_file", "source_row", "score_status"]
WAIT: Final = "wait_seconds"
LEVERS: Final = tuple(lever for lever in cx.DEFAULT_LEVERS if lever.name in (WAIT, "n_transfers"))
TWO: Final = cx.LeverSpec(levers=LEVERS, case_mix=("queue",))


class Asked:
    """What analyses are asked of, each made when it is first wanted."""

    def __init__(self, contacts: cx.Contacts, surveys: cx.Surveys) -> None:
        told = surveys.to_pandas().sort_values("response_id").drop(columns=ADDED)
        told["is_resolved_reported"] = told["csat"] >= 4
        self.contacts, self.surveys = contacts, cx.read_surveys(told, session=contacts.session)
        self.pairing = cx.pair(contacts, self.surveys)

    @cached_property
    def weights(self) -> cx.ResponseWeights:
        return cx.weigh(self.pairing)

    @cached_property
    def log(self) -> pd.DataFrame:
        return self.contacts.to_pandas().sort_values("contact_id")

    @cached_property
    def middle(self) -> str:
        """A day in the middle of the log."""
        return str(self.log["started_at"].median().date())

    @cached_property
    def stayed(self) -> list[dict[str, Any]]:
        customers = sorted(self.log["customer_id"].dropna().unique())
        return [{"customer_id": name, "stayed": i % 3 > 0} for i, name in enumerate(customers)]

    @cached_property
    def of_few_agents(self) -> cx.Pairing:
        few = self.log[self.log["agent_id"].isin(sorted(self.log["agent_id"].dropna().unique())[:20])]
        columns = ["contact_id", "customer_id", "agent_id", "queue", "started_at"]
        return cx.pair(cx.read_contacts(few[columns], session=self.contacts.session), self.surveys)


ANALYSES: Final[dict[str, Callable[[Asked], Any]]] = {
    "compare": lambda a: cx.compare(a.pairing, "csat", "queue", weights=a.weights),
    "control_chart": lambda a: cx.control_chart(a.contacts, "aht_seconds", "queue"),
    "control_chart of counts": lambda a: cx.control_chart(a.contacts, "volume"),
    "dose_response": lambda a: cx.dose_response(a.pairing, WAIT),
    "follow": lambda a: cx.follow(a.contacts, "queue"),
    "mediate": lambda a: cx.mediate(a.pairing, WAIT, ["n_transfers"], spec=TWO),
    "nonresponse_curve": lambda a: cx.nonresponse_curve(a.pairing, times=(1.25,)),
    "rank_groups": lambda a: cx.rank_groups(a.contacts, "aht_seconds", adjust_for="queue"),
    "read_out": lambda a: cx.read_out(a.pairing, "queue", "billing", a.middle, period_days=1),
    "resolution": lambda a: cx.resolution(a.pairing, "queue"),
    "response_analysis": lambda a: cx.response_analysis(a.pairing),
    "what_changed": lambda a: cx.what_changed(a.contacts, "aht_seconds", "queue", since=a.middle),
    "with_history": lambda a: cx.diagnose(cx.with_history(a.contacts), "queue"),
    "worth": lambda a: cx.worth(a.of_few_agents, a.stayed, "stayed"),
}


def tables_of_analyses(contacts: cx.Contacts, surveys: cx.Surveys) -> dict[str, pd.DataFrame]:
    """Every table of every analysis, by the name of the analysis and of the table."""
    asked = Asked(contacts, surveys)
    return {f"{name}: {part}": table for name, ask in ANALYSES.items() for part, table in tables_in(ask(asked)).items()}


def tables_in(found: Any) -> dict[str, pd.DataFrame]:
    """All tables of a result, by the name of their field."""
    own = {field.name: getattr(found, field.name) for field in fields(found)}
    return {"table": found.table} | {name: table for name, table in own.items() if isinstance(table, pd.DataFrame)}
