"""The two halves of the main job: what the log says of itself, and what the answers say."""

from __future__ import annotations

from dataclasses import dataclass
from math import isclose
from typing import TYPE_CHECKING, Final

from cxfusion.errors import NothingToEstimateError
from cxfusion.operations.diagnose import diagnose
from cxfusion.operations.episodes import EpisodePlan
from cxfusion.operations.follow import follow
from cxfusion.operations.links import Links, link
from cxfusion.perception.attributes import CATEGORIES
from cxfusion.perception.measure import measure_scores
from cxfusion.perception.offers import OfferCheck, check_offers
from cxfusion.perception.resolution import ASKED, resolution
from cxfusion.perception.weights import EVERYONE, ResponseWeights, is_everyone_heard, weigh
from cxfusion.results.grouping import as_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from cxfusion.operations.diagnose import Diagnosis
    from cxfusion.operations.follow import FollowUps
    from cxfusion.pairing.result import Pairing
    from cxfusion.perception.measure import Measurement
    from cxfusion.perception.resolution import Resolution

__all__ = ["Operations", "Perception", "operations_half", "perception_half"]

MOST_FOLLOWED: Final = 5_000_000


@dataclass(frozen=True)
class Operations:
    """What the log says; what was left out of it, and why."""

    diagnosis: Diagnosis
    by_interval: Diagnosis | None
    followed: FollowUps | None
    plan: EpisodePlan | None
    left_out: tuple[str, ...]


def operations_half(
    pairing: Pairing, grouping: str | Sequence[str] | None, interval: str | None
) -> tuple[Operations, Links | None]:
    """The first half, and the chains of contacts: a table as long as the log, which only the caller may keep."""
    contacts = pairing.contacts
    plan, left_out = _episodes(pairing)
    links = _linked(pairing, plan, grouping)
    found = Operations(
        diagnosis=diagnose(contacts, by=grouping, episodes=links or plan),
        followed=None if links is None or links.by is None else follow(contacts, links.by, plan=links),
        by_interval=None if interval is None else diagnose(contacts, by=grouping, interval=interval),
        plan=plan,
        left_out=left_out,
    )
    return found, links


@dataclass(frozen=True)
class Perception:
    """What the answers say; and in words, what weighting did."""

    weights: ResponseWeights | None
    told: tuple[str, ...]
    measurements: dict[str, Measurement]
    offers: OfferCheck
    resolution: Resolution | None

    @property
    def sentences(self) -> tuple[str, ...]:
        """What every reader has to know; the parts' own places on the page tell the rest."""
        of_offers = (self.offers.sentence,) if self.offers.status == "failed" else ()
        return (*(() if self.resolution is None else self.resolution.sentences), *of_offers)

    def balance(self, few: Mapping[str, frozenset[str]]) -> pd.DataFrame | None:
        """Who answered and who could have, without levels that would tell whether fewer than five customers did."""
        if self.weights is None:
            return None
        found = self.weights.balance
        for name in CATEGORIES:
            found = found[(found["column"] != name) | ~found["level"].isin(few.get(name, ()))]
        return found.reset_index(drop=True)


def perception_half(
    pairing: Pairing,
    score: str,
    grouping: str | Sequence[str] | None,
    operations: Operations,
    links: Links | None,
) -> Perception:
    """The second half; resolution only where repeat contacts were looked for."""
    weights, told = _weights(pairing, score)
    measurements = measure_scores(pairing, grouping, weights)
    offers = check_offers(pairing, score)
    is_asked = pairing.surveys.has(ASKED) and not operations.left_out
    resolved = resolution(pairing, grouping, plan=links or operations.plan) if is_asked else None
    return Perception(weights, told, measurements, offers, resolved)


def _episodes(pairing: Pairing) -> tuple[EpisodePlan | None, tuple[str, ...]]:
    """When a contact counts as repeated; not of a large log, as every customer's chain is sorted for it."""
    if not pairing.contacts.has("customer_id"):
        return None, ()
    if pairing.contacts.n_read <= MOST_FOLLOWED:
        return EpisodePlan(), ()
    told = f"First-contact resolution is left out of a log of more than {MOST_FOLLOWED:,} contacts; diagnose gives it."
    return None, (told,)


def _linked(pairing: Pairing, plan: EpisodePlan | None, grouping: str | Sequence[str] | None) -> Links | None:
    """Which contact followed upon which, where contacts of one customer can be told and what they are about."""
    about = next((name for name in ("reason", "queue") if pairing.contacts.has(name)), None)
    if plan is None or about is None:
        return None
    return link(pairing.contacts, plan, about, ["customer_id", *as_columns(grouping)])


def _weights(pairing: Pairing, outcome: str) -> tuple[ResponseWeights | None, tuple[str, ...]]:
    """Weights of the outcome and what they did, or why there are none."""
    try:
        weights = weigh(pairing, outcome)
    except NothingToEstimateError as error:
        if is_everyone_heard(pairing, outcome):
            return None, (EVERYONE,)
        return None, (f"Nothing is weighted for who did not answer: {error.message}",)
    before, after = weights.largest_difference
    if isclose(weights.effective_n, weights.n_answers):
        is_alike = isclose(before, 0.0, abs_tol=1e-9)
        why = "are like everyone already" if is_alike else "are too few of any two kinds of contacts to weight by"
        told = (
            f"Nothing is weighted for who did not answer: all {weights.n_answers:,} answers count the same, for they"
            f" {why}."
        )
        return None, (told,)
    lag = pairing.answer_lag
    left_out = () if lag is None else lag.notes(weights.n_young, weights.n_early)
    told = (
        f"Those who answered are weighted to all {weights.n_contacts:,} answered contacts: the largest standardised"
        f" difference goes from {before:.2f} to {after:.2f}, and {weights.n_answers:,} answers are worth"
        f" {weights.effective_n:,.0f}."
    )
    return weights, (told, *left_out)
