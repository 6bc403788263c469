from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripted_endpoint import Reply, Request, ScriptedEndpoint


def told(request: Request) -> str:
    """What the last message of a request says."""
    return str(request["messages"][-1]["content"])


def echo(request: Request) -> Reply:
    return Reply(f"Answer to: {told(request)}")


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ScriptedEndpoint]:
    """The address that the openai package would use; it answers with what it was told."""
    with ScriptedEndpoint(echo) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-tests-0123456789")
        monkeypatch.setenv("DATAFLOW_HOME", str(tmp_path / "home"))
        yield server
