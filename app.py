"""Dataflow Studio's entry: page configuration, navigation, and the foot of the sidebar."""

import streamlit as st

from ui.interruptions import keep_what_was_sent
from ui.locked_out import workspace_or_way_out
from ui.remembered_name import remember_name
from ui.review.content import collect_late_edits
from ui.sidebar import run_indicator

keep_what_was_sent()  # done already, unless this was started by `streamlit run`
# Before the navigation: without a page icon of ours the browser would fetch the first page's from a font host.
st.set_page_config(page_title="Dataflow Studio", page_icon="static/icon.svg", layout="wide")
is_dark = st.context.theme.type == "dark"
st.logo("static/logo-dark.svg" if is_dark else "static/logo-light.svg", size="large", icon_image="static/icon.svg")
st.session_state["_shell"] = True  # tells a page that it was opened through here: see ui/shell.py

PAGES = {
    "home": st.Page("pages/home.py", title="Home", icon=":material/space_dashboard:", default=True),
    "tasks": st.Page("pages/tasks.py", title="Tasks", icon=":material/account_tree:", url_path="tasks"),
    "dialogues": st.Page("pages/dialogues.py", title="Dialogues", icon=":material/forum:", url_path="dialogues"),
    "custom": st.Page("pages/custom.py", title="Custom", icon=":material/design_services:", url_path="custom"),
    "import": st.Page("pages/import.py", title="Import", icon=":material/upload_file:", url_path="import"),
    "runs": st.Page("pages/runs.py", title="Runs", icon=":material/bolt:", url_path="runs"),
    "review": st.Page("pages/review.py", title="Review", icon=":material/rate_review:", url_path="review"),
    "export": st.Page("pages/export.py", title="Export", icon=":material/ios_share:", url_path="export"),
    "prompts": st.Page("pages/prompts.py", title="Prompts", icon=":material/edit_note:", url_path="prompts"),
    "settings": st.Page("pages/settings.py", title="Settings", icon=":material/settings:", url_path="settings"),
}
SECTIONS = {
    "": ["home"],
    "Make": ["tasks", "dialogues", "custom", "import", "runs"],
    "Curate": ["review", "export"],
    "Workspace": ["prompts", "settings"],
}

page = st.navigation({section: [PAGES[name] for name in names] for section, names in SECTIONS.items()}, expanded=True)
if (wanted := st.session_state.pop("_goto", None)) in PAGES:
    st.switch_page(PAGES[wanted], query_params={key: st.query_params.get_all(key) for key in st.query_params})

st.set_page_config(page_title=f"{page.title} · Dataflow Studio")
workspace = workspace_or_way_out()
run_indicator(workspace)
with st.sidebar:  # without a face, they take the least room there
    collect_late_edits(workspace)
    remember_name()
page.run()
