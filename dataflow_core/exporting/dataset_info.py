"""dataset_info.json: what LLaMA-Factory has to be told of each file.

From https://github.com/hiyouga/LLaMA-Factory: data/README.md, and src/llamafactory/data/parser.py and converter.py,
by which `columns` and `tags` replace all their defaults, so that each that is read has to be named.
"""

from __future__ import annotations

from collections.abc import Iterable

from dataflow_core.exporting.parts import Part
from dataflow_core.exporting.shapes import Completion, Instruction, Messages, Preference, Shape, shape_of
from dataflow_core.models import Fields

NAME = "dataset_info.json"
_COMPRESSED = (".gz", ".zst")


def dataset_info(parts: Iterable[Part], name: str) -> Fields:
    """An entry for each file that LLaMA-Factory can read; {} where there is none.

    It reads no compressed file: of one the entry names what it is unpacked to.
    """
    entries: Fields = {}
    for part in parts:
        for split, file in part.files.items():
            # By the file's own columns: a row that lacks one that is named here ends the reading of its file.
            if entry := _entry(shape_of(part, part.rows[split])):
                entries[f"{name}_{part.name}_{split}"] = {"file_name": unpacked(file.path.name), **entry}
    return entries


def unpacked(name: str) -> str:
    """The name of the file that a compressed one is unpacked to; of others their own."""
    for suffix in _COMPRESSED:
        name = name.removesuffix(suffix)
    return name


def _entry(shape: Shape | None) -> Fields | None:
    """What is said of a file of that shape; None where LLaMA-Factory reads none such."""
    match shape:
        case Messages():
            return _sharegpt(shape)
        case Instruction():
            columns = {
                "prompt": shape.prompt,
                "query": shape.query,
                "response": shape.response,
                "system": shape.system,
                "history": shape.history,
            }
            return {"formatting": "alpaca", "columns": _named(columns)}
        case Completion(is_messages=False):
            return {"formatting": "alpaca", "columns": {"prompt": "prompt", "response": "completion"}}
        case Preference(is_messages=False):
            columns = {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}
            return {"formatting": "alpaca", "ranking": True, "columns": columns}
        case _:  # its pairs of dialogues are one message each, not lists of them
            return None


def _sharegpt(shape: Messages) -> Fields:
    # Never "openai": that converter adds a text of its own to the system prompt.
    is_openai = shape.role == "role"
    tags = {
        "role_tag": shape.role,
        "content_tag": shape.content,
        "user_tag": shape.user,
        "assistant_tag": shape.assistant,
        "observation_tag": "tool" if is_openai else "observation",
        "function_tag": "function_call",
        "system_tag": "system",
    }
    return {
        "formatting": "sharegpt",
        "columns": _named({"messages": shape.column, "system": shape.system}),
        "tags": tags,
    }


def _named(columns: dict[str, str]) -> dict[str, str]:
    return {name: column for name, column in columns.items() if column}
