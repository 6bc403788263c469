"""`APILLMServing_request`: where it calls, with which key, and its own methods."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from dataflow_core.errors import ConfigurationError, UsageError
from dataflow_core.running import health
from dataflow_core.scripting.api_serving import APILLMServing_request
from dataflow_core.serving.keys import base_url_of, resolve_key
from tests.scripted_endpoint import Reply, Request, ScriptedEndpoint, in_turn, rate_limited, refusal, valid_replies


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "DF_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(health, "BACK_OFF", (0.0, 0.0, 0.0, 0.0))


def echo(request: Request) -> Reply:
    return Reply(" | ".join(f"{message['role']}: {message['content']}" for message in request["messages"]))


@pytest.fixture
def endpoint() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint(echo) as server:
        yield server


def test_an_empty_address_is_the_one_that_the_openai_package_would_use(monkeypatch: pytest.MonkeyPatch) -> None:
    serving = APILLMServing_request(api_url="")
    assert base_url_of(serving.endpoint) == "https://api.openai.com/v1"
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:8000/v1/")
    assert base_url_of(serving.endpoint) == "http://localhost:8000/v1"
    assert base_url_of(APILLMServing_request().endpoint) == "https://api.openai.com/v1"
    full = APILLMServing_request("https://gateway.example/v1/chat/completions")
    assert base_url_of(full.endpoint) == "https://gateway.example/v1"


def test_the_openai_key_goes_to_the_default_address_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "openais")
    assert resolve_key(APILLMServing_request("").endpoint) == "openais"
    assert resolve_key(APILLMServing_request("https://elsewhere.example/v1").endpoint) is None
    monkeypatch.setenv("DF_API_KEY", "dataflows")
    assert resolve_key(APILLMServing_request("").endpoint) == "dataflows"
    assert resolve_key(APILLMServing_request("https://elsewhere.example/v1").endpoint) == "dataflows"
    monkeypatch.setenv("OTHER", "others")
    assert resolve_key(APILLMServing_request("", key_name_of_api_key="OTHER").endpoint) == "others"


def test_no_key_is_kept_or_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DF_API_KEY", "sk-very-secret")
    serving = APILLMServing_request("")
    assert "secret" not in repr(serving) + repr(vars(serving)) + repr(serving.endpoint)


def test_its_own_methods_answer_in_order(endpoint: ScriptedEndpoint) -> None:
    serving = APILLMServing_request(endpoint.url + "/chat/completions", model_name="m", temperature=0.2, top_p=0.5)
    assert serving.generate_from_input([f"t{n}" for n in range(20)], "S") == [
        f"system: S | user: t{n}" for n in range(20)
    ]
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    assert serving.generate_from_conversations([turns]) == ["user: a | assistant: b | user: c"]
    assert {(call.body["temperature"], call.body["top_p"]) for call in endpoint.chats} == {(0.2, 0.5)}
    assert serving.generate_from_input([]) == []
    with pytest.raises(UsageError, match="role"):
        serving.generate_from_conversations([[{"role": "robot", "content": "a"}]])


def test_a_schema_is_handed_on() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    with ScriptedEndpoint(valid_replies) as endpoint:
        (text,) = APILLMServing_request(endpoint.url).generate_from_input(["x"], json_schema=schema)
    assert json.loads(text or "") == {"a": 1}


def test_calls_are_tried_again_and_given_up_as_none(caplog: pytest.LogCaptureFixture) -> None:
    with ScriptedEndpoint(in_turn(rate_limited("0"), Reply("late"))) as endpoint:
        assert APILLMServing_request(endpoint.url).generate_from_input(["x"]) == ["late"]
    with ScriptedEndpoint(in_turn(Reply("", status=500, body="no"))) as endpoint, caplog.at_level(logging.WARNING):
        assert APILLMServing_request(endpoint.url, max_retries=2).generate_from_input(["x"]) == [None]
        assert len(endpoint.chats) == 2
    assert "No answer after 2 attempts" in caplog.text


def test_a_wrong_key_is_an_error_and_not_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DF_API_KEY", "wrong")
    with (
        ScriptedEndpoint(lambda _: refusal(401, "Incorrect API key provided.")) as endpoint,
        pytest.raises(ConfigurationError, match="DF_API_KEY"),
    ):
        APILLMServing_request(endpoint.url).generate_from_input(["x"])
    with pytest.raises(UsageError, match="must begin with"):
        APILLMServing_request("api.example.com/v1")
    with pytest.raises(UsageError, match="No model"):
        APILLMServing_request("", model_name=" ")
    with pytest.raises(UsageError, match="looks like a key"):
        APILLMServing_request("", key_name_of_api_key="sk-abcdefgh12345")
    with pytest.raises(UsageError, match="max_retries is a whole number"):
        APILLMServing_request("", max_retries=0)


def test_a_key_is_not_taken_for_a_setting_that_is_sent_with_each_call() -> None:
    with pytest.raises(UsageError, match="give its name: key_name_of_api_key") as caught:
        APILLMServing_request("", model_name="m", api_key="sk-live-0123456789")
    assert "sk-live" not in str(caught.value)


def test_one_text_without_a_list_is_refused_before_its_letters_are_asked_one_by_one(endpoint: ScriptedEndpoint) -> None:
    with pytest.raises(UsageError, match=r"write \[text\]"):
        APILLMServing_request(api_url=endpoint.url).generate_from_input("Name a river.")  # type: ignore[arg-type]
    assert endpoint.chats == []
