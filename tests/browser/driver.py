"""Drives the app in Chromium as a person would: a server of its own, pages that settle, cells that are edited."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, FloatRect, Locator, Page, Playwright, Request, expect

from dataflow_core.home import Home

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"

_CHROMIUM_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
_CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-prefers-reduced-motion",
]
_SETTLED = '[data-testid="stApp"][data-test-connection-state="CONNECTED"][data-test-script-state="notRunning"]'


@dataclass(frozen=True)
class AppServer:
    """A running app and the workspace folder that it alone uses."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]


@dataclass
class Watch:
    """What a page did that no page of the app may do."""

    url: str
    page_errors: list[str] = field(default_factory=list)
    other_hosts: list[str] = field(default_factory=list)

    def attach(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.page_errors.append(str(error)))
        page.on("request", self._note_request)

    def _note_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != urlsplit(self.url).netloc:
            self.other_hosts.append(request.url)


def find_chromium() -> str:
    """Return Chromium's path. `CHROMIUM` in the environment says where it is, if not in a usual place."""
    for name in (os.environ.get("CHROMIUM", ""), *_CHROMIUM_NAMES):
        if name and (path := shutil.which(name)):
            return path
    raise FileNotFoundError("Chromium was not found. Install it, or set CHROMIUM to its path.")


def launch_chromium(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=find_chromium(), args=_CHROMIUM_FLAGS)


@contextmanager
def app_server(
    home: Path, *, script: Path = ROOT / "app.py", environment: Mapping[str, str] | None = None, port: int = 0
) -> Iterator[AppServer]:
    """Serve `script` with the repository's own configuration, its workspace in `home`, until the block is left."""
    home.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    log = home / "server.log"
    env = os.environ | {"DATAFLOW_HOME": str(home / "workspace"), "PYTHONPATH": str(ROOT)} | dict(environment or {})
    command = [sys.executable, "-m", "ui.serve", "run", str(script), f"--server.port={port}"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait_until_it_listens(port, process, log)
            yield AppServer(f"http://{HOST}:{port}", home / "workspace", process)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def fresh_workspace(server: AppServer) -> Path:
    """The folder for another workspace, which those who visit the server from now on will find open."""
    server.home.mkdir(parents=True, exist_ok=True)
    folder = server.home / f"workspace-{len(list(server.home.iterdir()))}"
    Home(server.home).remember(folder.name)
    return folder


@contextmanager
def app_page(
    browser: Browser, url: str, *, width: int = 1280, height: int = 900, dark: bool = False
) -> Iterator[tuple[Page, Watch]]:
    """Open a page in a browser context of its own, without a visit yet; `clean` checks it afterwards."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", accept_downloads=True
    )
    try:
        page = context.new_page()
        watch = Watch(url)
        watch.attach(page)
        yield page, watch
    finally:
        context.close()


def check_clean(page: Page, watch: Watch) -> None:
    """Fail if the page raised an error, reached for another host, or shows an exception."""
    assert not watch.page_errors, watch.page_errors
    assert not watch.other_hosts, watch.other_hosts
    exceptions = page.get_by_test_id("stException").all_inner_texts()
    assert not exceptions, exceptions


def visit(page: Page, server: AppServer, path: str = "") -> None:
    page.goto(f"{server.url}/{path}")
    settled(page)


def settled(page: Page) -> None:
    """Wait until the page is connected and its script has run. A page that polls settles between two ticks."""
    page.locator(_SETTLED).wait_for()


def reconnected(page: Page) -> None:
    """Wait until the page has found the server again that was started anew."""
    page.locator('[data-testid="stApp"][data-test-connection-state="CONNECTED"]').wait_for(timeout=60_000)
    settled(page)


def disconnected(page: Page) -> None:
    page.locator('[data-testid="stApp"][data-test-connection-state="CONNECTED"]').wait_for(state="detached")


def grid_edit(page: Page, key: str, *, row: int, column: int, text: str, row_height: int = 35) -> None:
    """Write `text` into a cell of the data editor with `key`, as shown: rows and columns from 0.

    The grid is a canvas: a click needs the pointer to have moved there and rested. Columns of equal width are assumed.
    """
    grid = page.locator(f".st-key-{key}").get_by_test_id("stDataFrame")
    cell = grid.get_by_test_id(f"glide-cell-{column}-{row}")
    cell.wait_for(state="attached")
    box = _box(grid.locator("canvas").first)
    x = box["x"] + box["width"] / grid.locator("th").count() * (column + 0.5)
    y = box["y"] + row_height * (row + 1.5)
    page.mouse.move(x - 8, y)
    page.mouse.move(x, y, steps=4)
    page.wait_for_timeout(120)
    page.mouse.click(x, y)
    page.wait_for_timeout(120)
    editor = page.locator("#portal textarea, #portal input").first
    if not editor.count():  # a click on a cell that was selected already has opened it
        page.keyboard.press("Enter")
    editor.wait_for()
    editor.fill(text)
    page.keyboard.press("Enter")
    expect(cell).to_have_text(text)


def sheet_edit(page: Page, *, row: int, column: int, text: str) -> None:
    """Write `text` into a cell of the Review page's table by pointer and keys; its columns differ in width.

    The second column, the status, is where the pointer goes; the arrow keys lead from there.
    """
    settled(page)
    grid = page.locator("[class*=st-key-records-]").get_by_test_id("stDataFrame")
    grid.get_by_test_id(f"glide-cell-{column}-{row}").wait_for(state="attached")
    box = _box(grid.locator("canvas").first)
    x, y = box["x"] + 90, box["y"] + 34 + 92 * (row + 0.5)
    page.mouse.move(x - 8, y)
    page.mouse.move(x, y, steps=4)
    page.wait_for_timeout(120)
    page.mouse.click(x, y)
    page.wait_for_timeout(120)
    for _ in range(column - 1):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    editor = page.locator("#portal textarea, #portal input").first
    editor.wait_for()
    editor.fill(text)
    page.keyboard.press("Enter")
    expect(grid.get_by_test_id(f"glide-cell-{column}-{row}")).to_have_text(text)


def _box(canvas: Locator) -> FloatRect:
    """Where it is. A page that has just been drawn anew may replace it between two looks."""
    for _ in range(50):
        canvas.wait_for()
        if (box := canvas.bounding_box()) is not None:
            return box
        canvas.page.wait_for_timeout(100)
    raise AssertionError("The grid does not stay on the page.")


def sheet_column(page: Page, column: int, rows: int) -> list[str]:
    """The texts of a column of the Review page's table."""
    grid = page.locator("[class*=st-key-records-]").get_by_test_id("stDataFrame")
    cells = [grid.get_by_test_id(f"glide-cell-{column}-{row}") for row in range(rows)]
    cells[0].wait_for(state="attached")
    return [cell.inner_text() for cell in cells]


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _wait_until_it_listens(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(log.read_text())
