"""Where an endpoint is and which key goes to it. Names of variables are kept; keys are only passed through."""

from __future__ import annotations

import ipaddress
import math
import os
import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from dataflow_core.errors import UsageError
from dataflow_core.models import Endpoint

#: How the app hands a pasted key to the process of a run: in its environment, nowhere else.
PASTED_KEY_ENV = "DATAFLOW_ENDPOINT_KEY"
DEFAULT_KEY_ENV = "OPENAI_API_KEY"
OPENAI_BASE_URL = "https://api.openai.com/v1"

#: The setting that a complaint is about.
Setting = Literal["address", "key", "model", "workers", "timeout", "requests", "tokens", "price"]

_LONGEST_TIMEOUT = 3600  # seconds
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY_PREFIX = re.compile(r"(sk|pk|rk|gsk|hf|xai|nvapi|pplx|r8|fw|tgp|AIza)[-_]?[A-Za-z0-9]{2}")


def default_base_url(environ: Mapping[str, str] = os.environ) -> str:
    """The address that the openai package itself would use."""
    return environ.get("OPENAI_BASE_URL", "").strip() or OPENAI_BASE_URL


def normalise_base_url(url: str) -> str:
    """Return the address as it is called: no trailing slash, no `/chat/completions`, scheme and host in lower case.

    Assumes nothing about the address being valid; `check_endpoint` says whether it is.
    """
    url = url.strip().rstrip("/").removesuffix("/chat/completions").rstrip("/")
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{separator}{host.lower()}{slash}{path}" if separator else url


def base_url_of(endpoint: Endpoint, environ: Mapping[str, str] = os.environ) -> str:
    """The address that calls to the endpoint go to."""
    return normalise_base_url(endpoint.base_url) or normalise_base_url(default_base_url(environ))


def is_default_address(endpoint: Endpoint, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether what the environment holds for the openai package is meant for this endpoint."""
    return base_url_of(endpoint, environ) == normalise_base_url(default_base_url(environ))


def is_loopback(url: str) -> bool:
    """Whether the address is on this machine, where no proxy has any business."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def key_source(endpoint: Endpoint, environ: Mapping[str, str] = os.environ) -> str | None:
    """The name of the variable that the endpoint's key is read from, whether or not it is set; None if it has none.

    OPENAI_API_KEY is for the default address alone: a key must not reach a server it was not made for.
    """
    if environ.get(PASTED_KEY_ENV):
        return PASTED_KEY_ENV
    if endpoint.key_env:
        return endpoint.key_env
    return DEFAULT_KEY_ENV if is_default_address(endpoint, environ) else None


def resolve_key(endpoint: Endpoint, environ: Mapping[str, str] = os.environ) -> str | None:
    source = key_source(endpoint, environ)
    return (environ.get(source, "").strip() or None) if source else None


def why_only_a_script(endpoint: Endpoint) -> str:
    """Why an endpoint of the kind "script" cannot be called from anywhere else."""
    return f"“{endpoint.name}” is a serving of a script's own. Run that script again, or choose another model."


def looks_like_a_key(text: str) -> bool:
    if _KEY_PREFIX.match(text) and len(text) >= 8:
        return True
    mixed = any(c.islower() for c in text) and any(c.isupper() for c in text) and any(c.isdigit() for c in text)
    return len(text) >= 20 and (mixed or re.fullmatch(r"[0-9a-f]+", text) is not None)


def check_endpoint(endpoint: Endpoint) -> None:
    """Raise `UsageError` with the first thing that is wrong with the settings; calls nobody."""
    problem = endpoint_problem(endpoint)
    if problem is not None:
        raise UsageError(problem[1])


def endpoint_problem(endpoint: Endpoint) -> tuple[Setting, str] | None:
    """The first thing that is wrong with the settings, or None: which one, and a sentence about it."""
    if endpoint.max_workers < 1:
        return "workers", f"At least 1 call must be allowed at a time; “{endpoint.name}” allows {endpoint.max_workers}."
    if problem := _traffic_problem(endpoint):
        return problem
    if endpoint.kind != "openai":
        return None
    if sentence := _address_problem(endpoint.base_url.strip()):
        return "address", sentence
    if sentence := _key_name_problem(endpoint.key_env):
        return "key", sentence
    if not endpoint.model.strip():
        return "model", "No model is named. Enter the model's name as its server knows it."
    return None


def _traffic_problem(endpoint: Endpoint) -> tuple[Setting, str] | None:
    name = endpoint.name
    if not 0 < endpoint.timeout <= _LONGEST_TIMEOUT:  # nor is it when it is no number at all
        return "timeout", (
            f"A call of “{name}” may take {endpoint.timeout:g} s. Give it more than 0 and at most {_LONGEST_TIMEOUT} s."
        )
    requests, tokens = endpoint.requests_per_minute, endpoint.tokens_per_minute
    if requests is not None and requests < 1:
        return "requests", f"“{name}” allows {requests} calls a minute. Allow at least 1, or leave the limit out."
    if tokens is not None and tokens < 1:
        return "tokens", f"“{name}” allows {tokens} tokens a minute. Allow at least 1, or leave the limit out."
    for price in (endpoint.input_price, endpoint.output_price):
        if price is not None and not 0 <= price < math.inf:
            return (
                "price",
                f"A price of “{name}” is {price:g}. A price is 0 or more; leave it out where it is not known.",
            )
    return None


def _address_problem(url: str) -> str:
    if not url:
        return ""
    rest = url.partition("://")[2] or url
    if "@" in rest.partition("/")[0]:
        return "The address holds a user name or password. Take it out, and give the key by the name of its variable."
    if re.search(r"\s", url):
        return f"The address “{url}” contains a space. Remove it."
    if not re.match(r"https?://", url, re.IGNORECASE):
        scheme = "http" if re.match(r"(localhost|127\.|\[::1\])", rest) else "https"
        return f"The address “{url}” must begin with http:// or https://, as in {scheme}://{rest}"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "The address cannot be read: its host or port is malformed. It looks like https://host:port/v1"
    if not parts.hostname:
        return f"The address “{url}” names no host. It looks like https://host/v1"
    if parts.query or parts.fragment:
        return f"The address must end before the “?” or “#”: {re.split('[?#]', url)[0]}"
    return ""


def _key_name_problem(key_env: str) -> str:
    if not key_env:
        return ""
    if looks_like_a_key(key_env):
        return (
            "That looks like a key itself. The NAME of the environment variable that holds the key belongs here, "
            f"such as {DEFAULT_KEY_ENV}."
        )
    if not _VARIABLE_NAME.fullmatch(key_env):
        return (
            "The name of the key's environment variable may hold letters, digits and “_” only, "
            f"as in {DEFAULT_KEY_ENV}."
        )
    return ""
