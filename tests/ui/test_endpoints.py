from __future__ import annotations

from dataflow_core.models import Endpoint
from ui.endpoints import address, endpoint_warning


def test_a_serving_of_a_script_is_named_as_one_that_nobody_else_can_call() -> None:
    endpoint = Endpoint("Gateway", kind="script", model="gpt-4o")
    assert address(endpoint) == "a script"
    assert "Run that script again" in (endpoint_warning(endpoint) or "")
