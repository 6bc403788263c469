"""A plan as JSON values, and back, with a sentence for whatever in it is no plan."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any

from dataflow_core.errors import UsageError
from dataflow_core.models import Fields

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from dataflow_core.exporting.plan import ExportPlan


def fields_of(plan: ExportPlan) -> Fields:
    """The plan as values that JSON has, and nothing else."""
    fields: Fields = json.loads(json.dumps(asdict(plan)))
    return fields


def plan_of(fields: Any) -> ExportPlan:
    """The plan that `fields_of` wrote. Raises `UsageError`, saying which setting is none."""
    from pydantic import ValidationError  # only here, as it takes long to load

    if not isinstance(fields, dict):
        raise UsageError("The plan of an export is an object with its settings, and this is none.")
    try:
        plan = _adapter().validate_json(json.dumps(fields), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UsageError(f"The plan's setting {_place(first['loc'])} cannot be used: {first['msg']}.") from None
    if unknown := _unknown(fields, fields_of(plan)):
        raise UsageError(
            f"The plan has a setting {unknown!r} that this version does not know. It may be of a newer version."
        )
    return plan


@cache
def _adapter() -> TypeAdapter[ExportPlan]:
    from pydantic import TypeAdapter

    from dataflow_core.exporting.plan import ExportPlan

    return TypeAdapter(ExportPlan)


def _place(location: tuple[int | str, ...]) -> str:
    return repr(".".join(str(step) for step in location))


def _unknown(given: Fields, known: Fields) -> str:
    """The first name in `given` that `known` lacks, with what it stands in; "" where there is none."""
    for name, value in given.items():
        if name not in known:
            return name
        if isinstance(value, dict) and (found := _unknown(value, known[name])):
            return f"{name}.{found}"
    return ""
