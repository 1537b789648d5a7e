"""The lever catalogue: what each lever is, when it happens, and the step asked about: docs/explanation/moments.md."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias, get_args

from cxfusion.errors import ConfigError, is_number, number_problems

__all__ = ["DEFAULT_LEVERS", "MOMENTS", "WITNESS_LEVER", "Lever", "Moment", "Role", "Shape", "lever_from", "up_to"]

Role: TypeAlias = Literal["lever", "influenceable", "given", "placebo"]
Moment: TypeAlias = Literal["before", "during", "after"]
Shape: TypeAlias = Literal["spline", "log1p", "linear", "count"]

MOMENTS: Final[tuple[Moment, ...]] = get_args(Moment)
"""In the order in which they happen."""
CUSTOMERS_OWN: Final = ("n_prior_contacts", "prior_wait_seconds")
"""What a customer's earlier contacts left behind: whoever keeps coming back is not like the others."""


@dataclass(frozen=True)
class Lever:
    """Something about a contact that may move the customer's perception.

    Parameters
    ----------
    name : str
        Column of the contact log.
    moment : {"before", "during", "after"}
        When it happens, seen from the contact. A lever is adjusted for what comes before it and beside it, never for
        what comes after, because that may be its own doing.
    step : float
        The change asked about, in the column's unit; negative takes away. |step| is capped at the column's mean.
    role : {"lever", "influenceable", "given", "placebo"}
        *Influenceable* is the customer's own part (came prepared, tried self-service, came back): those who do it may
        be of another kind, so without a trial it is at best ``contested``. A *given* cannot be changed and serves as a
        control; a *placebo* cannot have caused the answer: it has rungs and gets no verdict.
    shape : {"spline", "log1p", "linear", "count"}
        How the score may depend on it. Counts and 0/1 columns are ``"count"``.
    smallest_effect : float, optional
        Smallest effect of the step that matters, in points of the outcome; else the outcome's own.
    label : str, optional
        For people; else made from the name.

    Raises
    ------
    ConfigError
        A word that is not one of those above, a step that is zero or no number, or a smallest effect that is not
        positive.
    """

    name: str
    moment: Moment
    step: float
    role: Role = "lever"
    shape: Shape = "spline"
    smallest_effect: float | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        problems = [
            f"{field} is {value!r}; expected one of {', '.join(get_args(kind))}"
            for field, value, kind in (
                ("moment", self.moment, Moment), ("role", self.role, Role), ("shape", self.shape, Shape)
            )
            if value not in get_args(kind)
        ]  # fmt: skip
        asked = "the change to ask about, such as -30 for 30 seconds less"
        problems += number_problems({"step": self.step}, asked, lambda step: step != 0)
        texts = {"name": self.name} if self.label is None else {"name": self.name, "label": self.label}
        problems += [
            f"{field} is {value!r}; expected a text"
            for field, value in texts.items()
            if not (isinstance(value, str) and value)
        ]
        if self.smallest_effect is not None and not (is_number(self.smallest_effect) and self.smallest_effect > 0):
            problems.append("smallest_effect must be positive: the size below which an effect does not matter")
        if problems:
            raise ConfigError(f"The lever {self.name!r} cannot be used.", problems)

    @property
    def is_customers_own(self) -> bool:
        """Whether the customer settles it, not the centre: coming back is the customer's doing, whatever its role."""
        return self.role == "influenceable" or self.name in CUSTOMERS_OWN

    @property
    def unit(self) -> str:
        """Unit of the column, from its name."""
        if self.name.endswith("_seconds"):
            return "seconds"
        return "count" if self.name.startswith("n_") else "share" if self.name.startswith("is_") else "units"


DEFAULT_LEVERS: Final[tuple[Lever, ...]] = (
    Lever("wait_seconds", "before", -30),
    Lever("hold_seconds", "during", -30),
    Lever("talk_seconds", "during", -60),
    Lever("n_transfers", "during", -1, shape="count"),
    Lever("n_prior_contacts", "before", -1, shape="count"),
    Lever("wrap_seconds", "after", -30, role="placebo"),
)
"""The levers of any call centre, used where the log has them; ``n_prior_contacts`` is looked up in a log that names
customers and is long enough."""


WITNESS_LEVER: Final = Lever("wrap_seconds", "after", -30, role="placebo", shape="log1p")
"""The negative control, in the shape in which it stands as a witness of hidden difficulty."""


def up_to(moment: Moment) -> tuple[Moment, ...]:
    """The moments up to this one: a lever is adjusted for what happens in them, never for what comes after.

    Examples
    --------
    >>> up_to("during")
    ('before', 'during')
    """
    return MOMENTS[: MOMENTS.index(moment) + 1]


def lever_from(name: str, moment: Moment | None = None, step: float | None = None, **words: object) -> Lever:
    """A lever as a map describes it; what the map leaves out comes from the catalogue, else from the name.

    Parameters
    ----------
    name : str
    moment : {"before", "during", "after"}, optional
    step : float, optional
    **words
        Further fields of :class:`Lever`; None counts as left out.

    Examples
    --------
    >>> lever_from("response_seconds", "before").step
    -30.0
    >>> lever_from("n_replies").shape, lever_from("wrap_seconds", label="Paperwork").role
    ('count', 'placebo')
    """
    given = {key: value for key, value in {"moment": moment, "step": step, **words}.items() if value is not None}
    usual = next((lever for lever in DEFAULT_LEVERS if lever.name == name), None) or _named(name)
    return replace(usual, **given)  # type: ignore[arg-type]


def _named(name: str) -> Lever:
    """What a name says of a lever that the catalogue does not know."""
    is_count = name.startswith(("n_", "is_"))
    step = -1.0 if is_count or not name.endswith("_seconds") else -30.0
    return Lever(name, "before" if name in CUSTOMERS_OWN else "during", step, shape="count" if is_count else "spline")
