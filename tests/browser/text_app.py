"""A page of hostile texts, each shown in every way the app shows text that is not its own. Run by test_text.py."""

import json
import os
from pathlib import Path

import streamlit as st

from ui.shell import Badge, page_header
from ui.text import escape_markdown, plain

for number, text in enumerate(json.loads(Path(os.environ["HOSTILE_TEXTS"]).read_text(encoding="utf-8"))):
    escaped = escape_markdown(text)
    with st.container(key=f"plain-{number}"):
        plain(text)
    with st.container(key=f"markdown-{number}"):
        st.markdown(escaped)
    with st.container(key=f"caption-{number}"):
        st.caption(f"**{escaped}**")
    with st.container(key=f"button-{number}"):
        st.button(escaped, key=f"b-{number}")
    with st.container(key=f"header-{number}"):
        page_header(text)
    with st.container(key=f"badge-{number}"):
        page_header("x", badges=[Badge(text, "green")])
