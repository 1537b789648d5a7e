"""What a centre may have besides its daily work: customers who come back, agents on a bad day, systems that err."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Faults", "Form", "Priority", "Repeats", "Selection"]


@dataclass(frozen=True)
class Repeats:
    """Customers who come back about the same thing, within a week, because it was not settled or went badly.

    With repeats every other contact is a new customer's, so that the log knows exactly who has called before.

    Attributes
    ----------
    rate : float
        Share who come back after a contact of no particular kind.
    by_displeasure : float
        What one latent point of displeasure adds to the log of that share.
    after_giving_up : float
        Share who come back after they gave up waiting.
    carried : float
        Correlation of a case's hidden difficulty from one contact to the next.
    """

    rate: float = 0.14
    by_displeasure: float = 0.45
    after_giving_up: float = 0.5
    carried: float = 0.7


@dataclass(frozen=True)
class Priority:
    """Customers who are let to the front of the queue, and are of another kind besides; the log does not say who.

    Attributes
    ----------
    share : float
        Of the customers.
    wait_factor : float
        Share of everyone's wait that is left to them.
    mood : float
        Latent points by which they are more satisfied, whatever happens.
    """

    share: float = 0.15
    wait_factor: float = 0.2
    mood: float = 1.0


@dataclass(frozen=True)
class Form:
    """Agents who have good and bad days, each of them others; the log does not say which.

    Attributes
    ----------
    speed, skill : float
        By how many units of their spread over agents an agent's speed with customers, and skill, go up and down from
        day to day. After-call work does not follow.
    """

    speed: float = 1.5
    skill: float = 1.5


@dataclass(frozen=True)
class Selection:
    """What decides who answers besides what the log shows; with none of it, scores are missing at random.

    Attributes
    ----------
    discontent : float
        What each mark below the best CSAT adds to the log of the response rate (monotone).
    extremes : float
        What each mark away from the middle adds to it (U-shaped).
    picking : float
        Spread over agents of what one latent point of dissatisfaction takes from the log of the chance to be asked:
        half of the agents pick their customers, some strongly.
    lists_invitations : bool
        The survey file lists everyone who was asked, with a disposition, not only those who answered.
    """

    discontent: float = 0.0
    extremes: float = 0.0
    picking: float = 0.0
    lists_invitations: bool = False

    @property
    def by_score(self) -> bool:
        """Whether the score itself decides."""
        return bool(self.discontent or self.extremes)


@dataclass(frozen=True)
class Faults:
    """What the centre's systems get wrong between what happened and what a file says.

    Attributes
    ----------
    wrong_link_share : float
        Share of responses filed under another contact of the same queue and day.
    unlinked_share : float
        Share of responses that tell the customer but not the contact.
    slow_clock_share, slow_clock_seconds : float
        Share of responses whose invitation and answer are stamped by a clock that is late, and by how much.
    dirty_share : float
        Share of rows with something wrong: a contact with an impossible or missing duration, or one that was delivered
        twice; a response that was delivered twice, has an impossible score, or names a contact that does not exist.
    """

    wrong_link_share: float = 0.0
    unlinked_share: float = 0.0
    slow_clock_share: float = 0.0
    slow_clock_seconds: float = 0.0
    dirty_share: float = 0.0
