"""The endpoints of a workspace, and how they turned out to want to be asked."""

from __future__ import annotations

from pathlib import Path

from dataflow_core.models import EMBEDDED, Endpoint
from dataflow_core.storage.dialects import DialectStore
from dataflow_core.workspace import Workspace

FULL = Endpoint(
    "mine",
    base_url="http://127.0.0.1:9/v1",
    model="m",
    key_env="MY_KEY",
    max_workers=8,
    timeout=45.5,
    requests_per_minute=500,
    tokens_per_minute=200_000,
    input_price=0.15,
    output_price=0.6,
)


def test_an_endpoint_is_kept_with_its_limits_and_prices(workspace: Workspace) -> None:
    plain = Endpoint("plain", model="p")
    for endpoint in (FULL, plain):
        workspace.endpoints.save(endpoint)
    assert workspace.endpoints.all() == [FULL, plain, EMBEDDED]
    assert workspace.endpoints.default() == FULL


def test_endpoints_are_copied_to_another_workspace_whole(workspace: Workspace, tmp_path: Path) -> None:
    workspace.endpoints.save(Endpoint("plain", model="p"))
    workspace.endpoints.save(FULL)
    workspace.endpoints.make_default("mine")
    other = Workspace(tmp_path / "other", create=True)
    other.endpoints.copy_from(workspace.endpoints)
    assert other.endpoints.all() == workspace.endpoints.all()
    assert other.endpoints.default() == FULL
    other.close()


def test_a_dialect_is_kept_by_address_and_model_until_it_is_forgotten(workspace: Workspace) -> None:
    store = DialectStore(workspace.database)
    assert store.get("http://a/v1", "m") is None
    store.save("http://a/v1", "m", {"output": "json_object"})
    store.save("http://a/v1", "m", {"output": "text", "unsupported": ["seed"]})
    store.save("http://a/v1", "n", {"output": "json_schema"})
    assert store.get("http://a/v1", "m") == {"output": "text", "unsupported": ["seed"]}
    store.forget("http://a/v1", "m")
    assert store.get("http://a/v1", "m") is None
    assert store.get("http://a/v1", "n") == {"output": "json_schema"}
