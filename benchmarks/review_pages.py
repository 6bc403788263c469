"""What people see of Review over very many records: the app itself, served, and opened in Chromium."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.measure import BenchmarkError
from tests.browser.driver import AppServer, app_page, app_server, launch_chromium, settled

SESSIONS = 5
_ADDRESSES = ("", "?view=focus", "?sort=longest", "?q=kettle", "?kind=Dialogues")
_PRESSES, _PAUSE = 20, 300  # milliseconds between two, as a quick person leaves
_KEYS = {"a key press to the next record": "j", "accepting one by a key, to the next record": "a"}
#: Presses the key, and returns the milliseconds until another record is painted.
_PRESS = """(key) => new Promise((tell) => {
    const before = window.dataflowPainted, began = performance.now();
    const look = (event) => {
        if (event.detail === before) return;
        window.removeEventListener("dataflow-painted", look);
        tell(performance.now() - began);
    };
    window.addEventListener("dataflow-painted", look);
    setTimeout(() => tell(-1), 20000);
    const code = "Key" + key.toUpperCase();
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, code, bubbles: true, composed: true }));
})"""


@dataclass(frozen=True)
class Seen:
    """Median seconds by what was pressed, and the server's memory in bytes."""

    key_presses: dict[str, float]
    memory: int


def measured_pages(folder: Path) -> Seen:
    with _served(folder) as server, sync_playwright() as playwright:
        chromium = launch_chromium(playwright)
        with ExitStack() as stack:
            opened = [stack.enter_context(_opened(chromium, server, address)) for address in _ADDRESSES]
            focus = opened[1]
            focus.wait_for_function("window.dataflowPainted !== undefined", timeout=60_000)
            pressed = {work: _median(focus, key) for work, key in _KEYS.items()}
            memory = psutil.Process(server.process.pid).memory_info().rss
        chromium.close()
    return Seen(pressed, memory)


@contextmanager
def _served(folder: Path) -> Iterator[AppServer]:
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        (home / "workspace").mkdir()
        (home / "workspace" / "default").symlink_to(folder.resolve(), target_is_directory=True)
        with app_server(home) as server:
            yield server


@contextmanager
def _opened(chromium: Browser, server: AppServer, address: str) -> Iterator[Page]:
    with app_page(chromium, server.url, width=1440) as (page, _):
        page.set_default_timeout(120_000)
        page.goto(f"{server.url}/review{address}")
        settled(page)
        yield page


def _median(page: Page, key: str) -> float:
    taken: list[float] = []
    for _ in range(_PRESSES):
        page.wait_for_timeout(_PAUSE)
        taken.append(page.evaluate(_PRESS, key) / 1000)
    if min(taken) < 0:
        raise BenchmarkError(f"No other record came after the key {key}.")
    return statistics.median(taken)
