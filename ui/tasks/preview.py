"""What was read of a source, line by line accounted for, and which of it becomes inputs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from dataflow_core.models import Run, SourceLine
from dataflow_core.readers import Duplicates, Selection, Table, find_duplicates, guess_task_column, select_inputs
from ui.format import count
from ui.tasks.source import Source
from ui.text import escape_markdown
from ui.values import as_text

PREVIEWED, LISTED = 50, 1000
_SELECTED = "tasks-selected"
_DELIMITERS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "pipe", " ": "space"}


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run would be made from. `settings` tells one choice from another."""

    table: Table
    task_column: str
    selection: Selection
    settings: object

    @property
    def columns(self) -> tuple[str, ...]:
        return self.table.columns

    def loaded(self) -> tuple[Table, Selection]:
        return self.table, self.selection

    def note(self, run: Run) -> Run:
        return run

    @property
    def sentence(self) -> str:
        """The ledger of the source: lines = inputs + skipped + unreadable."""
        unreadable = sum(line.kind == "unreadable" for line in self.selection.skipped)
        skipped = len(self.selection.skipped) - unreadable
        lines = count(self.table.lines, self.table.unit, "entries" if self.table.unit == "entry" else "")
        inputs = count(len(self.selection.entries), "input")
        return f"{lines} = {inputs} + {skipped:,} skipped + {unreadable:,} unreadable"


def choose_inputs(source: Source) -> Inputs:
    table = source.table
    _badges(table)
    column = st.selectbox(
        "Column with the tasks",
        table.columns,
        table.columns.index(guess_task_column(table)),
        key=f"tasks-column-{source.digest}",
        persist_state="session",
    )
    duplicates, blank = _repeated_and_blank(source, column)
    with st.container(horizontal=True, gap="medium"):
        skip_blank = st.checkbox(
            "Skip blank tasks",
            True,
            key="tasks-skip-blank",
            persist_state="session",
            help=f"{blank:,} here. Kept, a blank task fails where you can see it.",
        )
        skip_duplicates = st.checkbox(
            "Skip exact duplicates",
            True,
            key="tasks-skip-duplicates",
            persist_state="session",
            help=f"{len(duplicates.exact):,} here: lines that repeat an earlier one in every column.",
        )
    settings = (source.digest, column, skip_blank, skip_duplicates)
    selection = _selected(table, column, settings)
    _preview(table, column)
    _unreadable(table, selection)
    _skipped(table, selection)
    _same_task(table, duplicates)
    return Inputs(table, column, selection, settings)


def _badges(table: Table) -> None:
    facts = [table.format]
    if table.encoding != "binary":
        facts.append(table.encoding)
    if table.delimiter:
        facts.append(f"separated by {_DELIMITERS.get(table.delimiter, repr(table.delimiter))}")
    facts.append(count(len(table.columns), "column"))
    with st.container(horizontal=True, gap="xsmall"):
        for fact in facts:
            st.badge(escape_markdown(fact), color="gray")
    for note in table.notes:
        st.caption(f":material/info: {escape_markdown(note)}")


def _preview(table: Table, task_column: str) -> None:
    entries = table.entries[:PREVIEWED]
    columns = [task_column, *(column for column in table.columns if column != task_column)]
    frame = pd.DataFrame(
        {column: [as_text(entry.fields.get(column)) for entry in entries] for column in columns},
        index=pd.Index([entry.line for entry in entries], name=table.unit.capitalize()),
    )
    st.dataframe(
        frame,
        height="content" if len(entries) <= 8 else 320,
        column_config={task_column: st.column_config.TextColumn(f"Task: {task_column}", width="large")},
        alt="The first lines that were read",
    )
    if len(table.entries) > len(entries):
        st.caption(f"The first {len(entries)} of {len(table.entries):,}.")


def _unreadable(table: Table, selection: Selection) -> None:
    lines = [line for line in selection.skipped if line.kind == "unreadable"]
    if lines:
        verb = "could not be read and is left out." if len(lines) == 1 else "could not be read and are left out."
        st.warning(f"{_lines(table, len(lines))} {verb}", icon=":material/error:")
        _listing(table, lines, "unreadable")


def _skipped(table: Table, selection: Selection) -> None:
    lines = [line for line in selection.skipped if line.kind != "unreadable"]
    if not lines:
        return
    blank = sum(line.kind == "blank" for line in lines)
    repeated = count(len(lines) - blank, "exact duplicate")
    with st.expander(f"{_lines(table, len(lines))} skipped: {blank:,} blank, {repeated}"):
        _listing(table, lines, "skipped")


def _same_task(table: Table, duplicates: Duplicates) -> None:
    if not duplicates.same_task:
        return
    shown = duplicates.same_task[:LISTED]
    noun = count(len(duplicates.same_task), "task") + (" repeats" if len(duplicates.same_task) == 1 else " repeat")
    with st.expander(f"{noun} an earlier one with other columns: each kept as an input of its own"):
        unit = table.unit.capitalize()
        st.dataframe(
            {unit: [line for line, _ in shown], "Same task as": [first for _, first in shown]},
            hide_index=True,
            height="content" if len(shown) <= 8 else 320,
        )


def _listing(table: Table, lines: Sequence[SourceLine], name: str) -> None:
    shown = lines[:LISTED]
    st.dataframe(
        {
            table.unit.capitalize(): [line.line for line in shown],
            "Why": [line.reason for line in shown],
            "Text": [line.text for line in shown],
        },
        hide_index=True,
        height="content" if len(shown) <= 6 else 240,
        column_config={"Why": st.column_config.TextColumn(width="large")},
        alt=f"Lines that are {name}",
    )
    st.download_button(
        "Download the list",
        lambda: "".join(_as_json(line) for line in lines),
        f"{name}_lines.jsonl",
        "application/jsonl",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        key=f"download-{name}",
    )


def _as_json(line: SourceLine) -> str:
    told = {"line": line.line, "kind": line.kind, "reason": line.reason, "text": line.text}
    return json.dumps(told, ensure_ascii=False) + "\n"


def _lines(table: Table, number: int) -> str:
    return count(number, table.unit, "entries" if table.unit == "entry" else "")


def _repeated_and_blank(source: Source, column: str) -> tuple[Duplicates, int]:
    key, of = f"{_SELECTED}-counts", (source.digest, column)
    cached: tuple[object, tuple[Duplicates, int]] | None = st.session_state.get(key)
    if cached is None or cached[0] != of:
        skipped = select_inputs(source.table, column, skip_duplicates=False).skipped
        counts = find_duplicates(source.table, column), sum(line.kind == "blank" for line in skipped)
        cached = st.session_state[key] = (of, counts)
    return cached[1]


def _selected(table: Table, column: str, settings: tuple[str, str, bool, bool]) -> Selection:
    """Kept between reruns: over a large file it takes long enough to be felt."""
    cached: tuple[object, Selection] | None = st.session_state.get(_SELECTED)
    if cached is None or cached[0] != settings:
        _, _, skip_blank, skip_duplicates = settings
        selection = select_inputs(table, column, skip_blank=skip_blank, skip_duplicates=skip_duplicates)
        cached = st.session_state[_SELECTED] = (settings, selection)
    return cached[1]
