"""What a file holds, told by its first entries: the shapes that trainers read, and our own tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from dataflow_core.exporters.tables import ABOUT
from dataflow_core.importers.base import ImportMapping
from dataflow_core.importers.making import DIALOGUES, OWN, PARTS, TASKS
from dataflow_core.importers.turns import are_turns
from dataflow_core.models import Fields

_KNOWN = {
    ("conversation", "role", "value"): ("dataflow", "DataFlow dialogues"),
    ("conversations", "from", "value"): ("sharegpt", "ShareGPT"),
    ("messages", "role", "content"): ("openai", "OpenAI messages"),
}
#: Column names that say what they hold, the likeliest first.
_ASKED = ("user", "human", "question", "query", "prompt", "instruction", "input")
_ANSWERED = ("assistant", "gpt", "answer", "response", "completion", "output", "chosen")


class Shape(NamedTuple):
    """A shape that an entry has, by the name of its format."""

    name: str
    title: str
    mapping: ImportMapping


Matcher = Callable[[Fields], Shape | None]


@dataclass(frozen=True, slots=True)
class Found:
    """The shape that most of the entries have; `of` counts how many have it."""

    shape: Shape
    of: int


def shape_of(sample: Sequence[Fields], columns: Sequence[str]) -> Found:
    """The shape that at least half of the entries have, or a guess at what their columns are."""
    by_mapping: dict[tuple[str, tuple[str, ...]], list[Shape]] = {}
    for fields in sample:
        shape = next((found for match in _MATCHERS if (found := match(fields)) is not None), None)
        if shape is not None:
            key = (shape.name, tuple(shape.mapping.columns.get(part, "") for part in ("conversation", "user")))
            by_mapping.setdefault(key, []).append(shape)
    best = max(by_mapping.values(), key=len, default=[])
    if not best or 2 * len(best) < len(sample):
        return Found(_guess(columns), 0)
    # An optional part, such as a system column, may be in some entries only.
    parts = {part: column for shape in reversed(best) for part, column in shape.mapping.columns.items()}
    in_order = {part: parts[part] for part in PARTS[best[0].mapping.kind] if part in parts}
    return Found(best[0]._replace(mapping=replace(best[0].mapping, columns=in_order)), len(best))


def of_tables(
    mapping: ImportMapping, columns: Sequence[str], *, is_csv: bool, as_json: tuple[str, ...]
) -> ImportMapping:
    """The mapping of a table: columns that say where a record came from are set aside."""
    return replace(mapping, aside=about_columns(columns), as_json=as_json, is_quoted=is_csv)


def about_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """Those of a table of ours that say where its records came from."""
    about = tuple(name for name in columns if name.startswith(ABOUT))
    return about if len(about) > 1 else ()


def _tasks(fields: Fields) -> Shape | None:
    names = PARTS[TASKS]
    if all(isinstance(fields.get(name), str) for name in names):
        return Shape("dataflow", "DataFlow tasks", ImportMapping(TASKS, {name: name for name in names}))
    return None


def _conversation(fields: Fields) -> Shape | None:
    for column, value in fields.items():
        if column in ("prompt", "completion", "chosen", "rejected") or not are_turns(value):
            continue
        spelling = tuple(value[0])
        name, title = next(
            (known for (at, *keys), known in _KNOWN.items() if at == column and set(keys) <= set(spelling)),
            ("messages", f"Conversations in “{column}”"),
        )
        columns = {"conversation": column}
        for part in ("system", "category"):
            if part != column and isinstance(fields.get(part), str):
                columns[part] = part
        return Shape(name, title, ImportMapping(DIALOGUES, columns))
    return None


def _preference(fields: Fields) -> Shape | None:
    if "chosen" in fields and "rejected" in fields:
        return Shape("preference", "Preference pairs", ImportMapping(OWN))
    return None


def _prompt_completion(fields: Fields) -> Shape | None:
    prompt, completion = fields.get("prompt"), fields.get("completion")
    if isinstance(prompt, str) and isinstance(completion, str):
        return Shape("prompt-completion", "Prompt and completion", ImportMapping(OWN))
    if are_turns(completion) and (are_turns(prompt) or prompt == []):
        columns = {"conversation": "prompt", "completion": "completion"}
        return Shape("prompt-completion", "Prompt and completion, as messages", ImportMapping(DIALOGUES, columns))
    return None


def _alpaca(fields: Fields) -> Shape | None:
    if not isinstance(fields.get("instruction"), str) or not isinstance(fields.get("output"), str):
        return None
    if not isinstance(fields.get("history"), list):
        return Shape("alpaca", "Alpaca", ImportMapping(OWN))
    columns = {"user": "instruction", "assistant": "output", "history": "history"}
    columns |= {part: part for part in ("input", "system", "category") if isinstance(fields.get(part), str)}
    return Shape("alpaca", "Alpaca with history", ImportMapping(DIALOGUES, columns))


_MATCHERS: tuple[Matcher, ...] = (_tasks, _preference, _prompt_completion, _alpaca, _conversation)


def _guess(columns: Sequence[str]) -> Shape:
    by_name = {name.casefold(): name for name in columns}
    asked = next((by_name[name] for name in _ASKED if name in by_name), "")
    answered = next((by_name[name] for name in _ANSWERED if name in by_name and by_name[name] != asked), "")
    if not asked or not answered:
        return Shape("columns", "No known shape", ImportMapping(OWN))
    parts = {"user": asked, "assistant": answered}
    parts |= {part: by_name[part] for part in ("system", "category") if part in by_name}
    if "input" in by_name and by_name["input"] != asked:
        parts["input"] = by_name["input"]
    return Shape("columns", "Questions and answers", ImportMapping(DIALOGUES, parts))


def json_columns(sample: Sequence[dict[str, Any]], columns: Sequence[str]) -> tuple[str, ...]:
    """The columns of a table whose texts are lists in JSON, of turns or of exchanges."""
    found = []
    for column in columns:
        texts = [value for fields in sample if isinstance(value := fields.get(column), str) and value.strip()]
        if texts and all(text.lstrip().startswith(("[{", "[[", "[]")) for text in texts):
            found.append(column)
    return tuple(found)
