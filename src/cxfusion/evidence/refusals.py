"""What may not be asked, and why: bad controls, idle trials, names that are taken, columns that hold no numbers."""

from __future__ import annotations

from functools import partial
from operator import le
from typing import TYPE_CHECKING, Final

from cxfusion.errors import BadControlError, ConfigError, is_number, number_problems, require_kind, share_problems
from cxfusion.evidence.catalogue import DEFAULT_LEVERS, Lever

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import ibis.expr.types as ir

    from cxfusion.evidence.spec import Experiment, LeverSpec
    from cxfusion.tables.relation import Contacts

__all__ = [
    "refuse_bad_controls", "refuse_idle_trials", "refuse_single", "refuse_taken_names", "refuse_thresholds",
    "require_levers", "require_numbers",
]  # fmt: skip

HANDLE_PARTS: Final = ("talk_seconds", "hold_seconds", "wrap_seconds")
HANDLE_NAMES: Final = ("aht_seconds", "handle_seconds", "handle_time_seconds", "handling_seconds")
IDENTIFIERS: Final = ("contact_id", "case_id", "leg_id")
OUTCOMES_OF_THE_LOG: Final = ("is_resolved", "is_abandoned")
TAKEN: Final = frozenset({
    "agent", "agent_key", "agent_load_seconds", "cluster", "cluster_key", "crowd_wait_seconds", "date", "file",
    "hour_of_week", "quarter", "response_file", "response_id", "response_row", "score", "segment", "segment_control",
    "slot", "source_file", "source_row", "weight", "y",
})  # fmt: skip
TAKEN_BEGINNINGS: Final = ("control_", "group_", "kept_", "mean_", "arm_", "cell_", "unit_")


def refuse_single(**given: object) -> None:
    """Refuse one name, lever or trial where several may stand: the letters of a name would be taken for names."""
    for word, value in given.items():
        if not isinstance(value, tuple | list):
            raise ConfigError(f"{word} is {value!r}. Expected a tuple, with one in it too: ({value!r},).")


def refuse_thresholds(spec: LeverSpec) -> None:
    """Refuse thresholds that are none: a rate of false discoveries of 5 would let every lever move the score."""
    shares = {"conf_level": 0.95, "contradiction_level": 0.01, "false_discovery_rate": 0.01}
    problems = [
        f"{problem}, such as {example}"
        for name, example in shares.items()
        for problem in share_problems({name: getattr(spec, name)})
    ]
    missing = {"max_missing_share": spec.max_missing_share}
    problems += number_problems(missing, "a share below 1, such as 0.2", lambda share: 0 <= share < 1)
    least = {"min_clusters": 2, "min_responses": 1, "min_level_responses": 1}
    least |= {"min_effective_f": 0, "max_triad_ratio": 1}
    for name, at_least in least.items():
        problems += number_problems({name: getattr(spec, name)}, f"at least {at_least}", partial(le, at_least))
    chances = spec.link_probabilities if isinstance(spec.link_probabilities, tuple | list) else (None,)
    if not all(is_number(chance) and 0 < chance <= 1 for chance in chances):
        problems.append(f"link_probabilities are {spec.link_probabilities}; expected chances such as 0.9")
    if problems:
        raise ConfigError("Some thresholds of the evidence cannot be used.", problems)


def refuse_taken_names(levers: Sequence[str], case_mix: Sequence[str]) -> None:
    """Refuse columns under a name that the sample needs for itself: one would silently stand for the other."""
    problems = [
        f'{name} is taken; call the column something else in the map, such as  own_{name} = "{name}"'
        for name in dict.fromkeys((*levers, *case_mix))
        if name in TAKEN or name.startswith(TAKEN_BEGINNINGS)
    ]
    if problems:
        raise ConfigError("Some columns bear names that the models use for columns of their own.", problems)


def require_numbers(contacts: Contacts, levers: Sequence[Lever]) -> None:
    """Refuse levers whose columns hold anything but numbers and yes or no.

    Raises
    ------
    ConfigError
        All of them, each with what it holds.
    """
    kinds = {lever.name: contacts.rows[lever.name].type() for lever in levers}
    wrong = {
        name: f"holds values of the type {kind}"
        for name, kind in kinds.items()
        if not (kind.is_numeric() or kind.is_boolean() or kind.is_string() or kind.is_null())
    }
    wrong |= _words(contacts, [name for name, kind in kinds.items() if kind.is_string()])
    if wrong:
        raise ConfigError(
            "Some levers are no numbers. Expected seconds, counts, shares or yes and no; what says which kind of case"
            " it was belongs in case_mix.",
            [f"{name} {what}" for name, what in wrong.items()],
        )


def _words(contacts: Contacts, names: Sequence[str]) -> dict[str, str]:
    """Columns of text that hold something else than numbers, and the first of it."""
    if not names:
        return {}

    def word(column: ir.StringValue) -> ir.Scalar:
        return column.min(where=column.notnull() & column.try_cast("float64").isnull())

    asked = {f"word_{i}": word(contacts.rows[name]) for i, name in enumerate(names)}
    found = contacts.session.collect(contacts.rows.aggregate(**asked)).to_pylist()[0]
    first = {name: found[f"word_{i}"] for i, name in enumerate(names)}
    return {name: f"holds text, such as {text!r}" for name, text in first.items() if text is not None}


def require_levers(levers: tuple[object, ...]) -> None:
    """Refuse what is no lever, and say where to find one."""
    known = {lever.name for lever in DEFAULT_LEVERS}
    for lever in levers:
        advice = f"cx.Lever({lever!r}, moment=…, step=…) asks about a column of your own."
        if lever in known:
            advice = f"take it from the catalogue: [one for one in cx.DEFAULT_LEVERS if one.name == {lever!r}]."
        require_kind(lever, Lever, f"{lever!r} among the levers", advice)


def refuse_idle_trials(experiments: tuple[Experiment, ...], levers: list[str]) -> None:
    """Refuse trials of what is no lever, and two trials of one lever."""
    problems = [
        f"the trial in {trial.column!r} changed {trial.lever!r}, which is none of {', '.join(levers)}"
        for trial in experiments
        if trial.lever not in levers
    ]
    changed = [trial.lever for trial in experiments]
    problems += [f"{lever!r} has more than one trial" for lever in sorted(set(changed)) if changed.count(lever) > 1]
    if problems:
        raise ConfigError(
            "Some trials belong to no lever. Expected one trial per lever, of a lever asked about.", problems
        )


def refuse_bad_controls(levers: tuple[Lever, ...], case_mix: tuple[str, ...]) -> None:
    """Refuse a case mix that would hide an effect, and handle time beside its parts."""
    moments = {lever.name: lever.moment for lever in DEFAULT_LEVERS} | {lever.name: lever.moment for lever in levers}
    problems = [
        f"{name} happens {moments[name]} the contact and may be set off by what comes before it"
        for name in case_mix
        if moments.get(name) in ("during", "after")
    ]
    asked = {lever.name: lever.role for lever in levers}
    problems += [told for name in case_mix if (told := _unfit(name, asked)) and moments.get(name, "before") == "before"]
    names = {lever.name for lever in levers if lever.role != "placebo"}
    wholes, parts = names.intersection(HANDLE_NAMES), names.intersection(HANDLE_PARTS)
    if wholes and parts:
        problems.append(
            f"{', '.join(sorted(wholes))} is the sum of its parts ({', '.join(sorted(parts))}), which are levers too:"
            " holding the parts, nothing of it is left to change"
        )
    if problems:
        raise BadControlError(
            "A lever would be adjusted for its own consequences or parts, which hides its effect. Expected controls"
            " that were settled before the contact, and either handle time or its parts; leave these out.",
            problems,
        )


def _unfit(name: str, asked: Mapping[str, str]) -> str | None:
    """Why a column cannot be a part of the case mix, if it cannot."""
    if name in OUTCOMES_OF_THE_LOG:
        return f"{name} is how the contact ended, an outcome, and may be set off by every lever"
    if name in IDENTIFIERS:
        return f"{name} names single contacts or cases: holding it equal leaves nothing to compare"
    if asked.get(name) == "given":
        return f"{name} is a given, which is held equal anyway: name it once"
    return None if name not in asked else f"{name} is itself asked about: holding it equal, nothing of it is left"
