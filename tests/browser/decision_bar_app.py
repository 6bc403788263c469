"""Records decided with the bar, beside a component that draws each of them late. Run by test_decision_bar.py.

The address says where the presses are written down (`log`), how late a record is drawn (`late`, in milliseconds),
whether presses of T are left without an answer (`mute`), how late a proposal is drawn (`proposal`),
and whether it is outdated (`outdated`).
"""

import json
import os
from pathlib import Path

import streamlit as st

from ui.review.components.decision_bar import decision_bar, pressed

st.set_page_config(layout="wide")

STATUSES = {"accept": "accepted", "reject": "rejected", "flag": "flagged"}
REASONS = ["Off topic", "Wrong facts", "Not <b>parallel</b>", "Too short", "Same as another record"]
RECORDS = 60
NAME = st.query_params.get("log", "log")

content = st.components.v2.component(
    "dataflow_studio.test_content",
    html='<div class="content"></div><textarea aria-label="First field"></textarea>',
    js="""
    export default function ({ parentElement, data }) {
      const root = parentElement.querySelector('.content');
      const edit = () => parentElement.querySelector('textarea').focus();
      window.addEventListener('dataflow-edit', edit);
      if (root.stamp !== data.stamp) {
        root.stamp = data.stamp;
        setTimeout(() => {
          root.textContent = data.stamp;
          requestAnimationFrame(() => {
            window.dataflowPainted = data.stamp;
            window.dispatchEvent(new CustomEvent('dataflow-painted', { detail: data.stamp }));
          });
        }, data.late);
      }
      return () => window.removeEventListener('dataflow-edit', edit);
    }
    """,
)

proposal = st.components.v2.component(
    "dataflow_studio.test_proposal",
    html='<button class="take">Use it</button>',
    js="""
    export default function ({ parentElement, data }) {
      const ask = () => window.dispatchEvent(new CustomEvent('dataflow-press', { detail: 'take' }));
      parentElement.querySelector('.take').onclick = ask;
      setTimeout(() => { window.dataflowProposed = data.stamp; }, data.late);
    }
    """,
)

state = st.session_state
state.setdefault("position", 0)
state.setdefault("revisions", {})
state.setdefault("statuses", {})
state.setdefault("decided", [])
state.setdefault("turn", 0)
state.setdefault("presses", 0)
state.setdefault("is_proposed", "proposal" in st.query_params)


def stamp() -> str:
    return f"{state.position}.{state.revisions.get(state.position, 0)}"


def proposed() -> str:
    return f"{stamp()}#7" if state.is_proposed and state.position == 0 else ""


def on_press() -> None:
    state.presses += 1
    press = pressed("bar")
    with Path(os.environ["PRESSES"], f"{NAME}.jsonl").open("a", encoding="utf-8") as log:
        sent = [press.stamp, press.action, press.reason, press.note, stamp()] if press else None
        log.write(json.dumps(sent) + "\n")
    if press is not None and press.action in ("take", "keep"):
        state.is_proposed = False
        state.turn += 1
    elif press is None or press.stamp != stamp():
        state.turn += 1
    elif press.action in STATUSES:
        state.statuses[state.position] = STATUSES[press.action]
        state.decided.append(state.position)
        state.position = min(state.position + 1, RECORDS - 1)
    elif press.action == "undo":
        state.position = state.decided.pop()
        state.statuses.pop(state.position)
    elif press.action == "regenerate":
        state.revisions[state.position] = state.revisions.get(state.position, 0) + 1
    elif press.action == "table":
        state.turn += "mute" not in st.query_params
    else:
        state.position += 1 if press.action == "next" else -1


@st.dialog("A dialog")
def show_dialog() -> None:
    st.write("Nothing is decided under it.")


if st.query_params.get("dialog"):
    show_dialog()
decision_bar(
    key="bar",
    stamp=stamp(),
    status=state.statuses.get(state.position, "unreviewed"),
    reasons=REASONS,
    place=f"{state.position + 1} of {RECORDS}",
    progress=f"{len(state.decided)} done · {RECORDS - len(state.decided):,} left · 6 s a record · about 5 h left",
    undo_label=f"Undo the decision on record {state.decided[-1] + 1}" if state.decided else "",
    has_previous=state.position > 0,
    has_next=state.position < RECORDS - 1,
    can_regenerate="fixed" not in st.query_params,
    regenerate_hint="A model writes it.",
    proposal=proposed(),
    is_takeable="outdated" not in st.query_params,
    is_decidable="closed" not in st.query_params,
    turn=state.turn,
    on_press=on_press,
)
content(key="content", data={"stamp": stamp(), "late": int(st.query_params.get("late", "0"))})
if proposed():
    proposal(key="proposal", data={"stamp": proposed(), "late": int(st.query_params["proposal"])})
st.text_area("Comment", key="comment")
with st.popover("More"):
    st.write("Nothing is decided beside it.")
st.button("Run again")
st.text(f"{state.presses} presses")
