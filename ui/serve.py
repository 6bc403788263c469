"""Starts Streamlit so that app.py alone decides which pages there are: `python -m ui.serve run app.py`.

By itself Streamlit also takes the files in pages/ for pages until app.py has run once. A tab that was left open
while the server restarted would then be sent from one page to another on its first click, and lose what that
click brought: the cell just edited.
"""

from __future__ import annotations

from streamlit.runtime.pages_manager import PagesManager
from streamlit.web.cli import main

from ui.interruptions import keep_what_was_sent

if __name__ == "__main__":
    PagesManager.uses_pages_directory = False
    keep_what_was_sent()
    main(prog_name="streamlit")
