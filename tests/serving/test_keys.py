"""Which key goes where, and what settings are refused before anybody is called."""

import math
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from dataflow_core.errors import UsageError
from dataflow_core.models import Endpoint
from dataflow_core.serving.keys import (
    check_endpoint,
    default_base_url,
    endpoint_problem,
    is_loopback,
    key_source,
    normalise_base_url,
    resolve_key,
)

OPENAI = {"OPENAI_API_KEY": "sk-the-openai-key"}


def endpoint(base_url: str = "", key_env: str = "", model: str = "m", max_workers: int = 4) -> Endpoint:
    return Endpoint(name="Test", base_url=base_url, model=model, key_env=key_env, max_workers=max_workers)


def test_the_default_address_is_the_one_the_openai_package_would_use() -> None:
    assert default_base_url({}) == "https://api.openai.com/v1"
    assert default_base_url({"OPENAI_BASE_URL": "http://gateway/v1"}) == "http://gateway/v1"
    assert default_base_url({"OPENAI_BASE_URL": " "}) == "https://api.openai.com/v1"


@pytest.mark.parametrize("base_url", ["", "https://api.openai.com/v1", "https://API.openai.com/v1/"])
def test_the_openai_key_goes_to_the_default_address(base_url: str) -> None:
    assert key_source(endpoint(base_url), OPENAI) == "OPENAI_API_KEY"
    assert resolve_key(endpoint(base_url), OPENAI) == "sk-the-openai-key"


@pytest.mark.parametrize(
    "base_url",
    [
        "http://localhost:8000/v1",
        "https://api.openai.com.evil.example/v1",
        "http://api.openai.com/v1",
        "https://api.openai.com:8443/v1",
    ],
)
def test_the_openai_key_goes_to_no_other_address(base_url: str) -> None:
    assert key_source(endpoint(base_url), OPENAI) is None
    assert resolve_key(endpoint(base_url), OPENAI) is None


def test_the_openai_key_goes_to_the_address_that_the_environment_names() -> None:
    environ = OPENAI | {"OPENAI_BASE_URL": "http://gateway/v1/"}
    assert resolve_key(endpoint("http://gateway/v1"), environ) == "sk-the-openai-key"
    assert resolve_key(endpoint("https://api.openai.com/v1"), environ) is None


def test_a_named_variable_is_used_even_where_it_is_not_set() -> None:
    named = endpoint(key_env="MY_KEY")
    assert resolve_key(named, OPENAI | {"MY_KEY": " mine\n"}) == "mine"
    assert key_source(named, OPENAI) == "MY_KEY"
    assert resolve_key(named, OPENAI) is None


def test_a_pasted_key_comes_first() -> None:
    environ = OPENAI | {"MY_KEY": "mine", "DATAFLOW_ENDPOINT_KEY": "pasted"}
    assert key_source(endpoint(key_env="MY_KEY"), environ) == "DATAFLOW_ENDPOINT_KEY"
    assert resolve_key(endpoint("http://localhost:1/v1"), environ) == "pasted"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://Host:8000/v1/chat/completions", "http://host:8000/v1"),
        ("HTTPS://host/v1/", "https://host/v1"),
        (" https://host/Path/V1 ", "https://host/Path/V1"),
        ("", ""),
    ],
)
def test_an_address_is_brought_to_the_form_in_which_it_is_called(given: str, expected: str) -> None:
    assert normalise_base_url(given) == expected


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"base_url": "localhost:8000/v1"}, "must begin with http:// or https://, as in http://localhost:8000/v1"),
        ({"base_url": "ftp://host/v1"}, "must begin with http:// or https://, as in https://host/v1"),
        ({"base_url": "https:///v1"}, "names no host"),
        ({"base_url": "https://host/ v1"}, "contains a space"),
        ({"base_url": "https://me:secret@host/v1"}, "holds a user name or password"),
        ({"base_url": "me:secret@host/v1"}, "holds a user name or password"),
        ({"base_url": "https://host:port/v1"}, "malformed"),
        ({"base_url": "https://host/v1?key=secret"}, "must end before the “?” or “#”: https://host/v1"),
        ({"key_env": "sk-proj-abcdefghijkl"}, "The NAME of the environment variable that holds the key belongs here"),
        ({"key_env": "gsk_A1b2C3d4E5f6G7h8I9"}, "The NAME of the environment variable"),
        ({"key_env": "0123456789abcdef0123456789abcdef"}, "The NAME of the environment variable"),
        ({"key_env": "MY KEY"}, "letters, digits and “_” only"),
        ({"model": " "}, "No model is named"),
        ({"max_workers": 0}, "At least 1 call must be allowed at a time"),
    ],
)
def test_an_unusable_setting_is_refused_with_a_sentence(settings: dict[str, str], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_endpoint(endpoint(**settings))  # type: ignore[arg-type]
    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)
    assert not settings.get("key_env", "").startswith(("sk", "gsk")) or settings["key_env"] not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "setting", "sentence"),
    [
        ({"timeout": 0}, "timeout", "A call of “Test” may take 0 s. Give it more than 0 and at most 3600 s."),
        ({"timeout": 3601.0}, "timeout", "may take 3601 s"),
        ({"timeout": math.inf}, "timeout", "may take inf s"),
        ({"timeout": math.nan}, "timeout", "may take nan s"),
        ({"requests_per_minute": 0}, "requests", "“Test” allows 0 calls a minute. Allow at least 1, or leave"),
        ({"tokens_per_minute": -5}, "tokens", "“Test” allows -5 tokens a minute. Allow at least 1, or leave"),
        ({"input_price": -0.5}, "price", "A price of “Test” is -0.5. A price is 0 or more; leave it out where"),
        ({"output_price": math.nan}, "price", "A price of “Test” is nan"),
        ({"output_price": math.inf}, "price", "A price of “Test” is inf"),
    ],
)
@pytest.mark.parametrize("kind", ["openai", "embedded"])
def test_unusable_limits_and_prices_are_refused_with_a_sentence(
    settings: dict[str, Any], setting: str, sentence: str, kind: Any
) -> None:
    problem = endpoint_problem(Endpoint("Test", kind=kind, model="m", **settings))
    assert problem is not None
    assert problem[0] == setting
    assert sentence in problem[1]


def test_limits_and_prices_may_be_left_out_and_a_model_may_cost_nothing() -> None:
    check_endpoint(endpoint())
    check_endpoint(replace(endpoint(), timeout=3600.0, requests_per_minute=1, tokens_per_minute=1, input_price=0.0))


@pytest.mark.parametrize("base_url", ["", "http://localhost:8000/v1", "http://[::1]:8000/v1", "https://host"])
@pytest.mark.parametrize("key_env", ["", "MY_KEY", "HF_TOKEN", "OPENAI_API_KEY_FOR_THE_LAB_2"])
def test_usable_settings_pass(base_url: str, key_env: str) -> None:
    check_endpoint(endpoint(base_url, key_env))


def test_loopback_addresses_are_told_from_others() -> None:
    assert all(
        is_loopback(f"http://{host}:80/v1") for host in ("localhost", "127.0.0.1", "127.1.2.3", "[::1]", "0.0.0.0")
    )
    assert not any(is_loopback(f"http://{host}/v1") for host in ("localhost.example", "10.0.0.1", "api.openai.com"))


def test_importing_serving_loads_no_package_of_a_model() -> None:
    program = (
        "import sys, dataflow_core.serving.dialect, dataflow_core.serving.keys, dataflow_core.serving.probe;"
        "sys.exit(' '.join({'openai', 'httpx2', 'aiohttp', 'xllamacpp'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
