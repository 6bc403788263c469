"""A page scanned by axe-core for what is ours to mend."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

#: Streamlit's own: a <div> between the menu's list and its entries, and what is chosen among segments, which is set in
#: the primary color. No color is enough for that in the dark and under the white of its buttons, too.
THEIRS = [["[data-testid=stSidebarNav]"], ["[data-testid=stButtonGroup] [data-selected=true]"]]


def violations(page: Page) -> list[str]:
    """The serious ones, each with the element it is about."""
    found = Axe().run(page, context={"exclude": THEIRS}).response["violations"]
    return [
        f"{violation['id']}: {node['html']} at {node['target']}. {node['failureSummary']}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
