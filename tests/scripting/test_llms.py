from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest
from pydantic import BaseModel

from dataflow_core.errors import ConfigurationError, RefusedError, UsageError
from dataflow_core.models import Completion, Message, Prompt
from dataflow_core.scripting.llms import LLM, OpenAILLM
from dataflow_core.scripting.typing import ChatType
from dataflow_core.serving.scripted import ScriptedServing
from tests.scripted_endpoint import Reply, ScriptedEndpoint, in_turn, rate_limited, refusal
from tests.scripting.tasks import chat


def test_it_answers_every_input_in_order_as_distilabel_does_before_and_since_its_version_1_5(
    endpoint: ScriptedEndpoint,
) -> None:
    out = OpenAILLM(model="gpt-4").generate(inputs=[chat(f"Say {number}") for number in range(30)])
    assert [answer[0] for answer in out] == [f"Answer to: Say {number}" for number in range(30)]
    assert out[0]["generations"] == ["Answer to: Say 0"]
    assert out[0]["statistics"] == {"input_tokens": [2], "output_tokens": [4]}
    assert out[0].get("nothing") is None
    with pytest.raises(KeyError):
        out[0]["nothing"]


def test_settings_are_sent_and_those_of_a_call_go_before_the_models_own(endpoint: ScriptedEndpoint) -> None:
    llm = OpenAILLM(model="gpt-4", generation_kwargs={"temperature": 0.1, "max_new_tokens": 7, "top_p": 0.5})
    llm.generate(inputs=[chat("Hello")], temperature=0.9, stop="END", extra={"min_p": 0.1})
    body = endpoint.chats[-1].body
    sent = {name: value for name, value in body.items() if name not in ("model", "messages")}
    assert sent == {"temperature": 0.9, "max_tokens": 7, "top_p": 0.5, "stop": ["END"], "min_p": 0.1}


def test_a_setting_that_is_not_known_and_inputs_that_are_none_are_refused_in_a_sentence() -> None:
    llm: Any = LLM.of(ScriptedServing([]))
    for inputs, settings, sentence in (
        ([chat("a")], {"temprature": 1}, "no setting 'temprature'"),
        ("Tell me a joke.", {}, "a list of conversations"),
        ([[]], {}, "Input 1 of llm.generate is no conversation"),
        ([chat("a"), [{"role": "robot", "content": "a"}]], {}, "has the role 'robot'"),
        ([[{"role": "user", "content": None}]], {}, "is no text"),
        ([chat("a")], {"num_generations": 0}, "at least 1"),
    ):
        with pytest.raises(UsageError, match=sentence):
            llm.generate(inputs=inputs, **settings)


def test_several_generations_are_asked_for_and_missing_ones_asked_for_again() -> None:
    def one_at_a_time(prompt: Prompt) -> Completion:
        return Completion((f"of {prompt.sampling.choices}",), "m")

    serving = ScriptedServing(one_at_a_time)
    (answer,) = LLM.of(serving).generate(inputs=[chat("a")], num_generations=3)
    assert answer == ["of 3", "of 2", "of 1"]


def test_a_structured_output_is_asked_for_by_its_schema() -> None:
    class User(BaseModel):
        name: str

    serving = ScriptedServing(["{}"])
    llm = LLM.of(serving)
    llm.structured_output = {"schema": User}
    llm.generate(inputs=[chat("a")])
    assert serving.schemas[0] == User.model_json_schema()


def test_a_call_that_fails_in_the_end_is_none_and_the_others_are_answered(caplog: pytest.LogCaptureFixture) -> None:
    def reply(prompt: Prompt) -> Any:
        return RefusedError("It will not.") if prompt.messages[0].content == "bad" else "fine"

    with caplog.at_level(logging.WARNING):
        out = LLM.of(ScriptedServing(reply)).generate(inputs=[chat("good"), chat("bad"), chat("good")])
    assert [answer[0] for answer in out] == ["fine", None, "fine"]
    assert "Input 2 of llm.generate has no answer: It will not." in caplog.text


def test_a_transient_error_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataflow_core.running.health.BACK_OFF", (0.01,))
    with ScriptedEndpoint(in_turn(rate_limited("0"), refusal(503, "Busy."), Reply("fine"))) as endpoint:
        out = OpenAILLM(model="m", base_url=endpoint.url).generate(inputs=[chat("a")])
        assert out == [["fine"]]
        assert len(endpoint.chats) == 3


def test_without_retries_an_endpoint_that_is_busy_brings_none() -> None:
    with ScriptedEndpoint(lambda _: refusal(503, "Busy.")) as endpoint:
        llm = OpenAILLM(model="m", base_url=endpoint.url, max_retries=0)
        assert llm.generate(inputs=[chat("a"), chat("b")]) == [[None], [None]]


def test_a_wrong_key_raises_at_once_with_one_sentence() -> None:
    with ScriptedEndpoint(lambda _: refusal(401, "Incorrect API key.", code="invalid_api_key")) as endpoint:
        llm = OpenAILLM(model="m", base_url=endpoint.url, api_key="sk-wrong-0123456789abcdef")
        with pytest.raises(ConfigurationError) as caught:
            llm.generate(inputs=[chat(str(number)) for number in range(20)])
        assert "sk-wrong" not in str(caught.value)
        assert len(endpoint.chats) == 1


def test_a_key_reaches_the_endpoint(endpoint: ScriptedEndpoint) -> None:
    OpenAILLM(model="m").generate(inputs=[chat("a")])
    OpenAILLM(model="m", api_key="sk-mine-0123456789").generate(inputs=[chat("a")])
    sent = [call.headers["authorization"] for call in endpoint.chats]
    assert sent == ["Bearer sk-of-the-tests-0123456789", "Bearer sk-mine-0123456789"]


def test_settings_that_cannot_work_are_told_by_load() -> None:
    with pytest.raises(UsageError, match="must begin with http"):
        OpenAILLM(model="m", base_url="localhost:8000/v1").load()


def test_it_works_where_an_event_loop_is_running(endpoint: ScriptedEndpoint) -> None:
    async def notebook() -> Any:
        return OpenAILLM(model="m").generate(inputs=[chat("a")])

    assert asyncio.run(notebook()) == [["Answer to: a"]]


def test_a_model_of_ones_own_needs_its_name_and_generate_only() -> None:
    class Mine(LLM):
        @property
        def model_name(self) -> str:
            return "mine"

        def generate(self, inputs: list[ChatType], num_generations: int = 1, **settings: Any) -> Any:
            return [[one[-1]["content"] + "!"] for one in inputs]

    class Half(LLM):
        @property
        def model_name(self) -> str:
            return "half"

    assert Mine().generate(inputs=[chat("a")]) == [["a!"]]
    assert Mine().reach().endpoint.model == "mine"
    with pytest.raises(UsageError, match="does not say how it generates"):
        Half().generate(inputs=[chat("a")])


def test_a_run_that_is_stopped_does_not_wait_for_a_model_of_ones_own() -> None:
    called, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    class Slow(LLM):
        @property
        def model_name(self) -> str:
            return "slow"

        def generate(self, inputs: list[ChatType], num_generations: int = 1, **settings: Any) -> Any:
            called.set()
            may_end.wait(10)
            ended.set()
            return [["late"]]

    async def stopped() -> None:
        prompt = Prompt("script", (Message("user", "a"),))
        call = asyncio.create_task(Slow().reach().open().complete(prompt))
        await asyncio.to_thread(called.wait, 10)
        call.cancel()

    asyncio.run(stopped())
    assert not ended.is_set()
    may_end.set()
