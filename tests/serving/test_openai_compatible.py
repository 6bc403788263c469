"""An OpenAI-compatible server, from what goes over the wire to the sentence each fault is told in."""

import asyncio
import email.utils
import json
import logging
import os
import time
import traceback
from typing import Any

import pytest

from dataflow_core.errors import ConfigurationError, RefusedError, ServingError, TransientError, UsageError
from dataflow_core.models import Completion, Endpoint, Message, Prompt, Quota, Sampling, Usage
from dataflow_core.serving import open_serving
from dataflow_core.serving.dialect import Dialect
from dataflow_core.serving.openai_compatible import OpenAIServing
from tests.scripted_endpoint import (
    HTML_PAGE,
    RESET,
    RESET_MIDWAY,
    Reply,
    Request,
    Script,
    ScriptedEndpoint,
    chat_replies,
    delayed,
    in_turn,
    para_seq_replies,
    rate_limited,
    refusal,
)

KEY = "sk-test-0123456789"
QUESTION = Prompt(version="v1", messages=(Message("system", "Be brief."), Message("user", "Hello?")))
SCHEMA = {
    "title": "Skeleton answer",
    "type": "object",
    "properties": {
        "questions": {"type": "array", "items": {"type": "string"}, "minItems": 3, "maxItems": 3},
        "topic": {"$ref": "#/$defs/Topic", "description": "what it is about"},
    },
    "$defs": {"Topic": {"type": "object", "properties": {"name": {"type": "string", "default": "any"}}}},
}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "DATAFLOW_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def asked(
    server: ScriptedEndpoint | str,
    prompt: Prompt = QUESTION,
    *,
    schema: dict[str, Any] | None = None,
    key: str | None = KEY,
    key_env: str = "",
    model: str = "test-model",
    timeout: float = 20.0,
) -> Completion:
    """One call by a serving of its own."""
    url = server if isinstance(server, str) else server.url
    serving = OpenAIServing(Endpoint("Test", base_url=url, model=model, key_env=key_env), key, timeout=timeout)

    async def call() -> Completion:
        try:
            return await serving.complete(prompt, schema=schema)
        finally:
            await serving.close()

    return asyncio.run(call())


def asked_in_a_row(server: ScriptedEndpoint, count: int, prompt: Prompt = QUESTION) -> OpenAIServing:
    """Several calls by one serving, all for an answer that follows SCHEMA."""
    serving = OpenAIServing(Endpoint("Test", base_url=server.url, model="test-model"), KEY)

    async def call() -> None:
        for _ in range(count):
            await serving.complete(prompt, schema=SCHEMA)
        await serving.close()

    asyncio.run(call())
    return serving


def failure(script: Script | Reply, **settings: Any) -> ServingError:
    with ScriptedEndpoint(in_turn(script)) as server, pytest.raises(ServingError) as caught:
        asked(server, **settings)
    return caught.value


def sampled(**settings: Any) -> Prompt:
    return Prompt(version="v1", messages=QUESTION.messages, sampling=Sampling(**settings))


# What goes over the wire ---------------------------------------------------------------------------------------------


def test_a_completion_holds_text_model_usage_and_time() -> None:
    with ScriptedEndpoint(in_turn(Reply("Good day."))) as server:
        completion = asked(server)
    assert completion.texts == ("Good day.",)
    assert (completion.model, completion.finish_reason) == ("test-model", "stop")
    assert completion.usage == Usage(prompt_tokens=3, completion_tokens=2)
    assert completion.seconds > 0


def test_every_sampling_setting_is_sent() -> None:
    prompt = sampled(temperature=0.0, max_tokens=7, seed=5, choices=2, stop=("\n",), extra={"min_p": 0.05})
    with ScriptedEndpoint(in_turn(Reply())) as server:
        assert asked(server, prompt).texts == ("OK", "OK")
    body = server.calls[0].body
    assert body == {
        "model": "test-model",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}],
        "temperature": 0.0,
        "max_tokens": 7,
        "seed": 5,
        "n": 2,
        "stop": ["\n"],
        "min_p": 0.05,
    }


def test_settings_left_to_the_endpoint_are_not_sent() -> None:
    with ScriptedEndpoint(in_turn(Reply())) as server:
        asked(server)
    assert set(server.calls[0].body) == {"model", "messages"}


def test_a_full_address_of_chat_completions_is_accepted() -> None:
    with ScriptedEndpoint(in_turn(Reply())) as server:
        assert asked(f"{server.url}/chat/completions").texts == ("OK",)


def test_a_schema_is_sent_closed_and_with_everything_required() -> None:
    with ScriptedEndpoint(chat_replies) as server:
        answer = json.loads(asked(server, schema=SCHEMA).texts[0])
    sent = server.calls[0].body["response_format"]
    assert sent["type"] == "json_schema"
    assert (sent["json_schema"]["name"], sent["json_schema"]["strict"]) == ("Skeleton_answer", True)
    strict = sent["json_schema"]["schema"]
    assert strict["required"] == ["questions", "topic"]
    assert strict["additionalProperties"] is False
    assert strict["properties"]["questions"]["minItems"] == 3
    assert strict["$defs"]["Topic"] == {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    assert len(answer["questions"]) == 3
    assert server.calls[0].body["messages"][-1]["content"] == "Hello?"


def test_lone_surrogates_and_nul_do_not_stop_a_call_and_are_left_for_the_reader_to_mend() -> None:
    reply = Reply(body=json.dumps({"model": "m\ud800", "choices": [{"message": {"content": "a\ud800b\0"}}]}))
    with ScriptedEndpoint(in_turn(reply)) as server:
        completion = asked(server, Prompt("v1", messages=(Message("user", "x\udfffy"),)))
    assert completion.texts == ("a\ud800b\0",)
    assert completion.model == "m\ufffd"
    assert server.calls[0].body["messages"][0]["content"] == "x\ufffdy"


def test_lone_surrogates_in_what_a_person_is_told_are_replaced() -> None:
    assert str(failure(refusal(400, "bad \ud800 thing"))).endswith("The server said: bad \ufffd thing")
    with ScriptedEndpoint(in_turn(Reply(None, refusal="no \udfff"))) as server:
        assert asked(server).texts == ("no \ufffd",)


def test_raw_text_to_continue_is_not_offered() -> None:
    with pytest.raises(ServingError, match="takes conversations only"):
        asked("http://127.0.0.1:9/v1", Prompt("v1", text="Once upon"))


def test_many_calls_run_at_once() -> None:
    with ScriptedEndpoint(delayed(para_seq_replies, 0.2)) as server:
        serving = open_serving(Endpoint("Test", base_url=server.url, model="m", max_workers=100), KEY)

        async def call() -> float:
            await serving.complete(QUESTION)
            started = time.perf_counter()
            await asyncio.gather(*(serving.complete(QUESTION) for _ in range(100)))
            await serving.close()
            return time.perf_counter() - started

        assert asyncio.run(call()) < 4.0  # one after the other: 20 s


def test_a_serving_can_be_used_from_one_loop_after_another() -> None:
    with ScriptedEndpoint(in_turn(Reply())) as server:
        serving = OpenAIServing(Endpoint("Test", base_url=server.url, model="m"), KEY)

        async def call() -> None:
            await serving.complete(QUESTION)
            await serving.close()

        asyncio.run(call())
        asyncio.run(call())
    assert len(server.calls) == 2


# Keys ----------------------------------------------------------------------------------------------------------------


def test_the_key_goes_to_its_endpoint() -> None:
    with ScriptedEndpoint(in_turn(Reply())) as server:
        asked(server)
    assert server.calls[0].headers["authorization"] == f"Bearer {KEY}"


def test_nothing_the_environment_holds_for_openai_reaches_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai-1234")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-1234")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-secret")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Team: team-secret\nAuthorization: Bearer custom-secret")
    with ScriptedEndpoint(in_turn(Reply())) as server:
        asked(server, key=None)
        asked(server, key=KEY)
    without_key, with_key = (call.headers for call in server.calls)
    assert "authorization" not in without_key
    assert with_key["authorization"] == f"Bearer {KEY}"
    for headers in (without_key, with_key):
        assert not any(
            secret in value for value in headers.values() for secret in ("secret", "1234\n", "of-openai", "admin")
        )


def test_the_default_address_gets_the_openai_key_and_organisation(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedEndpoint(in_turn(Reply())) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai-1234")
        monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
        asked("", key=None)
        monkeypatch.delenv("OPENAI_API_KEY")
        asked("", key=None)
    assert server.calls[0].headers["authorization"] == "Bearer sk-of-openai-1234"
    assert server.calls[0].headers["openai-organization"] == "org-1"
    assert "authorization" not in server.calls[1].headers


def test_a_redirect_is_reported_and_not_followed() -> None:
    with ScriptedEndpoint(in_turn(Reply())) as other:
        error = failure(Reply(status=307, body={}, headers={"Location": f"{other.url}/chat/completions"}))
    assert other.calls == []
    assert isinstance(error, ConfigurationError)
    assert error.at == "address"
    assert f"sends calls on to {other.url}/chat/completions (307)" in str(error)


def test_loopback_is_reached_past_any_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with ScriptedEndpoint(in_turn(Reply())) as server:
        assert asked(server).texts == ("OK",)


def test_an_unusable_proxy_is_named_where_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(TransientError, match=r"could not be called\. The proxy named in HTTP_PROXY"):
        asked("http://model.invalid/v1")
    monkeypatch.delenv("HTTP_PROXY")
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match="proxy named in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY cannot be used"):
        asked("http://model.invalid/v1")


@pytest.mark.parametrize("key", ["schlüssel-1234", "sk-12345\nX-Injected: 1", "sk-12345 678"])
def test_a_key_with_stray_characters_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigurationError, match="holds a character that no key has") as caught:
        asked("http://127.0.0.1:9/v1", key=key)
    assert key not in "".join(traceback.format_exception(caught.value))


def test_the_key_comes_out_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    faults = [
        refusal(401, f"Incorrect API key provided: {KEY}. Header: Bearer {KEY}"),
        refusal(400, f"Bad request by {KEY}, sk-proj-other987654 and sk-ab***********yz"),
        Reply(status=500, body=f"<html>{KEY}</html>"),
        Reply(body=f"no json {KEY}"),
        RESET,
    ]
    for fault in faults:
        error = failure(fault)
        shown = "".join(traceback.format_exception(error)) + repr(error)
        for secret in (KEY, "other987654", "sk-ab*"):
            assert secret not in shown
    serving = OpenAIServing(Endpoint("Test", base_url="http://127.0.0.1:9/v1", model="m"), KEY)
    assert KEY not in repr(serving) + repr(serving._reach)
    assert KEY not in caplog.text


# Stepping down -------------------------------------------------------------------------------------------------------


def test_the_form_of_structured_output_steps_down_and_is_remembered() -> None:
    def script(request: Request) -> Reply:
        kind = request.get("response_format", {}).get("type")
        return refusal(422, f"response_format {kind} is not supported") if kind == "json_schema" else Reply("{}")

    with ScriptedEndpoint(script) as server:
        serving = asked_in_a_row(server, 2)
    kinds = [call.body["response_format"]["type"] for call in server.calls]
    assert kinds == ["json_schema", "json_schema", "json_object", "json_object"]
    assert serving.structured_output == "json_object"
    told = server.calls[-1].body["messages"][-1]
    assert told["role"] == "user"
    assert told["content"].startswith("Hello?\n\n")
    assert json.dumps(SCHEMA) in told["content"]


def test_an_endpoint_that_takes_no_format_at_all_is_asked_in_plain_text() -> None:
    def script(request: Request) -> Reply:
        return refusal(400, "guided decoding is off") if "response_format" in request else chat_replies(request)

    with ScriptedEndpoint(script) as server:
        serving = asked_in_a_row(server, 3)
    assert serving.structured_output == "text"
    assert ["response_format" in call.body for call in server.calls] == [True, True, True, False, False, False]
    assert json.dumps(SCHEMA) in server.calls[-1].body["messages"][-1]["content"]


def test_keywords_are_dropped_from_the_schema_only_where_they_are_refused() -> None:
    def script(request: Request) -> Reply:
        if "minItems" in json.dumps(request):
            return refusal(400, "Invalid schema for response_format 'x': 'minItems' is not permitted.")
        return chat_replies(request)

    with ScriptedEndpoint(script) as server:
        serving = asked_in_a_row(server, 2)
    assert serving.structured_output == "json_schema"
    assert len(server.calls) == 3
    sent = server.calls[-1].body["response_format"]["json_schema"]["schema"]
    assert sent["properties"] == {
        "questions": {"type": "array", "items": {"type": "string"}},
        "topic": {"$ref": "#/$defs/Topic"},
    }


def test_a_step_down_that_did_not_help_is_not_remembered() -> None:
    bad = refusal(400, "messages[0] is invalid in {'response_format': …}")
    with ScriptedEndpoint(in_turn(bad, bad, bad, bad, chat_replies)) as server:
        serving = OpenAIServing(Endpoint("Test", base_url=server.url, model="m"), KEY)

        async def call() -> None:
            with pytest.raises(ServingError, match=r"messages\[0\] is invalid"):
                await serving.complete(QUESTION, schema=SCHEMA)
            await serving.complete(QUESTION, schema=SCHEMA)
            await serving.close()

        asyncio.run(call())
    assert serving.structured_output == "json_schema"
    assert server.calls[-1].body["response_format"]["type"] == "json_schema"


def test_a_model_that_wants_max_completion_tokens_gets_them() -> None:
    def script(request: Request) -> Reply:
        if "max_tokens" in request:
            message = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
            return refusal(400, message, code="unsupported_parameter")
        return Reply()

    with ScriptedEndpoint(script) as server:
        asked_in_a_row(server, 2, sampled(max_tokens=9))
    assert len(server.calls) == 3
    assert all(call.body["max_completion_tokens"] == 9 for call in server.calls[1:])


def test_a_temperature_the_model_refuses_is_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    def script(request: Request) -> Reply:
        if "temperature" in request:
            message = "'temperature' does not support 0.3 with this model. Only the default (1) value is supported."
            return refusal(400, message, code="unsupported_value")
        return Reply()

    with ScriptedEndpoint(script) as server:
        serving = asked_in_a_row(server, 2, sampled(temperature=0.3))
    assert ["temperature" in call.body for call in server.calls] == [True, False, False]
    assert serving.unsupported == {"temperature"}
    assert "does not take a temperature" in caplog.text


def test_a_temperature_out_of_range_is_the_users_to_correct() -> None:
    error = failure(refusal(400, "temperature must be between 0 and 2"), prompt=sampled(temperature=3.0))
    assert "temperature must be between 0 and 2" in str(error)


def test_what_two_calls_at_once_learn_is_kept_together() -> None:
    def script(request: Request) -> Reply:
        if "response_format" in request:
            return refusal(400, "response_format is unknown")
        return refusal(400, "temperature is not supported") if "temperature" in request else Reply("{}", delay=0.05)

    with ScriptedEndpoint(script) as server:
        serving = OpenAIServing(Endpoint("Test", base_url=server.url, model="m"), KEY)

        async def call() -> None:
            await asyncio.gather(
                serving.complete(QUESTION, schema=SCHEMA),
                serving.complete(sampled(temperature=0.5)),
                serving.complete(QUESTION),
            )
            await serving.close()

        asyncio.run(call())
    assert serving.structured_output == "text"
    assert serving.unsupported == {"temperature"}


def test_what_was_learnt_is_told_once_and_known_to_the_next_serving() -> None:
    def script(request: Request) -> Reply:
        if "response_format" in request:
            return refusal(400, "response_format is unknown")
        return refusal(400, "temperature is not supported") if "temperature" in request else Reply("{}")

    told: list[Dialect] = []

    def ask(known: Dialect | None, times: int) -> None:
        endpoint = Endpoint("Test", base_url=server.url, model="m")
        serving = open_serving(endpoint, KEY, known=known, learnt=told.append)

        async def call() -> None:
            for _ in range(times):
                await serving.complete(sampled(temperature=0.5), schema=SCHEMA)
            await serving.close()

        asyncio.run(call())

    with ScriptedEndpoint(script) as server:
        ask(None, 2)
        assert told == [Dialect("text", True, "max_tokens", frozenset({"temperature"}))]
        before = len(server.calls)
        ask(Dialect.of(told[0].as_fields()), 2)
        assert len(server.calls) == before + 2
    assert len(told) == 1


def test_nothing_is_learnt_from_a_call_that_failed_after_all() -> None:
    def script(request: Request) -> Reply:
        return refusal(400, "temperature is not supported") if "temperature" in request else HTML_PAGE

    told: list[Dialect] = []
    with ScriptedEndpoint(script) as server:
        serving = OpenAIServing(Endpoint("Test", base_url=server.url, model="m"), KEY, learnt=told.append)

        async def call() -> None:
            with pytest.raises(TransientError):
                await serving.complete(sampled(temperature=0.5))
            await serving.close()

        asyncio.run(call())
    assert (told, serving.unsupported) == ([], frozenset())


# Answers -------------------------------------------------------------------------------------------------------------


def body(**choice: Any) -> Reply:
    return Reply(body={"choices": [choice]})


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (body(message={"content": None}), ""),
        (body(message={"content": None, "reasoning_content": "Hm …"}), "<think>Hm …</think>"),
        (body(message={"content": "", "reasoning": "Hm …"}), "<think>Hm …</think>"),
        (body(message={"content": " ", "reasoning_content": " ", "reasoning": {}}), " "),
        (body(message={"content": "x", "reasoning_content": "Hm …"}), "x"),
        (body(message={"content": [{"type": "thinking"}, {"type": "text", "text": "x"}]}), "x"),
        (body(message={}), ""),
        (body(), ""),
    ],
)
def test_every_shape_of_content_is_read(reply: Reply, text: str) -> None:
    with ScriptedEndpoint(in_turn(reply)) as server:
        completion = asked(server)
    assert completion.texts == (text,)
    assert (completion.model, completion.usage, completion.finish_reason) == ("test-model", Usage(), "stop")


def test_an_answer_cut_at_the_token_limit_is_returned() -> None:
    with ScriptedEndpoint(in_turn(Reply("Once upon", finish_reason="length"))) as server:
        assert asked(server).finish_reason == "length"


def test_a_limit_used_up_by_reasoning_is_an_answer_cut_off() -> None:
    message = "Could not finish the message because max_tokens or model output limit was reached."
    with ScriptedEndpoint(in_turn(refusal(400, message))) as server:
        completion = asked(server, sampled(max_tokens=5))
    assert (completion.texts, completion.finish_reason) == (("",), "length")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(None, refusal="I cannot help with that."),
        Reply("I cannot help with that.", finish_reason="content_filter"),
        Reply("I cannot help with that.", finish_reason="refusal"),
    ],
)
def test_a_refusal_in_place_of_an_answer_is_returned_as_such_with_what_it_took(reply: Reply) -> None:
    with ScriptedEndpoint(in_turn(reply)) as server:
        completion = asked(server)
    assert (completion.texts, completion.finish_reason) == (("I cannot help with that.",), "content_filter")
    assert completion.usage.prompt_tokens > 0


def test_a_prompt_that_a_filter_does_not_let_through_is_refused_with_what_was_said() -> None:
    error = failure(refusal(400, "I cannot help with that.", code="content_filter"))
    assert isinstance(error, RefusedError)
    assert error.raw_text == "I cannot help with that."


def test_a_key_that_a_model_repeats_is_struck_out_of_its_refusal() -> None:
    with ScriptedEndpoint(in_turn(Reply(None, refusal=f"I refuse {KEY}"))) as server:
        assert KEY not in repr(asked(server))


def test_an_answer_of_boundless_length_is_read_in_part_like_one_at_the_token_limit() -> None:
    with ScriptedEndpoint(in_turn(Reply(body=b'{"x": "' + "ü".encode() * 6_000_000 + b'"}'))) as server:
        completion = asked(server)
    assert completion.texts == ('{"x": "' + "ü" * 19_993,)
    assert (completion.model, completion.finish_reason) == ("test-model", "length")


# Faults --------------------------------------------------------------------------------------------------------------

GONE = {"error": "model 'test-model' not found, try pulling it first"}
OPENROUTER = {"error": {"code": 429, "message": "Provider busy"}}


@pytest.mark.parametrize(
    ("reply", "kind", "at", "sentence"),
    [
        (
            refusal(401, "Bad key"),
            ConfigurationError,
            "key",
            "refused the key (401). The key came from what was entered",
        ),
        (refusal(403, "Forbidden"), ConfigurationError, "key", "refused the key (403)"),
        (refusal(400, "API key not valid. Please pass one."), ConfigurationError, "key", "refused the key (400)"),
        (Reply(status=403, body="<html>"), ConfigurationError, "address", "a web page that forbids access (403)"),
        (Reply(status=404, body=GONE), ConfigurationError, "model", "does not offer the model “test-model” (404)"),
        (refusal(404, "x", code="model_not_found"), ConfigurationError, "model", "does not offer the model"),
        (refusal(400, "foo is not a valid model ID"), ConfigurationError, "model", "does not offer the model"),
        (
            Reply(status=404, body={"detail": "Not Found"}),
            ConfigurationError,
            "address",
            "takes chat completions (404)",
        ),
        (Reply(status=404, body="<html>"), ConfigurationError, "address", "takes chat completions (404)"),
        (Reply(status=405, body=""), ConfigurationError, "address", "takes chat completions (405)"),
        (Reply(body={"error": "Unexpected endpoint or method."}), ConfigurationError, "address", "chat completions"),
        (refusal(429, "Quota", code="insufficient_quota"), ConfigurationError, "key", "has no credit left (429)"),
        (refusal(402, "Pay first"), ConfigurationError, "key", "has no credit left (402)"),
        (refusal(400, "context is too long"), ServingError, "", "(400). The server said: context is too long"),
        (Reply(status=413, body="<html>"), ServingError, "address", "a page that is not JSON"),
        (refusal(408, "x"), TransientError, "", "gave up waiting (408)"),
        (refusal(409, "x"), TransientError, "", "cannot answer at the moment (409)"),
        (refusal(425, "x"), TransientError, "", "cannot answer at the moment (425)"),
        (rate_limited(), TransientError, "", "asks for fewer calls (429, rate limit)"),
        (refusal(500, "oops"), TransientError, "", "cannot answer at the moment (500). The server said: oops"),
        (refusal(503, "x"), TransientError, "", "cannot answer at the moment (503)"),
        (refusal(529, "x"), TransientError, "", "cannot answer at the moment (529)"),
        (Reply(status=504, body=""), TransientError, "", "cannot answer at the moment (504)."),
        (Reply(body=""), TransientError, "", "answered with nothing at all"),
        (Reply(status=502, body="<html>"), TransientError, "", "cannot answer at the moment (502)."),
        (HTML_PAGE, TransientError, "address", "answered with a web page instead of JSON"),
        (Reply(body="not json"), TransientError, "", "something that is not JSON"),
        (Reply(body="[" * 100_000), TransientError, "", "something that is not JSON"),
        (Reply(body="[]"), TransientError, "", "something that is not JSON"),
        (Reply(body={"choices": []}), TransientError, "", "answered without any choice"),
        (Reply(body=OPENROUTER), TransientError, "", "asks for fewer calls (429, rate limit)"),
        (
            body(error={"message": "upstream died"}),
            TransientError,
            "",
            "answered with an error. The server said: upstream",
        ),
        (RESET, TransientError, "", "broke off the connection before its answer was complete"),
        (RESET_MIDWAY, TransientError, "", "broke off the connection before its answer was complete"),
    ],
)
def test_each_fault_is_told_in_a_sentence(reply: Reply, kind: type[ServingError], at: str, sentence: str) -> None:
    error = failure(reply)
    assert type(error) is kind
    assert error.at == at
    assert sentence in str(error)
    assert "http://127.0.0.1:" in str(error)


def test_a_missing_key_is_told_from_a_wrong_one(monkeypatch: pytest.MonkeyPatch) -> None:
    no_key = refusal(401, "You didn't provide an API key.")
    assert "wants a key (401), and none was set. Enter a key, or name" in str(failure(no_key, key=None))
    unset = failure(no_key, key=None, key_env="LAB_KEY")
    assert "wants a key (401), and the environment variable LAB_KEY is not set" in str(unset)
    monkeypatch.setenv("LAB_KEY", KEY)
    assert "The key came from the environment variable LAB_KEY" in str(failure(no_key, key=None, key_env="LAB_KEY"))
    monkeypatch.setenv("DATAFLOW_ENDPOINT_KEY", KEY)
    assert "The key came from what was entered" in str(failure(no_key, key=None, key_env="LAB_KEY"))


def test_an_address_without_v1_is_suspected() -> None:
    with ScriptedEndpoint(in_turn(Reply())) as server:
        with pytest.raises(ConfigurationError, match="may lack /v1"):
            asked(server.origin)
        with pytest.raises(ConfigurationError, match="Check its path"):
            asked(f"{server.origin}/v2")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "Retry-After": "1"}, 0.25),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "inf"}, None),
        ({}, None),
    ],
)
def test_the_wait_a_server_asks_for_is_passed_on(headers: dict[str, str], seconds: float | None) -> None:
    error = failure(refusal(429, "Slow down", headers=headers))
    assert isinstance(error, TransientError)
    assert error.retry_after == seconds


def test_the_wait_may_be_given_as_a_date() -> None:
    date = email.utils.formatdate(time.time() + 30, usegmt=True)
    error = failure(refusal(503, "Slow down", headers={"Retry-After": date}))
    assert isinstance(error, TransientError)
    assert error.retry_after is not None
    assert 25 < error.retry_after <= 30


LIMITS = {
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-remaining-requests": "0",
    "x-ratelimit-reset-requests": "1m30s",
    "x-ratelimit-limit-tokens": "150000",
    "x-ratelimit-remaining-tokens": "149984",
    "x-ratelimit-reset-tokens": "6ms",
}


def test_what_is_left_of_the_servers_limits_comes_with_the_completion() -> None:
    with ScriptedEndpoint(in_turn(Reply(headers=LIMITS), Reply())) as server:
        assert asked(server).quotas == (Quota("requests", 60, 0, 90.0), Quota("tokens", 150_000, 149_984, 0.006))
        assert asked(server).quotas == ()


def test_a_server_that_names_no_wait_is_left_alone_until_its_limit_is_whole_again() -> None:
    def wait(reply: Reply) -> float | None:
        error = failure(reply)
        assert isinstance(error, TransientError)
        return error.retry_after

    assert wait(refusal(429, "Slow down", headers=LIMITS)) == 90.0
    assert wait(refusal(429, "Slow down", headers=LIMITS | {"Retry-After": "2"})) == 2.0
    assert wait(refusal(429, "Slow down", headers=LIMITS | {"x-ratelimit-remaining-requests": "1"})) is None
    assert wait(refusal(503, "Slow down", headers=LIMITS)) is None


@pytest.mark.parametrize(
    ("reply", "is_throttle"),
    [
        (refusal(429, "x"), True),
        (refusal(503, "x"), True),
        (refusal(529, "x"), True),
        (Reply(body={"error": {"code": 429, "message": "Provider busy"}}), True),
        (Reply(body={"error": {"code": "529", "message": "Overloaded"}}), True),
        (Reply(body={"error": {"code": 502, "message": "Provider down"}}), False),
        (refusal(500, "x"), False),
        (refusal(504, "x"), False),
        (RESET, False),
    ],
)
def test_a_server_with_too_much_to_do_is_told_from_one_in_trouble(reply: Reply, is_throttle: bool) -> None:
    error = failure(reply)
    assert isinstance(error, TransientError)
    assert error.is_throttle is is_throttle


def test_the_endpoints_time_limit_holds_where_no_other_is_given() -> None:
    with ScriptedEndpoint(in_turn(Reply(delay=5))) as server:
        serving = OpenAIServing(Endpoint("Test", base_url=server.url, model="m", timeout=0.2), KEY)

        async def call() -> None:
            with pytest.raises(TransientError, match=r"did not answer within 0\.2 s"):
                await serving.complete(QUESTION)
            await serving.close()

        asyncio.run(call())


def test_a_call_ends_at_its_time_limit() -> None:
    started = time.perf_counter()
    error = failure(Reply(delay=5), timeout=0.3)
    assert time.perf_counter() - started < 3
    assert isinstance(error, TransientError)
    assert str(error).endswith("did not answer within 0.3 s.")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://127.0.0.1:9/v1", "answers at http://127.0.0.1:9/v1: connection refused. Is the server running?"),
        ("http://localhost:9/v1", "answers at http://localhost:9/v1: connection refused. Is the server running?"),
        ("http://no-such-host.invalid/v1", "the name “no-such-host.invalid” is not known"),
    ],
)
def test_nobody_at_the_address_is_told_with_the_cause(url: str, sentence: str) -> None:
    with pytest.raises(TransientError) as caught:
        asked(url)
    assert sentence in str(caught.value)
    assert caught.value.at == "address"


def test_https_to_a_server_without_it_is_told_so() -> None:
    with ScriptedEndpoint(in_turn(Reply())) as server, pytest.raises(TransientError) as caught:
        asked(server.url.replace("http://", "https://"))
    assert "does not speak https" in str(caught.value)


@pytest.mark.parametrize("host", ["xn--a", "a" * 70 + ".example", "999.1.2.3", "exa_mple%zz"])
def test_a_host_that_cannot_exist_is_blamed_on_the_address(host: str) -> None:
    with pytest.raises(ServingError) as caught:
        asked(f"http://{host}/v1")
    assert caught.value.at == "address"


def test_unusable_settings_are_refused_at_once() -> None:
    with pytest.raises(UsageError, match="must begin with http"):
        OpenAIServing(Endpoint("Test", base_url="localhost:80", model="m"))
    with pytest.raises(UsageError, match="No model is named"):
        OpenAIServing(Endpoint("Test"))
