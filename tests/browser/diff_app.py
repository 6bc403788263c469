"""A page of diffs between versions of records whose fields are in a file. Run by test_diff_view.py."""

import json
import os
from pathlib import Path

import streamlit as st

from dataflow_core.word_diff import record_diff
from ui.review.components.diff_view import diff_view

for number, (before, after) in enumerate(json.loads(Path(os.environ["VERSIONS"]).read_text(encoding="utf-8"))):
    with st.container(key=f"versions-{number}", border=True):
        diff_view(record_diff(before, after), key=f"diff-{number}")
st.button("Run again")
