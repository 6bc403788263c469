"""Starts Streamlit so that app.py alone decides which pages there are: `python -m ui.serve run app.py`.

By itself Streamlit also takes the files in pages/ for pages until app.py has run once. A tab that was left open
while the server restarted would then be sent from one page to another on its first click, and lose what that
click brought: the cell just edited.

And files are sent from the disk by a route of our own: see `ui/downloads/route.py`.
"""

from __future__ import annotations

from streamlit.runtime.pages_manager import PagesManager
from streamlit.web.cli import main

from ui.downloads.route import serve_downloads
from ui.interruptions import keep_what_was_sent

if __name__ == "__main__":
    PagesManager.uses_pages_directory = False
    keep_what_was_sent()
    serve_downloads()
    main(prog_name="streamlit")
