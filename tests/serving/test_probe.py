"""What testing an endpoint says: address, key, model or answer, and what to do about it."""

import asyncio
import os

import pytest

from dataflow_core.models import EMBEDDED, Endpoint
from dataflow_core.serving.embedded import embedded_problem
from dataflow_core.serving.probe import EndpointCheck, try_endpoint, try_endpoint_now
from tests.scripted_endpoint import HTML_PAGE, Reply, Request, ScriptedEndpoint, in_turn, refusal, valid_replies


def check(server: ScriptedEndpoint, base_url: str | None = None, model: str = "scripted-model") -> EndpointCheck:
    return try_endpoint_now(Endpoint(name="Test", base_url=base_url or server.url, model=model), "test-key")


def test_a_working_endpoint_is_said_to_work_with_its_models() -> None:
    with ScriptedEndpoint(valid_replies) as server:
        result = check(server)
    assert result.ok
    assert result.at == ""
    assert result.sentence.startswith(f"scripted-model at {server.url} answered in 0.")
    assert result.models == ("scripted-model",)
    assert len(server.chats) == 1


def test_limitations_of_a_working_endpoint_are_mentioned() -> None:
    def script(request: Request) -> Reply:
        if "temperature" in request:
            return refusal(400, "Unsupported value: 'temperature' does not support 0.7 with this model.")
        if "response_format" in request:
            return refusal(400, "response_format is not supported")
        return Reply("OK")

    with ScriptedEndpoint(script) as server:
        result = check(server)
    assert result.ok
    assert "does not enforce JSON schemas" in result.sentence
    assert "does not take a temperature" in result.sentence


def test_nobody_at_the_address_is_blamed_on_the_address() -> None:
    result = try_endpoint_now(Endpoint(name="Test", base_url="http://127.0.0.1:9/v1", model="m"))
    assert (result.ok, result.at) == (False, "address")
    assert result.sentence == "Nothing answers at http://127.0.0.1:9/v1: connection refused. Is the server running?"


def test_a_missing_v1_is_found_and_suggested() -> None:
    with ScriptedEndpoint(valid_replies) as server:
        result = check(server, server.origin)
    assert (result.ok, result.at) == (False, "address")
    assert f"There is a server at {server.url}: use that address." in result.sentence


def test_a_web_page_at_the_address_is_blamed_on_the_address() -> None:
    with ScriptedEndpoint(in_turn(HTML_PAGE)) as server:
        result = check(server)
    assert (result.ok, result.at) == (False, "address")
    assert "a web page instead of JSON" in result.sentence


def test_a_refused_key_is_blamed_on_the_key() -> None:
    with ScriptedEndpoint(in_turn(refusal(401, "Incorrect API key provided: test-key"))) as server:
        result = check(server)
    assert (result.ok, result.at) == (False, "key")
    assert "test-key" not in result.sentence


def test_an_unknown_model_is_blamed_on_the_model_with_the_nearest_names() -> None:
    answer = refusal(404, "The model `gpt-5-mni` does not exist", code="model_not_found")
    with ScriptedEndpoint(in_turn(answer), models=("gpt-5-mini", "gpt-5", "whisper")) as server:
        result = check(server, model="gpt-5-mni")
    assert (result.ok, result.at) == (False, "model")
    assert "Did you mean gpt-5-mini" in result.sentence
    assert result.models == ("gpt-5-mini", "gpt-5", "whisper")


def test_an_empty_model_lists_those_to_choose_from() -> None:
    with ScriptedEndpoint(valid_replies, models=tuple("abcdefg")) as server:
        result = check(server, model="")
    assert (result.ok, result.at, result.models) == (False, "model", tuple("abcdefg"))
    assert result.sentence == "Enter the name of a model. The server offers a, b, c, d, e and 2 more."
    assert server.chats == []


def test_a_server_without_a_list_of_models_can_still_be_tested() -> None:
    with ScriptedEndpoint(valid_replies, models=()) as server:
        assert check(server).ok
        assert check(server, model="").sentence == "Enter the name of a model."


def test_an_overloaded_server_is_blamed_on_the_answer() -> None:
    with ScriptedEndpoint(in_turn(refusal(503, "Model is loading"))) as server:
        result = check(server)
    assert (result.ok, result.at) == (False, "answer")
    assert "Model is loading" in result.sentence


def test_unusable_settings_are_reported_without_a_call() -> None:
    result = try_endpoint_now(Endpoint(name="Test", base_url="localhost:80", model="m"))
    assert (result.ok, result.at) == (False, "address")
    assert not try_endpoint_now(Endpoint(name="Test", model="m", max_workers=0)).ok
    assert "may take 0 s" in try_endpoint_now(Endpoint(name="Test", model="m", timeout=0)).sentence


def test_the_embedded_model_is_looked_for_and_not_loaded() -> None:
    result = try_endpoint_now(EMBEDDED)
    assert result.ok == (embedded_problem() is None)
    missing = try_endpoint_now(Endpoint(name="Mine", kind="embedded", model="/nowhere/model.gguf"))
    assert not missing.ok
    assert missing.sentence


def test_an_endpoint_can_be_tested_while_another_loop_runs_in_this_thread() -> None:
    async def within_a_loop(endpoint: Endpoint) -> tuple[bool, bool]:
        return try_endpoint_now(endpoint, "").ok, (await try_endpoint(endpoint, "")).ok

    with ScriptedEndpoint(valid_replies) as first, ScriptedEndpoint(valid_replies) as second:
        for server in (first, second):
            endpoint = Endpoint(name="Test", base_url=server.url, model="scripted-model")
            assert asyncio.run(within_a_loop(endpoint)) == (True, True)


@pytest.fixture(autouse=True)
def _no_keys_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "DATAFLOW_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
