"""A page with the timeline whose entries are in a file. Run by test_timeline.py."""

import json
import os
from datetime import datetime
from pathlib import Path

import streamlit as st

from ui.review.components.timeline import Entry, timeline

entries = [
    Entry(**(entry | {"at": datetime.fromisoformat(entry["at"])}))
    for entry in json.loads(Path(os.environ["ENTRIES"]).read_text(encoding="utf-8"))
]
with st.container(width=330):
    timeline(entries, key="timeline", shown=4)
st.button("Run again")
