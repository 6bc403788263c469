"""Names for annotations, as distilabel has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

from typing_extensions import override as override


class ChatItem(TypedDict):
    """One message: `role` is "system", "user" or "assistant"."""

    role: str
    content: str


#: One conversation, as it is sent to a model.
ChatType = list[ChatItem]
#: One row of data: values by column.
Row = dict[str, Any]
#: What `process` of a `GeneratorTask` gives: a row, a list of rows, or such a list and whether it is the last.
GeneratorOutput = Iterator[Row | list[Row] | tuple[list[Row], bool]]
GeneratorStepOutput = GeneratorOutput
StepOutput = Iterator[list[Row]]
#: The names of columns; as a mapping, each with whether a row must have it.
StepColumns = list[str] | Mapping[str, bool]
