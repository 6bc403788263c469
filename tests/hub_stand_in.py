"""A stand-in for the Hugging Face Hub's HTTP API, as far as pushing a dataset calls it. Listens on 127.0.0.1 only.

    with HubStandIn() as hub: push_files(…, environ={"HF_TOKEN": hub.token, "HF_ENDPOINT": hub.url})

What was committed is in `hub.files` by repository and name, byte for byte.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from huggingface_hub import DatasetCardData
from huggingface_hub.repocard import RepoCard

Answer = tuple[int, Any]


class HubStandIn:
    """`lfs_from` is the size in bytes from which files go the way of large ones.

    `faults` are answers to be given instead, each once, by the end of the path that is called.
    """

    token = "hf_standInTokenThatIsNoSecret"

    def __init__(self, *, lfs_from: int = 2_000, owners: tuple[str, ...] = ("ada",)) -> None:
        self.lfs_from = lfs_from
        self.owners = owners
        self.repos: dict[str, bool] = {}  # whether each is private
        self.files: dict[str, dict[str, bytes]] = {}
        self.commits: list[str] = []
        self.calls: list[tuple[str, str, dict[str, str]]] = []
        self.large: dict[str, bytes] = {}
        self.faults: dict[str, deque[Answer]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def environ(self) -> dict[str, str]:
        return {"HF_TOKEN": self.token, "HF_ENDPOINT": self.url}

    def fail(self, path: str, *answers: Answer) -> None:
        self.faults.setdefault(path, deque()).extend(answers)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        for end, answers in self.faults.items():
            if answers and path.endswith(end):
                return answers.popleft()
        if path.startswith("/upload/"):
            return self._store_large(path.removeprefix("/upload/"), body)
        if headers.get("authorization") != f"Bearer {self.token}":
            return 401, {"error": "Invalid credentials in Authorization header"}
        for pattern, answered in self._routes():
            if found := re.fullmatch(pattern, f"{method} {path}"):
                return answered(body, *found.groups())
        return 404, {"error": f"no such path: {method} {path}"}

    def _routes(self) -> list[tuple[str, Callable[..., Answer]]]:
        repo = r"([^/]+/[^/]+)"
        return [
            (r"POST /api/repos/create", self._create),
            (r"POST /api/validate-yaml", self._validate),
            (rf"GET /api/datasets/{repo}", self._info),
            (rf"POST /api/datasets/{repo}/preupload/main", self._preupload),
            (rf"POST /datasets/{repo}\.git/info/lfs/objects/batch", self._batch),
            (rf"POST /api/datasets/{repo}/commit/main", self._commit),
        ]

    def _create(self, body: bytes) -> Answer:
        wanted = json.loads(body)
        assert wanted["type"] == "dataset"
        owner = wanted["organization"] or self.owners[0]
        if owner not in self.owners:
            return 403, {"error": f"You don't have the rights to create a dataset under the namespace “{owner}”"}
        name = f"{owner}/{wanted['name']}"
        if name in self.repos:
            return 409, {"error": "You already created this dataset repo", "url": f"{self.url}/datasets/{name}"}
        self.repos[name] = wanted["visibility"] == "private"
        self.files[name] = {}
        return 200, {"url": f"{self.url}/datasets/{name}", "name": name, "id": "1"}

    def _validate(self, body: bytes) -> Answer:
        content = json.loads(body)["content"]
        try:
            header: Any = RepoCard(content, ignore_metadata_errors=False).data
            data = DatasetCardData(**header.to_dict())
        except ValueError as error:
            return 400, {"errors": [{"message": str(error)}], "warnings": []}
        assert data.task_categories == ["text-generation"]
        return 200, {"errors": [], "warnings": []}

    def _info(self, _: bytes, repo: str) -> Answer:
        if repo not in self.repos:
            return 404, {"error": "Repository not found"}
        return 200, {"id": repo, "private": self.repos[repo], "sha": "0" * 40, "siblings": [], "tags": []}

    def _preupload(self, body: bytes, repo: str) -> Answer:
        modes = []
        for file in json.loads(body)["files"]:
            mode = "lfs" if file["size"] >= self.lfs_from else "regular"
            modes.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False})
        return (200, {"files": modes}) if repo in self.repos else (404, {"error": "Repository not found"})

    def _batch(self, body: bytes, _: str) -> Answer:
        wanted = json.loads(body)
        objects = [
            {**one, "actions": {"upload": {"href": f"{self.url}/upload/{one['oid']}", "header": {}}}}
            for one in wanted["objects"]
        ]
        return 200, {"transfer": "basic", "objects": objects}

    def _store_large(self, oid: str, body: bytes) -> Answer:
        if hashlib.sha256(body).hexdigest() != oid:
            return 400, {"error": "the bytes are not those that were announced"}
        self.large[oid] = body
        return 200, {}

    def _commit(self, body: bytes, repo: str) -> Answer:
        lines = [json.loads(line) for line in body.splitlines()]
        arrived: dict[str, bytes] = {}
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                arrived[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                arrived[value["path"]] = self.large[value["oid"]]
        self.files[repo] |= arrived
        self.commits.append(next(line["value"]["summary"] for line in lines if line["key"] == "header"))
        oid = hashlib.sha1(body).hexdigest()
        return 200, {"commitUrl": f"{self.url}/datasets/{repo}/commit/{oid}", "commitOid": oid}

    def _handler(hub) -> type[BaseHTTPRequestHandler]:  # noqa: N805  "self" is the handler's
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                path = self.path.partition("?")[0]
                hub.calls.append((self.command, path, headers))
                status, value = hub.answer(self.command, path, headers, body)
                data = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = _serve  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
