"""What is wrong with a configuration, in our words: every problem at once, each with its place and the nearest name.

Pydantic finds the problems; this module only tells them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from cxfusion.errors import ConfigError, CxfusionError, nearest_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pydantic_core import ErrorDetails

__all__ = ["validated"]

M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], content: Mapping[str, Any], what: str, further: Sequence[str] = ()) -> M:
    """Content as a model, if nothing is wrong with it.

    Parameters
    ----------
    model : subclass of pydantic.BaseModel
    content : mapping
        As of TOML.
    what : str
        How the message names it, such as ``"The study study.toml"``.
    further : sequence of str
        Problems found elsewhere, to be told with the others.

    Raises
    ------
    ConfigError
        ``problems`` lists everything wrong with it.
    """
    problems = []
    try:
        checked = model.model_validate(content)
    except ValidationError as error:
        problems = [_problem(model, told) for told in error.errors()]
    if problems or further:
        raise ConfigError(f"{what} cannot be used as it is. Mend what is listed below.", [*problems, *further])
    return checked


def _problem(model: type[BaseModel], told: ErrorDetails) -> str:
    place, given = tuple(map(str, told["loc"])), told["input"]
    where = ".".join(place) or "it"
    match told["type"]:
        case "extra_forbidden":
            return f"{where} is not known; {_nearest(place[-1], _keys_beside(model, place))}"
        case "literal_error":
            choices = re.findall(r"'([^']+)'", told["ctx"]["expected"])
            return f"{where} = {given!r} is not one of the choices; {_nearest(str(given), choices)}"
        case "value_error":
            return f"{where}: {_words_of(told['ctx']['error'])}"
        case "model_type" | "dict_type":
            return f"{where} = {given!r}: expected a table, written as [{where}]"
        case _:
            return f"{where} = {given!r}: {told['msg'][:1].lower()}{told['msg'][1:]}"


def _words_of(error: Exception) -> str:
    """What an error says; of an error of ours its single problems, where it lists any."""
    if isinstance(error, CxfusionError):
        return "; ".join(error.problems) or error.message
    return str(error)


def _keys_beside(model: type[BaseModel], place: Sequence[str]) -> list[str]:
    """Keys that are allowed where an unknown one was found."""
    for key in place[:-1]:
        field = model.model_fields.get(key)  # no field: a name that the user chose, such as a column's
        model = (_model_in(field.annotation) if field else None) or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation speaks of, however it is wrapped."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = nearest_names(name, names)
    return f"nearest: {', '.join(near)}" if near else f"expected one of: {', '.join(names)}"
