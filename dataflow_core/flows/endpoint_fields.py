"""Endpoints as files name them: their settings under the names that the command line has for them, never a key."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

from dataflow_core.errors import UsageError
from dataflow_core.models import EMBEDDED, Endpoint, Fields
from dataflow_core.serving.keys import check_endpoint
from dataflow_core.yaml_files import Document, Place, build, entry

#: What a file says for the model that comes with the program.
EMBEDDED_NAME = "embedded"


@dataclass(frozen=True, slots=True)
class _Written:
    model: str
    name: str = ""
    base_url: str = ""
    api_key_env: str = ""
    max_workers: int = 16
    timeout: float = 120.0
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    input_price: float | None = None
    output_price: float | None = None


def fields_of_endpoint(endpoint: Endpoint) -> Fields | str:
    """What `read_endpoint` makes the same endpoint from; settings that are as they are by default are left out."""
    if endpoint.kind == "embedded":
        return EMBEDDED_NAME
    settings = asdict(endpoint)
    settings["api_key_env"] = settings.pop("key_env")
    kept = {"model": settings["model"]}
    for one in fields(_Written):
        is_default = settings[one.name] == (endpoint.model if one.name == "name" else one.default)
        if one.name != "model" and not is_default:
            kept[one.name] = settings[one.name]
    return kept


def read_endpoint(document: Document, place: Place) -> Endpoint:
    """The endpoint at this place of the document: its settings, or `embedded`. Raises `UsageError` for a wrong one."""
    if entry(document, place) == EMBEDDED_NAME:
        return EMBEDDED
    written = build(_Written, document, place, what="The endpoint")
    settings = asdict(written)
    settings["key_env"] = settings.pop("api_key_env")
    endpoint = Endpoint(**(settings | {"name": written.name or written.model}))
    try:
        check_endpoint(endpoint)
    except UsageError as error:
        raise document.error(str(error), place) from None
    return endpoint
