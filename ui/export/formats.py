"""What the files are for: where they go, in which shape, and which fields of a record stand for what there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from dataflow_core.exporters import EXPORTERS
from dataflow_core.exporters.base import FieldChoice
from dataflow_core.exporters.chats import choice_in_words, default_choice, is_dialogue
from dataflow_core.generators.field_values import MODEL_NAME
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from ui.names import generator_name
from ui.text import escape_markdown

#: Where files go, and the formats that are taken there, the usual one first.
_TARGETS = {
    "DataFlow": ("dataflow",),
    "OpenAI": ("openai",),
    "LLaMA-Factory": ("sharegpt", "messages", "alpaca"),
    "Axolotl": ("axolotl", "alpaca"),
    "TRL": ("trl", "prompt-completion", "preference"),
    "Together, Fireworks": ("messages",),
    "A table": ("parquet", "csv"),
}
#: What each shape is, and for what one takes it.
WHAT_FOR = {
    "dataflow": "The records' own fields: a conversation of roles and values, or a task with its three others.",
    "openai": "Chat messages, one dialogue a line, for fine-tuning by OpenAI or Azure.",
    "sharegpt": "Conversations from human and gpt: what LLaMA-Factory reads with the least to be set.",
    "messages": "Messages of roles and contents: read by LLaMA-Factory with tags, and as they are by Together "
    "and Fireworks.",
    "axolotl": "Messages for Axolotl's chat_template.",
    "alpaca": "Instruction, input and output; a dialogue's earlier turns as its history.",
    "trl": "Messages for SFTTrainer, which learns from the whole conversation.",
    "prompt-completion": "For SFTTrainer, which then learns from the completion alone.",
    "preference": "Prompt, chosen and rejected for DPOTrainer: what was edited or written anew, over what was before.",
    "parquet": "Everything, with where it came from and who decided what: for pandas, Polars and DuckDB.",
    "csv": "The same for a spreadsheet. No cell runs as a formula.",
}
_TARGET, _SHAPE = "export_target", "export_shape"


def choose_format() -> str:
    """Show where files can go and the shapes that are taken there; return the format's name."""
    target = st.pills(
        "Where it goes",
        list(_TARGETS),
        default="DataFlow",
        required=True,
        key=_TARGET,
        persist_state="session",
        wrap=True,
    )
    formats = _TARGETS[target]
    if len(formats) == 1:
        st.caption(escape_markdown(WHAT_FOR[formats[0]]))
        return formats[0]
    chosen: str = st.radio(
        "Shape",
        formats,
        format_func=lambda name: EXPORTERS[name].title,
        captions=[escape_markdown(WHAT_FOR[name]) for name in formats],
        key=f"{_SHAPE}-{target}",
        persist_state="session",
    )
    return chosen


def choose_fields(
    workspace: Workspace, query: Query, generators: Sequence[str], format_name: str
) -> dict[str, FieldChoice]:
    """Let the person say which fields are asked and which are answered, for records that are no dialogues."""
    if not EXPORTERS[format_name].takes_fields:
        return {}
    return {
        generator: _choose_of(workspace, query, generator) for generator in generators if not is_dialogue(generator)
    }


def _choose_of(workspace: Workspace, query: Query, generator: str) -> FieldChoice:
    names, usual = _known_fields(workspace, query, generator)
    st.markdown(f"**{generator_name(generator)}: which field is what**")
    with st.container(horizontal=True, gap="small"):
        parts = {
            part: _choose_part(generator, part, names, getattr(usual, part))
            for part in ("instruction", "input", "output", "system")
        }
    choice = FieldChoice(**parts)
    st.caption(escape_markdown(choice_in_words(generator, choice)))
    return choice


def _choose_part(generator: str, part: str, names: Sequence[str], usual: str) -> str:
    options = ["", *names]
    key = f"export_{part}-{generator}-{'|'.join(names)}"
    return str(
        st.selectbox(
            part.capitalize(),
            options,
            index=options.index(usual) if usual in options else 0,
            format_func=lambda name: name or "None",
            key=key,
            persist_state="session",
            width=170,
        )
    )


def _known_fields(workspace: Workspace, query: Query, generator: str) -> tuple[list[str], FieldChoice]:
    """The names of the fields of the first records, and what they stand for where nobody says otherwise."""
    numbers = workspace.records.numbers(replace(query, generators=(generator,)))
    found = workspace.records.page(numbers[:20])
    names = [name for name in dict.fromkeys(name for record in found for name in record.fields) if name != MODEL_NAME]
    params = workspace.records.params_of(found[0]) if found else {}
    return names, default_choice(generator, params, names)
