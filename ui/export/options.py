"""What is seldom changed of an export: compression, a limit of tokens, and which records are left out."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dataflow_core.errors import UsageError
from dataflow_core.exporters import EXPORTERS
from dataflow_core.exporters.base import Severity
from dataflow_core.exporters.csv_table import CsvExporter
from dataflow_core.exporting.about import LICENCES, About
from dataflow_core.exporting.plan import Compression, TokenLimit
from ui.session import is_for_this_machine_alone
from ui.text import escape_markdown

_COMPRESSIONS: dict[str, Compression] = {"None": "", "gzip (.gz)": "gz", "Zstandard (.zst)": "zst"}
_TOKENIZERS = ["cl100k_base", "o200k_base"]
_REFUSED = (Severity.REFUSED, Severity.DROPPED)
_LEFT_OUT: dict[str, tuple[Severity, ...]] = {
    "What it would refuse or drop": _REFUSED,
    "Also what it would cut off": (*_REFUSED, Severity.CUT),
    "Nothing that has the shape": (),
}


@dataclass(frozen=True, slots=True)
class Options:
    compression: Compression
    limit: TokenLimit
    leave_out: tuple[Severity, ...]
    has_mark: bool
    about: About


def choose_options(format_name: str) -> Options:
    """Show the choices, folded away."""
    with st.expander("More options", icon=":material/tune:", key="export_more"):
        with st.container(horizontal=True, gap="small"):
            most = st.number_input(
                "Most tokens of an example",
                min_value=0,
                value=0,
                step=256,
                key="export_tokens",
                persist_state="session",
                width=190,
                help="Longer ones are told of: the trainer would cut them off. 0 counts none.",
            )
            tokenizer: str | None = st.selectbox(
                "Tokenizer",
                _TOKENIZERS,
                key="export_tokenizer",
                persist_state="session",
                accept_new_options=is_for_this_machine_alone(),
                disabled=not most,
                width=260,
                help="An encoding of tiktoken by its name, or the path of a tokenizer.json on this machine.",
            )
        with st.container(horizontal=True, gap="small"):
            left_out: str = st.selectbox(
                "Leave out",
                list(_LEFT_OUT),
                key="export_leave_out",
                persist_state="session",
                width=260,
                help="What is left out goes into a file of its own, with the reasons.",
            )
            compression: str = st.selectbox(
                "Compression",
                list(_COMPRESSIONS),
                key="export_compression",
                persist_state="session",
                disabled=EXPORTERS[format_name].suffix != ".jsonl",
                width=190,
            )
            has_mark = _is_for_excel() if format_name == CsvExporter.name else True
        about = _about()
    packed = _COMPRESSIONS[compression] if EXPORTERS[format_name].suffix == ".jsonl" else ""
    limit = TokenLimit(int(most), (tokenizer or _TOKENIZERS[0]).strip()) if most else TokenLimit()
    return Options(packed, limit, _LEFT_OUT[left_out], has_mark, about)


def _is_for_excel() -> bool:
    return st.toggle(
        "For Excel",
        value=True,
        key="export_mark",
        persist_state="session",
        help="Begins with a byte order mark, by which Excel knows UTF-8. Some programs take it for text.",
    )


def _about() -> About:
    """What the card says of the dataset besides its records."""
    with st.container(horizontal=True, gap="small"):
        title = st.text_input("Title of the dataset", key="export_title", persist_state="session", width=190)
        licence = st.selectbox(
            "Licence",
            LICENCES,
            index=None,
            key="export_licence",
            persist_state="session",
            accept_new_options=True,
            placeholder="Not said",
            width=190,
        )
        languages = st.text_input(
            "Languages",
            key="export_languages",
            persist_state="session",
            placeholder="en, de",
            width=120,
            help="Their codes, for the dataset card, as the title and the licence are.",
        )
    codes = tuple(code for code in (languages or "").replace(",", " ").split() if code)
    try:
        return About((title or "").strip(), (licence or "").strip(), codes)
    except UsageError as error:
        st.error(escape_markdown(str(error)))
        return About((title or "").strip(), (licence or "").strip())
