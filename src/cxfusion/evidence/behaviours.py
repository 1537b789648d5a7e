"""What agents do, as evaluators heard it, as levers: each item of the form happens during the contact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxfusion.errors import ConfigError
from cxfusion.evidence.catalogue import Lever
from cxfusion.tables.relation import require_contacts

if TYPE_CHECKING:
    from cxfusion.tables.evaluations import Behaviour
    from cxfusion.tables.relation import Contacts

__all__ = ["behaviour_levers"]

SHARE: Final = 0.1
"""A tenth of the contacts more, or a tenth of the marks in use."""


def behaviour_levers(contacts: Contacts) -> tuple[Lever, ...]:
    """The items of the evaluations as levers, to be asked about beside those of the catalogue.

    Parameters
    ----------
    contacts : Contacts
        As :func:`add_evaluations` gives them.

    Returns
    -------
    tuple of Lever
        During the contact. The step is ten contacts in a hundred more that show a behaviour, or a tenth of the marks in
        use more; the label is the item.

    Raises
    ------
    ConfigError
        Nothing was evaluated.

    Examples
    --------
    >>> import cxfusion as cx
    >>> calls = [{"contact_id": "a", "started_at": "2026-01-05 09:00"}, {"contact_id": "b", "started_at": "2026-01-06"}]
    >>> heard = [{"contact_id": "a", "item": "Empathy", "score": 4}, {"contact_id": "b", "item": "Empathy", "score": 2}]
    >>> [lever.label for lever in cx.behaviour_levers(cx.add_evaluations(cx.read_contacts(calls), heard))]
    ['Empathy']
    """
    require_contacts(contacts)
    if not contacts.behaviours:
        raise ConfigError(
            "No evaluations were added to these contacts. Expected add_evaluations(contacts, table) to come first."
        )
    return tuple(_lever(one) for one in contacts.behaviours)


def _lever(one: Behaviour) -> Lever:
    if one.is_flag:
        return Lever(one.column, "during", SHARE, shape="count", label=one.item)
    reach = one.high - one.low
    return Lever(one.column, "during", SHARE * reach if reach else SHARE, shape="linear", label=one.item)
