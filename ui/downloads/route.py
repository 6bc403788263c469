"""A route beside Streamlit's own that sends files from the disk: Streamlit would hold each of them in memory whole.

A request names no path, only a secret that the server made up for one file when a page offered it. Secrets live in
memory: after a restart a page that is drawn anew has new ones.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config
from streamlit.web.server.starlette import starlette_server
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

#: The function of Streamlit's server that makes the app it serves.
_MAKER = "create_starlette_app"
_ROUTE = "download"
_MOST_OFFERED = 10_000
_TYPES = {
    ".jsonl": "application/jsonl",
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
    ".gz": "application/gzip",
    ".zst": "application/zstd",
    ".zip": "application/zip",
}
#: What is sent is for the disk: no browser is to guess what it is, show it or run it, nor keep it.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
}
_GONE = "This file is not offered any more. Reload the page that you took the link from, and take it again."

_NOT_HERE = (
    "This name of the server is not in server.allowedHosts. Open the app by one that is, and take the file there."
)


class Offers:
    """The files that may be fetched, each by its secret. `folder` holds them all; nothing outside it is sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offered: dict[str, tuple[Path, Path]] = {}
        self._secrets: dict[Path, str] = {}

    def secret_of(self, path: Path, folder: Path) -> str:
        """The secret to fetch the file by: the same one each time, so that a page drawn anew keeps its links."""
        path = path.absolute()
        with self._lock:
            if path not in self._secrets:
                if len(self._offered) >= _MOST_OFFERED:
                    oldest = next(iter(self._offered))
                    self._secrets.pop(self._offered.pop(oldest)[0], None)
                self._secrets[path] = secrets.token_urlsafe(24)
            self._offered[self._secrets[path]] = (path, folder)
            return self._secrets[path]

    def path_of(self, secret: str) -> Path | None:
        """The file that was offered by this secret; None where there is none any more."""
        offered = self._offered.get(secret)
        if offered is None:
            return None
        path, folder = offered
        is_within = path.resolve().is_relative_to(folder.resolve())
        return path if is_within and path.is_file() else None


class _Served:
    is_on = False


offers = Offers()


def address_of(path: Path, folder: Path) -> str:
    """Where the browser can fetch the file, which lies in `folder`, from; "" where this server has no such route."""
    base = str(config.get_option("server.baseUrlPath")).strip("/")
    prefix = f"/{base}/{_ROUTE}" if base else f"/{_ROUTE}"
    return f"{prefix}/{offers.secret_of(path, folder)}" if _Served.is_on else ""


def serve_downloads() -> None:
    """To be called before the server starts."""
    make: Callable[..., ASGIApp] = getattr(starlette_server, _MAKER)
    setattr(starlette_server, _MAKER, lambda *args: with_downloads(make(*args)))
    _Served.is_on = True


def with_downloads(app: ASGIApp) -> ASGIApp:
    """The app with the route in front of it: Streamlit's middleware would compress what is sent, a core for each."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        *_, route, secret = ("", "", *str(scope.get("path", "")).split("/"))
        if scope["type"] == "http" and route == _ROUTE:
            host = Headers(scope=scope).get("host")
            await _response(str(scope["method"]), host, secret)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return answer


def _response(method: str, host: str | None, secret: str) -> Response:
    if not is_host_allowed(host):  # as the app itself refuses it: against other sites' names for this machine
        return PlainTextResponse(_NOT_HERE, 403, _HEADERS)
    if method not in ("GET", "HEAD"):
        return PlainTextResponse("Only GET and HEAD.", 405, _HEADERS | {"Allow": "GET, HEAD"})
    path = offers.path_of(secret)
    if path is None:
        return PlainTextResponse(_GONE, 404, _HEADERS)
    kind = _TYPES.get(path.suffix, "application/octet-stream")
    return FileResponse(path, filename=path.name, media_type=kind, headers=_HEADERS)
