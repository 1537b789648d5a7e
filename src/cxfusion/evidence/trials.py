"""The columns of a trial: which arm each contact was given, within which cell, and as part of what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ibis

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir

    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.tables.relation import Contacts

__all__ = ["ARM", "CELL", "UNIT", "trial_codes", "trial_values"]

ARM: Final = "arm"
CELL: Final = "cell"
UNIT: Final = "unit"


def trial_values(contacts: Contacts, spec: LeverSpec) -> dict[str, ir.Value]:
    """Arm, cell and unit of each trial, as text, for contacts of the log; the arm is null outside the trial."""
    values: dict[str, ir.Value] = {}
    for i, trial in enumerate(spec.experiments):
        values[f"{ARM}_{i}"] = contacts.value(trial.column).cast("string")
        values[f"{CELL}_{i}"] = _joined(contacts, trial.within)
        values[f"{UNIT}_{i}"] = _joined(contacts, () if trial.unit is None else (trial.unit,))
    return values


def _joined(contacts: Contacts, names: Sequence[str]) -> ir.Value:
    text: ir.Value = ibis.literal("")
    for name in names:
        text = text + ibis.literal("|") + contacts.value(name).cast("string").fill_null("")
    return text


def trial_codes(rows: ir.Table, spec: LeverSpec) -> dict[str, ir.Value]:
    """The same as codes from 0; a trial that names no unit has one code for all."""
    names = [f"{kind}_{i}" for i in range(len(spec.experiments)) for kind in (ARM, CELL, UNIT)]
    told = {name: rows[name] for name in names}
    codes = {name: ibis.dense_rank().over(order_by=value) for name, value in told.items()}
    return {name: ibis.ifelse(told[name].notnull(), code, ibis.null("int64")) for name, code in codes.items()}
