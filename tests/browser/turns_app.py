"""Documents shown one at a time in the turn editor; what the server gets of it is appended to a log.

Run by test_turn_editor.py.
"""

import json
import os
from pathlib import Path
from typing import Any

import streamlit as st

from ui.review.components.mailbox import Letter, mailbox
from ui.review.components.turn_editor import edited, regenerate_pressed, turn_editor, turns_in

DOCUMENTS = json.loads(Path(os.environ["DOCUMENTS"]).read_text(encoding="utf-8"))
LOG = Path(os.environ["LOG"])
KEY = "turns"


def log(**what: Any) -> None:
    with LOG.open("a", encoding="utf-8") as file:
        file.write(json.dumps(what) + "\n")


def save() -> None:
    st.session_state["saves"] = st.session_state.get("saves", 0) + 1
    if (edit := edited(KEY)) is not None:
        log(document=edit[0], turns=edit[1])


def regenerate() -> None:
    if (wish := regenerate_pressed(KEY)) is not None:
        log(stamp=wish.stamp, turn=wish.turn, and_after=wish.and_after, note=wish.note)


def read(letter: Letter) -> bool:
    log(document=letter.document, turns=turns_in(letter.content), by="letter")
    return True


def show(name: str) -> None:
    st.session_state["name"] = name


name = st.session_state.get("name") or st.query_params.get("document", "short")
with st.container(horizontal=True, key="documents"):
    for other in (*DOCUMENTS, "nothing"):
        st.button(f"Show {other}", on_click=show, args=(other,))
    st.button("Press", shortcut="A", on_click=lambda: log(pressed="A"))
mailbox(key="late", on_letter=read)
if name == "nothing":
    st.stop()
shown = DOCUMENTS[name]
turn_editor(
    shown["turns"],
    key=KEY,
    document=name,
    stamp=f"{name}:{st.session_state.get('saves', 0)}",
    on_change=save,
    on_regenerate=regenerate if shown.get("can_regenerate", True) else None,
    findings=shown.get("findings", ()),
    is_skeleton=shown.get("is_skeleton", False),
    is_editable=shown.get("is_editable", True),
)
