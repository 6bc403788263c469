"""The form of a recipe: instruction, lists, output fields, examples. What is typed is kept as it is typed."""

from __future__ import annotations

import re
from collections.abc import Sequence

import streamlit as st

from dataflow_core.generators.custom import OFFSET
from dataflow_core.planning.recipes import TYPES
from dataflow_core.prompts.templates import names_in
from ui.custom.choice import Slot
from ui.custom.draft import Draft, Row
from ui.custom.records import Given
from ui.custom.tables import edit_table, rename_column
from ui.format import count
from ui.text import escape_markdown

_COLUMNS = ("name", "type", "description")


def edit_recipe(slot: Slot, given: Given | None = None) -> Draft:
    """Show the recipe and return it as it is now. The fields of `given` records need no lists."""
    columns = given.columns if given else ()
    start = slot.beginning
    name = st.text_input("Name", start.name, key=f"{slot.key}-name", persist_state="session", placeholder="Riddles")
    instruction = st.text_area(
        "Instruction",
        start.instruction,
        key=f"{slot.key}-instruction",
        persist_state="session",
        height=130,
        placeholder="Write a riddle about {topic} and its solution.",
        help="What the model is to write, one record a call. {topic} stands for a value of the list “topic”.",
    )
    hint = st.container(horizontal=True, gap="xsmall")
    names = _names(slot, instruction)
    lists = _edit_lists(slot, [name for name in names if name not in columns], columns)
    with hint:
        _show_hint(names, lists, columns, _several_words(instruction))
    outputs = _edit_outputs(slot)
    examples = _edit_examples(slot, [name for name in names if name in lists], outputs)
    with st.expander("More about the task"):
        system = st.text_area(
            "What the model is told before each instruction",
            start.system,
            key=f"{slot.key}-system",
            persist_state="session",
            placeholder="You write for people who learn English.",
        )
    return Draft(
        name.strip(),
        instruction.strip(),
        system.strip(),
        tuple(outputs),
        lists,
        tuple(examples),
    )


def _names(slot: Slot, instruction: str) -> list[str]:
    """What stands in braces in the recipe's texts."""
    system = st.session_state.get(f"{slot.key}-system", slot.beginning.system)
    return [name for name in names_in(f"{instruction}\n{system}") if name != OFFSET]


def _several_words(instruction: str) -> list[str]:
    """What stands in braces as a name would, but for a blank or a hyphen: the model would be shown the braces."""
    return list(dict.fromkeys(re.findall(r"\{[^\W\d]\w*(?:[ -]\w+){1,4}\}", instruction)))


def _show_hint(names: Sequence[str], lists: dict[str, str], columns: Sequence[str], braced: Sequence[str]) -> None:
    if not names and not braced:
        st.caption("Put a name in braces, as in {topic}, to have something else stand there in each record.")
    for name in names:
        if name in columns:
            st.markdown(f":blue-badge[{escape_markdown('{' + name + '}')} · of the record]", width="content")
            continue
        values = len(_values(lists.get(name, "")))
        color, what = ("green", count(values, "value")) if values else ("orange", "no values yet")
        st.markdown(f":{color}-badge[{escape_markdown('{' + name + '}')} · {what}]", width="content")
    for text in braced:
        st.markdown(f":orange-badge[{escape_markdown(text)} · a name is one word]", width="content")


def _edit_lists(slot: Slot, names: Sequence[str], columns: Sequence[str]) -> dict[str, str]:
    """A list for each name in the instruction, and those that were filled in for names that are gone."""
    start = slot.beginning.lists
    known: list[str] = st.session_state.setdefault(f"{slot.key}-lists", list(start))
    known += [name for name in names if name not in known]
    gone = [name for name in known if name not in (*names, *columns) and _typed(slot, name).strip()]
    if not names and not gone:
        return {}
    st.subheader("Lists", anchor=False)
    st.caption("One value a line. Each record gets a combination that no other has, until all were used.")
    with st.grid(2, min_column_width=220, gap="small"):
        return {name: _edit_list(slot, name, is_used=name in names) for name in [*names, *gone]}


def _edit_list(slot: Slot, name: str, *, is_used: bool) -> str:
    unused = "" if is_used else " · not in the instruction"
    return st.text_area(
        escape_markdown(f"{name}{unused}"),
        slot.beginning.lists.get(name, ""),
        key=f"{slot.key}-list-{name}",
        persist_state="session",
        height=130,
        placeholder="One value a line",
    )


def _typed(slot: Slot, name: str) -> str:
    return str(st.session_state.get(f"{slot.key}-list-{name}", slot.beginning.lists.get(name, "")))


def _edit_outputs(slot: Slot) -> list[Row]:
    st.subheader("Output fields", anchor=False)
    st.caption("What each record has. The model reads the descriptions. Its name is added as model_name.")
    rows = edit_table(
        f"{slot.key}-outputs",
        slot.beginning.outputs,
        _COLUMNS,
        {
            "name": st.column_config.TextColumn("Name", width=130, required=True),
            "type": st.column_config.SelectboxColumn("Type", options=list(TYPES), default="text", width=110),
            "description": st.column_config.TextColumn("Description", width="large", default=""),
        },
        alt="Output fields",
    )
    return [row | {"name": row["name"].strip(), "type": row["type"] or "text"} for row in rows]


def _edit_examples(slot: Slot, drawn: Sequence[str], outputs: Sequence[Row]) -> list[Row]:
    """A column for each output, and before them one for each list, in which an example may tell its value."""
    names = list(dict.fromkeys(row["name"] for row in outputs if row["name"]))
    _follow_renaming(slot, names)
    st.subheader("Examples", anchor=False)
    st.caption("Records as they should be. They say more than instructions do, and a small model needs at least four.")
    if not names:
        st.caption("Name an output field first.")
        return []
    given = [name for name in drawn if name not in names]
    config = {name: st.column_config.TextColumn(name, width="medium", default="") for name in names}
    config |= {
        name: st.column_config.TextColumn(
            f"{{{name}}}", width="small", default="", help="What stood in the instruction. May be left empty."
        )
        for name in given
    }
    return edit_table(f"{slot.key}-examples", slot.beginning.examples, [*given, *names], config, alt="Examples")


def _follow_renaming(slot: Slot, names: list[str]) -> None:
    """Where one output has got another name, its column of the examples has, too."""
    before: list[str] = st.session_state.get(f"{slot.key}-names", names)
    changed = [(old, new) for old, new in zip(before, names, strict=False) if old != new]
    if len(before) == len(names) and len(changed) == 1:
        rename_column(f"{slot.key}-examples", slot.beginning.examples, *changed[0])
    st.session_state[f"{slot.key}-names"] = names


def _values(text: str) -> set[str]:
    return {line.strip() for line in text.splitlines() if line.strip()}
