"""The fake that other tests stand on, and the door that all servings are opened through."""

import asyncio

import pytest

from dataflow_core.errors import RefusedError
from dataflow_core.models import EMBEDDED, Completion, Endpoint, Message, Prompt, Sampling
from dataflow_core.serving import open_serving
from dataflow_core.serving.scripted import ScriptedServing

PROMPT = Prompt(version="v1", messages=(Message("user", "Hello?"),))


def test_replies_come_in_order_and_exceptions_are_raised() -> None:
    whole = Completion(("Once",), model="other", finish_reason="length")
    serving = ScriptedServing(["first", whole, RefusedError("no")])
    assert asyncio.run(serving.complete(PROMPT)).texts == ("first",)
    assert asyncio.run(serving.complete(PROMPT, schema={"type": "object"})) is whole
    with pytest.raises(RefusedError):
        asyncio.run(serving.complete(PROMPT))
    with pytest.raises(LookupError, match="holds 3 replies; this is call 4"):
        asyncio.run(serving.complete(PROMPT))
    assert serving.prompts == [PROMPT] * 4
    assert serving.schemas == [None, {"type": "object"}, None, None]


def test_a_function_answers_by_the_prompt_once_a_choice() -> None:
    serving = ScriptedServing(lambda prompt: prompt.messages[0].content.upper(), recipe="small")
    prompt = Prompt(version="v1", messages=PROMPT.messages, sampling=Sampling(choices=2))
    assert asyncio.run(serving.complete(prompt)).texts == ("HELLO?", "HELLO?")
    assert serving.recipe == "small"


def test_each_kind_of_endpoint_opens_its_serving() -> None:
    openai = open_serving(Endpoint("Test", base_url="http://127.0.0.1:9/v1", model="m", max_workers=3))
    assert (openai.model_name, openai.recipe, openai.max_workers) == ("m", "capable", 3)
    assert open_serving(EMBEDDED).recipe == "small"
