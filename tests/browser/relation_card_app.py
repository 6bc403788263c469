"""A page with one relation card, steered by the files of a folder. Run by test_relation_card.py.

`shown.json` says what is shown; the page looks for another one all the time. What it is told goes to `log.jsonl`.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import streamlit as st

from ui.review.components.mailbox import Letter, mailbox
from ui.review.components.relation_card import CardField, edited, edited_texts, edits, relation_card, texts_in

FOLDER = Path(os.environ["RELATION_CARD"])
SHOWN = FOLDER / "shown.json"


def note() -> None:
    told = {"at": time.time(), "edits": edits("card"), "edited": edited("card"), "texts": edited_texts("card")}
    write(told)


def read(letter: Letter) -> bool:
    write({"at": time.time(), "edits": [(letter.document, texts_in(letter.content))]})
    return True


def write(told: dict[str, Any]) -> None:
    with (FOLDER / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(told) + "\n")


@st.fragment(run_every=0.2)
def look_again() -> None:
    if SHOWN.read_text(encoding="utf-8") != shown_text:
        st.rerun()


mailbox(key="late", on_letter=read)
shown_text = SHOWN.read_text(encoding="utf-8")
shown = json.loads(shown_text)
if shown["fields"]:
    fields = [CardField(**{**field, "findings": tuple(field.get("findings", ()))}) for field in shown["fields"]]
    time.sleep(shown.get("seconds", 0))
    relation_card(
        fields,
        key="card",
        document=shown["document"],
        stamp=shown["stamp"],
        on_change=note,
        is_editable=shown.get("is_editable", True),
    )
    st.code(json.dumps(edited_texts("card")), language=None)
look_again()
